//! A tree growing leaf by leaf, and the tiles and bundles that become full.

use crate::ReplicaError;
use sekisho_domain::Hash;
use sekisho_ledger::merkle::{RightEdge, Subtree};
use sekisho_ledger::tlog::{
    Content, LEVEL_MAX, TILE_HEIGHT, TILE_WIDTH, TilePath, tiles_of, write_entry,
};

/// What a leaf completed.
pub(super) struct Grown {
    /// Complete subtrees, from the leaf up.
    pub subtrees: Vec<(Subtree, Hash)>,
    /// Full tiles and entry bundles.
    pub tiles: Vec<(TilePath, Vec<u8>)>,
}

/// A tree of which only the right edge and the tiles that are not yet full are kept.
pub(super) struct Rows {
    edge: RightEdge,
    bundle: Vec<u8>,
    /// Hashes of the tile that is not full, by level.
    hashes: Vec<Vec<u8>>,
}

impl Rows {
    pub fn new() -> Self {
        Self {
            edge: RightEdge::empty(),
            bundle: Vec::new(),
            hashes: vec![Vec::new(); usize::from(LEVEL_MAX) + 1],
        }
    }

    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    pub fn root(&self) -> Hash {
        self.edge.root()
    }

    /// Where the next leaf begins in its bundle.
    pub fn offset(&self) -> u64 {
        self.bundle.len() as u64
    }

    /// Adds a leaf under a hash: its own, or, where its bytes are damaged, what it should be.
    pub fn push(&mut self, leaf: &[u8], hash: Hash) -> Result<Grown, ReplicaError> {
        write_entry(&mut self.bundle, leaf).map_err(|_| ReplicaError::Damaged("a leaf"))?;
        let subtrees = self.edge.append(hash)?;
        let mut tiles = Vec::new();
        let width = u64::from(TILE_WIDTH);
        let full = |content, index: u64| TilePath::new(content, index, TILE_WIDTH);
        let size = self.edge.size();
        if size.is_multiple_of(width)
            && let Ok(path) = full(Content::Entries, size / width - 1)
        {
            tiles.push((path, std::mem::take(&mut self.bundle)));
        }
        for (subtree, hash) in &subtrees {
            let level = subtree.level / TILE_HEIGHT;
            let Some(row) = self.hashes.get_mut(usize::from(level)) else {
                continue;
            };
            if !subtree.level.is_multiple_of(TILE_HEIGHT) {
                continue;
            }
            row.extend_from_slice(hash.as_bytes());
            if (subtree.index + 1).is_multiple_of(width)
                && let Ok(path) = full(Content::Hashes { level }, subtree.index / width)
            {
                tiles.push((path, std::mem::take(row)));
            }
        }
        Ok(Grown { subtrees, tiles })
    }

    /// The partial tiles of the tree as it is now.
    pub fn partial(&self) -> Vec<(TilePath, Vec<u8>)> {
        let bytes = |content| match content {
            Content::Entries => self.bundle.clone(),
            Content::Hashes { level } => self
                .hashes
                .get(usize::from(level))
                .cloned()
                .unwrap_or_default(),
        };
        tiles_of(self.size())
            .filter(|path| !path.is_full())
            .map(|path| (path, bytes(path.content())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_ledger::merkle::{MemoryTree, leaf_hash};
    use sekisho_ledger::tlog::{write_entries, write_tile};
    use std::collections::BTreeMap;

    #[test]
    fn tiles_come_as_the_tree_says() {
        let leaves: Vec<Vec<u8>> = (0..66_000u32).map(|n| n.to_be_bytes().to_vec()).collect();
        let (mut rows, mut tree, mut full) = (Rows::new(), MemoryTree::new(), BTreeMap::new());
        for (n, leaf) in leaves.iter().enumerate() {
            let grown = rows.push(leaf, leaf_hash(leaf)).unwrap();
            tree.append(leaf_hash(leaf)).unwrap();
            full.extend(grown.tiles);
            if ![1, 256, 300, 65_536, 66_000].contains(&(n + 1)) {
                continue;
            }
            assert_eq!((rows.size(), rows.root()), (tree.size(), tree.root()));
            let mut all = full.clone();
            all.extend(rows.partial());
            assert_eq!(all.len(), tiles_of(tree.size()).count());
            for path in tiles_of(tree.size()) {
                let expected = match path.content() {
                    Content::Entries => {
                        let of = path.elements();
                        write_entries(&leaves[of.start as usize..of.end as usize]).unwrap()
                    }
                    Content::Hashes { .. } => write_tile(&tree, path).unwrap().unwrap(),
                };
                assert!(all[&path] == expected, "{path} of {}", tree.size());
            }
        }
    }
}
