//! What is on a disk, what is only in its cache, and what is about to go wrong with it.

use super::file::{File, SECTOR};
use crate::random::Random;
use crate::trace::Trace;
use sekisho_replica::simulation::is_lying;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

/// What is kept, at a cut, of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nothing: the power went.
    Nothing,
    /// For each sector, length and name some state it has had since: the power went.
    Some,
    /// Everything: the process was killed, the machine goes on.
    All,
}

/// When a cut comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before the change.
    Before,
    /// After the change, before it is reported.
    After,
}

/// What is about to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The end, at the n-th change from now.
    Cut {
        /// How many changes still go well.
        changes: u64,
        /// Before or after it.
        when: When,
        /// What is kept.
        cut: Cut,
    },
    /// So many more bytes fit.
    Full {
        /// How many.
        bytes: u64,
    },
    /// The n-th sync from now fails.
    SyncFails {
        /// How many syncs still go well.
        syncs: u64,
    },
    /// The n-th sync from now takes very long.
    Stall {
        /// How many syncs go as always.
        syncs: u64,
        /// How long it takes.
        time: Duration,
    },
    /// Every sync takes at least so long.
    Slow {
        /// How long.
        time: Duration,
    },
}

type Names = BTreeMap<String, u64>;

/// A disk's contents. They outlive every start of the replica.
#[derive(Debug)]
pub struct Media {
    replica: u64,
    random: Random,
    trace: Trace,
    files: BTreeMap<u64, File>,
    next: u64,
    names: Names,
    durable_names: Names,
    /// Names since the last sync of the directory, before the present ones.
    names_before: Vec<Names>,
    fault: Option<Fault>,
    usual: (Duration, Duration),
    /// Whether a write or sync has failed since the last cut.
    hurt: bool,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trace")
    }
}

fn no_file() -> io::Error {
    ErrorKind::NotFound.into()
}

impl Media {
    /// An empty disk, whose syncs usually take between two times.
    pub fn new(replica: u64, random: Random, trace: Trace, usual: (Duration, Duration)) -> Self {
        Self {
            replica,
            random,
            trace,
            files: BTreeMap::new(),
            next: 1,
            names: Names::new(),
            durable_names: Names::new(),
            names_before: Vec::new(),
            fault: None,
            usual,
            hurt: false,
        }
    }

    /// Takes the files of a folder, durably: what a replica copied before its first start.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn copy(&mut self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let bytes = fs::read(entry.path())?;
                let file = File::of(bytes);
                let name = entry.file_name().to_string_lossy().into_owned();
                self.files.insert(self.next, file);
                self.names.insert(name, self.next);
                self.next += 1;
            }
        }
        self.durable_names = self.names.clone();
        Ok(())
    }

    /// Lets something go wrong, or nothing any more.
    pub fn set_fault(&mut self, fault: Option<Fault>) {
        self.fault = fault;
    }

    /// Whether a write or sync has failed since the last cut.
    pub fn was_hurt(&self) -> bool {
        self.hurt
    }

    /// Whether a change goes through, and how long a sync takes.
    pub(super) fn check(&mut self, syncs: bool) -> io::Result<()> {
        if !syncs {
            return Ok(());
        }
        let mut time = self.random.time(self.usual.0, self.usual.1);
        match &mut self.fault {
            Some(Fault::Stall {
                syncs: 0,
                time: stall,
            }) => {
                time = *stall;
                self.fault = None;
                self.trace.note("disk-stall", || {
                    format!("replica {} for {time:?}", self.replica)
                });
            }
            Some(Fault::Stall { syncs, .. }) => *syncs -= 1,
            Some(Fault::Slow { time: slow }) => time += *slow,
            _ => {}
        }
        sekisho_replica::simulation::cost(time);
        Ok(())
    }

    /// Whether the power is cut at this change.
    pub(super) fn point(&mut self) -> Option<(When, Cut)> {
        match &mut self.fault {
            Some(Fault::Cut {
                changes: 0,
                when,
                cut,
            }) => {
                let at = (*when, *cut);
                self.fault = None;
                Some(at)
            }
            Some(Fault::Cut { changes, .. }) => {
                *changes -= 1;
                None
            }
            _ => None,
        }
    }

    /// Takes room, if there is any.
    fn take(&mut self, bytes: usize) -> io::Result<()> {
        if let Some(Fault::Full { bytes: left }) = &mut self.fault {
            match left.checked_sub(bytes as u64) {
                Some(rest) => *left = rest,
                None => {
                    let replica = self.replica;
                    self.hurt = true;
                    self.trace
                        .note("disk-full", || format!("replica {replica}"));
                    return Err(ErrorKind::StorageFull.into());
                }
            }
        }
        Ok(())
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn find(&self, name: &str) -> Option<u64> {
        self.names.get(name).copied()
    }

    pub(super) fn create(&mut self, name: &str) -> io::Result<u64> {
        if self.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.take(SECTOR)?;
        let file = self.next;
        self.next += 1;
        self.files.insert(file, File::default());
        self.names_before.push(self.names.clone());
        self.names.insert(name.to_owned(), file);
        Ok(file)
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let file = self.find(from).ok_or_else(no_file)?;
        self.names_before.push(self.names.clone());
        self.names.remove(from);
        self.names.insert(to.to_owned(), file);
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> io::Result<()> {
        self.find(name).ok_or_else(no_file)?;
        self.names_before.push(self.names.clone());
        self.names.remove(name);
        Ok(())
    }

    pub(super) fn sync_names(&mut self) {
        if is_lying() {
            return;
        }
        self.names_before.clear();
        self.durable_names = self.names.clone();
    }

    fn file(&self, file: u64) -> io::Result<&File> {
        self.files.get(&file).ok_or_else(no_file)
    }

    fn file_mut(&mut self, file: u64) -> io::Result<&mut File> {
        self.files.get_mut(&file).ok_or_else(no_file)
    }

    pub(super) fn len(&self, file: u64) -> io::Result<u64> {
        Ok(self.file(file)?.now.len() as u64)
    }

    pub(super) fn read(&self, file: u64, at: u64, into: &mut [u8]) -> io::Result<()> {
        let (at, bytes) = (at as usize, &self.file(file)?.now);
        let from = bytes.get(at..at.saturating_add(into.len()));
        into.copy_from_slice(from.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    pub(super) fn set_len(&mut self, file: u64, bytes: u64) -> io::Result<()> {
        let (bytes, had) = (bytes as usize, self.file(file)?.now.len());
        self.take(bytes.saturating_sub(had))?;
        self.file_mut(file)?.set_len(bytes);
        Ok(())
    }

    pub(super) fn write(&mut self, file: u64, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (at, end) = (at as usize, at as usize + bytes.len());
        let had = self.file(file)?.now.len();
        self.take(end.saturating_sub(had))?;
        self.file_mut(file)?.write(at, bytes);
        Ok(())
    }

    pub(super) fn sync(&mut self, file: u64) -> io::Result<()> {
        let fails = match &mut self.fault {
            Some(Fault::SyncFails { syncs: 0 }) => true,
            Some(Fault::SyncFails { syncs }) => {
                *syncs -= 1;
                false
            }
            _ => false,
        };
        if is_lying() {
            return Ok(());
        }
        let replica = self.replica;
        if fails {
            self.fault = None;
            self.hurt = true;
            self.trace
                .note("sync-fails", || format!("replica {replica}"));
        }
        let file = self.file_mut(file)?;
        file.sync(!fails);
        match fails {
            true => Err(io::Error::other("the sync failed")),
            false => Ok(()),
        }
    }

    /// Ends everything now: afterwards the disk holds what is durable, and of the rest what `cut` says.
    pub fn cut(&mut self, cut: Cut) {
        self.fault = None;
        self.hurt = false;
        self.trace
            .note("cut", || format!("replica {} keeps {cut:?}", self.replica));
        match cut {
            // A process ended: the machine has all of it, durable or not.
            Cut::All => return,
            Cut::Nothing => self.names = self.durable_names.clone(),
            Cut::Some => {
                self.names_before.push(self.names.clone());
                self.names_before.push(self.durable_names.clone());
                if let Some(names) = self.random.pick(&self.names_before) {
                    self.names = names.clone();
                }
            }
        }
        self.durable_names = self.names.clone();
        self.names_before.clear();
        let names = &self.names;
        self.files
            .retain(|file, _| names.values().any(|n| n == file));
        for file in self.files.values_mut() {
            file.cut(cut, &mut self.random);
        }
    }
}
