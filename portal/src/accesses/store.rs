//! The rows on disk, and what finds them.
//!
//! ```text
//! place       "place" -> ledger (32) ‖ next leaf (8, BE) ‖ SHA-256 of the leaf before it (32)
//! rows        index -> row (version byte, postcard)
//! of-subject  network ‖ 0 ‖ subject (16) ‖ index (8, BE) -> ()
//! of-who      practitioner (16) ‖ index -> ()
//! of-facility facility ‖ 0 ‖ index -> ()
//! loose       index -> content (32)     a release or a receipt came whose other half did not, or differs
//! alerts      index -> raised (postcard)
//! traffic     day (4, BE) ‖ viewing ‖ 0 ‖ disclosing -> asked (8, LE) ‖ permitted (8, LE)
//! ```
//! A chunk of leaves and the place behind it are one transaction: after a crash it goes on where it was. The file grows as
//! the ledger does, at about a quarter of its size, and has no other bound. Calls block on the disk.

use super::row::{Decided, Row};
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition};
use redb::{Table, WriteTransaction};
use sekisho_domain::{
    Body, EntryIndex, FacilityId, Hash, LedgerId, NetworkId, Outcome, PractitionerId, Purpose,
    SecurityAlert, SubjectId, TimeMs, Transfer,
};
use sekisho_ledger::Leaf;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

type Keys = TableDefinition<'static, &'static [u8], ()>;
const PLACE: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("place");
const ROWS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("rows");
const OF_SUBJECT: Keys = TableDefinition::new("of-subject");
const OF_WHO: Keys = TableDefinition::new("of-who");
const OF_FACILITY: Keys = TableDefinition::new("of-facility");
const LOOSE: TableDefinition<'static, u64, [u8; 32]> = TableDefinition::new("loose");
const ALERTS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("alerts");
const TRAFFIC: TableDefinition<'static, &[u8], [u8; 16]> = TableDefinition::new("traffic");

/// The version of every row; the file of another one is made again.
const VERSION: u8 = 1;
/// Rows one question looks at, where a filter finds few: some ten milliseconds' work. Who asks is told where it stopped,
/// and goes on from there.
pub const SCANNED_MAX: usize = 20_000;
/// Memory for the file's pages: that of lists, not of a ledger.
const CACHE_BYTES: usize = 16 * 1024 * 1024;
/// One day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// Why the rows cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AccessesFault {
    /// Another process has the file open.
    #[error("{0} is open in another process")]
    InUse(PathBuf),
    /// The database failed.
    #[error(
        "the database of accesses failed; it can be deleted, and is made again from the ledger"
    )]
    Database(#[source] Box<redb::Error>),
    /// A row is not what was written.
    #[error("a row of the accesses is damaged; the file can be deleted, and is made again")]
    Damaged(#[source] postcard::Error),
}

fn failed(error: impl Into<redb::Error>) -> AccessesFault {
    AccessesFault::Database(Box::new(error.into()))
}

type Answer<T> = Result<T, AccessesFault>;

/// How far the ledger was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub ledger: LedgerId,
    pub next: u64,
    pub last: Hash,
}

/// A stretch of the ledger, in order.
#[derive(Debug)]
pub(super) struct Chunk {
    pub ledger: LedgerId,
    /// Whether what was taken before no longer stands: everything is made again.
    pub anew: bool,
    pub leaves: Vec<(Leaf, Hash)>,
}

/// An alert on the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raised {
    /// Its leaf.
    pub index: EntryIndex,
    /// When.
    pub time: TimeMs,
    /// What it says.
    pub alert: SecurityAlert,
}

/// Between two instants; from the first on, before the second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// Not earlier.
    pub from: Option<TimeMs>,
    /// Earlier.
    pub until: Option<TimeMs>,
}

/// Where a page of a list begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Turn {
    /// With the newest.
    #[default]
    Newest,
    /// With the newest before this index.
    Before(EntryIndex),
    /// With those that came right after this index.
    After(EntryIndex),
}

/// What is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// When.
    pub window: Window,
    /// This network asked or was asked.
    pub network: Option<NetworkId>,
    /// This facility asked.
    pub facility: Option<FacilityId>,
    /// For this.
    pub purpose: Option<Purpose>,
    /// Permitted by one asked network at least, or by none.
    pub permitted: Option<bool>,
    /// This practitioner asked.
    pub practitioner: Option<PractitionerId>,
}

/// What was found: newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Of what was wanted.
    pub rows: Vec<Row>,
    /// Whether rows were left unlooked at after [`SCANNED_MAX`]; `rows` may then be few, or none.
    pub stopped: bool,
    /// Go on before this for older ones, if there may be any.
    pub older: Option<EntryIndex>,
    /// Go on after this for newer ones, if there may be any.
    pub newer: Option<EntryIndex>,
}

/// Accesses between two networks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// That one asked the other.
    pub asked: u64,
    /// And the ledger permitted.
    pub permitted: u64,
}

/// The accesses of the ledger. Belongs to one portal.
pub struct Accesses {
    database: Database,
    /// Only one takes leaves at a time.
    pub(super) taking: tokio::sync::Mutex<()>,
    /// Leaves not taken when it was last looked.
    pub(super) behind: AtomicU64,
}

impl std::fmt::Debug for Accesses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Accesses(..)")
    }
}

impl Accesses {
    /// Opens the file, making it where there is none.
    ///
    /// # Errors
    /// [`AccessesFault::InUse`], or the database failed.
    pub fn open(path: &Path) -> Answer<Self> {
        let mut builder = Database::builder();
        let database = builder.set_cache_size(CACHE_BYTES).create(path);
        Self::over(database.map_err(|e| match e {
            redb::DatabaseError::DatabaseAlreadyOpen => AccessesFault::InUse(path.into()),
            e => failed(e),
        })?)
    }

    /// One that is forgotten with the process.
    ///
    /// # Errors
    /// The database failed.
    pub fn in_memory() -> Answer<Self> {
        let backend = redb::backends::InMemoryBackend::new();
        let database = Database::builder().create_with_backend(backend);
        Self::over(database.map_err(failed)?)
    }

    fn over(database: Database) -> Answer<Self> {
        let mut txn = database.begin_write().map_err(failed)?;
        tables(&txn)?;
        let known = {
            let table = txn.open_table(PLACE).map_err(failed)?;
            let place = table.get("place").map_err(failed)?;
            place.is_none_or(|row| placed(row.value()).is_some())
        };
        if !known {
            cleared(&mut txn)?;
        }
        txn.commit().map_err(failed)?;
        Ok(Self {
            database,
            taking: tokio::sync::Mutex::default(),
            behind: AtomicU64::new(0),
        })
    }

    fn read(&self) -> Answer<ReadTransaction> {
        self.database.begin_read().map_err(failed)
    }

    /// How many leaves of the ledger were not taken yet when it was last looked: 0 but for a while after the first start.
    pub fn behind(&self) -> u64 {
        self.behind.load(Ordering::Relaxed)
    }

    pub(super) fn place(&self) -> Answer<Option<Place>> {
        let txn = self.read()?;
        let table = txn.open_table(PLACE).map_err(failed)?;
        let row = table.get("place").map_err(failed)?;
        Ok(row.and_then(|row| placed(row.value())))
    }

    /// Takes leaves that stand right behind those taken.
    pub(super) fn take(&self, chunk: &Chunk) -> Answer<()> {
        let mut txn = self.database.begin_write().map_err(failed)?;
        if chunk.anew {
            cleared(&mut txn)?;
        }
        {
            let mut taking = Taking::of(&txn)?;
            for (leaf, _) in &chunk.leaves {
                taking.leaf(leaf)?;
            }
            if let Some((leaf, hash)) = chunk.leaves.last() {
                let mut place = vec![VERSION];
                place.extend(chunk.ledger.as_bytes());
                place.extend((leaf.index.0 + 1).to_be_bytes());
                place.extend(hash.as_bytes());
                let mut table = txn.open_table(PLACE).map_err(failed)?;
                table.insert("place", place.as_slice()).map_err(failed)?;
            }
        }
        txn.commit().map_err(failed)
    }

    /// The row of an access.
    ///
    /// # Errors
    /// The database failed; so for every question here.
    pub fn row(&self, index: EntryIndex) -> Answer<Option<Row>> {
        let txn = self.read()?;
        let rows = txn.open_table(ROWS).map_err(failed)?;
        row_of(&rows, index.0)
    }

    /// Accesses that were looked for, at most `max`, newest first.
    ///
    /// # Errors
    /// See [`Accesses::row`].
    pub fn find(&self, wanted: &Wanted, turn: Turn, max: usize) -> Answer<Found> {
        let txn = self.read()?;
        let rows = txn.open_table(ROWS).map_err(failed)?;
        let (mut low, mut high) = bounds(&rows, wanted.window)?;
        let forwards = match turn {
            Turn::Newest => false,
            Turn::Before(index) => {
                high = high.min(index.0);
                false
            }
            Turn::After(index) => {
                low = low.max(index.0.saturating_add(1));
                true
            }
        };
        let (mut taken, mut looked, mut stopped, mut last) = (Vec::new(), 0, false, None);
        let mut look = |index: u64| -> Answer<bool> {
            if taken.len() == max || looked == SCANNED_MAX {
                stopped = taken.len() < max;
                return Ok(false);
            }
            looked += 1;
            last = Some(index);
            taken.extend(row_of(&rows, index)?.filter(|row| wanted.is(row)));
            Ok(true)
        };
        let went_on = match (&wanted.practitioner, &wanted.facility) {
            (Some(who), _) => {
                let table = txn.open_table(OF_WHO).map_err(failed)?;
                each_of(&table, who.as_bytes(), (low, high), forwards, &mut look)?
            }
            (None, Some(facility)) => {
                let table = txn.open_table(OF_FACILITY).map_err(failed)?;
                let prefix = facility_prefix(facility);
                each_of(&table, &prefix, (low, high), forwards, &mut look)?
            }
            (None, None) => {
                let range = rows.range(low..high.max(low)).map_err(failed)?;
                let indices = range.map(|row| Ok(row.map_err(failed)?.0.value()));
                each(indices, forwards, &mut look)?
            }
        };
        if forwards {
            taken.reverse();
        }
        // Where a scan stopped without finding a page's worth, it goes on from the last row it looked at.
        let edge = |row: Option<&Row>| row.map(|row| row.index);
        let at = if stopped { last.map(EntryIndex) } else { None };
        let (first, end) = (edge(taken.first()), edge(taken.last()));
        let (older, newer) = match (turn, went_on) {
            (Turn::Newest, more) => (at.or(end).filter(|_| more), None),
            (Turn::Before(index), more) => (
                at.or(end).filter(|_| more),
                first.or(Some(EntryIndex(index.0.saturating_sub(1)))),
            ),
            (Turn::After(index), more) => (
                end.or(Some(EntryIndex(index.0.saturating_add(1)))),
                at.or(first).filter(|_| more),
            ),
        };
        Ok(Found {
            rows: taken,
            stopped,
            older,
            newer,
        })
    }

    /// Accesses about any of these subjects, asked for or disclosed: newest first, those before `before`, at most `max`.
    ///
    /// # Errors
    /// See [`Accesses::row`].
    pub fn of_subjects(
        &self,
        subjects: &[(NetworkId, SubjectId)],
        window: Window,
        before: Option<EntryIndex>,
        max: usize,
    ) -> Answer<Vec<Row>> {
        let txn = self.read()?;
        let rows = txn.open_table(ROWS).map_err(failed)?;
        let table = txn.open_table(OF_SUBJECT).map_err(failed)?;
        let (low, high) = bounds(&rows, window)?;
        let high = before.map_or(high, |before| high.min(before.0));
        let mut indices = BTreeSet::new();
        for (network, subject) in subjects {
            let mut left = max;
            let mut look = |index: u64| {
                indices.insert(index);
                left = left.saturating_sub(1);
                Ok(left > 0)
            };
            let prefix = subject_prefix(network, subject);
            each_of(&table, &prefix, (low, high), false, &mut look)?;
        }
        let newest = indices.into_iter().rev().take(max);
        let found: Answer<Vec<_>> = newest.map(|index| row_of(&rows, index)).collect();
        Ok(found?.into_iter().flatten().collect())
    }

    /// Retrievals of which one half is missing or the two differ, oldest first, at most `max`. Some may yet be matched:
    /// `sekisho_ledger::history::Transfers` says.
    ///
    /// # Errors
    /// See [`Accesses::row`].
    pub fn loose(&self, max: usize) -> Answer<Vec<Row>> {
        let txn = self.read()?;
        let rows = txn.open_table(ROWS).map_err(failed)?;
        let loose = txn.open_table(LOOSE).map_err(failed)?;
        let all = loose.iter().map_err(failed)?.take(max);
        let found: Answer<Vec<_>> = all
            .map(|one| row_of(&rows, one.map_err(failed)?.0.value()))
            .collect();
        Ok(found?.into_iter().flatten().collect())
    }

    /// Alerts before an index, newest first, at most `max`.
    ///
    /// # Errors
    /// See [`Accesses::row`].
    pub fn alerts(&self, before: Option<EntryIndex>, max: usize) -> Answer<Vec<Raised>> {
        let txn = self.read()?;
        let table = txn.open_table(ALERTS).map_err(failed)?;
        let before = before.map_or(u64::MAX, |before| before.0);
        let rows = table.range(..before).map_err(failed)?.rev().take(max);
        rows.map(|row| decoded(row.map_err(failed)?.1.value()))
            .collect()
    }

    /// Who asked whom how often since a time, by whole days.
    ///
    /// # Errors
    /// See [`Accesses::row`].
    pub fn traffic(&self, since: TimeMs) -> Answer<BTreeMap<(NetworkId, NetworkId), Traffic>> {
        let txn = self.read()?;
        let table = txn.open_table(TRAFFIC).map_err(failed)?;
        let from = day(since).to_be_bytes();
        let mut all = BTreeMap::<_, Traffic>::new();
        for row in table.range(from.as_slice()..).map_err(failed)? {
            let (key, value) = row.map_err(failed)?;
            let Some(pair) = pair_of(key.value()) else {
                continue;
            };
            let (asked, permitted) = counts(value.value());
            let traffic = all.entry(pair).or_default();
            traffic.asked += asked;
            traffic.permitted += permitted;
        }
        Ok(all)
    }
}

impl Wanted {
    fn is(&self, row: &Row) -> bool {
        fn fits<T: PartialEq>(wanted: Option<&T>, got: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == got)
        }
        let network = self.network.as_ref().is_none_or(|network| {
            row.viewing == *network || row.targets.iter().any(|t| t.network == *network)
        });
        network
            && fits(self.facility.as_ref(), &row.facility)
            && fits(self.purpose.as_ref(), &row.purpose)
            && fits(self.practitioner.as_ref(), &row.practitioner)
            && fits(self.permitted.as_ref(), &row.is_permitted())
    }
}

/// Leaves being taken into open tables.
struct Taking<'t> {
    rows: Table<'t, u64, &'static [u8]>,
    of_subject: Table<'t, &'static [u8], ()>,
    of_who: Table<'t, &'static [u8], ()>,
    of_facility: Table<'t, &'static [u8], ()>,
    loose: Table<'t, u64, [u8; 32]>,
    alerts: Table<'t, u64, &'static [u8]>,
    traffic: Table<'t, &'static [u8], [u8; 16]>,
}

impl<'t> Taking<'t> {
    fn of(txn: &'t WriteTransaction) -> Answer<Self> {
        Ok(Self {
            rows: txn.open_table(ROWS).map_err(failed)?,
            of_subject: txn.open_table(OF_SUBJECT).map_err(failed)?,
            of_who: txn.open_table(OF_WHO).map_err(failed)?,
            of_facility: txn.open_table(OF_FACILITY).map_err(failed)?,
            loose: txn.open_table(LOOSE).map_err(failed)?,
            alerts: txn.open_table(ALERTS).map_err(failed)?,
            traffic: txn.open_table(TRAFFIC).map_err(failed)?,
        })
    }

    fn leaf(&mut self, leaf: &Leaf) -> Answer<()> {
        match (&leaf.entry.body, &leaf.outcome) {
            (Body::AccessRequest(request), Outcome::Decided(decisions)) => {
                self.access(&Row::of(leaf.index, leaf.time, request, decisions))
            }
            (Body::Release(transfer), Outcome::Accepted) => {
                self.transfer(leaf.index, transfer, true)
            }
            (Body::Receipt(transfer), Outcome::Accepted) => {
                self.transfer(leaf.index, transfer, false)
            }
            (Body::SecurityAlert(alert), Outcome::Accepted) => {
                let raised = Raised {
                    index: leaf.index,
                    time: leaf.time,
                    alert: alert.clone(),
                };
                let bytes = encoded(&raised)?;
                self.alerts
                    .insert(leaf.index.0, bytes.as_slice())
                    .map_err(failed)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn access(&mut self, row: &Row) -> Answer<()> {
        let index = row.index.0;
        self.put(row)?;
        for (network, subject) in row.subjects() {
            let key = indexed(&subject_prefix(network, &subject), index);
            self.of_subject.insert(key.as_slice(), ()).map_err(failed)?;
        }
        let who = indexed(row.practitioner.as_bytes(), index);
        self.of_who.insert(who.as_slice(), ()).map_err(failed)?;
        let facility = indexed(&facility_prefix(&row.facility), index);
        self.of_facility
            .insert(facility.as_slice(), ())
            .map_err(failed)?;
        for target in &row.targets {
            let key = traffic_key(row.time, &row.viewing, &target.network);
            let so_far = self.traffic.get(key.as_slice()).map_err(failed)?;
            let (asked, permitted) = so_far.map_or((0, 0), |value| counts(value.value()));
            let more = u64::from(matches!(target.decided, Decided::Permitted(..)));
            let value = counted(asked + 1, permitted + more);
            self.traffic.insert(key.as_slice(), value).map_err(failed)?;
        }
        Ok(())
    }

    fn transfer(&mut self, index: EntryIndex, transfer: &Transfer, release: bool) -> Answer<()> {
        let access = transfer.access.0;
        let Some(mut row) = row_of(&self.rows, access)? else {
            return Ok(());
        };
        let (own, other) = match release {
            true => (&mut row.release, row.receipt),
            false => (&mut row.receipt, row.release),
        };
        *own = Some(index);
        self.put(&row)?;
        let content = *transfer.content.as_bytes();
        let standing = self.loose.get(access).map_err(failed)?.map(|c| c.value());
        match (other, standing) {
            (Some(_), Some(known)) if known == content => {
                self.loose.remove(access).map_err(failed)?;
            }
            // Matched before, and one side says more: a page looks at it again.
            _ => {
                let known = standing.unwrap_or(content);
                self.loose.insert(access, known).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn put(&mut self, row: &Row) -> Answer<()> {
        let bytes = encoded(row)?;
        self.rows
            .insert(row.index.0, bytes.as_slice())
            .map_err(failed)?;
        Ok(())
    }
}

fn tables(txn: &WriteTransaction) -> Answer<()> {
    txn.open_table(PLACE).map_err(failed)?;
    Taking::of(txn).map(drop)
}

fn cleared(txn: &mut WriteTransaction) -> Answer<()> {
    txn.delete_table(PLACE).map_err(failed)?;
    txn.delete_table(ROWS).map_err(failed)?;
    for table in [OF_SUBJECT, OF_WHO, OF_FACILITY] {
        txn.delete_table(table).map_err(failed)?;
    }
    txn.delete_table(LOOSE).map_err(failed)?;
    txn.delete_table(ALERTS).map_err(failed)?;
    txn.delete_table(TRAFFIC).map_err(failed)?;
    tables(txn)
}

fn placed(bytes: &[u8]) -> Option<Place> {
    let (version, rest) = bytes.split_first()?;
    let (ledger, rest) = rest.split_first_chunk::<32>()?;
    let (next, rest) = rest.split_first_chunk::<8>()?;
    let place = Place {
        ledger: LedgerId(*ledger),
        next: u64::from_be_bytes(*next),
        last: Hash(rest.try_into().ok()?),
    };
    (*version == VERSION).then_some(place)
}

fn encoded(value: &impl Serialize) -> Answer<Vec<u8>> {
    postcard::to_allocvec(value).map_err(AccessesFault::Damaged)
}

fn decoded<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Answer<T> {
    postcard::from_bytes(bytes).map_err(AccessesFault::Damaged)
}

fn row_of(rows: &impl ReadableTable<u64, &'static [u8]>, index: u64) -> Answer<Option<Row>> {
    let row = rows.get(index).map_err(failed)?;
    row.map(|row| decoded(row.value())).transpose()
}

/// The indices of a window: times never run back, so they are found by halving.
fn bounds(rows: &impl ReadableTable<u64, &'static [u8]>, window: Window) -> Answer<(u64, u64)> {
    let end = rows
        .last()
        .map_err(failed)?
        .map_or(0, |(index, _)| index.value() + 1);
    let first_at = |time: TimeMs| -> Answer<u64> {
        let (mut low, mut high) = (0, end);
        while low < high {
            let middle = low + (high - low) / 2;
            let next = rows.range(middle..high).map_err(failed)?.next();
            match next.transpose().map_err(failed)? {
                Some((index, bytes)) if decoded::<Row>(bytes.value())?.time < time => {
                    low = index.value() + 1;
                }
                _ => high = middle,
            }
        }
        Ok(low)
    };
    let low = window.from.map(first_at).transpose()?.unwrap_or(0);
    let high = window.until.map(first_at).transpose()?.unwrap_or(end);
    Ok((low, high))
}

/// Looks at indices in order until `look` has enough; whether it had before they ended.
fn each(
    mut indices: impl DoubleEndedIterator<Item = Answer<u64>>,
    forwards: bool,
    look: &mut impl FnMut(u64) -> Answer<bool>,
) -> Answer<bool> {
    loop {
        let next = match forwards {
            true => indices.next(),
            false => indices.next_back(),
        };
        match next.transpose()? {
            None => return Ok(false),
            Some(index) if look(index)? => {}
            Some(_) => return Ok(true),
        }
    }
}

/// [`each`] of the indices behind a prefix, from the one on and before the other.
fn each_of(
    table: &impl ReadableTable<&'static [u8], ()>,
    prefix: &[u8],
    (low, high): (u64, u64),
    forwards: bool,
    look: &mut impl FnMut(u64) -> Answer<bool>,
) -> Answer<bool> {
    let (from, until) = (indexed(prefix, low), indexed(prefix, high.max(low)));
    let range = table
        .range::<&[u8]>(from.as_slice()..until.as_slice())
        .map_err(failed)?;
    let indices = range.map(|row| {
        let key = row.map_err(failed)?.0;
        let index = key.value().last_chunk::<8>().copied();
        Ok(index.map_or(0, u64::from_be_bytes))
    });
    each(indices, forwards, look)
}

fn indexed(prefix: &[u8], index: u64) -> Vec<u8> {
    [prefix, &index.to_be_bytes()].concat()
}

fn subject_prefix(network: &NetworkId, subject: &SubjectId) -> Vec<u8> {
    [network.as_str().as_bytes(), &[0], subject.as_bytes()].concat()
}

fn facility_prefix(facility: &FacilityId) -> Vec<u8> {
    [facility.as_str().as_bytes(), &[0]].concat()
}

fn day(time: TimeMs) -> u32 {
    u32::try_from(time.0 / DAY_MS).unwrap_or(u32::MAX)
}

fn traffic_key(time: TimeMs, viewing: &NetworkId, disclosing: &NetworkId) -> Vec<u8> {
    let (viewing, disclosing) = (viewing.as_str(), disclosing.as_str());
    [
        &day(time).to_be_bytes(),
        viewing.as_bytes(),
        &[0],
        disclosing.as_bytes(),
    ]
    .concat()
}

fn pair_of(key: &[u8]) -> Option<(NetworkId, NetworkId)> {
    let text = std::str::from_utf8(key.get(4..)?).ok()?;
    let (viewing, disclosing) = text.split_once('\0')?;
    Some((viewing.parse().ok()?, disclosing.parse().ok()?))
}

fn counts(value: [u8; 16]) -> (u64, u64) {
    let (asked, permitted) = value.split_at(8);
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
    (number(asked), number(permitted))
}

fn counted(asked: u64, permitted: u64) -> [u8; 16] {
    let mut value = [0; 16];
    value[..8].copy_from_slice(&asked.to_le_bytes());
    value[8..].copy_from_slice(&permitted.to_le_bytes());
    value
}
