//! Reading the files back.

use super::files::{self, File, name};
use super::frame::{
    ALIGNMENT, FORMAT, HEADER_BYTES, Head, Header, Preamble, Record, aligned, records,
};
use super::{Entries, Slot, Wal, Writer};
use crate::ReplicaError;
use crate::config::LOG_SPARES_MAX;
use crate::disk::{Disk, DiskFile};
use crate::raft::{Entry, LogId, wire};
use crate::store::Cosigned;
use crate::store::format::decode_entry;
use sekisho_domain::{LedgerId, ReplicaId};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use tokio::sync::watch;

/// Bytes looked through at once for what should not be there.
const SEARCH_BYTES: usize = 256 * 1024;
/// What the log is called in errors.
const LOG: &str = "the write-ahead log";

/// What the files hold.
pub(crate) struct Opened {
    disk: Arc<dyn Disk>,
    directory: std::path::PathBuf,
    head: Head,
    files: VecDeque<File>,
    entries: Entries,
    at: u64,
    /// Where the last whole frame begins in the last file.
    last: u64,
    number: u64,
    spares: Vec<String>,
}

impl Opened {
    /// Reads the files of a directory and changes nothing. Nothing, where there are none.
    ///
    /// # Errors
    /// [`ReplicaError::Damaged`] where what was promised to be kept is not there.
    pub(crate) fn read(
        disk: Arc<dyn Disk>,
        directory: &Path,
    ) -> Result<Option<Self>, ReplicaError> {
        let failed = |name: &str| {
            let path = directory.join(name);
            move |source| ReplicaError::File {
                path: path.clone(),
                action: "read",
                source,
            }
        };
        let (numbers, spares) = files::sorted(disk.names().map_err(failed(""))?);
        let Some(&first) = numbers.first() else {
            return Ok(None);
        };
        let mut opened = Self {
            disk: Arc::clone(&disk),
            directory: directory.to_owned(),
            head: Head::default(),
            files: VecDeque::new(),
            entries: Entries::default(),
            at: 0,
            last: 0,
            number: first,
            spares,
        };
        let mut rest = numbers.into_iter().peekable();
        while let Some(number) = rest.next() {
            // A file begins where the one before it ends.
            if number != opened.number {
                return Err(ReplicaError::Damaged(LOG));
            }
            let name = name(number);
            let file = disk.open(&name).map_err(failed(&name))?;
            let file = file.ok_or(ReplicaError::Damaged(LOG))?;
            opened.file(number, file, rest.peek().is_none(), failed(&name))?;
        }
        if opened.number == first && opened.files.len() == 1 && opened.at == 0 {
            // Founded, and cut off before the first frame was whole.
            return Ok(None);
        }
        Ok(Some(opened))
    }

    fn file(
        &mut self,
        first: u64,
        bytes: Arc<dyn DiskFile>,
        last: bool,
        failed: impl Fn(std::io::Error) -> ReplicaError,
    ) -> Result<(), ReplicaError> {
        let length = bytes.len().map_err(&failed)?;
        let mut sector = vec![0; ALIGNMENT.min(length) as usize];
        bytes.read_at(0, &mut sector).map_err(&failed)?;
        let preamble = Preamble::parse(&sector).filter(|preamble| preamble.first == first);
        let Some(preamble) = preamble else {
            // Begun, and cut off before its first sector was whole.
            self.at = 0;
            self.files.push_back(File {
                first,
                salt: 0,
                bytes,
            });
            return if last {
                Ok(())
            } else {
                Err(ReplicaError::Damaged(LOG))
            };
        };
        if preamble.format != FORMAT {
            return Err(ReplicaError::Format {
                what: LOG,
                got: u8::try_from(preamble.format).unwrap_or(u8::MAX),
                expected: FORMAT as u8,
            });
        }
        let file = File {
            first,
            salt: preamble.salt,
            bytes,
        };
        self.files.push_back(file.clone());
        self.at = ALIGNMENT;
        while let Some(body) = self.frame(&file, length).map_err(&failed)? {
            let said = records(&body).ok_or(ReplicaError::Damaged(LOG))?;
            let begins = matches!(said.first(), Some((Record::Head(_), _)));
            if begins != (self.at == ALIGNMENT) {
                return Err(ReplicaError::Damaged(LOG));
            }
            for (record, mut place) in said {
                place.at += self.at;
                self.record(record, &file, place)?;
            }
            // The first frame is made durable with the first sector.
            self.last = if self.at == ALIGNMENT { 0 } else { self.at };
            self.at += aligned((HEADER_BYTES + body.len()) as u64);
            self.number += 1;
        }
        if last && self.is_followed(&file, length).map_err(&failed)? {
            return Err(ReplicaError::Damaged(LOG));
        }
        if self.at == ALIGNMENT {
            // Its head was never whole: it is written again.
            self.at = 0;
        }
        Ok(())
    }

    /// The body of the next frame, if it is whole.
    fn frame(&self, file: &File, length: u64) -> std::io::Result<Option<Vec<u8>>> {
        let body_at = self.at + HEADER_BYTES as u64;
        if body_at > length {
            return Ok(None);
        }
        let mut header = [0; HEADER_BYTES];
        file.bytes.read_at(self.at, &mut header)?;
        let header = Header::parse(&header).filter(|header| header.number == self.number);
        let Some(header) = header.filter(|header| body_at + header.length as u64 <= length) else {
            return Ok(None);
        };
        let mut body = vec![0; header.length];
        file.bytes.read_at(body_at, &mut body)?;
        Ok(header.is_of(file.salt, &body).then_some(body))
    }

    /// Whether a whole frame with a later number stands anywhere after the end.
    fn is_followed(&self, file: &File, length: u64) -> std::io::Result<bool> {
        let mut at = self.at;
        while at < length {
            let mut piece = vec![0; SEARCH_BYTES.min((length - at) as usize)];
            file.bytes.read_at(at, &mut piece)?;
            for (sector, bytes) in piece.chunks(ALIGNMENT as usize).enumerate() {
                let header = bytes.first_chunk().and_then(Header::parse);
                let Some(header) = header.filter(|header| header.number > self.number) else {
                    continue;
                };
                let body_at = at + sector as u64 * ALIGNMENT + HEADER_BYTES as u64;
                if body_at + header.length as u64 <= length {
                    let mut body = vec![0; header.length];
                    file.bytes.read_at(body_at, &mut body)?;
                    if header.is_of(file.salt, &body) {
                        return Ok(true);
                    }
                }
            }
            at += SEARCH_BYTES as u64;
        }
        Ok(false)
    }

    fn record(
        &mut self,
        record: Record,
        file: &File,
        place: super::Place,
    ) -> Result<(), ReplicaError> {
        let head = &mut self.head;
        match record {
            // What the files before it came to, as far as they are still there.
            Record::Head(said) if self.files.len() > 1 && said != *head => {
                return Err(ReplicaError::Damaged(LOG));
            }
            Record::Head(said) => *head = said,
            Record::Vote(vote) => head.vote = Some(vote),
            Record::Committed(committed) => head.committed = Some(committed),
            Record::Cosigned(cosigned) => head.cosigned = Some(cosigned),
            Record::Truncate(since) => self.entries.truncate(since.index),
            Record::Purge(upto) => {
                head.purged = Some(upto);
                self.entries.purge(upto.index);
            }
            Record::Entry(bytes) => {
                // Where the files before it are gone, a file may begin with entries that are purged since.
                let entry = decode_entry(None, &bytes)?;
                let purged = head.purged.map(wire::from_log_id);
                if purged.is_none_or(|purged| entry.log_id.index > purged.index) {
                    self.entries.push(Slot {
                        log_id: entry.log_id,
                        file: Arc::clone(&file.bytes),
                        of: file.first,
                        place,
                        entry: Some(entry),
                    })?;
                }
            }
        }
        Ok(())
    }

    /// What else it says, once it is read.
    pub(crate) fn cosigned(&self) -> Option<Cosigned> {
        self.head.cosigned.clone()
    }

    /// The committed id last told.
    pub(crate) fn committed(&self) -> Option<LogId> {
        self.head.committed.map(wire::from_log_id)
    }

    /// The entries, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Result<Entry, ReplicaError>> + '_ {
        self.entries.slots.iter().map(|slot| match &slot.entry {
            Some(entry) => Ok(entry.clone()),
            None => slot.read(&self.directory),
        })
    }

    /// What the log belongs to.
    ///
    /// # Errors
    /// [`ReplicaError::Damaged`] where it does not say so.
    pub(crate) fn identity(&self) -> Result<(LedgerId, ReplicaId), ReplicaError> {
        let ledger = LedgerId::try_from(self.head.ledger.as_slice());
        let ledger = ledger.map_err(|_| ReplicaError::Damaged(LOG))?;
        Ok((ledger, ReplicaId(self.head.replica)))
    }

    /// Goes on writing where the files end.
    pub(crate) fn resume(self, file_bytes: u64) -> Result<Wal, ReplicaError> {
        let salt = files::salt()?;
        let Self {
            disk,
            directory,
            head,
            mut files,
            entries,
            at,
            last,
            number,
            mut spares,
        } = self;
        for spare in spares.drain(spares.len().min(LOG_SPARES_MAX)..) {
            disk.remove(&spare).map_err(|source| ReplicaError::File {
                path: directory.join(&spare),
                action: "removed",
                source,
            })?;
        }
        if at == 0
            && let Some(last) = files.back_mut()
        {
            last.salt = salt;
        }
        let wal = Wal {
            disk,
            directory,
            file_bytes,
            writer: Mutex::new(Writer {
                head,
                files,
                at,
                number,
                spares,
                asked: false,
                written: Vec::new(),
                state: super::Writing::Open,
            }),
            noted: Mutex::default(),
            preparing: Mutex::default(),
            entries: RwLock::new(entries),
            ahead: watch::Sender::new(None),
        };
        if at == 0 {
            let mut writer = wal.writer()?;
            wal.write_head(&mut writer)?;
        } else {
            wal.write_again(last)?;
        }
        Ok(wal)
    }
}

impl Wal {
    /// Writes the last frame once more, and makes it durable. A process that was killed, or whose sync failed, may have left
    /// it in the system's memory alone: what is read there is no promise, and what follows would make a hole of it.
    fn write_again(&self, last: u64) -> Result<(), ReplicaError> {
        let mut writer = self.writer()?;
        let file = Self::last_file(&writer)?;
        let again = || {
            let until = writer.at.min(file.bytes.len()?);
            let length = usize::try_from(until.saturating_sub(last)).unwrap_or(0);
            let mut bytes = vec![0; length];
            file.bytes.read_at(last, &mut bytes)?;
            file.bytes.write_at(last, &bytes)?;
            file.bytes.sync()?;
            self.disk.sync()
        };
        let again = again();
        again.map_err(|source| self.failed(&mut writer, &name(file.first), "written", source))
    }

    /// Begins the log of a replica, durably. Whatever an earlier beginning left is overwritten.
    pub(crate) fn found(
        disk: Arc<dyn Disk>,
        directory: &Path,
        ledger: LedgerId,
        replica: ReplicaId,
        cosigned: Option<Cosigned>,
        file_bytes: u64,
    ) -> Result<Self, ReplicaError> {
        let failed = |source| ReplicaError::File {
            path: directory.join(name(1)),
            action: "created",
            source,
        };
        let bytes = match disk.open(&name(1)).map_err(failed)? {
            Some(begun) => begun,
            None => disk.create(&name(1)).map_err(failed)?,
        };
        disk.sync().map_err(failed)?;
        let head = Head {
            ledger: ledger.0.to_vec(),
            replica: replica.0,
            cosigned,
            ..Head::default()
        };
        Opened {
            disk,
            directory: directory.to_owned(),
            head,
            files: VecDeque::from([File {
                first: 1,
                salt: 0,
                bytes,
            }]),
            entries: Entries::default(),
            at: 0,
            last: 0,
            number: 1,
            spares: Vec::new(),
        }
        .resume(file_bytes)
    }
}
