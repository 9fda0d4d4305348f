//! A replica's store while no replica runs on it: read, and never written.

use super::format::{Cosigned, Identity, Record, decode_entry};
use super::readonly::{ReadOnly, Reads};
use super::{
    APPLIED, COMMITTED, COSIGNED, IDENTITY, LOG, MEMBERSHIP, PURGED, ReadState, Store, VOTE,
};
use crate::ReplicaError;
use openraft::EntryPayload;
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable};
use sekisho_domain::{LedgerId, ReplicaId, TimeMs};
use sekisho_proto::v1;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Page cache for reading.
const CACHE_BYTES: usize = 64 * 1024 * 1024;
/// Reads of the file for one row of a damaged database: its tree is a few pages high.
const READS_MAX: u64 = 64;

/// The store of a stopped replica.
pub(crate) struct Stopped {
    database: Database,
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
        Ok(Self {
            database,
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
        self.database.check_integrity().unwrap_or(false)
    }

    /// Lets the next answer read the file.
    pub fn allow(&self) {
        if self.damaged {
            self.reads.allow(READS_MAX);
        }
    }

    fn begin_read(&self) -> Result<ReadTransaction, ReplicaError> {
        self.allow();
        self.database.begin_read().map_err(ReplicaError::database)
    }

    /// The ledger's state.
    pub fn read_state(&self) -> Result<ReadState, ReplicaError> {
        ReadState::open(&self.begin_read()?)
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
        Record::get(&self.begin_read()?, COSIGNED)
    }

    /// Reads what consensus keeps. Returns the latest time of a batch that was applied and is still in the Raft
    /// log, if there is one.
    pub fn check_consensus(&self) -> Result<Option<TimeMs>, ReplicaError> {
        let txn = self.begin_read()?;
        let _: Option<v1::RaftVote> = Record::get(&txn, VOTE)?;
        let _: Option<v1::RaftLogId> = Record::get(&txn, COMMITTED)?;
        let purged: Option<v1::RaftLogId> = Record::get(&txn, PURGED)?;
        let applied: Option<v1::RaftLogId> = Record::get(&txn, APPLIED)?;
        let _: Option<super::format::AppliedMembership> = Record::get(&txn, MEMBERSHIP)?;
        Store::applied(&txn)?;
        let mut expected = purged.map(|id| id.index + 1);
        let mut latest = None;
        let table = txn.open_table(LOG).map_err(ReplicaError::database)?;
        for row in table.iter().map_err(ReplicaError::database)? {
            self.allow();
            let (index, value) = row.map_err(ReplicaError::database)?;
            let index = index.value();
            let entry = decode_entry(index, value.value())?;
            if let EntryPayload::Normal(batch) = &entry.payload
                && !batch.0.envelopes.is_empty()
                && applied
                    .as_ref()
                    .is_some_and(|applied| index <= applied.index)
            {
                latest = latest.max(Some(TimeMs(batch.0.time_ms)));
            }
            if expected.is_some_and(|expected| expected != index) {
                return Err(ReplicaError::Damaged("the Raft log, which has a gap,"));
            }
            expected = Some(index + 1);
        }
        Ok(latest)
    }
}
