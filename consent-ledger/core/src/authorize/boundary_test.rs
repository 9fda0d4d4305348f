//! Where one thing ends and another begins: newer versions, suspensions, facilities that leave, instants at a
//! boundary, lists longer than a permit.

use super::{PERMIT_MS_MAX, Permit};
use crate::testing::{BEGIN, World, facility, grant, network, rule, subject};
use crate::view::RESERVATIONS_MAX;
use crate::{Applied, View};
use sekisho_domain::*;

const SAGA: &str = "4110000001";
const KURUME: &str = "4010000001";
const YAME: &str = "4010000003";

/// A patient of Saga (1) is seen at Kurume (2) and Yame (3); nobody has agreed or consented to anything.
fn world() -> World {
    let mut world = World::of(&["kurume", "saga", "yame"]);
    world.hospital("saga", SAGA);
    world.hospital("kurume", KURUME);
    world.hospital("yame", YAME);
    world.policy("saga", Some(Scope::ListedFacilities), None);
    world.policy("kurume", None, Some(Scope::EachFacility));
    world.policy("yame", None, Some(Scope::EachFacility));
    world.link(("saga", subject(1)), ("kurume", subject(2)));
    world.link(("saga", subject(1)), ("yame", subject(3)));
    world
}

/// The same, agreed and consented: Kurume sees Saga under `viewing`.
fn permitted() -> World {
    let mut world = world();
    world.agree("link", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
    world.consent_to_visit("kurume", subject(2), KURUME);
    world
}

fn ask(world: &World, viewing: &str) -> Decision {
    ask_of(world, viewing, "saga")
}

fn ask_of(world: &World, viewing: &str, target: &str) -> Decision {
    let (at, patient) = match viewing {
        "kurume" => (KURUME, subject(2)),
        "yame" => (YAME, subject(3)),
        _ => (SAGA, subject(1)),
    };
    let request = world.request(viewing, at, patient, &[target]);
    let decisions = super::authorize(View(&world.state), &request, world.time).unwrap();
    decisions.into_iter().next().unwrap().1
}

fn reason(decision: &Decision) -> Option<DenyReason> {
    match decision {
        Decision::Permit(_) => None,
        Decision::Deny(denial) => Some(denial.reason),
    }
}

fn terms(decision: Decision) -> PermitTerms {
    match decision {
        Decision::Permit(terms) => terms,
        Decision::Deny(denial) => panic!("{denial:?}"),
    }
}

fn version(
    id: &str,
    version: u32,
    parties: &[&str],
    grants: Vec<Grant>,
    from: TimeMs,
) -> Agreement {
    Agreement {
        id: id.parse().unwrap(),
        version,
        parties: parties.iter().map(|p| network(p)).collect(),
        grants,
        valid: Period { from, until: None },
        text_hash: Hash([4; 32]),
    }
}

fn sign(world: &mut World, by: &str, agreement: &Agreement) {
    world.accept(by, World::<crate::store::MemoryState>::signature(agreement));
}

fn suspend(id: &str) -> Body {
    Body::AgreementSuspend {
        id: id.parse().unwrap(),
    }
}

fn refused(applied: &Applied) -> Option<RefusalReason> {
    match applied {
        Applied::Leaf {
            outcome: Outcome::Refused(reason),
            ..
        } => Some(*reason),
        _ => None,
    }
}

fn reservation(of: &str, patient: SubjectId, at: &str, from: TimeMs) -> Reservation {
    Reservation {
        network: network(of),
        subject: patient,
        viewer: ViewerSelector::Anyone,
        disclosing_facilities: None,
        categories: None,
        period: Period { from, until: None },
        recorded_by: facility(at),
    }
}

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
        let decided = super::authorize(View(&w.state), &request, w.time).unwrap();
        reason(&decided[0].1)
    };
    assert_eq!(decide(&world), Some(DenyReason::NoViewingConsent));
    // Nor can its old network ask in its name.
    assert_eq!(
        reason(&ask(&world, "kurume")),
        Some(DenyReason::FacilityNotRegistered)
    );

    // The disclosing side: a listed facility counts while it is a member, as it was when it was listed.
    let mut world = self::world();
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
        let decided = super::authorize(View(&w.state), &request, w.time).unwrap();
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
        |w: &World, r: &AccessRequest| super::authorize(View(&w.state), r, w.time).unwrap();
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
