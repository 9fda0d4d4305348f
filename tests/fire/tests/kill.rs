//! SIGKILL in a loop, under load: what was acknowledged is there, once, at its place, on every replica (P5, P6).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did"
)]

use sekisho_fire::{Caller, Dice, Group, Load, alone, count, loopback_places, program, until};
use std::time::{Duration, Instant};

/// Kills in an ordinary run; `SEKISHO_KILLS` for more.
const KILLS: u64 = 25;
const REPLICAS: usize = 3;
const CLIENTS: usize = 6;
/// Large entries, in ten.
const BULK: u64 = 3;
/// Entries that may be acknowledged between two kills.
const ENTRIES_BETWEEN_MAX: u64 = 120;
/// How long the group may take to acknowledge them, an election included.
const PROGRESS: Duration = Duration::from_secs(60);
/// Between processes of one machine.
const TIMING: &str = "expected_rtt_ms = 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_sigkill_of_any_replica() {
    let _alone = alone().await;
    let kills = count("SEKISHO_KILLS", KILLS);
    let mut dice = Dice::of_environment("kill");
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::found(
        &program(env!("CARGO_BIN_EXE_sekisho-under-fire")),
        loopback_places(dir.path(), REPLICAS),
        TIMING,
        &dir.path().join("logs"),
    );
    let caller = Caller::new(&group.town);
    group.start_all();
    group.ready(&caller, &[0, 1, 2]).await;
    group.found_town(&caller, &mut dice).await;
    let load = Load::start(&caller, CLIENTS, BULK, &mut dice);
    let book = std::sync::Arc::clone(load.book());

    let (mut leaders, mut next_commits) = (0, Vec::new());
    for kill in 0..kills {
        let enough = book.count() + 1 + dice.below(ENTRIES_BETWEEN_MAX) as usize;
        until(
            "entries are acknowledged between two kills",
            PROGRESS,
            || {
                group.all_run();
                let done = book.count() >= enough;
                async move { done.then_some(()) }
            },
        )
        .await;
        let leader = group.leader(&caller).await;
        let victim = match dice.below(2) {
            0 => leader,
            _ => dice.below(REPLICAS as u64) as usize,
        };
        let killed = Instant::now();
        group.kill(victim);
        if victim == leader {
            leaders += 1;
            // Half of the leaders stay away until another one leads.
            if dice.below(2) == 0 {
                let key = group.town.members[victim].acknowledges_with();
                let next = until("another replica leads and commits", PROGRESS, || {
                    let next = book.first_by_another(killed, &key);
                    async move { next }
                })
                .await;
                next_commits.push(next - killed);
            }
        }
        group.start(victim);
        if (kill + 1) % 50 == 0 {
            println!("{} kills, {} entries acknowledged", kill + 1, book.count());
        }
    }
    group.ready(&caller, &[0, 1, 2]).await;
    let book = load.stop().await;
    let checked = book.check(&caller).await;
    let asked = book.ask_unknown(&caller).await;
    println!(
        "{kills} kills, {leaders} of them of the leader; {checked:?}; {asked} unknown outcomes asked everywhere"
    );
    next_commits.sort();
    if let (Some(first), Some(last)) = (next_commits.first(), next_commits.last()) {
        let median = next_commits[next_commits.len() / 2];
        println!(
            "kill of the leader to the next commit (election timeout 400 to 800 ms), {} times: \
             {first:?} at least, {median:?} in the middle, {last:?} at most",
            next_commits.len()
        );
    }
    assert!(checked.acknowledged > 0 && leaders > 0);
}
