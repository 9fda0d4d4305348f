//! Lists longer than a permit.

use super::*;
use crate::testing::{BEGIN, facility, grant, network, subject};
use crate::view::RESERVATIONS_MAX;
use crate::{Permit, View};

#[test]
fn forty_facilities_are_one_basis_and_none_is_forgotten() {
    let mut world = world();
    world.policy("saga", Some(Scope::EachFacility), None);
    world.agree(
        "link",
        vec![grant("saga", "kurume", ConsentRule::Disclosing)],
    );
    let codes: Vec<_> = (0..40).map(|n| format!("41100001{n:02}")).collect();
    let mut given = Vec::new();
    for code in &codes {
        world.hospital("saga", code);
        let listed = FacilitySelector::Listed([facility(code)].into());
        let consent = world.consent("saga", subject(1), Side::Disclosing, code, listed);
        given.push(ConsentId(world.accept("saga", Body::ConsentGrant(consent))));
    }
    let (index, _) = world.ask(&world.request("kurume", KURUME, subject(2), &["saga"]));
    let record = View(&world.state).access(index).unwrap().unwrap();
    let permit = Permit::of(&record, &network("saga"), world.time).unwrap();
    assert_eq!(permit.terms().bases.len(), 1);
    assert_eq!(permit.terms().bases[0].consents, given);
    for code in &codes {
        assert!(
            permit.covers(Category::LabResult, &facility(code), EntryIndex(0)),
            "{code}"
        );
    }
    assert!(!permit.covers(Category::LabResult, &facility(SAGA), EntryIndex(0)));
}

#[test]
fn a_permit_has_at_most_so_many_bases_and_holds_back_so_much_or_is_none() {
    // As many different pairs of categories as there are facilities: nothing can be put together.
    let mut world = world();
    world.policy("saga", Some(Scope::EachFacility), None);
    world.agree(
        "link",
        vec![grant("saga", "kurume", ConsentRule::Disclosing)],
    );
    let pairs = Category::ALL
        .iter()
        .flat_map(|a| Category::ALL.iter().map(move |b| (*a, *b)))
        .filter(|(a, b)| a < b);
    for (n, (a, b)) in pairs.take(PermitTerms::BASES_MAX + 1).enumerate() {
        let code = format!("41100001{n:02}");
        world.hospital("saga", &code);
        let listed = FacilitySelector::Listed([facility(&code)].into());
        let consent = Consent {
            categories: Some([a, b].into()),
            ..world.consent("saga", subject(1), Side::Disclosing, &code, listed)
        };
        world.accept("saga", Body::ConsentGrant(consent));
        let bases = terms(ask(&world, "kurume")).bases.len();
        assert_eq!(bases, (n + 1).min(PermitTerms::BASES_MAX));
    }

    let mut world = permitted();
    for n in 0..=PermitTerms::WITHHELD_MAX {
        let decision = ask(&world, "kurume");
        assert_eq!(terms(decision).withheld.len(), n);
        let held = Reservation {
            disclosing_facilities: Some([facility(&format!("41100001{n:02}"))].into()),
            ..reservation("saga", subject(1), SAGA, BEGIN)
        };
        world.accept("saga", Body::ReservationSet(held));
        if n == PermitTerms::WITHHELD_MAX {
            assert_eq!(
                reason(&ask(&world, "kurume")),
                Some(DenyReason::ReservedByPatient)
            );
        }
    }
}

#[test]
fn beyond_the_reservations_that_can_be_looked_at_nothing_is_permitted() {
    let mut world = permitted();
    let elsewhere = Reservation {
        viewer: ViewerSelector::Network(network("yame")),
        ..reservation("saga", subject(1), SAGA, BEGIN)
    };
    for _ in 0..RESERVATIONS_MAX {
        world.accept("saga", Body::ReservationSet(elsewhere.clone()));
    }
    assert_eq!(
        reason(&ask(&world, "kurume")),
        None,
        "none of them is about Kurume"
    );
    world.accept("saga", Body::ReservationSet(elsewhere.clone()));
    assert_eq!(
        reason(&ask(&world, "kurume")),
        Some(DenyReason::ReservedByPatient)
    );
    assert_eq!(
        refused(&world.say("saga", Body::ReservationSet(elsewhere))),
        Some(RefusalReason::TooMany)
    );
}
