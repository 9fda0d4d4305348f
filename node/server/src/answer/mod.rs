//! The disclosing side: answers other networks' requests, and only as this node's own replica says was decided.
//!
//! ```text
//! AnswerFind      own replica at the request's index ─▶ permit ─▶ charts ─▶ covered entries ─▶ signed statement
//! AnswerRetrieve  … ─▶ commitment opened ─▶ content, guarded ─▶ release on disk ─▶ header, chunks ─▶ statement
//! ```
//! A document under a sealed reservation is treated as one that does not exist, in the list and when it is asked for;
//! a patient all of whose documents are sealed, as one who has none. Nothing in an answer tells one from the other.
//!
//! Promises: P1 (the release record is durable before the first byte), P8 (the statement lets the viewer see what a
//! broker added, dropped or altered), P9 (every refusal is the same), P12.

mod find;
mod pace;
mod patients;
mod retrieve;
mod service;

pub use service::Disclosing;

use crate::NodeError;
use crate::bounds::REPLICA_WAIT_MAX;
use crate::deadline::{earlier, margin};
use crate::enforce::{self, Claim, Scope};
use crate::ledger::{Snapshot, ask};
use crate::node::Inner;
use crate::seals;
use sekisho_domain::{
    AccessRecord, Action, EntryIndex, Hash, NetworkId, NetworkOutcome, RequestId, SubjectId,
    SubjectRef,
};
use sekisho_ledger::Statement;
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A caller's question about an access request, parsed.
struct Question {
    caller: NetworkId,
    access: EntryIndex,
    request_id: RequestId,
    action: Action,
    deadline: Deadline,
}

/// What may be answered: the request as decided, and the scope of its permit; none for a subject this node does not
/// know.
struct Permitted {
    record: AccessRecord,
    scope: Option<Scope>,
}

/// Believes the own replica, nobody else: waits for it, reads what was decided, finds the subject's charts; and does what
/// comes next with it in the same step, off the async threads.
async fn permitted<T: Send + 'static>(
    inner: &Arc<Inner>,
    question: Question,
    next: impl FnOnce(&Inner, Permitted) -> Result<T, NodeError> + Send + 'static,
) -> Result<T, NodeError> {
    // Ends before the asker does, so that it hears who is behind.
    let wait = earlier(question.deadline, margin(question.deadline));
    let wait = wait.min(Deadline::after(REPLICA_WAIT_MAX));
    inner.ledger.wait_applied(question.access, wait).await?;
    let task = Arc::clone(inner);
    ask(inner.ledger.as_ref(), move |snapshot| {
        let permitted = permitted_by(&task, snapshot, &question)?;
        next(&task, permitted)
    })
    .await
}

fn permitted_by(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    question: &Question,
) -> Result<Permitted, NodeError> {
    let view = snapshot.view();
    let own = &inner.network;
    let claim = Claim {
        caller: &question.caller,
        request_id: question.request_id,
        action: question.action,
    };
    let record = view.access(question.access)?;
    let permit = enforce::permit(record.as_ref(), own, claim, inner.environment.now())?;
    let record = record.ok_or(NodeError::Forbidden)?;
    still_linked(snapshot, &record, own, &permit.terms().subject)?;
    let charts = inner.store.charts_of(&permit.terms().subject)?;
    if charts.is_empty() {
        return Ok(Permitted {
            record,
            scope: None,
        });
    }
    // An index that is still being built would leave documents out (P8).
    inner.readiness.check()?;
    let mut facilities = BTreeMap::new();
    for chart in &charts {
        if let Some(facility) = view.facility_of(&chart.facility, own)? {
            facilities.insert(chart.facility.clone(), facility.registered);
        }
    }
    // A reservation may have begun since the decision.
    let time = record.time.max(inner.environment.now());
    let subject = &permit.terms().subject;
    let sealed = seals::of(&inner.store, snapshot, own, subject)?
        .iter()
        .filter(|known| known.holds())
        .filter_map(|known| enforce::sealed_from(&known.reservation, &record.request, time))
        .collect();
    let scope = Scope::new(permit, charts, facilities).without(sealed);
    Ok(Permitted {
        record,
        scope: Some(scope),
    })
}

/// A permit outlasts what it rests on by an hour at most; but where the two networks no longer say that it is the same
/// patient, it may be another one's documents, and nothing leaves from here on.
fn still_linked(
    snapshot: &Snapshot<'_>,
    record: &AccessRecord,
    own: &NetworkId,
    subject: &SubjectId,
) -> Result<(), NodeError> {
    let asking = SubjectRef {
        network: record.request.viewing.clone(),
        subject: record.request.subject,
    };
    if asking.network != *own && snapshot.view().linked(&asking, own)? != Some(*subject) {
        return Err(NodeError::Forbidden);
    }
    Ok(())
}

/// The node's signed word about its answer.
fn statement(
    inner: &Inner,
    record: &AccessRecord,
    outcome: NetworkOutcome,
    answer_hash: Hash,
) -> Result<v1::Envelope, NodeError> {
    inner
        .observer
        .tell(|o| o.answered(&record.request.viewing, &outcome));
    let statement = Statement {
        ledger: inner.ledger_id,
        access: record.index,
        request_id: record.request_id,
        network: inner.network.clone(),
        outcome,
        answer_hash,
    };
    Ok(statement.sign(&inner.key))
}

#[cfg(test)]
mod tests;
