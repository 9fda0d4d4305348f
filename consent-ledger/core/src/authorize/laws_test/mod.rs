//! P2 to P5, P7 and P9 over random histories, and exactly the law as [`reference`] reads it a second time.
//!
//! Each history comes from one seed. CI runs some hundred; as many as one likes by
//! `SEKISHO_HISTORIES=1000000 cargo test --release -p sekisho-ledger --all-features -- laws --nocapture`
//! (from another seed on: `SEKISHO_FIRST_SEED`). What fails is made as short as it can be, and said with its seed.

mod coverage;
mod history;
mod more_steps;
mod narrowing;
mod random;
#[rustfmt::skip]
mod reference;
mod steps;

use crate::View;
use crate::testing::{network, subject};
use coverage::Coverage;
use history::{History, SOON_MS, Step};
use random::Random;
use sekisho_domain::*;

/// Requests made at the end of each history.
const REQUESTS: usize = 6;

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is {text:?}, not a number")),
        Err(_) => otherwise,
    }
}

/// What does not hold of a history.
type Broken = String;

/// Runs a law over histories; says the shortest it is broken by.
fn over_histories(otherwise: u64, law: impl Fn(&History, u64) -> Result<(), Broken>) -> u64 {
    let begin = History::begin();
    let histories = number("SEKISHO_HISTORIES", otherwise);
    let first = number("SEKISHO_FIRST_SEED", 1);
    for seed in first..first + histories {
        let steps = History::steps(seed);
        if let Err(broken) = law(&History::of(&begin, &steps), seed) {
            let (steps, broken) = shortened(&begin, steps, broken, |h| law(h, seed));
            let history = History::of(&begin, &steps);
            let said: Vec<_> = history.said[begin.said.len()..]
                .iter()
                .map(|said| {
                    format!(
                        "{} at {}, {}: {:?}",
                        said.index, said.time, said.by, said.body
                    )
                })
                .collect();
            panic!(
                "{broken}\nSEKISHO_FIRST_SEED={seed} SEKISHO_HISTORIES=1\n{}",
                said.join("\n")
            );
        }
    }
    histories
}

/// Leaves out whatever can be left out.
fn shortened(
    begin: &History,
    mut steps: Vec<Step>,
    mut broken: Broken,
    law: impl Fn(&History) -> Result<(), Broken>,
) -> (Vec<Step>, Broken) {
    let mut at = steps.len();
    while at > 0 {
        at -= 1;
        let mut fewer = steps.clone();
        fewer.remove(at);
        if let Err(why) = law(&History::of(begin, &fewer)) {
            (steps, broken) = (fewer, why);
            at = at.min(steps.len());
        }
    }
    (steps, broken)
}

fn require(holds: bool, why: impl FnOnce() -> Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(why()) }
}

#[test]
fn p2_p3_what_is_shown_is_exactly_what_is_lawful() {
    let coverage = std::cell::RefCell::new(Coverage::default());
    let histories = over_histories(400, |history, seed| {
        // The decisions in the leaves, each over everything before it and nothing after.
        for asked in &history.asked {
            let (request, time) = (&asked.record.request, asked.record.time);
            let lawful = history.lawful(asked.over, request, time);
            coverage.borrow_mut().note(history, &asked.record, &lawful);
            require(lawful == asked.shown, || {
                let index = asked.record.index;
                format!(
                    "at {index}: shown {:?}, lawful {lawful:?}, {:?}",
                    asked.shown, asked.record
                )
            })?;
        }
        let mut r = Random::of(seed ^ 1);
        for _ in 0..REQUESTS {
            let now = history.world.time;
            let record = history.decide(&history.request(&mut r), now);
            let lawful = history.lawful(history.said.len(), &record.request, now);
            coverage.borrow_mut().note(history, &record, &lawful);
            let shown = history.shown(&record, now);
            require(lawful == shown, || {
                format!("at the end: shown {shown:?}, lawful {lawful:?}, {record:?}")
            })?;
        }
        Ok(())
    });
    coverage.borrow().check(histories);
}

#[test]
fn p9_a_search_tells_of_exactly_those_whose_demographics_are_seen_once_linked() {
    let told = std::cell::Cell::new(0u64);
    over_histories(200, |history, seed| {
        let mut r = Random::of(seed ^ 6);
        let now = history.world.time;
        let view = View(&history.world.state);
        for _ in 0..REQUESTS {
            let mut request = history.request(&mut r);
            request.targets.remove(&request.viewing);
            let asking = SubjectRef {
                network: request.viewing.clone(),
                subject: request.subject,
            };
            for target in &request.targets {
                let linked = view.linked(&asking, target).expect("memory does not fail");
                let Some(subject) = linked else { continue };
                let find = AccessRequest {
                    action: Action::FindDocuments,
                    categories: Some([Category::Demographics].into()),
                    targets: [target.clone()].into(),
                    ..request.clone()
                };
                let search = AccessRequest {
                    action: Action::FindPatients,
                    ..find.clone()
                };
                let seen = crate::authorize(view, &find, now).expect("memory does not fail");
                let tells = crate::if_linked(view, &search, target, subject, now);
                let tells = tells.expect("memory does not fail");
                require(seen[0].1 == tells, || {
                    format!("linked, {:?}; searched, {tells:?}", seen[0].1)
                })?;
                if let Decision::Permit(_) = tells {
                    told.set(told.get() + 1);
                    // Who is told of was searched for with a permit.
                    let searched = crate::authorize(view, &search, now);
                    let searched = searched.expect("memory does not fail");
                    let permitted = matches!(searched[0].1, Decision::Permit(_));
                    require(permitted, || format!("{tells:?}, but {searched:?}"))?;
                }
            }
        }
        Ok(())
    });
    assert!(told.get() > 20, "only {} were told of", told.get());
}

#[test]
fn nothing_is_missing_exactly_where_there_is_a_permit() {
    let (whole, lacking) = (std::cell::Cell::new(0u64), std::cell::Cell::new(0u64));
    over_histories(200, |history, seed| {
        let mut r = Random::of(seed ^ 7);
        let now = history.world.time;
        let view = View(&history.world.state);
        for _ in 0..REQUESTS {
            let mut request = history.request(&mut r);
            if request.action == Action::FindPatients {
                request.action = Action::FindDocuments;
            }
            let decided = crate::authorize(view, &request, now).expect("memory does not fail");
            for (target, decision) in decided {
                let outlook = crate::outlook(view, &request, &target, now);
                let outlook = outlook.expect("memory does not fail");
                match &decision {
                    Decision::Permit(terms) => {
                        whole.set(whole.get() + 1);
                        let shown = terms.bases.iter().flat_map(|b| b.categories.iter());
                        let granted = shown.into_iter().all(|c| outlook.granted.contains(&c));
                        require(outlook.missing.is_empty() && granted, || {
                            format!("{terms:?}, but {outlook:?}")
                        })?;
                    }
                    Decision::Deny(denial) => {
                        lacking.set(lacking.get() + 1);
                        let first = outlook.missing.first().map(|m| m.reason);
                        let before_consents = denial.reason <= DenyReason::SubjectNotLinked;
                        require(
                            first.is_some() && (!before_consents || first == Some(denial.reason)),
                            || format!("{denial:?}, but {outlook:?}"),
                        )?;
                    }
                }
            }
        }
        Ok(())
    });
    let (whole, lacking) = (whole.get(), lacking.get());
    assert!(
        whole > 50 && lacking > 200,
        "{whole} permits, {lacking} denials"
    );
}

#[test]
fn p4_no_permit_outlives_what_it_rests_on() {
    over_histories(100, |history, seed| {
        let mut r = Random::of(seed ^ 2);
        for _ in 0..REQUESTS {
            let record = history.decide(&history.request(&mut r), history.world.time);
            let ends = record
                .decisions
                .iter()
                .filter_map(|(_, decision)| match decision {
                    Decision::Permit(terms) => Some(terms.expires),
                    Decision::Deny(_) => None,
                });
            for end in ends {
                let left = end.0 - record.time.0;
                for used in [end.0 - 1, record.time.0 + r.next() % left.max(1)].map(TimeMs) {
                    let shown = history.shown(&record, used);
                    let lawful = history.lawful(history.said.len(), &record.request, used);
                    require(shown.is_subset(&lawful), || {
                        format!(
                            "used at {used}: {:?}, {record:?}",
                            shown.difference(&lawful)
                        )
                    })?;
                }
            }
        }
        Ok(())
    });
}

#[test]
fn p4_what_narrows_never_lets_anybody_see_more() {
    over_histories(100, |history, seed| {
        let mut r = Random::of(seed ^ 3);
        let mut history = history.clone();
        let requests: Vec<_> = (0..REQUESTS).map(|_| history.request(&mut r)).collect();
        for _ in 0..3 {
            let soon = history.world.time.plus_ms(SOON_MS);
            let seen = |history: &History| -> Vec<_> {
                let records = requests.iter().map(|request| history.decide(request, soon));
                records.map(|record| history.shown(&record, soon)).collect()
            };
            let before = seen(&history);
            let what = history.narrow(&mut r);
            for ((before, after), request) in before.iter().zip(seen(&history)).zip(&requests) {
                require(after.is_subset(before), || {
                    let said = history.said.last();
                    format!(
                        "{what}, {said:?}, let {:?} be seen by {request:?}",
                        after.difference(before)
                    )
                })?;
            }
        }
        Ok(())
    });
}

#[test]
fn p5_an_entry_sent_again_is_the_same_entry_and_ids_are_each_networks_own() {
    over_histories(30, |history, seed| {
        let mut r = Random::of(seed ^ 4);
        let mut world = history.world.clone();
        let meta = |world: &crate::testing::World| View(&world.state).meta().unwrap().unwrap();
        let before = meta(&world);
        // Long after every window is over.
        world.time = world.time.plus_ms(1_000_000_000);
        for (_, envelope) in (0..4).filter_map(|_| r.any(&history.envelopes)) {
            let again = world.apply(&envelope);
            require(matches!(again, crate::Applied::Duplicate { .. }), || {
                format!("{again:?}")
            })?;
        }
        let after = meta(&world);
        require(
            (before.size, before.digest) == (after.size, after.digest),
            || "something changed".to_owned(),
        )?;
        // Another network may use the same id, once.
        let id = RequestId([7; 16]);
        let mut link = |by: &str, to: &str| {
            let (own, other) = (
                subject(90),
                SubjectRef {
                    network: network(to),
                    subject: subject(91),
                },
            );
            world.sign_as(by, id, Body::SubjectLink { own, other })
        };
        let (first, second) = (link("kurume", "saga"), link("yame", "saga"));
        for (envelope, fresh) in [
            (&first, true),
            (&second, true),
            (&first, false),
            (&second, false),
        ] {
            let applied = world.apply(envelope);
            let leaf = matches!(applied, crate::Applied::Leaf { .. });
            require(leaf == fresh, || format!("{applied:?}"))?;
        }
        Ok(())
    });
}

#[test]
fn p2_p7_the_same_entries_in_other_batches_are_the_same_tree() {
    let begin = History::begin();
    over_histories(30, |history, seed| {
        let mut r = Random::of(seed ^ 5);
        // What was said at other times stays in other batches; what nobody said is between some of them.
        let mut replica = begin.world.clone();
        for (time, envelope) in &history.envelopes {
            if r.once_in(4) {
                replica.time = TimeMs(r.next() % time.0);
                replica.apply_all(&[]);
            }
            replica.time = *time;
            let twice = if r.once_in(4) { 2 } else { 1 };
            replica.apply_all(&vec![envelope.clone(); twice]);
        }
        require(replica.state == history.world.state, || {
            "the states differ".to_owned()
        })?;
        let size = crate::tree::size(&replica.state).unwrap();
        let (a, b) = (1 + r.next() % size, 1 + r.next() % size);
        let (small, large) = (a.min(b), a.max(b));
        let root = |size| crate::tree::root(&history.world.state, size).unwrap();
        let proof = crate::tree::consistency_proof(&replica.state, small, large).unwrap();
        let consistent =
            crate::merkle::verify_consistency(small, large, &proof, &root(small), &root(large));
        require(consistent.is_ok(), || {
            format!("{small} and {large}: {consistent:?}")
        })
    });
}

#[test]
fn p9_whose_sealed_reservation_it_is_shows_in_nothing() {
    let begin = History::begin();
    over_histories(30, |history, seed| {
        let mut r = Random::of(seed ^ 6);
        let at = r.below(history.envelopes.len());
        let by = r.pick(&history::NETWORKS);
        // The same history with a reservation sealed somewhere in it, of this patient or of that.
        let mut outside = [1, 2].map(|patient| {
            let mut world = begin.world.clone();
            let mut came = Vec::new();
            for (n, (time, envelope)) in history.envelopes.iter().enumerate() {
                world.time = *time;
                if n == at {
                    let sealed = Commitment([patient; 32]);
                    let seal = Body::ReservationSeal { sealed };
                    let envelope = world.sign_as(by, RequestId([200; 16]), seal);
                    came.push((world.apply(&envelope), 0));
                }
                let applied = world.apply(envelope);
                let leaf = match &applied {
                    crate::Applied::Leaf { index, .. } => View(&world.state).leaf(*index).unwrap(),
                    _ => None,
                };
                came.push((applied, leaf.map_or(0, |bytes| bytes.len())));
            }
            came
        });
        // Hashes differ, as those of any two entries do.
        for (applied, _) in outside.iter_mut().flatten() {
            if let crate::Applied::Leaf { leaf_hash, .. } = applied {
                *leaf_hash = Hash([0; 32]);
            }
        }
        let [one, other] = outside;
        require(one == other, || "one sees whose it is".to_owned())
    });
}

/// The second reading is one that can be read.
#[test]
fn the_second_reading_is_short_and_shares_nothing_with_the_first() {
    let text = include_str!("reference.rs");
    let code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    let lines = text.lines().filter(code).count();
    assert!(lines < 200, "{lines} lines");
    for first in ["crate::", "super::", "View(", "View<", "authorize("] {
        let used = text
            .lines()
            .filter(code)
            .any(|line| line.contains(first) && !line.contains("pub(super)"));
        assert!(!used, "it uses {first}");
    }
}
