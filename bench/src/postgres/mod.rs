//! `postgres`: committed access requests a second, against rows PostgreSQL commits with quorum replication.
//!
//! Three servers each, every one a process of its own on loopback with its data on the same disk; by turns, each
//! system idle while the other is measured. PostgreSQL is one primary and two standbys, a commit waiting for its own
//! disk and for one standby's (`synchronous_standby_names = 'ANY 1 (…)'`, `synchronous_commit = on`): a majority of
//! three, as ours. Each of its clients is a connection of its own to a server process of its own, over plain TCP, and
//! inserts one row of 512 bytes a transaction; the client is PostgreSQL's own `pgbench`, written in C. All that
//! favours it: it neither encrypts nor checks signatures nor hashes a tree. With [`Sizes::tls`] its clients and standbys
//! speak mutual TLS, as ours always do.

pub(crate) mod servers;

use crate::group::Settings;
use crate::ledger::TIME_MAX;
use crate::load::{Runs, clients, row};
use crate::replicated::Replicated;
use crate::{BenchError, ROUNDS, Row};
use servers::{BODY_BYTES, Postgres, programs};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Concurrent clients.
    pub clients: usize,
    /// Alternating runs, after one that is not counted.
    pub rounds: usize,
    /// Seconds of one run of either; `pgbench` knows no fractions.
    pub slice_s: u64,
    /// Whether PostgreSQL's clients and standbys speak mutual TLS.
    pub tls: bool,
}

impl Sizes {
    /// 64 clients.
    pub const FULL: Self = Self {
        clients: 64,
        rounds: ROUNDS,
        slice_s: 2,
        tls: false,
    };
    /// Short, to see that it works.
    pub const QUICK: Self = Self {
        clients: 8,
        rounds: 1,
        slice_s: 1,
        tls: false,
    };
}

/// Runs it; one row. `program` is this one: its replicas are processes of it.
///
/// # Errors
/// PostgreSQL is not here, either system cannot be run, or the machine is too busy to end in time.
pub fn run(
    sizes: &Sizes,
    program: &Path,
    progress: &mut dyn Write,
) -> Result<Vec<Row>, BenchError> {
    let mut say = |what: String| {
        // Progress nobody can see is no reason to stop.
        let _ = writeln!(progress, "{what}");
    };
    let bin = programs()?;
    let postgres = Postgres::start(&bin, sizes.tls)?;
    let mut ours = Replicated::start_apart(program, Settings::usual())?;
    let how = if sizes.tls { "mutual TLS" } else { "plain" };
    say(format!(
        "PostgreSQL {}, a primary and two standbys, rows of {BODY_BYTES} bytes, {how}; three replicas, signed requests \
         of {} bytes, mutual TLS",
        postgres.version,
        ours.request_bytes()
    ));
    let begun = Instant::now();
    let (mut our_runs, mut their_rates) = (Runs::default(), Vec::new());
    for round in 0..=sizes.rounds {
        if begun.elapsed() > TIME_MAX {
            return Err(BenchError::TooSlow {
                what: "the benchmark",
                max_s: TIME_MAX.as_secs(),
            });
        }
        let run = ours.run(sizes.clients, Duration::from_secs(sizes.slice_s))?;
        ours.settle()?;
        let rows = postgres.rows()?;
        let theirs = postgres.rate(sizes.clients, sizes.slice_s)?;
        let grown = (postgres.rows()? - rows) as f64;
        // What pgbench says it committed is there: at least as many as at that rate in the time without connecting.
        if grown < theirs * sizes.slice_s as f64 / 2.0 {
            return Err(BenchError::Wrong {
                what: "PostgreSQL",
                expected: format!("the rows of {theirs:.0} transactions a second"),
                got: format!("{grown} in {} s", sizes.slice_s),
            });
        }
        if round > 0 {
            our_runs.add(&run);
            their_rates.push(theirs);
        }
    }
    let name = clients(sizes.clients);
    say(format!("{name}: ours {}", our_runs.said()));
    let case = format!(
        "{name}, committed requests, signatures verified on every replica, against PostgreSQL's rows, quorum of three, {how}"
    );
    Ok(vec![row(case, &our_runs.rate, &their_rates, "1/s")])
}
