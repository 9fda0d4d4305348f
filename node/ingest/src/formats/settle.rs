//! The end of a scan: what is gone is forgotten, and each document gets its standing among all versions.

use super::Scan;
use crate::error::Error;
use crate::formats::series::Standing;
use sekisho_documents::{
    Change, Counters, FileOutcome, FileRecord, Member, PAGE_ENTRIES_MAX, Part, SourceLocation,
};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

impl Scan<'_> {
    /// Every file the index knows: forgotten if it is gone, else each of its documents as it stands among all versions.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        let mut counters = Counters::default();
        let mut patients: BTreeSet<[u8; 8]> = BTreeSet::new();
        let mut after: Option<String> = None;
        loop {
            let source_id = &self.source.source_id;
            let page = (self.index).files(source_id, "", after.as_deref(), PAGE_ENTRIES_MAX)?;
            after = page.last().map(|r| r.location.path.clone());
            let full = page.len() == PAGE_ENTRIES_MAX;
            for file in page {
                let path = &file.location.path;
                let number = self.met.get(path).copied();
                let stays = self.unreadable.iter().any(|f| path.starts_with(f.as_str()));
                if number.is_none() && !stays {
                    self.report.forgotten += 1;
                    self.forget_parts(&file.location, Some(&file), &BTreeSet::new())?;
                    self.change(Change::Forget(file.location))?;
                    continue;
                }
                counters.add(&file.outcome);
                if let FileOutcome::Divided { members } = &file.outcome {
                    let mut settled = self.settle_parts(&file, members, number)?;
                    if let (true, Some(number)) = (settled.is_none(), number) {
                        // One that was deleted is in force again: only the file knows what it says.
                        self.read_and_put(
                            file.location.clone(),
                            file.fingerprint,
                            number,
                            Some(&file),
                        )?;
                        self.report.changed = self.report.changed.saturating_sub(1);
                        self.apply()?;
                        settled = self.settle_parts(&file, members, Some(number))?;
                    }
                    for outcome in settled.unwrap_or_default() {
                        counters.add(&outcome);
                        if let FileOutcome::Document(entry) = &outcome {
                            let digest = Sha256::digest(entry.local_patient_id.as_str());
                            patients.insert(digest.first_chunk().copied().unwrap_or_default());
                        }
                    }
                }
            }
            if !full {
                break;
            }
        }
        self.report.patients = patients.len() as u64;
        self.report.kinds = counters.kinds;
        self.report.quarantined = counters.quarantined;
        Ok(())
    }

    /// The documents of a file as they are now; none if one must be read again.
    fn settle_parts(
        &mut self,
        file: &FileRecord,
        members: &[Member],
        number: Option<u32>,
    ) -> Result<Option<Vec<FileOutcome>>, Error> {
        let by_part: BTreeMap<Part, &Member> = members.iter().map(|m| (m.part, m)).collect();
        let mut outcomes = Vec::new();
        let mut changes = Vec::new();
        for mut record in self.known_parts(&file.location)? {
            let member = record.location.part.and_then(|part| by_part.get(&part));
            if let (Some(member), Some(number)) = (member, number) {
                let standing = self.versions.standing(member, number);
                match (&mut record.outcome, standing) {
                    (FileOutcome::Document(entry), Standing::Answered(status))
                        if entry.status != status =>
                    {
                        entry.status = status;
                        changes.push(Change::Put(record.clone()));
                    }
                    (FileOutcome::Document(entry), Standing::Deleted) => {
                        let data_kind = entry.kind.data_kind.clone();
                        record.outcome = FileOutcome::Deleted { data_kind };
                        changes.push(Change::Put(record.clone()));
                    }
                    (FileOutcome::Deleted { .. }, Standing::Answered(_)) => return Ok(None),
                    _ => {}
                }
            }
            outcomes.push(record.outcome);
        }
        for change in changes {
            self.change(change)?;
        }
        Ok(Some(outcomes))
    }

    fn known_parts(&self, file: &SourceLocation) -> Result<Vec<FileRecord>, Error> {
        let mut known: Vec<FileRecord> = Vec::new();
        loop {
            let after = known.last().and_then(|record| record.location.part);
            let page = self.index.parts(file, after, PAGE_ENTRIES_MAX)?;
            let full = page.len() == PAGE_ENTRIES_MAX;
            known.extend(page);
            if !full {
                return Ok(known);
            }
        }
    }

    /// Forgets a file's own record and those of its parts that are not among `kept`.
    pub(super) fn forget_parts(
        &mut self,
        location: &SourceLocation,
        known: Option<&FileRecord>,
        kept: &BTreeSet<Part>,
    ) -> Result<(), Error> {
        if known.is_some() {
            self.change(Change::Forget(location.clone()))?;
        }
        // Even of a file that is not known there may be parts: of one that was cut off.
        for record in self.known_parts(location)? {
            if record
                .location
                .part
                .is_some_and(|part| !kept.contains(&part))
            {
                self.change(Change::Forget(record.location))?;
            }
        }
        Ok(())
    }
}
