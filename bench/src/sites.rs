//! Whole networks as processes of their own: this program, called by its hidden name `site`. Each is what `sekisho
//! serve` runs with all its roles: replica, broker and node on one port.

use crate::child::{LOOK_EVERY, Server, loopback, server_command};
use crate::cluster::{PATIENCE, now};
use crate::group::{Nobody, parent_ended, standing};
use crate::networks::{Documents, League, Shape, hosted};
use crate::processor::of_process;
use crate::replicated::accepted;
use crate::{BenchError, EXIT_FAILED};
use sekisho_transport::{ClientLimits, Expected, channel, key_id};
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::transport::Channel;

/// The first network's port; the others' follow.
const PORT: u16 = 7_641;
/// The first argument of a call that is a network.
pub(crate) const SITE: &str = "site";
/// Connections the set-up shares.
const SETUP_CONNECTIONS: usize = 4;
/// Networks of one ledger that all ask each other, each a process with files of its own.
pub(crate) struct Sites {
    servers: Vec<Server>,
    pub(crate) league: League,
    _dir: TempDir,
}

impl Sites {
    /// Starts so many, and has them agree about each other and their persons.
    pub(crate) fn start(
        program: &Path,
        count: usize,
        documents: Documents,
        on: &Runtime,
    ) -> Result<Self, BenchError> {
        let dir = tempfile::tempdir().map_err(BenchError::system("a temporary directory"))?;
        let address = loopback();
        let ports = (PORT..).take(count);
        let endpoints: Vec<_> = ports.map(|port| format!("{address}:{port}")).collect();
        let cores = available_parallelism().map_or(1, usize::from);
        let threads = (cores / count.max(1)).max(1);
        let mut servers = Vec::new();
        for n in 0..count {
            let mut command = server_command(program);
            // tokio's own setting: as many threads as are this network's part of the machine, not all for each.
            command.env("TOKIO_WORKER_THREADS", threads.to_string());
            command.arg(SITE).arg(dir.path()).args([
                n.to_string(),
                documents.persons.to_string(),
                documents.each.to_string(),
            ]);
            command.args(&endpoints);
            let log = dir.path().join(format!("site-{n}.log"));
            servers.push(Server::start("a network", &mut command, &log)?);
        }
        let mut sites = Self {
            servers,
            league: League::at(Shape::AllAsk(count), &endpoints)?,
            _dir: dir,
        };
        for n in 0..count {
            sites.ready(on, n)?;
        }
        let lines = (0..SETUP_CONNECTIONS).map(|_| sites.connect(on, 0, 0));
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        on.block_on(async {
            for act in sites.league.founding_acts(now(), &[])? {
                accepted(&lines[..1], vec![act]).await?;
            }
            accepted(&lines, sites.league.patients(now(), documents.persons)).await
        })?;
        Ok(sites)
    }

    /// A new connection of one network to another's process, or to its own.
    pub(crate) fn connect(
        &self,
        on: &Runtime,
        from: usize,
        to: usize,
    ) -> Result<Channel, BenchError> {
        let replica = &self.league.genesis.replicas[to];
        let _on = on.enter();
        Ok(channel(
            &replica.endpoint,
            Expected::Key(key_id(&replica.transport_key)),
            &self.league.members[from].transport()?,
            Arc::new(Nobody),
            ClientLimits::default(),
        )?)
    }

    fn ready(&mut self, on: &Runtime, n: usize) -> Result<(), BenchError> {
        let (channel, begun) = (self.connect(on, n, n)?, Instant::now());
        while !on.block_on(standing(&channel)).is_some_and(|it| it.ready) {
            self.servers[n].check()?;
            if begun.elapsed() > PATIENCE {
                return Err(BenchError::TooSlow {
                    what: "starting a network",
                    max_s: PATIENCE.as_secs(),
                });
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// The network whose replica leads, counted from 0.
    pub(crate) fn leader(&self, on: &Runtime) -> Result<usize, BenchError> {
        let (channel, begun) = (self.connect(on, 0, 0)?, Instant::now());
        loop {
            let leader = on.block_on(standing(&channel)).and_then(|it| it.leader);
            let replicas = &self.league.genesis.replicas;
            if let Some(place) = leader.and_then(|id| replicas.iter().position(|it| it.id.0 == id))
            {
                return Ok(place);
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

    /// Processor seconds all processes have used, in and for them.
    pub(crate) fn processor_s(&self) -> Result<f64, BenchError> {
        self.servers
            .iter()
            .map(|server| of_process(server.id()))
            .sum()
    }

    /// Stops all of them as an operator does.
    pub(crate) fn stop(self) -> Result<(), BenchError> {
        self.servers
            .into_iter()
            .try_for_each(|server| server.stop(PATIENCE))
    }
}

/// The process: `site DIR NUMBER PERSONS DOCUMENTS ENDPOINT…`. Ends well when its standard input does.
pub(crate) fn serve(args: &[&str], err: &mut dyn Write) -> io::Result<u8> {
    let served = match args {
        [dir, n, persons, each, endpoints @ ..] => {
            match (n.parse(), persons.parse(), each.parse()) {
                (Ok(n), Ok(persons), Ok(each)) if n < endpoints.len() => {
                    let endpoints: Vec<_> = endpoints.iter().map(ToString::to_string).collect();
                    run(Path::new(dir), n, Documents { persons, each }, &endpoints)
                }
                _ => return writeln!(err, "{SITE}: numbers expected").map(|()| EXIT_FAILED),
            }
        }
        _ => return writeln!(err, "{SITE}: for this program itself").map(|()| EXIT_FAILED),
    };
    match served {
        Ok(()) => Ok(0),
        Err(error) => writeln!(err, "{}", error.chain()).map(|()| EXIT_FAILED),
    }
}

fn run(dir: &Path, n: usize, documents: Documents, endpoints: &[String]) -> Result<(), BenchError> {
    let league = League::at(Shape::AllAsk(endpoints.len()), endpoints)?;
    let listener = TcpListener::bind(&endpoints[n]).map_err(BenchError::system("a socket"))?;
    let runtime = Runtime::new().map_err(BenchError::system("a runtime"))?;
    let done = runtime.block_on(async {
        let dir = dir.join(format!("site-{n}"));
        let hosted = hosted(&league, n, &dir, listener, Some(documents)).await?;
        tokio::select! {
            () = parent_ended() => {}
            () = hosted.replica.stopped() => {}
        }
        if let Some(node) = hosted.node {
            node.shutdown().await?;
        }
        Ok(hosted.replica.shutdown().await?)
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}
