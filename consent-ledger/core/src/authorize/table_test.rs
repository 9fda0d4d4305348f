//! What is permitted, what narrows it, and what is no consent at all.

use super::scene::*;
use super::{PERMIT_MS_MAX, Permit};
use crate::testing::{BEGIN, World, facility, network, rule};
use sekisho_domain::*;

#[test]
fn every_rule_permits_when_all_is_given() {
    for rule in [
        ConsentRule::Disclosing,
        ConsentRule::Viewing,
        ConsentRule::Both,
        ConsentRule::Either,
    ] {
        let mut scene = scene(rule);
        let (disclosing, viewing) = (scene.disclosing, scene.viewing);
        let Decision::Permit(terms) = scene.decide() else {
            panic!("{rule}")
        };
        let expected = match rule {
            ConsentRule::Disclosing => vec![vec![disclosing]],
            ConsentRule::Viewing => vec![vec![viewing]],
            ConsentRule::Both => vec![vec![disclosing, viewing]],
            // The viewing consent reaches all facilities, the blanket one those of its time: the wider covers it.
            _ => vec![vec![viewing]],
        };
        assert_eq!(
            terms
                .bases
                .iter()
                .map(|b| b.consents.clone())
                .collect::<Vec<_>>(),
            expected,
            "{rule}"
        );
        assert_eq!(terms.subject, PATIENT_SAGA);
        assert_eq!(terms.expires, scene.world.time.plus_ms(PERMIT_MS_MAX));
    }
}

#[test]
fn a_reservation_that_looks_elsewhere_changes_nothing_and_a_narrow_one_narrows() {
    let cases: [(&str, fn(Reservation) -> Reservation, usize, usize); 5] = [
        (
            "another viewer",
            |r| Reservation {
                viewer: ViewerSelector::Network(network("yame")),
                ..r
            },
            Category::ALL.len(),
            0,
        ),
        (
            "another hospital",
            |r| Reservation {
                viewer: ViewerSelector::Facility(facility(KURUME_2)),
                ..r
            },
            Category::ALL.len(),
            0,
        ),
        (
            "not yet",
            |r| Reservation {
                period: Period {
                    from: BEGIN.plus_ms(1_000_000_000),
                    until: None,
                },
                ..r
            },
            Category::ALL.len(),
            0,
        ),
        (
            "one category",
            |r| Reservation {
                categories: Some([Category::Infection].into()),
                ..r
            },
            Category::ALL.len() - 1,
            0,
        ),
        (
            "one facility's documents",
            |r| Reservation {
                disclosing_facilities: Some([facility(SAGA)].into()),
                ..r
            },
            Category::ALL.len(),
            1,
        ),
    ];
    for (case, change, categories, withheld) in cases {
        let mut scene = scene(ConsentRule::Viewing);
        let reservation = change(scene.reservation());
        let set = ReservationId(
            scene
                .world
                .accept("kurume", Body::ReservationSet(reservation)),
        );
        let Decision::Permit(terms) = scene.decide() else {
            panic!("{case}")
        };
        assert_eq!(
            (terms.bases[0].categories.len(), terms.withheld.len()),
            (categories, withheld),
            "{case}"
        );
        scene.world.accept(
            "kurume",
            Body::ReservationClear {
                reservation: set,
                recorded_by: facility(KURUME),
            },
        );
        let Decision::Permit(terms) = scene.decide() else {
            panic!("{case}, cleared")
        };
        assert_eq!(
            (terms.bases[0].categories.len(), terms.withheld.len()),
            (Category::ALL.len(), 0),
            "{case}, cleared"
        );
    }
}

#[test]
fn a_network_needs_no_agreement_for_its_own_documents_but_its_own_consents() {
    let mut scene = scene(ConsentRule::Viewing);
    scene.request.targets = [network("kurume")].into();
    let Decision::Permit(terms) = scene.decide() else {
        panic!("own documents")
    };
    assert_eq!(
        (
            terms.bases.len(),
            terms.bases[0].grant.clone(),
            terms.subject
        ),
        (1, None, PATIENT_KURUME)
    );
    let consent = scene.viewing;
    scene.withdraw("kurume", consent, KURUME);
    assert!(
        matches!(scene.decide(), Decision::Deny(d) if d.reason == DenyReason::ConsentWithdrawn)
    );
}

#[test]
fn a_blanket_consent_does_not_reach_facilities_that_join_later() {
    let mut scene = scene(ConsentRule::Disclosing);
    let later = scene.world.hospital("saga", "4110000009");
    let early = EntryIndex(3);
    let (index, decisions) = scene.world.ask(&scene.request.clone());
    let record = crate::View(&scene.world.state)
        .access(index)
        .unwrap()
        .unwrap();
    assert_eq!(record.decisions, decisions);
    let permit = Permit::of(&record, &network("saga"), scene.world.time).unwrap();
    assert!(permit.covers(Category::Prescription, &facility(SAGA), early));
    assert!(!permit.covers(Category::Prescription, &facility("4110000009"), later));
    let expired = Permit::of(
        &record,
        &network("saga"),
        record.time.plus_ms(PERMIT_MS_MAX),
    );
    assert!(matches!(expired, Err(super::NotPermitted::Expired { .. })));
    assert!(matches!(
        Permit::of(&record, &network("yame"), record.time),
        Err(super::NotPermitted::NotAsked(_))
    ));
}

#[test]
fn what_a_policy_does_not_provide_for_is_no_consent() {
    let mut world = scene_without_viewing();
    let listed =
        |codes: &[&str]| FacilitySelector::Listed(codes.iter().map(|c| facility(c)).collect());
    let consent = |world: &World, selector| {
        world.consent("kurume", PATIENT_KURUME, Side::Viewing, KURUME, selector)
    };
    let cases: Vec<(&str, Consent, RefusalReason)> = vec![
        (
            "blanket where each facility consents",
            consent(&world, FacilitySelector::All),
            RefusalReason::PolicyForbids,
        ),
        (
            "two facilities at once",
            consent(&world, listed(&[KURUME, KURUME_2])),
            RefusalReason::PolicyForbids,
        ),
        (
            "for another than took it",
            consent(&world, listed(&[KURUME_2])),
            RefusalReason::PolicyForbids,
        ),
        (
            "a side the policy does not have",
            Consent {
                side: Side::Disclosing,
                ..consent(&world, listed(&[KURUME]))
            },
            RefusalReason::PolicyForbids,
        ),
        (
            "taken in another way",
            Consent {
                capture: Capture::CardPresented,
                ..consent(&world, listed(&[KURUME]))
            },
            RefusalReason::PolicyForbids,
        ),
        (
            "under another version",
            Consent {
                policy_version: 9,
                ..consent(&world, listed(&[KURUME]))
            },
            RefusalReason::WrongVersion,
        ),
        (
            "taken by a stranger",
            Consent {
                recorded_by: facility(SAGA),
                ..consent(&world, listed(&[SAGA]))
            },
            RefusalReason::FacilityUnknown,
        ),
        (
            "already over",
            Consent {
                period: ended(),
                ..consent(&world, listed(&[KURUME]))
            },
            RefusalReason::InvalidContent,
        ),
    ];
    assert_eq!(rule(Scope::EachFacility).capture.len(), 2);
    for (case, consent, reason) in cases {
        match world.say("kurume", Body::ConsentGrant(consent)) {
            crate::Applied::Leaf { outcome, .. } => {
                assert_eq!(outcome, Outcome::Refused(reason), "{case}")
            }
            other => panic!("{case}: {other:?}"),
        }
    }
}
