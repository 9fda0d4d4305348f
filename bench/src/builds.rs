//! `builds`: this program's replicas against another build's, by turns.
//!
//! What a change of a few parts in a hundred does cannot be seen beside a peer whose own runs differ by ten: here both sides
//! do the same, and what each entry costs them is counted in processor time besides.

use crate::group::Settings;
use crate::load::{Runs, clients, row};
use crate::replicated::Replicated;
use crate::{BenchError, Row};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Stops by itself after this.
const TIME_MAX: Duration = Duration::from_secs(360);

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Concurrent clients, case by case.
    pub clients: &'static [usize],
    /// Alternating runs, after one that is not counted.
    pub rounds: usize,
    /// Time of one run of either.
    pub slice: Duration,
}

impl Sizes {
    /// 64 and 256 clients; more and shorter runs than against a peer.
    pub const FULL: Self = Self {
        clients: &[64, 256],
        rounds: 21,
        slice: Duration::from_millis(1_000),
    };

    /// Short, to see that it works.
    pub const QUICK: Self = Self {
        clients: &[16],
        rounds: 1,
        slice: Duration::from_millis(200),
    };
}

/// Three replicas of one build, and what their runs came to.
struct Side {
    replicas: Replicated,
    runs: Runs,
    /// Processor time of an entry at all three, run by run.
    each_us: Vec<f64>,
}

impl Side {
    fn start(program: &Path) -> Result<Self, BenchError> {
        Ok(Self {
            replicas: Replicated::start_apart(program, Settings::usual())?,
            runs: Runs::default(),
            each_us: Vec::new(),
        })
    }

    fn run(&mut self, clients: usize, slice: Duration, counts: bool) -> Result<(), BenchError> {
        let before_s = self.replicas.processor_s()?;
        let run = self.replicas.run(clients, slice)?;
        // What is left to do after a run is part of its entries' cost, and not of the other side's turn.
        self.replicas.settle()?;
        let used_s = self.replicas.processor_s()? - before_s;
        if counts {
            self.each_us
                .push(used_s * 1_000_000.0 / run.each_ms.len() as f64);
            self.runs.add(&run);
        }
        Ok(())
    }
}

/// Runs it; four rows for each number of clients. `program` is this one, `other` the build it is compared with, which
/// must take the same arguments.
///
/// # Errors
/// Either side cannot be run, or the machine is too busy to end in time.
pub fn run(
    sizes: &Sizes,
    program: &Path,
    other: &Path,
    progress: &mut dyn Write,
) -> Result<Vec<Row>, BenchError> {
    let (mut ours, mut theirs) = (Side::start(program)?, Side::start(other)?);
    let begun = Instant::now();
    let mut rows = Vec::new();
    for &count in sizes.clients {
        for round in 0..=sizes.rounds {
            if begun.elapsed() > TIME_MAX {
                return Err(BenchError::TooSlow {
                    what: "the benchmark",
                    max_s: TIME_MAX.as_secs(),
                });
            }
            let counts = round > 0;
            // Who begins changes, so that what one leaves behind is not always in the same turn.
            let mut turns = [&mut ours, &mut theirs];
            if round % 2 == 1 {
                turns.reverse();
            }
            for side in turns {
                side.run(count, sizes.slice, counts)?;
            }
        }
        let name = clients(count);
        let (us, them) = (
            std::mem::take(&mut ours.runs),
            std::mem::take(&mut theirs.runs),
        );
        let (our_us, their_us) = (
            std::mem::take(&mut ours.each_us),
            std::mem::take(&mut theirs.each_us),
        );
        // Progress nobody can see is no reason to stop.
        let _ = writeln!(progress, "{name}: this build {}", us.said());
        let _ = writeln!(progress, "{name}: the other {}", them.said());
        rows.extend([
            row(
                format!("{name}, committed requests, against the other build's"),
                &us.rate,
                &them.rate,
                "1/s",
            ),
            row(format!("{name}, p50 latency"), &us.p50, &them.p50, "ms"),
            row(format!("{name}, p99 latency"), &us.p99, &them.p99, "ms"),
            row(
                format!("{name}, processor time of an entry at all replicas"),
                &our_us,
                &their_us,
                "us",
            ),
        ]);
    }
    Ok(rows)
}
