//! Reading an export: nothing in it is believed but what leads to the checkpoint.

use super::PROGRESS_EVERY;
use super::rows::Rows;
use crate::ReplicaError;
use crate::checkpoint::{Claimed, Cosigned};
use crate::tiles::{CHECKPOINT, Tiles, first_difference};
use sekisho_domain::{Genesis, Hash};
use sekisho_ledger::merkle::leaf_hash;
use sekisho_ledger::tlog::{Content, EntriesFault, TILE_WIDTH, TilePath, entries, tiles_of};
use sekisho_ledger::{Leaf, Roster, RosterFault, ledger_id};
use std::path::{Path, PathBuf};

/// What is wrong with an export.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The folder holds no checkpoint.
    #[error("{} holds no checkpoint: it is no export, or one that did not come to its end", .0.display())]
    NoCheckpoint(PathBuf),
    /// A file the checkpoint's tree calls for is not there.
    #[error("{} is missing", .0.display())]
    Missing(PathBuf),
    /// A bundle is not so many entries.
    #[error("{}: {fault}", path.display())]
    Entries {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        fault: EntriesFault,
    },
    /// A tile does not hold the hashes of what it stands for.
    #[error(
        "{} and the entries it stands for do not fit each other, from byte {offset} of the tile on", path.display()
    )]
    Tile {
        /// The tile's file.
        path: PathBuf,
        /// The first byte of the tile that the entries do not lead to, from 0.
        offset: usize,
    },
    /// The entries lead to another root than the checkpoint's.
    #[error("the {size} entries lead to root {computed}, the checkpoint says {expected}")]
    Root {
        /// How many there are.
        size: u64,
        /// Where they lead.
        computed: Hash,
        /// Where they should.
        expected: Hash,
    },
    /// A leaf that does not follow from its entry.
    #[error("leaf {index} (bundle {bundle}, byte {offset}): {why}")]
    Leaf {
        /// The leaf's index.
        index: u64,
        /// Its bundle.
        bundle: u64,
        /// Where it begins in the bundle.
        offset: u64,
        /// What is wrong with it.
        why: String,
    },
    /// What was imported before is not the beginning of this export.
    #[error("the {size} leaves imported before are not the beginning of this export")]
    OtherBeginning {
        /// How many there are.
        size: u64,
    },
    /// A leaf about members, keys or replicas does not follow from its entry: who must cosign is not known.
    #[error(transparent)]
    Roster(#[from] RosterFault),
    /// Files or the store cannot be used, or the checkpoint is not one of this ledger.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// An export that was checked: its entries lead to a checkpoint that a majority of the voters they name cosigned.
pub struct Archive {
    pub(super) tiles: Tiles,
    checkpoint: Cosigned,
    roster: Roster,
}

impl Archive {
    /// The checkpoint.
    pub fn checkpoint(&self) -> &Cosigned {
        &self.checkpoint
    }

    /// Members, keys and replicas as its leaves say.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The bundles' names, in order.
    pub(super) fn bundles(&self) -> impl Iterator<Item = TilePath> {
        bundles(self.checkpoint.checkpoint.size())
    }
}

fn bundles(size: u64) -> impl Iterator<Item = TilePath> {
    tiles_of(size).take_while(|path| path.content() == Content::Entries)
}

pub(super) fn read(tiles: &Tiles, path: TilePath) -> Result<Vec<u8>, ArchiveError> {
    tiles
        .read(path)?
        .ok_or_else(|| ArchiveError::Missing(tiles.file(path)))
}

/// Checks an export: recomputes every hash from the entries' bytes and compares tiles and root. `progress` hears
/// of how many of how many entries are done.
///
/// # Errors
/// [`ArchiveError`], the first thing that does not hold.
pub fn verify_archive(
    folder: &Path,
    genesis: &Genesis,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Archive, ArchiveError> {
    let tiles = Tiles::at(folder);
    let claimed = Claimed::published(&tiles, ledger_id(genesis))?
        .ok_or_else(|| ArchiveError::NoCheckpoint(folder.to_owned()))?;
    let (size, expected) = (claimed.checkpoint().size(), claimed.checkpoint().root());
    let mut roster = Roster::founded(genesis)?;
    let mut rows = Rows::new();
    for path in bundles(size) {
        let bundle = read(&tiles, path)?;
        let entries = entries(&bundle, path.width()).map_err(|fault| ArchiveError::Entries {
            path: tiles.file(path),
            fault,
        })?;
        for entry in entries {
            // What is no leaf is told by the root, or by whoever imports it.
            if let Ok(leaf) = Leaf::decode(entry) {
                roster.read(&leaf)?;
            }
            let grown = rows.push(entry, leaf_hash(entry))?;
            for (path, computed) in grown.tiles {
                compare(&tiles, path, &computed)?;
            }
            if rows.size().is_multiple_of(PROGRESS_EVERY) {
                progress(rows.size(), size);
            }
        }
    }
    for (path, computed) in rows.partial() {
        compare(&tiles, path, &computed)?;
    }
    let computed = rows.root();
    if computed != expected {
        return Err(ArchiveError::Root {
            size,
            computed,
            expected,
        });
    }
    let verified = claimed.verify(&roster.voters(size)?);
    let checkpoint = verified.map_err(|source| ReplicaError::PublishedCheckpoint {
        path: tiles.folder().join(CHECKPOINT),
        source,
    })?;
    progress(size, size);
    Ok(Archive {
        tiles,
        checkpoint,
        roster,
    })
}

fn compare(tiles: &Tiles, path: TilePath, computed: &[u8]) -> Result<(), ArchiveError> {
    // A bundle was read from its file a moment ago.
    if path.content() == Content::Entries {
        return Ok(());
    }
    let there = read(tiles, path)?;
    match first_difference(&there, computed) {
        None => Ok(()),
        Some(offset) => Err(ArchiveError::Tile {
            path: tiles.file(path),
            offset,
        }),
    }
}

/// The bundle of a leaf.
pub(super) fn bundle_of(index: u64) -> u64 {
    index / u64::from(TILE_WIDTH)
}
