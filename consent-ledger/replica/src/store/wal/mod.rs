//! The write-ahead log: the Raft log, the vote and the size last cosigned, in files that are only ever written forwards.
//!
//! ```text
//! <data dir>/log-<number of its first frame, 16 hex digits>     see [`frame`]
//! <data dir>/spare-<the same>                                    a file whose entries are purged, to be used again
//! ```
//!
//! One write and one fdatasync make one append durable: in the usual case within a file that already has its length,
//! so that the file system has nothing of its own to write. Each file begins with what all files before it come to, so
//! these go once their entries are purged. What the last entries say is kept in memory; earlier ones are read back.
//!
//! The last append alone may be ahead of the disk ([`Wal::append_ahead`]); nothing is written after it before it is
//! durable, so at most one frame is torn. A log that is opened has its last frame written once more, for the same reason.
//!
//! The first failed write ends it (R7): what a failed fsync left on the disk is not written on.

mod files;
mod frame;
mod open;

pub(crate) use open::Opened;

use super::Cosigned;
use super::format::{decode_entry, encode_entry};
use crate::ReplicaError;
use crate::config::{APPEND_BYTES_MAX, LOG_CACHE_BYTES, LOG_SPARES_MAX};
use crate::disk::{Disk, DiskFile};
use crate::raft::{Entry, LogId, wire};
use files::{File, name, spare_name};
use frame::{FORMAT, Frame, Head, Place, Preamble, Record, Since};
use sekisho_proto::v1;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::watch;

/// The part of a file after which the next one is prepared.
const PREPARED_AFTER: u64 = 4;

/// Memory kept for the next frame: as much as a full append takes.
const WRITTEN_BYTES_KEPT: usize = 2 * APPEND_BYTES_MAX;

/// The write-ahead log of one replica. Every function blocks.
pub(crate) struct Wal {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    /// Bytes after which a new file is begun.
    file_bytes: u64,
    writer: Mutex<Writer>,
    /// The committed log id as last told: a lower bound that spares time after a restart, so it travels with the next
    /// frame instead of costing one.
    noted: Mutex<Option<LogId>>,
    /// Held while a spare file is made: two at once would fill one file, which the first may have put to use meanwhile.
    preparing: Mutex<()>,
    entries: RwLock<Entries>,
    /// The first entry that is written and not durable yet; none: all are.
    ahead: watch::Sender<Option<u64>>,
}

/// Who writes, and what all that was written comes to.
struct Writer {
    head: Head,
    /// By number; the last is written to.
    files: VecDeque<File>,
    /// Where the next frame goes in it.
    at: u64,
    /// The next frame's number.
    number: u64,
    spares: Vec<String>,
    /// Whether somebody was told to prepare a spare file since this one was begun: once is enough, and a full disk is
    /// not asked again with each append.
    asked: bool,
    /// The last frame's memory, for the next one.
    written: Vec<u8>,
    state: Writing,
}

impl Writer {
    /// A spare file is there under a name; under one that was there before, it has taken that one's place.
    fn keep_spare(&mut self, name: String) {
        if !self.spares.contains(&name) {
            self.spares.push(name);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Open,
    Failed,
    Closed,
}

/// The entries that count, in order and without a gap.
#[derive(Default)]
struct Entries {
    slots: VecDeque<Slot>,
    /// Slots before this one (from the front) are not in memory.
    cached_from: usize,
    cached_bytes: usize,
}

struct Slot {
    log_id: LogId,
    file: Arc<dyn DiskFile>,
    /// The number of the file's first frame.
    of: u64,
    place: Place,
    entry: Option<Entry>,
}

impl Entries {
    fn first(&self) -> Option<u64> {
        self.slots.front().map(|slot| slot.log_id.index)
    }

    fn push(&mut self, slot: Slot) -> Result<(), ReplicaError> {
        if let Some(last) = self.slots.back()
            && last.log_id.index.checked_add(1) != Some(slot.log_id.index)
        {
            return Err(ReplicaError::Damaged("the Raft log, which has a gap,"));
        }
        self.cached_bytes += slot.place.length as usize;
        self.slots.push_back(slot);
        while self.cached_bytes > LOG_CACHE_BYTES
            && let Some(oldest) = self.slots.get_mut(self.cached_from)
        {
            oldest.entry = None;
            self.cached_bytes -= oldest.place.length as usize;
            self.cached_from += 1;
        }
        Ok(())
    }

    fn truncate(&mut self, since: u64) {
        while self
            .slots
            .back()
            .is_some_and(|last| last.log_id.index >= since)
        {
            self.forget(false);
        }
    }

    fn purge(&mut self, upto: u64) {
        while self
            .slots
            .front()
            .is_some_and(|first| first.log_id.index <= upto)
        {
            self.forget(true);
        }
    }

    fn forget(&mut self, first: bool) {
        let is_cached = |place: usize| place >= self.cached_from;
        let (cached, slot) = if first {
            (is_cached(0), self.slots.pop_front())
        } else {
            (
                is_cached(self.slots.len().saturating_sub(1)),
                self.slots.pop_back(),
            )
        };
        if cached && let Some(slot) = slot {
            self.cached_bytes -= slot.place.length as usize;
        }
        if first {
            self.cached_from = self.cached_from.saturating_sub(1);
        }
        self.cached_from = self.cached_from.min(self.slots.len());
    }
}

impl Wal {
    fn writer(&self) -> Result<MutexGuard<'_, Writer>, ReplicaError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match writer.state {
            Writing::Open => Ok(writer),
            Writing::Failed => Err(ReplicaError::Damaged("the log, after a failed write,")),
            Writing::Closed => Err(ReplicaError::ShutDown),
        }
    }

    fn entries(&self) -> std::sync::RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends entries; durable once this has returned. Says, once for each file, that it is time to
    /// [`prepare`](Wal::prepare).
    pub(crate) fn append(&self, entries: Vec<Entry>) -> Result<bool, ReplicaError> {
        self.put(entries, false)
    }

    /// Appends entries that can be read at once and are durable with the next [`sync`](Wal::sync), or before whatever
    /// is written next.
    pub(crate) fn append_ahead(&self, entries: Vec<Entry>) -> Result<bool, ReplicaError> {
        self.put(entries, true)
    }

    /// Makes durable what was appended ahead.
    pub(crate) fn sync(&self) -> Result<(), ReplicaError> {
        let mut writer = self.writer()?;
        self.settle(&mut writer)
    }

    /// The first entry that is not durable yet, if there is one.
    pub(crate) fn ahead(&self) -> watch::Receiver<Option<u64>> {
        self.ahead.subscribe()
    }

    fn put(&self, entries: Vec<Entry>, ahead: bool) -> Result<bool, ReplicaError> {
        let mut writer = self.writer()?;
        let mut frame = Frame::over(std::mem::take(&mut writer.written));
        let places: Vec<Place> = entries
            .iter()
            .map(|entry| frame.entry(&encode_entry(entry)))
            .collect();
        let (at, file) = self.write(&mut writer, frame)?;
        // Said before anybody can read them.
        let first = entries.first().map(|entry| entry.log_id.index);
        self.ahead.send_replace(first);
        if !ahead {
            self.settle(&mut writer)?;
        }
        let mut index = self.entries();
        for (entry, mut place) in entries.into_iter().zip(places) {
            place.at += at;
            index.push(Slot {
                log_id: entry.log_id,
                file: Arc::clone(&file.bytes),
                of: file.first,
                place,
                entry: Some(entry),
            })?;
        }
        let wants = writer.spares.is_empty()
            && !writer.asked
            && writer.at > self.file_bytes / PREPARED_AFTER;
        writer.asked |= wants;
        Ok(wants)
    }

    /// Remembers a vote, durably.
    pub(crate) fn save_vote(&self, vote: v1::RaftVote) -> Result<(), ReplicaError> {
        self.note(Record::Vote(vote), |head| head.vote = Some(vote))
    }

    /// Remembers a size and root that are about to be signed, durably, and with them all that was appended.
    pub(crate) fn save_cosigned(&self, cosigned: &Cosigned) -> Result<(), ReplicaError> {
        self.note(Record::Cosigned(cosigned.clone()), |head| {
            head.cosigned = Some(cosigned.clone());
        })
    }

    /// Entries from an index on count no more, durably.
    pub(crate) fn truncate(&self, since: u64) -> Result<(), ReplicaError> {
        self.note(Record::Truncate(Since { index: since }), |_| {})?;
        self.entries().truncate(since);
        Ok(())
    }

    /// Entries up to one, and it, count no more, durably. Files all of whose entries are gone are set aside.
    pub(crate) fn purge(&self, upto: LogId) -> Result<(), ReplicaError> {
        let purged = wire::log_id(&upto);
        self.note(Record::Purge(purged), |head| head.purged = Some(purged))?;
        let needed = {
            let mut entries = self.entries();
            entries.purge(upto.index);
            entries.slots.front().map(|slot| slot.of)
        };
        let mut writer = self.writer()?;
        while writer.files.len() > 1
            && let Some(oldest) = writer.files.front()
            && needed.is_none_or(|needed| oldest.first < needed)
        {
            let oldest = oldest.first;
            let (from, to) = (name(oldest), spare_name(oldest));
            let done = if writer.spares.len() < LOG_SPARES_MAX {
                let renamed = self.disk.rename(&from, &to);
                renamed.map(|()| writer.keep_spare(to))
            } else {
                self.disk.remove(&from)
            };
            done.and_then(|()| self.disk.sync())
                .map_err(|source| self.failed(&mut writer, &from, "removed", source))?;
            writer.files.pop_front();
        }
        Ok(())
    }

    fn note(&self, record: Record, change: impl FnOnce(&mut Head)) -> Result<(), ReplicaError> {
        let mut writer = self.writer()?;
        let mut frame = Frame::new();
        frame.push(&record);
        let (_, file) = self.write(&mut writer, frame)?;
        self.sync_file(&mut writer, &file)?;
        change(&mut writer.head);
        Ok(())
    }

    /// Makes durable what the last file holds, if an append is ahead.
    fn settle(&self, writer: &mut Writer) -> Result<(), ReplicaError> {
        if self.ahead.borrow().is_none() {
            return Ok(());
        }
        let file = Self::last_file(writer)?;
        self.sync_file(writer, &file)?;
        self.ahead.send_replace(None);
        Ok(())
    }

    fn sync_file(&self, writer: &mut Writer, file: &File) -> Result<(), ReplicaError> {
        let synced = file.bytes.sync();
        synced.map_err(|source| self.failed(writer, &name(file.first), "written", source))
    }

    fn last_file(writer: &Writer) -> Result<File, ReplicaError> {
        let file = writer.files.back().cloned();
        file.ok_or(ReplicaError::Damaged("the log, which has no file,"))
    }

    /// Writes a frame, once all before it is durable. Says where it is.
    fn write(&self, writer: &mut Writer, mut frame: Frame) -> Result<(u64, File), ReplicaError> {
        self.settle(writer)?;
        if writer.at >= self.file_bytes {
            self.begin_file(writer)?;
        }
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(committed) = noted.take() {
            frame.push(&Record::Committed(wire::log_id(&committed)));
            writer.head.committed = Some(wire::log_id(&committed));
        }
        drop(noted);
        let file = Self::last_file(writer)?;
        let bytes = frame.finish(writer.number, file.salt);
        let bytes = bytes.ok_or(ReplicaError::Damaged("an append that is too long"))?;
        let at = writer.at;
        let written = file.bytes.write_at(at, &bytes);
        written.map_err(|source| self.failed(writer, &name(file.first), "written", source))?;
        writer.at += bytes.len() as u64;
        writer.number += 1;
        if bytes.capacity() <= WRITTEN_BYTES_KEPT {
            writer.written = bytes;
        }
        Ok((at, file))
    }

    /// Begins the next file: with a spare one, or a new one.
    fn begin_file(&self, writer: &mut Writer) -> Result<(), ReplicaError> {
        let first = writer.number;
        let name = name(first);
        let spare = writer.spares.pop();
        let begin = || {
            let bytes = match spare {
                Some(spare) => {
                    self.disk.rename(&spare, &name)?;
                    self.disk.open(&name)?.ok_or(std::io::ErrorKind::NotFound)?
                }
                None => self.disk.create(&name)?,
            };
            self.disk.sync()?;
            Ok(bytes)
        };
        let begun: std::io::Result<Arc<dyn DiskFile>> = begin();
        let bytes = begun.map_err(|source| self.failed(writer, &name, "created", source))?;
        let file = File {
            first,
            salt: files::salt()?,
            bytes,
        };
        writer.files.push_back(file);
        writer.asked = false;
        self.write_head(writer)
    }

    /// Writes the first sector and the first frame of the last file.
    fn write_head(&self, writer: &mut Writer) -> Result<(), ReplicaError> {
        let file = Self::last_file(writer)?;
        let preamble = Preamble {
            format: FORMAT,
            first: file.first,
            salt: file.salt,
        };
        let mut frame = Frame::new();
        frame.push(&Record::Head(writer.head.clone()));
        let head = frame.finish(writer.number, file.salt);
        let mut bytes = preamble.encode();
        bytes.extend(head.ok_or(ReplicaError::Damaged("the log's head"))?);
        let written = file.bytes.write_at(0, &bytes);
        written
            .and_then(|()| file.bytes.sync())
            .map_err(|source| self.failed(writer, &name(file.first), "written", source))?;
        writer.at = bytes.len() as u64;
        writer.number += 1;
        Ok(())
    }

    /// Makes sure that a spare file is there, of full length, when the one that is written to comes to its end: so no
    /// append waits for that. Not needed for anything else; a failure shows when the file is.
    pub(crate) fn prepare(&self) -> Result<(), ReplicaError> {
        let _alone = self
            .preparing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let name = {
            let writer = self.writer()?;
            if !writer.spares.is_empty() {
                return Ok(());
            }
            spare_name(writer.number)
        };
        let prepared = files::fill(&*self.disk, &name, self.file_bytes);
        prepared.map_err(|source| ReplicaError::File {
            path: self.directory.join(&name),
            action: "created",
            source,
        })?;
        self.writer()?.keep_spare(name);
        Ok(())
    }

    fn failed(
        &self,
        writer: &mut Writer,
        name: &str,
        action: &'static str,
        source: std::io::Error,
    ) -> ReplicaError {
        writer.state = Writing::Failed;
        ReplicaError::File {
            path: self.directory.join(name),
            action,
            source,
        }
    }

    /// Makes durable what was appended, and writes nothing more.
    pub(crate) fn close(&self) -> Result<(), ReplicaError> {
        let settled = self
            .writer()
            .and_then(|mut writer| self.settle(&mut writer));
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.state = Writing::Closed;
        settled
    }

    /// Whether the entry at an index, and all after it, can be read without the disk.
    pub(crate) fn is_in_memory(&self, index: u64) -> bool {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let slot = entries.slots.get(entries.cached_from);
        slot.is_none_or(|slot| slot.log_id.index <= index)
    }

    /// The last entry's id, and the last purged one's.
    pub(crate) fn ends(&self) -> (Option<LogId>, Option<LogId>) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let purged = writer.head.purged.map(wire::from_log_id);
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let last = entries.slots.back().map(|slot| slot.log_id);
        (last.or(purged), purged)
    }

    /// The vote.
    pub(crate) fn vote(&self) -> Option<v1::RaftVote> {
        self.head(|head| head.vote)
    }

    /// The committed id last told.
    pub(crate) fn committed(&self) -> Option<LogId> {
        let noted = *self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.or_else(|| self.head(|head| head.committed.map(wire::from_log_id)))
    }

    /// Notes the committed id. Does not wait for the disk.
    pub(crate) fn note_committed(&self, committed: Option<LogId>) {
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = committed;
    }

    /// The size and root last cosigned.
    pub(crate) fn cosigned(&self) -> Option<Cosigned> {
        self.head(|head| head.cosigned.clone())
    }

    fn head<T>(&self, of: impl FnOnce(&Head) -> T) -> T {
        of(&self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .head)
    }

    /// Entries from one index up to another, not including it, in order: up to `bytes_max` but at least one.
    pub(crate) fn read(
        &self,
        from: u64,
        until: u64,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, ReplicaError> {
        let index = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let first = index.first().unwrap_or(u64::MAX);
        let (mut found, mut bytes) = (Vec::new(), 0usize);
        let places = from.max(first)..until;
        let skip = usize::try_from(places.start.saturating_sub(first)).unwrap_or(usize::MAX);
        let many = usize::try_from(places.end.saturating_sub(places.start)).unwrap_or(usize::MAX);
        for slot in index.slots.iter().skip(skip).take(many) {
            bytes = bytes.saturating_add(slot.place.length as usize);
            if bytes > bytes_max && !found.is_empty() {
                break;
            }
            found.push(match &slot.entry {
                Some(entry) => entry.clone(),
                None => slot.read(&self.directory)?,
            });
        }
        Ok(found)
    }
}

impl Slot {
    fn read(&self, directory: &std::path::Path) -> Result<Entry, ReplicaError> {
        let mut bytes = vec![0; self.place.length as usize];
        let read = self.file.read_at(self.place.at, &mut bytes);
        read.map_err(|source| ReplicaError::File {
            path: directory.join(name(self.of)),
            action: "read",
            source,
        })?;
        if crc32fast::hash(&bytes) != self.place.crc {
            return Err(ReplicaError::Damaged("an entry of the Raft log"));
        }
        decode_entry(Some(self.log_id.index), &bytes)
    }
}

#[cfg(test)]
#[path = "wal_test.rs"]
mod tests;
