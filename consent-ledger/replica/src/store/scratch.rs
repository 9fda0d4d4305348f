//! A state beside a store, to compare with: founded anew, thrown away afterwards.

use super::{Change, ReadState, STATE};
use crate::{ReplicaError, state_error};
use redb::{Database, Durability, ReadableDatabase, WriteTransaction};
use sekisho_domain::Genesis;
use sekisho_ledger::store::Kept;
use std::path::Path;

/// A state in a file of its own.
pub(crate) struct Scratch {
    database: Database,
}

impl Scratch {
    /// The founded state, in a folder where nothing of the kind is yet.
    pub fn found(folder: &Path, genesis: &Genesis) -> Result<Self, ReplicaError> {
        let database =
            Database::create(folder.join("scratch.redb")).map_err(ReplicaError::database)?;
        let scratch = Self { database };
        let txn = scratch.begin()?;
        txn.open_table(STATE).map_err(ReplicaError::database)?;
        txn.commit().map_err(ReplicaError::database)?;
        scratch.write(|state| {
            sekisho_ledger::found(state, genesis)
                .map(drop)
                .map_err(state_error)
        })?;
        Ok(scratch)
    }

    /// Changes the state in one transaction.
    pub fn write<T>(
        &self,
        work: impl FnOnce(&mut Change) -> Result<T, ReplicaError>,
    ) -> Result<T, ReplicaError> {
        let mut state = Change::of(self.read()?, Kept::default());
        let done = work(&mut state)?;
        let txn = self.begin()?;
        state.write_to(&txn)?;
        txn.commit().map_err(ReplicaError::database)?;
        Ok(done)
    }

    fn begin(&self) -> Result<WriteTransaction, ReplicaError> {
        let txn = self.database.begin_write();
        let mut txn = txn.map_err(ReplicaError::database)?;
        // Nobody misses it after a power cut.
        txn.set_durability(Durability::None)
            .map_err(ReplicaError::database)?;
        Ok(txn)
    }

    /// The state as it is.
    pub fn read(&self) -> Result<ReadState, ReplicaError> {
        ReadState::open(&self.database.begin_read().map_err(ReplicaError::database)?)
    }
}
