//! The walk through a storage: three levels of folders to a patient, two more to the files.
//!
//! A patient's folder is the unit: what the index knows below it is compared with what is there, and every file
//! known and not seen is forgotten. A batch is applied at a folder's end at the earliest, forgetting before putting,
//! so that readers do not see a rename as a loss.

mod changes;
mod contents;
mod files;
mod look;
mod open;
mod readers;

use crate::error::Error;
use crate::folder::{Entry, EntryKind, Listing, list};
use crate::name::FOLDERS;
use crate::report::{Progress, Report};
use crate::storage::SsMix2Storage;
use sekisho_documents::{
    Change, Contents, Counters, DocumentIndex, FileRecord, PAGE_ENTRIES_MAX, QuarantineReason,
    SeenPatients,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::PathBuf;

use open::Tree;
use readers::PATIENTS_EACH;

/// Levels above the patients' folders.
const UPPER_LEVELS: usize = 2;
/// Sorts behind every path below a folder.
const BEHIND: char = char::MAX;

pub(crate) struct Walk<'a> {
    storage: &'a SsMix2Storage,
    index: &'a dyn DocumentIndex,
    progress: &'a mut dyn FnMut(Progress),
    tree: Tree,
    root: PathBuf,
    /// Names the reader and its settings in fingerprints.
    reader: u16,
    /// The bytes of the file being read.
    buffer: Vec<u8>,
    counters: Counters,
    report: Report,
    batch: Vec<Change>,
    /// Patients' folders walked.
    patients: BTreeSet<String>,
    /// Quarantined above the patients' folders in this walk.
    strays: BTreeSet<String>,
    /// Patients' folders listed and not read yet.
    gathered: Vec<String>,
    /// Folders that could not be listed: what is known below them stays.
    unreadable: Vec<String>,
}

/// What the index knew below a patient's folder, and what of it was seen.
struct Patient {
    known: BTreeMap<String, FileRecord>,
    seen: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        storage: &'a SsMix2Storage,
        index: &'a dyn DocumentIndex,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Result<Self, Error> {
        let failed = |source| Error::Root {
            source_id: storage.source_id.clone(),
            source,
        };
        let root = storage.root.canonicalize().map_err(failed)?;
        let contents = Contents::new([(storage.source_id.clone(), root.clone())]);
        let report = Report::new(&storage.source_id, &storage.facility);
        Ok(Self {
            storage,
            index,
            progress,
            tree: Tree::new(&root, contents),
            root,
            reader: storage.reader(),
            buffer: Vec::new(),
            counters: Counters::default(),
            report,
            batch: Vec::new(),
            patients: BTreeSet::new(),
            strays: BTreeSet::new(),
            gathered: Vec::new(),
            unreadable: Vec::new(),
        })
    }

    /// The whole tree. Between two patients, the folders `changed` names are looked at.
    pub(crate) fn run(
        mut self,
        changed: &mut dyn FnMut() -> BTreeSet<String>,
    ) -> Result<Report, Error> {
        match list(&self.root) {
            Listing::Entries(entries) => self.upper("", entries, 0, changed)?,
            Listing::Unreadable(source) => return Err(self.root_failed(source)),
            Listing::Vanished => return Err(self.root_failed(ErrorKind::NotFound.into())),
            Listing::TooMany => return Err(self.root_failed(ErrorKind::FileTooLarge.into())),
        }
        self.patients(changed)?;
        self.forget_vanished_below("")?;
        self.finish()
    }

    fn finish(mut self) -> Result<Report, Error> {
        self.apply()?;
        self.index.flush()?;
        self.report.kinds = self.counters.kinds;
        self.report.quarantined = self.counters.quarantined;
        Ok(self.report)
    }

    fn root_failed(&self, source: std::io::Error) -> Error {
        Error::Root {
            source_id: self.storage.source_id.clone(),
            source,
        }
    }

    /// A folder above the patients' folders; `level` counts from the root.
    fn upper(
        &mut self,
        folder: &str,
        entries: Vec<Entry>,
        level: usize,
        changed: &mut dyn FnMut() -> BTreeSet<String>,
    ) -> Result<(), Error> {
        for entry in entries {
            let path = below(folder, &entry.name);
            if !self.is_folder(&entry) {
                if let Some(reason) = self.stray(&path, &entry) {
                    self.keep_stray(path, reason)?;
                }
            } else if level == UPPER_LEVELS {
                self.gathered.push(path);
                if self.gathered.len() >= self.storage.readers.max(1) * PATIENTS_EACH {
                    self.patients(changed)?;
                }
            } else {
                match self.listed(&path) {
                    Ok(entries) => self.upper(&path, entries, level + 1, changed)?,
                    Err(reason) => self.keep_stray(path, reason)?,
                }
            }
        }
        Ok(())
    }

    fn is_folder(&self, entry: &Entry) -> bool {
        entry.kind == EntryKind::Folder && entry.name_is_utf8 && !is_hidden(entry)
    }

    /// Why an entry that should be a folder (or a file at the last level) is quarantined; `None` if it is no part
    /// of a storage.
    fn stray(&mut self, path: &str, entry: &Entry) -> Option<QuarantineReason> {
        if entry.kind != EntryKind::Folder {
            self.report.files += 1;
        }
        if !entry.name_is_utf8 {
            return Some(QuarantineReason::NameNotUtf8);
        }
        // Transaction storage lies beside the patients; editors, file servers and snapshots leave hidden names.
        if is_hidden(entry) || (entry.kind == EntryKind::File && is_transaction_file(&entry.name)) {
            self.report.ignored += 1;
            return None;
        }
        match entry.kind {
            EntryKind::Link => Some(self.link(path)),
            EntryKind::Other => Some(QuarantineReason::NotAFile),
            EntryKind::File | EntryKind::Folder => Some(QuarantineReason::Misplaced),
        }
    }

    fn link(&self, path: &str) -> QuarantineReason {
        match self.root.join(path).canonicalize() {
            Ok(target) if target.starts_with(&self.root) => QuarantineReason::SymbolicLink,
            _ => QuarantineReason::EscapesRoot,
        }
    }

    /// A folder's entries; a folder that vanished has none.
    fn listed(&mut self, path: &str) -> Result<Vec<Entry>, QuarantineReason> {
        Ok(self.listed_or_vanished(path)?.unwrap_or_default())
    }

    /// A folder's entries, or `None` if it vanished.
    fn listed_or_vanished(&mut self, path: &str) -> Result<Option<Vec<Entry>>, QuarantineReason> {
        match list(&self.root.join(path)) {
            Listing::Entries(entries) => Ok(Some(entries)),
            Listing::Vanished => Ok(None),
            Listing::TooMany => Err(QuarantineReason::TooManyEntries),
            Listing::Unreadable(error) => {
                tracing::warn!(kind = ?error.kind(), "a folder of the storage cannot be listed");
                self.unreadable.push(format!("{path}/"));
                Err(QuarantineReason::Unreadable)
            }
        }
    }

    /// A patient's folder: 診療日 / データ種別 / files.
    fn patient(&mut self, path: &str) -> Result<(), Error> {
        let mut patient = Patient {
            known: self.known_below(&format!("{path}/"))?,
            seen: BTreeSet::new(),
        };
        self.patients.insert(format!("{path}/"));
        self.report.patients += 1;
        self.lower(&mut patient, path, UPPER_LEVELS + 1)?;
        self.forget_unseen(&patient)?;
        let (patients, files) = (self.report.patients, self.report.files);
        let quarantined = self.counters.quarantined.values().sum();
        (self.progress)(Progress::Patient {
            patients,
            files,
            quarantined,
        });
        Ok(())
    }

    /// Forgets what was known and is not there any more.
    fn forget_unseen(&mut self, patient: &Patient) -> Result<(), Error> {
        for (path, record) in &patient.known {
            if !patient.seen.contains(path) {
                if self.below_unreadable(path) {
                    self.counters.add(&record.outcome);
                } else {
                    self.forget(record.location.clone())?;
                }
            }
        }
        Ok(())
    }

    /// A folder from a patient's folder down; `level` counts from the root.
    fn lower(&mut self, patient: &mut Patient, folder: &str, level: usize) -> Result<(), Error> {
        if level == FOLDERS {
            return self.files(patient, folder);
        }
        let entries = match self.listed(folder) {
            Ok(entries) => entries,
            Err(reason) => {
                let record = self.quarantined(folder, reason, SeenPatients::default())?;
                return self.keep(patient, record);
            }
        };
        for entry in entries {
            let path = below(folder, &entry.name);
            if self.is_folder(&entry) {
                self.lower(patient, &path, level + 1)?;
            } else if let Some(reason) = self.stray(&path, &entry) {
                let record = self.quarantined(&path, reason, SeenPatients::default())?;
                self.keep(patient, record)?;
            }
        }
        Ok(())
    }

    fn known_below(&self, prefix: &str) -> Result<BTreeMap<String, FileRecord>, Error> {
        let mut known = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.index.files(
                &self.storage.source_id,
                prefix,
                after.as_deref(),
                PAGE_ENTRIES_MAX,
            )?;
            after = page.last().map(|r| r.location.path.clone());
            let full = page.len() == PAGE_ENTRIES_MAX;
            known.extend(page.into_iter().map(|r| (r.location.path.clone(), r)));
            if !full {
                return Ok(known);
            }
        }
    }

    /// Forgets what is known, below a path, of folders this walk did not meet.
    fn forget_vanished_below(&mut self, below: &str) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let page = self
                .index
                .files(&self.storage.source_id, below, after.as_deref(), 1)?;
            let Some(record) = page.into_iter().next() else {
                return Ok(());
            };
            let path = &record.location.path;
            match patient_prefix(path) {
                Some(prefix) if self.patients.contains(prefix) => {
                    after = Some(format!("{prefix}{BEHIND}"))
                }
                prefix => {
                    after = Some(path.clone());
                    let stays = prefix.is_none() && self.strays.contains(path);
                    if !stays {
                        if self.below_unreadable(path) {
                            self.counters.add(&record.outcome);
                        } else {
                            self.forget(record.location)?;
                        }
                    }
                }
            }
        }
    }

    fn below_unreadable(&self, path: &str) -> bool {
        self.unreadable
            .iter()
            .any(|folder| path.starts_with(folder.as_str()))
    }
}

fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

/// The patient's folder of a path that lies below one, with its `/`.
fn patient_prefix(path: &str) -> Option<&str> {
    let (end, _) = path.match_indices('/').nth(UPPER_LEVELS)?;
    path.get(..=end)
}

fn is_hidden(entry: &Entry) -> bool {
    entry.name.starts_with('.')
}

fn is_transaction_file(name: &str) -> bool {
    name.starts_with("TR_") && name.ends_with(".DAT")
}
