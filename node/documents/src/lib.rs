//! What a node knows about its network's documents, and how it opens one.
//!
//! - [`DocumentEntry`]: the XDS DocumentEntry attributes of one document (IHE ITI TF-3 §4.2.3.2).
//! - [`DocumentIndex`]: where entries are found by patient; [`SledIndex`] on disk, [`MemoryIndex`] in memory,
//!   both held to one contract suite. An index holds only what can be rebuilt from the source files.
//! - [`PostgresIndex`]: the same on PostgreSQL; [`ObjectContents`]: contents in an S3-compatible store;
//!   [`migrate`]: from one to the other.
//! - [`Contents`]: opens a document's bytes for release, only if they are the bytes that were indexed; [`Opened`]
//!   streams them.
//!
//! Reading the sources is left to `sekisho-ingest`; whether a document may leave, to the node and the ledger.
//! Promises kept here: P10 (contents stay in the source files, the index holds metadata) and P12 (every
//! list, page and file has a named bound).
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

#[cfg(test)]
mod agreement_test;
mod applied;
mod background;
mod common;
mod contents;
#[cfg(test)]
mod contract_test;
mod digest;
mod entry;
mod error;
mod index;
mod layout;
mod memory;
pub mod migrate;
mod opened;
mod packed;
mod postgres;
#[cfg(test)]
mod private_postgres;
#[cfg(test)]
mod private_s3;
#[cfg(test)]
mod private_tls;
mod quarantine;
mod record;
mod row;
mod sled_index;
mod source;
mod store;
mod tls;

pub use contents::{Contents, ContentsError, DOCUMENT_BYTES_MAX, FILE_BYTES_MAX};
pub use digest::{Digesting, Digests, PIECE_BYTES, PieceHashes};
pub use entry::{
    Availability, Code, DocumentEntry, DocumentKind, IndexKey, LOCAL_PATIENT_ID_BYTES_MAX,
    LocalPatientId, Title, UniqueId,
};
pub use error::Error;
pub use index::{
    Cursor, DocumentIndex, PAGE_ENTRIES_MAX, PATIENTS_MAX, Page, Patient, Query, Statuses,
};
pub use layout::FORMAT_VERSION;
pub use memory::MemoryIndex;
pub use opened::{Checked, Opened, Pieces};
pub use postgres::{POSTGRES_CONNECTIONS_MAX, POSTGRES_SCHEMA, PostgresIndex, PostgresSettings};
pub use quarantine::{OperatorText, QuarantineReason, Quarantined, SeenPatients};
pub use record::{
    BATCH_CHANGES_MAX, Change, Counters, FileOutcome, FileRecord, Fingerprint, Member, StatusCounts,
};
pub use sled_index::{CACHE_BYTES, SledIndex};
pub use source::{HEAD_BYTES_MAX, Part, SOURCE_PATH_BYTES_MAX, SourceId, SourceLocation};
pub use store::{Keeping, ObjectContents, StoreError, StoreSettings, Swept};
pub use tls::tls_client;
