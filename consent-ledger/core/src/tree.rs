//! The tree over the ledger's state: roots and proofs of any size it has had.

use crate::apply::{Nodes, tree_error};
use crate::merkle;
use crate::record::CoreError;
use crate::store::StateRead;
use crate::tlog::{self, Content, TilePath};
use crate::view::View;
use sekisho_domain::{EntryIndex, Hash};

type Answer<T, S> = Result<T, CoreError<<S as StateRead>::Error>>;

/// How many leaves there are.
///
/// # Errors
/// Storage failed or is damaged; so for every function here.
pub fn size<S: StateRead>(state: &S) -> Answer<u64, S> {
    Ok(View(state).meta()?.map_or(0, |meta| meta.size))
}

/// The root at a size.
///
/// # Errors
/// See [`size`]; also where the tree has never had that size.
pub fn root<S: StateRead>(state: &S, size: u64) -> Answer<Hash, S> {
    merkle::root(&Nodes(state), size).map_err(tree_error)
}

/// RFC 6962 §2.1.1: that a leaf stands in the tree of a size.
///
/// # Errors
/// See [`size`]; also where there is no such leaf or size.
pub fn inclusion_proof<S: StateRead>(
    state: &S,
    index: EntryIndex,
    size: u64,
) -> Answer<Vec<Hash>, S> {
    merkle::inclusion_proof(&Nodes(state), index.0, size).map_err(tree_error)
}

/// RFC 6962 §2.1.2: that the tree of `size1` is a beginning of the tree of `size2`.
///
/// # Errors
/// See [`size`]; also where there is no such size.
pub fn consistency_proof<S: StateRead>(state: &S, size1: u64, size2: u64) -> Answer<Vec<Hash>, S> {
    merkle::consistency_proof(&Nodes(state), size1, size2).map_err(tree_error)
}

/// The bytes of a tile or entry bundle (C2SP tlog-tiles).
///
/// # Errors
/// See [`size`]; also where the tree is not yet as large.
pub fn tile<S: StateRead>(state: &S, path: TilePath) -> Answer<Vec<u8>, S> {
    if path.content() != Content::Entries {
        let tile = tlog::write_tile(&Nodes(state), path).map_err(tree_error)?;
        return Ok(tile.unwrap_or_default());
    }
    let mut bundle = Vec::new();
    for index in path.elements() {
        let leaf = View(state).leaf(EntryIndex(index))?;
        let leaf = leaf.ok_or_else(|| CoreError::Tree(format!("there is no leaf {index}")))?;
        tlog::write_entry(&mut bundle, &leaf)
            .map_err(|fault| CoreError::Tree(format!("leaf {index}: {fault}")))?;
    }
    Ok(bundle)
}
