//! Large documents between processes: in constant memory, in nobody else's, and on disk only whole.
//!
//! No reader makes an entry of such a document yet, and ingest quarantines its file. The test puts the entry into
//! Saga's index by hand, before Saga's process first opens it, over a real file; everything else is as in a network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured or left out"
)]

mod document;
mod process;
mod town;

use document::{Document, LARGE_BYTES, MARKED_BYTES, TEXT};
use process::{forget_peak, holds, resident, signal, unreadable};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use town::{LIMIT, Town, program};

/// What a process may grow by, whatever the document's size.
const GROWTH_MAX: u64 = 64 << 20;

/// One test, because setting the town up takes longer than most checks, and its end must stop its processes.
#[test]
fn large_documents() {
    let mut town = Town::new();
    what_is_too_large_to_be_shown_is_said(&town);
    a_file_is_there_only_whole(&town);
    constant_memory(&town, "through the broker");
    nobody_between_holds_what_is_sealed(&mut town);
    town.view("direct");
    town.at_rest();
    constant_memory(&town, "directly");
}

fn folder(town: &Town) -> PathBuf {
    let out = town.dir.path().join("out");
    std::fs::create_dir_all(&out).unwrap();
    out
}

fn what_is_too_large_to_be_shown_is_said(town: &Town) {
    for args in [&[][..], &["--raw"]] {
        let ended = program().run(&[&town.retrieve(&town.large.id)[..], args].concat(), LIMIT);
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.contains("--raw --out FILE"), "{}", ended.err);
        assert_eq!(ended.out, "");
    }
}

/// Begins to write a document to a file, and waits until some of it is there.
fn begun(town: &Town, document: &Document, out: &Path) -> Child {
    let mut args = town.retrieve(&document.id);
    args.extend(["--raw", "--lang", "en", "--out", out.to_str().unwrap()]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_sekisho"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let until = Instant::now() + LIMIT;
    loop {
        let part = files(out.parent().unwrap()).into_iter().next();
        if part.is_some_and(|part| part.metadata().is_ok_and(|it| it.len() > 0)) {
            return child;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        assert!(Instant::now() < until, "nothing came");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

fn a_file_is_there_only_whole(town: &Town) {
    let folder = folder(town);
    let out = folder.join("stopped");
    // Somebody presses Ctrl-C.
    let child = begun(town, &town.large, &out);
    signal(child.id(), "INT");
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(3), "{said}");
    assert!(said.contains("interrupted: it stopped after "), "{said}");
    assert_eq!(files(&folder), [] as [PathBuf; 0], "{said}");

    // The document is written to at its source while it is under way: the reader is held until it is.
    let child = begun(town, &town.edited, &out);
    signal(child.id(), "STOP");
    town.edited.edit_last_byte();
    signal(child.id(), "CONT");
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(3), "{said}");
    assert!(said.contains("it stopped after "), "{said}");
    let log = town.saga.said();
    assert!(log.contains("given up while it was sent"), "{log}");
    assert!(log.contains("the document has changed since"), "{log}");
    assert_eq!(files(&folder), [] as [PathBuf; 0], "{said}");
}

fn hash(path: &Path) -> [u8; 32] {
    let (mut file, mut hasher) = (File::open(path).unwrap(), Sha256::new());
    let mut part = vec![0; 1 << 20];
    loop {
        match file.read(&mut part).unwrap() {
            0 => return hasher.finalize().into(),
            length => hasher.update(&part[..length]),
        }
    }
}

fn constant_memory(town: &Town, way: &str) {
    let out = folder(town).join("whole");
    let processes = [
        ("the disclosing node", &town.saga),
        ("the viewing node", town.kurume()),
        ("the broker", town.carrier()),
    ];
    processes.iter().for_each(|(_, it)| forget_peak(it.id()));
    let mut args = town.retrieve(&town.large.id);
    args.extend(["--raw", "--json", "--out", out.to_str().unwrap()]);
    let began = Instant::now();
    let ended = program().run(&args, LIMIT);
    let logs = || processes.map(|(who, process)| format!("{who}:\n{}", process.said()));
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.err, logs().join("\n"));
    let took = began.elapsed();
    assert_eq!(ended.json()["document"]["size_bytes"], LARGE_BYTES as u64);
    assert_eq!(hash(&out), town.large.hash);
    std::fs::remove_file(&out).unwrap();
    for (who, process) in processes {
        // Against what it had before it first carried anything.
        let idle = town.idle[&process.id()];
        let grown = resident(process.id(), "VmHWM:").saturating_sub(idle);
        println!(
            "{way}: {who} has {} KiB at rest and grew by {} KiB for {LARGE_BYTES} bytes in {took:?}",
            idle >> 10,
            grown >> 10
        );
        assert!(grown <= GROWTH_MAX, "{way}: {who} grew by {grown} bytes");
    }
}

/// The broker's memory and log are searched while a document is on its way through it, and afterwards.
fn nobody_between_holds_what_is_sealed(town: &mut Town) {
    if let Some(reason) = unreadable(town.carrier().id()) {
        let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!ci, "a process's memory cannot be read: {reason}");
        println!("left out: a process's memory cannot be read here: {reason}");
        return;
    }
    town.carry("debug");
    let marker = town.marked.marker.clone();
    let secrets = [("the marker", &marker[..]), ("the text", TEXT.as_bytes())];
    let id = town.marked.id.clone();
    for round in 0..3 {
        let under_way = town.begin_marked();
        // The viewing node holds it, and that is found: so whatever is not found elsewhere is not there.
        let until = Instant::now() + LIMIT;
        while secrets
            .iter()
            .any(|(_, it)| holds(town.kurume().id(), it) == 0)
        {
            assert!(Instant::now() < until, "the viewing node has nothing yet");
        }
        let carrier = town.carrier().id();
        assert!(
            holds(carrier, id.as_bytes()) > 0,
            "the broker knows which document it carries"
        );
        for (what, secret) in secrets {
            assert_eq!(holds(carrier, secret), 0, "round {round}: {what}");
        }
        let bytes = under_way.whole();
        assert_eq!(bytes.len(), MARKED_BYTES);
        assert_eq!(<[u8; 32]>::from(Sha256::digest(&bytes)), town.marked.hash);
        for (what, secret) in secrets {
            assert_eq!(holds(carrier, secret), 0, "after round {round}: {what}");
        }
    }
    let said = town.carrier().said();
    assert!(said.contains("DEBUG"), "it logs what there is to log");
    let first = &marker[..16];
    let decimal = first.iter().map(ToString::to_string).collect::<Vec<_>>();
    let hex: String = first.iter().map(|byte| format!("{byte:02x}")).collect();
    for secret in [TEXT.to_owned(), decimal.join(", "), hex] {
        assert!(
            !said.contains(&secret),
            "the broker's log holds the document"
        );
    }
}
