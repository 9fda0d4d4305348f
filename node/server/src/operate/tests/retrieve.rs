//! Getting documents.

use super::*;
use sekisho_ledger::sealed::PLAIN_BYTES;
use std::sync::atomic::{AtomicUsize, Ordering};

#[tokio::test]
async fn a_document_is_handed_over_with_release_and_receipt_that_agree() {
    let case = Case::new().await;
    let header = case.documents().await.remove(0);
    let events = case.retrieve(retrieve(&header.unique_id)).await.unwrap();
    let [
        Got::Decided(decided),
        Got::Header(got),
        Got::Chunk(chunk),
        Got::End(end),
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((got, end.network.as_str()), (&header, SAGA));
    assert_eq!(
        chunk,
        &std::fs::read(case.setting.hospital.path(PATIENT, 3)).unwrap()
    );
    until(async || case.kurume.outbox_total().unwrap() + case.saga.outbox_total().unwrap() == 0)
        .await;
    let (mut releases, mut receipts) = (Vec::new(), Vec::new());
    for body in case.setting.ledger.bodies() {
        match body {
            Body::Release(transfer) => releases.push(transfer),
            Body::Receipt(transfer) => receipts.push(transfer),
            _ => {}
        }
    }
    assert_eq!((releases.len(), &releases), (1, &receipts));

    let reply = case
        .kurume
        .operating()
        .bundle_of(EntryIndex(decided.index), patience())
        .await
        .unwrap();
    let genesis = case.setting.ledger.with(|world| world.genesis.clone());
    let verified = bundle::verify(&reply.bundle, &genesis).unwrap();
    assert_eq!(verified.access.index, EntryIndex(decided.index));
    let bundle: v1::ProofBundle = prost::Message::decode(reply.bundle.as_slice()).unwrap();
    let mut labels: Vec<_> = bundle.openings.iter().map(|o| o.label.as_str()).collect();
    labels.sort_unstable();
    assert_eq!(
        labels,
        [
            "content",
            "content",
            "document",
            "document",
            "document",
            "practitioner"
        ]
    );
    let none = case
        .kurume
        .operating()
        .bundle_of(EntryIndex(0), patience())
        .await
        .unwrap_err();
    assert_eq!(none.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn nothing_of_a_document_that_was_touched_is_handed_over() {
    let case = Case::new().await;
    let header = case.documents().await.remove(0);
    case.broker.tamper_retrieves(|mut events| {
        for event in &mut events {
            if let Some(Carried::Chunk(chunk)) = &mut event.event {
                *chunk.last_mut().unwrap() ^= 1;
            }
        }
        events
    });
    let events = case.retrieve(retrieve(&header.unique_id)).await.unwrap();
    let [Got::Decided(decided), Got::Header(_), Got::End(end)] = &events[..] else {
        panic!("{events:?}")
    };
    let outcome: NetworkOutcome = end.outcome.unwrap().try_into().unwrap();
    assert_eq!(outcome, NetworkOutcome::Malformed);
    let access = EntryIndex(decided.index);
    // Its header was shown: there is evidence of that on both sides.
    for (node, kind) in [
        (&case.kurume, TransferKind::Receipt),
        (&case.saga, TransferKind::Release),
    ] {
        assert!(node.0.store.transfer(kind, access).unwrap().is_some());
    }
}

#[tokio::test]
async fn without_a_durable_receipt_nothing_is_handed_over() {
    let case = Case::new().await;
    let header = case.documents().await.remove(0);
    let disk = FailingDisk::default();
    let store = disk.store().unwrap();
    let chart = crate::testing::chart(KURUME_HOSPITAL, "K-1");
    store
        .subject_or(&chart, case.setting.kurume_subject)
        .unwrap();
    let kurume = crate::testing::node(
        KURUME,
        &case.setting.ledger,
        &crate::testing::Fixed::new("failing", case.setting.ledger.now()),
        store,
        &[],
        case.broker.channel().await,
    )
    .await;
    case.broker.tamper_retrieves(move |events| {
        disk.fail();
        events
    });
    let stream = kurume
        .operating()
        .retrieve_document(retrieve(&header.unique_id), patience())
        .await
        .unwrap();
    let events: Vec<_> = tokio_stream::StreamExt::collect(stream).await;
    assert_eq!(events.len(), 2, "the decision and the failure: {events:?}");
    assert_eq!(
        events[1].as_ref().unwrap_err().code(),
        tonic::Code::Internal
    );
}

/// A document of three chunks, in the index of Saga's node.
async fn long(case: &Case) -> (v1::DocumentEntry, Vec<u8>) {
    let mut bytes = case.setting.hospital.put(PATIENT, 9);
    let note = format!("NTE|1|L|{}\r", "X".repeat(PLAIN_BYTES / 2));
    (0..5).for_each(|_| bytes.extend(note.bytes()));
    case.setting.hospital.write(PATIENT, 9, &bytes);
    let report = case
        .saga
        .operating()
        .ingest_sources(v1::IngestRequest { rebuild: false });
    all(report.unwrap()).await;
    let documents = case.documents().await;
    let found = documents
        .into_iter()
        .find(|d| d.size_bytes == bytes.len() as u64);
    (found.unwrap(), bytes)
}

fn content(events: &[Got]) -> Vec<u8> {
    let chunks = events.iter().filter_map(|event| match event {
        Got::Chunk(chunk) => Some(chunk.clone()),
        _ => None,
    });
    chunks.flatten().collect()
}

fn outcome(events: &[Got]) -> NetworkOutcome {
    match events.last() {
        Some(Got::End(end)) => end.outcome.unwrap().try_into().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// What a broker tells when the node's connection breaks.
fn unreachable() -> v1::RetrieveDocumentEvent {
    v1::RetrieveDocumentEvent {
        event: Some(Carried::End(v1::NetworkEnd {
            network: SAGA.to_owned(),
            outcome: Some((&NetworkOutcome::Unreachable).into()),
            ..Default::default()
        })),
    }
}

#[tokio::test]
async fn after_a_cut_the_rest_is_asked_for_and_the_document_is_whole() {
    let case = Case::new().await;
    let (header, bytes) = long(&case).await;
    // Decision, header, three chunks, end: cut after the first chunk, after the next, and before the end.
    for keep in [3, 4, 5] {
        let answers = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&answers);
        case.broker.tamper_retrieves(move |mut events| {
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                events.truncate(keep);
                events.push(unreachable());
            }
            events
        });
        let events = case.retrieve(retrieve(&header.unique_id)).await.unwrap();
        assert_eq!(
            outcome(&events),
            NetworkOutcome::Answered { count: 1 },
            "{keep}"
        );
        assert!(content(&events) == bytes, "{keep}");
        let headers = events
            .iter()
            .filter(|event| matches!(event, Got::Header(_)));
        assert_eq!(
            (headers.count(), answers.load(Ordering::SeqCst)),
            (1, 2),
            "{keep}"
        );
    }
}

#[tokio::test]
async fn cut_off_altered_or_mixed_up_it_is_never_whole() {
    let case = Case::new().await;
    let (header, bytes) = long(&case).await;
    type Tampering = fn(Vec<v1::RetrieveDocumentEvent>) -> Vec<v1::RetrieveDocumentEvent>;
    let is_chunk =
        |event: &v1::RetrieveDocumentEvent| matches!(event.event, Some(Carried::Chunk(_)));
    let cases: [(&str, NetworkOutcome, Tampering); 6] = [
        (
            "the last chunk altered",
            NetworkOutcome::Malformed,
            |mut events| {
                if let Some(Carried::Chunk(chunk)) = &mut events[4].event {
                    chunk[0] ^= 1;
                }
                events
            },
        ),
        (
            "two chunks swapped",
            NetworkOutcome::Malformed,
            |mut events| {
                events.swap(2, 3);
                events
            },
        ),
        (
            "a chunk left out",
            NetworkOutcome::Malformed,
            |mut events| {
                events.remove(3);
                events
            },
        ),
        ("a chunk twice", NetworkOutcome::Malformed, |mut events| {
            events.insert(3, events[2].clone());
            events
        }),
        ("no last chunk", NetworkOutcome::Malformed, |mut events| {
            events.remove(4);
            events
        }),
        (
            "cut again and again at once",
            NetworkOutcome::Unreachable,
            |mut events| {
                events.truncate(2);
                events.push(unreachable());
                events
            },
        ),
    ];
    for (name, expected, tampering) in cases {
        case.broker.tamper_retrieves(tampering);
        let events = case.retrieve(retrieve(&header.unique_id)).await.unwrap();
        assert_eq!(outcome(&events), expected, "{name}");
        let content = content(&events);
        assert!(
            content.len() < bytes.len() && bytes.starts_with(&content),
            "{name}"
        );
    }
    case.broker.tamper_retrieves(move |events| {
        assert_eq!(events.iter().filter(|event| is_chunk(event)).count(), 3);
        events
    });
    let events = case.retrieve(retrieve(&header.unique_id)).await.unwrap();
    assert!(content(&events) == bytes);
}
