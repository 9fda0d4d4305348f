//! The files of a transaction storage, read on from where they were read to.

use super::scan::scan;
use sekisho_documents::LocalPatientId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes read at a time: some hundred records.
const STRETCH_BYTES: u64 = 1 << 20;
/// Most files of one year: one a day, and one for each gigabyte or so beyond.
const FILES_MAX: usize = 20_000;

/// How far a feed was read. Files sort by name as they were written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Position {
    /// The file: `year/TR_….DAT`.
    pub file: String,
    /// How much of it.
    pub offset_bytes: u64,
}

/// What a feed said since it was last asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heard {
    /// The patients touched.
    pub patients: BTreeSet<LocalPatientId>,
    /// Records that named nobody who could be looked for: only a whole walk finds what they are about.
    pub unnamed: u64,
    /// Whether there is more to read now.
    pub more: bool,
}

/// One transaction storage.
#[derive(Debug)]
pub struct Feed {
    root: PathBuf,
    position: Position,
    /// Size of the present file when it was last read. Its last message stays unread, since more of it may come.
    seen_bytes: u64,
}

impl Feed {
    /// The feed below a root, from a position on.
    pub fn from(root: impl Into<PathBuf>, position: Position) -> Self {
        Self {
            root: root.into(),
            position,
            seen_bytes: 0,
        }
    }

    /// The feed from its present end on: for whoever is about to walk through the tree.
    ///
    /// # Errors
    /// The storage cannot be listed.
    pub fn from_end(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        let last = files_behind(&root, "")?.pop();
        let position = match last {
            None => Position::default(),
            Some(file) => {
                let offset_bytes = fs::metadata(root.join(&file))?.len();
                Position { file, offset_bytes }
            }
        };
        Ok(Self {
            root,
            position,
            seen_bytes: 0,
        })
    }

    /// How far it was read.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Reads on, one stretch at most.
    ///
    /// # Errors
    /// The storage cannot be listed or read; the position stays.
    pub fn read(&mut self) -> io::Result<Heard> {
        let behind = files_behind(&self.root, &self.position.file)?;
        let mut position = self.position.clone();
        let heard = match self.stretch(&mut position, !behind.is_empty())? {
            Some(heard) => heard,
            // Read to its end, or gone: on with the next.
            None => match behind.into_iter().next() {
                None => Heard::default(),
                Some(file) => {
                    position = Position {
                        file,
                        offset_bytes: 0,
                    };
                    self.seen_bytes = 0;
                    Heard {
                        more: true,
                        ..Heard::default()
                    }
                }
            },
        };
        self.position = position;
        Ok(heard)
    }

    /// One stretch of the present file, if there is more of it.
    fn stretch(&mut self, position: &mut Position, has_next: bool) -> io::Result<Option<Heard>> {
        if position.file.is_empty() {
            return Ok(None);
        }
        let mut file = match File::open(self.root.join(&position.file)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let size_bytes = file.metadata()?.len();
        let mut lost = 0;
        if size_bytes < position.offset_bytes.max(self.seen_bytes) {
            // Another file under the same name: what it held before is not known any more.
            (position.offset_bytes, self.seen_bytes, lost) = (0, 0, 1);
        }
        let is_read = match has_next {
            // Nothing will follow: its last message, too.
            true => size_bytes == position.offset_bytes,
            false => size_bytes == self.seen_bytes,
        };
        if is_read {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(position.offset_bytes))?;
        let mut bytes = Vec::new();
        file.take(STRETCH_BYTES).read_to_end(&mut bytes)?;
        let read_to = position.offset_bytes + bytes.len() as u64;
        let to_end = read_to >= size_bytes;
        let scan = scan(&bytes, has_next && to_end);
        position.offset_bytes += scan.consumed_bytes as u64;
        self.seen_bytes = read_to;
        Ok(Some(Heard {
            patients: scan.patients,
            unnamed: scan.unnamed + lost,
            more: !to_end || has_next,
        }))
    }
}

/// The files that sort behind one, `year/name`, in order.
fn files_behind(root: &Path, after: &str) -> io::Result<Vec<String>> {
    let after_year = after.split('/').next().unwrap_or_default();
    let mut files = Vec::new();
    for year in names(root)? {
        let is_year = year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit());
        if !is_year || year.as_str() < after_year {
            continue;
        }
        for name in names(&root.join(&year))? {
            let path = format!("{year}/{name}");
            if is_transaction_file(&name) && path.as_str() > after {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries.take(FILES_MAX) {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// `TR_yyyyMMddHHmmssfff_nnnnn.DAT`.
pub(crate) fn is_transaction_file(name: &str) -> bool {
    name.starts_with("TR_") && name.ends_with(".DAT")
}

#[cfg(test)]
#[path = "../feed_test.rs"]
mod tests;
