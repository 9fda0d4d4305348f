//! A document's file, open, and the two passes over it that its release takes.
//!
//! ```text
//! Opened ──first pass──▶ Checked ──(release recorded)──▶ Pieces ──second pass──▶ the last piece
//!         all of it: size and hash are those indexed             hashed again: still the same, else no last piece
//! ```
//! The first pass is not made again of a large file that was not written to since ([`crate::remembered`]).
//!
//! Between the passes nothing of the document is in memory. Both read through one handle: a file that is renamed,
//! replaced or deleted meanwhile is still the one that was checked. One that is written to in place differs in its
//! second hash, and never ends.

use crate::contents::{ContentsError, FILE_BYTES_MAX, failed};
use crate::remembered::{FileState, Remembered};
use crate::{DocumentEntry, SourceLocation};
use sekisho_domain::Hash;
use sha2::{Digest, Sha256};
use std::fmt::Debug;
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::time::SystemTime;

/// Bytes read at a time in the first pass: few calls to the system, and within a processor's cache.
const PASS_BYTES: usize = 256 << 10;

/// A document's file of which nothing has been read.
#[derive(Debug)]
pub struct Opened {
    source: Source,
    /// Where it is a file of its own: what is known of such.
    remembered: Option<Remembered>,
}

/// A document's file that was, from its first byte to its last, what the index says.
#[derive(Debug)]
pub struct Checked {
    source: Source,
    /// From where on it is released.
    from: u64,
    /// The hash's state there, so that what is before it need not be read again.
    before: Sha256,
}

/// A checked document in pieces, read and hashed once more.
#[derive(Debug)]
pub struct Pieces {
    source: Source,
    hasher: Sha256,
    /// Where the next piece begins.
    at: u64,
    piece_bytes: usize,
    ended: bool,
}

#[derive(Debug)]
struct Source {
    file: Box<dyn Handle>,
    location: SourceLocation,
    size_bytes: u64,
    hash: Hash,
    /// Where in the document the file is at.
    at: u64,
}

/// What a document is read through: a file, or an object that is read as one.
pub(crate) trait Handle: Read + Seek + Send + Debug {
    /// Its state, where it tells whether it was written to.
    fn state(&self) -> Option<FileState> {
        None
    }
}

impl Handle for File {
    fn state(&self) -> Option<FileState> {
        FileState::of(self)
    }
}

impl Handle for Cursor<Vec<u8>> {}

impl Source {
    fn changed(&self) -> ContentsError {
        ContentsError::Changed(self.location.clone())
    }

    /// Goes to a byte of the document, which of a part is another byte of the file.
    fn seek(&mut self, to: u64) -> Result<(), ContentsError> {
        let in_file = match self.location.part {
            Some(part) if to >= part.head_bytes => {
                part.offset_bytes.saturating_add(to - part.head_bytes)
            }
            _ => to,
        };
        let sought = self.file.seek(SeekFrom::Start(in_file));
        sought.map_err(failed(&self.location))?;
        self.at = to;
        Ok(())
    }

    /// Fills the buffer; a file that is shorter than it was has changed.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ContentsError> {
        let head_bytes = self.location.part.map_or(0, |part| part.head_bytes);
        let of_head = head_bytes.saturating_sub(self.at);
        let of_head = usize::try_from(of_head).map_or(buffer.len(), |n| n.min(buffer.len()));
        let (head, rest) = buffer.split_at_mut(of_head);
        self.read_exact(head)?;
        if self.location.part.is_some() && !rest.is_empty() && self.at == head_bytes {
            self.seek(head_bytes)?;
        }
        self.read_exact(rest)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), ContentsError> {
        match self.file.read_exact(buffer) {
            Ok(()) => {
                self.at = self.at.saturating_add(buffer.len() as u64);
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(self.changed()),
            Err(error) => Err(failed(&self.location)(error)),
        }
    }

    /// Reads a range, from where the file is at, into a hash.
    fn hash(&mut self, range: Range<u64>, hasher: &mut Sha256) -> Result<(), ContentsError> {
        let mut buffer = vec![0; PASS_BYTES];
        let mut left = range.end.saturating_sub(range.start);
        while left > 0 {
            let length = usize::try_from(left).map_or(PASS_BYTES, |n| n.min(PASS_BYTES));
            let part = &mut buffer[..length];
            self.fill(part)?;
            hasher.update(part);
            left -= length as u64;
        }
        Ok(())
    }

    /// Holds at the document's end: there is nothing behind it unless it is a part, and the hash is the one indexed.
    fn holds(&mut self, hasher: Sha256) -> Result<(), ContentsError> {
        let behind = match self.location.part {
            Some(_) => 0,
            None => self.file.read(&mut [0]).map_err(failed(&self.location))?,
        };
        let hash: [u8; 32] = hasher.finalize().into();
        if behind > 0 || Hash(hash) != self.hash {
            return Err(self.changed());
        }
        Ok(())
    }
}

impl Opened {
    /// A document that was fetched: its bytes are held, and checked like a file's.
    pub fn fetched(bytes: Vec<u8>, entry: &DocumentEntry) -> Self {
        Self::at(Cursor::new(bytes), entry, entry.location.clone(), None)
    }

    /// A document that is a file, or a part of one.
    pub(crate) fn file(file: File, entry: &DocumentEntry, remembered: &Remembered) -> Self {
        let remembered = entry.location.part.is_none().then(|| remembered.clone());
        Self::at(file, entry, entry.location.clone(), remembered)
    }

    /// An object, which holds nothing but the document, were it a part of a file.
    pub(crate) fn object(object: impl Handle + 'static, entry: &DocumentEntry) -> Self {
        Self::at(object, entry, entry.location.file(), None)
    }

    fn at(
        file: impl Handle + 'static,
        entry: &DocumentEntry,
        location: SourceLocation,
        remembered: Option<Remembered>,
    ) -> Self {
        let source = Source {
            file: Box::new(file),
            location,
            size_bytes: entry.size_bytes,
            hash: entry.hash,
            at: 0,
        };
        Self { source, remembered }
    }

    /// The first pass: reads all of it, once, holding [`PASS_BYTES`]. It will be released from byte `from` on.
    ///
    /// # Errors
    /// [`ContentsError::Changed`] if it is not what was indexed; it cannot be read.
    pub fn check(self, from: u64) -> Result<Checked, ContentsError> {
        self.check_at(from, SystemTime::now())
    }

    fn check_at(mut self, from: u64, now: SystemTime) -> Result<Checked, ContentsError> {
        let size_bytes = self.source.size_bytes;
        let from = from.min(size_bytes);
        let mut hasher = Sha256::new();
        self.source.hash(0..from, &mut hasher)?;
        let before = hasher.clone();
        let state = self.source.file.state();
        let known = self.remembered.as_ref().zip(state);
        if !(known.as_ref()).is_some_and(|(known, state)| known.holds(state, &self.source.hash)) {
            self.source.hash(from..size_bytes, &mut hasher)?;
            self.source.holds(hasher)?;
            if let Some((remembered, state)) = known
                && self.source.file.state().as_ref() == Some(&state)
            {
                remembered.insert(state, self.source.hash, now);
            }
        }
        Ok(Checked {
            source: self.source,
            from,
            before,
        })
    }

    /// The same pass over a document of at most [`FILE_BYTES_MAX`], and its bytes.
    ///
    /// # Errors
    /// As [`Opened::check`]; [`ContentsError::TooLarge`].
    pub fn check_whole(mut self, from: u64) -> Result<(Checked, Vec<u8>), ContentsError> {
        if self.source.size_bytes > FILE_BYTES_MAX {
            return Err(ContentsError::TooLarge {
                location: self.source.location,
                max: FILE_BYTES_MAX,
            });
        }
        let length = usize::try_from(self.source.size_bytes).unwrap_or(0);
        let from = usize::try_from(from).map_or(length, |from| from.min(length));
        let mut bytes = vec![0; length];
        self.source.fill(&mut bytes)?;
        let (head, tail) = bytes.split_at(from);
        let before = Sha256::new_with_prefix(head);
        self.source.holds(before.clone().chain_update(tail))?;
        let checked = Checked {
            source: self.source,
            from: from as u64,
            before,
        };
        Ok((checked, bytes))
    }
}

impl Checked {
    /// Its bytes from where it is released on, so many a piece.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn pieces(mut self, piece_bytes: usize) -> Result<Pieces, ContentsError> {
        self.source.seek(self.from)?;
        Ok(Pieces {
            source: self.source,
            hasher: self.before,
            at: self.from,
            piece_bytes: piece_bytes.max(1),
            ended: false,
        })
    }
}

impl Pieces {
    /// The next piece into `buffer`, which is overwritten: at least one piece, the last one only if all of the document
    /// is still what was checked. False once there is none any more.
    ///
    /// # Errors
    /// [`ContentsError::Changed`] if it is not; it cannot be read.
    pub fn next(&mut self, buffer: &mut Vec<u8>) -> Result<bool, ContentsError> {
        if self.ended {
            return Ok(false);
        }
        let left = self.source.size_bytes - self.at;
        let length = usize::try_from(left).map_or(self.piece_bytes, |n| n.min(self.piece_bytes));
        buffer.resize(length, 0);
        self.source.fill(buffer)?;
        self.hasher.update(&buffer);
        self.at += length as u64;
        if self.at == self.source.size_bytes {
            self.ended = true;
            self.source.holds(std::mem::take(&mut self.hasher))?;
        }
        Ok(true)
    }
}

#[cfg(test)]
#[path = "opened_test.rs"]
mod tests;
