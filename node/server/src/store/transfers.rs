//! Releases and receipts: on this disk first, then, through the outbox, on the ledger.
//!
//! The record and its place in the outbox are one transaction: there is no release that the ledger will not hear of,
//! whenever the machine stops (P1). A record's request id is fixed when it is made, so the ledger takes it once
//! however often it is sent (P5).

use super::{NodeStore, OF_ACCESS, OUTBOX, StoreError, TRANSFERS, format, openings, subjects};
use crate::bounds::OUTBOX_MAX;
use redb::{ReadableTable, ReadableTableMetadata};
use sekisho_domain::{EntryIndex, RefusalReason, RequestId, SubjectId, TimeMs, Transfer};
use sekisho_ledger::commitment::Opening;
use serde::{Deserialize, Serialize};

const WHAT: &str = "a transfer";
const PLACE: &str = "a transfer's place";

/// Which side of a transfer a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferKind {
    /// This node let the document go.
    Release,
    /// This node got the document.
    Receipt,
}

/// What the ledger made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The leaf.
    pub index: EntryIndex,
    /// Why the ledger refused it, where it did: an officer should look.
    pub refused: Option<RefusalReason>,
}

/// A release or receipt of this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTransfer {
    /// Which side.
    pub kind: TransferKind,
    /// What the entry says.
    pub transfer: Transfer,
    /// When it was recorded here.
    pub recorded: TimeMs,
    /// What the ledger made of it; none while it waits in the outbox.
    pub settled: Option<Settled>,
}

/// An entry still to be put on the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its place in the outbox.
    pub sequence: u64,
    /// The request id of its entry.
    pub request_id: RequestId,
    /// What it says.
    pub stored: StoredTransfer,
}

fn place_key(kind: TransferKind, access: EntryIndex) -> [u8; 9] {
    let mut key = [0; 9];
    key[..8].copy_from_slice(&access.0.to_be_bytes());
    key[8] = match kind {
        TransferKind::Release => 0,
        TransferKind::Receipt => 1,
    };
    key
}

impl NodeStore {
    /// Records a transfer and puts it into the outbox, durably, with what opens its commitments; `about` is the
    /// network's own subject. An equal one under the same access request stands already: its request id is answered
    /// and nothing changes.
    ///
    /// # Errors
    /// [`StoreError::Erased`] if the subject was erased,
    /// [`StoreError::OtherTransfer`] if the access request transferred something else, [`StoreError::Full`] with
    /// [`OUTBOX_MAX`] entries waiting; or the database failed. In each case nothing is recorded.
    pub fn record_transfer(
        &self,
        kind: TransferKind,
        transfer: &Transfer,
        about: &SubjectId,
        openings: &[Opening],
        request_id: RequestId,
        now: TimeMs,
    ) -> Result<RequestId, StoreError> {
        let place = place_key(kind, transfer.access);
        self.write(|txn| {
            subjects::check(txn, about)?;
            if let Some(known) = format::get_in::<RequestId>(txn, OF_ACCESS, PLACE, &place)? {
                let stored: Option<StoredTransfer> =
                    format::get_in(txn, TRANSFERS, WHAT, known.as_bytes())?;
                return match stored {
                    Some(stored) if stored.transfer == *transfer => Ok(known),
                    Some(_) => Err(StoreError::OtherTransfer(transfer.access)),
                    None => Err(StoreError::Damaged(WHAT)),
                };
            }
            let mut outbox = txn.open_table(OUTBOX).map_err(StoreError::database)?;
            if outbox.len().map_err(StoreError::database)? >= OUTBOX_MAX {
                return Err(StoreError::Full {
                    what: "entries for the ledger",
                    max: OUTBOX_MAX,
                });
            }
            let last = outbox
                .last()
                .map_err(StoreError::database)?
                .map_or(0, |(sequence, _)| sequence.value());
            outbox
                .insert(last.saturating_add(1), request_id.as_bytes().as_slice())
                .map_err(StoreError::database)?;
            let stored = StoredTransfer {
                kind,
                transfer: transfer.clone(),
                recorded: now,
                settled: None,
            };
            format::put(txn, TRANSFERS, WHAT, request_id.as_bytes(), &stored)?;
            format::put(txn, OF_ACCESS, PLACE, &place, &request_id)?;
            openings::put(txn, about, openings)?;
            Ok(request_id)
        })
    }

    /// Up to `max` entries of the outbox behind a place, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub fn pending(&self, after: u64, max: usize) -> Result<Vec<Pending>, StoreError> {
        let txn = self.read()?;
        let outbox = txn.open_table(OUTBOX).map_err(StoreError::database)?;
        outbox
            .range(after.saturating_add(1)..)
            .map_err(StoreError::database)?
            .take(max)
            .map(|row| {
                let (sequence, id) = row.map_err(StoreError::database)?;
                let request_id =
                    RequestId::try_from(id.value()).map_err(|_| StoreError::Damaged(WHAT))?;
                let stored = format::get(&txn, TRANSFERS, WHAT, request_id.as_bytes())?
                    .ok_or(StoreError::Damaged(WHAT))?;
                Ok(Pending {
                    sequence: sequence.value(),
                    request_id,
                    stored,
                })
            })
            .collect()
    }

    /// How many entries wait in the outbox.
    ///
    /// # Errors
    /// The database failed.
    pub fn pending_total(&self) -> Result<u64, StoreError> {
        let txn = self.read()?;
        let outbox = txn.open_table(OUTBOX).map_err(StoreError::database)?;
        outbox.len().map_err(StoreError::database)
    }

    /// Takes entries out of the outbox that the ledger has, and remembers what it made of them.
    ///
    /// # Errors
    /// The database failed; they are then sent again, which changes nothing (P5).
    pub fn settle(&self, done: &[(Pending, Settled)]) -> Result<(), StoreError> {
        self.write(|txn| {
            let mut outbox = txn.open_table(OUTBOX).map_err(StoreError::database)?;
            for (pending, settled) in done {
                outbox
                    .remove(pending.sequence)
                    .map_err(StoreError::database)?;
                let stored = StoredTransfer {
                    settled: Some(*settled),
                    ..pending.stored.clone()
                };
                format::put(txn, TRANSFERS, WHAT, pending.request_id.as_bytes(), &stored)?;
            }
            Ok(())
        })
    }

    /// The transfer recorded under an access request.
    ///
    /// # Errors
    /// The database failed.
    pub fn transfer(
        &self,
        kind: TransferKind,
        access: EntryIndex,
    ) -> Result<Option<StoredTransfer>, StoreError> {
        let txn = self.read()?;
        let id: Option<RequestId> = format::get(&txn, OF_ACCESS, PLACE, &place_key(kind, access))?;
        match id {
            Some(id) => format::get(&txn, TRANSFERS, WHAT, id.as_bytes()),
            None => Ok(None),
        }
    }
}
