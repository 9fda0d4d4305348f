//! What a power cut leaves: only what was fsynced. And what a failed fsync leaves: a stopped replica.

use super::tests::{batch, blank, genesis, log_id, machine, rows};
use super::*;
use crate::config::Config;
use openraft::storage::{RaftLogStorage, RaftLogStorageExt, RaftStateMachine};
use openraft::{RaftLogReader, Vote};
use redb::StorageBackend;
use sekisho_ledger::ledger_id;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// A disk with a volatile cache: written bytes are kept over a power cut only once they were synced.
#[derive(Debug, Clone, Default)]
struct Disk {
    cached: Arc<Mutex<Vec<u8>>>,
    durable: Arc<Mutex<Vec<u8>>>,
    failing: Arc<AtomicBool>,
}

impl Disk {
    fn with(bytes: Vec<u8>) -> Self {
        Self {
            cached: Arc::new(Mutex::new(bytes.clone())),
            durable: Arc::new(Mutex::new(bytes)),
            ..Self::default()
        }
    }

    /// The disk as it is found after the power was cut now.
    fn cut(&self) -> Self {
        Self::with(self.durable.lock().unwrap().clone())
    }

    fn check(&self) -> io::Result<()> {
        if self.failing.load(Ordering::Relaxed) {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.cached.lock().unwrap().len() as u64)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (cached, offset) = (self.cached.lock().unwrap(), offset as usize);
        out.copy_from_slice(&cached[offset..offset + out.len()]);
        Ok(())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.cached.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        *self.durable.lock().unwrap() = self.cached.lock().unwrap().clone();
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        let (mut cached, offset) = (self.cached.lock().unwrap(), offset as usize);
        cached[offset..offset + data.len()].copy_from_slice(data);
        Ok(())
    }
}

struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn open(&self, disk: &Disk) -> Store {
        let config = Config::new(ReplicaId(1), self.directory.path().join("data"));
        let database = redb::Builder::new()
            .create_with_backend(disk.clone())
            .unwrap();
        let has_run = config.marker.exists();
        Store::with(
            database,
            &config,
            &genesis(),
            ledger_id(&genesis()),
            has_run,
        )
        .unwrap()
    }
}

/// R6: each write is cut off right after it was reported, and must be there.
#[tokio::test]
async fn whatever_was_reported_survives_a_power_cut() {
    let (machine_, disk) = (Machine::new(), Disk::default());
    let mut store = machine_.open(&disk);

    store.save_vote(&Vote::new(7, 1)).await.unwrap();
    let mut after = machine_.open(&disk.cut());
    assert_eq!(
        after.read_vote().await.unwrap(),
        Some(Vote::new(7, 1)),
        "the vote"
    );

    store.blocking_append((0..6).map(batch)).await.unwrap();
    let mut after = machine_.open(&disk.cut());
    assert_eq!(
        after.try_get_log_entries(0..9).await.unwrap().len(),
        6,
        "the append"
    );

    store.truncate(log_id(5)).await.unwrap();
    let mut after = machine_.open(&disk.cut());
    assert_eq!(
        after.get_log_state().await.unwrap().last_log_id,
        Some(log_id(4)),
        "the truncation"
    );

    machine(&store).apply((0..3).map(batch)).await.unwrap();
    store.purge(log_id(1)).await.unwrap();
    let mut after = machine_.open(&disk.cut());
    assert_eq!(
        after.get_log_state().await.unwrap().last_purged_log_id,
        Some(log_id(1)),
        "the purge"
    );
    let applied = machine(&after).applied_state().await.unwrap().0;
    assert!(
        applied >= Some(log_id(1)),
        "what is cut from the log is in the state: {applied:?}"
    );

    store.record_cosigned(3, Hash([3; 32])).unwrap();
    let after = machine_.open(&disk.cut());
    assert_eq!(
        after.cosigned().unwrap().map(|last| last.size),
        Some(3),
        "the cosigned size"
    );
    assert_eq!(*after.size().borrow(), 3, "and the tree it is the size of");
}

/// Applying is not fsynced: a cut takes the state back as a whole, and the log leads to the same again.
#[tokio::test]
async fn what_was_applied_is_applied_again_from_the_log_to_the_same_bytes() {
    let (machine_, disk) = (Machine::new(), Disk::default());
    let mut store = machine_.open(&disk);
    store.blocking_append((0..8).map(batch)).await.unwrap();
    let mut of_each = vec![rows(&store)];
    for index in 0..8 {
        machine(&store).apply([batch(index)]).await.unwrap();
        of_each.push(rows(&store));
        if index == 3 {
            // An append in between makes what was applied before it durable.
            store.blocking_append([blank(8)]).await.unwrap();
        }
        let mut after = machine_.open(&disk.cut());
        let applied = machine(&after).applied_state().await.unwrap().0;
        let next = applied.map_or(0, |id| id.index + 1);
        assert!(index < 3 || next >= 4, "lost what an fsync had covered");
        assert!(
            rows(&after) == of_each[next as usize],
            "a state between two batches"
        );
        let missing = after.try_get_log_entries(next..=index).await.unwrap();
        machine(&after).apply(missing).await.unwrap();
        assert!(
            rows(&after) == of_each[index as usize + 1],
            "replay of {next}..={index} led elsewhere"
        );
    }
}

/// R7, and a full disk.
#[tokio::test]
async fn a_failed_write_stops_the_replica_for_good() {
    let (machine_, disk) = (Machine::new(), Disk::default());
    let mut store = machine_.open(&disk);
    store.save_vote(&Vote::new(1, 1)).await.unwrap();
    disk.failing.store(true, Ordering::Relaxed);
    store.save_vote(&Vote::new(2, 1)).await.unwrap_err();
    assert!(store.poison().borrow().is_some());
    disk.failing.store(false, Ordering::Relaxed);
    for again in [
        store.save_vote(&Vote::new(3, 1)).await.unwrap_err(),
        store.blocking_append([blank(0)]).await.unwrap_err(),
        store.read_vote().await.unwrap_err(),
        machine(&store).apply([blank(0)]).await.unwrap_err(),
    ] {
        assert!(again.to_string().contains("stopped for good"), "{again}");
    }
    let mut after = machine_.open(&disk.cut());
    assert_eq!(
        after.read_vote().await.unwrap(),
        Some(Vote::new(1, 1)),
        "as it was before the fault"
    );
}
