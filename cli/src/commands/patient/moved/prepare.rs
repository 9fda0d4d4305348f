//! What this network may do by itself for a patient who moved. Each thing is done only where it is missing, so doing it
//! again does nothing: a search where nobody was found yet, the link of whom a rule or a card makes certain, and the
//! consent the patient gave at this visit. What is only likely, what stands there, and what the patient has not said, is
//! left.

use super::super::MoveArgs;
use super::written;
use crate::ops::{self, Previewed, Session};
use crate::ui::{Failure, Ui, Words};
use sekisho_domain::{DenyReason, EntryIndex, Side, SubjectRef};
use sekisho_proto::v1;
use serde_json::{Value, json};
use v1::patient_finding::Finding;
use v1::record_request::Record;

/// One thing that was done.
pub(super) struct Done {
    code: &'static str,
    index: EntryIndex,
    words: Words,
}

impl Done {
    fn new(code: &'static str, index: EntryIndex, ja: &str, en: &str) -> Self {
        Self {
            code,
            index,
            words: Words::new(ja, en),
        }
    }

    pub(super) fn object(&self) -> Value {
        let Words { ja, en } = &self.words;
        json!({ "code": self.code, "index": self.index, "words": { "ja": ja, "en": en } })
    }

    pub(super) fn text(&self, ui: Ui) -> String {
        let index = self.index;
        ui.language.pick(
            format!("✓ {}（台帳 {index} 番）", self.words.ja),
            format!("✓ {} (ledger index {index})", self.words.en),
        )
    }
}

/// Does what is missing and may be done here.
///
/// # Errors
/// The process cannot be reached; what was done before stays, and is not done again.
pub(super) async fn prepare(
    session: &Session,
    args: &MoveArgs,
    previewed: &Previewed,
) -> Result<Vec<Done>, Failure> {
    let mut done = Vec::new();
    let agreed = |reason: DenyReason| reason >= DenyReason::SubjectNotLinked;
    if previewed.missing.iter().any(|m| !agreed(m.reason)) {
        // Without agreement, member or facility nothing of the patient's is told or recorded yet.
        return Ok(done);
    }
    for lacking in &previewed.missing {
        match (lacking.reason, lacking.side) {
            (DenyReason::SubjectNotLinked, _) => link(session, args, previewed, &mut done).await?,
            (reason, Some(Side::Viewing)) if reason >= DenyReason::NoDisclosingConsent => {
                done.extend(consent(session, args).await?);
            }
            _ => {}
        }
    }
    Ok(done)
}

/// Links whom it certainly is; searches before, if nobody was found yet and somebody is named who asks.
async fn link(
    session: &Session,
    args: &MoveArgs,
    previewed: &Previewed,
    done: &mut Vec<Done>,
) -> Result<(), Failure> {
    let links = &previewed.links;
    if links.iter().any(|link| link.said_here) {
        return Ok(());
    }
    let certain = links.iter().filter(|link| link.found && link.certain);
    let mut certain: Vec<SubjectRef> = certain.filter_map(written).collect();
    if let (true, Some(practitioner)) = (links.is_empty(), &args.practitioner) {
        let request = v1::SearchRequest {
            patient: Some(args.patient.message()),
            practitioner: practitioner.clone(),
            role: args.role.number().into(),
            facility: args.facility.to_string(),
            purpose: args.purpose.number().into(),
            targets: vec![args.from.to_string()],
            ..v1::SearchRequest::default()
        };
        let searched = ops::search(session, request, |_| {}).await?;
        let found = searched.ends.iter().find(|end| end.network == args.from);
        let found = found.and_then(|end| end.finding.as_ref());
        let (ja, en) = match found {
            Some(Finding::One(one)) if one.certain => {
                let subject = one.subject.as_slice().try_into();
                certain.extend(subject.ok().map(|subject| SubjectRef {
                    network: args.from.clone(),
                    subject,
                }));
                (
                    "先方に照会し、1人見つかりました（確実）",
                    "searched there: one, certain",
                )
            }
            Some(Finding::One(_)) => (
                "先方に照会し、1人見つかりました（人の確認が必要）",
                "searched there: one; somebody has to make sure",
            ),
            Some(Finding::Several(_) | Finding::Possible(_)) => (
                "先方に照会しましたが、決められません（patient find）",
                "searched there: not decided; see patient find",
            ),
            Some(Finding::Nobody(_)) | None => (
                "先方に照会しましたが、見つかりません（同意が先に必要なこともあります）",
                "searched there: nobody; perhaps a consent comes first",
            ),
        };
        done.push(Done::new("search", searched.index, ja, en));
    }
    // Of two that are certain somebody chooses.
    let [other] = certain.as_slice() else {
        return Ok(());
    };
    let record = Record::LinkSubject(v1::LinkSubject {
        patient: Some(args.patient.message()),
        other: Some(v1::SubjectRef::from(other)),
        confirmed_by: args.by.iter().cloned().collect(),
    });
    let recorded = ops::record(session, record).await?.accepted()?;
    done.push(Done::new(
        "link",
        recorded.index,
        "対応づけのこちらの分を記録しました",
        "this network's half of the link is recorded",
    ));
    Ok(())
}

/// Records the consent the patient gave at this visit, for this facility and this purpose.
async fn consent(session: &Session, args: &MoveArgs) -> Result<Option<Done>, Failure> {
    use v1::grant_consent::Facilities;
    let Some(capture) = args.capture else {
        return Ok(None);
    };
    let listed = v1::FacilitySet {
        facilities: vec![args.facility.to_string()],
    };
    let by = args.by.as_deref().unwrap_or_default();
    let why = args.why.as_deref().unwrap_or_default();
    let record = Record::GrantConsent(v1::GrantConsent {
        patient: Some(args.patient.message()),
        side: Side::Viewing.number().into(),
        facilities: Some(Facilities::ListedFacilities(listed)),
        categories: None,
        purposes: Some(v1::PurposeSet {
            purposes: vec![args.purpose.number().into()],
        }),
        period: Some(v1::Period::default()),
        capture: capture.number().into(),
        recorded_by: args.facility.to_string(),
        evidence_note: format!("{by}: {why}"),
        counterpart: None,
        practitioners: Vec::new(),
        proxy: None,
    });
    let recorded = ops::record(session, record).await?.accepted()?;
    Ok(Some(Done::new(
        "viewing-consent",
        recorded.index,
        "この施設での閲覧への同意を記録しました",
        "the consent to viewing by this facility is recorded",
    )))
}
