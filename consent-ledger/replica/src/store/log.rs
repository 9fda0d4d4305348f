//! The Raft log in redb, as openraft wants it.
//!
//! Each write is fsynced before it returns or is reported. Two orders of writes matter:
//!
//! - openraft purges the log up to a received snapshot right after *sending off* its installation. Were
//!   that purge on disk first and the power cut then, the replica would have neither the entries nor the
//!   state they led to. So a purge past the applied state waits for an installation under way.
//! - the committed log id is only noted in memory and travels with the next write: losing it costs
//!   nothing but the leader's telling it again.

use super::format::{Record, decode_entry, encode_entry, log_id_record};
use super::{APPLIED, COMMITTED, LOG, PURGED, Store, VOTE, blocking};
use crate::ReplicaError;
use crate::config::APPEND_BYTES_MAX;
use crate::raft::{Entry, LogId, Storage, TypeConfig, wire};
use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader, StorageIOError, Vote};
use redb::{Durability, ReadTransaction, ReadableTable};
use sekisho_proto::v1;
use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};
use std::sync::PoisonError;

fn purged(txn: &ReadTransaction) -> Result<Option<LogId>, ReplicaError> {
    Ok(Record::get::<v1::RaftLogId>(txn, PURGED)?.map(wire::from_log_id))
}

impl Store {
    /// The entries of a range of log indices, in order, up to `bytes_max` of stored bytes but at least one.
    fn entries(
        &self,
        range: (Bound<u64>, Bound<u64>),
        bytes_max: usize,
    ) -> Result<Vec<Entry>, ReplicaError> {
        // redb refuses an inverted range; openraft asks for one now and then.
        if let (Bound::Included(start), Bound::Excluded(end)) = range
            && start >= end
        {
            return Ok(Vec::new());
        }
        let table = self
            .begin_read()?
            .open_table(LOG)
            .map_err(ReplicaError::database)?;
        let (mut entries, mut bytes) = (Vec::new(), 0usize);
        for row in table.range(range).map_err(ReplicaError::database)? {
            let (index, value) = row.map_err(ReplicaError::database)?;
            bytes = bytes.saturating_add(value.value().len());
            if bytes > bytes_max && !entries.is_empty() {
                break;
            }
            entries.push(decode_entry(index.value(), value.value())?);
        }
        Ok(entries)
    }

    fn log_state(&self) -> Result<LogState<TypeConfig>, ReplicaError> {
        let txn = self.begin_read()?;
        let last_purged_log_id = purged(&txn)?;
        let table = txn.open_table(LOG).map_err(ReplicaError::database)?;
        let last = match table.last().map_err(ReplicaError::database)? {
            Some((index, value)) => Some(decode_entry(index.value(), value.value())?.log_id),
            None => None,
        };
        Ok(LogState {
            last_purged_log_id,
            last_log_id: last.or(last_purged_log_id),
        })
    }

    async fn wait_installed(&self, upto: LogId) -> Result<(), ReplicaError> {
        let applied: Option<v1::RaftLogId> = Record::get(&self.begin_read()?, APPLIED)?;
        if applied.is_some_and(|applied| applied.index >= upto.index) {
            return Ok(());
        }
        let mut installing = self.0.installing.subscribe();
        // The sender lives in the store itself.
        let _ = installing.wait_for(|installing| !installing).await;
        self.check()
    }
}

impl RaftLogReader<TypeConfig> for Store {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Storage<Vec<Entry>> {
        let (store, range) = (
            self.clone(),
            (range.start_bound().cloned(), range.end_bound().cloned()),
        );
        blocking(move || store.entries(range, usize::MAX))
            .await
            .map_err(|error| StorageIOError::read_logs(&error).into())
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Storage<Vec<Entry>> {
        let store = self.clone();
        let end = end.min(start.saturating_add(crate::config::APPEND_ENTRIES_MAX));
        let range = (Bound::Included(start), Bound::Excluded(end));
        blocking(move || store.entries(range, APPEND_BYTES_MAX))
            .await
            .map_err(|error| StorageIOError::read_logs(&error).into())
    }
}

impl RaftLogStorage<TypeConfig> for Store {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Storage<LogState<TypeConfig>> {
        let store = self.clone();
        blocking(move || store.log_state())
            .await
            .map_err(|error| StorageIOError::read_logs(&error).into())
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<u64>) -> Storage<()> {
        let vote = wire::vote(vote);
        self.write_async(Durability::Immediate, move |txn| {
            Record::put(txn, VOTE, &vote)
        })
        .await
        .map_err(|error| StorageIOError::write_vote(&error).into())
    }

    async fn read_vote(&mut self) -> Storage<Option<Vote<u64>>> {
        let read = || {
            let vote: Option<v1::RaftVote> = Record::get(&self.begin_read()?, VOTE)?;
            Ok(vote.map(|vote| wire::from_vote(Some(vote))).transpose()?)
        };
        read().map_err(|error: ReplicaError| StorageIOError::read_vote(&error).into())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Storage<()> {
        *self
            .0
            .committed
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> Storage<Option<LogId>> {
        let noted = *self
            .0
            .committed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let read = || {
            let stored: Option<v1::RaftLogId> = Record::get(&self.begin_read()?, COMMITTED)?;
            Ok(noted.or(stored.map(wire::from_log_id)))
        };
        read().map_err(|error: ReplicaError| StorageIOError::read(&error).into())
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Storage<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let rows: Vec<(u64, Vec<u8>)> = entries
            .into_iter()
            .map(|entry| (entry.log_id.index, encode_entry(&entry)))
            .collect();
        let written = self
            .write_async(Durability::Immediate, move |txn| {
                let mut table = txn.open_table(LOG).map_err(ReplicaError::database)?;
                for (index, value) in &rows {
                    table
                        .insert(index, value.as_slice())
                        .map_err(ReplicaError::database)?;
                }
                Ok(())
            })
            .await;
        match written {
            Ok(()) => {
                callback.log_io_completed(Ok(()));
                Ok(())
            }
            Err(error) => Err(StorageIOError::write_logs(&error).into()),
        }
    }

    async fn truncate(&mut self, log_id: LogId) -> Storage<()> {
        self.write_async(Durability::Immediate, move |txn| {
            let mut table = txn.open_table(LOG).map_err(ReplicaError::database)?;
            table
                .retain_in(log_id.index.., |_, _| false)
                .map_err(ReplicaError::database)
        })
        .await
        .map_err(|error| StorageIOError::write_logs(&error).into())
    }

    async fn purge(&mut self, log_id: LogId) -> Storage<()> {
        let purge = async {
            self.wait_installed(log_id).await?;
            self.write_async(Durability::Immediate, move |txn| {
                let mut table = txn.open_table(LOG).map_err(ReplicaError::database)?;
                table
                    .retain_in(..=log_id.index, |_, _| false)
                    .map_err(ReplicaError::database)?;
                drop(table);
                Record::put(txn, PURGED, &log_id_record(&log_id))
            })
            .await
        };
        purge
            .await
            .map_err(|error| StorageIOError::write_logs(&error).into())
    }
}
