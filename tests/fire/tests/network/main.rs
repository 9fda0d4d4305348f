//! Five replicas in five network namespaces, as far apart as prefectures are: cut off, cut in two, on links that come
//! and go, beside slow disks and frozen peers. What clients saw is checked for linearizability (P2, P5, P6).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did"
)]

mod fault;
mod packets;
mod world;

use fault::Fault;
use sekisho_fire::net::CITIES;
use sekisho_fire::{Dice, History, Need, alone_here, count, eventually, left_out};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use world::World;

const NEEDS: [Need; 4] = [Need::Root, Need::Fuse, Need::Tun, Need::Namespaces];
const REPLICAS: usize = CITIES.len();
const ALL: [usize; REPLICAS] = [0, 1, 2, 3, 4];
/// Clients at each replica.
const CLIENTS: usize = 2;
/// Between prefectures: a silent leader is replaced after 2.5 to 5 s, twice that where it was known until then.
const TIMING: &str = "expected_rtt_ms = 40";
/// How soon a majority that is left must acknowledge again: an election takes up to 10 s, may fail by a split vote, and
/// does so more often the fewer voters are left; 21 s were seen on a busy machine.
const GO_ON: Duration = Duration::from_secs(60);
/// How soon every replica must acknowledge again once all is well.
const HEALED: Duration = Duration::from_secs(30);
/// Entries the serving side acknowledges while the fault lasts.
const ENTRIES: usize = 40;
/// The same where two packets in a hundred are lost: enough that hundreds are.
const ENTRIES_LOSSY: usize = 400;
/// A link that comes and goes, and for how long it does.
const FLAP: Duration = Duration::from_millis(700);
const FLAPPING: Duration = Duration::from_millis(700 * 12);
/// What an fsync takes on a slow disk.
const SLOW: Duration = Duration::from_millis(300);

/// In an ordinary run.
const FEW: [Fault; 7] = [
    Fault::None,
    Fault::LeaderCutOff,
    Fault::MajorityCutOff,
    Fault::FlappingLinks,
    Fault::SlowDisk,
    Fault::FrozenVoter,
    Fault::KilledLeader,
];
/// With `SEKISHO_SCENARIOS` at this many or more.
const MORE: [Fault; 5] = [
    Fault::FrozenLeader,
    Fault::LeaderDeaf,
    Fault::LeaderMute,
    Fault::NoMajority,
    Fault::LossAndJitter,
];

impl World {
    fn scenario(&mut self, number: u64, fault: Fault) {
        let history = History::new(number, &self.book);
        let (seen, mut dice) = (Arc::clone(&history), self.dice.split());
        self.at(0, move |caller| async move {
            seen.introduce(&caller, &mut dice).await;
        });
        let leader = self.leader();
        let stop = Arc::new(AtomicBool::new(false));
        let clients = self.clients(&history, &stop);
        let everyone = |since: u64, done: usize| {
            let ready = |n: &usize| history.visits(&[*n], since, true) >= done;
            ALL.iter().all(ready).then_some(())
        };
        eventually("every replica acknowledges before the fault", GO_ON, || {
            everyone(0, 3)
        });

        let expected = self.break_it(fault, leader);
        // Answers on their way when the fault began are not answers to what was asked after it.
        let (broken, broken_at) = (Instant::now(), history.now());
        let mut next = None;
        if !expected.serving.is_empty() {
            eventually("somebody of the serving side acknowledges", GO_ON, || {
                let done = history.visits(&expected.serving, broken_at, true);
                (done > 0).then(|| next = Some(broken.elapsed()))
            });
            let enough = match fault {
                Fault::LossAndJitter => ENTRIES_LOSSY,
                _ => ENTRIES,
            };
            eventually("the serving side goes on", GO_ON, || {
                let done = history.visits(&expected.serving, broken_at, true);
                (done >= enough).then_some(())
            });
        }
        if fault == Fault::FlappingLinks {
            eventually("the links came and went", GO_ON, || {
                (broken.elapsed() >= FLAPPING).then_some(())
            });
        }
        let refused = |n: &usize| history.visits(&[*n], broken_at, false) > 0;
        eventually("the others refuse", GO_ON, || {
            expected.refusing.iter().all(refused).then_some(())
        });
        let told = history.visits(&expected.refusing, broken_at, true);
        assert_eq!(
            told, 0,
            "{fault:?}: a replica without a majority acknowledged"
        );
        let lasted = broken.elapsed();

        self.heal(fault, leader);
        let (healed, healed_at) = (Instant::now(), history.now());
        self.ready();
        eventually("every replica acknowledges again", HEALED, || {
            everyone(healed_at, 1)
        });
        let again = healed.elapsed();
        stop.store(true, Ordering::Relaxed);
        for (station, client) in clients {
            let (runtime, _) = &self.stations[station];
            runtime
                .block_on(client)
                .unwrap_or_else(|e| panic!("a client failed: {e}"));
        }
        let (open, book) = (history.open(), Arc::clone(&self.book));
        let (seen, mut dice) = (Arc::clone(&history), self.dice.split());
        let checked = self.at(2, move |caller| async move {
            // Standing still and equal, so that what is nowhere will be nowhere.
            book.check(&caller).await;
            seen.close(&caller, &mut dice).await;
            book.check(&caller).await
        });
        let visits = history.judge(open);
        self.group.all_run();
        println!(
            "{fault:?} for {lasted:.1?}: next commit after {next:.1?}, all again after {again:.1?}; {visits:?}; \
             {checked:?}"
        );
    }
}

#[test]
fn histories_are_linearizable_whatever_happens_to_the_network() {
    if left_out("network", &NEEDS) {
        return;
    }
    let _alone = alone_here();
    let mut faults = FEW.to_vec();
    if count("SEKISHO_SCENARIOS", FEW.len() as u64) > FEW.len() as u64 {
        faults.extend(MORE);
    }
    let mut world = World::start(Dice::of_environment("network"));
    for (number, fault) in (0..).zip(faults) {
        world.scenario(number, fault);
    }
    let (carried, dropped) = world.router.weather.counts();
    println!("{carried} packets carried, {dropped} dropped");
    assert!(carried > 0 && dropped > 0 && world.namespaces.len() == REPLICAS);
}
