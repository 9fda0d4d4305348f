//! What an observer outside sees of a replica: for the simulation's invariants.

use crate::raft::Entry;
use crate::{Replica, ReplicaError, state_error};
use openraft::{EntryPayload, RaftLogReader, ServerState};
use sekisho_domain::{EntryIndex, Hash};
use sekisho_ledger::{View, tree};
use sha2::{Digest, Sha256};

/// One entry of a Raft log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place.
    pub index: u64,
    /// The term of the leader that proposed it.
    pub term: u64,
    /// That leader.
    pub leader: u64,
    /// SHA-256 of what it says.
    pub says: Hash,
}

/// A replica at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The term it is in.
    pub term: u64,
    /// Whether it leads, by its own word.
    pub leads: bool,
    /// The last entry removed from its log: index and term.
    pub purged: Option<(u64, u64)>,
    /// The last entry it applied: index and term.
    pub applied: Option<(u64, u64)>,
    /// The last entry in its log.
    pub last: Option<u64>,
    /// Leaves in its tree.
    pub size: u64,
    /// Size and root of the checkpoint it published last.
    pub published: Option<(u64, Hash)>,
}

fn log_entry(entry: &Entry) -> LogEntry {
    let says = match &entry.payload {
        EntryPayload::Blank => Sha256::digest(b"blank"),
        EntryPayload::Normal(proposal) => Sha256::digest(proposal.bytes()),
        EntryPayload::Membership(membership) => Sha256::digest(format!("{membership:?}")),
    };
    LogEntry {
        index: entry.log_id.index,
        term: entry.log_id.leader_id.term,
        leader: entry.log_id.leader_id.node_id,
        says: Hash(says.into()),
    }
}

impl Replica {
    /// Where it stands, as its own consensus says.
    ///
    /// # Errors
    /// The store failed.
    pub fn observe(&self) -> Result<Observed, ReplicaError> {
        let metrics = self.raft().metrics();
        let metrics = metrics.borrow();
        let id = |id: openraft::LogId<u64>| (id.index, id.leader_id.term);
        Ok(Observed {
            term: metrics.current_term,
            leads: metrics.state == ServerState::Leader && metrics.running_state.is_ok(),
            purged: metrics.purged.map(id),
            applied: metrics.last_applied.map(id),
            last: metrics.last_log_index,
            size: tree::size(&self.store().read_state()?).map_err(state_error)?,
            published: self
                .published()
                .map(|last| (last.checkpoint.size(), last.checkpoint.root())),
        })
    }

    /// Ends when what consensus says of itself has changed, or with consensus.
    pub async fn changed(&self) {
        let mut metrics = self.raft().metrics();
        metrics.mark_unchanged();
        let _ = metrics.changed().await;
    }

    /// Its Raft log from an index on.
    ///
    /// # Errors
    /// The store failed.
    pub async fn log_from(&self, index: u64) -> Result<Vec<LogEntry>, ReplicaError> {
        let entries = self.store().clone().try_get_log_entries(index..).await;
        let entries = entries.map_err(|error| ReplicaError::Raft(error.to_string()))?;
        Ok(entries.iter().map(log_entry).collect())
    }

    /// Its leaves of a range of indices, encoded, as far as it has them.
    ///
    /// # Errors
    /// The store failed.
    pub fn leaves(&self, range: std::ops::Range<u64>) -> Result<Vec<Vec<u8>>, ReplicaError> {
        let state = self.store().read_state()?;
        let mut leaves = Vec::new();
        for index in range {
            match View(&state).leaf(EntryIndex(index)).map_err(state_error)? {
                Some(leaf) => leaves.push(leaf),
                None => break,
            }
        }
        Ok(leaves)
    }

    /// Why it stopped for good, if it did.
    pub fn fault(&self) -> Option<String> {
        self.store().poison().borrow().as_deref().map(str::to_owned)
    }
}
