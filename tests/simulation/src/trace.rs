//! What happened, as a digest that two runs of one seed share, and as lines to read.

use sekisho_domain::Hash;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// Everything that happened, in order. All clones are one.
#[derive(Clone)]
pub struct Trace(Arc<Mutex<Inner>>);

struct Inner {
    began: Instant,
    digest: Sha256,
    events: u64,
    counts: BTreeMap<&'static str, u64>,
    shown: bool,
}

impl Trace {
    /// One that begins now; `shown` writes each line to standard error.
    pub fn new(shown: bool) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            began: Instant::now(),
            digest: Sha256::new(),
            events: 0,
            counts: BTreeMap::new(),
            shown,
        })))
    }

    /// Notes an event, counted under its kind.
    pub fn note(&self, kind: &'static str, what: impl FnOnce() -> String) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at_us, what) = (inner.began.elapsed().as_micros() as u64, what());
        inner.events += 1;
        *inner.counts.entry(kind).or_default() += 1;
        inner.digest.update(at_us.to_be_bytes());
        inner.digest.update(kind);
        inner.digest.update([0]);
        inner.digest.update(&what);
        inner.digest.update([0]);
        if inner.shown {
            let (s, us) = (at_us / 1_000_000, at_us % 1_000_000);
            // Whoever reads may stop reading.
            let _ = writeln!(std::io::stderr(), "{s:>4}.{us:06} {kind:<12} {what}");
        }
    }

    /// Milliseconds since the begin.
    pub fn ms(&self) -> u64 {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.began.elapsed().as_millis() as u64
    }

    /// The digest of everything so far.
    pub fn digest(&self) -> Hash {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Hash(inner.digest.clone().finalize().into())
    }

    /// How often each kind of event happened.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.counts.clone()
    }
}
