//! Instants at a boundary.

use super::*;
use crate::PERMIT_MS_MAX;
use crate::View;
use crate::testing::{
    BEGIN, World, disaster, facility, grant, grant_without_consent, policy, proxy, purposes_notice,
    rule, subject,
};

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
            "of two versions to come the sooner begins, the lower one",
            Box::new(move |w, at| {
                for (number, begins) in [(2, at), (3, at.plus_ms(1_000))] {
                    let mut other = grants();
                    other[0].categories = [Category::Meal].into();
                    let next = version("link", number, &["kurume", "saga"], other, begins);
                    w.accept("saga", Body::AgreementPropose(next.clone()));
                    sign(w, "kurume", &next);
                }
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

/// Everything a permit rests on that has an end of its own: the permit ends with it, to the millisecond.
#[test]
fn a_permit_ends_with_whatever_it_rests_on() {
    type Rests = fn(&mut World, TimeMs);
    let cases: [(&str, Purpose, Rests); 10] = [
        ("a consent", Purpose::Treat, |w, end| {
            w.agree("link", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
            visit(w, |consent| consent.period.until = Some(end));
        }),
        ("a grant", Purpose::Treat, |w, end| {
            let mut ending = grant("saga", "kurume", ConsentRule::Viewing);
            ending.valid.until = Some(end);
            w.agree("link", vec![ending]);
            visit(w, |_| {});
        }),
        ("an agreement", Purpose::Treat, |w, end| {
            let grants = vec![grant("saga", "kurume", ConsentRule::Viewing)];
            let mut ending = version("link", 1, &["kurume", "saga"], grants, BEGIN);
            ending.valid.until = Some(end);
            w.accept("kurume", Body::AgreementPropose(ending.clone()));
            sign(w, "saga", &ending);
            visit(w, |_| {});
        }),
        ("a proxy", Purpose::Treat, |w, end| {
            w.agree("link", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
            let mut known = proxy("kurume", subject(2), KURUME, ProxyKind::Guardian);
            known.period.until = Some(end);
            let known = ProxyId(w.accept("kurume", Body::ProxyRegister(known)));
            visit(w, |consent| consent.proxy = Some(known));
        }),
        (
            "the notice of an implied consent",
            Purpose::Treat,
            |w, end| {
                w.agree("link", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
                let mut implied = rule(Scope::EachFacility);
                implied.capture.insert(Capture::NoticeWithOptOut);
                w.publish("kurume", policy(0, None, Some(implied)));
                // Of two that stand the one that stands longer; one that is over does not count.
                for end in [end, TimeMs(end.0 - 500)] {
                    let mut notice = purposes_notice(None, [Purpose::Treat].into());
                    notice.period.until = Some(end);
                    w.accept("kurume", Body::NoticePost(notice));
                }
                visit(w, |consent| consent.capture = Capture::NoticeWithOptOut);
            },
        ),
        ("the provider's notice", Purpose::Treat, |w, end| {
            let rule = ConsentRule::RecipientConsentWithProviderReservation;
            w.agree("link", vec![grant("saga", "kurume", rule)]);
            let mut notice = purposes_notice(None, [Purpose::Treat].into());
            notice.period.until = Some(end);
            w.accept("saga", Body::NoticePost(notice));
            visit(w, |_| {});
        }),
        ("a voiding policy begins", Purpose::Treat, |w, end| {
            w.agree("link", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
            visit(w, |_| {});
            let voiding = ConsentPolicy {
                voids_earlier: true,
                valid_from: end,
                ..policy(0, None, Some(rule(Scope::EachFacility)))
            };
            w.publish("kurume", voiding);
        }),
        (
            "a voiding policy that never stands, for a newer one does",
            Purpose::Treat,
            |w, end| {
                w.agree("link", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
                visit(w, |_| {});
                let of = |voids_earlier, valid_from| ConsentPolicy {
                    voids_earlier,
                    valid_from,
                    ..policy(0, None, Some(rule(Scope::EachFacility)))
                };
                w.publish("kurume", of(true, end));
                w.publish("kurume", of(false, BEGIN));
            },
        ),
        ("a declaration", Purpose::Disaster, |w, end| {
            let grants = grant_without_consent("saga", "kurume", [Purpose::Disaster].into());
            w.agree("link", vec![grants]);
            w.authority("fukuoka-ken", &["40"]);
            let mut quake = disaster(&["40"], w.time);
            quake.until = end;
            w.accept("fukuoka-ken", Body::DisasterDeclare(quake));
        }),
        ("a grant for emergencies", Purpose::BreakGlass, |w, end| {
            let mut ending = grant_without_consent("saga", "kurume", [Purpose::BreakGlass].into());
            ending.valid.until = Some(end);
            w.agree("link", vec![ending]);
        }),
    ];
    for (case, purpose, rests) in cases {
        let mut world = world();
        let end = world.time.plus_ms(1_000);
        rests(&mut world, end);
        let declared = View(&world.state).disasters(1).unwrap();
        let mut request = world.request("kurume", KURUME, subject(2), &["saga"]);
        request.purpose = purpose;
        request.grounds = match (purpose, declared.first()) {
            (Purpose::BreakGlass, _) => Grounds::Emergency(EmergencyReason::NoTime),
            (_, Some((declaration, _))) => Grounds::Disaster {
                declaration: *declaration,
                consent: DisasterConsent::Oral,
            },
            _ => Grounds::Ordinary,
        };
        let decide = |at| {
            let decided = crate::authorize(View(&world.state), &request, at).unwrap();
            decided.into_iter().next().unwrap().1
        };
        assert_eq!(terms(decide(world.time)).expires, end, "{case}");
        assert_eq!(terms(decide(TimeMs(end.0 - 1))).expires, end, "{case}");
        assert!(reason(&decide(end)).is_some(), "{case}: it goes on");
    }
}

/// A consent taken at the visit, with one thing changed.
fn visit(world: &mut World, change: impl Fn(&mut Consent)) {
    let own = FacilitySelector::Listed([facility(KURUME)].into());
    let mut consent = world.consent("kurume", subject(2), Side::Viewing, KURUME, own);
    change(&mut consent);
    world.accept("kurume", Body::ConsentGrant(consent));
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
