//! Why a benchmark has no result.

use sekisho_ledger::store::StateRead;
use sekisho_ledger::{CoreError, ProofError};
use sekisho_replica::ReplicaError;
use sekisho_transport::TransportError;
use std::error::Error;

/// Why a benchmark has no result.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The ledger's core failed.
    #[error("the ledger's core failed")]
    Core(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is measured does not do what it should, so its speed means nothing.
    #[error("{what}: expected {expected}, got {got}")]
    Wrong {
        /// Which part.
        what: &'static str,
        /// What it should come to.
        expected: String,
        /// What it came to.
        got: String,
    },
    /// A name the benchmark makes itself is not one.
    #[error("an invented name is not one")]
    Name(#[from] sekisho_domain::DomainError),
    /// A key or signature the benchmark makes itself is not one.
    #[error("an invented key is not one")]
    Key(#[from] ProofError),
    /// A file, socket or thread.
    #[error("the system refused {what}")]
    System {
        /// What was asked of it.
        what: &'static str,
        /// Its answer.
        #[source]
        source: std::io::Error,
    },
    /// A replica failed.
    #[error("a replica failed")]
    Replica(#[from] ReplicaError),
    /// Transport security could not be set up.
    #[error("transport security could not be set up")]
    Transport(#[from] TransportError),
    /// A replica refused a request.
    #[error("a replica answered {code:?}: {message}")]
    Refused {
        /// gRPC's code.
        code: tonic::Code,
        /// Its sentence.
        message: String,
    },
    /// Filling a replica's store.
    #[error("the store could not be filled")]
    Store(#[source] Box<redb::Error>),
    /// What is needed is not on this machine.
    #[error("{what} is not here; get it by: {how}")]
    Absent {
        /// What is needed.
        what: &'static str,
        /// How to get it.
        how: &'static str,
    },
    /// Checking a replica's files, or carrying them over.
    #[error("a ledger's files could not be carried over")]
    Archive(#[from] sekisho_replica::offline::ArchiveError),
    /// A node did not start or stop.
    #[error("a node failed")]
    Node(#[from] sekisho_node::NodeError),
    /// A node's own store.
    #[error("a node's store failed")]
    NodeStore(#[from] sekisho_node::StoreError),
    /// An index of documents, or a value it refuses.
    #[error("an index of documents failed")]
    Documents(#[from] sekisho_documents::Error),
    /// The machine is too busy for a measurement within the bound.
    #[error("{what} took longer than {max_s} s")]
    TooSlow {
        /// What did.
        what: &'static str,
        /// The bound.
        max_s: u64,
    },
}

impl BenchError {
    pub(crate) fn core<S: StateRead>(error: CoreError<S::Error>) -> Self {
        Self::Core(Box::new(error))
    }

    pub(crate) fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::System { what, source }
    }

    /// Its sentence and those of its causes.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }

    pub(crate) fn store(error: impl Into<redb::Error>) -> Self {
        Self::Store(Box::new(error.into()))
    }
}

impl From<tonic::Status> for BenchError {
    fn from(status: tonic::Status) -> Self {
        Self::Refused {
            code: status.code(),
            message: status.message().to_owned(),
        }
    }
}
