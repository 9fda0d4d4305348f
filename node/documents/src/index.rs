//! The index of one node's documents, as everything else sees it.

use crate::{
    Availability, Change, Counters, DocumentEntry, Error, FileRecord, LocalPatientId, Part,
    Quarantined, SourceId, SourceLocation, UniqueId,
};
use sekisho_domain::{Category, Codes, FacilityId, TimeMs};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most entries in one page: an answer is streamed, nobody needs more at a time.
pub const PAGE_ENTRIES_MAX: usize = 1000;
/// Most (facility, local id) pairs of one person in a query: people have charts at tens of facilities, not hundreds.
pub const PATIENTS_MAX: usize = 256;

/// A chart: a patient of one facility.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Patient {
    /// The facility.
    pub facility: FacilityId,
    /// The patient's id there.
    pub local_patient_id: LocalPatientId,
}

/// Which availability to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statuses {
    /// Only documents in force.
    #[default]
    Approved,
    /// Superseded ones too.
    ApprovedAndDeprecated,
}

/// Which documents are asked for. A filter that is `None` lets everything pass; one that is an empty set, nothing.
#[derive(Debug, Clone)]
pub struct Query {
    /// Whose documents: the person's charts, at most [`PATIENTS_MAX`].
    pub patients: Vec<Patient>,
    /// Only these categories.
    pub categories: Option<Codes<Category>>,
    /// Only these facilities.
    pub facilities: Option<BTreeSet<FacilityId>>,
    /// Only documents whose service had not ended before this instant.
    pub service_from: Option<TimeMs>,
    /// Only documents whose service started before this instant.
    pub service_until: Option<TimeMs>,
    /// Which availability.
    pub statuses: Statuses,
    /// Entries wanted, at most [`PAGE_ENTRIES_MAX`].
    pub limit: usize,
    /// Continue behind this position.
    pub after: Option<Cursor>,
}

impl Query {
    /// Every document in force of one chart, first page.
    pub fn of(patient: Patient) -> Self {
        Self {
            patients: vec![patient],
            categories: None,
            facilities: None,
            service_from: None,
            service_until: None,
            statuses: Statuses::default(),
            limit: PAGE_ENTRIES_MAX,
            after: None,
        }
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        if self.patients.len() > PATIENTS_MAX {
            return Err(Error::TooMany {
                what: "patients",
                got: self.patients.len(),
                max: PATIENTS_MAX,
            });
        }
        if self.limit > PAGE_ENTRIES_MAX {
            return Err(Error::TooMany {
                what: "page",
                got: self.limit,
                max: PAGE_ENTRIES_MAX,
            });
        }
        Ok(())
    }

    /// The charts to look into, each once.
    pub(crate) fn charts(&self) -> BTreeSet<&Patient> {
        let wanted = |p: &&Patient| {
            self.facilities
                .as_ref()
                .is_none_or(|f| f.contains(&p.facility))
        };
        self.patients.iter().filter(wanted).collect()
    }

    pub(crate) fn matches(&self, entry: &DocumentEntry) -> bool {
        self.categories
            .as_ref()
            .is_none_or(|c| c.contains(&entry.kind.category))
            && self
                .service_from
                .is_none_or(|from| from <= entry.service_stop)
            && self
                .service_until
                .is_none_or(|until| entry.service_start < until)
            && (self.statuses == Statuses::ApprovedAndDeprecated
                || entry.status == Availability::Approved)
    }
}

/// A place in the order of answers: newest service start first, then by unique id. It stays valid while
/// documents come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Service start of the last entry seen.
    pub service_start: TimeMs,
    /// Its unique id.
    pub unique_id: UniqueId,
}

impl Cursor {
    /// The place of an entry.
    pub fn of(entry: &DocumentEntry) -> Self {
        Self {
            service_start: entry.service_start,
            unique_id: entry.unique_id,
        }
    }
    /// Sorts as answers are ordered.
    pub(crate) fn rank(&self) -> (std::cmp::Reverse<TimeMs>, UniqueId) {
        (std::cmp::Reverse(self.service_start), self.unique_id)
    }
}

/// One page of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The entries, newest service start first, each unique id once.
    pub entries: Vec<DocumentEntry>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<Cursor>,
}

impl Page {
    /// Sorts what was found and cuts it to the limit.
    pub(crate) fn cut(mut found: Vec<DocumentEntry>, limit: usize) -> Self {
        found.sort_by_key(|e| Cursor::of(e).rank());
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(Cursor::of);
        Self {
            entries: found,
            next,
        }
    }
}

/// Of two files with one unique id (a copy under another flag or root) the one that counts: the one further in
/// its life cycle, then the first by location. A stale copy must not bring a superseded document back.
pub(crate) fn counts_over(a: &DocumentEntry, b: &DocumentEntry) -> bool {
    (std::cmp::Reverse(a.status), &a.location) < (std::cmp::Reverse(b.status), &b.location)
}

/// Where document entries are kept and found. It holds only what can be rebuilt from the sources, and answers
/// no document that is deleted or quarantined.
pub trait DocumentIndex: Send + Sync {
    /// Applies changes in order; readers see all of them or none.
    ///
    /// # Errors
    /// [`Error::TooMany`] above [`crate::BATCH_CHANGES_MAX`] changes; a storage error, with nothing applied.
    fn apply(&self, changes: &[Change]) -> Result<(), Error>;

    /// One page of a person's documents.
    ///
    /// # Errors
    /// [`Error::TooMany`] for a query beyond its bounds, or a storage error.
    fn find(&self, query: &Query) -> Result<Page, Error>;

    /// The document of a unique id.
    ///
    /// # Errors
    /// A storage error.
    fn get(&self, unique_id: &UniqueId) -> Result<Option<DocumentEntry>, Error>;

    /// Up to `limit` (at most [`PAGE_ENTRIES_MAX`]) quarantined files behind `after`, by source and path.
    ///
    /// # Errors
    /// [`Error::TooMany`] or a storage error.
    fn quarantined(
        &self,
        after: Option<&SourceLocation>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, Error>;

    /// Up to `limit` (at most [`PAGE_ENTRIES_MAX`]) files of a source whose path starts with `prefix` and is
    /// greater than `after`, by path. Files as such, not their parts.
    ///
    /// # Errors
    /// [`Error::TooMany`] or a storage error.
    fn files(
        &self,
        source_id: &SourceId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error>;

    /// Up to `limit` (at most [`PAGE_ENTRIES_MAX`]) files and parts of all sources behind `after`, in the order of their
    /// locations: all there is in the index, page by page.
    ///
    /// # Errors
    /// [`Error::TooMany`] or a storage error.
    fn records(
        &self,
        after: Option<&SourceLocation>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error>;

    /// Up to `limit` (at most [`PAGE_ENTRIES_MAX`]) parts of a file behind `after`, by place in the file.
    ///
    /// # Errors
    /// [`Error::TooMany`] or a storage error.
    fn parts(
        &self,
        file: &SourceLocation,
        after: Option<Part>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error>;

    /// How many files are known, per kind and per reason. A file that holds several documents counts as these.
    ///
    /// # Errors
    /// A storage error.
    fn counters(&self) -> Result<Counters, Error>;

    /// Empties the index.
    ///
    /// # Errors
    /// A storage error.
    fn clear(&self) -> Result<(), Error>;

    /// The index that is being built beside this one, of which nobody is answered anything: empty, or what a building
    /// that was cut off left in it. One at a time.
    ///
    /// # Errors
    /// A storage error.
    fn beside(&self) -> Result<Box<dyn DocumentIndex>, Error>;

    /// What was built beside takes the place of this index, in one step: readers see the one or the other, whatever is
    /// cut off. The other handle is dropped before.
    ///
    /// # Errors
    /// A storage error, nothing was built, or its handle is still held; the index then holds what it held, or must be
    /// opened again.
    fn take_beside(&self) -> Result<(), Error>;

    /// Writes the index anew, so that nothing of what it no longer holds is left in its files (P11); what was being
    /// built beside is given up. Readers go on meanwhile or wait; what was applied is durable afterwards.
    ///
    /// # Errors
    /// A storage error; the index then holds what it held, or must be opened again.
    fn compact(&self) -> Result<(), Error>;

    /// Makes everything applied so far durable.
    ///
    /// # Errors
    /// A storage error.
    fn flush(&self) -> Result<(), Error>;
}

/// A shared index is the index.
impl<T: DocumentIndex + ?Sized> DocumentIndex for Arc<T> {
    fn apply(&self, changes: &[Change]) -> Result<(), Error> {
        (**self).apply(changes)
    }
    fn find(&self, query: &Query) -> Result<Page, Error> {
        (**self).find(query)
    }
    fn get(&self, unique_id: &UniqueId) -> Result<Option<DocumentEntry>, Error> {
        (**self).get(unique_id)
    }
    fn quarantined(
        &self,
        after: Option<&SourceLocation>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, Error> {
        (**self).quarantined(after, limit)
    }
    fn files(
        &self,
        source_id: &SourceId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        (**self).files(source_id, prefix, after, limit)
    }
    fn records(
        &self,
        after: Option<&SourceLocation>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        (**self).records(after, limit)
    }
    fn parts(
        &self,
        file: &SourceLocation,
        after: Option<Part>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        (**self).parts(file, after, limit)
    }
    fn counters(&self) -> Result<Counters, Error> {
        (**self).counters()
    }
    fn clear(&self) -> Result<(), Error> {
        (**self).clear()
    }
    fn beside(&self) -> Result<Box<dyn DocumentIndex>, Error> {
        (**self).beside()
    }
    fn take_beside(&self) -> Result<(), Error> {
        (**self).take_beside()
    }
    fn compact(&self) -> Result<(), Error> {
        (**self).compact()
    }
    fn flush(&self) -> Result<(), Error> {
        (**self).flush()
    }
}

pub(crate) fn check_limit(limit: usize) -> Result<(), Error> {
    if limit > PAGE_ENTRIES_MAX {
        return Err(Error::TooMany {
            what: "page",
            got: limit,
            max: PAGE_ENTRIES_MAX,
        });
    }
    Ok(())
}

pub(crate) fn check_batch(changes: &[Change]) -> Result<(), Error> {
    if changes.len() > crate::BATCH_CHANGES_MAX {
        return Err(Error::TooMany {
            what: "batch",
            got: changes.len(),
            max: crate::BATCH_CHANGES_MAX,
        });
    }
    Ok(())
}
