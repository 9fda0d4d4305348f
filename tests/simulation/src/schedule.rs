//! What goes wrong, when, and for how long: all from the seed.

mod kind;

pub use kind::Kind;

use crate::cluster::Cluster;
use crate::disk::{Cut, Fault, When};
use crate::failure::Failure;
use crate::net::{Net, Place, Weather};
use crate::random::Random;
use crate::trace::Trace;
use sekisho_replica::Timing;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::Instant;

/// What ends a fault.
enum Undo {
    Weather,
    Mend(Vec<(Place, Place)>),
    Disk(u64),
    Near(u64),
    Clock(u64),
}

/// The faults of one simulation.
pub struct Schedule {
    random: Random,
    trace: Trace,
    net: Net,
    fair: Weather,
    /// What this seed is about.
    kinds: Vec<Kind>,
    /// Of a thousand steps, at how many something goes wrong.
    often: u64,
    /// How much longer everything takes than where replicas are beside each other.
    pace: f64,
    due: Vec<(Instant, Undo)>,
}

/// Of a thousand steps, at how many something goes wrong: from now and then to all the time.
const OFTEN: [u64; 5] = [25, 50, 100, 180, 320];

/// The same where one kind is all that goes wrong.
const OFTEN_ALONE: u64 = 50;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Schedule {
    /// A seed's own choice of faults, so that some seeds have many of few kinds.
    /// `about` is all that goes wrong instead, if it is named.
    pub fn new(
        mut random: Random,
        trace: Trace,
        net: Net,
        fair: Weather,
        timing: Timing,
        about: Option<Kind>,
    ) -> Self {
        let share = random.between(200, 1000);
        let mut kinds: Vec<Kind> = Kind::ALL
            .into_iter()
            .filter(|_| random.chance(share))
            .collect();
        if kinds.is_empty() {
            kinds = Kind::ALL.to_vec();
        }
        let mut often = random.pick(&OFTEN).copied().unwrap_or_default();
        if let Some(kind) = about {
            (kinds, often) = (vec![kind], OFTEN_ALONE);
        }
        trace.note("setup", || format!("{often} of 1000 steps, {kinds:?}"));
        Self {
            random,
            trace,
            net,
            fair,
            kinds,
            often,
            pace: timing
                .heartbeat
                .div_duration_f64(Timing::LOOPBACK.heartbeat),
            due: Vec::new(),
        }
    }

    /// Time until the next step.
    pub fn gap(&mut self) -> Duration {
        self.random.time(ms(2), ms(160)).mul_f64(self.pace)
    }

    /// One step: ends what is over, and lets something go wrong, or nothing.
    ///
    /// # Errors
    /// A replica does not bear it.
    pub async fn step(&mut self, cluster: &mut Cluster) -> Result<(), Failure> {
        self.end_due(cluster);
        if !self.random.chance(self.often) {
            return Ok(());
        }
        let Some(&kind) = self.random.pick(&self.kinds) else {
            return Ok(());
        };
        let running = cluster.running();
        let Some(&one) = self.random.pick(&running) else {
            return Ok(());
        };
        self.begin(kind, one, cluster).await
    }

    async fn begin(&mut self, kind: Kind, one: u64, cluster: &mut Cluster) -> Result<(), Failure> {
        let all: Vec<u64> = cluster.machines.keys().copied().collect();
        let lasts = self.random.time(ms(100), ms(5000)).mul_f64(self.pace);
        let note = |trace: &Trace, what: String| trace.note(kind.name(), || what);
        match kind {
            Kind::Weather => {
                let r = &mut self.random;
                let weather = Weather {
                    delay: (
                        self.fair.delay.0,
                        self.fair.delay.1 * r.between(1, 8) as u32,
                    ),
                    requests_lost: r.below(200),
                    replies_lost: r.below(200),
                    twice: r.below(200),
                    held: r.below(100),
                };
                note(&self.trace, format!("{weather:?} for {lasts:?}"));
                self.net.set_weather(weather);
                self.later(lasts, Undo::Weather);
            }
            Kind::OneWay => {
                if let Some(&other) = self.random.pick(&all) {
                    self.cut(kind, vec![(one, other)], lasts);
                }
            }
            Kind::Isolated => {
                let both = |&other: &u64| [(one, other), (other, one)];
                self.cut(kind, all.iter().flat_map(both).collect(), lasts);
            }
            Kind::LeaderCut => {
                let leader = cluster.leader().unwrap_or(one);
                let (hears, heard) =
                    [(true, false), (false, true), (false, false)][self.random.below(3) as usize];
                let ways = |&other: &u64| {
                    let out = (!heard).then_some((leader, other));
                    let back = (!hears).then_some((other, leader));
                    out.into_iter().chain(back)
                };
                self.cut(kind, all.iter().flat_map(ways).collect(), lasts);
            }
            Kind::Partition => {
                let side: Vec<u64> = all
                    .iter()
                    .copied()
                    .filter(|_| self.random.chance(500))
                    .collect();
                let across = |&a: &u64| {
                    let side = &side;
                    all.iter()
                        .filter(move |b| side.contains(&a) != side.contains(b))
                        .map(move |&b| (a, b))
                };
                let ways = all.iter().flat_map(across).collect();
                self.cut(kind, ways, lasts);
            }
            Kind::Crash => {
                let cut = self.kept();
                note(
                    &self.trace,
                    format!("replica {one}, keeps {cut:?}, for {lasts:?}"),
                );
                cluster.end(one, cut, lasts);
            }
            Kind::CrashAtWrite => {
                let fault = Fault::Cut {
                    changes: self.random.below(60),
                    when: [When::Before, When::After][self.random.below(2) as usize],
                    cut: self.kept(),
                };
                note(&self.trace, format!("replica {one}: {fault:?}"));
                cluster.set_fault(one, Some(fault));
            }
            // Set up once, for all snapshots; see `crash_at_snapshots`.
            Kind::CrashAtSnapshot => {}
            Kind::PowerLoss => {
                note(&self.trace, String::new());
                for id in cluster.running() {
                    let cut = [Cut::Nothing, Cut::Some][self.random.below(2) as usize];
                    let back = self.random.time(ms(20), ms(1500));
                    cluster.end(id, cut, back);
                }
            }
            Kind::Restart => {
                note(&self.trace, format!("replica {one} for {lasts:?}"));
                cluster.stop(one, lasts).await?;
            }
            Kind::DiskFull => {
                let fault = Fault::Full {
                    bytes: self.random.below(200_000),
                };
                self.disk(kind, one, fault, lasts, cluster);
            }
            Kind::SyncFails => {
                let fault = Fault::SyncFails {
                    syncs: self.random.below(20),
                };
                self.disk(kind, one, fault, lasts, cluster);
            }
            Kind::Stall => {
                let fault = Fault::Stall {
                    syncs: self.random.below(10),
                    time: ms(2000),
                };
                self.disk(kind, one, fault, lasts, cluster);
            }
            Kind::SlowDisk => {
                let fault = Fault::Slow {
                    time: self.random.time(ms(2), ms(120)),
                };
                self.disk(kind, one, fault, lasts, cluster);
            }
            Kind::SlowReplica => {
                let by = self.random.time(ms(5), ms(150));
                note(
                    &self.trace,
                    format!("replica {one} by {by:?} for {lasts:?}"),
                );
                self.net.slow(one, by);
                self.later(lasts, Undo::Near(one));
            }
            Kind::ClockJump => {
                let far = if self.random.chance(250) {
                    80_000
                } else {
                    8_000
                };
                let off = self.random.below(2 * far) as i64 - far as i64;
                note(
                    &self.trace,
                    format!("replica {one} by {off} ms for {lasts:?}"),
                );
                if let Some(machine) = cluster.machines.get(&one) {
                    machine.clock.set_off(off);
                }
                self.later(lasts, Undo::Clock(one));
            }
        }
        Ok(())
    }

    /// Lets replicas crash soon after a snapshot has begun to arrive, in seeds that are about that.
    pub fn crash_at_snapshots(&mut self, cluster: &Cluster) {
        if !self.kinds.contains(&Kind::CrashAtSnapshot) {
            return;
        }
        let (mut random, trace) = (self.random.clone(), self.trace.clone());
        let disks = cluster.disks();
        self.net.on_snapshot(Some(Box::new(move |place| {
            let Some(media) = disks.get(&place).filter(|_| random.chance(500)) else {
                return;
            };
            let fault = Fault::Cut {
                changes: random.below(24),
                when: [When::Before, When::After][random.below(2) as usize],
                cut: [Cut::Nothing, Cut::Some][random.below(2) as usize],
            };
            trace.note(Kind::CrashAtSnapshot.name(), || {
                format!("replica {place}: {fault:?}")
            });
            let mut media = media.lock().unwrap_or_else(PoisonError::into_inner);
            media.set_fault(Some(fault));
        })));
    }

    fn kept(&mut self) -> Cut {
        [Cut::Nothing, Cut::Some, Cut::Some, Cut::All][self.random.below(4) as usize]
    }

    fn later(&mut self, lasts: Duration, undo: Undo) {
        self.due.push((Instant::now() + lasts, undo));
    }

    fn cut(&mut self, kind: Kind, ways: Vec<(Place, Place)>, lasts: Duration) {
        self.trace
            .note(kind.name(), || format!("{ways:?} for {lasts:?}"));
        for &(from, to) in &ways {
            self.net.cut(from, to);
        }
        self.later(lasts, Undo::Mend(ways));
    }

    fn disk(&mut self, kind: Kind, id: u64, fault: Fault, lasts: Duration, cluster: &Cluster) {
        self.trace.note(kind.name(), || {
            format!("replica {id}: {fault:?} for {lasts:?}")
        });
        cluster.set_fault(id, Some(fault));
        self.later(lasts, Undo::Disk(id));
    }

    fn end_due(&mut self, cluster: &Cluster) {
        let now = Instant::now();
        let (due, rest) = std::mem::take(&mut self.due)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.due = rest;
        for (_, undo) in due {
            self.undo(undo, cluster);
        }
    }

    fn undo(&self, undo: Undo, cluster: &Cluster) {
        match undo {
            Undo::Weather => self.net.set_weather(self.fair),
            Undo::Mend(ways) => ways.iter().for_each(|&(from, to)| self.net.mend(from, to)),
            Undo::Disk(id) => cluster.set_fault(id, None),
            Undo::Near(id) => self.net.slow(id, Duration::ZERO),
            Undo::Clock(id) => {
                if let Some(machine) = cluster.machines.get(&id) {
                    machine.clock.set_off(0);
                }
            }
        }
    }

    /// Ends all faults.
    pub fn heal(&mut self, cluster: &mut Cluster) {
        self.trace.note("heal", String::new);
        self.due.clear();
        self.net.on_snapshot(None);
        self.net.set_weather(self.fair);
        self.net.mend_all();
        for machine in cluster.machines.values_mut() {
            machine.clock.set_off(0);
            machine.media().set_fault(None);
            if machine.running.is_none() && machine.is_set_up() {
                machine.back = Some(Instant::now());
            }
        }
    }
}
