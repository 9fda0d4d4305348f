//! Erasing a subject: what stands in the way, what is done once, what is left.

use super::record::grant;
use super::*;
use sekisho_domain::{Side, Withdrawal};
use sekisho_ledger::View;

fn request(withdraw: bool) -> v1::EraseSubjectRequest {
    v1::EraseSubjectRequest {
        patient: patient(),
        request_id: vec![0xe0; 16],
        withdraw_first: withdraw.then(|| v1::WithdrawAll {
            way: Withdrawal::Written.number().into(),
            recorded_by: KURUME_HOSPITAL.to_owned(),
        }),
    }
}

fn withdrawals(case: &Case) -> Vec<u64> {
    let bodies = case.setting.ledger.bodies().into_iter();
    bodies
        .filter_map(|body| match body {
            Body::ConsentWithdraw { consent, .. } => Some(consent.0.0),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn consents_that_stand_are_withdrawn_first_and_once() {
    let case = Case::new().await;
    let second = case.record(grant(1)).await.unwrap().index;
    let first = case.setting.ledger.with(|world| {
        let view = View(&world.state);
        let (kurume, subject) = (network(KURUME), case.setting.kurume_subject);
        view.consents_of(&kurume, &subject, Side::Viewing).unwrap()[0]
            .granted
            .0
    });
    let operating = case.kurume.operating();
    let refused = operating
        .erase(request(false), patience())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);
    assert_eq!(
        refused.to_string(),
        "2 consents of the patient still stand; withdraw them first"
    );
    assert_eq!(case.documents().await.len(), 3, "nothing was done");

    // The answer to the first withdrawal is lost; asked again, each is withdrawn once.
    case.setting.ledger.mute();
    let lost = operating
        .erase(request(true), patience())
        .await
        .unwrap_err();
    assert_eq!(lost.code(), ErrorCode::Unknown, "{lost}");
    case.setting.ledger.up();
    let erased = operating.erase(request(true), patience()).await.unwrap();
    assert_eq!(withdrawals(&case), [first, second]);
    assert_eq!(erased.withdrawn, [second], "the first was withdrawn before");
    assert!(!erased.erased_before && erased.charts == 1 && erased.requests >= 3);
    let subject = case.setting.kurume_subject;
    assert_eq!(erased.subject, subject.0);

    // By local id nobody is known; by pseudonym it is known to have been erased.
    let unknown = operating
        .erase(request(false), patience())
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), ErrorCode::NotFound);
    let by_subject = v1::EraseSubjectRequest {
        patient: Some(v1::Patient {
            patient: Some(v1::patient::Patient::Subject(subject.0.to_vec())),
        }),
        ..request(false)
    };
    let again = operating.erase(by_subject, patience()).await.unwrap();
    assert!(again.erased_before && again.erased_ms == erased.erased_ms);
    assert_eq!((again.charts, again.openings), (0, 0));
    let unknown = case.find(find()).await.unwrap_err();
    assert_eq!(unknown.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_refused_withdrawal_is_told_and_nothing_is_erased() {
    let case = Case::new().await;
    let mut wrong = request(true);
    if let Some(all) = &mut wrong.withdraw_first {
        all.recorded_by = crate::testing::SAGA_HOSPITAL.to_owned();
    }
    let refused = case.kurume.operating().erase(wrong, patience()).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, NodeError::WithdrawalRefused { .. }),
        "{refused}"
    );
    assert_eq!(case.documents().await.len(), 3);
    for malformed in [
        v1::EraseSubjectRequest {
            request_id: vec![1],
            ..request(false)
        },
        v1::EraseSubjectRequest {
            patient: None,
            ..request(false)
        },
    ] {
        let refused = case.kurume.operating().erase(malformed, patience()).await;
        assert_eq!(refused.unwrap_err().code(), ErrorCode::Invalid);
    }
}

/// The disclosing side: what was asked before still stands on the ledger, and is answered as by a network that does
/// not know the patient.
#[tokio::test]
async fn an_erased_patient_is_unknown_and_bundles_still_verify() {
    let case = Case::new().await;
    let found = case.documents().await;
    let got = case.retrieve(retrieve(&found[0].unique_id)).await.unwrap();
    let Got::Decided(decided) = &got[0] else {
        panic!("{got:?}")
    };
    let access = EntryIndex(decided.index);
    let (saga, kurume) = (case.saga.operating(), case.kurume.operating());
    let done = || case.saga.outbox_total().unwrap() + case.kurume.outbox_total().unwrap();
    until(async || done() == 0).await;
    let genesis = case.setting.ledger.with(|world| world.genesis.clone());
    let before = saga.bundle_of(access, patience()).await.unwrap().bundle;
    let openings = bundle::verify(&before, &genesis).unwrap().openings.len();
    assert!(openings >= 2, "Saga opens what it let go");

    let patient = v1::Patient {
        patient: Some(v1::patient::Patient::Subject(
            case.setting.saga_subject.0.to_vec(),
        )),
    };
    let erase = v1::EraseSubjectRequest {
        patient: Some(patient),
        ..request(false)
    };
    let erased = saga.erase(erase, patience()).await.unwrap();
    assert_eq!((erased.charts, erased.openings), (2, 2));
    let events = case.find(find()).await.unwrap();
    let saga_end = outcomes(&events)
        .into_iter()
        .find(|(n, _)| n == SAGA)
        .unwrap();
    assert_eq!(saga_end.1, NetworkOutcome::PatientUnknown);
    assert_eq!(documents(&events), []);
    let gone = case.retrieve(retrieve(&found[0].unique_id)).await.unwrap();
    assert!(
        !gone.iter().any(|event| matches!(event, Got::Header(_))),
        "{gone:?}"
    );

    assert!(bundle::verify(&before, &genesis).is_ok());
    let after = saga.bundle_of(access, patience()).await.unwrap().bundle;
    assert_eq!(bundle::verify(&after, &genesis).unwrap().openings.len(), 0);
    // The viewing network erases its own.
    let theirs = kurume.bundle_of(access, patience()).await.unwrap().bundle;
    assert!(bundle::verify(&theirs, &genesis).unwrap().openings.len() > 2);
}
