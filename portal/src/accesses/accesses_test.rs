//! Rows over a real ledger: what is found by what, and that they follow it.

use super::taking::Chunk;
use super::*;
use sekisho_domain::{
    AccessRequest, Action, Body, Commitment, ConsentRule, EntryIndex, Hash, NetworkId, Purpose,
    Scope, SubjectId, TimeMs, Transfer,
};
use sekisho_ledger::testing::{World, grant, network, practitioner, subject};
use sekisho_ledger::{Leaf, View};
use sha2::{Digest, Sha256};

const SAGA: SubjectId = SubjectId([0xa5; 16]);
const KURUME: SubjectId = SubjectId([0x4b; 16]);
const HOSPITAL: &str = "4011234567";
const OTHER: &str = "4011234568";

/// A patient of Saga seen in Kurume, who consented at one of its two hospitals.
fn world() -> World {
    let mut world = World::of(&["saga", "kurume", "tottori"]);
    world.hospital("saga", "4111234567");
    world.hospital("kurume", HOSPITAL);
    world.hospital("kurume", OTHER);
    world.policy("kurume", None, Some(Scope::EachFacility));
    world.policy("saga", None, Some(Scope::EachFacility));
    world.agree(
        "saga-kurume",
        vec![grant("saga", "kurume", ConsentRule::Viewing)],
    );
    world.link(("saga", SAGA), ("kurume", KURUME));
    world.consent_to_visit("kurume", KURUME, HOSPITAL);
    world
}

fn asks(world: &mut World, at: &str, who: u8, purpose: Purpose) -> EntryIndex {
    let request = AccessRequest {
        practitioner_id: practitioner(who),
        purpose,
        action: Action::RetrieveDocument,
        document: Some(Commitment([4; 32])),
        ..world.request("kurume", at, KURUME, &["saga"])
    };
    world.time = world.time.plus_ms(1000);
    world.ask(&request).0
}

fn transfers(world: &mut World, access: EntryIndex, content: u8, release: bool) {
    let transfer = Transfer {
        access,
        disclosing: network("saga"),
        document: Commitment([4; 32]),
        content: Commitment([content; 32]),
    };
    match release {
        true => world.accept("saga", Body::Release(transfer)),
        false => world.accept("kurume", Body::Receipt(transfer)),
    };
}

fn chunk(world: &World, from: u64, anew: bool) -> Chunk {
    let view = View(&world.state);
    let leaves = view.leaves(EntryIndex(from), usize::MAX).unwrap();
    let leaves = leaves.into_iter().map(|bytes| {
        let hash = Hash(Sha256::digest(&bytes).into());
        (Leaf::decode(&bytes).unwrap(), hash)
    });
    Chunk {
        ledger: world.ledger,
        anew,
        leaves: leaves.collect(),
    }
}

fn taken(world: &World) -> Accesses {
    let accesses = Accesses::in_memory().unwrap();
    accesses.take(&chunk(world, 0, false)).unwrap();
    accesses
}

fn indices(rows: &[Row]) -> Vec<u64> {
    rows.iter().map(|row| row.index.0).collect()
}

fn found(accesses: &Accesses, wanted: &Wanted) -> Vec<u64> {
    indices(&accesses.find(wanted, Turn::Newest, 100).unwrap().rows)
}

#[test]
fn each_filter_finds_what_it_says_and_nothing_else() {
    let mut world = world();
    let first = asks(&mut world, HOSPITAL, 1, Purpose::Treat);
    let denied = asks(&mut world, OTHER, 1, Purpose::Treat);
    let coc = asks(&mut world, HOSPITAL, 2, Purpose::CoordinationOfCare);
    let last = asks(&mut world, HOSPITAL, 2, Purpose::Treat);
    let accesses = taken(&world);
    let (a, b, c, d) = (first.0, denied.0, coc.0, last.0);
    let time = |index: EntryIndex| accesses.row(index).unwrap().unwrap().time;
    let (at_b, at_d) = (time(denied), time(last));
    let any = Wanted::default;
    let cases: [(&str, Wanted, Vec<u64>); 11] = [
        ("all", any(), vec![d, c, b, a]),
        (
            "who",
            Wanted {
                practitioner: Some(practitioner(1)),
                ..any()
            },
            vec![b, a],
        ),
        (
            "where",
            Wanted {
                facility: OTHER.parse().ok(),
                ..any()
            },
            vec![b],
        ),
        (
            "who, where",
            Wanted {
                practitioner: Some(practitioner(1)),
                facility: HOSPITAL.parse().ok(),
                ..any()
            },
            vec![a],
        ),
        (
            "what for",
            Wanted {
                purpose: Some(Purpose::Treat),
                ..any()
            },
            vec![d, b, a],
        ),
        (
            "permitted",
            Wanted {
                permitted: Some(true),
                ..any()
            },
            vec![d, a],
        ),
        (
            "denied",
            Wanted {
                permitted: Some(false),
                ..any()
            },
            vec![c, b],
        ),
        (
            "asking network",
            Wanted {
                network: Some(network("kurume")),
                ..any()
            },
            vec![d, c, b, a],
        ),
        (
            "asked network",
            Wanted {
                network: Some(network("saga")),
                ..any()
            },
            vec![d, c, b, a],
        ),
        (
            "neither",
            Wanted {
                network: Some(network("tottori")),
                ..any()
            },
            vec![],
        ),
        (
            "when",
            Wanted {
                window: Window {
                    from: Some(at_b),
                    until: Some(at_d),
                },
                ..any()
            },
            vec![c, b],
        ),
    ];
    for (case, wanted, expected) in cases {
        assert_eq!(found(&accesses, &wanted), expected, "{case}");
    }
    let row = accesses.row(first).unwrap().unwrap();
    assert!(row.is_permitted() && row.permitted() == 1 && row.subject == KURUME);
    assert_eq!(accesses.row(EntryIndex(0)).unwrap(), None, "no access");
}

#[test]
fn pages_of_a_list_turn_both_ways_and_meet() {
    let mut world = world();
    let all: Vec<u64> = (0..7)
        .map(|n| asks(&mut world, HOSPITAL, n % 2, Purpose::Treat).0)
        .collect();
    let accesses = taken(&world);
    for wanted in [
        Wanted::default(),
        Wanted {
            facility: HOSPITAL.parse().ok(),
            ..Wanted::default()
        },
    ] {
        let page = |turn| accesses.find(&wanted, turn, 3).unwrap();
        let first = page(Turn::Newest);
        assert_eq!(indices(&first.rows), [all[6], all[5], all[4]]);
        assert_eq!((first.newer, first.stopped), (None, false));
        let second = page(Turn::Before(first.older.unwrap()));
        assert_eq!(indices(&second.rows), [all[3], all[2], all[1]]);
        let third = page(Turn::Before(second.older.unwrap()));
        assert_eq!((indices(&third.rows), third.older), (vec![all[0]], None));
        let back = page(Turn::After(third.newer.unwrap()));
        assert_eq!(indices(&back.rows), [all[3], all[2], all[1]]);
        let back = page(Turn::After(back.newer.unwrap()));
        assert_eq!(indices(&back.rows), [all[6], all[5], all[4]]);
        assert_eq!(back.newer, None);
    }
}

#[test]
fn a_patient_is_found_by_the_pseudonyms_of_both_sides() {
    let mut world = world();
    let permitted = asks(&mut world, HOSPITAL, 1, Purpose::Treat);
    let denied = asks(&mut world, OTHER, 1, Purpose::Treat);
    let own = world.request("saga", "4111234567", SAGA, &["saga"]);
    let own = world.ask(&own).0;
    let accesses = taken(&world);
    let ask = |of: &[(NetworkId, SubjectId)], before, max| {
        let rows = accesses
            .of_subjects(of, Window::default(), before, max)
            .unwrap();
        indices(&rows)
    };
    let (saga, kurume) = ((network("saga"), SAGA), (network("kurume"), KURUME));
    assert_eq!(
        ask(std::slice::from_ref(&kurume), None, 10),
        [denied.0, permitted.0]
    );
    // What was denied discloses nothing, and names the patient to nobody.
    assert_eq!(
        ask(std::slice::from_ref(&saga), None, 10),
        [own.0, permitted.0]
    );
    let both = [saga, kurume];
    assert_eq!(ask(&both, None, 10), [own.0, denied.0, permitted.0]);
    assert_eq!(ask(&both, None, 2), [own.0, denied.0]);
    assert_eq!(ask(&both, Some(denied), 2), [permitted.0]);
    assert!(
        ask(
            &[(network("saga"), KURUME), (network("tottori"), SAGA)],
            None,
            10
        )
        .is_empty()
    );
    assert!(ask(&[(network("saga"), subject(1))], None, 10).is_empty());
}

#[test]
fn a_transfer_is_loose_until_its_other_half_comes_with_the_same_content() {
    let mut world = world();
    let [matched, half, differs] = [0; 3].map(|_| asks(&mut world, HOSPITAL, 1, Purpose::Treat));
    transfers(&mut world, matched, 5, true);
    transfers(&mut world, half, 6, true);
    transfers(&mut world, differs, 7, true);
    let accesses = taken(&world);
    let loose = || indices(&accesses.loose(10).unwrap());
    assert_eq!(loose(), [matched.0, half.0, differs.0]);
    let from = accesses.place().unwrap().unwrap().next;
    transfers(&mut world, matched, 5, false);
    transfers(&mut world, differs, 8, false);
    accesses.take(&chunk(&world, from, false)).unwrap();
    assert_eq!(loose(), [half.0, differs.0]);
    let row = accesses.row(matched).unwrap().unwrap();
    assert!(row.release.is_some() && row.receipt > row.release);
    let traffic = accesses.traffic(TimeMs(0)).unwrap();
    let pair = traffic[&(network("kurume"), network("saga"))];
    assert_eq!((pair.asked, pair.permitted), (3, 3));
    let tomorrow = world.time.plus_ms(2 * 86_400_000);
    assert!(accesses.traffic(tomorrow).unwrap().is_empty());
}

#[test]
fn made_anew_it_is_the_same_and_holds_nothing_of_before() {
    let mut one = world();
    asks(&mut one, HOSPITAL, 1, Purpose::Treat);
    let mut other = world();
    other.time = other.time.plus_ms(5_000);
    let alone = asks(&mut other, OTHER, 3, Purpose::Treat);
    let accesses = taken(&one);
    accesses.take(&chunk(&other, 0, true)).unwrap();
    assert_eq!(found(&accesses, &Wanted::default()), [alone.0]);
    let same = taken(&other);
    assert_eq!(accesses.place().unwrap(), same.place().unwrap());
    assert_eq!(accesses.row(alone).unwrap(), same.row(alone).unwrap());
    let gone = Wanted {
        practitioner: Some(practitioner(1)),
        ..Wanted::default()
    };
    assert!(found(&accesses, &gone).is_empty());
}

#[test]
fn what_was_taken_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("accesses.redb");
    let mut world = world();
    let access = asks(&mut world, HOSPITAL, 1, Purpose::Treat);
    let accesses = Accesses::open(&path).unwrap();
    assert!(matches!(
        Accesses::open(&path),
        Err(AccessesFault::InUse(_))
    ));
    accesses.take(&chunk(&world, 0, false)).unwrap();
    drop(accesses);
    let accesses = Accesses::open(&path).unwrap();
    assert_eq!(found(&accesses, &Wanted::default()), [access.0]);
    assert_eq!(accesses.place().unwrap().unwrap().next, access.0 + 1);
}
