//! One object, read as a file is.

use super::{ObjectContents, StoreError};
use crate::DocumentEntry;
use crate::opened::Handle;
use bytes::Bytes;
use object_store::path::Path as Key;
use std::io::{self, Read, Seek, SeekFrom};

/// Bytes asked for at a time: few requests, and not much for a node that releases many documents at once.
const AHEAD_BYTES: u64 = 1 << 20;

/// An object, open: always the same version of it, where the store tells versions apart.
#[derive(Debug)]
pub(crate) struct Object {
    store: ObjectContents,
    key: Key,
    size_bytes: u64,
    version: Option<String>,
    /// Where it is read next.
    at: u64,
    /// Bytes read ahead, and where they begin.
    ahead: (u64, Bytes),
}

impl Object {
    /// Opens the object of a document, of the size its entry states.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] if it is of another size.
    pub fn open(store: &ObjectContents, entry: &DocumentEntry) -> Result<Self, StoreError> {
        let key = store.key(entry);
        let read = store.read(&key, 0, entry.size_bytes.min(AHEAD_BYTES), None);
        if let Err(StoreError::Missing { .. }) = read {
            // Some stores say so of a bucket that is not there, too.
            store.probe()?;
        }
        let (ahead, size_bytes, version) = read?;
        let object = Self {
            store: store.clone(),
            key,
            size_bytes,
            version,
            at: 0,
            ahead: (0, ahead),
        };
        if size_bytes != entry.size_bytes {
            return Err(object.replaced());
        }
        Ok(object)
    }

    fn replaced(&self) -> StoreError {
        StoreError::Replaced {
            store: self.store.place().to_owned(),
        }
    }

    /// What is read ahead from where it is read next.
    fn held(&self) -> &[u8] {
        let (begin, bytes) = &self.ahead;
        let behind = self
            .at
            .checked_sub(*begin)
            .and_then(|n| usize::try_from(n).ok());
        behind.and_then(|n| bytes.get(n..)).unwrap_or_default()
    }
}

impl Handle for Object {}

impl Read for Object {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.at >= self.size_bytes {
            return Ok(0);
        }
        if self.held().is_empty() {
            let length = (self.size_bytes - self.at).min(AHEAD_BYTES);
            let same = self.version.as_deref();
            let (bytes, size_bytes, _) = self
                .store
                .read(&self.key, self.at, length, same)
                .map_err(StoreError::into_io)?;
            if size_bytes != self.size_bytes || bytes.len() as u64 != length {
                return Err(self.replaced().into_io());
            }
            self.ahead = (self.at, bytes);
        }
        let held = self.held();
        let length = held.len().min(buffer.len());
        buffer[..length].copy_from_slice(&held[..length]);
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for Object {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size_bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
