//! What opens the commitments this node made: kept so that an officer can be shown what a leaf is about (P11: once
//! an opening is destroyed, its leaf says nothing).

use super::{NodeStore, OPENINGS, StoreError, format, subjects};
use crate::commitments::PRACTITIONER;
use redb::{ReadTransaction, WriteTransaction};
use sekisho_domain::{Commitment, SubjectId};
use sekisho_ledger::commitment::{Opening, Salt};

const WHAT: &str = "an opening";

/// Label, salt, value.
type Stored = (String, [u8; Salt::LEN], Vec<u8>);

impl NodeStore {
    /// What opens a commitment, if this node made it.
    ///
    /// # Errors
    /// The database failed.
    pub fn opening(&self, commitment: &Commitment) -> Result<Option<Opening>, StoreError> {
        get(&self.read()?, commitment)
    }

    /// Keeps what opens a commitment somebody else signs.
    ///
    /// # Errors
    /// [`StoreError::Erased`] if its subject was erased; or the database failed.
    pub fn put_opening(&self, about: &SubjectId, opening: &Opening) -> Result<(), StoreError> {
        self.write(|txn| {
            subjects::check(txn, about)?;
            put(txn, about, std::slice::from_ref(opening))
        })
    }
}

pub(super) fn get(
    txn: &ReadTransaction,
    commitment: &Commitment,
) -> Result<Option<Opening>, StoreError> {
    let stored: Option<Stored> = format::get(txn, OPENINGS, WHAT, commitment.as_bytes())?;
    stored
        .map(|(label, salt, value)| {
            Opening::new(label, Salt::from_bytes(salt), value)
                .ok()
                .filter(|opening| opening.commitment() == *commitment)
                .ok_or(StoreError::Damaged(WHAT))
        })
        .transpose()
}

/// Keeps openings of commitments that are about a subject. Who asked is not about the patient: it stays when the
/// patient is erased.
pub(super) fn put(
    txn: &WriteTransaction,
    about: &SubjectId,
    openings: &[Opening],
) -> Result<(), StoreError> {
    for opening in openings {
        let commitment = opening.commitment();
        if opening.label() != PRACTITIONER {
            subjects::put(txn, about, subjects::OPENING, commitment.as_bytes())?;
        }
        let stored: Stored = (
            opening.label().to_owned(),
            *opening.salt().as_bytes(),
            opening.value().to_vec(),
        );
        format::put(txn, OPENINGS, WHAT, commitment.as_bytes(), &stored)?;
    }
    Ok(())
}
