//! What can go wrong with a store of contents.

/// Why a store did not do what it was asked. Displays name neither patient nor secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or broke off.
    #[error("the object store at {store} failed: {reason}")]
    Failed {
        /// Endpoint and bucket.
        store: String,
        /// Why.
        reason: String,
    },
    /// It does not answer in time.
    #[error("the object store at {store} did not answer within {seconds} s")]
    Slow {
        /// Endpoint and bucket.
        store: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The bucket is not there, or the credentials do not allow it.
    #[error("the object store at {store} refuses: {reason}")]
    Refused {
        /// Endpoint and bucket.
        store: String,
        /// Why.
        reason: String,
    },
    /// There is no such object.
    #[error("the object store at {store} does not have it")]
    Missing {
        /// Endpoint and bucket.
        store: String,
    },
    /// The object is another than it was, or of another size.
    #[error("the object store at {store} has another object in its place")]
    Replaced {
        /// Endpoint and bucket.
        store: String,
    },
}

impl StoreError {
    /// As a failure to read, whose kind says what the document is: gone, another one, or not known.
    pub(super) fn into_io(self) -> std::io::Error {
        use std::io::ErrorKind;
        let kind = match &self {
            Self::Missing { .. } => ErrorKind::NotFound,
            Self::Replaced { .. } => ErrorKind::UnexpectedEof,
            Self::Slow { .. } => ErrorKind::TimedOut,
            Self::Failed { .. } | Self::Refused { .. } => ErrorKind::Other,
        };
        std::io::Error::new(kind, self)
    }
}
