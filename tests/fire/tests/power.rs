//! Power cuts, full disks and failing disks under the real program (P6).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did"
)]

use sekisho_fire::disk::{Disk, Keep, Mounted};
use sekisho_fire::{
    Book, Caller, Dice, Group, Load, Need, Place, alone, count, left_out, loopback_places, program,
    until,
};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const NEEDS: [Need; 2] = [Need::Root, Need::Fuse];
/// Cuts of each mode in an ordinary run; `SEKISHO_CUTS` for more.
const CUTS: u64 = 8;
const REPLICAS: usize = 3;
const CLIENTS: usize = 12;
/// Large entries, in ten: in a long run the log is cut and the state flushed again and again.
const BULK: u64 = 8;
/// Entries that may be acknowledged between two cuts.
const ENTRIES_BETWEEN_MAX: u64 = 150;
/// A cut comes up to this much later, so that it falls between any two writes.
const LATER_MAX_US: u64 = 20_000;
/// How long the group may take to acknowledge entries, an election included.
const PROGRESS: Duration = Duration::from_secs(60);
const TIMING: &str = "expected_rtt_ms = 1";
const ALL: [usize; REPLICAS] = [0, 1, 2];

/// Replicas, each on a disk of its own. Dropped in this order: processes, disks, folder.
struct Machines {
    group: Group,
    disks: Vec<Mounted>,
    caller: Caller,
    _dir: TempDir,
}

impl Machines {
    async fn start(dice: &mut Dice) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let places = loopback_places(&dir.path().join("disks"), REPLICAS);
        let disks: Vec<_> = places.iter().map(|place| Mounted::on(&place.dir)).collect();
        let on_disk = |place: Place| Place {
            dir: place.dir.join("sekisho"),
            ..place
        };
        let group = Group::found(
            &program(env!("CARGO_BIN_EXE_sekisho-under-fire")),
            places.into_iter().map(on_disk).collect(),
            TIMING,
            &dir.path().join("logs"),
        );
        // What an operator installed is on the disk; what the program writes is its own affair.
        disks.iter().for_each(|mounted| mounted.disk.sync_all());
        let mut machines = Self {
            caller: Caller::new(&group.town),
            group,
            disks,
            _dir: dir,
        };
        machines.group.start_all();
        machines.group.ready(&machines.caller, &ALL).await;
        machines.group.found_town(&machines.caller, dice).await;
        machines
    }

    fn disk(&self, replica: usize) -> &Disk {
        &self.disks[replica].disk
    }

    /// Cuts the power of these machines at once.
    fn cut(&mut self, victims: &[usize], keep: Keep, dice: &mut Dice) {
        victims
            .iter()
            .for_each(|victim| self.disk(*victim).cut(keep, dice));
        victims.iter().for_each(|victim| self.group.kill(*victim));
    }

    fn power_on(&mut self, victims: &[usize]) {
        for victim in victims {
            self.disk(*victim).power_on();
            self.group.start(*victim);
        }
    }

    async fn progress(&mut self, book: &Book, entries: u64) {
        let enough = book.count() + entries as usize;
        until("entries are acknowledged", PROGRESS, || {
            let done = book.count() >= enough;
            async move { done.then_some(()) }
        })
        .await;
    }
}

async fn cuts(keep: Keep) {
    if left_out("power", &NEEDS) {
        return;
    }
    let _alone = alone().await;
    let cuts = count("SEKISHO_CUTS", CUTS);
    let mut dice = Dice::of_environment(&format!("power, keeping {keep:?}"));
    let mut machines = Machines::start(&mut dice).await;
    let caller = machines.caller.clone();
    let load = Load::start(&caller, CLIENTS, BULK, &mut dice);
    let book = Arc::clone(load.book());
    let mut of_all = 0;
    for cut in 0..cuts {
        machines
            .progress(&book, 1 + dice.below(ENTRIES_BETWEEN_MAX))
            .await;
        machines.group.all_run();
        tokio::time::sleep(Duration::from_micros(dice.below(LATER_MAX_US))).await;
        let victims = match dice.below(5) {
            // Of all at once every second time or so: that is what nobody else's disk makes good.
            0 | 1 => ALL.to_vec(),
            2 => vec![machines.group.leader(&caller).await],
            _ => vec![dice.below(REPLICAS as u64) as usize],
        };
        machines.cut(&victims, keep, &mut dice);
        let acknowledged = book.size();
        machines.power_on(&victims);
        if victims.len() == REPLICAS {
            of_all += 1;
            machines.group.ready(&caller, &ALL).await;
            for replica in ALL {
                let standing = caller.standing(replica).await.expect("it is ready");
                assert!(
                    standing.size >= acknowledged,
                    "cut {cut}: {} leaves on replica {replica}, {acknowledged} were acknowledged",
                    standing.size
                );
            }
        }
        if (cut + 1) % 25 == 0 {
            println!("{} cuts, {} entries acknowledged", cut + 1, book.count());
        }
    }
    machines.group.ready(&caller, &ALL).await;
    let book = load.stop().await;
    let checked = book.check(&caller).await;
    let asked = book.ask_unknown(&caller).await;
    let syncs: u64 = ALL.iter().map(|n| machines.disk(*n).syncs()).sum();
    let bytes: u64 = ALL.iter().map(|n| machines.disk(*n).bytes()).sum();
    println!(
        "{cuts} cuts keeping {keep:?}, {of_all} of them of all three machines; {checked:?}; \
         {asked} unknown outcomes asked everywhere; {syncs} fsyncs, {bytes} bytes on disks; 0 lost, 0 failures to open"
    );
    assert!(checked.acknowledged > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_where_a_cut_loses_all_that_was_not_synced() {
    cuts(Keep::Nothing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_where_a_cut_leaves_random_parts() {
    cuts(Keep::Parts).await;
}

/// The check itself: on drives that say "synced" and keep nothing, acknowledged entries are missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drives_that_lie_about_fsync_are_found_out() {
    if left_out("power", &NEEDS) {
        return;
    }
    let _alone = alone().await;
    let mut dice = Dice::of_environment("power, lying drives");
    let mut machines = Machines::start(&mut dice).await;
    let caller = machines.caller.clone();
    let load = Load::start(&caller, CLIENTS, BULK, &mut dice);
    let book = Arc::clone(load.book());
    machines.progress(&book, 50).await;
    ALL.iter().for_each(|n| machines.disk(*n).lie(true));
    machines.progress(&book, 100).await;
    machines.cut(&ALL, Keep::Nothing, &mut dice);
    ALL.iter().for_each(|n| machines.disk(*n).lie(false));
    // Clients would see another ledger than they know and fail: they are told nothing any more.
    let told = book.size();
    drop(load);
    machines.power_on(&ALL);
    let group = &mut machines.group;
    let found = until("a replica serves again, or refuses to", PROGRESS, || {
        let ended = ALL.iter().any(|n| group.process(*n).ended().is_some());
        let caller = &caller;
        async move {
            let standing = caller.standing(0).await.filter(|standing| standing.ready);
            let serves = standing.map(|standing| standing.size);
            (ended || serves.is_some()).then_some(serves)
        }
    })
    .await;
    match found {
        None => println!("lying drives: a replica refused to open its store"),
        Some(size) => {
            let lost = book.lost(&caller.leaves(0).await).entries.len();
            println!("lying drives: {lost} acknowledged entries lost, {size} leaves of {told}");
            assert!(lost > 0, "the check finds what is lost");
        }
    }
}

/// One machine's disk fails; what its process said last.
async fn failing(what: &str, fail: impl Fn(&Disk), says: &[&str]) -> (Machines, Load, usize) {
    let mut dice = Dice::of_environment(what);
    let mut machines = Machines::start(&mut dice).await;
    let caller = machines.caller.clone();
    let load = Load::start(&caller, CLIENTS, BULK, &mut dice);
    let book = Arc::clone(load.book());
    machines.progress(&book, 30).await;
    let victim = machines.group.leader(&caller).await;
    fail(machines.disk(victim));
    let process = machines.group.process(victim);
    let status = until("the replica stops", PROGRESS, || {
        let ended = process.ended();
        async move { ended }
    })
    .await;
    let said = process.said();
    assert!(!status.success(), "{status}");
    for expected in says {
        assert!(
            said.contains(expected),
            "{expected:?} in what it said:\n{said}"
        );
    }
    let last: Vec<_> = said.lines().filter(|line| line.contains("ERROR")).collect();
    println!("{what}: {status}; {}", last.join("\n"));
    // The others go on.
    machines.progress(&book, 50).await;
    (machines, load, victim)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_disk_is_full_stops_and_comes_back_with_space() {
    if left_out("power", &NEEDS) {
        return;
    }
    let _alone = alone().await;
    let says = ["No space left on device"];
    let (mut machines, load, victim) = failing("full disk", |disk| disk.fill(true), &says).await;
    machines.disk(victim).fill(false);
    machines.group.start(victim);
    machines.group.ready(&machines.caller, &ALL).await;
    let checked = load.stop().await.check(&machines.caller).await;
    println!("full disk: {checked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_fsync_fails_stops_and_the_others_go_on() {
    if left_out("power", &NEEDS) {
        return;
    }
    let _alone = alone().await;
    let says = ["Input/output error"];
    let (machines, load, victim) =
        failing("failing fsync", |disk| disk.fail_syncs(true), &says).await;
    let others: Vec<_> = ALL.into_iter().filter(|n| *n != victim).collect();
    let checked = load.stop().await.check_on(&machines.caller, &others).await;
    println!("failing fsync: {checked:?}");
}
