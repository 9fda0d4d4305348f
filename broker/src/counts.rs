//! What a broker is doing and has done, in numbers without names.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A broker's counters, for whoever shows them.
#[derive(Debug, Default)]
pub struct Counts {
    requests_under_way: AtomicU64,
    calls_under_way: AtomicU64,
    asks: AtomicU64,
    calls: AtomicU64,
    hedges: AtomicU64,
    failovers: AtomicU64,
    reconnects: AtomicU64,
    breaker_openings: AtomicU64,
    cancelled: AtomicU64,
}

/// The counters at one moment. Each is true; they need not be of the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Requests taken and not ended.
    pub requests_under_way: u64,
    /// Calls made and not ended: each has a stream open at a node, or waits for its connection.
    pub calls_under_way: u64,
    /// First calls, one for each network that was asked and could be tried. With [`calls`](Self::calls) it
    /// gives the amplification.
    pub asks: u64,
    /// All calls made, extra ones too.
    pub calls: u64,
    /// Second attempts made because the first had not begun to answer.
    pub hedges: u64,
    /// Calls to a next endpoint because one could not be reached.
    pub failovers: u64,
    /// Calls made again because a kept connection was dead.
    pub reconnects: u64,
    /// Times an endpoint was left alone for a while.
    pub breaker_openings: u64,
    /// Requests whose caller left before their end.
    pub cancelled: u64,
}

impl Counts {
    /// As they are now.
    pub fn read(&self) -> Counted {
        Counted {
            requests_under_way: self.requests_under_way.load(Relaxed),
            calls_under_way: self.calls_under_way.load(Relaxed),
            asks: self.asks.load(Relaxed),
            calls: self.calls.load(Relaxed),
            hedges: self.hedges.load(Relaxed),
            failovers: self.failovers.load(Relaxed),
            reconnects: self.reconnects.load(Relaxed),
            breaker_openings: self.breaker_openings.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
        }
    }

    pub(crate) fn asked(&self) {
        self.asks.fetch_add(1, Relaxed);
    }

    pub(crate) fn hedged(&self) {
        self.hedges.fetch_add(1, Relaxed);
    }

    pub(crate) fn failed_over(&self) {
        self.failovers.fetch_add(1, Relaxed);
    }

    pub(crate) fn reconnected(&self) {
        self.reconnects.fetch_add(1, Relaxed);
    }

    pub(crate) fn opened(&self) {
        self.breaker_openings.fetch_add(1, Relaxed);
    }

    pub(crate) fn cancelled(&self) {
        self.cancelled.fetch_add(1, Relaxed);
    }
}

/// Something under way: counted until it is dropped, however it ends.
#[derive(Debug)]
pub(crate) struct UnderWay {
    counts: Arc<Counts>,
    which: fn(&Counts) -> &AtomicU64,
}

impl UnderWay {
    /// A request.
    pub(crate) fn request(counts: &Arc<Counts>) -> Self {
        Self::begin(counts, |counts| &counts.requests_under_way)
    }

    /// A call.
    pub(crate) fn call(counts: &Arc<Counts>) -> Self {
        counts.calls.fetch_add(1, Relaxed);
        Self::begin(counts, |counts| &counts.calls_under_way)
    }

    fn begin(counts: &Arc<Counts>, which: fn(&Counts) -> &AtomicU64) -> Self {
        which(counts).fetch_add(1, Relaxed);
        Self {
            counts: Arc::clone(counts),
            which,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        (self.which)(&self.counts).fetch_sub(1, Relaxed);
    }
}
