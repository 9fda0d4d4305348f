//! Values as the tables have them.

use crate::layout::{chart_prefix, encode, file_key, place, record_key};
use crate::{Cursor, Error, FileOutcome, FileRecord, Patient};
use sha2::{Digest, Sha256};

/// Bytes of a file's key that are indexed as they are.
pub(super) const HEAD_BYTES: usize = 1024;

/// A file's key in two parts that sort as the whole does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub head: Vec<u8>,
    pub rest: Vec<u8>,
}

impl Key {
    pub fn of(mut file_key: Vec<u8>) -> Self {
        let rest = match file_key.len() > HEAD_BYTES {
            true => file_key.split_off(HEAD_BYTES),
            false => Vec::new(),
        };
        Self {
            head: file_key,
            rest,
        }
    }

    /// By which two rests are told apart within an index row's bounds.
    pub fn rest_hash(&self) -> Vec<u8> {
        match self.rest.is_empty() {
            true => Vec::new(),
            false => Sha256::digest(&self.rest).to_vec(),
        }
    }

    pub fn whole(mut self) -> Vec<u8> {
        self.head.append(&mut self.rest);
        self.head
    }
}

/// Columns of many rows, as `unnest` takes them.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub head: Vec<Vec<u8>>,
    pub rest: Vec<Vec<u8>>,
    pub rest_hash: Vec<Vec<u8>>,
    pub chart: Vec<Option<Vec<u8>>>,
    pub place: Vec<Option<Vec<u8>>>,
    pub unique_id: Vec<Option<Vec<u8>>>,
    pub quarantined: Vec<bool>,
    pub record: Vec<Vec<u8>>,
}

impl Columns {
    pub fn push(&mut self, record: &FileRecord) -> Result<(), Error> {
        let key = Key::of(record_key(&file_key(&record.location)));
        self.rest_hash.push(key.rest_hash());
        self.head.push(key.head);
        self.rest.push(key.rest);
        let document = match &record.outcome {
            FileOutcome::Document(entry) => Some(entry),
            _ => None,
        };
        self.chart.push(document.map(|entry| {
            chart_prefix(&Patient {
                facility: entry.facility.clone(),
                local_patient_id: entry.local_patient_id.clone(),
            })
        }));
        self.place
            .push(document.map(|entry| place(&Cursor::of(entry)).to_vec()));
        self.unique_id
            .push(document.map(|entry| entry.unique_id.as_bytes().to_vec()));
        let quarantined = matches!(record.outcome, FileOutcome::Quarantined { .. });
        self.quarantined.push(quarantined);
        self.record.push(encode(record)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Parts sort as wholes, also where they are cut.
        #[test]
        fn the_two_parts_sort_as_the_whole(
            a in prop::collection::vec(0..3u8, HEAD_BYTES - 2..HEAD_BYTES + 3),
            b in prop::collection::vec(0..3u8, 0..4),
            cut in 0..=HEAD_BYTES,
        ) {
            let other = [&a[..cut.min(a.len())], &b].concat();
            let (one, two) = (Key::of(a.clone()), Key::of(other.clone()));
            prop_assert_eq!((&one.head, &one.rest).cmp(&(&two.head, &two.rest)), a.cmp(&other));
            prop_assert_eq!(one.whole(), a);
        }
    }
}
