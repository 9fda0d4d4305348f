//! The reads and writes of one entry: writes are seen by its own reads, handed on all together and hashed into
//! the running digest; what was looked at tells which earlier leaves the entry rests on.

use crate::store::{Kept, Row, StateRead, StateWrite, Table};
use sekisho_domain::{EntryIndex, Hash};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// A state with one entry's writes over it.
pub(super) struct Journal<'a, S> {
    state: &'a S,
    /// None: deleted.
    writes: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
    rests_on: RefCell<BTreeSet<EntryIndex>>,
}

/// What one entry writes, in key order.
pub(super) struct Writes(BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>);

impl<'a, S: StateRead> Journal<'a, S> {
    pub fn over(state: &'a S) -> Self {
        Self {
            state,
            writes: BTreeMap::new(),
            rests_on: RefCell::default(),
        }
    }

    /// What was written, and the leaves that made the records that were read.
    pub fn finish(self) -> (Writes, BTreeSet<EntryIndex>) {
        (Writes(self.writes), self.rests_on.into_inner())
    }
}

impl Writes {
    pub fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// The digest after these writes: SHA-256 over the one before, the index, and each write in key order
    /// (table, key, value; lengths before what they measure, `0xff` for a deletion).
    pub fn digest(&self, before: &Hash, index: EntryIndex) -> Hash {
        let mut hash = Sha256::new();
        hash.update(before.0);
        hash.update(index.0.to_be_bytes());
        for ((table, key), value) in &self.0 {
            hash.update([*table as u8]);
            hash.update((key.len() as u64).to_be_bytes());
            hash.update(key);
            match value {
                Some(value) => {
                    hash.update([0]);
                    hash.update((value.len() as u64).to_be_bytes());
                    hash.update(value);
                }
                None => hash.update([0xff]),
            }
        }
        Hash(hash.finalize().into())
    }

    /// Hands them on.
    pub fn commit<S: StateWrite>(self, state: &mut S) -> Result<(), S::Error> {
        for ((table, key), value) in self.0 {
            match value {
                Some(value) => state.put(table, &key, value)?,
                None => state.delete(table, &key)?,
            }
        }
        Ok(())
    }
}

impl<S: StateRead> StateRead for Journal<'_, S> {
    type Error = S::Error;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, S::Error> {
        // Most reads come before the first write, and looking takes a copy of the key.
        if !self.writes.is_empty()
            && let Some(written) = self.writes.get(&(table, key.to_vec()))
        {
            return Ok(written.clone());
        }
        self.state.get(table, key)
    }
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<Row>, S::Error> {
        let start = prefix.max(from).to_vec();
        let own: Vec<_> = self
            .writes
            .range((table, start)..)
            .take_while(|((t, key), _)| *t == table && key.starts_with(prefix))
            .collect();
        // Each own row can hide one of the state's.
        let below = self
            .state
            .scan(table, prefix, from, max.saturating_add(own.len()))?;
        let mut rows: BTreeMap<_, _> = below.into_iter().collect();
        for ((_, key), value) in own {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(rows.into_iter().take(max).collect())
    }
    fn used(&self, sources: &[EntryIndex]) {
        self.rests_on.borrow_mut().extend(sources);
    }
    fn kept(&self) -> Option<&Kept> {
        // What this entry wrote is not kept below.
        self.state.kept().filter(|_| self.writes.is_empty())
    }
}

impl<S: StateRead> StateWrite for Journal<'_, S> {
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) -> Result<(), S::Error> {
        self.writes.insert((table, key.to_vec()), Some(value));
        Ok(())
    }
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), S::Error> {
        self.writes.insert((table, key.to_vec()), None);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryState, contract};

    #[test]
    fn the_journal_keeps_the_stores_contract() {
        contract(&mut Journal::over(&MemoryState::default()));
    }

    #[test]
    fn nothing_reaches_the_state_before_commit() -> Result<(), std::convert::Infallible> {
        let mut state = MemoryState::default();
        let mut journal = Journal::over(&state);
        journal.put(Table::Meta, b"k", b"v".to_vec())?;
        let (writes, _) = journal.finish();
        let before = Hash([0; 32]);
        assert_ne!(
            writes.digest(&before, EntryIndex(0)),
            Writes::none().digest(&before, EntryIndex(0))
        );
        assert_eq!(state, MemoryState::default());
        writes.commit(&mut state)?;
        assert_eq!(state.get(Table::Meta, b"k")?, Some(b"v".to_vec()));
        Ok(())
    }
}
