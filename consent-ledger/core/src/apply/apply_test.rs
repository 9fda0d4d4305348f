//! Entries that must not pass, and what passing ones leave behind.

use crate::signature::SigningKey;
use crate::store::{MemoryState, StateRead, Table};
use crate::testing::{BEGIN, World, facility, genesis, key};
use crate::{Applied, EntryFault, Strict, View, apply_batch, found, merkle, sign_entry, tree};
use prost::Message;
use sekisho_domain::*;
use sekisho_proto::v1;

fn world() -> World {
    World::of(&["kurume", "saga"])
}

fn hospital(code: &str) -> Body {
    Body::FacilityRegister {
        facility: facility(code),
        kind: FacilityKind::Hospital,
        name: "病院".to_owned(),
        municipality: None,
    }
}

#[test]
fn what_is_not_authentic_leaves_no_trace() {
    let stranger = SigningKey::from_secret(&[42; 32]);
    let governance = key("saga", KeyPurpose::Governance);
    type Forge = Box<dyn Fn(&mut World) -> v1::Envelope>;
    let entry = |change: fn(&mut Entry)| -> Forge {
        Box::new(move |world| {
            let key = key("saga", KeyPurpose::Governance);
            let mut entry = world.entry(&key, hospital("4110000001"));
            change(&mut entry);
            sign_entry(&entry, &[&key])
        })
    };
    let envelope = |change: fn(&mut v1::Envelope)| -> Forge {
        Box::new(move |world| {
            let mut envelope = world.sign("saga", hospital("4110000001"));
            change(&mut envelope);
            envelope
        })
    };
    let cases: Vec<(&str, Forge, fn(&EntryFault) -> bool)> = vec![
        (
            "another payload type",
            envelope(|e| e.payload_type.push('x')),
            |f| matches!(f, EntryFault::PayloadType(_)),
        ),
        (
            "a body over 16 KiB",
            envelope(|e| e.payload = vec![0; 16 * 1024 + 1]),
            |f| {
                matches!(
                    f,
                    EntryFault::TooLarge {
                        got_bytes: 16_385,
                        max_bytes: 16_384
                    }
                )
            },
        ),
        ("no signature", envelope(|e| e.signatures.clear()), |f| {
            matches!(f, EntryFault::SignatureCount { got: 0, .. })
        }),
        (
            "nine signatures",
            envelope(|e| e.signatures = vec![e.signatures[0].clone(); 9]),
            |f| matches!(f, EntryFault::SignatureCount { got: 9, .. }),
        ),
        (
            "bytes that are no entry",
            envelope(|e| e.payload = b"\xff\xff".to_vec()),
            |f| matches!(f, EntryFault::Protobuf(_)),
        ),
        (
            "an unknown field",
            envelope(|e| e.payload.extend([0xf8, 0x07, 1])),
            |f| *f == EntryFault::NotCanonical,
        ),
        (
            "an altered body",
            envelope(|e| {
                let mut entry = v1::Entry::decode(e.payload.as_slice()).unwrap();
                entry.claimed_time_ms += 1;
                e.payload = entry.encode_to_vec();
            }),
            |f| matches!(f, EntryFault::BadSignature(_)),
        ),
        (
            "an altered signature",
            envelope(|e| e.signatures[0].signature[3] ^= 1),
            |f| matches!(f, EntryFault::BadSignature(_)),
        ),
        (
            "a signature cut short",
            envelope(|e| e.signatures[0].signature.truncate(63)),
            |f| matches!(f, EntryFault::BadSignature(_)),
        ),
        (
            "another ledger",
            entry(|e| e.ledger = LedgerId([5; 32])),
            |f| matches!(f, EntryFault::WrongLedger { .. }),
        ),
        ("another lineage", entry(|e| e.lineage = 2), |f| {
            matches!(
                f,
                EntryFault::WrongLineage {
                    got: 2,
                    expected: 1
                }
            )
        }),
        (
            "a window that is over",
            entry(|e| {
                e.not_before = BEGIN;
                e.not_after = BEGIN.plus_ms(10);
            }),
            |f| matches!(f, EntryFault::OutsideWindow { .. }),
        ),
        (
            "a window not yet open",
            entry(|e| {
                e.not_before = BEGIN.plus_ms(900_000);
                e.not_after = BEGIN.plus_ms(900_010);
            }),
            |f| matches!(f, EntryFault::OutsideWindow { .. }),
        ),
        (
            "a window over five minutes",
            entry(|e| e.not_after = e.not_before.plus_ms(Entry::WINDOW_MS_MAX + 1)),
            |f| matches!(f, EntryFault::Domain(_)),
        ),
        (
            "a key nobody knows",
            Box::new(move |w| {
                let e = w.entry(&stranger, hospital("4110000001"));
                sign_entry(&e, &[&stranger])
            }),
            |f| matches!(f, EntryFault::UnknownKey(_)),
        ),
        (
            "signed by another than the author",
            Box::new(move |w| {
                let e = w.entry(&governance, hospital("4110000001"));
                sign_entry(&e, &[&key("kurume", KeyPurpose::Governance)])
            }),
            |f| matches!(f, EntryFault::AuthorSignatureMissing(_)),
        ),
        (
            "a second signature that does not hold",
            Box::new(|w| {
                let own = key("saga", KeyPurpose::Governance);
                let e = w.entry(&own, hospital("4110000001"));
                let mut envelope = sign_entry(&e, &[&own, &key("kurume", KeyPurpose::Governance)]);
                envelope.signatures[1].signature[0] ^= 1;
                envelope
            }),
            |f| matches!(f, EntryFault::BadSignature(_)),
        ),
    ];
    for (case, forge, expected) in cases {
        let mut world = world();
        let envelope = forge(&mut world);
        let before = View(&world.state).meta().unwrap().unwrap();
        match world.apply(&envelope) {
            Applied::Invalid(fault) => assert!(expected(&fault), "{case}: {fault}"),
            other => panic!("{case}: {other:?}"),
        }
        let after = View(&world.state).meta().unwrap().unwrap();
        assert_eq!(
            (before.size, before.digest),
            (after.size, after.digest),
            "{case}"
        );
    }
}

#[test]
fn a_request_id_serves_one_entry_only() {
    let mut world = world();
    let key = key("saga", KeyPurpose::Governance);
    let entry = world.entry(&key, hospital("4110000001"));
    let first = sign_entry(&entry, &[&key]);
    let other = sign_entry(
        &Entry {
            body: hospital("4110000002"),
            ..entry
        },
        &[&key],
    );
    let Applied::Leaf { index, .. } = world.apply(&first) else {
        panic!("refused")
    };
    assert_eq!(world.apply(&first), Applied::Duplicate { index });
    assert_eq!(
        world.apply(&other),
        Applied::Invalid(EntryFault::RequestIdReused)
    );
    assert!(
        View(&world.state)
            .facility(&facility("4110000002"))
            .unwrap()
            .is_none()
    );
}

#[test]
fn batches_and_single_entries_lead_to_the_same_ledger_and_time_never_runs_back() {
    let mut single = world();
    let envelopes: Vec<_> = (1..=9)
        .map(|n| single.sign("saga", hospital(&format!("411000000{n}"))))
        .collect();
    let mut batched = single.clone();
    envelopes.iter().for_each(|e| drop(single.apply(e)));
    let batch = |time_ms, envelopes: &[v1::Envelope]| v1::Batch {
        time_ms,
        envelopes: envelopes.to_vec(),
    };
    let time = batched.time.0;
    apply_batch(&mut batched.state, &batch(time, &envelopes), &Strict).unwrap();
    assert_eq!(single.state, batched.state);
    apply_batch(&mut batched.state, &batch(5, &[]), &Strict).unwrap();
    assert_eq!(
        View(&batched.state).meta().unwrap().unwrap().time,
        TimeMs(time)
    );
}

#[test]
fn every_leaf_is_proved_under_every_later_root() {
    let mut world = world();
    (1..=20).for_each(|n| drop(world.say("saga", hospital(&format!("41100000{n:02}")))));
    let size = tree::size(&world.state).unwrap();
    for at in 1..=size {
        let root = tree::root(&world.state, at).unwrap();
        for index in 0..at {
            let leaf = View(&world.state).leaf(EntryIndex(index)).unwrap().unwrap();
            let proof = tree::inclusion_proof(&world.state, EntryIndex(index), at).unwrap();
            merkle::verify_inclusion(&merkle::leaf_hash(&leaf), index, at, &proof, &root).unwrap();
        }
        let proof = tree::consistency_proof(&world.state, at, size).unwrap();
        merkle::verify_consistency(
            at,
            size,
            &proof,
            &root,
            &tree::root(&world.state, size).unwrap(),
        )
        .unwrap();
    }
    assert!(tree::root(&world.state, size + 1).is_err());
}

#[test]
fn a_state_founded_otherwise_is_refused() {
    let mut state = MemoryState::default();
    let first = found(&mut state, &genesis(&["saga"])).unwrap();
    assert_eq!(
        found(&mut state, &genesis(&["saga"])).unwrap(),
        first,
        "founding again changes nothing"
    );
    assert!(found(&mut state, &genesis(&["kurume"])).is_err());
    assert!(
        found(
            &mut MemoryState::default(),
            &Genesis {
                networks: vec![],
                ..genesis(&["saga"])
            }
        )
        .is_err()
    );
}

#[test]
fn a_damaged_record_stops_the_ledger_and_is_named() {
    use crate::store::StateWrite;
    let mut world = world();
    let id = key("saga", KeyPurpose::Governance).key_id();
    world
        .state
        .put(Table::Key, id.as_bytes(), b"\x09junk".to_vec())
        .unwrap();
    let envelope = world.sign("saga", hospital("4110000001"));
    let batch = v1::Batch {
        time_ms: world.time.0,
        envelopes: vec![envelope],
    };
    let error = apply_batch(&mut world.state, &batch, &Strict)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&id.to_string()) && error.contains("version is 9"),
        "{error}"
    );
    assert!(
        world
            .state
            .get(Table::Key, id.as_bytes())
            .unwrap()
            .is_some()
    );
}
