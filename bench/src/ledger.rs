//! `ledger`: committed access requests a second, and how long one takes, at three durable replicas.
//!
//! Each request is a signed envelope of its own, really decided by `authorize` at every replica, on a majority's
//! disk before it is answered. Clients sign beforehand: what a client's own machine does is not the ledger's time.
//! Everything else, the clients' TLS included, shares this machine's cores.
//!
//! Two peers in the same run: the signatures this machine can check, divided by the replicas that each must
//! (no ledger that verifies can be faster here), and one fdatasync of the same disk (no commit can be quicker).

use crate::cluster::{Cluster, PATIENCE, REPLICAS, now, submit};
use crate::federation::FIRST_REQUEST;
use crate::yardstick::{Checks, fdatasync_ms};
use crate::{BenchError, ROUNDS, Row, median, percentile};
use sekisho_domain::{Body, Decision, Outcome};
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tonic::transport::Channel;

/// Persons asked about in turn; each has consented and is linked.
const PERSONS: u64 = 256;
/// Connections the clients share, as a network's broker does for its users.
const CONNECTIONS: usize = 4;
/// Requests signed for one run, at most; a run that uses them up ends early.
const SIGNED_MAX: usize = 30_000;
/// The same for each client.
const SIGNED_OF_CLIENT_MAX: usize = 6_000;
/// Entries submitted at once while the ledger is set up.
const SETUP_AT_ONCE: usize = 64;
/// Longest time of the whole benchmark: an entry's window must not close on what was signed ahead.
const TIME_MAX: Duration = Duration::from_secs(170);

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Concurrent clients, case by case.
    pub clients: &'static [usize],
    /// Alternating runs, after one that is not counted.
    pub rounds: usize,
    /// Time of one run of ours.
    pub slice: Duration,
    /// Time of one run of each peer.
    pub peer_slice: Duration,
}

impl Sizes {
    /// 1, 16, 64 and 256 clients.
    pub const FULL: Self = Self {
        clients: &[1, 16, 64, 256],
        rounds: ROUNDS,
        slice: Duration::from_millis(1_500),
        peer_slice: Duration::from_millis(400),
    };
}

/// Runs it; three rows for each number of clients.
///
/// # Errors
/// The replicas cannot be run, a request is not permitted, or the machine is too busy to end in time.
pub fn run(sizes: &Sizes, progress: &mut dyn Write) -> Result<Vec<Row>, BenchError> {
    let begun = Instant::now();
    let mut say = |what: String| {
        // Progress nobody can see is no reason to stop.
        let _ = writeln!(progress, "{what}");
    };
    say(format!("starting {REPLICAS} replicas"));
    let mut replicated = Replicated::start()?;
    let checks = Checks::of(&replicated.cluster.federation)?;

    let mut rows = Vec::new();
    for &count in sizes.clients {
        let mut of = Measured::default();
        for round in 0..=sizes.rounds {
            if begun.elapsed() > TIME_MAX {
                return Err(BenchError::TooSlow {
                    what: "the benchmark",
                    max_s: TIME_MAX.as_secs(),
                });
            }
            let run = replicated.run(count, sizes.slice)?;
            let checked = checks.all_cores(sizes.peer_slice)?;
            let synced = fdatasync_ms(replicated.cluster.directory(), sizes.peer_slice)?;
            if round > 0 {
                of.add(&run, checked / REPLICAS as f64, &synced);
            }
        }
        say(of.progress(count));
        rows.extend(of.rows(count));
    }
    Ok(rows)
}

/// Three replicas that stand, set up for requests that are permitted, and clients connected to them.
pub(crate) struct Replicated {
    // Dropped in this order: connections before the replicas they lead to, the clients' runtime last.
    channels: Vec<Channel>,
    cluster: Cluster,
    clients: Runtime,
    stock: Stock,
}

impl Replicated {
    pub(crate) fn start() -> Result<Self, BenchError> {
        let clients = Runtime::new().map_err(BenchError::system("a runtime"))?;
        let cluster = Cluster::start()?;
        let channels = {
            // A channel's tasks live on the runtime it is made on.
            let _on = clients.enter();
            (0..CONNECTIONS)
                .map(|_| cluster.connect_to_leader())
                .collect::<Result<Vec<_>, _>>()?
        };
        clients.block_on(set_up(&cluster, &channels))?;
        Ok(Self {
            channels,
            cluster,
            clients,
            stock: Stock::default(),
        })
    }

    /// One run of so many clients.
    fn run(&mut self, clients: usize, slice: Duration) -> Result<Run, BenchError> {
        let signed = SIGNED_MAX.min(clients * SIGNED_OF_CLIENT_MAX);
        self.stock.fill(&self.cluster, signed);
        let run = submit_all(&self.channels, &self.stock, clients, slice);
        self.clients.block_on(run)
    }

    /// Requests committed a second with so many clients.
    pub(crate) fn rate(&mut self, clients: usize, slice: Duration) -> Result<f64, BenchError> {
        Ok(self.run(clients, slice)?.rate())
    }
}

/// What was measured for one number of clients, run by run.
#[derive(Default)]
struct Measured {
    rate: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    limit: Vec<f64>,
    sync_p50: Vec<f64>,
    sync_p99: Vec<f64>,
    requests: usize,
}

impl Measured {
    fn add(&mut self, run: &Run, limit: f64, synced: &[f64]) {
        let of = |values: &[f64], percent| percentile(values, percent).unwrap_or(f64::NAN);
        self.rate.push(run.rate());
        self.p50.push(of(&run.each_ms, 50.0));
        self.p99.push(of(&run.each_ms, 99.0));
        self.limit.push(limit);
        self.sync_p50.push(of(synced, 50.0));
        self.sync_p99.push(of(synced, 99.0));
        self.requests += run.each_ms.len();
    }

    fn progress(&self, clients: usize) -> String {
        let rates = self.rate.iter().copied();
        let least = rates.clone().fold(f64::MAX, f64::min);
        let most = rates.fold(0.0, f64::max);
        format!(
            "{clients} clients: {} requests in {} runs, {least:.0} to {most:.0} a second",
            self.requests,
            self.rate.len()
        )
    }

    fn rows(&self, clients: usize) -> [Row; 3] {
        let name = match clients {
            1 => "1 client".to_owned(),
            many => format!("{many} clients"),
        };
        let row = |what: &str, ours: &[f64], peer: &[f64], unit| Row {
            case: format!("{name}, {what}"),
            ours: median(ours).unwrap_or(f64::NAN),
            peer: median(peer).unwrap_or(f64::NAN),
            unit,
        };
        [
            row(
                "committed requests, against the machine's strict signature checks / 3 replicas",
                &self.rate,
                &self.limit,
                "1/s",
            ),
            row(
                "p50 latency, against p50 of one fdatasync",
                &self.p50,
                &self.sync_p50,
                "ms",
            ),
            row(
                "p99 latency, against p99 of one fdatasync",
                &self.p99,
                &self.sync_p99,
                "ms",
            ),
        ]
    }
}

/// Founding acts one after the other, then consents and links of everybody asked about.
async fn set_up(cluster: &Cluster, channels: &[Channel]) -> Result<(), BenchError> {
    let (federation, time) = (&cluster.federation, now());
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
    for some in envelopes.chunks(SETUP_AT_ONCE) {
        accepted(channels, some.to_vec()).await?;
    }
    Ok(())
}

/// Submits some entries at once; all must take effect.
async fn accepted(channels: &[Channel], envelopes: Vec<v1::Envelope>) -> Result<(), BenchError> {
    let mut tasks = JoinSet::new();
    for (envelope, channel) in envelopes.into_iter().zip(channels.iter().cycle()) {
        let mut client = LedgerServiceClient::new(channel.clone());
        tasks.spawn(async move {
            match outcome(submit(&mut client, envelope).await?)? {
                Outcome::Accepted => Ok(()),
                other => Err(wrong("an entry of the set-up", "it is accepted", &other)),
            }
        });
    }
    joined(&mut tasks).await.map(drop)
}

/// The results of all tasks, or the first fault.
async fn joined<T: 'static>(
    tasks: &mut JoinSet<Result<T, BenchError>>,
) -> Result<Vec<T>, BenchError> {
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.push(done.map_err(|error| BenchError::System {
            what: "a client",
            source: error.into(),
        })??);
    }
    Ok(all)
}

fn outcome(reply: v1::SubmitReply) -> Result<Outcome, BenchError> {
    let outcome = reply.outcome.map(Outcome::try_from);
    match outcome.transpose()? {
        Some(outcome) if !reply.duplicate => Ok(outcome),
        other => Err(wrong("an answer", "a new outcome", &other)),
    }
}

fn wrong(what: &'static str, expected: &str, got: &impl std::fmt::Debug) -> BenchError {
    BenchError::Wrong {
        what,
        expected: expected.to_owned(),
        got: format!("{got:?}"),
    }
}

/// Requests signed ahead. What a run leaves is used by the next.
#[derive(Default)]
struct Stock {
    signed: Arc<Mutex<Vec<v1::Envelope>>>,
    next: u64,
}

impl Stock {
    /// Signs until there are this many.
    fn fill(&mut self, cluster: &Cluster, count: usize) {
        let federation = &cluster.federation;
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        let time = now();
        while signed.len() < count {
            let request = federation.request(self.next % PERSONS, &federation.west);
            let body = Body::AccessRequest(request);
            signed.push(federation.node_says(
                &federation.east,
                FIRST_REQUEST + self.next,
                time,
                body,
            ));
            self.next += 1;
        }
    }

    fn take(signed: &Mutex<Vec<v1::Envelope>>) -> Option<v1::Envelope> {
        signed.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// One run of ours.
struct Run {
    each_ms: Vec<f64>,
    elapsed: Duration,
}

impl Run {
    fn rate(&self) -> f64 {
        self.each_ms.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// Every client submits one request after the other until the time is over or nothing signed is left.
async fn submit_all(
    channels: &[Channel],
    stock: &Stock,
    clients: usize,
    slice: Duration,
) -> Result<Run, BenchError> {
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for channel in channels.iter().cycle().take(clients) {
        let mut client = LedgerServiceClient::new(channel.clone());
        let signed = Arc::clone(&stock.signed);
        tasks.spawn(async move {
            let mut each_ms = Vec::new();
            while begun.elapsed() < slice
                && let Some(envelope) = Stock::take(&signed)
            {
                let sent = Instant::now();
                let reply = submit(&mut client, envelope).await?;
                each_ms.push(sent.elapsed().as_secs_f64() * 1000.0);
                match outcome(reply)? {
                    Outcome::Decided(decisions)
                        if matches!(decisions.as_slice(), [(_, Decision::Permit(_))]) => {}
                    other => return Err(wrong("a request", "it is permitted", &other)),
                }
            }
            Ok(each_ms)
        });
    }
    let all = tokio::time::timeout(slice + PATIENCE, joined(&mut tasks))
        .await
        .map_err(|_| BenchError::TooSlow {
            what: "one run",
            max_s: (slice + PATIENCE).as_secs(),
        })??;
    Ok(Run {
        each_ms: all.into_iter().flatten().collect(),
        elapsed: begun.elapsed(),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_small_run_has_every_row() {
        let sizes = Sizes {
            clients: &[1, 8],
            rounds: 1,
            slice: Duration::from_millis(20),
            peer_slice: Duration::from_millis(1),
        };
        let rows = run(&sizes, &mut std::io::sink()).unwrap();
        assert_eq!(rows.len(), 6);
        for row in &rows {
            assert!(row.ours > 0.0 && row.peer > 0.0, "{row:?}");
        }
        let units: Vec<_> = rows.iter().map(|row| row.unit).collect();
        assert_eq!(units, ["1/s", "ms", "ms", "1/s", "ms", "ms"]);
    }
}
