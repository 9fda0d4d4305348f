//! Public keys made ready for checking, and those that check most with a table of their own.

use crate::config::{READY_KEYS_MAX, TABLE_AFTER, TABLES_MAX};
use sekisho_domain::PublicKey;
use sekisho_ledger::signature::{ReadyKey, VerifyingKey};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Keys parsed once, at most [`READY_KEYS_MAX`]. After [`TABLE_AFTER`] checks a key gets its table; of the tables,
/// [`TABLES_MAX`], the one not used for longest makes room.
#[derive(Debug, Default)]
pub(crate) struct ReadyKeys(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<[u8; 32], Counted>,
    /// Checks so far: what "not used for longest" is told by.
    checks: u64,
}

#[derive(Debug)]
struct Counted {
    key: Arc<ReadyKey>,
    /// Since it was made ready, or lost its table.
    checks: u64,
    last: u64,
}

impl ReadyKeys {
    /// The key for one check, or `None` for one that nothing can be verified with.
    pub(crate) fn get(&self, key: &PublicKey) -> Option<Arc<ReadyKey>> {
        let found = self.with(|known| known.count(key));
        // What takes long is done while nobody waits for the lock; two may parse the same key, which does no harm.
        let Some((ready, checks)) = found else {
            let ready = Arc::new(ReadyKey::new(&VerifyingKey::parse(key).ok()?));
            self.with(|known| known.insert(key, Arc::clone(&ready)));
            return Some(ready);
        };
        // It is this number of checks once, so one caller makes the table.
        if checks != TABLE_AFTER {
            return Some(ready);
        }
        let ready = Arc::new(ready.with_table());
        self.with(|known| known.give_table(key, Arc::clone(&ready)));
        Some(ready)
    }

    fn with<T>(&self, f: impl FnOnce(&mut Known) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    /// The key and the number of its checks, with the one it is asked for now.
    fn count(&mut self, key: &PublicKey) -> Option<(Arc<ReadyKey>, u64)> {
        let counted = self.keys.get_mut(&key.0)?;
        self.checks += 1;
        counted.checks += 1;
        counted.last = self.checks;
        Some((Arc::clone(&counted.key), counted.checks))
    }

    fn insert(&mut self, key: &PublicKey, ready: Arc<ReadyKey>) {
        if self.keys.len() >= READY_KEYS_MAX {
            self.keys.retain(|_, counted| counted.key.has_table());
        }
        self.checks += 1;
        self.keys.entry(key.0).or_insert(Counted {
            key: ready,
            checks: 1,
            last: self.checks,
        });
    }

    fn give_table(&mut self, key: &PublicKey, ready: Arc<ReadyKey>) {
        let tables = || self.keys.values().filter(|counted| counted.key.has_table());
        if tables().count() >= TABLES_MAX
            && let Some(longest_ago) = tables().map(|counted| counted.last).min()
        {
            for counted in self.keys.values_mut().filter(|c| c.last == longest_ago) {
                counted.key = Arc::new(counted.key.without_table());
                counted.checks = 0;
            }
        }
        // It may have been dropped since it was counted.
        if let Some(counted) = self.keys.get_mut(&key.0) {
            counted.key = ready;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_ledger::signature::SigningKey;

    fn public(n: usize) -> PublicKey {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&n.to_be_bytes());
        SigningKey::from_secret(&secret).public_key()
    }

    fn use_until_table(keys: &ReadyKeys, key: &PublicKey) {
        for check in 1..TABLE_AFTER {
            assert!(!keys.get(key).unwrap().has_table(), "check {check}");
        }
        for _ in 0..3 {
            assert!(keys.get(key).unwrap().has_table());
        }
    }

    #[test]
    fn a_key_gets_its_table_by_use_and_the_one_not_used_for_longest_makes_room() {
        let keys = ReadyKeys::default();
        let all: Vec<PublicKey> = (0..=TABLES_MAX).map(public).collect();
        let (last, first) = all.split_last().unwrap();
        for key in first {
            use_until_table(&keys, key);
        }
        assert!(keys.get(&all[0]).unwrap().has_table());
        use_until_table(&keys, last);
        // The first was used again since, so it is the second whose table is gone; it earns another.
        assert!(keys.get(&all[0]).unwrap().has_table());
        use_until_table(&keys, &all[1]);
        assert!(!keys.get(&all[2]).unwrap().has_table());
        let with_table = |known: &mut Known| {
            let keys = known.keys.values();
            keys.filter(|counted| counted.key.has_table()).count()
        };
        assert_eq!(keys.with(with_table), TABLES_MAX);
    }

    #[test]
    fn keys_beyond_the_bound_drop_those_without_a_table() {
        let keys = ReadyKeys::default();
        use_until_table(&keys, &public(0));
        for n in 1..=READY_KEYS_MAX {
            keys.get(&public(n)).unwrap();
        }
        assert_eq!(keys.with(|known| known.keys.len()), 2);
        assert!(keys.get(&public(0)).unwrap().has_table());
    }

    #[test]
    fn a_key_that_cannot_be_verified_with_is_none_and_not_kept() {
        let keys = ReadyKeys::default();
        assert!(keys.get(&PublicKey([0; 32])).is_none());
        assert_eq!(keys.with(|known| known.keys.len()), 0);
    }
}
