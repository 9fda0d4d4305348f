//! What openraft is instantiated with.

#[cfg(feature = "simulation")]
use super::runtime::Runtime;
use crate::store::SnapshotData;
#[cfg(not(feature = "simulation"))]
use openraft::TokioRuntime as Runtime;
use prost::Message;
use prost::bytes::Bytes;
use sekisho_ledger::Applied;
use sekisho_proto::v1;
use std::fmt;
use std::sync::Arc;

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

/// One Raft entry of ours: a batch, or a barrier if it holds no envelope. Encoded once, decoded once, however many
/// peers and files it goes to. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Proposal(Arc<(v1::Batch, Bytes)>);

impl Proposal {
    pub(crate) fn new(batch: v1::Batch) -> Self {
        let bytes = batch.encode_to_vec().into();
        Self(Arc::new((batch, bytes)))
    }

    /// Decodes one.
    ///
    /// # Errors
    /// The bytes are not a batch's.
    pub(crate) fn decode(bytes: Bytes) -> Result<Self, prost::DecodeError> {
        let batch = v1::Batch::decode(bytes.clone())?;
        Ok(Self(Arc::new((batch, bytes))))
    }

    pub(crate) fn batch(&self) -> &v1::Batch {
        &self.0.0
    }

    /// The batch as it is sent and stored.
    pub(crate) fn bytes(&self) -> Bytes {
        self.0.1.clone()
    }
}

impl PartialEq for Proposal {
    fn eq(&self, other: &Self) -> bool {
        self.0.1 == other.0.1
    }
}

impl fmt::Debug for Proposal {
    /// Never the contents: openraft traces its commands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let batch = self.batch();
        let (count, time) = (batch.envelopes.len(), batch.time_ms);
        write!(f, "Batch({count} entries at {time})")
    }
}

/// What the envelopes of one batch came to, in their order.
#[derive(Debug, Default)]
pub(crate) struct Applieds(pub(crate) Vec<Applied>);
