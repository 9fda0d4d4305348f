//! Which documents there are, and who is told.

use super::*;

#[tokio::test]
async fn a_permitted_question_is_answered_in_pages_and_signed() {
    let setting = Setting::new();
    let count = PAGE_ENTRIES_MAX as u32 + 3;
    (1..=count).for_each(|order| drop(setting.hospital.put(PATIENT, order)));
    let node = setting.saga().await;
    let record = ask(&setting, |_| {});
    let events = find(&node, find_of(&record)).await.unwrap();
    let (documents, outcome) = verified(&setting, &record, &events);
    assert_eq!(events.len(), 3, "two pages and the statement");
    assert_eq!(
        (documents.len() as u32, outcome),
        (
            count,
            NetworkOutcome::Answered {
                count: count.into()
            }
        )
    );
    for document in &documents {
        let text = format!("{document:?}");
        assert!(
            !text.contains(PATIENT) && !text.contains("000/901"),
            "{text}"
        );
    }
    let few = v1::AnswerFindRequest {
        filter: Some(v1::Filter {
            max: 5,
            ..Default::default()
        }),
        ..find_of(&record)
    };
    let (first, _) = verified(&setting, &record, &find(&node, few).await.unwrap());
    assert_eq!(
        first,
        documents[..5],
        "the newest first, always in the same order"
    );
}

#[tokio::test]
async fn superseded_documents_are_answered_as_such() {
    let setting = Setting::new();
    setting.hospital.put(PATIENT, 1);
    let superseded = setting.hospital.path(PATIENT, 2);
    let bytes = setting.hospital.put(PATIENT, 2);
    let flagged = superseded
        .to_str()
        .unwrap()
        .strip_suffix('1')
        .unwrap()
        .to_owned()
        + "2";
    std::fs::remove_file(&superseded).unwrap();
    std::fs::write(flagged, bytes).unwrap();
    let node = setting.saga().await;
    let record = ask(&setting, |_| {});
    let (documents, _) = verified(
        &setting,
        &record,
        &find(&node, find_of(&record)).await.unwrap(),
    );
    let flags: Vec<_> = documents.iter().map(|d| d.deprecated).collect();
    assert_eq!(flags, [true, false]);
}

#[tokio::test]
async fn whatever_does_not_fit_the_record_is_forbidden_without_a_word() {
    let setting = Setting::new();
    setting.hospital.put(PATIENT, 1);
    let node = setting.saga().await;
    let (good, denied) = (
        ask(&setting, |_| {}),
        ask(&setting, |r| r.subject = sekisho_domain::SubjectId([9; 16])),
    );
    let disclosing = node.disclosing();
    let cases = [
        ("another network's caller", TOTTORI, find_of(&good)),
        (
            "a forged request id",
            KURUME,
            v1::AnswerFindRequest {
                request_id: vec![0; 16],
                ..find_of(&good)
            },
        ),
        ("a denied request", KURUME, find_of(&denied)),
        (
            "no access request",
            KURUME,
            v1::AnswerFindRequest {
                access: 0,
                ..find_of(&good)
            },
        ),
    ];
    let mut statuses = Vec::new();
    for (case, caller, request) in cases {
        let refused = disclosing
            .find(network(caller), request, patience())
            .await
            .unwrap_err();
        assert!(matches!(refused, NodeError::Forbidden), "{case}: {refused}");
        statuses.push(format!("{:?}", refused.status()));
    }
    setting.environment.advance(sekisho_ledger::PERMIT_MS_MAX);
    let expired = find(&node, find_of(&good)).await.unwrap_err();
    statuses.push(format!("{:?}", expired.status()));
    statuses.dedup();
    assert_eq!(
        statuses.len(),
        1,
        "every refusal is the same (P9): {statuses:?}"
    );
}

#[tokio::test]
async fn a_replica_that_is_behind_says_so() {
    let setting = Setting::new();
    let node = setting.saga().await;
    let ahead = v1::AnswerFindRequest {
        access: 1_000_000,
        request_id: vec![0; 16],
        filter: None,
    };
    let status = find(&node, ahead).await.unwrap_err().status();
    assert_eq!(status.code(), tonic::Code::FailedPrecondition);
    assert_eq!(status.metadata().get("sekisho-outcome").unwrap(), "stale");
}

#[tokio::test]
async fn a_subject_without_charts_is_unknown() {
    let setting = Setting::new();
    let store = NodeStore::open(&setting.dir.path().join("empty.redb")).unwrap();
    let node = setting.saga_with(store).await;
    let record = ask(&setting, |_| {});
    let (documents, outcome) = verified(
        &setting,
        &record,
        &find(&node, find_of(&record)).await.unwrap(),
    );
    assert_eq!(
        (documents.len(), outcome),
        (0, NetworkOutcome::PatientUnknown)
    );
}

#[tokio::test]
async fn before_the_sources_are_read_the_network_suspends_answering() {
    let setting = Setting::new();
    let node = setting.saga().await;
    let record = ask(&setting, |_| {});
    node.0.readiness.set(false);
    let status = find(&node, find_of(&record)).await.unwrap_err().status();
    assert_eq!(
        status.metadata().get("sekisho-outcome").unwrap(),
        "suspended"
    );
}

#[tokio::test]
async fn nothing_leaves_once_the_two_are_no_longer_said_to_be_one_patient() {
    let setting = Setting::new();
    setting.hospital.put(PATIENT, 1);
    let node = setting.saga().await;
    let record = ask(&setting, |_| {});
    assert!(find(&node, find_of(&record)).await.is_ok());
    let (own, other) = (
        setting.kurume_subject,
        sekisho_domain::SubjectRef {
            network: network(SAGA),
            subject: setting.saga_subject,
        },
    );
    let unlink = Body::SubjectUnlink { own, other };
    setting.ledger.with(|world| world.accept(KURUME, unlink));
    let refused = find(&node, find_of(&record)).await.unwrap_err();
    assert!(matches!(refused, NodeError::Forbidden), "{refused}");
}
