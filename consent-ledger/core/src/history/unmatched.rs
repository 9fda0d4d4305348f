//! Documents one side says it let go and the other does not say it got, or the other way round.
//!
//! A release is durable before the first byte leaves, a receipt before the first byte is shown; both reach the ledger by
//! their outboxes. So each of the two without the other, once both have had time, is something to look into.

use crate::leaf::Leaf;
use sekisho_domain::{Action, Body, Commitment, EntryIndex, NetworkId, Outcome, TimeMs};
use std::collections::BTreeMap;

/// Time both sides have to put their record on the ledger before it counts as missing, in milliseconds: an outbox goes
/// on by itself, and ten minutes are forty times its longest pause.
pub const MATCH_MS: u64 = 10 * 60 * 1000;

/// One side's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its leaf.
    pub index: EntryIndex,
    /// When it was put in order.
    pub time: TimeMs,
    content: Commitment,
}

/// What does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mismatch {
    /// Let go and never received: lost on its way, or not admitted.
    ReleaseOnly,
    /// Received and never let go: a document left without evidence.
    ReceiptOnly,
    /// Both are there and are about different content.
    Different,
}

impl Mismatch {
    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::ReleaseOnly => "release-only",
            Self::ReceiptOnly => "receipt-only",
            Self::Different => "different-content",
        }
    }
}

/// A retrieval whose two records do not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// The access request.
    pub access: EntryIndex,
    /// Who asked.
    pub viewing: NetworkId,
    /// Whose document it is.
    pub disclosing: NetworkId,
    /// What does not fit.
    pub mismatch: Mismatch,
    /// What the disclosing side recorded.
    pub release: Option<Recorded>,
    /// What the viewing side recorded.
    pub receipt: Option<Recorded>,
}

impl Unmatched {
    /// The time of the latest record there is.
    pub fn since(&self) -> TimeMs {
        let times = self.release.iter().chain(&self.receipt).map(|it| it.time);
        times.max().unwrap_or(TimeMs(0))
    }
}

struct Retrieval {
    viewing: NetworkId,
    disclosing: Option<NetworkId>,
    release: Option<Recorded>,
    receipt: Option<Recorded>,
}

/// What was let go and what arrived, as the leaves tell it, taken in order.
#[derive(Default)]
pub struct Transfers(BTreeMap<EntryIndex, Retrieval>);

impl Transfers {
    /// Takes the next leaf.
    pub fn take(&mut self, leaf: &Leaf) {
        match (&leaf.entry.body, &leaf.outcome) {
            (Body::AccessRequest(request), Outcome::Decided(_))
                if request.action == Action::RetrieveDocument =>
            {
                let retrieval = Retrieval {
                    viewing: request.viewing.clone(),
                    disclosing: None,
                    release: None,
                    receipt: None,
                };
                self.0.insert(leaf.index, retrieval);
            }
            (Body::Release(transfer) | Body::Receipt(transfer), Outcome::Accepted) => {
                let Some(retrieval) = self.0.get_mut(&transfer.access) else {
                    return;
                };
                let recorded = Recorded {
                    index: leaf.index,
                    time: leaf.time,
                    content: transfer.content,
                };
                retrieval.disclosing = Some(transfer.disclosing.clone());
                if matches!(leaf.entry.body, Body::Release(_)) {
                    retrieval.release = Some(recorded);
                } else {
                    retrieval.receipt = Some(recorded);
                }
            }
            _ => {}
        }
    }

    /// Those that do not fit at this time, in the order in which they were asked for. What one side recorded less than
    /// [`MATCH_MS`] ago may yet be matched.
    pub fn unmatched(self, now: TimeMs) -> Vec<Unmatched> {
        let one = |(access, retrieval): (EntryIndex, Retrieval)| {
            let mismatch = match (&retrieval.release, &retrieval.receipt) {
                (Some(release), Some(receipt)) if release.content != receipt.content => {
                    Mismatch::Different
                }
                (Some(_), None) => Mismatch::ReleaseOnly,
                (None, Some(_)) => Mismatch::ReceiptOnly,
                _ => return None,
            };
            let found = Unmatched {
                access,
                viewing: retrieval.viewing,
                disclosing: retrieval.disclosing?,
                mismatch,
                release: retrieval.release,
                receipt: retrieval.receipt,
            };
            let waits = mismatch != Mismatch::Different && now < found.since().plus_ms(MATCH_MS);
            (!waits).then_some(found)
        };
        self.0.into_iter().filter_map(one).collect()
    }
}

#[cfg(test)]
#[path = "unmatched_test.rs"]
mod tests;
