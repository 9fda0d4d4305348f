//! What a replica's files take, by kind.

use crate::BenchError;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes of a block as the system counts them, on every file system.
const BLOCK_BYTES: u64 = 512;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The Raft log, and files kept for it.
    Log,
    /// The state.
    Database,
    /// Sealed tiles and bundles.
    Tiles,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Log, Self::Database, Self::Tiles];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Log => "Raft log",
            Self::Database => "database",
            Self::Tiles => "tiles and bundles",
        }
    }
}

/// Bytes by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Disk([u64; 3]);

impl Disk {
    /// Of a data directory, as the disk holds it: blocks, not lengths.
    pub(super) fn of_dir(data_dir: &Path) -> Result<Self, BenchError> {
        let mut disk = Self::default();
        let entries = fs::read_dir(data_dir).map_err(failed())?;
        for entry in entries {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name();
            let kind = match name.to_string_lossy().as_ref() {
                "tiles" => Kind::Tiles,
                name if name.starts_with("log-") || name.starts_with("spare-") => Kind::Log,
                name if name.starts_with("ledger.redb") => Kind::Database,
                name => {
                    return Err(BenchError::Wrong {
                        what: "a replica's files",
                        expected: "log, database and tiles".to_owned(),
                        got: name.to_owned(),
                    });
                }
            };
            disk.0[kind as usize] += bytes(&entry.path()).map_err(failed())?;
        }
        Ok(disk)
    }

    pub(super) fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }
}

fn failed() -> impl FnOnce(io::Error) -> BenchError {
    BenchError::system("a replica's files")
}

fn bytes(path: &Path) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    let mut total = metadata.blocks() * BLOCK_BYTES;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            total += bytes(&entry?.path())?;
        }
    }
    Ok(total)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_counted_as_its_kind_and_none_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, length: usize| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = fs::File::create(&path).unwrap();
            fs::write(&path, vec![7; length]).unwrap();
            file.sync_all().unwrap();
        };
        put("log-1", 100_000);
        put("spare-2", 50_000);
        put("ledger.redb", 300_000);
        put("tiles/tile/0/000", 20_000);
        put("tiles/checkpoint", 200);
        let disk = Disk::of_dir(dir.path()).unwrap();
        for (kind, least) in [
            (Kind::Log, 150_000),
            (Kind::Database, 300_000),
            (Kind::Tiles, 20_200),
        ] {
            let there = disk.of(kind);
            // Folders take blocks, too.
            assert!(
                there >= least && there < least + 50_000,
                "{kind:?}: {there}"
            );
        }
        put("unheard-of", 1);
        assert!(Disk::of_dir(dir.path()).is_err());
    }
}
