//! A document's file, open, on its way out.
//!
//! ```text
//! Opened ──▶ Checked ──(release recorded)──▶ Pieces, each as it is read ──▶ the last piece
//! ```
//! Of a *large* document the index has a hash of each piece ([`crate::digest`]): a piece that is not the one indexed does not
//! leave. Before the release is recorded the first and the last are looked at, so that a file that was replaced, cut or
//! added to is found then; and all of it is read once. A *smaller* one is read and hashed whole before the release is recorded,
//! and read and hashed once more while it leaves: if it is not the same then, its last piece does not.
//!
//! Nothing of the document is in memory in between. Everything is read through one handle: a file that is renamed,
//! replaced or deleted meanwhile is still the one that was opened.

use crate::contents::{ContentsError, FILE_BYTES_MAX, failed};
use crate::digest::{PIECE_BYTES, PieceHash, PieceHasher, PieceHashes};
use crate::{DocumentEntry, SourceLocation};
use sekisho_domain::Hash;
use sha2::{Digest, Sha256};
use std::fmt::Debug;
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::Range;

/// Bytes read at a time where all of it is read before anything leaves: few calls to the system, and within a processor's
/// cache.
const PASS_BYTES: usize = 256 << 10;

/// A document's file of which nothing has been read.
#[derive(Debug)]
pub struct Opened(Source);

/// A document's file that is what the index says, as far as is looked at before it leaves.
#[derive(Debug)]
pub struct Checked {
    source: Source,
    /// From where on it is released.
    from: u64,
    by: By,
}

/// By what it is known, while it leaves, that it is what was indexed.
#[derive(Debug)]
enum By {
    /// The hash of all of it: its state where the next piece begins.
    Whole(Sha256),
    /// The hash of each piece.
    Piece,
}

/// A checked document in pieces, as they are read.
#[derive(Debug)]
pub struct Pieces {
    source: Source,
    by: By,
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
    pieces: PieceHashes,
    /// Where in the document the file is at.
    at: u64,
}

/// What a document is read through: a file, or an object that is read as one.
pub(crate) trait Handle: Read + Seek + Send + Debug {}

impl Handle for File {}

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

    /// Adds the next bytes to the buffer; a file that is shorter than it was has changed.
    fn take(&mut self, length: usize, buffer: &mut Vec<u8>) -> Result<(), ContentsError> {
        let head_bytes = self.location.part.map_or(0, |part| part.head_bytes);
        let of_head = head_bytes.saturating_sub(self.at);
        let of_head = usize::try_from(of_head).map_or(length, |n| n.min(length));
        self.append(of_head, buffer)?;
        let rest = length - of_head;
        if self.location.part.is_some() && rest > 0 && self.at == head_bytes {
            self.seek(head_bytes)?;
        }
        self.append(rest, buffer)
    }

    fn append(&mut self, length: usize, buffer: &mut Vec<u8>) -> Result<(), ContentsError> {
        if length == 0 {
            return Ok(());
        }
        let read = Read::take(&mut self.file, length as u64).read_to_end(buffer);
        let read = read.map_err(failed(&self.location))?;
        self.at = self.at.saturating_add(read as u64);
        if read < length {
            return Err(self.changed());
        }
        Ok(())
    }

    /// Reads a range, from where the file is at, some bytes after the other.
    fn pass(
        &mut self,
        range: Range<u64>,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), ContentsError> {
        let mut buffer = Vec::with_capacity(PASS_BYTES);
        let mut left = range.end.saturating_sub(range.start);
        while left > 0 {
            let length = usize::try_from(left).map_or(PASS_BYTES, |n| n.min(PASS_BYTES));
            buffer.clear();
            self.take(length, &mut buffer)?;
            each(&buffer);
            left -= length as u64;
        }
        Ok(())
    }

    fn hash(&mut self, range: Range<u64>, hasher: &mut Sha256) -> Result<(), ContentsError> {
        self.pass(range, |bytes| hasher.update(bytes))
    }

    /// Holds at the document's end: there is nothing behind it unless it is a part.
    fn ends(&mut self) -> Result<(), ContentsError> {
        let behind = match self.location.part {
            Some(_) => 0,
            None => self.file.read(&mut [0]).map_err(failed(&self.location))?,
        };
        match behind {
            0 => Ok(()),
            _ => Err(self.changed()),
        }
    }

    /// Holds at the document's end: the hash is the one indexed too.
    fn holds(&mut self, hasher: Sha256) -> Result<(), ContentsError> {
        self.ends()?;
        let hash: [u8; 32] = hasher.finalize().into();
        if Hash(hash) != self.hash {
            return Err(self.changed());
        }
        Ok(())
    }

    /// Compares the piece that begins at a byte with the one indexed.
    fn look_at(&mut self, at: u64) -> Result<(), ContentsError> {
        let end = self.size_bytes.min(at.saturating_add(PIECE_BYTES as u64));
        let mut hasher = PieceHasher::default();
        self.seek(at)?;
        self.pass(at..end, |bytes| hasher.update(bytes))?;
        self.is_piece(at, &hasher.finish())
    }

    /// Holds behind the piece that begins at a byte: its hash is the one indexed, and behind the last there is nothing.
    fn is_piece(&mut self, at: u64, hash: &PieceHash) -> Result<(), ContentsError> {
        if !self.pieces.holds(at / PIECE_BYTES as u64, hash) {
            return Err(self.changed());
        }
        if self.at == self.size_bytes {
            self.ends()?;
        }
        Ok(())
    }

    /// Reads the piece that begins at a byte, if it is the one indexed.
    fn piece(&mut self, at: u64, buffer: &mut Vec<u8>) -> Result<(), ContentsError> {
        let length = self.size_bytes.saturating_sub(at);
        let length = usize::try_from(length).map_or(PIECE_BYTES, |n| n.min(PIECE_BYTES));
        buffer.clear();
        self.take(length, buffer)?;
        self.is_piece(at, &PieceHash::of(buffer))
    }
}

impl Opened {
    /// A document that was fetched: its bytes are held, and checked like a file's.
    pub fn fetched(bytes: Vec<u8>, entry: &DocumentEntry) -> Self {
        Self::at(Cursor::new(bytes), entry, entry.location.clone())
    }

    /// A document that is a file, or a part of one.
    pub(crate) fn file(file: File, entry: &DocumentEntry) -> Self {
        Self::at(file, entry, entry.location.clone())
    }

    /// An object, which holds nothing but the document, were it a part of a file.
    pub(crate) fn object(object: impl Handle + 'static, entry: &DocumentEntry) -> Self {
        Self::at(object, entry, entry.location.file())
    }

    fn at(file: impl Handle + 'static, entry: &DocumentEntry, location: SourceLocation) -> Self {
        Self(Source {
            file: Box::new(file),
            location,
            size_bytes: entry.size_bytes,
            hash: entry.hash,
            pieces: entry.pieces.clone(),
            at: 0,
        })
    }

    /// Looks at as much of it as must be before any of it leaves: at all of a document that is not large. It will be
    /// released from byte `from` on, in pieces of [`PIECE_BYTES`].
    ///
    /// # Errors
    /// [`ContentsError::Changed`] if it is not what was indexed; it cannot be read.
    pub fn check(mut self, from: u64) -> Result<Checked, ContentsError> {
        let size_bytes = self.0.size_bytes;
        let piece_bytes = PIECE_BYTES as u64;
        if !self.0.pieces.are_of(size_bytes) || !from.is_multiple_of(piece_bytes) {
            return self.check_all(from);
        }
        for at in [0, (size_bytes - 1) / piece_bytes * piece_bytes] {
            self.0.look_at(at)?;
        }
        Ok(Checked {
            source: self.0,
            from: from.min(size_bytes),
            by: By::Piece,
        })
    }

    /// Reads all of it, however large, holding [`PASS_BYTES`].
    ///
    /// # Errors
    /// As [`Opened::check`].
    pub fn check_all(self, from: u64) -> Result<Checked, ContentsError> {
        let mut source = self.0;
        let from = from.min(source.size_bytes);
        let mut hasher = Sha256::new();
        source.hash(0..from, &mut hasher)?;
        let before = hasher.clone();
        source.hash(from..source.size_bytes, &mut hasher)?;
        source.holds(hasher)?;
        Ok(Checked {
            source,
            from,
            by: By::Whole(before),
        })
    }

    /// The same of a document of at most [`FILE_BYTES_MAX`], and its bytes.
    ///
    /// # Errors
    /// As [`Opened::check`]; [`ContentsError::TooLarge`].
    pub fn check_whole(self, from: u64) -> Result<(Checked, Vec<u8>), ContentsError> {
        let mut source = self.0;
        if source.size_bytes > FILE_BYTES_MAX {
            return Err(ContentsError::TooLarge {
                location: source.location,
                max: FILE_BYTES_MAX,
            });
        }
        let length = usize::try_from(source.size_bytes).unwrap_or(0);
        let from = usize::try_from(from).map_or(length, |from| from.min(length));
        let mut bytes = Vec::with_capacity(length);
        source.take(length, &mut bytes)?;
        let (head, tail) = bytes.split_at(from);
        let before = Sha256::new_with_prefix(head);
        source.holds(before.clone().chain_update(tail))?;
        let checked = Checked {
            source,
            from: from as u64,
            by: By::Whole(before),
        };
        Ok((checked, bytes))
    }
}

impl Checked {
    /// Its bytes from where it is released on, in pieces of [`PIECE_BYTES`].
    ///
    /// # Errors
    /// It cannot be read.
    pub fn pieces(self) -> Result<Pieces, ContentsError> {
        self.pieces_of(PIECE_BYTES)
    }

    /// The same in other pieces, where all of it was read.
    pub(crate) fn pieces_of(mut self, piece_bytes: usize) -> Result<Pieces, ContentsError> {
        let piece_bytes = match self.by {
            By::Piece => PIECE_BYTES,
            By::Whole(_) => piece_bytes.max(1),
        };
        self.source.seek(self.from)?;
        Ok(Pieces {
            source: self.source,
            by: self.by,
            at: self.from,
            piece_bytes,
            ended: false,
        })
    }
}

impl Pieces {
    /// The next piece into `buffer`, which is overwritten: at least one piece. Of a large document only one that is what
    /// was indexed; of any other the last one only if all of it is still what was checked. False once there is none any
    /// more.
    ///
    /// # Errors
    /// [`ContentsError::Changed`] if it is not; it cannot be read.
    pub fn next(&mut self, buffer: &mut Vec<u8>) -> Result<bool, ContentsError> {
        if self.ended {
            return Ok(false);
        }
        match &mut self.by {
            By::Piece => self.source.piece(self.at, buffer)?,
            By::Whole(hasher) => {
                let left = self.source.size_bytes - self.at;
                let length =
                    usize::try_from(left).map_or(self.piece_bytes, |n| n.min(self.piece_bytes));
                buffer.clear();
                self.source.take(length, buffer)?;
                hasher.update(&buffer);
                if length as u64 == left {
                    self.source.holds(std::mem::take(hasher))?;
                }
            }
        }
        self.at += buffer.len() as u64;
        self.ended = self.at == self.source.size_bytes;
        Ok(true)
    }
}

#[cfg(test)]
#[path = "opened_test.rs"]
mod tests;
