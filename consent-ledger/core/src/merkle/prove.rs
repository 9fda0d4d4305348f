//! Roots and proofs from stored hashes.

use super::edge::{RightEdge, fold};
use super::path::{self, LeafRange};
use super::{Subtree, check_size, empty_root};
use crate::ProofError;
use sekisho_domain::Hash;

/// Where the hashes of complete subtrees are kept. ("Node" is RFC 6962's word for what has such a hash;
/// a network's server has nothing to do with it.)
///
/// A hash once stored never changes. A proof of a tree's size asks only for subtrees that tree has.
pub trait NodeStore {
    /// What reading may fail with.
    type Error;

    /// The hash of a complete subtree, `None` if the store does not have it.
    ///
    /// # Errors
    /// Whatever keeps the store from reading.
    fn hash_of(&self, subtree: Subtree) -> Result<Option<Hash>, Self::Error>;
}

impl<S: NodeStore + ?Sized> NodeStore for &S {
    type Error = S::Error;
    fn hash_of(&self, subtree: Subtree) -> Result<Option<Hash>, S::Error> {
        (**self).hash_of(subtree)
    }
}

/// Why a tree could not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError<E> {
    /// The store failed.
    #[error("the tree's store failed")]
    Store(#[source] E),
    /// The store lacks a subtree that a tree of the size asked for has.
    #[error("subtree {0} is not in the store")]
    Missing(Subtree),
    /// There is no such tree, leaf or proof.
    #[error(transparent)]
    Asked(#[from] ProofError),
}

impl RightEdge {
    /// The edge of the tree of this size, from a store: one read for each bit set in the size.
    ///
    /// # Errors
    /// [`TreeError::Store`], [`TreeError::Missing`], or [`ProofError::TreeTooLarge`].
    pub fn load<S: NodeStore>(store: &S, size: u64) -> Result<Self, TreeError<S::Error>> {
        check_size(size)?;
        Ok(Self::from_parts(
            size,
            row(store, LeafRange::of_tree(size))?,
        )?)
    }
}

/// Adds a leaf to the tree of this size. Returns the subtrees this completed, from the leaf up, which
/// the caller stores. For many leaves at once [`RightEdge::append`] does the same without reading.
///
/// # Errors
/// [`TreeError::Store`], [`TreeError::Missing`], or [`ProofError::TreeTooLarge`].
pub fn append<S: NodeStore>(
    store: &S,
    size: u64,
    leaf_hash: Hash,
) -> Result<Vec<(Subtree, Hash)>, TreeError<S::Error>> {
    Ok(RightEdge::load(store, size)?.append(leaf_hash)?)
}

/// The root of the tree of this size: `MTH(D[n])` of RFC 6962 §2.1.
///
/// # Errors
/// [`TreeError::Store`], [`TreeError::Missing`], or [`ProofError::TreeTooLarge`].
pub fn root<S: NodeStore>(store: &S, size: u64) -> Result<Hash, TreeError<S::Error>> {
    Ok(RightEdge::load(store, size)?.root())
}

/// The proof that the leaf `index` is in the tree of this size, from the leaf's sibling up:
/// `PATH(m, D[n])` of RFC 6962 §2.1.1. Reads at most two hashes a level.
///
/// # Errors
/// [`TreeError::Store`], [`TreeError::Missing`], [`ProofError::IndexBeyondTree`] or
/// [`ProofError::TreeTooLarge`].
pub fn inclusion_proof<S: NodeStore>(
    store: &S,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, TreeError<S::Error>> {
    check_size(size)?;
    if index >= size {
        return Err(ProofError::IndexBeyondTree { index, size }.into());
    }
    path::inclusion(index, size)
        .into_iter()
        .map(|sibling| range_hash(store, sibling.range()))
        .collect()
}

/// The proof that the tree of `size1` is the beginning of the tree of `size2`: `PROOF(m, D[n])` of
/// RFC 6962 §2.1.2; empty where the sizes are equal. Reads at most two hashes a level.
///
/// # Errors
/// [`TreeError::Store`], [`TreeError::Missing`], [`ProofError::ConsistencyFromEmpty`],
/// [`ProofError::SizesReversed`] or [`ProofError::TreeTooLarge`].
pub fn consistency_proof<S: NodeStore>(
    store: &S,
    size1: u64,
    size2: u64,
) -> Result<Vec<Hash>, TreeError<S::Error>> {
    check_sizes(size1, size2)?;
    let path = path::consistency(size1, size2);
    let ranges = path
        .start
        .into_iter()
        .chain(path.siblings.into_iter().map(|sibling| sibling.range()));
    ranges.map(|range| range_hash(store, range)).collect()
}

pub(super) fn check_sizes(size1: u64, size2: u64) -> Result<(), ProofError> {
    check_size(size2)?;
    if size1 == 0 {
        return Err(ProofError::ConsistencyFromEmpty { size2 });
    }
    if size1 > size2 {
        return Err(ProofError::SizesReversed { size1, size2 });
    }
    Ok(())
}

fn range_hash<S: NodeStore>(store: &S, range: LeafRange) -> Result<Hash, TreeError<S::Error>> {
    Ok(fold(&row(store, range)?).unwrap_or_else(empty_root))
}

fn row<S: NodeStore>(store: &S, range: LeafRange) -> Result<Vec<Hash>, TreeError<S::Error>> {
    range
        .subtrees()
        .map(|subtree| {
            store
                .hash_of(subtree)
                .map_err(TreeError::Store)?
                .ok_or(TreeError::Missing(subtree))
        })
        .collect()
}
