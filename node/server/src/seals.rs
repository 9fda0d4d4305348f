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

/// A subject's sealed reservations, oldest seal first, those without one last. Blocks. At a light node its voters are asked
/// twice, however many there are (P9).
pub(crate) fn of(
    store: &NodeStore,
    snapshot: &Snapshot<'_>,
    own: &NetworkId,
    subject: &SubjectId,
) -> Result<Vec<KnownSeal>, NodeError> {
    let view = snapshot.view();
    let stored = store.seals_of(subject)?;
    let ids: Vec<_> = stored.iter().map(|stored| stored.request_id).collect();
    let asked = view.requested_all(own, &ids)?.into_iter();
    let seals: Vec<_> = asked
        .map(|asked| asked.map(|requested| SealId(requested.index)))
        .collect();
    let there: Vec<_> = seals.iter().copied().flatten().collect();
    let mut records = view.seals(&there)?.into_iter();
    let mut known = Vec::new();
    for (stored, seal) in stored.into_iter().zip(seals) {
        let record = seal.and_then(|_| records.next().flatten());
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
