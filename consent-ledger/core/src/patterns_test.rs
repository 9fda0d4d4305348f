use super::*;
use crate::Applied;
use crate::leaf::Leaf;
use crate::testing::{World, grant, network, practitioner, subject};
use crate::view::View;
use proptest::prelude::*;
use sekisho_domain::{Body, ConsentRule, DenyReason, Outcome, RefusalReason, Scope};

const SAGA: &str = "4110000001";
const KURUME: &str = "4010000001";
const MINUTE_MS: u64 = 60 * 1000;
/// Noon and midnight in Japan, some days after each world began.
const NOON: TimeMs = TimeMs(1_790_132_400_000);
const MIDNIGHT: TimeMs = TimeMs(NOON.0 + 12 * HOUR_MS);

/// A patient of Kurume's, one for each number.
fn patient(n: usize) -> SubjectId {
    let mut id = [7; 16];
    id[..8].copy_from_slice(&(n as u64).to_be_bytes());
    SubjectId(id)
}

/// Kurume may look at what Saga has of `subject(2)`, whose consent is there, and of nobody else.
fn world(time: TimeMs) -> World {
    let mut world = World::unsigned(&["kurume", "saga", "yame"]);
    world.hospital("saga", SAGA);
    world.hospital("kurume", KURUME);
    world.policy("kurume", None, Some(Scope::EachFacility));
    world.agree("link", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
    for (theirs, own) in [(1, 2), (3, 4)] {
        world.link(("saga", subject(theirs)), ("kurume", subject(own)));
    }
    world.consent_to_visit("kurume", subject(2), KURUME);
    world.time = time;
    world
}

fn ask(world: &mut World, of: SubjectId) -> EntryIndex {
    let request = world.request("kurume", KURUME, of, &["saga"]);
    world.ask(&request).0
}

/// All leaves; what is read of each without the rest is what is seen of the whole.
fn leaves(world: &World) -> Vec<Leaf> {
    let view = View(&world.state);
    let size = view.meta().unwrap().unwrap().size;
    let leaf = |index| {
        let bytes = view.leaf(EntryIndex(index)).unwrap().unwrap();
        let leaf = Leaf::decode(&bytes).unwrap();
        assert_eq!(Seen::read(&bytes), Ok((leaf.index, Seen::of(&leaf))));
        leaf
    };
    (0..size).map(leaf).collect()
}

fn found(world: &World) -> Vec<SecurityAlert> {
    let mut watch = Watch::default();
    leaves(world)
        .iter()
        .flat_map(|leaf| watch.take(Seen::of(leaf)))
        .collect()
}

/// What is found, and whether the ledger takes each as it is found, from whoever says it.
fn raised(world: &mut World, by: &str) -> Vec<(Pattern, usize, Option<RefusalReason>)> {
    let found = found(world);
    let said = found.into_iter().map(|alert| {
        let (pattern, accesses) = (alert.pattern, alert.accesses.len());
        let refused = match world.say(by, Body::SecurityAlert(alert)) {
            Applied::Leaf {
                outcome: Outcome::Accepted,
                ..
            } => None,
            Applied::Leaf {
                outcome: Outcome::Refused(reason),
                ..
            } => Some(reason),
            other => panic!("{other:?}"),
        };
        (pattern, accesses, refused)
    });
    said.collect()
}

#[test]
fn many_patients_are_found_at_the_fiftieth_and_only_within_an_hour() {
    for (asked, apart_ms, expected) in [
        (49, MINUTE_MS, 0),
        (50, MINUTE_MS, 1),
        // The first and the fiftieth are an hour apart, and a millisecond more.
        (50, HOUR_MS / 49, 1),
        (50, HOUR_MS / 49 + 1, 0),
        // Fifty more are another alert, and one patient more is none.
        (99, MINUTE_MS / 4, 1),
        (100, MINUTE_MS / 4, 2),
    ] {
        let mut world = world(NOON);
        for n in 0..asked {
            ask(&mut world, patient(n));
            world.time = world.time.plus_ms(apart_ms);
        }
        let expected = vec![(Pattern::ManyPatients, 50, None); expected];
        assert_eq!(raised(&mut world, "kurume"), expected, "{asked} {apart_ms}");
    }
}

#[test]
fn the_same_patients_again_are_not_many() {
    let mut world = world(NOON);
    for n in 0..200 {
        ask(&mut world, patient(n % 49));
    }
    assert_eq!(found(&world), []);
}

#[test]
fn ten_denials_by_the_patients_will_are_found_and_no_others() {
    // Subject 4 is linked and gave no consent; a patient without a link is nobody's will; subject 2 is permitted.
    for (of, asked, expected) in [
        (subject(4), 9, 0),
        (subject(4), 10, 1),
        (subject(4), 20, 2),
        (patient(1), 20, 0),
        (subject(2), 20, 0),
    ] {
        let mut world = world(NOON);
        for _ in 0..asked {
            ask(&mut world, of);
        }
        let expected = vec![(Pattern::RepeatedDenials, 10, None); expected];
        assert_eq!(raised(&mut world, "saga"), expected, "{of:?} {asked}");
    }
}

#[test]
fn one_network_that_may_answer_makes_it_no_denial() {
    let mut world = world(NOON);
    for _ in 0..20 {
        let request = world.request("kurume", KURUME, subject(2), &["saga", "yame"]);
        world.ask(&request);
    }
    assert_eq!(found(&world), []);
}

#[test]
fn the_night_is_from_midnight_to_five_in_japan() {
    for (begin, expected) in [
        (MIDNIGHT, 1),
        (TimeMs(MIDNIGHT.0 - 1), 0),
        (TimeMs(MIDNIGHT.0 + 5 * HOUR_MS - 14), 0),
        (TimeMs(MIDNIGHT.0 + 5 * HOUR_MS - 15), 1),
        (NOON, 0),
    ] {
        let mut world = world(begin);
        for n in 0..15 {
            ask(&mut world, patient(n));
            world.time = world.time.plus_ms(1);
        }
        let expected = vec![(Pattern::NightBurst, 15, None); expected];
        assert_eq!(raised(&mut world, "kurume"), expected, "{begin:?}");
    }
}

#[test]
fn two_practitioners_are_not_one() {
    let mut world = world(MIDNIGHT);
    for n in 0..28 {
        let request = AccessRequest {
            practitioner_id: practitioner(1 + (n % 2) as u8),
            ..world.request("kurume", KURUME, patient(n), &["saga"])
        };
        world.ask(&request);
    }
    assert_eq!(found(&world), []);
}

#[test]
fn an_alert_on_the_ledger_is_not_found_again_after_a_restart() {
    let mut world = world(MIDNIGHT);
    for n in 0..15 {
        ask(&mut world, patient(n));
    }
    let alert = found(&world).remove(0);
    assert_eq!(
        View(&world.state)
            .alerted(&alert.viewing, alert.pattern, &alert.practitioner)
            .unwrap(),
        None
    );
    world.accept("kurume", Body::SecurityAlert(alert.clone()));
    let last = View(&world.state)
        .alerted(&alert.viewing, alert.pattern, &alert.practitioner)
        .unwrap();
    assert_eq!(last, alert.accesses.last().copied());
    // A watch that begins after those accesses knows of the alert only by its leaf.
    assert_eq!(
        world.refusal("saga", Body::SecurityAlert(alert)),
        Some(RefusalReason::AlreadyExists)
    );
}

#[test]
fn an_alert_that_its_accesses_do_not_show_is_refused() {
    let mut world = world(MIDNIGHT);
    for n in 0..15 {
        ask(&mut world, patient(n));
    }
    let good = found(&world).remove(0);
    let denied: Vec<_> = (0..10).map(|_| ask(&mut world, subject(4))).collect();
    let elsewhere = {
        let request = AccessRequest {
            practitioner_id: practitioner(9),
            ..world.request("kurume", KURUME, patient(77), &["saga"])
        };
        world.ask(&request).0
    };
    let with = |change: &dyn Fn(&mut SecurityAlert)| {
        let mut alert = good.clone();
        change(&mut alert);
        alert
    };
    let next = EntryIndex(View(&world.state).meta().unwrap().unwrap().size);
    let swap_last =
        |to: EntryIndex| move |alert: &mut SecurityAlert| *alert.accesses.last_mut().unwrap() = to;
    use RefusalReason::*;
    for (what, by, alert, reason) in [
        (
            "one access too few",
            "kurume",
            with(&|a| a.accesses.truncate(14)),
            InvalidContent,
        ),
        (
            "of another pattern",
            "kurume",
            with(&|a| a.pattern = Pattern::ManyPatients),
            InvalidContent,
        ),
        (
            "of another pattern",
            "kurume",
            with(&|a| (a.pattern, a.accesses) = (Pattern::NightBurst, denied.clone())),
            InvalidContent,
        ),
        (
            "denials that are none",
            "kurume",
            with(&|a| {
                (a.pattern, a.accesses) = (Pattern::RepeatedDenials, a.accesses[..10].to_vec());
            }),
            InvalidContent,
        ),
        (
            "another practitioner's access",
            "kurume",
            with(&swap_last(elsewhere)),
            InvalidContent,
        ),
        (
            "on another practitioner",
            "kurume",
            with(&|a| a.practitioner = practitioner(9)),
            InvalidContent,
        ),
        (
            "on another network",
            "saga",
            with(&|a| a.viewing = network("saga")),
            InvalidContent,
        ),
        (
            "an entry that is no access",
            "kurume",
            with(&|a| a.accesses[0] = EntryIndex(0)),
            NotFound,
        ),
        (
            "an access to come",
            "kurume",
            with(&swap_last(next)),
            NotFound,
        ),
        (
            "by who has no part in it",
            "yame",
            good.clone(),
            NotAuthorised,
        ),
    ] {
        assert_eq!(
            world.refusal(by, Body::SecurityAlert(alert)),
            Some(reason),
            "{what}"
        );
    }
    let officers = crate::testing::key("kurume", sekisho_domain::KeyPurpose::Governance);
    let said = world.say_with(&officers, Body::SecurityAlert(good.clone()));
    assert!(
        matches!(
            said,
            Applied::Leaf {
                outcome: Outcome::Refused(NotAuthorised),
                ..
            }
        ),
        "{said:?}"
    );
    world.accept("saga", Body::SecurityAlert(good));
}

#[test]
fn the_reasons_that_are_the_patients_will_are_these() {
    let will: Vec<_> = DenyReason::ALL
        .iter()
        .filter(|r| r.is_the_patients_will())
        .map(|r| r.code())
        .collect();
    assert_eq!(
        will,
        [
            "no-disclosing-consent",
            "no-viewing-consent",
            "consent-withdrawn",
            "consent-voided",
            "consent-not-in-period",
            "consent-proxy-ended",
            "consent-notice-ended",
            "consent-for-other-facility",
            "consent-for-other-practitioner",
            "consent-for-other-purpose",
            "consent-for-other-category",
            "reserved-by-patient",
        ]
    );
}

fn look(n: u64, time: u64, patient: usize, against_will: bool) -> Look {
    Look {
        index: EntryIndex(n),
        time: TimeMs(time),
        subject: self::patient(patient),
        ordinary: true,
        against_will,
    }
}

proptest! {
    /// What the watch finds is what the rule says, wherever there is such a choice of accesses at all.
    #[test]
    fn what_is_found_shows_it_and_what_shows_it_is_found(
        steps in prop::collection::vec((0..4 * MINUTE_MS, 0..70_usize, any::<bool>()), 1..120),
        begin in MIDNIGHT.0 - HOUR_MS..MIDNIGHT.0 + HOUR_MS,
    ) {
        let mut looks = VecDeque::new();
        let mut time = begin;
        for (n, (step, patient, against_will)) in steps.into_iter().enumerate() {
            time += step;
            looks.push_back(look(n as u64, time, patient, against_will));
            for pattern in Pattern::ALL {
                let found = newest(*pattern, &looks, None);
                // Counted another way: within the hour before the last that fits, how many fit.
                let fits: Vec<&Look> = looks.iter().filter(|l| l.is_of(*pattern)).collect();
                let enough = fits.last().is_some_and(|last| {
                    let within = fits.iter().filter(|l| last.time.0 - l.time.0 <= WINDOW_MS);
                    match of_different_patients(*pattern) {
                        true => within.map(|l| l.subject).collect::<BTreeSet<_>>().len() >= accesses_of(*pattern),
                        false => within.count() >= accesses_of(*pattern),
                    }
                });
                prop_assert_eq!(found.is_some(), enough, "{:?}", pattern);
                if let Some(found) = found {
                    prop_assert!(shows(*pattern, &found));
                }
            }
        }
    }
}

fn who(request: &AccessRequest) -> Who {
    (request.viewing.clone(), request.practitioner_id)
}

#[test]
fn what_a_watch_keeps_is_bounded() {
    let mut watch = Watch::default();
    let world = world(NOON);
    let request = world.request("kurume", KURUME, subject(4), &["saga"]);
    for n in 0..3 * KEPT_MAX as u64 {
        watch.look(who(&request), look(n, NOON.0, 1, false));
    }
    assert_eq!(
        watch.0.values().map(|r| r.looks.len()).max(),
        Some(KEPT_MAX)
    );
    for n in 0..PRACTITIONERS_MAX as u64 + 10 {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        let request = AccessRequest {
            practitioner_id: PractitionerId(id),
            ..request.clone()
        };
        watch.look(who(&request), look(n, NOON.0 + n, 1, false));
    }
    assert_eq!(watch.0.len(), PRACTITIONERS_MAX);
    // Who asked last is still known.
    let last = watch
        .0
        .values()
        .flat_map(|r| r.looks.back())
        .map(|l| l.index)
        .max();
    assert_eq!(last, Some(EntryIndex(PRACTITIONERS_MAX as u64 + 9)));
}
