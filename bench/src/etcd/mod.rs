//! `etcd`: committed access requests a second and their latency, against etcd's puts.
//!
//! Three members each, every one a process of its own on loopback with its data on the same disk; by turns, each
//! system idle while the other is measured. Ours are signed requests over mutual TLS, their signatures checked and
//! their decisions made by every replica, each a leaf of a Merkle tree. etcd's are puts of 512 bytes under new keys,
//! over plain TCP, which favours it: it neither encrypts nor checks who asks. With [`Sizes::tls`] its members and clients
//! speak mutual TLS, as ours always do. Both have as many clients on as many connections to their leader.

mod client;
mod members;

use crate::group::Settings;
use crate::ledger::TIME_MAX;
use crate::load::{Runs, clients, row};
use crate::replicated::Replicated;
use crate::{BenchError, ROUNDS, Row};
use client::VALUE_BYTES;
use members::{Etcd, binary};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Concurrent clients, case by case.
    pub clients: &'static [usize],
    /// Alternating runs, after one that is not counted.
    pub rounds: usize,
    /// Time of one run of either.
    pub slice: Duration,
    /// Whether our replicas take signatures for good: replication alone. Needs the feature of that name.
    pub unchecked: bool,
    /// Whether etcd's members and clients speak mutual TLS.
    pub tls: bool,
}

impl Sizes {
    /// 1, 8, 64 and 256 clients.
    pub const FULL: Self = Self {
        clients: &[1, 8, 64, 256],
        rounds: ROUNDS,
        slice: Duration::from_millis(1_500),
        unchecked: false,
        tls: false,
    };
    /// 256 clients, signatures taken for good.
    pub const UNCHECKED: Self = Self {
        clients: &[256],
        unchecked: true,
        ..Self::FULL
    };

    /// Short, to see that it works.
    pub const QUICK: Self = Self {
        clients: &[1, 16],
        rounds: 1,
        slice: Duration::from_millis(200),
        unchecked: false,
        tls: false,
    };
}

/// Runs it; three rows for each number of clients. `program` is this one: its replicas are processes of it.
///
/// # Errors
/// etcd is not here, either system cannot be run, or the machine is too busy to end in time.
pub fn run(
    sizes: &Sizes,
    program: &Path,
    progress: &mut dyn Write,
) -> Result<Vec<Row>, BenchError> {
    let mut say = |what: String| {
        // Progress nobody can see is no reason to stop.
        let _ = writeln!(progress, "{what}");
    };
    if sizes.unchecked && !cfg!(feature = "unchecked") {
        return Err(BenchError::Absent {
            what: "a replica that takes signatures for good",
            how: "cargo run --profile dist -p sekisho-bench --features unchecked -- etcd --unchecked",
        });
    }
    let binary = binary()?;
    let etcd = Etcd::start(&binary, sizes.tls)?;
    let mut ours = Replicated::start_apart(
        program,
        Settings {
            unchecked: sizes.unchecked,
            ..Settings::usual()
        },
    )?;
    say(format!(
        "three members of etcd {}, puts of {VALUE_BYTES} bytes, {}; three replicas, signed requests of {} bytes, \
         mutual TLS",
        etcd.version,
        if sizes.tls { "mutual TLS" } else { "plain" },
        ours.request_bytes()
    ));
    let begun = Instant::now();
    let mut rows = Vec::new();
    for &count in sizes.clients {
        let (mut our_runs, mut their_runs) = (Runs::default(), Runs::default());
        for round in 0..=sizes.rounds {
            if begun.elapsed() > TIME_MAX {
                return Err(BenchError::TooSlow {
                    what: "the benchmark",
                    max_s: TIME_MAX.as_secs(),
                });
            }
            let run = ours.run(count, sizes.slice)?;
            ours.settle()?;
            let theirs = etcd.run(count, sizes.slice)?;
            if round > 0 {
                our_runs.add(&run);
                their_runs.add(&theirs);
            }
        }
        let name = clients(count);
        say(format!("{name}: ours {}", our_runs.said()));
        say(format!("{name}: etcd {}", their_runs.said()));
        let how = if sizes.unchecked {
            "SIGNATURES NOT CHECKED (replication alone)"
        } else {
            "signatures verified on every replica"
        };
        let etcds = if sizes.tls {
            "etcd's (mutual TLS)"
        } else {
            "etcd's"
        };
        rows.extend([
            row(
                format!("{name}, committed requests, {how}, against {etcds} puts"),
                &our_runs.rate,
                &their_runs.rate,
                "1/s",
            ),
            row(
                format!("{name}, p50 latency, against {etcds}"),
                &our_runs.p50,
                &their_runs.p50,
                "ms",
            ),
            row(
                format!("{name}, p99 latency, against {etcds}"),
                &our_runs.p99,
                &their_runs.p99,
                "ms",
            ),
        ]);
    }
    Ok(rows)
}
