//! The walk through a storage: three levels of folders to a patient, two more to the files.
//!
//! A patient's folder is the unit: what the index knows below it is compared with what is there, and every file
//! known and not seen is forgotten. A batch is applied at a folder's end at the earliest, forgetting before putting,
//! so that readers do not see a rename as a loss.

use crate::error::Error;
use crate::folder::{Entry, EntryKind, Listing, list};
use crate::ingest::{READER_VERSION, SsMix2Storage};
use crate::lifecycle::effective;
use crate::name::{ConditionFlag, FOLDERS, Refusal, StoredName};
use crate::read;
use crate::report::{Progress, Report};
use sekisho_documents::{
    Availability, BATCH_CHANGES_MAX, Change, Contents, ContentsError, Counters, DocumentIndex,
    FileOutcome, FileRecord, Fingerprint, PAGE_ENTRIES_MAX, QuarantineReason, SeenPatients,
    SourceLocation,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// How often a folder is listed again because a file vanished: a writer touches an order two or three times.
const LISTINGS_MAX: usize = 4;
/// Levels above the patients' folders.
const UPPER_LEVELS: usize = 2;
/// Sorts behind every path below a folder.
const BEHIND: char = char::MAX;

pub(crate) struct Walk<'a> {
    storage: &'a SsMix2Storage,
    index: &'a dyn DocumentIndex,
    progress: &'a mut dyn FnMut(Progress),
    contents: Contents,
    root: PathBuf,
    counters: Counters,
    report: Report,
    batch: Vec<Change>,
    /// Patients' folders walked.
    patients: BTreeSet<String>,
    /// Quarantined above the patients' folders in this walk.
    strays: BTreeSet<String>,
    /// Folders that could not be listed: what is known below them stays.
    unreadable: Vec<String>,
}

/// What the index knew below a patient's folder, and what of it was seen.
struct Patient {
    known: BTreeMap<String, FileRecord>,
    seen: BTreeSet<String>,
}

/// What became of a file between listing and reading.
enum Seen {
    Record(FileRecord),
    Vanished,
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
        let contents = Contents::new([(storage.source_id.clone(), root.clone())])
            .map_err(|e| failed(std::io::Error::other(e)))?;
        let report = Report {
            source_id: storage.source_id.clone(),
            facility: storage.facility.clone(),
            patients: 0,
            files: 0,
            unchanged: 0,
            changed: 0,
            ignored: 0,
            vanished: 0,
            forgotten: 0,
            read_bytes: 0,
            duration_ms: 0,
            kinds: BTreeMap::new(),
            quarantined: BTreeMap::new(),
        };
        Ok(Self {
            storage,
            index,
            progress,
            contents,
            root,
            counters: Counters::default(),
            report,
            batch: Vec::new(),
            patients: BTreeSet::new(),
            strays: BTreeSet::new(),
            unreadable: Vec::new(),
        })
    }

    pub(crate) fn run(mut self) -> Result<Report, Error> {
        match list(&self.root) {
            Listing::Entries(entries) => self.upper("", entries, 0)?,
            Listing::Unreadable(source) => return Err(self.root_failed(source)),
            Listing::Vanished => return Err(self.root_failed(ErrorKind::NotFound.into())),
            Listing::TooMany => return Err(self.root_failed(ErrorKind::FileTooLarge.into())),
        }
        self.forget_vanished_folders()?;
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
    fn upper(&mut self, folder: &str, entries: Vec<Entry>, level: usize) -> Result<(), Error> {
        for entry in entries {
            let path = below(folder, &entry.name);
            if !self.is_folder(&entry) {
                if let Some(reason) = self.stray(&path, &entry) {
                    self.keep_stray(path, reason)?;
                }
            } else if level == UPPER_LEVELS {
                self.patient(&path)?;
            } else {
                match self.listed(&path) {
                    Ok(entries) => self.upper(&path, entries, level + 1)?,
                    Err(reason) => self.keep_stray(path, reason)?,
                }
            }
        }
        Ok(())
    }

    fn is_folder(&self, entry: &Entry) -> bool {
        entry.kind == EntryKind::Folder && entry.name_is_utf8 && !is_hidden(entry)
    }

    /// Keeps an entry above the patients' folders from answers.
    fn keep_stray(&mut self, path: String, reason: QuarantineReason) -> Result<(), Error> {
        let record = self.quarantined(&path, reason, SeenPatients::default())?;
        // The path itself sorts before everything below it.
        let known = self.index.files(&self.storage.source_id, &path, None, 1)?;
        self.strays.insert(path);
        if known.first() == Some(&record) {
            self.report.unchanged += 1;
            self.counters.add(&record.outcome);
            return Ok(());
        }
        self.put(record)
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
        match list(&self.root.join(path)) {
            Listing::Entries(entries) => Ok(entries),
            Listing::Vanished => Ok(Vec::new()),
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
        for (path, record) in &patient.known {
            if !patient.seen.contains(path) {
                if self.below_unreadable(path) {
                    self.counters.add(&record.outcome);
                } else {
                    self.forget(record.location.clone())?;
                }
            }
        }
        let (patients, files) = (self.report.patients, self.report.files);
        (self.progress)(Progress::Patient { patients, files });
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

    /// The files of one patient, day and kind. Their flags depend on each other, so they are taken as one; if one
    /// vanishes meanwhile, the folder is listed again.
    fn files(&mut self, patient: &mut Patient, folder: &str) -> Result<(), Error> {
        let mut read: BTreeMap<String, FileRecord> = BTreeMap::new();
        for listing in 1..=LISTINGS_MAX {
            let counted = (self.report.files, self.report.ignored);
            let records = self.list_and_read(patient, folder, &read)?;
            let vanished = records
                .iter()
                .filter(|r| matches!(r, Seen::Vanished))
                .count();
            let records = records.into_iter().filter_map(|r| match r {
                Seen::Record(record) => Some(record),
                Seen::Vanished => None,
            });
            self.report.vanished += vanished as u64;
            if vanished > 0 && listing < LISTINGS_MAX {
                read = records.map(|r| (r.location.path.clone(), r)).collect();
                (self.report.files, self.report.ignored) = counted;
                continue;
            }
            let records: Vec<FileRecord> = records.collect();
            self.begin_folder(patient, folder, &records)?;
            for record in records {
                self.keep(patient, record)?;
            }
            break;
        }
        Ok(())
    }

    /// One listing of a folder of files, each file read unless the index or an earlier listing knows it.
    fn list_and_read(
        &mut self,
        patient: &Patient,
        folder: &str,
        read: &BTreeMap<String, FileRecord>,
    ) -> Result<Vec<Seen>, Error> {
        let entries = match self.listed(folder) {
            Ok(entries) => entries,
            Err(reason) => {
                return Ok(vec![Seen::Record(self.quarantined(
                    folder,
                    reason,
                    SeenPatients::default(),
                )?)]);
            }
        };
        (self.progress)(Progress::Listed {
            files: entries.len(),
        });
        let mut records = Vec::new();
        let mut named: Vec<(String, StoredName)> = Vec::new();
        for entry in entries {
            let path = below(folder, &entry.name);
            if entry.kind == EntryKind::File && entry.name_is_utf8 && !is_hidden(&entry) {
                self.report.files += 1;
                match StoredName::of_path(&path) {
                    Ok(name) => named.push((path, name)),
                    Err(Refusal { reason, patients }) => {
                        records.push(Seen::Record(self.quarantined(&path, reason, patients)?));
                    }
                }
            } else if let Some(reason) = self.stray(&path, &entry) {
                records.push(Seen::Record(self.quarantined(
                    &path,
                    reason,
                    SeenPatients::default(),
                )?));
            }
        }
        let flags = effective(named.iter().map(|(_, name)| name));
        for ((path, name), flag) in named.into_iter().zip(flags) {
            let known = read.get(&path).or_else(|| patient.known.get(&path));
            records.push(self.file(path, &name, flag, known)?);
        }
        Ok(records)
    }

    /// One file as it is now.
    fn file(
        &mut self,
        path: String,
        name: &StoredName,
        flag: ConditionFlag,
        known: Option<&FileRecord>,
    ) -> Result<Seen, Error> {
        let location = SourceLocation::new(self.storage.source_id.clone(), path)?;
        // The fingerprint is taken before reading: a file written to meanwhile differs from it at the next ingest.
        let Some(fingerprint) = self.fingerprint(&location.path) else {
            return Ok(Seen::Vanished);
        };
        let status = match flag {
            // Never answered, so never read.
            ConditionFlag::Deleted => {
                let outcome = FileOutcome::Deleted {
                    data_kind: name.kind.code.to_owned(),
                };
                return Ok(Seen::Record(FileRecord {
                    location,
                    fingerprint,
                    outcome,
                }));
            }
            ConditionFlag::Valid => Availability::Approved,
            ConditionFlag::Superseded => Availability::Deprecated,
        };
        if let Some(outcome) = self.unchanged(known, fingerprint, status) {
            return Ok(Seen::Record(FileRecord {
                location,
                fingerprint,
                outcome,
            }));
        }
        let bytes = match self.contents.read(&location) {
            Ok(bytes) => bytes,
            Err(ContentsError::Vanished(_)) => return Ok(Seen::Vanished),
            Err(error) => {
                let outcome = FileOutcome::Quarantined {
                    reason: reason_of(&error),
                    patients: name.patients(),
                };
                return Ok(Seen::Record(FileRecord {
                    location,
                    fingerprint,
                    outcome,
                }));
            }
        };
        self.report.read_bytes += bytes.len() as u64;
        let outcome = match read::document(self.storage, &location, name, status, &bytes) {
            Ok(entry) => FileOutcome::Document(Box::new(entry)),
            Err(Refusal { reason, patients }) => FileOutcome::Quarantined { reason, patients },
        };
        Ok(Seen::Record(FileRecord {
            location,
            fingerprint,
            outcome,
        }))
    }

    /// What an unchanged file was found to be before, with the status it has now; `None` if it must be read.
    fn unchanged(
        &self,
        known: Option<&FileRecord>,
        fingerprint: Fingerprint,
        status: Availability,
    ) -> Option<FileOutcome> {
        let known = known.filter(|k| k.fingerprint == fingerprint)?;
        match &known.outcome {
            FileOutcome::Document(entry) if entry.facility == self.storage.facility => {
                let mut entry = entry.clone();
                entry.status = status;
                Some(FileOutcome::Document(entry))
            }
            // What could not be read may be readable now (permissions leave no trace in the fingerprint).
            FileOutcome::Quarantined {
                reason: QuarantineReason::Unreadable,
                ..
            } => None,
            FileOutcome::Quarantined { .. } => Some(known.outcome.clone()),
            FileOutcome::Document(_) | FileOutcome::Deleted { .. } => None,
        }
    }

    fn fingerprint(&self, path: &str) -> Option<Fingerprint> {
        let metadata = self.root.join(path).symlink_metadata().ok()?;
        let modified_ns = match metadata.modified() {
            Ok(at) => match at.duration_since(UNIX_EPOCH) {
                Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
                Err(before) => {
                    i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns)
                }
            },
            Err(_) => 0,
        };
        Some(Fingerprint {
            size_bytes: metadata.len(),
            modified_ns,
            reader: READER_VERSION,
        })
    }

    fn quarantined(
        &self,
        path: &str,
        reason: QuarantineReason,
        patients: SeenPatients,
    ) -> Result<FileRecord, Error> {
        let location = SourceLocation::new(self.storage.source_id.clone(), path)?;
        let fingerprint = self.fingerprint(path).unwrap_or(Fingerprint {
            size_bytes: 0,
            modified_ns: 0,
            reader: READER_VERSION,
        });
        Ok(FileRecord {
            location,
            fingerprint,
            outcome: FileOutcome::Quarantined { reason, patients },
        })
    }

    /// Forgets what vanished from a folder, in the batch in which its files are put.
    fn begin_folder(
        &mut self,
        patient: &mut Patient,
        folder: &str,
        records: &[FileRecord],
    ) -> Result<(), Error> {
        let now: BTreeSet<&str> = records.iter().map(|r| r.location.path.as_str()).collect();
        let prefix = format!("{folder}/");
        let gone: Vec<SourceLocation> = patient
            .known
            .range(prefix.clone()..format!("{prefix}{BEHIND}"))
            .filter(|(path, _)| !now.contains(path.as_str()) && !self.below_unreadable(path))
            .map(|(_, record)| record.location.clone())
            .collect();
        if self.batch.len() + gone.len() + records.len() > BATCH_CHANGES_MAX {
            self.apply()?;
        }
        for location in gone {
            patient.seen.insert(location.path.clone());
            self.forget(location)?;
        }
        Ok(())
    }

    /// Counts a file of a patient's folder and puts it if it differs from what is known.
    fn keep(&mut self, patient: &mut Patient, record: FileRecord) -> Result<(), Error> {
        let path = record.location.path.clone();
        let same = patient.known.get(&path) == Some(&record);
        patient.seen.insert(path);
        if same {
            self.report.unchanged += 1;
            self.counters.add(&record.outcome);
            Ok(())
        } else {
            self.put(record)
        }
    }

    fn put(&mut self, record: FileRecord) -> Result<(), Error> {
        self.report.changed += 1;
        self.counters.add(&record.outcome);
        self.change(Change::Put(record))
    }

    fn forget(&mut self, location: SourceLocation) -> Result<(), Error> {
        self.report.forgotten += 1;
        self.change(Change::Forget(location))
    }

    fn change(&mut self, change: Change) -> Result<(), Error> {
        if self.batch.len() == BATCH_CHANGES_MAX {
            self.apply()?;
        }
        self.batch.push(change);
        Ok(())
    }

    fn apply(&mut self) -> Result<(), Error> {
        if !self.batch.is_empty() {
            self.index.apply(&self.batch)?;
            self.batch.clear();
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

    /// Forgets what is known of folders this walk did not meet.
    fn forget_vanished_folders(&mut self) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let page = self
                .index
                .files(&self.storage.source_id, "", after.as_deref(), 1)?;
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

fn reason_of(error: &ContentsError) -> QuarantineReason {
    match error {
        ContentsError::Escapes(_) => QuarantineReason::EscapesRoot,
        ContentsError::NotAFile(_) => QuarantineReason::NotAFile,
        ContentsError::TooLarge { .. } => QuarantineReason::TooLarge,
        _ => QuarantineReason::Unreadable,
    }
}
