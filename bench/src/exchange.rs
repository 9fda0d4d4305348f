//! `federation`: queries end to end, as a network's own people make them, against what the ledger commits by itself.
//!
//! Five networks, each a process with replica, broker and node. A client asks its own node, which signs the request,
//! keeps it, has its broker ask; the ledger decides it at five replicas; four nodes answer; the asking node checks
//! every statement and shows what it believes.

use crate::cluster::PATIENCE;
use crate::load::{self, Client, Run, Runs, clients, row};
use crate::networks::{Documents, Found, Requests, submitted};
use crate::sites::Sites;
use crate::{BenchError, ROUNDS, Row, median};
use sekisho_domain::{Purpose, Role};
use sekisho_proto::v1;
use sekisho_proto::v1::operator_service_client::OperatorServiceClient;
use sekisho_transport::{Deadline, outgoing};
use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use tonic::transport::Channel;

/// Networks, each of which asks all others.
const NETWORKS: usize = 5;
/// Connections to each network, and to the leader for the peer's requests.
const CONNECTIONS: usize = 4;
/// Requests of the peer signed for one run, at most; a run that uses them up ends early.
const SIGNED_MAX: usize = 40_000;
/// The same for each client.
const SIGNED_OF_CLIENT_MAX: usize = 2_000;

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Alternating rounds, after one that is not counted.
    pub rounds: usize,
    /// Time of each part of a round.
    pub slice: Duration,
    /// Clients, spread over the networks; each asks about a person of its own.
    pub clients: usize,
    /// Documents of a person at each network.
    pub documents: u64,
}

impl Sizes {
    /// 64 clients, 20 documents.
    pub const FULL: Self = Self {
        rounds: ROUNDS,
        slice: Duration::from_secs(4),
        clients: 64,
        documents: 20,
    };

    /// Short and few, to see that it works.
    pub const QUICK: Self = Self {
        rounds: 1,
        slice: Duration::from_millis(300),
        clients: 10,
        documents: 20,
    };
}

/// Runs it with processes of this program; three rows.
///
/// # Errors
/// The networks cannot be run, or an answer is not what it must be.
pub fn run(
    sizes: &Sizes,
    program: &Path,
    progress: &mut dyn Write,
) -> Result<Vec<Row>, BenchError> {
    let mut say = |what: String| {
        // Progress nobody can see is no reason to stop.
        let _ = writeln!(progress, "{what}");
    };
    let mut exchange = Exchange::start(sizes, program)?;
    let (mut ours, mut peer) = (Runs::default(), Runs::default());
    let (mut ours_cpu, mut peer_cpu) = (vec![], vec![]);
    for round in 0..=sizes.rounds {
        let (queries, of_query) = exchange.queries(sizes)?;
        let (commits, of_commit) = exchange.commits(sizes)?;
        if round > 0 {
            ours.add(&queries);
            peer.add(&commits);
            ours_cpu.push(of_query);
            peer_cpu.push(of_commit);
        }
    }
    let middle = |values: &[f64]| median(values).unwrap_or(f64::NAN);
    say(format!("queries: {}", ours.said()));
    say(format!("the ledger's commits: {}", peer.said()));
    say(format!(
        "processor time of the {NETWORKS} networks' processes: {:.2} ms a query, {:.2} ms a commit",
        middle(&ours_cpu),
        middle(&peer_cpu)
    ));
    exchange.sites.stop()?;
    let who = format!("{NETWORKS} networks, {}", clients(sizes.clients));
    let case = |what: &str| format!("{who}, {what}");
    Ok(vec![
        row(
            case("queries end to end, against the ledger's own commits"),
            &ours.rate,
            &peer.rate,
            "1/s",
        ),
        row(
            case("a query, p50, against one commit"),
            &ours.p50,
            &peer.p50,
            "ms",
        ),
        row(
            case("a query, p99, against one commit"),
            &ours.p99,
            &peer.p99,
            "ms",
        ),
    ])
}

struct Exchange {
    // Dropped in this order: connections before the processes, the clients' runtime last.
    people: Vec<Vec<Channel>>,
    leader: Vec<Channel>,
    sites: Sites,
    on: Runtime,
    requests: Requests,
    persons: u64,
    stock: Arc<Mutex<VecDeque<v1::Envelope>>>,
}

impl Exchange {
    fn start(sizes: &Sizes, program: &Path) -> Result<Self, BenchError> {
        let on = Runtime::new().map_err(BenchError::system("a runtime"))?;
        let documents = Documents {
            persons: sizes.clients as u64,
            each: sizes.documents,
        };
        let sites = Sites::start(program, NETWORKS, documents, &on)?;
        let leads = sites.leader(&on)?;
        let lines = |from: usize, to: usize| {
            let lines = (0..CONNECTIONS).map(|_| sites.connect(&on, from, to));
            lines.collect::<Result<Vec<_>, _>>()
        };
        let people = (0..NETWORKS).map(|n| lines(n, n));
        Ok(Self {
            people: people.collect::<Result<_, _>>()?,
            leader: lines(leads, leads)?,
            persons: documents.persons,
            sites,
            on,
            requests: Requests::default(),
            stock: Arc::default(),
        })
    }

    /// A run, and the processor time of one answer in it, in milliseconds.
    fn timed<C: Client>(&self, clients: Vec<C>, slice: Duration) -> Result<(Run, f64), BenchError> {
        let before = self.sites.processor_s()?;
        let run = self.on.block_on(load::run(clients, slice, PATIENCE))?;
        let used_ms = (self.sites.processor_s()? - before) * 1_000.0;
        let each_ms = used_ms / run.each_ms.len().max(1) as f64;
        Ok((run, each_ms))
    }

    fn queries(&self, sizes: &Sizes) -> Result<(Run, f64), BenchError> {
        let asking = (0..sizes.clients).map(|n| {
            let (network, line) = (n % NETWORKS, n / NETWORKS % CONNECTIONS);
            let member = &self.sites.league.members[network];
            let targets = self.sites.league.asked_by(network);
            let targets = targets
                .into_iter()
                .map(|n| self.sites.league.members[n].id.to_string());
            let local = v1::patient::Local {
                facility: member.hospital.to_string(),
                local_id: format!("{n:010}"),
            };
            Asking {
                each: sizes.documents,
                client: OperatorServiceClient::new(self.people[network][line].clone()),
                question: v1::FindRequest {
                    patient: Some(v1::Patient {
                        patient: Some(v1::patient::Patient::Local(local)),
                    }),
                    practitioner: format!("practitioner-{n}"),
                    role: Role::Physician.number().into(),
                    facility: member.hospital.to_string(),
                    purpose: Purpose::Treat.number().into(),
                    targets: targets.collect(),
                    ..Default::default()
                },
            }
        });
        self.timed(asking.collect(), sizes.slice)
    }

    fn commits(&mut self, sizes: &Sizes) -> Result<(Run, f64), BenchError> {
        let signed = SIGNED_MAX.min(sizes.clients * SIGNED_OF_CLIENT_MAX);
        {
            let mut stock = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
            while stock.len() < signed {
                let asking = stock.len() % NETWORKS;
                let league = &self.sites.league;
                let (envelope, _) = self.requests.next(league, asking, self.persons);
                stock.push_back(envelope);
            }
        }
        let submitting = (0..sizes.clients).map(|n| Submitting {
            channel: self.leader[n % CONNECTIONS].clone(),
            stock: Arc::clone(&self.stock),
        });
        self.timed(submitting.collect(), sizes.slice)
    }
}

/// One of a network's people, who asks about one person over and over.
struct Asking {
    each: u64,
    client: OperatorServiceClient<Channel>,
    question: v1::FindRequest,
}

impl Client for Asking {
    async fn ask(&mut self) -> Result<bool, BenchError> {
        let asked = outgoing(self.question.clone(), Deadline::after(PATIENCE));
        let answer = self.client.find(asked).await?;
        let found = Found::read(answer.into_inner()).await?;
        let others = NETWORKS - 1;
        found.check(others, others, self.each)?;
        Ok(true)
    }
}

/// Submits what is in stock to the leader.
struct Submitting {
    channel: Channel,
    stock: Arc<Mutex<VecDeque<v1::Envelope>>>,
}

impl Client for Submitting {
    async fn ask(&mut self) -> Result<bool, BenchError> {
        let envelope = {
            let mut stock = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
            stock.pop_front()
        };
        let Some(envelope) = envelope else {
            return Ok(false);
        };
        submitted(self.channel.clone(), envelope).await?;
        Ok(true)
    }
}
