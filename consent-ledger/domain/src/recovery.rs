//! Recovery: how a ledger goes on whose quorum is lost for good.

use crate::{Hash, NetworkId, PublicKey};
use serde::{Deserialize, Serialize};

/// The networks' common statement: from this prefix on, kept by these replicas, in the next lineage. What the last
/// lineage held beyond it is lost; whoever has a receipt of it can prove that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// How many leaves are kept: the longest prefix a quorum of the last lineage cosigned that is left anywhere.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
    /// Who keeps it from now on, and votes: 1 to [`Recovery::SEATS_MAX`], each a new replica. All others are retired.
    pub seats: Vec<Seat>,
}

impl Recovery {
    /// Replicas a ledger goes on with; more join later.
    pub const SEATS_MAX: usize = 16;
    /// Signatures of the envelope of a recovery: one of each network there can be.
    pub const SIGNATURES_MAX: usize = 64;
}

/// A replica that a recovery gives a place and a vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The network that runs it.
    pub network: NetworkId,
    /// `host:port` where it will answer.
    pub endpoint: String,
    /// The key of its TLS certificate: a new one, or that of a process the network ran already.
    pub transport_key: PublicKey,
    /// The key it cosigns checkpoints with; never used before.
    pub checkpoint_key: PublicKey,
}
