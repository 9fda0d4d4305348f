//! Getting documents.

use super::*;

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
            if let Some(Got::Chunk(chunk)) = &mut event.event {
                *chunk.last_mut().unwrap() ^= 1;
            }
        }
        events
    });
    let events = case.retrieve(retrieve(&header.unique_id)).await.unwrap();
    let [Got::Decided(decided), Got::End(end)] = &events[..] else {
        panic!("{events:?}")
    };
    let outcome: NetworkOutcome = end.outcome.unwrap().try_into().unwrap();
    assert_eq!(outcome, NetworkOutcome::Malformed);
    let access = EntryIndex(decided.index);
    assert_eq!(
        case.kurume
            .0
            .store
            .transfer(TransferKind::Receipt, access)
            .unwrap(),
        None
    );
    assert!(
        case.saga
            .0
            .store
            .transfer(TransferKind::Release, access)
            .unwrap()
            .is_some()
    );
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
