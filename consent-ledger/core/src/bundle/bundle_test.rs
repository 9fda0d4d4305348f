//! A bundle proves its access, and nothing in it can be changed unnoticed.

use super::{BundleFault, CONTENT, DOCUMENT, PRACTITIONER, ShownOpening, build, verify};
use crate::commitment::{Opening, Salt};
use crate::testing::{World, facility, genesis, grant, network, subject};
use prost::Message;
use sekisho_domain::*;
use sekisho_proto::v1;

/// A retrieved document between two of five networks: the bundle's bytes, and the founding file.
fn retrieved() -> (Vec<u8>, World, EntryIndex) {
    let mut world = World::of(&["azalea", "mame", "oshidori", "pikapika", "yame"]);
    world.hospital("pikapika", "4110000001");
    world.hospital("azalea", "4010000001");
    world.policy("pikapika", None, Some(Scope::EachFacility));
    world.policy("azalea", None, Some(Scope::EachFacility));
    world.agree(
        "link-01",
        vec![grant("pikapika", "azalea", ConsentRule::Viewing)],
    );
    world.link(("pikapika", subject(1)), ("azalea", subject(2)));
    world.consent_to_visit("azalea", subject(2), "4010000001");
    world.hospital("mame", "3210000001"); // nothing to do with it

    let (salt, practitioner) = (Salt::from_bytes([5; 32]), Salt::from_bytes([6; 32]));
    let opening = |label: &str, salt: &Salt, value: &[u8]| {
        Opening::new(label, salt.clone(), value.to_vec()).unwrap()
    };
    let document = opening(DOCUMENT, &salt, b"urn:uuid:1");
    let content = opening(CONTENT, &salt, &[3; 32]);
    let who = opening(PRACTITIONER, &practitioner, "医師 一".as_bytes());
    let request = AccessRequest {
        action: Action::RetrieveDocument,
        document: Some(document.commitment()),
        practitioner: who.commitment(),
        ..world.request("azalea", "4010000001", subject(2), &["pikapika"])
    };
    let (access, decisions) = world.ask(&request);
    assert!(matches!(decisions[0].1, Decision::Permit(_)));
    let transfer = Transfer {
        access,
        disclosing: network("pikapika"),
        document: document.commitment(),
        content: content.commitment(),
    };
    let release = world.accept("pikapika", Body::Release(transfer.clone()));
    world.accept("azalea", Body::Receipt(transfer));
    world.hospital("yame", "4010000009");
    let shown = [
        ShownOpening {
            index: access,
            opening: who,
        },
        ShownOpening {
            index: access,
            opening: document,
        },
        ShownOpening {
            index: release,
            opening: content,
        },
    ];
    let (note, size) = world.checkpoint(3);
    let bytes = build(&world.state, access, &note, size, &shown).unwrap();
    (bytes, world, access)
}

#[test]
fn an_access_is_proved_to_whoever_has_the_genesis_file() {
    let (bytes, world, access) = retrieved();
    let verified = verify(&bytes, &world.genesis).unwrap();
    assert_eq!(
        (
            verified.access.index,
            verified.transfers.len(),
            verified.openings.len()
        ),
        (access, 2, 3)
    );
    assert_eq!(verified.checkpoint.cosigners().len(), 3);
    // Exactly what it rests on: no facility of a network that has no part in it.
    let facilities: Vec<_> = verified
        .leaves
        .iter()
        .filter_map(|leaf| match &leaf.entry.body {
            Body::FacilityRegister { facility, .. } => Some(facility.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(facilities, [facility("4010000001")]);
}

#[test]
fn any_flipped_bit_is_noticed() {
    let (bytes, world, _) = retrieved();
    let mut kinds = std::collections::BTreeSet::new();
    for position in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[position] ^= 1 << (position % 8);
        match verify(&flipped, &world.genesis) {
            Ok(_) => panic!("byte {position} of {} was changed unnoticed", bytes.len()),
            Err(fault) => kinds.insert(
                fault
                    .to_string()
                    .split(':')
                    .next()
                    .unwrap_or_default()
                    .len(),
            ),
        };
    }
    assert!(kinds.len() > 3, "different faults are told apart");
    for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        assert!(
            verify(&bytes[..cut], &world.genesis).is_err(),
            "cut at {cut}"
        );
    }
}

#[test]
fn each_fault_is_named() {
    let (bytes, world, access) = retrieved();
    type Change = Box<dyn Fn(&mut v1::ProofBundle)>;
    let cases: Vec<(&str, Change, fn(&BundleFault) -> bool)> = vec![
        ("another version", Box::new(|b| b.version = 2), |f| {
            *f == BundleFault::Version(2)
        }),
        ("another ledger", Box::new(|b| b.ledger[0] ^= 1), |f| {
            matches!(f, BundleFault::WrongLedger { .. })
        }),
        (
            "a checkpoint of two",
            Box::new({
                let (world, _) = (world.clone(), ());
                move |b| b.checkpoint = world.checkpoint(2).0
            }),
            |f| {
                matches!(
                    f,
                    BundleFault::Checkpoint(crate::ProofError::QuorumShort { .. })
                )
            },
        ),
        (
            "a stranger's cosignature",
            Box::new(|b| {
                let line = b
                    .checkpoint
                    .lines()
                    .last()
                    .unwrap()
                    .replace("replica-3.oshidori", "replica-9.oshidori");
                b.checkpoint.push_str(&format!("{line}\n"));
            }),
            |f| {
                matches!(
                    f,
                    BundleFault::UnknownCosigner(_) | BundleFault::Checkpoint(_)
                )
            },
        ),
        (
            "a leaf left out that the access rests on",
            Box::new(|b| drop(b.leaves.remove(0))),
            |f| {
                matches!(
                    f,
                    BundleFault::NotAuthentic { .. } | BundleFault::Outcome { .. }
                )
            },
        ),
        (
            "the access left out",
            Box::new(move |b| b.leaves.retain(|l| l.index != access.0)),
            |f| {
                matches!(
                    f,
                    BundleFault::Outcome { .. } | BundleFault::AccessMissing(_)
                )
            },
        ),
        (
            "leaves in another order",
            Box::new(|b| b.leaves.swap(0, 1)),
            |f| matches!(f, BundleFault::Order { .. }),
        ),
        (
            "a leaf with another's proof",
            Box::new(|b| b.leaves[1].inclusion_proof = b.leaves[0].inclusion_proof.clone()),
            |f| matches!(f, BundleFault::NotInTree { .. }),
        ),
        (
            "an altered leaf",
            Box::new(|b| *b.leaves[2].leaf.last_mut().unwrap() ^= 1),
            |f| matches!(f, BundleFault::NotInTree { .. }),
        ),
        (
            "an opening of another value",
            Box::new(|b| b.openings[0].value.push(b'x')),
            |f| matches!(f, BundleFault::Opening { position: 0, .. }),
        ),
        (
            "an opening with another salt",
            Box::new(|b| b.openings[2].salt[0] ^= 1),
            |f| matches!(f, BundleFault::Opening { position: 2, .. }),
        ),
        (
            "an opening under another label",
            Box::new(|b| b.openings[0].label = "evidence".to_owned()),
            |f| matches!(f, BundleFault::Opening { position: 0, .. }),
        ),
    ];
    for (case, change, expected) in cases {
        let mut bundle = v1::ProofBundle::decode(bytes.as_slice()).unwrap();
        change(&mut bundle);
        match verify(&bundle.encode_to_vec(), &world.genesis) {
            Ok(_) => panic!("{case}: unnoticed"),
            Err(fault) => assert!(expected(&fault), "{case}: {fault}"),
        }
    }
    assert!(
        matches!(
            verify(&bytes, &genesis(&["saga"])),
            Err(BundleFault::WrongLedger { .. })
        ),
        "another genesis"
    );
}

#[test]
fn a_decision_that_the_rules_do_not_lead_to_is_noticed_even_when_cosigned() {
    // A colluding majority could cosign anything; the rules still name the lie.
    let (bytes, world, access) = retrieved();
    let mut bundle = v1::ProofBundle::decode(bytes.as_slice()).unwrap();
    let at = bundle
        .leaves
        .iter()
        .position(|l| l.index == access.0)
        .unwrap();
    let consent = bundle.leaves.iter().position(|l| {
        matches!(
            crate::Leaf::decode(&l.leaf).unwrap().entry.body,
            Body::ConsentGrant(_)
        )
    });
    assert!(consent.is_some_and(|c| c < at));
    bundle.leaves.remove(consent.unwrap());
    match verify(&bundle.encode_to_vec(), &world.genesis) {
        Err(BundleFault::Outcome { index }) => assert_eq!(index, access.0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_line_by_a_replica_that_joined_later_stays_out_of_the_bundle() {
    use crate::checkpoint::{Checkpoint, Extensions, cosign};
    use crate::note::Note;
    let (_, world, access) = retrieved();
    let (note, size) = world.checkpoint(3);
    let note = Note::parse(note.as_bytes()).unwrap();
    let checkpoint = Checkpoint::parse(note.text(), Extensions::Refuse).unwrap();
    let name = crate::voter_name(ReplicaId(99), &network("mame")).unwrap();
    let key = crate::testing::key("mame-2", KeyPurpose::Checkpoint);
    let mut lines = note.signatures().to_vec();
    lines.insert(1, cosign(&checkpoint, &name, &key, 1_800_000_000).unwrap());
    let more = Note::new(note.text(), lines).unwrap().to_string();
    let bundle = build(&world.state, access, &more, size, &[]).unwrap();
    let verified = verify(&bundle, &world.genesis).unwrap();
    assert_eq!(verified.checkpoint.cosigners().len(), 3);
}
