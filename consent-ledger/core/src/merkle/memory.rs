//! A tree held in memory: for simulation, the offline verifier and tests.

use super::{NodeStore, RightEdge, Subtree};
use crate::ProofError;
use sekisho_domain::Hash;
use std::convert::Infallible;

/// A tree with all its hashes in memory, 64 bytes a leaf.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    edge: RightEdge,
    /// `levels[level][index]`; subtrees of a level are completed in the order of their indices.
    levels: Vec<Vec<Hash>>,
}

impl MemoryTree {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The root.
    pub fn root(&self) -> Hash {
        self.edge.root()
    }

    /// Adds a leaf.
    ///
    /// # Errors
    /// [`ProofError::TreeTooLarge`].
    pub fn append(&mut self, leaf_hash: Hash) -> Result<(), ProofError> {
        for (subtree, hash) in self.edge.append(leaf_hash)? {
            let level = usize::from(subtree.level);
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(hash);
        }
        Ok(())
    }
}

impl NodeStore for MemoryTree {
    type Error = Infallible;

    fn hash_of(&self, subtree: Subtree) -> Result<Option<Hash>, Infallible> {
        let level = self.levels.get(usize::from(subtree.level));
        let index = usize::try_from(subtree.index).ok();
        Ok(level
            .zip(index)
            .and_then(|(level, index)| level.get(index))
            .copied())
    }
}
