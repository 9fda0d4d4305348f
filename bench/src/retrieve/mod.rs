//! `retrieve`: documents that travel sealed from one process to another, against the same bytes over plain TLS.
//!
//! ```text
//! viewing node ───────────── directly ────────────▶ disclosing node: file ▶ checked ▶ release on disk ▶ sealed ▶ TLS
//!      │ ─────▶ broker, a process of its own ──────▶       │
//!      └ ─ ─ ─ ─ ─ ─ ─ ─ plain TLS  ─ ─ ─ ─ ─ ─ ─ ─ ▶ file ▶ TLS, in the same two processes
//! ```
//! A time begins with the request and ends with the last verified byte in the viewing node: the ledger's decision, and
//! release and receipt on disk, are in it.

mod carry;
mod entry;
mod plain;
mod site;

use crate::child::{LOOK_EVERY, Server, loopback, server_command};
use crate::relay::{Line, Relays};
use crate::{BenchError, ROUNDS, Row, machine, median};
use site::{BROKER, DISCLOSING, SITES, VIEWING};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) use site::{SITE, serve};

/// Longest wait for a process to be ready, or for one document.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a process may grow by, whatever the document's size.
const GROWTH_MAX: f64 = (64 << 20) as f64;
/// The longer way, one way.
const ONE_WAY: Duration = Duration::from_millis(15);
/// What a fast line between two hospitals carries: 1 Gbit/s.
const LINE_BYTES_A_SECOND: f64 = 125e6;
const MIB: u64 = 1 << 20;

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// The documents, in bytes.
    pub documents: [u64; 2],
    /// Alternating runs of each, after one that is not counted: more of what is over soon.
    pub rounds: [usize; 2],
    /// The same over the longer way.
    pub far_rounds: usize,
}

impl Sizes {
    /// 10 MiB and 1 GiB.
    pub const FULL: Self = Self {
        documents: [10 * MIB, 1024 * MIB],
        rounds: [61, ROUNDS],
        far_rounds: 3,
    };
    /// To see that it works.
    pub const QUICK: Self = Self {
        documents: [MIB, 32 * MIB],
        rounds: [1, 1],
        far_rounds: 1,
    };
}

/// The ways a document can go.
const WAYS: [&str; 3] = ["direct", "broker", "plain"];

/// Runs it.
///
/// # Errors
/// The processes cannot be run, a document does not come whole, or the machine is too busy.
pub fn run(
    sizes: &Sizes,
    program: &Path,
    progress: &mut dyn Write,
) -> Result<Vec<Row>, BenchError> {
    let mut rows = Vec::new();
    let mut near = Processes::start(sizes, program, None)?;
    for (n, bytes) in sizes.documents.into_iter().enumerate() {
        let place = "next to each other";
        let speeds = near.rounds((n, bytes), sizes.rounds[n], place, progress)?;
        rows.extend(compared(&speeds, bytes, place));
    }
    rows.extend(near.grown()?);
    drop(near);
    let [_, bytes] = sizes.documents;
    for (bytes_a_second, place) in [
        (Some(LINE_BYTES_A_SECOND), "30 ms apart on 1 Gbit/s"),
        (None, "30 ms apart on a line without end"),
    ] {
        let line = Line {
            one_way: ONE_WAY,
            bytes_a_second,
        };
        let mut far = Processes::start(sizes, program, Some(line))?;
        let speeds = far.rounds((1, bytes), sizes.far_rounds, place, progress)?;
        rows.extend(compared(&speeds, bytes, place));
    }
    Ok(rows)
}

/// MiB/s of each way, round by round.
type Speeds = [Vec<f64>; 3];

fn compared(speeds: &Speeds, bytes: u64, place: &str) -> [Row; 2] {
    let [direct, broker, plain] = speeds.each_ref().map(|all| median(all).unwrap_or(f64::NAN));
    let row = |way: &str, ours| Row {
        case: format!("{} MiB {way}, {place}, against plain TLS", bytes / MIB),
        ours,
        peer: plain,
        unit: "MiB/s",
    };
    [row("directly", direct), row("through the broker", broker)]
}

/// The three processes, and the relays before them.
struct Processes {
    /// With what each had at rest.
    sites: Vec<(Server, u64)>,
    heard: usize,
    dir: TempDir,
    _relays: Relays,
}

impl Processes {
    fn start(sizes: &Sizes, program: &Path, line: Option<Line>) -> Result<Self, BenchError> {
        let dir = tempfile::tempdir().map_err(BenchError::system("a temporary directory"))?;
        for (n, bytes) in sizes.documents.into_iter().enumerate() {
            write_noise(&entry::file(dir.path(), n), bytes)?;
        }
        // Three sites and the plain peer, each behind a relay where the way is longer.
        let (address, relays) = (loopback(), Relays::new()?);
        let mut own = Vec::new();
        let mut known = Vec::new();
        for port in 7_500..7_504 {
            let at = SocketAddr::from((address, port));
            own.push(at.to_string());
            known.push(match line {
                None => at.to_string(),
                Some(line) => {
                    let before = SocketAddr::from((address, port + 100));
                    let listener = TcpListener::bind(before);
                    let listener = listener.map_err(BenchError::system("a socket"))?;
                    relays.add(listener, at, line)?;
                    before.to_string()
                }
            });
        }
        let mut started = Self {
            sites: Vec::new(),
            heard: 0,
            dir,
            _relays: relays,
        };
        let folder = started.dir.path();
        let mut sites = Vec::new();
        for (n, name) in SITES.into_iter().enumerate() {
            let mut command = server_command(program);
            command.arg(SITE).arg(folder).arg(n.to_string());
            command.arg(if line.is_some() { "far" } else { "near" });
            command.args(&own).args(&known);
            let log = folder.join(format!("{name}.log"));
            sites.push((Server::start(name, &mut command, &log)?, 0));
        }
        started.sites = sites;
        // Each says so when it is ready; the viewing one last, with everybody's consent.
        started.answer(VIEWING)?;
        for (site, at_rest) in &mut started.sites {
            *at_rest = machine::resident_bytes_of(site.id())?;
        }
        Ok(started)
    }

    /// What the viewing process says next.
    fn answer(&mut self, site: usize) -> Result<f64, BenchError> {
        let log = self.dir.path().join(format!("{}.log", SITES[site]));
        let begun = Instant::now();
        loop {
            for (site, _) in &mut self.sites {
                site.check()?;
            }
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let mut said = text.lines().filter_map(|line| line.strip_prefix("answer "));
            // A line that is not ended yet is not read.
            if let Some(answer) = said.nth(self.heard)
                && text.ends_with('\n')
            {
                self.heard += 1;
                return answer.parse().map_err(|_| BenchError::Wrong {
                    what: "a document's way",
                    expected: "it comes whole".to_owned(),
                    got: answer.to_owned(),
                });
            }
            if begun.elapsed() > PATIENCE {
                return Err(BenchError::TooSlow {
                    what: "a document",
                    max_s: PATIENCE.as_secs(),
                });
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn rounds(
        &mut self,
        (document, bytes): (usize, u64),
        rounds: usize,
        place: &str,
        progress: &mut dyn Write,
    ) -> Result<Speeds, BenchError> {
        let mut speeds = Speeds::default();
        for round in 0..=rounds {
            for (way, speeds) in WAYS.into_iter().zip(&mut speeds) {
                self.sites[VIEWING].0.say(&format!("{way} {document}"))?;
                let speed = (bytes as f64 / MIB as f64) / self.answer(VIEWING)?;
                if round > 0 {
                    speeds.push(speed);
                }
            }
            if rounds <= ROUNDS || round % 10 == 1 {
                // Progress nobody can see is no reason to stop.
                let _ = writeln!(
                    progress,
                    "{} MiB, {place}: round {round} of {rounds}",
                    bytes / MIB
                );
            }
        }
        Ok(speeds)
    }

    fn grown(&self) -> Result<Vec<Row>, BenchError> {
        let whose = [
            (VIEWING, "the viewing node"),
            (BROKER, "the broker"),
            (DISCLOSING, "the disclosing node"),
        ];
        let rows = whose.into_iter().map(|(n, who)| {
            let (site, at_rest) = &self.sites[n];
            let peak = machine::peak_bytes_of(site.id())?;
            Ok(Row {
                case: format!("memory {who} grew by at most, against 64 MiB"),
                ours: peak.saturating_sub(*at_rest) as f64,
                peer: GROWTH_MAX,
                unit: "B",
            })
        });
        rows.collect()
    }
}

fn wrong(what: &'static str, got: impl std::fmt::Display) -> BenchError {
    BenchError::Wrong {
        what,
        expected: "it works".to_owned(),
        got: got.to_string(),
    }
}

/// Bytes that nothing compresses, the same in every run.
fn write_noise(path: &Path, bytes: u64) -> Result<(), BenchError> {
    let failed = || BenchError::system("a document's file");
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed())?;
    }
    let mut file = BufWriter::new(File::create(path).map_err(failed())?);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ bytes;
    for _ in 0..bytes / 8 {
        // xorshift64 (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes()).map_err(failed())?;
    }
    file.flush().map_err(failed())
}
