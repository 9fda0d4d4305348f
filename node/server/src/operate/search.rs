//! Looking for a patient in other networks: once for their keys, once with a letter to each.
//!
//! The broker decides and carries; what is asked and what was found it cannot read. A network that gave no key, or whose
//! answer is not believed, ends in what happened; one whose decision was a denial is not asked at all.

use super::access::Asking;
use super::broker::{Next, Shares, decided, millis, next, opened};
use super::card::Card;
use super::grounds;
use super::prepare::{Asked, prepare};
use super::subject::Named;
use crate::NodeError;
use crate::blocking::blocking;
use crate::bounds::STREAM_AHEAD;
use crate::error::chain;
use crate::ledger::ask;
use crate::letters;
use crate::node::Inner;
use crate::people;
use crate::sealing::{Reader, SealingFault};
use crate::store::StoredProposal;
use crate::stream::Feed;
use crate::verify::decisions;
use sekisho_domain::{
    AccessRecord, Action, Decision, Footing, NetworkId, NetworkOutcome, RequestId, SubjectRef,
};
use sekisho_ledger::letter::{Correspondence, SealedLetter};
use sekisho_ledger::sealed::{KEY_BYTES, SealingKey};
use sekisho_proto::v1::broker_service_client::BrokerServiceClient;
use sekisho_proto::{ErrorCode, v1};
use sekisho_transport::{Answers, Deadline, outgoing};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use tonic::{Response, Streaming};
use v1::find_patients_event::Event as Carried;
use v1::patient_finding::Finding;
use v1::search_event::Event;

pub(super) type Stream = Answers<v1::SearchEvent>;

/// Signs the request, gets the networks' keys, sends each a letter, and streams what each answered.
pub(super) async fn search(
    inner: Arc<Inner>,
    mut request: v1::SearchRequest,
    deadline: Deadline,
) -> Result<Stream, NodeError> {
    let slot = inner.finds.slot()?;
    let started = Instant::now();
    let shares = Shares::of(deadline);
    let id = std::mem::take(&mut request.request_id);
    let grounds = grounds::check(request.purpose, request.grounds.map(grounds::of_search))?;
    let asked = Asked::of(&id, &request, inner.environment.as_ref())?;
    let sought = sought(&inner, &mut request).await?;
    letters::fits(&sought)?;
    let asking = Asking {
        patient: request.patient,
        practitioner: request.practitioner,
        role: request.role,
        facility: request.facility,
        purpose: request.purpose,
        grounds,
        categories: None,
        targets: request.targets,
        action: Action::FindPatients,
        document: None,
    };
    let (envelope, _) = prepare(&inner, asked, |inner, snapshot| {
        asking.build(inner, snapshot)
    })
    .await?;

    // Half of the time for the keys: whoever has given none by then gets no letter.
    let half = Deadline::after(shares.broker.remaining() / 2);
    let question = |letters| v1::FindPatientsRequest {
        request: Some(envelope.clone()),
        letters,
    };
    let (wire, mut keys) = carry(&inner, question(Vec::new()), half, shares).await?;
    let record = decided(&inner, &wire, asked.id, shares).await?;
    let decided = decisions(&record);
    let (feed, answer) = Feed::new(STREAM_AHEAD, shares.caller, ());
    let mut searching = Searching {
        open: networks(&record),
        ended: Vec::new(),
        started,
        happened: None,
        inner: Arc::clone(&inner),
        record,
    };
    let task = Arc::clone(&inner);
    let envelope = envelope.clone();
    inner.spawn(async move {
        let work = async {
            feed.send(event(Event::Decided(decided))).await?;
            searching.denied(&feed).await?;
            let mut letters = BTreeMap::new();
            while let Some(end) = searching.next(&mut keys, shares).await {
                if let Some(key) = searching.key(end, &feed).await? {
                    letters.insert(key.0, key.1);
                }
            }
            let mut readers = BTreeMap::new();
            let mut wire = Vec::new();
            for (network, key) in letters {
                let written = searching.write(&network, &key, &sought);
                let (reader, letter) = match written {
                    // Signed, and yet no key that anything can be sealed to.
                    Err(NodeError::Sealing(fault @ SealingFault::Key)) => {
                        tracing::warn!(%network, %fault, "a network's key for a search is none");
                        let outcome = NetworkOutcome::Malformed;
                        searching.end(&network, outcome, None, &feed).await?;
                        continue;
                    }
                    written => written?,
                };
                readers.insert(network.clone(), reader);
                wire.push(v1::SearchLetter {
                    network: network.to_string(),
                    letter: Some(letter),
                });
            }
            if !wire.is_empty() {
                let question = v1::FindPatientsRequest {
                    request: Some(envelope),
                    letters: wire,
                };
                let mut answers = match carry(&task, question, shares.broker, shares).await {
                    Ok((_, answers)) => answers,
                    // The decision is told: from here on each network has its outcome.
                    Err(error) => {
                        tracing::warn!(error = chain(&error), "the broker carried no letters");
                        searching.cut(&error);
                        return searching.close(&feed).await;
                    }
                };
                while let Some(end) = searching.next(&mut answers, shares).await {
                    searching.answer(end, &readers, &feed).await?;
                }
            }
            searching.close(&feed).await
        };
        let done = feed.while_heard(work).await;
        feed.close(done, NodeError::status);
        drop(slot);
    })?;
    Ok(answer)
}

/// Who is looked for: what a card says, what the request says, or what the patient's charts here say.
async fn sought(
    inner: &Arc<Inner>,
    request: &mut v1::SearchRequest,
) -> Result<v1::PatientSearch, NodeError> {
    use v1::patient_search::By;
    let by = if let Some(card) = request.card.take() {
        let card: Card = card.parse()?;
        // A card is its own network's secret: shown to no other.
        request.targets = vec![card.network.to_string()];
        By::Card(card.secret.to_vec())
    } else {
        let person = match request.person.take() {
            Some(person) => people::demographics(person)?,
            None => {
                let named = Named::try_from(request.patient.clone())?;
                let task = Arc::clone(inner);
                blocking(move || {
                    let subject = named.resolve(&task.store)?;
                    people::merged(&task, &task.store.charts_of(&subject)?)
                })
                .await?
            }
        };
        By::Person(people::wire_demographics(&person))
    };
    Ok(v1::PatientSearch { by: Some(by) })
}

/// Has the broker carry a question; the decision and what follows.
async fn carry(
    inner: &Inner,
    question: v1::FindPatientsRequest,
    until: Deadline,
    shares: Shares,
) -> Result<(v1::Decided, Streaming<v1::FindPatientsEvent>), NodeError> {
    let mut client = BrokerServiceClient::new(inner.broker.clone());
    let answer = async {
        let answer = client.find_patients(outgoing(question, until));
        answer.await.map(Response::into_inner)
    };
    let decision = |first: v1::FindPatientsEvent| match first.event {
        Some(Carried::Decided(decided)) => Some(decided),
        _ => None,
    };
    opened(answer, shares, decision).await
}

fn networks(record: &AccessRecord) -> BTreeMap<NetworkId, Decision> {
    record.decisions.iter().cloned().collect()
}

/// A search on its way: which networks have not ended yet.
struct Searching {
    inner: Arc<Inner>,
    record: AccessRecord,
    open: BTreeMap<NetworkId, Decision>,
    ended: Vec<&'static str>,
    started: Instant,
    /// What the broker's end means for whoever is still open; none: that nobody waited longer.
    happened: Option<NetworkOutcome>,
}

impl Searching {
    /// Ends those that the ledger denied, by this node's own replica.
    async fn denied(&mut self, feed: &Feed<v1::SearchEvent>) -> Result<(), NodeError> {
        let denied: Vec<_> = self
            .open
            .iter()
            .filter_map(|(network, decision)| match decision {
                Decision::Deny(denial) => Some((network.clone(), denial.reason)),
                Decision::Permit(_) => None,
            })
            .collect();
        for (network, reason) in denied {
            self.end(&network, NetworkOutcome::Denied { reason }, None, feed)
                .await?;
        }
        Ok(())
    }

    /// The next end the broker tells of a network that is still open.
    async fn next(
        &mut self,
        stream: &mut Streaming<v1::FindPatientsEvent>,
        shares: Shares,
    ) -> Option<(NetworkId, v1::NetworkEnd)> {
        loop {
            let wire = match next(stream, shares, self.started).await {
                Next::Message(wire) => wire.event,
                Next::Over(happened) => {
                    self.happened = Some(happened);
                    return None;
                }
            };
            match wire {
                Some(Carried::End(end)) => {
                    let network = end.network.parse::<NetworkId>().ok();
                    match network.filter(|network| self.open.contains_key(network)) {
                        Some(network) => return Some((network, end)),
                        None => tracing::debug!("the broker sent an end nobody waits for"),
                    }
                }
                Some(Carried::Summary(_)) => return None,
                Some(Carried::Decided(_)) | None => {
                    tracing::warn!("the broker sent an event that has no place here");
                }
            }
        }
    }

    /// The key a network gave; none where it ended without.
    async fn key(
        &mut self,
        (network, end): (NetworkId, v1::NetworkEnd),
        feed: &Feed<v1::SearchEvent>,
    ) -> Result<Option<(NetworkId, [u8; KEY_BYTES])>, NodeError> {
        let Some(statement) = self.replied(&network, &end, feed).await? else {
            return Ok(None);
        };
        let (id, of) = (self.record.request_id, network.clone());
        let key = ask(self.inner.ledger.as_ref(), move |snapshot| {
            Ok(SealingKey::verify(snapshot.view(), &statement, &id, &of)?)
        })
        .await?;
        match key {
            Ok(key) => Ok(Some((network, key.public_key))),
            Err(fault) => {
                tracing::warn!(%network, %fault, "a network's key for a search is not believed");
                self.end(&network, NetworkOutcome::Malformed, None, feed)
                    .await?;
                Ok(None)
            }
        }
    }

    /// A network's reply; where there is none, what it ended in instead is told.
    async fn replied(
        &mut self,
        network: &NetworkId,
        end: &v1::NetworkEnd,
        feed: &Feed<v1::SearchEvent>,
    ) -> Result<Option<v1::Envelope>, NodeError> {
        let outcome = end.outcome.map(NetworkOutcome::try_from);
        let happened = match (outcome, &end.statement) {
            (Some(Ok(NetworkOutcome::Answered { .. })), Some(reply)) => {
                return Ok(Some(reply.clone()));
            }
            (
                Some(Ok(
                    happened @ (NetworkOutcome::TimedOut { .. }
                    | NetworkOutcome::Unreachable
                    | NetworkOutcome::Suspended
                    | NetworkOutcome::Stale),
                )),
                _,
            ) => happened,
            // The ledger permits it, by this node's own replica: whoever says otherwise is not believed.
            _ => NetworkOutcome::Malformed,
        };
        self.end(network, happened, None, feed).await?;
        Ok(None)
    }

    /// A letter to a network, and what will open its answer.
    fn write(
        &self,
        network: &NetworkId,
        key: &[u8; KEY_BYTES],
        sought: &v1::PatientSearch,
    ) -> Result<(Reader, v1::Envelope), NodeError> {
        let environment = self.inner.environment.as_ref();
        let reader = Reader::new(environment)?;
        let mut letter = SealedLetter {
            ledger: self.inner.ledger_id,
            request_id: self.record.request_id,
            from: self.inner.network.clone(),
            to: network.clone(),
            encapsulated_key: [0; KEY_BYTES],
            sealed: Vec::new(),
            reply_key: Some(*reader.public()),
        };
        letters::write(&mut letter, key, sought, environment)?;
        Ok((reader, letter.sign(&self.inner.key)))
    }

    /// What a network answered, if it is believed.
    async fn answer(
        &mut self,
        (network, end): (NetworkId, v1::NetworkEnd),
        readers: &BTreeMap<NetworkId, Reader>,
        feed: &Feed<v1::SearchEvent>,
    ) -> Result<(), NodeError> {
        let Some(statement) = self.replied(&network, &end, feed).await? else {
            return Ok(());
        };
        let (id, own, of) = (
            self.record.request_id,
            self.inner.network.clone(),
            network.clone(),
        );
        let letter = ask(self.inner.ledger.as_ref(), move |snapshot| {
            Ok(believed(snapshot.view(), &statement, &id, (&of, &own))?)
        })
        .await?;
        let finding = letter.ok().and_then(|letter| {
            let reader = readers.get(&network)?;
            let opened = letters::open::<v1::PatientFinding>(reader, &letter).ok()?;
            let finding = opened.finding?;
            let found = subjects(&network, &finding)?;
            Some((finding, found))
        });
        let (finding, found) = match finding {
            Some((finding, found)) => (Some(finding), found),
            None => (None, Vec::new()),
        };
        let (outcome, finding) = match finding {
            None => {
                tracing::warn!(%network, "a network's answer to a search is not believed");
                (NetworkOutcome::Malformed, None)
            }
            Some(Finding::Nobody(_)) => (NetworkOutcome::PatientUnknown, None),
            Some(Finding::One(one)) => (
                NetworkOutcome::Answered { count: 1 },
                Some(Finding::One(one)),
            ),
            Some(Finding::Several(several)) => (
                NetworkOutcome::Answered { count: 0 },
                Some(Finding::Several(several)),
            ),
            Some(Finding::Possible(possible)) => (
                NetworkOutcome::Answered {
                    count: possible.patients.len() as u64,
                },
                Some(Finding::Possible(possible)),
            ),
        };
        self.keep(&network, found).await?;
        self.end(&network, outcome, finding, feed).await
    }

    /// Remembers whom the other network may have found, so that a link needs who confirms it.
    async fn keep(
        &self,
        network: &NetworkId,
        found: Vec<(SubjectRef, v1::FoundPatient)>,
    ) -> Result<(), NodeError> {
        let footing = match self.open.get(network) {
            Some(Decision::Permit(terms)) => terms.footing,
            _ => return Ok(()),
        };
        let disaster = matches!(footing, Footing::Disaster | Footing::DisasterDrill);
        if found.is_empty() {
            return Ok(());
        }
        let own = self.record.request.subject;
        let kept = found.into_iter().map(|(other, patient)| {
            let agreed = patient.agreed.into_iter();
            let proposal = StoredProposal {
                access: self.record.index,
                certain: patient.certain,
                disaster,
                agreed: agreed.map(|a| (a.item, a.level)).collect(),
                at: self.inner.environment.now(),
                here: true,
                confirmed_by: Vec::new(),
            };
            (other, proposal)
        });
        let kept: Vec<_> = kept.collect();
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            for (other, proposal) in &kept {
                inner.store.put_proposal(&own, other, proposal)?;
            }
            Ok(())
        })
        .await
    }

    async fn end(
        &mut self,
        network: &NetworkId,
        outcome: NetworkOutcome,
        finding: Option<Finding>,
        feed: &Feed<v1::SearchEvent>,
    ) -> Result<(), NodeError> {
        let Some(decision) = self.open.remove(network) else {
            return Ok(());
        };
        self.ended.push(outcome.code());
        let footing = match decision {
            Decision::Permit(terms) => Footing::number(terms.footing).into(),
            Decision::Deny(_) => 0,
        };
        let end = v1::SearchEnd {
            network: network.to_string(),
            outcome: Some((&outcome).into()),
            elapsed_ms: millis(self.started.elapsed()),
            finding: finding.map(|finding| v1::PatientFinding {
                finding: Some(finding),
            }),
            footing,
        };
        feed.send(event(Event::End(end))).await
    }

    /// The broker could not be asked: what that means for whoever is still open.
    fn cut(&mut self, error: &NodeError) {
        let late = matches!(
            error,
            NodeError::Late
                | NodeError::Broker {
                    code: ErrorCode::DeadlineExceeded,
                    ..
                }
        );
        self.happened = (!late).then_some(NetworkOutcome::Unreachable);
    }

    /// Ends whoever is still open, and sums up.
    async fn close(mut self, feed: &Feed<v1::SearchEvent>) -> Result<(), NodeError> {
        let left: Vec<NetworkId> = self.open.keys().cloned().collect();
        for network in left {
            let waited_ms = millis(self.started.elapsed());
            let late = NetworkOutcome::TimedOut { waited_ms };
            let happened = self.happened.clone().unwrap_or(late);
            self.end(&network, happened, None, feed).await?;
        }
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for code in &self.ended {
            *counts.entry(code).or_default() += 1;
        }
        let summary = v1::Summary {
            asked: counts.values().sum(),
            outcomes: counts
                .into_iter()
                .map(|(outcome, networks)| v1::OutcomeCount {
                    outcome: outcome.to_owned(),
                    networks,
                })
                .collect(),
            elapsed_ms: millis(self.started.elapsed()),
            result: None,
        };
        feed.send(event(Event::Summary(summary))).await
    }
}

/// Whom a network found; none where one of them is no pseudonym.
pub(super) fn subjects(
    network: &NetworkId,
    finding: &Finding,
) -> Option<Vec<(SubjectRef, v1::FoundPatient)>> {
    let patients = match finding {
        Finding::One(one) => std::slice::from_ref(one),
        Finding::Possible(possible) => possible.patients.as_slice(),
        Finding::Nobody(_) | Finding::Several(_) => &[],
    };
    let found = patients.iter().map(|patient| {
        let subject = SubjectRef {
            network: network.clone(),
            subject: patient.subject.as_slice().try_into().ok()?,
        };
        Some((subject, patient.clone()))
    });
    found.collect()
}

type Believed = Result<SealedLetter, sekisho_ledger::AnswerFault>;

fn believed<S: sekisho_ledger::store::StateRead>(
    view: sekisho_ledger::View<'_, S>,
    statement: &v1::Envelope,
    request_id: &RequestId,
    (from, to): (&NetworkId, &NetworkId),
) -> Result<Believed, sekisho_ledger::CoreError<S::Error>> {
    let between = Correspondence {
        request_id,
        from,
        to,
    };
    SealedLetter::verify(view, statement, between)
}

fn event(event: Event) -> v1::SearchEvent {
    v1::SearchEvent { event: Some(event) }
}
