//! The index on disk: one sled tree, laid out by [`crate::layout`].
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
use crate::index::{check_batch, check_limit, counts_over};
use crate::layout::{
    COUNTERS_KEY, FORMAT_KEY, FORMAT_VERSION, PLACE_BYTES, RECORD_TAGS, behind, chart_prefix,
    decode, encode, file_key, in_order, part_keys, path_keys, place, record_key, references,
    tagged,
};
use crate::{
    Change, Counters, DocumentEntry, DocumentIndex, Error, FileOutcome, FileRecord, Page, Part,
    Patient, Quarantined, Query, SourceId, SourceLocation, UniqueId,
};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

#[path = "compact.rs"]
mod compact;

/// Memory sled may use for its page cache, in bytes: a chart's pages are few, and a node shares its machine.
pub const CACHE_BYTES: u64 = 64 << 20;

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
        let applied = applied(&db)?;
        if flushed_batches.is_some_and(|flushed| flushed > applied.batches) {
            return Err(Error::Corrupt { what: "store" });
        }
        flush(&db, path, applied.batches)?;
        let db = Some(db);
        Ok(Self {
            path: path.into(),
            held: RwLock::new(Held { db, applied }),
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
    fn db(&self) -> Result<&sled::Db, Error> {
        self.db.as_ref().ok_or(Error::Closed)
    }

    fn record(&self, file_key: &[u8]) -> Result<Option<FileRecord>, Error> {
        self.db()?
            .get(record_key(file_key))?
            .map(|value| decode(&value, "file record"))
            .transpose()
    }

    /// Records of one range of keys, in their order.
    fn range(&self, keys: Range<Vec<u8>>, limit: usize) -> Result<Vec<FileRecord>, Error> {
        let mut list = Vec::new();
        for item in self.db()?.range(keys).take(limit) {
            let (_, value) = item?;
            list.push(decode(&value, "file record")?);
        }
        Ok(list)
    }

    /// The document behind an index key's last part. Absent only if the store is damaged.
    fn document(&self, file_key: &[u8]) -> Result<DocumentEntry, Error> {
        match self.record(file_key)?.map(|r| r.outcome) {
            Some(FileOutcome::Document(entry)) => Ok(*entry),
            _ => Err(Error::Corrupt { what: "reference" }),
        }
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
        for item in self.db()?.range(from..) {
            let (key, _) = item?;
            let Some(rest) = key.strip_prefix(prefix.as_slice()) else {
                break;
            };
            let Some((at, file_key)) = rest.split_at_checked(PLACE_BYTES) else {
                return Err(Error::Corrupt { what: "key" });
            };
            if query
                .after
                .is_some_and(|cursor| at <= place(&cursor).as_slice())
            {
                continue;
            }
            let entry = self.document(file_key)?;
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
        let mut before = BTreeMap::new();
        for change in changes {
            let key = file_key(change.location());
            if let Some(record) = held.record(&key)? {
                before.insert(key, record);
            }
        }
        let mut batch = sled::Batch::default();
        for (key, record) in &before {
            for reference in references(record, key) {
                batch.remove(reference);
            }
        }
        let (applied, outcomes) = held.applied.clone().after(changes, before)?;
        for (key, outcome) in outcomes {
            let Some(record) = outcome else {
                batch.remove(record_key(&key));
                continue;
            };
            for reference in references(&record, &key) {
                batch.insert(reference, &[]);
            }
            batch.insert(record_key(&key), encode(&record)?);
        }
        batch.insert(COUNTERS_KEY, encode(&applied)?);
        held.db()?.apply_batch(batch)?;
        held.applied = applied;
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
        let mut best: Option<DocumentEntry> = None;
        for item in held.db()?.scan_prefix(&prefix) {
            let (key, _) = item?;
            let entry = held.document(&key[prefix.len()..])?;
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
        for item in held.db()?.range(from..vec![b'q' + 1]).take(limit) {
            let (key, _) = item?;
            match held.record(&key[1..])? {
                Some(FileRecord {
                    location,
                    outcome: FileOutcome::Quarantined { reason, patients },
                    ..
                }) => {
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
        let mut held = self.write();
        // Records first: what a crash leaves behind is found missing at the next ingest.
        for tag in *b"fdipq" {
            let db = held.db()?;
            for key in db.range(vec![tag]..vec![tag + 1]).keys() {
                db.remove(key?)?;
            }
        }
        let applied = Applied {
            batches: held.applied.batches + 1,
            counters: Counters::default(),
        };
        held.db()?.insert(COUNTERS_KEY, encode(&applied)?)?;
        held.applied = applied;
        drop(held);
        self.flush()
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

/// How much was applied to a store.
fn applied(db: &sled::Db) -> Result<Applied, Error> {
    match db.get(COUNTERS_KEY)? {
        Some(value) => decode(&value, "counters"),
        None => Ok(Applied::default()),
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
    sled::Config::new()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        .open()
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
