//! What an observer of a node is told.

use sekisho_domain::{NetworkId, NetworkOutcome};
use sekisho_node::{IngestReport, Node, Observe};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Sums: of answers by network and outcome, of bytes by network and direction, of sources read.
#[derive(Default)]
pub struct Told(Mutex<BTreeMap<String, usize>>);

impl Told {
    /// Has a node tell it.
    pub fn by(node: &Node) -> Arc<Self> {
        let told = Arc::new(Self::default());
        node.observe(Arc::clone(&told) as _);
        told
    }

    pub fn sums(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.0.lock().unwrap()
    }

    fn add(&self, what: String, by: usize) {
        *self.sums().entry(what).or_default() += by;
    }
}

impl Observe for Told {
    fn answered(&self, asking: &NetworkId, outcome: &NetworkOutcome) {
        self.add(format!("{} {asking}", outcome.code()), 1);
    }
    fn sent(&self, to: &NetworkId, bytes: usize) {
        self.add(format!("sent {to}"), bytes);
    }
    fn received(&self, from: &NetworkId, bytes: usize) {
        self.add(format!("received {from}"), bytes);
    }
    fn ingested(&self, report: &IngestReport) {
        self.add("sources".to_owned(), report.sources.len());
    }
}
