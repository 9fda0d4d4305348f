//! A node's process and its storage: killed while it reads, and left alone while the storage changes.
//!
//! Killed with SIGKILL at random moments of its first reading, again and again, it must in the end hold the same index
//! as one that was never disturbed: nothing lost, nothing doubled. Left alone, it must have a change in its index within
//! two seconds, without anybody asking.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it did"
)]

use sekisho_documents::{Counters, DocumentIndex, FileRecord, SledIndex};
use sekisho_harness::{Program, Running};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(120);
const FACILITY: &str = "4110000001";
const PATIENTS: &str = "60";
/// Times the process is killed.
const KILLS: u64 = 12;
/// What is promised of a change.
const PROMISED: Duration = Duration::from_secs(2);

fn program() -> Program {
    Program::at(env!("CARGO_BIN_EXE_sekisho")).with("RUST_LOG", "info")
}

/// One network of one machine with one storage.
struct Place {
    dir: tempfile::TempDir,
    metrics: u16,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path).to_str().unwrap().to_owned();
        let run = |args: &[&str]| program().run(args, LIMIT).expect(0);
        run(&[
            "sample",
            "ssmix2",
            "--out",
            &at("ssmix2"),
            "--facility",
            FACILITY,
            "--patients",
            PATIENTS,
        ]);
        // Free again below; a test that meets another's is run again by hand.
        let held: [_; 2] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [port, metrics] = held.map(|held| held.local_addr().unwrap().port());
        let listen = format!("127.0.0.1:{port}");
        let init = [
            "network",
            "init",
            "--id",
            "saga",
            "--name",
            "saga",
            "--dir",
            &at("saga"),
        ];
        run(&[
            &init[..],
            &[
                "--listen",
                &listen,
                "--replica",
                "1",
                "--expected-rtt-ms",
                "1",
            ],
        ]
        .concat());
        run(&[
            "network",
            "found",
            "--card",
            &at("saga/card.json"),
            "--out",
            &at("saga/genesis.json"),
        ]);
        let config = format!(
            "[network]\nid = \"saga\"\n[server]\nlisten = \"{listen}\"\n[replica]\nid = 1\nexpected_rtt_ms = 1\n[broker]\n\
             [metrics]\nlisten = \"127.0.0.1:{metrics}\"\n[node]\n[[node.source]]\nid = \"a\"\n\
             kind = \"ss-mix2-standardised\"\nfacility = \"{FACILITY}\"\nroot = \"../ssmix2/{FACILITY}\"\n"
        );
        fs::write(at("saga/sekisho.toml"), config).unwrap();
        Self { dir, metrics }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn config(&self) -> String {
        self.at("saga/sekisho.toml").to_str().unwrap().to_owned()
    }

    fn serve(&self) -> Running {
        program().start(&["serve", "--config", &self.config()], "serving", LIMIT)
    }

    /// Has the running process read everything again; its report.
    fn ingest(&self) -> Value {
        let config = self.config();
        let ingest = ["ingest", "--config", config.as_str(), "--json"];
        let until = Instant::now() + LIMIT;
        // A process that has only just begun may not answer yet.
        loop {
            let ended = program().run(&ingest, LIMIT);
            if ended.code == Some(0) || Instant::now() > until {
                return ended.expect(0).json();
            }
        }
    }

    /// Everything the index of a process that has ended holds.
    fn index(&self) -> (Vec<FileRecord>, Counters) {
        let index = SledIndex::open(&self.at("saga/data/index")).unwrap();
        let source = "a".parse().unwrap();
        let mut records: Vec<FileRecord> = Vec::new();
        loop {
            let after = records.last().map(|r| r.location.path.clone());
            let page = index.files(&source, "", after.as_deref(), 1000).unwrap();
            if page.is_empty() {
                return (records, index.counters().unwrap());
            }
            records.extend(page);
        }
    }

    /// Documents that can be answered, as the running process tells Prometheus.
    fn documents(&self) -> Option<u64> {
        let address = format!("127.0.0.1:{}", self.metrics);
        let mut stream = TcpStream::connect(&address).ok()?;
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut page = String::new();
        stream.read_to_string(&mut page).ok()?;
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix("sekisho_node_documents "))?;
        line.parse::<f64>().ok().map(|n| n as u64)
    }

    fn until_documents(&self, expected: u64) -> Duration {
        let began = Instant::now();
        while self.documents() != Some(expected) {
            assert!(
                began.elapsed() < LIMIT,
                "{:?} instead of {expected}",
                self.documents()
            );
            std::thread::park_timeout(Duration::from_millis(20));
        }
        began.elapsed()
    }
}

/// Numbers that follow from a seed, so that a failure can be looked for again.
fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below.max(1)
    }
}

/// A prescription in force somewhere below a folder.
fn a_prescription(folder: &Path) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .map(|e| e.unwrap().path())
        .collect();
    entries.sort();
    entries.into_iter().find_map(|path| {
        if path.is_dir() {
            return a_prescription(&path);
        }
        let name = path.file_name()?.to_str()?;
        (name.contains("_OMP-01_") && name.ends_with("_1")).then_some(path)
    })
}

#[test]
fn a_process_killed_while_it_reads_ends_in_the_same_index() {
    let place = Place::new();
    let undisturbed = {
        let _running = place.serve();
        let report = place.ingest();
        assert!(
            report["sources"][0]["files"].as_u64().unwrap() > 500,
            "{report}"
        );
        report
    };
    let (records, counters) = place.index();
    assert_eq!(counters.files(), records.len() as u64);

    fs::remove_dir_all(place.at("saga/data/index")).unwrap();
    let seed = std::env::var("SEKISHO_SEED")
        .map_or(1, |seed| seed.parse().expect("SEKISHO_SEED: a number"));
    let mut dice = dice(seed);
    let mut cut_short = 0;
    for kill in 0..KILLS {
        let running = place.serve();
        // Somewhere between its first and its last file; a moment, not a condition, is what is tried here.
        std::thread::park_timeout(Duration::from_millis(dice(400)));
        drop(running);
        let (held, counters) = place.index();
        assert_eq!(
            counters.files(),
            held.len() as u64,
            "seed {seed}, kill {kill}: the counters are of what is held"
        );
        cut_short += u64::from(held.len() < records.len());
        if held.len() == records.len() {
            // Whole: begun again from nothing, so that the next kill meets a reading under way too.
            fs::remove_dir_all(place.at("saga/data/index")).unwrap();
        }
    }
    println!("seed {seed}: {cut_short} of {KILLS} kills met a reading under way");
    assert!(cut_short > 0, "no kill met a reading under way");

    let again = {
        let _running = place.serve();
        place.ingest()
    };
    let (held, after) = place.index();
    assert!(
        held == records && after == counters,
        "seed {seed}: another index after {KILLS} kills"
    );
    for what in ["kinds", "quarantined", "files"] {
        assert_eq!(
            again["sources"][0][what], undisturbed["sources"][0][what],
            "{what}"
        );
    }
}

#[test]
fn a_running_process_sees_a_change_within_two_seconds() {
    let place = Place::new();
    let running = place.serve();
    let documents = place.ingest()["sources"][0]["kinds"]
        .as_object()
        .unwrap()
        .values()
        .map(|counts| counts["approved"].as_u64().unwrap() + counts["deprecated"].as_u64().unwrap())
        .sum::<u64>();
    place.until_documents(documents);
    assert!(running.said().contains("following"), "{}", running.said());

    let file = a_prescription(&place.at("ssmix2").join(FACILITY)).unwrap();
    let away = place.at("away");
    for _ in 0..3 {
        fs::rename(&file, &away).unwrap();
        let gone = place.until_documents(documents - 1);
        fs::rename(&away, &file).unwrap();
        let back = place.until_documents(documents);
        println!("gone after {gone:?}, back after {back:?}");
        assert!(gone < PROMISED && back < PROMISED, "{gone:?} {back:?}");
    }
    // And across a restart: what happened meanwhile is there.
    drop(running);
    fs::rename(&file, &away).unwrap();
    let _running = place.serve();
    place.until_documents(documents - 1);
}
