//! What openraft is instantiated with.

#[cfg(feature = "simulation")]
use super::runtime::Runtime;
use crate::store::SnapshotData;
#[cfg(not(feature = "simulation"))]
use openraft::TokioRuntime as Runtime;
use sekisho_ledger::Applied;
use sekisho_proto::v1;
use std::fmt;

openraft::declare_raft_types!(
    /// The types of a replica's consensus.
    pub(crate) TypeConfig:
        D = Proposal,
        R = Applieds,
        NodeId = u64,
        Node = Member,
        SnapshotData = SnapshotData,
        AsyncRuntime = Runtime,
);

pub(crate) type Raft = openraft::Raft<TypeConfig>;
pub(crate) type Entry = openraft::Entry<TypeConfig>;
pub(crate) type LogId = openraft::LogId<u64>;
pub(crate) type Membership = openraft::Membership<u64, Member>;
pub(crate) type StoredMembership = openraft::StoredMembership<u64, Member>;
pub(crate) type Storage<T> = Result<T, openraft::StorageError<u64>>;

/// A replica as its peers reach it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// The id of the network that runs it.
    pub network: String,
    /// `host:port` where it answers.
    pub endpoint: String,
}

/// One Raft entry of ours: a batch, or a barrier if it holds no envelope.
#[derive(Clone, PartialEq)]
pub(crate) struct Proposal(pub(crate) v1::Batch);

impl fmt::Debug for Proposal {
    /// Never the contents: openraft traces its commands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Batch({} entries at {})",
            self.0.envelopes.len(),
            self.0.time_ms
        )
    }
}

/// What the envelopes of one batch came to, in their order.
#[derive(Debug, Default)]
pub(crate) struct Applieds(pub(crate) Vec<Applied>);
