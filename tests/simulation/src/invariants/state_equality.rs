//! State-machine equality: at each size every replica has the same leaf, and with it the same state, for a leaf holds
//! the running digest of every write up to it.

use super::Seen;
use sekisho_domain::Hash;
use sekisho_ledger::merkle::MemoryTree;
use sekisho_ledger::{Leaf, merkle};

/// The promise's name.
pub const NAME: &str = "state equality";

/// The leaves that any replica has shown.
#[derive(Default)]
pub struct Known {
    /// Decoded, by index.
    pub leaves: Vec<Leaf>,
    hashes: Vec<(Hash, u64)>,
    tree: MemoryTree,
    /// By size.
    roots: Vec<Hash>,
}

impl Known {
    /// The hash of a leaf, and who showed it first.
    pub fn hash(&self, index: u64) -> Option<(Hash, u64)> {
        self.hashes.get(index as usize).copied()
    }

    /// The root of a size.
    pub fn root(&self, size: u64) -> Option<Hash> {
        match size.checked_sub(1) {
            None => Some(merkle::empty_root()),
            Some(last) => self.roots.get(last as usize).copied(),
        }
    }

    /// How many there are.
    pub fn size(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Takes a replica's fresh leaves, which must be those that others have shown.
    pub(super) fn merge(&mut self, replica: u64, seen: &Seen) -> Result<(), String> {
        for (index, bytes) in (seen.fresh_from..).zip(&seen.fresh) {
            let hash = merkle::leaf_hash(bytes);
            match self.hash(index) {
                Some((known, _)) if known == hash => {}
                Some((known, by)) => {
                    return Err(format!(
                        "replica {replica} has leaf {index} as {hash}, replica {by} has it as {known}"
                    ));
                }
                None if index == self.size() => {
                    let leaf = Leaf::decode(bytes)
                        .map_err(|error| format!("replica {replica}, leaf {index}: {error}"))?;
                    self.leaves.push(leaf);
                    self.hashes.push((hash, replica));
                    let grown = self.tree.append(hash);
                    grown.map_err(|error| error.to_string())?;
                    self.roots.push(self.tree.root());
                }
                None => return Err(format!("replica {replica} begins with leaf {index}")),
            }
        }
        Ok(())
    }
}
