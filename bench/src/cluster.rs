//! Three durable replicas of one ledger in this process, each on its own runtime, as processes would be: real
//! sockets, real mutual TLS, real files, real fsync. Everything goes with it.

use crate::BenchError;
use crate::federation::Federation;
use crate::group::member;
use crate::relay::Relays;
use sekisho_domain::{FoundingReplica, TimeMs};
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_replica::{Clock, Config, Keys, Replica, Submitter, SystemClock, Timing};
use sekisho_transport::{
    ClientLimits, Deadline, Expected, Incoming, ServerLimits, channel, outgoing, server,
};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::transport::Channel;

/// How many replicas there are.
pub(crate) const REPLICAS: usize = 3;
/// Longest wait for one answer, or for the group to stand; far above what it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One replica, and the runtime it lives on.
pub(crate) struct Running {
    pub(crate) replica: Replica,
    pub(crate) runtime: Runtime,
    /// Where it listens. What the others know may be a relay before it.
    address: SocketAddr,
}

/// Three running replicas.
pub(crate) struct Cluster {
    pub(crate) federation: Federation,
    running: Vec<Running>,
    _relays: Relays,
    dir: TempDir,
}

impl Cluster {
    /// Founds the ledger and waits until all replicas serve.
    pub(crate) fn start() -> Result<Self, BenchError> {
        Self::start_apart(None)
    }

    /// The same with replicas so far from each other: the time of a round trip.
    pub(crate) fn start_apart(round_trip: Option<Duration>) -> Result<Self, BenchError> {
        let dir = tempfile::tempdir().map_err(BenchError::system("a temporary directory"))?;
        let socket = || BenchError::system("a socket");
        let listeners = || {
            (0..REPLICAS)
                .map(|_| TcpListener::bind("127.0.0.1:0"))
                .collect::<Result<Vec<_>, _>>()
                .map_err(socket())
        };
        let addresses = |listeners: &[TcpListener]| {
            let addresses = listeners.iter().map(TcpListener::local_addr);
            addresses.collect::<Result<Vec<_>, _>>().map_err(socket())
        };
        let (relays, own) = (Relays::new()?, listeners()?);
        let mut known = addresses(&own)?;
        if let Some(round_trip) = round_trip {
            let before = listeners()?;
            let to = std::mem::replace(&mut known, addresses(&before)?);
            for (listener, to) in before.into_iter().zip(to) {
                relays.add(listener, to, (round_trip / 2).into())?;
            }
        }
        let endpoints: Vec<_> = known.iter().map(ToString::to_string).collect();
        let timing = match round_trip {
            None => Timing::LOOPBACK,
            Some(_) => Timing::WIDE_AREA,
        };
        let mut cluster = Self {
            federation: Federation::at(&endpoints)?,
            running: Vec::new(),
            _relays: relays,
            dir,
        };
        let founders = cluster.federation.genesis.replicas.clone();
        for (founder, listener) in founders.iter().zip(own) {
            let running = cluster.start_one(founder, listener, timing)?;
            cluster.running.push(running);
        }
        for Running {
            replica, runtime, ..
        } in &cluster.running
        {
            runtime
                .block_on(replica.wait_ready(Deadline::after(PATIENCE)))
                .map_err(|_| BenchError::TooSlow {
                    what: "starting the replicas",
                    max_s: PATIENCE.as_secs(),
                })?;
        }
        Ok(cluster)
    }

    fn start_one(
        &self,
        founder: &FoundingReplica,
        listener: TcpListener,
        timing: Timing,
    ) -> Result<Running, BenchError> {
        let member = member(&self.federation, founder)?;
        let address = listener.local_addr();
        let address = address.map_err(BenchError::system("a socket"))?;
        let data_dir = self.dir.path().join(format!("replica-{}", founder.id));
        let mut config = Config::new(founder.id, data_dir);
        config.timing = timing;
        let keys = Keys {
            transport: member.transport()?,
            checkpoint: member.checkpoint(),
        };
        let identity = member.transport()?;
        let genesis = self.federation.genesis.clone();
        let runtime = Runtime::new().map_err(BenchError::system("a runtime"))?;
        let replica = runtime.block_on(async {
            let replica = Replica::start(config, genesis, keys, Arc::new(SystemClock)).await?;
            let socket = || BenchError::system("a socket");
            listener.set_nonblocking(true).map_err(socket())?;
            let listener = tokio::net::TcpListener::from_std(listener).map_err(socket())?;
            let incoming = Incoming::new(
                listener,
                &identity,
                replica.directory(),
                ServerLimits::default(),
            )?;
            // Ends with the runtime; a fault before that shows as requests that fail.
            tokio::spawn(
                server()
                    .add_service(replica.ledger_service())
                    .add_service(replica.raft_service())
                    .serve_with_incoming(incoming),
            );
            Ok::<_, BenchError>(replica)
        })?;
        Ok(Running {
            replica,
            runtime,
            address,
        })
    }

    /// The replicas, in the order of their networks.
    pub(crate) fn running(&self) -> &[Running] {
        &self.running
    }

    /// Where the temporary files are.
    pub(crate) fn directory(&self) -> &Path {
        self.dir.path()
    }

    /// A new connection of east's node to the replica that leads now.
    pub(crate) fn connect_to_leader(&self) -> Result<Channel, BenchError> {
        let no_leader = || BenchError::Wrong {
            what: "the group of replicas",
            expected: "one leads".to_owned(),
            got: "none".to_owned(),
        };
        let first = self.running.first().ok_or_else(no_leader)?;
        let status = first.runtime.block_on(first.replica.status())?;
        let leads = |founder: &&FoundingReplica| Some(founder.id) == status.leader;
        let mut founders = self.federation.genesis.replicas.iter();
        let leader = founders.find(leads).ok_or_else(no_leader)?;
        let channel = channel(
            &leader.endpoint,
            Expected::Network(leader.network.clone()),
            &self.federation.east.transport()?,
            first.replica.directory(),
            ClientLimits::default(),
        )?;
        Ok(channel)
    }
}

impl Cluster {
    /// A new connection of east's node to the replica beside it, its own network's, without a relay. To be called on
    /// a runtime.
    pub(crate) fn connect_to_own(&self) -> Result<Channel, BenchError> {
        let east = &self.federation.east;
        let [own, ..] = self.running.as_slice() else {
            return Err(BenchError::Wrong {
                what: "the group of replicas",
                expected: "east's own".to_owned(),
                got: "none".to_owned(),
            });
        };
        Ok(channel(
            &own.address.to_string(),
            Expected::Network(east.id.clone()),
            &east.transport()?,
            own.replica.directory(),
            ClientLimits::default(),
        )?)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for Running {
            replica, runtime, ..
        } in self.running.drain(..)
        {
            // The files are thrown away: what cannot be flushed need not be.
            let _ = runtime.block_on(replica.shutdown());
            drop(replica);
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

/// This machine's time.
pub(crate) fn now() -> TimeMs {
    SystemClock.now()
}

/// Puts an envelope in order over a way that many share, as a node's people share its; what it came to.
pub(crate) async fn submit_along(
    way: &Submitter,
    envelope: v1::Envelope,
) -> Result<v1::SubmitReply, BenchError> {
    let submitted = way.submit(envelope, Deadline::after(PATIENCE)).await;
    Ok(submitted.map_err(|error| error.status())?.into())
}

/// Puts an envelope in order; what it came to.
pub(crate) async fn submit(
    client: &mut LedgerServiceClient<Channel>,
    envelope: v1::Envelope,
) -> Result<v1::SubmitReply, BenchError> {
    let request = v1::SubmitRequest {
        envelope: Some(envelope),
        forwarded: false,
        acknowledge: false,
    };
    let deadline = Deadline::after(PATIENCE);
    Ok(client
        .submit(outgoing(request, deadline))
        .await?
        .into_inner())
}
