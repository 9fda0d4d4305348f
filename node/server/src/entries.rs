//! Entries this node signs.

use crate::NodeError;
use crate::bounds::{WINDOW_AFTER_MS, WINDOW_BEFORE_MS};
use crate::ledger::Snapshot;
use sekisho_domain::{Body, Entry, LedgerId, RequestId, TimeMs};
use sekisho_ledger::sign_entry;
use sekisho_ledger::signature::SigningKey;
use sekisho_proto::v1;

/// For which ledger an entry is meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meant {
    pub ledger: LedgerId,
    pub lineage: u64,
}

impl Meant {
    /// The ledger as the own replica has it.
    ///
    /// # Errors
    /// The state cannot be read, or the ledger is not founded.
    pub fn of(snapshot: &Snapshot<'_>) -> Result<Self, NodeError> {
        let meta = snapshot
            .view()
            .meta()?
            .ok_or(NodeError::Invalid("the ledger has not been founded"))?;
        Ok(Self {
            ledger: meta.ledger,
            lineage: meta.lineage,
        })
    }
}

/// Signs an entry that may be put in order from a little before now.
pub(crate) fn sign(
    key: &SigningKey,
    meant: Meant,
    request_id: RequestId,
    body: Body,
    now: TimeMs,
) -> v1::Envelope {
    let not_before = TimeMs(now.0.saturating_sub(WINDOW_BEFORE_MS));
    let entry = Entry {
        ledger: meant.ledger,
        lineage: meant.lineage,
        author: key.key_id(),
        request_id,
        claimed_time: now,
        not_before,
        not_after: not_before.plus_ms(WINDOW_BEFORE_MS + WINDOW_AFTER_MS),
        body,
    };
    sign_entry(&entry, &[key])
}
