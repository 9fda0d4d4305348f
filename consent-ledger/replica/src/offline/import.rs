//! Filling the store of a replica that has never run from an export that was checked.

use super::archive::{Archive, ArchiveError, bundle_of, read};
use crate::config::Config;
use crate::store::Import;
use crate::tiles::Tiles;
use sekisho_domain::{Genesis, Hash};
use sekisho_ledger::Leaf;
use sekisho_ledger::merkle::{RightEdge, leaf_hash};
use sekisho_ledger::tlog::{entries, entry_offset};

/// What an import came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Leaves in the store now.
    pub size: u64,
    /// Of these, leaves that an earlier run had imported.
    pub resumed: u64,
    /// Their root: the checkpoint's.
    pub root: Hash,
}

/// Fills a store from a checked export, a bundle at a time: each entry's signatures are checked and its rules run
/// again, and what comes out must be the leaf, byte for byte. Interrupted, it goes on where it was when it is run
/// again; until its end no replica starts on the store.
///
/// # Errors
/// The store is not that of a replica that has never run; what was imported before is not of this export; a leaf
/// does not follow from its entry; or the disk fails.
pub fn import(
    archive: &Archive,
    config: &Config,
    genesis: &Genesis,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Imported, ArchiveError> {
    let store = Import::open(config, genesis)?;
    let imported = fill(archive, &store, progress)?;
    Tiles::of(&config.data_dir).write_checkpoint(&archive.checkpoint().note)?;
    store.complete(imported.size, imported.root)?;
    Ok(imported)
}

/// Fills the store of a replica that has a place and has never run, from a backup; what is missing since then, and
/// whether the ledger gives the replica its place, is for [`join`](crate::join) to fetch and to check. Nothing that
/// another replica voted or cosigned comes along: the store is a new replica's.
///
/// # Errors
/// Those of [`import`].
pub fn restore(
    archive: &Archive,
    config: &Config,
    genesis: &Genesis,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Imported, ArchiveError> {
    fill(archive, &Import::open(config, genesis)?, progress)
}

/// Fills an open store up to the archive's checkpoint.
pub(super) fn fill(
    archive: &Archive,
    store: &Import,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Imported, ArchiveError> {
    let checkpoint = archive.checkpoint();
    let (size, root) = (checkpoint.checkpoint.size(), checkpoint.checkpoint.root());
    let resumed = store.size()?;
    let other_beginning = || ArchiveError::OtherBeginning { size: resumed };
    if resumed > size {
        return Err(other_beginning());
    }
    let mut edge = RightEdge::empty();
    for path in archive.bundles() {
        let bundle = read(&archive.tiles, path)?;
        let entries = entries(&bundle, path.width()).map_err(|fault| ArchiveError::Entries {
            path: archive.tiles.file(path),
            fault,
        })?;
        let (mut leaves, mut bytes) = (Vec::new(), Vec::new());
        let leaf_error = |place: usize, why: String| {
            let index = path.elements().start + place as u64;
            ArchiveError::Leaf {
                index,
                bundle: bundle_of(index),
                offset: entry_offset(entries.iter().take(place)) as u64,
                why,
            }
        };
        for (place, entry) in entries.iter().enumerate() {
            edge.append(leaf_hash(entry))?;
            if edge.size() == resumed && edge.root() != store.root()? {
                return Err(other_beginning());
            }
            if edge.size() <= resumed {
                continue;
            }
            leaves.push(Leaf::decode(entry).map_err(|e| leaf_error(place, e.to_string()))?);
            bytes.push(entry.to_vec());
        }
        if let Err(differs) = store.append(&leaves, &bytes)? {
            let before = entries.len() - leaves.len();
            return Err(leaf_error(before + differs.place, differs.why));
        }
        progress(edge.size(), size);
    }
    // The files may have changed since they were checked; what is in the store has not.
    let computed = store.root()?;
    if (store.size()?, computed) != (size, root) {
        return Err(ArchiveError::Root {
            size,
            computed,
            expected: root,
        });
    }
    Ok(Imported {
        size,
        resumed,
        root,
    })
}
