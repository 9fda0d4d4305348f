//! Sealed reservations, for the patient they are of and for an officer who asks for one.

use super::subject::Named;
use crate::NodeError;
use crate::ledger::{LedgerFault, Snapshot, ask};
use crate::node::Inner;
use crate::seals;
use sekisho_domain::{EntryIndex, SealId, SubjectId};
use sekisho_ledger::note::Note;
use sekisho_ledger::tlog::Receipt;
use sekisho_ledger::tree;
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::sync::Arc;

/// Whose sealed reservation it is; this network's, and still here. Blocks.
pub(super) fn subject_of(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    seal: SealId,
) -> Result<SubjectId, NodeError> {
    let sealed = snapshot.view().seal(seal)?;
    let sealed = sealed.filter(|record| record.value.network == inner.network);
    let sealed = sealed.ok_or(NodeError::NotOnLedger {
        what: "sealed reservation",
        index: seal.0,
    })?;
    let known = inner.store.seal(&sealed.value.sealed)?;
    let (_, reservation) = known.ok_or(NodeError::NothingSealed(seal.0))?;
    Ok(reservation.subject)
}

/// A patient's sealed reservations, lifted ones too.
pub(super) async fn list(
    inner: &Arc<Inner>,
    request: v1::SealedReservationsRequest,
) -> Result<v1::SealedReservationsReply, NodeError> {
    let task = Arc::clone(inner);
    ask(inner.ledger.as_ref(), move |snapshot| {
        let subject = Named::try_from(request.patient)?.resolve(&task.store)?;
        let known = seals::of(&task.store, snapshot, &task.network, &subject)?;
        let reservations = known.into_iter().map(|known| {
            let sealed_ms = match known.seal {
                Some(seal) => snapshot.leaf(seal.0)?.map(|leaf| leaf.time.0),
                None => None,
            };
            Ok(v1::SealedReservation {
                reservation: Some((&known.reservation).into()),
                request_id: known.request_id.0.to_vec(),
                seal: known.seal.map(|seal| seal.0.0),
                sealed_ms,
                lifted: known.lifted,
            })
        });
        let reservations = reservations.collect::<Result<_, LedgerFault>>()?;
        Ok(v1::SealedReservationsReply { reservations })
    })
    .await
}

/// Opens one: what was committed to, and proof that it was sealed where it stands. Only on request, never by itself.
pub(super) async fn open(
    inner: &Arc<Inner>,
    request: v1::OpenSealRequest,
    deadline: Deadline,
) -> Result<v1::OpenSealReply, NodeError> {
    let index = EntryIndex(request.seal);
    inner.ledger.wait_applied(index, deadline).await?;
    let checkpoint = inner
        .ledger
        .checkpoint(index.0.saturating_add(1), deadline)
        .await?;
    let task = Arc::clone(inner);
    ask(inner.ledger.as_ref(), move |snapshot| {
        subject_of(&task, snapshot, SealId(index))?;
        let sealed = snapshot.view().seal(SealId(index))?;
        let known = match sealed {
            Some(record) => task.store.seal(&record.value.sealed)?,
            None => None,
        };
        let (opening, reservation) = known.ok_or(NodeError::NothingSealed(index))?;
        let leaf = snapshot.view().leaf(index)?;
        let receipt = Receipt::Sealed {
            index,
            leaf: leaf.ok_or(NodeError::NothingSealed(index))?,
            hashes: tree::inclusion_proof(snapshot, index, checkpoint.size)?,
            checkpoint: Note::parse(checkpoint.note.as_bytes())?,
        };
        tracing::info!(seal = %index, "a sealed reservation was opened");
        Ok(v1::OpenSealReply {
            salt: opening.salt().as_bytes().to_vec(),
            value: opening.value().to_vec(),
            reservation: Some((&reservation).into()),
            receipt: receipt.to_string(),
        })
    })
    .await
}
