//! A state in memory that can leave out what no decision reads.

use sekisho_domain::EntryIndex;
use sekisho_ledger::store::{Kept, MemoryState, Row, StateRead, StateWrite, Table};
use std::convert::Infallible;

/// What is kept of what `apply` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// All of it.
    All,
    /// What decisions and rules read: not the leaves and what proves them, nor the request ids. Replicas keep those
    /// in files, and ten million of them would not fit this memory. Of the tree, what the next leaf needs.
    Deciding,
}

/// The state.
#[derive(Debug)]
pub(crate) struct Held {
    state: MemoryState,
    pub(crate) keep: Keep,
}

impl Held {
    pub(crate) fn new(keep: Keep) -> Self {
        Self {
            state: MemoryState::default(),
            keep,
        }
    }

    pub(crate) fn state(&self) -> &MemoryState {
        &self.state
    }
}

impl StateRead for Held {
    type Error = Infallible;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Infallible> {
        self.state.get(table, key)
    }
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<Row>, Infallible> {
        self.state.scan(table, prefix, from, max)
    }
    fn used(&self, sources: &[EntryIndex]) {
        self.state.used(sources);
    }
    fn kept(&self) -> Option<&Kept> {
        self.state.kept()
    }
}

impl StateWrite for Held {
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) -> Result<(), Infallible> {
        if self.keep == Keep::Deciding {
            match table {
                Table::Leaf | Table::RestsOn | Table::Request => return Ok(()),
                // Of each level the last complete subtree is all that the next leaf may need.
                Table::TreeNode => {
                    let level = key.get(..1).unwrap_or_default();
                    for (old, _) in self.state.scan(table, level, level, 1)? {
                        self.state.delete(table, &old)?;
                    }
                }
                _ => {}
            }
        }
        self.state.put(table, key, value)
    }
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), Infallible> {
        self.state.delete(table, key)
    }
}
