//! Keys and values of the index on disk, by first byte of the key.
//!
//! ```text
//! m "format"                                                  → version byte
//! c                                                           → number of batches applied, counters
//! f source 00 path                                            → file record
//! d source 00 path 00 offset(8, BE) size(8, BE) head(8, BE)   → file record of a part
//! i unique-id(16) source 00 path                              → (nothing)   find by id
//! p facility(10) patient 00 ~start_ms(8, BE) unique-id(16) source 00 path → (nothing)   newest first
//! q source 00 path                                            → (nothing)   quarantined
//! ```
//! Where a key ends in `source 00 path`, a part's ends as that of `d` does.
//! Values are a version byte, then postcard.

use crate::{Cursor, Error, FileOutcome, FileRecord, Part, Patient, SourceId, SourceLocation};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Version of keys and values. Another version is not migrated but rebuilt from the sources.
pub const FORMAT_VERSION: u8 = 2;

pub(crate) const FORMAT_KEY: &[u8] = b"mformat";
pub(crate) const COUNTERS_KEY: &[u8] = b"c";

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

/// The keys that lead to a file.
pub(crate) fn references(record: &FileRecord, file_key: &[u8]) -> Vec<Vec<u8>> {
    match &record.outcome {
        FileOutcome::Document(entry) => {
            let patient = Patient {
                facility: entry.facility.clone(),
                local_patient_id: entry.local_patient_id.clone(),
            };
            vec![
                [b"i".as_slice(), entry.unique_id.as_bytes(), file_key].concat(),
                [
                    chart_prefix(&patient).as_slice(),
                    &place(&Cursor::of(entry)),
                    file_key,
                ]
                .concat(),
            ]
        }
        FileOutcome::Quarantined { .. } => vec![tagged(b'q', file_key)],
        FileOutcome::Deleted { .. } | FileOutcome::Divided { .. } => Vec::new(),
    }
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
