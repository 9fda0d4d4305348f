//! The core's tables: in redb, one ordered table whose keys begin with the table's number, and over it the layers of
//! what is not there yet.

use super::layers::{Changes, Key, Layer, Value, Version};
use super::{STATE, rows};
use crate::ReplicaError;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, Table as RedbTable, WriteTransaction};
use sekisho_ledger::store::{Kept, Row, StateRead, StateWrite, Table};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Rows taken at once from each of what a state is made of.
const ROWS_AT_ONCE: usize = 256;

type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

fn full_key(table: Table, key: &[u8]) -> Key {
    Key::of(&[&[table as u8], key])
}

fn get(
    rows: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, ReplicaError> {
    let value = rows.get(key).map_err(ReplicaError::database)?;
    Ok(value.map(|value| value.value().to_vec()))
}

/// The ledger's state as it was when this was made; later batches do not change it. Cheap to clone.
#[derive(Clone)]
pub struct ReadState {
    rows: Arc<Rows>,
    /// Earlier first.
    layers: Vec<Arc<Layer>>,
    version: Version,
}

impl ReadState {
    /// What a database holds.
    pub(super) fn open(txn: &ReadTransaction) -> Result<Self, ReplicaError> {
        Ok(Self {
            rows: Arc::new(txn.open_table(STATE).map_err(ReplicaError::database)?),
            layers: Vec::new(),
            version: 0,
        })
    }

    /// The same with layers over it, as of a version.
    pub(super) fn under(&self, layers: Vec<Arc<Layer>>, version: Version) -> Self {
        Self {
            rows: Arc::clone(&self.rows),
            layers,
            version,
        }
    }

    fn get_full(&self, key: &Key) -> Result<Option<Vec<u8>>, ReplicaError> {
        for layer in self.layers.iter().rev() {
            if let Some(said) = layer.get(key, self.version) {
                return Ok(said);
            }
        }
        get(&*self.rows, key)
    }

    /// Some rows from a full key on, in order, and whether there may be more of them after the last.
    fn next(&self, from: Bound<&[u8]>, most: usize) -> Result<(Vec<Row>, bool), ReplicaError> {
        let most = most.clamp(1, ROWS_AT_ONCE);
        // What is said of a key counts only as far as everybody was asked.
        let mut ends: Vec<Vec<u8>> = Vec::new();
        let mut found = BTreeMap::new();
        let range = self
            .rows
            .range::<&[u8]>((from, Bound::Unbounded))
            .map_err(ReplicaError::database)?;
        for row in range.take(most) {
            let (key, value) = row.map_err(ReplicaError::database)?;
            found.insert(key.value().to_vec(), Some(value.value().to_vec()));
        }
        if found.len() == most {
            ends.extend(found.last_key_value().map(|(key, _)| key.clone()));
        }
        for layer in &self.layers {
            ends.extend(layer.range(from, most, self.version, &mut found));
        }
        let end = ends.iter().min();
        let rows = found
            .into_iter()
            .take_while(|(key, _)| end.is_none_or(|end| key <= end));
        let mut last = None;
        let rows: Vec<Row> = rows
            .inspect(|(key, _)| last = Some(key.clone()))
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        if rows.is_empty()
            && let (Some(_), Some(last)) = (end, last)
        {
            // All of them were removed.
            return self.next(Bound::Excluded(&last), most);
        }
        Ok((rows, end.is_some()))
    }

    /// Every row, with its full key, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = Result<Row, ReplicaError>> + '_ {
        let mut after: Option<Vec<u8>> = None;
        let (mut some, mut more) = (Vec::new().into_iter(), true);
        std::iter::from_fn(move || {
            if let Some(row) = some.next() {
                return Some(Ok(row));
            }
            if !more {
                return None;
            }
            let from = match &after {
                Some(after) => Bound::Excluded(after.as_slice()),
                None => Bound::Unbounded,
            };
            match self.next(from, ROWS_AT_ONCE) {
                Ok((rows, rest)) => {
                    more = rest;
                    after = rows.last().map(|(key, _)| key.clone());
                    some = rows.into_iter();
                    some.next().map(Ok)
                }
                Err(error) => {
                    more = false;
                    Some(Err(error))
                }
            }
        })
    }
}

impl StateRead for ReadState {
    type Error = ReplicaError;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ReplicaError> {
        self.get_full(&full_key(table, key))
    }
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<Row>, ReplicaError> {
        let start = full_key(table, prefix.max(from));
        let prefix = full_key(table, prefix);
        let (mut found, mut from) = (Vec::new(), Bound::Included(start.to_vec()));
        while found.len() < max {
            let start = from.as_ref().map(Vec::as_slice);
            let (rows, more) = self.next(start, max - found.len())?;
            let Some((last, _)) = rows.last() else {
                break;
            };
            from = Bound::Excluded(last.clone());
            let is_over = !last.starts_with(&prefix);
            let of = rows
                .into_iter()
                .take_while(|(key, _)| key.starts_with(&prefix))
                .map(|(mut key, value)| (key.split_off(1), value));
            found.extend(of);
            if is_over || !more {
                break;
            }
        }
        found.truncate(max);
        Ok(found)
    }
}

/// A state that is being changed; nothing of it is seen by others before it is committed.
pub(crate) struct Change {
    before: ReadState,
    changes: Changes,
    keys_changed: bool,
    kept: Kept,
}

impl Change {
    pub(super) fn of(before: ReadState, kept: Kept) -> Self {
        Self {
            before,
            changes: Changes::new(),
            keys_changed: false,
            kept,
        }
    }

    /// Whether members or their keys may have changed.
    pub(super) fn keys_changed(&self) -> bool {
        self.keys_changed
    }

    pub(super) fn into_parts(self) -> (Changes, Kept) {
        (self.changes, self.kept)
    }

    /// Writes what was changed to the database.
    pub(super) fn write_to(&self, txn: &WriteTransaction) -> Result<(), ReplicaError> {
        let mut rows = txn.open_table(STATE).map_err(ReplicaError::database)?;
        let changed = self.changes.iter();
        rows::put(
            &mut rows,
            changed.map(|(key, value)| (&**key, value.as_deref())),
        )
    }

    fn set(&mut self, table: Table, key: &[u8], value: Value) {
        self.keys_changed |= holds_keys(table);
        self.kept.written(table);
        self.changes.insert(full_key(table, key), value);
    }
}

fn holds_keys(table: Table) -> bool {
    matches!(table, Table::Key | Table::Network | Table::Replica)
}

impl StateRead for Change {
    type Error = ReplicaError;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ReplicaError> {
        let key = full_key(table, key);
        match self.changes.get(&key) {
            Some(value) => Ok(value.clone()),
            None => self.before.get_full(&key),
        }
    }
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<Row>, ReplicaError> {
        let start = full_key(table, prefix.max(from));
        let of = full_key(table, prefix);
        let changed: Vec<_> = self
            .changes
            .range::<[u8], _>((Bound::Included(&*start), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(&of))
            .collect();
        // As many more as may turn out to be removed.
        let most = max.saturating_add(changed.len());
        let before = self.before.scan(table, prefix, from, most)?;
        if changed.is_empty() {
            return Ok(before);
        }
        let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = before.into_iter().collect();
        for (key, value) in changed {
            let key = key.get(1..).unwrap_or_default();
            match value {
                Some(value) => rows.insert(key.to_vec(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(rows.into_iter().take(max).collect())
    }
    fn kept(&self) -> Option<&Kept> {
        Some(&self.kept)
    }
}

impl StateWrite for Change {
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) -> Result<(), ReplicaError> {
        self.set(table, key, Some(value));
        Ok(())
    }
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), ReplicaError> {
        self.set(table, key, None);
        Ok(())
    }
}

/// The state inside a write transaction of the database; nothing is kept unless that commits.
pub(crate) struct StateTxn<'txn> {
    rows: RedbTable<'txn, &'static [u8], &'static [u8]>,
    kept: Kept,
}

impl<'txn> StateTxn<'txn> {
    pub(super) fn open(txn: &'txn WriteTransaction) -> Result<Self, ReplicaError> {
        Ok(Self {
            rows: txn.open_table(STATE).map_err(ReplicaError::database)?,
            kept: Kept::default(),
        })
    }
}

impl StateRead for StateTxn<'_> {
    type Error = ReplicaError;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ReplicaError> {
        get(&self.rows, &full_key(table, key))
    }
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<Row>, ReplicaError> {
        let start = full_key(table, prefix.max(from));
        let prefix = full_key(table, prefix);
        let mut found = Vec::new();
        for row in self
            .rows
            .range(&*start..)
            .map_err(ReplicaError::database)?
            .take(max)
        {
            let (key, value) = row.map_err(ReplicaError::database)?;
            if !key.value().starts_with(&prefix) {
                break;
            }
            let key = key.value().get(1..).unwrap_or_default().to_vec();
            found.push((key, value.value().to_vec()));
        }
        Ok(found)
    }
    fn kept(&self) -> Option<&Kept> {
        Some(&self.kept)
    }
}

impl StateWrite for StateTxn<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) -> Result<(), ReplicaError> {
        self.kept.written(table);
        self.rows
            .insert(&*full_key(table, key), value.as_slice())
            .map_err(ReplicaError::database)?;
        Ok(())
    }
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), ReplicaError> {
        self.kept.written(table);
        self.rows
            .remove(&*full_key(table, key))
            .map_err(ReplicaError::database)?;
        Ok(())
    }
}

#[cfg(test)]
#[path = "state_test.rs"]
mod tests;
