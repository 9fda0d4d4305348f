//! Getting one document.
//!
//! Nothing is handed over before all of it is verified, and before the receipt is on this disk: what this network
//! got is never without evidence.

use super::access::Asking;
use super::broker::{Next, Shares, decided, millis, next, opened};
use super::grounds;
use super::prepare::{Asked, prepare};
use crate::NodeError;
use crate::blocking::blocking;
use crate::bounds::{CHUNK_BYTES_MAX, STREAM_AHEAD, UNIQUE_ID_BYTES_MAX};
use crate::commitments::{DOCUMENT, fresh, of_transfer};
use crate::environment::random;
use crate::ledger::ask;
use crate::node::Inner;
use crate::store::{StoreError, TransferKind};
use crate::stream::Feed;
use crate::verify::{Received, RetrieveCheck, decisions};
use sekisho_domain::{
    Action, Body, Entry, EntryIndex, Hash, NetworkId, NetworkOutcome, RequestId, SubjectId,
    Transfer,
};
use sekisho_ledger::commitment::Salt;
use sekisho_proto::v1;
use sekisho_proto::v1::broker_service_client::BrokerServiceClient;
use sekisho_transport::{Deadline, outgoing};
use std::sync::Arc;
use std::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use v1::retrieve_document_event::Event;

pub(super) type Stream = ReceiverStream<Result<v1::RetrieveDocumentEvent, Status>>;

/// Signs the request, has the broker fetch, and hands the document over when it holds.
pub(super) async fn retrieve(
    inner: Arc<Inner>,
    mut request: v1::RetrieveRequest,
    deadline: Deadline,
) -> Result<Stream, NodeError> {
    let slot = inner.retrieves.slot()?;
    let started = Instant::now();
    let shares = Shares::of(deadline);
    let network: NetworkId = request.network.parse()?;
    let unique_id = request.unique_id.clone();
    if !(1..=UNIQUE_ID_BYTES_MAX).contains(&unique_id.len()) {
        return Err(NodeError::Invalid(
            "the document's unique id must be 1 to 256 bytes",
        ));
    }
    let grounds = grounds::check(request.purpose, request.grounds.map(grounds::of_retrieve))?;
    let id = std::mem::take(&mut request.request_id);
    let asked = Asked::of(&id, &request, inner.environment.as_ref())?;
    let committed = unique_id.clone();
    let (envelope, entry) = prepare(&inner, asked, move |inner, snapshot| {
        let environment = inner.environment.as_ref();
        let asking = Asking {
            patient: request.patient,
            practitioner: request.practitioner,
            role: request.role,
            facility: request.facility,
            purpose: request.purpose,
            grounds,
            categories: None,
            targets: vec![request.network],
            action: Action::RetrieveDocument,
            document: Some(fresh(environment, DOCUMENT, committed.as_bytes())?),
        };
        asking.build(inner, snapshot)
    })
    .await?;
    let salt = salt_of(&inner, entry).await?;

    let mut client = BrokerServiceClient::new(inner.broker.clone());
    let question = v1::RetrieveDocumentRequest {
        request: Some(envelope),
        unique_id: unique_id.clone(),
        salt: salt.as_bytes().to_vec(),
    };
    let answer = client.retrieve_document(outgoing(question, shares.broker));
    let decision = |first: v1::RetrieveDocumentEvent| match first.event {
        Some(Event::Decided(decided)) => Some(decided),
        _ => None,
    };
    let (wire, mut stream) = opened(answer, shares, decision).await?;
    let record = decided(&inner, &wire, asked.id, shares).await?;
    let (access, about, decided) = (record.index, record.request.subject, decisions(&record));
    let check = RetrieveCheck::new(record, &network, unique_id.clone()).ok_or(
        NodeError::BrokerInvalid("its decision is about another network"),
    )?;

    let (feed, answer) = Feed::new(STREAM_AHEAD, shares.caller);
    let task = Arc::clone(&inner);
    let wanted = Wanted {
        access,
        about,
        network,
        unique_id,
        salt,
    };
    inner.spawn(async move {
        let done = async {
            feed.send(event(Event::Decided(decided))).await?;
            let received = receive(&task, &mut stream, check, shares, started).await?;
            hand_over(&task, &feed, received, wanted).await
        }
        .await;
        feed.close(done).await;
        drop(slot);
    })?;
    Ok(answer)
}

/// The document asked for, and the salt of the request's commitment to it.
struct Wanted {
    access: EntryIndex,
    /// The own subject.
    about: SubjectId,
    network: NetworkId,
    unique_id: String,
    salt: Salt,
}

/// The salt of the signed request: on a retry, that of the first time.
async fn salt_of(inner: &Arc<Inner>, entry: Entry) -> Result<Salt, NodeError> {
    let Body::AccessRequest(request) = entry.body else {
        return Err(NodeError::RequestIdReused);
    };
    let commitment = request.document.ok_or(NodeError::RequestIdReused)?;
    let store = Arc::clone(&inner.store);
    let opening = blocking(move || Ok(store.opening(&commitment)?)).await?;
    let opening = opening.ok_or(StoreError::Damaged("an opening"))?;
    Ok(opening.salt().clone())
}

async fn receive(
    inner: &Arc<Inner>,
    stream: &mut Streaming<v1::RetrieveDocumentEvent>,
    mut check: RetrieveCheck,
    shares: Shares,
    started: Instant,
) -> Result<Received, NodeError> {
    loop {
        let wire = match next(stream, shares, started).await {
            Next::Message(wire) => wire.event,
            Next::Over(happened) => return Ok(check.close(&happened, millis(started.elapsed()))),
        };
        match wire {
            Some(Event::Header(header)) => check.header(header),
            Some(Event::Chunk(chunk)) => check.chunk(&chunk),
            Some(Event::End(end)) => {
                return ask(inner.ledger.as_ref(), move |snapshot| {
                    Ok(check.end(snapshot, end)?)
                })
                .await;
            }
            Some(Event::Decided(_)) | None => {
                let malformed = NetworkOutcome::Malformed;
                return Ok(check.close(&malformed, millis(started.elapsed())));
            }
        }
    }
}

async fn hand_over(
    inner: &Arc<Inner>,
    feed: &Feed<v1::RetrieveDocumentEvent>,
    received: Received,
    wanted: Wanted,
) -> Result<(), NodeError> {
    if let Some((header, content, hash)) = received.document {
        let from = wanted.network.clone();
        let task = Arc::clone(inner);
        blocking(move || record_receipt(&task, &wanted, &hash)).await?;
        inner.observer.tell(|o| o.received(&from, content.len()));
        feed.send(event(Event::Header(header))).await?;
        for chunk in content.chunks(CHUNK_BYTES_MAX) {
            feed.send(event(Event::Chunk(chunk.to_vec()))).await?;
        }
    }
    feed.send(event(Event::End(received.end))).await
}

/// Records the receipt, durably, before anything is handed over. Blocks.
fn record_receipt(inner: &Inner, wanted: &Wanted, content: &Hash) -> Result<(), NodeError> {
    let openings = of_transfer(&wanted.salt, &wanted.unique_id, content)?;
    let [document, bytes] = &openings;
    let transfer = Transfer {
        access: wanted.access,
        disclosing: wanted.network.clone(),
        document: document.commitment(),
        content: bytes.commitment(),
    };
    inner.store.record_transfer(
        TransferKind::Receipt,
        &transfer,
        &wanted.about,
        &openings,
        RequestId(random(inner.environment.as_ref())?),
        inner.environment.now(),
    )?;
    inner.outbox.wake();
    Ok(())
}

fn event(event: Event) -> v1::RetrieveDocumentEvent {
    v1::RetrieveDocumentEvent { event: Some(event) }
}
