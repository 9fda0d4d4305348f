//! When a node answers from its index, across restarts.

use super::*;
use crate::store::NodeStore;
use crate::testing::{PATIENT, SAGA, Setting, Storage, network, nowhere, until};
use crate::{Budgets, Config, Node, Parts};
use sekisho_documents::{DocumentIndex, MemoryIndex};
use sekisho_domain::KeyPurpose;
use sekisho_ingest::SsMix2Storage;

/// Starts Saga's node over an index that outlives it.
async fn start(setting: &Setting, index: &Arc<MemoryIndex>, storages: &[&Storage]) -> Node {
    let config = Config {
        network: network(SAGA),
        sources: storages.iter().map(|s| s.of_node()).collect(),
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
    Node::start(config, parts).await.unwrap()
}

async fn stop(node: Node) {
    node.shutdown().await.unwrap();
}

/// Waits until the run at start has ended, well or not.
async fn at_rest(node: &Node) {
    drop(
        crate::testing::bounded(node.0.ingests.next())
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn files_that_came_while_the_node_was_away_are_read_at_start() {
    let setting = Setting::new();
    let index = Arc::new(MemoryIndex::default());
    setting.hospital.put(PATIENT, 1);
    let node = start(&setting, &index, &[&setting.hospital]).await;
    until(async || node.answers_documents()).await;
    stop(node).await;
    setting.hospital.put(PATIENT, 2);
    let node = start(&setting, &index, &[&setting.hospital]).await;
    until(async || index.counters().unwrap().documents() == 2).await;
    assert!(node.answers_documents());
}

#[tokio::test]
async fn an_index_that_was_lost_or_belongs_to_other_sources_is_read_before_it_answers() {
    let setting = Setting::new();
    let index = Arc::new(MemoryIndex::default());
    setting.hospital.put(PATIENT, 1);
    setting.other.put(PATIENT, 2);
    let node = start(&setting, &index, &[&setting.hospital]).await;
    until(async || node.answers_documents()).await;
    stop(node).await;

    let lost = Arc::new(MemoryIndex::default());
    for (index, storages) in [
        (&lost, vec![&setting.hospital]),
        (&index, vec![&setting.hospital, &setting.other]),
    ] {
        let sources: Vec<_> = storages.iter().map(|s| s.of_node()).collect();
        let node = start(&setting, index, &storages).await;
        until(async || node.answers_documents()).await;
        let documents = index.counters().unwrap().documents();
        assert_eq!(
            documents,
            sources.len() as u64,
            "all of them at the first answer"
        );
        assert_eq!(node.0.store.ingested().unwrap(), Some(digest(&sources)));
        stop(node).await;
    }
}

#[tokio::test]
async fn a_run_that_fails_midway_leaves_the_index_incomplete_over_restarts() {
    let setting = Setting::new();
    let index = Arc::new(MemoryIndex::default());
    setting.hospital.put(PATIENT, 1);
    setting.other.put(PATIENT, 2);
    let storages = [&setting.hospital, &setting.other];
    let node = start(&setting, &index, &storages).await;
    until(async || node.answers_documents()).await;
    at_rest(&node).await;
    let root = &setting.other.source.root;
    let away = root.with_extension("away");
    std::fs::rename(root, &away).unwrap();
    let failed = run(Arc::clone(&node.0), true, |_| {}).await;
    assert!(failed.is_err() && !node.answers_documents());
    stop(node).await;

    // The first storage is in the index, so it is not empty; still it is not complete.
    assert_eq!(index.counters().unwrap().documents(), 1);
    let store = NodeStore::open(&setting.dir.path().join("saga.redb")).unwrap();
    assert_eq!(store.ingested().unwrap(), None);
    drop(store);
    // A volume that is away keeps neither node nor ledger from starting, and its operator is told which it is.
    let node = start(&setting, &index, &storages).await;
    at_rest(&node).await;
    let told = run(Arc::clone(&node.0), false, |_| {})
        .await
        .unwrap_err()
        .status();
    assert_eq!(told.code(), tonic::Code::Unavailable);
    assert!(told.message().contains("is the volume mounted?"), "{told}");
    assert!(!node.answers_documents());
    std::fs::rename(&away, root).unwrap();
    let report = run(Arc::clone(&node.0), false, |_| {}).await.unwrap();
    assert_eq!(report.sources.iter().map(Report::documents).sum::<u64>(), 2);
    assert!(node.answers_documents());
}

#[test]
fn the_digest_tells_sources_apart() {
    let setting = Setting::new();
    let moved = SsMix2Storage {
        root: setting.other.source.root.clone(),
        ..setting.hospital.source.clone()
    };
    let (one, two) = (setting.hospital.of_node(), setting.other.of_node());
    let sets: [Vec<Arc<dyn Source>>; 5] = [
        vec![],
        vec![one.clone()],
        vec![two.clone()],
        vec![Arc::new(moved)],
        vec![one, two],
    ];
    let digests: std::collections::BTreeSet<_> = sets.iter().map(|set| digest(set)).collect();
    assert_eq!(digests.len(), sets.len());
}
