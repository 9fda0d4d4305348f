//! A replica's memory: the Raft log in write-ahead files, the ledger's state in a redb file.
//!
//! ```text
//! <data dir>/log-*, spare-*           the Raft log, the vote, the size last cosigned (see [`wal`])
//! <data dir>/ledger.redb
//!   meta   "identity" ledger id and replica id   "format"
//!          "applied" "membership" as of which log id the state is
//!          "imported" how much came from an export (see [`import`])   "cosigned" what that was
//!   state  table number, key         -> value                             (sekisho_ledger::store)
//! <data dir>/incoming-*               snapshots being received; emptied at start
//! <data dir>/tiles/                   sealed files of what the state holds (see [`crate::tiles`])
//! <marker>                            written at the first start, outside the data directory
//! ```
//!
//! **Durability (P6).** A vote, an append, a truncation, a purge and a cosigned root are in the log and fsynced before
//! they are reported; what a leader appends may be sent before, and counts when it is ([`raft_log`]). Applying a batch
//! changes memory only ([`layers`]): what was applied since the last [`flush`](Store::flush) is applied again from the log after a crash. A flush writes rows, applied id and membership
//! in one durable transaction; the log is never cut before the state it led to is flushed. Replay gives the same bytes,
//! since `apply` is a function of state and log. Nothing is *signed* before the log is durable as far as that
//! ([`Store::record_cosigned`]).
//!
//! **Faults (R7).** The first failed write poisons the store: every later call fails, the replica stops
//! and joins again under a new id. What a failed fsync left on the disk is never read back as truth.

mod flush;
mod format;
mod framing;
mod import;
mod layers;
mod machine;
mod open;
mod raft_log;
mod readonly;
mod rows;
mod scratch;
mod snapshot;
mod state;
mod stopped;
mod wal;

pub(crate) use format::Cosigned;
pub(crate) use import::{Again, Import, apply_again};
pub(crate) use machine::Machine;
pub(crate) use scratch::Scratch;
pub(crate) use snapshot::{Incoming, SnapshotData};
pub(crate) use state::Change;
pub use state::ReadState;
use state::StateTxn;
pub(crate) use stopped::Stopped;

use crate::ReplicaError;
use crate::raft::{LogId, StoredMembership};
use flush::Now;
use redb::{Database, ReadTransaction, ReadableDatabase, TableDefinition, WriteTransaction};
use sekisho_domain::{Hash, LedgerId, ReplicaId};
use sekisho_ledger::store::Kept;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::watch;
use wal::Wal;

const META: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("meta");
const STATE: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("state");

const IDENTITY: &str = "identity";
const FORMAT: &str = "format";
const APPLIED: &str = "applied";
const MEMBERSHIP: &str = "membership";
const COSIGNED: &str = "cosigned";
const IMPORTED: &str = "imported";

/// A replica's durable memory. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Store(Arc<Inner>);

struct Inner {
    /// None once it is closed.
    database: RwLock<Option<Database>>,
    wal: Wal,
    directory: PathBuf,
    ledger: LedgerId,
    replica: ReplicaId,
    /// What is applied.
    now: RwLock<Now>,
    /// Held by whoever applies, with what it keeps decoded; one at a time.
    applying: Mutex<Kept>,
    /// Held by whoever flushes; one at a time.
    flushing: Mutex<()>,
    /// Held by whoever compares what is to be signed with what was.
    cosigning: Mutex<()>,
    poison: watch::Sender<Option<Arc<str>>>,
    /// Leaves applied.
    size: watch::Sender<u64>,
    /// Whether a snapshot is being installed; see [`raft_log`] for why a purge must wait for it.
    installing: watch::Sender<bool>,
}

impl Store {
    pub(crate) fn ledger(&self) -> LedgerId {
        self.0.ledger
    }

    /// How many leaves are applied; changes after the state with them can be read.
    pub(crate) fn size(&self) -> watch::Receiver<u64> {
        self.0.size.subscribe()
    }

    /// Why the store stopped for good, if it did.
    pub(crate) fn poison(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.0.poison.subscribe()
    }

    /// Stops the store for good. The first reason stays.
    pub(crate) fn poison_with(&self, reason: &ReplicaError) {
        let first = self.0.poison.send_if_modified(|poison| {
            let first = poison.is_none();
            if first {
                *poison = Some(reason.chain().into());
            }
            first
        });
        if first {
            tracing::error!(replica = %self.0.replica, error = reason.chain(), "the replica stops for good");
        }
    }

    /// Says that a snapshot is about to be installed, or no longer is.
    pub(crate) fn set_installing(&self, installing: bool) {
        self.0.installing.send_replace(installing);
    }

    fn check(&self) -> Result<(), ReplicaError> {
        match &*self.0.poison.borrow() {
            Some(reason) => Err(ReplicaError::Poisoned(Arc::clone(reason))),
            None => Ok(()),
        }
    }

    /// The ledger's state as it is now, durable or not.
    pub(crate) fn read_state(&self) -> Result<ReadState, ReplicaError> {
        self.check()?;
        let now = self.0.now.read().unwrap_or_else(PoisonError::into_inner);
        if now.closed {
            return Err(ReplicaError::ShutDown);
        }
        Ok(now.state())
    }

    /// As of which log id the state is, and the membership then.
    fn applied(&self) -> Result<(Option<LogId>, StoredMembership), ReplicaError> {
        self.check()?;
        let now = self.0.now.read().unwrap_or_else(PoisonError::into_inner);
        Ok((now.applied.log_id, now.applied.membership.clone()))
    }

    /// Whether a replica is a voter of the group, as far as is applied here.
    pub(crate) fn votes(&self, replica: ReplicaId) -> Result<bool, ReplicaError> {
        let (_, membership) = self.applied()?;
        Ok(membership.voter_ids().any(|id| id == replica.0))
    }

    /// Work that writes. Any fault poisons the store. Blocks.
    fn guard<T>(&self, work: impl FnOnce() -> Result<T, ReplicaError>) -> Result<T, ReplicaError> {
        self.check()?;
        work().inspect_err(|error| match error {
            ReplicaError::ShutDown => {}
            fault => self.poison_with(fault),
        })
    }

    /// [`Store::guard`] off the async threads.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, ReplicaError> + Send + 'static,
    ) -> Result<T, ReplicaError> {
        let store = self.clone();
        blocking(move || store.guard(|| work(&store))).await
    }

    /// One durable transaction of the database, with a view of it afterwards.
    fn commit<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, ReplicaError>,
    ) -> Result<(T, ReadTransaction), ReplicaError> {
        let database = self
            .0
            .database
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(ReplicaError::ShutDown)?;
        let txn = durable(database)?;
        let done = work(&txn)?;
        txn.commit().map_err(ReplicaError::database)?;
        Ok((done, database.begin_read().map_err(ReplicaError::database)?))
    }

    /// The size and root this replica cosigned last.
    pub(crate) fn cosigned(&self) -> Result<Option<Cosigned>, ReplicaError> {
        self.check()?;
        Ok(self.0.wal.cosigned())
    }

    /// Remembers a size and root, durably, and with them every entry that led to them. Only when this has
    /// returned may a signature over them leave the process: the other way round, a power cut in between
    /// would leave a signature this replica no longer knows of. Blocks.
    ///
    /// # Errors
    /// [`ReplicaError::OwnFork`] if another root was cosigned for the size; the store is then poisoned.
    pub(crate) fn record_cosigned(&self, size: u64, root: Hash) -> Result<Recorded, ReplicaError> {
        let _alone = self
            .0
            .cosigning
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.guard(|| match self.0.wal.cosigned() {
            Some(last) if last.size == size && last.root != root.0 => {
                Err(ReplicaError::OwnFork { size })
            }
            Some(last) if last.size > size => Ok(Recorded::Behind { last: last.size }),
            Some(last) if last.size == size => Ok(Recorded::Latest),
            _ => {
                let root = root.0.to_vec();
                self.0.wal.save_cosigned(&Cosigned { size, root })?;
                Ok(Recorded::Latest)
            }
        })
    }

    /// Makes everything applied durable and lets go of the files, whoever still holds a clone. What is
    /// under way ends first. Blocks.
    pub(crate) fn close(&self) -> Result<(), ReplicaError> {
        let flushed = self.guard(|| self.flush());
        let _applying = self
            .0
            .applying
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let settled = self.guard(|| self.0.wal.close());
        {
            let mut now = self.0.now.write().unwrap_or_else(PoisonError::into_inner);
            now.closed = true;
        }
        self.0
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match flushed.and(settled) {
            Err(ReplicaError::ShutDown) => Ok(()),
            other => other,
        }
    }
}

/// A transaction that is on the disk once it is committed.
fn durable(database: &Database) -> Result<WriteTransaction, ReplicaError> {
    let mut txn = database.begin_write().map_err(ReplicaError::database)?;
    txn.set_durability(redb::Durability::Immediate)
        .map_err(ReplicaError::database)?;
    // Without it a database that was not closed is walked whole when it is opened: minutes where it is large.
    txn.set_quick_repair(true);
    Ok(txn)
}

/// Whether a size may be cosigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// It is the largest so far and now durable: sign.
    Latest,
    /// A larger one was cosigned before: a cosignature says that the signer knows no larger tree.
    Behind {
        /// The larger one.
        last: u64,
    },
}

/// Runs work that waits for the disk off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReplicaError> + Send + 'static,
) -> Result<T, ReplicaError> {
    #[cfg(feature = "simulation")]
    if crate::simulation::is_on() {
        return crate::simulation::work(work).await;
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // Only a panic, or a runtime that is going away, ends such a task without a result.
        Err(_) => Err(ReplicaError::ShutDown),
    }
}

#[cfg(test)]
#[path = "power_test.rs"]
mod power_tests;
#[cfg(test)]
#[path = "store_test.rs"]
mod tests;
#[cfg(test)]
mod volatile_disk;
