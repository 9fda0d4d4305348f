//! The write-ahead log, as openraft wants it.
//!
//! **Whoever leads sends before its own sync** (decision 0031): its entries go to its followers while its own disk is still
//! busy with them. Three things keep that safe:
//!
//! - nothing is applied, and no peer is told that it is committed, before it is durable here ([`Store::wait_durable`]);
//! - a replica that starts again does not lead on in its old term ([`Store::read_vote`]): what it sent and lost could there
//!   be followed by something else under the same index and term;
//! - a follower's acknowledgement means its own disk, as ever.
//!
//! Two orders of writes matter:
//!
//! - the log is purged only up to what the database holds; what is applied and not flushed yet is flushed first.
//! - openraft purges the log up to a received snapshot right after *sending off* its installation. Were
//!   that purge on disk first and the power cut then, the replica would have neither the entries nor the
//!   state they led to. So a purge past the applied state waits for an installation under way.

use super::{Store, blocking};
use crate::ReplicaError;
use crate::config::{APPEND_BYTES_MAX, APPEND_ENTRIES_MAX};
use crate::raft::{Entry, LogId, Storage, TypeConfig, wire};
use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader, StorageIOError, Vote};
use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};

impl Store {
    fn entries(&self, from: u64, until: u64, bytes_max: usize) -> Result<Vec<Entry>, ReplicaError> {
        self.check()?;
        self.0.wal.read(from, until, bytes_max)
    }

    async fn wait_installed(&self, upto: LogId) -> Result<(), ReplicaError> {
        let (applied, _) = self.applied()?;
        if applied.is_some_and(|applied| applied.index >= upto.index) {
            return Ok(());
        }
        #[cfg(feature = "simulation")]
        if crate::simulation::is_planted(crate::simulation::Planted::PurgeUnwaited) {
            return Ok(());
        }
        let mut installing = self.0.installing.subscribe();
        // The sender lives in the store itself.
        let _ = installing.wait_for(|installing| !installing).await;
        self.check()
    }

    /// Whether these are entries this replica proposes as the leader it is, and not such that another sends it: those it
    /// acknowledges.
    fn leads(&self, entries: &[Entry]) -> bool {
        let vote = self.0.wal.vote();
        let leads = vote.filter(|vote| vote.committed && vote.replica == self.0.replica.0);
        leads.is_some_and(|vote| {
            let mut leaders = entries.iter().map(|entry| entry.log_id.leader_id);
            leaders.all(|leader| (leader.term, leader.node_id) == (vote.term, vote.replica))
        })
    }

    /// Lets the disk have what was appended ahead of it.
    fn sync_log(&self) {
        let store = self.clone();
        tokio::spawn(async move {
            #[cfg(feature = "simulation")]
            crate::simulation::busy().await;
            let synced = store.write(|store| {
                #[cfg(feature = "simulation")]
                crate::simulation::lie_if(crate::simulation::Planted::AppendNotSynced);
                store.0.wal.sync()
            });
            // A failure has poisoned the store, which says so.
            let _ = synced.await;
        });
    }

    /// Waits until an entry, and all before it, are on this replica's own disk.
    pub(crate) async fn wait_durable(&self, index: u64) -> Result<(), ReplicaError> {
        #[cfg(feature = "simulation")]
        if crate::simulation::is_planted(crate::simulation::Planted::AheadNotAwaited) {
            return self.check();
        }
        let (mut ahead, mut poison) = (self.0.wal.ahead(), self.poison());
        // Both senders live in the store itself.
        tokio::select! {
            _ = ahead.wait_for(|first| first.is_none_or(|first| first > index)) => {}
            _ = poison.wait_for(Option::is_some) => {}
        }
        self.check()
    }

    /// Makes a spare file, should there be none, while nobody waits for it.
    fn prepare_log(&self) {
        let store = self.clone();
        tokio::spawn(async move {
            let prepared = blocking(move || store.0.wal.prepare()).await;
            if let Err(error) = prepared {
                tracing::warn!(error = error.chain(), "no file was made ahead for the log");
            }
        });
    }
}

impl RaftLogReader<TypeConfig> for Store {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Storage<Vec<Entry>> {
        let from = match range.start_bound() {
            Bound::Included(&from) => from,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let until = match range.end_bound() {
            Bound::Included(&last) => last.saturating_add(1),
            Bound::Excluded(&until) => until,
            Bound::Unbounded => u64::MAX,
        };
        self.read_entries(from, until, usize::MAX).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Storage<Vec<Entry>> {
        let end = end.min(start.saturating_add(APPEND_ENTRIES_MAX));
        self.read_entries(start, end, APPEND_BYTES_MAX).await
    }
}

impl Store {
    async fn read_entries(&self, from: u64, until: u64, bytes_max: usize) -> Storage<Vec<Entry>> {
        let read = if self.0.wal.is_in_memory(from) {
            self.entries(from, until, bytes_max)
        } else {
            let store = self.clone();
            blocking(move || store.entries(from, until, bytes_max)).await
        };
        read.map_err(|error| StorageIOError::read_logs(&error).into())
    }
}

impl RaftLogStorage<TypeConfig> for Store {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Storage<LogState<TypeConfig>> {
        self.check()
            .map_err(|error| StorageIOError::read_logs(&error))?;
        let (last_log_id, last_purged_log_id) = self.0.wal.ends();
        Ok(LogState {
            last_purged_log_id,
            last_log_id,
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<u64>) -> Storage<()> {
        let vote = wire::vote(vote);
        let saved = self.write(move |store| {
            #[cfg(feature = "simulation")]
            crate::simulation::lie_if(crate::simulation::Planted::VoteNotSynced);
            store.0.wal.save_vote(vote)
        });
        saved
            .await
            .map_err(|error| StorageIOError::write_vote(&error).into())
    }

    /// The vote, without what was won by it: openraft would have whoever led lead on in that term.
    async fn read_vote(&mut self) -> Storage<Option<Vote<u64>>> {
        let read = || {
            self.check()?;
            let vote = self.0.wal.vote();
            let vote = vote.map(|vote| wire::from_vote(Some(vote))).transpose()?;
            #[cfg(feature = "simulation")]
            if crate::simulation::is_planted(crate::simulation::Planted::LedOn) {
                return Ok(vote);
            }
            Ok(vote.map(|vote| match vote.leader_id.voted_for() {
                Some(id) if id == self.0.replica.0 => Vote::new(vote.leader_id.term, id),
                _ => vote,
            }))
        };
        read().map_err(|error: ReplicaError| StorageIOError::read_vote(&error).into())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Storage<()> {
        self.0.wal.note_committed(committed);
        Ok(())
    }

    async fn read_committed(&mut self) -> Storage<Option<LogId>> {
        self.check().map_err(|error| StorageIOError::read(&error))?;
        Ok(self.0.wal.committed())
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Storage<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let written = self.write(move |store| {
            #[cfg(feature = "simulation")]
            crate::simulation::lie_if(crate::simulation::Planted::AppendNotSynced);
            let ahead = store.leads(&entries);
            let wants_spare = match ahead {
                true => store.0.wal.append_ahead(entries),
                false => store.0.wal.append(entries),
            };
            Ok((wants_spare?, ahead))
        });
        match written.await {
            Ok((wants_spare, ahead)) => {
                callback.log_io_completed(Ok(()));
                if ahead {
                    self.sync_log();
                }
                if wants_spare {
                    self.prepare_log();
                }
                Ok(())
            }
            Err(error) => Err(StorageIOError::write_logs(&error).into()),
        }
    }

    async fn truncate(&mut self, log_id: LogId) -> Storage<()> {
        self.write(move |store| store.0.wal.truncate(log_id.index))
            .await
            .map_err(|error| StorageIOError::write_logs(&error).into())
    }

    async fn purge(&mut self, log_id: LogId) -> Storage<()> {
        let purge = async {
            self.wait_installed(log_id).await?;
            self.write(move |store| {
                if !store.is_flushed(log_id) {
                    store.flush()?;
                }
                store.0.wal.purge(log_id)
            })
            .await
        };
        purge
            .await
            .map_err(|error| StorageIOError::write_logs(&error).into())
    }
}
