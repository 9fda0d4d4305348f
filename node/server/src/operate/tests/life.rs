//! Records of what happens around a patient: whom a consent names, proxies, death, emergencies.

use super::record::grant;
use super::*;
use sekisho_domain::{
    ConsentRule, FacilityId, Grant, Outcome, ProxyEndReason, ProxyKind, Purpose, Told,
    ViewerSelector,
};
use sekisho_ledger::commitment::{Salt, commit};
use sekisho_ledger::testing;
use v1::record_request::Record;

const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1000;

async fn say(case: &Case, id: u8, record: Record) -> Result<(u64, Outcome), NodeError> {
    let request = v1::RecordRequest {
        request_id: vec![id; 16],
        record: Some(record),
    };
    let reply = case.record(request).await?;
    Ok((reply.index, reply.outcome.unwrap().try_into().unwrap()))
}

/// Records what the ledger must take; the body as it stands there.
async fn taken(case: &Case, id: u8, record: Record) -> (u64, Body) {
    let (index, outcome) = say(case, id, record).await.unwrap();
    let body = case.setting.ledger.bodies()[index as usize].clone();
    assert_eq!(outcome, Outcome::Accepted, "{body:?}");
    (index, body)
}

fn hospital() -> String {
    KURUME_HOSPITAL.to_owned()
}

fn guardian(case: &Case) -> v1::RegisterProxy {
    v1::RegisterProxy {
        patient: patient(),
        kind: ProxyKind::FamilyOfIncapable.number().into(),
        period: Some(v1::Period {
            from_ms: 0,
            until_ms: Some(case.setting.ledger.now().0 + YEAR_MS),
        }),
        recorded_by: hospital(),
        evidence_note: "the daughter, shown her card".to_owned(),
    }
}

#[tokio::test]
async fn a_proxy_speaks_until_the_end_and_its_evidence_stays_here() {
    let case = Case::new().await;
    let (proxy, body) = taken(&case, 1, Record::RegisterProxy(guardian(&case))).await;
    let Body::ProxyRegister(registered) = body else {
        panic!("{body:?}")
    };
    assert_eq!(registered.subject, case.setting.kurume_subject);
    assert_eq!(registered.period.from, case.setting.ledger.now());
    let opened = case.kurume.0.store.opening(&registered.evidence).unwrap();
    assert_eq!(opened.unwrap().value(), b"the daughter, shown her card");

    let with_proxy = |id: u8| {
        let mut request = grant(id);
        if let Some(Record::GrantConsent(grant)) = &mut request.record {
            grant.proxy = Some(proxy);
            grant.counterpart = Some(v1::FacilitySet {
                facilities: vec![crate::testing::SAGA_HOSPITAL.to_owned()],
            });
            grant.practitioners = vec![
                v1::Practitioner {
                    practitioner: Some(v1::practitioner::Practitioner::LocalId("dr-7".to_owned())),
                },
                v1::Practitioner {
                    practitioner: Some(v1::practitioner::Practitioner::Pseudonym(vec![8; 16])),
                },
            ];
        }
        request.record.unwrap()
    };
    let (_, body) = taken(&case, 2, with_proxy(2)).await;
    let Body::ConsentGrant(consent) = body else {
        panic!("{body:?}")
    };
    assert_eq!(consent.proxy.unwrap().0, EntryIndex(proxy));
    let seen: FacilityId = crate::testing::SAGA_HOSPITAL.parse().unwrap();
    assert_eq!(consent.counterpart, Some([seen].into()));
    let named = consent.practitioners.unwrap();
    let own = case
        .kurume
        .0
        .store
        .practitioner_of("dr-7")
        .unwrap()
        .unwrap();
    assert!(named.len() == 2 && named.contains(&own), "{named:?}");

    let end = v1::ProxyEnd {
        proxy,
        reason: ProxyEndReason::Recovered.number().into(),
        recorded_by: hospital(),
    };
    taken(&case, 3, Record::EndProxy(end.clone())).await;
    let (_, late) = say(&case, 4, with_proxy(4)).await.unwrap();
    assert!(matches!(late, Outcome::Refused(_)), "{late:?}");
    let nobody = say(&case, 5, Record::EndProxy(v1::ProxyEnd { proxy: 0, ..end })).await;
    assert_eq!(
        nobody.unwrap_err().to_string(),
        "there is no proxy of this network at index 0"
    );
}

#[tokio::test]
async fn death_ends_everything_until_it_is_retracted() {
    let case = Case::new().await;
    let death = || v1::RecordDeath {
        patient: patient(),
        recorded_by: hospital(),
    };
    assert_eq!(case.documents().await.len(), 3);
    taken(&case, 1, Record::RecordDeath(death())).await;
    assert_eq!(case.documents().await, []);
    taken(&case, 2, Record::RetractDeath(death())).await;
    assert_eq!(case.documents().await.len(), 3);
}

#[tokio::test]
async fn an_open_reservation_names_a_practitioner_and_purposes() {
    let case = Case::new().await;
    let (proxy, _) = taken(&case, 1, Record::RegisterProxy(guardian(&case))).await;
    let set = v1::SetReservation {
        patient: patient(),
        viewer: Some(v1::set_reservation::Viewer::ViewerPractitioner(
            v1::Practitioner {
                practitioner: Some(v1::practitioner::Practitioner::LocalId("dr-7".to_owned())),
            },
        )),
        purposes: Some(v1::PurposeSet {
            purposes: vec![Purpose::Treat.number().into()],
        }),
        proxy: Some(proxy),
        recorded_by: hospital(),
        ..Default::default()
    };
    let (_, body) = taken(&case, 2, Record::SetReservation(set)).await;
    let Body::ReservationSet(reservation) = body else {
        panic!("{body:?}")
    };
    let own = case
        .kurume
        .0
        .store
        .practitioner_of("dr-7")
        .unwrap()
        .unwrap();
    assert_eq!(reservation.viewer, ViewerSelector::Practitioner(own));
    assert_eq!(reservation.purposes, Some([Purpose::Treat].into()));
    assert_eq!(reservation.proxy.unwrap().0, EntryIndex(proxy));
    assert_eq!(case.documents().await, [], "dr-7 asks");
    let other = v1::FindRequest {
        practitioner: "dr-8".to_owned(),
        ..find()
    };
    assert_eq!(documents(&case.find(other).await.unwrap()).len(), 3);
}

#[tokio::test]
async fn the_patient_is_told_of_an_emergency_and_an_officers_reasons_stay_here() {
    let case = Case::new().await;
    let by_break_glass = Grant {
        purposes: [Purpose::BreakGlass].into(),
        ..testing::grant(SAGA, KURUME, ConsentRule::NotNeeded)
    };
    case.setting
        .ledger
        .with(|world| world.agree("btg", vec![by_break_glass]));
    let request = v1::FindRequest {
        purpose: Purpose::BreakGlass.number().into(),
        grounds: Some(v1::find_request::Grounds::Emergency(1)),
        targets: vec![SAGA.to_owned()],
        ..find()
    };
    let events = case.find(request).await.unwrap();
    let Found::Decided(decided) = &events[0] else {
        panic!("{events:?}")
    };
    let told = |access| v1::PatientTold {
        access,
        way: Told::InPerson.number().into(),
        recorded_by: hospital(),
    };
    taken(&case, 1, Record::TellPatient(told(decided.index))).await;
    let (_, twice) = say(&case, 2, Record::TellPatient(told(decided.index)))
        .await
        .unwrap();
    assert!(matches!(twice, Outcome::Refused(_)));
    let none = say(&case, 3, Record::TellPatient(told(0)))
        .await
        .unwrap_err();
    assert_eq!(none.code(), ErrorCode::NotFound);

    let note = |access| v1::KeepNoteRequest {
        access,
        note: "looked at more than the emergency needed".to_owned(),
    };
    let operating = case.kurume.operating();
    let kept = operating.note(note(decided.index)).await.unwrap();
    let commitment = sekisho_domain::Commitment(kept.commitment.try_into().unwrap());
    let opening = case.kurume.0.store.opening(&commitment).unwrap().unwrap();
    let salt: &Salt = opening.salt();
    let value = b"looked at more than the emergency needed";
    assert_eq!(commit(salt, bundle::EVIDENCE, value), commitment);
    let none = operating.note(note(0)).await.unwrap_err();
    assert_eq!(none.code(), ErrorCode::NotFound);
    // Saga was asked, but did not ask: the note is not its business.
    let elsewhere = case.saga.operating().note(note(decided.index)).await;
    assert_eq!(elsewhere.unwrap_err().code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn what_is_not_this_networks_is_not_signed() {
    let case = Case::new().await;
    let size = case.setting.ledger.bodies().len();
    let consent = case
        .setting
        .ledger
        .bodies()
        .iter()
        .position(|b| matches!(b, Body::SubjectLink { .. }));
    let wrong = consent.unwrap() as u64;
    let records = [
        Record::WithdrawConsent(v1::ConsentWithdraw {
            consent: wrong,
            way: 1,
            recorded_by: hospital(),
            evidence: b"a letter of a person".to_vec(),
        }),
        Record::ClearReservation(v1::ReservationClear {
            reservation: wrong,
            recorded_by: hospital(),
        }),
        Record::UnsealReservation(v1::ReservationUnseal { seal: wrong }),
    ];
    for (id, record) in (1..).zip(records) {
        let refused = say(&case, id, record).await.unwrap_err();
        assert!(
            matches!(refused, NodeError::NotOnLedger { .. }),
            "{refused}"
        );
    }
    assert_eq!(case.setting.ledger.bodies().len(), size);
}
