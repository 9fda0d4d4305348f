//! Many networks in this process: one or more ledgers, each kept by three replicas; a node for every asked network,
//! with its own store and index on the disk; one network that asks all of them, a member of every ledger.
//!
//! Replicas have a runtime each, as processes would, and the nodes of one ledger share one. They also share the
//! handles of the two replicas that are not the asking network's: what a node does with its replica is the same, but
//! there are not 218 more copies of the ledger on one machine.

use super::client::{Found, Requests, answer_find, find, submitted};
use super::echo::echo;
use super::league::{League, Shape};
use super::outage::{flap, hang};
use super::site::{Documents, Hosted, beside, hosted};
use crate::BenchError;
use crate::child::loopback;
use crate::cluster::{PATIENCE, now};
use crate::load::joined;
use crate::processor::runtime;
use crate::relay::Relays;
use crate::replicated::accepted;
use sekisho_node::Node;
use sekisho_transport::{ClientLimits, Deadline, Expected, channel};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tonic::transport::Channel;

/// Persons asked about in turn.
const PERSONS: u64 = 4;
/// The first port of lines that come and go; below those the system gives to connections.
const PORT: u16 = 7_541;
/// The parts' threads: who asks, its broker and replica, the other replicas, the nodes with their echoes, the ways.
pub(crate) const PARTS: [&str; 5] = ["client", "broker", "keepers", "nodes", "relays"];
/// How long such a line is there, and then is not.
const FLAP_EVERY: Duration = Duration::from_millis(100);
/// Connections the set-up shares.
const SETUP_CONNECTIONS: usize = 2;

/// The line to every node: half of its round trip; none for no relay at all.
type Line = Option<Duration>;

/// How many of the first nodes cannot be relied on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trouble {
    /// Take connections and never answer.
    pub(crate) hang: usize,
    /// Are there for a while and then are not, over and over.
    pub(crate) flap: usize,
}

/// One ledger with its networks.
struct Ledger {
    // Dropped in this order: lines, nodes, replicas.
    own: Channel,
    echoes: Vec<Channel>,
    nodes: Vec<Node>,
    host: Option<Runtime>,
    keepers: Vec<(Hosted, Runtime)>,
    league: League,
}

/// All ledgers and their networks, and the client that asks.
pub(crate) struct Country {
    ledgers: Vec<Ledger>,
    _relays: Relays,
    client: Option<Runtime>,
    requests: Requests,
    each: u64,
    _dir: TempDir,
}

/// One query over all ledgers.
pub(crate) struct Query {
    /// Until the first network's documents, in milliseconds.
    pub(crate) first_ms: f64,
    /// Until the last summary.
    pub(crate) whole_ms: f64,
    pub(crate) found: Vec<Found>,
}

impl Country {
    /// So many networks asked on each ledger, with so many documents of each person.
    pub(crate) fn start(
        asked: &[usize],
        each: u64,
        line: Line,
        trouble: Trouble,
    ) -> Result<Self, BenchError> {
        let dir = tempfile::tempdir().map_err(BenchError::system("a temporary directory"))?;
        let (relays, client) = (Relays::new()?, runtime(PARTS[0])?);
        let mut ledgers = Vec::new();
        for (n, asked) in asked.iter().enumerate() {
            let dir = dir.path().join(format!("ledger-{n}"));
            let ledger = Ledger::start(*asked, each, line, trouble, &dir, (&relays, &client))?;
            ledgers.push(ledger);
        }
        Ok(Self {
            ledgers,
            _relays: relays,
            client: Some(client),
            requests: Requests::default(),
            each,
            _dir: dir,
        })
    }

    fn client(&self) -> Result<&Runtime, BenchError> {
        self.client.as_ref().ok_or_else(gone)
    }

    /// A find over all ledgers at once; every asked network must end, all but `troubled` of each ledger with all
    /// documents. Signing is not in the time.
    pub(crate) fn find(
        &mut self,
        deadline: Duration,
        troubled: usize,
    ) -> Result<Query, BenchError> {
        let mut asks = Vec::new();
        for ledger in &self.ledgers {
            let (envelope, _) = self.requests.next(&ledger.league, 0, PERSONS);
            asks.push((ledger.own.clone(), envelope));
        }
        let (begun, ended, found) = self.client()?.block_on(async {
            let (begun, mut tasks) = (Instant::now(), JoinSet::new());
            for (channel, envelope) in asks {
                tasks.spawn(find(channel, envelope, deadline));
            }
            let found = joined(&mut tasks).await?;
            Ok::<_, BenchError>((begun, Instant::now(), found))
        })?;
        let mut asked: Vec<_> = self.ledgers.iter().map(|it| it.echoes.len()).collect();
        let mut ends: Vec<_> = found.iter().map(|it| it.ends.len()).collect();
        asked.sort_unstable();
        ends.sort_unstable();
        if asked != ends {
            return Err(crate::replicated::wrong(
                "a query",
                &format!("{asked:?} ends"),
                &ends,
            ));
        }
        for found in &found {
            let asked = found.ends.len();
            found.check(asked, asked - troubled, self.each)?;
        }
        let first = found.iter().filter_map(|it| it.first).min();
        let ms = |at: Instant| at.duration_since(begun).as_secs_f64() * 1_000.0;
        Ok(Query {
            first_ms: first.map_or(f64::NAN, ms),
            whole_ms: ms(ended),
            found,
        })
    }

    /// The same requests put in order at all ledgers at once, and nothing else; in milliseconds.
    pub(crate) fn commit(&mut self) -> Result<f64, BenchError> {
        let mut submits = Vec::new();
        for ledger in &self.ledgers {
            let (envelope, _) = self.requests.next(&ledger.league, 0, PERSONS);
            submits.push((ledger.own.clone(), envelope));
        }
        self.client()?.block_on(async {
            let (begun, mut tasks) = (Instant::now(), JoinSet::new());
            for (channel, envelope) in submits {
                tasks.spawn(submitted(channel, envelope));
            }
            joined(&mut tasks).await?;
            Ok(begun.elapsed().as_secs_f64() * 1_000.0)
        })
    }

    /// So many bytes from every node's neighbour at once, over lines of its own; in milliseconds.
    pub(crate) fn echo(&self, bytes: usize) -> Result<f64, BenchError> {
        self.client()?.block_on(async {
            let (begun, mut tasks) = (Instant::now(), JoinSet::new());
            for channel in self.ledgers.iter().flat_map(|ledger| &ledger.echoes) {
                tasks.spawn(echo(channel.clone(), bytes));
            }
            joined(&mut tasks).await?;
            Ok(begun.elapsed().as_secs_f64() * 1_000.0)
        })
    }

    /// One request put in order, and then its first node asked directly; both in milliseconds.
    pub(crate) fn direct(&mut self) -> Result<(f64, f64), BenchError> {
        let ledger = self.ledgers.first().ok_or_else(gone)?;
        let (envelope, id) = self.requests.next(&ledger.league, 0, PERSONS);
        let node = ledger.echoes.first().ok_or_else(gone)?.clone();
        let (own, each) = (ledger.own.clone(), self.each);
        self.client()?.block_on(async {
            let begun = Instant::now();
            let index = submitted(own, envelope).await?;
            let decided = Instant::now();
            let (count, _) = answer_find(node, index, id).await?;
            if count != each {
                let expected = format!("{each} documents");
                return Err(crate::replicated::wrong(
                    "a node's answer",
                    &expected,
                    &count,
                ));
            }
            let ms = |from: Instant, to: Instant| to.duration_since(from).as_secs_f64() * 1_000.0;
            Ok((ms(begun, decided), ms(decided, Instant::now())))
        })
    }
}

fn gone() -> BenchError {
    crate::replicated::wrong("the networks", "they run", &"none")
}

fn listener() -> Result<(TcpListener, SocketAddr), BenchError> {
    let socket = || BenchError::system("a socket");
    let listener = TcpListener::bind("127.0.0.1:0").map_err(socket())?;
    let address = listener.local_addr().map_err(socket())?;
    Ok((listener, address))
}

impl Ledger {
    fn start(
        asked: usize,
        each: u64,
        line: Line,
        trouble: Trouble,
        dir: &Path,
        (relays, client): (&Relays, &Runtime),
    ) -> Result<Self, BenchError> {
        let shape = Shape::OneAsks(asked);
        let doors = (0..shape.replicas()).map(|_| listener());
        let doors = doors.collect::<Result<Vec<_>, _>>()?;
        let endpoints: Vec<_> = doors.iter().map(|(_, at)| at.to_string()).collect();
        let league = League::at(shape, &endpoints)?;
        let mut keepers = Vec::new();
        for (n, (door, _)) in doors.into_iter().enumerate() {
            let (runtime, dir) = (
                runtime(PARTS[usize::from(n > 0) + 1])?,
                dir.join(format!("keeper-{n}")),
            );
            let keeper = runtime.block_on(hosted(&league, n, &dir, door, None))?;
            keepers.push((keeper, runtime));
        }
        for (keeper, runtime) in &keepers {
            let ready = keeper.replica.wait_ready(Deadline::after(PATIENCE));
            runtime.block_on(ready).map_err(|_| BenchError::TooSlow {
                what: "starting the replicas",
                max_s: PATIENCE.as_secs(),
            })?;
        }
        let (host, mut nodes, mut fronts) = (runtime(PARTS[3])?, Vec::new(), Vec::new());
        let documents = Documents {
            persons: PERSONS,
            each,
        };
        for (place, n) in league.asked_by(0).into_iter().enumerate() {
            let (door, at) = listener()?;
            let replica = &keepers[1 + place % 2].0.replica;
            let (member, dir) = (&league.members[n], dir.join(format!("node-{n}")));
            nodes.push(host.block_on(beside(member, replica, &dir, door, documents))?);
            fronts.push((
                n,
                front(place, at, line, trouble, relays, &host)?.to_string(),
            ));
        }
        let _on = client.enter();
        let directory = keepers[0].0.replica.directory();
        let identity = league.members[0].transport()?;
        let connect = |address: &str, n: usize| {
            channel(
                address,
                Expected::Network(league.members[n].id.clone()),
                &identity,
                directory.clone(),
                ClientLimits::default(),
            )
        };
        let own = connect(&endpoints[0], 0)?;
        let setup = (0..SETUP_CONNECTIONS).map(|_| connect(&endpoints[0], 0));
        let setup = setup.collect::<Result<Vec<_>, _>>()?;
        client.block_on(async {
            for act in league.founding_acts(now(), &fronts)? {
                accepted(&setup[..1], vec![act]).await?;
            }
            accepted(&setup, league.patients(now(), PERSONS)).await
        })?;
        let echoes = fronts.iter().map(|(n, front)| connect(front, *n));
        let echoes = echoes.collect::<Result<_, _>>()?;
        Ok(Self {
            own,
            echoes,
            nodes,
            host: Some(host),
            keepers,
            league,
        })
    }
}

/// What stands before a node, and is its address.
fn front(
    place: usize,
    node: SocketAddr,
    line: Line,
    trouble: Trouble,
    relays: &Relays,
    host: &Runtime,
) -> Result<SocketAddr, BenchError> {
    let Some(one_way) = line else {
        return Ok(node);
    };
    if (trouble.hang..trouble.hang + trouble.flap).contains(&place) {
        let at = SocketAddr::from((loopback(), PORT));
        host.spawn(flap(at, node, one_way, FLAP_EVERY));
        return Ok(at);
    }
    let (before, at) = listener()?;
    if place < trouble.hang {
        host.spawn(hang(before));
    } else {
        relays.add(before, node, one_way.into())?;
    }
    Ok(at)
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if let Some(host) = self.host.take() {
            for node in self.nodes.drain(..) {
                // The files are thrown away: what cannot be flushed need not be.
                let _ = host.block_on(node.shutdown());
            }
            host.shutdown_timeout(Duration::from_secs(1));
        }
        for (keeper, runtime) in self.keepers.drain(..) {
            let _ = runtime.block_on(keeper.replica.shutdown());
            drop(keeper);
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

impl Drop for Country {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            client.shutdown_timeout(Duration::from_secs(1));
        }
    }
}
