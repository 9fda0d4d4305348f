//! Letting one document go.
//!
//! The order is the promise (P1): the content is read and guarded, then the release record and its outbox entry are
//! durable, then the first byte leaves. A crash after the record and before the byte leaves a release without a
//! receipt, which officers are shown; the other order would leave a document without evidence.
//!
//! The content is never held: it is read while it leaves, a few chunks ahead, from the file that was opened before. A chunk
//! of a large document leaves if it is the one indexed, the last one of a smaller if all of it is still the same; else
//! the answer ends with an error instead of a statement.
//!
//! What leaves is sealed to the key the viewing node signed for this request: whoever carries it cannot read it.

use super::pace::Came;
use super::{Permitted, Question, permitted, statement};
use crate::blocking::blocking;
use crate::bounds::{READ_AHEAD, STREAM_AHEAD};
use crate::commitments::{DOCUMENT, of_transfer};
use crate::enforce::{self, Scope};
use crate::environment::request_id;
use crate::ledger::ask;
use crate::node::Inner;
use crate::sealing::Sealer;
use crate::store::{StoreError, TransferKind};
use crate::stream::Feed;
use crate::{NodeError, wire};
use sekisho_documents::{Checked, DocumentEntry, PIECE_BYTES};
use sekisho_domain::{AccessRecord, Hash, NetworkOutcome, Transfer};
use sekisho_ledger::AnswerHash;
use sekisho_ledger::commitment::{Salt, commit};
use sekisho_ledger::sealed::{
    CHUNK_BYTES, ChunkTags, KEY_BYTES, PLAIN_BYTES, SealedDocument, SealingKey, TAG_BYTES,
    chunks_of,
};
use sekisho_proto::v1;
use sekisho_transport::Answers;
use std::sync::Arc;
use tokio::sync::mpsc;

use v1::answer_retrieve_event::Event;

pub(super) type Stream = Answers<v1::AnswerRetrieveEvent>;

/// Which document, what opens the request's commitment to it, and to whom it is sealed.
pub(super) struct Wanted {
    pub unique_id: String,
    pub salt: Salt,
    /// A signed [`SealingKey`].
    pub seal_to: v1::Envelope,
    pub from_chunk: u64,
}

/// Checks the question, records the release and starts the answer.
pub(super) async fn retrieve(
    inner: Arc<Inner>,
    question: Question,
    wanted: Wanted,
) -> Result<Stream, NodeError> {
    let slot = inner.answer_place(&question.caller)?;
    let deadline = question.deadline;
    let came = Came::now(deadline);
    let Permitted { record, scope } =
        permitted(&inner, question, |_, permitted| Ok(permitted)).await?;
    let committed = commit(&wanted.salt, DOCUMENT, wanted.unique_id.as_bytes());
    if record.request.document != Some(committed) {
        return Err(NodeError::Forbidden);
    }
    let reader = reader(&inner, &record, wanted.seal_to.clone()).await?;
    let from_chunk = wanted.from_chunk;
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
    if released.is_none() {
        came.keep(inner.ledger.pace()).await;
    }
    if let Some(released) = &released
        && from_chunk >= chunks_of(released.entry.size_bytes)
    {
        return Err(NodeError::Invalid("the document has no such part"));
    }
    let (feed, stream) = Feed::new(STREAM_AHEAD, deadline, slot);
    let task = Arc::clone(&inner);
    inner.spawn(async move {
        let to = (reader, from_chunk);
        let done = answer(&task, &feed, &record, known, released, to).await;
        feed.close(done, NodeError::status_of_answer);
    })?;
    Ok(stream)
}

/// The key the viewing node wants this request's answer sealed to.
async fn reader(
    inner: &Arc<Inner>,
    record: &AccessRecord,
    signed: v1::Envelope,
) -> Result<SealingKey, NodeError> {
    let (id, viewing) = (record.request_id, record.request.viewing.clone());
    let verified = ask(inner.ledger.as_ref(), move |snapshot| {
        Ok(SealingKey::verify(snapshot.view(), &signed, &id, &viewing)?)
    });
    verified.await?.map_err(|fault| {
        tracing::info!(request_id = %id, %fault, "a key to seal to is not believed");
        NodeError::Invalid("the key to seal to is not one your node signed for this request")
    })
}

/// A document that may leave: its release is on this disk. Only [`release`] makes one.
struct Released {
    entry: DocumentEntry,
    content: Checked,
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
    let from = wanted.from_chunk.saturating_mul(PLAIN_BYTES as u64);
    let Some(content) = enforce::content(&inner.sources, &inner.contents, &entry, from)? else {
        // It is not what was indexed: what it is now is looked at at once.
        inner.following.look_again(&entry.location);
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
        request_id(inner.environment.as_ref())?,
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
    (reader, from_chunk): (SealingKey, u64),
) -> Result<(), NodeError> {
    let mut hash = AnswerHash::default();
    let outcome = match (known, released) {
        (false, _) => NetworkOutcome::PatientUnknown,
        (true, None) => NetworkOutcome::Answered { count: 0 },
        (true, Some(Released { entry, content })) => {
            let mut header = SealedDocument {
                ledger: inner.ledger_id,
                access: record.index,
                request_id: record.request_id,
                network: inner.network.clone(),
                document: wire::document(&entry),
                encapsulated_key: [0; KEY_BYTES],
                from_chunk,
            };
            let environment = inner.environment.as_ref();
            let sealer = Sealer::to(&reader.public_key, &mut header, environment)?;
            let signed = header.sign(&inner.key);
            let payload = signed.payload.clone();
            feed.send(event(Event::Sealed(signed))).await?;
            let of = (from_chunk, chunks_of(entry.size_bytes));
            let (ahead, mut ready) = mpsc::channel(READ_AHEAD);
            let reading = blocking(move || seal_all(content, sealer, of, &ahead));
            let sending = async move {
                while let Some(sealed) = ready.recv().await {
                    let plain_bytes = Vec::len(&sealed).saturating_sub(TAG_BYTES);
                    feed.send(event(Event::Chunk(sealed))).await?;
                    let viewing = &record.request.viewing;
                    inner.observer.tell(|o| o.sent(viewing, plain_bytes));
                }
                Ok::<_, NodeError>(())
            };
            let (read, sent) = tokio::join!(reading, sending);
            if let Err(fault @ NodeError::Contents(_)) = &read {
                tracing::warn!(access = %record.index, %fault, "a document was given up while it was sent");
                inner.following.look_again(&entry.location);
            }
            sent?;
            hash.sealed(&payload, &read?);
            NetworkOutcome::Answered { count: 1 }
        }
    };
    tracing::info!(access = %record.index, request_id = %record.request_id, outcome = outcome.code(), "answered");
    let statement = statement(inner, record, outcome, hash.finish())?;
    feed.send(event(Event::Statement(statement))).await
}

/// A chunk is a piece as the index knows it.
const _: () = assert!(PIECE_BYTES == PLAIN_BYTES);

/// Reads a document and seals it from a chunk on, no further ahead than there is room; the hash over its tags. Blocks, and
/// ends when nobody takes the chunks any more.
fn seal_all(
    content: Checked,
    mut sealer: Sealer,
    (from_chunk, chunks): (u64, u64),
    ahead: &mpsc::Sender<Vec<u8>>,
) -> Result<Hash, NodeError> {
    let mut pieces = content.pieces()?;
    let mut tags = ChunkTags::default();
    for chunk in from_chunk..chunks {
        let mut bytes = Vec::with_capacity(CHUNK_BYTES);
        pieces.next(&mut bytes)?;
        sealer.seal_in_place(&mut bytes, chunk, chunk + 1 == chunks)?;
        tags.chunk(&bytes);
        ahead.blocking_send(bytes).map_err(|_| NodeError::Late)?;
    }
    Ok(tags.finish())
}

fn event(event: Event) -> v1::AnswerRetrieveEvent {
    v1::AnswerRetrieveEvent { event: Some(event) }
}
