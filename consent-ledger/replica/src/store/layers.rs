//! What was applied and is not in the database yet, in memory: the Raft log says it again after a crash.
//!
//! Rows are written to the *fresh* layer. When it has grown, it becomes the *frozen* one, is written to the database in
//! one durable transaction, and goes. A reader keeps the layers and the view of the database it began with, and of each
//! row the value of its own version; so it sees one state, whatever is applied or written away meanwhile.

use bytes::Bytes;
use sekisho_ledger::store::InPlace;
use std::collections::btree_map::{self, BTreeMap, Entry};
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

/// A row's full key. Nearly all lie in their place in a map: what is compared with is not fetched from elsewhere.
pub(super) type Key = InPlace<38>;
/// A row's value; none where it was removed.
pub(super) type Value = Option<Vec<u8>>;
/// Rows changed together, by full key.
pub(super) type Changes = BTreeMap<Key, Value>;

/// A number for what one commit wrote: later ones are larger.
pub(super) type Version = u64;

/// What a row costs beside its bytes: its places in the maps.
const ROW_OVERHEAD_BYTES: usize = 64;

/// Rows by full key, each with every value it had since the layer began.
#[derive(Debug, Default)]
pub(super) struct Layer {
    rows: RwLock<BTreeMap<Key, Values>>,
    bytes: AtomicUsize,
}

#[derive(Debug)]
struct Values {
    last: Written,
    /// In order; none of nearly all rows, so it takes no more room than that.
    #[expect(clippy::box_collection, reason = "a third of the room in each row")]
    earlier: Option<Box<Vec<Written>>>,
}

/// What one commit made of a row: a part of what it wrote, which lies in one piece. So a layer, which lives for long, takes
/// its memory in few pieces and gives it back so.
#[derive(Debug)]
struct Written {
    version: Version,
    value: Option<Bytes>,
}

impl Values {
    fn at(&self, version: Version) -> Option<&Written> {
        let mut latest_first = [&self.last]
            .into_iter()
            .chain(self.earlier.iter().flat_map(|earlier| earlier.iter().rev()));
        latest_first.find(|written| written.version <= version)
    }
}

impl Layer {
    /// Takes in what one commit wrote. Readers of earlier versions see nothing of it.
    pub(super) fn write(&self, changes: Changes, version: Version) {
        let values = changes.values().flatten();
        let mut all = Vec::with_capacity(values.clone().map(Vec::len).sum());
        values.for_each(|value| all.extend_from_slice(value));
        let mut bytes = all.len();
        let mut all = Bytes::from(all);
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in changes {
            let value = value.map(|value| all.split_to(value.len()));
            let written = Written { version, value };
            bytes += ROW_OVERHEAD_BYTES;
            match rows.entry(key) {
                Entry::Occupied(mut row) => {
                    let values = row.get_mut();
                    let before = std::mem::replace(&mut values.last, written);
                    values.earlier.get_or_insert_default().push(before);
                }
                Entry::Vacant(row) => {
                    bytes += row.key().len();
                    row.insert(Values {
                        last: written,
                        earlier: None,
                    });
                }
            }
        }
        drop(rows);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What it says of a key, as of a version: nothing, that it was removed, or its value.
    pub(super) fn get(&self, key: &Key, version: Version) -> Option<Value> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let written = rows.get(key)?.at(version)?;
        Some(written.value.as_ref().map(|value| value.to_vec()))
    }

    /// Adds to `found` what it says, as of a version, of the first `max` keys from one on that it says anything of.
    /// Returns the last of these keys if there may be more of them.
    pub(super) fn range(
        &self,
        from: Bound<&[u8]>,
        max: usize,
        version: Version,
        found: &mut BTreeMap<Vec<u8>, Value>,
    ) -> Option<Vec<u8>> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let mut count = 0;
        for (key, values) in rows.range::<[u8], _>((from, Bound::Unbounded)) {
            let Some(written) = values.at(version) else {
                continue;
            };
            let value = written.value.as_ref().map(|value| value.to_vec());
            found.insert(key.to_vec(), value);
            count += 1;
            if count == max {
                return Some(key.to_vec());
            }
        }
        None
    }

    /// Calls `with` with the last value of every row, in order of their keys.
    pub(super) fn last<T>(&self, with: impl FnOnce(Last<'_>) -> T) -> T {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        with(Last(rows.iter()))
    }
}

/// The last value of each row of a layer, in order of their keys.
#[derive(Clone)]
pub(super) struct Last<'a>(btree_map::Iter<'a, Key, Values>);

impl<'a> Iterator for Last<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);
    fn next(&mut self) -> Option<Self::Item> {
        let (key, values) = self.0.next()?;
        Some((key, values.last.value.as_deref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(rows: &[(&str, Option<&str>)]) -> Changes {
        rows.iter()
            .map(|(key, value)| (key.as_bytes().into(), value.map(Into::into)))
            .collect()
    }

    #[test]
    fn each_version_sees_its_own() {
        let layer = Layer::default();
        layer.write(changes(&[("a", Some("1")), ("b", Some("1"))]), 3);
        layer.write(changes(&[("a", None), ("c", Some("2"))]), 5);
        layer.write(changes(&[("a", Some("3"))]), 6);
        let get = |key: &str, version| {
            let said = layer.get(&key.as_bytes().into(), version);
            said.map(|value| value.map(|value| String::from_utf8(value).unwrap()))
        };
        let one = |text: &str| Some(Some(text.to_owned()));
        for (version, a, b, c) in [
            (2, None, None, None),
            (3, one("1"), one("1"), None),
            (4, one("1"), one("1"), None),
            (5, Some(None), one("1"), one("2")),
            (6, one("3"), one("1"), one("2")),
        ] {
            assert_eq!(
                (get("a", version), get("b", version), get("c", version)),
                (a, b, c),
                "version {version}"
            );
        }
        let last = layer.last(|rows| {
            rows.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)))
                .collect::<Vec<_>>()
        });
        assert_eq!(last[0], (b"a".to_vec(), Some(b"3".to_vec())));
        assert_eq!(last.len(), 3);
        assert!(layer.bytes() > 5 * ROW_OVERHEAD_BYTES);
    }
}
