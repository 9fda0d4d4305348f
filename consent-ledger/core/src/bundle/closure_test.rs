//! Bundles of every kind of access: denied, one's own, under older policies and newer agreements, by keys since
//! revoked, of patients with hundreds of consents.

use super::{BundleFault, build, verify};
use crate::signature::SigningKey;
use crate::testing::{BEGIN, World, facility, grant, key, network, subject};
use crate::{Applied, Leaf, View, sign_entry};
use prost::Message;
use sekisho_domain::*;
use sekisho_proto::v1;

const SAGA: &str = "4110000001";
const KURUME: &str = "4010000001";

fn world() -> World {
    let mut world = World::of(&["kurume", "saga", "yame"]);
    world.hospital("saga", SAGA);
    world.hospital("kurume", KURUME);
    world.policy("saga", Some(Scope::AllFacilities), None);
    world.policy("kurume", None, Some(Scope::EachFacility));
    world.agree("link", vec![grant("saga", "kurume", ConsentRule::Both)]);
    world.link(("saga", subject(1)), ("kurume", subject(2)));
    world
}

fn consent(world: &mut World) -> (ConsentId, ConsentId) {
    let blanket = world.consent(
        "saga",
        subject(1),
        Side::Disclosing,
        SAGA,
        FacilitySelector::All,
    );
    let disclosing = ConsentId(world.accept("saga", Body::ConsentGrant(blanket)));
    (
        disclosing,
        world.consent_to_visit("kurume", subject(2), KURUME),
    )
}

fn ask(world: &mut World, targets: &[&str]) -> EntryIndex {
    let request = world.request("kurume", KURUME, subject(2), targets);
    world.ask(&request).0
}

/// The bundle of an access verifies and states the ledger's own decisions.
fn proves(case: &str, world: &World, access: EntryIndex) -> usize {
    let (note, size) = world.checkpoint(2);
    let bytes = build(&world.state, access, &note, size, &[]).unwrap();
    let verified = match verify(&bytes, &world.genesis) {
        Ok(verified) => verified,
        Err(fault) => panic!("{case}: {fault}"),
    };
    let record = View(&world.state).access(access).unwrap().unwrap();
    assert_eq!(verified.access, record, "{case}");
    verified.leaves.len()
}

#[test]
fn every_kind_of_decision_has_a_bundle() {
    type Story = fn(&mut World) -> EntryIndex;
    let cases: [(&str, Story); 12] = [
        ("denied everywhere", |w| {
            ask(w, &["iwami", "kurume", "saga", "yame"])
        }),
        ("no agreement ever", |w| ask(w, &["yame"])),
        ("permitted", |w| {
            consent(w);
            ask(w, &["kurume", "saga"])
        }),
        ("withdrawn", |w| {
            let (disclosing, _) = consent(w);
            w.accept(
                "saga",
                Body::ConsentWithdraw {
                    consent: disclosing,
                    way: Withdrawal::Oral,
                    recorded_by: facility(SAGA),
                    evidence: Commitment([1; 32]),
                },
            );
            ask(w, &["saga"])
        }),
        ("reserved", |w| {
            consent(w);
            w.accept(
                "saga",
                Body::ReservationSet(Reservation {
                    network: network("saga"),
                    subject: subject(1),
                    viewer: ViewerSelector::Anyone,
                    disclosing_facilities: None,
                    categories: None,
                    period: Period {
                        from: BEGIN,
                        until: None,
                    },
                    recorded_by: facility(SAGA),
                    purposes: None,
                    proxy: None,
                }),
            );
            ask(w, &["saga"])
        }),
        ("its own documents", |w| {
            consent(w);
            ask(w, &["kurume"])
        }),
        ("a consent under an older policy", |w| {
            consent(w);
            w.policy("saga", Some(Scope::ListedFacilities), None);
            w.policy("kurume", None, Some(Scope::AllFacilities));
            ask(w, &["saga"])
        }),
        ("version 2 of the agreement", |w| {
            consent(w);
            w.agree("link", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
            ask(w, &["saga"])
        }),
        ("suspended and signed again", |w| {
            consent(w);
            w.accept(
                "saga",
                Body::AgreementSuspend {
                    id: "link".parse().unwrap(),
                },
            );
            w.agree(
                "link",
                vec![grant("saga", "kurume", ConsentRule::Disclosing)],
            );
            ask(w, &["saga"])
        }),
        ("unlinked and linked again", |w| {
            consent(w);
            let other = SubjectRef {
                network: network("kurume"),
                subject: subject(2),
            };
            w.accept(
                "saga",
                Body::SubjectUnlink {
                    own: subject(1),
                    other: other.clone(),
                },
            );
            w.accept(
                "saga",
                Body::SubjectLink {
                    own: subject(1),
                    other,
                },
            );
            ask(w, &["saga"])
        }),
        ("a facility that joined, left and joined again", |w| {
            w.accept(
                "kurume",
                Body::FacilityLeave {
                    facility: facility(KURUME),
                },
            );
            w.hospital("kurume", KURUME);
            consent(w);
            ask(w, &["saga"])
        }),
        ("a member admitted later", |w| {
            let admit = Body::NetworkAdmit {
                network: network("iwami"),
                name: "いわみネット".to_owned(),
                governance_key: key("iwami", KeyPurpose::Governance).public_key(),
            };
            w.accept("saga", admit.clone());
            w.accept("yame", admit);
            let node = key("iwami", KeyPurpose::Node).public_key();
            let add = Body::KeyAdd {
                purpose: KeyPurpose::Node,
                public_key: node,
                endpoint: None,
            };
            w.accept("iwami", add);
            w.hospital("iwami", "3210000001");
            w.policy("iwami", None, Some(Scope::EachFacility));
            w.agree("other", vec![grant("saga", "iwami", ConsentRule::Viewing)]);
            w.link(("saga", subject(1)), ("iwami", subject(7)));
            w.consent_to_visit("iwami", subject(7), "3210000001");
            let request = w.request("iwami", "3210000001", subject(7), &["saga"]);
            let (index, decisions) = w.ask(&request);
            assert!(matches!(decisions[0].1, Decision::Permit(_)));
            index
        }),
    ];
    for (case, story) in cases {
        let mut world = world();
        let access = story(&mut world);
        world.hospital("yame", "4010000009");
        proves(case, &world, access);
        // And still after everything it rests on has changed.
        world.accept(
            "saga",
            Body::AgreementTerminate {
                id: "link".parse().unwrap(),
            },
        );
        world.accept(
            "kurume",
            Body::FacilityLeave {
                facility: facility(KURUME),
            },
        );
        world.policy("saga", None, Some(Scope::EachFacility));
        proves(case, &world, access);
    }
}

/// A retrieved document: the access, and the transfer under it.
fn retrieved(world: &mut World) -> (EntryIndex, Transfer) {
    consent(world);
    let document = Commitment([5; 32]);
    let request = AccessRequest {
        action: Action::RetrieveDocument,
        document: Some(document),
        ..world.request("kurume", KURUME, subject(2), &["saga"])
    };
    let (access, _) = world.ask(&request);
    let transfer = Transfer {
        access,
        disclosing: network("saga"),
        document,
        content: Commitment([6; 32]),
    };
    (access, transfer)
}

#[test]
fn a_key_revoked_between_request_and_receipt_stays_good_for_the_request() {
    let mut world = world();
    let (access, transfer) = retrieved(&mut world);
    world.accept("saga", Body::Release(transfer.clone()));
    let old = key("kurume", KeyPurpose::Node);
    let new: SigningKey = key("kurume-2", KeyPurpose::Node);
    world.accept(
        "kurume",
        Body::KeyAdd {
            purpose: KeyPurpose::Node,
            public_key: new.public_key(),
            endpoint: None,
        },
    );
    world.accept("kurume", Body::KeyRevoke { key: old.key_id() });
    let entry = world.entry(&new, Body::Receipt(transfer));
    let receipt = world.apply(&sign_entry(&entry, &[&new]));
    assert!(matches!(
        receipt,
        Applied::Leaf {
            outcome: Outcome::Accepted,
            ..
        }
    ));
    proves("a key revoked since", &world, access);
}

#[test]
fn a_refused_receipt_is_no_receipt() {
    let mut world = world();
    let (access, transfer) = retrieved(&mut world);
    // Saga claims that Kurume received it.
    let Applied::Leaf { index, outcome, .. } = world.say("saga", Body::Receipt(transfer)) else {
        panic!("no leaf")
    };
    assert_eq!(outcome, Outcome::Refused(RefusalReason::NotAuthorised));
    let (note, size) = world.checkpoint(3);
    let bytes = build(&world.state, access, &note, size, &[]).unwrap();
    let mut bundle = v1::ProofBundle::decode(bytes.as_slice()).unwrap();
    let proof = crate::tree::inclusion_proof(&world.state, index, size).unwrap();
    bundle.leaves.push(v1::ProvenLeaf {
        index: index.0,
        leaf: View(&world.state).leaf(index).unwrap().unwrap(),
        inclusion_proof: proof.iter().map(|h| h.0.to_vec()).collect(),
    });
    let verified = verify(&bundle.encode_to_vec(), &world.genesis).unwrap();
    assert_eq!(verified.transfers, []);
}

#[test]
fn five_hundred_consents_fit_a_bundle() {
    let mut world = world();
    consent(&mut world);
    for n in 0..498u64 {
        let visit = Consent {
            evidence: Commitment([(n % 251) as u8; 32]),
            categories: Some([Category::ALL[n as usize % 24]].into()),
            ..world.consent(
                "kurume",
                subject(2),
                Side::Viewing,
                KURUME,
                FacilitySelector::Listed([facility(KURUME)].into()),
            )
        };
        let id = ConsentId(world.accept("kurume", Body::ConsentGrant(visit)));
        if n % 5 == 0 {
            let body = Body::ConsentWithdraw {
                consent: id,
                way: Withdrawal::Written,
                recorded_by: facility(KURUME),
                evidence: Commitment([2; 32]),
            };
            world.accept("kurume", body);
        }
    }
    let access = ask(&mut world, &["saga"]);
    let leaves = proves("five hundred consents", &world, access);
    assert!((600..650).contains(&leaves), "{leaves} leaves");
    let (note, size) = world.checkpoint(2);
    let bytes = build(&world.state, access, &note, size, &[]).unwrap();
    // Some 700 bytes a leaf with its proof.
    assert!(bytes.len() < 600_000, "{} bytes", bytes.len());
}

#[test]
fn what_a_bundle_would_hold_is_counted_before_it_is_decoded() {
    let world = world();
    // The version comes first; then as many empty messages of a field.
    let of_version = |version: u8, field: u8, times: usize| {
        [vec![1 << 3, version], [field << 3 | 2, 0].repeat(times)].concat()
    };
    let empty = |field, times| of_version(1, field, times);
    let too_many = |bytes: &[u8]| match verify(bytes, &world.genesis) {
        Err(BundleFault::TooMany { what, got, .. }) => (what, got),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        too_many(&empty(5, super::BUNDLE_LEAVES_MAX + 1)),
        ("leaves", super::BUNDLE_LEAVES_MAX + 1)
    );
    assert_eq!(
        too_many(&empty(6, super::OPENINGS_MAX + 1)),
        ("openings", super::OPENINGS_MAX + 1)
    );
    assert_eq!(
        verify(&of_version(2, 5, super::BUNDLE_LEAVES_MAX), &world.genesis).unwrap_err(),
        BundleFault::Version(2)
    );
    let over = vec![0; super::BUNDLE_BYTES_MAX + 1];
    assert!(matches!(
        verify(&over, &world.genesis),
        Err(BundleFault::TooLarge { .. })
    ));
    assert!(matches!(
        Leaf::decode(&over),
        Err(crate::LeafError::TooLarge { .. })
    ));
}
