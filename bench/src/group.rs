//! The replicas of one ledger as processes of their own: this program, called by its hidden name `replica`.
//!
//! Unlike [`crate::cluster`], a replica can be killed here as a power switch would, started again, and its memory and
//! its files are its own.

use crate::child::{LOOK_EVERY, Server, loopback};
use crate::cluster::PATIENCE;
use crate::federation::{Federation, Member};
use crate::{BenchError, EXIT_FAILED};
use sekisho_domain::{FoundingReplica, PublicKey, ReplicaId};
use sekisho_ledger::tlog::tiles_completed;
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_replica::{Config, Keys, Replica, SystemClock, Timing};
use sekisho_transport::{
    ClientLimits, Deadline, Expected, Incoming, Peer, PeerDirectory, ServerLimits, channel, key_id,
    outgoing, server,
};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::transport::Channel;

/// The first replica's port; the others' follow.
const PORT: u16 = 7_441;
/// How long an answer about a replica's standing may take.
const ASK: Duration = Duration::from_secs(2);
/// The argument that makes it take signatures for good.
const UNCHECKED: &str = "unchecked";
/// The first argument of a call that is a replica.
pub(crate) const REPLICA: &str = "replica";

/// What is not the same in all benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Raft entries between two snapshots.
    pub(crate) snapshot_every: u64,
    /// Whether signatures are taken for good, to see replication alone.
    pub(crate) unchecked: bool,
}

impl Settings {
    /// A replica's own default.
    pub(crate) fn usual() -> Self {
        let config = Config::new(ReplicaId(1), "");
        Self {
            snapshot_every: config.snapshot_every,
            unchecked: false,
        }
    }
}

/// Some replicas, each a process on loopback with files of its own.
pub(crate) struct Group {
    pub(crate) federation: Federation,
    program: PathBuf,
    servers: Vec<Option<Server>>,
    dir: TempDir,
}

impl Group {
    /// Founds a ledger of one to three replicas. None runs yet.
    pub(crate) fn found(program: &Path, replicas: usize) -> Result<Self, BenchError> {
        let dir = tempfile::tempdir().map_err(BenchError::system("a temporary directory"))?;
        let address = loopback();
        let endpoints: Vec<_> = (PORT..)
            .take(replicas)
            .map(|port| format!("{address}:{port}"))
            .collect();
        Ok(Self {
            federation: Federation::at(&endpoints)?,
            program: program.to_owned(),
            servers: endpoints.iter().map(|_| None).collect(),
            dir,
        })
    }

    /// Starts one, counted from 0.
    pub(crate) fn start(&mut self, n: usize, settings: Settings) -> Result<(), BenchError> {
        let mut command = Command::new(&self.program);
        command
            .arg(REPLICA)
            .arg(self.dir.path())
            .arg(n.to_string())
            .arg(settings.snapshot_every.to_string())
            .arg(if settings.unchecked {
                UNCHECKED
            } else {
                "checked"
            });
        let replicas = &self.federation.genesis.replicas;
        command.args(replicas.iter().map(|replica| &replica.endpoint));
        let log = self.dir.path().join(format!("replica-{n}.log"));
        self.servers[n] = Some(Server::start("a replica", &mut command, &log)?);
        Ok(())
    }

    /// Starts all and waits until they serve.
    pub(crate) fn start_all(&mut self, on: &Runtime, settings: Settings) -> Result<(), BenchError> {
        (0..self.servers.len()).try_for_each(|n| self.start(n, settings))?;
        for n in 0..self.servers.len() {
            self.ready(on, n, PATIENCE)?;
        }
        Ok(())
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, n: usize) -> Result<(), BenchError> {
        self.servers[n].take().map_or(Ok(()), Server::kill)
    }

    /// As an operator stops it.
    pub(crate) fn stop(&mut self, n: usize, patience: Duration) -> Result<(), BenchError> {
        let server = self.servers[n].take();
        server.map_or(Ok(()), |server| server.stop(patience))
    }

    /// Its process.
    pub(crate) fn process(&self, n: usize) -> Option<u32> {
        self.servers[n].as_ref().map(Server::id)
    }

    /// Where its files are.
    pub(crate) fn data_dir(&self, n: usize) -> PathBuf {
        data_dir(self.dir.path(), n)
    }

    /// Where all temporary files are.
    pub(crate) fn directory(&self) -> &Path {
        self.dir.path()
    }

    /// A new connection of east's node to a replica. To be called on a runtime.
    pub(crate) fn connect(&self, n: usize) -> Result<Channel, BenchError> {
        let replica = &self.federation.genesis.replicas[n];
        Ok(channel(
            &replica.endpoint,
            Expected::Key(key_id(&replica.transport_key)),
            &self.federation.east.transport()?,
            Arc::new(Nobody),
            ClientLimits::default(),
        )?)
    }

    /// Waits until a replica serves; an error if its process ends meanwhile.
    pub(crate) fn ready(
        &mut self,
        on: &Runtime,
        n: usize,
        patience: Duration,
    ) -> Result<(), BenchError> {
        let channel = {
            let _on = on.enter();
            self.connect(n)?
        };
        let begun = Instant::now();
        while !on.block_on(standing(&channel)).is_some_and(|it| it.ready) {
            if let Some(server) = &mut self.servers[n] {
                server.check()?;
            }
            if begun.elapsed() > patience {
                return Err(BenchError::TooSlow {
                    what: "starting a replica",
                    max_s: patience.as_secs(),
                });
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Waits until a replica's last published checkpoint covers all it has.
    pub(crate) fn published(&self, on: &Runtime, n: usize) -> Result<(), BenchError> {
        let channel = {
            let _on = on.enter();
            self.connect(n)?
        };
        let all = |it: v1::StatusReply| it.published_size == it.tree_size;
        let begun = Instant::now();
        while !on.block_on(standing(&channel)).is_some_and(all) {
            if begun.elapsed() > PATIENCE {
                return Err(BenchError::TooSlow {
                    what: "publishing a checkpoint",
                    max_s: PATIENCE.as_secs(),
                });
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// The same, and until the sealed files of all that is published are there: they are written after it.
    pub(crate) fn sealed(&self, on: &Runtime, n: usize) -> Result<(), BenchError> {
        self.published(on, n)?;
        let channel = {
            let _on = on.enter();
            self.connect(n)?
        };
        let size = on.block_on(standing(&channel)).map_or(0, |it| it.tree_size);
        let Some(last) = tiles_completed(0, size).last() else {
            return Ok(());
        };
        let file = self.data_dir(n).join("tiles").join(last.to_string());
        let begun = Instant::now();
        while !file.exists() {
            if begun.elapsed() > PATIENCE {
                return Err(BenchError::TooSlow {
                    what: "sealing what is published",
                    max_s: PATIENCE.as_secs(),
                });
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// The replica a running one calls the leader, counted from 0.
    pub(crate) fn leader(&self, on: &Runtime) -> Result<usize, BenchError> {
        let begun = Instant::now();
        loop {
            for n in (0..self.servers.len()).filter(|n| self.servers[*n].is_some()) {
                let channel = {
                    let _on = on.enter();
                    self.connect(n)?
                };
                let leader = on.block_on(standing(&channel)).and_then(|it| it.leader);
                let replicas = &self.federation.genesis.replicas;
                let place = leader.and_then(|id| replicas.iter().position(|it| it.id.0 == id));
                if let Some(place) = place.filter(|place| self.servers[*place].is_some()) {
                    return Ok(place);
                }
            }
            if begun.elapsed() > PATIENCE {
                return Err(BenchError::TooSlow {
                    what: "finding a leader",
                    max_s: PATIENCE.as_secs(),
                });
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// The genesis file tells every server's key: nobody else need be known.
pub(crate) struct Nobody;

impl PeerDirectory for Nobody {
    fn peer(&self, _key: &PublicKey) -> Option<Peer> {
        None
    }
}

/// Where a replica stands; none if it does not answer.
pub(crate) async fn standing(channel: &Channel) -> Option<v1::StatusReply> {
    let deadline = Deadline::after(ASK);
    let mut client = LedgerServiceClient::new(channel.clone());
    let asked = deadline.bound(client.status(outgoing(v1::StatusRequest {}, deadline)));
    Some(asked.await.ok()?.ok()?.into_inner())
}

fn data_dir(dir: &Path, n: usize) -> PathBuf {
    dir.join(format!("replica-{n}"))
}

/// The member that runs a founding replica.
pub(crate) fn member<'a>(
    federation: &'a Federation,
    founder: &FoundingReplica,
) -> Result<&'a Member, BenchError> {
    let of = |member: &&Member| member.id == founder.network;
    let member = federation.members().into_iter().find(of);
    member.ok_or_else(|| BenchError::Wrong {
        what: "a founding replica",
        expected: "one of a member".to_owned(),
        got: founder.network.to_string(),
    })
}

/// The process: `replica DIR NUMBER SNAPSHOT-EVERY checked|unchecked ENDPOINT…`. Ends well when its standard input does.
pub(crate) fn serve(args: &[&str], err: &mut dyn Write) -> io::Result<u8> {
    let served = match args {
        [dir, n, snapshot_every, checked, endpoints @ ..] => {
            match (n.parse(), snapshot_every.parse()) {
                (Ok(n), Ok(snapshot_every)) if n < endpoints.len() => {
                    let endpoints: Vec<_> = endpoints.iter().map(ToString::to_string).collect();
                    let with = Settings {
                        snapshot_every,
                        unchecked: *checked == UNCHECKED,
                    };
                    run(Path::new(dir), n, with, &endpoints)
                }
                _ => return writeln!(err, "{REPLICA}: numbers expected").map(|()| EXIT_FAILED),
            }
        }
        _ => return writeln!(err, "{REPLICA}: for this program itself").map(|()| EXIT_FAILED),
    };
    match served {
        Ok(()) => Ok(0),
        Err(error) => writeln!(err, "{}", error.chain()).map(|()| EXIT_FAILED),
    }
}

fn run(dir: &Path, n: usize, with: Settings, endpoints: &[String]) -> Result<(), BenchError> {
    if with.unchecked {
        take_signatures_for_good()?;
    }
    let federation = Federation::at(endpoints)?;
    let founder = &federation.genesis.replicas[n];
    let member = member(&federation, founder)?;
    let mut config = Config::new(founder.id, data_dir(dir, n));
    config.timing = Timing::LOOPBACK;
    config.snapshot_every = with.snapshot_every;
    let keys = Keys {
        transport: member.transport()?,
        checkpoint: member.checkpoint(),
    };
    let (identity, genesis) = (member.transport()?, federation.genesis.clone());
    let runtime = Runtime::new().map_err(BenchError::system("a runtime"))?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(&founder.endpoint).await;
        let listener = listener.map_err(BenchError::system("a socket"))?;
        let replica = Replica::start(config, genesis, keys, Arc::new(SystemClock)).await?;
        let directory = replica.directory();
        let incoming = Incoming::new(listener, &identity, directory, ServerLimits::default())?;
        let serving = server()
            .add_service(replica.ledger_service())
            .add_service(replica.raft_service())
            .serve_with_incoming(incoming);
        tokio::select! {
            ended = serving => drop(ended),
            () = parent_ended() => {}
            () = replica.stopped() => {}
        }
        Ok(replica.shutdown().await?)
    })
}

#[cfg(feature = "unchecked")]
fn take_signatures_for_good() -> Result<(), BenchError> {
    sekisho_replica::take_signatures_for_good();
    Ok(())
}

#[cfg(not(feature = "unchecked"))]
fn take_signatures_for_good() -> Result<(), BenchError> {
    Err(BenchError::Absent {
        what: "a way to take signatures for good",
        how: "cargo run --profile dist -p sekisho-bench --features unchecked -- etcd --unchecked",
    })
}

pub(crate) async fn parent_ended() {
    let (sender, ended) = tokio::sync::oneshot::channel();
    // A thread of its own: reading standard input cannot be cancelled, and must not hold up the runtime's end.
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = sender.send(());
    });
    let _ = ended.await;
}
