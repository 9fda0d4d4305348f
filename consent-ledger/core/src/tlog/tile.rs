//! The bytes of tiles of hashes.

use super::{Content, TILE_HEIGHT, TilePath};
use crate::merkle::{NodeStore, Subtree, TreeError};
use sekisho_domain::Hash;

/// A tile of another length than its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tile holds {got_bytes} bytes, {expected_bytes} are {width} hashes")]
pub struct TileLength {
    /// Hashes its name says.
    pub width: u16,
    /// Bytes these are.
    pub expected_bytes: usize,
    /// Bytes given.
    pub got_bytes: usize,
}

/// The bytes of a tile of hashes, from the tree's store; `None` for entries, which are not hashes.
///
/// # Errors
/// [`TreeError::Store`], or [`TreeError::Missing`] where the tree is not yet as large.
pub fn write_tile<S: NodeStore>(
    store: &S,
    path: TilePath,
) -> Result<Option<Vec<u8>>, TreeError<S::Error>> {
    let Content::Hashes { level } = path.content() else {
        return Ok(None);
    };
    let mut bytes = Vec::with_capacity(usize::from(path.width()) * Hash::LEN);
    for index in path.elements() {
        let subtree = Subtree {
            level: TILE_HEIGHT * level,
            index,
        };
        let hash = store
            .hash_of(subtree)
            .map_err(TreeError::Store)?
            .ok_or(TreeError::Missing(subtree))?;
        bytes.extend_from_slice(hash.as_bytes());
    }
    Ok(Some(bytes))
}

/// The hashes of a tile.
///
/// # Errors
/// [`TileLength`] where there are not as many bytes as its width calls for.
pub fn read_tile(bytes: &[u8], width: u16) -> Result<Vec<Hash>, TileLength> {
    let (hashes, rest) = bytes.as_chunks::<{ Hash::LEN }>();
    if hashes.len() != usize::from(width) || !rest.is_empty() {
        return Err(TileLength {
            width,
            expected_bytes: usize::from(width) * Hash::LEN,
            got_bytes: bytes.len(),
        });
    }
    Ok(hashes.iter().map(|hash| Hash(*hash)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{MemoryTree, leaf_hash};
    use crate::tlog::tiles_of;
    use std::collections::BTreeMap;

    /// MTH of RFC 6962 §2.1, from hashes of leaves, knowing nothing of tiles.
    fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [one] => *one,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                crate::merkle::node_hash(&root(left), &root(right))
            }
        }
    }

    /// "The n-th tile at level l is the sequence of MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])".
    #[test]
    fn tiles_hold_what_the_specification_says() {
        let leaves: Vec<Hash> = (0..66_100u32)
            .map(|n| leaf_hash(&n.to_be_bytes()))
            .collect();
        let mut tree = MemoryTree::new();
        for (at, leaf) in leaves.iter().enumerate() {
            tree.append(*leaf).unwrap();
            if ![1, 255, 256, 257, 600, 65_535, 65_536, 66_100].contains(&(at + 1)) {
                continue;
            }
            let mut seen = BTreeMap::new();
            for path in tiles_of(tree.size()) {
                let Content::Hashes { level } = path.content() else {
                    assert_eq!(write_tile(&tree, path), Ok(None));
                    continue;
                };
                let bytes = write_tile(&tree, path).unwrap().unwrap();
                let span = 256usize.pow(level.into());
                for (hash, n) in read_tile(&bytes, path.width())
                    .unwrap()
                    .iter()
                    .zip(path.elements())
                {
                    let begin = n as usize * span;
                    assert_eq!(*hash, root(&leaves[begin..begin + span]), "{path}");
                }
                *seen.entry(level).or_insert(0) += path.width() as usize;
            }
            for (level, hashes) in seen {
                assert_eq!(hashes, (at + 1) / 256usize.pow(level.into()));
            }
        }
        let beyond = TilePath::new(Content::Hashes { level: 0 }, 300, 1).unwrap();
        assert!(matches!(
            write_tile(&tree, beyond),
            Err(TreeError::Missing(_))
        ));
    }

    #[test]
    fn a_tile_of_another_length_is_refused() {
        for got_bytes in [0, 31, 33, 64, 95, 97] {
            let refused = TileLength {
                width: 3,
                expected_bytes: 96,
                got_bytes,
            };
            let read = read_tile(&vec![7; got_bytes], 3);
            assert_eq!(read, Err(refused), "{got_bytes} bytes");
        }
        assert_eq!(read_tile(&[7; 96], 3).unwrap(), [Hash([7; 32]); 3]);
    }
}
