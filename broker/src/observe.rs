//! What requests came to, told to whoever counts it: networks, outcomes and times, never a patient or a document.

use sekisho_domain::{Action, NetworkId, NetworkOutcome};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Told what happens; called in a request's own task, so it must not wait.
pub trait Observe: Send + Sync {
    /// The ledger decided a request.
    fn decided(&self, took: Duration);
    /// An asked network ended in its one outcome. `asked` is as the request named it: it may be no member.
    fn ended(&self, end: End<'_>);
    /// A request's answer is complete.
    fn answered(&self, action: Action, took: Duration);
}

/// How one network's part of a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End<'a> {
    /// The network that asks.
    pub asking: &'a NetworkId,
    /// The network that was asked.
    pub asked: &'a NetworkId,
    /// What it ended in.
    pub outcome: &'a NetworkOutcome,
    /// Milliseconds until then; none where the network was not contacted.
    pub took_ms: Option<u64>,
}

/// At most one observer, given after the start.
#[derive(Default)]
pub(crate) struct Observer(OnceLock<Arc<dyn Observe>>);

impl Observer {
    pub(crate) fn set(&self, observer: Arc<dyn Observe>) {
        // The first one stays.
        let _ = self.0.set(observer);
    }

    pub(crate) fn decided(&self, took: Duration) {
        if let Some(observer) = self.0.get() {
            observer.decided(took);
        }
    }

    pub(crate) fn ended(
        &self,
        asking: &NetworkId,
        asked: &NetworkId,
        outcome: &NetworkOutcome,
        took_ms: Option<u64>,
    ) {
        if let Some(observer) = self.0.get() {
            observer.ended(End {
                asking,
                asked,
                outcome,
                took_ms,
            });
        }
    }

    pub(crate) fn answered(&self, action: Action, took: Duration) {
        if let Some(observer) = self.0.get() {
            observer.answered(action, took);
        }
    }
}
