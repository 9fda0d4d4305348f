//! Writing an export: bundles and tiles under a checkpoint, byte-identical across replicas.
//!
//! The checkpoint is written last: a folder without one is an export that did not come to its end. Run again
//! into the same folder, it takes its beginning from the full bundles that are there.

use super::PROGRESS_EVERY;
use super::archive::{ArchiveError, bundle_of};
use super::rows::Rows;
use crate::checkpoint::Claimed;
use crate::store::Stopped;
use crate::tiles::Tiles;
use crate::{ReplicaError, state_error};
use sekisho_domain::{EntryIndex, Genesis};
use sekisho_ledger::View;
use sekisho_ledger::checkpoint::VerifiedCheckpoint;
use sekisho_ledger::ledger_id;
use sekisho_ledger::merkle::leaf_hash;
use sekisho_ledger::tlog::{Content, TILE_WIDTH, TilePath, entries};
use std::path::Path;

/// An export being written.
pub struct Export {
    tiles: Tiles,
    rows: Rows,
    note: String,
    checkpoint: VerifiedCheckpoint,
}

impl Export {
    /// Begins an export of the tree of a checkpoint, which the caller has checked, into a folder.
    ///
    /// # Errors
    /// The folder cannot be read or written, or holds files of another ledger.
    pub fn begin(
        folder: &Path,
        note: String,
        checkpoint: VerifiedCheckpoint,
    ) -> Result<Self, ArchiveError> {
        let mut export = Self {
            tiles: Tiles::at(folder),
            rows: Rows::new(),
            note,
            checkpoint,
        };
        export.resume()?;
        Ok(export)
    }

    /// Takes over the full bundles that are there. Should they be another ledger's, the root will tell.
    fn resume(&mut self) -> Result<(), ArchiveError> {
        for index in 0..self.checkpoint.size() / u64::from(TILE_WIDTH) {
            let Ok(path) = TilePath::new(Content::Entries, index, TILE_WIDTH) else {
                break;
            };
            let Some(bundle) = self.tiles.read(path)? else {
                break;
            };
            let file = || self.tiles.file(path);
            let entries = entries(&bundle, TILE_WIDTH).map_err(|fault| ArchiveError::Entries {
                path: file(),
                fault,
            })?;
            for entry in entries {
                self.push(entry)?;
            }
        }
        Ok(())
    }

    /// How many leaves are there: the index of the next.
    pub fn size(&self) -> u64 {
        self.rows.size()
    }

    /// How many there must be.
    pub fn wanted(&self) -> u64 {
        self.checkpoint.size()
    }

    /// Adds the next leaf.
    ///
    /// # Errors
    /// A file cannot be written, or is there and holds something else.
    pub fn push(&mut self, leaf: &[u8]) -> Result<(), ArchiveError> {
        let grown = self.rows.push(leaf, leaf_hash(leaf))?;
        for (path, bytes) in grown.tiles {
            self.tiles.keep(path, &bytes)?;
        }
        Ok(())
    }

    /// Writes the partial tiles and the checkpoint, if the leaves lead to its root.
    ///
    /// # Errors
    /// [`ArchiveError::Root`], or a file cannot be written.
    pub fn finish(self) -> Result<(), ArchiveError> {
        let (size, computed) = (self.rows.size(), self.rows.root());
        let expected = self.checkpoint.root();
        if (size, computed) != (self.checkpoint.size(), expected) {
            return Err(ArchiveError::Root {
                size,
                computed,
                expected,
            });
        }
        for (path, bytes) in self.rows.partial() {
            self.tiles.keep(path, &bytes)?;
        }
        self.tiles.write_checkpoint(&self.note)?;
        Ok(())
    }
}

/// Exports what a stopped replica holds under its last published checkpoint. Returns how many leaves that are.
///
/// # Errors
/// [`ReplicaError::InUse`] while a replica runs there; nothing was published there yet; its leaves do not lead to
/// its checkpoint; or files cannot be used.
pub fn export_stopped(
    data_dir: &Path,
    genesis: &Genesis,
    folder: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, ArchiveError> {
    let stopped = Stopped::open(data_dir)?;
    let own = Tiles::of(data_dir);
    let claimed = Claimed::published(&own, ledger_id(genesis))?
        .ok_or_else(|| ArchiveError::NoCheckpoint(own.folder().to_owned()))?;
    let state = stopped.read_state()?;
    let published = claimed.verify_by(&state)?;
    let mut export = Export::begin(folder, published.note, published.checkpoint)?;
    for index in export.size()..export.wanted() {
        let leaf = View(&state).leaf(EntryIndex(index)).map_err(state_error)?;
        let leaf = leaf.ok_or_else(|| ArchiveError::Leaf {
            index,
            bundle: bundle_of(index),
            offset: export.rows.offset(),
            why: "it is not in the store".to_owned(),
        })?;
        export.push(&leaf)?;
        if index.is_multiple_of(PROGRESS_EVERY) {
            progress(index, export.wanted());
        }
    }
    let size = export.wanted();
    export.finish()?;
    progress(size, size);
    Ok(size)
}

impl From<sekisho_ledger::ProofError> for ArchiveError {
    fn from(error: sekisho_ledger::ProofError) -> Self {
        Self::Replica(ReplicaError::Proof(error))
    }
}
