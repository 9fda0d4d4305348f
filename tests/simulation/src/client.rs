//! Nodes of networks that submit entries and note what they are told.

use crate::failure::Failure;
use crate::federation::{ASKED, Federation, FederationError, Member, VIEWER, endpoint, request_id};
use crate::history::History;
use crate::life::Life;
use crate::net::{Net, Place, Port, node};
use crate::random::Random;
use crate::trace::Trace;
use sekisho_domain::{ConsentId, Outcome, TimeMs};
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_replica::simulation::Line;
use sekisho_replica::{SubmitError, Submitted};
use sekisho_transport::{Deadline, outgoing};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// Persons the clients are about.
pub const PERSONS: u64 = 4;
/// Longest pause between two entries.
const IDLE_MAX: Duration = Duration::from_millis(60);
/// Pauses between two attempts.
const PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(400));
/// Time given to one attempt.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(6));

/// What all clients share.
pub struct Shared {
    /// The networks.
    pub federation: Federation,
    /// The network between them.
    pub net: Net,
    /// What they are told.
    pub history: History,
    /// What happens.
    pub trace: Trace,
    /// Places of replicas to ask.
    pub replicas: Mutex<Vec<Place>>,
    /// Consents given, as far as was told, by network and person.
    consents: Mutex<BTreeMap<(u64, u64), Vec<ConsentId>>>,
    next: Mutex<u64>,
}

/// How one submission ended.
enum Ended {
    Answered(Submitted),
    NotSent,
    Unknown,
    Invalid(String),
}

impl Shared {
    /// With nothing done yet.
    pub fn new(
        federation: Federation,
        net: Net,
        history: History,
        trace: Trace,
        replicas: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            federation,
            net,
            history,
            trace,
            replicas: Mutex::new((1..=replicas).collect()),
            consents: Mutex::default(),
            // The founding acts have the first ones.
            next: Mutex::new(1_000_000),
        })
    }

    /// A number for an entry that no other has.
    pub fn next(&self) -> u64 {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next += 1;
        *next
    }
}

/// One client: a task of one network's node.
pub struct Client {
    shared: Arc<Shared>,
    random: Random,
    life: Life,
}

/// Simulated time.
pub(crate) fn now() -> TimeMs {
    sekisho_transport::simulation::now().unwrap_or(TimeMs(0))
}

impl Client {
    /// One that has done nothing yet, and ends with `life`.
    pub fn new(shared: &Arc<Shared>, random: Random, life: &Life) -> Self {
        Self {
            shared: Arc::clone(shared),
            random,
            life: life.clone(),
        }
    }

    /// Submits until its life is over.
    ///
    /// # Errors
    /// The federation is not one.
    pub async fn run(mut self) -> Result<(), FederationError> {
        while !self.life.is_over() {
            sleep(self.random.time(Duration::ZERO, IDLE_MAX)).await;
            self.act().await?;
        }
        Ok(())
    }

    async fn act(&mut self) -> Result<(), FederationError> {
        let shared = Arc::clone(&self.shared);
        let person = self.random.below(PERSONS);
        let asked = self.random.pick(&ASKED).copied().unwrap_or(VIEWER);
        let of = [VIEWER, ASKED[0]][self.random.below(2) as usize];
        let known = {
            let mut consents = shared
                .consents
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            consents.entry((of, person)).or_default().last().copied()
        };
        let (by, body) = match (self.random.below(10), known) {
            (0..=2, Some(consent)) => (of, shared.federation.withdrawal(of, consent)?),
            (0..=4, _) => (of, shared.federation.consent(of, person)?),
            _ => (VIEWER, shared.federation.request(person, asked)?),
        };
        let member = shared.federation.member(by)?;
        let n = shared.next();
        let grants = matches!(body, sekisho_domain::Body::ConsentGrant(_));
        let envelope = shared.federation.node_says(member, n, now(), body);
        let ended = self.submit(member, n, envelope).await?;
        if let Some(submitted) = ended
            && grants
            && submitted.outcome == Outcome::Accepted
        {
            let mut consents = shared
                .consents
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            consents
                .entry((of, person))
                .or_default()
                .push(ConsentId(submitted.index));
        }
        Ok(())
    }

    /// Submits the n-th entry, several times where need be, until it is answered or given up.
    ///
    /// # Errors
    /// The federation is not one.
    pub async fn submit(
        &mut self,
        by: &Member,
        n: u64,
        envelope: v1::Envelope,
    ) -> Result<Option<Submitted>, FederationError> {
        let tries = self.random.between(1, 8);
        let mut answer = None;
        for _ in 0..tries {
            // Now and then the same entry goes to two replicas at once.
            let ended = if self.random.chance(100) {
                let (one, other) = (self.replica(), self.replica());
                let patience = self.random.time(PATIENCE.0, PATIENCE.1);
                let first = self.attempt(by, n, envelope.clone(), one, patience);
                let second = self.attempt(by, n, envelope.clone(), other, patience);
                let (first, second) = futures::future::join(first, second).await;
                match first? {
                    Ended::Answered(submitted) => Ended::Answered(submitted),
                    _ => second?,
                }
            } else {
                let replica = self.replica();
                let patience = self.random.time(PATIENCE.0, PATIENCE.1);
                self.attempt(by, n, envelope.clone(), replica, patience)
                    .await?
            };
            match ended {
                Ended::Answered(submitted) => {
                    answer = Some(submitted);
                    // Sent again though it was answered: it must come to the same.
                    if !self.random.chance(50) {
                        break;
                    }
                }
                Ended::Invalid(why) => {
                    self.shared.trace.note("invalid", || format!("{n}: {why}"));
                    break;
                }
                Ended::NotSent | Ended::Unknown => {}
            }
            if self.life.is_over() {
                break;
            }
            sleep(self.random.time(PAUSE.0, PAUSE.1)).await;
        }
        Ok(answer)
    }

    fn replica(&mut self) -> u64 {
        let places = self.shared.replicas.lock();
        let places = places.unwrap_or_else(PoisonError::into_inner);
        self.random.pick(&places).copied().unwrap_or(VIEWER)
    }

    async fn attempt(
        &self,
        by: &Member,
        n: u64,
        envelope: v1::Envelope,
        replica: u64,
        patience: Duration,
    ) -> Result<Ended, FederationError> {
        let request = request_id(n);
        let shared = &self.shared;
        shared.history.begins(&by.id, request);
        let port: Port = shared
            .net
            .port(node(by.number), by.transport_key, &Life::default());
        let line = Line::simulated(Arc::new(port), &endpoint(replica));
        let message = v1::SubmitRequest {
            envelope: Some(envelope),
            forwarded: false,
            acknowledge: true,
        };
        let deadline = Deadline::after(patience);
        let mut client = LedgerServiceClient::new(line);
        let answered = deadline
            .bound(client.submit(outgoing(message, deadline)))
            .await;
        let error = match answered {
            Ok(Ok(reply)) => match Submitted::try_from(reply.into_inner()) {
                Ok(submitted) => {
                    let index = submitted.index.0;
                    shared
                        .trace
                        .note("answered", || format!("{n} by replica {replica}: {index}"));
                    shared.history.answered(request, submitted.clone());
                    return Ok(Ended::Answered(submitted));
                }
                Err(error) => error,
            },
            Ok(Err(status)) => SubmitError::of(&status),
            Err(_) => SubmitError::Unknown,
        };
        shared.trace.note("unanswered", || {
            format!("{n} by replica {replica}: {error}")
        });
        Ok(match error {
            SubmitError::Unavailable | SubmitError::Overloaded | SubmitError::Stopped => {
                shared.history.not_sent(request);
                Ended::NotSent
            }
            SubmitError::Invalid(_) | SubmitError::InvalidAtLeader(_) | SubmitError::NotNow(_) => {
                shared.history.not_sent(request);
                Ended::Invalid(error.to_string())
            }
            SubmitError::Unknown | SubmitError::Malformed(_) => Ended::Unknown,
        })
    }
}

/// Gives a replica one entry more; says whether it answered.
///
/// # Errors
/// The federation is not one.
pub async fn last_entry(shared: &Arc<Shared>, replica: u64, seed: u64) -> Result<bool, Failure> {
    let client = Client::new(shared, Random::of(seed, "last"), &Life::default());
    let federation = &shared.federation;
    let body = federation.request(0, ASKED[0]).map_err(Failure::world)?;
    let by = federation.member(VIEWER).map_err(Failure::world)?;
    let n = shared.next();
    let envelope = federation.node_says(by, n, now(), body);
    let ended = client.attempt(by, n, envelope, replica, PATIENCE.1).await;
    Ok(matches!(ended.map_err(Failure::world)?, Ended::Answered(_)))
}
