//! Consent given at the desk: on paper, by word, by card, or signed on the tablet.
//!
//! What counts as consent is the network's own policy; the ledger has it (P4) and takes no other way.

use super::recognise::{Recognised, recognise};
use super::visit::Who;
use super::visits::Visit;
use super::{ask, find, visit_of};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::names;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use sekisho_domain::{Capture, ConsentPolicy, Side, Withdrawal};
use sekisho_proto::v1;

/// Longest signature, in characters of its path: the node keeps 16 KiB of evidence.
const SIGNATURE_CHARS_MAX: usize = 12_000;
/// Longest note.
const NOTE_BYTES_MAX: usize = 2_000;

/// Ways that can be taken at a desk.
const AT_A_DESK: [Capture; 3] = [Capture::Written, Capture::Oral, Capture::CardPresented];

#[derive(Template)]
#[template(path = "clinician-consent.html")]
struct ConsentPage<'a> {
    page: Page<'a>,
    visit: &'a Visit,
    who: Who,
    facility: String,
    ways: Vec<(&'static str, &'static str)>,
    card: bool,
    said: Option<String>,
    given: Vec<u64>,
}

#[derive(Template)]
#[template(path = "clinician-consent-paper.html")]
struct PaperPage<'a> {
    page: Page<'a>,
    who: Who,
    network: String,
    facility: String,
    today: String,
    policy: String,
}

/// The policy that holds now; none where none was published.
async fn policy(portal: &Portal) -> Result<Option<ConsentPolicy>, Fault> {
    let (network, now) = (portal.settings.network.clone(), portal.environment.now());
    let policy = portal.ask(move |snapshot| Ok(snapshot.view().policy_at(&network, now)?));
    Ok(policy.await?.map(|policy| policy.policy))
}

pub(super) async fn form(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    answered(&portal, &visitor, page(&portal, &visitor, &id, None)).await
}

async fn page(
    portal: &Portal,
    visitor: &Visitor,
    id: &str,
    said: Option<String>,
) -> Result<Response, Fault> {
    let visit = visit_of(portal, visitor, id)?;
    let counts = policy(portal)
        .await?
        .and_then(|policy| policy.viewing)
        .map(|rule| rule.capture);
    let page = Page::new(portal, visitor, "clinician-consent-title");
    let ways = AT_A_DESK
        .into_iter()
        .filter(|way| counts.as_ref().is_some_and(|counts| counts.contains(way)));
    let ways: Vec<Capture> = ways.collect();
    let card = ways.contains(&Capture::CardPresented);
    let ways = ways
        .into_iter()
        .map(|way| (way.code(), page.pick(way.ja(), way.en())))
        .collect();
    let names = names::facilities(portal, [visit.asker.facility.to_string()]).await?;
    let given = visit.consents();
    html(&ConsentPage {
        who: Who::of(&page, &visit),
        facility: names.into_values().next().unwrap_or_default(),
        visit: &visit,
        card,
        ways,
        said,
        given,
        page,
    })
}

pub(super) async fn paper(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    answered(&portal, &visitor, async {
        let visit = visit_of(&portal, &visitor, &id)?;
        let names = names::facilities(&portal, [visit.asker.facility.to_string()]).await?;
        let network = names::networks(&portal)
            .await?
            .remove(portal.settings.network.as_str());
        let page = Page::new(&portal, &visitor, "clinician-paper-title");
        let words = policy(&portal)
            .await?
            .map(|policy| sekisho_words::policy(&policy));
        let day = sekisho_words::Day::of(portal.environment.now());
        html(&PaperPage {
            who: Who::of(&page, &visit),
            network: network.unwrap_or_else(|| portal.settings.network.to_string()),
            facility: names.into_values().next().unwrap_or_default(),
            today: visitor.language.pick(day.ja(), day.en()),
            policy: words.map_or_else(String::new, |words| {
                visitor.language.pick(words.ja, words.en)
            }),
            page,
        })
    })
    .await
}

/// What was shown, where it is a card of this very patient: the network's, or the facility's with the patient's number.
/// What the network's card says is its secret, and is kept nowhere.
async fn presented(portal: &Portal, visit: &Visit, read: &str) -> Result<&'static str, Fault> {
    let patient = &visit.asker.patient;
    let (shown, theirs) = match recognise(read) {
        Recognised::Card(card) => {
            let holder = portal.node.holder(card).await;
            let theirs = holder.is_ok_and(|shown| shown.charts.contains(patient));
            ("of the network, read", theirs)
        }
        Recognised::Numbers(numbers) => (
            "of the facility, with the patient's number",
            numbers.contains(&patient.local_patient_id),
        ),
        Recognised::DamagedCard | Recognised::Nothing => ("", false),
    };
    match theirs {
        true => Ok(shown),
        false => Err(Fault::Entered("clinician-fault-card-shown")),
    }
}

/// A signature's path as the script draws it (`M12 30L13 31…`), and nothing else.
fn signature(text: &str) -> Result<&str, Fault> {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, 'M' | 'L' | ' ');
    match text.len() <= SIGNATURE_CHARS_MAX && text.chars().all(plain) {
        true => Ok(text),
        false => Err(Fault::Entered("clinician-fault-signature")),
    }
}

pub(super) async fn give(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    answered(&portal, &visitor, async {
        let visit = visit_of(&portal, &visitor, &id)?;
        if !sent.field("undo").is_empty() {
            return undo(&portal, &visitor, &visit, sent.field("undo")).await;
        }
        let way: Capture = sent
            .field("way")
            .parse()
            .map_err(|_| Fault::Entered("clinician-fault-way"))?;
        if !AT_A_DESK.contains(&way) {
            return Err(Fault::Entered("clinician-fault-way"));
        }
        if sent.field("informed").is_empty() {
            return Err(Fault::Entered("clinician-fault-informed"));
        }
        let note = sent.field("note");
        if note.len() > NOTE_BYTES_MAX {
            return Err(Fault::Entered("clinician-fault-note"));
        }
        let mut evidence_note = note.to_owned();
        if way == Capture::CardPresented {
            let shown = presented(&portal, &visit, sent.field("card")).await?;
            evidence_note.push_str("\ncard: ");
            evidence_note.push_str(shown);
        }
        match signature(sent.field("signature"))? {
            "" => {}
            drawn => {
                evidence_note.push_str("\nsignature (SVG path, 600 x 200): ");
                evidence_note.push_str(drawn);
            }
        }
        let facility = visit.asker.facility.to_string();
        let grant = v1::GrantConsent {
            patient: Some(visit.asker.patient_wire()),
            side: Side::Viewing.number().into(),
            facilities: Some(v1::grant_consent::Facilities::ListedFacilities(
                v1::FacilitySet {
                    facilities: vec![facility.clone()],
                },
            )),
            categories: None,
            purposes: None,
            period: Some(v1::Period {
                from_ms: 0,
                until_ms: None,
            }),
            capture: way.number().into(),
            recorded_by: facility,
            evidence_note,
            counterpart: None,
            practitioners: Vec::new(),
            proxy: None,
        };
        let recorded =
            names::record(&portal, v1::record_request::Record::GrantConsent(grant)).await?;
        match recorded.refused {
            None => {
                visit.consented(recorded.index);
                // What was denied for want of it may be answered now: where somebody new is the patient at all.
                if visit.is_to_be_found() {
                    find::look(&portal, &visit, None).await?;
                    return Ok(see_other(&format!("/clinician/visit/{id}/search")));
                }
                ask::ask(&portal, &visit, None);
                Ok(see_other(&format!("/clinician/visit/{id}")))
            }
            Some(said) => {
                page(
                    &portal,
                    &visitor,
                    &id,
                    Some(visitor.language.pick(said.0, said.1).to_owned()),
                )
                .await
            }
        }
    })
    .await
}

/// Takes back a consent of this visit that was recorded by mistake.
async fn undo(
    portal: &Portal,
    visitor: &Visitor,
    visit: &std::sync::Arc<Visit>,
    index: &str,
) -> Result<Response, Fault> {
    let index: u64 = index.parse().map_err(|_| Fault::NotFound)?;
    if !visit.consents().contains(&index) {
        return Err(Fault::NotFound);
    }
    let withdraw = v1::ConsentWithdraw {
        consent: index,
        way: Withdrawal::Oral.number().into(),
        recorded_by: visit.asker.facility.to_string(),
        evidence: Vec::new(),
    };
    let withdraw = v1::record_request::Record::WithdrawConsent(withdraw);
    match names::record(portal, withdraw).await?.refused {
        None => {
            visit.withdrawn(index);
            ask::ask(portal, visit, None);
            Ok(see_other(&format!("/clinician/visit/{}", visit.id)))
        }
        Some(said) => {
            page(
                portal,
                visitor,
                &visit.id,
                Some(visitor.language.pick(said.0, said.1).to_owned()),
            )
            .await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_a_path_and_nothing_else() {
        assert!(signature("M12 30L13 31L14 33M1 1L2 2").is_ok());
        assert!(signature("").is_ok());
        let long = "M1 1".repeat(SIGNATURE_CHARS_MAX);
        for bad in ["M1 1\"/><script>", "C1 1", "M1,1", long.as_str()] {
            assert!(signature(bad).is_err());
        }
    }
}
