//! What an ingest did and found, for operators: counts only, no patient.

use sekisho_documents::{QuarantineReason, SourceId, StatusCounts};
use sekisho_domain::FacilityId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The outcome of one ingest of one storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The source.
    pub source_id: SourceId,
    /// Whose storage it is.
    pub facility: FacilityId,
    /// Patients' folders walked.
    pub patients: u64,
    /// Files found.
    pub files: u64,
    /// Of these, unchanged since the last ingest and not read again.
    pub unchanged: u64,
    /// Of these, new or changed.
    pub changed: u64,
    /// Of these, no part of a storage (transaction files, hidden files) and left alone.
    pub ignored: u64,
    /// Times a file was renamed or removed between listing and opening; its folder was listed again.
    pub vanished: u64,
    /// Files known from the last ingest that are gone.
    pub forgotten: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Time taken, in milliseconds.
    pub duration_ms: u64,
    /// Documents in the storage now, by data kind.
    pub kinds: BTreeMap<String, StatusCounts>,
    /// Files and folders in the storage now that are kept from answers, by reason.
    pub quarantined: BTreeMap<QuarantineReason, u64>,
    /// Deviations from the specification met in the files read, by their code.
    #[serde(default)]
    pub quirks: BTreeMap<String, u64>,
}

impl Report {
    /// Of a source of which nothing has been read.
    pub fn new(source_id: &SourceId, facility: &FacilityId) -> Self {
        Self {
            source_id: source_id.clone(),
            facility: facility.clone(),
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
            quirks: BTreeMap::new(),
        }
    }

    /// Documents that can be answered.
    pub fn documents(&self) -> u64 {
        self.kinds.values().map(|c| c.approved + c.deprecated).sum()
    }
    /// Files and folders kept from answers.
    pub fn quarantined_total(&self) -> u64 {
        self.quarantined.values().sum()
    }
}

/// How far an ingest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// A folder of files was listed; they are read next.
    Listed {
        /// Files in it.
        files: usize,
    },
    /// A patient's folder is done.
    Patient {
        /// Patients done so far.
        patients: u64,
        /// Files found so far.
        files: u64,
        /// Of these, kept from answers.
        quarantined: u64,
    },
}
