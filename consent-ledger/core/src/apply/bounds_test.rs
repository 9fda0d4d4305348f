//! Every bound: what stands at it is taken, what is one past it refused; and request ids inside one batch.

use crate::testing::{BEGIN, World, facility, genesis, grant, key, network, subject};
use crate::view::{
    AGREEMENT_VERSIONS_MAX, AGREEMENTS_OF_PAIR_MAX, CONSENT_NAMES_MAX, CONSENTS_MAX, KEYS_MAX,
    LINKS_MAX, NETWORKS_MAX, POLICY_VERSIONS_MAX, RECORD_CHANGES_MAX, RESERVATION_NAMES_MAX,
};
use crate::{
    Applied, EntryFault, GenesisFault, LEAF_BYTES_MAX, Leaf, REPLICAS_MAX, Strict, View,
    apply_batch, check_genesis, sign_entry,
};
use sekisho_domain::*;
use sekisho_proto::v1;

fn outcome(applied: Applied) -> Outcome {
    match applied {
        Applied::Leaf { outcome, .. } => outcome,
        other => panic!("{other:?}"),
    }
}

/// Says things until one is refused; how many were taken.
fn until_too_many(
    case: &str,
    world: &mut World,
    by: &str,
    say: impl Fn(&World, usize) -> Body,
) -> usize {
    for n in 0.. {
        let body = say(world, n);
        match outcome(world.say(by, body)) {
            Outcome::Accepted => {}
            Outcome::Refused(RefusalReason::TooMany) => return n,
            other => panic!("{case} {n}: {other:?}"),
        }
    }
    0
}

fn agreement(id: String, version: u32, parties: &[&str]) -> Agreement {
    Agreement {
        id: id.parse().unwrap(),
        version,
        parties: parties.iter().map(|p| network(p)).collect(),
        grants: vec![grant(parties[0], parties[1], ConsentRule::Viewing)],
        valid: Period {
            from: BEGIN,
            until: None,
        },
        text_hash: Hash([0; 32]),
        retention: Retention::NotKept,
        settlement: Settlement::EachOwn,
    }
}

#[test]
fn every_list_of_a_member_ends_at_its_bound() {
    let world = {
        let mut world = World::of(&["kurume", "saga", "yame"]);
        world.hospital("saga", "4110000001");
        world.policy("saga", Some(Scope::AllFacilities), None);
        world
    };
    let fresh = || world.clone();
    // Founded with a governance, a transport and a checkpoint key; a node key came with the world.
    let keys = until_too_many("keys", &mut fresh(), "saga", |_, n| Body::KeyAdd {
        purpose: KeyPurpose::Node,
        public_key: key(&format!("more-{n}"), KeyPurpose::Node).public_key(),
        endpoint: None,
    });
    assert_eq!(keys, KEYS_MAX - 4);
    let consents = until_too_many("consents", &mut fresh(), "saga", |w, _| {
        let all = FacilitySelector::All;
        Body::ConsentGrant(w.consent("saga", subject(1), Side::Disclosing, "4110000001", all))
    });
    assert_eq!(consents, CONSENTS_MAX);
    let policies = until_too_many("policies", &mut fresh(), "saga", |_, n| {
        Body::ConsentPolicyPublish(ConsentPolicy {
            version: n as u32 + 2,
            valid_from: BEGIN,
            text_hash: Hash([0; 32]),
            disclosing: Some(crate::testing::rule(Scope::AllFacilities)),
            viewing: None,
            voids_earlier: false,
            emergency: None,
        })
    });
    assert_eq!(policies, POLICY_VERSIONS_MAX - 1);
    let links = until_too_many("links", &mut fresh(), "saga", |_, n| Body::SubjectLink {
        own: subject(1),
        other: SubjectRef {
            network: network("kurume"),
            subject: subject(100 + n as u8),
        },
    });
    assert_eq!(links, LINKS_MAX);
    let versions = until_too_many("versions", &mut fresh(), "saga", |_, n| {
        Body::AgreementPropose(agreement(
            "link".to_owned(),
            n as u32 + 1,
            &["kurume", "saga"],
        ))
    });
    assert_eq!(versions, AGREEMENT_VERSIONS_MAX as usize);
    let mut crowded = fresh();
    let agreements = until_too_many("agreements", &mut crowded, "saga", |_, n| {
        Body::AgreementPropose(agreement(format!("a{n}"), 1, &["kurume", "saga", "yame"]))
    });
    assert_eq!(agreements, AGREEMENTS_OF_PAIR_MAX);
    // Another version of one that is there is no other agreement; and what Saga fills up with its own proposals
    // leaves the two others free to agree.
    crowded.accept(
        "saga",
        Body::AgreementPropose(agreement("a0".to_owned(), 2, &["kurume", "saga"])),
    );
    crowded.agree("free", vec![grant("kurume", "yame", ConsentRule::Viewing)]);
    // Nor can anybody propose or sign past the bound.
    let crossing = agreement("crossing".to_owned(), 1, &["kurume", "saga", "yame"]);
    let too_many = Outcome::Refused(RefusalReason::TooMany);
    let propose = Body::AgreementPropose(crossing.clone());
    assert_eq!(outcome(crowded.say("kurume", propose.clone())), too_many);
    let mut crowded = fresh();
    until_too_many("agreements", &mut crowded, "saga", |_, n| {
        Body::AgreementPropose(agreement(format!("a{n}"), 1, &["saga", "yame"]))
    });
    crowded.accept("kurume", propose);
    let signature = World::<crate::store::MemoryState>::signature(&crossing);
    assert_eq!(outcome(crowded.say("saga", signature)), too_many);
}

/// As many facilities as one list holds, none of them registered.
fn longest_list() -> std::collections::BTreeSet<FacilityId> {
    let codes = (0..FacilitySelector::LISTED_MAX).map(|n| format!("40{n:08}"));
    codes.map(|code| facility(&code)).collect()
}

#[test]
fn what_the_consents_of_a_subject_name_together_ends_at_its_bound() {
    let mut world = World::unsigned(&["saga"]);
    world.hospital("saga", "4110000001");
    world.policy("saga", None, Some(Scope::EachFacility));
    let consent = |w: &World, counterpart| {
        let own = FacilitySelector::Listed([facility("4110000001")].into());
        let consent = w.consent("saga", subject(1), Side::Viewing, "4110000001", own);
        Body::ConsentGrant(Consent {
            counterpart,
            ..consent
        })
    };
    let long = until_too_many("names", &mut world, "saga", |w, _| {
        consent(w, Some(longest_list()))
    });
    let left = CONSENT_NAMES_MAX % (FacilitySelector::LISTED_MAX + 1);
    assert_eq!(long, CONSENT_NAMES_MAX / (FacilitySelector::LISTED_MAX + 1));
    let short = until_too_many("names", &mut world, "saga", |w, _| consent(w, None));
    assert_eq!(short, left);
}

#[test]
fn what_the_reservations_of_a_subject_name_together_ends_where_nothing_is_permitted_any_more() {
    let mut world = World::unsigned(&["saga"]);
    world.hospital("saga", "4110000001");
    world.policy("saga", None, Some(Scope::EachFacility));
    world.consent_to_visit("saga", subject(1), "4110000001");
    let permitted = |world: &mut World| {
        let request = world.request("saga", "4110000001", subject(1), &["saga"]);
        matches!(world.ask(&request).1[0].1, Decision::Permit(_))
    };
    let held = |_: &World, _| {
        Body::ReservationSet(Reservation {
            disclosing_facilities: Some(longest_list()),
            ..crate::testing::reservation("saga", subject(1), "4110000001")
        })
    };
    for n in 0..RESERVATION_NAMES_MAX / FacilitySelector::LISTED_MAX {
        world.accept("saga", held(&world, n));
    }
    assert!(permitted(&mut world), "at the bound");
    // One past it is let in, for what narrows is not refused; and opens nothing.
    assert_eq!(until_too_many("names", &mut world, "saga", held), 1);
    assert!(!permitted(&mut world), "past it");
}

#[test]
fn what_changes_for_ever_ends_at_a_bound_that_never_keeps_anybody_from_ending_it() {
    let mut world = World::of(&["kurume", "saga"]);
    world.hospital("saga", "4110000001");
    let leave = Body::FacilityLeave {
        facility: facility("4110000001"),
    };
    let join = Body::FacilityRegister {
        facility: facility("4110000001"),
        kind: FacilityKind::Hospital,
        name: "病院".to_owned(),
        municipality: None,
    };
    let (own, other) = (
        subject(1),
        SubjectRef {
            network: network("kurume"),
            subject: subject(2),
        },
    );
    let link = Body::SubjectLink {
        own,
        other: other.clone(),
    };
    let unlink = Body::SubjectUnlink { own, other };
    world.accept("saga", link.clone());
    for (end, renew) in [(leave, join), (unlink, link)] {
        let mut changes = 1;
        loop {
            world.accept("saga", end.clone());
            changes += 1;
            match outcome(world.say("saga", renew.clone())) {
                Outcome::Accepted => changes += 1,
                refused => {
                    assert_eq!(refused, Outcome::Refused(RefusalReason::TooMany));
                    break;
                }
            }
        }
        assert_eq!(changes, RECORD_CHANGES_MAX);
    }
}

#[test]
fn a_ledger_has_so_many_members_and_replicas() {
    let ids: Vec<_> = (0..NETWORKS_MAX).map(|n| format!("n{n:03}")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    assert_eq!(check_genesis(&genesis(&ids)), []);
    let admit = |id: &str| Body::NetworkAdmit {
        network: network(id),
        name: id.to_owned(),
        governance_key: key(id, KeyPurpose::Governance).public_key(),
    };
    let mut world = World::of(&ids[..1]);
    world.accept("n000", admit("n001"));
    for n in 2..NETWORKS_MAX {
        // A majority of the first members, in order.
        for by in &ids[..n / 2 + 1] {
            world.accept(by, admit(ids[n]));
        }
    }
    assert_eq!(View(&world.state).networks().unwrap().len(), NETWORKS_MAX);
    assert_eq!(
        outcome(world.say("n000", admit("one-more"))),
        Outcome::Refused(RefusalReason::TooMany)
    );

    let with = |change: fn(&mut Genesis)| {
        let mut genesis = genesis(&["kurume", "saga"]);
        change(&mut genesis);
        check_genesis(&genesis)
    };
    let faults = with(|g| {
        let replica = g.replicas[0].clone();
        g.replicas = (0..=REPLICAS_MAX as u64)
            .map(|id| FoundingReplica {
                id: ReplicaId(id),
                ..replica.clone()
            })
            .collect();
    });
    assert!(
        matches!(
            faults[0],
            GenesisFault::TooMany {
                what: "replicas",
                ..
            }
        ),
        "{faults:?}"
    );
    for (case, faults) in [
        (
            "a name that turns around",
            with(|g| g.networks[0].name.push('\u{202e}')),
        ),
        (
            "no port",
            with(|g| g.replicas[1].endpoint = "host".to_owned()),
        ),
    ] {
        assert!(
            matches!(faults[..], [GenesisFault::Text { .. }]),
            "{case}: {faults:?}"
        );
    }
}

#[test]
fn an_outcome_too_long_for_a_leaf_is_refused_with_nothing_written() {
    let names: Vec<_> = (0..20).map(|n| format!("n{n:02}")).collect();
    let mut all: Vec<_> = names.iter().map(String::as_str).collect();
    all.push("viewing");
    let mut world = World::of(&all);
    world.hospital("viewing", "4010000001");
    world.policy("viewing", None, Some(Scope::EachFacility));
    world.consent_to_visit("viewing", subject(1), "4010000001");
    // Every other network agrees, and holds back documents of many facilities.
    let held: std::collections::BTreeSet<_> = (0..FacilitySelector::LISTED_MAX)
        .map(|n| facility(&format!("40{n:08}")))
        .collect();
    for (n, id) in names.iter().enumerate() {
        let at = format!("41100000{n:02}");
        world.hospital(id, &at);
        world.agree(
            &format!("link-{id}"),
            vec![grant(id, "viewing", ConsentRule::Viewing)],
        );
        world.link(("viewing", subject(1)), (id, subject(2)));
        for category in [Category::Meal, Category::Imaging] {
            let reservation = Reservation {
                network: network(id),
                subject: subject(2),
                viewer: ViewerSelector::Anyone,
                disclosing_facilities: Some(held.clone()),
                categories: Some([category].into()),
                period: Period {
                    from: BEGIN,
                    until: None,
                },
                recorded_by: facility(&at),
                purposes: None,
                proxy: None,
            };
            world.accept(id, Body::ReservationSet(reservation));
        }
    }
    let mut longest = 0;
    for asked in 1..=names.len() {
        let request = world.request("viewing", "4010000001", subject(1), &all[..asked]);
        let before = View(&world.state).meta().unwrap().unwrap();
        let Applied::Leaf { index, outcome, .. } =
            world.say("viewing", Body::AccessRequest(request))
        else {
            panic!("no leaf")
        };
        let bytes = View(&world.state).leaf(index).unwrap().unwrap();
        assert_eq!(Leaf::decode(&bytes).unwrap().outcome, outcome);
        let access = View(&world.state).access(index).unwrap();
        match outcome {
            Outcome::Decided(_) => {
                longest = bytes.len();
                assert!(access.is_some() && longest <= LEAF_BYTES_MAX);
            }
            refused => {
                assert_eq!(refused, Outcome::Refused(RefusalReason::TooMany));
                assert!(access.is_none(), "nothing is written");
                assert_eq!(
                    before.size + 1,
                    View(&world.state).meta().unwrap().unwrap().size
                );
                assert!(
                    longest > LEAF_BYTES_MAX - 7_000,
                    "only what does not fit is refused: {longest}"
                );
                return;
            }
        }
    }
    panic!("everything fitted, {longest} bytes");
}

#[test]
fn request_ids_count_inside_one_batch() {
    let mut world = World::of(&["kurume", "saga"]);
    let governance = key("saga", KeyPurpose::Governance);
    let register = |code: &str| Body::FacilityRegister {
        facility: facility(code),
        kind: FacilityKind::Hospital,
        name: "病院".to_owned(),
        municipality: None,
    };
    let entry = world.entry(&governance, register("4110000001"));
    let first = sign_entry(&entry, &[&governance]);
    let mut forged = first.clone();
    forged.signatures[0].signature[0] ^= 1;
    let second = sign_entry(
        &Entry {
            body: register("4110000002"),
            ..entry
        },
        &[&governance],
    );
    let batch = v1::Batch {
        time_ms: world.time.0,
        envelopes: vec![forged, first.clone(), first, second.clone(), second],
    };
    let applied = apply_batch(&mut world.state, &batch, &Strict).unwrap();
    let Applied::Leaf { index, .. } = applied[1] else {
        panic!("{applied:?}")
    };
    assert!(matches!(
        applied[0],
        Applied::Invalid(EntryFault::BadSignature(_))
    ));
    assert_eq!(applied[2], Applied::Duplicate { index });
    let reused = Applied::Invalid(EntryFault::RequestIdReused);
    assert_eq!(applied[3..], [reused.clone(), reused]);
    assert!(
        View(&world.state)
            .facility(&facility("4110000002"))
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_withdrawal_is_taken_by_a_facility_that_has_left_but_by_no_strangers() {
    let mut world = World::of(&["kurume", "saga"]);
    world.hospital("saga", "4110000001");
    world.hospital("kurume", "4010000001");
    world.policy("saga", Some(Scope::AllFacilities), None);
    let all = FacilitySelector::All;
    let consent = world.consent("saga", subject(1), Side::Disclosing, "4110000001", all);
    let consent = ConsentId(world.accept("saga", Body::ConsentGrant(consent)));
    world.accept(
        "saga",
        Body::FacilityLeave {
            facility: facility("4110000001"),
        },
    );
    let withdraw = |at: &str| Body::ConsentWithdraw {
        consent,
        way: Withdrawal::Oral,
        recorded_by: facility(at),
        evidence: Commitment([0; 32]),
    };
    let unknown = Outcome::Refused(RefusalReason::FacilityUnknown);
    assert_eq!(outcome(world.say("saga", withdraw("4010000001"))), unknown);
    assert_eq!(outcome(world.say("saga", withdraw("4110000009"))), unknown);
    let by_kurume = outcome(world.say("kurume", withdraw("4010000001")));
    assert_eq!(by_kurume, Outcome::Refused(RefusalReason::NotAuthorised));
    world.accept("saga", withdraw("4110000001"));
}
