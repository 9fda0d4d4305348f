//! `ingest`: an SS-MIX2 storage read into a node's index, against merely reading its files.
//!
//! The storage is an invented one of `sekisho-sample`; the index is the node's own (sled) on the same disk; the peer is
//! `find … -type f -exec cat {} +` over the same tree, its output thrown away.

mod change;
mod memory;
mod tree;

pub(crate) use memory::{MEMORY, serve};

use crate::load::row;
use crate::{BenchError, Row, percentile};
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tree::Tree;

/// How soon a change is to be seen, in milliseconds.
const AIM_MS: f64 = 2_000.0;
/// What a hospital group has.
const GROUP_FILES: f64 = 5_000_000.0;

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Alternating rounds, after one that is not counted.
    pub rounds: usize,
    /// Files of the large storage, about.
    pub files: u64,
    /// Files of the small one.
    pub few: u64,
    /// Changes whose way into the index is timed.
    pub changes: usize,
    /// Whether the system's caches are emptied, for the cold rows.
    pub cold: bool,
}

impl Sizes {
    /// A hospital's.
    pub const USUAL: Self = Self {
        rounds: 3,
        files: 200_000,
        few: 50_000,
        changes: 50,
        cold: true,
    };

    /// Short and few, to see that it works.
    pub const QUICK: Self = Self {
        rounds: 1,
        files: 2_000,
        few: 500,
        changes: 3,
        cold: false,
    };
}

/// Runs it; `program` is this program.
///
/// # Errors
/// The storage cannot be made or read, or what was read is not what was made.
pub fn run(
    sizes: &Sizes,
    program: &Path,
    progress: &mut dyn Write,
) -> Result<Vec<Row>, BenchError> {
    let mut say = |what: String| {
        // Progress nobody can see is no reason to stop.
        let _ = writeln!(progress, "{what}");
    };
    let small = Tree::make(sizes.few)?;
    say(format!("{} files written", small.files));
    let few_bytes = small.memory_bytes(program)?;
    let few = small.files;
    drop(small);
    let large = Tree::make(sizes.files)?;
    say(format!("{} files written", large.files));
    let many_bytes = large.memory_bytes(program)?;

    let mut rows = Vec::new();
    let of = format!("{} files", large.files);
    let (mut ours, mut peers, mut again) = (vec![], vec![], vec![]);
    for round in 0..=sizes.rounds {
        let index = large.index()?;
        let first = large.ingest(&index)?;
        let second = large.unchanged(&index)?;
        let read = large.read()?;
        say(format!(
            "round {round}: ingest {:.1} s, again {:.1} s, find and cat {:.1} s",
            first.as_secs_f64(),
            second.as_secs_f64(),
            read.as_secs_f64()
        ));
        if round > 0 {
            ours.push(large.rate(first));
            again.push(large.rate(second));
            peers.push(large.rate(read));
        }
    }
    let warm = crate::median(&ours).unwrap_or(f64::NAN);
    rows.push(row(
        format!("{of} read into an empty index, warm, against find and cat"),
        &ours,
        &peers,
        "1/s",
    ));
    rows.push(row(
        format!("{of} looked at again, none changed, warm, against find and cat"),
        &again,
        &peers,
        "1/s",
    ));
    if sizes.cold {
        match large.cold(sizes.rounds)? {
            Some((ours, peers)) => {
                rows.push(row(
                    format!("{of} read into an empty index, cold, against find and cat"),
                    &ours,
                    &peers,
                    "1/s",
                ));
            }
            None => {
                say("left out: the cold rows (only root may empty the system's caches)".to_owned())
            }
        }
    }
    let peer = crate::median(&peers).unwrap_or(f64::NAN);
    rows.push(Row {
        case: "minutes for 5,000,000 files by that rate, warm, against find and cat".to_owned(),
        ours: GROUP_FILES / warm / 60.0,
        peer: GROUP_FILES / peer / 60.0,
        unit: "min",
    });
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    rows.push(Row {
        case: format!("memory reading {of} adds, kept nowhere, against {few} files"),
        ours: mib(many_bytes.1),
        peer: mib(few_bytes.1),
        unit: "MiB",
    });
    rows.push(Row {
        case: format!("memory reading {of} into an index adds, against {few} files"),
        ours: mib(many_bytes.0),
        peer: mib(few_bytes.0),
        unit: "MiB",
    });
    let seen_ms = change::seen_ms(&large, sizes.changes)?;
    let limit = |percent: f64| percentile(&seen_ms, percent).unwrap_or(f64::NAN);
    for (name, ours) in [("p50", limit(50.0)), ("the slowest", limit(100.0))] {
        rows.push(Row {
            case: format!(
                "from a file's appearance among {of} until it is in the index, {name}, against 2 s"
            ),
            ours,
            peer: AIM_MS,
            unit: "ms",
        });
    }
    Ok(rows)
}

/// Longest wait for one change: ten times what is promised.
const PATIENCE: Duration = Duration::from_secs(20);
