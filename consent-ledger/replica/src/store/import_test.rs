//! An imported store, and a Raft log that tells it everything from the beginning.

use super::super::Store;
use super::super::tests::{batch, genesis, log_id, machine, rows};
use super::*;
use crate::raft::{Entry, Proposal};
use crate::test_genesis;
use openraft::EntryPayload;
use openraft::storage::RaftStateMachine;
use sekisho_domain::{
    Body, Entry as LedgerEntry, KeyPurpose, ReplicaId, RequestId, SubjectId, SubjectRef,
};
use sekisho_ledger::sign_entry;
use sekisho_ledger::signature::SigningKey;
use tempfile::TempDir;

fn envelopes(entry: &Entry) -> Vec<v1::Envelope> {
    match &entry.payload {
        EntryPayload::Normal(batch) => batch.batch().envelopes.clone(),
        _ => Vec::new(),
    }
}

fn of(index: u64, time_ms: u64, envelopes: Vec<v1::Envelope>) -> Entry {
    Entry {
        log_id: log_id(index),
        payload: EntryPayload::Normal(Proposal::new(v1::Batch { time_ms, envelopes })),
    }
}

fn said(by: &SigningKey, id: u8, body: Body, now: u64) -> v1::Envelope {
    let entry = LedgerEntry {
        ledger: ledger_id(&genesis()),
        lineage: 1,
        author: by.key_id(),
        request_id: RequestId([id; 16]),
        claimed_time: TimeMs(now),
        not_before: TimeMs(now - 1_000),
        not_after: TimeMs(now + 60_000),
        body,
    };
    sign_entry(&entry, &[by])
}

/// A Raft log in which much comes to nothing: repetitions, an entry by a key that is let in only later and is
/// then sent again, batches without any leaf, one with a clock that ran back.
fn log() -> Vec<Entry> {
    let now = 1_700_000_100_000;
    let (governance, node) = (
        test_genesis::governance(1),
        SigningKey::from_secret(&[77; 32]),
    );
    let link = Body::SubjectLink {
        own: SubjectId([1; 16]),
        other: SubjectRef {
            network: test_genesis::network(2),
            subject: SubjectId([2; 16]),
        },
    };
    let early = said(&node, 1, link, now);
    let let_in = Body::KeyAdd {
        purpose: KeyPurpose::Node,
        public_key: node.public_key(),
        endpoint: None,
    };
    let let_in = said(&governance, 2, let_in, now);
    let facility = |n| envelopes(&batch(n)).remove(0);
    vec![
        of(0, now, vec![facility(0), early.clone(), facility(1)]),
        of(1, now + 1, vec![facility(0), early.clone()]),
        of(2, now + 5, vec![early.clone()]),
        of(
            3,
            now + 2,
            vec![facility(2), let_in, early.clone(), early.clone()],
        ),
        of(4, now + 9, vec![facility(2), early]),
        of(5, now + 10, vec![facility(3), facility(4), facility(3)]),
        of(6, now + 11, vec![facility(4)]),
    ]
}

fn config(dir: &TempDir) -> Config {
    Config::new(ReplicaId(1), dir.path().join("data"))
}

fn open(dir: &TempDir) -> Result<Store, ReplicaError> {
    Store::open(&config(dir), &genesis(), ledger_id(&genesis()))
}

fn leaves(store: &Store) -> (Vec<Vec<u8>>, Hash) {
    let state = store.read_state().unwrap();
    let size = tree::size(&state).unwrap();
    let leaf = |index| View(&state).leaf(EntryIndex(index)).unwrap().unwrap();
    (
        (0..size).map(leaf).collect(),
        tree::root(&state, size).unwrap(),
    )
}

/// Imports the first leaves of a ledger.
fn imported(dir: &TempDir, leaves: &[Vec<u8>]) {
    let import = Import::open(&config(dir), &genesis()).unwrap();
    let decoded: Vec<Leaf> = leaves
        .iter()
        .map(|leaf| Leaf::decode(leaf).unwrap())
        .collect();
    assert!(import.append(&decoded, leaves).unwrap().is_ok());
    let root = import.root().unwrap();
    import.complete(leaves.len() as u64, root).unwrap();
}

/// Whatever was imported, the log leads to the same bytes, in one piece or entry by entry, over restarts.
#[tokio::test]
async fn what_was_imported_is_passed_over_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let whole = open(&dir).unwrap();
    let applied = machine(&whole).apply(log()).await.unwrap();
    let count =
        |of: fn(&Applied) -> bool| applied.iter().flat_map(|a| &a.0).filter(|a| of(a)).count();
    assert_eq!(count(|a| matches!(a, Applied::Leaf { .. })), 7);
    assert_eq!(count(|a| matches!(a, Applied::Invalid(_))), 3);
    assert_eq!(count(|a| matches!(a, Applied::Duplicate { .. })), 6);
    let (all, root) = leaves(&whole);
    for size in 0..=all.len() {
        for together in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            imported(&dir, &all[..size]);
            let mut store = open(&dir).unwrap();
            assert_eq!(*store.size().borrow(), size as u64);
            if together {
                machine(&store).apply(log()).await.unwrap();
            } else {
                for entry in log() {
                    machine(&store).apply([entry]).await.unwrap();
                    store.close().unwrap();
                    drop(store);
                    store = open(&dir).unwrap();
                }
            }
            assert_eq!(leaves(&store), (all.clone(), root), "{size} imported");
            assert!(
                rows(&store) == rows(&whole),
                "{size} imported, together: {together}"
            );
        }
    }
}

#[test]
fn a_store_being_filled_is_nobodys_and_one_that_ran_is_not_filled() {
    let dir = tempfile::tempdir().unwrap();
    let import = Import::open(&config(&dir), &genesis()).unwrap();
    let in_use = Import::open(&config(&dir), &genesis()).err();
    assert!(matches!(in_use, Some(ReplicaError::InUse(_))), "{in_use:?}");
    drop(import);
    let unfinished = open(&dir).err();
    assert!(
        matches!(unfinished, Some(ReplicaError::ImportUnfinished(_))),
        "{unfinished:?}"
    );
    assert!(!config(&dir).marker.exists(), "it has not run");
    imported(&dir, &[]);
    let again = Import::open(&config(&dir), &genesis()).err();
    assert!(matches!(again, Some(ReplicaError::HasRun(_))), "{again:?}");
    drop(open(&dir).unwrap());
    std::fs::remove_dir_all(dir.path().join("data")).unwrap();
    let lost = Import::open(&config(&dir), &genesis()).err();
    assert!(
        matches!(lost, Some(ReplicaError::HasRun(_))),
        "its marker is there: {lost:?}"
    );
}

#[test]
fn a_leaf_that_does_not_follow_is_not_imported() {
    let dir = tempfile::tempdir().unwrap();
    let (all, _) = {
        let store = open(&dir).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async { machine(&store).apply(log()).await.unwrap() });
        leaves(&store)
    };
    let dir = tempfile::tempdir().unwrap();
    let import = Import::open(&config(&dir), &genesis()).unwrap();
    let decoded: Vec<Leaf> = all.iter().map(|leaf| Leaf::decode(leaf).unwrap()).collect();
    let mut swapped = all.clone();
    swapped.swap(1, 2);
    for (leaves, place) in [(&decoded[1..], 0), (&decoded[..1], 0)] {
        let differs = import.append(leaves, &swapped[2..]).unwrap();
        assert_eq!(differs.err().map(|differs| differs.place), Some(place));
        assert_eq!(import.size().unwrap(), 0, "nothing is kept");
    }
    let twice = [decoded[0].clone(), decoded[0].clone()];
    let differs = import
        .append(&twice, &[all[0].clone(), all[0].clone()])
        .unwrap();
    assert!(
        differs
            .err()
            .is_some_and(|differs| differs.place == 1 && differs.why.contains("same entry"))
    );
}
