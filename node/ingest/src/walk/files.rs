//! The last level of a walk: the files of one patient, day and kind.

use super::{BEHIND, Patient, Walk, below, is_hidden};
use crate::error::Error;
use crate::folder::EntryKind;
use crate::lifecycle::effective;
use crate::name::{ConditionFlag, Refusal, StoredName};
use crate::read;
use crate::report::Progress;
use sekisho_documents::{
    Availability, BATCH_CHANGES_MAX, ContentsError, FileOutcome, FileRecord, Fingerprint,
    QuarantineReason, SeenPatients, SourceLocation,
};
use std::collections::{BTreeMap, BTreeSet};

/// How often a folder is listed again because a file vanished: a writer touches an order two or three times.
const LISTINGS_MAX: usize = 4;

/// What became of a file between listing and reading.
enum Seen {
    Record(FileRecord),
    Vanished,
}

impl Walk<'_> {
    /// The files of one patient, day and kind. Their flags depend on each other, so they are taken as one; if one
    /// vanishes meanwhile, the folder is listed again.
    pub(super) fn files(&mut self, patient: &mut Patient, folder: &str) -> Result<(), Error> {
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
}

fn reason_of(error: &ContentsError) -> QuarantineReason {
    match error {
        ContentsError::Escapes(_) => QuarantineReason::EscapesRoot,
        ContentsError::NotAFile(_) => QuarantineReason::NotAFile,
        ContentsError::TooLarge { .. } => QuarantineReason::TooLarge,
        _ => QuarantineReason::Unreadable,
    }
}
