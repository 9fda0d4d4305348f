//! Watches accesses for patterns an officer should look at, and points them out on the ledger.
//!
//! What a pattern is, the ledger says ([`sekisho_ledger::patterns`]), and takes no alert whose accesses do not show it. A
//! node looks at what has to do with its network: its own practitioners, and accesses in which it was asked each time. The
//! network of the practitioner speaks first; the others only if it has not after [`ALERT_PATIENCE_MS`], so that a network
//! cannot keep quiet about its own people and one alert is enough. Nothing is stored: what is looked for again after a
//! restart is the last two hours' leaves, and an alert's request id follows from what it says (P5).

use crate::NodeError;
use crate::bounds::{
    ALERT_PATIENCE_MS, ALERTS_LEAVES, ALERTS_PAUSE, ALERTS_WAITING_MAX, OUTBOX_ATTEMPT,
};
use crate::entries::{Meant, sign};
use crate::error::chain;
use crate::ledger::{LedgerFault, Snapshot, ask};
use crate::node::Inner;
use sekisho_domain::{Body, EntryIndex, NetworkId, Outcome, RequestId, SecurityAlert, TimeMs};
use sekisho_ledger::CoreError;
use sekisho_ledger::patterns::{Seen, WINDOW_MS, Watch};
use sekisho_transport::Deadline;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::Arc;

/// Looks at the ledger's leaves until the node stops.
pub(crate) async fn work(inner: Arc<Inner>) {
    let mut lookout = None;
    loop {
        if let Err(error) = round(&inner, &mut lookout).await {
            tracing::warn!(
                error = chain(&error),
                "the ledger could not be looked through for patterns of accesses; tried again soon"
            );
        }
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(ALERTS_PAUSE) => {}
        }
    }
}

async fn round(inner: &Inner, lookout: &mut Option<Lookout>) -> Result<(), NodeError> {
    if lookout.is_none() {
        *lookout = Some(Lookout::begin(inner).await?);
    }
    match lookout {
        Some(lookout) => lookout.round(inner).await,
        None => Ok(()),
    }
}

/// What was looked at, and what was seen and is not said yet.
pub(crate) struct Lookout {
    watch: Watch,
    next: EntryIndex,
    seen: VecDeque<Waiting>,
}

struct Waiting {
    alert: SecurityAlert,
    /// When it is this network's turn to say it.
    due: TimeMs,
}

impl Lookout {
    /// Begins where a pattern that is not over yet can begin.
    pub async fn begin(inner: &Inner) -> Result<Self, NodeError> {
        let since = TimeMs(inner.environment.now().0.saturating_sub(2 * WINDOW_MS));
        let next = ask(inner.ledger.as_ref(), move |snapshot| {
            first_since(snapshot, since)
        })
        .await?;
        Ok(Self {
            watch: Watch::default(),
            next,
            seen: VecDeque::new(),
        })
    }

    /// Looks at what is new, and says what is due. What cannot be said now stays.
    pub async fn round(&mut self, inner: &Inner) -> Result<(), NodeError> {
        while self.look(inner).await? {}
        let now = inner.environment.now();
        for _ in 0..self.seen.len() {
            let Some(seen) = self.seen.pop_front() else {
                break;
            };
            if seen.due > now {
                self.seen.push_back(seen);
                continue;
            }
            if let Err(error) = raise(inner, &seen.alert).await {
                self.seen.push_front(seen);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes some leaves; whether there may be more.
    async fn look(&mut self, inner: &Inner) -> Result<bool, NodeError> {
        let (from, own) = (self.next, inner.network.clone());
        let leaves = ask(inner.ledger.as_ref(), move |snapshot| {
            let view = snapshot.view();
            // Only leaves that stand already: voters of different heights show the same of them.
            let size = view.meta()?.map_or(0, |meta| meta.size);
            let there = usize::try_from(size.saturating_sub(from.0)).unwrap_or(usize::MAX);
            let leaves = view.leaves(from, there.min(ALERTS_LEAVES))?;
            let seen = leaves.iter().map(|bytes| Seen::read(bytes));
            seen.collect::<Result<Vec<_>, _>>()
                .map_err(|e| CoreError::Tree(e.to_string()).into())
        })
        .await?;
        let now = inner.environment.now();
        let taken = leaves.len();
        for (index, seen) in leaves {
            self.next = EntryIndex(index.0.saturating_add(1));
            for alert in self.watch.take(seen) {
                if self.seen.len() >= ALERTS_WAITING_MAX {
                    let dropped = self.seen.pop_front();
                    let pattern = dropped.map(|seen| seen.alert.pattern.code());
                    tracing::error!(pattern, "too many alerts wait: one is given up");
                }
                let patience = if alert.viewing == own {
                    0
                } else {
                    ALERT_PATIENCE_MS
                };
                let due = now.plus_ms(patience);
                self.seen.push_back(Waiting { alert, due });
            }
        }
        Ok(taken == ALERTS_LEAVES)
    }
}

/// The first leaf stamped at or after a time; where the next one will stand, if there is none.
fn first_since(snapshot: &Snapshot<'_>, since: TimeMs) -> Result<EntryIndex, NodeError> {
    let size = snapshot.view().meta()?.map_or(0, |meta| meta.size);
    let (mut low, mut high) = (0, size);
    // Stamped times never run back.
    while low < high {
        let middle = low + (high - low) / 2;
        match snapshot.leaf(EntryIndex(middle))? {
            Some(leaf) if leaf.time >= since => high = middle,
            _ => low = middle + 1,
        }
    }
    Ok(EntryIndex(low))
}

/// Says it, unless it is not this network's to say or is said already.
async fn raise(inner: &Inner, alert: &SecurityAlert) -> Result<(), NodeError> {
    let (own, about) = (inner.network.clone(), alert.clone());
    let (meant, due) = ask(inner.ledger.as_ref(), move |snapshot| {
        let due = is_ours(snapshot, &own, &about)? && !is_said(snapshot, &about)?;
        Ok((Meant::of(snapshot)?, due))
    })
    .await?;
    if !due {
        return Ok(());
    }
    let (id, body) = (request_id(alert), Body::SecurityAlert(alert.clone()));
    let envelope = sign(&inner.key, meant, id, body, inner.environment.now());
    let deadline = Deadline::after(OUTBOX_ATTEMPT);
    let committed = match inner.ledger.submit(envelope, deadline).await {
        // It was taken before, signed for an earlier window, and this replica does not have it yet.
        Err(LedgerFault::RequestIdReused) => return Ok(()),
        submitted => submitted?,
    };
    let (pattern, accesses) = (alert.pattern.code(), alert.accesses.len());
    match committed.outcome {
        Outcome::Refused(reason) => {
            tracing::info!(pattern, reason = reason.code(), "an alert was not taken");
        }
        Outcome::Accepted | Outcome::Decided(_) => {
            tracing::warn!(index = %committed.index, network = %alert.viewing, pattern, accesses,
                "accesses that an officer should look at");
        }
    }
    Ok(())
}

/// Whether the practitioner is this network's, or this network was asked each time.
fn is_ours(
    snapshot: &Snapshot<'_>,
    own: &NetworkId,
    alert: &SecurityAlert,
) -> Result<bool, NodeError> {
    if alert.viewing == *own {
        return Ok(true);
    }
    for index in &alert.accesses {
        let access = snapshot.view().access(*index)?;
        if !access.is_some_and(|access| access.request.targets.contains(own)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_said(snapshot: &Snapshot<'_>, alert: &SecurityAlert) -> Result<bool, NodeError> {
    let view = snapshot.view();
    let last = view.alerted(&alert.viewing, alert.pattern, &alert.practitioner)?;
    Ok(last.is_some_and(|last| alert.accesses.first().is_some_and(|first| *first <= last)))
}

/// The same for the same alert, whenever it is found.
fn request_id(alert: &SecurityAlert) -> RequestId {
    let mut hash = Sha256::new()
        .chain_update("sekisho/security-alert/v1\n")
        .chain_update([alert.pattern.number()]);
    for index in &alert.accesses {
        hash.update(index.0.to_be_bytes());
    }
    let mut id = [0; 16];
    id.iter_mut()
        .zip(hash.finalize())
        .for_each(|(to, from)| *to = from);
    RequestId(id)
}

#[cfg(test)]
#[path = "alerts_test.rs"]
mod tests;
