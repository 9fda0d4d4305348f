//! A replica's memory: one redb file with the Raft log, the vote and the ledger's state.
//!
//! ```text
//! <data dir>/ledger.redb
//!   meta   "identity" ledger id and replica id   "vote"     "committed"   "purged"
//!          "applied" "membership" last applied   "cosigned" size and root last cosigned
//!          "imported" how much came from an export (see [`import`])
//!   log    Raft log index            -> version, RaftEntry
//!   state  table number, key         -> value                             (sekisho_ledger::store)
//! <data dir>/incoming-*               snapshots being received; emptied at start
//! <data dir>/tiles/                   sealed files of what the state holds (see [`crate::tiles`])
//! <marker>                            written at the first start, outside the data directory
//! ```
//!
//! **Durability (P6).** A vote, an append, a truncation, a purge and a cosigned root are fsynced before
//! they are reported. Applying a batch writes state, applied id and membership in one transaction that is
//! not fsynced by itself: redb commits are ordered, so a power cut takes the state back to an earlier
//! commit as a whole, and what was applied since is applied again from the log, which is durable and is
//! never cut (purge, itself fsynced, makes all earlier commits durable) before the state it led to.
//! Replay gives the same bytes, since `apply` is a function of state and log. Nothing is *signed* from
//! such a state before an fsynced commit ([`Store::record_cosigned`]).
//!
//! **Faults (R7).** The first failed write poisons the store: every later call fails, the replica stops
//! and joins again under a new id. What a failed fsync left on the disk is never read back as truth.

mod format;
mod import;
mod log;
mod machine;
mod open;
mod readonly;
mod scratch;
mod snapshot;
mod state;
mod stopped;

pub(crate) use format::Cosigned;
pub(crate) use import::{Again, Import, apply_again};
pub(crate) use machine::Machine;
pub(crate) use scratch::Scratch;
pub(crate) use snapshot::SnapshotData;
pub use state::ReadState;
pub(crate) use state::StateTxn;
pub(crate) use stopped::Stopped;

use crate::ReplicaError;
use crate::raft::LogId;
use format::{Record, log_id_record};
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, TableDefinition, WriteTransaction,
};
use sekisho_domain::{Hash, LedgerId, ReplicaId};
pub(crate) use snapshot::Incoming;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::watch;

const META: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("meta");
const LOG: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("log");
const STATE: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("state");

const IDENTITY: &str = "identity";
const VOTE: &str = "vote";
const COMMITTED: &str = "committed";
const PURGED: &str = "purged";
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
    directory: PathBuf,
    ledger: LedgerId,
    replica: ReplicaId,
    /// The committed log id as last told by Raft. A lower bound that spares time after a restart, so it
    /// travels with the next write instead of costing one.
    committed: Mutex<Option<LogId>>,
    poison: watch::Sender<Option<Arc<str>>>,
    /// Leaves applied.
    size: watch::Sender<u64>,
    /// Whether a snapshot is being installed; see [`log`] for why a purge must wait for it.
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

    /// A consistent view of everything committed, durable or not.
    pub(crate) fn begin_read(&self) -> Result<ReadTransaction, ReplicaError> {
        self.check()?;
        let database = self
            .0
            .database
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(ReplicaError::ShutDown)?;
        database.begin_read().map_err(ReplicaError::database)
    }

    /// A consistent view of the ledger's state.
    pub(crate) fn read_state(&self) -> Result<ReadState, ReplicaError> {
        ReadState::open(&self.begin_read()?)
    }

    /// One write transaction, committed if `work` succeeds. Any fault poisons the store. Blocks.
    fn write<T>(
        &self,
        durability: Durability,
        work: impl FnOnce(&WriteTransaction) -> Result<T, ReplicaError>,
    ) -> Result<T, ReplicaError> {
        self.check()?;
        self.try_write(durability, work)
            .inspect_err(|error| match error {
                ReplicaError::ShutDown => {}
                fault => self.poison_with(fault),
            })
    }

    fn try_write<T>(
        &self,
        durability: Durability,
        work: impl FnOnce(&WriteTransaction) -> Result<T, ReplicaError>,
    ) -> Result<T, ReplicaError> {
        let database = self
            .0
            .database
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(ReplicaError::ShutDown)?;
        let mut txn = database.begin_write().map_err(ReplicaError::database)?;
        txn.set_durability(durability)
            .map_err(ReplicaError::database)?;
        let done = work(&txn)?;
        if let Some(committed) = self.take_committed() {
            Record::put(&txn, COMMITTED, &log_id_record(&committed))?;
        }
        txn.commit().map_err(ReplicaError::database)?;
        Ok(done)
    }

    fn take_committed(&self) -> Option<LogId> {
        self.0
            .committed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// [`Store::write`] off the async threads.
    async fn write_async<T: Send + 'static>(
        &self,
        durability: Durability,
        work: impl FnOnce(&WriteTransaction) -> Result<T, ReplicaError> + Send + 'static,
    ) -> Result<T, ReplicaError> {
        let store = self.clone();
        blocking(move || store.write(durability, work)).await
    }

    /// The size and root this replica cosigned last.
    pub(crate) fn cosigned(&self) -> Result<Option<Cosigned>, ReplicaError> {
        Record::get(&self.begin_read()?, COSIGNED)
    }

    /// Remembers a size and root, durably, and with them everything applied so far. Only when this has
    /// returned may a signature over them leave the process: the other way round, a power cut in between
    /// would leave a signature this replica no longer knows of. Blocks.
    ///
    /// # Errors
    /// [`ReplicaError::OwnFork`] if another root was cosigned for the size; the store is then poisoned.
    pub(crate) fn record_cosigned(&self, size: u64, root: Hash) -> Result<Recorded, ReplicaError> {
        self.write(Durability::Immediate, |txn| {
            match Record::get_in::<Cosigned>(txn, COSIGNED)? {
                Some(last) if last.size == size && last.root != root.0 => {
                    Err(ReplicaError::OwnFork { size })
                }
                Some(last) if last.size > size => Ok(Recorded::Behind { last: last.size }),
                _ => {
                    Record::put(
                        txn,
                        COSIGNED,
                        &Cosigned {
                            size,
                            root: root.0.to_vec(),
                        },
                    )?;
                    Ok(Recorded::Latest)
                }
            }
        })
    }

    /// Makes everything applied durable and lets go of the file, whoever still holds a clone. What is
    /// under way ends first. Blocks.
    pub(crate) fn close(&self) -> Result<(), ReplicaError> {
        let flushed = self.write(Durability::Immediate, |_| Ok(()));
        self.0
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match flushed {
            Err(ReplicaError::ShutDown) => Ok(()),
            other => other,
        }
    }
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
