//! Readers of hospitals' real stores: SS-MIX2 standardised and extended storage to document entries.
//!
//! - [`Source`] is what every source of documents is: read again and again, and asked at each release whose a
//!   document's bytes are.
//! - [`ingest`] walks a storage in place and brings a [`sekisho_documents::DocumentIndex`] up to date: incremental,
//!   restartable, safe to run twice. Nothing is copied, nothing in the storage is written (P10).
//! - [`follow`] says where to look again while a storage changes, [`look`] looks there; [`transactions`] reads a storage's
//!   own feed of changes.
//! - [`Quirk`] is the table of deviations storages have.
//! - [`verify_patient`] is the wrong-patient guard on a document's bytes; the node calls it again at release.
//! - [`render`] shows a message's content to people.
//!
//! Sources: JAMI SS-MIX2 specification 1.2, NHO SS-MIX2 support documents, HL7 v2.5. What cannot be trusted is
//! quarantined with a reason, never guessed at: a wrong chart is the worst error there is.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::print_stdout,
        reason = "a test fails by panicking and says what it left out"
    )
)]

#[cfg(test)]
mod contract_test;
mod decode;
mod demographics;
mod dicomweb;
mod error;
mod extended;
#[cfg(test)]
mod extended_test;
#[cfg(test)]
mod fixture_test;
mod folder;
pub mod follow;
mod formats;
mod guard;
#[cfg(test)]
mod hostile_test;
mod ingest;
mod kind;
mod lifecycle;
mod message;
mod name;
mod quirks;
mod read;
mod readable;
mod release;
mod report;
#[cfg(test)]
mod samples_test;
mod source;
mod standardised;
mod storage;
mod time;
pub mod transactions;
pub mod typed;
mod walk;
pub mod xml;

pub use demographics::demographics;
pub use dicomweb::{DicomWebSource, Login, ServiceRoot, Trust};
pub use error::Error;
pub use formats::{FolderSource, Format, MAPPING_BYTES_MAX, Mapping, MappingError, Whose};
pub use guard::{WrongPatient, verify_patient};
pub use ingest::{ingest, ingest_between, look};
pub use kind::{DataKind, ServiceField};
pub use name::{ConditionFlag, StoredName};
pub use quirks::{Quirk, Quirks};
pub use readable::{Item, Language, Readable, Table, render, render_document};
pub use release::{
    is_document_path, names_itself, names_patient_in_path, path_names_patient, verify_cda,
    verify_document,
};
pub use report::{Progress, Report};
pub use sekisho_documents::{QuarantineReason, Quarantined};
pub use source::{Says, Source, Withheld};
pub use storage::{Layout, READER_VERSION, SsMix2Storage};
