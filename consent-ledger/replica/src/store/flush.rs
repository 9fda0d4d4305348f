//! What is applied, and writing it away to the database.

use super::format::{Record, log_id_record, membership_record};
use super::import::Imported;
use super::layers::{Layer, Version};
use super::state::{Change, ReadState};
use super::{APPLIED, IMPORTED, MEMBERSHIP, STATE, Store, rows};
use crate::ReplicaError;
use crate::config::FLUSH_BYTES;
use crate::raft::{LogId, StoredMembership};
use redb::ReadTransaction;
use std::sync::{Arc, PoisonError};

/// As of which log id a state is.
#[derive(Clone, Default)]
pub(super) struct Applied {
    pub log_id: Option<LogId>,
    pub membership: StoredMembership,
    pub imported: Option<Imported>,
}

/// What is applied: the database, what is being written to it, and what came since.
pub(super) struct Now {
    base: ReadState,
    frozen: Option<Arc<Layer>>,
    fresh: Arc<Layer>,
    version: Version,
    pub applied: Applied,
    /// As of which log id the database is.
    pub flushed: Option<LogId>,
    pub closed: bool,
}

impl Now {
    /// What a database holds.
    pub fn of(txn: &ReadTransaction) -> Result<Self, ReplicaError> {
        let (log_id, membership) = super::snapshot::applied(txn)?;
        let applied = Applied {
            log_id,
            membership,
            imported: Record::get(txn, IMPORTED)?,
        };
        Ok(Self {
            base: ReadState::open(txn)?,
            frozen: None,
            fresh: Arc::default(),
            version: 0,
            flushed: applied.log_id,
            applied,
            closed: false,
        })
    }

    pub fn state(&self) -> ReadState {
        let layers = self.frozen.iter().chain([&self.fresh]);
        self.base.under(layers.cloned().collect(), self.version)
    }
}

impl Store {
    /// Changes the state by what entries up to a log id lead to. `work` returns what is applied afterwards.
    pub(super) fn change<T>(
        &self,
        work: impl FnOnce(&mut Change, &mut Applied) -> Result<T, ReplicaError>,
    ) -> Result<(T, bool), ReplicaError> {
        let mut kept = self
            .0
            .applying
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut change = Change::of(self.read_state()?, std::mem::take(&mut *kept));
        let mut applied = {
            let now = self.0.now.read().unwrap_or_else(PoisonError::into_inner);
            now.applied.clone()
        };
        let done = work(&mut change, &mut applied)?;
        let keys_changed = change.keys_changed();
        let (changes, keeps) = change.into_parts();
        *kept = keeps;
        let (fresh, version) = {
            let now = self.0.now.read().unwrap_or_else(PoisonError::into_inner);
            (Arc::clone(&now.fresh), now.version + 1)
        };
        // Nobody reads this version yet, so nobody sees half of it.
        fresh.write(changes, version);
        let mut now = self.0.now.write().unwrap_or_else(PoisonError::into_inner);
        now.version = version;
        now.applied = applied;
        Ok((done, keys_changed))
    }

    /// How much has been applied since the last flush began, in units of what should begin the next.
    pub(super) fn unflushed(&self) -> usize {
        let now = self.0.now.read().unwrap_or_else(PoisonError::into_inner);
        now.fresh.bytes() / FLUSH_BYTES
    }

    /// Writes everything applied to the database, durably. Applying goes on meanwhile. Blocks.
    pub(super) fn flush(&self) -> Result<(), ReplicaError> {
        let _alone = self
            .0
            .flushing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (frozen, applied) = {
            let _applying = self
                .0
                .applying
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let mut now = self.0.now.write().unwrap_or_else(PoisonError::into_inner);
            if now.closed {
                return Err(ReplicaError::ShutDown);
            }
            if now.flushed == now.applied.log_id && now.fresh.bytes() == 0 {
                return Ok(());
            }
            let frozen = std::mem::take(&mut now.fresh);
            now.frozen = Some(Arc::clone(&frozen));
            (frozen, now.applied.clone())
        };
        let ((), txn) = self.commit(|txn| {
            let mut rows = txn.open_table(STATE).map_err(ReplicaError::database)?;
            frozen.last(|changed| rows::put(&mut rows, changed))?;
            put_applied(txn, &applied)
        })?;
        let base = ReadState::open(&txn)?;
        let mut now = self.0.now.write().unwrap_or_else(PoisonError::into_inner);
        now.base = base;
        now.frozen = None;
        now.flushed = applied.log_id;
        Ok(())
    }

    /// Whether the database is as of a log id, or later.
    pub(super) fn is_flushed(&self, log_id: LogId) -> bool {
        let now = self.0.now.read().unwrap_or_else(PoisonError::into_inner);
        now.flushed
            .is_some_and(|flushed| flushed.index >= log_id.index)
    }

    /// Puts another state in the place of this one: `work` writes it to the database.
    pub(super) fn replace(
        &self,
        applied: Applied,
        work: impl FnOnce(&redb::WriteTransaction) -> Result<(), ReplicaError>,
    ) -> Result<(), ReplicaError> {
        let _flushing = self
            .0
            .flushing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut kept = self
            .0
            .applying
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let ((), txn) = self.commit(|txn| {
            work(txn)?;
            put_applied(txn, &applied)
        })?;
        *kept = sekisho_ledger::store::Kept::default();
        let base = ReadState::open(&txn)?;
        let mut now = self.0.now.write().unwrap_or_else(PoisonError::into_inner);
        now.base = base;
        (now.frozen, now.fresh) = (None, Arc::default());
        now.flushed = applied.log_id;
        now.applied = applied;
        Ok(())
    }
}

fn put_applied(txn: &redb::WriteTransaction, applied: &Applied) -> Result<(), ReplicaError> {
    if let Some(log_id) = &applied.log_id {
        Record::put(txn, APPLIED, &log_id_record(log_id))?;
    }
    Record::put(txn, MEMBERSHIP, &membership_record(&applied.membership))?;
    match &applied.imported {
        Some(imported) => Record::put(txn, IMPORTED, imported),
        None => Record::remove(txn, IMPORTED),
    }
}
