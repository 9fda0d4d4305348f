//! Where a document lies. Never leaves the node: paths of hospital storages name patients.

use crate::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// Longest relative path kept, in bytes: the longest Linux opens (PATH_MAX).
pub const SOURCE_PATH_BYTES_MAX: usize = 4096;

/// One source of documents within a node (one storage root): 1 to 64 characters of `a-z 0-9 - _ .`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SourceId(String);

impl SourceId {
    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SourceId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let ok = (1..=64).contains(&text.len())
            && text.bytes().all(|b| {
                b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.')
            });
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::SourceId(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SourceId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Longest head of a file that is shown with each of its parts, in bytes: a row of column names, a sender's record.
pub const HEAD_BYTES_MAX: u64 = 64 << 10;

/// A document that is not a whole file, in a file that holds several: the file's first `head_bytes`, which are of no
/// patient (a row of column names, the sender's record), and then `size_bytes` from `offset_bytes` on.
///
/// ```text
/// file      │ head │ …another document's… │ this document's │ …another's… │
///           0      head_bytes             offset_bytes      + size_bytes
/// document  │ head │ this document's │
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Part {
    /// Where it begins in the file; not within the head.
    pub offset_bytes: u64,
    /// How long it is, without the head.
    pub size_bytes: u64,
    /// How much of the file's beginning belongs to it, at most [`HEAD_BYTES_MAX`].
    pub head_bytes: u64,
}

impl Part {
    /// Size of the document, its head included, in bytes.
    pub fn document_bytes(&self) -> u64 {
        self.head_bytes.saturating_add(self.size_bytes)
    }

    /// Whether no byte is in it twice, it is not empty, and it ends somewhere.
    pub fn is_well_formed(&self) -> bool {
        self.size_bytes > 0
            && self.head_bytes <= HEAD_BYTES_MAX
            && self.head_bytes <= self.offset_bytes
            && self.offset_bytes.checked_add(self.size_bytes).is_some()
    }
}

/// A file of a source, or a part of one: source id and path relative to the source's root, `/` between components.
///
/// A component that is not UTF-8 is shown with `\xNN` for each byte outside it; such a file is never a
/// document, so the path of a document is exact.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceLocation {
    /// The source.
    pub source_id: SourceId,
    /// The relative path.
    pub path: String,
    /// Which part of the file; none is the whole of it.
    pub part: Option<Part>,
}

impl SourceLocation {
    /// A location.
    ///
    /// # Errors
    /// [`Error::SourcePath`] for a path that is empty, longer than [`SOURCE_PATH_BYTES_MAX`] or holds a NUL.
    pub fn new(source_id: SourceId, path: impl Into<String>) -> Result<Self, Error> {
        let path = path.into();
        if path.is_empty() || path.len() > SOURCE_PATH_BYTES_MAX || path.contains('\0') {
            return Err(Error::SourcePath {
                bytes: path.len(),
                max: SOURCE_PATH_BYTES_MAX,
            });
        }
        Ok(Self {
            source_id,
            path,
            part: None,
        })
    }

    /// A part of this file.
    ///
    /// # Errors
    /// [`Error::Part`] for one that is not [well formed](Part::is_well_formed).
    pub fn part(&self, part: Part) -> Result<Self, Error> {
        if !part.is_well_formed() {
            return Err(Error::Part(part));
        }
        Ok(Self {
            part: Some(part),
            ..self.clone()
        })
    }

    /// The file it is in.
    pub fn file(&self) -> Self {
        Self {
            part: None,
            ..self.clone()
        }
    }
}

impl fmt::Debug for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceLocation({}, path withheld)", self.source_id)
    }
}
