//! Facilities that leave, links unsaid, policies that change, both sides of a patient.

use super::*;
use crate::View;
use crate::testing::{BEGIN, World, facility, grant, network, subject};

#[test]
fn a_facility_that_left_takes_nothing_with_it_and_brings_nothing_back() {
    let leave = |code| Body::FacilityLeave {
        facility: facility(code),
    };
    // The asking side.
    let mut world = permitted();
    world.accept("kurume", leave(KURUME));
    assert_eq!(
        reason(&ask(&world, "kurume")),
        Some(DenyReason::FacilityNotRegistered)
    );
    world.hospital("kurume", KURUME);
    assert_eq!(
        reason(&ask(&world, "kurume")),
        Some(DenyReason::ConsentForOtherFacility),
        "it needs a consent of its own again"
    );
    world.consent_to_visit("kurume", subject(2), KURUME);
    assert_eq!(reason(&ask(&world, "kurume")), None);
    // It joins another network, whose subject is the same person: the old consent does not follow it.
    world.accept("kurume", leave(KURUME));
    world.hospital("yame", KURUME);
    world.agree("more", vec![grant("saga", "yame", ConsentRule::Viewing)]);
    let request = world.request("yame", KURUME, subject(3), &["saga"]);
    let decide = |w: &World| {
        let decided = crate::authorize(View(&w.state), &request, w.time).unwrap();
        reason(&decided[0].1)
    };
    assert_eq!(decide(&world), Some(DenyReason::NoViewingConsent));
    // Nor can its old network ask in its name.
    assert_eq!(
        reason(&ask(&world, "kurume")),
        Some(DenyReason::FacilityNotRegistered)
    );

    // The disclosing side: a listed facility counts while it is a member, as it was when it was listed.
    let mut world = super::world();
    world.hospital("saga", "4110000002");
    world.agree(
        "link",
        vec![grant("saga", "kurume", ConsentRule::Disclosing)],
    );
    let listed = FacilitySelector::Listed([facility(SAGA), facility("4110000002")].into());
    let consent = world.consent("saga", subject(1), Side::Disclosing, SAGA, listed);
    world.accept("saga", Body::ConsentGrant(consent));
    let facilities = |w: &World| terms(ask(w, "kurume")).bases[0].facilities.clone();
    let only = |codes: &[&str]| {
        DisclosingFacilities::Listed(codes.iter().map(|code| facility(code)).collect())
    };
    assert_eq!(facilities(&world), only(&[SAGA, "4110000002"]));
    world.accept("saga", leave("4110000002"));
    assert_eq!(facilities(&world), only(&[SAGA]));
    world.hospital("yame", "4110000002");
    assert_eq!(facilities(&world), only(&[SAGA]));
    world.accept("saga", leave(SAGA));
    world.hospital("saga", SAGA);
    assert_eq!(
        reason(&ask(&world, "kurume")),
        Some(DenyReason::ConsentForOtherFacility)
    );
}

#[test]
fn a_link_unsaid_and_said_again_holds_again_but_never_twice() {
    let mut world = permitted();
    let other = |subject| SubjectRef {
        network: network("kurume"),
        subject,
    };
    let (own, right, wrong) = (subject(1), other(subject(2)), other(subject(9)));
    let unlink = Body::SubjectUnlink {
        own,
        other: right.clone(),
    };
    world.accept("saga", unlink.clone());
    assert_eq!(
        reason(&ask(&world, "kurume")),
        Some(DenyReason::SubjectNotLinked)
    );
    assert_eq!(
        refused(&world.say("saga", unlink)),
        Some(RefusalReason::Ended)
    );
    // Meanwhile another of Kurume's patients is claimed, and confirmed.
    world.link(("saga", own), ("kurume", wrong.subject));
    assert_eq!(
        refused(&world.say(
            "saga",
            Body::SubjectLink {
                own,
                other: right.clone()
            }
        )),
        Some(RefusalReason::AlreadyExists)
    );
    assert_eq!(
        reason(&ask(&world, "kurume")),
        Some(DenyReason::SubjectNotLinked)
    );
    world.accept("saga", Body::SubjectUnlink { own, other: wrong });
    world.accept("saga", Body::SubjectLink { own, other: right });
    assert_eq!(
        reason(&ask(&world, "kurume")),
        None,
        "Kurume's word stood all along"
    );
}

#[test]
fn the_reason_is_the_first_check_that_fails_when_both_sides_do() {
    let mut world = world();
    world.agree("link", vec![grant("saga", "kurume", ConsentRule::Both)]);
    let listed = FacilitySelector::Listed([facility(SAGA)].into());
    let consent = Consent {
        categories: Some([Category::Meal].into()),
        ..world.consent("saga", subject(1), Side::Disclosing, SAGA, listed)
    };
    world.accept("saga", Body::ConsentGrant(consent));
    let mut request = world.request("kurume", KURUME, subject(2), &["saga"]);
    request.categories = Some([Category::Imaging].into());
    let decide = |w: &World| {
        let decided = crate::authorize(View(&w.state), &request, w.time).unwrap();
        reason(&decided[0].1)
    };
    // The disclosing act fails at check 21, the viewing one at 16.
    assert_eq!(decide(&world), Some(DenyReason::NoViewingConsent));
    world.policy("kurume", Some(Scope::AllFacilities), None);
    assert_eq!(decide(&world), Some(DenyReason::NoConsentPolicy));
    world.policy("kurume", None, Some(Scope::EachFacility));
    world.consent_to_visit("kurume", subject(2), KURUME);
    assert_eq!(decide(&world), Some(DenyReason::ConsentForOtherCategory));
}

#[test]
fn a_consent_counts_under_the_policy_it_was_given_under_while_its_side_is_provided_for() {
    let mut world = permitted();
    // A newer policy asks for blanket consents from now on; what was given stays given.
    world.policy("kurume", None, Some(Scope::AllFacilities));
    assert_eq!(reason(&ask(&world, "kurume")), None);
    let old = world.consent(
        "kurume",
        subject(2),
        Side::Viewing,
        KURUME,
        FacilitySelector::Listed([facility(KURUME)].into()),
    );
    // Taken orally; in writing it would be what the new policy asks for where a facility has joined.
    let old = Consent {
        capture: Capture::Oral,
        ..old
    };
    assert_eq!(
        refused(&world.say("kurume", Body::ConsentGrant(old))),
        Some(RefusalReason::PolicyForbids)
    );
    // One that knows no such consent ends it, until one does again.
    world.policy("kurume", Some(Scope::AllFacilities), None);
    assert_eq!(
        reason(&ask(&world, "kurume")),
        Some(DenyReason::NoConsentPolicy)
    );
    world.policy("kurume", None, Some(Scope::EachFacility));
    assert_eq!(reason(&ask(&world, "kurume")), None);
}

#[test]
fn a_network_asks_for_its_own_documents_by_its_own_policy() {
    let mut world = World::of(&["saga"]);
    world.hospital("saga", SAGA);
    assert_eq!(
        reason(&ask_of(&world, "saga", "saga")),
        Some(DenyReason::NoConsentPolicy)
    );
    world.policy("saga", Some(Scope::AllFacilities), None);
    assert_eq!(
        reason(&ask_of(&world, "saga", "saga")),
        Some(DenyReason::NoDisclosingConsent)
    );
    let blanket = world.consent(
        "saga",
        subject(1),
        Side::Disclosing,
        SAGA,
        FacilitySelector::All,
    );
    let disclosing = ConsentId(world.accept("saga", Body::ConsentGrant(blanket)));
    assert_eq!(
        terms(ask_of(&world, "saga", "saga")).bases[0].consents,
        [disclosing]
    );
    world.policy(
        "saga",
        Some(Scope::AllFacilities),
        Some(Scope::EachFacility),
    );
    assert_eq!(
        reason(&ask_of(&world, "saga", "saga")),
        Some(DenyReason::NoViewingConsent)
    );
    let viewing = world.consent_to_visit("saga", subject(1), SAGA);
    assert_eq!(
        terms(ask_of(&world, "saga", "saga")).bases[0].consents,
        [disclosing, viewing]
    );
    // One reservation, found once though the subject stands on both sides.
    let mut narrow = reservation("saga", subject(1), SAGA, BEGIN);
    narrow.disclosing_facilities = Some([facility(SAGA)].into());
    world.accept("saga", Body::ReservationSet(narrow));
    assert_eq!(terms(ask_of(&world, "saga", "saga")).withheld.len(), 1);
}

#[test]
fn a_retrieval_is_decided_as_a_search_is() {
    let mut world = permitted();
    let find = world.request("kurume", KURUME, subject(2), &["saga"]);
    let retrieve = AccessRequest {
        action: Action::RetrieveDocument,
        document: Some(Commitment([1; 32])),
        ..find.clone()
    };
    let decide =
        |w: &World, r: &AccessRequest| crate::authorize(View(&w.state), r, w.time).unwrap();
    assert_eq!(decide(&world, &find), decide(&world, &retrieve));
    world.accept("kurume", suspend("link"));
    assert_eq!(decide(&world, &find), decide(&world, &retrieve));
}

#[test]
fn reservations_on_both_sides_both_hold() {
    let mut world = permitted();
    let only = |category, of, patient, at| Reservation {
        categories: Some([category].into()),
        ..reservation(of, patient, at, BEGIN)
    };
    world.accept(
        "saga",
        Body::ReservationSet(only(Category::Infection, "saga", subject(1), SAGA)),
    );
    world.accept(
        "kurume",
        Body::ReservationSet(only(Category::Operation, "kurume", subject(2), KURUME)),
    );
    let seen = &terms(ask(&world, "kurume")).bases[0].categories;
    assert_eq!(seen.len(), Category::ALL.len() - 2);
    assert!(!seen.contains(&Category::Infection) && !seen.contains(&Category::Operation));
    // A third network's chart of the same person is another matter.
    world.accept(
        "yame",
        Body::ReservationSet(reservation("yame", subject(3), YAME, BEGIN)),
    );
    assert_eq!(reason(&ask(&world, "kurume")), None);
}

#[test]
fn under_one_act_for_both_a_facility_that_joins_later_does_not_look_either() {
    let mut world = world();
    let listed = FacilitySelector::Listed([facility(SAGA)].into());
    let consent = world.consent("saga", subject(1), Side::Disclosing, SAGA, listed);
    world.accept("saga", Body::ConsentGrant(consent.clone()));
    assert_eq!(reason(&ask_of(&world, "saga", "saga")), None);
    world.hospital("saga", "4110000002");
    let request = world.request("saga", "4110000002", subject(1), &["saga"]);
    let decide = |w: &World| {
        let decided = crate::authorize(View(&w.state), &request, w.time).unwrap();
        reason(&decided[0].1)
    };
    assert_eq!(decide(&world), Some(DenyReason::ConsentForOtherFacility));
    // A consent from after it joined lets it look.
    world.accept("saga", Body::ConsentGrant(consent));
    assert_eq!(decide(&world), None);
}
