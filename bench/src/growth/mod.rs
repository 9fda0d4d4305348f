//! `growth`: what becomes of one replica as its ledger grows: disk, memory, start-up, latency, snapshots, repair.
//!
//! The replica is a process of this program and is fed over mutual TLS, as fast as it takes, with signed entries: of
//! sixteen, twelve requests that are permitted, three consents of persons never seen before, and a reservation of
//! another. At 0 %, 50 % and 100 % of the entries:
//!
//! ```text
//! fed ─▶ memory ─▶ SIGKILL ─▶ start ─▶ stop ─▶ disk ─▶ start ─▶ latency ─▶ stop ─▶ start, snapshots all the time ─▶ latency
//! ```
//!
//! The peer of nearly every row is the same at 0 %: what does not grow has the ratio 1.

mod disk;
mod feed;
mod point;
mod repair;

use crate::authorize::grouped;
use crate::group::{Group, Settings};
use crate::replicated::{set_up, signed_request};
use crate::yardstick::Checks;
use crate::{BenchError, Row};
use disk::Kind;
use feed::Feed;
use point::Point;
use prost::Message;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Most entries that are checked byte by byte and carried over; of a larger ledger, its beginning.
const REPAIRED_MAX: u64 = 500_000;
/// Longest a replica may take to start or stop, however large.
const START_MAX: Duration = Duration::from_secs(600);
/// The only replica.
const REPLICA: usize = 0;

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Entries in all.
    pub entries: u64,
    /// Commits timed in a turn, one client; five turns at each point and setting.
    pub commits: usize,
    /// Time of one run of the yardstick.
    pub peer_slice: Duration,
}

impl Sizes {
    /// 200,000 entries.
    pub const USUAL: Self = Self {
        entries: 200_000,
        commits: 2_000,
        peer_slice: Duration::from_secs(1),
    };

    /// Short, to see that it works.
    pub const QUICK: Self = Self {
        entries: 2_000,
        commits: 120,
        peer_slice: Duration::from_millis(50),
    };
}

/// Runs it. `program` is this one: its replica is a process of it.
///
/// # Errors
/// The replica cannot be run, refuses an entry, or its files do not hold.
pub fn run(
    sizes: &Sizes,
    program: &Path,
    progress: &mut dyn Write,
) -> Result<Vec<Row>, BenchError> {
    let client = Runtime::new().map_err(BenchError::system("a runtime"))?;
    let mut group = Group::found(program, 1)?;
    group.start_all(&client, Settings::usual())?;
    {
        let channel = {
            let _on = client.enter();
            group.connect(REPLICA)?
        };
        client.block_on(set_up(&group.federation, &[channel]))?;
    }
    let entry_bytes = signed_request(&group.federation, 0).encoded_len();
    let repaired = sizes.entries.min(REPAIRED_MAX);
    let mut stops = vec![0, repaired, sizes.entries / 2, sizes.entries];
    stops.sort_unstable();
    stops.dedup();
    let mut feed = Feed::new(sizes.entries);
    let (mut points, mut rows) = (Vec::new(), Vec::new());
    for stop in stops {
        feed.until(stop, &group, &client, progress)?;
        if [0, sizes.entries / 2, sizes.entries].contains(&stop) {
            let point = Point::measure(&mut group, &client, stop, sizes.commits, &mut feed)?;
            let _ = writeln!(progress, "{}", point.said());
            points.push(point);
        }
        if stop == repaired {
            let checks = Checks::of(&group.federation)?.one_core(sizes.peer_slice)?;
            group.sealed(&client, REPLICA)?;
            group.stop(REPLICA, START_MAX)?;
            rows.extend(repair::measure(&group, checks, progress)?);
            group.start(REPLICA, Settings::usual())?;
            group.ready(&client, REPLICA, START_MAX)?;
        }
    }
    group.stop(REPLICA, START_MAX)?;
    let mut all = Vec::new();
    if let [first, later @ ..] = points.as_slice() {
        all.push(first.snapshots_row());
        for point in later {
            all.extend(rows_of(point, first, entry_bytes));
        }
    }
    all.extend(rows);
    Ok(all)
}

fn rows_of(now: &Point, first: &Point, entry_bytes: usize) -> Vec<Row> {
    let at = format!("at {} entries", grouped(now.entries));
    let row = |case: String, ours: f64, peer: f64, unit| Row {
        case,
        ours,
        peer,
        unit,
    };
    let entries = (now.on_disk - first.on_disk) as f64;
    let mut rows: Vec<_> = Kind::ALL
        .map(|kind| {
            let grown = now.disk.of(kind) as f64 - first.disk.of(kind) as f64;
            row(
                format!(
                    "disk an entry, {}, {at}, against a signed request",
                    kind.name()
                ),
                grown / entries,
                entry_bytes as f64,
                "B",
            )
        })
        .into();
    let of = |what: &str| format!("{what}, {at}, against at 0");
    rows.extend([
        row(
            format!("the Raft log's files in all, {at}, against at 0"),
            now.disk.of(Kind::Log) as f64,
            first.disk.of(Kind::Log) as f64,
            "B",
        ),
        row(
            of("resident memory"),
            now.resident as f64,
            first.resident as f64,
            "B",
        ),
        row(
            of("start-up after a clean stop"),
            now.clean_ms,
            first.clean_ms,
            "ms",
        ),
        row(
            of("start-up after SIGKILL"),
            now.killed_ms,
            first.killed_ms,
            "ms",
        ),
        row(
            of("p50 of a commit, 1 client"),
            now.plain.p50,
            first.plain.p50,
            "ms",
        ),
        row(
            of("p99 of a commit, 1 client"),
            now.plain.p99,
            first.plain.p99,
            "ms",
        ),
        row(
            of("p50 of a bare fdatasync meanwhile"),
            now.syncs.p50,
            first.syncs.p50,
            "ms",
        ),
        row(
            of("p99 of a bare fdatasync meanwhile"),
            now.syncs.p99,
            first.syncs.p99,
            "ms",
        ),
        now.snapshots_row(),
    ]);
    rows
}
