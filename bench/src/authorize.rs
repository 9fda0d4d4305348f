//! `authorize`: how many decisions a second, how long one takes, how much memory a consent, and how fast entries
//! are applied.
//!
//! Peers in the same run. A strict signature check by one core: what every request costs before it is even looked
//! at, so a ratio above 1 says that deciding is not what bounds the ledger. The same decision over a thousandth of the
//! consents: a ratio near 1 says that a federation's growth does not slow it. For memory, the bytes of the consent as
//! it was said. For applying, what three durable replicas commit.

use crate::disk::OnDisk;
use crate::held::{Held, Keep};
use crate::machine::resident_bytes;
use crate::population::{BATCH_ENTRIES, Case, NOW, Numbers, Population, Unchecked, check};
use crate::replicated::Replicated;
use crate::yardstick::{Checks, each_us, rate};
use crate::{BenchError, ROUNDS, Row, median, percentile};
use sekisho_domain::AccessRequest;
use sekisho_ledger::store::{MemoryState, StateRead};
use sekisho_ledger::{View, apply_batch, authorize};
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Clients of the replicated ledger that applying is compared with: where it commits most.
const CLIENTS: usize = 256;

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Subjects and consents on the large ledger.
    pub large: Numbers,
    /// On the small one.
    pub small: Numbers,
    /// On a replica's disk; none: not measured there.
    pub disk: Option<Numbers>,
    /// Whether applying is measured, against three replicas.
    pub apply: bool,
    /// Mixed batches of one run.
    pub batches: u64,
    /// Alternating runs, after one that is not counted.
    pub rounds: usize,
    /// Time of one run.
    pub slice: Duration,
}

impl Sizes {
    /// One million consents against one thousand.
    pub const USUAL: Self = Self {
        large: Numbers::TENTH,
        small: Numbers {
            subjects: 300,
            consents: 1_000,
        },
        disk: None,
        apply: true,
        batches: 40,
        rounds: ROUNDS,
        slice: Duration::from_millis(150),
    };
}

/// Runs it: memory; three rows a case in memory; two a case on disk, if asked for; applying.
///
/// # Errors
/// A state cannot be built, or a decision is not what its case says.
pub fn run(sizes: &Sizes, progress: &mut dyn Write) -> Result<Vec<Row>, BenchError> {
    let large = Population::of(sizes.large)?;
    let small = Population::of(sizes.small)?;
    let checks = Checks::of(&large.federation)?;
    let numbers = format!(
        "{} subjects, {} consents",
        grouped(sizes.large.subjects),
        grouped(sizes.large.consents)
    );
    say(progress, format!("applying {numbers}"));
    let few = small.build(Keep::Deciding, progress)?;
    let (before, begun) = (resident_bytes()?, Instant::now());
    let mut many = large.build(Keep::Deciding, progress)?;
    let grown = resident_bytes()?.saturating_sub(before);
    let seconds = begun.elapsed().as_secs_f64();
    say(
        progress,
        format!(
            "in {seconds:.0} s; resident memory grew by {}",
            grouped(grown)
        ),
    );
    let mut rows = vec![Row {
        case: format!("memory of a consent, {numbers}, against its bytes as said"),
        ours: grown as f64 / sizes.large.consents as f64,
        peer: said_bytes(&large),
        unit: "B",
    }];
    for case in Case::ALL {
        rows.extend(in_memory(
            sizes,
            case,
            &checks,
            (&large, &many),
            (&small, &few),
            progress,
        )?);
    }
    if let Some(numbers) = sizes.disk {
        rows.extend(on_disk(sizes, numbers, &checks, &small, progress)?);
    }
    if sizes.apply {
        many.keep = Keep::All;
        rows.push(applying(sizes, &large, &mut many, progress)?);
    }
    Ok(rows)
}

fn say(progress: &mut dyn Write, what: String) {
    // Progress nobody can see is no reason to stop.
    let _ = writeln!(progress, "{what}");
}

fn middle(values: &[f64]) -> f64 {
    median(values).unwrap_or(f64::NAN)
}

/// The mean payload of the consents that were said.
fn said_bytes(population: &Population) -> f64 {
    let consents = population.first_consents(1_000);
    let bytes: usize = consents.iter().map(Vec::len).sum();
    bytes as f64 / consents.len() as f64
}

fn in_memory(
    sizes: &Sizes,
    case: Case,
    checks: &Checks,
    (large, many): (&Population, &Held),
    (small, few): (&Population, &Held),
    progress: &mut dyn Write,
) -> Result<[Row; 3], BenchError> {
    let (asked, asked_few) = (large.requests(case), small.requests(case));
    let (many, few) = (many.state(), few.state());
    check(many, case, &asked)?;
    check(few, case, &asked_few)?;
    let (mut rates, mut checked, mut rates_few) = (vec![], vec![], vec![]);
    let (mut p99, mut p99_checked) = (vec![], vec![]);
    for round in 0..=sizes.rounds {
        let rate = decisions(many, &asked, sizes.slice)?;
        let check = checks.one_core(sizes.slice)?;
        let rate_few = decisions(few, &asked_few, sizes.slice)?;
        let each = each_us(sizes.slice, |n| decide(many, &asked, n))?;
        let each_checked = checks.each_us(sizes.slice)?;
        if round > 0 {
            rates.push(rate);
            checked.push(check);
            rates_few.push(rate_few);
            p99.push(percentile(&each, 99.0).unwrap_or(f64::NAN));
            p99_checked.push(percentile(&each_checked, 99.0).unwrap_or(f64::NAN));
        }
    }
    let consents = grouped(sizes.large.consents);
    let title = format!("{}, {consents} consents in memory", case.title());
    said(progress, &title, &rates);
    Ok([
        Row {
            case: format!("{title}, against strict signature checks of one core"),
            ours: middle(&rates),
            peer: middle(&checked),
            unit: "1/s",
        },
        Row {
            case: format!("{title}, p99 of one, against p99 of one signature check"),
            ours: middle(&p99),
            peer: middle(&p99_checked),
            unit: "us",
        },
        Row {
            case: format!("{title}, against {}", grouped(sizes.small.consents)),
            ours: middle(&rates),
            peer: middle(&rates_few),
            unit: "1/s",
        },
    ])
}

fn said(progress: &mut dyn Write, title: &str, rates: &[f64]) {
    let least = rates.iter().copied().fold(f64::MAX, f64::min);
    let most = rates.iter().copied().fold(0.0, f64::max);
    say(
        progress,
        format!("{title}: {least:.0} to {most:.0} decisions/s"),
    );
}

fn on_disk(
    sizes: &Sizes,
    numbers: Numbers,
    checks: &Checks,
    small: &Population,
    progress: &mut dyn Write,
) -> Result<Vec<Row>, BenchError> {
    let consents = grouped(numbers.consents);
    say(
        progress,
        format!("copying {consents} consents to replicas' disks"),
    );
    let large = Population::of(numbers)?;
    let many = large.build(Keep::All, progress)?;
    let many = OnDisk::copy(&large, many.state())?;
    let few = small.build(Keep::All, progress)?;
    let few = OnDisk::copy(small, few.state())?;
    let mut rows = Vec::new();
    for case in Case::ALL {
        let (asked, asked_few) = (
            Arc::new(large.requests(case)),
            Arc::new(small.requests(case)),
        );
        let rate = |disk: &OnDisk, asked: &Arc<Vec<AccessRequest>>| {
            let (asked, slice) = (Arc::clone(asked), sizes.slice);
            disk.read(move |state| decisions(state, &asked, slice))
        };
        let all = Arc::clone(&asked);
        many.read(move |state| check(state, case, &all))?;
        let all = Arc::clone(&asked_few);
        few.read(move |state| check(state, case, &all))?;
        let (mut rates, mut checked, mut rates_few) = (vec![], vec![], vec![]);
        for round in 0..=sizes.rounds {
            let one = (
                rate(&many, &asked)?,
                checks.one_core(sizes.slice)?,
                rate(&few, &asked_few)?,
            );
            if round > 0 {
                rates.push(one.0);
                checked.push(one.1);
                rates_few.push(one.2);
            }
        }
        let title = format!("{}, {consents} consents on disk", case.title());
        said(progress, &title, &rates);
        let row = |against: String, peer: &[f64]| Row {
            case: format!("{title}, against {against}"),
            ours: middle(&rates),
            peer: middle(peer),
            unit: "1/s",
        };
        rows.push(row(
            "strict signature checks of one core".to_owned(),
            &checked,
        ));
        rows.push(row(grouped(sizes.small.consents), &rates_few));
    }
    Ok(rows)
}

/// Mixed batches applied by one thread, everything `apply` writes kept; against what three replicas commit.
fn applying(
    sizes: &Sizes,
    population: &Population,
    state: &mut Held,
    progress: &mut dyn Write,
) -> Result<Row, BenchError> {
    say(
        progress,
        "starting three replicas to compare with".to_owned(),
    );
    let mut replicated = Replicated::start()?;
    let (mut applied, mut committed) = (vec![], vec![]);
    for (round, first) in (0..=sizes.rounds).zip((0..).step_by(sizes.batches as usize)) {
        let batches = population.mixed_batches(first, sizes.batches);
        let begun = Instant::now();
        for batch in &batches {
            let outcomes =
                apply_batch(state, batch, &Unchecked).map_err(BenchError::core::<MemoryState>)?;
            black_box(outcomes);
        }
        let entries = (sizes.batches * BATCH_ENTRIES) as f64;
        let rate = entries / begun.elapsed().as_secs_f64();
        let commit = replicated.rate(CLIENTS, sizes.slice * 10)?;
        if round > 0 {
            applied.push(rate);
            committed.push(commit);
        }
    }
    let consents = grouped(sizes.large.consents);
    Ok(Row {
        case: format!(
            "applying mixed batches without signature checks, {consents} consents, against three replicas' committed requests, {CLIENTS} clients"
        ),
        ours: middle(&applied),
        peer: middle(&committed),
        unit: "1/s",
    })
}

/// A number with its thousands apart: 1,000,000.
pub(crate) fn grouped(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1_000), number % 1_000),
    }
}

fn decide<S: StateRead>(state: &S, requests: &[AccessRequest], n: usize) -> Result<(), BenchError> {
    let request = black_box(&requests[n % requests.len()]);
    let decided = authorize(View(state), request, NOW).map_err(BenchError::core::<S>)?;
    black_box(decided);
    Ok(())
}

fn decisions<S: StateRead>(
    state: &S,
    requests: &[AccessRequest],
    slice: Duration,
) -> Result<f64, BenchError> {
    rate(slice, |n| decide(state, requests, n))
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
        let numbers = |subjects, consents| Numbers { subjects, consents };
        let sizes = Sizes {
            large: numbers(4_000, 13_000),
            small: numbers(40, 130),
            disk: Some(numbers(60, 200)),
            apply: true,
            batches: 1,
            rounds: 1,
            slice: Duration::from_millis(2),
        };
        let rows = run(&sizes, &mut std::io::sink()).unwrap();
        assert_eq!(rows.len(), 1 + 15 + 10 + 1);
        for row in &rows {
            // Other tests of this process give memory back while it is measured.
            let ours = row.ours > 0.0 || row.unit == "B";
            assert!(ours && row.peer > 0.0, "{row:?}");
        }
        let mut titles: Vec<_> = rows.iter().map(|row| &row.case).collect();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), rows.len(), "no two rows are called the same");
    }
}
