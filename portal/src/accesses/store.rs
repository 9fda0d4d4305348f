//! Opening the rows, and finding them. Calls block on the disk.

use super::row::Row;
use super::tables::{
    ALERTS, AccessesFault, Answer, LOOSE, OF_FACILITY, OF_SUBJECT, OF_WHO, PLACE, Place, ROWS,
    Raised, TRAFFIC, counts, day, decoded, facility_prefix, failed, indexed, pair_of, placed,
    row_of, subject_prefix,
};
use super::taking::{Chunk, cleared, tables, taken};
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable};
use sekisho_domain::{
    EntryIndex, FacilityId, NetworkId, PractitionerId, Purpose, SubjectId, TimeMs,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows one question looks at, where a filter finds few: some ten milliseconds' work. Who asks is told where it stopped,
/// and goes on from there.
pub const SCANNED_MAX: usize = 20_000;
/// Memory for the file's pages: that of lists, not of a ledger.
const CACHE_BYTES: usize = 16 * 1024 * 1024;
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
        taken(&txn, chunk)?;
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
