//! The index on disk: one sled tree, laid out by [`crate::layout`], most of its rows packed ([`crate::packed`]).
//!
//! Readers and the writer share a lock, because sled's iterators do not see a batch as one. Durability is
//! relaxed on purpose: what a crash loses is read again from the files, so a batch is on disk at the latest with
//! [`DocumentIndex::flush`].
//!
//! Beside the store lies a marker, written after each flush: the number of batches then applied (8 bytes, BE).
//! sled drops pages it cannot read and opens with what is left; an index that lost batches it had flushed would
//! answer "no documents" where there are some (P8), so it is refused by its marker.
//!
//! sled also keeps old pages. Where nothing of what is gone may stay on the disk (P11), `compact` copies what is
//! there into a fresh folder that takes the place of the old one.

use crate::applied::Applied;
use crate::common::Common;
use crate::index::{check_batch, check_limit, counts_over};
use crate::layout::{
    COMMON_TAG, COUNTERS_KEY, FORMAT_KEY, FORMAT_VERSION, PLACE_BYTES, RECORD_TAGS, behind,
    chart_prefix, decode, encode, end_of, file_key, in_order, number_key, number_of, part_keys,
    path_keys, place, record_key, references, tagged,
};
use crate::packed::{self, Writes};
use crate::row::FileRow;
use crate::{
    Change, Counters, Cursor, DocumentEntry, DocumentIndex, Error, FileOutcome, FileRecord, Page,
    Part, Patient, Quarantined, Query, SourceId, SourceLocation, UniqueId,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

#[path = "compact.rs"]
mod compact;

/// Memory sled may use for its page cache, in bytes: a chart's blocks are few, the system keeps the file's pages too, and a
/// node shares its machine.
pub const CACHE_BYTES: u64 = 16 << 20;

/// Documents of a chart read together.
const TOGETHER: usize = 64;

const MARKER: &str = "sekisho-document-index";
const MARKER_FRESH: &str = "sekisho-document-index.fresh";

/// An index in a folder of its own.
pub struct SledIndex {
    path: PathBuf,
    /// Guards the batch as a unit.
    held: RwLock<Held>,
}

/// What readers share and the writer has alone.
struct Held {
    /// None once a fresh store could not be opened after the old one was closed.
    db: Option<sled::Db>,
    /// What the tree holds under [`COUNTERS_KEY`].
    applied: Applied,
    /// What the tree holds under [`COMMON_TAG`].
    common: Common,
    /// The next file's: behind every number in use.
    next_number: u64,
}

impl SledIndex {
    /// Opens the index in a folder, making a new one where there is none.
    ///
    /// # Errors
    /// [`Error::InUse`], or [`Error::Format`], [`Error::Unopenable`] or [`Error::Corrupt`]: then
    /// [`SledIndex::move_aside`], open again and ingest.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let db = compact::open(path)?;
        let flushed_batches = read_marker(path);
        let format = |found| Error::Format {
            path: path.into(),
            found,
            supported: FORMAT_VERSION,
        };
        match db.get(FORMAT_KEY)? {
            Some(version) if *version == [FORMAT_VERSION] => {}
            Some(version) => return Err(format(version.first().copied().unwrap_or(0))),
            None if flushed_batches.is_some() => return Err(Error::Corrupt { what: "store" }),
            None if db.is_empty() => {
                db.insert(FORMAT_KEY, &[FORMAT_VERSION])?;
            }
            None => return Err(format(0)),
        }
        let held = Held::of(db)?;
        if flushed_batches.is_some_and(|flushed| flushed > held.applied.batches) {
            return Err(Error::Corrupt { what: "store" });
        }
        flush(held.db()?, path, held.applied.batches)?;
        Ok(Self {
            path: path.into(),
            held: RwLock::new(held),
        })
    }

    /// Moves an index that cannot be used to `<path>.discarded` (replacing an earlier one), so that a new one
    /// can be made in its place. Answers where it went, `None` if there was nothing.
    ///
    /// # Errors
    /// [`Error::InUse`] while another process holds it, [`Error::NotAnIndex`] for a folder that is not one,
    /// [`Error::MoveAside`] if the file system refuses.
    pub fn move_aside(path: &Path) -> Result<Option<PathBuf>, Error> {
        let failed = |source| Error::MoveAside {
            path: path.into(),
            source,
        };
        match std::fs::metadata(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(e)),
            Ok(_) if !looks_like_an_index(path) => {
                return Err(Error::NotAnIndex { path: path.into() });
            }
            Ok(_) => {}
        }
        if let Err(in_use @ Error::InUse { .. }) = open_db(path).map(drop) {
            return Err(in_use);
        }
        let mut name = path.as_os_str().to_owned();
        name.push(".discarded");
        let aside = PathBuf::from(name);
        if aside.exists() {
            if !looks_like_an_index(&aside) {
                return Err(Error::NotAnIndex { path: aside });
            }
            std::fs::remove_dir_all(&aside).map_err(failed)?;
        }
        std::fs::rename(path, &aside).map_err(failed)?;
        Ok(Some(aside))
    }

    fn read(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn of(db: sled::Db) -> Result<Self, Error> {
        let applied = match db.get(COUNTERS_KEY)? {
            Some(value) => decode(&value, "counters")?,
            None => Applied::default(),
        };
        let mut common = Common::default();
        for row in db.scan_prefix([COMMON_TAG]) {
            let (key, value) = row?;
            common.take_up(&key, &value)?;
        }
        let next_number = match packed::last(&db, number_key(u64::MAX))? {
            Some(key) => number_of(&key)?.saturating_add(1),
            None => 0,
        };
        Ok(Self {
            db: Some(db),
            applied,
            common,
            next_number,
        })
    }

    fn db(&self) -> Result<&sled::Db, Error> {
        self.db.as_ref().ok_or(Error::Closed)
    }

    /// Records of one range of keys, in their order.
    fn range(&self, keys: Range<Vec<u8>>, limit: usize) -> Result<Vec<FileRecord>, Error> {
        let mut list = Vec::new();
        for row in packed::range(self.db()?, keys)?.take(limit) {
            let (key, row) = row?;
            list.push(FileRow::decode(&row)?.record(&key[1..], &self.common)?);
        }
        Ok(list)
    }

    /// The record a reference names by the file's key. Absent only if the store is damaged.
    fn named(&self, file_key: &[u8]) -> Result<FileRecord, Error> {
        let row = packed::get(self.db()?, &record_key(file_key))?;
        let row = FileRow::decode(&row.ok_or(Error::Corrupt { what: "reference" })?)?;
        row.record(file_key, &self.common)
    }

    /// The documents of the numbers at the ends of keys, in their order. What stands next to each other is read
    /// together: a chart's files mostly have numbers and paths alike.
    fn documents(&self, keys: &[Vec<u8>]) -> Result<Vec<DocumentEntry>, Error> {
        let corrupt = || Error::Corrupt { what: "reference" };
        let numbers: Vec<_> = keys
            .iter()
            .map(|key| number_of(key))
            .collect::<Result<_, _>>()?;
        let sorted: BTreeSet<_> = numbers.iter().map(|number| number_key(*number)).collect();
        let files = packed::get_each(self.db()?, sorted)?;
        let sorted: BTreeSet<_> = files
            .values()
            .map(|file_key| record_key(file_key))
            .collect();
        let mut rows = packed::get_each(self.db()?, sorted)?;
        let entries = numbers.into_iter().map(|number| {
            let file_key = files.get(&number_key(number)).ok_or_else(corrupt)?;
            let row = rows.remove(&record_key(file_key)).ok_or_else(corrupt)?;
            let row = FileRow::decode(&row)?;
            let its = row.number;
            match row.record(file_key, &self.common)?.outcome {
                FileOutcome::Document(entry) if its == number => Ok(*entry),
                _ => Err(corrupt()),
            }
        });
        entries.collect()
    }

    /// The documents of a chart behind the cursor, at most `limit + 1`, in order.
    fn chart(&self, patient: &Patient, query: &Query) -> Result<Vec<DocumentEntry>, Error> {
        let prefix = chart_prefix(patient);
        let from = match &query.after {
            Some(cursor) => [prefix.as_slice(), &place(cursor)].concat(),
            None => prefix.clone(),
        };
        let mut found: Vec<DocumentEntry> = Vec::new();
        let mut best: Option<DocumentEntry> = None;
        let mut rows = packed::range(self.db()?, from..end_of(prefix.clone()))?;
        loop {
            let some: Vec<_> = rows.by_ref().take(TOGETHER).collect::<Result<_, _>>()?;
            if some.is_empty() {
                break;
            }
            let mut keys = Vec::with_capacity(some.len());
            for (key, _) in some {
                let at = key.get(prefix.len()..prefix.len() + PLACE_BYTES);
                let at = at.ok_or(Error::Corrupt { what: "key" })?;
                let is_behind = |cursor: &Cursor| at > place(cursor).as_slice();
                if query.after.as_ref().is_none_or(is_behind) {
                    keys.push(key);
                }
            }
            for entry in self.documents(&keys)? {
                match &mut best {
                    // Copies of one document stand side by side.
                    Some(held) if held.unique_id == entry.unique_id => {
                        if counts_over(&entry, held) {
                            *held = entry;
                        }
                    }
                    _ => {
                        found.extend(best.replace(entry).filter(|e| query.matches(e)));
                        if found.len() > query.limit {
                            return Ok(found);
                        }
                    }
                }
            }
        }
        found.extend(best.filter(|e| query.matches(e)));
        Ok(found)
    }
}

impl std::fmt::Debug for SledIndex {
    /// sled's own form would show keys, which hold patient ids.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SledIndex(contents withheld)")
    }
}

impl DocumentIndex for SledIndex {
    fn apply(&self, changes: &[Change]) -> Result<(), Error> {
        check_batch(changes)?;
        let mut held = self.write();
        let keys = changes.iter().map(|c| record_key(&file_key(c.location())));
        let keys: BTreeSet<_> = keys.collect();
        let (mut before, mut numbers, mut writes) =
            (BTreeMap::new(), BTreeMap::new(), Writes::new());
        for (key, row) in packed::get_each(held.db()?, keys)? {
            let (row, file_key) = (FileRow::decode(&row)?, key[1..].to_vec());
            numbers.insert(file_key.clone(), row.number);
            let (number, record) = (row.number, row.record(&file_key, &held.common)?);
            let led = references(&record, &file_key, number).into_iter();
            writes.extend(led.map(|(key, _)| (key, None)));
            before.insert(file_key, record);
        }
        let (applied, outcomes) = held.applied.clone().after(changes, before)?;
        let (mut common, mut next_number) = (held.common.clone(), held.next_number);
        for (key, outcome) in outcomes {
            let Some(record) = outcome else {
                writes.insert(record_key(&key), None);
                continue;
            };
            let number = *numbers.entry(key.clone()).or_insert_with(|| {
                next_number += 1;
                next_number - 1
            });
            let leads = references(&record, &key, number).into_iter();
            writes.extend(leads.map(|(key, value)| (key, Some(value))));
            let row = FileRow::encode(number, record, &mut common)?;
            writes.insert(record_key(&key), Some(row));
        }
        let mut batch = packed::batch(held.db()?, writes)?;
        for (key, part) in common.added_to(&held.common)? {
            batch.insert(key, part);
        }
        batch.insert(COUNTERS_KEY, encode(&applied)?);
        held.db()?.apply_batch(batch)?;
        held.applied = applied;
        held.common = common;
        held.next_number = next_number;
        Ok(())
    }

    fn find(&self, query: &Query) -> Result<Page, Error> {
        query.validate()?;
        let held = self.read();
        let mut found = Vec::new();
        for patient in query.charts() {
            found.extend(held.chart(patient, query)?);
        }
        Ok(Page::cut(found, query.limit))
    }

    fn get(&self, unique_id: &UniqueId) -> Result<Option<DocumentEntry>, Error> {
        let held = self.read();
        let prefix = tagged(b'i', unique_id.as_bytes());
        let keys = packed::range(held.db()?, prefix.clone()..end_of(prefix))?;
        let keys: Vec<_> = keys.map(|row| Ok(row?.0)).collect::<Result<_, Error>>()?;
        let mut best: Option<DocumentEntry> = None;
        for entry in held.documents(&keys)? {
            if best.as_ref().is_none_or(|held| counts_over(&entry, held)) {
                best = Some(entry);
            }
        }
        Ok(best)
    }

    fn quarantined(
        &self,
        after: Option<&SourceLocation>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, Error> {
        check_limit(limit)?;
        let held = self.read();
        let from = match after {
            Some(location) => behind(tagged(b'q', &file_key(location))),
            None => vec![b'q'],
        };
        let mut list = Vec::new();
        for row in packed::range(held.db()?, from..vec![b'q' + 1])?.take(limit) {
            match held.named(&row?.0[1..])? {
                FileRecord {
                    location,
                    outcome: FileOutcome::Quarantined { reason, patients },
                    ..
                } => {
                    list.push(Quarantined {
                        location,
                        reason,
                        patients,
                    });
                }
                _ => return Err(Error::Corrupt { what: "reference" }),
            }
        }
        Ok(list)
    }

    fn files(
        &self,
        source_id: &SourceId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        check_limit(limit)?;
        let (from, until) = path_keys(source_id, prefix, after);
        self.read().range(from..until, limit)
    }

    fn parts(
        &self,
        file: &SourceLocation,
        after: Option<Part>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        check_limit(limit)?;
        let (from, until) = part_keys(file, after);
        self.read().range(from..until, limit)
    }

    fn records(
        &self,
        after: Option<&SourceLocation>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        check_limit(limit)?;
        let held = self.read();
        let after = after.map(file_key);
        let mut list = Vec::new();
        for tag in RECORD_TAGS {
            let from = after.as_ref().map(|key| behind(tagged(tag, key)));
            list.extend(held.range(from.unwrap_or_else(|| vec![tag])..vec![tag + 1], limit)?);
        }
        Ok(in_order(list, limit))
    }

    fn counters(&self) -> Result<Counters, Error> {
        Ok(self.read().applied.counters.clone())
    }

    fn clear(&self) -> Result<(), Error> {
        self.clear_by_steps(&mut |_| {})
    }

    fn beside(&self) -> Result<Box<dyn DocumentIndex>, Error> {
        let path = compact::built(&self.path);
        match Self::open(&path) {
            Err(error @ Error::InUse { .. }) => Err(error),
            // Cut off while it was built; nobody was told that it is there.
            Err(_) => {
                compact::give_up(&self.path)?;
                Ok(Box::new(Self::open(&path)?))
            }
            Ok(index) => Ok(Box::new(index)),
        }
    }

    fn take_beside(&self) -> Result<(), Error> {
        self.take_by_steps(&mut |_| {})
    }

    fn compact(&self) -> Result<(), Error> {
        compact::give_up(&self.path)?;
        self.compact_by_steps(&mut |_| {})
    }

    fn flush(&self) -> Result<(), Error> {
        let held = self.read();
        flush(held.db()?, &self.path, held.applied.batches)
    }
}

/// Makes a store's batches durable, and says so.
fn flush(db: &sled::Db, path: &Path, batches: u64) -> Result<(), Error> {
    db.flush()?;
    // Only after the flush: the marker must never promise more than the disk holds.
    let (marker, fresh) = (path.join(MARKER), path.join(MARKER_FRESH));
    std::fs::write(&fresh, batches.to_be_bytes())
        .and_then(|()| std::fs::rename(&fresh, &marker))
        .map_err(sled::Error::Io)?;
    Ok(())
}

/// Batches flushed as the marker has it; `None` for a new index. An unreadable marker (cut off by a power loss)
/// promises nothing.
fn read_marker(path: &Path) -> Option<u64> {
    let bytes = std::fs::read(path.join(MARKER)).ok()?;
    Some(<[u8; 8]>::try_from(bytes.as_slice()).map_or(0, u64::from_be_bytes))
}

/// How often a lock somebody holds is tried again, and for how long: sled gives its own up a moment after the last
/// handle is dropped, on a thread of its own.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
const LOCK_TRIES: u32 = 50;

fn open_db(path: &Path) -> Result<sled::Db, Error> {
    let mut tries = 1;
    loop {
        match try_open_db(path) {
            Err(Error::InUse { .. }) if tries < LOCK_TRIES => {
                tries += 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            opened => return opened,
        }
    }
}

fn try_open_db(path: &Path) -> Result<sled::Db, Error> {
    let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES);
    // sled panics over pages that are named and missing.
    let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
    opened
        .map_err(|_| Error::Corrupt { what: "store" })?
        .map_err(|source| match &source {
            // sled 0.34 reports its file lock as an I/O error of kind `Other`, known only by its text.
            sled::Error::Io(e)
                if e.kind() == ErrorKind::WouldBlock || e.to_string().contains("acquire lock") =>
            {
                Error::InUse { path: path.into() }
            }
            _ => Error::Unopenable {
                path: path.into(),
                source,
            },
        })
}

/// Whether a folder is empty or holds what sled writes; anything else is somebody's data.
fn looks_like_an_index(path: &Path) -> bool {
    let Ok(mut entries) = std::fs::read_dir(path) else {
        return false;
    };
    entries.all(|entry| {
        entry.is_ok_and(|e| {
            let name = e.file_name();
            matches!(
                name.to_str(),
                Some("conf" | "db" | "blobs" | MARKER | MARKER_FRESH)
            ) || name.to_str().is_some_and(|n| n.starts_with("snap."))
        })
    })
}

#[cfg(test)]
#[path = "sled_index_test.rs"]
mod tests;
