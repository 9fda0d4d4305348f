//! No evidence, no document (P1), and each record once (P5), wherever the power is cut.
//!
//! A document is retrieved between real processes whose disks are ours. The power of one of them is cut in the place of
//! its n-th change of the disk since it was asked, for one n after the other until nothing is left to cut into. Between
//! two changes a process leaves nothing behind, so every place where it can stop is one of these. Then it is started again,
//! and: of whatever came there is a record on the ledger, once; and the same question, asked again, is answered. The same
//! where whole networks are killed or frozen while many ask, in [`trouble`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did"
)]
mod asking;
mod place;
mod trouble;

use asking::{Came, ask_disclosing, ask_viewing};
use place::{DISCLOSING, Disks, Federation, VIEWING, fresh_id};
use sekisho_fire::disk::Keep;
use sekisho_fire::{Dice, Need, alone, left_out};
use std::time::{Duration, Instant};

const NEEDS: [Need; 2] = [Need::Root, Need::Fuse];
/// Changes of the disk in a retrieval and what follows it, at most.
const CHANGES_MAX: u64 = 400;
/// How long after an answer what follows it (the entry in the outbox, and that it is settled) may still meet the cut.
const AFTER: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaves_a_node_without_its_release_wherever_the_power_is_cut() {
    if left_out("evidence, disclosing", &NEEDS) {
        return;
    }
    let _alone = alone().await;
    let mut dice = Dice::of_environment("evidence, disclosing");
    let mut federation = Federation::start(&mut dice, Disks::Ours).await;
    let (mut cuts, mut with_bytes) = (0, 0);
    for changes in 0..CHANGES_MAX {
        let question = federation.question().await;
        let disk = federation.disk(DISCLOSING);
        disk.cut_after(changes, keep(&mut dice), &mut dice);
        let came = ask_disclosing(&federation, &question).await;
        let cut = meets_the_cut(&federation, DISCLOSING).await;
        cuts += u64::from(cut);
        with_bytes += u64::from(cut && came != Came::Nothing);
        federation.restart(DISCLOSING).await;
        if came != Came::Nothing {
            federation.recorded(question.access, 1, 0).await;
        }
        federation.answered(&question).await;
        federation.recorded(question.access, 1, 0).await;
        if !cut {
            break;
        }
    }
    println!("{cuts} cuts of the disclosing side, {with_bytes} after something had left");
    assert!((1..cuts).contains(&with_bytes), "before and after");
    federation.each_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_shown_without_its_receipt_wherever_the_power_is_cut() {
    if left_out("evidence, viewing", &NEEDS) {
        return;
    }
    let _alone = alone().await;
    let mut dice = Dice::of_environment("evidence, viewing");
    let mut federation = Federation::start(&mut dice, Disks::Ours).await;
    let (mut cuts, mut with_bytes) = (0, 0);
    for changes in 0..CHANGES_MAX {
        let request_id = fresh_id(&mut dice);
        let disk = federation.disk(VIEWING);
        disk.cut_after(changes, keep(&mut dice), &mut dice);
        let (came, access) = ask_viewing(&federation, request_id).await;
        let cut = meets_the_cut(&federation, VIEWING).await;
        cuts += u64::from(cut);
        with_bytes += u64::from(cut && came != Came::Nothing);
        federation.restart(VIEWING).await;
        if came != Came::Nothing {
            federation
                .recorded(access.expect("decided before it came"), 1, 1)
                .await;
        }
        let access = federation.shown(request_id).await;
        federation.recorded(access, 1, 1).await;
        if !cut {
            break;
        }
    }
    println!("{cuts} cuts of the viewing side, {with_bytes} after something was shown");
    assert!((1..cuts).contains(&with_bytes), "before and after");
    federation.each_once().await;
}

/// Waits until the cut has come, or nothing is left to do that it could fall into; whether it has come.
async fn meets_the_cut(federation: &Federation, machine: usize) -> bool {
    let disk = federation.disk(machine);
    let asked = Instant::now();
    while disk.has_power() && asked.elapsed() < AFTER {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    !disk.spare()
}

fn keep(dice: &mut Dice) -> Keep {
    match dice.below(2) {
        0 => Keep::Nothing,
        _ => Keep::Parts,
    }
}
