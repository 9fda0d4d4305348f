//! A running node keeps up with its sources.

use super::*;
use crate::store::NodeStore;
use crate::testing::{
    PATIENT, SAGA, STRANGER, Setting, Storage, network, nowhere, prescription, until,
};
use crate::{Budgets, Config, Node, Parts};
use sekisho_documents::{DocumentIndex, MemoryIndex};
use sekisho_domain::KeyPurpose;
use sekisho_ingest::follow::Follow;
use std::fs;

fn followed(storage: &Storage) -> SsMix2Storage {
    let mut source = storage.source.clone();
    source.follow = Some(Follow::default());
    source
}

async fn start(setting: &Setting, index: &Arc<MemoryIndex>, sources: Vec<SsMix2Storage>) -> Node {
    let config = Config {
        network: network(SAGA),
        sources: sources.into_iter().map(|s| Arc::new(s) as _).collect(),
        budgets: Budgets::default(),
    };
    let parts = Parts {
        ledger: Arc::clone(&setting.ledger) as _,
        store: NodeStore::open(&setting.dir.path().join("saga.redb")).unwrap(),
        index: Arc::clone(index) as _,
        directory: crate::store::Directory::in_memory(),
        key: sekisho_ledger::testing::key(SAGA, KeyPurpose::Node),
        broker: nowhere(),
        carrier: Arc::new(nowhere()),
        environment: Arc::clone(&setting.environment) as _,
    };
    let node = Node::start(config, parts).await.unwrap();
    until(async || node.answers_documents()).await;
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn what_appears_changes_and_goes_is_seen_without_anybody_asking() {
    let setting = Setting::new();
    let index = Arc::new(MemoryIndex::default());
    let sources = vec![followed(&setting.hospital), followed(&setting.other)];
    let node = start(&setting, &index, sources).await;
    let documents = || index.counters().unwrap().documents();
    let quarantined = || index.counters().unwrap().quarantined.values().sum::<u64>();

    let began = std::time::Instant::now();
    setting.hospital.put(PATIENT, 1);
    until(async || documents() == 1).await;
    setting.other.put(STRANGER, 2);
    until(async || documents() == 2).await;
    // Another patient's message in its place.
    setting
        .hospital
        .write(PATIENT, 1, &prescription(STRANGER, "DRUG"));
    until(async || (documents(), quarantined()) == (1, 1)).await;
    fs::remove_dir_all(setting.hospital.source.root.join(&PATIENT[..3])).unwrap();
    until(async || (documents(), quarantined()) == (1, 0)).await;
    // Four changes, each of which may take two seconds.
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(node.following().len(), 2);
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_is_read_on_from_where_the_node_left_it() {
    let setting = Setting::new();
    let feed = setting.dir.path().join("TR");
    fs::create_dir_all(feed.join("2026")).unwrap();
    let index = Arc::new(MemoryIndex::default());
    let mut source = followed(&setting.hospital);
    source.transactions = Some(feed.clone());
    // No events: the feed alone leads.
    source.follow = Some(Follow {
        watches_max: 0,
        ..Follow::default()
    });
    let node = start(&setting, &index, vec![source.clone()]).await;
    let documents = || index.counters().unwrap().documents();
    setting.hospital.put(PATIENT, 1);
    let file = feed.join("2026/TR_20260401000000000_00001.DAT");
    fs::write(&file, prescription(PATIENT, "DRUG")).unwrap();
    until(async || documents() == 1).await;
    let store = Arc::clone(&node.0.store);
    let position = || store.feed_position(&source.source_id).unwrap();
    until(async || position().is_some_and(|p| p.file.contains("00001"))).await;
    node.shutdown().await.unwrap();
    drop((node, store));

    setting.hospital.put(PATIENT, 2);
    fs::write(
        feed.join("2026/TR_20260402000000000_00001.DAT"),
        prescription(PATIENT, "DRUG"),
    )
    .unwrap();
    let node = start(&setting, &index, vec![source.clone()]).await;
    until(async || documents() == 2).await;
    let position = node.0.store.feed_position(&source.source_id);
    assert!(position.unwrap().is_some());
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_heard_and_not_looked_at_waits_for_another_try() {
    let setting = Setting::new();
    let index = Arc::new(MemoryIndex::default());
    let node = start(&setting, &index, vec![setting.hospital.source.clone()]).await;
    setting.hospital.put(PATIENT, 1);
    let inner = &node.0;
    let id = &setting.hospital.source.source_id;
    // The root is away when the folder is looked at.
    let away = setting.hospital.source.root.with_extension("away");
    fs::rename(&setting.hospital.source.root, &away).unwrap();
    let folder: String = format!("{}/{}/{PATIENT}", &PATIENT[..3], &PATIENT[3..6]);
    let position = Position {
        file: "2026/TR_1.DAT".to_owned(),
        offset_bytes: 1,
    };
    locked(&inner.following.waiting).insert(
        id.clone(),
        Waiting {
            folders: [folder].into(),
            reconcile: false,
            position: Some(position.clone()),
        },
    );
    assert!(look_at(inner, &setting.hospital.source).is_err());
    assert_eq!(inner.store.feed_position(id).unwrap(), None);
    fs::rename(&away, &setting.hospital.source.root).unwrap();
    // It waits in memory, and the notice that came with it has the task look at it now.
    until(async || index.counters().unwrap().documents() == 1).await;
    until(async || inner.store.feed_position(id).unwrap() == Some(position.clone())).await;
    node.shutdown().await.unwrap();
}
