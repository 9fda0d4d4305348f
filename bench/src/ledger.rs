//! `ledger`: committed access requests a second, and how long one takes, at three durable replicas.
//!
//! Each request is a signed envelope of its own, really decided by `authorize` at every replica, on a majority's
//! disk before it is answered. Clients sign beforehand: what a client's own machine does is not the ledger's time.
//! Everything else, the clients' TLS included, shares this machine's cores.
//!
//! Two peers in the same run: the signatures this machine can check, divided by the replicas that each must
//! (no ledger that verifies can be faster here), and one fdatasync of the same disk (no commit can be quicker).

use crate::cluster::REPLICAS;
use crate::load::{Run, Runs, clients, row};
use crate::replicated::Replicated;
use crate::yardstick::{Checks, fdatasync_ms};
use crate::{BenchError, ROUNDS, Row, percentile};
use std::io::Write;
use std::time::{Duration, Instant};

/// Longest time of the whole benchmark: an entry's window must not close on what was signed ahead.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(170);

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Concurrent clients, case by case.
    pub clients: &'static [usize],
    /// Alternating runs, after one that is not counted.
    pub rounds: usize,
    /// Time of one run of ours.
    pub slice: Duration,
    /// Time of one run of each peer.
    pub peer_slice: Duration,
}

impl Sizes {
    /// 1, 16, 64 and 256 clients.
    pub const FULL: Self = Self {
        clients: &[1, 16, 64, 256],
        rounds: ROUNDS,
        slice: Duration::from_millis(1_500),
        peer_slice: Duration::from_millis(400),
    };
}

/// Runs it; three rows for each number of clients.
///
/// # Errors
/// The replicas cannot be run, a request is not permitted, or the machine is too busy to end in time.
pub fn run(sizes: &Sizes, progress: &mut dyn Write) -> Result<Vec<Row>, BenchError> {
    let begun = Instant::now();
    let mut say = |what: String| {
        // Progress nobody can see is no reason to stop.
        let _ = writeln!(progress, "{what}");
    };
    say(format!("starting {REPLICAS} replicas"));
    let mut replicated = Replicated::start()?;
    let checks = Checks::of(replicated.federation())?;

    let mut rows = Vec::new();
    for &count in sizes.clients {
        let mut of = Measured::default();
        for round in 0..=sizes.rounds {
            if begun.elapsed() > TIME_MAX {
                return Err(BenchError::TooSlow {
                    what: "the benchmark",
                    max_s: TIME_MAX.as_secs(),
                });
            }
            let run = replicated.run(count, sizes.slice)?;
            let checked = checks.all_cores(sizes.peer_slice)?;
            let synced = fdatasync_ms(replicated.directory(), sizes.peer_slice)?;
            if round > 0 {
                of.add(&run, checked / REPLICAS as f64, &synced);
            }
        }
        say(format!("{}: {}", clients(count), of.runs.said()));
        rows.extend(of.rows(count));
    }
    Ok(rows)
}

/// What was measured for one number of clients, run by run.
#[derive(Default)]
struct Measured {
    runs: Runs,
    limit: Vec<f64>,
    sync_p50: Vec<f64>,
    sync_p99: Vec<f64>,
}

impl Measured {
    fn add(&mut self, run: &Run, limit: f64, synced: &[f64]) {
        let of = |percent| percentile(synced, percent).unwrap_or(f64::NAN);
        self.runs.add(run);
        self.limit.push(limit);
        self.sync_p50.push(of(50.0));
        self.sync_p99.push(of(99.0));
    }

    fn rows(&self, count: usize) -> [Row; 3] {
        let (name, runs) = (clients(count), &self.runs);
        [
            row(
                format!(
                    "{name}, committed requests, against the machine's strict signature checks / 3 replicas"
                ),
                &runs.rate,
                &self.limit,
                "1/s",
            ),
            row(
                format!("{name}, p50 latency, against p50 of one fdatasync"),
                &runs.p50,
                &self.sync_p50,
                "ms",
            ),
            row(
                format!("{name}, p99 latency, against p99 of one fdatasync"),
                &runs.p99,
                &self.sync_p99,
                "ms",
            ),
        ]
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_small_run_has_every_row() {
        let sizes = Sizes {
            clients: &[1, 8],
            rounds: 1,
            slice: Duration::from_millis(20),
            peer_slice: Duration::from_millis(1),
        };
        let rows = run(&sizes, &mut std::io::sink()).unwrap();
        assert_eq!(rows.len(), 6);
        for row in &rows {
            assert!(row.ours > 0.0 && row.peer > 0.0, "{row:?}");
        }
        let units: Vec<_> = rows.iter().map(|row| row.unit).collect();
        assert_eq!(units, ["1/s", "ms", "ms", "1/s", "ms", "ms"]);
    }
}
