//! Sealed reservations: what they say stays here, under the salt that opens the ledger's commitment to them.
//!
//! One is on this disk before its seal is submitted, so there is never a seal on the ledger that nobody can enforce.
//! Whether it holds is the ledger's word alone: from the index of its seal on, until the one that lifts it. So a
//! crash between the two leaves nothing to mend.

use super::{NodeStore, SEALED, StoreError, format, openings};
use crate::bounds::SEALS_MAX;
use prost::Message;
use redb::WriteTransaction;
use sekisho_domain::{Commitment, RequestId, Reservation, SubjectId};
use sekisho_ledger::commitment::Opening;
use sekisho_proto::v1;

const WHAT: &str = "a sealed reservation";

/// A sealed reservation as this node keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSeal {
    /// The request id of the entry that seals it.
    pub request_id: RequestId,
    /// What was sealed.
    pub reservation: Reservation,
}

impl NodeStore {
    /// A subject's sealed reservations, on the ledger or not, lifted or not; at most [`SEALS_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Full`] if there are more; the database failed, or what it holds cannot be read back.
    pub fn seals_of(&self, subject: &SubjectId) -> Result<Vec<StoredSeal>, StoreError> {
        let txn = self.read()?;
        let table = txn.open_table(SEALED).map_err(StoreError::database)?;
        let keys = format::keys_under(&table, subject.as_bytes(), SEALS_MAX + 1)?;
        if keys.len() > SEALS_MAX {
            // One that was not looked at would be disclosed.
            return Err(full());
        }
        keys.iter()
            .map(|key| {
                let damaged = || StoreError::Damaged(WHAT);
                let commitment: Commitment =
                    format::find(&table, WHAT, key)?.ok_or_else(damaged)?;
                let opening = openings::get(&txn, &commitment)?.ok_or_else(damaged)?;
                let id = key.get(SubjectId::LEN..).unwrap_or_default();
                Ok(StoredSeal {
                    request_id: RequestId::try_from(id).map_err(|_| damaged())?,
                    reservation: reservation(opening.value())?,
                })
            })
            .collect()
    }

    /// What a seal's commitment is to, if this node keeps it.
    ///
    /// # Errors
    /// The database failed, or what it holds cannot be read back.
    pub fn seal(
        &self,
        commitment: &Commitment,
    ) -> Result<Option<(Opening, Reservation)>, StoreError> {
        let opening = self.opening(commitment)?;
        opening
            .map(|opening| {
                let reservation = reservation(opening.value())?;
                Ok((opening, reservation))
            })
            .transpose()
    }
}

fn reservation(bytes: &[u8]) -> Result<Reservation, StoreError> {
    let damaged = || StoreError::Damaged(WHAT);
    let wire = v1::Reservation::decode(bytes).map_err(|_| damaged())?;
    Reservation::try_from(wire).map_err(|_| damaged())
}

fn full() -> StoreError {
    StoreError::Full {
        what: "sealed reservations of one patient",
        max: SEALS_MAX as u64,
    }
}

/// Keeps one more, of at most [`SEALS_MAX`].
pub(super) fn put(
    txn: &WriteTransaction,
    subject: &SubjectId,
    id: &RequestId,
    commitment: &Commitment,
) -> Result<(), StoreError> {
    let known = {
        let table = txn.open_table(SEALED).map_err(StoreError::database)?;
        format::keys_under(&table, subject.as_bytes(), SEALS_MAX)?.len()
    };
    if known >= SEALS_MAX {
        return Err(full());
    }
    let key = [subject.as_bytes().as_slice(), id.as_bytes()].concat();
    format::put(txn, SEALED, WHAT, &key, commitment)
}
