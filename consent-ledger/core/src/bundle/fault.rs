//! What can be wrong with a bundle.

use super::{BUNDLE_BYTES_MAX, BUNDLE_VERSION};
use crate::ProofError;
use crate::envelope::EntryFault;
use crate::genesis::GenesisFault;
use crate::leaf::LeafError;
use sekisho_domain::{EntryIndex, LedgerId};

/// The first thing in a bundle that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleFault {
    /// The trust root itself is no genesis.
    #[error("the genesis file: {0}")]
    Genesis(Box<GenesisFault>),
    /// More bytes than a bundle can have.
    #[error("the bundle is {got_bytes} bytes, at most {BUNDLE_BYTES_MAX} are looked at")]
    TooLarge {
        /// Bytes given.
        got_bytes: usize,
    },
    /// Not a bundle at all.
    #[error("the file is not a proof bundle: {0}")]
    Form(String),
    /// Another layout.
    #[error("the bundle has version {0}, this software knows {BUNDLE_VERSION}")]
    Version(u64),
    /// Something was added, left out or spelled differently.
    #[error("the file is not the canonical encoding of the bundle it decodes to")]
    NotCanonical,
    /// It is from another ledger than the genesis file.
    #[error("the bundle names ledger {got}, the genesis file founds {expected}")]
    WrongLedger {
        /// What it names, in hexadecimal.
        got: String,
        /// What the genesis founds.
        expected: LedgerId,
    },
    /// More than a verifier looks at.
    #[error("the bundle holds {got} {what}, at most {max} are looked at")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// How many.
        got: usize,
        /// The bound.
        max: usize,
    },
    /// The checkpoint is not cosigned by a majority of the founding voters.
    #[error("the checkpoint: {0}")]
    Checkpoint(ProofError),
    /// The checkpoint carries a cosignature of somebody who is not a voter.
    #[error("the checkpoint carries a signature by {0:?} that is not by a voter's key")]
    UnknownCosigner(String),
    /// A voter's cosignature stands on it more than once.
    #[error("the checkpoint carries more than one signature by one voter, {0:?} among them")]
    CosignedTwice(String),
    /// Leaves stand in ascending order, each once.
    #[error("leaf {index} does not follow leaf {after}")]
    Order {
        /// The leaf.
        index: u64,
        /// The one before it.
        after: u64,
    },
    /// A leaf that is not in the tree.
    #[error("leaf {index} is not proved to stand in the tree: {fault}")]
    NotInTree {
        /// The leaf.
        index: u64,
        /// What is wrong with its proof.
        fault: ProofError,
    },
    /// A leaf that is no leaf.
    #[error("leaf {index} cannot be read: {fault}")]
    Leaf {
        /// The leaf.
        index: u64,
        /// What is wrong with it.
        fault: LeafError,
    },
    /// A leaf that says it stands elsewhere.
    #[error("leaf {index} says of itself that it is leaf {says}")]
    Place {
        /// Where it stands.
        index: u64,
        /// What it says.
        says: EntryIndex,
    },
    /// A leaf from before the one it follows.
    #[error("the time of leaf {index} runs back")]
    Time {
        /// The leaf.
        index: u64,
    },
    /// An entry nobody with a key on the ledger signed.
    #[error("the entry of leaf {index} is not authentic: {fault}")]
    NotAuthentic {
        /// The leaf.
        index: u64,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// The rules lead to another outcome than the leaf states.
    #[error("leaf {index} states another outcome than the rules lead to")]
    Outcome {
        /// The leaf.
        index: u64,
    },
    /// The access the bundle is about is not in it.
    #[error("leaf {0}, which the bundle is about, is not an access request in it")]
    AccessMissing(u64),
    /// A leaf that has nothing to do with the access.
    #[error("leaf {index} is a transfer of another access")]
    Stray {
        /// The leaf.
        index: u64,
    },
    /// A release and its receipt are of different contents.
    #[error("what was released (leaf {release}) is not what was received (leaf {receipt})")]
    TransfersDiffer {
        /// The release.
        release: EntryIndex,
        /// The receipt.
        receipt: EntryIndex,
    },
    /// An opening that opens nothing in the bundle.
    #[error("opening {position} ({label:?} of leaf {index}): {fault}")]
    Opening {
        /// Its place in the bundle, from 0.
        position: usize,
        /// The leaf.
        index: u64,
        /// Which commitment.
        label: String,
        /// What is wrong with it.
        fault: String,
    },
}

impl BundleFault {
    /// The fault's code, one of the closed list of `docs/spec/proof-bundle.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Genesis(_) => "genesis",
            Self::TooLarge { .. } => "too-large",
            Self::TooMany { .. } => "too-many",
            Self::Version(_) => "version",
            Self::Form(_) | Self::NotCanonical => "malformed",
            Self::WrongLedger { .. } => "wrong-ledger",
            Self::Checkpoint(_) => "checkpoint",
            Self::UnknownCosigner(_) => "unknown-cosigner",
            Self::CosignedTwice(_) => "cosigned-twice",
            Self::Order { .. } => "order",
            Self::NotInTree { .. } => "not-in-tree",
            Self::Leaf { .. } => "leaf",
            Self::Place { .. } => "place",
            Self::Time { .. } => "time",
            Self::NotAuthentic { .. } => "not-authentic",
            Self::Outcome { .. } => "outcome",
            Self::AccessMissing(_) => "access-missing",
            Self::Stray { .. } => "stray",
            Self::TransfersDiffer { .. } => "transfers-differ",
            Self::Opening { .. } => "opening",
        }
    }

    /// Where it is: the leaf's index, the place of an opening, or the receipt of a release that differs; none for
    /// what is wrong with the file as a whole.
    pub fn at(&self) -> Option<u64> {
        match self {
            Self::Order { index, .. }
            | Self::NotInTree { index, .. }
            | Self::Leaf { index, .. }
            | Self::Place { index, .. }
            | Self::Time { index }
            | Self::NotAuthentic { index, .. }
            | Self::Outcome { index }
            | Self::AccessMissing(index)
            | Self::Stray { index } => Some(*index),
            Self::TransfersDiffer { receipt, .. } => Some(receipt.0),
            Self::Opening { position, .. } => Some(*position as u64),
            _ => None,
        }
    }
}
