//! Golden bytes of the files of this folder: see `crate::golden_test` for what they are for. After a change that
//! is meant: `SEKISHO_WRITE_GOLDEN=1 cargo test -p sekisho-ledger golden`.

use super::receipt_test::{committed, sealed, witnessed, world};
use super::{Grade, Receipt, Witnesses, entries, read_tile, tiles_of};
use crate::merkle::leaf_hash;
use crate::testing::genesis;
use crate::tree;
use std::fmt::Write as _;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/tlog.txt");

fn dump() -> String {
    let world = world();
    let (checkpoint, size) = witnessed(&world, 0);
    let mut out = String::new();
    let mut line =
        |name: &str, bytes: &[u8]| writeln!(out, "{name} {}", hex::encode(bytes)).unwrap();
    for path in tiles_of(size) {
        let bytes = tree::tile(&world.state, path).unwrap();
        line(&path.to_string(), &bytes);
    }
    line("checkpoint", checkpoint.to_string().as_bytes());
    line(
        "committed-receipt",
        committed(&world, 1).to_string().as_bytes(),
    );
    line(
        "sealed.tlog-proof",
        sealed(&world, 1, 0).to_string().as_bytes(),
    );
    line(
        "witnessed.tlog-proof",
        sealed(&world, 1, 1).to_string().as_bytes(),
    );
    out
}

#[test]
fn tlog_files_are_byte_for_byte_what_they_were() {
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
    let of = |name: &str| {
        let line = then
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        hex::decode(line.unwrap()).unwrap()
    };
    let (bundle, tile) = (of("tile/entries/000.p/3"), of("tile/0/000.p/3"));
    let hashes: Vec<_> = entries(&bundle, 3)
        .unwrap()
        .into_iter()
        .map(leaf_hash)
        .collect();
    assert_eq!(hashes, read_tile(&tile, 3).unwrap());
    let founding = genesis(&["iwami", "kurume", "saga"]);
    for (name, grade) in [
        ("committed-receipt", Grade::Committed),
        ("sealed.tlog-proof", Grade::Sealed),
        ("witnessed.tlog-proof", Grade::Sealed),
    ] {
        let receipt = Receipt::parse(&of(name)).unwrap();
        let verified = receipt.verify(&founding, &Witnesses::default()).unwrap();
        assert_eq!(verified.grade(), grade, "{name}");
        let leaf = entries(&bundle, 3).unwrap()[1];
        assert_eq!(verified.leaf_hash(), leaf_hash(leaf), "{name}");
    }
}
