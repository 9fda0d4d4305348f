//! Before the story: every network registers its node key, hospitals and consent policy, and the travellers'
//! pseudonyms are linked.

use super::super::facts::NetworkFacts;
use super::super::stage::{Place, Stage};
use super::{BORDER, HESITANT, KURUME, MATSUE, MOVED, YONAGO};
use crate::keys;
use crate::ops::{self, Session};
use crate::ui::{Exit, Failure, Ui};
use sekisho_domain::{Body, FacilityKind, Hash, KeyPurpose, SubjectRef};
use sekisho_ingest::Report;
use sekisho_proto::v1;
use sha2::{Digest, Sha256};

pub(super) async fn prepare(ui: Ui, stage: &Stage) -> Result<(), Failure> {
    for place in stage.places.values() {
        register(place).await?;
    }
    ui.note(
        "各ネットワークが、鍵・病院・同意のきまりを台帳に登録しました。",
        "Each network registered its key, hospitals and consent policy on the ledger.",
    );
    for place in stage.places.values() {
        // Waits for what the node reads at its start, then finds nothing new.
        let report = ops::ingest(&place.session, false, |_| {}).await?;
        let (documents, kept_back) = counts(&report)?;
        ui.note(
            format!(
                "{}：文書 {documents} 件を読み込み、疑わしい {kept_back} 件を隔離しました。",
                place.facts.name
            ),
            format!(
                "{}: indexed {documents} documents, kept {kept_back} doubtful files from answers.",
                place.facts.name_en
            ),
        );
    }
    // The traveller's pseudonyms in two networks are said by both to be one patient.
    for traveller in [MOVED, HESITANT] {
        link(
            stage,
            traveller,
            ("azaleanet", KURUME),
            ("pikapikalink", "4110100015"),
        )
        .await?;
        link(
            stage,
            traveller,
            ("azaleanet", KURUME),
            ("yamechikugo", "4010300012"),
        )
        .await?;
    }
    link(stage, BORDER, ("mamenet", MATSUE), ("oshidorinet", YONAGO)).await
}

async fn register(place: &Place) -> Result<(), Failure> {
    let session = &place.session;
    let public_key = keys::signing(&session.keys, KeyPurpose::Node)?.public_key();
    let mut says = vec![Body::KeyAdd {
        purpose: KeyPurpose::Node,
        public_key,
        endpoint: None,
    }];
    for (code, name, _) in &place.facts.hospitals {
        let facility = super::id(code)?;
        says.push(Body::FacilityRegister {
            facility,
            kind: FacilityKind::Hospital,
            name: (*name).to_owned(),
            municipality: None,
        });
    }
    says.push(Body::ConsentPolicyPublish(
        place.facts.policy(ops::now(), text_hash(place.facts)),
    ));
    for body in says {
        ops::govern(session, body).await?.accepted()?;
    }
    Ok(())
}

/// The demo's policies have no text of their own; what they say is their fields.
fn text_hash(facts: &NetworkFacts) -> Hash {
    Hash(
        Sha256::digest(format!(
            "{} {:?} {:?}",
            facts.id, facts.disclosing, facts.viewing
        ))
        .into(),
    )
}

/// Documents that can be answered and files kept from answers, over all sources of an ingest report.
fn counts(report: &str) -> Result<(u64, u64), Failure> {
    #[derive(serde::Deserialize)]
    struct Sources {
        sources: Vec<Report>,
    }
    let report: Sources = serde_json::from_str(report).map_err(|e| {
        Failure::of(
            Exit::Unverified,
            "取り込みの報告を読むことが",
            "read the ingest report",
            &e,
        )
    })?;
    let sum = |of: fn(&Report) -> u64| report.sources.iter().map(of).sum();
    Ok((sum(Report::documents), sum(Report::quarantined_total)))
}

async fn link(
    stage: &Stage,
    traveller: usize,
    a: (&str, &str),
    b: (&str, &str),
) -> Result<(), Failure> {
    let there = |place: (&str, &str)| -> Result<(Session, v1::Patient), Failure> {
        Ok((
            stage.place(place.0)?.session.clone(),
            stage.local_id(traveller, place.1)?,
        ))
    };
    let (a, b) = (there(a)?, there(b)?);
    let subject_a = ops::subject(&a.0, a.1.clone(), true).await?;
    let subject_b = ops::subject(&b.0, b.1.clone(), true).await?;
    for ((session, patient), other) in [(&a, &subject_b), (&b, &subject_a)] {
        say_same(session, patient, other).await?;
    }
    Ok(())
}

async fn say_same(
    session: &Session,
    patient: &v1::Patient,
    other: &SubjectRef,
) -> Result<(), Failure> {
    let link = v1::LinkSubject {
        patient: Some(patient.clone()),
        other: Some(other.into()),
        confirmed_by: Vec::new(),
    };
    ops::record(session, v1::record_request::Record::LinkSubject(link))
        .await?
        .accepted()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::facts;
    use super::*;

    #[test]
    fn every_policy_has_a_text_of_its_own() {
        let mut hashes: Vec<_> = facts::NETWORKS.iter().map(text_hash).collect();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), facts::NETWORKS.len());
    }
}
