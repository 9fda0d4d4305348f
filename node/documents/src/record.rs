//! What an index keeps of each source file, and the changes that are applied to it.

use crate::{Availability, DocumentEntry, Part, QuarantineReason, SeenPatients, SourceLocation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most changes in one batch: small enough that readers wait milliseconds, large enough to write fast.
pub const BATCH_CHANGES_MAX: usize = 512;

/// By which a file is known to be unchanged since it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Size in bytes.
    pub size_bytes: u64,
    /// Modification time, nanoseconds since 1970 (negative before).
    pub modified_ns: i64,
    /// Version of the reader: another reader reads every file again.
    pub reader: u16,
}

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileOutcome {
    /// A document that can be answered.
    Document(Box<DocumentEntry>),
    /// Deleted at its source: never answered, kept so that it is not read again.
    Deleted {
        /// The source's own kind.
        data_kind: String,
    },
    /// Kept from answers.
    Quarantined {
        /// Why.
        reason: QuarantineReason,
        /// The patients it names.
        patients: SeenPatients,
    },
    /// It holds several documents: each is a part of it, with a record of its own. Put after all of them and forgotten
    /// before any of them is changed, so that a file with this record has all its parts in the index.
    Divided {
        /// Its documents, by place; those that are quarantined are not among them.
        members: Vec<Member>,
    },
}

/// What other files of a source need to know of a document in this one: versions of one thing supersede each other
/// wherever they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Where in the file it is.
    pub part: Part,
    /// What it is a version of: a digest that names nobody.
    pub series: [u8; 16],
    /// Which version; the greatest is in force.
    pub version: u64,
    /// Whether it says that the thing no longer is.
    pub ends: bool,
}

/// One source file as the index knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Where it is.
    pub location: SourceLocation,
    /// What it looked like when read.
    pub fingerprint: Fingerprint,
    /// What it was; a document's own location is the record's.
    pub outcome: FileOutcome,
}

/// One change; a batch of them is seen by readers wholly or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The file is this now, whatever it was before.
    Put(FileRecord),
    /// The file is gone.
    Forget(SourceLocation),
}

impl Change {
    /// The file changed.
    pub fn location(&self) -> &SourceLocation {
        match self {
            Self::Put(record) => &record.location,
            Self::Forget(location) => location,
        }
    }
}

/// Files of one kind by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusCounts {
    /// Documents in force.
    pub approved: u64,
    /// Documents superseded.
    pub deprecated: u64,
    /// Deleted at the source.
    pub deleted: u64,
}

/// How many files an index knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Per data kind of the source.
    pub kinds: BTreeMap<String, StatusCounts>,
    /// Per reason of quarantine.
    pub quarantined: BTreeMap<QuarantineReason, u64>,
}

impl Counters {
    /// Documents that can be answered: approved and deprecated.
    pub fn documents(&self) -> u64 {
        self.kinds.values().map(|c| c.approved + c.deprecated).sum()
    }
    /// All files known.
    pub fn files(&self) -> u64 {
        self.documents()
            + self.kinds.values().map(|c| c.deleted).sum::<u64>()
            + self.quarantined.values().sum::<u64>()
    }
    /// Counts a file in.
    pub fn add(&mut self, outcome: &FileOutcome) {
        if let Some(slot) = self.slot(outcome) {
            *slot = slot.saturating_add(1);
        }
    }
    /// Counts a file out, leaving no empty rows.
    pub fn remove(&mut self, outcome: &FileOutcome) {
        if let Some(slot) = self.slot(outcome) {
            *slot = slot.saturating_sub(1);
        }
        self.kinds.retain(|_, c| *c != StatusCounts::default());
        self.quarantined.retain(|_, n| *n > 0);
    }
    fn slot(&mut self, outcome: &FileOutcome) -> Option<&mut u64> {
        Some(match outcome {
            FileOutcome::Divided { .. } => return None,
            FileOutcome::Document(entry) => {
                let counts = self.kinds.entry(entry.kind.data_kind.clone()).or_default();
                match entry.status {
                    Availability::Approved => &mut counts.approved,
                    Availability::Deprecated => &mut counts.deprecated,
                }
            }
            FileOutcome::Deleted { data_kind } => {
                &mut self.kinds.entry(data_kind.clone()).or_default().deleted
            }
            FileOutcome::Quarantined { reason, .. } => self.quarantined.entry(*reason).or_default(),
        })
    }
}
