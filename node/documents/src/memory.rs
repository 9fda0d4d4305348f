//! An index in memory: for tests and tools, and the plain statement of what [`crate::SledIndex`] must answer.

use crate::index::{check_batch, check_limit, counts_over};
use crate::{
    Change, Counters, Cursor, DocumentEntry, DocumentIndex, Error, FileOutcome, FileRecord, Page,
    Part, Patient, Quarantined, Query, SourceId, SourceLocation, UniqueId,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

type Files = BTreeMap<SourceLocation, FileRecord>;

/// An index that is gone when the process ends.
#[derive(Debug, Default)]
pub struct MemoryIndex {
    files: RwLock<Files>,
    beside: Mutex<Option<Arc<MemoryIndex>>>,
}

impl MemoryIndex {
    fn read(&self) -> RwLockReadGuard<'_, Files> {
        self.files.read().unwrap_or_else(PoisonError::into_inner)
    }
    fn write(&self) -> RwLockWriteGuard<'_, Files> {
        self.files.write().unwrap_or_else(PoisonError::into_inner)
    }
    fn built(&self) -> MutexGuard<'_, Option<Arc<Self>>> {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn document(record: &FileRecord) -> Option<&DocumentEntry> {
    match &record.outcome {
        FileOutcome::Document(entry) => Some(entry),
        _ => None,
    }
}

impl DocumentIndex for MemoryIndex {
    fn apply(&self, changes: &[Change]) -> Result<(), Error> {
        check_batch(changes)?;
        let mut files = self.write();
        for change in changes {
            match change {
                Change::Put(record) => files.insert(record.location.clone(), record.clone()),
                Change::Forget(location) => files.remove(location),
            };
        }
        Ok(())
    }

    fn find(&self, query: &Query) -> Result<Page, Error> {
        query.validate()?;
        let charts = query.charts();
        let mut by_id: BTreeMap<UniqueId, DocumentEntry> = BTreeMap::new();
        for entry in self.read().values().filter_map(document) {
            let patient = Patient {
                facility: entry.facility.clone(),
                local_patient_id: entry.local_patient_id.clone(),
            };
            if !charts.contains(&patient) {
                continue;
            }
            let better = by_id
                .get(&entry.unique_id)
                .is_none_or(|held| counts_over(entry, held));
            if better {
                by_id.insert(entry.unique_id, entry.clone());
            }
        }
        let behind =
            |e: &DocumentEntry| query.after.is_none_or(|c| Cursor::of(e).rank() > c.rank());
        let found = by_id
            .into_values()
            .filter(|e| behind(e) && query.matches(e))
            .collect();
        Ok(Page::cut(found, query.limit))
    }

    fn get(&self, unique_id: &UniqueId) -> Result<Option<DocumentEntry>, Error> {
        let files = self.read();
        let mut best: Option<&DocumentEntry> = None;
        for entry in files
            .values()
            .filter_map(document)
            .filter(|e| e.unique_id == *unique_id)
        {
            if best.is_none_or(|held| counts_over(entry, held)) {
                best = Some(entry);
            }
        }
        Ok(best.cloned())
    }

    fn quarantined(
        &self,
        after: Option<&SourceLocation>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, Error> {
        check_limit(limit)?;
        let quarantined = |record: &FileRecord| match &record.outcome {
            FileOutcome::Quarantined { reason, patients } => Some(Quarantined {
                location: record.location.clone(),
                reason: *reason,
                patients: patients.clone(),
            }),
            _ => None,
        };
        let files = self.read();
        let behind = files
            .values()
            .filter(|r| after.is_none_or(|a| r.location > *a));
        Ok(behind.filter_map(quarantined).take(limit).collect())
    }

    fn files(
        &self,
        source_id: &SourceId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        check_limit(limit)?;
        let wanted = |l: &SourceLocation| {
            l.source_id == *source_id
                && l.part.is_none()
                && l.path.starts_with(prefix)
                && after.is_none_or(|a| l.path.as_str() > a)
        };
        Ok(self
            .read()
            .values()
            .filter(|r| wanted(&r.location))
            .take(limit)
            .cloned()
            .collect())
    }

    fn records(
        &self,
        after: Option<&SourceLocation>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        check_limit(limit)?;
        let files = self.read();
        let behind = files
            .values()
            .filter(|r| after.is_none_or(|a| r.location > *a));
        Ok(behind.take(limit).cloned().collect())
    }

    fn parts(
        &self,
        file: &SourceLocation,
        after: Option<Part>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        check_limit(limit)?;
        let wanted = |l: &SourceLocation| {
            l.source_id == file.source_id
                && l.path == file.path
                && l.part
                    .is_some_and(|part| after.is_none_or(|after| part > after))
        };
        let files = self.read();
        let parts = files.values().filter(|r| wanted(&r.location));
        Ok(parts.take(limit).cloned().collect())
    }

    fn counters(&self) -> Result<Counters, Error> {
        let mut counters = Counters::default();
        for record in self.read().values() {
            counters.add(&record.outcome);
        }
        Ok(counters)
    }

    fn clear(&self) -> Result<(), Error> {
        self.write().clear();
        Ok(())
    }

    fn beside(&self) -> Result<Box<dyn DocumentIndex>, Error> {
        Ok(Box::new(Arc::clone(self.built().get_or_insert_default())))
    }

    fn take_beside(&self) -> Result<(), Error> {
        let built = self.built().take().ok_or(Error::NothingBeside)?;
        *self.write() = std::mem::take(&mut *built.write());
        Ok(())
    }

    fn compact(&self) -> Result<(), Error> {
        self.built().take();
        Ok(())
    }

    fn flush(&self) -> Result<(), Error> {
        Ok(())
    }
}
