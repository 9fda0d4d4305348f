//! `authorize`: how many decisions a second, over how many consents, kept where.
//!
//! Two peers in the same run. A strict signature check by one core: what every request costs before it is even
//! looked at, so a ratio above 1 says that deciding is not what bounds the ledger. And the same decision over a
//! thousandth of the consents: a ratio near 1 says that a federation's growth does not slow it.

use crate::disk::OnDisk;
use crate::population::{Case, NOW, Population, check};
use crate::yardstick::{Checks, rate};
use crate::{BenchError, ROUNDS, Row, median};
use sekisho_domain::AccessRequest;
use sekisho_ledger::store::{MemoryState, StateRead};
use sekisho_ledger::{View, authorize};
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Consents on the large ledger; even, at least 8.
    pub consents: u64,
    /// Consents on the small one.
    pub consents_small: u64,
    /// Alternating runs, after one that is not counted.
    pub rounds: usize,
    /// Time of one run.
    pub slice: Duration,
}

impl Sizes {
    /// One million consents against one thousand.
    pub const FULL: Self = Self {
        consents: 1_000_000,
        consents_small: 1_000,
        rounds: ROUNDS,
        slice: Duration::from_millis(150),
    };
}

/// Runs it; ten rows for memory, ten for disk.
///
/// # Errors
/// The state cannot be built, or a decision is not what its case says.
pub fn run(sizes: &Sizes, progress: &mut dyn Write) -> Result<Vec<Row>, BenchError> {
    let say = |progress: &mut dyn Write, what: String| {
        // Progress nobody can see is no reason to stop.
        let _ = writeln!(progress, "{what}");
    };
    say(
        progress,
        format!(
            "applying {} consents, each signed and checked",
            grouped(sizes.consents)
        ),
    );
    let large = Population::of(sizes.consents)?;
    let small = Population::of(sizes.consents_small)?;
    let checks = Checks::of(&large.federation)?;
    let large_memory = large.build(progress)?;
    let small_memory = small.build(progress)?;
    say(progress, "copying them to replicas' disks".to_owned());
    let large_disk = OnDisk::copy(&large, &large_memory)?;
    let small_disk = OnDisk::copy(&small, &small_memory)?;

    let mut rows = Vec::new();
    for (place, ours, fewer) in [
        (
            "in memory",
            Held::Memory(large_memory),
            Held::Memory(small_memory),
        ),
        ("on disk", Held::Disk(large_disk), Held::Disk(small_disk)),
    ] {
        for case in Case::ALL {
            let (asked, asked_fewer) = (
                Arc::new(large.requests(case)),
                Arc::new(small.requests(case)),
            );
            ours.check(case, &asked)?;
            fewer.check(case, &asked_fewer)?;
            let (mut large_rates, mut check_rates, mut small_rates) = (vec![], vec![], vec![]);
            for round in 0..=sizes.rounds {
                let rates = (
                    ours.rate(&asked, sizes.slice)?,
                    checks.one_core(sizes.slice)?,
                    fewer.rate(&asked_fewer, sizes.slice)?,
                );
                if round > 0 {
                    large_rates.push(rates.0);
                    check_rates.push(rates.1);
                    small_rates.push(rates.2);
                }
            }
            let consents = grouped(sizes.consents);
            let title = format!("{}, {consents} consents {place}", case.title());
            let middle = |rates: &[f64]| median(rates).unwrap_or(f64::NAN);
            let (least, most) = large_rates
                .iter()
                .fold((f64::MAX, 0_f64), |(least, most), rate| {
                    (least.min(*rate), most.max(*rate))
                });
            say(
                progress,
                format!("{title}: {least:.0} to {most:.0} decisions/s"),
            );
            rows.push(Row {
                case: format!("{title}, against strict signature checks of one core"),
                ours: middle(&large_rates),
                peer: middle(&check_rates),
                unit: "1/s",
            });
            rows.push(Row {
                case: format!("{title}, against {}", grouped(sizes.consents_small)),
                ours: middle(&large_rates),
                peer: middle(&small_rates),
                unit: "1/s",
            });
        }
    }
    Ok(rows)
}

/// A number with its thousands apart: 1,000,000.
fn grouped(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1_000), number % 1_000),
    }
}

enum Held {
    Memory(MemoryState),
    Disk(OnDisk),
}

impl Held {
    fn check(&self, case: Case, requests: &Arc<Vec<AccessRequest>>) -> Result<(), BenchError> {
        match self {
            Self::Memory(state) => check(state, case, requests),
            Self::Disk(disk) => {
                let requests = Arc::clone(requests);
                disk.read(move |state| check(state, case, &requests))
            }
        }
    }

    fn rate(&self, requests: &Arc<Vec<AccessRequest>>, slice: Duration) -> Result<f64, BenchError> {
        match self {
            Self::Memory(state) => decisions(state, requests, slice),
            Self::Disk(disk) => {
                let requests = Arc::clone(requests);
                disk.read(move |state| decisions(state, &requests, slice))
            }
        }
    }
}

fn decisions<S: StateRead>(
    state: &S,
    requests: &[AccessRequest],
    slice: Duration,
) -> Result<f64, BenchError> {
    rate(slice, |n| {
        let request = black_box(&requests[n % requests.len()]);
        let decided = authorize(View(state), request, NOW).map_err(BenchError::core::<S>)?;
        black_box(decided);
        Ok(())
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_002_030, "1,002,030"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_small_run_has_every_row() {
        let sizes = Sizes {
            consents: 400,
            consents_small: 40,
            rounds: 1,
            slice: Duration::from_millis(1),
        };
        let rows = run(&sizes, &mut std::io::sink()).unwrap();
        assert_eq!(rows.len(), 20);
        for row in &rows {
            assert!(row.ours > 0.0 && row.peer > 0.0, "{row:?}");
        }
        let mut titles: Vec<_> = rows.iter().map(|row| &row.case).collect();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), 20, "no two rows are called the same");
    }
}
