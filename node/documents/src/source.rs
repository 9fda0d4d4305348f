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

/// A file of a source: source id and path relative to the source's root, `/` between components.
///
/// A component that is not UTF-8 is shown with `\xNN` for each byte outside it; such a file is never a
/// document, so the path of a document is exact.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceLocation {
    /// The source.
    pub source_id: SourceId,
    /// The relative path.
    pub path: String,
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
        Ok(Self { source_id, path })
    }
}

impl fmt::Debug for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceLocation({}, path withheld)", self.source_id)
    }
}
