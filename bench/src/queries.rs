//! `queries`: one query to many networks, each a round trip of 10 ms away, as shipped: a broker beside its replica,
//! the ledger's decision, nodes that believe their replica, statements checked, all over pinned mutual TLS.
//!
//! The peer is a bare gRPC echo beside every node, behind the same TLS and the same relays, that answers with as many
//! bytes. What the ledger's commit takes by itself is measured by turns with both.

use crate::cluster::PATIENCE;
use crate::load::row;
use crate::networks::{Country, PARTS, Trouble};
use crate::processor::Threads;
use crate::{BenchError, ROUNDS, Row, median, percentile};
use std::io::Write;
use std::time::{Duration, Instant};

/// Half of the way to each network and back.
const ONE_WAY: Duration = Duration::from_millis(5);
/// The whole of it, in milliseconds.
const ROUND_TRIP_MS: f64 = 10.0;
/// What a broker may add to the ledger's commit and one node's answer, in milliseconds.
const ADDED_MS: f64 = 1.0;
/// When the first network's documents should be there, in milliseconds.
const FIRST_MS: f64 = 15.0;
/// Networks of the query with troubled lines that hang, and that come and go.
const TROUBLE: Trouble = Trouble { hang: 3, flap: 2 };

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Alternating rounds, after one that is not counted.
    pub rounds: usize,
    /// Least time of each part of a round.
    pub slice: Duration,
    /// Networks asked, and what may be added to the way and the ledger's commit, in milliseconds.
    pub networks: [(usize, f64); 3],
    /// Networks one ledger's request may ask.
    pub of_ledger_max: usize,
    /// Documents of the patient at each.
    pub documents: u64,
    /// Networks asked where some are in trouble.
    pub troubled: usize,
    /// Queries there.
    pub troubled_queries: usize,
    /// Their deadline.
    pub deadline: Duration,
}

impl Sizes {
    /// As many networks as there are in a region, in all that exchange today, in the country.
    pub const FULL: Self = Self {
        rounds: ROUNDS,
        slice: Duration::from_secs(2),
        networks: [(8, 3.0), (47, 6.0), (218, 12.0)],
        of_ledger_max: sekisho_domain::AccessRequest::TARGETS_MAX,
        documents: 20,
        troubled: 47,
        troubled_queries: 200,
        deadline: Duration::from_millis(500),
    };

    /// Short and few, to see that it works.
    pub const QUICK: Self = Self {
        rounds: 1,
        slice: Duration::from_millis(50),
        networks: [(2, 3.0), (3, 6.0), (7, 12.0)],
        of_ledger_max: 4,
        documents: 20,
        troubled: 7,
        troubled_queries: 3,
        deadline: Duration::from_millis(1_500),
    };
}

/// Runs it: three rows for each number of networks, three where some are in trouble, one for the broker.
///
/// # Errors
/// The networks cannot be run, or an answer is not what it must be.
pub fn run(sizes: &Sizes, progress: &mut dyn Write) -> Result<Vec<Row>, BenchError> {
    let mut say = |what: String| {
        // Progress nobody can see is no reason to stop.
        let _ = writeln!(progress, "{what}");
    };
    let mut rows = Vec::new();
    for (networks, aim_ms) in sizes.networks {
        rows.extend(healthy(sizes, networks, aim_ms, &mut say)?);
    }
    rows.extend(troubled(sizes, &mut say)?);
    rows.push(added(sizes, &mut say)?);
    Ok(rows)
}

/// Networks of each ledger: as few ledgers as will do, as even as can be.
fn ledgers(networks: usize, of_ledger_max: usize) -> Vec<usize> {
    let count = networks.div_ceil(of_ledger_max.max(1)).max(1);
    let more = |n: usize| usize::from(n < networks % count);
    (0..count).map(|n| networks / count + more(n)).collect()
}

/// Milliseconds of each call, until the time is over; at least one.
fn each_ms(
    slice: Duration,
    mut call: impl FnMut() -> Result<f64, BenchError>,
) -> Result<Vec<f64>, BenchError> {
    let (begun, mut each) = (Instant::now(), Vec::new());
    loop {
        each.push(call()?);
        if begun.elapsed() >= slice {
            return Ok(each);
        }
    }
}

fn p50(each_ms: &[f64]) -> f64 {
    percentile(each_ms, 50.0).unwrap_or(f64::NAN)
}

fn healthy(
    sizes: &Sizes,
    networks: usize,
    aim_ms: f64,
    say: &mut dyn FnMut(String),
) -> Result<[Row; 3], BenchError> {
    let of_each = ledgers(networks, sizes.of_ledger_max);
    let mut country = Country::start(&of_each, sizes.documents, Some(ONE_WAY), Trouble::default())?;
    let first = country.find(PATIENCE, 0)?;
    let bytes: usize = first.found.iter().map(|found| found.bytes).sum();
    let of_one = bytes / networks.max(1);
    let (mut whole, mut commit, mut echo, mut beyond) = (vec![], vec![], vec![], vec![]);
    let (mut queries, mut used) = (0, [0.0; PARTS.len()]);
    for round in 0..=sizes.rounds {
        let before = Threads::now()?;
        let ours = each_ms(sizes.slice, || Ok(country.find(PATIENCE, 0)?.whole_ms))?;
        let after = Threads::now()?;
        // No more of them than of queries: every node looks through all that is new on its ledger for patterns of
        // accesses, and here many nodes share one machine.
        let ledger = ours.iter().map(|_| country.commit());
        let ledger = ledger.collect::<Result<Vec<_>, _>>()?;
        let bare = each_ms(sizes.slice, || country.echo(of_one))?;
        if round > 0 {
            queries += ours.len();
            for (used, part) in used.iter_mut().zip(PARTS) {
                *used += after.since(&before, part);
            }
            whole.push(p50(&ours));
            commit.push(p50(&ledger));
            echo.push(p50(&bare));
            beyond.push(p50(&ours) - ROUND_TRIP_MS - p50(&ledger));
        }
    }
    let middle = |values: &[f64]| median(values).unwrap_or(f64::NAN);
    say(format!(
        "{networks} networks on {} ledger(s): {queries} queries, {of_one} bytes of each network; p50 {:.1} ms = 10 ms \
         + {:.1} ms the ledger's commit + {:.1} ms; bare echo 10 ms + {:.1} ms",
        of_each.len(),
        middle(&whole),
        middle(&commit),
        middle(&beyond),
        middle(&echo) - ROUND_TRIP_MS,
    ));
    let parts = PARTS.iter().zip(used);
    let parts = parts.map(|(part, ms)| format!("{part} {:.1}", ms / queries.max(1) as f64));
    say(format!(
        "{networks} networks, processor time of a query in ms: {}",
        parts.collect::<Vec<_>>().join(", ")
    ));
    let aims = vec![aim_ms; beyond.len()];
    let case = |what: &str| format!("{networks} networks 10 ms away, {what}");
    Ok([
        row(
            case("documents of all, p50, against a bare gRPC echo of as many bytes"),
            &whole,
            &echo,
            "ms",
        ),
        row(
            case("the ledger's commit by itself, p50, against the whole query"),
            &commit,
            &whole,
            "ms",
        ),
        row(
            case("what is beyond 10 ms and the ledger's commit, against the aim"),
            &beyond,
            &aims,
            "ms",
        ),
    ])
}

fn troubled(sizes: &Sizes, say: &mut dyn FnMut(String)) -> Result<[Row; 3], BenchError> {
    let networks = sizes.troubled;
    let of_each = ledgers(networks, sizes.of_ledger_max.max(networks));
    let mut country = Country::start(&of_each, sizes.documents, Some(ONE_WAY), TROUBLE)?;
    let unreliable = TROUBLE.hang + TROUBLE.flap;
    // The first makes the connections.
    country.find(sizes.deadline, networks)?;
    let (mut ends, mut firsts, mut answered) = (vec![], vec![], 0);
    for _ in 0..sizes.troubled_queries {
        let query = country.find(sizes.deadline, unreliable)?;
        ends.push(query.whole_ms);
        firsts.push(query.first_ms);
        let found = query.found.iter();
        answered += found.map(|found| found.documents.len()).sum::<usize>();
    }
    let of_flapping = answered - (networks - unreliable) * sizes.troubled_queries;
    say(format!(
        "{networks} networks, {} of which hang and {} come and go: {} queries, p50 of the end {:.1} ms; those that come \
         and go answered {of_flapping} of {} times",
        TROUBLE.hang,
        TROUBLE.flap,
        ends.len(),
        p50(&ends),
        TROUBLE.flap * sizes.troubled_queries,
    ));
    let deadline_ms = sizes.deadline.as_secs_f64() * 1_000.0;
    let case = |what: &str| {
        let (hang, flap) = (TROUBLE.hang, TROUBLE.flap);
        format!("{networks} networks, {hang} hang and {flap} come and go, {what}")
    };
    let one = |case: String, values: &[f64], percent: f64, peer: f64| Row {
        case,
        ours: percentile(values, percent).unwrap_or(f64::NAN),
        peer,
        unit: "ms",
    };
    Ok([
        one(
            case("end, p99, against the deadline"),
            &ends,
            99.0,
            deadline_ms,
        ),
        one(
            case("first documents, p50, against 15 ms"),
            &firsts,
            50.0,
            FIRST_MS,
        ),
        one(
            case("first documents, p99, against 15 ms"),
            &firsts,
            99.0,
            FIRST_MS,
        ),
    ])
}

fn added(sizes: &Sizes, say: &mut dyn FnMut(String)) -> Result<Row, BenchError> {
    let mut country = Country::start(&[1], sizes.documents, None, Trouble::default())?;
    let (mut added, mut parts) = (vec![], vec![]);
    for round in 0..=sizes.rounds {
        let through = each_ms(sizes.slice / 2, || Ok(country.find(PATIENCE, 0)?.whole_ms))?;
        let (mut commits, mut answers) = (vec![], vec![]);
        each_ms(sizes.slice / 2, || {
            let (commit_ms, answer_ms) = country.direct()?;
            commits.push(commit_ms);
            answers.push(answer_ms);
            Ok(commit_ms + answer_ms)
        })?;
        if round > 0 {
            added.push(p50(&through) - p50(&commits) - p50(&answers));
            parts.push((p50(&through), p50(&commits), p50(&answers)));
        }
    }
    let middle = |part: fn(&(f64, f64, f64)) -> f64| {
        let values: Vec<_> = parts.iter().map(part).collect();
        median(&values).unwrap_or(f64::NAN)
    };
    say(format!(
        "one node, nothing between: {:.2} ms through the broker; {:.2} ms the ledger's commit and {:.2} ms the node's \
         answer without it",
        middle(|it| it.0),
        middle(|it| it.1),
        middle(|it| it.2),
    ));
    let aims = vec![ADDED_MS; added.len()];
    let case = "one node, nothing between: added by the broker to the ledger's commit and the node's answer, p50, \
                against 1 ms";
    Ok(row(case.to_owned(), &added, &aims, "ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_spread_over_as_few_ledgers_as_will_do() {
        let cases = [
            ((8, 64), vec![8]),
            ((64, 64), vec![64]),
            ((65, 64), vec![33, 32]),
            ((218, 64), vec![55, 55, 54, 54]),
        ];
        for ((networks, max), expected) in cases {
            assert_eq!(ledgers(networks, max), expected, "{networks} of {max}");
        }
    }
}
