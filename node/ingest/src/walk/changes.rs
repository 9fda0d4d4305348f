//! What a walk does to the index: records compared with what is known, changes gathered into batches.

use super::{Patient, Walk};
use crate::error::Error;
use sekisho_documents::{
    BATCH_CHANGES_MAX, Change, FileOutcome, FileRecord, Fingerprint, QuarantineReason,
    SeenPatients, SourceLocation,
};
use std::fs::Metadata;
use std::time::UNIX_EPOCH;

impl Walk<'_> {
    /// What a file looks like; `None` where there is none.
    pub(super) fn fingerprint(&self, path: &str) -> Option<Fingerprint> {
        let metadata = self.root.join(path).symlink_metadata().ok()?;
        Some(self.fingerprint_of(&metadata))
    }

    pub(super) fn fingerprint_of(&self, metadata: &Metadata) -> Fingerprint {
        let modified_ns = match metadata.modified() {
            Ok(at) => match at.duration_since(UNIX_EPOCH) {
                Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
                Err(before) => {
                    i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns)
                }
            },
            Err(_) => 0,
        };
        Fingerprint {
            size_bytes: metadata.len(),
            modified_ns,
            reader: self.reader,
        }
    }

    pub(super) fn quarantined(
        &self,
        path: &str,
        reason: QuarantineReason,
        patients: SeenPatients,
    ) -> Result<FileRecord, Error> {
        let location = SourceLocation::new(self.storage.source_id.clone(), path)?;
        let fingerprint = self.fingerprint(path).unwrap_or(Fingerprint {
            size_bytes: 0,
            modified_ns: 0,
            reader: self.reader,
        });
        Ok(FileRecord {
            location,
            fingerprint,
            outcome: FileOutcome::Quarantined { reason, patients },
        })
    }

    /// Keeps an entry above the patients' folders from answers.
    pub(super) fn keep_stray(
        &mut self,
        path: String,
        reason: QuarantineReason,
    ) -> Result<(), Error> {
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

    /// Counts a file of a patient's folder and puts it if it differs from what is known.
    pub(super) fn keep(&mut self, patient: &mut Patient, record: FileRecord) -> Result<(), Error> {
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

    pub(super) fn put(&mut self, record: FileRecord) -> Result<(), Error> {
        self.report.changed += 1;
        self.counters.add(&record.outcome);
        self.change(Change::Put(record))
    }

    pub(super) fn forget(&mut self, location: SourceLocation) -> Result<(), Error> {
        self.report.forgotten += 1;
        self.change(Change::Forget(location))
    }

    pub(super) fn change(&mut self, change: Change) -> Result<(), Error> {
        if self.batch.len() == BATCH_CHANGES_MAX {
            self.apply()?;
        }
        self.batch.push(change);
        Ok(())
    }

    pub(super) fn apply(&mut self) -> Result<(), Error> {
        if !self.batch.is_empty() {
            self.index.apply(&self.batch)?;
            self.batch.clear();
        }
        Ok(())
    }
}
