//! What is measured each time the ledger has reached a size.

use super::disk::Disk;
use super::feed::Feed;
use super::{REPLICA, START_MAX};
use crate::authorize::grouped;
use crate::group::{Group, Settings};
use crate::machine::resident_bytes_of;
use crate::stats::{median, percentile};
use crate::yardstick::fdatasync_ms;
use crate::{BenchError, Row};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Raft entries between two snapshots where there shall be none.
const NO_SNAPSHOTS: u64 = 1 << 40;
/// The same where they shall be taken all the time. With one client an entry is a commit, so at least one commit in
/// a hundred meets one: it is in the 99th percentile.
const SNAPSHOTS: u64 = 50;

/// Turns of timed commits at each size and setting.
const TURNS: usize = 5;
/// Time of a turn of bare fdatasyncs.
const SYNCS: Duration = Duration::from_millis(400);

/// Milliseconds of commits one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latency {
    pub(super) p50: f64,
    pub(super) p99: f64,
}

impl Latency {
    /// The medians of several turns: one turn of a disk that others use too says little of the slowest in a hundred.
    fn of(turns: &[Vec<f64>]) -> Self {
        let middle = |percent| {
            let of = |each_ms: &Vec<f64>| percentile(each_ms, percent).unwrap_or(f64::NAN);
            median(&turns.iter().map(of).collect::<Vec<_>>()).unwrap_or(f64::NAN)
        };
        Self {
            p50: middle(50.0),
            p99: middle(99.0),
        }
    }
}

/// One size.
pub(super) struct Point {
    pub(super) entries: u64,
    pub(super) disk: Disk,
    /// Entries on the disk then: those of the timed commits are among them.
    pub(super) on_disk: u64,
    pub(super) resident: u64,
    pub(super) killed_ms: f64,
    pub(super) clean_ms: f64,
    pub(super) plain: Latency,
    pub(super) snapshots: Latency,
    /// Of one bare fdatasync, by turns with the plain commits.
    pub(super) syncs: Latency,
}

impl Point {
    pub(super) fn measure(
        group: &mut Group,
        client: &Runtime,
        entries: u64,
        commits: usize,
        feed: &mut Feed,
    ) -> Result<Self, BenchError> {
        let process = group.process(REPLICA).unwrap_or_default();
        let resident = resident_bytes_of(process)?;
        group.kill(REPLICA)?;
        let killed_ms = start(group, client, NO_SNAPSHOTS)?;
        // What was applied again is written to the database here, and not while commits are timed.
        group.stop(REPLICA, START_MAX)?;
        let disk = Disk::of_dir(&group.data_dir(REPLICA))?;
        let on_disk = feed.made();
        let clean_ms = start(group, client, NO_SNAPSHOTS)?;
        let (mut commits_ms, mut syncs_ms) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            commits_ms.push(feed.one_by_one(group, client, commits)?.each_ms);
            syncs_ms.push(fdatasync_ms(group.directory(), SYNCS)?);
        }
        group.stop(REPLICA, START_MAX)?;
        start(group, client, SNAPSHOTS)?;
        let mut snapshots_ms = Vec::new();
        for _ in 0..TURNS {
            snapshots_ms.push(feed.one_by_one(group, client, commits)?.each_ms);
        }
        group.stop(REPLICA, START_MAX)?;
        start(group, client, Settings::usual().snapshot_every)?;
        Ok(Self {
            entries,
            disk,
            on_disk,
            resident,
            killed_ms,
            clean_ms,
            plain: Latency::of(&commits_ms),
            snapshots: Latency::of(&snapshots_ms),
            syncs: Latency::of(&syncs_ms),
        })
    }

    pub(super) fn said(&self) -> String {
        format!(
            "at {} entries: {} MB in memory, starts in {:.0} ms ({:.0} ms after SIGKILL), commits in {:.1} ms",
            grouped(self.entries),
            self.resident / 1_000_000,
            self.clean_ms,
            self.killed_ms,
            self.plain.p50
        )
    }

    pub(super) fn snapshots_row(&self) -> Row {
        Row {
            case: format!(
                "p99 of a commit while snapshots are taken, at {} entries, against without",
                grouped(self.entries)
            ),
            ours: self.snapshots.p99,
            peer: self.plain.p99,
            unit: "ms",
        }
    }
}

/// Starts the replica; milliseconds until it serves, the process's own beginning among them. First the system writes what
/// it was given before: else the feeding's own writing is timed with the commits.
fn start(group: &mut Group, client: &Runtime, snapshot_every: u64) -> Result<f64, BenchError> {
    rustix::fs::sync();
    let begun = Instant::now();
    let settings = Settings {
        snapshot_every,
        ..Settings::usual()
    };
    group.start(REPLICA, settings)?;
    group.ready(client, REPLICA, START_MAX)?;
    Ok(begun.elapsed().as_secs_f64() * 1_000.0)
}
