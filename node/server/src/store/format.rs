//! Stored values: one version byte, then postcard.

use super::{StoreError, Table};
use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version of every value written; an older one is migrated where it is read.
const VALUE_VERSION: u8 = 1;

pub(super) fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(value, vec![VALUE_VERSION])
        .map_err(|source| StoreError::Encode { what, source })
}

pub(super) fn decode<T: DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&VALUE_VERSION, rest)) => {
            postcard::from_bytes(rest).map_err(|_| StoreError::Damaged(what))
        }
        Some((&found, _)) => Err(StoreError::Format {
            what,
            found,
            supported: VALUE_VERSION,
        }),
        None => Err(StoreError::Damaged(what)),
    }
}

/// Reads a value of a table.
pub(super) fn get<T: DeserializeOwned>(
    txn: &ReadTransaction,
    table: Table,
    what: &'static str,
    key: &[u8],
) -> Result<Option<T>, StoreError> {
    let table = txn.open_table(table).map_err(StoreError::database)?;
    find(&table, what, key)
}

/// Reads a value of a table that is being written.
pub(super) fn get_in<T: DeserializeOwned>(
    txn: &WriteTransaction,
    table: Table,
    what: &'static str,
    key: &[u8],
) -> Result<Option<T>, StoreError> {
    let table = txn.open_table(table).map_err(StoreError::database)?;
    find(&table, what, key)
}

/// Writes a value.
pub(super) fn put<T: Serialize>(
    txn: &WriteTransaction,
    table: Table,
    what: &'static str,
    key: &[u8],
    value: &T,
) -> Result<(), StoreError> {
    let bytes = encode(what, value)?;
    let mut table = txn.open_table(table).map_err(StoreError::database)?;
    table
        .insert(key, bytes.as_slice())
        .map_err(StoreError::database)?;
    Ok(())
}

/// The keys under a prefix, in order, at most `max`.
pub(super) fn keys_under(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    prefix: &[u8],
    max: usize,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut keys = Vec::new();
    for row in table.range(prefix..).map_err(StoreError::database)? {
        let (key, _) = row.map_err(StoreError::database)?;
        if keys.len() == max || !key.value().starts_with(prefix) {
            break;
        }
        keys.push(key.value().to_vec());
    }
    Ok(keys)
}

/// Reads a value of an open table.
pub(super) fn find<T: DeserializeOwned>(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    what: &'static str,
    key: &[u8],
) -> Result<Option<T>, StoreError> {
    table
        .get(key)
        .map_err(StoreError::database)?
        .map(|value| decode(what, value.value()))
        .transpose()
}
