//! Replicas and recoveries, to their bounds: both verifiers on the whole of each history.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use sekisho_conformance::follow::{ask, follow};
use sekisho_domain::*;
use sekisho_ledger::testing::{World, key, network};
use sekisho_ledger::tree;

fn allocate(name: &str) -> Body {
    Body::ReplicaAllocate {
        endpoint: "replica.example:7420".to_owned(),
        transport_key: key(name, KeyPurpose::Transport).public_key(),
        checkpoint_key: key(name, KeyPurpose::Checkpoint).public_key(),
    }
}

fn recovery(world: &World, seats: &[(&str, &str)]) -> Body {
    let size = tree::size(&world.state).unwrap();
    let seat = |(of, name): &(&str, &str)| Seat {
        network: network(of),
        endpoint: "seat.example:7420".to_owned(),
        transport_key: key(name, KeyPurpose::Transport).public_key(),
        checkpoint_key: key(name, KeyPurpose::Checkpoint).public_key(),
    };
    Body::Recovery(Recovery {
        size,
        root: tree::root(&world.state, size).unwrap(),
        seats: seats.iter().map(seat).collect(),
    })
}

#[test]
fn replicas_come_and_go_to_every_bound() {
    follow("replicas", |world| {
        for n in 0..9 {
            world.say("saga", allocate(&format!("saga {n}")));
        }
        // Over time, until the keys are used up.
        let mut before = ReplicaId(1);
        for n in 0..40 {
            let size = tree::size(&world.state).unwrap();
            world.say("kurume", allocate(&format!("kurume {n}")));
            let id = ReplicaId::allocated(1, EntryIndex(size));
            world.say("kurume", Body::ReplicaPromote { replica: id });
            world.say("saga", Body::ReplicaPromote { replica: id });
            world.say("kurume", Body::ReplicaRetire { replica: before });
            before = id;
        }
        for replica in (0..12).map(ReplicaId) {
            world.say("saga", Body::ReplicaRetire { replica });
        }
    });
}

#[test]
fn a_ledger_goes_on_in_its_next_lineage() {
    follow("recoveries", |world| {
        assert!(ask(world).is_err(), "there is no agreement");
        let seats = [("kurume", "kurume 2"), ("saga", "saga 2")];
        world.say_together(&["saga"], recovery(world, &seats));
        world.say_together(&["saga", "kurume"], recovery(world, &[seats[0], seats[0]]));
        world.say_together(&["saga", "kurume"], recovery(world, &[("yame", "yame 2")]));
        // The process of Saga that ran before, and a new one.
        world.say_together(&["saga", "kurume"], recovery(world, &[("saga", "saga")]));
        let known = [("saga", "saga"), ("kurume", "kurume 3")];
        world.say_together(&["saga", "kurume"], recovery(world, &known[1..]));
        assert!(ask(world).is_err(), "the next lineage");
        world.say("saga", allocate("saga 4"));
        world.say_together(&["kurume", "saga"], recovery(world, &seats));
        assert!(ask(world).is_err(), "and the one after");
    });
}
