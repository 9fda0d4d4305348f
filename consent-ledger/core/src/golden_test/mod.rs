//! Golden bytes: a change of anything on the wire or on disk must be meant, and comes with a version and a way to
//! read what was written before. One history that leaves a row in every table is kept byte for byte in
//! `golden/ledger.txt`: the genesis, its id, every row of the state (leaves with their envelopes and payloads
//! among them), a checkpoint and a proof bundle. Ed25519 signatures are deterministic, so nothing in it varies.
//!
//! After a change that is meant: `SEKISHO_WRITE_GOLDEN=1 cargo test -p sekisho-ledger golden`.

pub(crate) mod story;

use crate::bundle::{self, ShownOpening};
use crate::store::{StateRead, Table};
use crate::testing::genesis;
use crate::{Leaf, ledger_id, tree};
use prost::Message;
use sekisho_proto::v1;
use std::fmt::Write as _;
use story::story;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/ledger.txt");

fn dump() -> String {
    let (world, access, opening) = story();
    let mut out = String::new();
    let founding = genesis(&["kurume", "saga"]);
    let mut line =
        |name: &str, bytes: &[u8]| writeln!(out, "{name} {}", hex::encode(bytes)).unwrap();
    line("genesis", &v1::Genesis::from(&founding).encode_to_vec());
    line("ledger-id", ledger_id(&founding).as_bytes());
    for table in Table::ALL {
        let rows = world.state.scan(table, b"", b"", usize::MAX).unwrap();
        assert!(!rows.is_empty(), "the story leaves no row in {table:?}");
        for (key, value) in rows {
            line(
                &format!("{:02}-{table:?} {}", table as u8, hex::encode(key)),
                &value,
            );
        }
    }
    let (note, size) = world.checkpoint(2);
    line("root", tree::root(&world.state, size).unwrap().as_bytes());
    line("checkpoint", note.as_bytes());
    let shown = ShownOpening {
        index: access,
        opening,
    };
    line(
        "bundle",
        &bundle::build(&world.state, access, &note, size, &[shown]).unwrap(),
    );
    out
}

#[test]
fn wire_and_disk_are_byte_for_byte_what_they_were() {
    let now = dump();
    if std::env::var_os("SEKISHO_WRITE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &now).unwrap();
    }
    let then = std::fs::read_to_string(GOLDEN).unwrap();
    for (n, (now, then)) in now.lines().zip(then.lines()).enumerate() {
        assert_eq!(now, then, "line {} of {GOLDEN}", n + 1);
    }
    assert_eq!(now.lines().count(), then.lines().count());
}

#[test]
fn what_was_written_is_still_read_and_verified() {
    let then = std::fs::read_to_string(GOLDEN).unwrap();
    let of = |prefix: &str| -> Vec<Vec<u8>> {
        let lines = then.lines().filter(|line| line.starts_with(prefix));
        lines
            .map(|line| hex::decode(line.rsplit(' ').next().unwrap()).unwrap())
            .collect()
    };
    let founding = genesis(&["kurume", "saga"]);
    let verified = bundle::verify(&of("bundle ")[0], &founding).unwrap();
    assert_eq!((verified.transfers.len(), verified.openings.len()), (2, 1));
    let mut kinds = std::collections::BTreeSet::new();
    for bytes in of("15-Leaf ") {
        let leaf = Leaf::decode(&bytes).unwrap();
        kinds.insert(
            format!("{:?}", leaf.entry.body)
                .split(['(', ' '])
                .next()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(kinds.len(), 39, "every kind of entry: {kinds:?}");
}
