//! The one task that puts releases and receipts on the ledger, until the ledger has them.
//!
//! Each entry's request id was fixed when its record was written, before the document left. So an entry may be sent
//! after a timeout, after a restart, signed anew for a later window: the ledger takes the first and knows the others
//! by their id (P5). Before each attempt the own replica is asked; what it has is settled without sending.
//!
//! ```text
//! record_transfer ──▶ outbox ──▶ own replica has it? ── yes ──▶ settled
//!                       ▲               │ no
//!                       └── not done ◀──┴──▶ sign, submit ── committed ──▶ settled
//! ```

use crate::NodeError;
use crate::blocking::blocking;
use crate::bounds::{OUTBOX_ATTEMPT, OUTBOX_BATCH, OUTBOX_PAUSE_MAX, OUTBOX_PAUSE_MIN};
use crate::entries::{Meant, sign};
use crate::error::chain;
use crate::ledger::ask;
use crate::node::Inner;
use crate::store::{Pending, Settled, TransferKind};
use futures::future::join_all;
use sekisho_domain::{Body, EntryIndex, Outcome};
use sekisho_transport::Deadline;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Wakes the task.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Notify);

impl Outbox {
    /// Something was put into the outbox.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// Works the outbox off until the node stops.
pub(crate) async fn work(inner: Arc<Inner>) {
    let mut pause = OUTBOX_PAUSE_MIN;
    loop {
        let rest = tokio::select! {
            () = inner.stop.cancelled() => return,
            round = round(&inner) => match round {
                Ok(0) => None,
                Ok(left) => {
                    tracing::warn!(left, "entries wait for the ledger");
                    Some(pause)
                }
                Err(error) => {
                    tracing::error!(error = chain(&error), "the outbox cannot be worked off");
                    Some(pause)
                }
            },
        };
        match rest {
            None => {
                pause = OUTBOX_PAUSE_MIN;
                tokio::select! {
                    () = inner.stop.cancelled() => return,
                    () = inner.outbox.0.notified() => {}
                }
            }
            Some(wait) => {
                pause = (pause * 2).min(OUTBOX_PAUSE_MAX);
                sleep(&inner, wait).await;
            }
        }
    }
}

async fn sleep(inner: &Inner, wait: Duration) {
    tokio::select! {
        () = inner.stop.cancelled() => {}
        () = tokio::time::sleep(wait) => {}
    }
}

/// Tries every waiting entry once, in batches; how many are left that could not be settled.
async fn round(inner: &Arc<Inner>) -> Result<usize, NodeError> {
    let (mut after, mut left) = (0, 0);
    loop {
        let store = Arc::clone(&inner.store);
        let batch = blocking(move || Ok(store.pending(after, OUTBOX_BATCH)?)).await?;
        let Some(last) = batch.last() else {
            return Ok(left);
        };
        after = last.sequence;
        let attempts = join_all(batch.iter().map(|pending| attempt(inner, pending))).await;
        let mut done = Vec::new();
        for (pending, attempt) in batch.into_iter().zip(attempts) {
            match attempt {
                Ok(settled) => done.push((pending, settled)),
                Err(error) => {
                    left += 1;
                    tracing::debug!(request_id = %pending.request_id, error = chain(&error), "not on the ledger yet");
                }
            }
        }
        if !done.is_empty() {
            let store = Arc::clone(&inner.store);
            blocking(move || Ok(store.settle(&done)?)).await?;
        }
    }
}

async fn attempt(inner: &Arc<Inner>, pending: &Pending) -> Result<Settled, NodeError> {
    let id = pending.request_id;
    let own = inner.network.clone();
    let (meant, known) = ask(inner.ledger.as_ref(), move |snapshot| {
        let known = match snapshot.view().requested(&own, &id)? {
            Some(requested) => snapshot.leaf(requested.index)?,
            None => None,
        };
        Ok((Meant::of(snapshot)?, known))
    })
    .await?;
    if let Some(leaf) = known {
        return Ok(settled(pending, leaf.index, &leaf.outcome));
    }
    let transfer = pending.stored.transfer.clone();
    let body = match pending.stored.kind {
        TransferKind::Release => Body::Release(transfer),
        TransferKind::Receipt => Body::Receipt(transfer),
    };
    let envelope = sign(&inner.key, meant, id, body, inner.environment.now());
    let deadline = Deadline::after(OUTBOX_ATTEMPT);
    let committed = inner.ledger.submit(envelope, deadline).await?;
    Ok(settled(pending, committed.index, &committed.outcome))
}

fn settled(pending: &Pending, index: EntryIndex, outcome: &Outcome) -> Settled {
    let refused = match outcome {
        Outcome::Refused(reason) => Some(*reason),
        Outcome::Accepted | Outcome::Decided(_) => None,
    };
    if let Some(reason) = refused {
        tracing::error!(
            request_id = %pending.request_id,
            access = %pending.stored.transfer.access,
            reason = reason.code(),
            "the ledger refused a transfer; an officer should look"
        );
    }
    Settled { index, refused }
}

#[cfg(test)]
#[path = "outbox_test.rs"]
mod tests;
