//! How the node is, in numbers, for its operator.

use crate::NodeError;
use crate::blocking::blocking;
use crate::node::Inner;
use sekisho_documents::{Counters, SourceId};
use sekisho_ingest::follow::Sight;
use std::sync::Arc;

/// How a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether every source has been read, so that documents are answered.
    pub ready: bool,
    /// Releases and receipts the ledger does not have yet.
    pub outbox: u64,
    /// What the document index holds.
    pub documents: Counters,
    /// Each configured source.
    pub sources: Vec<SourceHealth>,
}

/// How a source is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceHealth {
    /// Which.
    pub id: SourceId,
    /// How its changes are heard of; none where it is not followed.
    pub sight: Option<Sight>,
}

/// Counts only; nothing of anybody's.
pub(super) async fn health(inner: &Arc<Inner>) -> Result<Health, NodeError> {
    let task = Arc::clone(inner);
    let (outbox, documents) =
        blocking(move || Ok((task.store.pending_total()?, task.index.counters()?))).await?;
    let mut sights = inner.following.sights();
    let sources = inner.sources.iter().map(|source| SourceHealth {
        id: source.id().clone(),
        sight: sights.remove(source.id()),
    });
    Ok(Health {
        ready: inner.readiness.is_ready(),
        outbox,
        documents,
        sources: sources.collect(),
    })
}
