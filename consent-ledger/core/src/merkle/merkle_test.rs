#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use super::*;
use std::cell::Cell;
use std::collections::BTreeMap;

pub(super) fn leaves(n: usize) -> Vec<Vec<u8>> {
    (0..n).map(|i| format!("leaf {i}").into_bytes()).collect()
}

pub(super) fn tree_of(leaves: &[Vec<u8>]) -> MemoryTree {
    let mut tree = MemoryTree::new();
    for leaf in leaves {
        tree.append(leaf_hash(leaf)).expect("far below the bound");
    }
    tree
}

/// The eight leaves and roots every Certificate Transparency implementation is tested with.
const CT_LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const CT_ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn the_certificate_transparency_roots() {
    let leaves: Vec<Vec<u8>> = CT_LEAVES
        .iter()
        .map(|leaf| hex::decode(leaf).expect("hex"))
        .collect();
    let tree = tree_of(&leaves);
    for (size, expected) in CT_ROOTS.iter().enumerate() {
        assert_eq!(
            root(&tree, size as u64).expect("in memory").to_string(),
            *expected,
            "size {size}"
        );
        assert_eq!(
            tree_of(&leaves[..size]).root().to_string(),
            *expected,
            "size {size}, grown"
        );
    }
    assert_eq!(empty_root().to_string(), CT_ROOTS[0]);
}

/// Every leaf of every tree, and every pair of sizes, up to a size past three powers of two.
#[test]
fn all_small_trees_agree_with_the_definition() {
    const SIZE: usize = 36;
    let leaves = leaves(SIZE);
    let tree = tree_of(&leaves);
    let (mut inclusions, mut consistencies) = (0, 0);
    for size2 in 1..=SIZE {
        let d = &leaves[..size2];
        let (n, root2) = (size2 as u64, naive::mth(d));
        assert_eq!(root(&tree, n), Ok(root2), "root of {n}");
        for index in 0..size2 {
            let (m, proof) = (index as u64, naive::path(index, d));
            assert_eq!(
                inclusion_proof(&tree, m, n),
                Ok(proof.clone()),
                "leaf {m} of {n}"
            );
            assert_eq!(
                verify_inclusion(&leaf_hash(&d[index]), m, n, &proof, &root2),
                Ok(()),
                "leaf {m} of {n}"
            );
            inclusions += 1;
        }
        for size1 in 1..=size2 {
            let (m, proof, root1) = (
                size1 as u64,
                naive::subproof(size1, d, true),
                naive::mth(&d[..size1]),
            );
            assert_eq!(
                consistency_proof(&tree, m, n),
                Ok(proof.clone()),
                "{m} to {n}"
            );
            assert_eq!(
                verify_consistency(m, n, &proof, &root1, &root2),
                Ok(()),
                "{m} to {n}"
            );
            consistencies += 1;
        }
    }
    assert_eq!((inclusions, consistencies), (666, 666));
}

/// A store that keeps exactly what `append` returns and counts its reads.
#[derive(Default)]
struct Counting {
    hashes: BTreeMap<Subtree, Hash>,
    reads: Cell<usize>,
    broken: bool,
}

impl NodeStore for Counting {
    type Error = &'static str;
    fn hash_of(&self, subtree: Subtree) -> Result<Option<Hash>, &'static str> {
        self.reads.set(self.reads.get() + 1);
        if self.broken {
            Err("disk gone")
        } else {
            Ok(self.hashes.get(&subtree).copied())
        }
    }
}

#[test]
fn a_store_that_keeps_what_append_returns_has_every_proof() {
    let leaves = leaves(200);
    let memory = tree_of(&leaves);
    let mut store = Counting::default();
    for (size, leaf) in leaves.iter().enumerate() {
        let completed = append(&store, size as u64, leaf_hash(leaf)).expect("in memory");
        assert_eq!(
            completed.len(),
            1 + size.trailing_ones() as usize,
            "size {size}"
        );
        for (subtree, hash) in completed {
            assert_eq!(
                store.hashes.insert(subtree, hash),
                None,
                "{subtree} written twice"
            );
        }
    }
    for index in [0, 1, 63, 127, 128, 191, 192, 199] {
        store.reads.set(0);
        assert_eq!(
            inclusion_proof(&store, index, 200),
            inclusion_proof(&memory, index, 200).map_err(|_| unreachable!())
        );
        assert!(
            store.reads.get() <= 16,
            "{} reads for leaf {index}",
            store.reads.get()
        );
    }
}

#[test]
fn what_the_store_lacks_or_cannot_read_is_told_apart() {
    let mut store = Counting::default();
    assert_eq!(root(&store, 0), Ok(empty_root()));
    assert_eq!(
        root(&store, 5),
        Err(TreeError::Missing(Subtree { level: 2, index: 0 }))
    );
    assert_eq!(
        inclusion_proof(&store, 4, 5),
        Err(TreeError::Missing(Subtree { level: 2, index: 0 }))
    );
    assert_eq!(
        consistency_proof(&store, 4, 5),
        Err(TreeError::Missing(Subtree { level: 0, index: 4 }))
    );
    store.broken = true;
    assert_eq!(root(&store, 5), Err(TreeError::Store("disk gone")));
    assert_eq!(
        append(&store, 1, empty_root()),
        Err(TreeError::Store("disk gone"))
    );
}

/// All hashes of a level are the same, so that trees of any size can be worked out.
struct Uniform;

impl NodeStore for Uniform {
    type Error = std::convert::Infallible;
    fn hash_of(&self, subtree: Subtree) -> Result<Option<Hash>, Self::Error> {
        assert!(
            subtree.level <= 61 && subtree.index < 1 << (62 - subtree.level),
            "{subtree}"
        );
        Ok(Some(uniform(subtree.level)))
    }
}

fn uniform(level: u8) -> Hash {
    (0..level).fold(leaf_hash(b""), |hash, _| node_hash(&hash, &hash))
}

const BIG: [u64; 8] = [
    TREE_SIZE_MAX,
    TREE_SIZE_MAX - 1,
    (1 << 61) + 1,
    1 << 61,
    (1 << 61) - 1,
    (1 << 33) + 5,
    1 << 32,
    0x2aaa_aaaa_aaaa_aaaa,
];

#[test]
fn the_largest_trees_work_and_larger_ones_are_refused() {
    for size in BIG {
        let root2 = root(&Uniform, size).expect("uniform");
        for index in [0, 1, size / 3, size / 2, size - 1] {
            let proof = inclusion_proof(&Uniform, index, size).expect("uniform");
            assert!(proof.len() < PROOF_HASHES_MAX);
            assert_eq!(
                verify_inclusion(&leaf_hash(b""), index, size, &proof, &root2),
                Ok(()),
                "{index} of {size}"
            );
        }
        for size1 in [1, 2, 3, size / 3, size / 2 + 1, size - 1, size] {
            let root1 = root(&Uniform, size1).expect("uniform");
            let proof = consistency_proof(&Uniform, size1, size).expect("uniform");
            assert!(proof.len() <= PROOF_HASHES_MAX);
            assert_eq!(
                verify_consistency(size1, size, &proof, &root1, &root2),
                Ok(()),
                "{size1} to {size}"
            );
        }
    }
    let mut edge = RightEdge::load(&Uniform, TREE_SIZE_MAX - 1).expect("uniform");
    assert_eq!(
        edge.append(leaf_hash(b"")).map(|completed| completed.len()),
        Ok(1)
    );
    assert_eq!(edge.root(), root(&Uniform, TREE_SIZE_MAX).expect("uniform"));
    let full = edge.clone();
    for size in [TREE_SIZE_MAX + 1, u64::MAX] {
        let refused = ProofError::TreeTooLarge {
            size,
            max: TREE_SIZE_MAX,
        };
        assert_eq!(root(&Uniform, size), Err(refused.clone().into()));
        assert_eq!(
            inclusion_proof(&Uniform, 0, size),
            Err(refused.clone().into())
        );
        assert_eq!(
            consistency_proof(&Uniform, 1, size),
            Err(refused.clone().into())
        );
        assert_eq!(
            verify_inclusion(&empty_root(), 0, size, &[], &empty_root()),
            Err(refused.clone())
        );
        assert_eq!(
            verify_consistency(1, size, &[], &empty_root(), &empty_root()),
            Err(refused.clone())
        );
        assert_eq!(RightEdge::from_parts(size, vec![]), Err(refused));
    }
    assert!(matches!(
        edge.append(leaf_hash(b"")),
        Err(ProofError::TreeTooLarge { .. })
    ));
    assert_eq!(edge, full);
}

#[test]
fn proofs_that_prove_nothing_are_refused() {
    let tree = tree_of(&leaves(8));
    let root_of = |size| root(&tree, size).expect("in memory");
    let hash = empty_root();
    for size2 in [0, 1, 8] {
        let refused = ProofError::ConsistencyFromEmpty { size2 };
        assert_eq!(
            verify_consistency(0, size2, &[], &hash, &root_of(size2)),
            Err(refused.clone())
        );
        assert_eq!(consistency_proof(&tree, 0, size2), Err(refused.into()));
    }
    assert_eq!(
        verify_consistency(8, 7, &[], &root_of(8), &root_of(7)),
        Err(ProofError::SizesReversed { size1: 8, size2: 7 })
    );
    for (index, size) in [(0, 0), (8, 8), (u64::MAX, 8)] {
        let refused = ProofError::IndexBeyondTree { index, size };
        assert_eq!(
            verify_inclusion(&hash, index, size, &[], &hash),
            Err(refused.clone())
        );
        assert_eq!(inclusion_proof(&tree, index, size), Err(refused.into()));
    }
    for (size1, size2, expected, got) in [
        (8, 8, 0, 1),
        (3, 8, 4, 0),
        (3, 8, 4, 3),
        (3, 8, 4, 5),
        (4, 8, 1, 2),
        (4, 8, 1, 0),
    ] {
        assert_eq!(
            verify_consistency(
                size1,
                size2,
                &vec![hash; got],
                &root_of(size1),
                &root_of(size2)
            ),
            Err(ProofError::ProofLength { expected, got }),
            "{size1} to {size2}"
        );
    }
    // One hash too many or too few, at either end, around a proof that holds.
    let proof = inclusion_proof(&tree, 5, 8).expect("in memory");
    let (leaf, root) = (leaf_hash(b"leaf 5"), root_of(8));
    assert_eq!(verify_inclusion(&leaf, 5, 8, &proof, &root), Ok(()));
    let (before, after) = (
        [&[hash][..], &proof].concat(),
        [&proof, &[hash][..]].concat(),
    );
    for wrong in [&[][..], &proof[1..], &proof[..2], &before, &after] {
        assert_eq!(
            verify_inclusion(&leaf, 5, 8, wrong, &root),
            Err(ProofError::ProofLength {
                expected: 3,
                got: wrong.len()
            })
        );
    }
    // Of equal size and different root: an empty proof does not make them one.
    assert_eq!(
        verify_consistency(8, 8, &[], &hash, &root_of(8)),
        Err(ProofError::RootMismatch {
            size: 8,
            expected: root_of(8),
            computed: hash
        })
    );
}

#[test]
fn proofs_of_bytes_are_counted_and_measured() {
    assert_eq!(
        parse_proof([[1u8; 32]; PROOF_HASHES_MAX]).map(|proof| proof.len()),
        Ok(PROOF_HASHES_MAX)
    );
    assert_eq!(
        parse_proof(std::iter::repeat([1u8; 32])),
        Err(ProofError::ProofTooLong {
            got: 64,
            max: PROOF_HASHES_MAX
        })
    );
    for got_bytes in [0, 31, 33] {
        let hashes = [vec![0u8; 32], vec![0u8; got_bytes]];
        assert_eq!(
            parse_proof(hashes),
            Err(ProofError::HashLength {
                position: 1,
                got_bytes
            })
        );
    }
}

#[test]
fn an_edge_has_a_hash_for_each_bit_of_its_size() {
    for (size, hashes) in [(0u64, 1), (1, 0), (7, 2), (8, 3)] {
        let expected = size.count_ones() as usize;
        assert_eq!(
            RightEdge::from_parts(size, vec![empty_root(); hashes]),
            Err(ProofError::EdgeLength {
                size,
                expected,
                got: hashes
            })
        );
    }
}
