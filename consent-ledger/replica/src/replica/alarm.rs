//! What an operator must look at, though the replica goes on.

use super::Replica;
use sekisho_domain::{Hash, ReplicaId};
use std::fmt;
use std::sync::PoisonError;

/// Another voter computed another root: its machine is broken, or was tampered with, or this one's was. Which
/// of the two shows when a majority agrees, and that one stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Who.
    pub replica: ReplicaId,
    /// The size of the tree.
    pub size: u64,
    /// What this replica computed.
    pub ours: Hash,
    /// What the other one did.
    pub theirs: Hash,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            replica,
            size,
            ours,
            theirs,
        } = self;
        write!(
            f,
            "replica {replica} computed another root for size {size}: {theirs}, this replica {ours}"
        )
    }
}

impl Replica {
    /// Remembers the first disagreement with each voter, and logs it once.
    pub(crate) fn raise(&self, alarm: Alarm) {
        let mut alarms = self.0.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        if let std::collections::btree_map::Entry::Vacant(first) = alarms.entry(alarm.replica) {
            tracing::error!(%alarm, "a replica disagrees");
            first.insert(alarm);
        }
    }

    /// The disagreements since the start, the first with each voter.
    pub fn alarms(&self) -> Vec<Alarm> {
        let alarms = self.0.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        alarms.values().cloned().collect()
    }
}
