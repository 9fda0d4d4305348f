//! One spelling for every message: each other one that a lenient reader takes for the same is refused, by both
//! verifiers, in the file, in a leaf and in an entry.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use prost::Message;
use sekisho_conformance::leaves::Leaves;
use sekisho_conformance::other::{Other, founding_file, report};
use sekisho_domain::{
    Body, ConsentRule, EntryIndex, KeyPurpose, PractitionerId, Reservation, Scope, ViewerSelector,
};
use sekisho_ledger::bundle::verify;
use sekisho_ledger::dsse;
use sekisho_ledger::testing::{World, grant, key, reservation, subject};

/// A field as it is written: its key and what follows, its length too.
#[derive(Debug, Clone)]
struct Field {
    number: u64,
    wire: u64,
    value: Vec<u8>,
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn read_varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

fn fields(mut bytes: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = read_varint(&mut bytes);
        let (number, wire) = (key >> 3, key & 7);
        let value = if wire == 0 {
            varint(read_varint(&mut bytes))
        } else {
            let length = read_varint(&mut bytes) as usize;
            let value = bytes[..length].to_vec();
            bytes = &bytes[length..];
            value
        };
        fields.push(Field {
            number,
            wire,
            value,
        });
    }
    fields
}

fn written(fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in fields {
        bytes.extend(varint(field.number << 3 | field.wire));
        if field.wire == 2 {
            bytes.extend(varint(field.value.len() as u64));
        }
        bytes.extend(&field.value);
    }
    bytes
}

/// Other spellings of a message's own fields; what each is about.
fn spellings(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let own = fields(bytes);
    assert_eq!(written(&own), bytes, "read as it is written");
    let mut all = Vec::new();
    let mut with = |what, change: &dyn Fn(&mut Vec<Field>)| {
        let mut fields = own.clone();
        change(&mut fields);
        all.push((what, written(&fields)));
    };
    let number = own.iter().position(|f| f.wire == 0).expect("a number");
    with("a field nobody knows", &|f| {
        f.push(Field {
            number: 2000,
            wire: 0,
            value: vec![1],
        });
    });
    with("a number in more bytes than it needs", &|f| {
        let value = &mut f[number].value;
        let last = value.len() - 1;
        value[last] |= 0x80;
        value.push(0);
    });
    with("a field twice", &|f| f.insert(number, f[number].clone()));
    with("two fields exchanged", &|f| f.swap(0, 1));
    with("another wire type", &|f| f[number].wire = 2);
    let mut key_of_two_bytes = bytes.to_vec();
    key_of_two_bytes[0] |= 0x80;
    key_of_two_bytes.insert(1, 0);
    all.push(("a key in two bytes", key_of_two_bytes));
    let mut cut = bytes.to_vec();
    cut.pop();
    all.push(("a byte less", cut));
    all.push(("a byte more", [bytes, &[0]].concat()));
    all
}

/// A message with the field at this path, counted from 0 in each message, written otherwise.
fn inside(bytes: &[u8], path: &[u64], change: &dyn Fn(&mut Vec<Field>)) -> Vec<u8> {
    let mut own = fields(bytes);
    match path.split_first() {
        None => change(&mut own),
        Some((number, rest)) => {
            let field = own.iter_mut().find(|f| f.number == *number);
            let field = field.expect("a field of the path");
            field.value = inside(&field.value, rest, change);
        }
    }
    written(&own)
}

struct Scene {
    world: World,
    access: EntryIndex,
    reservation: EntryIndex,
}

fn scene() -> Scene {
    let mut world = World::of(&["kurume", "saga"]);
    world.hospital("kurume", "4010000001");
    world.hospital("saga", "4110000001");
    world.policy("kurume", None, Some(Scope::EachFacility));
    world.agree(
        "kyotei",
        vec![grant("saga", "kurume", ConsentRule::Viewing)],
    );
    world.link(("kurume", subject(1)), ("saga", subject(1)));
    world.consent_to_visit("kurume", subject(1), "4010000001");
    let one = Reservation {
        viewer: ViewerSelector::Practitioner(PractitionerId([9; 16])),
        disclosing_facilities: Some(
            ["4110000001", "4110000002"]
                .map(|f| f.parse().unwrap())
                .into(),
        ),
        ..reservation("saga", subject(1), "4110000001")
    };
    let reservation = world.accept("saga", Body::ReservationSet(one));
    let request = world.request("kurume", "4010000001", subject(1), &["kurume", "saga"]);
    let (access, _) = world.ask(&request);
    Scene {
        world,
        access,
        reservation,
    }
}

#[test]
fn both_refuse_every_other_spelling() {
    let Some(mut other) = Other::here() else {
        return;
    };
    let scene = scene();
    let genesis = &scene.world.genesis;
    let access = scene.access.0;
    let leaves = Leaves::of(&scene.world);
    let all = leaves.whole(access);
    let mut refused = 0;
    let mut refuse = |what: &str, bundle: Vec<u8>, fault: &str| {
        other.ask(&founding_file(genesis), &bundle);
        let ours = report(&verify(&bundle, genesis));
        assert_eq!(other.answer(), ours, "{what}");
        assert_eq!(ours["fault"].as_str(), Some(fault), "{what}: {ours}");
        refused += 1;
    };
    // The leaf, whatever its bytes, under a tree of its own.
    let with_leaf = |index: u64, bytes: Vec<u8>| {
        let mut forged = leaves.clone();
        forged.all[index as usize] = bytes;
        forged.bundle(&all, access, &[]).encode_to_vec()
    };
    let with_payload = |index: u64, by: &str, purpose, payload: Vec<u8>| {
        let mut leaf = leaves.message(index as usize);
        let envelope = leaf.envelope.as_mut().unwrap();
        envelope.payload = payload;
        let key = key(by, purpose);
        let signature = dsse::sign(&key, &envelope.payload_type, &envelope.payload);
        envelope.signatures[0].signature = signature.0.to_vec();
        with_leaf(index, leaf.encode_to_vec())
    };
    let payload = |index: u64| {
        let leaf = leaves.message(index as usize);
        leaf.envelope.unwrap().payload
    };

    let good = leaves.bundle(&all, access, &[]).encode_to_vec();
    for (what, bytes) in spellings(&good) {
        refuse(&format!("in the file, {what}"), bytes, "malformed");
    }
    let leaf = &leaves.all[access as usize];
    for (what, bytes) in spellings(leaf) {
        refuse(
            &format!("in a leaf, {what}"),
            with_leaf(access, bytes),
            "leaf",
        );
    }
    let request = payload(access);
    for (what, bytes) in spellings(&request) {
        let bundle = with_payload(access, "kurume", KeyPurpose::Node, bytes);
        refuse(&format!("in an entry, {what}"), bundle, "leaf");
    }

    let asked = |what: &str, path: &[u64], change: &dyn Fn(&mut Vec<Field>)| {
        let bytes = inside(&request, path, change);
        assert_ne!(bytes, request, "{what}");
        with_payload(access, "kurume", KeyPurpose::Node, bytes)
    };
    let field = |number, wire, value: &[u8]| Field {
        number,
        wire,
        value: value.to_vec(),
    };
    type Change<'a> = &'a dyn Fn(&mut Vec<Field>);
    let cases: [(&str, Change); 7] = [
        ("targets unsorted", &|f| {
            let at = f.iter().position(|f| f.number == 10).unwrap();
            f.swap(at, at + 1);
        }),
        ("a target twice", &|f| {
            let at = f.iter().position(|f| f.number == 10).unwrap();
            f.insert(at, f[at].clone());
        }),
        ("two grounds", &|f| f.push(field(13, 0, &[1]))),
        ("an empty set of categories", &|f| {
            let at = f.iter().position(|f| f.number == 10).unwrap();
            f.insert(at, field(9, 2, &[]));
        }),
        ("categories one by one", &|f| {
            let at = f.iter().position(|f| f.number == 10).unwrap();
            f.insert(at, field(9, 2, &[0x08, 1, 0x08, 2]));
        }),
        ("categories unsorted", &|f| {
            let at = f.iter().position(|f| f.number == 10).unwrap();
            f.insert(at, field(9, 2, &[0x0a, 2, 2, 1]));
        }),
        ("not UTF-8", &|f| f[0].value = vec![0xed, 0xa0, 0x80]),
    ];
    for (what, change) in cases {
        refuse(what, asked(what, &[32], change), "leaf");
    }

    // The one member of a oneof whose number is above that of a later field.
    let reserved = scene.reservation.0;
    let moved = inside(&payload(reserved), &[28], &|f| {
        let at = f.iter().position(|f| f.number == 10).unwrap();
        let practitioner = f.remove(at);
        let behind = f.iter().rposition(|f| f.number < 10).unwrap();
        f.insert(behind + 1, practitioner);
    });
    assert_ne!(moved, payload(reserved));
    let bundle = with_payload(reserved, "saga", KeyPurpose::Node, moved);
    refuse("the practitioner in the order of numbers", bundle, "leaf");

    // A default value that is written, and one that stands for nothing.
    let leaf = written(&{
        let mut own = fields(&leaves.all[3]);
        own.insert(0, field(0, 0, &[0]));
        own
    });
    refuse("a field number 0", with_leaf(3, leaf), "leaf");
    let first = inside(&leaves.all[0], &[], &|f| f.insert(1, field(2, 0, &[0])));
    refuse("an index 0 that is written", with_leaf(0, first), "leaf");
    assert!(refused > 30, "{refused}");
}
