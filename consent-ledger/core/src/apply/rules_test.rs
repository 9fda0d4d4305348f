//! What rules refuse, and what they let through.

use crate::testing::{BEGIN, World, facility, grant, key, network, subject};
use crate::{Applied, EntryFault, Leaf, View, merkle, sign_entry, tree};
use sekisho_domain::*;

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
fn refusals_stand_in_the_tree_with_their_reason() {
    let mut world = world();
    world.hospital("saga", "4110000001");
    let weak = PublicKey([0; 32]);
    let cases: Vec<(&str, &str, Body, RefusalReason)> = vec![
        (
            "a facility twice",
            "saga",
            hospital("4110000001"),
            RefusalReason::AlreadyExists,
        ),
        (
            "another network's facility leaves",
            "kurume",
            Body::FacilityLeave {
                facility: facility("4110000001"),
            },
            RefusalReason::NotAuthorised,
        ),
        (
            "a facility nobody registered leaves",
            "saga",
            Body::FacilityLeave {
                facility: facility("4110000009"),
            },
            RefusalReason::NotFound,
        ),
        (
            "a weak key",
            "saga",
            Body::KeyAdd {
                purpose: KeyPurpose::Node,
                public_key: weak,
                endpoint: None,
            },
            RefusalReason::WeakKey,
        ),
        (
            "a transport key without an address",
            "saga",
            Body::KeyAdd {
                purpose: KeyPurpose::Transport,
                public_key: key("new", KeyPurpose::Transport).public_key(),
                endpoint: None,
            },
            RefusalReason::InvalidContent,
        ),
        (
            "a key known already",
            "saga",
            Body::KeyAdd {
                purpose: KeyPurpose::Node,
                public_key: key("kurume", KeyPurpose::Node).public_key(),
                endpoint: None,
            },
            RefusalReason::AlreadyExists,
        ),
        (
            "revoking another's key",
            "saga",
            Body::KeyRevoke {
                key: key("kurume", KeyPurpose::Node).key_id(),
            },
            RefusalReason::NotAuthorised,
        ),
        (
            "a governance key revoking itself",
            "saga",
            Body::KeyRevoke {
                key: key("saga", KeyPurpose::Governance).key_id(),
            },
            RefusalReason::NotAuthorised,
        ),
        (
            "signing an agreement nobody proposed",
            "saga",
            Body::AgreementSign {
                id: "x".parse().unwrap(),
                version: 1,
                digest: Hash([0; 32]),
            },
            RefusalReason::NotFound,
        ),
        (
            "withdrawing what was not granted",
            "saga",
            Body::ConsentWithdraw {
                consent: ConsentId(EntryIndex(0)),
                way: Withdrawal::Oral,
                recorded_by: facility("4110000001"),
                evidence: Commitment([0; 32]),
            },
            RefusalReason::NotFound,
        ),
        (
            "a link to oneself",
            "saga",
            Body::SubjectLink {
                own: subject(1),
                other: SubjectRef {
                    network: network("saga"),
                    subject: subject(2),
                },
            },
            RefusalReason::InvalidContent,
        ),
        (
            "a link to a stranger",
            "saga",
            Body::SubjectLink {
                own: subject(1),
                other: SubjectRef {
                    network: network("iwami"),
                    subject: subject(2),
                },
            },
            RefusalReason::NotFound,
        ),
        (
            "a release without a request",
            "saga",
            Body::Release(Transfer {
                access: EntryIndex(0),
                disclosing: network("saga"),
                document: Commitment([0; 32]),
                content: Commitment([0; 32]),
            }),
            RefusalReason::NotFound,
        ),
    ];
    for (case, by, body, reason) in cases {
        let before = tree::size(&world.state).unwrap();
        match world.say(by, body) {
            Applied::Leaf {
                index,
                outcome,
                leaf_hash,
                ..
            } => {
                assert_eq!(outcome, Outcome::Refused(reason), "{case}");
                let bytes = View(&world.state).leaf(index).unwrap().unwrap();
                assert_eq!(merkle::leaf_hash(&bytes), leaf_hash, "{case}");
                assert_eq!(Leaf::decode(&bytes).unwrap().outcome, outcome, "{case}");
                assert_eq!(tree::size(&world.state).unwrap(), before + 1, "{case}");
            }
            other => panic!("{case}: {other:?}"),
        }
    }
}

#[test]
fn a_revoked_key_fails_from_its_index_on() {
    let mut world = world();
    let second = key("saga-2", KeyPurpose::Governance);
    let public_key = second.public_key();
    world.accept(
        "saga",
        Body::KeyAdd {
            purpose: KeyPurpose::Governance,
            public_key,
            endpoint: None,
        },
    );
    let first = key("saga", KeyPurpose::Governance).key_id();
    let entry = world.entry(&second, Body::KeyRevoke { key: first });
    assert!(matches!(
        world.apply(&sign_entry(&entry, &[&second])),
        Applied::Leaf {
            outcome: Outcome::Accepted,
            ..
        }
    ));
    assert_eq!(
        world.say("saga", hospital("4110000001")),
        Applied::Invalid(EntryFault::RevokedKey(first))
    );
}

#[test]
fn a_network_is_admitted_by_a_majority_saying_the_same() {
    let mut world = World::of(&["kurume", "saga", "yame"]);
    let governance_key = key("mame", KeyPurpose::Governance).public_key();
    let admit = |name: &str| Body::NetworkAdmit {
        network: network("mame"),
        name: name.to_owned(),
        governance_key,
    };
    world.accept("saga", admit("まめネット"));
    assert!(
        View(&world.state)
            .network(&network("mame"))
            .unwrap()
            .is_none(),
        "one of three is no majority"
    );
    // A slip of the pen is another statement: it neither counts for the network nor keeps it out.
    world.accept("yame", admit("まぬネット"));
    assert!(
        View(&world.state)
            .network(&network("mame"))
            .unwrap()
            .is_none(),
        "two who say different things are no majority"
    );
    let twice = world.say("saga", admit("まめネット"));
    assert!(matches!(
        twice,
        Applied::Leaf {
            outcome: Outcome::Refused(RefusalReason::AlreadyExists),
            ..
        }
    ));
    world.accept("yame", admit("まめネット"));
    assert!(
        View(&world.state)
            .network(&network("mame"))
            .unwrap()
            .is_some()
    );
    world.hospital("mame", "3210000001");
}

#[test]
fn what_was_said_with_a_key_revoked_since_counts_for_no_majority() {
    let mut world = World::of(&["kurume", "saga", "yame"]);
    let admit = Body::NetworkAdmit {
        network: network("mame"),
        name: "まめネット".to_owned(),
        governance_key: key("mame", KeyPurpose::Governance).public_key(),
    };
    let is_admitted = |world: &World| {
        let admitted = View(&world.state).network(&network("mame")).unwrap();
        admitted.is_some()
    };
    // A thief says it with Saga's key; Saga revokes the key with its successor.
    world.accept("saga", admit.clone());
    let successor = key("saga-2", KeyPurpose::Governance);
    world.accept(
        "saga",
        Body::KeyAdd {
            purpose: KeyPurpose::Governance,
            public_key: successor.public_key(),
            endpoint: None,
        },
    );
    let stolen = key("saga", KeyPurpose::Governance).key_id();
    world.accept_with(&successor, Body::KeyRevoke { key: stolen });
    world.accept("yame", admit.clone());
    assert!(!is_admitted(&world), "one of three");
    // Saga may say it itself.
    world.accept_with(&successor, admit);
    assert!(is_admitted(&world));
}

#[test]
fn an_agreement_is_in_force_when_every_party_signed_exactly_it() {
    let mut world = World::of(&["kurume", "saga", "yame"]);
    let agreement = Agreement {
        id: "three".parse().unwrap(),
        version: 1,
        parties: ["kurume", "saga", "yame"].map(network).into(),
        grants: vec![grant("saga", "kurume", ConsentRule::Viewing)],
        valid: Period {
            from: BEGIN,
            until: None,
        },
        text_hash: Hash([1; 32]),
        retention: Retention::NotKept,
        settlement: Settlement::EachOwn,
    };
    world.propose(&agreement);
    let sign = |digest| Body::AgreementSign {
        id: agreement.id.clone(),
        version: 1,
        digest,
    };
    let digest = crate::agreement_digest(&agreement);
    let in_force = |w: &World| {
        View(&w.state)
            .agreement_head(&agreement.id)
            .unwrap()
            .unwrap()
            .value
            .signed
            .clone()
    };
    let wrong = world.say("saga", sign(Hash([0; 32])));
    assert!(matches!(
        wrong,
        Applied::Leaf {
            outcome: Outcome::Refused(RefusalReason::DigestMismatch),
            ..
        }
    ));
    world.accept("saga", sign(digest));
    assert!(in_force(&world).is_empty(), "one party has not signed");
    world.accept("yame", sign(digest));
    assert_eq!(in_force(&world), [1]);
    // What a newer proposal has overtaken is signed no more.
    for version in [2, 3] {
        let next = Agreement {
            version,
            ..agreement.clone()
        };
        world.propose(&next);
        if version == 3 {
            let overtaken = Agreement { version: 2, ..next };
            let late = World::<crate::store::MemoryState>::signature(&overtaken);
            let refused = world.refusal("saga", late);
            assert_eq!(refused, Some(RefusalReason::WrongVersion));
        }
    }
    let skipped = Body::AgreementPropose(Agreement {
        version: 5,
        ..agreement.clone()
    });
    assert!(matches!(
        world.say("saga", skipped),
        Applied::Leaf {
            outcome: Outcome::Refused(RefusalReason::WrongVersion),
            ..
        }
    ));
}

#[test]
fn two_subjects_are_linked_by_both_sides_and_only_once() {
    let mut world = world();
    world.link(("saga", subject(1)), ("kurume", subject(2)));
    let saga = SubjectRef {
        network: network("saga"),
        subject: subject(1),
    };
    assert_eq!(
        View(&world.state)
            .linked(&saga, &network("kurume"))
            .unwrap(),
        Some(subject(2))
    );
    let second = Body::SubjectLink {
        own: subject(1),
        other: SubjectRef {
            network: network("kurume"),
            subject: subject(3),
        },
    };
    assert!(matches!(
        world.say("saga", second),
        Applied::Leaf {
            outcome: Outcome::Refused(RefusalReason::AlreadyExists),
            ..
        }
    ));
}
