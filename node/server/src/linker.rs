//! Says this network's half of a link that another network has said, where nobody here needs to look: its search found
//! the patient by a rule or by the card this network gave, or under a declared disaster, where nobody here may be reached
//! and two people there have confirmed it.
//!
//! A link holds when both networks say so. What was only likely waits for a person here ([`open`]). Nothing is said that
//! no search of the other network, decided on the ledger, gave rise to.

use crate::NodeError;
use crate::blocking::blocking;
use crate::bounds::{LINKS_PAUSE, OUTBOX_ATTEMPT, PROPOSAL_MS_MAX};
use crate::entries::{Meant, sign};
use crate::error::chain;
use crate::ledger::{LedgerFault, ask};
use crate::node::Inner;
use crate::store::StoredProposal;
use sekisho_domain::{Body, Outcome, RequestId, SubjectId, SubjectRef};
use sekisho_transport::Deadline;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A proposed link that this network has not said.
pub(crate) struct Open {
    pub own: SubjectId,
    pub other: SubjectRef,
    pub proposal: StoredProposal,
    /// Whether the other network has said it.
    pub said: bool,
}

/// Looks for links to be said until the node stops.
pub(crate) async fn work(inner: Arc<Inner>) {
    let mut looked: Option<Changed> = None;
    loop {
        match changed(&inner, looked).await {
            Ok(now) if Some(now) == looked => {}
            Ok(now) => match round(&inner).await {
                Ok(()) => looked = Some(now),
                Err(error) => told(&error),
            },
            Err(error) => told(&error),
        }
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(LINKS_PAUSE) => {}
        }
    }
}

fn told(error: &NodeError) {
    tracing::warn!(
        error = chain(error),
        "links other networks wait for could not be looked through; tried again soon"
    );
}

/// What a look depends on: where neither has changed since, it would find the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Changed {
    /// Writes of proposals.
    proposals: u64,
    /// Leaves of the ledger; not asked for where nothing is proposed.
    leaves: u64,
}

/// How far proposals and ledger are.
async fn changed(inner: &Arc<Inner>, looked: Option<Changed>) -> Result<Changed, NodeError> {
    // Before the look: what comes during it is found by the next.
    let proposals = inner.store.proposals_written();
    let task = Arc::clone(inner);
    let known = looked.filter(|looked| looked.proposals == proposals);
    let none = known.is_some_and(|looked| looked.leaves == 0);
    if none || blocking(move || Ok(task.store.proposals_total()? == 0)).await? {
        return Ok(Changed {
            proposals,
            leaves: 0,
        });
    }
    let size = ask(inner.ledger.as_ref(), |snapshot| {
        Ok(snapshot.view().meta()?.map_or(0, |meta| meta.size))
    });
    Ok(Changed {
        proposals,
        leaves: size.await?,
    })
}

/// The proposed links that this network has not said; what is said, or too old, is forgotten.
pub(crate) async fn open(inner: &Arc<Inner>) -> Result<Vec<Open>, NodeError> {
    let task = Arc::clone(inner);
    ask(inner.ledger.as_ref(), move |snapshot| {
        let (view, now) = (snapshot.view(), task.environment.now());
        let mut open = Vec::new();
        for (own, other, proposal) in task.store.proposals()? {
            let too_old = proposal.at.plus_ms(PROPOSAL_MS_MAX) <= now;
            if too_old {
                task.store.forget_proposal(&own, &other, proposal.here)?;
            }
            if too_old || proposal.here {
                continue;
            }
            let this = SubjectRef {
                network: task.network.clone(),
                subject: own,
            };
            let link = view.link(&this, &other)?.map(|link| link.value);
            let by = |network| {
                let said_by = link.as_ref().map(|link| &link.said_by);
                said_by.is_some_and(|said_by| said_by.contains_key(network))
            };
            if by(&task.network) {
                task.store.forget_proposal(&own, &other, false)?;
                continue;
            }
            let said = by(&other.network);
            open.push(Open {
                own,
                other,
                proposal,
                said,
            });
        }
        Ok(open)
    })
    .await
}

async fn round(inner: &Arc<Inner>) -> Result<(), NodeError> {
    for one in open(inner).await? {
        if one.said && (one.proposal.certain || one.proposal.disaster) {
            say(inner, &one).await?;
        }
    }
    Ok(())
}

async fn say(inner: &Inner, one: &Open) -> Result<(), NodeError> {
    let meant = ask(inner.ledger.as_ref(), Meant::of).await?;
    let body = Body::SubjectLink {
        own: one.own,
        other: one.other.clone(),
    };
    let id = request_id(one);
    let envelope = sign(&inner.key, meant, id, body, inner.environment.now());
    let deadline = Deadline::after(OUTBOX_ATTEMPT);
    let committed = match inner.ledger.submit(envelope, deadline).await {
        // Said before, in a window that is over; this replica does not have it yet, or a person has taken it back.
        Err(LedgerFault::RequestIdReused) => return Ok(()),
        submitted => submitted?,
    };
    match committed.outcome {
        Outcome::Refused(reason) => {
            let network = &one.other.network;
            tracing::warn!(%network, reason = reason.code(), "a link was not taken; a person looks");
            inner.store.forget_proposal(&one.own, &one.other, false)?;
        }
        Outcome::Accepted | Outcome::Decided(_) => {
            tracing::info!(network = %one.other.network, index = %committed.index, "a link is said");
        }
    }
    Ok(())
}

/// The same for the same search's same patient, whenever it is said.
fn request_id(one: &Open) -> RequestId {
    let hash = Sha256::new()
        .chain_update("sekisho/link/v1\n")
        .chain_update(one.own.as_bytes())
        .chain_update(one.other.subject.as_bytes())
        .chain_update(one.other.network.as_str())
        .chain_update(one.proposal.access.0.to_be_bytes())
        .finalize();
    let mut id = [0; 16];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    RequestId(id)
}
