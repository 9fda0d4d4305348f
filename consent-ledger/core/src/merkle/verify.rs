//! Checking proofs with nothing but hashes: what an officer's machine without a network does (P6, P7).

use super::path::{self, Sibling};
use super::prove::check_sizes;
use super::{PROOF_HASHES_MAX, check_size, node_hash};
use crate::ProofError;
use sekisho_domain::Hash;

/// The hashes of a proof that came as byte strings.
///
/// # Errors
/// [`ProofError::ProofTooLong`] over [`PROOF_HASHES_MAX`], [`ProofError::HashLength`] for one that is
/// not 32 bytes.
pub fn parse_proof<B: AsRef<[u8]>>(
    hashes: impl IntoIterator<Item = B>,
) -> Result<Vec<Hash>, ProofError> {
    let mut proof = Vec::new();
    for (position, bytes) in hashes.into_iter().enumerate() {
        if position >= PROOF_HASHES_MAX {
            return Err(ProofError::ProofTooLong {
                got: position + 1,
                max: PROOF_HASHES_MAX,
            });
        }
        let bytes = bytes.as_ref();
        let hash = bytes.try_into().map_err(|_| ProofError::HashLength {
            position,
            got_bytes: bytes.len(),
        })?;
        proof.push(Hash(hash));
    }
    Ok(proof)
}

/// Checks that the leaf is the one at `index` in the tree of this size and root (RFC 9162 §2.1.3.2).
///
/// # Errors
/// [`ProofError::TreeTooLarge`], [`ProofError::IndexBeyondTree`], [`ProofError::ProofLength`] or
/// [`ProofError::RootMismatch`].
pub fn verify_inclusion(
    leaf_hash: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    check_size(size)?;
    if index >= size {
        return Err(ProofError::IndexBeyondTree { index, size });
    }
    let siblings = path::inclusion(index, size);
    check_length(siblings.len(), proof)?;
    let computed = siblings
        .iter()
        .zip(proof)
        .fold(*leaf_hash, |hash, (sibling, other)| match sibling {
            Sibling::Left(_) => node_hash(other, &hash),
            Sibling::Right(_) => node_hash(&hash, other),
        });
    check_root(size, root, computed)
}

/// Checks that the tree of `size1` and `root1` is the beginning of the tree of `size2` and `root2`
/// (RFC 9162 §2.1.4.2).
///
/// # Errors
/// [`ProofError::TreeTooLarge`], [`ProofError::ConsistencyFromEmpty`], [`ProofError::SizesReversed`],
/// [`ProofError::ProofLength`] or [`ProofError::RootMismatch`].
pub fn verify_consistency(
    size1: u64,
    size2: u64,
    proof: &[Hash],
    root1: &Hash,
    root2: &Hash,
) -> Result<(), ProofError> {
    check_sizes(size1, size2)?;
    let path = path::consistency(size1, size2);
    check_length(
        path.siblings.len() + usize::from(path.start.is_some()),
        proof,
    )?;
    // The proof begins with the subtree where the smaller tree ends, unless that is the smaller tree.
    let (start, others) = match (path.start, proof.split_first()) {
        (Some(_), Some((first, others))) => (*first, others),
        _ => (*root1, proof),
    };
    let (mut computed1, mut computed2) = (start, start);
    for (sibling, other) in path.siblings.iter().zip(others) {
        match sibling {
            Sibling::Left(_) => {
                computed1 = node_hash(other, &computed1);
                computed2 = node_hash(other, &computed2);
            }
            Sibling::Right(_) => computed2 = node_hash(&computed2, other),
        }
    }
    check_root(size1, root1, computed1)?;
    check_root(size2, root2, computed2)
}

fn check_length(expected: usize, proof: &[Hash]) -> Result<(), ProofError> {
    let got = proof.len();
    if expected == got {
        Ok(())
    } else {
        Err(ProofError::ProofLength { expected, got })
    }
}

fn check_root(size: u64, expected: &Hash, computed: Hash) -> Result<(), ProofError> {
    if *expected == computed {
        return Ok(());
    }
    Err(ProofError::RootMismatch {
        size,
        expected: *expected,
        computed,
    })
}
