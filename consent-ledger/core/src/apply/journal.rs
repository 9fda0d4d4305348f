//! The writes of one entry: seen by its own reads, handed on all together, and hashed into the running digest.

use crate::store::{Row, StateRead, StateWrite, Table};
use sekisho_domain::{EntryIndex, Hash};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A state with one entry's writes over it.
pub(super) struct Journal<'a, S> {
    state: &'a mut S,
    /// None: deleted.
    writes: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
}

impl<'a, S: StateWrite> Journal<'a, S> {
    pub fn over(state: &'a mut S) -> Self {
        Self {
            state,
            writes: BTreeMap::new(),
        }
    }

    /// The digest after these writes: SHA-256 over the one before, the index, and each write in key order
    /// (table, key, value; lengths before what they measure, `0xff` for the value of a deletion).
    pub fn digest(&self, before: &Hash, index: EntryIndex) -> Hash {
        let mut hash = Sha256::new();
        hash.update(before.0);
        hash.update(index.0.to_be_bytes());
        for ((table, key), value) in &self.writes {
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

    /// Hands the writes on.
    pub fn commit(self) -> Result<(), S::Error> {
        for ((table, key), value) in self.writes {
            match value {
                Some(value) => self.state.put(table, &key, &value)?,
                None => self.state.delete(table, &key)?,
            }
        }
        Ok(())
    }
}

impl<S: StateWrite> StateRead for Journal<'_, S> {
    type Error = S::Error;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, S::Error> {
        match self.writes.get(&(table, key.to_vec())) {
            Some(written) => Ok(written.clone()),
            None => self.state.get(table, key),
        }
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
}

impl<S: StateWrite> StateWrite for Journal<'_, S> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), S::Error> {
        self.writes
            .insert((table, key.to_vec()), Some(value.to_vec()));
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
        contract(&mut Journal::over(&mut MemoryState::default()));
    }

    #[test]
    fn nothing_reaches_the_state_before_commit() {
        let mut state = MemoryState::default();
        let mut journal = Journal::over(&mut state);
        let (Ok(()), before) = (journal.put(Table::Meta, b"k", b"v"), Hash([0; 32]));
        assert_ne!(journal.digest(&before, EntryIndex(0)), before);
        drop(journal);
        assert_eq!(state, MemoryState::default());
    }
}
