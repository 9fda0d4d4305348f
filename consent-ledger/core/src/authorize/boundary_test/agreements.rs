//! Newer versions, parties that come and go, suspensions.

use super::*;
use crate::testing::{BEGIN, grant, subject};

#[test]
fn an_agreement_is_of_the_parties_of_the_version_that_holds() {
    let both = || {
        vec![
            grant("saga", "kurume", ConsentRule::Viewing),
            grant("saga", "yame", ConsentRule::Viewing),
        ]
    };
    let mut world = world();
    world.consent_to_visit("kurume", subject(2), KURUME);
    world.consent_to_visit("yame", subject(3), YAME);
    world.agree("link", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
    assert_eq!(reason(&ask(&world, "yame")), Some(DenyReason::NoAgreement));

    // Yame is asked to join: the reason is the missing signature, not the direction.
    let wider = version("link", 2, &["kurume", "saga", "yame"], both(), BEGIN);
    world.accept("saga", Body::AgreementPropose(wider.clone()));
    assert_eq!(
        reason(&ask(&world, "yame")),
        Some(DenyReason::AgreementNotSigned)
    );
    assert_eq!(reason(&ask(&world, "kurume")), None, "version 1 holds");
    // Who is only asked to join cannot end what others signed.
    assert_eq!(
        refused(&world.say("yame", suspend("link"))),
        Some(RefusalReason::NotAParty)
    );
    sign(&mut world, "kurume", &wider);
    sign(&mut world, "yame", &wider);
    assert_eq!(reason(&ask(&world, "yame")), None);

    // Version 3 drops a grant, version 4 a party.
    let narrower = version(
        "link",
        3,
        &["kurume", "saga", "yame"],
        both()[..1].to_vec(),
        BEGIN,
    );
    world.accept("saga", Body::AgreementPropose(narrower.clone()));
    sign(&mut world, "kurume", &narrower);
    assert_eq!(reason(&ask(&world, "yame")), None, "not before all signed");
    sign(&mut world, "yame", &narrower);
    assert_eq!(
        reason(&ask(&world, "yame")),
        Some(DenyReason::DirectionNotGranted)
    );
    let two = version("link", 4, &["kurume", "saga"], both()[..1].to_vec(), BEGIN);
    world.accept("saga", Body::AgreementPropose(two.clone()));
    sign(&mut world, "kurume", &two);
    assert_eq!(reason(&ask(&world, "yame")), Some(DenyReason::NoAgreement));
    assert_eq!(reason(&ask(&world, "kurume")), None);
    // Who was dropped is a stranger to it.
    for body in [
        suspend("link"),
        Body::AgreementPropose(version(
            "link",
            5,
            &["saga", "yame"],
            both()[1..].to_vec(),
            BEGIN,
        )),
    ] {
        assert_eq!(
            refused(&world.say("yame", body)),
            Some(RefusalReason::NotAParty)
        );
    }
    // One party cannot lock the other out by proposing a version without it.
    let without = version("link", 5, &["saga", "yame"], both()[1..].to_vec(), BEGIN);
    world.accept("saga", Body::AgreementPropose(without));
    world.accept("kurume", suspend("link"));
    let renewed = version("link", 6, &["kurume", "saga"], both()[..1].to_vec(), BEGIN);
    world.accept("kurume", Body::AgreementPropose(renewed.clone()));
    sign(&mut world, "saga", &renewed);
    assert_eq!(reason(&ask(&world, "kurume")), None);
}

#[test]
fn a_suspension_is_lifted_only_by_what_everybody_signed_after_it() {
    let mut world = permitted();
    let grants = || vec![grant("saga", "kurume", ConsentRule::Viewing)];
    let second = version("link", 2, &["kurume", "saga"], grants(), BEGIN);
    world.accept("saga", Body::AgreementPropose(second.clone()));
    world.accept("saga", suspend("link"));
    // Saga signed version 2 before it changed its mind: its old word does not overrule its new one.
    sign(&mut world, "kurume", &second);
    assert_eq!(
        reason(&ask(&world, "kurume")),
        Some(DenyReason::AgreementSuspended)
    );
    // A version that begins later does not bring the suspended ones back until then.
    let begins = world.time.plus_ms(60_000);
    let third = version("link", 3, &["kurume", "saga"], grants(), begins);
    world.accept("kurume", Body::AgreementPropose(third.clone()));
    sign(&mut world, "saga", &third);
    assert_eq!(
        reason(&ask(&world, "kurume")),
        Some(DenyReason::AgreementNotInPeriod)
    );
    world.time = TimeMs(begins.0 - 1);
    assert_eq!(
        reason(&ask(&world, "kurume")),
        Some(DenyReason::AgreementNotInPeriod)
    );
    world.time = begins;
    assert_eq!(reason(&ask(&world, "kurume")), None);
}
