//! Asking one permitted network, and what it ended in.
//!
//! Each network is asked by a task of its own under the same instant, so a slow or broken one takes nothing
//! from the others (P8). Whatever it does, it ends by then.

use crate::answer::{Claim, Part, Retrieving};
use crate::call::Way;
use crate::error::BrokerError;
use crate::events::Events;
use crate::fault::Fault;
use crate::find::ask_find;
use crate::held::Held;
use crate::ledger::{About, Ledger, LedgerFailure, Route};
use crate::limits::Limits;
use crate::nodes::{Lane, Nodes};
use crate::observe::Observer;
use crate::outcome::millis;
use sekisho_domain::{EntryIndex, NetworkId, NetworkOutcome, RequestId};
use sekisho_ledger::AnswerFault;
use sekisho_proto::v1;
use sekisho_transport::{Deadline, Places, outgoing};
use std::future::Future;
use tokio::time::{Instant, timeout_at};
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

/// What every request shares.
pub(crate) struct Desk<L> {
    pub ledger: L,
    pub nodes: Nodes,
    pub limits: Limits,
    pub requests: Places,
    pub observer: Observer,
}

/// A decided request, as nodes are asked about it.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Who asks.
    pub viewing: NetworkId,
    pub access: EntryIndex,
    pub request_id: RequestId,
    /// What nodes are told of the caller's deadline.
    pub deadline: Deadline,
    /// The same on this process's clock.
    pub until: Instant,
}

/// What a network ended in.
#[derive(Debug)]
pub(crate) struct Ending {
    pub outcome: NetworkOutcome,
    /// The network's own word, verified, where it gave one.
    pub statement: Option<v1::Envelope>,
    pub elapsed_ms: u64,
}

impl Ending {
    pub(crate) fn wire(self, network: &NetworkId) -> v1::NetworkEnd {
        v1::NetworkEnd {
            network: network.to_string(),
            outcome: Some((&self.outcome).into()),
            elapsed_ms: self.elapsed_ms,
            statement: self.statement,
            // The asking node knows it from its own replica, and believes nobody else.
            footing: 0,
        }
    }
}

/// What a network ended in, and what it answered.
pub(crate) struct Found {
    pub ending: Ending,
    /// Empty unless it answered.
    pub pages: Vec<v1::DocumentPage>,
    /// Its part of what may be held of the network's answers; given back once the caller has the pages.
    _held: Option<Held>,
}

impl Found {
    /// An end without documents.
    pub(crate) fn nothing(ending: Ending) -> Self {
        Self {
            ending,
            pages: Vec::new(),
            _held: None,
        }
    }
}

/// Asks a network for its list.
pub(crate) async fn find<L: Ledger>(
    desk: &Desk<L>,
    question: &Question,
    network: &NetworkId,
    route: Option<&Route>,
    filter: v1::Filter,
) -> Result<Found, LedgerFailure> {
    let span = ask_span(network);
    let started = Instant::now();
    async {
        let answer = ask_find(desk, question, network, route, filter).await;
        let answered = match answer {
            Ok(answered) => answered,
            Err(fault) => return Ok(Found::nothing(ending(Err(fault), started)?)),
        };
        Ok(Found {
            ending: ending(Ok((answered.outcome, answered.statement)), started)?,
            pages: answered.pages,
            _held: Some(answered.held),
        })
    }
    .instrument(span)
    .await
}

/// Which document, what opens the request's commitment to it, and to whom it is sealed.
pub(crate) struct Wanted {
    pub unique_id: String,
    pub salt: Vec<u8>,
    pub seal_to: v1::SealTo,
}

/// Why a document's transfer ended without an outcome.
pub(crate) enum Stopped {
    /// Our ledger failed.
    Ledger(LedgerFailure),
    /// The caller did not read on.
    Caller(BrokerError),
}

/// Asks a network for a document and passes its parts on as they come. Only an outcome `Answered` makes
/// what was passed on a document.
pub(crate) async fn retrieve<L: Ledger>(
    desk: &Desk<L>,
    question: &Question,
    network: &NetworkId,
    route: Option<&Route>,
    wanted: Wanted,
    events: &Events<v1::RetrieveDocumentEvent>,
) -> Result<Ending, Stopped> {
    let span = ask_span(network);
    let started = Instant::now();
    async {
        let answer = ask_retrieve(desk, question, network, route, wanted, events).await;
        let answer = match answer {
            Err(Halt::Caller(error)) => return Err(Stopped::Caller(error)),
            Err(Halt::Network(fault)) => Err(fault),
            Ok(answer) => Ok(answer),
        };
        ending(answer, started).map_err(Stopped::Ledger)
    }
    .instrument(span)
    .await
}

/// What can stop a transfer: the network, or the caller. A caller that reads slowly must never make a
/// network look late.
enum Halt {
    Network(Fault),
    Caller(BrokerError),
}

impl<F: Into<Fault>> From<F> for Halt {
    fn from(fault: F) -> Self {
        Self::Network(fault.into())
    }
}

async fn ask_retrieve<L: Ledger>(
    desk: &Desk<L>,
    question: &Question,
    network: &NetworkId,
    route: Option<&Route>,
    wanted: Wanted,
    events: &Events<v1::RetrieveDocumentEvent>,
) -> Result<(NetworkOutcome, v1::Envelope), Halt> {
    let from_chunk = wanted.seal_to.from_chunk;
    let mut retrieving = Retrieving::within(&desk.limits, wanted.unique_id.clone(), from_chunk);
    let message = v1::AnswerRetrieveRequest {
        access: question.access.0,
        request_id: question.request_id.0.to_vec(),
        unique_id: wanted.unique_id,
        salt: wanted.salt,
        seal_to: Some(wanted.seal_to),
    };
    let way = Way::to(&desk.nodes, network, route, Lane::Contents);
    let called = way.ask(|mut client| {
        let asked = outgoing(message.clone(), question.deadline);
        async move { client.answer_retrieve(asked).await }
    });
    let mut answer = in_time(question, called).await??;
    while let Some(event) = in_time(question, answer.next()).await?? {
        use v1::retrieve_document_event::Event;
        let passed_on = match retrieving.take(event)? {
            Some(Part::Sealed(header)) => Event::Sealed(header),
            Some(Part::Chunk(chunk)) => Event::Chunk(chunk),
            None => continue,
        };
        let event = v1::RetrieveDocumentEvent {
            event: Some(passed_on),
        };
        events.send(event).await.map_err(Halt::Caller)?;
    }
    let (statement, claim) = retrieving.ended()?;
    let checked = believe(desk, question, network, &statement, &claim);
    let outcome = in_time(question, checked).await??;
    Ok((outcome, statement))
}

pub(crate) async fn in_time<F: Future>(question: &Question, work: F) -> Result<F::Output, Fault> {
    timeout_at(question.until, work)
        .await
        .map_err(|_| Fault::TimedOut)
}

/// Believes an answer if the network signed a statement about this very request that fits it.
pub(crate) async fn believe<L: Ledger>(
    desk: &Desk<L>,
    question: &Question,
    network: &NetworkId,
    statement: &v1::Envelope,
    claim: &Claim,
) -> Result<NetworkOutcome, Fault> {
    let about = About {
        access: question.access,
        request_id: question.request_id,
        network: network.clone(),
    };
    let verified = desk.ledger.verify(statement.clone(), about).await?;
    let statement = verified.map_err(|fault| Fault::Malformed(unbelievable(&fault)))?;
    claim.fits(&statement)?;
    Ok(statement.outcome)
}

/// A fault of a statement, without any of what it says.
fn unbelievable(fault: &AnswerFault) -> &'static str {
    match fault {
        AnswerFault::PayloadType(_) | AnswerFault::Payload(_) | AnswerFault::Domain(_) => {
            "its statement is none"
        }
        AnswerFault::SignatureCount(_) => "its statement does not have one signature",
        AnswerFault::Key { .. } => "its statement is not signed by one of its node keys",
        AnswerFault::BadSignature(_) => "the signature of its statement does not hold",
        AnswerFault::About(_) => "its statement is about another request, network or ledger",
        AnswerFault::Outcome(_) => "its statement is of an outcome that nodes do not sign",
    }
}

fn ask_span(network: &NetworkId) -> Span {
    info_span!("ask", %network, outcome = Empty, elapsed_ms = Empty)
}

fn ending(
    answer: Result<(NetworkOutcome, v1::Envelope), Fault>,
    started: Instant,
) -> Result<Ending, LedgerFailure> {
    let elapsed = started.elapsed();
    let (outcome, statement) = match answer {
        Ok((outcome, statement)) => (outcome, Some(statement)),
        Err(fault) => (fault.outcome(elapsed)?, None),
    };
    let elapsed_ms = millis(elapsed);
    Span::current()
        .record("outcome", outcome.code())
        .record("elapsed_ms", elapsed_ms);
    Ok(Ending {
        outcome,
        statement,
        elapsed_ms,
    })
}
