//! A request's way: check whose it is, have it decided, fan out, stream.

use crate::counts::{Counts, UnderWay};
use crate::error::BrokerError;
use crate::events::{EventStream, Events};
use crate::fan_out::{self, Desk, Ending, Found, Question, Stopped, Wanted};
use crate::ledger::{Decided, Ledger, LedgerFailure, Route};
use crate::limits::{
    LEDGER_RESERVE, Limits, REQUEST_BYTES_MAX, SUMMARY_RESERVE, UNIQUE_ID_BYTES_MAX,
};
use crate::nodes::Nodes;
use crate::observe::{Observe, Observer};
use crate::outcome::{Outcomes, Slot, millis};
use crate::plan::{Plan, PlanFault, plan};
use crate::search;
use sekisho_domain::{AccessRequest, Action, Body, NetworkId, NetworkOutcome, RequestId, TimeMs};
use sekisho_ledger::commitment::Salt;
use sekisho_proto::v1;
use sekisho_proto::v1::broker_service_server::BrokerServiceServer;
use sekisho_transport::{Deadline, Full, Identity, PeerDirectory, Place, Places};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::task::JoinSet;
use tracing::{Instrument as _, Span};

/// The broker. Holds connections and how they did lately, and nothing else; cheap to clone.
pub struct Broker<L> {
    desk: Arc<Desk<L>>,
}

impl<L> Clone for Broker<L> {
    fn clone(&self) -> Self {
        Self {
            desk: Arc::clone(&self.desk),
        }
    }
}

/// A request that is in form and is its caller's own; not decided yet.
struct Asking {
    envelope: v1::Envelope,
    request_id: RequestId,
    request: AccessRequest,
    started: Instant,
    /// The caller's deadline.
    until: tokio::time::Instant,
    /// What ledger and nodes get of it.
    deadline: Deadline,
    /// Its place among the requests worked on; its stream has it as well.
    place: Arc<Place>,
    _under_way: UnderWay,
}

/// A decided request, and what to do about it.
struct Asked {
    decided: v1::Decided,
    plan: Plan,
    routes: BTreeMap<NetworkId, Route>,
    question: Question,
}

impl<L: Ledger> Broker<L> {
    /// A broker that speaks to nodes as `identity`, and knows them by `directory`.
    pub fn new(
        ledger: L,
        identity: Identity,
        directory: Arc<dyn PeerDirectory>,
        limits: Limits,
    ) -> Self {
        Self {
            desk: Arc::new(Desk {
                ledger,
                nodes: Nodes::new(identity, directory, &limits),
                limits,
                requests: Places::new(limits.requests_max, limits.requests_of_one),
                observer: Observer::default(),
            }),
        }
    }

    /// What it is doing and has done.
    pub fn counts(&self) -> &Arc<Counts> {
        &self.desk.nodes.counts
    }

    /// Has what requests come to told from now on. The first observer given stays.
    pub fn observe(&self, observer: Arc<dyn Observe>) {
        self.desk.observer.set(observer);
    }

    /// As a gRPC service, for a server that takes only members (`sekisho_transport::server`).
    pub fn server(&self) -> BrokerServiceServer<Self> {
        BrokerServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX)
    }

    /// Finds documents for `caller`: one `Decided`, each network's pages and its end as they come, one
    /// `Summary`. A stream without a summary ends with an error. Runs in the current span.
    ///
    /// # Errors
    /// [`BrokerError`]: no network was asked.
    pub async fn find_documents(
        &self,
        caller: &NetworkId,
        message: v1::FindDocumentsRequest,
        deadline: Deadline,
    ) -> Result<EventStream<v1::FindDocumentsEvent>, BrokerError> {
        let filter = self.filter(message.filter)?;
        let asking = self.read(caller, message.request, Action::FindDocuments, deadline)?;
        let asked = self.decide(&asking).await?;
        let (events, stream) = Events::open(asking.until, &asking.place);
        let desk = Arc::clone(&self.desk);
        let gone = events.gone();
        let work = async move {
            let summary = find(Arc::clone(&desk), &asking, asked, filter, &events).await;
            desk.observer
                .answered(Action::FindDocuments, asking.started.elapsed());
            let summary = summary.map(v1::find_documents_event::Event::Summary);
            events.finish(summary.map(found_event));
        };
        spawn(Arc::clone(self.counts()), gone, work);
        Ok(stream)
    }

    /// Retrieves one document for `caller`: one `Decided`, the header and chunks as they come, one end. The
    /// parts are a document only if the end says `Answered`. Runs in the current span.
    ///
    /// # Errors
    /// [`BrokerError`]: no network was asked.
    pub async fn retrieve_document(
        &self,
        caller: &NetworkId,
        message: v1::RetrieveDocumentRequest,
        deadline: Deadline,
    ) -> Result<EventStream<v1::RetrieveDocumentEvent>, BrokerError> {
        if !(1..=UNIQUE_ID_BYTES_MAX).contains(&message.unique_id.len()) {
            return Err(BrokerError::Argument(
                "the document's unique id is 1 to 256 bytes",
            ));
        }
        if message.salt.len() != Salt::LEN {
            return Err(BrokerError::Argument("the salt is 32 bytes"));
        }
        let seal_to = message.seal_to.filter(|to| to.key.is_some());
        let wanted = Wanted {
            unique_id: message.unique_id,
            salt: message.salt,
            seal_to: seal_to.ok_or(BrokerError::Argument("the key to seal to is missing"))?,
        };
        let asking = self.read(caller, message.request, Action::RetrieveDocument, deadline)?;
        let asked = self.decide(&asking).await?;
        let (events, stream) = Events::open(asking.until, &asking.place);
        let desk = Arc::clone(&self.desk);
        let gone = events.gone();
        let work = async move {
            let end = retrieve(&desk, &asking, asked, wanted, &events).await;
            desk.observer
                .answered(Action::RetrieveDocument, asking.started.elapsed());
            let end = end.map(v1::retrieve_document_event::Event::End);
            events.finish(end.map(retrieved_event));
        };
        spawn(Arc::clone(self.counts()), gone, work);
        Ok(stream)
    }

    /// Searches other networks for a patient, for `caller`: one `Decided`, one end for each network asked, one `Summary`.
    /// Runs in the current span.
    ///
    /// # Errors
    /// [`BrokerError`]: no network was asked.
    pub async fn find_patients(
        &self,
        caller: &NetworkId,
        message: v1::FindPatientsRequest,
        deadline: Deadline,
    ) -> Result<EventStream<v1::FindPatientsEvent>, BrokerError> {
        let letters = search::letters(message.letters)?;
        let asking = self.read(caller, message.request, Action::FindPatients, deadline)?;
        let whom = search::whom(&asking.request.targets, &letters)?;
        let asked = self.decide(&asking).await?;
        let (events, stream) = Events::open(asking.until, &asking.place);
        let desk = Arc::clone(&self.desk);
        let gone = events.gone();
        let work = async move {
            let parts = (whom, letters);
            let summary = find_patients(Arc::clone(&desk), &asking, asked, parts, &events).await;
            desk.observer
                .answered(Action::FindPatients, asking.started.elapsed());
            let summary = summary.map(v1::find_patients_event::Event::Summary);
            events.finish(summary.map(search::event));
        };
        spawn(Arc::clone(self.counts()), gone, work);
        Ok(stream)
    }

    /// Nodes are always told a bound: an answer beyond it would be a fault.
    fn filter(&self, filter: Option<v1::Filter>) -> Result<v1::Filter, BrokerError> {
        let mut filter = filter.unwrap_or_default();
        if let (Some(from), Some(until)) = (filter.service_from_ms, filter.service_until_ms)
            && from >= until
        {
            return Err(BrokerError::Argument(
                "the filter's period must end after it starts",
            ));
        }
        let max = u32::try_from(self.desk.limits.documents_max).unwrap_or(u32::MAX);
        filter.max = if filter.max == 0 {
            max
        } else {
            filter.max.min(max)
        };
        Ok(filter)
    }

    fn read(
        &self,
        caller: &NetworkId,
        envelope: Option<v1::Envelope>,
        action: Action,
        deadline: Deadline,
    ) -> Result<Asking, BrokerError> {
        let started = Instant::now();
        let until = tokio::time::Instant::now() + deadline.remaining();
        let place = self.desk.requests.take(caller);
        let place = place.map_err(|Full { max }| BrokerError::Overloaded { max })?;
        let envelope = envelope.ok_or(BrokerError::Argument("the signed request is missing"))?;
        let entry = sekisho_ledger::form(&envelope)?.entry;
        let request_id = entry.request_id;
        let request = match entry.body {
            Body::AccessRequest(request) if request.action == action => request,
            _ => return Err(BrokerError::NotThisAction(action)),
        };
        if request.viewing != *caller {
            return Err(BrokerError::NotYours {
                caller: caller.clone(),
                viewing: request.viewing,
            });
        }
        let deadline = before(deadline, SUMMARY_RESERVE);
        if deadline.remaining().is_zero() {
            return Err(BrokerError::TooLate);
        }
        Ok(Asking {
            envelope,
            request_id,
            request,
            started,
            until,
            deadline,
            place: Arc::new(place),
            _under_way: UnderWay::request(self.counts()),
        })
    }

    async fn decide(&self, asking: &Asking) -> Result<Asked, BrokerError> {
        let ledger = &self.desk.ledger;
        let deadline = asking.deadline;
        let decide = ledger.decide(asking.envelope.clone(), before(deadline, LEDGER_RESERVE));
        let decided = deadline
            .bound(decide)
            .await
            .map_err(|_| LedgerFailure::Unknown)??;
        Span::current().record("index", decided.index.0);
        self.desk.observer.decided(asking.started.elapsed());
        let plan = plan(&asking.request.targets, &decided.decisions, now());
        let plan = plan.map_err(|fault| match fault {
            PlanFault::Expired(_) => BrokerError::Expired,
            PlanFault::NotOneEach => {
                BrokerError::Contradiction("the decisions are not one for each asked network")
            }
        })?;
        let routes = deadline.bound(ledger.routes(plan.ask.clone()));
        let routes = routes.await.map_err(|_| BrokerError::TooLate)??;
        let question = Question {
            viewing: asking.request.viewing.clone(),
            access: decided.index,
            request_id: asking.request_id,
            deadline,
            until: tokio::time::Instant::now() + deadline.remaining(),
        };
        let decided = wire(&decided);
        Ok(Asked {
            decided,
            plan,
            routes,
            question,
        })
    }
}

/// Runs a request's work in the current span, for as long as somebody wants to hear of it.
fn spawn(
    counts: Arc<Counts>,
    gone: impl Future<Output = ()> + Send + 'static,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let until_gone = async move {
        tokio::select! {
            biased;
            () = gone => {
                counts.cancelled();
                tracing::debug!("the caller left");
            }
            () = work => {}
        }
    };
    tokio::spawn(until_gone.in_current_span());
}

async fn find<L: Ledger>(
    desk: Arc<Desk<L>>,
    asking: &Asking,
    mut asked: Asked,
    filter: v1::Filter,
    events: &Events<v1::FindDocumentsEvent>,
) -> Result<v1::Summary, BrokerError> {
    use v1::find_documents_event::Event;
    let (mut outcomes, mut slots) = Outcomes::of(&asking.request.targets);
    let mut asks = JoinSet::new();
    for network in asked.plan.ask {
        let slot = taken(&mut slots, &network)?;
        let route = asked.routes.remove(&network);
        let (desk, question) = (Arc::clone(&desk), asked.question.clone());
        let ask = async move {
            let found = fan_out::find(&desk, &question, slot.network(), route.as_ref(), filter);
            let found = found.await;
            (slot, found)
        };
        asks.spawn(ask.in_current_span());
    }
    events
        .send(found_event(Event::Decided(asked.decided)))
        .await?;
    for (network, outcome) in asked.plan.ended {
        desk.observer
            .ended(&asking.request.viewing, &network, &outcome, None);
        let slot = taken(&mut slots, &network)?;
        let end = at_once(outcome, asking);
        let found = Found::nothing(end);
        close(&mut outcomes, slot, found, events).await?;
    }
    while let Some(done) = asks.join_next().await {
        let Ok((slot, found)) = done else {
            return Err(BrokerError::Contradiction(
                "asking a network ended without an outcome",
            ));
        };
        let found = found?;
        let (asked, end) = (slot.network(), &found.ending);
        let took_ms = Some(end.elapsed_ms);
        desk.observer
            .ended(&asking.request.viewing, asked, &end.outcome, took_ms);
        close(&mut outcomes, slot, found, events).await?;
    }
    let missing = BrokerError::Contradiction("a network has no outcome");
    outcomes
        .summary(asking.started.elapsed())
        .map_err(|_| missing)
}

async fn find_patients<L: Ledger>(
    desk: Arc<Desk<L>>,
    asking: &Asking,
    mut asked: Asked,
    (whom, mut letters): (BTreeSet<NetworkId>, search::Letters),
    events: &Events<v1::FindPatientsEvent>,
) -> Result<v1::Summary, BrokerError> {
    use v1::find_patients_event::Event;
    let (mut outcomes, mut slots) = Outcomes::of(&whom);
    let mixed_up = |_| BrokerError::Contradiction("an outcome of another request");
    events
        .send(search::event(Event::Decided(asked.decided)))
        .await?;
    for (network, outcome) in asked.plan.ended {
        let Some(slot) = slots.remove(&network) else {
            continue;
        };
        desk.observer
            .ended(&asking.request.viewing, &network, &outcome, None);
        outcomes.end(slot, &outcome).map_err(mixed_up)?;
        search::tell(events, &network, at_once(outcome, asking)).await?;
    }
    let mut asks = JoinSet::new();
    for (network, slot) in slots {
        let (route, letter) = (asked.routes.remove(&network), letters.remove(&network));
        let (desk, question) = (Arc::clone(&desk), asked.question.clone());
        let ask = async move {
            let end = search::ask(&desk, &question, slot.network(), route.as_ref(), letter).await;
            (slot, end)
        };
        asks.spawn(ask.in_current_span());
    }
    while let Some(done) = asks.join_next().await {
        let Ok((slot, end)) = done else {
            return Err(BrokerError::Contradiction(
                "asking a network ended without an outcome",
            ));
        };
        let (network, end) = (slot.network().clone(), end?);
        let took_ms = Some(end.elapsed_ms);
        desk.observer
            .ended(&asking.request.viewing, &network, &end.outcome, took_ms);
        outcomes.end(slot, &end.outcome).map_err(mixed_up)?;
        search::tell(events, &network, end).await?;
    }
    let missing = BrokerError::Contradiction("a network has no outcome");
    outcomes
        .summary(asking.started.elapsed())
        .map_err(|_| missing)
}

/// Fills a network's row, and tells the caller what it answered and how it ended.
async fn close(
    outcomes: &mut Outcomes,
    slot: Slot,
    found: Found,
    events: &Events<v1::FindDocumentsEvent>,
) -> Result<(), BrokerError> {
    use v1::find_documents_event::Event;
    let network = slot.network().clone();
    let filled = outcomes.end(slot, &found.ending.outcome);
    filled.map_err(|_| BrokerError::Contradiction("an outcome of another request"))?;
    for page in found.pages {
        let documents = v1::NetworkDocuments {
            network: network.to_string(),
            documents: page.documents,
        };
        events
            .send(found_event(Event::Documents(documents)))
            .await?;
    }
    events
        .send(found_event(Event::End(found.ending.wire(&network))))
        .await
}

async fn retrieve<L: Ledger>(
    desk: &Desk<L>,
    asking: &Asking,
    asked: Asked,
    wanted: Wanted,
    events: &Events<v1::RetrieveDocumentEvent>,
) -> Result<v1::NetworkEnd, BrokerError> {
    use v1::retrieve_document_event::Event;
    events
        .send(retrieved_event(Event::Decided(asked.decided)))
        .await?;
    // One target: it either ended at once or is asked.
    if let Some((network, outcome)) = asked.plan.ended.into_iter().next() {
        desk.observer
            .ended(&asking.request.viewing, &network, &outcome, None);
        return Ok(at_once(outcome, asking).wire(&network));
    }
    let Some(network) = asked.plan.ask.into_iter().next() else {
        return Err(BrokerError::Contradiction("a request without a network"));
    };
    let route = asked.routes.get(&network);
    let ended = fan_out::retrieve(desk, &asked.question, &network, route, wanted, events).await;
    match ended {
        Ok(end) => {
            let took_ms = Some(end.elapsed_ms);
            desk.observer
                .ended(&asking.request.viewing, &network, &end.outcome, took_ms);
            Ok(end.wire(&network))
        }
        Err(Stopped::Ledger(failure)) => Err(failure.into()),
        Err(Stopped::Caller(error)) => Err(error),
    }
}

fn taken(slots: &mut BTreeMap<NetworkId, Slot>, network: &NetworkId) -> Result<Slot, BrokerError> {
    let missing = BrokerError::Contradiction("a network is planned twice, or was not asked");
    slots.remove(network).ok_or(missing)
}

fn at_once(outcome: NetworkOutcome, asking: &Asking) -> Ending {
    Ending {
        outcome,
        statement: None,
        elapsed_ms: millis(asking.started.elapsed()),
    }
}

fn wire(decided: &Decided) -> v1::Decided {
    v1::Decided {
        index: decided.index.0,
        time_ms: decided.time.0,
        decisions: decided.decisions.iter().map(Into::into).collect(),
    }
}

fn found_event(event: v1::find_documents_event::Event) -> v1::FindDocumentsEvent {
    v1::FindDocumentsEvent { event: Some(event) }
}

fn retrieved_event(event: v1::retrieve_document_event::Event) -> v1::RetrieveDocumentEvent {
    v1::RetrieveDocumentEvent { event: Some(event) }
}

fn before(deadline: Deadline, reserve: Duration) -> Deadline {
    Deadline::at(TimeMs(deadline.time().0.saturating_sub(millis(reserve))))
}

fn now() -> TimeMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    TimeMs(since.map_or(0, millis))
}
