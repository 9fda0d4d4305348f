//! Three etcd members as processes on loopback, with their data under the benchmark's temporary directory.

use super::client::{Putting, standing};
use crate::BenchError;
use crate::certified::Certified;
use crate::child::{LOOK_EVERY, Server, loopback, program, server_command};
use crate::cluster::PATIENCE;
use crate::load::{self, Run};
use crate::replicated::CONNECTIONS;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};

/// How many members.
const MEMBERS: u16 = 3;
/// The first member's port for clients; the others' follow.
const CLIENT_PORT: u16 = 12_379;
/// The same for members among themselves.
const PEER_PORT: u16 = 12_479;
/// How long a member is waited for that is asked about itself: one that cannot finish a handshake never answers.
const ASKING_MAX: Duration = Duration::from_secs(2);
/// Bytes a member may store before it refuses writes: above all this benchmark can write.
const QUOTA_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// The program, or how to get it.
pub(super) fn binary() -> Result<PathBuf, BenchError> {
    program("etcd").ok_or(BenchError::Absent {
        what: "the program etcd (searched on PATH)",
        how: "apt-get install -y etcd-server",
    })
}

/// A running cluster and connections to its leader.
pub(super) struct Etcd {
    // Dropped in this order.
    channels: Vec<Channel>,
    _servers: Vec<Server>,
    clients: Runtime,
    next: Arc<AtomicU64>,
    /// What a member says it is.
    pub(super) version: String,
    _dir: TempDir,
}

impl Etcd {
    /// Starts a cluster, with mutual TLS between its members and to its clients, or without.
    pub(super) fn start(binary: &Path, tls: bool) -> Result<Self, BenchError> {
        let clients = Runtime::new().map_err(BenchError::system("a runtime"))?;
        let dir = tempfile::tempdir().map_err(BenchError::system("a temporary directory"))?;
        let address = loopback();
        let certified = match tls {
            true => Some(Certified::make(dir.path(), address, "bench")?),
            false => None,
        };
        let scheme = if tls { "https" } else { "http" };
        let url = |port: u16, n: u16| format!("{scheme}://{address}:{}", port + n);
        let cluster: Vec<_> = (0..MEMBERS)
            .map(|n| format!("member-{n}={}", url(PEER_PORT, n)))
            .collect();
        let mut servers = Vec::new();
        for n in 0..MEMBERS {
            let mut command = server_command(binary);
            for (name, _) in std::env::vars_os() {
                // Its settings would otherwise be this machine's, if it has some.
                if name.to_string_lossy().starts_with("ETCD_") {
                    command.env_remove(name);
                }
            }
            let data_dir = dir.path().join(format!("member-{n}"));
            command.arg("--data-dir").arg(data_dir).args([
                "--name",
                &format!("member-{n}"),
                "--listen-peer-urls",
                &url(PEER_PORT, n),
                "--initial-advertise-peer-urls",
                &url(PEER_PORT, n),
                "--listen-client-urls",
                &url(CLIENT_PORT, n),
                "--advertise-client-urls",
                &url(CLIENT_PORT, n),
                "--initial-cluster",
                &cluster.join(","),
                "--quota-backend-bytes",
                &QUOTA_BYTES.to_string(),
                "--logger",
                "zap",
                "--log-level",
                "error",
            ]);
            if let Some(certified) = &certified {
                for (option, file) in [
                    ("cert-file", &certified.certificate),
                    ("key-file", &certified.key),
                    ("trusted-ca-file", &certified.authority),
                ] {
                    command.arg(format!("--{option}")).arg(file);
                    command.arg(format!("--peer-{option}")).arg(file);
                }
                command.args(["--client-cert-auth", "--peer-client-cert-auth"]);
            }
            let log = dir.path().join(format!("member-{n}.log"));
            servers.push(Server::start("an etcd member", &mut command, &log)?);
        }
        let connect = |n: u16| {
            let _on = clients.enter();
            let at = format!("http://{address}:{}", CLIENT_PORT + n);
            let endpoint = Endpoint::from_shared(at).map(|to| match &certified {
                // As our own channels are.
                None => to.tcp_nodelay(true).connect_lazy(),
                Some(certified) => certified.channel(to),
            });
            endpoint.map_err(|error| BenchError::Wrong {
                what: "an address of etcd",
                expected: "one".to_owned(),
                got: error.to_string(),
            })
        };
        let (leader, version) = leader(&clients, &mut servers, connect)?;
        let channels = (0..CONNECTIONS)
            .map(|_| connect(leader))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            channels,
            _servers: servers,
            clients,
            next: Arc::default(),
            version,
            _dir: dir,
        })
    }

    /// One run of so many clients.
    pub(super) fn run(&self, clients: usize, slice: Duration) -> Result<Run, BenchError> {
        let channels = self.channels.iter().cycle().take(clients);
        let putting = channels.map(|channel| Putting::on(channel.clone(), &self.next));
        let run = load::run(putting.collect(), slice, PATIENCE);
        self.clients.block_on(run)
    }
}

/// The member that leads, once all know one; and its version.
fn leader(
    on: &Runtime,
    servers: &mut [Server],
    connect: impl Fn(u16) -> Result<Channel, BenchError>,
) -> Result<(u16, String), BenchError> {
    let begun = Instant::now();
    let members: Vec<_> = (0..MEMBERS).map(&connect).collect::<Result<_, _>>()?;
    loop {
        let mut all = Vec::new();
        for channel in &members {
            let asked = async { timeout(ASKING_MAX, standing(channel)).await };
            all.extend(on.block_on(asked).into_iter().flatten());
        }
        let know = all.iter().filter(|member| member.has_leader).count();
        if know == usize::from(MEMBERS)
            && let Some((n, member)) = (0..).zip(&all).find(|(_, member)| member.leads)
        {
            return Ok((n, member.version.clone()));
        }
        servers.iter_mut().try_for_each(Server::check)?;
        if begun.elapsed() > PATIENCE {
            return Err(BenchError::TooSlow {
                what: "starting etcd",
                max_s: PATIENCE.as_secs(),
            });
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
