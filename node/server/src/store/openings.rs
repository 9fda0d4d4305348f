//! What opens the commitments this node made: kept so that an officer can be shown what a leaf is about (P11: once
//! an opening is destroyed, its leaf says nothing).

use super::{NodeStore, OPENINGS, StoreError, format};
use redb::WriteTransaction;
use sekisho_domain::Commitment;
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
        let stored: Option<Stored> =
            format::get(&self.read()?, OPENINGS, WHAT, commitment.as_bytes())?;
        stored
            .map(|(label, salt, value)| {
                Opening::new(label, Salt::from_bytes(salt), value)
                    .ok()
                    .filter(|opening| opening.commitment() == *commitment)
                    .ok_or(StoreError::Damaged(WHAT))
            })
            .transpose()
    }
}

pub(super) fn put(txn: &WriteTransaction, openings: &[Opening]) -> Result<(), StoreError> {
    for opening in openings {
        let stored: Stored = (
            opening.label().to_owned(),
            *opening.salt().as_bytes(),
            opening.value().to_vec(),
        );
        format::put(
            txn,
            OPENINGS,
            WHAT,
            opening.commitment().as_bytes(),
            &stored,
        )?;
    }
    Ok(())
}
