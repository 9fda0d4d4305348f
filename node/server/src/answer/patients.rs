//! Answering a search for a patient: first a key, then, to the letter sealed to it, a sealed letter.
//!
//! Every answer is as long as every other, takes the same steps, and leaves at a multiple of [`SEARCH_PACE`] after the
//! question, whatever was found and whoever is hidden (P9). Who is looked for is in memory for as long as that takes, and
//! kept nowhere; of whom was found, that a link may follow.

use super::Question;
use super::pace::Came;
use crate::NodeError;
use crate::bounds::{REPLICA_WAIT_MAX, SEARCH_PACE};
use crate::deadline::{earlier, margin};
use crate::enforce::{self, Claim};
use crate::ledger::{Snapshot, ask};
use crate::letters;
use crate::node::Inner;
use crate::people::{Looked, look};
use crate::sealing::Reader;
use sekisho_domain::{AccessRecord, Footing, NetworkOutcome};
use sekisho_ledger::letter::{Correspondence, SealedLetter};
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::sync::Arc;

/// The reply to one question about a search: a key, or with a letter its answer.
pub(super) async fn patients(
    inner: Arc<Inner>,
    question: Question,
    letter: Option<v1::Envelope>,
) -> Result<v1::Envelope, NodeError> {
    let _slot = inner.answer_place(&question.caller)?;
    let deadline = question.deadline;
    let came = Came::now(deadline);
    let wait = earlier(deadline, margin(deadline));
    let wait = wait.min(Deadline::after(REPLICA_WAIT_MAX));
    inner.ledger.wait_applied(question.access, wait).await?;
    let task = Arc::clone(&inner);
    let reply = ask(inner.ledger.as_ref(), move |snapshot| {
        let (record, footing) = permitted(&task, snapshot, &question)?;
        match letter {
            None => offer(&task, &record),
            Some(letter) => answer(&task, snapshot, &record, footing, &letter),
        }
    })
    .await;
    came.keep(SEARCH_PACE.max(inner.ledger.pace())).await;
    reply
}

fn permitted(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    question: &Question,
) -> Result<(AccessRecord, Footing), NodeError> {
    let claim = Claim {
        caller: &question.caller,
        request_id: question.request_id,
        action: question.action,
    };
    let record = snapshot.view().access(question.access)?;
    let now = inner.environment.now();
    let permit = enforce::permit(record.as_ref(), &inner.network, claim, now)?;
    let record = record.ok_or(NodeError::Forbidden)?;
    // A directory that is still being built would leave people out.
    inner.readiness.check()?;
    Ok((record, permit.terms().footing))
}

fn offer(inner: &Inner, record: &AccessRecord) -> Result<v1::Envelope, NodeError> {
    let reader = Reader::new(inner.environment.as_ref())?;
    let signed = reader.signed(
        inner.ledger_id,
        record.request_id,
        &inner.network,
        &inner.key,
    );
    let now = inner.environment.now();
    inner.search_keys.keep(record.index, reader, now)?;
    Ok(signed)
}

fn answer(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    record: &AccessRecord,
    footing: Footing,
    letter: &v1::Envelope,
) -> Result<v1::Envelope, NodeError> {
    let now = inner.environment.now();
    let asking = &record.request.viewing;
    let between = Correspondence {
        request_id: &record.request_id,
        from: asking,
        to: &inner.network,
    };
    let letter = SealedLetter::verify(snapshot.view(), letter, between)?;
    let letter = letter.map_err(|_| NodeError::Forbidden)?;
    let reply_key = letter
        .reply_key
        .ok_or(NodeError::Invalid("a search names no key for its answer"))?;
    // A node that was restarted since it gave its key has forgotten it: ask again.
    let reader = inner.search_keys.take(record.index, now);
    let reader = reader.ok_or(NodeError::Suspended)?;
    let sought: v1::PatientSearch = letters::open(&reader, &letter)?;
    let Looked { finding, proposals } = look(inner, snapshot, record, footing, sought)?;
    let mut reply = SealedLetter {
        ledger: inner.ledger_id,
        request_id: record.request_id,
        from: inner.network.clone(),
        to: asking.clone(),
        encapsulated_key: [0; sekisho_ledger::sealed::KEY_BYTES],
        sealed: Vec::new(),
        reply_key: None,
    };
    letters::write(&mut reply, &reply_key, &finding, inner.environment.as_ref())?;
    for (own, other, proposal) in &proposals {
        inner.store.put_proposal(own, other, proposal)?;
    }
    // The same word whatever was found.
    let said = NetworkOutcome::Answered { count: 0 };
    inner.observer.tell(|o| o.answered(asking, &said));
    tracing::info!(access = %record.index, request_id = %record.request_id, "a search is answered");
    Ok(reply.sign(&inner.key))
}
