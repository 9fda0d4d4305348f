//! Each fault of the closed list once at least, made by hand, and what histories of chance do not come to: both
//! verifiers name it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use curve25519_dalek::Scalar;
use prost::Message;
use sekisho_conformance::leaves::Leaves;
use sekisho_conformance::other::{Other, founding_file, report};
use sekisho_domain::{
    AccessRequest, Action, Body, Category, Codes, Commitment, ConsentRule, Decision,
    DisclosingFacilities, EntryIndex, FacilitySelector, Genesis, Grant, KeyPurpose, NewFacility,
    Outcome, RefusalReason, Rule, Scope, Side, Transfer,
};
use sekisho_ledger::bundle::{DOCUMENT, ShownOpening, verify};
use sekisho_ledger::checkpoint::Checkpoint;
use sekisho_ledger::commitment::{Opening, Salt};
use sekisho_ledger::dsse;
use sekisho_ledger::signature::SigningKey;
use sekisho_ledger::testing::{
    World, facility, grant, joining_notice, key, network, policy, rule, subject,
};
use sekisho_ledger::{Applied, checkpoint_origin, seal};
use sekisho_proto::{ENTRY_TYPE, v1};
use serde_json::Value;
use sha2::{Digest, Sha256, Sha512};

/// What both say.
fn both(other: &mut Other, what: &str, genesis: &Genesis, bundle: &[u8]) -> Value {
    other.ask(&founding_file(genesis), bundle);
    let ours = report(&verify(bundle, genesis));
    assert_eq!(other.answer(), ours, "{what}");
    ours
}

/// A document of Saga, released to Kurume and received there.
struct Scene {
    world: World,
    access: EntryIndex,
    opening: ShownOpening,
}

fn scene() -> Scene {
    let mut world = World::of(&["kurume", "saga", "yame"]);
    world.hospital("kurume", "4010000001");
    world.hospital("saga", "4110000001");
    world.policy("kurume", None, Some(Scope::EachFacility));
    world.agree(
        "kyotei",
        vec![grant("saga", "kurume", ConsentRule::Viewing)],
    );
    world.link(("kurume", subject(1)), ("saga", subject(2)));
    world.consent_to_visit("kurume", subject(1), "4010000001");
    let salt = Salt::from_bytes([5; 32]);
    let opening = Opening::new(DOCUMENT, salt, b"1.2.392.0.1".to_vec()).unwrap();
    let (access, request) = retrieve(&mut world, opening.commitment());
    let transfer = Transfer {
        access,
        disclosing: network("saga"),
        document: opening.commitment(),
        content: Commitment([6; 32]),
    };
    assert_eq!(request.action, Action::RetrieveDocument);
    world.accept("saga", Body::Release(transfer.clone()));
    world.accept("kurume", Body::Receipt(transfer));
    let index = access;
    Scene {
        world,
        access,
        opening: ShownOpening { index, opening },
    }
}

fn retrieve(world: &mut World, document: Commitment) -> (EntryIndex, AccessRequest) {
    let request = AccessRequest {
        action: Action::RetrieveDocument,
        document: Some(document),
        ..world.request("kurume", "4010000001", subject(1), &["saga"])
    };
    let (access, decisions) = world.ask(&request);
    assert!(matches!(decisions[0].1, Decision::Permit(_)));
    (access, request)
}

#[test]
fn both_name_every_fault() {
    let Some(mut other) = Other::here() else {
        return;
    };
    let scene = scene();
    let genesis = scene.world.genesis.clone();
    let access = scene.access.0;
    let leaves = Leaves::of(&scene.world);
    let all = leaves.whole(access);
    let good = leaves.bundle(&all, access, std::slice::from_ref(&scene.opening));
    let last = all.len() - 1;
    let mut met = Vec::new();
    let mut expect =
        |what: &str, genesis: &Genesis, bundle: Vec<u8>, fault: &str, at: Option<u64>| {
            let told = both(&mut other, what, genesis, &bundle);
            assert_eq!(
                (told["fault"].as_str(), told["at"].as_u64()),
                (Some(fault), at),
                "{what}"
            );
            met.push(fault.to_owned());
        };
    let changed = |change: &dyn Fn(&mut v1::ProofBundle)| {
        let mut bundle = good.clone();
        change(&mut bundle);
        bundle.encode_to_vec()
    };
    let forged = |index: usize, change: &dyn Fn(&mut v1::Leaf)| {
        let mut forged = leaves.clone();
        let mut leaf = leaves.message(index);
        change(&mut leaf);
        forged.all[index] = leaf.encode_to_vec();
        forged.bundle(&all, access, &[]).encode_to_vec()
    };
    let bytes = good.encode_to_vec();

    let mut nobody = genesis.clone();
    nobody.replicas[0].checkpoint_key = nobody.replicas[1].checkpoint_key;
    expect("one key twice", &nobody, bytes.clone(), "genesis", None);
    let mut named = genesis.clone();
    named.networks[0].name = "久留米 ".to_owned();
    expect(
        "a name with a space",
        &named,
        bytes.clone(),
        "genesis",
        None,
    );

    let zeros = vec![0; 16 * 1024 * 1024 + 1];
    expect("16 MiB and a byte", &genesis, zeros, "too-large", None);
    for (what, file) in [
        ("nothing", vec![]),
        ("text", b"not a bundle".to_vec()),
        (
            "a version that does not come first",
            changed(&|b| b.version = 0),
        ),
        (
            "a field that nobody knows",
            [bytes.clone(), vec![0x38, 1]].concat(),
        ),
        (
            "a version in two bytes",
            [&[0x08, 0x81, 0x00], &bytes[2..]].concat(),
        ),
        (
            "a field of 4 bytes",
            [bytes.clone(), vec![0x3d, 0, 0, 0, 0]].concat(),
        ),
        ("the version twice", [&[0x08, 1], bytes.as_slice()].concat()),
    ] {
        expect(what, &genesis, file, "malformed", None);
    }
    expect(
        "version 2",
        &genesis,
        changed(&|b| b.version = 2),
        "version",
        None,
    );
    let many = changed(&|b| b.leaves = vec![v1::ProvenLeaf::default(); 4097]);
    expect("too many leaves", &genesis, many, "too-many", None);
    let many = changed(&|b| b.openings = vec![v1::Opening::default(); 1025]);
    expect("too many openings", &genesis, many, "too-many", None);

    let ledger = changed(&|b| b.ledger[0] ^= 1);
    expect("another ledger", &genesis, ledger, "wrong-ledger", None);
    let one = changed(&|b| b.checkpoint = leaves.checkpoint(all.len(), 1));
    expect("one cosigner of three", &genesis, one, "checkpoint", None);
    let crlf = changed(&|b| b.checkpoint = b.checkpoint.replace('\n', "\r\n"));
    expect("other line ends", &genesis, crlf, "checkpoint", None);
    let root = Checkpoint::new(
        checkpoint_origin(&scene.world.ledger),
        all.len() as u64,
        sekisho_domain::Hash([0; 32]),
    );
    let root = leaves.cosigned(&root.unwrap(), 3);
    let root = changed(&|b| b.checkpoint = root.clone());
    expect("another root", &genesis, root, "not-in-tree", Some(0));
    let old = changed(&|b| b.checkpoint = leaves.checkpoint(last, 3));
    expect(
        "from before the last leaf",
        &genesis,
        old,
        "not-in-tree",
        Some(0),
    );
    let stranger = changed(&|b| {
        let lines: Vec<_> = b.checkpoint.lines().collect();
        let line = lines[lines.len() - 1].replacen("replica-", "witness-", 1);
        b.checkpoint = format!("{}{line}\n", b.checkpoint);
    });
    expect(
        "a stranger's line",
        &genesis,
        stranger,
        "unknown-cosigner",
        None,
    );
    let twice = changed(&|b| {
        let lines: Vec<_> = b.checkpoint.lines().collect();
        b.checkpoint = format!("{}{}\n", b.checkpoint, lines[lines.len() - 1]);
    });
    expect("a line twice", &genesis, twice, "cosigned-twice", None);

    let order = changed(&|b| b.leaves.swap(3, 4));
    expect(
        "two leaves in another order",
        &genesis,
        order,
        "order",
        Some(3),
    );
    let proof = changed(&|b| b.leaves[2].inclusion_proof.truncate(1));
    expect("a short proof", &genesis, proof, "not-in-tree", Some(2));
    let digest = forged(4, &|leaf| leaf.state_digest.truncate(31));
    expect("a short digest", &genesis, digest, "leaf", Some(4));
    let none = forged(4, &|leaf| {
        leaf.envelope.as_mut().unwrap().signatures.clear()
    });
    expect("no signature", &genesis, none, "leaf", Some(4));
    let place = forged(4, &|leaf| leaf.index = 5);
    expect("another index", &genesis, place, "place", Some(4));
    let time = forged(4, &|leaf| leaf.time_ms -= 1);
    expect("a time that runs back", &genesis, time, "time", Some(4));
    let early = forged(0, &|leaf| leaf.time_ms = genesis.created.0 - 1);
    expect("before the founding", &genesis, early, "time", Some(0));
    for what in ["a weak R", "S + L"] {
        let signed = forged(4, &|leaf| {
            let envelope = leaf.envelope.as_mut().unwrap();
            let message = dsse::pae(&envelope.payload_type, &envelope.payload);
            let signature = &mut envelope.signatures[0];
            let governance = key_of(&signature.key_id);
            signature.signature = if what == "S + L" {
                beyond_the_order(&signature.signature)
            } else {
                with_neutral_r(&governance.0, &governance.1, &message)
            };
        });
        expect(what, &genesis, signed, "not-authentic", Some(4));
    }
    let outcome = forged(4, &|leaf| {
        leaf.outcome = Some((&Outcome::Refused(RefusalReason::TooMany)).into());
    });
    expect("another outcome", &genesis, outcome, "outcome", Some(4));
    let missing = changed(&|b| b.access = 3);
    expect("no access", &genesis, missing, "access-missing", Some(3));
    let differ = forged(last, &|leaf| {
        let envelope = leaf.envelope.as_mut().unwrap();
        let mut entry = v1::Entry::decode(envelope.payload.as_slice()).unwrap();
        if let Some(v1::entry::Body::Receipt(transfer)) = &mut entry.body {
            transfer.content = vec![7; 32];
        }
        envelope.payload = entry.encode_to_vec();
        let node = key("kurume", KeyPurpose::Node);
        let signature = dsse::sign(&node, &envelope.payload_type, &envelope.payload);
        envelope.signatures[0].signature = signature.0.to_vec();
    });
    expect(
        "received what was not released",
        &genesis,
        differ,
        "transfers-differ",
        Some(last as u64),
    );
    let salt = changed(&|b| b.openings[0].salt[0] ^= 1);
    expect("another salt", &genesis, salt, "opening", Some(0));

    let mut two = scene.world.clone();
    let document = Commitment([9; 32]);
    let (stray, _) = retrieve(&mut two, document);
    let transfer = Transfer {
        access: stray,
        disclosing: network("saga"),
        document,
        content: Commitment([6; 32]),
    };
    let index = two.accept("saga", Body::Release(transfer));
    let leaves = Leaves::of(&two);
    let every: Vec<u64> = (0..leaves.all.len() as u64).collect();
    let bundle = leaves.bundle(&every, access, &[]).encode_to_vec();
    expect(
        "a transfer of another access",
        &genesis,
        bundle,
        "stray",
        Some(index.0),
    );

    met.sort_unstable();
    met.dedup();
    assert_eq!(met.len(), 20, "{met:?}");
}

/// An entry of a leaf, changed and signed by those whose keys it names.
fn resigned(leaf: &mut v1::Leaf, signers: &[&SigningKey], change: impl FnOnce(&mut v1::Entry)) {
    let envelope = leaf.envelope.as_mut().unwrap();
    let mut entry = v1::Entry::decode(envelope.payload.as_slice()).unwrap();
    change(&mut entry);
    *envelope = seal(ENTRY_TYPE, entry.encode_to_vec(), signers);
}

#[test]
fn both_know_whose_word_it_is() {
    let Some(mut other) = Other::here() else {
        return;
    };
    let mut world = scene().world;
    let request = world.request("kurume", "4010000001", subject(1), &["saga"]);
    let (access, _) = world.ask(&request);
    let before = access.0;
    let (node, spare) = (
        key("kurume", KeyPurpose::Node),
        SigningKey::from_secret(&[3; 32]),
    );
    world.accept(
        "kurume",
        Body::KeyAdd {
            purpose: KeyPurpose::Node,
            public_key: spare.public_key(),
            endpoint: None,
        },
    );
    let key_id = spare.key_id();
    world.accept("kurume", Body::KeyRevoke { key: key_id });
    // The last leaf is the one that is forged.
    world.ask(&request);
    let leaves = Leaves::of(&world);
    let last = leaves.all.len() - 1;
    let time = leaves.message(last).time_ms;
    let officer = key("kurume", KeyPurpose::Officer);
    let saga = key("saga", KeyPurpose::Node);
    type Change<'a> = &'a dyn Fn(&mut v1::Leaf);
    let cases: [(&str, bool, Change); 12] = [
        ("as it was", true, &|leaf| resigned(leaf, &[&node], |_| ())),
        ("with another member's signature", true, &|leaf| {
            resigned(leaf, &[&node, &saga], |_| ());
        }),
        ("in its first instant", true, &|leaf| {
            resigned(leaf, &[&node], |entry| entry.not_before_ms = time);
        }),
        ("before its window", false, &|leaf| {
            resigned(leaf, &[&node], |entry| entry.not_before_ms = time + 1);
        }),
        ("at the end of its window", false, &|leaf| {
            resigned(leaf, &[&node], |entry| entry.not_after_ms = time);
        }),
        ("for another ledger", false, &|leaf| {
            resigned(leaf, &[&node], |entry| entry.ledger[0] ^= 1);
        }),
        ("of another lineage", false, &|leaf| {
            resigned(leaf, &[&node], |entry| entry.lineage = 2);
        }),
        ("by a revoked key", false, &|leaf| {
            resigned(leaf, &[&spare], |entry| entry.author = key_id.0.to_vec());
        }),
        ("with a revoked key's signature", false, &|leaf| {
            resigned(leaf, &[&node, &spare], |_| ());
        }),
        ("by a key nobody registered", false, &|leaf| {
            resigned(leaf, &[&officer], |entry| {
                entry.author = officer.key_id().0.to_vec()
            });
        }),
        ("without its author", false, &|leaf| {
            resigned(leaf, &[&saga], |_| ())
        }),
        ("with the request id of another", false, &|leaf| {
            let earlier = leaves.message(before as usize).envelope.unwrap();
            let earlier = v1::Entry::decode(earlier.payload.as_slice()).unwrap();
            resigned(leaf, &[&node], |entry| {
                entry.request_id = earlier.request_id
            });
        }),
    ];
    for (what, authentic, change) in cases {
        let mut forged = leaves.clone();
        let mut leaf = leaves.message(last);
        change(&mut leaf);
        forged.all[last] = leaf.encode_to_vec();
        let every: Vec<u64> = forged.whole(last as u64);
        let bundle = forged.bundle(&every, last as u64, &[]).encode_to_vec();
        let told = both(&mut other, what, &world.genesis, &bundle);
        let fault = if authentic {
            (None, None)
        } else {
            (Some("not-authentic"), Some(last as u64))
        };
        assert_eq!(
            (told["fault"].as_str(), told["at"].as_u64()),
            fault,
            "{what}"
        );
    }
}

/// The secret and the key of an id, among those of this test.
fn key_of(id: &[u8]) -> ([u8; 32], SigningKey) {
    let networks = ["kurume", "saga", "yame"];
    let keys = networks
        .iter()
        .flat_map(|n| KeyPurpose::ALL.iter().map(move |p| (n, p)));
    keys.map(|(n, p)| {
        (
            Sha256::digest(format!("sekisho test key {n} {p}")).into(),
            key(n, *p),
        )
    })
    .find(|(_, key)| key.key_id().0 == id)
    .unwrap()
}

/// A signature that holds, but for the rule that R is not of small order: R is the neutral element, and S = ka.
fn with_neutral_r(secret: &[u8; 32], key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut a: [u8; 32] = Sha512::digest(secret)[..32].try_into().unwrap();
    a[0] &= 248;
    a[31] = a[31] & 127 | 64;
    let k = Sha512::new()
        .chain_update(neutral)
        .chain_update(key.public_key().0)
        .chain_update(message)
        .finalize();
    let k = Scalar::from_bytes_mod_order_wide(&<[u8; 64]>::try_from(k.as_slice()).unwrap());
    let s = k * Scalar::from_bytes_mod_order(a);
    [neutral, s.to_bytes()].concat()
}

/// The same S, once more around the group.
fn beyond_the_order(signature: &[u8]) -> Vec<u8> {
    // L, as L - 1 and one more.
    let order: Vec<u8> = (-Scalar::ONE).to_bytes().to_vec();
    let mut carry = 1;
    let mut beyond = signature.to_vec();
    for (byte, of_order) in beyond.iter_mut().skip(32).zip(order) {
        let sum = u16::from(*byte) + u16::from(of_order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    beyond
}

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A facility code of Saga.
fn code(number: usize) -> String {
    format!("41{number:08}")
}

/// More facilities than one list may have joined after a blanket consent; and a decision too long for a leaf.
#[test]
fn both_follow_long_lists() {
    let Some(mut other) = Other::here() else {
        return;
    };
    const LATER: usize = 300;
    let mut world = World::of(&["kurume", "saga"]);
    world.hospital("kurume", "4010000001");
    world.hospital("saga", "4110000001");
    let after_notice = Rule {
        new_facility: NewFacility::AfterNotice { days: 1 },
        ..rule(Scope::AllFacilities)
    };
    world.publish("saga", policy(1, Some(after_notice), None));
    world.agree(
        "kyotei",
        vec![grant("saga", "kurume", ConsentRule::Disclosing)],
    );
    for patient in [1, 2] {
        world.link(("kurume", subject(patient)), ("saga", subject(patient)));
    }
    let disclose = |world: &World, patient, facilities| {
        world.consent(
            "saga",
            subject(patient),
            Side::Disclosing,
            "4110000001",
            facilities,
        )
    };
    let blanket = disclose(&world, 1, FacilitySelector::All);
    world.accept("saga", Body::ConsentGrant(blanket));
    for number in 0..LATER {
        world.hospital("saga", &code(number));
        world.accept("saga", Body::NoticePost(joining_notice(&code(number))));
    }
    world.time = world.time.plus_ms(DAY_MS);
    let request = world.request("kurume", "4010000001", subject(1), &["saga"]);
    let (access, decisions) = world.ask(&request);
    let Decision::Permit(terms) = &decisions[0].1 else {
        panic!("{decisions:?}");
    };
    let lengths: Vec<usize> = terms
        .bases
        .iter()
        .map(|basis| match &basis.facilities {
            DisclosingFacilities::Listed(set) => set.len(),
            _ => 0,
        })
        .collect();
    assert_eq!(lengths, [0, 256, 44]);

    // Of another patient a list of 256, seen by grants of 40 different pairs of categories.
    world.publish("saga", policy(2, Some(rule(Scope::ListedFacilities)), None));
    let listed = FacilitySelector::Listed((0..256).map(|n| facility(&code(n))).collect());
    let listed = disclose(&world, 2, listed);
    world.accept("saga", Body::ConsentGrant(listed));
    let pairs = Category::ALL
        .iter()
        .flat_map(|a| Category::ALL.iter().map(move |b| (*a, *b)));
    let grants: Vec<Grant> = pairs
        .filter(|(a, b)| a < b)
        .take(40)
        .map(|(a, b)| Grant {
            categories: Codes::from([a, b]),
            ..grant("saga", "kurume", ConsentRule::Disclosing)
        })
        .collect();
    world.agree("kyotei", grants);
    let request = world.request("kurume", "4010000001", subject(2), &["saga"]);
    let refused = world.say("kurume", Body::AccessRequest(request));
    assert!(
        matches!(
            refused,
            Applied::Leaf {
                outcome: Outcome::Refused(RefusalReason::TooMany),
                ..
            }
        ),
        "{refused:?}"
    );

    let leaves = Leaves::of(&world);
    let all = leaves.whole(access.0);
    let bundle = leaves.bundle(&all, access.0, &[]).encode_to_vec();
    let told = both(&mut other, "long lists", &world.genesis, &bundle);
    assert_eq!(told["verified"], true, "{told}");
}
