//! Writing an index anew (P11).
//!
//! ```text
//! index ──every row──▶ index.fresh ──flushed──▶ index renamed to index.old, index.fresh to index ──▶ index.old removed
//! ```
//! A crash before the first renaming leaves the index as it was and a fresh folder that counts for nothing; one between
//! the two, a fresh folder that holds everything; one after, an old folder to remove. [`open`] tells them apart at the
//! next start.

use super::{Held, SledIndex, flush, open_db};
use crate::applied::Applied;
use crate::common::common_key;
use crate::layout::{COUNTERS_KEY, FORMAT_KEY, FORMAT_VERSION, PACKED_TAGS, RECORD_TAGS, encode};
use crate::packed::{self, Writes};
use crate::row::FileRow;
use crate::{Counters, Error};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Rows copied in one batch: some hundred kilobytes.
const ROWS: usize = 4096;

/// Where a compaction may be cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The fresh folder holds some rows.
    Copying,
    /// It holds all of them, durably.
    Copied,
    /// The old folder has been moved aside.
    Moved,
    /// The fresh one has taken its place.
    Renamed,
    /// The old one is gone.
    Removed,
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(suffix);
    name.into()
}

fn fresh(path: &Path) -> PathBuf {
    beside(path, ".fresh")
}

fn old(path: &Path) -> PathBuf {
    beside(path, ".old")
}

/// Where an index is built beside the one in a folder.
pub(super) fn built(path: &Path) -> PathBuf {
    beside(path, ".beside")
}

/// Removes what was being built beside an index; of nobody's who has it open.
pub(super) fn give_up(path: &Path) -> Result<(), Error> {
    let built = built(path);
    match closed(&built) {
        Err(in_use @ Error::InUse { .. }) => Err(in_use),
        _ => remove(&built).map_err(|source| failed(path, source)),
    }
}

impl SledIndex {
    /// Puts what was built in the place of the index, as a compaction does with its copy.
    pub(super) fn take_by_steps(&self, step: &mut dyn FnMut(Step)) -> Result<(), Error> {
        let built = built(&self.path);
        if !built.exists() {
            return Err(Error::NothingBeside);
        }
        // Whole and durable, or refused.
        drop(SledIndex::open(&built)?);
        closed(&built)?;
        let failed = |source| failed(&self.path, source);
        sync(&built).map_err(failed)?;
        let mut held = self.write();
        remove(&fresh(&self.path)).map_err(failed)?;
        fs::rename(&built, fresh(&self.path)).map_err(failed)?;
        sync(parent(&self.path)).map_err(failed)?;
        step(Step::Copied);
        self.replace(&mut held, step)
    }

    pub(super) fn compact_by_steps(&self, step: &mut dyn FnMut(Step)) -> Result<(), Error> {
        let copied = {
            let held = self.read();
            copy(&held, &self.path, step)?
        };
        let mut held = self.write();
        if held.applied.batches != copied {
            // Written to since: nobody can, now.
            copy(&held, &self.path, step)?;
        }
        step(Step::Copied);
        self.replace(&mut held, step)
    }

    /// Puts an empty index in the place of the index.
    pub(super) fn clear_by_steps(&self, step: &mut dyn FnMut(Step)) -> Result<(), Error> {
        let mut held = self.write();
        let applied = Applied {
            batches: held.applied.batches + 1,
            counters: Counters::default(),
        };
        let to = Fresh::make(&self.path)?;
        to.finish(&applied)?;
        step(Step::Copied);
        self.replace(&mut held, step)
    }

    /// Puts the fresh folder in the place of the index.
    fn replace(&self, held: &mut Held, step: &mut dyn FnMut(Step)) -> Result<(), Error> {
        drop(held.db.take());
        let replaced = replace(&self.path, step);
        // Whatever happened, what lies there now is the index or becomes it.
        *held = Held::of(open(&self.path)?)?;
        replaced
    }
}

/// The fresh folder, being filled.
struct Fresh {
    path: PathBuf,
    db: sled::Db,
}

impl Fresh {
    /// An empty one, for the index in a folder.
    fn make(of: &Path) -> Result<Self, Error> {
        let path = fresh(of);
        remove(&path).map_err(|source| failed(of, source))?;
        let db = open_db(&path)?;
        db.insert(FORMAT_KEY, &[FORMAT_VERSION])?;
        Ok(Self { path, db })
    }

    fn write(&self, rows: &mut Writes) -> Result<(), Error> {
        let batch = packed::batch(&self.db, std::mem::take(rows))?;
        Ok(self.db.apply_batch(batch)?)
    }

    /// It is whole, durably, when this returns.
    fn finish(self, applied: &Applied) -> Result<(), Error> {
        let Self { path, db } = self;
        db.insert(COUNTERS_KEY, encode(applied)?)?;
        flush(&db, &path, applied.batches)?;
        drop(db);
        closed(&path)?;
        sync(&path).map_err(|source| failed(&path, source))
    }
}

/// Copies every row into the fresh folder, of the parts many records have alike those that some record has; how many
/// batches that is.
fn copy(held: &Held, path: &Path, step: &mut dyn FnMut(Step)) -> Result<u64, Error> {
    let (from, to) = (held.db()?, Fresh::make(path)?);
    let (mut rows, mut kept) = (Writes::new(), BTreeSet::new());
    for tag in PACKED_TAGS {
        for row in packed::range(from, vec![tag]..vec![tag + 1])? {
            let (key, value) = row?;
            if RECORD_TAGS.contains(&tag) {
                kept.extend(FileRow::decode(&value)?.kept());
            }
            rows.insert(key, Some(value));
            if rows.len() == ROWS {
                to.write(&mut rows)?;
            }
        }
    }
    step(Step::Copying);
    to.write(&mut rows)?;
    for key in kept.into_iter().map(common_key) {
        let part = from.get(&key)?;
        let part = part.ok_or(Error::Corrupt {
            what: "part of records",
        })?;
        to.db.insert(key, part)?;
    }
    to.finish(&held.applied)?;
    Ok(held.applied.batches)
}

fn replace(path: &Path, step: &mut dyn FnMut(Step)) -> Result<(), Error> {
    let failed = |source| failed(path, source);
    closed(path)?;
    remove(&old(path)).map_err(failed)?;
    fs::rename(path, old(path)).map_err(failed)?;
    step(Step::Moved);
    fs::rename(fresh(path), path).map_err(failed)?;
    step(Step::Renamed);
    sync(parent(path)).map_err(failed)?;
    remove(&old(path)).map_err(failed)?;
    step(Step::Removed);
    Ok(())
}

/// Opens the index's store, wherever a compaction was cut off, and removes what that left behind.
pub(super) fn open(path: &Path) -> Result<sled::Db, Error> {
    let failed = |source| failed(path, source);
    let (fresh, old) = (fresh(path), old(path));
    if !path.exists() && old.exists() {
        let whole = if fresh.exists() { &fresh } else { &old };
        fs::rename(whole, path).map_err(failed)?;
        sync(parent(path)).map_err(failed)?;
    }
    let db = open_db(path)?;
    // Only now that no other process has it open.
    remove(&fresh).map_err(failed)?;
    remove(&old).map_err(failed)?;
    Ok(db)
}

/// Waits until sled has let go of a folder's file; what it does at the end must not meet another store there.
fn closed(path: &Path) -> Result<(), Error> {
    let file = File::open(path.join("db")).map_err(|source| failed(path, source))?;
    for _ in 0..super::LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(super::LOCK_PAUSE),
            Err(fs::TryLockError::Error(source)) => return Err(failed(path, source)),
        }
    }
    Err(Error::InUse { path: path.into() })
}

fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    parent.unwrap_or_else(|| Path::new("."))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes a folder that is there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Replace {
        path: path.into(),
        source,
    }
}

#[cfg(test)]
#[path = "compact_test.rs"]
mod tests;
