//! What can go wrong with the index.

use std::path::PathBuf;

/// A failure of the index or a value it refuses. Displays never name a patient.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A local patient id is empty, too long or holds other than printable ASCII. The value is withheld.
    #[error("local patient id of {bytes} bytes must be 1 to {max} printable ASCII characters")]
    LocalPatientId {
        /// Bytes given.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// A unique id is not of the form `urn:uuid:` with 32 hexadecimal digits.
    #[error("unique id {0:?} must be urn:uuid: and a lower-case uuid")]
    UniqueId(String),
    /// A source id breaks its rule.
    #[error("source id {0:?} must be 1 to 64 characters of a-z, 0-9, '-', '_' and '.'")]
    SourceId(String),
    /// A source path is empty, too long or holds a NUL. The value is withheld: it may name a patient.
    #[error("source path of {bytes} bytes must be 1 to {max} bytes without NUL")]
    SourcePath {
        /// Bytes given.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// A part of a file is empty, ends nowhere, or overlaps the head it is shown with.
    #[error("{0:?} is not a part of a file")]
    Part(crate::Part),
    /// More elements than a named bound allows.
    #[error("{what} holds {got}, at most {max} are allowed")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// How many there were.
        got: usize,
        /// The bound.
        max: usize,
    },
    /// The index was written by another version; it must be rebuilt from the sources.
    #[error("document index at {} has format {found}, this version reads {supported}; rebuild it from the sources", path.display())]
    Format {
        /// Where the index is.
        path: PathBuf,
        /// The format found.
        found: u8,
        /// The format this version reads.
        supported: u8,
    },
    /// Another process holds the index.
    #[error("document index at {} is in use by another process", path.display())]
    InUse {
        /// Where the index is.
        path: PathBuf,
    },
    /// The index cannot be opened; it must be rebuilt from the sources.
    #[error("document index at {} cannot be opened; rebuild it from the sources", path.display())]
    Unopenable {
        /// Where the index is.
        path: PathBuf,
        /// Why.
        #[source]
        source: sled::Error,
    },
    /// The folder is not an index, so it is not moved aside.
    #[error("{} is not a document index; it is left as it is", path.display())]
    NotAnIndex {
        /// The folder.
        path: PathBuf,
    },
    /// Moving an index aside failed.
    #[error("document index at {} cannot be moved aside", path.display())]
    MoveAside {
        /// Where the index is.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The index cannot be written anew beside itself, or the new one cannot take its place.
    #[error("document index at {} cannot be written anew", path.display())]
    Replace {
        /// Where the index is.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Nothing was built beside the index, so nothing can take its place.
    #[error("no document index was built beside this one")]
    NothingBeside,
    /// A setting of an index or a store of contents cannot be used.
    #[error("{key} {what}")]
    Setting {
        /// Which.
        key: &'static str,
        /// Why.
        what: String,
    },
    /// The index belongs to another node.
    #[error(
        "the document index belongs to node {owner}; give this node a database of its own, or drop the tables sekisho_index and sekisho_file if that node is no more"
    )]
    Owned {
        /// That node.
        owner: String,
    },
    /// Another process opened the index since; this one's writes count no more.
    #[error("another process has opened this node's document index since; only one may use it")]
    TakenOver,
    /// A later version of this program made the index's tables.
    #[error(
        "the document index's tables have version {found}, this program knows up to {supported}; use the later one"
    )]
    Schema {
        /// The version found.
        found: i16,
        /// The latest version known.
        supported: i16,
    },
    /// The database server cannot be reached, or went away.
    #[error("PostgreSQL at {server} cannot be reached: {reason}")]
    Unreachable {
        /// Host, port and database.
        server: String,
        /// Why.
        reason: String,
    },
    /// The database server does not answer in time, or its connections are all in use.
    #[error("PostgreSQL at {server} did not answer within {seconds} s")]
    Slow {
        /// Host, port and database.
        server: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The database server refuses. Neither its message nor its code quotes a row.
    #[error("PostgreSQL at {server} refuses ({code}): {message}")]
    Database {
        /// Host, port and database.
        server: String,
        /// SQLSTATE.
        code: String,
        /// What it says.
        message: String,
    },
    /// A document's contents cannot be stored, so its entry is not applied.
    #[error("a document's contents cannot be stored")]
    Unstored(#[source] Box<crate::ContentsError>),
    /// The system gives an adapter no threads or no randomness.
    #[error("the document index's threads cannot be started")]
    Threads(#[source] std::io::Error),
    /// The index could not be opened again after it was written anew.
    #[error("the document index is closed; restart the node")]
    Closed,
    /// The store failed while reading or writing.
    #[error("document index storage failed")]
    Storage(#[from] sled::Error),
    /// A stored value cannot be read; the index must be rebuilt from the sources.
    #[error("document index holds an unreadable {what}; rebuild it from the sources")]
    Corrupt {
        /// What kind of value.
        what: &'static str,
    },
    /// A value cannot be written in the stored form.
    #[error("a document index value cannot be encoded")]
    Encode(#[source] postcard::Error),
}
