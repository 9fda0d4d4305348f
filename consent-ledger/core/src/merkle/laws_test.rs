//! Laws of the tree, over random trees.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use super::tests::{leaves, tree_of};
use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn an_edge_taken_up_again_grows_the_same_tree(before in 0usize..300, after in 1usize..100) {
        let leaves = leaves(before + after);
        let tree = tree_of(&leaves[..before]);
        let taken = RightEdge::load(&tree, before as u64).expect("in memory");
        let mut edge = RightEdge::from_parts(taken.size(), taken.hashes().to_vec()).expect("as many as loaded");
        for leaf in &leaves[before..] {
            edge.append(leaf_hash(leaf)).expect("far below the bound");
        }
        prop_assert_eq!(edge.root(), naive::mth(&leaves));
    }

    #[test]
    fn proofs_agree_with_the_definition((n, m) in (1usize..400).prop_flat_map(|n| (Just(n), 0..n))) {
        let leaves = leaves(n);
        let tree = tree_of(&leaves);
        prop_assert_eq!(inclusion_proof(&tree, m as u64, n as u64), Ok(naive::path(m, &leaves)));
        prop_assert_eq!(consistency_proof(&tree, m as u64 + 1, n as u64), Ok(naive::subproof(m + 1, &leaves, true)));
    }

    /// One bit anywhere, or another index or size, and the proof no longer holds.
    #[test]
    fn nothing_else_is_proven_included(
        (n, m, other) in (2usize..200).prop_flat_map(|n| (Just(n), 0..n, 0..n)), bit in 0usize..256, at in any::<prop::sample::Index>(),
    ) {
        let leaves = leaves(n);
        let tree = tree_of(&leaves);
        let (leaf, index, size, root) = (leaf_hash(&leaves[m]), m as u64, n as u64, tree.root());
        let proof = inclusion_proof(&tree, index, size).expect("in memory");
        let flip = |hash: &Hash| { let mut hash = *hash; hash.0[bit / 8] ^= 1 << (bit % 8); hash };
        prop_assert!(verify_inclusion(&flip(&leaf), index, size, &proof, &root).is_err());
        prop_assert!(verify_inclusion(&leaf, index, size, &proof, &flip(&root)).is_err());
        let mut changed = proof.clone();
        let place = at.index(changed.len());
        changed[place] = flip(&changed[place]);
        prop_assert!(verify_inclusion(&leaf, index, size, &changed, &root).is_err());
        prop_assert_eq!(verify_inclusion(&leaf, other as u64, size, &proof, &root).is_ok(), other == m);
        prop_assert!(verify_inclusion(&leaf, index, size, &proof[1..], &root).is_err());
    }

    #[test]
    fn nothing_else_is_proven_consistent(
        (n, m) in (2usize..200).prop_flat_map(|n| (Just(n), 1..n)), bit in 0usize..256, at in any::<prop::sample::Index>(),
    ) {
        let leaves = leaves(n);
        let tree = tree_of(&leaves);
        let (size1, size2, root2) = (m as u64, n as u64, tree.root());
        let root1 = root(&tree, size1).expect("in memory");
        let proof = consistency_proof(&tree, size1, size2).expect("in memory");
        let flip = |hash: &Hash| { let mut hash = *hash; hash.0[bit / 8] ^= 1 << (bit % 8); hash };
        prop_assert!(verify_consistency(size1, size2, &proof, &flip(&root1), &root2).is_err());
        prop_assert!(verify_consistency(size1, size2, &proof, &root1, &flip(&root2)).is_err());
        let mut changed = proof.clone();
        let place = at.index(changed.len());
        changed[place] = flip(&changed[place]);
        prop_assert!(verify_consistency(size1, size2, &changed, &root1, &root2).is_err());
        // A rewritten past: one leaf of the smaller tree was another.
        let mut forged = leaves;
        forged[place % m].push(b'!');
        let past = root(&tree_of(&forged), size1).expect("in memory");
        prop_assert!(verify_consistency(size1, size2, &proof, &past, &root2).is_err());
    }
}
