//! The corpus and seeded mutations of it, without coverage: what runs with every test run. `fuzz/run` does more.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use sekisho_fuzz::TARGETS;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no corpus");
    let read = |path: PathBuf| (path.clone(), std::fs::read(path).unwrap());
    files.into_iter().map(read).collect()
}

#[test]
fn every_target_takes_its_corpus() {
    for (name, target) in TARGETS {
        for (path, bytes) in corpus(name) {
            println!("{}", path.display());
            target(&bytes);
        }
    }
}

/// One to four small changes: what breaks formats.
fn mutate(random: &mut TestRng, seeds: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let mut below = |n: usize| (random.next_u64() % n.max(1) as u64) as usize;
    let mut bytes = seeds[below(seeds.len())].1.clone();
    for _ in 0..=below(4) {
        let at = below(bytes.len() + 1);
        match below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << below(8),
            1 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][below(5)],
            2 => bytes.insert(at.min(bytes.len()), below(256) as u8),
            3 => bytes.truncate(at),
            4 => {
                let end = (at + below(16)).min(bytes.len());
                bytes.drain(at.min(end)..end);
            }
            5 => {
                let end = (at + below(64)).min(bytes.len());
                let again = bytes[at.min(end)..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => {
                let other = &seeds[below(seeds.len())].1;
                let from = below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }
    bytes
}

#[test]
fn mutations_of_the_corpus_are_taken_or_refused() {
    let seed = std::env::var("SEKISHO_SEED")
        .map_or(1, |seed| seed.parse().expect("SEKISHO_SEED: a number"));
    let slice = Duration::from_millis(500);
    for (name, target) in TARGETS {
        let seeds = corpus(name);
        let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let (began, mut tried) = (Instant::now(), 0u64);
        while began.elapsed() < slice {
            let bytes = mutate(&mut random, &seeds);
            if let Err(panic) = std::panic::catch_unwind(|| target(&bytes)) {
                eprintln!(
                    "{name}, seed {seed}, after {tried}: {}",
                    hex::encode(&bytes)
                );
                std::panic::resume_unwind(panic);
            }
            tried += 1;
        }
        println!("{name}: {tried} mutations, seed {seed}");
    }
}
