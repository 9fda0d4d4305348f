//! The ledger's tree: a Merkle tree that only grows, hashed as RFC 6962 §2.1 (RFC 9162 §2.1) says.
//!
//! ```text
//! level 2          (2,0)                 leaf hash  = SHA-256(0x00 || leaf)
//!                 /     \                node hash  = SHA-256(0x01 || left || right)
//! level 1     (1,0)     (1,1)            empty tree = SHA-256("")
//!             /  \      /  \
//! level 0 (0,0) (0,1) (0,2) (0,3) (0,4)      a tree of 5 leaves: right edge (2,0), (0,4)
//! ```
//!
//! Only *complete* subtrees have a stored hash: it never changes once written, so a store is append
//! only as well (P7). A tree of any size up to [`TREE_SIZE_MAX`] is a row of complete subtrees, largest
//! first, its [`RightEdge`]; growing needs nothing but that edge. Everything else is worked out from a
//! [`NodeStore`], in memory or on disk, by [`root`], [`inclusion_proof`] and [`consistency_proof`], and
//! checked without one by [`verify_inclusion`] and [`verify_consistency`].
//!
//! What a leaf holds, where hashes are kept (C2SP tlog-tiles on a replica's disk) and when a root is
//! signed are left to the callers.

mod edge;
mod memory;
mod path;
mod prove;
mod verify;

#[cfg(test)]
#[path = "laws_test.rs"]
mod laws;
#[cfg(test)]
mod naive;
#[cfg(test)]
#[path = "merkle_test.rs"]
mod tests;

pub use edge::RightEdge;
pub use memory::MemoryTree;
pub use prove::{NodeStore, TreeError, append, consistency_proof, inclusion_proof, root};
pub use verify::{parse_proof, verify_consistency, verify_inclusion};

use crate::ProofError;
use sekisho_domain::Hash;
use sha2::{Digest, Sha256};

/// Largest tree: sizes below 2^62 keep every sum and shift of indices within 64 bits, and a ledger of
/// 10,000 leaves a second would need 14 million years to get there.
pub const TREE_SIZE_MAX: u64 = (1 << 62) - 1;
/// Most hashes in a proof: one a level of the largest tree, and in a consistency proof one more for
/// where the smaller tree ends. What is longer is refused before anything is hashed.
pub const PROOF_HASHES_MAX: usize = 63;

/// A complete subtree: the leaves from `index << level` on, `1 << level` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subtree {
    /// Height above the leaves, 0 to 61.
    pub level: u8,
    /// Place among the subtrees of its level, from 0.
    pub index: u64,
}

impl Subtree {
    /// The subtree of this one's level and the one to its right.
    fn parent(self) -> Self {
        Self {
            level: self.level + 1,
            index: self.index >> 1,
        }
    }
}

impl std::fmt::Display for Subtree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({}, {})", self.level, self.index)
    }
}

/// The hash of a leaf's bytes (RFC 6962 §2.1).
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash(
        Sha256::new()
            .chain_update([0x00])
            .chain_update(leaf)
            .finalize()
            .into(),
    )
}

/// The hash over two subtrees (RFC 6962 §2.1).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(
        Sha256::new()
            .chain_update([0x01])
            .chain_update(left.0)
            .chain_update(right.0)
            .finalize()
            .into(),
    )
}

/// The root of the tree without leaves (RFC 6962 §2.1).
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

fn check_size(size: u64) -> Result<(), ProofError> {
    if size > TREE_SIZE_MAX {
        Err(ProofError::TreeTooLarge {
            size,
            max: TREE_SIZE_MAX,
        })
    } else {
        Ok(())
    }
}
