//! Machines with a replica each, that are started, cut off from power, and started again.

mod joining;

use crate::clock::SimClock;
use crate::disk::{Cut, Fault, Media, SimDisk};
use crate::failure::{Failure, chain};
use crate::federation::{Federation, checkpoint_key, endpoint, transport};
use crate::life::Life;
use crate::net::{Host, Net};
use crate::random::Random;
use crate::trace::Trace;
use crate::wire::Tap;
use sekisho_domain::{Genesis, ReplicaId};
use sekisho_replica::simulation::World;
use sekisho_replica::{Clock, Config, JoinError, Joined, Keys, Replica, ReplicaError, Timing};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Longest time a start may take.
const START_MAX: Duration = Duration::from_secs(60);

/// How replicas are set up.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Raft entries after which the log is cut.
    pub snapshot_every: u64,
    /// Raft entries kept behind the cut.
    pub log_kept: u64,
    /// Bytes of one file of the Raft log.
    pub log_file_bytes: u64,
    /// What a sync of the disk usually costs.
    pub sync: (Duration, Duration),
    /// How long they wait for each other.
    pub timing: Timing,
}

/// One start of a replica.
pub struct Running {
    /// The replica.
    pub replica: Replica,
    /// Until its machine or process ends.
    pub life: Life,
    /// How many starts there were before it.
    pub start: u64,
}

/// A machine.
pub struct Machine {
    /// Which replica is on it: founders have their network's number.
    replica: u64,
    /// Whether the ledger takes its place back, or will.
    pub retiring: bool,
    /// Whether it is gone for good.
    pub gone: bool,
    joining: Option<JoinHandle<Result<Joined, JoinError>>>,
    media: Arc<Mutex<Media>>,
    /// Its clock.
    pub clock: SimClock,
    /// What runs on it.
    pub running: Option<Running>,
    /// When it comes back.
    pub back: Option<Instant>,
    starts: u64,
}

impl Machine {
    fn new(replica: u64, media: Media) -> Self {
        Self {
            replica,
            retiring: false,
            gone: false,
            joining: None,
            media: Arc::new(Mutex::new(media)),
            clock: SimClock::default(),
            running: None,
            back: None,
            starts: 0,
        }
    }

    /// Whether a replica's fault is that the ledger has taken back its place, as it was to.
    fn is_told_to_leave(&self, fault: &str) -> bool {
        self.retiring && fault.contains("retired")
    }

    /// Whether there is a replica that can be started.
    pub fn is_set_up(&self) -> bool {
        self.joining.is_none() && !self.gone
    }

    /// Its disk.
    pub fn media(&self) -> MutexGuard<'_, Media> {
        self.media.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All machines.
pub struct Cluster {
    /// By place.
    pub machines: BTreeMap<u64, Machine>,
    founding: Genesis,
    net: Net,
    tap: Tap,
    trace: Trace,
    setup: Setup,
    dir: tempfile::TempDir,
    random: Random,
}

impl Cluster {
    /// Machines with empty disks, none of them on.
    ///
    /// # Errors
    /// There is no place for what does not go to the simulated disks.
    pub fn new(
        federation: &Federation,
        seed: u64,
        setup: Setup,
        net: Net,
        tap: Tap,
        trace: Trace,
    ) -> Result<Self, Failure> {
        let machines = federation.members.iter().map(|member| {
            let random = Random::of(seed, &format!("disk {}", member.number));
            let media = Media::new(member.number, random, trace.clone(), setup.sync);
            (member.number, Machine::new(member.number, media))
        });
        Ok(Self {
            machines: machines.collect(),
            founding: federation.genesis.clone(),
            net,
            tap,
            trace,
            setup,
            dir: tempfile::tempdir().map_err(Failure::world)?,
            random: Random::of(seed, "cluster"),
        })
    }

    /// The machines' disks.
    pub fn disks(&self) -> BTreeMap<u64, Arc<Mutex<Media>>> {
        let disks = self.machines.iter();
        disks.map(|(&id, m)| (id, Arc::clone(&m.media))).collect()
    }

    /// Ids of replicas that run.
    pub fn running(&self) -> Vec<u64> {
        let running = self.machines.iter().filter(|(_, m)| m.running.is_some());
        running.map(|(&id, _)| id).collect()
    }

    /// The replica that leads, by its own word.
    pub fn leader(&self) -> Option<u64> {
        self.machines.iter().find_map(|(&id, machine)| {
            let observed = machine.running.as_ref()?.replica.observe().ok()?;
            observed.leads.then_some(id)
        })
    }

    /// Starts a replica that does not run. If its machine ends while it starts, it comes back later.
    ///
    /// # Errors
    /// It did not start, and its machine was not at fault.
    pub async fn start(&mut self, id: u64) -> Result<(), Failure> {
        let Some(machine) = self.machines.get_mut(&id) else {
            return Ok(());
        };
        machine.back = None;
        let life = Life::default();
        let disk = SimDisk::new(&machine.media, &life);
        let key = transport(id).map_err(Failure::world)?;
        let port = self.net.port(id, key.public(), &life);
        let mut config = config(self.dir.path(), machine.replica, self.setup);
        // Tiles, received snapshots and the marker that it has run lie there.
        std::fs::create_dir_all(&config.data_dir).map_err(Failure::world)?;
        config.world = Some(World {
            network: Arc::new(port),
        });
        config.disk = Some(Arc::new(disk));
        let keys = Keys {
            transport: key,
            checkpoint: checkpoint_key(id),
        };
        let clock: Arc<dyn Clock> = Arc::new(machine.clock.clone());
        machine.starts += 1;
        self.trace.note("start", || {
            format!("replica {id}, start {}", machine.starts)
        });
        let starting = Replica::start(config, self.founding.clone(), keys, clock);
        let started = timeout(START_MAX, starting).await;
        match started {
            Ok(Ok(replica)) => {
                let host = Host::new(&replica, &life);
                self.net.listen(id, &endpoint(id), host);
                machine.running = Some(Running {
                    replica,
                    life,
                    start: machine.starts,
                });
                Ok(())
            }
            Ok(Err(_)) if life.is_over() => {
                self.tap.ended(id);
                machine.back = Some(Instant::now() + Duration::from_millis(200));
                Ok(())
            }
            Ok(Err(_)) if machine.media().was_hurt() => {
                life.end();
                self.tap.ended(id);
                machine.media().cut(Cut::Some);
                machine.back = Some(Instant::now() + Duration::from_millis(200));
                Ok(())
            }
            Ok(Err(ReplicaError::Retired { .. })) if machine.retiring => {
                machine.gone = true;
                Ok(())
            }
            Ok(Err(error)) => Err(Failure::new(
                "opens",
                format!("replica {id} does not start: {}", chain(&error)),
            )),
            Err(_) => Err(Failure::new(
                "opens",
                format!("replica {id} has not started after {START_MAX:?}"),
            )),
        }
    }

    /// Ends a replica as the end of its process or machine would.
    pub fn end(&mut self, id: u64, cut: Cut, back: Duration) {
        if let Some(machine) = self.machines.get_mut(&id)
            && let Some(running) = machine.running.take()
        {
            running.life.end();
            machine.media().cut(cut);
            machine.back = Some(Instant::now() + back);
            self.bury(id, running);
        }
    }

    /// Stops a replica in good order.
    pub async fn stop(&mut self, id: u64, back: Duration) -> Result<(), Failure> {
        let Some(machine) = self.machines.get_mut(&id) else {
            return Ok(());
        };
        let Some(running) = machine.running.take() else {
            return Ok(());
        };
        let stopped = timeout(START_MAX, running.replica.shutdown()).await;
        let fine = running.life.is_over() || machine.media().was_hurt();
        running.life.end();
        machine.back = Some(Instant::now() + back);
        self.net.leave(&endpoint(id));
        self.tap.ended(id);
        match stopped {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) if fine => Ok(()),
            // It learnt that it is retired while it was being stopped.
            Ok(Err(error)) if machine.is_told_to_leave(&chain(&error)) => {
                machine.gone = true;
                self.trace
                    .note("left", || format!("replica {id}: {}", chain(&error)));
                Ok(())
            }
            Ok(Err(error)) => Err(Failure::new(
                "stops",
                format!("replica {id} does not stop: {}", chain(&error)),
            )),
            Err(_) => Err(Failure::new(
                "stops",
                format!("replica {id} has not stopped after {START_MAX:?}"),
            )),
        }
    }

    /// What still runs of an ended replica reaches nobody; it is told to stop so that it costs no time.
    fn bury(&self, id: u64, running: Running) {
        self.net.leave(&endpoint(id));
        self.tap.ended(id);
        tokio::spawn(async move {
            // Its disk is gone: that it cannot be flushed is no news.
            let _ = running.replica.shutdown().await;
        });
    }

    /// Notices machines that ended by themselves, and starts those whose time has come.
    ///
    /// # Errors
    /// A replica stopped though nothing had happened to it, or does not start.
    pub async fn tend(&mut self) -> Result<(), Failure> {
        let ids: Vec<u64> = self.machines.keys().copied().collect();
        for &id in &ids {
            let back = self
                .random
                .time(Duration::from_millis(50), Duration::from_secs(4));
            let Some(machine) = self.machines.get_mut(&id) else {
                continue;
            };
            let Some(running) = &machine.running else {
                continue;
            };
            if running.life.is_over() {
                if let Some(running) = machine.running.take() {
                    machine.back = Some(Instant::now() + back);
                    self.bury(id, running);
                }
            } else if let Some(fault) = running.replica.fault() {
                if machine.is_told_to_leave(&fault) {
                    machine.gone = true;
                    self.trace.note("left", || format!("replica {id}: {fault}"));
                    self.end(id, Cut::All, back);
                    continue;
                }
                if !machine.media().was_hurt() {
                    return Err(Failure::new(
                        "goes on",
                        format!("replica {id} stopped for good: {fault}"),
                    ));
                }
                // Somebody makes room, or a new machine gets what is on the disk.
                // Without the folder's name, which is another in each run.
                let fault = fault.replace(&self.dir.path().display().to_string(), "");
                self.trace
                    .note("stopped", || format!("replica {id} for good: {fault}"));
                self.end(id, Cut::Some, back);
            } else if running.replica.is_stopped() {
                return Err(Failure::new("goes on", format!("replica {id} stopped")));
            }
        }
        self.tend_joining().await?;
        let now = Instant::now();
        for id in ids {
            let machine = self.machines.get(&id).filter(|machine| !machine.gone);
            if machine.is_some_and(|machine| machine.back.is_some_and(|due| due <= now)) {
                self.start(id).await?;
            }
        }
        Ok(())
    }

    /// Lets something go wrong with a disk, or nothing any more.
    pub fn set_fault(&self, id: u64, fault: Option<Fault>) {
        if let Some(machine) = self.machines.get(&id) {
            machine.media().set_fault(fault);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.net.end();
    }
}

fn config(dir: &Path, id: u64, setup: Setup) -> Config {
    let mut config = Config::new(ReplicaId(id), dir.join(format!("replica-{id}")));
    config.timing = setup.timing;
    config.snapshot_every = setup.snapshot_every;
    config.log_kept = setup.log_kept;
    config.log_file_bytes = setup.log_file_bytes;
    config.publish_every = Duration::from_secs(2);
    config
}
