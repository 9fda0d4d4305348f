//! How the core reads and writes: ordered tables of bytes, behind one small trait.
//!
//! The same code runs over memory (tests, simulation, the offline verifier) and over a replica's disk;
//! `contract` is the suite every implementation passes. An `Err` means storage failed and the replica stops:
//! refusals are [`sekisho_domain::Outcome`]s, never errors.

mod key;

pub use key::InPlace;

use sekisho_domain::EntryIndex;
use std::any::Any;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

/// A key in memory, in its place up to a subject's link to another network's with ids of usual length.
type Key = InPlace<62>;

/// The tables. Numbers are on disk and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Table {
    /// Ledger id, lineage, tree size, last stamped time, state digest.
    Meta = 0,
    /// Members, by network id.
    Network = 1,
    /// Keys, by key id.
    Key = 2,
    /// Facilities, by code.
    Facility = 3,
    /// Consent policies, by network and version.
    ConsentPolicy = 4,
    /// Agreement versions, by agreement id and version.
    Agreement = 5,
    /// What is in force of an agreement, by agreement id.
    AgreementHead = 6,
    /// The agreements of two networks, by both ids in order and agreement id.
    AgreementOfPair = 7,
    /// What is known of a subject: links, consents, reservations, death; by network and subject. One row, so that
    /// a decision reads two.
    Chart = 8,
    /// In which chart a consent stands, by index.
    ConsentAt = 9,
    /// In which chart a reservation stands, by index.
    ReservationAt = 10,
    /// Request ids, by network and id, with the index and the payload's hash (P5).
    Request = 11,
    /// Access records, by index.
    Access = 12,
    /// Releases and receipts, by access index.
    Transfer = 13,
    /// What members have said so far of what needs a majority of them, by the hash of what they said.
    Admission = 14,
    /// Encoded leaves, by index.
    Leaf = 15,
    /// Hashes of complete subtrees, by level and position.
    TreeNode = 16,
    /// A network's keys, by network and key id.
    KeyOfNetwork = 17,
    /// The leaves a leaf rests on, by its index: what a proof bundle carries with it.
    RestsOn = 18,
    /// Disaster authorities, by id.
    Authority = 19,
    /// Notices, by network, what they are about, and index.
    Notice = 20,
    /// Where a notice stands in [`Table::Notice`], by index.
    NoticeAt = 21,
    /// Proxies, by index.
    Proxy = 22,
    /// Sealed reservations, by index.
    Seal = 23,
    /// Accesses by break-glass and what became of them, by access index.
    Emergency = 24,
    /// Those not judged yet, by viewing network, the instant the review is due, and access index.
    ReviewDue = 25,
    /// Declared disasters, by index.
    Disaster = 26,
    /// A network's facilities by where they stand, by network, prefecture or municipality, and code.
    FacilityOfArea = 27,
    /// Replicas, by id, retired ones too.
    Replica = 28,
    /// Recoveries, by the lineage each began.
    Lineage = 29,
    /// The last access of the last alert on a practitioner, by viewing network, pattern and practitioner.
    Alert = 30,
}

impl Table {
    /// Every table, in the order of their numbers.
    pub const ALL: [Self; 31] = [
        Self::Meta,
        Self::Network,
        Self::Key,
        Self::Facility,
        Self::ConsentPolicy,
        Self::Agreement,
        Self::AgreementHead,
        Self::AgreementOfPair,
        Self::Chart,
        Self::ConsentAt,
        Self::ReservationAt,
        Self::Request,
        Self::Access,
        Self::Transfer,
        Self::Admission,
        Self::Leaf,
        Self::TreeNode,
        Self::KeyOfNetwork,
        Self::RestsOn,
        Self::Authority,
        Self::Notice,
        Self::NoticeAt,
        Self::Proxy,
        Self::Seal,
        Self::Emergency,
        Self::ReviewDue,
        Self::Disaster,
        Self::FacilityOfArea,
        Self::Replica,
        Self::Lineage,
        Self::Alert,
    ];

    /// Whether every decision looks at it and few entries change it.
    fn is_common(self) -> bool {
        matches!(
            self,
            Self::Network
                | Self::Key
                | Self::Facility
                | Self::ConsentPolicy
                | Self::Agreement
                | Self::AgreementHead
                | Self::AgreementOfPair
                | Self::Notice
        )
    }
}

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Reading a consistent state.
pub trait StateRead {
    /// What storage can fail with.
    type Error: std::error::Error + Send + Sync + 'static;
    /// The value of a key.
    ///
    /// # Errors
    /// Storage failed.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Self::Error>;
    /// Rows whose keys start with `prefix` and are not before `from`, in ascending key order, at most `max`.
    ///
    /// # Errors
    /// Storage failed.
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<Row>, Self::Error>;
    /// Told which rows are looked at next, perhaps none. A state that has to ask for its rows asks for them together, and
    /// once even for none: how long that takes does not tell how many there are.
    ///
    /// # Errors
    /// Storage failed.
    fn ahead(&self, _table: Table, _keys: &[Vec<u8>]) -> Result<(), Self::Error> {
        Ok(())
    }
    /// Told which entries made each record that is looked at: what an outcome rests on.
    fn used(&self, _sources: &[EntryIndex]) {}
    /// Where decoded records of the common tables are kept, if anywhere.
    fn kept(&self) -> Option<&Kept> {
        None
    }
}

/// What is kept at most, before all of it is forgotten: the facilities of a large federation, some times over.
const KEPT_MAX: usize = 65_536;

/// Decoded records of the tables every decision looks at. An implementation of [`StateWrite`] that has one says
/// every write to it.
#[derive(Debug, Default)]
pub struct Kept {
    tables: RwLock<BTreeMap<Table, BTreeMap<Key, Decoded>>>,
}

type Decoded = Arc<dyn Any + Send + Sync>;

impl Kept {
    /// Forgets what a write to this table may have changed.
    pub fn written(&self, table: Table) {
        if table.is_common() {
            self.tables
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .clear();
        }
    }

    /// What is kept under a key; else reads it and keeps it.
    pub(crate) fn get_or<T: Any + Send + Sync, E>(
        &self,
        table: Table,
        key: &[u8],
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let known = {
            let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
            tables.get(&table).and_then(|rows| rows.get(key)).cloned()
        };
        if let Some(known) = known.and_then(|known| known.downcast::<T>().ok()) {
            return Ok(known);
        }
        let value = Arc::new(read()?);
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        if tables.values().map(BTreeMap::len).sum::<usize>() >= KEPT_MAX {
            tables.clear();
        }
        let kept: Decoded = value.clone();
        tables
            .entry(table)
            .or_default()
            .insert(Key::from(key), kept);
        Ok(value)
    }
}

/// Writing it. Reads see earlier writes.
pub trait StateWrite: StateRead {
    /// Sets a key.
    ///
    /// # Errors
    /// Storage failed.
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) -> Result<(), Self::Error>;
    /// Removes a key; nothing happens where there is none.
    ///
    /// # Errors
    /// Storage failed.
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), Self::Error>;
}

/// The state in memory: a sorted map for each table, with keys in place where they fit, for a lookup costs what it
/// misses in the processor's cache.
#[derive(Debug)]
pub struct MemoryState {
    tables: [BTreeMap<Key, Box<[u8]>>; Table::ALL.len()],
    kept: Kept,
}

impl Default for MemoryState {
    fn default() -> Self {
        Self {
            tables: Table::ALL.map(|_| BTreeMap::new()),
            kept: Kept::default(),
        }
    }
}

impl Clone for MemoryState {
    fn clone(&self) -> Self {
        Self {
            tables: self.tables.clone(),
            kept: Kept::default(),
        }
    }
}

impl PartialEq for MemoryState {
    fn eq(&self, other: &Self) -> bool {
        self.tables == other.tables
    }
}
impl Eq for MemoryState {}

impl MemoryState {
    fn table(&self, table: Table) -> Option<&BTreeMap<Key, Box<[u8]>>> {
        self.tables.get(table as usize)
    }
}

impl StateRead for MemoryState {
    type Error = Infallible;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Infallible> {
        let value = self.table(table).and_then(|rows| rows.get(&Key::from(key)));
        Ok(value.map(|value| value.to_vec()))
    }
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<Row>, Infallible> {
        let start = Bound::Included(prefix.max(from));
        let rows = self.table(table).into_iter();
        Ok(rows
            .flat_map(|rows| rows.range::<[u8], _>((start, Bound::Unbounded)))
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(max)
            .map(|(key, value)| (key.to_vec(), value.to_vec()))
            .collect())
    }
    fn kept(&self) -> Option<&Kept> {
        Some(&self.kept)
    }
}

impl StateWrite for MemoryState {
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) -> Result<(), Infallible> {
        self.kept.written(table);
        if let Some(rows) = self.tables.get_mut(table as usize) {
            rows.insert(Key::from(key), value.into());
        }
        Ok(())
    }
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), Infallible> {
        self.kept.written(table);
        if let Some(rows) = self.tables.get_mut(table as usize) {
            rows.remove(key);
        }
        Ok(())
    }
}

/// What every implementation of [`StateWrite`] must do; run it against an empty state.
///
/// # Panics
/// Where the implementation does not keep the contract, saying which part.
#[expect(
    clippy::expect_used,
    reason = "a contract suite fails by panicking, and names the clause"
)]
pub fn contract<S: StateWrite>(state: &mut S) {
    let scan = |s: &S, prefix: &[u8], from: &[u8], max| {
        s.scan(Table::Chart, prefix, from, max)
            .expect("scan")
            .into_iter()
            .map(|(key, _)| key)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        state.get(Table::Meta, b"a").expect("get"),
        None,
        "an absent key has no value"
    );
    state.put(Table::Meta, b"a", b"1".to_vec()).expect("put");
    state.put(Table::Meta, b"a", b"2".to_vec()).expect("put");
    assert_eq!(
        state.get(Table::Meta, b"a").expect("get").as_deref(),
        Some(b"2".as_slice()),
        "the last write wins"
    );
    assert_eq!(
        state.get(Table::Network, b"a").expect("get"),
        None,
        "tables are apart"
    );
    for key in [b"ab".as_slice(), b"aa", b"b", b"a", b"a\xff\xff", b"\xff"] {
        state.put(Table::Chart, key, Vec::new()).expect("put");
    }
    assert_eq!(
        scan(state, b"a", b"", 9),
        [b"a".as_slice(), b"aa", b"ab", b"a\xff\xff"],
        "scans are ordered and keep to the prefix"
    );
    assert_eq!(
        scan(state, b"a", b"ab", 9),
        [b"ab".as_slice(), b"a\xff\xff"],
        "a scan starts where it is told"
    );
    assert_eq!(
        scan(state, b"", b"", 2),
        [b"a".as_slice(), b"aa"],
        "a scan stops at its bound"
    );
    assert_eq!(
        scan(state, b"\xff", b"", 9),
        [b"\xff".as_slice()],
        "the greatest prefix has an end"
    );
    state.delete(Table::Chart, b"aa").expect("delete");
    state
        .delete(Table::Chart, b"aa")
        .expect("deleting nothing is no error");
    assert_eq!(
        scan(state, b"a", b"", 9),
        [b"a".as_slice(), b"ab", b"a\xff\xff"],
        "a deleted key is gone"
    );
    let kept = |s: &S, now: u8| {
        let read = || Ok::<_, S::Error>(now);
        let kept = s.kept()?;
        Some(*kept.get_or(Table::Network, b"k", read).expect("read"))
    };
    if kept(state, 1).is_some() {
        assert_eq!(kept(state, 2), Some(1), "what is kept is not read again");
        state.put(Table::Chart, b"k", Vec::new()).expect("put");
        assert_eq!(kept(state, 2), Some(1), "a write elsewhere changes nothing");
        state.put(Table::Facility, b"k", Vec::new()).expect("put");
        assert_eq!(kept(state, 3), Some(3), "a write is seen in what is kept");
        state.delete(Table::Facility, b"k").expect("delete");
        assert_eq!(kept(state, 4), Some(4), "a deletion is, too");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_keeps_the_contract() {
        contract(&mut MemoryState::default());
    }
}
