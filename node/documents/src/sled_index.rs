//! The index on disk: one sled tree, keys by first byte.
//!
//! ```text
//! m "format"                                                  → version byte
//! c                                                           → counters
//! f source 00 path                                            → file record
//! i unique-id(16) source 00 path                              → (nothing)   find by id
//! p facility(10) patient 00 ~start_ms(8, BE) unique-id(16) source 00 path → (nothing)   newest first
//! q source 00 path                                            → (nothing)   quarantined
//! ```
//! Values are a version byte, then postcard. Readers and the writer share a lock, because sled's iterators do
//! not see a batch as one. Durability is relaxed on purpose: what a crash loses is read again from the files,
//! so a batch is on disk at the latest with [`DocumentIndex::flush`].

use crate::index::{check_batch, check_limit, counts_over};
use crate::{
    Change, Counters, Cursor, DocumentEntry, DocumentIndex, Error, FileOutcome, FileRecord, Page,
    Patient, Quarantined, Query, SourceId, SourceLocation, UniqueId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Version of keys and values. Another version is not migrated but rebuilt from the sources.
pub const FORMAT_VERSION: u8 = 1;
/// Memory sled may use for its page cache, in bytes: a chart's pages are few, and a node shares its machine.
pub const CACHE_BYTES: u64 = 64 << 20;

const FORMAT_KEY: &[u8] = b"mformat";
const COUNTERS_KEY: &[u8] = b"c";

/// An index in a folder of its own.
#[derive(Debug)]
pub struct SledIndex {
    db: sled::Db,
    /// Guards the batch as a unit; the counters are what the tree holds under [`COUNTERS_KEY`].
    counters: RwLock<Counters>,
}

impl SledIndex {
    /// Opens the index in a folder, making a new one where there is none.
    ///
    /// # Errors
    /// [`Error::InUse`], or [`Error::Format`], [`Error::Unopenable`] or [`Error::Corrupt`]: then
    /// [`SledIndex::move_aside`], open again and ingest.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let db = open_db(path)?;
        match db.get(FORMAT_KEY)? {
            Some(version) if *version == [FORMAT_VERSION] => {}
            Some(version) => {
                let found = version.first().copied().unwrap_or(0);
                return Err(Error::Format {
                    path: path.into(),
                    found,
                    supported: FORMAT_VERSION,
                });
            }
            None if db.is_empty() => {
                db.insert(FORMAT_KEY, &[FORMAT_VERSION])?;
                db.flush()?;
            }
            None => {
                return Err(Error::Format {
                    path: path.into(),
                    found: 0,
                    supported: FORMAT_VERSION,
                });
            }
        }
        let counters = match db.get(COUNTERS_KEY)? {
            Some(value) => decode(&value, "counters")?,
            None => Counters::default(),
        };
        Ok(Self {
            db,
            counters: RwLock::new(counters),
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

    fn read(&self) -> RwLockReadGuard<'_, Counters> {
        self.counters.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Counters> {
        self.counters
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, file_key: &[u8]) -> Result<Option<FileRecord>, Error> {
        self.db
            .get(tagged(b'f', file_key))?
            .map(|value| decode(&value, "file record"))
            .transpose()
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
        for item in self.db.range(from..) {
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

impl DocumentIndex for SledIndex {
    fn apply(&self, changes: &[Change]) -> Result<(), Error> {
        check_batch(changes)?;
        let mut held = self.write();
        let mut counters = held.clone();
        let mut batch = sled::Batch::default();
        // What earlier changes of this batch made of a file.
        let mut pending: BTreeMap<Vec<u8>, Option<FileRecord>> = BTreeMap::new();
        for change in changes {
            let key = file_key(change.location());
            let before = match pending.remove(&key) {
                Some(record) => record,
                None => self.record(&key)?,
            };
            if let Some(record) = &before {
                counters.remove(&record.outcome);
                for reference in references(record, &key) {
                    batch.remove(reference);
                }
            }
            let after = match change {
                Change::Put(record) => {
                    counters.add(&record.outcome);
                    for reference in references(record, &key) {
                        batch.insert(reference, &[]);
                    }
                    batch.insert(tagged(b'f', &key), encode(record)?);
                    Some(record.clone())
                }
                Change::Forget(_) => {
                    batch.remove(tagged(b'f', &key));
                    None
                }
            };
            pending.insert(key, after);
        }
        batch.insert(COUNTERS_KEY, encode(&counters)?);
        self.db.apply_batch(batch)?;
        *held = counters;
        Ok(())
    }

    fn find(&self, query: &Query) -> Result<Page, Error> {
        query.validate()?;
        let _whole = self.read();
        let mut found = Vec::new();
        for patient in query.charts() {
            found.extend(self.chart(patient, query)?);
        }
        Ok(Page::cut(found, query.limit))
    }

    fn get(&self, unique_id: &UniqueId) -> Result<Option<DocumentEntry>, Error> {
        let _whole = self.read();
        let prefix = tagged(b'i', unique_id.as_bytes());
        let mut best: Option<DocumentEntry> = None;
        for item in self.db.scan_prefix(&prefix) {
            let (key, _) = item?;
            let entry = self.document(&key[prefix.len()..])?;
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
        let _whole = self.read();
        let from = match after {
            Some(location) => behind(tagged(b'q', &file_key(location))),
            None => vec![b'q'],
        };
        let mut list = Vec::new();
        for item in self.db.range(from..vec![b'q' + 1]).take(limit) {
            let (key, _) = item?;
            match self.record(&key[1..])? {
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
        let _whole = self.read();
        let key_of = |path: &str| {
            tagged(
                b'f',
                &[source_id.as_str().as_bytes(), &[0], path.as_bytes()].concat(),
            )
        };
        let prefix = key_of(prefix);
        let from = match after.map(key_of) {
            Some(after) if after >= prefix => behind(after),
            _ => prefix.clone(),
        };
        let mut list = Vec::new();
        for item in self.db.range(from..).take(limit) {
            let (key, value) = item?;
            if !key.starts_with(&prefix) {
                break;
            }
            list.push(decode(&value, "file record")?);
        }
        Ok(list)
    }

    fn counters(&self) -> Result<Counters, Error> {
        Ok(self.read().clone())
    }

    fn clear(&self) -> Result<(), Error> {
        let mut held = self.write();
        // The format stays last: a crash in between leaves an index that opens and is merely incomplete.
        for tag in *b"cfipq" {
            for key in self.db.range(vec![tag]..vec![tag + 1]).keys() {
                self.db.remove(key?)?;
            }
        }
        *held = Counters::default();
        self.db.flush()?;
        Ok(())
    }

    fn flush(&self) -> Result<(), Error> {
        self.db.flush()?;
        Ok(())
    }
}

fn open_db(path: &Path) -> Result<sled::Db, Error> {
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
            matches!(name.to_str(), Some("conf" | "db" | "blobs"))
                || name.to_str().is_some_and(|n| n.starts_with("snap."))
        })
    })
}

/// Service start (inverted, so that the newest comes first) and unique id.
const PLACE_BYTES: usize = 8 + 16;

fn place(cursor: &Cursor) -> [u8; PLACE_BYTES] {
    let mut place = [0; PLACE_BYTES];
    place[..8].copy_from_slice(&(!cursor.service_start.0).to_be_bytes());
    place[8..].copy_from_slice(cursor.unique_id.as_bytes());
    place
}

fn tagged(tag: u8, rest: &[u8]) -> Vec<u8> {
    [&[tag], rest].concat()
}

/// The least key after this one.
fn behind(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

fn file_key(location: &SourceLocation) -> Vec<u8> {
    [
        location.source_id.as_str().as_bytes(),
        &[0],
        location.path.as_bytes(),
    ]
    .concat()
}

fn chart_prefix(patient: &Patient) -> Vec<u8> {
    let (facility, id) = (
        patient.facility.as_str().as_bytes(),
        patient.local_patient_id.as_str().as_bytes(),
    );
    [b"p", facility, id, &[0]].concat()
}

/// The keys that lead to a file.
fn references(record: &FileRecord, file_key: &[u8]) -> Vec<Vec<u8>> {
    match &record.outcome {
        FileOutcome::Document(entry) => {
            let patient = Patient {
                facility: entry.facility.clone(),
                local_patient_id: entry.local_patient_id.clone(),
            };
            vec![
                [&[b'i'], entry.unique_id.as_bytes().as_slice(), file_key].concat(),
                [
                    chart_prefix(&patient).as_slice(),
                    &place(&Cursor::of(entry)),
                    file_key,
                ]
                .concat(),
            ]
        }
        FileOutcome::Quarantined { .. } => vec![tagged(b'q', file_key)],
        FileOutcome::Deleted { .. } => Vec::new(),
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    postcard::to_extend(value, vec![FORMAT_VERSION]).map_err(Error::Encode)
}

fn decode<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, Error> {
    match bytes.split_first() {
        Some((&FORMAT_VERSION, rest)) => {
            postcard::from_bytes(rest).map_err(|_| Error::Corrupt { what })
        }
        _ => Err(Error::Corrupt { what }),
    }
}

#[cfg(test)]
#[path = "sled_index_test.rs"]
mod tests;
