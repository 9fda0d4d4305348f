//! One simulation, from its seed to its end.

use crate::client::{Client, PERSONS, Shared};
use crate::cluster::{Cluster, Setup};
use crate::failure::Failure;
use crate::federation::{BEGIN, Federation};
use crate::history::History;
use crate::invariants::Invariants;
use crate::life::Life;
use crate::members::{Changes, Shares};
use crate::net::{Net, Weather};
use crate::random::Random;
use crate::schedule::{Kind, Schedule};
use crate::trace::Trace;
use crate::wire::Tap;
use sekisho_domain::{Hash, Outcome};
use sekisho_replica::Timing;
use sekisho_replica::simulation::{Planted, begin};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Steps at which something may go wrong.
const STEPS: u64 = 260;
/// Time that everything may take once the world is healed.
const HEALED_MAX: Duration = Duration::from_secs(120);
/// Clients at work at once.
const CLIENTS: u64 = 8;

/// Which simulation.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Everything follows from it.
    pub seed: u64,
    /// Whether each event is written to standard error.
    pub shown: bool,
    /// A fault put back on purpose.
    pub planted: Option<Planted>,
    /// What alone is to go wrong, and often, while logs are short; without it, what the seed says.
    pub about: Option<Kind>,
}

impl Options {
    /// A seed, quietly, with nothing planted.
    pub fn of(seed: u64) -> Self {
        Self {
            seed,
            shown: false,
            planted: None,
            about: None,
        }
    }
}

/// What a simulation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Of everything that happened, in order.
    pub digest: Hash,
    /// Replicas.
    pub replicas: u64,
    /// Times all promises were looked at.
    pub steps: u64,
    /// Leaves in the end.
    pub leaves: u64,
    /// Submissions answered.
    pub answers: u64,
    /// Leaders there were.
    pub leaders: u64,
    /// Simulated time.
    pub time: Duration,
    /// Events by kind, faults among them.
    pub counts: BTreeMap<&'static str, u64>,
}

/// Whether one seed gives the same run twice: whether tokio takes its own random numbers from a seed.
pub const fn is_seeded() -> bool {
    cfg!(tokio_unstable)
}

/// Runs one simulation, in a thread of its own.
///
/// # Errors
/// A promise was not kept.
pub fn run(options: Options) -> Result<Summary, Failure> {
    let thread = std::thread::Builder::new()
        .name(format!("seed {}", options.seed))
        .spawn(move || run_here(options))
        .map_err(Failure::world)?;
    thread
        .join()
        .unwrap_or_else(|_| Err(Failure::new("world", "the simulation panicked")))
        .map_err(|failure| Failure {
            seed: options.seed,
            planted: options.planted.map(Planted::name),
            about: options.about,
            ..failure
        })
}

fn run_here(options: Options) -> Result<Summary, Failure> {
    crate::panics::watch();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    #[cfg(tokio_unstable)]
    builder.rng_seed(tokio::runtime::RngSeed::from_bytes(
        &options.seed.to_be_bytes(),
    ));
    let runtime = builder.build().map_err(Failure::world)?;
    let done = runtime.block_on(async {
        let mut random = Random::of(options.seed, "run");
        let _begun = begin(random.next(), BEGIN, options.planted);
        let trace = Trace::new(options.shown);
        let mut simulation = Simulation::new(options, random, trace.clone())?;
        let done = simulation.run().await;
        done.map_err(|failure| Failure {
            at_ms: trace.ms(),
            ..failure
        })
    });
    runtime.shutdown_background();
    done
}

struct Simulation {
    random: Random,
    trace: Trace,
    tap: Tap,
    history: History,
    cluster: Cluster,
    schedule: Schedule,
    invariants: Invariants,
    shared: std::sync::Arc<Shared>,
    shares: Shares,
    /// Whether replicas are replaced.
    changes: bool,
    steps: u64,
    seed: u64,
}

impl Simulation {
    fn new(options: Options, mut random: Random, trace: Trace) -> Result<Self, Failure> {
        let seed = options.seed;
        let replicas = [3, 3, 5, 5, 7][random.below(5) as usize];
        let federation = Federation::of(replicas).map_err(Failure::world)?;
        let tap = Tap::default();
        let ms = Duration::from_millis;
        let far = [(ms(0), ms(1)), (ms(1), ms(4)), (ms(4), ms(12))][random.below(3) as usize];
        // Some worlds are a country, with the timing a network has where nothing is said.
        let (timing, far) = match Random::of(seed, "country").chance(250) {
            true => (Timing::WIDE_AREA, (ms(5), ms(20))),
            false => (Timing::LOOPBACK, far),
        };
        let fair = Weather::fair(far);
        let net = Net::new(Random::of(seed, "net"), trace.clone(), tap.clone(), fair);
        let mut setup = Setup {
            snapshot_every: random.between(8, 80),
            log_kept: random.between(0, 20),
            log_file_bytes: random.between(16, 256) * 1024,
            sync: [(ms(0), ms(1)), (ms(1), ms(6))][random.below(2) as usize],
            timing,
        };
        if options.about.is_some() {
            (setup.snapshot_every, setup.log_kept) = (8, 0);
        }
        let changes = random.chance(500);
        trace.note("setup", || {
            format!("seed {seed}, {replicas} replicas, {fair:?}, {setup:?}")
        });
        let cluster = Cluster::new(
            &federation,
            seed,
            setup,
            net.clone(),
            tap.clone(),
            trace.clone(),
        )?;
        let history = History::default();
        let faults = Random::of(seed, "faults");
        let about = options.about;
        let schedule = Schedule::new(faults, trace.clone(), net.clone(), fair, timing, about);
        let shared = Shared::new(
            federation,
            net.clone(),
            history.clone(),
            trace.clone(),
            replicas,
        );
        Ok(Self {
            random,
            trace,
            tap,
            history,
            cluster,
            schedule,
            invariants: Invariants::default(),
            shared,
            shares: Shares::default(),
            changes,
            steps: 0,
            seed,
        })
    }

    async fn run(&mut self) -> Result<Summary, Failure> {
        let ids: Vec<u64> = self.cluster.machines.keys().copied().collect();
        for &id in &ids {
            self.cluster.start(id).await?;
        }
        self.found().await?;
        let life = Life::default();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let random = Random::of(self.seed, &format!("client {n}"));
                tokio::spawn(Client::new(&self.shared, random, &life).run())
            })
            .collect();
        let changes = Changes::new(
            &self.shared,
            &self.shares,
            Random::of(self.seed, "changes"),
            &life,
        );
        let changes = match self.changes {
            true => Some(tokio::spawn(changes.run())),
            false => None,
        };
        let clients: Vec<_> = clients.into_iter().chain(changes).collect();
        self.schedule.crash_at_snapshots(&self.cluster);
        for _ in 0..STEPS {
            sleep(self.schedule.gap()).await;
            self.schedule.step(&mut self.cluster).await?;
            self.look().await?;
        }
        life.end();
        self.schedule.heal(&mut self.cluster);
        for client in clients {
            while !client.is_finished() {
                sleep(Duration::from_millis(100)).await;
                self.look().await?;
            }
            let done = client.await.map_err(Failure::world)?;
            done.map_err(Failure::world)?;
        }
        self.serves_again().await?;
        Ok(Summary {
            digest: self.trace.digest(),
            replicas: ids.len() as u64,
            steps: self.steps,
            leaves: self.invariants.known().size(),
            answers: self.history.told().answers.len() as u64,
            leaders: self.tap.elections(),
            time: Duration::from_millis(self.trace.ms()),
            counts: self.trace.counts(),
        })
    }

    /// One look at everything.
    async fn look(&mut self) -> Result<(), Failure> {
        self.steps += 1;
        self.follow_plans()?;
        self.cluster.tend().await?;
        let genesis = &self.shared.federation.genesis;
        self.invariants
            .check(&self.cluster, genesis, &self.history, &self.tap)
            .await?;
        if let Some(panic) = crate::panics::taken() {
            return Err(Failure::new("no panics", panic));
        }
        Ok(())
    }

    /// Sets up machines for replicas that have a place, and takes note of those that lose it.
    fn follow_plans(&mut self) -> Result<(), Failure> {
        let mut plans = self.shares.plans();
        for (place, replica) in std::mem::take(&mut plans.allocated) {
            self.cluster.add(place, replica, self.seed)?;
            let places = self.shared.replicas.lock();
            places
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .push(place);
        }
        for (&place, machine) in &mut self.cluster.machines {
            machine.retiring |= plans.retiring.contains(&place);
            let running = machine.running.as_ref();
            if running.is_some_and(|running| running.replica.is_ready()) {
                plans.ready.insert(place);
            }
        }
        Ok(())
    }

    /// Puts what precedes consents on the ledger, in a world where nothing goes wrong.
    async fn found(&mut self) -> Result<(), Failure> {
        let acts = self.shared.federation.founding_acts(PERSONS, BEGIN);
        let shared = std::sync::Arc::clone(&self.shared);
        let random = Random::of(self.seed, "founder");
        let mut founder = Client::new(&shared, random, &Life::default());
        let until = Instant::now() + HEALED_MAX;
        for (n, (by, envelope)) in (0..).zip(acts.map_err(Failure::world)?) {
            let by = shared.federation.member(by).map_err(Failure::world)?;
            loop {
                let answer = founder.submit(by, n, envelope.clone()).await;
                match answer.map_err(Failure::world)? {
                    Some(submitted) if submitted.outcome == Outcome::Accepted => break,
                    Some(submitted) => {
                        let what = format!("act {n} came to {:?}", submitted.outcome);
                        return Err(Failure::new("founding", what));
                    }
                    None if Instant::now() > until => {
                        return Err(Failure::new("founding", format!("act {n} is not answered")));
                    }
                    None => {}
                }
            }
        }
        self.look().await
    }

    /// After everything is healed each replica is ready, an entry given to each is answered, and all have all leaves.
    async fn serves_again(&mut self) -> Result<(), Failure> {
        let until = Instant::now() + HEALED_MAX;
        let shared = std::sync::Arc::clone(&self.shared);
        // One that is to leave may be gone at any moment, or already be without anybody to ask.
        let machines = self.cluster.machines.iter();
        let staying = machines.filter(|(_, machine)| !machine.retiring);
        let ids: Vec<u64> = staying.map(|(&id, _)| id).collect();
        for &id in &ids {
            while !crate::client::last_entry(&shared, id, self.random.next() >> 1).await? {
                self.in_time(until, || format!("replica {id} answers no entry"))?;
                sleep(Duration::from_millis(100)).await;
                self.look().await?;
            }
        }
        loop {
            self.look().await?;
            let size = self.invariants.known().size();
            let behind = ids.iter().find(|id| {
                let machine = self.cluster.machines.get(id);
                let running = machine.and_then(|machine| machine.running.as_ref());
                !running.is_some_and(|running| {
                    let observed = running.replica.observe();
                    running.replica.is_ready()
                        && observed.is_ok_and(|observed| observed.size == size)
                })
            });
            let Some(behind) = behind else { break };
            self.in_time(until, || {
                format!("replica {behind} has not all of {size} leaves")
            })?;
            sleep(Duration::from_millis(100)).await;
        }
        let size = self.invariants.known().size();
        let told = self.history.told();
        let last = told.answers.iter().map(|a| a.submitted.index.0).max();
        match last {
            Some(last) if last >= size => Err(Failure::new(
                "durability",
                format!("leaf {last} was acknowledged, and there are {size}"),
            )),
            _ => Ok(()),
        }
    }

    fn in_time(&self, until: Instant, what: impl FnOnce() -> String) -> Result<(), Failure> {
        match Instant::now() < until {
            true => Ok(()),
            false => Err(Failure::new("serves again", what())),
        }
    }
}
