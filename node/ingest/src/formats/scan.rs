//! Brings an index up to date with a folder of files.
//!
//! ```text
//! each file:  Forget(file) · Forget(parts that are gone) · Put(parts) · Put(file, with its members)
//! at the end: every file the index knows, once: gone, or each document's standing among all versions
//! ```
//! The file's own record goes first and comes last, so that one cut off in between is read again as a whole.

use super::entry::entry;
use super::series::{Standing, Versions, member};
use super::source::{FolderSource, sidecar_of};
use super::{Facts, Found, PARTS_MAX, refused};
use crate::error::Error;
use crate::folder::{Entry, EntryKind, Listing, list};
use crate::name::Refusal;
use crate::report::{Progress, Report};
use sekisho_documents::{
    BATCH_CHANGES_MAX, Change, Contents, ContentsError, Digesting, Digests, DocumentIndex,
    FileOutcome, FileRecord, Fingerprint, Member, Part, QuarantineReason, SeenPatients,
    SourceLocation,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// Deepest folder below the root: sites sort by year, month, day and department.
const FOLDERS_MAX: usize = 16;

#[path = "settle.rs"]
mod settle;

pub(crate) struct Scan<'a> {
    source: &'a FolderSource,
    index: &'a dyn DocumentIndex,
    progress: &'a mut dyn FnMut(Progress),
    contents: Contents,
    root: PathBuf,
    reader: u16,
    report: Report,
    batch: Vec<Change>,
    versions: Versions,
    /// Paths met, with the order in which they were.
    met: BTreeMap<String, u32>,
    /// Folders that could not be listed: what is known below them stays.
    unreadable: Vec<String>,
    /// Files refused in this walk, for those who watch.
    refused: u64,
}

/// What became of reading a file.
enum Read {
    Vanished,
    Found(Vec<Found>, Vec<u8>),
    Refused(Refusal),
}

impl<'a> Scan<'a> {
    pub fn new(
        source: &'a FolderSource,
        index: &'a dyn DocumentIndex,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Result<Self, Error> {
        let failed = |cause| Error::Root {
            source_id: source.source_id.clone(),
            source: cause,
        };
        let root = source.root.canonicalize().map_err(failed)?;
        Ok(Self {
            contents: Contents::new([(source.source_id.clone(), root.clone())]),
            reader: source.reader(),
            report: Report::new(&source.source_id, &source.facility),
            source,
            index,
            progress,
            root,
            batch: Vec::new(),
            versions: Versions::default(),
            met: BTreeMap::new(),
            unreadable: Vec::new(),
            refused: 0,
        })
    }

    pub fn run(mut self) -> Result<Report, Error> {
        let failed = |source| Error::Root {
            source_id: self.source.source_id.clone(),
            source,
        };
        let entries = match list(&self.root) {
            Listing::Entries(entries) => entries,
            Listing::Unreadable(source) => return Err(failed(source)),
            Listing::Vanished => return Err(failed(ErrorKind::NotFound.into())),
            Listing::TooMany => return Err(failed(ErrorKind::FileTooLarge.into())),
        };
        self.folder("", entries, 0)?;
        self.apply()?;
        self.settle()?;
        self.apply()?;
        self.index.flush()?;
        Ok(self.report)
    }

    fn folder(&mut self, folder: &str, entries: Vec<Entry>, depth: usize) -> Result<(), Error> {
        let files = entries.iter().filter(|e| e.kind == EntryKind::File).count();
        (self.progress)(Progress::Listed { files });
        let names: BTreeSet<String> = entries.iter().map(|e| e.name.clone()).collect();
        for entry in entries {
            let path = match folder {
                "" => entry.name.clone(),
                folder => format!("{folder}/{}", entry.name),
            };
            if entry.kind == EntryKind::Folder && entry.name_is_utf8 && !is_hidden(&entry) {
                if depth == FOLDERS_MAX {
                    self.refuse(path, QuarantineReason::Misplaced)?;
                    continue;
                }
                match list(&self.root.join(&path)) {
                    Listing::Entries(entries) => self.folder(&path, entries, depth + 1)?,
                    Listing::Vanished => {}
                    Listing::TooMany => self.refuse(path, QuarantineReason::TooManyEntries)?,
                    Listing::Unreadable(error) => {
                        tracing::warn!(kind = ?error.kind(), "a folder of the source cannot be listed");
                        self.unreadable.push(format!("{path}/"));
                        self.refuse(path, QuarantineReason::Unreadable)?;
                    }
                }
                continue;
            }
            self.report.files += 1;
            match (entry.kind, entry.name_is_utf8) {
                (_, false) => self.refuse(path, QuarantineReason::NameNotUtf8)?,
                _ if is_hidden(&entry) => self.report.ignored += 1,
                (EntryKind::Link, _) => {
                    let reason = self.link(&path);
                    self.refuse(path, reason)?;
                }
                (EntryKind::File, _) => self.file(path, &entry.name, &names)?,
                _ => self.refuse(path, QuarantineReason::NotAFile)?,
            }
        }
        (self.progress)(Progress::Patient {
            patients: self.report.patients,
            files: self.report.files,
            quarantined: self.refused,
        });
        Ok(())
    }

    fn link(&self, path: &str) -> QuarantineReason {
        match self.root.join(path).canonicalize() {
            Ok(target) if target.starts_with(&self.root) => QuarantineReason::SymbolicLink,
            _ => QuarantineReason::EscapesRoot,
        }
    }

    /// One file: known and unchanged, or read.
    fn file(&mut self, path: String, name: &str, beside: &BTreeSet<String>) -> Result<(), Error> {
        if self.source.format.has_sidecars()
            && let Some(document) = name.strip_suffix(".json")
        {
            return self.sidecar(path, beside.contains(document));
        }
        let Some(fingerprint) = self.fingerprint_with_sidecar(&path) else {
            self.report.vanished += 1;
            return Ok(());
        };
        let location = SourceLocation::new(self.source.source_id.clone(), path.clone())?;
        let number = self.meet(path);
        let known = self.known(&location)?;
        if let Some(known) = known.as_ref().filter(|k| is_current(k, fingerprint)) {
            self.report.unchanged += 1;
            if let FileOutcome::Divided { members } = &known.outcome {
                self.take(members, number)?;
            }
            return Ok(());
        }
        self.read_and_put(location, fingerprint, number, known.as_ref())
    }

    fn read_and_put(
        &mut self,
        location: SourceLocation,
        fingerprint: Fingerprint,
        number: u32,
        known: Option<&FileRecord>,
    ) -> Result<(), Error> {
        match self.read(&location) {
            Read::Vanished => {
                self.report.vanished += 1;
                self.met.remove(&location.path);
            }
            Read::Refused(Refusal { reason, patients }) => {
                self.report.changed += 1;
                self.forget_parts(&location, known, &BTreeSet::new())?;
                let outcome = FileOutcome::Quarantined { reason, patients };
                self.put(location, fingerprint, outcome)?;
            }
            Read::Found(found, bytes) => {
                self.report.changed += 1;
                let members: Vec<Member> = (found.iter())
                    .filter_map(|f| {
                        Some(member(f.read.as_ref().ok()?, &self.source.facility, f.part))
                    })
                    .collect();
                self.take(&members, number)?;
                let parts: BTreeSet<Part> = found.iter().map(|f| f.part).collect();
                self.forget_parts(&location, known, &parts)?;
                for Found { part, read } in found {
                    let at = location.part(part)?;
                    let outcome = match read {
                        Ok(facts) => self.document(&facts, &at, part, number, &bytes),
                        Err(Refusal { reason, patients }) => {
                            FileOutcome::Quarantined { reason, patients }
                        }
                    };
                    self.put(at, fingerprint, outcome)?;
                }
                self.put(location, fingerprint, FileOutcome::Divided { members })?;
            }
        }
        Ok(())
    }

    fn document(
        &self,
        facts: &Facts,
        at: &SourceLocation,
        part: Part,
        number: u32,
        bytes: &[u8],
    ) -> FileOutcome {
        let standing =
            (self.versions).standing(&member(facts, &self.source.facility, part), number);
        let Standing::Answered(status) = standing else {
            let data_kind = facts.data_kind.to_owned();
            return FileOutcome::Deleted { data_kind };
        };
        let facility = &self.source.facility;
        let entry = entry(facts, facility, at.clone(), digests_of(bytes, part), status);
        FileOutcome::Document(Box::new(entry))
    }

    /// A sidecar belongs to its document, which is read with it.
    fn sidecar(&mut self, path: String, has_document: bool) -> Result<(), Error> {
        if !has_document {
            return self.refuse(path, QuarantineReason::Unpaired);
        }
        self.report.ignored += 1;
        Ok(())
    }

    fn read(&mut self, location: &SourceLocation) -> Read {
        let format = &self.source.format;
        let bytes = match self.contents.read_at_most(location, format.bytes_max()) {
            Ok(bytes) => bytes,
            Err(ContentsError::Vanished(_)) => return Read::Vanished,
            Err(error) => return Read::Refused(refused(reason_of(&error))),
        };
        let mut beside = None;
        if format.has_sidecars() {
            let path = sidecar_of(&location.path);
            let at = SourceLocation::new(location.source_id.clone(), path);
            match at.map(|at| self.contents.read(&at)) {
                Ok(Ok(sidecar)) => beside = Some(sidecar),
                Ok(Err(ContentsError::Vanished(_))) | Err(_) => {
                    return Read::Refused(refused(QuarantineReason::Unpaired));
                }
                Ok(Err(error)) => return Read::Refused(refused(reason_of(&error))),
            }
        }
        self.report.read_bytes += bytes.len() as u64;
        match format.read(self.source.context(), &bytes, beside.as_deref()) {
            Ok(found) if found.len() > PARTS_MAX => {
                Read::Refused(refused(QuarantineReason::TooManyParts))
            }
            Ok(found) => Read::Found(found, bytes),
            Err(refusal) => Read::Refused(refusal),
        }
    }

    fn known(&self, location: &SourceLocation) -> Result<Option<FileRecord>, Error> {
        // The path itself sorts before everything it begins.
        let files = (self.index).files(&location.source_id, &location.path, None, 1)?;
        Ok(files.into_iter().find(|file| file.location == *location))
    }

    fn refuse(&mut self, path: String, reason: QuarantineReason) -> Result<(), Error> {
        self.refused += 1;
        let location = SourceLocation::new(self.source.source_id.clone(), path.clone())?;
        let fingerprint = self.fingerprint(&path).unwrap_or(Fingerprint {
            size_bytes: 0,
            modified_ns: 0,
            reader: self.reader,
        });
        self.meet(path);
        let outcome = FileOutcome::Quarantined {
            reason,
            patients: SeenPatients::default(),
        };
        let known = self.known(&location)?;
        let same = |k: &&FileRecord| k.fingerprint == fingerprint && k.outcome == outcome;
        if known.as_ref().filter(same).is_some() {
            self.report.unchanged += 1;
            return Ok(());
        }
        self.report.changed += 1;
        self.forget_parts(&location, known.as_ref(), &BTreeSet::new())?;
        self.put(location, fingerprint, outcome)
    }

    /// Gives a path its number.
    fn meet(&mut self, path: String) -> u32 {
        let number = u32::try_from(self.met.len()).unwrap_or(u32::MAX);
        self.met.insert(path, number);
        number
    }

    fn take(&mut self, members: &[Member], number: u32) -> Result<(), Error> {
        for member in members {
            if !self.versions.take(member, number) {
                return Err(Error::TooManyDocuments {
                    source_id: self.source.source_id.clone(),
                    max: super::series::MEMBERS_MAX,
                });
            }
        }
        Ok(())
    }

    fn put(
        &mut self,
        location: SourceLocation,
        fingerprint: Fingerprint,
        outcome: FileOutcome,
    ) -> Result<(), Error> {
        self.change(Change::Put(FileRecord {
            location,
            fingerprint,
            outcome,
        }))
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

    fn fingerprint(&self, path: &str) -> Option<Fingerprint> {
        let metadata = self.root.join(path).symlink_metadata().ok()?;
        let modified = metadata.modified().ok();
        let since = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Some(Fingerprint {
            size_bytes: metadata.len(),
            modified_ns: since.map_or(0, |s| i64::try_from(s.as_nanos()).unwrap_or(i64::MAX)),
            reader: self.reader,
        })
    }

    /// The same for a document and its sidecar together: either may change alone.
    fn fingerprint_with_sidecar(&self, path: &str) -> Option<Fingerprint> {
        let mut fingerprint = self.fingerprint(path)?;
        if self.source.format.has_sidecars() {
            let beside = self.fingerprint(&sidecar_of(path));
            let (size, modified) = beside.map_or((0, 1), |f| (f.size_bytes, f.modified_ns));
            fingerprint.modified_ns ^=
                modified.rotate_left(17) ^ i64::from_be_bytes(size.to_be_bytes());
        }
        Some(fingerprint)
    }
}

/// Whether a file is as it was when it was read, and need not be read again.
fn is_current(known: &FileRecord, fingerprint: Fingerprint) -> bool {
    known.fingerprint == fingerprint
        && match &known.outcome {
            FileOutcome::Divided { .. } => true,
            // What could not be read may be readable now; what was not there, be there.
            FileOutcome::Quarantined { reason, .. } => !matches!(
                reason,
                QuarantineReason::Unreadable
                    | QuarantineReason::EscapesRoot
                    | QuarantineReason::NotAFile
            ),
            FileOutcome::Document(_) | FileOutcome::Deleted { .. } => false,
        }
}

fn digests_of(bytes: &[u8], part: Part) -> Digests {
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let head = bytes.get(..at(part.head_bytes)).unwrap_or_default();
    let end = part.offset_bytes.saturating_add(part.size_bytes);
    let body = bytes
        .get(at(part.offset_bytes)..at(end))
        .unwrap_or_default();
    let mut digesting = Digesting::of_size(part.document_bytes());
    digesting.update(head);
    digesting.update(body);
    digesting.finish()
}

fn is_hidden(entry: &Entry) -> bool {
    entry.name.starts_with('.')
}

fn reason_of(error: &ContentsError) -> QuarantineReason {
    match error {
        ContentsError::Escapes(_) => QuarantineReason::EscapesRoot,
        ContentsError::NotAFile(_) => QuarantineReason::NotAFile,
        ContentsError::TooLarge { .. } => QuarantineReason::TooLarge,
        _ => QuarantineReason::Unreadable,
    }
}
