//! A folder in the layout of C2SP tlog-tiles: a replica's sealed files, or an export.
//!
//! ```text
//! <folder>/checkpoint                      the last published checkpoint; replaced as a whole
//! <folder>/tile/0/x001/234                 a full tile: written once, the same bytes at every replica
//! <folder>/tile/entries/x001/234           a full entry bundle: likewise
//! ```
//!
//! A replica's folder lies in its data directory and holds nothing that its state could not say again: the
//! state is what is served from and what counts, the files are what others copy, what `fsck` compares and what
//! is left when a database cannot be opened any more. So a missing file is written again, and one that differs
//! is an alarm, for one of the two is wrong.
//!
//! A file appears under its name only whole: it is written beside, fsynced, renamed, and the folder fsynced.

mod http;

pub use http::{TILES_CONNECTIONS_MAX, check_address, names_loopback};

use crate::ReplicaError;
use sekisho_ledger::note::NOTE_BYTES_MAX;
use sekisho_ledger::tlog::{ENTRIES_BYTES_MAX, TilePath};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The folder's name in the data directory.
pub(crate) const FOLDER: &str = "tiles";
/// The checkpoint's name.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// How a file being written is named, after its name.
pub(crate) const BESIDE: &str = ".tmp";

/// A folder of tiles.
#[derive(Debug, Clone)]
pub(crate) struct Tiles {
    folder: PathBuf,
}

impl Tiles {
    /// A folder, whether it is there or not.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// A replica's own, in its data directory.
    pub fn of(data_dir: &Path) -> Self {
        Self::at(data_dir.join(FOLDER))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a tile is.
    pub fn file(&self, path: TilePath) -> PathBuf {
        self.folder.join(path.to_string())
    }

    /// Whether there is a file of a tile, whatever it says.
    pub fn is_there(&self, path: TilePath) -> bool {
        self.file(path).exists()
    }

    /// The bytes of a tile, if its file is there.
    pub fn read(&self, path: TilePath) -> Result<Option<Vec<u8>>, ReplicaError> {
        read_bounded(&self.file(path), ENTRIES_BYTES_MAX)
    }

    /// The published checkpoint, if there is one.
    pub fn read_checkpoint(&self) -> Result<Option<Vec<u8>>, ReplicaError> {
        read_bounded(&self.folder.join(CHECKPOINT), NOTE_BYTES_MAX)
    }

    /// Replaces the checkpoint. Blocks until it is durable.
    pub fn write_checkpoint(&self, note: &str) -> Result<(), ReplicaError> {
        self.write(Path::new(CHECKPOINT), note.as_bytes())
    }

    /// Makes sure that a tile's file holds these bytes: writes it where it is missing. Says whether it did.
    ///
    /// # Errors
    /// [`ReplicaError::TileDiffers`] where it holds others; or it cannot be read or written.
    pub fn keep(&self, path: TilePath, bytes: &[u8]) -> Result<bool, ReplicaError> {
        match self.read(path)? {
            None => self
                .write(Path::new(&path.to_string()), bytes)
                .map(|()| true),
            Some(there) if there == bytes => Ok(false),
            Some(there) => Err(ReplicaError::TileDiffers {
                path: self.file(path),
                offset: first_difference(&there, bytes).unwrap_or_default(),
            }),
        }
    }

    /// Writes a file whole and durably.
    pub fn write(&self, name: &Path, bytes: &[u8]) -> Result<(), ReplicaError> {
        let path = self.folder.join(name);
        let written = || {
            let parent = path.parent().unwrap_or(&self.folder);
            create_folder(parent)?;
            let mut beside = path.clone().into_os_string();
            beside.push(BESIDE);
            // What a crash left, or somebody else's link to another file, is not written into.
            match fs::remove_file(&beside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = File::create_new(&beside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            File::open(parent)?.sync_all()
        };
        written().map_err(|source| ReplicaError::File {
            path: path.clone(),
            action: "written",
            source,
        })
    }
}

/// The place of the first byte that differs; at the shorter one's end where it is the other's beginning.
pub(crate) fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    if a == b {
        return None;
    }
    let differs = a.iter().zip(b).position(|(a, b)| a != b);
    Some(differs.unwrap_or(a.len().min(b.len())))
}

/// Creates a folder and those above it, each durable in the one above.
fn create_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        create_folder(above)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(above.unwrap_or(Path::new(".")))?.sync_all()
}

/// A file's bytes, one more than the bound at most: whoever compares or parses them sees that it is too long.
pub(crate) fn read_bounded(path: &Path, max: usize) -> Result<Option<Vec<u8>>, ReplicaError> {
    let read = || -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        file.take(max as u64 + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    read().map_err(|source| ReplicaError::File {
        path: path.to_owned(),
        action: "read",
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_ledger::tlog::Content;

    #[test]
    fn a_file_is_written_once_and_another_content_is_told_with_its_first_byte() {
        let dir = tempfile::tempdir().unwrap();
        let tiles = Tiles::of(dir.path());
        let path = TilePath::new(Content::Entries, 1_234_067, 256).unwrap();
        assert_eq!(tiles.read(path).unwrap(), None);
        assert!(tiles.keep(path, b"abc").unwrap());
        assert!(!tiles.keep(path, b"abc").unwrap());
        let file = dir.path().join("tiles/tile/entries/x001/x234/067");
        assert_eq!(fs::read(&file).unwrap(), b"abc");
        for (there, expected) in [("abd", 2), ("ab", 2), ("", 0), ("abcd", 3), ("xbc", 0)] {
            fs::write(&file, there).unwrap();
            match tiles.keep(path, b"abc") {
                Err(ReplicaError::TileDiffers { path, offset }) => {
                    assert_eq!((path, offset), (file.clone(), expected), "{there}");
                }
                other => panic!("{there}: {other:?}"),
            }
            assert_eq!(fs::read(&file).unwrap(), there.as_bytes(), "left as it is");
        }
        fs::remove_file(&file).unwrap();
        // What a crash left beside it is in nobody's way, nor is a link written through.
        let beside = file.with_extension("tmp");
        fs::write(&beside, b"half").unwrap();
        assert!(tiles.keep(path, b"abc").unwrap());
        #[cfg(unix)]
        {
            let elsewhere = dir.path().join("elsewhere");
            fs::write(&elsewhere, b"another's").unwrap();
            fs::remove_file(&file).unwrap();
            std::os::unix::fs::symlink(&elsewhere, &beside).unwrap();
            assert!(tiles.keep(path, b"abc").unwrap());
            assert_eq!(fs::read(&elsewhere).unwrap(), b"another's");
        }
        assert_eq!(fs::read(&file).unwrap(), b"abc");
    }

    #[test]
    fn the_checkpoint_is_replaced_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let tiles = Tiles::of(dir.path());
        assert_eq!(tiles.read_checkpoint().unwrap(), None);
        for note in ["a longer one\n", "short\n"] {
            tiles.write_checkpoint(note).unwrap();
            assert_eq!(tiles.read_checkpoint().unwrap().unwrap(), note.as_bytes());
        }
    }
}
