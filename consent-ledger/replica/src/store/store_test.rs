use super::*;
use crate::checked::Checked;
use crate::config::Config;
use crate::directory::Directory;
use crate::raft::{Entry, Proposal, TypeConfig};
use crate::test_genesis;
use futures::StreamExt;
use openraft::storage::{RaftLogStorage, RaftLogStorageExt, RaftStateMachine};
use openraft::testing::{StoreBuilder, Suite};
use openraft::{CommittedLeaderId, EntryPayload, RaftLogReader, RaftSnapshotBuilder, Vote};
use sekisho_domain::{Body, Entry as LedgerEntry, FacilityKind, Genesis, RequestId, TimeMs};
use sekisho_ledger::store::{StateRead, Table};
use sekisho_ledger::{ledger_id, sign_entry};
use sekisho_proto::v1;
use tempfile::TempDir;
use tokio_stream::wrappers::ReceiverStream;

pub(super) fn genesis() -> Genesis {
    test_genesis::genesis(&["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()])
}

fn open(dir: &TempDir, replica: u64) -> Result<Store, ReplicaError> {
    let genesis = genesis();
    Store::open(
        &Config::new(ReplicaId(replica), dir.path().join("data")),
        &genesis,
        ledger_id(&genesis),
    )
}

pub(super) fn machine(store: &Store) -> Machine {
    Machine::new(
        store.clone(),
        Arc::new(Checked::default()),
        Arc::new(Directory::default()),
    )
}

pub(super) fn log_id(index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(1, 1), index)
}

pub(super) fn blank(index: u64) -> Entry {
    Entry {
        log_id: log_id(index),
        payload: EntryPayload::Blank,
    }
}

const NOW: u64 = 1_700_000_100_000;

/// A batch of one facility's registration.
pub(super) fn batch(index: u64) -> Entry {
    let key = test_genesis::governance(1);
    let mut request_id = [0; 16];
    request_id[..8].copy_from_slice(&index.to_be_bytes());
    let entry = LedgerEntry {
        ledger: ledger_id(&genesis()),
        lineage: 1,
        author: key.key_id(),
        request_id: RequestId(request_id),
        claimed_time: TimeMs(NOW),
        not_before: TimeMs(NOW),
        not_after: TimeMs(NOW + 60_000),
        body: Body::FacilityRegister {
            facility: format!("411{index:07}").parse().unwrap(),
            kind: FacilityKind::Clinic,
            name: "a clinic".to_owned(),
            municipality: None,
        },
    };
    let batch = v1::Batch {
        time_ms: NOW + index,
        envelopes: vec![sign_entry(&entry, &[&key])],
    };
    Entry {
        log_id: log_id(index),
        payload: EntryPayload::Normal(Proposal::new(batch)),
    }
}

pub(super) fn rows(store: &Store) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let state = store.read_state().unwrap();
    let of = |table| {
        state
            .scan(table, b"", b"", usize::MAX)
            .unwrap()
            .into_iter()
            .map(move |(k, v)| (table, k, v))
    };
    Table::ALL.into_iter().flat_map(of).collect()
}

struct Builder;

impl StoreBuilder<TypeConfig, Store, Machine, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, Store, Machine), openraft::StorageError<u64>> {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir, 1).unwrap();
        let machine = machine(&store);
        Ok((dir, store, machine))
    }
}

#[test]
fn openraft_accepts_the_store() {
    Suite::test_all(Builder).unwrap();
}

#[tokio::test]
async fn what_was_reported_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let before = {
        let mut store = open(&dir, 1).unwrap();
        let mut machine = machine(&store);
        store.save_vote(&Vote::new_committed(3, 2)).await.unwrap();
        store.blocking_append((0..10).map(batch)).await.unwrap();
        store.save_committed(Some(log_id(6))).await.unwrap();
        let applied = machine.apply((0..=6).map(batch)).await.unwrap();
        assert!(
            applied
                .iter()
                .all(|a| matches!(a.0[..], [sekisho_ledger::Applied::Leaf { .. }])),
            "{applied:?}"
        );
        store.truncate(log_id(9)).await.unwrap();
        store.purge(log_id(2)).await.unwrap();
        rows(&store)
    };
    let mut store = open(&dir, 1).unwrap();
    assert_eq!(*store.size().borrow(), 7);
    assert_eq!(
        store.read_vote().await.unwrap(),
        Some(Vote::new_committed(3, 2))
    );
    assert_eq!(store.read_committed().await.unwrap(), Some(log_id(6)));
    let state = store.get_log_state().await.unwrap();
    assert_eq!(
        (state.last_purged_log_id, state.last_log_id),
        (Some(log_id(2)), Some(log_id(8)))
    );
    let indices: Vec<u64> = store
        .try_get_log_entries(0..99)
        .await
        .unwrap()
        .iter()
        .map(|e| e.log_id.index)
        .collect();
    assert_eq!(indices, [3, 4, 5, 6, 7, 8]);
    assert_eq!(
        machine(&store).applied_state().await.unwrap().0,
        Some(log_id(6))
    );
    assert_eq!(rows(&store), before);
}

#[tokio::test]
async fn an_append_to_a_follower_is_bounded_in_bytes_and_never_empty() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir, 1).unwrap();
    let heavy = |index| {
        let payload = vec![0; crate::config::APPEND_BYTES_MAX * 2 / 3];
        let envelopes = vec![v1::Envelope {
            payload,
            ..Default::default()
        }];
        let batch = v1::Batch {
            time_ms: 1,
            envelopes,
        };
        Entry {
            log_id: log_id(index),
            payload: EntryPayload::Normal(Proposal::new(batch)),
        }
    };
    store
        .blocking_append([heavy(0), heavy(1), blank(2)])
        .await
        .unwrap();
    assert_eq!(store.limited_get_log_entries(0, 3).await.unwrap().len(), 1);
    assert_eq!(store.limited_get_log_entries(1, 3).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_snapshot_carries_the_whole_state_and_replaces_all_of_the_old() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [from, to] = [open(&dirs[0], 1).unwrap(), open(&dirs[1], 2).unwrap()];
    let (mut from_machine, mut to_machine) = (machine(&from), machine(&to));
    from_machine.apply((0..5).map(batch)).await.unwrap();
    to_machine.apply([batch(0)]).await.unwrap();
    let built = from_machine
        .get_snapshot_builder()
        .await
        .build_snapshot()
        .await
        .unwrap();
    // Applied after the snapshot was taken: not part of it.
    let expected = rows(&from);
    from_machine.apply([batch(5)]).await.unwrap();

    let SnapshotData::View(view) = *built.snapshot else {
        panic!("a view")
    };
    let (bytes, sha256) = view.digest().unwrap();
    let receive = async |announced| {
        let chunks = ReceiverStream::new(view.chunks()).map(Ok::<_, ()>);
        Incoming::receive(&to, bytes, announced, chunks).await
    };
    let wrong = receive(Hash([7; 32])).await;
    assert!(
        matches!(wrong, Err(ReplicaError::SnapshotDigest { .. })),
        "{wrong:?}"
    );
    let incoming = receive(sha256).await.unwrap().unwrap();
    to_machine
        .install_snapshot(&built.meta, Box::new(SnapshotData::Received(incoming)))
        .await
        .unwrap();
    assert_eq!(rows(&to), expected);
    assert_eq!(*to.size().borrow(), 5);
    assert_eq!(to_machine.applied_state().await.unwrap().0, Some(log_id(4)));
    let left = std::fs::read_dir(dirs[1].path().join("data")).unwrap();
    let names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let received = names.filter(|name| name.starts_with("incoming"));
    assert_eq!(received.count(), 0, "the received file is gone");
}

#[tokio::test]
async fn a_snapshot_that_ends_before_what_was_cosigned_is_told_before_it_is_installed() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [from, to] = [open(&dirs[0], 1).unwrap(), open(&dirs[1], 2).unwrap()];
    machine(&from).apply((0..5).map(batch)).await.unwrap();
    let view = from.view().unwrap();
    let (length, sha256) = view.digest().unwrap();
    let chunks = ReceiverStream::new(view.chunks()).map(Ok::<_, ()>);
    let incoming = Incoming::receive(&to, length, sha256, chunks).await;
    let incoming = incoming.unwrap().unwrap();
    assert!(!incoming.is_behind(&to).unwrap(), "nothing was cosigned");
    to.record_cosigned(5, Hash([1; 32])).unwrap();
    assert!(!incoming.is_behind(&to).unwrap());
    to.record_cosigned(6, Hash([2; 32])).unwrap();
    assert!(incoming.is_behind(&to).unwrap());
}

/// Nothing here is worse for it.
#[tokio::test]
async fn what_is_no_snapshot_of_this_ledger_is_told_as_it_comes() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [from, to] = [open(&dirs[0], 1).unwrap(), open(&dirs[1], 2).unwrap()];
    machine(&from).apply((0..3).map(batch)).await.unwrap();
    let mut whole = Vec::new();
    let mut chunks = from.view().unwrap().chunks();
    while let Some(chunk) = chunks.recv().await {
        whole.extend(chunk);
    }
    let receive = async |bytes: Vec<u8>| {
        let sha256 = Hash(<sha2::Sha256 as sha2::Digest>::digest(&bytes).into());
        let length = bytes.len() as u64;
        let pieces = futures::stream::iter([Ok::<_, ()>(bytes)]);
        let received = Incoming::receive(&to, length, sha256, pieces).await;
        received.map(Result::unwrap).map(drop)
    };
    receive(whole.clone()).await.unwrap();
    let mut miscounted = whole.clone();
    *miscounted.last_mut().unwrap() ^= 1;
    let empty = b"sekisho/snapshot/v1\n\xff\xff\xff\xff\0\0\0\0\0\0\0\0";
    for bytes in [
        Vec::new(),
        b"something else altogether".to_vec(),
        whole[..whole.len() / 2].to_vec(),
        miscounted,
        empty.to_vec(),
    ] {
        let told = receive(bytes).await;
        assert!(
            matches!(told, Err(ReplicaError::NoSnapshot { .. })),
            "{told:?}"
        );
    }
    let ledger = LedgerId([9; 32]);
    let of_another = {
        let ours = ledger_id(&genesis()).0;
        let at = whole.windows(ours.len()).position(|some| some == ours);
        let (at, mut bytes) = (at.unwrap(), whole);
        bytes[at..at + ours.len()].copy_from_slice(&ledger.0);
        bytes
    };
    match receive(of_another).await {
        Err(ReplicaError::OtherLedger { found, .. }) => assert_eq!(found, ledger),
        other => panic!("{other:?}"),
    }
    to.read_state().unwrap();
}

#[tokio::test]
async fn a_snapshot_of_another_tree_than_the_one_cosigned_leaves_the_old_state_and_stops_the_replica()
 {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let from = open(&dirs[0], 1).unwrap();
    let mut from_machine = machine(&from);
    from_machine.apply((0..3).map(batch)).await.unwrap();
    let built = from_machine.get_current_snapshot().await.unwrap().unwrap();
    let SnapshotData::View(view) = *built.snapshot else {
        panic!("a view")
    };
    let before = {
        let to = open(&dirs[1], 2).unwrap();
        let before = rows(&to);
        to.record_cosigned(2, Hash([1; 32])).unwrap();
        let (length, sha256) = view.digest().unwrap();
        let chunks = ReceiverStream::new(view.chunks()).map(Ok::<_, ()>);
        let incoming = Incoming::receive(&to, length, sha256, chunks).await;
        let data = Box::new(SnapshotData::Received(incoming.unwrap().unwrap()));
        machine(&to)
            .install_snapshot(&built.meta, data)
            .await
            .unwrap_err();
        assert!(
            matches!(to.read_state(), Err(ReplicaError::Poisoned(_))),
            "poisoned"
        );
        before
    };
    assert_eq!(
        rows(&open(&dirs[1], 2).unwrap()),
        before,
        "nothing of it was kept"
    );
}

#[tokio::test]
async fn a_purge_past_the_applied_state_waits_for_the_snapshot_being_installed() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir, 1).unwrap();
    store.blocking_append((0..3).map(blank)).await.unwrap();
    store.set_installing(true);
    let mut purging = tokio::spawn({
        let mut store = store.clone();
        async move { store.purge(log_id(2)).await }
    });
    tokio::select! {
        biased;
        _ = &mut purging => panic!("purged before the snapshot was installed"),
        entries = store.try_get_log_entries(0..3) => assert_eq!(entries.unwrap().len(), 3),
    }
    machine(&store).apply((0..3).map(blank)).await.unwrap();
    store.set_installing(false);
    purging.await.unwrap().unwrap();
    assert_eq!(
        store.get_log_state().await.unwrap().last_purged_log_id,
        Some(log_id(2))
    );
}

#[test]
fn a_cosigned_root_is_never_cosigned_differently() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir, 1).unwrap();
    let root = |n| Hash([n; 32]);
    assert_eq!(store.record_cosigned(5, root(1)).unwrap(), Recorded::Latest);
    assert_eq!(store.record_cosigned(5, root(1)).unwrap(), Recorded::Latest);
    assert_eq!(
        store.record_cosigned(4, root(9)).unwrap(),
        Recorded::Behind { last: 5 }
    );
    assert_eq!(store.record_cosigned(6, root(2)).unwrap(), Recorded::Latest);
    drop(store);
    let store = open(&dir, 1).unwrap();
    assert_eq!(
        store.cosigned().unwrap(),
        Some(Cosigned {
            size: 6,
            root: vec![2; 32]
        })
    );
    assert!(matches!(
        store.record_cosigned(6, root(3)),
        Err(ReplicaError::OwnFork { size: 6 })
    ));
    assert!(
        matches!(
            store.record_cosigned(7, root(4)),
            Err(ReplicaError::Poisoned(_))
        ),
        "it stopped for good"
    );
}

#[test]
fn a_store_is_one_replicas_of_one_ledger() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&dir, 1).unwrap());
    let other_replica = open(&dir, 2).err();
    let (found, expected) = (ReplicaId(1), ReplicaId(2));
    assert!(matches!(
        other_replica,
        Some(ReplicaError::OtherReplica { found: f, expected: e }) if (f, e) == (found, expected)
    ));
    let other = test_genesis::genesis(&["127.0.0.1:9".to_owned()]);
    let config = Config::new(ReplicaId(1), dir.path().join("data"));
    let other_ledger = Store::open(&config, &other, ledger_id(&other)).err();
    assert!(
        matches!(other_ledger, Some(ReplicaError::OtherLedger { .. })),
        "{other_ledger:?}"
    );
}

#[test]
fn a_replica_that_lost_its_store_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&dir, 1).unwrap());
    std::fs::remove_dir_all(dir.path().join("data")).unwrap();
    assert!(matches!(
        open(&dir, 1).err(),
        Some(ReplicaError::StoreLost { .. })
    ));
    std::fs::write(dir.path().join("data/ledger.redb"), b"").unwrap();
    assert!(
        matches!(open(&dir, 1).err(), Some(ReplicaError::StoreLost { .. })),
        "an emptied one too"
    );
}

#[test]
fn a_crash_before_the_marker_is_made_up_for() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&dir, 1).unwrap());
    let marker = Config::new(ReplicaId(1), dir.path().join("data")).marker;
    std::fs::remove_file(&marker).unwrap();
    drop(open(&dir, 1).unwrap());
    assert!(marker.exists());
}

#[test]
fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let _held = open(&dir, 1).unwrap();
    assert!(matches!(open(&dir, 1).err(), Some(ReplicaError::InUse(_))));
}

#[tokio::test]
async fn a_database_that_was_never_closed_is_opened_without_walking_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir, 1).unwrap();
    let mut machine = machine(&store);
    machine.apply((1..=20).map(batch)).await.unwrap();
    store.flush().unwrap();
    // As it is found after the machine stopped now.
    let left = dir.path().join("left.redb");
    std::fs::copy(dir.path().join("data/ledger.redb"), &left).unwrap();
    let opened = redb::Builder::new()
        .set_repair_callback(|walk| walk.abort())
        .open(&left);
    assert!(opened.is_ok(), "{:?}", opened.err());
}
