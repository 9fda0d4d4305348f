//! Inclusion and consistency: transparency-dev/merkle, Sigsum, and proofs of a CT log of 962 million
//! leaves.

use crate::{base64, files, json, set, text};
use sekisho_domain::Hash;
use sekisho_ledger::ProofError;
use sekisho_ledger::merkle::{leaf_hash, parse_proof, verify_consistency, verify_inclusion};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;

fn number(value: &Value) -> u64 {
    value.as_u64().expect("an unsigned number")
}

/// `None` for a hash that is not 32 bytes: our hashes cannot be anything else, so it never gets as far as
/// a verifier.
fn hash(value: &Value) -> Option<Hash> {
    Hash::try_from(base64(value).as_slice()).ok()
}

fn proof(value: &Value) -> Result<Vec<Hash>, ProofError> {
    parse_proof(value.as_array().into_iter().flatten().map(base64))
}

/// Whether the case holds by our verifier.
fn includes(index: u64, size: u64, case: &Value) -> bool {
    let (Some(root), Some(leaf)) = (hash(&case["root"]), hash(&case["leafHash"])) else {
        return false;
    };
    proof(&case["proof"])
        .and_then(|proof| verify_inclusion(&leaf, index, size, &proof, &root))
        .is_ok()
}

fn is_consistent(size1: u64, size2: u64, case: &Value) -> bool {
    let (Some(root1), Some(root2)) = (hash(&case["root1"]), hash(&case["root2"])) else {
        return false;
    };
    proof(&case["proof"])
        .and_then(|proof| verify_consistency(size1, size2, &proof, &root1, &root2))
        .is_ok()
}

/// What a set of cases came to.
#[derive(Debug, Default, PartialEq)]
struct Count {
    accepted: usize,
    refused: usize,
    /// Accepted there and refused here.
    stricter: Vec<String>,
    /// Not about a whole tree.
    left_out: usize,
}

impl Count {
    fn of(folder: &Path, check: impl Fn(&Value) -> Option<bool>) -> Self {
        let mut count = Self::default();
        for path in files(folder) {
            let case = json(&path);
            let expected = !case["wantErr"].as_bool().expect("wantErr");
            match check(&case) {
                None => count.left_out += 1,
                Some(true) if expected => count.accepted += 1,
                Some(false) if !expected => count.refused += 1,
                Some(false) => count
                    .stricter
                    .push(case["desc"].as_str().expect("desc").to_owned()),
                Some(true) => panic!("{}: accepted, and must not be", path.display()),
            }
        }
        count
    }
}

#[test]
fn transparency_dev_inclusion_and_consistency() {
    let Some(folder) = set("transparency-dev-merkle/testdata") else {
        return;
    };
    let inclusion = Count::of(&folder.join("inclusion"), |case| {
        Some(includes(
            number(&case["leafIdx"]),
            number(&case["treeSize"]),
            case,
        ))
    });
    let consistency = Count::of(&folder.join("consistency"), |case| {
        Some(is_consistent(
            number(&case["size1"]),
            number(&case["size2"]),
            case,
        ))
    });
    // 98 and 98: all 196. The one refused here alone has two equal roots of 12 bytes, which are no hashes.
    let stricter = vec!["sizes are equal (one) and proof is empty".to_owned()];
    assert_eq!(
        inclusion,
        Count {
            accepted: 6,
            refused: 92,
            ..Count::default()
        }
    );
    assert_eq!(
        consistency,
        Count {
            accepted: 5,
            refused: 92,
            stricter,
            left_out: 0
        }
    );
}

/// The newer sets speak of subtrees. A subtree that begins at a multiple of its capacity is hashed as a
/// tree of its own; one that begins at 0 is the tree of that size.
#[test]
fn transparency_dev_subtrees_that_are_trees() {
    let Some(folder) = set("transparency-dev-merkle/testdata") else {
        return;
    };
    let inclusion = Count::of(&folder.join("subtreeinclusion"), |case| {
        let (start, end) = (number(&case["start"]), number(&case["end"]));
        let size = end.checked_sub(start)?;
        let aligned = start.is_multiple_of(size.checked_next_power_of_two()?);
        let index = number(&case["leafIdx"])
            .checked_sub(start)
            .unwrap_or(u64::MAX);
        aligned.then(|| includes(index, size, case))
    });
    let consistency = Count::of(&folder.join("subtreeconsistency"), |case| {
        let is_tree = number(&case["start"]) == 0;
        is_tree.then(|| is_consistent(number(&case["end"]), number(&case["size"]), case))
    });
    assert_eq!(
        inclusion,
        Count {
            accepted: 12,
            refused: 189,
            stricter: vec![],
            left_out: 3
        }
    );
    // Again roots that are no hashes; and an empty subtree, which there is consistent with any tree, and
    // here proves nothing.
    let stricter = [
        "sizes are equal (one) and proof is empty",
        "subtree is empty sizes are equal (zero) subtree root valid proof is empty",
        "subtree is empty sizes are equal (zero) subtree root valid tree root random proof is empty",
    ];
    let stricter = stricter.map(str::to_owned).to_vec();
    assert_eq!(
        consistency,
        Count {
            accepted: 5,
            refused: 94,
            stricter,
            left_out: 16
        }
    );
}

#[test]
fn sigsum_inclusion() {
    let Some(folder) = set("sigsum-rs/merkle-testdata") else {
        return;
    };
    for (file, expected) in [
        ("inclusion-valid.json", true),
        ("inclusion-invalid.json", false),
    ] {
        let cases = json(&folder.join(file));
        let cases = cases.as_array().expect("a list");
        assert_eq!(cases.len(), 4, "{file}");
        for case in cases {
            let (index, size) = (number(&case["leaf_index"]), number(&case["tree_size"]));
            let root = hash(&case["root_hash"]).expect("32 bytes");
            let leaf = hash(&case["leaf_hash"]).expect("32 bytes");
            let proof = proof(&case["inclusion_path"]).expect("hashes");
            let verified = verify_inclusion(&leaf, index, size, &proof, &root);
            assert_eq!(verified.is_ok(), expected, "{case}");
        }
    }
}

/// A whole Sigsum proof from that crate's README: leaf 381,381 of a log of 381,382. Its leaf is
/// checksum || signature || key hash. (Its tree head's signatures are by keys the README does not give.)
#[test]
fn sigsum_full_proof() {
    let Some(folder) = set("sigsum-rs") else {
        return;
    };
    let readme = text(&folder.join("README-with-full-proof-example.md"));
    let values = |key: &str| -> Vec<&str> {
        readme
            .lines()
            .filter_map(|line| line.strip_prefix(key))
            .collect()
    };
    let bytes = |text: &str| hex::decode(text).expect("hexadecimal");
    let (key_hash, signature) = values("leaf=")[0]
        .split_once(' ')
        .expect("key hash and signature");
    let checksum = Sha256::digest(Sha256::digest(b"Hello, Sigsum!\n"));
    let leaf = leaf_hash(&[checksum.as_slice(), &bytes(signature), &bytes(key_hash)].concat());
    let proof = parse_proof(values("node_hash=").into_iter().map(bytes)).expect("hashes");
    let root: Hash = values("root_hash=")[0].parse().expect("a hash");
    let (index, size) = (
        values("leaf_index=")[0].parse().expect("an index"),
        values("size=")[0].parse().expect("a size"),
    );
    assert_eq!((index, size, proof.len()), (381_381, 381_382, 10));
    assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));
    assert!(verify_inclusion(&leaf, index - 1, size, &proof, &root).is_err());
}

/// A CT log's own answers, as kept by Cloudflare's azul.
#[test]
fn azul_proofs_of_a_real_log() {
    let Some(folder) = set("azul-tlog_tiles/crates/tlog_tiles/tests/http_get") else {
        return;
    };
    let answer = |file: &str| json(&folder.join(file));
    let sth = answer("get-sth");
    let (size, root) = (
        number(&sth["tree_size"]),
        hash(&sth["sha256_root_hash"]).expect("32 bytes"),
    );
    assert_eq!(size, 961_984_011);

    let entries = answer("get-entries-start-10000-end-10000");
    let leaf = leaf_hash(&base64(&entries["entries"][0]["leaf_input"]));
    let inclusion = answer(
        "get-proof-by-hash-tree-size-961984011-hash-nCs3mfIydh9x4CKyQ-2Bu2xtmpxmFggA5MLymHwNQSlLg-3D",
    );
    let path = proof(&inclusion["audit_path"]).expect("hashes");
    assert_eq!((number(&inclusion["leaf_index"]), path.len()), (10_000, 30));
    assert_eq!(verify_inclusion(&leaf, 10_000, size, &path, &root), Ok(()));

    // The smaller root is not in the set: the proof itself tells which one it leads to, and with that one,
    // and no other, it must lead to the published larger root.
    let consistency = answer("get-sth-consistency-first-3654490-second-961984011");
    let path = proof(&consistency["consistency"]).expect("hashes");
    let Err(ProofError::RootMismatch {
        size: 3_654_490,
        computed: root1,
        ..
    }) = verify_consistency(3_654_490, size, &path, &root, &root)
    else {
        panic!("the larger root is not the smaller one")
    };
    assert_eq!(
        verify_consistency(3_654_490, size, &path, &root1, &root),
        Ok(())
    );
    assert!(verify_consistency(3_654_491, size, &path, &root1, &root).is_err());
}
