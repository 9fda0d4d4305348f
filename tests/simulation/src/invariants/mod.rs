//! What must hold after every step, one promise a file.

mod checkpoints;
mod durability;
mod election_safety;
mod exactly_once;
mod leader_completeness;
mod log_matching;
mod logs;
mod order;
mod state_equality;

pub use state_equality::Known;

use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::history::{History, Told};
use crate::wire::Tap;
use sekisho_domain::Genesis;
use sekisho_replica::simulation::{LogEntry, Observed};
use std::collections::BTreeMap;

/// A replica as it is seen after a step.
#[derive(Debug)]
pub struct Seen {
    /// Where it stands, by its own word.
    pub observed: Observed,
    /// Its Raft log.
    pub log: Vec<LogEntry>,
    /// Leaves not looked at before in this start of it, from [`Seen::fresh_from`] on.
    pub fresh: Vec<Vec<u8>>,
    /// The index of the first of them.
    pub fresh_from: u64,
}

/// All there is to judge by.
pub struct Scene<'a> {
    /// The running replicas.
    pub replicas: &'a BTreeMap<u64, Seen>,
    /// The leaves that any of them has shown.
    pub known: &'a Known,
    /// What clients were told.
    pub told: &'a Told,
    /// What replicas told each other.
    pub tap: &'a Tap,
    /// The replicas' keys.
    pub genesis: &'a Genesis,
}

/// A promise.
trait Invariant {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Looks at the world after a step; says how the promise is broken, if it is.
    fn check(&mut self, scene: &Scene<'_>) -> Result<(), String>;
}

/// All promises, and what was seen so far.
pub struct Invariants {
    known: Known,
    all: Vec<Box<dyn Invariant>>,
    logs: logs::Logs,
    /// Of each replica: its start, and how many of its leaves were looked at.
    looked: BTreeMap<u64, (u64, u64)>,
}

impl Default for Invariants {
    fn default() -> Self {
        Self {
            known: Known::default(),
            all: vec![
                Box::new(election_safety::ElectionSafety),
                Box::new(log_matching::LogMatching),
                Box::new(leader_completeness::LeaderCompleteness::default()),
                Box::new(exactly_once::ExactlyOnce::default()),
                Box::new(order::Order::default()),
                Box::new(checkpoints::Checkpoints::default()),
                Box::new(durability::Durability::default()),
            ],
            logs: logs::Logs::default(),
            looked: BTreeMap::new(),
        }
    }
}

impl Invariants {
    /// The leaves that were seen.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Looks at all replicas that run, and judges.
    ///
    /// # Errors
    /// The first promise that is broken.
    pub async fn check(
        &mut self,
        cluster: &Cluster,
        genesis: &Genesis,
        history: &History,
        tap: &Tap,
    ) -> Result<(), Failure> {
        let mut replicas = BTreeMap::new();
        self.logs.look();
        for (&id, machine) in &cluster.machines {
            let Some(running) = &machine.running else {
                continue;
            };
            let looked = self.looked.entry(id).or_default();
            if looked.0 != running.start {
                *looked = (running.start, 0);
            }
            let replica = &running.replica;
            // What cannot be read is being cut off, which the next step sees.
            let Ok(observed) = replica.observe() else {
                continue;
            };
            let Ok(log) = self.logs.read(id, running, &observed).await else {
                continue;
            };
            let Ok(fresh) = replica.leaves(looked.1..observed.size) else {
                continue;
            };
            let fresh_from = looked.1;
            looked.1 += fresh.len() as u64;
            if let Some(alarm) = replica.alarms().first() {
                return Err(Failure::new(
                    state_equality::NAME,
                    format!("replica {id} has an alarm: {alarm}"),
                ));
            }
            let seen = Seen {
                observed,
                log,
                fresh,
                fresh_from,
            };
            self.known
                .merge(id, &seen)
                .map_err(|what| Failure::new(state_equality::NAME, what))?;
            replicas.insert(id, seen);
        }
        let told = history.told();
        let scene = Scene {
            replicas: &replicas,
            known: &self.known,
            told: &told,
            tap,
            genesis,
        };
        for invariant in &mut self.all {
            invariant
                .check(&scene)
                .map_err(|what| Failure::new(invariant.name(), what))?;
        }
        Ok(())
    }
}
