//! Letting documents go.

use super::*;

#[tokio::test]
async fn a_document_leaves_with_its_release_on_disk_and_then_on_the_ledger_once() {
    let setting = Setting::new();
    let bytes = setting.hospital.put(PATIENT, 1);
    let node = setting.saga().await;
    let header = some_document(&setting, &node).await;
    let record = ask_for(&setting, &header.unique_id);
    setting.ledger.down();
    for _ in 0..2 {
        let events = retrieve(&node, retrieve_of(&setting, &record, &header.unique_id))
            .await
            .unwrap();
        let Some(Got::Statement(envelope)) = events.last() else {
            panic!("{events:?}")
        };
        let (sent, content, hash) = opened(&setting, &record, &events);
        assert_eq!((&sent.document, &content), (&header, &bytes));
        let encoded = events.iter().map(|event| format!("{event:?}"));
        let plain = format!("{:?}", &bytes[..bytes.len() - 1]);
        let plain = plain.trim_end_matches(']');
        assert!(!encoded.collect::<String>().contains(plain), "it is sealed");
        let statement = statement_of(&setting, &record, envelope);
        assert_eq!(
            (statement.outcome, statement.answer_hash),
            (NetworkOutcome::Answered { count: 1 }, hash)
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
    let refused = retrieve(&node, retrieve_of(&setting, &record, &header.unique_id))
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
        let events = retrieve(&node, retrieve_of(&setting, &record, &unique_id))
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
    let events = retrieve(&node, retrieve_of(&setting, &record, &first.unique_id))
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
    let good = retrieve_of(&setting, &wanted, &documents[0].unique_id);
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

#[tokio::test]
async fn a_document_is_sealed_to_nobody_but_the_viewing_node_of_the_request() {
    let setting = Setting::new();
    setting.hospital.put(PATIENT, 1);
    let node = setting.saga().await;
    let header = some_document(&setting, &node).await;
    let record = ask_for(&setting, &header.unique_id);
    let other = ask_for(&setting, &header.unique_id);
    let ledger = setting.ledger.with(|world| world.ledger);
    let signed = |ledger, record: &AccessRecord, name: &str, by: &str, purpose| {
        let node = testing::key(by, purpose);
        reader().signed(ledger, record.request_id, &network(name), &node)
    };
    let mut altered = signed(ledger, &record, KURUME, KURUME, KeyPurpose::Node);
    *altered.payload.last_mut().unwrap() ^= 1;
    let otherwise = sekisho_domain::LedgerId([9; 32]);
    let cases = [
        (
            "another network's key",
            Some(signed(ledger, &record, TOTTORI, TOTTORI, KeyPurpose::Node)),
        ),
        (
            "its own key",
            Some(signed(ledger, &record, KURUME, SAGA, KeyPurpose::Node)),
        ),
        (
            "no node's key",
            Some(signed(
                ledger,
                &record,
                KURUME,
                KURUME,
                KeyPurpose::Governance,
            )),
        ),
        (
            "another request",
            Some(signed(ledger, &other, KURUME, KURUME, KeyPurpose::Node)),
        ),
        (
            "another ledger",
            Some(signed(otherwise, &record, KURUME, KURUME, KeyPurpose::Node)),
        ),
        ("altered", Some(altered)),
        ("none", None),
    ];
    for (case, key) in cases {
        let mut request = retrieve_of(&setting, &record, &header.unique_id);
        request.seal_to = Some(v1::SealTo { key, from_chunk: 0 });
        let refused = retrieve(&node, request).await.unwrap_err();
        assert!(
            matches!(refused, NodeError::Invalid(_)),
            "{case}: {refused}"
        );
    }
    let release = node.0.store.transfer(TransferKind::Release, record.index);
    assert_eq!(release.unwrap(), None, "nothing was released");
    let mut beyond = retrieve_of(&setting, &record, &header.unique_id);
    beyond.seal_to.as_mut().unwrap().from_chunk = 1;
    let refused = retrieve(&node, beyond).await.unwrap_err();
    assert!(matches!(refused, NodeError::Invalid(_)), "{refused}");
}
