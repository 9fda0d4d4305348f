//! What a node does, told to whoever counts it: networks, outcomes and bytes, never a patient or a document.

use crate::ingestion::IngestReport;
use sekisho_domain::{NetworkId, NetworkOutcome};
use std::sync::{Arc, OnceLock};

/// Told what happens; called in the work's own task, so it must not wait.
pub trait Observe: Send + Sync {
    /// This node gave its signed word to a network that asked.
    fn answered(&self, asking: &NetworkId, outcome: &NetworkOutcome);
    /// Bytes of a document's content left for a network.
    fn sent(&self, to: &NetworkId, bytes: usize);
    /// Bytes of a document's content came from a network, verified, and are handed over.
    fn received(&self, from: &NetworkId, bytes: usize);
    /// The sources were read.
    fn ingested(&self, report: &IngestReport);
}

/// At most one observer, given after the start.
#[derive(Default)]
pub(crate) struct Observer(OnceLock<Arc<dyn Observe>>);

impl Observer {
    pub fn set(&self, observer: Arc<dyn Observe>) {
        // The first one stays.
        let _ = self.0.set(observer);
    }

    /// Tells the observer, if there is one.
    pub fn tell(&self, what: impl FnOnce(&dyn Observe)) {
        if let Some(observer) = self.0.get() {
            what(observer.as_ref());
        }
    }
}
