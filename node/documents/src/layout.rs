//! Keys and values of the index on disk, by first byte of the key.
//!
//! ```text
//! m "format"                                                  → version byte
//! c                                                           → number of batches applied, counters
//! s number(4, BE)                                             → a part many records have alike (crate::common)
//!
//! f source 00 path                                            → file row (crate::row), with the file's number
//! d source 00 path 00 offset(8, BE) size(8, BE) head(8, BE)   → file row of a part
//! n number(8, BE)                                             → source 00 path      file of a number
//! i unique-id(16) number(8, BE)                               → (nothing)           find by id
//! p facility(10) patient 00 ~start_ms(8, BE) unique-id(16) number(8, BE) → (nothing) newest first
//! q source 00 path                                            → (nothing)           quarantined
//! ```
//! Where it ends in `source 00 path`, a part's ends as that of `d` does. The first three are rows of sled, and values of
//! theirs are a version byte, then postcard; the others are packed ([`crate::packed`]), their values postcard.
//!
//! PostgreSQL has the same keys, and each record whole in postcard: its rows are not bounded by sled's pages, and what
//! records have alike would be a second table to keep in step.

use crate::{Cursor, Error, FileOutcome, FileRecord, Part, Patient, SourceId, SourceLocation};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Version of keys and values. Another version is not migrated but rebuilt from the sources.
pub const FORMAT_VERSION: u8 = 5;

pub(crate) const FORMAT_KEY: &[u8] = b"mformat";
pub(crate) const COUNTERS_KEY: &[u8] = b"c";
pub(crate) const COMMON_TAG: u8 = b's';
/// First bytes of the keys of packed rows.
pub(crate) const PACKED_TAGS: [u8; 6] = *b"dfinpq";

/// Service start (inverted, so that the newest comes first) and unique id.
pub(crate) const PLACE_BYTES: usize = 8 + 16;

pub(crate) fn place(cursor: &Cursor) -> [u8; PLACE_BYTES] {
    let mut place = [0; PLACE_BYTES];
    place[..8].copy_from_slice(&(!cursor.service_start.0).to_be_bytes());
    place[8..].copy_from_slice(cursor.unique_id.as_bytes());
    place
}

pub(crate) fn tagged(tag: u8, rest: &[u8]) -> Vec<u8> {
    [&[tag], rest].concat()
}

/// The least key after this one.
pub(crate) fn behind(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// The least key behind all that begin so; the first byte, a tag, is none of 0xff.
pub(crate) fn end_of(mut prefix: Vec<u8>) -> Vec<u8> {
    while prefix.last() == Some(&0xff) {
        prefix.pop();
    }
    if let Some(last) = prefix.last_mut() {
        *last += 1;
    }
    prefix
}

pub(crate) fn file_key(location: &SourceLocation) -> Vec<u8> {
    let mut key = [
        location.source_id.as_str().as_bytes(),
        &[0],
        location.path.as_bytes(),
    ]
    .concat();
    if let Some(part) = location.part {
        key.push(0);
        for number in [part.offset_bytes, part.size_bytes, part.head_bytes] {
            key.extend_from_slice(&number.to_be_bytes());
        }
    }
    key
}

/// The key of the record of a file or part, from its file key. Neither source nor path holds a NUL.
pub(crate) fn record_key(file_key: &[u8]) -> Vec<u8> {
    let is_part = file_key.iter().filter(|b| **b == 0).nth(1).is_some();
    tagged(if is_part { b'd' } else { b'f' }, file_key)
}

/// The location a file key is of.
pub(crate) fn location_of(file_key: &[u8]) -> Result<SourceLocation, Error> {
    let corrupt = || Error::Corrupt { what: "key" };
    let mut fields = file_key.splitn(3, |b| *b == 0);
    let mut text = || std::str::from_utf8(fields.next()?).ok();
    let (source_id, path) = text().zip(text()).ok_or_else(corrupt)?;
    let location = SourceLocation::new(source_id.parse()?, path)?;
    let Some(part) = fields.next() else {
        return Ok(location);
    };
    let (numbers, rest) = part.as_chunks::<8>();
    match (numbers, rest) {
        (&[offset, size, head], []) => location.part(Part {
            offset_bytes: u64::from_be_bytes(offset),
            size_bytes: u64::from_be_bytes(size),
            head_bytes: u64::from_be_bytes(head),
        }),
        _ => Err(corrupt()),
    }
}

/// First bytes of the keys of records: files and parts.
pub(crate) const RECORD_TAGS: [u8; 2] = [b'd', b'f'];

/// The keys, from one on and before another, of the files of a source whose path starts with `prefix` and is greater
/// than `after`.
pub(crate) fn path_keys(
    source_id: &SourceId,
    prefix: &str,
    after: Option<&str>,
) -> (Vec<u8>, Vec<u8>) {
    let key_of = |path: &str| [b"f", source_id.as_str().as_bytes(), &[0], path.as_bytes()].concat();
    let prefix = key_of(prefix);
    // UTF-8 has no byte 0xff, so this is behind everything that begins so, and before everything else.
    let until = [prefix.as_slice(), &[0xff]].concat();
    let from = match after.map(key_of) {
        Some(after) if after >= prefix => behind(after),
        _ => prefix,
    };
    (from, until)
}

/// The same of the parts of a file behind one of them.
pub(crate) fn part_keys(file: &SourceLocation, after: Option<Part>) -> (Vec<u8>, Vec<u8>) {
    let file = tagged(b'd', &file_key(&file.file()));
    let from = match after {
        Some(part) => {
            let numbers = [part.offset_bytes, part.size_bytes, part.head_bytes];
            let numbers: Vec<u8> = numbers.into_iter().flat_map(u64::to_be_bytes).collect();
            behind([file.as_slice(), &[0], &numbers].concat())
        }
        None => [file.as_slice(), &[0]].concat(),
    };
    (from, [file.as_slice(), &[1]].concat())
}

/// Records of several ranges in the order of their locations, at most so many.
pub(crate) fn in_order(mut records: Vec<FileRecord>, limit: usize) -> Vec<FileRecord> {
    records.sort_by(|a, b| a.location.cmp(&b.location));
    records.truncate(limit);
    records
}

pub(crate) fn chart_prefix(patient: &Patient) -> Vec<u8> {
    let (facility, id) = (
        patient.facility.as_str().as_bytes(),
        patient.local_patient_id.as_str().as_bytes(),
    );
    [b"p", facility, id, &[0]].concat()
}

pub(crate) fn number_key(number: u64) -> Vec<u8> {
    tagged(b'n', &number.to_be_bytes())
}

/// The number at the end of a key.
pub(crate) fn number_of(key: &[u8]) -> Result<u64, Error> {
    match key.last_chunk() {
        Some(number) => Ok(u64::from_be_bytes(*number)),
        None => Err(Error::Corrupt { what: "key" }),
    }
}

/// The rows that lead to a file: keys and values.
pub(crate) fn references(
    record: &FileRecord,
    file_key: &[u8],
    number: u64,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let end = number.to_be_bytes();
    let mut rows = vec![(number_key(number), file_key.to_vec())];
    match &record.outcome {
        FileOutcome::Document(entry) => {
            let patient = Patient {
                facility: entry.facility.clone(),
                local_patient_id: entry.local_patient_id.clone(),
            };
            let chart = chart_prefix(&patient);
            let by_id = [b"i".as_slice(), entry.unique_id.as_bytes(), &end].concat();
            let by_chart = [chart.as_slice(), &place(&Cursor::of(entry)), &end].concat();
            rows.extend([(by_id, Vec::new()), (by_chart, Vec::new())]);
        }
        FileOutcome::Quarantined { .. } => rows.push((tagged(b'q', file_key), Vec::new())),
        FileOutcome::Deleted { .. } | FileOutcome::Divided { .. } => {}
    }
    rows
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    postcard::to_extend(value, vec![FORMAT_VERSION]).map_err(Error::Encode)
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, Error> {
    match bytes.split_first() {
        Some((&FORMAT_VERSION, rest)) => {
            postcard::from_bytes(rest).map_err(|_| Error::Corrupt { what })
        }
        _ => Err(Error::Corrupt { what }),
    }
}
