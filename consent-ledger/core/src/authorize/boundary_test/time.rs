//! Instants at a boundary.

use super::*;
use crate::PERMIT_MS_MAX;
use crate::testing::{World, facility, grant, rule, subject};

#[test]
fn a_permit_never_outlives_what_it_rests_on() {
    type Change = Box<dyn Fn(&mut World, TimeMs)>;
    let grants = || vec![grant("saga", "kurume", ConsentRule::Viewing)];
    let cases: Vec<(&str, Change)> = vec![
        ("nothing ends", Box::new(|_, _| {})),
        (
            "a reservation begins",
            Box::new(|w, at| {
                w.accept(
                    "saga",
                    Body::ReservationSet(reservation("saga", subject(1), SAGA, at)),
                );
            }),
        ),
        (
            "a narrow reservation begins",
            Box::new(|w, at| {
                let narrow = Reservation {
                    categories: Some([Category::Infection].into()),
                    disclosing_facilities: Some([facility(SAGA)].into()),
                    ..reservation("kurume", subject(2), KURUME, at)
                };
                w.accept("kurume", Body::ReservationSet(narrow));
            }),
        ),
        (
            "a version without the grant begins",
            Box::new(move |w, at| {
                let mut other = grants();
                other[0].categories = [Category::Meal].into();
                let next = version("link", 2, &["kurume", "saga"], other, at);
                w.accept("saga", Body::AgreementPropose(next.clone()));
                sign(w, "kurume", &next);
            }),
        ),
        (
            "a policy without the side begins",
            Box::new(|w, at| {
                w.accept(
                    "kurume",
                    Body::ConsentPolicyPublish(ConsentPolicy {
                        version: 2,
                        valid_from: at,
                        text_hash: Hash([0; 32]),
                        disclosing: Some(rule(Scope::AllFacilities)),
                        viewing: None,
                        voids_earlier: false,
                        emergency: None,
                    }),
                );
            }),
        ),
    ];
    for (case, change) in cases {
        let mut world = permitted();
        let end = world.time.plus_ms(1_000);
        change(&mut world, end);
        let before = terms(ask(&world, "kurume"));
        if case == "nothing ends" {
            assert_eq!(before.expires, world.time.plus_ms(PERMIT_MS_MAX));
            continue;
        }
        assert_eq!(before.expires, end, "{case}");
        world.time = TimeMs(end.0 - 1);
        assert_eq!(terms(ask(&world, "kurume")).expires, end, "{case}");
        world.time = end;
        let after = ask(&world, "kurume");
        let same = matches!(&after, Decision::Permit(t) if (&t.bases, &t.withheld) == (&before.bases, &before.withheld));
        assert!(!same, "{case}: nothing changed at the boundary");
    }
}

#[test]
fn instants_at_a_boundary_belong_to_what_begins() {
    let mut world = permitted();
    let (from, until) = (world.time.plus_ms(100), world.time.plus_ms(200));
    let consent = Consent {
        period: Period {
            from,
            until: Some(until),
        },
        ..world.consent(
            "yame",
            subject(3),
            Side::Viewing,
            YAME,
            FacilitySelector::Listed([facility(YAME)].into()),
        )
    };
    world.agree("more", vec![grant("saga", "yame", ConsentRule::Viewing)]);
    world.accept("yame", Body::ConsentGrant(consent));
    let not = Some(DenyReason::ConsentNotInPeriod);
    for (at, expected) in [
        (from.0 - 1, not),
        (from.0, None),
        (until.0 - 1, None),
        (until.0, not),
    ] {
        world.time = TimeMs(at);
        assert_eq!(reason(&ask(&world, "yame")), expected, "{at}");
    }
    // At the end of time nothing overflows, and nothing that could still be used is permitted.
    world.time = TimeMs(u64::MAX);
    assert_eq!(terms(ask(&world, "kurume")).expires, TimeMs(u64::MAX));
    world.time = TimeMs(u64::MAX - 1);
    assert_eq!(terms(ask(&world, "kurume")).expires, TimeMs(u64::MAX));
}
