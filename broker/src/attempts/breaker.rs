//! When an endpoint is not worth trying.
//!
//! ```text
//!             failures in a row
//!   closed ───────────────────────▶ open ◀──────────┐ not reached: longer
//!     ▲  ▲                            │ pause over  │
//!     │  └──────── reached ───────────┤             │
//!     └─────────── reached ──────── half open: one probe
//! ```
//!
//! Only failures to connect count. A node that is late, denies or talks nonsense was reached (P8).

use crate::limits::{BREAKER_FAILURES, BREAKER_PAUSE_MAX, BREAKER_PAUSE_MIN};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, openings: u32 },
    HalfOpen { openings: u32, probe: u64 },
}

/// A call that was let through; a probe by its number, so that one from before is not taken for this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(Option<u64>);

impl Ticket {
    /// Whether it is a probe.
    pub(super) fn probes(self) -> bool {
        self.0.is_some()
    }
}

/// How an endpoint may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Admission {
    /// Nothing stands against it.
    Free,
    /// It failed lately, not often enough to be left alone.
    Doubtful,
    /// Its pause is over: one call may see whether it is back.
    Probe,
}

/// The state machine of one endpoint.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    probes: u64,
}

impl Breaker {
    /// One that knows nothing against its endpoint.
    pub(super) fn new() -> Self {
        Self {
            state: State::Closed { failures: 0 },
            probes: 0,
        }
    }

    /// How it may be tried now, if at all.
    pub(super) fn admits(&self, now: Instant) -> Option<Admission> {
        match self.state {
            State::Closed { failures: 0 } => Some(Admission::Free),
            State::Closed { .. } => Some(Admission::Doubtful),
            State::Open { until, .. } => (until <= now).then_some(Admission::Probe),
            State::HalfOpen { .. } => None,
        }
    }

    /// Lets a call through, if it may be tried.
    pub(super) fn admit(&mut self, now: Instant) -> Option<Ticket> {
        match self.state {
            State::Closed { .. } => Some(Ticket(None)),
            State::Open { until, openings } if until <= now => {
                self.probes += 1;
                let probe = self.probes;
                self.state = State::HalfOpen { openings, probe };
                Some(Ticket(Some(probe)))
            }
            State::Open { .. } | State::HalfOpen { .. } => None,
        }
    }

    /// A call reached it.
    pub(super) fn reached(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    /// A call could not connect; whether it opens by that. Calls from before it opened change nothing.
    pub(super) fn not_reached(&mut self, ticket: Ticket, now: Instant) -> bool {
        let openings = match self.state {
            State::Closed { failures } if failures + 1 < BREAKER_FAILURES => {
                let failures = failures + 1;
                self.state = State::Closed { failures };
                return false;
            }
            State::Closed { .. } => 0,
            State::HalfOpen { openings, probe } if ticket.0 == Some(probe) => openings,
            State::Open { .. } | State::HalfOpen { .. } => return false,
        };
        self.state = State::Open {
            until: now + pause(openings),
            openings: openings.saturating_add(1),
        };
        true
    }

    /// A call ended without saying whether its endpoint can be reached. After a probe the next call is one.
    pub(super) fn given_up(&mut self, ticket: Ticket, now: Instant) {
        if let State::HalfOpen { openings, probe } = self.state
            && ticket.0 == Some(probe)
        {
            self.state = State::Open {
                until: now,
                openings,
            };
        }
    }
}

/// How long it stays open after having opened so often before.
fn pause(openings: u32) -> Duration {
    let factor = 1u32.checked_shl(openings).unwrap_or(u32::MAX);
    BREAKER_PAUSE_MIN
        .saturating_mul(factor)
        .min(BREAKER_PAUSE_MAX)
}

#[cfg(test)]
#[path = "breaker_test.rs"]
mod tests;
