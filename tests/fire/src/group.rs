//! All replicas of a ledger as processes, each with a folder of its own as an operator would make it.

use crate::{Answer, Caller, Dice, Process, Town, until};
use sekisho_domain::KeyPurpose;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a replica may take to serve on a busy machine.
const READY: Duration = Duration::from_secs(60);
/// How long an entry of the test's own may take.
const SUBMIT: Duration = Duration::from_secs(20);

/// Where one replica lives.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its folder: configuration, keys and data.
    pub dir: PathBuf,
    /// Where it listens, `host:port`.
    pub address: String,
    /// The network namespace it runs in, if not the test's own.
    pub namespace: Option<String>,
}

/// Addresses of loopback nobody else of this machine uses, under a folder.
///
/// No ports of the system's choice: while a replica is down, another program's connection could take its port.
pub fn loopback_places(dir: &Path, replicas: usize) -> Vec<Place> {
    static GROUPS: AtomicU32 = AtomicU32::new(0);
    let group = GROUPS.fetch_add(1, Ordering::Relaxed) % 16;
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let place = |n: usize| Place {
        dir: dir.join(format!("replica-{}", n + 1)),
        address: format!(
            "127.{}.{low}.{}:7443",
            64 + high % 64,
            group * 16 + n as u32 + 1
        ),
        namespace: None,
    };
    (0..replicas).map(place).collect()
}

/// The replicas.
pub struct Group {
    /// What they replicate.
    pub town: Arc<Town>,
    /// Where they live.
    pub places: Vec<Place>,
    program: PathBuf,
    logs: PathBuf,
    processes: Vec<Option<Process>>,
}

impl Group {
    /// Writes each replica's folder. `timing` is the configuration's; what the processes say goes to `logs`.
    pub fn found(program: &Path, places: Vec<Place>, timing: &str, logs: &Path) -> Self {
        let networks = places.len();
        Self::found_by(program, places, networks, timing, logs)
    }

    /// The same where so many networks found the ledger ([`Town::of`]).
    pub fn found_by(
        program: &Path,
        places: Vec<Place>,
        networks: usize,
        timing: &str,
        logs: &Path,
    ) -> Self {
        let endpoints: Vec<_> = places.iter().map(|place| place.address.clone()).collect();
        let town = Arc::new(Town::of(&endpoints, networks));
        for (member, place) in town.members.iter().zip(&places) {
            let keys = place.dir.join("keys");
            std::fs::create_dir_all(&keys).expect("a folder for keys");
            for purpose in [KeyPurpose::Transport, KeyPurpose::Checkpoint] {
                let path = keys.join(format!("{}.key", purpose.code()));
                let mut options = OpenOptions::new();
                let file = options.write(true).create_new(true).mode(0o600).open(path);
                file.and_then(|mut file| file.write_all(member.secret(purpose).as_ref()))
                    .expect("a key file");
            }
            sekisho::genesis::save(&place.dir.join("genesis.json"), &town.genesis)
                .unwrap_or_else(|e| panic!("{e:?}"));
            let config = format!(
                "[network]\nid = \"{}\"\n[server]\nlisten = \"{}\"\n[replica]\nid = {}\n{timing}\n",
                member.id, place.address, member.number,
            );
            std::fs::write(place.dir.join("sekisho.toml"), config).expect("a configuration");
        }
        std::fs::create_dir_all(logs).expect("a folder for what they say");
        Self {
            processes: places.iter().map(|_| None).collect(),
            town,
            places,
            program: program.to_owned(),
            logs: logs.to_owned(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Starts one.
    pub fn start(&mut self, replica: usize) {
        let place = &self.places[replica];
        let (config, log) = (
            place.dir.join("sekisho.toml"),
            self.logs.join(format!("replica-{}.log", replica + 1)),
        );
        let namespace = place.namespace.as_deref();
        self.processes[replica] = Some(Process::serve(&self.program, &config, namespace, &log));
    }

    /// Starts all.
    pub fn start_all(&mut self) {
        (0..self.len()).for_each(|replica| self.start(replica));
    }

    /// Kills one, if it runs.
    pub fn kill(&mut self, replica: usize) {
        if let Some(process) = self.processes[replica].take() {
            process.kill();
        }
    }

    /// A process that runs, or ran.
    pub fn process(&mut self, replica: usize) -> &mut Process {
        self.processes[replica]
            .as_mut()
            .unwrap_or_else(|| panic!("replica {replica} is killed"))
    }

    /// Panics, with what it said, if a process that was not killed has ended.
    pub fn all_run(&mut self) {
        for (replica, process) in self.processes.iter_mut().enumerate() {
            if let Some(process) = process
                && let Some(status) = process.ended()
            {
                panic!(
                    "replica {replica} ended by itself ({status}):\n{}",
                    process.said()
                );
            }
        }
    }

    /// Waits until these replicas serve; panics if a process ends meanwhile. How long that took.
    pub async fn ready(&mut self, caller: &Caller, replicas: &[usize]) -> Duration {
        let began = Instant::now();
        for replica in replicas {
            let ready = async {
                until("a replica serves", READY, || async {
                    let standing = caller.standing(*replica).await;
                    standing.filter(|standing| standing.ready)
                })
                .await
            };
            tokio::pin!(ready);
            loop {
                tokio::select! {
                    _ = &mut ready => break,
                    () = tokio::time::sleep(Duration::from_millis(50)) => self.all_run(),
                }
            }
        }
        began.elapsed()
    }

    /// The replica a majority's worth of standings calls leader.
    pub async fn leader(&self, caller: &Caller) -> usize {
        until("a leader is known", READY, || leader(caller)).await
    }

    /// Puts the founding acts on the ledger, through whichever replica answers.
    pub async fn found_town(&self, caller: &Caller, dice: &mut Dice) {
        for (_, envelope) in self.town.founding_acts() {
            submitted(caller, &envelope, dice).await;
        }
    }
}

async fn leader(caller: &Caller) -> Option<usize> {
    let mut standings = Vec::new();
    for replica in 0..caller.replicas() {
        standings.extend(caller.standing(replica).await);
    }
    let newest = standings.iter().map(|standing| standing.term).max()?;
    let named = standings
        .iter()
        .filter(|standing| standing.term == newest && standing.ready);
    let leaders: Vec<usize> = named.filter_map(|standing| standing.leader).collect();
    let first = *leaders.first()?;
    let agreed = leaders.iter().filter(|leader| **leader == first).count();
    (agreed * 2 > caller.replicas()).then_some(first)
}

/// Submits until it is done.
pub(crate) async fn submitted(
    caller: &Caller,
    envelope: &sekisho_proto::v1::Envelope,
    dice: &mut Dice,
) -> crate::Acknowledged {
    let began = Instant::now();
    loop {
        let at = dice.below(caller.replicas() as u64) as usize;
        if let Answer::Done(told) = caller.submit(at, envelope, SUBMIT).await {
            return told;
        }
        assert!(
            began.elapsed() < READY,
            "an entry is not taken within {READY:?}"
        );
    }
}
