//! The bytes of a write-ahead file: frames, each of them written and synced as a whole.
//!
//! ```text
//! file     its first sector, then frames
//!   0   "SKWF"   4  CRC-32 of bytes 8 to 28   8  format (4)   12  number of its first frame (8)   20  salt (8)
//! frame    at a multiple of 512 bytes, so that no sector belongs to two
//!   0   "SKWL"
//!   4   CRC-32 of the file's salt and all that follows  (4, little endian; so is every number)
//!   8   length of the body                              (4)
//!   12  0                                               (4)
//!   16  number: one more than the frame's before        (8)
//!   24  body: records
//! record
//!   0   kind (1)   1  CRC-32 of the message (4)   5  length of the message (4)   9  message (protobuf)
//! ```
//!
//! A frame is begun only when the one before it is synced. So of all frames a power cut can spoil the last alone, and
//! a whole frame anywhere after a spoilt one means that the disk has lost what it had promised to keep.
//!
//! Files are used again, so stale bytes follow the last frame, and members wrote some of them. The salt, random and told
//! to nobody, is why none of them can have written what passes for a frame.

use prost::Message;
use sekisho_proto::v1;

/// What frames are aligned to: the smallest piece a disk writes as a whole.
pub(super) const ALIGNMENT: u64 = 512;
const MAGIC: &[u8; 4] = b"SKWL";
const FILE_MAGIC: &[u8; 4] = b"SKWF";
/// The format of files and frames.
pub(super) const FORMAT: u32 = 1;
/// Bytes of a file's first sector that say something.
const PREAMBLE_BYTES: usize = 28;
/// Bytes before a frame's body.
pub(super) const HEADER_BYTES: usize = 24;
/// Bytes before a record's message.
const RECORD_HEADER_BYTES: usize = 9;
/// Longest body: far above what one append brings, far below what would exhaust memory.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What everything before a file comes to: the first record of each file, so that earlier files can go.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Head {
    #[prost(bytes = "vec", tag = "1")]
    pub ledger: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub replica: u64,
    #[prost(message, optional, tag = "3")]
    pub vote: Option<v1::RaftVote>,
    #[prost(message, optional, tag = "4")]
    pub committed: Option<v1::RaftLogId>,
    #[prost(message, optional, tag = "5")]
    pub purged: Option<v1::RaftLogId>,
    #[prost(message, optional, tag = "6")]
    pub cosigned: Option<super::super::Cosigned>,
}

/// An index.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Since {
    #[prost(uint64, tag = "1")]
    pub index: u64,
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Record {
    Head(Head),
    /// An entry of the Raft log, as encoded.
    Entry(Vec<u8>),
    Vote(v1::RaftVote),
    /// Entries from an index on count no more.
    Truncate(Since),
    /// Entries up to one, and it, count no more.
    Purge(v1::RaftLogId),
    Committed(v1::RaftLogId),
    Cosigned(super::super::Cosigned),
}

/// Kinds on disk; never reused.
const HEAD: u8 = 1;
const ENTRY: u8 = 2;
const VOTE: u8 = 3;
const TRUNCATE: u8 = 4;
const PURGE: u8 = 5;
const COMMITTED: u8 = 6;
const COSIGNED: u8 = 7;

/// A frame being filled.
#[derive(Debug)]
pub(super) struct Frame {
    bytes: Vec<u8>,
}

/// Where an entry's message is in a frame, from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub at: u64,
    pub length: u32,
    pub crc: u32,
}

impl Frame {
    pub(super) fn new() -> Self {
        Self::over(Vec::new())
    }

    /// A new one in the memory of one that was written.
    pub(super) fn over(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        bytes.resize(HEADER_BYTES, 0);
        Self { bytes }
    }

    pub(super) fn push(&mut self, record: &Record) -> Place {
        match record {
            Record::Head(message) => self.message(HEAD, message),
            Record::Entry(bytes) => self.entry(bytes),
            Record::Vote(message) => self.message(VOTE, message),
            Record::Truncate(message) => self.message(TRUNCATE, message),
            Record::Purge(message) => self.message(PURGE, message),
            Record::Committed(message) => self.message(COMMITTED, message),
            Record::Cosigned(message) => self.message(COSIGNED, message),
        }
    }

    /// [`Record::Entry`], without a copy.
    pub(super) fn entry(&mut self, bytes: &[u8]) -> Place {
        self.record(ENTRY, bytes)
    }

    fn message(&mut self, kind: u8, message: &impl Message) -> Place {
        self.record(kind, &message.encode_to_vec())
    }

    fn record(&mut self, kind: u8, message: &[u8]) -> Place {
        let crc = crc32fast::hash(message);
        // Entries are far shorter; what were not would be refused with the frame.
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&crc.to_le_bytes());
        self.bytes.extend_from_slice(&length.to_le_bytes());
        let at = self.bytes.len() as u64;
        self.bytes.extend_from_slice(message);
        Place { at, length, crc }
    }

    /// The bytes to write, filled up to whole sectors. Nothing, where the body is too long.
    pub(super) fn finish(mut self, number: u64, salt: u64) -> Option<Vec<u8>> {
        let body = self.bytes.len() - HEADER_BYTES;
        let length = u32::try_from(body)
            .ok()
            .filter(|_| body <= BODY_BYTES_MAX)?;
        let (header, rest) = self.bytes.split_at_mut(HEADER_BYTES);
        let mut fields = [0; HEADER_BYTES];
        for (place, value) in [
            (0..4, MAGIC.as_slice()),
            (8..12, &length.to_le_bytes()),
            (16..24, &number.to_le_bytes()),
        ] {
            fields.get_mut(place)?.copy_from_slice(value);
        }
        let crc = crc(salt, &fields, rest);
        fields.get_mut(4..8)?.copy_from_slice(&crc.to_le_bytes());
        header.copy_from_slice(&fields);
        let whole = aligned(self.bytes.len() as u64);
        self.bytes.resize(whole as usize, 0);
        Some(self.bytes)
    }
}

/// The next multiple of a sector.
pub(super) fn aligned(bytes: u64) -> u64 {
    bytes.next_multiple_of(ALIGNMENT)
}

fn crc(salt: u64, header: &[u8; HEADER_BYTES], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(header.get(8..).unwrap_or_default());
    hasher.update(body);
    hasher.finalize()
}

/// A frame's header, its body not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    crc: u32,
    bytes: [u8; HEADER_BYTES],
    pub length: usize,
    pub number: u64,
}

impl Header {
    /// Parses it; nothing where there is none.
    pub(super) fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let word = |at: usize| {
            let bytes = bytes.get(at..at + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        let length = usize::try_from(word(8)?).ok()?;
        if !bytes.starts_with(MAGIC) || length > BODY_BYTES_MAX {
            return None;
        }
        Some(Self {
            crc: word(4)?,
            bytes: *bytes,
            length,
            number: u64::from(word(16)?) | u64::from(word(20)?) << 32,
        })
    }

    /// Whether this is the body it was written with, in a file of this salt.
    pub(super) fn is_of(&self, salt: u64, body: &[u8]) -> bool {
        crc(salt, &self.bytes, body) == self.crc
    }
}

/// What a file begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Preamble {
    pub format: u32,
    /// The number of the file's first frame.
    pub first: u64,
    pub salt: u64,
}

impl Preamble {
    /// The file's first sector.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut fields = self.format.to_le_bytes().to_vec();
        fields.extend_from_slice(&self.first.to_le_bytes());
        fields.extend_from_slice(&self.salt.to_le_bytes());
        let mut sector = FILE_MAGIC.to_vec();
        sector.extend_from_slice(&crc32fast::hash(&fields).to_le_bytes());
        sector.extend_from_slice(&fields);
        sector.resize(ALIGNMENT as usize, 0);
        sector
    }

    /// Parses it; nothing where it is not one.
    pub(super) fn parse(sector: &[u8]) -> Option<Self> {
        let (magic, rest) = sector.get(..PREAMBLE_BYTES)?.split_first_chunk::<4>()?;
        let (crc, fields) = rest.split_first_chunk::<4>()?;
        if magic != FILE_MAGIC || crc32fast::hash(fields) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (format, fields) = fields.split_first_chunk::<4>()?;
        let (first, salt) = fields.split_first_chunk::<8>()?;
        Some(Self {
            format: u32::from_le_bytes(*format),
            first: u64::from_le_bytes(*first),
            salt: u64::from_le_bytes(salt.try_into().ok()?),
        })
    }
}

/// The records of a body whose checksum holds, each with its place in the frame. Nothing where they do not parse.
pub(super) fn records(body: &[u8]) -> Option<Vec<(Record, Place)>> {
    let (mut records, mut at) = (Vec::new(), 0);
    while at < body.len() {
        let header = body.get(at..at + RECORD_HEADER_BYTES)?;
        let (&kind, numbers) = header.split_first()?;
        let (crc, length) = numbers.split_first_chunk::<4>()?;
        let (crc, length) = (
            u32::from_le_bytes(*crc),
            u32::from_le_bytes(length.try_into().ok()?),
        );
        at += RECORD_HEADER_BYTES;
        let message = body.get(at..at.checked_add(length as usize)?)?;
        let place = Place {
            at: (HEADER_BYTES + at) as u64,
            length,
            crc,
        };
        let record = match kind {
            HEAD => Record::Head(Message::decode(message).ok()?),
            ENTRY => Record::Entry(message.to_vec()),
            VOTE => Record::Vote(Message::decode(message).ok()?),
            TRUNCATE => Record::Truncate(Message::decode(message).ok()?),
            PURGE => Record::Purge(Message::decode(message).ok()?),
            COMMITTED => Record::Committed(Message::decode(message).ok()?),
            COSIGNED => Record::Cosigned(Message::decode(message).ok()?),
            _ => return None,
        };
        records.push((record, place));
        at += length as usize;
    }
    Some(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_back_and_no_bit_of_it_can_change() {
        let mut frame = Frame::new();
        let said = [
            Record::Entry(b"an entry".to_vec()),
            Record::Truncate(Since { index: 7 }),
            Record::Entry(vec![9; 700]),
        ];
        let places: Vec<Place> = said.iter().map(|record| frame.push(record)).collect();
        let bytes = frame.finish(42, 7).unwrap();
        assert_eq!(bytes.len(), 1024);
        let read = |bytes: &[u8]| {
            let header = Header::parse(bytes.first_chunk()?)?;
            let body = bytes.get(HEADER_BYTES..HEADER_BYTES + header.length)?;
            assert!(!header.is_of(8, body), "a frame of another file");
            header.is_of(7, body).then_some(())?;
            Some((header.number, records(body)?))
        };
        let (number, found) = read(&bytes).unwrap();
        assert_eq!(number, 42);
        assert!(found.iter().map(|(record, _)| record).eq(&said));
        assert!(found.iter().map(|(_, place)| place).eq(&places));
        let at = places[2].at as usize;
        assert_eq!(bytes[at..at + 700], [9; 700]);
        let used = places[2].at as usize + 700;
        for bit in 0..used * 8 {
            let mut spoilt = bytes.clone();
            spoilt[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&spoilt), None, "bit {bit}");
        }
    }

    #[test]
    fn a_body_that_is_too_long_is_not_written() {
        let mut frame = Frame::new();
        frame.entry(&vec![0; BODY_BYTES_MAX]);
        assert_eq!(frame.finish(1, 0), None);
    }

    #[test]
    fn a_preamble_is_read_back_and_no_bit_of_it_can_change() {
        let said = Preamble {
            format: FORMAT,
            first: 9,
            salt: 1 << 60 | 3,
        };
        let sector = said.encode();
        assert_eq!(sector.len() as u64, ALIGNMENT);
        assert_eq!(Preamble::parse(&sector), Some(said));
        for bit in 0..PREAMBLE_BYTES * 8 {
            let mut spoilt = sector.clone();
            spoilt[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Preamble::parse(&spoilt), None, "bit {bit}");
        }
    }
}
