//! The corpus is what the golden files hold, cut into what each parser takes. `SEKISHO_WRITE_CORPUS=1` writes it
//! again after the golden files have changed; what fuzzing added stays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use prost::Message;
use sekisho_ledger::Leaf;
use sekisho_profiles::facts;
use sekisho_profiles::profile::{NetworkProfile, write};
use sekisho_proto::v1;
use std::collections::BTreeMap;
use std::path::Path;

/// Named bytes of a golden file.
fn golden(file: &str) -> Vec<(String, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../consent-ledger/core/golden")
        .join(file);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let (name, bytes) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), hex::decode(bytes).unwrap())
        })
        .collect()
}

fn seeds() -> BTreeMap<(&'static str, String), Vec<u8>> {
    let mut seeds = BTreeMap::new();
    for (name, bytes) in golden("ledger.txt") {
        if name.contains("-Leaf ") {
            let leaf = Leaf::decode(&bytes).unwrap();
            let kind = format!("{:?}", leaf.entry.body);
            let kind = kind.split(['(', ' ']).next().unwrap().to_owned();
            seeds.insert(("envelope", kind.clone()), leaf.envelope.encode_to_vec());
            seeds.insert(("entry", kind.clone()), leaf.envelope.payload);
            seeds.insert(("leaf", kind), bytes);
            continue;
        }
        match name.as_str() {
            "checkpoint" => seeds.insert(("note", "checkpoint".to_owned()), bytes),
            "bundle" => seeds.insert(("bundle", "one-of-everything".to_owned()), bytes),
            _ => None,
        };
    }
    let get = v1::StateQuestion {
        table: 1,
        key: b"saga".to_vec(),
        scan: None,
    };
    let scan = v1::StateQuestion {
        scan: Some(v1::StateScan {
            from: b"kurume".to_vec(),
            max: 9,
        }),
        ..get.clone()
    };
    let ask = v1::StateRequest {
        nonce: vec![7; 16],
        min_size: 3,
        questions: vec![get, scan],
    };
    seeds.insert(
        ("state-request", "two-questions".to_owned()),
        ask.encode_to_vec(),
    );
    let genesis = sekisho_ledger::testing::genesis(&["kurume", "saga"]);
    let founding = serde_json::to_vec_pretty(&genesis).unwrap();
    seeds.insert(("genesis", "two-networks".to_owned()), founding);
    for (name, bytes) in golden("tlog.txt") {
        let file = name.replace('/', "-");
        if name.starts_with("tile/") {
            let width: u16 = name.rsplit('/').next().unwrap().parse().unwrap_or(256);
            let with_width = [&width.to_be_bytes()[..], &bytes].concat();
            seeds.insert(("tile", file.clone()), with_width);
            seeds.insert(("tile-path", file), name.into_bytes());
        } else if name.contains("receipt") || name.contains("proof") {
            seeds.insert(("proof", file), bytes);
        } else if name.contains("checkpoint") {
            seeds.insert(("note", file), bytes);
        }
    }
    for network in facts::built_in().unwrap().networks.iter().step_by(60) {
        let profile = NetworkProfile::of(network);
        seeds.insert(
            ("profile", network.id.to_string()),
            write(&profile).into_bytes(),
        );
    }
    seeds
}

#[test]
fn the_corpus_holds_what_the_golden_files_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let write = std::env::var_os("SEKISHO_WRITE_CORPUS").is_some();
    for ((target, name), bytes) in seeds() {
        let path = folder.join(target).join(&name);
        if write {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let there = std::fs::read(&path).unwrap_or_default();
        assert!(
            there == bytes,
            "{target}/{name} is not what the golden files hold: SEKISHO_WRITE_CORPUS=1"
        );
    }
}
