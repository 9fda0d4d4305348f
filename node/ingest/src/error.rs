//! What stops an ingest. A file that cannot be used does not: it is quarantined.

use sekisho_documents::SourceId;

/// A failure of the storage as a whole or of the index.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The storage's root is not there or cannot be listed. Nothing is forgotten: a volume may not be mounted.
    #[error("root of source {source_id} cannot be listed; is the volume mounted?")]
    Root {
        /// The source.
        source_id: SourceId,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A PACS cannot be asked. Nothing is forgotten.
    #[error("source {source_id} cannot be read: {reason}")]
    Pacs {
        /// The source.
        source_id: SourceId,
        /// Which PACS, and what it does.
        reason: String,
    },
    /// A folder holds more documents than are kept in order at a time.
    #[error("source {source_id} holds more than {max} documents; divide it into several sources")]
    TooManyDocuments {
        /// The source.
        source_id: SourceId,
        /// The bound.
        max: usize,
    },
    /// The index failed.
    #[error("the document index failed during ingest")]
    Index(#[from] sekisho_documents::Error),
}
