//! The outbox over a ledger that fails as networks do.

use crate::store::{NodeStore, TransferKind};
use crate::testing::{
    KURUME, KURUME_HOSPITAL, PATIENT, SAGA, SAGA_HOSPITAL, Setting, chart, network, until,
};
use sekisho_domain::{Action, Body, Commitment, EntryIndex, RefusalReason, RequestId, Transfer};

/// An access request permitted to retrieve a document.
fn permitted(setting: &Setting, document: u8) -> EntryIndex {
    setting.ledger.with(|world| {
        let mut request = world.request(KURUME, KURUME_HOSPITAL, setting.kurume_subject, &[SAGA]);
        request.action = Action::RetrieveDocument;
        request.document = Some(Commitment([document; 32]));
        world.ask(&request).0
    })
}

fn transfer(access: EntryIndex, document: u8) -> Transfer {
    Transfer {
        access,
        disclosing: network(SAGA),
        document: Commitment([document; 32]),
        content: Commitment([0xc0; 32]),
    }
}

fn record(store: &NodeStore, transfer: &Transfer, id: u8) {
    let now = sekisho_ledger::testing::BEGIN;
    store
        .record_transfer(
            TransferKind::Release,
            transfer,
            &sekisho_ledger::testing::subject(0xa5),
            &[],
            RequestId([id; 16]),
            now,
        )
        .unwrap();
}

fn releases(setting: &Setting) -> Vec<Transfer> {
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
async fn what_waited_when_the_node_stopped_is_on_the_ledger_once_after_restart() {
    let setting = Setting::new();
    let release = transfer(permitted(&setting, 1), 1);
    setting.ledger.down();
    let node = setting.saga().await;
    record(&node.0.store, &release, 1);
    node.0.outbox.wake();
    node.shutdown().await.unwrap();
    assert_eq!(node.outbox_total().unwrap(), 1);
    drop(node);
    setting.ledger.up();
    // Its first window has long passed.
    setting.environment.advance(24 * 60 * 60 * 1000);
    setting
        .ledger
        .with(|world| world.time = world.time.plus_ms(24 * 60 * 60 * 1000));

    let store = NodeStore::open(&setting.dir.path().join("saga.redb")).unwrap();
    assert_eq!(
        store.charts_of(&setting.saga_subject).unwrap()[0],
        chart(SAGA_HOSPITAL, PATIENT)
    );
    let node = setting.saga_with(store).await;
    until(async || node.outbox_total().unwrap() == 0).await;
    assert_eq!(releases(&setting), std::slice::from_ref(&release));
    let stored = node
        .0
        .store
        .transfer(TransferKind::Release, release.access)
        .unwrap()
        .unwrap();
    assert_eq!(stored.settled.unwrap().refused, None);
}

#[tokio::test]
async fn an_entry_whose_answer_was_lost_is_not_put_there_twice() {
    let setting = Setting::new();
    let release = transfer(permitted(&setting, 1), 1);
    let node = setting.saga().await;
    setting.ledger.mute();
    record(&node.0.store, &release, 1);
    node.0.outbox.wake();
    until(async || releases(&setting).len() == 1).await;
    // Even signed anew for another window.
    setting.environment.advance(10 * 60 * 1000);
    setting
        .ledger
        .with(|world| world.time = world.time.plus_ms(10 * 60 * 1000));
    setting.ledger.up();
    until(async || node.outbox_total().unwrap() == 0).await;
    assert_eq!(releases(&setting), std::slice::from_ref(&release));
    let settled = node
        .0
        .store
        .transfer(TransferKind::Release, release.access)
        .unwrap()
        .unwrap()
        .settled;
    let index = settled.unwrap().index;
    assert_eq!(
        setting.ledger.bodies()[index.0 as usize],
        Body::Release(release)
    );
}

#[tokio::test]
async fn a_refusal_is_settled_and_kept_and_holds_nobody_up() {
    let setting = Setting::new();
    let node = setting.saga().await;
    let (good, bad) = (
        transfer(permitted(&setting, 1), 1),
        transfer(permitted(&setting, 2), 3),
    );
    record(&node.0.store, &bad, 1);
    record(&node.0.store, &good, 2);
    node.0.outbox.wake();
    until(async || node.outbox_total().unwrap() == 0).await;
    let refused = |access| {
        let stored = node
            .0
            .store
            .transfer(TransferKind::Release, access)
            .unwrap()
            .unwrap();
        stored.settled.unwrap().refused
    };
    assert_eq!(refused(bad.access), Some(RefusalReason::NotPermitted));
    assert_eq!(refused(good.access), None);
}
