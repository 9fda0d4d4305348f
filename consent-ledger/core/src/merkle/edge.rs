//! The right edge of a tree: all that is needed to make it grow.

use super::{Subtree, TREE_SIZE_MAX, check_size, empty_root, node_hash};
use crate::ProofError;
use sekisho_domain::Hash;

/// The hashes of the complete subtrees a tree is a row of, largest first: one for each bit set in its
/// size, at most 62. Small enough to go into a snapshot, from where the tree can go on growing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RightEdge {
    size: u64,
    /// As many as `size` has bits set.
    hashes: Vec<Hash>,
}

impl RightEdge {
    /// The edge of the tree without leaves.
    pub fn empty() -> Self {
        Self::default()
    }

    /// An edge read from elsewhere. That it is the edge of the right tree shows only by comparing
    /// [`RightEdge::root`] with a verified checkpoint's.
    ///
    /// # Errors
    /// [`ProofError::TreeTooLarge`], or [`ProofError::EdgeLength`] if there are not as many hashes as
    /// the size has bits set.
    pub fn from_parts(size: u64, hashes: Vec<Hash>) -> Result<Self, ProofError> {
        check_size(size)?;
        let (expected, got) = (size.count_ones() as usize, hashes.len());
        if expected != got {
            return Err(ProofError::EdgeLength {
                size,
                expected,
                got,
            });
        }
        Ok(Self { size, hashes })
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes, of the largest subtree first.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The tree's root: `MTH(D[n])` of RFC 6962 §2.1.
    pub fn root(&self) -> Hash {
        fold(&self.hashes).unwrap_or_else(empty_root)
    }

    /// Adds a leaf. Returns the subtrees this completed, from the leaf up, for the store to keep: on
    /// average two.
    ///
    /// # Errors
    /// [`ProofError::TreeTooLarge`] if the tree is full; it is then unchanged.
    pub fn append(&mut self, leaf_hash: Hash) -> Result<Vec<(Subtree, Hash)>, ProofError> {
        if self.size >= TREE_SIZE_MAX {
            return Err(ProofError::TreeTooLarge {
                size: self.size.saturating_add(1),
                max: TREE_SIZE_MAX,
            });
        }
        // As in adding 1 to a binary number: each bit set at the low end of the size is a subtree that
        // now gets its right half.
        let carries = self.size.trailing_ones() as usize;
        let lefts = self
            .hashes
            .split_off(self.hashes.len().saturating_sub(carries));
        let mut subtree = Subtree {
            level: 0,
            index: self.size,
        };
        let mut hash = leaf_hash;
        let mut completed = Vec::with_capacity(carries + 1);
        completed.push((subtree, hash));
        for left in lefts.iter().rev() {
            subtree = subtree.parent();
            hash = node_hash(left, &hash);
            completed.push((subtree, hash));
        }
        self.hashes.push(hash);
        self.size += 1;
        Ok(completed)
    }
}

/// The hash over a row of subtrees, each larger than the next; `None` of an empty row.
pub(super) fn fold(row: &[Hash]) -> Option<Hash> {
    let (last, larger) = row.split_last()?;
    Some(
        larger
            .iter()
            .rev()
            .fold(*last, |right, left| node_hash(left, &right)),
    )
}
