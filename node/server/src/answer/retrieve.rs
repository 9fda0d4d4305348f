//! Letting one document go.
//!
//! The order is the promise (P1): the content is read and guarded, then the release record and its outbox entry are
//! durable, then the first byte leaves. A crash after the record and before the byte leaves a release without a
//! receipt, which officers are shown; the other order would leave a document without evidence.

use super::{Permitted, Question, permitted, statement};
use crate::blocking::blocking;
use crate::bounds::{CHUNK_BYTES_MAX, STREAM_AHEAD};
use crate::commitments::{DOCUMENT, of_transfer};
use crate::enforce::{self, Scope};
use crate::environment::random;
use crate::node::Inner;
use crate::store::{StoreError, TransferKind};
use crate::stream::Feed;
use crate::{NodeError, wire};
use sekisho_documents::DocumentEntry;
use sekisho_domain::{AccessRecord, NetworkOutcome, RequestId, Transfer};
use sekisho_ledger::AnswerHash;
use sekisho_ledger::commitment::{Salt, commit};
use sekisho_proto::v1;
use std::sync::Arc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use v1::answer_retrieve_event::Event;

pub(super) type Stream = ReceiverStream<Result<v1::AnswerRetrieveEvent, Status>>;

/// Which document, and what opens the request's commitment to it.
pub(super) struct Wanted {
    pub unique_id: String,
    pub salt: Salt,
}

/// Checks the question, records the release and starts the answer.
pub(super) async fn retrieve(
    inner: Arc<Inner>,
    question: Question,
    wanted: Wanted,
) -> Result<Stream, NodeError> {
    let slot = inner.answers.slot()?;
    let deadline = question.deadline;
    let Permitted { record, scope } = permitted(&inner, question).await?;
    let committed = commit(&wanted.salt, DOCUMENT, wanted.unique_id.as_bytes());
    if record.request.document != Some(committed) {
        return Err(NodeError::Forbidden);
    }
    let (known, released) = match scope {
        None => (false, None),
        Some(scope) => {
            let (task, record) = (Arc::clone(&inner), record.clone());
            match blocking(move || release(&task, &record, &scope, &wanted)).await {
                // Erased while this was asked: the patient is not known any more.
                Err(NodeError::Store(StoreError::Erased)) => (false, None),
                released => (true, released?),
            }
        }
    };
    let (feed, stream) = Feed::new(STREAM_AHEAD, deadline);
    let task = Arc::clone(&inner);
    inner.spawn(async move {
        let done = answer(&task, &feed, &record, known, released).await;
        feed.close(done).await;
        drop(slot);
    })?;
    Ok(stream)
}

/// A document that may leave: its release is on this disk. Only [`release`] makes one.
struct Released {
    entry: DocumentEntry,
    content: Vec<u8>,
}

/// Finds the document, reads and guards its content, and records the release, durably. None where there is no such
/// document for this request. Blocks.
fn release(
    inner: &Inner,
    record: &AccessRecord,
    scope: &Scope,
    wanted: &Wanted,
) -> Result<Option<Released>, NodeError> {
    let Some(entry) = scope.document(inner.index.as_ref(), &wanted.unique_id)? else {
        return Ok(None);
    };
    let Some(content) = enforce::content(&inner.contents, &entry)? else {
        return Ok(None);
    };
    let openings = of_transfer(&wanted.salt, &wanted.unique_id, &entry.hash)?;
    let [document, bytes] = &openings;
    let transfer = Transfer {
        access: record.index,
        disclosing: inner.network.clone(),
        document: document.commitment(),
        content: bytes.commitment(),
    };
    inner.store.record_transfer(
        TransferKind::Release,
        &transfer,
        scope.subject(),
        &openings,
        RequestId(random(inner.environment.as_ref())?),
        inner.environment.now(),
    )?;
    inner.outbox.wake();
    Ok(Some(Released { entry, content }))
}

async fn answer(
    inner: &Arc<Inner>,
    feed: &Feed<v1::AnswerRetrieveEvent>,
    record: &AccessRecord,
    known: bool,
    released: Option<Released>,
) -> Result<(), NodeError> {
    let mut hash = AnswerHash::default();
    let outcome = match (known, released) {
        (false, _) => NetworkOutcome::PatientUnknown,
        (true, None) => NetworkOutcome::Answered { count: 0 },
        (true, Some(Released { entry, content })) => {
            let header = wire::document(&entry);
            hash.entry(&header);
            hash.content(&entry.hash);
            feed.send(event(Event::Header(header))).await?;
            for chunk in content.chunks(CHUNK_BYTES_MAX) {
                feed.send(event(Event::Chunk(chunk.to_vec()))).await?;
                inner
                    .observer
                    .tell(|o| o.sent(&record.request.viewing, chunk.len()));
            }
            NetworkOutcome::Answered { count: 1 }
        }
    };
    tracing::info!(access = %record.index, request_id = %record.request_id, outcome = outcome.code(), "answered");
    let statement = statement(inner, record, outcome, hash.finish())?;
    feed.send(event(Event::Statement(statement))).await
}

fn event(event: Event) -> v1::AnswerRetrieveEvent {
    v1::AnswerRetrieveEvent { event: Some(event) }
}
