//! Destroying what ties a subject to a person (P11): charts, signed requests with the digests of what was asked, salts
//! and openings, sealed reservations. What remains is who of the network's own people asked, the bare commitments of
//! transfers, and that the subject was erased and when: nothing of the person.
//!
//! redb keeps old pages in its file, so deleting rows would leave their bytes. Everything else is written into a fresh
//! file, which then takes the store's place:
//!
//! ```text
//! node.redb ──every row but the subject's──▶ node.redb.fresh ──durable──▶ renamed to node.redb ──▶ folder synced
//!    a crash up to here: nothing is erased, the fresh file is removed at the next start │ from here: all is erased
//! ```
//! Readers go on meanwhile, writers wait. Blocks the file system has given up are its own affair: a disk that leaves
//! the house must be encrypted.

use super::subjects::{CARD, OPENING, REQUEST};
use super::{
    CARDS, CHARTS, ERASED, META, NodeStore, OF_SUBJECT, OPENINGS, OUTBOX, PATIENTS, PROPOSALS,
    REQUESTS, SEALED, StoreError, TABLES, Table, create, format, write_to,
};
use redb::{
    Database, Key, ReadTransaction, ReadableTable, TableDefinition, TableHandle, Value,
    WriteTransaction,
};
use sekisho_domain::{SubjectId, TimeMs};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// What erasing a subject destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// When.
    pub at: TimeMs,
    /// Whether it was before; then nothing was left to destroy.
    pub before: bool,
    /// Charts that are no longer anybody's.
    pub charts: u64,
    /// Signed requests.
    pub requests: u64,
    /// Openings, with their salts.
    pub openings: u64,
    /// Sealed reservations.
    pub sealed: u64,
}

/// Where an erasure may be cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The fresh file holds some of what stays.
    Copying,
    /// It holds all of it, durably.
    Copied,
    /// It has taken the store's place.
    Renamed,
    /// And would keep it through a power loss.
    Synced,
}

impl NodeStore {
    /// Destroys everything that ties a subject to a person. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NoSuchSubject`] where nothing is known of it, [`StoreError::Replace`], or the database failed;
    /// then nothing is erased, or [`NodeStore::erased`] says that it is.
    pub fn erase(&self, subject: &SubjectId, now: TimeMs) -> Result<Erased, StoreError> {
        self.erase_by_steps(subject, now, &mut |_| {})
    }

    pub(super) fn erase_by_steps(
        &self,
        subject: &SubjectId,
        now: TimeMs,
        step: &mut dyn FnMut(Step),
    ) -> Result<Erased, StoreError> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = self.erased(subject)? {
            // The last time may have ended before the fresh file's place was durable.
            sync_folder(&self.path)?;
            step(Step::Synced);
            return Ok(Erased {
                at,
                before: true,
                charts: 0,
                requests: 0,
                openings: 0,
                sealed: 0,
            });
        }
        let from = self.read()?;
        let doomed = Doomed::of(&from, subject)?;
        if doomed.is_empty() {
            return Err(StoreError::NoSuchSubject);
        }
        let path = unfinished(&self.path);
        remove_unfinished(&self.path)?;
        let fresh = create(&path)?;
        self.protect(&path)?;
        write_to(&fresh, |txn| {
            copy(&from, txn, &doomed, step)?;
            format::put(txn, ERASED, "an erasure", subject.as_bytes(), &now)
        })?;
        step(Step::Copied);
        self.take_place(fresh, &path, step)?;
        Ok(Erased {
            at: now,
            before: false,
            charts: doomed.count(CHARTS),
            requests: doomed.count(REQUESTS),
            openings: doomed.count(OPENINGS),
            sealed: doomed.count(SEALED),
        })
    }

    /// Nobody may read the fresh file who may not read the store's.
    fn protect(&self, path: &Path) -> Result<(), StoreError> {
        std::fs::metadata(&self.path)
            .and_then(|own| std::fs::set_permissions(path, own.permissions()))
            .map_err(|source| StoreError::Replace {
                path: self.path.clone(),
                source,
            })
    }

    fn take_place(
        &self,
        fresh: Database,
        path: &Path,
        step: &mut dyn FnMut(Step),
    ) -> Result<(), StoreError> {
        let failed = |source| StoreError::Replace {
            path: self.path.clone(),
            source,
        };
        std::fs::rename(path, &self.path).map_err(failed)?;
        // At once: what is written from here on must go where the next start looks.
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        step(Step::Renamed);
        sync_folder(&self.path)?;
        step(Step::Synced);
        Ok(())
    }
}

/// Makes durable which file has the store's name.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| StoreError::Replace {
            path: path.into(),
            source,
        })
}

/// The file that is to take the store's place, until it is whole.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(".fresh");
    name.into()
}

/// Removes the file of an erasure, or of a first start, that did not come to its end.
pub(super) fn remove_unfinished(path: &Path) -> Result<(), StoreError> {
    let path = unfinished(path);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(StoreError::Replace { path, source })
        }
        _ => Ok(()),
    }
}

/// The rows that do not go on, by table.
struct Doomed([(Table, BTreeSet<Vec<u8>>); 8]);

impl Doomed {
    fn of(txn: &ReadTransaction, subject: &SubjectId) -> Result<Self, StoreError> {
        let of_subject = |table: Table| {
            let open = txn.open_table(table).map_err(StoreError::database)?;
            let keys = format::keys_under(&open, subject.as_bytes(), usize::MAX)?;
            Ok::<BTreeSet<_>, StoreError>(keys.into_iter().collect())
        };
        let (charts, about) = (of_subject(CHARTS)?, of_subject(OF_SUBJECT)?);
        let ids = |kind: u8| {
            let of_kind = about
                .iter()
                .filter(|key| key.get(SubjectId::LEN) == Some(&kind));
            of_kind.map(|key| behind(key, SubjectId::LEN + 1)).collect()
        };
        Ok(Self([
            (
                PATIENTS,
                charts
                    .iter()
                    .map(|key| behind(key, SubjectId::LEN))
                    .collect(),
            ),
            (OPENINGS, ids(OPENING)),
            (REQUESTS, ids(REQUEST)),
            (SEALED, of_subject(SEALED)?),
            (PROPOSALS, of_subject(PROPOSALS)?),
            (CARDS, ids(CARD)),
            (CHARTS, charts),
            (OF_SUBJECT, about),
        ]))
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, keys)| keys.is_empty())
    }

    fn rows(&self, table: Table) -> Option<&BTreeSet<Vec<u8>>> {
        let found = self.0.iter().find(|(of, _)| of.name() == table.name());
        found.map(|(_, keys)| keys)
    }

    fn count(&self, table: Table) -> u64 {
        self.rows(table).map_or(0, |keys| keys.len() as u64)
    }
}

fn behind(key: &[u8], at: usize) -> Vec<u8> {
    key.get(at..).unwrap_or_default().to_vec()
}

/// Every row but the doomed ones, as it stands.
fn copy(
    from: &ReadTransaction,
    to: &WriteTransaction,
    doomed: &Doomed,
    step: &mut dyn FnMut(Step),
) -> Result<(), StoreError> {
    for table in TABLES {
        let rows = doomed.rows(table);
        copy_table(from, to, table, |key| {
            rows.is_none_or(|rows| !rows.contains(*key))
        })?;
    }
    step(Step::Copying);
    copy_table(from, to, META, |_| true)?;
    copy_table(from, to, OUTBOX, |_| true)
}

fn copy_table<K: Key + 'static, V: Value + 'static>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    table: TableDefinition<'static, K, V>,
    stays: impl Fn(&K::SelfType<'_>) -> bool,
) -> Result<(), StoreError> {
    let old = from.open_table(table).map_err(StoreError::database)?;
    let mut new = to.open_table(table).map_err(StoreError::database)?;
    for row in old.iter().map_err(StoreError::database)? {
        let (key, value) = row.map_err(StoreError::database)?;
        if stays(&key.value()) {
            new.insert(key.value(), value.value())
                .map_err(StoreError::database)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "erase_test.rs"]
mod tests;
