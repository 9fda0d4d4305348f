//! Answers to other networks, over the real core, real files and a real store.

use super::*;
use crate::bounds::PAGE_ENTRIES_MAX;
use crate::store::{FailingDisk, NodeStore, TransferKind};
use crate::testing::{
    KURUME, KURUME_HOSPITAL, PATIENT, SAGA, Setting, TOTTORI, all, chart, network, patience, until,
};
use crate::{Node, commitments};
use sekisho_domain::{AccessRequest, Body, EntryIndex};
use sekisho_ledger::commitment::{Salt, commit};
use sekisho_ledger::{AnswerHash, View};
use v1::answer_find_event::Event as Found;
use v1::answer_retrieve_event::Event as Got;

const SALT: [u8; 32] = [0x5a; 32];

fn ask(setting: &Setting, change: impl FnOnce(&mut AccessRequest)) -> AccessRecord {
    let index = setting.ledger.with(|world| {
        let mut request = world.request(KURUME, KURUME_HOSPITAL, setting.kurume_subject, &[SAGA]);
        change(&mut request);
        world.ask(&request).0
    });
    setting.ledger.access(index)
}

fn ask_for(setting: &Setting, unique_id: &str) -> AccessRecord {
    let salt = Salt::from_bytes(SALT);
    ask(setting, |request| {
        request.action = Action::RetrieveDocument;
        request.document = Some(commit(&salt, commitments::DOCUMENT, unique_id.as_bytes()));
    })
}

fn find_of(record: &AccessRecord) -> v1::AnswerFindRequest {
    v1::AnswerFindRequest {
        access: record.index.0,
        request_id: record.request_id.0.to_vec(),
        filter: None,
    }
}

fn retrieve_of(record: &AccessRecord, unique_id: &str) -> v1::AnswerRetrieveRequest {
    v1::AnswerRetrieveRequest {
        access: record.index.0,
        request_id: record.request_id.0.to_vec(),
        unique_id: unique_id.to_owned(),
        salt: SALT.to_vec(),
    }
}

async fn find(node: &Node, request: v1::AnswerFindRequest) -> Result<Vec<Found>, NodeError> {
    let stream = node
        .disclosing()
        .find(network(KURUME), request, patience())
        .await?;
    Ok(all(stream)
        .await
        .into_iter()
        .map(|e| e.event.unwrap())
        .collect())
}

async fn retrieve(node: &Node, request: v1::AnswerRetrieveRequest) -> Result<Vec<Got>, NodeError> {
    let stream = node
        .disclosing()
        .retrieve(network(KURUME), request, patience())
        .await?;
    Ok(all(stream)
        .await
        .into_iter()
        .map(|e| e.event.unwrap())
        .collect())
}

/// The documents found, after the statement about them was verified.
fn verified(
    setting: &Setting,
    record: &AccessRecord,
    events: &[Found],
) -> (Vec<v1::DocumentEntry>, NetworkOutcome) {
    let (last, pages) = events.split_last().unwrap();
    let Found::Statement(envelope) = last else {
        panic!("the statement comes last")
    };
    let (mut documents, mut hash) = (Vec::new(), AnswerHash::default());
    for page in pages {
        let Found::Page(page) = page else {
            panic!("two statements")
        };
        assert!((1..=PAGE_ENTRIES_MAX).contains(&page.documents.len()));
        page.documents.iter().for_each(|d| hash.entry(d));
        documents.extend(page.documents.iter().cloned());
    }
    let statement = statement_of(setting, record, envelope);
    assert_eq!(statement.answer_hash, hash.finish());
    (documents, statement.outcome)
}

fn statement_of(setting: &Setting, record: &AccessRecord, envelope: &v1::Envelope) -> Statement {
    setting.ledger.with(|world| {
        let view = View(&world.state);
        Statement::verify(
            view,
            envelope,
            record.index,
            &record.request_id,
            &network(SAGA),
        )
        .unwrap()
        .unwrap()
    })
}

fn releases(setting: &Setting) -> Vec<sekisho_domain::Transfer> {
    let release = |body| match body {
        Body::Release(transfer) => Some(transfer),
        _ => None,
    };
    setting
        .ledger
        .bodies()
        .into_iter()
        .filter_map(release)
        .collect()
}

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

/// The unique id of the patient's document, by a question of its own.
async fn some_document(setting: &Setting, node: &Node) -> v1::DocumentEntry {
    let record = ask(setting, |_| {});
    let (documents, _) = verified(
        setting,
        &record,
        &find(node, find_of(&record)).await.unwrap(),
    );
    documents[0].clone()
}

#[tokio::test]
async fn a_document_leaves_with_its_release_on_disk_and_then_on_the_ledger_once() {
    let setting = Setting::new();
    let bytes = setting.hospital.put(PATIENT, 1);
    let node = setting.saga().await;
    let header = some_document(&setting, &node).await;
    let record = ask_for(&setting, &header.unique_id);
    setting.ledger.down();
    for _ in 0..2 {
        let events = retrieve(&node, retrieve_of(&record, &header.unique_id))
            .await
            .unwrap();
        let [
            Got::Header(sent),
            Got::Chunk(chunk),
            Got::Statement(envelope),
        ] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!((sent, chunk), (&header, &bytes));
        let statement = statement_of(&setting, &record, envelope);
        let mut hash = AnswerHash::default();
        hash.entry(&header);
        hash.content(&header.hash.as_slice().try_into().unwrap());
        assert_eq!(
            (statement.outcome, statement.answer_hash),
            (NetworkOutcome::Answered { count: 1 }, hash.finish())
        );
    }
    let stored = node
        .0
        .store
        .transfer(TransferKind::Release, record.index)
        .unwrap()
        .unwrap();
    assert_eq!(stored.settled, None);
    assert!(releases(&setting).is_empty());
    setting.ledger.up();
    until(async || node.outbox_total().unwrap() == 0).await;
    assert_eq!(releases(&setting), std::slice::from_ref(&stored.transfer));
    let opened = node
        .0
        .store
        .opening(&stored.transfer.content)
        .unwrap()
        .unwrap();
    assert_eq!(
        (opened.label(), opened.value()),
        ("content", header.hash.as_slice())
    );
}

#[tokio::test]
async fn without_a_durable_release_no_byte_leaves() {
    let setting = Setting::new();
    setting.hospital.put(PATIENT, 1);
    let disk = FailingDisk::default();
    let store = disk.store().unwrap();
    store
        .subject_or(
            &chart(crate::testing::SAGA_HOSPITAL, PATIENT),
            setting.saga_subject,
        )
        .unwrap();
    let node = setting.saga_with(store).await;
    let header = some_document(&setting, &node).await;
    let record = ask_for(&setting, &header.unique_id);
    disk.fail();
    let refused = retrieve(&node, retrieve_of(&record, &header.unique_id))
        .await
        .unwrap_err();
    assert!(matches!(refused, NodeError::Store(_)), "{refused}");
    let status = refused.status();
    assert_eq!(status.code(), tonic::Code::Internal);
    assert!(
        !status.message().contains("disk"),
        "the caller is told no detail"
    );
}

#[tokio::test]
async fn a_document_that_is_not_covered_answers_as_one_that_does_not_exist() {
    let setting = Setting::new();
    setting.hospital.put(PATIENT, 1);
    setting.hospital.put(PATIENT, 2);
    setting.hospital.put(crate::testing::STRANGER, 3);
    let node = setting.saga().await;
    let record = ask(&setting, |_| {});
    let (documents, _) = verified(
        &setting,
        &record,
        &find(&node, find_of(&record)).await.unwrap(),
    );
    let [second, first] = &documents[..] else {
        panic!("{documents:?}")
    };
    let stranger = {
        let query = sekisho_documents::Query::of(chart(
            crate::testing::SAGA_HOSPITAL,
            crate::testing::STRANGER,
        ));
        node.0.index.find(&query).unwrap().entries[0]
            .unique_id
            .to_string()
    };
    std::fs::write(setting.hospital.path(PATIENT, 2), b"changed").unwrap();
    let absent = "urn:uuid:00000000-0000-8000-8000-000000000000".to_owned();
    for (case, unique_id) in [
        ("a stranger's", stranger),
        ("changed since", second.unique_id.clone()),
        ("none", absent),
    ] {
        let record = ask_for(&setting, &unique_id);
        let events = retrieve(&node, retrieve_of(&record, &unique_id))
            .await
            .unwrap();
        let [Got::Statement(envelope)] = &events[..] else {
            panic!("{case}: {events:?}")
        };
        let statement = statement_of(&setting, &record, envelope);
        assert_eq!(
            statement.outcome,
            NetworkOutcome::Answered { count: 0 },
            "{case}"
        );
        assert_eq!(
            statement.answer_hash,
            AnswerHash::default().finish(),
            "{case}"
        );
    }
    // Another category than the one asked for.
    let salt = Salt::from_bytes(SALT);
    let record = ask(&setting, |request| {
        request.action = Action::RetrieveDocument;
        request.categories = Some([sekisho_domain::Category::LabResult].into());
        request.document = Some(commit(
            &salt,
            commitments::DOCUMENT,
            first.unique_id.as_bytes(),
        ));
    });
    let events = retrieve(&node, retrieve_of(&record, &first.unique_id))
        .await
        .unwrap();
    assert!(matches!(&events[..], [Got::Statement(_)]), "{events:?}");
    assert!(releases(&setting).is_empty() && node.outbox_total().unwrap() == 0);
}

#[tokio::test]
async fn the_salt_must_open_the_requests_own_commitment() {
    let setting = Setting::new();
    setting.hospital.put(PATIENT, 1);
    setting.hospital.put(PATIENT, 2);
    let node = setting.saga().await;
    let record = ask(&setting, |_| {});
    let (documents, _) = verified(
        &setting,
        &record,
        &find(&node, find_of(&record)).await.unwrap(),
    );
    let wanted = ask_for(&setting, &documents[0].unique_id);
    let good = retrieve_of(&wanted, &documents[0].unique_id);
    let cases = [
        (
            "another document",
            v1::AnswerRetrieveRequest {
                unique_id: documents[1].unique_id.clone(),
                ..good.clone()
            },
        ),
        (
            "another salt",
            v1::AnswerRetrieveRequest {
                salt: vec![0; 32],
                ..good.clone()
            },
        ),
        (
            "a request to find",
            v1::AnswerRetrieveRequest {
                access: record.index.0,
                request_id: record.request_id.0.to_vec(),
                ..good.clone()
            },
        ),
    ];
    for (case, request) in cases {
        let refused = retrieve(&node, request).await.unwrap_err();
        assert!(matches!(refused, NodeError::Forbidden), "{case}: {refused}");
    }
    for bad in [
        v1::AnswerRetrieveRequest {
            salt: vec![0; 31],
            ..good.clone()
        },
        v1::AnswerRetrieveRequest {
            unique_id: "x".repeat(300),
            ..good.clone()
        },
        v1::AnswerRetrieveRequest {
            request_id: vec![0; 15],
            ..good
        },
    ] {
        assert_eq!(
            retrieve(&node, bad).await.unwrap_err().code(),
            sekisho_proto::ErrorCode::Invalid
        );
    }
    assert_eq!(
        node.0
            .store
            .transfer(TransferKind::Release, EntryIndex(wanted.index.0))
            .unwrap(),
        None
    );
}
