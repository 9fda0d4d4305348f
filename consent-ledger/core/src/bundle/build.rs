//! Making a bundle from a ledger's state.

use super::{BUNDLE_LEAVES_MAX, BUNDLE_VERSION, OPENINGS_MAX, commitment_in};
use crate::commitment::Opening;
use crate::genesis::voter_name;
use crate::leaf::{Leaf, LeafError};
use crate::note::Note;
use crate::record::CoreError;
use crate::store::StateRead;
use crate::tree;
use crate::view::View;
use prost::Message;
use sekisho_domain::EntryIndex;
use sekisho_proto::v1;
use std::collections::BTreeSet;

/// An opening, and the leaf whose commitment it opens.
#[derive(Debug, Clone)]
pub struct ShownOpening {
    /// The leaf.
    pub index: EntryIndex,
    /// The label, salt and value.
    pub opening: Opening,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BuildError<E: std::error::Error + 'static> {
    /// Storage failed or is damaged.
    #[error(transparent)]
    Core(#[from] CoreError<E>),
    /// There is no access request at this index.
    #[error("entry {0} is not an access request")]
    NotAnAccess(EntryIndex),
    /// The checkpoint is from before the access or its transfers.
    #[error("the checkpoint covers {size} leaves, the bundle needs leaf {index}")]
    CheckpointTooOld {
        /// The checkpoint's size.
        size: u64,
        /// The leaf it does not cover.
        index: EntryIndex,
    },
    /// It would rest on more leaves than a verifier looks at.
    #[error("the access rests on more than {BUNDLE_LEAVES_MAX} leaves")]
    TooManyLeaves,
    /// More openings than a verifier looks at.
    #[error("{0} openings, at most {OPENINGS_MAX} fit a bundle")]
    TooManyOpenings(usize),
    /// An opening that does not open the commitment of its leaf.
    #[error("the opening {label:?} does not open a commitment of leaf {index}")]
    Opening {
        /// The leaf.
        index: EntryIndex,
        /// Which commitment.
        label: String,
    },
    /// A stored leaf cannot be read back.
    #[error("leaf {index} is damaged: {fault}")]
    Leaf {
        /// The leaf.
        index: EntryIndex,
        /// What is wrong with it.
        fault: LeafError,
    },
}

/// Makes the encoded bundle of an access request. `checkpoint` is a cosigned note over `size` leaves; of its lines
/// those by founders go into the bundle, whose verifier knows nobody else.
///
/// # Errors
/// [`BuildError`].
pub fn build<S: StateRead>(
    state: &S,
    access: EntryIndex,
    checkpoint: &str,
    size: u64,
    openings: &[ShownOpening],
) -> Result<Vec<u8>, BuildError<S::Error>> {
    let view = View(state);
    let ledger = view.meta()?.map(|meta| meta.ledger);
    let (Some(ledger), Some(_)) = (ledger, view.access(access)?) else {
        return Err(BuildError::NotAnAccess(access));
    };
    if openings.len() > OPENINGS_MAX {
        return Err(BuildError::TooManyOpenings(openings.len()));
    }
    let mut leaves = Vec::new();
    for index in closure(view, access)? {
        if index.0 >= size {
            return Err(BuildError::CheckpointTooOld { size, index });
        }
        let leaf = view
            .leaf(index)?
            .ok_or_else(|| CoreError::Tree(format!("leaf {index} is not stored")))?;
        let proof = tree::inclusion_proof(state, index, size)?;
        let inclusion_proof = proof.iter().map(|hash| hash.0.to_vec()).collect();
        leaves.push(v1::ProvenLeaf {
            index: index.0,
            leaf,
            inclusion_proof,
        });
    }
    for shown in openings {
        let wrong = || BuildError::Opening {
            index: shown.index,
            label: shown.opening.label().to_owned(),
        };
        let bytes = leaves
            .iter()
            .find(|l| l.index == shown.index.0)
            .map(|l| &l.leaf)
            .ok_or_else(wrong)?;
        let leaf = Leaf::decode(bytes).map_err(|fault| BuildError::Leaf {
            index: shown.index,
            fault,
        })?;
        let commitment = commitment_in(&leaf.entry, shown.opening.label()).ok_or_else(wrong)?;
        shown.opening.verify(&commitment).map_err(|_| wrong())?;
    }
    let bundle = v1::ProofBundle {
        version: BUNDLE_VERSION,
        ledger: ledger.0.to_vec(),
        access: access.0,
        checkpoint: by_founders(view, checkpoint)?,
        leaves,
        openings: openings
            .iter()
            .map(|shown| v1::Opening {
                index: shown.index.0,
                label: shown.opening.label().to_owned(),
                salt: shown.opening.salt().as_bytes().to_vec(),
                value: shown.opening.value().to_vec(),
            })
            .collect(),
    };
    Ok(bundle.encode_to_vec())
}

/// The note with the founders' lines alone; as it is where that would leave none, or it is no note.
fn by_founders<S: StateRead>(
    view: View<'_, S>,
    checkpoint: &str,
) -> Result<String, BuildError<S::Error>> {
    let mut founders = BTreeSet::new();
    for (id, replica) in view.replicas()? {
        if replica.votes_from == Some(0) {
            founders.extend(voter_name(id, &replica.network));
        }
    }
    let Ok(note) = Note::parse(checkpoint.as_bytes()) else {
        return Ok(checkpoint.to_owned());
    };
    let lines = note.signatures().iter();
    let own = lines.filter(|line| founders.contains(&line.name));
    let stripped = Note::new(note.text(), own.cloned().collect());
    Ok(stripped.map_or_else(|_| checkpoint.to_owned(), |note| note.to_string()))
}

/// The access, its transfers, and all they rest on, directly or not.
fn closure<S: StateRead>(
    view: View<'_, S>,
    access: EntryIndex,
) -> Result<BTreeSet<EntryIndex>, BuildError<S::Error>> {
    let transfers = view.transfers(access)?;
    let mut waiting: Vec<_> = transfers.iter().map(|t| t.index).chain([access]).collect();
    let mut needed = BTreeSet::new();
    while let Some(index) = waiting.pop() {
        if needed.insert(index) {
            waiting.extend(view.rests_on(index)?);
        }
        if needed.len() > BUNDLE_LEAVES_MAX {
            return Err(BuildError::TooManyLeaves);
        }
    }
    Ok(needed)
}
