//! Opens a document's bytes for release: exactly the bytes that were indexed, from inside their root, or an error.
//!
//! The path is resolved and compared, and what was read is hashed and compared. So even a link swapped in between
//! the two gives only bytes that were indexed as this document. Whether they may leave is the node's question; that
//! they still name the right patient, `sekisho_ingest::verify_patient`'s.
//!
//! Messages are read whole ([`Contents::read`]). A document is released in pieces and in constant memory, see
//! [`crate::Opened`].

use crate::store::{Keeping, Object, ObjectContents, StoreError};
use crate::{DocumentEntry, DocumentIndex, Opened, SourceId, SourceLocation};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Largest file read whole from a source, in bytes: messages are some kilobytes, a year of results less than one
/// megabyte. Who a message is about stands in the message, so none is released unless it was read whole.
pub const FILE_BYTES_MAX: u64 = 8 << 20;

/// Largest document released, in bytes; it is read in pieces. What a broker passes on at most: within the longest
/// deadline there is, a minute, a line must carry 150 Mbit/s for it.
pub const DOCUMENT_BYTES_MAX: u64 = 1 << 30;

/// Why a document cannot be released. Displays name neither path nor patient.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// The bytes are not those that were indexed.
    #[error("the document has changed since it was indexed")]
    Changed(SourceLocation),
    /// The file is no longer there (renamed, deleted, or its volume is not mounted).
    #[error("the document is no longer where it was indexed")]
    Vanished(SourceLocation),
    /// The path leads out of its root, through a link or `..`.
    #[error("the document's path leads out of its root")]
    Escapes(SourceLocation),
    /// The path does not lead to a regular file.
    #[error("the document is not a regular file")]
    NotAFile(SourceLocation),
    /// The file is larger than [`FILE_BYTES_MAX`] or [`DOCUMENT_BYTES_MAX`].
    #[error("the document is larger than {max} bytes")]
    TooLarge {
        /// The file.
        location: SourceLocation,
        /// The bound, in bytes.
        max: u64,
    },
    /// No root is known for the document's source.
    #[error("source {0} is not configured")]
    UnknownSource(SourceId),
    /// The root of a source cannot be resolved.
    #[error("root of source {source_id} cannot be resolved")]
    Root {
        /// The source.
        source_id: SourceId,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store that holds it failed.
    #[error(transparent)]
    Store(StoreError),
    /// Reading failed.
    #[error("the document cannot be read")]
    Io {
        /// The file.
        location: SourceLocation,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The roots of a node's sources.
#[derive(Debug, Clone)]
pub struct Contents {
    roots: BTreeMap<SourceId, PathBuf>,
    /// Where documents are released from instead of their files.
    store: Option<ObjectContents>,
}

impl Contents {
    /// Contents below the given roots. A root may itself be a link (a mounted volume); it is resolved at each use,
    /// so that a volume which is away when a node starts neither keeps it from starting nor needs a restart later.
    pub fn new(roots: impl IntoIterator<Item = (SourceId, PathBuf)>) -> Self {
        Self {
            roots: roots.into_iter().collect(),
            store: None,
        }
    }

    /// The same, released from a store that holds what [`Keeping`] put there.
    pub fn released_from(self, store: Option<ObjectContents>) -> Self {
        Self { store, ..self }
    }

    /// The index through which entries are applied: with a store, one that stores their contents first.
    pub fn kept_for(&self, index: Arc<dyn DocumentIndex>) -> Arc<dyn DocumentIndex> {
        match &self.store {
            Some(store) => Arc::new(Keeping::new(index, store.clone(), self.clone())),
            None => index,
        }
    }

    /// Whether a document's source is a folder of files; what is fetched from elsewhere is stored nowhere.
    pub(crate) fn lies_in_files(&self, entry: &DocumentEntry) -> bool {
        self.roots.contains_key(&entry.location.source_id)
    }

    /// Opens a document of at most [`DOCUMENT_BYTES_MAX`], of the size its entry states. Nothing of it is read yet.
    /// Of a file that holds several documents, only this one's part is ever read.
    ///
    /// # Errors
    /// One variant for each way in which the file is not what was indexed.
    pub fn open(&self, entry: &DocumentEntry) -> Result<Opened, ContentsError> {
        let Some(store) = self.store.as_ref().filter(|_| self.lies_in_files(entry)) else {
            return self.open_file(entry);
        };
        let location = &entry.location;
        if entry.size_bytes > DOCUMENT_BYTES_MAX {
            return Err(ContentsError::TooLarge {
                location: location.clone(),
                max: DOCUMENT_BYTES_MAX,
            });
        }
        match Object::open(store, entry) {
            Ok(object) => Ok(Opened::object(object, entry)),
            Err(StoreError::Missing { .. }) => Err(ContentsError::Vanished(location.clone())),
            Err(StoreError::Replaced { .. }) => Err(ContentsError::Changed(location.clone())),
            Err(error) => Err(error.into()),
        }
    }

    /// The same from its file, wherever documents are released from.
    ///
    /// # Errors
    /// As [`Contents::open`].
    pub fn open_file(&self, entry: &DocumentEntry) -> Result<Opened, ContentsError> {
        let (file, size_bytes) = self.file(&entry.location, DOCUMENT_BYTES_MAX)?;
        let is_there = match entry.location.part {
            None => size_bytes == entry.size_bytes,
            Some(part) => {
                part.is_well_formed()
                    && part.document_bytes() == entry.size_bytes
                    && part.offset_bytes.saturating_add(part.size_bytes) <= size_bytes
            }
        };
        if !is_there {
            return Err(ContentsError::Changed(entry.location.clone()));
        }
        Ok(Opened::file(file, entry))
    }

    /// The bytes of a source file, at most [`FILE_BYTES_MAX`], compared with nothing: for the readers that make
    /// entries. A document is released with [`Contents::open`].
    ///
    /// # Errors
    /// As [`Contents::open`], except [`ContentsError::Changed`].
    pub fn read(&self, location: &SourceLocation) -> Result<Vec<u8>, ContentsError> {
        self.read_at_most(location, FILE_BYTES_MAX)
    }

    /// The same with another bound: files that hold many patients' documents are larger than any of these.
    ///
    /// # Errors
    /// As [`Contents::read`].
    pub fn read_at_most(
        &self,
        location: &SourceLocation,
        max: u64,
    ) -> Result<Vec<u8>, ContentsError> {
        let (file, size_bytes) = self.file(location, max)?;
        let mut bytes = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or(0));
        let read = file.take(max.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(failed(location))?;
        if bytes.len() as u64 > max {
            return Err(ContentsError::TooLarge {
                location: location.clone(),
                max,
            });
        }
        Ok(bytes)
    }

    fn file(&self, location: &SourceLocation, max: u64) -> Result<(File, u64), ContentsError> {
        let root = self
            .roots
            .get(&location.source_id)
            .ok_or_else(|| ContentsError::UnknownSource(location.source_id.clone()))?;
        let root = root.canonicalize().map_err(|source| ContentsError::Root {
            source_id: location.source_id.clone(),
            source,
        })?;
        open_within(&root, location, max)
    }
}

/// What a failure to read a file means.
pub(crate) fn failed(
    location: &SourceLocation,
) -> impl Fn(std::io::Error) -> ContentsError + use<'_> {
    |source| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => ContentsError::Vanished(location.clone()),
        _ => ContentsError::Io {
            location: location.clone(),
            source,
        },
    }
}

/// Opens a regular file of at most `max` bytes below a resolved root, no component of its path being a link; also
/// its size.
fn open_within(
    root: &Path,
    location: &SourceLocation,
    max: u64,
) -> Result<(File, u64), ContentsError> {
    let failed = failed(location);
    let relative = Path::new(&location.path);
    if !relative
        .components()
        .all(|c| matches!(c, Component::Normal(_)))
    {
        return Err(ContentsError::Escapes(location.clone()));
    }
    let path = root.join(relative);
    // Any link below the root changes the resolved path. None is followed: links are quarantined, never indexed.
    if path.canonicalize().map_err(&failed)? != path {
        return Err(ContentsError::Escapes(location.clone()));
    }
    // Before opening: a pipe would block.
    if !path.symlink_metadata().map_err(&failed)?.is_file() {
        return Err(ContentsError::NotAFile(location.clone()));
    }
    let file = File::open(&path).map_err(&failed)?;
    let size_bytes = file.metadata().map_err(&failed)?.len();
    if size_bytes > max {
        return Err(ContentsError::TooLarge {
            location: location.clone(),
            max,
        });
    }
    Ok((file, size_bytes))
}

#[cfg(test)]
#[path = "contents_test.rs"]
mod tests;
