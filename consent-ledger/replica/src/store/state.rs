//! The core's tables in redb: one ordered table, whose keys begin with the table's number.

use super::STATE;
use crate::ReplicaError;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, Table as RedbTable, WriteTransaction};
use sekisho_ledger::store::{Kept, Row, StateRead, StateWrite, Table};

fn full_key(table: Table, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(1 + key.len());
    full.push(table as u8);
    full.extend_from_slice(key);
    full
}

fn get(
    rows: &impl ReadableTable<&'static [u8], &'static [u8]>,
    table: Table,
    key: &[u8],
) -> Result<Option<Vec<u8>>, ReplicaError> {
    let value = rows
        .get(full_key(table, key).as_slice())
        .map_err(ReplicaError::database)?;
    Ok(value.map(|value| value.value().to_vec()))
}

fn scan(
    rows: &impl ReadableTable<&'static [u8], &'static [u8]>,
    table: Table,
    prefix: &[u8],
    from: &[u8],
    max: usize,
) -> Result<Vec<Row>, ReplicaError> {
    let start = full_key(table, prefix.max(from));
    let prefix = full_key(table, prefix);
    let mut found = Vec::new();
    for row in rows
        .range(start.as_slice()..)
        .map_err(ReplicaError::database)?
        .take(max)
    {
        let (key, value) = row.map_err(ReplicaError::database)?;
        if !key.value().starts_with(&prefix) {
            break;
        }
        found.push((
            key.value().get(1..).unwrap_or_default().to_vec(),
            value.value().to_vec(),
        ));
    }
    Ok(found)
}

/// The ledger's state as it was when this was made; later batches do not change it.
pub struct ReadState {
    rows: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

impl ReadState {
    pub(super) fn open(txn: &ReadTransaction) -> Result<Self, ReplicaError> {
        Ok(Self {
            rows: txn.open_table(STATE).map_err(ReplicaError::database)?,
        })
    }
}

impl StateRead for ReadState {
    type Error = ReplicaError;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ReplicaError> {
        get(&self.rows, table, key)
    }
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<Row>, ReplicaError> {
        scan(&self.rows, table, prefix, from, max)
    }
}

/// The ledger's state inside a write transaction; nothing is kept unless that commits.
pub(crate) struct StateTxn<'txn> {
    rows: RedbTable<'txn, &'static [u8], &'static [u8]>,
    /// Whether members, their keys or replicas may have changed.
    keys_changed: bool,
    kept: Kept,
}

impl<'txn> StateTxn<'txn> {
    pub(super) fn open(txn: &'txn WriteTransaction) -> Result<Self, ReplicaError> {
        Ok(Self {
            rows: txn.open_table(STATE).map_err(ReplicaError::database)?,
            keys_changed: false,
            kept: Kept::default(),
        })
    }

    pub(super) fn keys_changed(&self) -> bool {
        self.keys_changed
    }

    fn touched(&mut self, table: Table) {
        self.keys_changed |= matches!(table, Table::Key | Table::Network | Table::Replica);
        self.kept.written(table);
    }
}

impl StateRead for StateTxn<'_> {
    type Error = ReplicaError;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ReplicaError> {
        get(&self.rows, table, key)
    }
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<Row>, ReplicaError> {
        scan(&self.rows, table, prefix, from, max)
    }
    fn kept(&self) -> Option<&Kept> {
        Some(&self.kept)
    }
}

impl StateWrite for StateTxn<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), ReplicaError> {
        self.touched(table);
        self.rows
            .insert(full_key(table, key).as_slice(), value)
            .map_err(ReplicaError::database)?;
        Ok(())
    }
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), ReplicaError> {
        self.touched(table);
        self.rows
            .remove(full_key(table, key).as_slice())
            .map_err(ReplicaError::database)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::Database;

    #[test]
    fn redb_keeps_the_contract() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::create(dir.path().join("state.redb")).unwrap();
        let txn = database.begin_write().unwrap();
        sekisho_ledger::store::contract(&mut StateTxn::open(&txn).unwrap());
    }

    #[test]
    fn a_view_does_not_see_later_writes() {
        use redb::ReadableDatabase;
        let dir = tempfile::tempdir().unwrap();
        let database = Database::create(dir.path().join("state.redb")).unwrap();
        let put = |value: &[u8]| {
            let txn = database.begin_write().unwrap();
            StateTxn::open(&txn)
                .unwrap()
                .put(Table::Meta, b"k", value)
                .unwrap();
            txn.commit().unwrap();
        };
        put(b"1");
        let view = ReadState::open(&database.begin_read().unwrap()).unwrap();
        put(b"2");
        assert_eq!(
            view.get(Table::Meta, b"k").unwrap().as_deref(),
            Some(b"1".as_slice())
        );
    }

    #[test]
    fn rows_of_an_aborted_transaction_are_gone() {
        use redb::ReadableDatabase;
        let dir = tempfile::tempdir().unwrap();
        let database = Database::create(dir.path().join("state.redb")).unwrap();
        let txn = database.begin_write().unwrap();
        StateTxn::open(&txn).unwrap();
        txn.commit().unwrap();
        let txn = database.begin_write().unwrap();
        StateTxn::open(&txn)
            .unwrap()
            .put(Table::Meta, b"k", b"1")
            .unwrap();
        txn.abort().unwrap();
        let view = ReadState::open(&database.begin_read().unwrap()).unwrap();
        assert_eq!(view.get(Table::Meta, b"k").unwrap(), None);
    }
}
