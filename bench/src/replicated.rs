//! Three durable replicas, set up for requests that are permitted, and clients that submit signed requests over
//! mutual TLS. Clients sign beforehand: what a client's own machine does is not the ledger's time.

use crate::BenchError;
use crate::cluster::{Cluster, PATIENCE, REPLICAS, now, submit, submit_along};
use crate::federation::{FIRST_REQUEST, Federation};
use crate::group::{Group, Settings};
use crate::load::{self, Client, Run, joined};
use crate::processor::of_process;
use prost::Message;
use sekisho_domain::{Body, Decision, EntryIndex, Outcome};
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_replica::Submitter;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tonic::transport::Channel;

/// Persons asked about in turn; each has consented and is linked.
pub(crate) const PERSONS: u64 = 256;
/// Connections the clients share, as a network's broker does for its users. The peers' clients have as many.
pub(crate) const CONNECTIONS: usize = 4;
/// Requests signed for one run, at most; a run that uses them up ends early.
const SIGNED_MAX: usize = 30_000;
/// The same for each client.
const SIGNED_OF_CLIENT_MAX: usize = 6_000;
/// Entries submitted at once while the ledger is set up.
const SETUP_AT_ONCE: usize = 64;

enum Host {
    /// Each with a runtime of its own, in this process.
    Here(Cluster),
    /// Each in a process of its own.
    Apart(Group),
}

impl Host {
    fn federation(&self) -> &Federation {
        match self {
            Self::Here(cluster) => &cluster.federation,
            Self::Apart(group) => &group.federation,
        }
    }
}

/// Three replicas that stand, and clients connected to the one that leads.
pub(crate) struct Replicated {
    // Dropped in this order: connections before the replicas they lead to, the clients' runtime last.
    channels: Vec<Channel>,
    host: Host,
    clients: Runtime,
    stock: Stock,
}

impl Replicated {
    /// In this process.
    pub(crate) fn start() -> Result<Self, BenchError> {
        let clients = Runtime::new().map_err(BenchError::system("a runtime"))?;
        Self::of(Host::Here(Cluster::start()?), clients)
    }

    /// As processes of this program.
    pub(crate) fn start_apart(program: &Path, settings: Settings) -> Result<Self, BenchError> {
        let clients = Runtime::new().map_err(BenchError::system("a runtime"))?;
        let mut group = Group::found(program, REPLICAS)?;
        group.start_all(&clients, settings)?;
        Self::of(Host::Apart(group), clients)
    }

    fn of(host: Host, clients: Runtime) -> Result<Self, BenchError> {
        let leader = match &host {
            Host::Here(_) => 0,
            Host::Apart(group) => group.leader(&clients)?,
        };
        let channels = {
            // A channel's tasks live on the runtime it is made on.
            let _on = clients.enter();
            let connect = |_| match &host {
                Host::Here(cluster) => cluster.connect_to_leader(),
                Host::Apart(group) => group.connect(leader),
            };
            (0..CONNECTIONS)
                .map(connect)
                .collect::<Result<Vec<_>, _>>()?
        };
        clients.block_on(set_up(host.federation(), &channels))?;
        Ok(Self {
            channels,
            host,
            clients,
            stock: Stock::default(),
        })
    }

    pub(crate) fn federation(&self) -> &Federation {
        self.host.federation()
    }

    /// Where the temporary files are.
    pub(crate) fn directory(&self) -> &Path {
        match &self.host {
            Host::Here(cluster) => cluster.directory(),
            Host::Apart(group) => group.directory(),
        }
    }

    /// Bytes of one request as it is submitted: the signed envelope.
    pub(crate) fn request_bytes(&self) -> usize {
        let envelope = signed_request(self.federation(), 0);
        envelope.encoded_len()
    }

    /// One run of so many clients.
    pub(crate) fn run(&mut self, clients: usize, slice: Duration) -> Result<Run, BenchError> {
        let signed = SIGNED_MAX.min(clients * SIGNED_OF_CLIENT_MAX);
        self.stock.fill(self.host.federation(), signed);
        let ways = self.channels.iter().cloned().map(Submitter::new);
        let ways: Vec<_> = ways.collect();
        let asking = ways.iter().cycle().take(clients).map(|way| Asking {
            way: way.clone(),
            signed: Arc::clone(&self.stock.signed),
        });
        let run = load::run(asking.collect(), slice, PATIENCE);
        self.clients.block_on(run)
    }

    /// Waits until replicas that are processes have published a checkpoint over all they have, and written their tiles: what
    /// is left to do after a run must not be done in the peer's turn.
    pub(crate) fn settle(&self) -> Result<(), BenchError> {
        match &self.host {
            Host::Here(_) => Ok(()),
            Host::Apart(group) => (0..REPLICAS).try_for_each(|n| group.sealed(&self.clients, n)),
        }
    }

    /// Seconds of processor that the replicas' processes have used until now; of this one, where they are in it.
    pub(crate) fn processor_s(&self) -> Result<f64, BenchError> {
        match &self.host {
            Host::Here(_) => of_process(std::process::id()),
            Host::Apart(group) => (0..REPLICAS)
                .filter_map(|n| group.process(n))
                .map(of_process)
                .sum(),
        }
    }

    /// Requests committed a second with so many clients.
    pub(crate) fn rate(&mut self, clients: usize, slice: Duration) -> Result<f64, BenchError> {
        Ok(self.run(clients, slice)?.rate())
    }
}

/// Founding acts one after the other, then consents and links of everybody asked about.
pub(crate) async fn set_up(
    federation: &Federation,
    channels: &[Channel],
) -> Result<(), BenchError> {
    let time = now();
    for act in federation.founding_acts(time)? {
        accepted(channels, vec![act]).await?;
    }
    let entries = (0..PERSONS).flat_map(|person| {
        let (east, west) = (&federation.east, &federation.west);
        [
            (east, federation.viewing_consent(person)),
            (east, federation.link(east, west, person)),
            (west, federation.link(west, east, person)),
        ]
    });
    // Between the founders' request ids and those of the measured requests.
    let envelopes: Vec<_> = (FIRST_REQUEST / 2..)
        .zip(entries)
        .map(|(request, (member, body))| federation.node_says(member, request, time, body))
        .collect();
    accepted(channels, envelopes).await.map(drop)
}

/// Submits entries, some at once; all must take effect. Their places, in the order given.
pub(crate) async fn accepted(
    channels: &[Channel],
    envelopes: Vec<v1::Envelope>,
) -> Result<Vec<EntryIndex>, BenchError> {
    let mut places = Vec::with_capacity(envelopes.len());
    for some in envelopes.chunks(SETUP_AT_ONCE) {
        let mut tasks = JoinSet::new();
        for ((n, envelope), channel) in some.iter().enumerate().zip(channels.iter().cycle()) {
            let (mut client, envelope) =
                (LedgerServiceClient::new(channel.clone()), envelope.clone());
            tasks.spawn(async move {
                let reply = submit(&mut client, envelope).await?;
                let index = EntryIndex(reply.index);
                match outcome(reply)? {
                    Outcome::Accepted => Ok((n, index)),
                    other => Err(wrong("an entry of the set-up", "it is accepted", &other)),
                }
            });
        }
        let mut done = joined(&mut tasks).await?;
        done.sort_unstable();
        places.extend(done.into_iter().map(|(_, index)| index));
    }
    Ok(places)
}

/// What a new entry came to.
pub(crate) fn outcome(reply: v1::SubmitReply) -> Result<Outcome, BenchError> {
    let outcome = reply.outcome.map(Outcome::try_from);
    match outcome.transpose()? {
        Some(outcome) if !reply.duplicate => Ok(outcome),
        other => Err(wrong("an answer", "a new outcome", &other)),
    }
}

pub(crate) fn wrong(what: &'static str, expected: &str, got: &impl std::fmt::Debug) -> BenchError {
    BenchError::Wrong {
        what,
        expected: expected.to_owned(),
        got: format!("{got:?}"),
    }
}

/// The n-th request: east asks west about one of the persons.
pub(crate) fn signed_request(federation: &Federation, n: u64) -> v1::Envelope {
    let request = federation.long_request(n % PERSONS, &federation.west);
    let body = Body::AccessRequest(request);
    federation.node_says(&federation.east, FIRST_REQUEST + n, now(), body)
}

/// Requests signed ahead, used in the order they were signed. What a run leaves is used by the next.
#[derive(Default)]
struct Stock {
    signed: Arc<Mutex<VecDeque<v1::Envelope>>>,
    next: u64,
}

impl Stock {
    /// Signs until there are this many.
    fn fill(&mut self, federation: &Federation, count: usize) {
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        while signed.len() < count {
            signed.push_back(signed_request(federation, self.next));
            self.next += 1;
        }
    }
}

/// Submits what is in stock; each must be permitted.
struct Asking {
    way: Submitter,
    signed: Arc<Mutex<VecDeque<v1::Envelope>>>,
}

impl Client for Asking {
    async fn ask(&mut self) -> Result<bool, BenchError> {
        let envelope = {
            let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
            signed.pop_front()
        };
        let Some(envelope) = envelope else {
            return Ok(false);
        };
        permitted(submit_along(&self.way, envelope).await?)?;
        Ok(true)
    }
}

/// An answer to a request must be a permit.
pub(crate) fn permitted(reply: v1::SubmitReply) -> Result<(), BenchError> {
    match outcome(reply)? {
        Outcome::Decided(decisions)
            if matches!(decisions.as_slice(), [(_, Decision::Permit(_))]) =>
        {
            Ok(())
        }
        other => Err(wrong("a request", "it is permitted", &other)),
    }
}
