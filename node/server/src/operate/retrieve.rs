//! Getting one document.
//!
//! It comes sealed to a key made for this one retrieval. Nothing is handed over before the disclosing node's signed
//! header is verified and the receipt is on this disk: what this network saw is never without evidence. Then each
//! chunk is handed over as it opens, the last one when all of the document is verified. After a cut the rest is asked
//! for again, under the same request.

use super::access::Asking;
use super::broker::{Next, Shares, decided, millis, next, opened};
use super::carrier::Carried;
use super::grounds;
use super::prepare::{Asked, prepare};
use crate::NodeError;
use crate::blocking::blocking;
use crate::bounds::{RESUMES_MAX, STREAM_AHEAD, UNIQUE_ID_BYTES_MAX};
use crate::commitments::{DOCUMENT, fresh, of_transfer};
use crate::environment::request_id;
use crate::error::chain;
use crate::ledger::ask;
use crate::node::Inner;
use crate::sealing::Reader;
use crate::store::{StoreError, TransferKind};
use crate::stream::Feed;
use crate::verify::{Received, RetrieveCheck, decisions};
use sekisho_domain::{
    AccessRecord, Action, Body, Entry, Hash, NetworkId, NetworkOutcome, Transfer,
};
use sekisho_ledger::commitment::Salt;
use sekisho_proto::v1;
use sekisho_transport::{Answers, Deadline};
use std::sync::Arc;
use std::time::Instant;
use v1::retrieve_document_event::Event;
use v1::retrieve_event::Event as Got;

/// A retrieved document on its way: the decision, the header, its pieces, the end.
pub type Stream = Answers<v1::RetrieveEvent>;

/// Signs the request, has the document fetched, and hands it over as it is verified.
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

    let reader = Reader::new(inner.environment.as_ref())?;
    let seal_to = reader.signed(inner.ledger_id, asked.id, &inner.network, &inner.key);
    let wanted = Wanted {
        envelope,
        seal_to,
        network,
        unique_id,
        salt,
    };
    let (wire, stream) = wanted.ask(&inner, 0, shares).await?;
    let record = decided(&inner, &wire, asked.id, shares).await?;
    let check = RetrieveCheck::new(
        record.clone(),
        &wanted.network,
        wanted.unique_id.clone(),
        reader,
    );
    let check = check.ok_or(NodeError::BrokerInvalid(
        "its decision is about another network",
    ))?;

    let (feed, answer) = Feed::new(STREAM_AHEAD, shares.caller, ());
    let retrieval = Retrieval {
        inner: Arc::clone(&inner),
        record,
        wanted,
        shares,
        started,
    };
    inner.spawn(async move {
        let done = feed.while_heard(retrieval.run(&feed, check, stream)).await;
        feed.close(done, NodeError::status);
        // Its own people's pages are not watched as other networks' connections are: the slot ends with the work.
        drop(slot);
    })?;
    Ok(answer)
}

/// The document asked for, and all that asking again takes.
struct Wanted {
    envelope: v1::Envelope,
    seal_to: v1::Envelope,
    network: NetworkId,
    unique_id: String,
    /// Opens the request's commitment to the document.
    salt: Salt,
}

impl Wanted {
    /// Asks for it from a chunk on: the decision, and what comes after it.
    async fn ask(
        &self,
        inner: &Inner,
        from_chunk: u64,
        shares: Shares,
    ) -> Result<(v1::Decided, Carried), NodeError> {
        let question = v1::RetrieveDocumentRequest {
            request: Some(self.envelope.clone()),
            unique_id: self.unique_id.clone(),
            salt: self.salt.as_bytes().to_vec(),
            seal_to: Some(v1::SealTo {
                key: Some(self.seal_to.clone()),
                from_chunk,
            }),
        };
        let decision = |first: v1::RetrieveDocumentEvent| match first.event {
            Some(Event::Decided(decided)) => Some(decided),
            _ => None,
        };
        let answer = inner.carrier.retrieve(question, shares.broker);
        opened(answer, shares, decision).await
    }
}

/// One retrieval under way.
struct Retrieval {
    inner: Arc<Inner>,
    record: AccessRecord,
    wanted: Wanted,
    shares: Shares,
    started: Instant,
}

type People = Feed<v1::RetrieveEvent>;

impl Retrieval {
    async fn run(
        self,
        feed: &People,
        mut check: RetrieveCheck,
        mut stream: Carried,
    ) -> Result<(), NodeError> {
        feed.send(event(Got::Decided(decisions(&self.record))))
            .await?;
        let mut resumed = 0;
        let received = loop {
            let before = check.next_chunk();
            let (kept, received) = self.part(feed, check, &mut stream).await?;
            check = kept;
            // Whoever brought nothing new is not asked for more.
            let came_on = check.next_chunk() > before;
            let cut = received.outcome == NetworkOutcome::Unreachable;
            if !cut || !came_on || resumed == RESUMES_MAX || !check.resume() {
                break received;
            }
            resumed += 1;
            tracing::debug!(resumed, "a transfer was cut: asking for the rest");
            let asked = self
                .wanted
                .ask(&self.inner, check.next_chunk(), self.shares)
                .await;
            stream = match asked {
                Ok((again, stream)) if again.index == self.record.index.0 => stream,
                Ok(_) => break check.close(&NetworkOutcome::Malformed, self.elapsed_ms()),
                Err(error) => {
                    tracing::debug!(error = chain(&error), "the rest cannot be asked for");
                    break received;
                }
            };
        };
        if let Some(last) = received.last {
            self.received(&last);
            feed.send(event(Got::Chunk(last))).await?;
        }
        feed.send(event(Got::End(received.end))).await
    }

    /// One answer, to its end or to where it was cut.
    async fn part(
        &self,
        feed: &People,
        mut check: RetrieveCheck,
        stream: &mut Carried,
    ) -> Result<(RetrieveCheck, Received), NodeError> {
        loop {
            let wire = match next(stream, self.shares, self.started).await {
                Next::Message(wire) => wire.event,
                Next::Over(happened) => {
                    let received = check.close(&happened, self.elapsed_ms());
                    return Ok((check, received));
                }
            };
            match wire {
                Some(Event::Sealed(header)) => {
                    let verified = ask(self.inner.ledger.as_ref(), move |snapshot| {
                        let document = check.header(snapshot, &header)?;
                        Ok((check, document))
                    });
                    let (kept, document) = verified.await?;
                    check = kept;
                    if let Some(document) = document {
                        self.receipt(&document).await?;
                        feed.send(event(Got::Header(document))).await?;
                    }
                }
                Some(Event::Chunk(chunk)) => {
                    if let Some(content) = check.chunk(chunk) {
                        self.received(&content);
                        feed.send(event(Got::Chunk(content))).await?;
                    }
                }
                Some(Event::End(end)) => {
                    return ask(self.inner.ledger.as_ref(), move |snapshot| {
                        let received = check.end(snapshot, end)?;
                        Ok((check, received))
                    })
                    .await;
                }
                Some(Event::Decided(_)) | None => {
                    let received = check.close(&NetworkOutcome::Malformed, self.elapsed_ms());
                    return Ok((check, received));
                }
            }
        }
    }

    /// Records, durably, that this document comes; before anything of it is handed over.
    async fn receipt(&self, document: &v1::DocumentEntry) -> Result<(), NodeError> {
        let content = Hash::try_from(document.hash.as_slice())?;
        let openings = of_transfer(&self.wanted.salt, &self.wanted.unique_id, &content)?;
        let transfer = Transfer {
            access: self.record.index,
            disclosing: self.wanted.network.clone(),
            document: openings[0].commitment(),
            content: openings[1].commitment(),
        };
        let (inner, about) = (Arc::clone(&self.inner), self.record.request.subject);
        blocking(move || {
            inner.store.record_transfer(
                TransferKind::Receipt,
                &transfer,
                &about,
                &openings,
                request_id(inner.environment.as_ref())?,
                inner.environment.now(),
            )?;
            inner.outbox.wake();
            Ok(())
        })
        .await
    }

    fn received(&self, content: &[u8]) {
        let from = &self.wanted.network;
        let observer = &self.inner.observer;
        observer.tell(|o| o.received(from, content.len()));
    }

    fn elapsed_ms(&self) -> u64 {
        millis(self.started.elapsed())
    }
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

fn event(event: Got) -> v1::RetrieveEvent {
    v1::RetrieveEvent { event: Some(event) }
}
