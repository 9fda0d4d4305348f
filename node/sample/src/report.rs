//! What was written: counts, the truth table that says which local ids are one person, and the files
//! that are broken on purpose.

use crate::SampleError;
use crate::day::Day;
use crate::defect::DefectKind;
use crate::population::ErrorClass;
use crate::vendor::Vendor;
use sekisho_domain::FacilityId;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A person's sex as PID-8 has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Sex {
    /// Male.
    M,
    /// Female.
    F,
}

/// One person at one facility.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Appearance {
    /// The facility.
    pub facility: FacilityId,
    /// The patient id there.
    pub local_id: String,
    /// For a traveller: paths, relative to the facility's root, of the documents that are promised
    /// to be there, valid and undamaged (ADT-00, PPR-01, OMP-01, OML-11).
    pub promised: Vec<String>,
    /// In what the chart differs from the person's others, for people of a population.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorClass>,
}

/// One invented person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PersonTruth {
    /// Number of the person, from 0; travellers come first, in the order of the specification.
    pub person: u32,
    /// Whether the person is one of the specification's travellers.
    pub traveller: bool,
    /// Family and given name in kanji, as on the person's own papers.
    pub name: (String, String),
    /// Family and given name in full-width katakana.
    pub kana: (String, String),
    /// Day of birth.
    pub birth_day: Day,
    /// Sex.
    pub sex: Sex,
    /// Where the person is a patient.
    pub at: Vec<Appearance>,
}

/// A file that a reader must not answer from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrokenFile {
    /// Whose storage.
    pub facility: FacilityId,
    /// The file, relative to the root, with `/` between parts.
    pub path: String,
    /// What is wrong with it.
    pub defect: DefectKind,
}

/// Files of one data kind by condition flag, broken ones excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct KindCount {
    /// Flag 1.
    pub valid: u64,
    /// Flag 2.
    pub superseded: u64,
    /// Flag 0.
    pub deleted: u64,
}

/// What one facility's storage holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FacilityReport {
    /// The facility.
    pub id: FacilityId,
    /// Its name, as written into its messages.
    pub name: String,
    /// The maker of its system.
    pub vendor: Vendor,
    /// Patients.
    pub patients: u32,
    /// All files, broken ones included.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Per data kind, broken files excluded.
    pub kinds: BTreeMap<&'static str, KindCount>,
    /// Documents entered on a later day than they are for.
    pub late: u64,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SampleReport {
    /// The seed.
    pub seed: u64,
    /// The storages' last day.
    pub last_day: Day,
    /// The facilities, in the order of the specification.
    pub facilities: Vec<FacilityReport>,
    /// Every person, travellers first.
    pub persons: Vec<PersonTruth>,
    /// Every file that is broken on purpose.
    pub broken: Vec<BrokenFile>,
}

impl SampleReport {
    /// The travellers, in the order of the specification.
    pub fn travellers(&self) -> impl Iterator<Item = &PersonTruth> {
        self.persons.iter().filter(|p| p.traveller)
    }

    /// All files of all facilities.
    pub fn files(&self) -> u64 {
        self.facilities.iter().map(|f| f.files).sum()
    }

    /// Writes the report as JSON. Keep it outside the storages' roots: a hospital has no such file.
    ///
    /// # Errors
    /// [`SampleError::Io`] if the file cannot be written.
    pub fn write_truth(&self, path: &Path) -> Result<(), SampleError> {
        let json = serde_json::to_vec_pretty(self).map_err(SampleError::Json)?;
        crate::store::write_whole(path, &json)
    }
}

/// How far the work has come; called once a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Patients written.
    pub patients_done: u64,
    /// Patients to write in all.
    pub patients_total: u64,
    /// Files written.
    pub files: u64,
}
