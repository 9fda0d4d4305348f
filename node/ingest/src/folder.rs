//! Lists a folder: sorted, bounded, nothing followed.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Most entries of one folder: the largest sites keep some thousand patients below six digits of their ids.
pub(crate) const ENTRIES_MAX: usize = 100_000;

/// What an entry is, without following it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Folder,
    File,
    Link,
    Other,
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The name; of one that is not UTF-8, a form to show.
    pub name: String,
    pub name_is_utf8: bool,
    pub kind: EntryKind,
}

/// What listing a folder came to.
#[derive(Debug)]
pub(crate) enum Listing {
    Entries(Vec<Entry>),
    /// It is gone, or no folder any more.
    Vanished,
    TooMany,
    Unreadable(io::Error),
}

pub(crate) fn list(folder: &Path) -> Listing {
    match entries(folder) {
        Ok(Some(entries)) => Listing::Entries(entries),
        Ok(None) => Listing::TooMany,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Listing::Vanished
        }
        Err(e) => Listing::Unreadable(e),
    }
}

fn entries(folder: &Path) -> io::Result<Option<Vec<Entry>>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entries.len() == ENTRIES_MAX {
            return Ok(None);
        }
        let kind = match entry.file_type() {
            Ok(t) if t.is_symlink() => EntryKind::Link,
            Ok(t) if t.is_dir() => EntryKind::Folder,
            Ok(t) if t.is_file() => EntryKind::File,
            Ok(_) => EntryKind::Other,
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            Err(e) => return Err(e),
        };
        let name = entry.file_name();
        let name_is_utf8 = name.to_str().is_some();
        entries.push(Entry {
            name: shown(&name),
            name_is_utf8,
            kind,
        });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Some(entries))
}

/// A name as text; bytes outside UTF-8 as `\xNN`, so that two such names stay two.
fn shown(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}
