//! What is kept about whom: so that erasing a subject finds all of it, whatever the ledger says by then.

use super::{ERASED, NodeStore, OF_SUBJECT, StoreError, format};
use redb::WriteTransaction;
use sekisho_domain::{SubjectId, TimeMs};

/// Kinds of [`OF_SUBJECT`].
pub(super) const REQUEST: u8 = 0;
pub(super) const OPENING: u8 = 1;
pub(super) const CARD: u8 = 2;

const ERASURE: &str = "an erasure";

impl NodeStore {
    /// When a subject was erased here, if it was.
    ///
    /// # Errors
    /// The database failed.
    pub fn erased(&self, subject: &SubjectId) -> Result<Option<TimeMs>, StoreError> {
        format::get(&self.read()?, ERASED, ERASURE, subject.as_bytes())
    }
}

/// Refuses what is about an erased subject: work that was under way when it was erased leaves nothing behind.
pub(super) fn check(txn: &WriteTransaction, subject: &SubjectId) -> Result<(), StoreError> {
    match format::get_in::<TimeMs>(txn, ERASED, ERASURE, subject.as_bytes())? {
        None => Ok(()),
        Some(_) => Err(StoreError::Erased),
    }
}

/// Remembers that something is about a subject.
pub(super) fn put(
    txn: &WriteTransaction,
    subject: &SubjectId,
    kind: u8,
    id: &[u8],
) -> Result<(), StoreError> {
    let key = [subject.as_bytes().as_slice(), &[kind], id].concat();
    format::put(txn, OF_SUBJECT, "what is about a subject", &key, &())
}

/// What of one kind is about a subject.
pub(super) fn ids(
    txn: &WriteTransaction,
    subject: &SubjectId,
    kind: u8,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let table = txn.open_table(OF_SUBJECT).map_err(StoreError::database)?;
    let prefix = [subject.as_bytes().as_slice(), &[kind]].concat();
    let keys = format::keys_under(&table, &prefix, usize::MAX)?;
    let behind = |key: Vec<u8>| key.get(prefix.len()..).unwrap_or_default().to_vec();
    Ok(keys.into_iter().map(behind).collect())
}

/// Forgets that something is about a subject.
pub(super) fn remove(
    txn: &WriteTransaction,
    subject: &SubjectId,
    kind: u8,
    id: &[u8],
) -> Result<(), StoreError> {
    let mut table = txn.open_table(OF_SUBJECT).map_err(StoreError::database)?;
    let key = [subject.as_bytes().as_slice(), &[kind], id].concat();
    table.remove(key.as_slice()).map_err(StoreError::database)?;
    Ok(())
}
