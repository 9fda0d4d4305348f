//! What a node does, told to whoever counts it: networks, outcomes and bytes, never a patient or a document.

use crate::ingestion::IngestReport;
use sekisho_domain::{NetworkId, NetworkOutcome};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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
pub(crate) struct Observer {
    told: OnceLock<Arc<dyn Observe>>,
    /// The last reading that ended before there was an observer.
    early: Mutex<Option<IngestReport>>,
}

impl Observer {
    pub fn set(&self, observer: Arc<dyn Observe>) {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        // The first one stays.
        if self.told.set(Arc::clone(&observer)).is_ok()
            && let Some(report) = early.take()
        {
            observer.ingested(&report);
        }
    }

    /// Tells of a reading, once there is somebody to tell.
    pub fn ingested(&self, report: &IngestReport) {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        match self.told.get() {
            Some(observer) => observer.ingested(report),
            None => *early = Some(report.clone()),
        }
    }

    /// Tells the observer, if there is one.
    pub fn tell(&self, what: impl FnOnce(&dyn Observe)) {
        if let Some(observer) = self.told.get() {
            what(observer.as_ref());
        }
    }
}
