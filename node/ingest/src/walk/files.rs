//! The last level of a walk through a standardised storage: the files of one patient, day and kind.

use super::{BEHIND, Patient, Walk, below, is_hidden};
use crate::error::Error;
use crate::folder::EntryKind;
use crate::lifecycle::{Version, effective};
use crate::name::{ConditionFlag, Refusal, StoredName};
use crate::quirks;
use crate::read::{self, Made};
use crate::report::Progress;
use crate::storage::Layout;
use sekisho_documents::{
    Availability, BATCH_CHANGES_MAX, ContentsError, FileOutcome, FileRecord, Fingerprint,
    QuarantineReason, SeenPatients, SourceLocation,
};
use std::collections::{BTreeMap, BTreeSet};

/// How often a folder is listed again because a file vanished: a writer touches an order two or three times.
const LISTINGS_MAX: usize = 4;

/// What became of a file between listing and reading.
pub(super) enum Seen {
    Record(FileRecord),
    Vanished,
}

/// What a file of a standardised storage came to.
enum Read {
    Record(FileRecord),
    /// A message in force that cancels its order.
    Cancel(FileRecord),
    Vanished,
}

impl Walk<'_> {
    /// What lies in the folder of one patient, day and kind. The versions' flags depend on each other, so they are
    /// taken as one; if one vanishes meanwhile, the folder is listed again.
    pub(super) fn files(&mut self, patient: &mut Patient, folder: &str) -> Result<(), Error> {
        let mut read: BTreeMap<String, FileRecord> = BTreeMap::new();
        for listing in 1..=LISTINGS_MAX {
            let counted = (self.report.files, self.report.ignored);
            let records = match self.storage.layout {
                Layout::Standardised => self.list_and_read(patient, folder, &read)?,
                Layout::Extended => self.list_contents(patient, folder, &read)?,
            };
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
            Err(reason) => return Ok(vec![Seen::Record(self.refused(folder, reason)?)]),
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
                records.push(Seen::Record(self.refused(&path, reason)?));
            }
        }
        let flags = effective(named.iter().map(|(_, name)| version(name)));
        let mut cancelled: Vec<(&str, &str)> = Vec::new();
        let mut found: Vec<Seen> = Vec::with_capacity(named.len());
        for ((path, name), flag) in named.iter().zip(flags) {
            let known = read.get(path).or_else(|| patient.known.get(path));
            found.push(match self.file(path, name, flag, known)? {
                Read::Record(record) => Seen::Record(record),
                Read::Cancel(record) => {
                    cancelled.push((&name.order_no, &name.occurred));
                    Seen::Record(record)
                }
                Read::Vanished => Seen::Vanished,
            });
        }
        // A cancellation deletes what is older, as it would with its own flag.
        for (seen, (_, name)) in found.iter_mut().zip(&named) {
            let is_cancelled = |(order_no, occurred): &(&str, &str)| {
                *order_no == name.order_no && name.occurred.as_str() <= *occurred
            };
            if let Seen::Record(record) = seen
                && cancelled.iter().any(is_cancelled)
            {
                record.outcome = deleted(name);
            }
        }
        records.append(&mut found);
        Ok(records)
    }

    /// One file as it is now.
    fn file(
        &mut self,
        path: &str,
        name: &StoredName,
        flag: ConditionFlag,
        known: Option<&FileRecord>,
    ) -> Result<Read, Error> {
        let location = SourceLocation::new(self.storage.source_id.clone(), path)?;
        let status = match flag {
            // Never answered, so never read.
            ConditionFlag::Deleted => {
                let Some(fingerprint) = self.fingerprint(&location.path) else {
                    return Ok(Read::Vanished);
                };
                return Ok(Read::Record(FileRecord {
                    location,
                    fingerprint,
                    outcome: deleted(name),
                }));
            }
            ConditionFlag::Valid => Availability::Approved,
            ConditionFlag::Superseded => Availability::Deprecated,
        };
        if known.is_some() {
            let Some(fingerprint) = self.fingerprint(&location.path) else {
                return Ok(Read::Vanished);
            };
            if let Some(outcome) = self.unchanged(known, fingerprint, status) {
                return Ok(Read::Record(FileRecord {
                    location,
                    fingerprint,
                    outcome,
                }));
            }
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let read = self.bytes(&location, &mut buffer);
        let made = match read {
            Ok(fingerprint) => {
                self.report.read_bytes += buffer.len() as u64;
                let made = read::document(self.storage, &location, name, status, &buffer);
                Ok((fingerprint, made))
            }
            Err(refused) => Err(refused),
        };
        self.buffer = buffer;
        let (fingerprint, made) = match made {
            Ok(made) => made,
            Err(ContentsError::Vanished(_)) => return Ok(Read::Vanished),
            Err(error) => {
                let reason = reason_of(&error);
                let record = self.quarantined(&location.path, reason, name.patients())?;
                return Ok(Read::Record(record));
            }
        };
        let record = |outcome| FileRecord {
            location,
            fingerprint,
            outcome,
        };
        Ok(match made {
            Ok((Made::Document(entry), met)) => {
                quirks::count(&mut self.report.quirks, met);
                Read::Record(record(FileOutcome::Document(entry)))
            }
            Ok((Made::Cancel, met)) => {
                quirks::count(&mut self.report.quirks, met);
                Read::Cancel(record(deleted(name)))
            }
            Err(Refusal { reason, patients }) => {
                Read::Record(record(FileOutcome::Quarantined { reason, patients }))
            }
        })
    }

    /// A file's bytes, and what it looked like before they were read: one written to meanwhile differs from that at
    /// the next ingest.
    pub(super) fn bytes(
        &self,
        location: &SourceLocation,
        buffer: &mut Vec<u8>,
    ) -> Result<Fingerprint, ContentsError> {
        match self.tree.open(location) {
            Some(opened) => {
                let opened = opened?;
                let fingerprint = self.fingerprint_of(&opened.1);
                self.tree.read_whole(location, opened, buffer)?;
                Ok(fingerprint)
            }
            None => {
                let fingerprint = self.fingerprint(&location.path);
                let fingerprint =
                    fingerprint.ok_or_else(|| ContentsError::Vanished(location.clone()))?;
                self.tree.read_slowly(location, buffer)?;
                Ok(fingerprint)
            }
        }
    }

    /// What an unchanged file was found to be before, with the status it has now; `None` if it must be read.
    pub(super) fn unchanged(
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
            FileOutcome::Document(_)
            | FileOutcome::Deleted { .. }
            | FileOutcome::Divided { .. } => None,
        }
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

    /// A record that keeps a path of unknown patient from answers.
    pub(super) fn refused(
        &self,
        path: &str,
        reason: QuarantineReason,
    ) -> Result<FileRecord, Error> {
        self.quarantined(path, reason, SeenPatients::default())
    }
}

fn version(name: &StoredName) -> Version<'_> {
    Version {
        order: &name.order_no,
        occurred: &name.occurred,
        flag: name.flag,
    }
}

fn deleted(name: &StoredName) -> FileOutcome {
    FileOutcome::Deleted {
        data_kind: name.kind.code.to_owned(),
    }
}

pub(super) fn reason_of(error: &ContentsError) -> QuarantineReason {
    match error {
        ContentsError::Escapes(_) => QuarantineReason::EscapesRoot,
        ContentsError::NotAFile(_) => QuarantineReason::NotAFile,
        ContentsError::TooLarge { .. } => QuarantineReason::TooLarge,
        _ => QuarantineReason::Unreadable,
    }
}
