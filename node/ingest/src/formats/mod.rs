//! Sources other than SS-MIX2: a folder of files of one format, of one facility.
//!
//! ```text
//! file ──read──▶ documents, each a part of it: its place, its patient, its facts | why it is refused
//! ```
//! A reader is a function of a file's bytes. What it makes of a whole file it makes of each document alone, too (a part
//! is again a file of the format, with one document): so the guard at release is the same reader, run over exactly the
//! bytes that leave.
//!
//! - `fhir`: HL7 FHIR documents and JP-CLINS collections; `cda`: HL7 CDA R2; `pdf`: PDF with a sidecar
//! - `nsips`, `uke`, `table` (CSV with a mapping file): CP932 text whose files hold several patients

pub(crate) mod cda;
mod cda_patient;
#[cfg(test)]
mod corpus_test;
#[cfg(test)]
mod divided_test;
pub(crate) mod entry;
pub(crate) mod fhir;
mod fhir_patient;
pub(crate) mod json;
pub(crate) mod lines;
mod mapping;
pub(crate) mod markup;
mod nsips;
mod pdf;
mod said;
#[cfg(test)]
pub(crate) mod samples_test;
mod scan;
mod series;
mod source;
pub(crate) mod table;
mod uke;

use sekisho_documents::{Code, LocalPatientId, Part, QuarantineReason, Title};
use sekisho_domain::{Category, FacilityId, TimeMs};

pub use mapping::{MAPPING_BYTES_MAX, Mapping, MappingError};
pub use source::{FolderSource, Format, Whose};

use crate::name::Refusal;

/// Most documents in one file: a large hospital's claims of a month.
pub(crate) const PARTS_MAX: usize = 50_000;

/// Largest file that holds many patients' documents, in bytes: such a month of claims is some tens of megabytes.
pub(crate) const DIVIDED_BYTES_MAX: u64 = 128 << 20;

/// Whose files are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The facility.
    pub facility: &'a FacilityId,
    /// Where the facility's patients' numbers are told by a system of their own: that system.
    pub patient_system: Option<&'a str>,
    /// Whether the bytes are one document's, taken out of its file.
    pub is_part: bool,
}

/// One document found in a file.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Where in the file.
    pub part: Part,
    /// What it is, or why it is kept from answers.
    pub read: Result<Facts, Refusal>,
}

impl Found {
    /// A file that is one document.
    pub fn whole(bytes: &[u8], facts: Facts) -> Vec<Self> {
        vec![Self {
            part: whole(bytes),
            read: Ok(facts),
        }]
    }
}

/// All of a file.
pub(crate) fn whole(bytes: &[u8]) -> Part {
    Part {
        offset_bytes: 0,
        size_bytes: bytes.len() as u64,
        head_bytes: 0,
    }
}

/// What a reader says of a document.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub patient: LocalPatientId,
    pub category: Category,
    /// The kind in reports.
    pub data_kind: &'static str,
    pub type_code: Code,
    pub format_code: Code,
    pub mime_type: &'static str,
    pub title: Title,
    pub creation: TimeMs,
    pub service_start: TimeMs,
    pub service_stop: TimeMs,
    pub practice_setting: Option<Code>,
    pub confidentiality: Confidentiality,
    /// What it is a version of, within its patient and kind.
    pub series: String,
    /// Which version: the greatest is in force.
    pub version: u64,
    /// Whether it only says that the thing no longer is.
    pub ends: bool,
}

/// HL7 v3 Confidentiality, as far as sources state it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confidentiality {
    Normal,
    Restricted,
    VeryRestricted,
}

impl Confidentiality {
    /// That of a code; what is not known is not taken for harmless.
    pub fn of(code: &str) -> Self {
        match code {
            "" | "N" | "L" | "M" | "U" => Self::Normal,
            "V" => Self::VeryRestricted,
            _ => Self::Restricted,
        }
    }
}

/// A refusal that names no patient.
pub(crate) fn refused(reason: QuarantineReason) -> Refusal {
    Refusal {
        reason,
        patients: Default::default(),
    }
}
