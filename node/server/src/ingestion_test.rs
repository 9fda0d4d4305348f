//! When a node answers from its index, across restarts.

use super::*;
use crate::store::NodeStore;
use crate::testing::{PATIENT, SAGA, Setting, Storage, network, nowhere, until};
use crate::{Budgets, Config, Node, Parts};
use sekisho_documents::{DocumentIndex, MemoryIndex};
use sekisho_domain::KeyPurpose;
use sekisho_ingest::SsMix2Storage;
use std::io::Write;

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
        assert_eq!(
            node.0.store.ingested().unwrap(),
            Some(ingested_digest(&sources, None))
        );
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
    let root = &setting.other.source.root;
    let away = root.with_extension("away");
    std::fs::rename(root, &away).unwrap();
    let node = start(&setting, &index, &storages).await;
    let failed = run(Arc::clone(&node.0), false, |_| {}).await;
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

#[tokio::test]
async fn an_index_is_built_anew_beside_the_one_that_answers() {
    let setting = Setting::new();
    let index = Arc::new(MemoryIndex::default());
    setting.hospital.put(PATIENT, 1);
    setting.other.put(PATIENT, 2);
    let storages = [&setting.hospital, &setting.other];
    let node = start(&setting, &index, &storages).await;
    until(async || node.answers_documents()).await;
    at_rest(&node).await;
    let expected = node.0.store.ingested().unwrap();
    // What no source says is gone afterwards, and until then it is answered.
    let stray = index.records(None, 1).unwrap().remove(0);
    let mut stray = stray.clone();
    stray.location.path.push_str("-stray");
    index
        .apply(&[sekisho_documents::Change::Put(stray)])
        .unwrap();
    let root = &setting.other.source.root;
    let away = root.with_extension("away");
    std::fs::rename(root, &away).unwrap();
    let failed = run(Arc::clone(&node.0), true, |_| {}).await;
    assert!(failed.is_err() && node.answers_documents(), "as before");
    assert_eq!(index.counters().unwrap().files(), 3);
    assert_eq!(node.0.store.ingested().unwrap(), expected);
    std::fs::rename(&away, root).unwrap();
    let watched = Arc::clone(&index);
    let report = run(Arc::clone(&node.0), true, move |_| {
        assert_eq!(watched.counters().unwrap().files(), 3, "until it is whole");
    })
    .await
    .unwrap();
    assert_eq!(report.resumed, Some(1), "the first source was read before");
    assert_eq!(index.counters().unwrap().files(), 2);
    let again = run(Arc::clone(&node.0), true, |_| {}).await.unwrap();
    assert_eq!(again.resumed, None);
    assert!(node.answers_documents());
}

/// Asks the test's own process, started again, to build an index anew in a folder, or in a database.
const FOLDER: &str = "SEKISHO_TEST_REINDEX";
const DATABASE: &str = "SEKISHO_TEST_REINDEX_DATABASE";
/// More than one batch.
const PATIENTS: u32 = 900;

fn opened(folder: &std::path::Path, database: Option<&str>) -> Box<dyn DocumentIndex> {
    match database {
        Some(url) => {
            let settings = sekisho_documents::PostgresSettings::new(url, None, None).unwrap();
            Box::new(sekisho_documents::PostgresIndex::open(settings, "saga/1").unwrap())
        }
        None => Box::new(sekisho_documents::SledIndex::open(&folder.join("index")).unwrap()),
    }
}

fn storage(folder: &std::path::Path) -> Storage {
    Storage {
        source: sekisho_ingest::SsMix2Storage::new(
            folder.join("hospital"),
            "4110000001".parse().unwrap(),
            "hospital".parse().unwrap(),
        ),
    }
}

#[test]
fn builds_anew_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let (folder, database) = (
        std::path::PathBuf::from(folder),
        std::env::var(DATABASE).ok(),
    );
    let index = opened(&folder, database.as_deref());
    let (sources, mut out) = ([storage(&folder).of_node()], std::io::stdout());
    read_anew(index.as_ref(), &sources, &Following::default(), &mut |p| {
        // The parent may have heard enough.
        let _ = writeln!(out, "seen {}", p.files_seen);
    })
    .unwrap();
    let _ = writeln!(std::io::stdout(), "done");
}

/// Kills it after so many words of progress; whether it came to its end before.
fn killed_after(words: usize, folder: &std::path::Path, database: Option<&str>) -> bool {
    use std::io::BufRead;
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "ingestion::tests::builds_anew_until_killed",
        "--nocapture",
    ]);
    command
        .env(FOLDER, folder)
        .stdout(std::process::Stdio::piped());
    if let Some(url) = database {
        command.env(DATABASE, url);
    }
    let mut child = command.spawn().unwrap();
    let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = lines
        .map(Result::unwrap)
        .filter(|line| line.contains("seen ") || line == "done");
    let last = said.by_ref().take(words).last();
    child.kill().unwrap();
    child.wait().unwrap();
    last.as_deref() == Some("done")
}

fn nothing_is_lost_or_doubled_whenever_it_is_killed(database: Option<&str>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("hospital")).unwrap();
    let hospital = storage(dir.path());
    for patient in 0..PATIENTS {
        hospital.put(&format!("{patient:07}"), 1);
    }
    let sources = [hospital.of_node()];
    let index = opened(dir.path(), database);
    read(index.as_ref(), &sources, &Following::default(), &mut |_| {}).unwrap();
    let before = index.records(None, 1000).unwrap();
    assert_eq!(before.len(), PATIENTS as usize);
    drop(index);
    hospital.put("9999999", 1);
    let (mut resumed, mut left) = (0, 0);
    for words in [1, 200, 600, 850, PATIENTS as usize] {
        let done = killed_after(words, dir.path(), database);
        let index = opened(dir.path(), database);
        let held = index.records(None, 1000).unwrap();
        assert!(
            done || held == before || held.len() == before.len() + 1,
            "{words}: {}",
            held.len()
        );
        assert_eq!(
            index.counters().unwrap().files(),
            held.len() as u64,
            "{words}"
        );
        // One that came to its end has left nothing to go on with.
        left = index.beside().unwrap().counters().unwrap().files();
        resumed = resumed.max(left);
    }
    let index = opened(dir.path(), database);
    let following = Following::default();
    let (report, _) = read_anew(index.as_ref(), &sources, &following, &mut |_| {}).unwrap();
    // What is committed is there again; sled may have held some in memory only.
    assert!(database.is_none() || resumed > 0, "{resumed}");
    assert_eq!(report.resumed, Some(left).filter(|left| *left > 0));
    let after = index.records(None, 1000).unwrap();
    assert_eq!(after.len(), PATIENTS as usize + 1);
    let ids: std::collections::BTreeSet<_> = after.iter().map(|r| r.location.clone()).collect();
    assert_eq!(ids.len(), after.len());
    assert_eq!(index.counters().unwrap().documents(), after.len() as u64);
}

#[test]
fn a_building_killed_at_any_time_loses_and_doubles_nothing() {
    nothing_is_lost_or_doubled_whenever_it_is_killed(None);
}

#[test]
fn a_building_on_postgresql_killed_at_any_time_loses_and_doubles_nothing() {
    let Some(server) = private_postgres::Postgres::start() else {
        return;
    };
    server.sql("postgres", "CREATE DATABASE node");
    nothing_is_lost_or_doubled_whenever_it_is_killed(Some(&server.url("node")));
}

#[path = "../../documents/src/private_postgres.rs"]
mod private_postgres;

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
    let digests: std::collections::BTreeSet<_> =
        sets.iter().map(|set| ingested_digest(set, None)).collect();
    assert_eq!(digests.len(), sets.len());
}
