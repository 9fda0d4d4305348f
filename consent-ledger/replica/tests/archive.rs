//! Exports: the same bytes from each replica, believed only as far as they lead to the checkpoint, and the
//! beginning of a replica that has never run.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use sekisho_domain::EntryIndex;
use sekisho_ledger::checkpoint::VerifiedCheckpoint;
use sekisho_replica::offline::{
    ArchiveError, Export, export_stopped, fsck, import, verify_archive,
};
use sekisho_replica::{Keys, Replica, ReplicaError, SystemClock};
use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use support::{Cluster, patience, until};

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// What a client does: a checkpoint from one replica, the leaves from any.
async fn export(replica: &Replica, note: &str, under: &VerifiedCheckpoint, folder: &Path) {
    let mut export = Export::begin(folder, note.to_owned(), under.clone()).unwrap();
    for index in export.size()..export.wanted() {
        let leaf = replica.leaf(EntryIndex(index)).await.unwrap().unwrap();
        export.push(&leaf).unwrap();
    }
    export.finish().unwrap();
}

async fn grow(cluster: &Cluster, from: u64, until: u64) {
    for n in from..until {
        cluster.submit(1, n).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_the_same_from_everywhere_and_begins_a_replica() {
    // Three found it; the third has not been started yet.
    let mut cluster = Cluster::of(3, 3).await;
    cluster.publish_every = Duration::from_millis(10);
    for id in [1, 2] {
        cluster.start(id).await;
    }
    for id in [1, 2] {
        cluster.replica(id).wait_ready(patience()).await.unwrap();
    }
    grow(&cluster, 0, 600).await;
    let checkpoint = cluster
        .replica(1)
        .checkpoint(600, patience())
        .await
        .unwrap();
    let (note, under) = (&checkpoint.note, &checkpoint.checkpoint);
    cluster
        .replica(2)
        .wait_applied(EntryIndex(599), patience())
        .await
        .unwrap();

    let dir = tempfile::tempdir().unwrap();
    let folders = [1, 2].map(|id| dir.path().join(format!("from-{id}")));
    for (id, folder) in [1, 2].into_iter().zip(&folders) {
        export(cluster.replica(id), note, under, folder).await;
    }
    let exported = files(&folders[0]);
    assert!(exported == files(&folders[1]));
    let names: Vec<&str> = exported.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "checkpoint",
            "tile/0/000",
            "tile/0/001",
            "tile/0/002.p/88",
            "tile/1/000.p/2",
            "tile/entries/000",
            "tile/entries/001",
            "tile/entries/002.p/88",
        ]
    );
    // The full ones are also what the replicas sealed.
    for name in names
        .iter()
        .filter(|name| name.starts_with("tile") && !name.contains(".p/"))
    {
        let sealed = cluster.config(2).data_dir.join("tiles").join(name);
        let sealed = until("a tile to be sealed", async || fs::read(&sealed).ok()).await;
        assert!(sealed == exported[*name], "{name}");
    }
    // Interrupted and run again: the full bundles that are there are where it begins.
    fs::remove_file(folders[1].join("checkpoint")).unwrap();
    fs::remove_dir_all(folders[1].join("tile/entries/002.p")).unwrap();
    fs::remove_file(folders[1].join("tile/entries/001")).unwrap();
    let incomplete = verify_archive(&folders[1], &cluster.genesis, &mut |_, _| {});
    assert!(matches!(incomplete, Err(ArchiveError::NoCheckpoint(_))));
    let resumed = Export::begin(&folders[1], note.clone(), under.clone()).unwrap();
    assert_eq!(resumed.size(), 256);
    drop(resumed);
    export(cluster.replica(1), note, under, &folders[1]).await;
    assert!(files(&folders[1]) == exported);

    each_alteration_is_refused(&cluster, &folders[0]);

    let archive = verify_archive(&folders[0], &cluster.genesis, &mut |_, _| {}).unwrap();
    let config = cluster.config(3);
    // Cut off after the first bundle.
    let cut_off = catch_unwind(AssertUnwindSafe(|| {
        let mut heard = |done, _| assert!(done < 256, "the power is cut");
        import(&archive, &config, &cluster.genesis, &mut heard)
    }));
    assert!(cut_off.is_err());
    let keys = || Keys {
        transport: support::genesis::transport(3),
        checkpoint: support::genesis::checkpoint(3),
    };
    let clock = Arc::new(SystemClock);
    let started = Replica::start(config.clone(), cluster.genesis.clone(), keys(), clock).await;
    assert!(matches!(
        started.err(),
        Some(ReplicaError::ImportUnfinished(_))
    ));
    let mut heard = Vec::new();
    let done = import(&archive, &config, &cluster.genesis, &mut |done, of| {
        heard.push((done, of))
    });
    let done = done.unwrap();
    assert_eq!(
        (done.size, done.resumed, done.root),
        (600, 256, under.root())
    );
    assert_eq!(heard, [(256, 600), (512, 600), (600, 600)]);
    let again = import(&archive, &config, &cluster.genesis, &mut |_, _| {});
    assert!(matches!(
        again,
        Err(ArchiveError::Replica(ReplicaError::HasRun(_)))
    ));

    // Before it runs it is checked like any other.
    let scratch = tempfile::tempdir().unwrap();
    let report = fsck(
        &config.data_dir,
        &cluster.genesis,
        scratch.path(),
        &mut |_, _| {},
    )
    .unwrap();
    let missing: Vec<_> = report.findings.iter().map(|f| f.kind.code()).collect();
    assert_eq!(
        missing, ["missing"; 4],
        "only the sealed files, which the replica writes"
    );
    assert_eq!((report.leaves, report.replayed), (600, 600));

    // It takes its place: what it holds is passed over, what is new is applied.
    cluster.start(3).await;
    cluster.replica(3).wait_ready(patience()).await.unwrap();
    grow(&cluster, 600, 605).await;
    cluster.submit(3, 605).await.unwrap();
    cluster.assert_equal_states(606).await;
    let sealed = config.data_dir.join("tiles/tile/entries/001");
    until("a tile to be sealed", async || fs::read(&sealed).ok()).await;
    cluster.stop(3).await;
    let scratch = tempfile::tempdir().unwrap();
    let report = fsck(
        &config.data_dir,
        &cluster.genesis,
        scratch.path(),
        &mut |_, _| {},
    )
    .unwrap();
    assert_eq!(report.findings, []);

    // And what a stopped replica holds can be exported too.
    let folder = dir.path().join("from-3");
    let size = export_stopped(&config.data_dir, &cluster.genesis, &folder, &mut |_, _| {}).unwrap();
    assert!(size >= 600);
    verify_archive(&folder, &cluster.genesis, &mut |_, _| {}).unwrap();
    let running = export_stopped(
        &cluster.config(1).data_dir,
        &cluster.genesis,
        &folder,
        &mut |_, _| {},
    );
    assert!(
        matches!(running, Err(ArchiveError::Replica(ReplicaError::InUse(_)))),
        "{running:?}"
    );
}

fn each_alteration_is_refused(cluster: &Cluster, folder: &Path) {
    let verify = || verify_archive(folder, &cluster.genesis, &mut |_, _| {}).map(drop);
    verify().unwrap();
    for (name, bytes) in files(folder) {
        let path = folder.join(&name);
        for at in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            fs::write(&path, &altered).unwrap();
            let Err(error) = verify() else {
                panic!("byte {at} of {name} was not missed");
            };
            let named = match &error {
                ArchiveError::Tile {
                    path: named,
                    offset,
                } => {
                    // A tile's own byte is named; one of a bundle shows in the tile over it.
                    let own = *named == path && *offset == at;
                    assert!(
                        own || name.contains("entries"),
                        "byte {at} of {name}: {error}"
                    );
                    true
                }
                ArchiveError::Entries { path: named, .. } => *named == path,
                ArchiveError::Replica(ReplicaError::PublishedCheckpoint {
                    path: named, ..
                }) => *named == path,
                _ => false,
            };
            assert!(named, "byte {at} of {name}: {error}");
        }
        for length in [0, bytes.len() - 1] {
            fs::write(&path, &bytes[..length]).unwrap();
            assert!(verify().is_err(), "{name} cut to {length}");
        }
        fs::remove_file(&path).unwrap();
        let gone = verify().unwrap_err();
        assert!(
            matches!(
                gone,
                ArchiveError::Missing(_) | ArchiveError::NoCheckpoint(_)
            ),
            "{name}: {gone}"
        );
        fs::write(&path, bytes).unwrap();
    }
    // Of another ledger.
    let mut other = cluster.genesis.clone();
    other.networks[0].name = "another".to_owned();
    let foreign = verify_archive(folder, &other, &mut |_, _| {}).map(drop);
    assert!(
        matches!(
            foreign,
            Err(ArchiveError::Replica(
                ReplicaError::PublishedCheckpoint { .. }
            ))
        ),
        "{foreign:?}"
    );
    verify().unwrap();
}
