//! What a network's people do, through the operator's calls.

use crate::*;
use sekisho_domain::*;
use sekisho_proto::v1;
use sekisho_transport::outgoing;
use tonic::Streaming;
use v1::find_event::Event as Found;
use v1::retrieve_event::Event as Got;

pub fn local(facility: &str, id: &str) -> Option<v1::Patient> {
    let local = v1::patient::Local {
        facility: facility.to_owned(),
        local_id: id.to_owned(),
    };
    Some(v1::Patient {
        patient: Some(v1::patient::Patient::Local(local)),
    })
}

pub async fn subject(site: &Site, patient: Option<v1::Patient>) -> Vec<u8> {
    let request = v1::SubjectRequest {
        patient,
        create: true,
    };
    let reply = site.people().subject(outgoing(request, patience())).await;
    reply.unwrap().into_inner().subject
}

pub async fn record(site: &Site, id: u8, record: v1::record_request::Record) -> v1::RecordReply {
    let request = v1::RecordRequest {
        request_id: vec![id; 16],
        record: Some(record),
    };
    let reply = site.people().record(outgoing(request, patience())).await;
    reply.unwrap().into_inner()
}

pub fn was_accepted(reply: &v1::RecordReply) -> bool {
    let outcome = reply.outcome.clone().unwrap();
    Outcome::try_from(outcome).unwrap() == Outcome::Accepted
}

pub async fn drain<T>(stream: &mut Streaming<T>) -> Vec<T> {
    let mut messages = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        messages.push(message);
    }
    messages
}

pub async fn find(site: &Site) -> Vec<Found> {
    let request = v1::FindRequest {
        patient: local(KURUME_HOSPITAL, KURUME_PATIENT),
        practitioner: PRACTITIONER.to_owned(),
        role: Role::Physician.number().into(),
        facility: KURUME_HOSPITAL.to_owned(),
        purpose: Purpose::Treat.number().into(),
        ..Default::default()
    };
    let answer = site
        .people()
        .find(outgoing(request, patience()))
        .await
        .unwrap();
    let events = drain(&mut answer.into_inner()).await;
    events.into_iter().map(|e| e.event.unwrap()).collect()
}

pub async fn retrieve(site: &Site, unique_id: &str) -> Vec<Got> {
    let request = v1::RetrieveRequest {
        patient: local(KURUME_HOSPITAL, KURUME_PATIENT),
        practitioner: PRACTITIONER.to_owned(),
        role: Role::Physician.number().into(),
        facility: KURUME_HOSPITAL.to_owned(),
        purpose: Purpose::Treat.number().into(),
        network: SAGA.to_owned(),
        unique_id: unique_id.to_owned(),
        ..Default::default()
    };
    let answer = site
        .people()
        .retrieve(outgoing(request, patience()))
        .await
        .unwrap();
    let events = drain(&mut answer.into_inner()).await;
    events.into_iter().map(|e| e.event.unwrap()).collect()
}

pub fn outcomes(events: &[Found]) -> Vec<(String, NetworkOutcome)> {
    let mut outcomes: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Found::End(end) => Some((end.network.clone(), end.outcome?.try_into().unwrap())),
            _ => None,
        })
        .collect();
    outcomes.sort_by(|a, b| a.0.cmp(&b.0));
    outcomes
}

pub fn outcome_of(events: &[Found], network: &str) -> NetworkOutcome {
    let outcomes = outcomes(events);
    outcomes.into_iter().find(|(n, _)| n == network).unwrap().1
}

/// Kurume's hospital takes the patient's consent to the visit.
pub async fn consent(kurume: &Site) -> v1::RecordReply {
    let facilities = v1::FacilitySet {
        facilities: vec![KURUME_HOSPITAL.to_owned()],
    };
    let consent = v1::record_request::Record::GrantConsent(v1::GrantConsent {
        patient: local(KURUME_HOSPITAL, KURUME_PATIENT),
        side: Side::Viewing.number().into(),
        facilities: Some(v1::grant_consent::Facilities::ListedFacilities(facilities)),
        capture: Capture::Written.number().into(),
        recorded_by: KURUME_HOSPITAL.to_owned(),
        evidence_note: EVIDENCE.to_owned(),
        ..Default::default()
    });
    let consented = record(kurume, 3, consent).await;
    assert!(was_accepted(&consented));

    consented
}

/// The two secretariats say that it is the same patient; its pseudonyms at Saga and at Kurume.
pub async fn linked(saga: &Site, kurume: &Site) -> (Vec<u8>, Vec<u8>) {
    let here = subject(kurume, local(KURUME_HOSPITAL, KURUME_PATIENT)).await;
    let there = subject(saga, local(SAGA_HOSPITAL, PATIENT)).await;
    let link = |patient, network: &str, subject: &[u8]| {
        v1::record_request::Record::LinkSubject(v1::LinkSubject {
            patient,
            other: Some(v1::SubjectRef {
                network: network.to_owned(),
                subject: subject.to_vec(),
            }),
            confirmed_by: Vec::new(),
        })
    };
    let from_kurume = link(local(KURUME_HOSPITAL, KURUME_PATIENT), SAGA, &there);
    assert!(was_accepted(&record(kurume, 1, from_kurume).await));
    let from_saga = link(local(SAGA_HOSPITAL, PATIENT), KURUME, &here);
    assert!(was_accepted(&record(saga, 2, from_saga).await));
    (there, here)
}
