//! Erasing a subject (P11).
//!
//! 1. Consents that still stand are a reason to refuse, or are withdrawn first, each once (P5).
//! 2. The store is written anew without what ties the subject to a person (`store/erase.rs`).
//! 3. The document index is written anew: it holds what the hospital's files hold, and no trace of what they no longer
//!    do. It has never known a pseudonym; a chart whose files the hospital keeps stays in it, and is nobody's.
//!
//! On the ledger nothing changes: its leaves are about a pseudonym whose person nobody can name any more, and every
//! proof made before still holds. Asked for the subject, this network says that it knows no such patient.

use super::prepare::{Asked, Built};
use super::record::{commit, evidence};
use super::subject::Named;
use crate::NodeError;
use crate::blocking::blocking;
use crate::ledger::{Snapshot, ask};
use crate::node::Inner;
use sekisho_domain::{
    Body, ConsentId, FacilityId, Outcome, RefusalReason, RequestId, Side, SubjectId, Withdrawal,
};
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// How consents are withdrawn before an erasure.
#[derive(Debug, Clone)]
struct Withdraw {
    way: Withdrawal,
    recorded_by: FacilityId,
}

impl TryFrom<v1::WithdrawAll> for Withdraw {
    type Error = NodeError;
    fn try_from(wire: v1::WithdrawAll) -> Result<Self, NodeError> {
        Ok(Self {
            way: Withdrawal::from_number(wire.way.into())?,
            recorded_by: wire.recorded_by.parse()?,
        })
    }
}

/// Erases a subject; again, for one that is erased already, changes nothing.
pub(super) async fn erase(
    inner: &Arc<Inner>,
    request: v1::EraseSubjectRequest,
    deadline: Deadline,
) -> Result<v1::EraseSubjectReply, NodeError> {
    let id = RequestId::try_from(request.request_id.as_slice())?;
    let withdraw = request.withdraw_first.map(Withdraw::try_from).transpose()?;
    let named = Named::try_from(request.patient)?;
    let task = Arc::clone(inner);
    let subject = blocking(move || named.resolve_or_erased(&task.store)).await?;

    let mut withdrawn = Vec::new();
    let standing = standing(inner, subject).await?;
    match withdraw {
        None if !standing.is_empty() => return Err(NodeError::ConsentsStand(standing.len())),
        None => {}
        Some(withdraw) => {
            for consent in standing {
                withdraw_one(inner, id, subject, consent, &withdraw, deadline).await?;
                withdrawn.push(consent.0.0);
            }
        }
    }
    let left = self::standing(inner, subject).await?;
    if !left.is_empty() {
        // Given meanwhile, or the own replica is behind.
        return Err(NodeError::ConsentsStand(left.len()));
    }

    // No ingest writes into an index that is being replaced.
    let slot = tokio::select! {
        slot = inner.ingests.next() => slot?,
        () = inner.stop.cancelled() => return Err(NodeError::ShutDown),
    };
    let task = Arc::clone(inner);
    let erased = blocking(move || {
        let _slot = slot;
        let erased = task.store.erase(&subject, task.environment.now())?;
        task.index.compact()?;
        Ok(erased)
    })
    .await?;
    tracing::info!(
        request_id = %id,
        charts = erased.charts,
        openings = erased.openings,
        "a subject was erased"
    );
    Ok(v1::EraseSubjectReply {
        subject: subject.0.to_vec(),
        erased_ms: erased.at.0,
        erased_before: erased.before,
        withdrawn,
        charts: erased.charts,
        requests: erased.requests,
        openings: erased.openings,
        sealed_reservations: erased.sealed,
    })
}

/// The subject's consents that are neither withdrawn nor over, by index.
async fn standing(inner: &Arc<Inner>, subject: SubjectId) -> Result<Vec<ConsentId>, NodeError> {
    let task = Arc::clone(inner);
    ask(inner.ledger.as_ref(), move |snapshot| {
        let view = snapshot.view();
        let now = task.environment.now();
        let mut standing = Vec::new();
        for side in [Side::Disclosing, Side::Viewing] {
            let given = view.consents_of(&task.network, &subject, side)?;
            let stands = given
                .iter()
                .filter(|g| g.withdrawn.is_none() && !g.consent.period.has_ended(now));
            standing.extend(stands.map(|given| ConsentId(given.granted)));
        }
        standing.sort_unstable();
        Ok(standing)
    })
    .await
}

async fn withdraw_one(
    inner: &Arc<Inner>,
    erasure: RequestId,
    subject: SubjectId,
    consent: ConsentId,
    withdraw: &Withdraw,
    deadline: Deadline,
) -> Result<(), NodeError> {
    let wire = v1::ConsentWithdraw {
        consent: consent.0.0,
        way: withdraw.way.number().into(),
        recorded_by: withdraw.recorded_by.to_string(),
        evidence: Vec::new(),
    };
    let id = derived(erasure, consent);
    let asked = Asked::of(id.as_bytes(), &wire, inner.environment.as_ref())?;
    let withdraw = withdraw.clone();
    let build = move |inner: &Inner, _: &Snapshot<'_>| {
        let evidence = evidence(inner, b"")?;
        Ok(Built {
            body: Body::ConsentWithdraw {
                consent,
                way: withdraw.way,
                recorded_by: withdraw.recorded_by,
                evidence: evidence.commitment(),
            },
            about: subject,
            openings: vec![evidence],
        })
    };
    match commit(inner, asked, deadline, build).await?.outcome {
        Outcome::Refused(RefusalReason::Ended) | Outcome::Accepted | Outcome::Decided(_) => Ok(()),
        Outcome::Refused(reason) => Err(NodeError::WithdrawalRefused {
            consent: consent.0,
            reason,
        }),
    }
}

/// The request id of one withdrawal: the same however often the erasure is asked for (P5).
fn derived(erasure: RequestId, consent: ConsentId) -> RequestId {
    let mut hash = Sha256::new();
    hash.update(b"sekisho/erase/withdraw/v1\n");
    hash.update(erasure.as_bytes());
    hash.update(consent.0.0.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; RequestId::LEN];
    id.copy_from_slice(&digest[..RequestId::LEN]);
    RequestId(id)
}
