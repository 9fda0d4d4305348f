//! A replica's store while no replica runs on it: read, and never written.

use super::format::{Cosigned, Identity, Record};
use super::import::Imported;
use super::layers::Layer;
use super::readonly::{ReadOnly, Reads};
use super::state::Change;
use super::wal::Opened;
use super::{COSIGNED, IDENTITY, IMPORTED, ReadState, machine, snapshot};
use crate::disk::Folder;
use crate::{ReplicaError, state_error};
use openraft::EntryPayload;
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase};
use sekisho_domain::{LedgerId, ReplicaId, TimeMs};
use sekisho_ledger::store::Kept;
use sekisho_ledger::{Strict, tree};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Page cache for reading.
const CACHE_BYTES: usize = 64 * 1024 * 1024;
/// Reads of the file for one row of a damaged database: its tree is a few pages high.
const READS_MAX: u64 = 64;

/// The store of a stopped replica.
pub(crate) struct Stopped {
    /// None only once it is dropped.
    database: Option<Database>,
    log: Option<Opened>,
    /// What is wrong with the log.
    log_fault: Option<String>,
    reads: Reads,
    /// Whether pages may lead anywhere, so that every answer is bounded.
    damaged: bool,
}

impl Stopped {
    /// Opens a store that no replica has open.
    ///
    /// # Errors
    /// [`ReplicaError::InUse`] while one has; [`ReplicaError::File`] where there is none;
    /// [`ReplicaError::Database`] where the file is no database any more.
    pub fn open(data_dir: &Path) -> Result<Self, ReplicaError> {
        Self::opened(data_dir, false)
    }

    /// The same for a file known to be damaged.
    pub fn open_damaged(data_dir: &Path) -> Result<Self, ReplicaError> {
        Self::opened(data_dir, true)
    }

    fn opened(data_dir: &Path, damaged: bool) -> Result<Self, ReplicaError> {
        let path = Self::path(data_dir);
        let file_error = |source| ReplicaError::File {
            path: path.clone(),
            action: "read",
            source,
        };
        let file = File::open(&path).map_err(file_error)?;
        // redb would found an empty file anew.
        if file.metadata().map_err(file_error)?.len() == 0 {
            return Err(ReplicaError::Damaged("ledger.redb, which is empty,"));
        }
        let reads = Reads::unlimited();
        let file = FileBackend::new(file).map_err(ReplicaError::database)?;
        let backend = ReadOnly::new(file, reads.clone()).map_err(file_error)?;
        let database = Database::builder()
            .set_cache_size(if damaged { 0 } else { CACHE_BYTES })
            .create_with_backend(backend)
            .map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => ReplicaError::InUse(path.clone()),
                other => ReplicaError::database(other),
            })?;
        // The database may be whole where the log is not, and the other way round.
        let (log, log_fault) = match Opened::read(Arc::new(Folder::at(data_dir)), data_dir) {
            Ok(log) => (log, None),
            Err(error) => (None, Some(error.chain())),
        };
        Ok(Self {
            database: Some(database),
            log,
            log_fault,
            reads,
            damaged,
        })
    }

    /// The database's file.
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(super::open::FILE)
    }

    /// Whether every page of the file has its checksum; reads all of it.
    pub fn is_whole(&mut self) -> bool {
        let database = self.database.as_mut();
        database.is_some_and(|database| database.check_integrity().unwrap_or(false))
    }

    /// Closes it, as a replica does at its end: the library then puts its own accounts in order, and may panic over
    /// damaged ones.
    pub fn close(mut self) {
        drop(self.database.take());
    }

    /// Lets the next answer read the file.
    pub fn allow(&self) {
        if self.damaged {
            self.reads.allow(READS_MAX);
        }
    }

    fn begin_read(&self) -> Result<ReadTransaction, ReplicaError> {
        self.allow();
        let database = self.database.as_ref().ok_or(ReplicaError::ShutDown)?;
        database.begin_read().map_err(ReplicaError::database)
    }

    /// The ledger's state: what the database holds, and over it what the log leads to as far as it is known to be
    /// committed, as at the next start. A damaged database is shown as it is.
    pub fn read_state(&self) -> Result<ReadState, ReplicaError> {
        let state = ReadState::open(&self.begin_read()?)?;
        match &self.log {
            Some(log) if !self.damaged => self.replay(log, state),
            _ => Ok(state),
        }
    }

    fn replay(&self, log: &Opened, base: ReadState) -> Result<ReadState, ReplicaError> {
        let txn = self.begin_read()?;
        let (applied, _) = snapshot::applied(&txn)?;
        let mut imported: Option<Imported> = Record::get(&txn, IMPORTED)?;
        let cosigned = log.cosigned().map_or(0, |cosigned| cosigned.size);
        let mut state = Change::of(base.clone(), Kept::default());
        for entry in log.entries() {
            let entry = entry?;
            let is_new = applied.is_none_or(|applied| entry.log_id.index > applied.index);
            let is_committed = log.committed() >= Some(entry.log_id);
            let EntryPayload::Normal(batch) = &entry.payload else {
                continue;
            };
            if is_new
                && (is_committed || tree::size(&state).map_err(state_error)? < cosigned)
                && !batch.batch().envelopes.is_empty()
            {
                machine::apply(&mut state, batch.batch(), imported.as_mut(), &Strict)?;
            }
        }
        let (changes, _) = state.into_parts();
        let layer = Layer::default();
        layer.write(changes, 1);
        Ok(base.under(vec![Arc::new(layer)], 1))
    }

    /// Whose store it is.
    pub fn identity(&self) -> Result<(LedgerId, ReplicaId), ReplicaError> {
        let damaged = ReplicaError::Damaged("the store's identity");
        let identity: Option<Identity> = Record::get(&self.begin_read()?, IDENTITY)?;
        let identity = identity.ok_or(damaged)?;
        let ledger = LedgerId::try_from(identity.ledger.as_slice())
            .map_err(|_| ReplicaError::Damaged("the store's identity"))?;
        Ok((ledger, ReplicaId(identity.replica)))
    }

    /// The size and root cosigned last.
    pub fn cosigned(&self) -> Result<Option<Cosigned>, ReplicaError> {
        match &self.log {
            Some(log) => Ok(log.cosigned()),
            None => Record::get(&self.begin_read()?, COSIGNED),
        }
    }

    /// Reads what consensus keeps. Returns the latest time of a batch that was applied and is still in the Raft
    /// log, if there is one.
    pub fn check_consensus(&self) -> Result<Option<TimeMs>, ReplicaError> {
        if let Some(fault) = &self.log_fault {
            return Err(ReplicaError::Log(fault.clone()));
        }
        let (applied, _) = snapshot::applied(&self.begin_read()?)?;
        let Some(log) = &self.log else {
            return Ok(None);
        };
        let identity = self.identity()?;
        if log.identity()? != identity {
            return Err(ReplicaError::Damaged(
                "the write-ahead log, which is another's,",
            ));
        }
        let (mut latest, applied) = (None, applied.max(log.committed()));
        for entry in log.entries() {
            let entry = entry?;
            if let EntryPayload::Normal(batch) = &entry.payload
                && !batch.batch().envelopes.is_empty()
                && applied.is_some_and(|applied| entry.log_id.index <= applied.index)
            {
                latest = latest.max(Some(TimeMs(batch.batch().time_ms)));
            }
        }
        Ok(latest)
    }
}

impl Drop for Stopped {
    /// Whoever only looks at damage is not stopped by what the library thinks of it at the end.
    fn drop(&mut self) {
        let database = self.database.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
    }
}
