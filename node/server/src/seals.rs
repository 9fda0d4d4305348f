//! Which of the sealed reservations this node keeps hold, by the ledger's word.

use crate::NodeError;
use crate::ledger::Snapshot;
use crate::store::NodeStore;
use sekisho_domain::{NetworkId, RequestId, Reservation, SealId, SubjectId};

/// A sealed reservation with what the ledger, as far as applied here, says of it.
pub(crate) struct KnownSeal {
    pub request_id: RequestId,
    pub reservation: Reservation,
    /// Its seal; none where the ledger has not taken it.
    pub seal: Option<SealId>,
    pub lifted: bool,
}

impl KnownSeal {
    /// From the index of its seal on, until the one that lifts it.
    pub fn holds(&self) -> bool {
        self.seal.is_some() && !self.lifted
    }
}

/// A subject's sealed reservations, oldest seal first, those without one last. Blocks.
pub(crate) fn of(
    store: &NodeStore,
    snapshot: &Snapshot<'_>,
    own: &NetworkId,
    subject: &SubjectId,
) -> Result<Vec<KnownSeal>, NodeError> {
    let view = snapshot.view();
    let mut known = Vec::new();
    for stored in store.seals_of(subject)? {
        let asked = view.requested(own, &stored.request_id)?;
        let seal = asked.map(|requested| SealId(requested.index));
        let record = match seal {
            Some(seal) => view.seal(seal)?,
            None => None,
        };
        known.push(KnownSeal {
            request_id: stored.request_id,
            reservation: stored.reservation,
            seal: seal.filter(|_| record.is_some()),
            lifted: record.is_some_and(|r| r.value.lifted.is_some()),
        });
    }
    known.sort_by_key(|known| (known.seal.is_none(), known.seal));
    Ok(known)
}
