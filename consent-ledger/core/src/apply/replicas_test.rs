//! Replicas: ids, votes, and who gives and takes them.

use crate::testing::{World, key};
use crate::view::{KEYS_MAX, REPLICAS_OF_NETWORK_MAX};
use crate::{Applied, EntryFault, Leaf, Strict, View, place_to_come, sign_entry, tree};
use sekisho_domain::*;

fn allocate(name: &str) -> Body {
    Body::ReplicaAllocate {
        endpoint: "replica.example:7420".to_owned(),
        transport_key: key(name, KeyPurpose::Transport).public_key(),
        checkpoint_key: key(name, KeyPurpose::Checkpoint).public_key(),
    }
}

fn promote(replica: ReplicaId) -> Body {
    Body::ReplicaPromote { replica }
}

fn retire(replica: ReplicaId) -> Body {
    Body::ReplicaRetire { replica }
}

/// Past the index that is a founder's id.
fn world() -> World {
    let mut world = World::of(&["kurume", "saga", "yame"]);
    world.hospital("saga", "4110000001");
    world
}

fn placed(world: &mut World, of: &str, name: &str) -> ReplicaId {
    ReplicaId::allocated(1, world.accept(of, allocate(name)))
}

/// The voters of the tree as it is.
fn voters(world: &World) -> Vec<u64> {
    let view = View(&world.state);
    let size = view.meta().unwrap().unwrap().size;
    let voters = view.voters_of(size).unwrap();
    voters.into_iter().map(|(id, _)| id.0).collect()
}

#[test]
fn an_id_is_an_index_and_never_a_founders() {
    let mut world = World::of(&["kurume", "saga", "yame"]);
    // Three networks have said one entry each, so that the next index is a founder's id.
    let size = View(&world.state).meta().unwrap().unwrap().size;
    assert_eq!(size, 3, "the founders are 1 to 3");
    let taken = world.refusal("saga", allocate("new"));
    assert_eq!(taken, Some(RefusalReason::AlreadyExists));
    let id = placed(&mut world, "saga", "new");
    assert_eq!(id, ReplicaId(4));
    assert_eq!(voters(&world), [1, 2, 3], "it does not vote yet");
    // Another lineage gives other ids, whatever was lost.
    assert_ne!(ReplicaId::allocated(2, EntryIndex(4)), id);
    let first = ReplicaId::allocated(2, EntryIndex(0));
    assert!(first > ReplicaId::allocated(1, EntryIndex((1 << 48) - 1)));
}

#[test]
fn a_network_has_its_first_vote_by_its_own_word_and_more_by_the_others() {
    let mut world = world();
    world.accept("saga", retire(ReplicaId(2)));
    assert_eq!(voters(&world), [1, 3]);
    // Its own again: nobody else is asked.
    let first = placed(&mut world, "saga", "new 1");
    world.accept("saga", promote(first));
    assert_eq!(voters(&world), [1, 3, first.0]);
    // A second one: two of three networks.
    let second = placed(&mut world, "saga", "new 2");
    world.accept("saga", promote(second));
    assert_eq!(voters(&world).len(), 3);
    let again = world.refusal("saga", promote(second));
    assert_eq!(again, Some(RefusalReason::AlreadyExists));
    world.accept("yame", promote(second));
    assert_eq!(voters(&world), [1, 3, first.0, second.0]);
    let again = world.refusal("kurume", promote(second));
    assert_eq!(again, Some(RefusalReason::AlreadyExists), "it votes");
    // Nobody alone gives another's replica the vote that is that network's to take.
    world.accept("kurume", retire(ReplicaId(1)));
    let idle = placed(&mut world, "kurume", "new 3");
    world.accept("saga", promote(idle));
    assert_eq!(voters(&world), [3, first.0, second.0]);
    let unknown = world.refusal("saga", promote(ReplicaId(999)));
    assert_eq!(unknown, Some(RefusalReason::NotFound));
}

#[test]
fn a_replica_is_retired_by_its_own_network_or_by_a_majority_and_for_good() {
    let mut world = world();
    world.accept("yame", retire(ReplicaId(1)));
    assert_eq!(voters(&world), [1, 2, 3], "one network of three");
    world.accept("saga", retire(ReplicaId(1)));
    assert_eq!(voters(&world), [2, 3]);
    for body in [retire(ReplicaId(1)), promote(ReplicaId(1))] {
        let ended = world.refusal("kurume", body);
        assert_eq!(ended, Some(RefusalReason::Ended));
    }
    world.accept("saga", retire(ReplicaId(2)));
    // A learner beside the last voter is not enough.
    placed(&mut world, "saga", "new");
    let last = world.refusal("yame", retire(ReplicaId(3)));
    assert_eq!(last, Some(RefusalReason::InvalidContent));
    // Its cosignatures end with it; its connections are its network's.
    let view = View(&world.state);
    let of = |purpose| key("saga", purpose).key_id();
    let revoked = |purpose| {
        let key = view.key(&of(purpose)).unwrap().unwrap();
        key.value.revoked.is_some()
    };
    assert!(revoked(KeyPurpose::Checkpoint));
    assert!(!revoked(KeyPurpose::Transport));
}

#[test]
fn the_voters_of_a_tree_are_those_its_leaves_name() {
    let mut world = world();
    let id = placed(&mut world, "saga", "new");
    let retired = world.accept("saga", retire(ReplicaId(2)));
    let promoted = world.accept("saga", promote(id));
    let of = |size: u64| -> Vec<u64> {
        let voters = View(&world.state).voters_of(size).unwrap();
        voters.into_iter().map(|(id, _)| id.0).collect()
    };
    assert_eq!(of(0), [1, 2, 3]);
    assert_eq!(of(retired.0), [1, 2, 3]);
    assert_eq!(of(retired.0 + 1), [1, 3]);
    assert_eq!(of(promoted.0), [1, 3]);
    assert_eq!(of(promoted.0 + 1), [1, 3, id.0]);
    let named = View(&world.state).checkpoint_voters(promoted.0 + 1);
    let names: Vec<_> = named.unwrap().iter().map(|v| v.0.to_string()).collect();
    let new = format!("replica-{id}.saga");
    assert_eq!(names, ["replica-1.kurume", "replica-3.yame", &new]);
}

#[test]
fn keys_are_strong_and_new_but_a_process_may_take_a_replica_up() {
    let mut world = world();
    let new = |name: &str, purpose| key(name, purpose).public_key();
    let (transport, checkpoint) = (KeyPurpose::Transport, KeyPurpose::Checkpoint);
    let mut said = 0;
    let mut ask = |world: &mut World, by: &str, transport_key, checkpoint_key| {
        said += 1;
        let body = Body::ReplicaAllocate {
            endpoint: format!("replica.example:{}", 7000 + said),
            transport_key,
            checkpoint_key,
        };
        world.refusal(by, body)
    };
    let weak = PublicKey([0; 32]);
    let fresh = new("new", checkpoint);
    let cases = [
        (
            "a weak checkpoint key",
            "saga",
            new("new", transport),
            weak,
            RefusalReason::WeakKey,
        ),
        (
            "a weak transport key",
            "saga",
            weak,
            fresh,
            RefusalReason::WeakKey,
        ),
        (
            "one key for both",
            "saga",
            fresh,
            fresh,
            RefusalReason::AlreadyExists,
        ),
        (
            "a known checkpoint key",
            "saga",
            new("new", transport),
            new("saga", checkpoint),
            RefusalReason::AlreadyExists,
        ),
        (
            "another network's transport key",
            "saga",
            new("yame", transport),
            fresh,
            RefusalReason::AlreadyExists,
        ),
        (
            "a standing replica's transport key",
            "saga",
            new("saga", transport),
            fresh,
            RefusalReason::AlreadyExists,
        ),
        (
            "a node's key",
            "saga",
            new("saga", KeyPurpose::Node),
            fresh,
            RefusalReason::AlreadyExists,
        ),
    ];
    for (what, by, transport_key, checkpoint_key, reason) in cases {
        let refused = ask(&mut world, by, transport_key, checkpoint_key);
        assert_eq!(refused, Some(reason), "{what}");
    }
    // The machine of a retired replica, whose disk was lost, is a new replica of the same process.
    world.accept("saga", retire(ReplicaId(2)));
    assert_eq!(ask(&mut world, "saga", new("saga", transport), fresh), None);
    let again = ask(
        &mut world,
        "saga",
        new("saga", transport),
        new("newer", checkpoint),
    );
    assert_eq!(
        again,
        Some(RefusalReason::AlreadyExists),
        "one replica a process"
    );
    // What the network revoked is nobody's.
    let id = key("yame", transport).key_id();
    world.accept("yame", retire(ReplicaId(3)));
    world.accept("yame", Body::KeyRevoke { key: id });
    let revoked = ask(
        &mut world,
        "yame",
        new("yame", transport),
        new("newest", checkpoint),
    );
    assert_eq!(revoked, Some(RefusalReason::AlreadyExists));
}

#[test]
fn replicas_are_bounded() {
    let mut world = world();
    // One founder, and as many more as may stand.
    for n in 1..REPLICAS_OF_NETWORK_MAX {
        placed(&mut world, "saga", &format!("new {n}"));
    }
    let many = world.refusal("saga", allocate("one more"));
    assert_eq!(many, Some(RefusalReason::TooMany));
    placed(&mut world, "kurume", "of another network");
    // Over time their keys are what ends them.
    let (mut before, mut made) = (ReplicaId(1), 0);
    let refused = loop {
        let Applied::Leaf { index, outcome, .. } =
            world.say("kurume", allocate(&format!("kurume {made}")))
        else {
            panic!("no leaf");
        };
        match outcome {
            Outcome::Accepted => {}
            Outcome::Refused(reason) => break reason,
            Outcome::Decided(_) => panic!("decided"),
        }
        world.accept("kurume", retire(before));
        (before, made) = (ReplicaId::allocated(1, index), made + 1);
    };
    assert_eq!(refused, RefusalReason::TooMany);
    // Governance, node and the founder's two; two of the first above; two each.
    assert_eq!(made, (KEYS_MAX - 6) / 2);
}

fn recovery(world: &World, seats: &[(&str, &str)]) -> Recovery {
    let size = tree::size(&world.state).unwrap();
    let seat = |(of, name): &(&str, &str)| Seat {
        network: of.parse().unwrap(),
        endpoint: format!("{}.example:7420", name.replace(" ", "-")),
        transport_key: key(of, KeyPurpose::Transport).public_key(),
        checkpoint_key: key(name, KeyPurpose::Checkpoint).public_key(),
    };
    Recovery {
        size,
        root: tree::root(&world.state, size).unwrap(),
        seats: seats.iter().map(seat).collect(),
    }
}

/// What two networks of three come to with it.
fn recover(world: &mut World, recovery: Recovery) -> Outcome {
    match world.say_together(&["yame", "saga"], Body::Recovery(recovery)) {
        Applied::Leaf { outcome, .. } => outcome,
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_thirds_of_the_networks_begin_another_lineage() {
    let mut world = world();
    placed(&mut world, "saga", "learner");
    let seats = [("saga", "new saga"), ("yame", "new yame")];
    let statement = recovery(&world, &seats);
    let alone = world.say_together(&["saga"], Body::Recovery(statement.clone()));
    let refused = Outcome::Refused(RefusalReason::NotAuthorised);
    let outcome_is =
        |applied: &Applied| matches!(applied, Applied::Leaf { outcome, .. } if *outcome == refused);
    assert!(outcome_is(&alone), "{alone:?}");
    // The leaf of the refusal has moved the ledger on: what was signed is for another place.
    let late = Outcome::Refused(RefusalReason::InvalidContent);
    assert_eq!(recover(&mut world, statement), late);
    let mut of_nobody = recovery(&world, &[("saga", "new saga"), ("oguri", "new oguri")]);
    assert_eq!(
        recover(&mut world, of_nobody.clone()),
        Outcome::Refused(RefusalReason::NotFound)
    );
    assert_eq!(voters(&world), [1, 2, 3], "a refusal changes nothing");
    of_nobody.size += 1;
    of_nobody.seats[1] = of_nobody.seats[0].clone();
    assert_eq!(
        recover(&mut world, of_nobody),
        Outcome::Refused(RefusalReason::AlreadyExists)
    );
    assert_eq!(
        voters(&world),
        [1, 2, 3],
        "and neither does one that was half in effect"
    );

    let before = world.sign(
        "saga",
        Body::FacilityLeave {
            facility: "4110000001".parse().unwrap(),
        },
    );
    let good = recovery(&world, &seats);
    let at = good.size;
    assert_eq!(recover(&mut world, good.clone()), Outcome::Accepted);
    let meta = View(&world.state).meta().unwrap().unwrap();
    assert_eq!((meta.lineage, meta.size), (2, at + 1));
    let first = ReplicaId::allocated(2, EntryIndex(at));
    assert_eq!(voters(&world), [first.0, first.0 + 1]);
    assert_eq!(View(&world.state).replicas_standing().unwrap().len(), 2);
    let old = View(&world.state).voters_of(at).unwrap();
    assert_eq!(old.len(), 3, "the kept prefix has the voters it had");
    // What was signed for the last lineage is nobody's word in this one; the same statement is none either.
    let fault = world.apply(&before);
    assert!(
        matches!(fault, Applied::Invalid(EntryFault::WrongLineage { .. })),
        "{fault:?}"
    );
    let again = recover(
        &mut world,
        Recovery {
            size: at + 1,
            ..good
        },
    );
    assert_eq!(
        again,
        Outcome::Refused(RefusalReason::AlreadyExists),
        "keys are new each time"
    );
    // And it goes on: ids of this lineage, one more recovery.
    let index = world.accept("kurume", allocate("kurume again"));
    let id = ReplicaId::allocated(2, index);
    world.accept("kurume", promote(id));
    assert_eq!(voters(&world), [first.0, first.0 + 1, id.0]);
    let third = recovery(&world, &[("kurume", "third kurume")]);
    assert_eq!(recover(&mut world, third), Outcome::Accepted);
    assert_eq!(View(&world.state).meta().unwrap().unwrap().lineage, 3);
}

#[test]
fn a_recovery_is_not_bound_to_its_window_and_may_carry_all_networks_signatures() {
    let names: Vec<String> = (0..20).map(|n| format!("net-{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = World::of(&names);
    let statement = recovery(&world, &[("net-00", "new")]);
    let keys: Vec<_> = names
        .iter()
        .map(|of| key(of, KeyPurpose::Governance))
        .collect();
    let signers = |n: usize| keys.iter().take(n).collect::<Vec<_>>();
    let entry = world.entry(&keys[0], Body::Recovery(statement));
    let other = world.entry(&keys[0], retire(ReplicaId(1)));
    // Days later.
    world.time = world.time.plus_ms(7 * 24 * 60 * 60 * 1000);
    let crowd = world.apply(&sign_entry(&other, &signers(9)));
    let many = EntryFault::SignatureCount { got: 9, max: 8 };
    assert_eq!(crowd, Applied::Invalid(many));
    let mut few = world.clone();
    let refused = few.apply(&sign_entry(&entry, &signers(13)));
    let short = Outcome::Refused(RefusalReason::NotAuthorised);
    assert!(
        matches!(refused, Applied::Leaf { ref outcome, .. } if *outcome == short),
        "13 of 20"
    );
    let done = world.apply(&sign_entry(&entry, &signers(14)));
    let in_force = matches!(
        done,
        Applied::Leaf {
            outcome: Outcome::Accepted,
            ..
        }
    );
    assert!(in_force, "14 of 20: {done:?}");
}

#[test]
fn a_place_to_come_is_what_its_network_signed_and_what_the_state_will_say() {
    let mut world = world();
    let before = world.clone();
    let shown = |world: &World, index: EntryIndex| {
        let leaf = View(&world.state).leaf(index).unwrap().unwrap();
        Leaf::decode(&leaf).unwrap()
    };
    let seen_by = |world: &World, leaf: &Leaf| place_to_come(&world.state, leaf, &Strict).unwrap();
    // Not the next leaf: what stands before it is not here either.
    world.accept("yame", retire(ReplicaId(3)));
    let index = world.accept("saga", allocate("new"));
    let leaf = shown(&world, index);
    let (id, place) = seen_by(&before, &leaf).unwrap();
    let known = View(&world.state).replica(id).unwrap().unwrap();
    assert_eq!((id, place), (ReplicaId(index.0), known.value));
    assert_eq!(seen_by(&world, &leaf), None, "the state has come to it");

    let refuses = |why: &str, behind: &World, leaf: &Leaf| {
        assert_eq!(seen_by(behind, leaf), None, "{why}");
    };
    let mut forged = leaf.clone();
    forged.envelope.signatures[0].signature[5] ^= 1;
    refuses("a forged signature", &before, &forged);
    let mut elsewhere = leaf.clone();
    elsewhere.index = EntryIndex(1);
    refuses("another place in the tree", &before, &elsewhere);
    let other = shown(&world, EntryIndex(index.0 - 1));
    refuses("another kind of entry", &before, &other);
    let mut foreign = World::of(&["kurume", "saga"]);
    let index = foreign.accept(
        "saga",
        Body::ReplicaRetire {
            replica: ReplicaId(2),
        },
    );
    let index = EntryIndex(index.0 + 1);
    assert_eq!(foreign.accept("saga", allocate("new")), index);
    refuses("another ledger's", &before, &shown(&foreign, index));

    let mut ahead = before.clone();
    let said = ahead.say_with(&key("saga", KeyPurpose::Node), allocate("new"));
    let Applied::Leaf { index, .. } = said else {
        panic!("{said:?}")
    };
    refuses("no governance key's", &before, &shown(&ahead, index));
    // Refused where it stands, of which this state knows nothing; but whose the key is, it does.
    let mut ahead = before.clone();
    let body = Body::ReplicaAllocate {
        endpoint: "replica.example:7420".to_owned(),
        transport_key: key("yame", KeyPurpose::Transport).public_key(),
        checkpoint_key: key("new", KeyPurpose::Checkpoint).public_key(),
    };
    let said = ahead.say("saga", body);
    let Applied::Leaf { index, .. } = said else {
        panic!("{said:?}")
    };
    refuses("another network's key", &before, &shown(&ahead, index));
    let mut ahead = before.clone();
    let new = key("new", KeyPurpose::Governance);
    ahead.accept(
        "saga",
        Body::KeyAdd {
            purpose: KeyPurpose::Governance,
            public_key: new.public_key(),
            endpoint: None,
        },
    );
    let index = ahead.accept_with(&new, allocate("new"));
    refuses("a key that is new too", &before, &shown(&ahead, index));
}
