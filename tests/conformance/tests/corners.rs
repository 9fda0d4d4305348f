//! Where rules meet, by hand: what histories of chance seldom come to.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use sekisho_conformance::follow::{ask, follow};
use sekisho_domain::{
    AgreementRef, Body, Capture, Consent, ConsentId, ConsentPolicy, ConsentRule, Decision,
    DenyReason, Disaster, EntryIndex, FacilitySelector, NewFacility, NoticeId, Pattern, Period,
    Proxy, ProxyId, ProxyKind, Purpose, RefusalReason, Reservation, Rule, Scope, SecurityAlert,
    Side, TimeMs,
};
use sekisho_ledger::store::MemoryState;
use sekisho_ledger::testing::{
    BEGIN, World, disaster, facility, grant, joining_notice, network, policy, practitioner, proxy,
    purposes_notice, reservation, rule, subject,
};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

fn in_minutes(world: &World, minutes: u64) -> TimeMs {
    world.time.plus_ms(minutes * MINUTE_MS)
}

fn until(world: &World, minutes: u64) -> Period {
    Period {
        from: BEGIN,
        until: Some(in_minutes(world, minutes)),
    }
}

/// A consent to disclosure by Saga.
fn disclosure(world: &World) -> Consent {
    world.consent(
        "saga",
        subject(1),
        Side::Disclosing,
        "4110000001",
        FacilitySelector::All,
    )
}

fn consent(world: &mut World, consent: Consent) -> ConsentId {
    let of = consent.network.to_string();
    ConsentId(world.accept(&of, Body::ConsentGrant(consent)))
}

fn agree(world: &mut World) {
    world.agree(
        "kyotei",
        vec![grant("saga", "kurume", ConsentRule::Disclosing)],
    );
}

fn listed(codes: &[&str]) -> FacilitySelector {
    FacilitySelector::Listed(codes.iter().map(|code| facility(code)).collect())
}

/// The minutes for which a permit lasts.
fn lasts(world: &mut World) -> u64 {
    let now = world.time.0;
    (ask(world).expect("permitted").expires.0 - now) / MINUTE_MS
}

/// So many requests of one practitioner, each so long after the one before, about one patient or each about another.
fn looks(world: &mut World, count: u8, apart_ms: u64, others: bool) -> Vec<EntryIndex> {
    let asked = (0..count).map(|n| {
        let of = subject(if others { 100 + n } else { 1 });
        let request = world.request("kurume", "4010000001", of, &["saga"]);
        let (index, _) = world.ask(&request);
        world.time = world.time.plus_ms(apart_ms);
        index
    });
    asked.collect()
}

#[test]
fn alerts_on_either_side_of_their_bounds() {
    use Pattern::{ManyPatients, NightBurst, RepeatedDenials};
    use RefusalReason::{AlreadyExists, InvalidContent};
    // The worlds begin on 21 September, 14:13:20 at UTC; midnight in Japan is at 15:00.
    let evening = 46 * MINUTE_MS + 40_000 - 1;
    let cases = [
        (ManyPatients, 0, 50, 10, true, None),
        (ManyPatients, 0, 49, 10, true, Some(InvalidContent)),
        (ManyPatients, 0, 50, 10, false, Some(InvalidContent)),
        (ManyPatients, 0, 50, HOUR_MS / 49, true, None),
        (
            ManyPatients,
            0,
            50,
            HOUR_MS / 49 + 1,
            true,
            Some(InvalidContent),
        ),
        (RepeatedDenials, 0, 10, 10, false, None),
        (RepeatedDenials, 0, 11, 10, false, Some(InvalidContent)),
        (RepeatedDenials, 0, 10, 10, true, Some(InvalidContent)),
        (NightBurst, evening + 1, 15, 1, true, None),
        (NightBurst, evening, 15, 1, true, Some(InvalidContent)),
        (NightBurst, evening + 5 * HOUR_MS - 14, 15, 1, true, None),
        (
            NightBurst,
            evening + 5 * HOUR_MS - 13,
            15,
            1,
            true,
            Some(InvalidContent),
        ),
        (NightBurst, evening + 1, 15, 1, false, Some(InvalidContent)),
    ];
    for (pattern, after_ms, count, apart_ms, others, refused) in cases {
        let what = format!("{count} {pattern} after {after_ms} ms, {apart_ms} ms apart, {others}");
        follow(&what, |world| {
            agree(world);
            world.time = BEGIN.plus_ms(DAY_MS + after_ms);
            let alert = Body::SecurityAlert(SecurityAlert {
                pattern,
                viewing: network("kurume"),
                practitioner: practitioner(1),
                accesses: looks(world, count, apart_ms, others),
            });
            assert_eq!(world.refusal("saga", alert.clone()), refused, "{what}");
            let again = refused.or(Some(AlreadyExists));
            assert_eq!(world.refusal("kurume", alert), again, "{what}");
        });
    }
}

#[test]
fn a_permit_ends_with_the_first_thing_it_rests_on() {
    type Step = fn(&mut World);
    let cases: [(&str, u64, Step); 11] = [
        ("nothing ends", 60, |world| {
            let one = disclosure(world);
            consent(world, one);
        }),
        ("the consent", 20, |world| {
            let period = until(world, 20);
            let one = Consent {
                period,
                ..disclosure(world)
            };
            consent(world, one);
        }),
        ("the earlier of two lists put together", 20, |world| {
            world.hospital("saga", "4110000002");
            world.publish("saga", policy(2, Some(rule(Scope::ListedFacilities)), None));
            for (code, minutes) in [("4110000001", 40), ("4110000002", 20)] {
                let one = Consent {
                    period: until(world, minutes),
                    facilities: listed(&[code]),
                    ..disclosure(world)
                };
                consent(world, one);
            }
        }),
        (
            "who gave it speaks for the patient no longer",
            25,
            |world| {
                let period = until(world, 25);
                let one = Proxy {
                    period,
                    ..proxy("saga", subject(1), "4110000001", ProxyKind::Appointed)
                };
                let one = world.accept("saga", Body::ProxyRegister(one));
                let one = Consent {
                    proxy: Some(ProxyId(one)),
                    ..disclosure(world)
                };
                consent(world, one);
            },
        ),
        ("a newer policy, the sooner of two", 15, |world| {
            let one = disclosure(world);
            consent(world, one);
            for (version, minutes) in [(2, 50), (3, 15)] {
                let valid_from = in_minutes(world, minutes);
                let next = policy(version, Some(rule(Scope::AllFacilities)), None);
                world.publish("saga", ConsentPolicy { valid_from, ..next });
            }
        }),
        (
            "an older policy that voids what was given, and begins later",
            30,
            |world| {
                let one = disclosure(world);
                consent(world, one);
                let voiding = ConsentPolicy {
                    valid_from: in_minutes(world, 30),
                    voids_earlier: true,
                    ..policy(2, Some(rule(Scope::AllFacilities)), None)
                };
                world.publish("saga", voiding);
                world.publish("saga", policy(3, Some(rule(Scope::AllFacilities)), None));
            },
        ),
        ("the longer of two notices", 35, |world| {
            let by_notice = Rule {
                capture: [Capture::NoticeWithOptOut].into(),
                ..rule(Scope::AllFacilities)
            };
            world.publish("saga", policy(2, Some(by_notice), None));
            for minutes in [10, 35] {
                let mut notice = purposes_notice(None, [Purpose::Treat].into());
                notice.period = until(world, minutes);
                world.accept("saga", Body::NoticePost(notice));
            }
            let one = Consent {
                capture: Capture::NoticeWithOptOut,
                ..disclosure(world)
            };
            consent(world, one);
        }),
        ("the grant", 12, |world| {
            let one = disclosure(world);
            consent(world, one);
            let mut short = grant("saga", "kurume", ConsentRule::Disclosing);
            short.valid = until(world, 12);
            world.agree("kyotei", vec![short]);
        }),
        ("a newer version, the sooner of two", 18, |world| {
            let one = disclosure(world);
            consent(world, one);
            for minutes in [40, 18] {
                later_version(world, minutes);
            }
        }),
        ("a reservation that begins", 22, |world| {
            let one = disclosure(world);
            consent(world, one);
            let from = in_minutes(world, 22);
            let one = Reservation {
                period: Period { from, until: None },
                ..reservation("saga", subject(1), "4110000001")
            };
            world.accept("saga", Body::ReservationSet(one));
        }),
        ("the last minute of the consent", 0, |world| {
            let one = Consent {
                period: until(world, 20),
                ..disclosure(world)
            };
            consent(world, one);
            world.time = world.time.plus_ms(20 * MINUTE_MS - 1);
        }),
    ];
    for (what, minutes, step) in cases {
        follow(what, |world| {
            agree(world);
            step(world);
            assert_eq!(lasts(world), minutes, "{what}");
        });
    }
}

/// A version of the agreement that begins later, signed by both.
fn later_version(world: &mut World, minutes: u64) {
    let mut next = world.clone().agree(
        "kyotei",
        vec![grant("saga", "kurume", ConsentRule::Disclosing)],
    );
    next.valid.from = in_minutes(world, minutes);
    world.propose(&next);
    world.accept("saga", World::<MemoryState>::signature(&next));
}

#[test]
fn of_versions_to_come_the_highest_is_named() {
    follow("two begin together", |world| {
        let mut first = world.clone().agree(
            "kyotei",
            vec![grant("saga", "kurume", ConsentRule::Disclosing)],
        );
        first.valid.from = in_minutes(world, 30);
        world.propose(&first);
        world.accept("saga", World::<MemoryState>::signature(&first));
        later_version(world, 30);
        let request = world.request("kurume", "4010000001", subject(1), &["saga"]);
        let (_, decisions) = world.ask(&request);
        let Decision::Deny(denial) = &decisions[0].1 else {
            panic!("{decisions:?}");
        };
        let named = AgreementRef {
            id: first.id,
            version: 2,
        };
        assert_eq!(
            (denial.reason, denial.agreement.clone()),
            (DenyReason::AgreementNotInPeriod, Some(named))
        );
    });
}

#[test]
fn a_notice_counts_from_its_own_entry() {
    follow("posted in the same millisecond, but after", |world| {
        agree(world);
        let by_notice = Rule {
            capture: [Capture::NoticeWithOptOut].into(),
            ..rule(Scope::AllFacilities)
        };
        world.publish("saga", policy(2, Some(by_notice), None));
        let other = purposes_notice(None, [Purpose::CoordinationOfCare].into());
        world.accept("saga", Body::NoticePost(other));
        let one = Consent {
            capture: Capture::NoticeWithOptOut,
            ..disclosure(world)
        };
        consent(world, one);
        let treat = purposes_notice(None, [Purpose::Treat].into());
        world.accept("saga", Body::NoticePost(treat));
        assert_eq!(ask(world), Err(DenyReason::ConsentNoticeEnded));
        let again = Consent {
            capture: Capture::NoticeWithOptOut,
            ..disclosure(world)
        };
        consent(world, again);
        assert!(ask(world).is_ok());
    });
    follow("taken down since it was given, another posted", |world| {
        agree(world);
        let by_notice = Rule {
            capture: [Capture::NoticeWithOptOut].into(),
            ..rule(Scope::AllFacilities)
        };
        world.publish("saga", policy(2, Some(by_notice), None));
        let notice = world.accept(
            "saga",
            Body::NoticePost(purposes_notice(None, [Purpose::Treat].into())),
        );
        let one = Consent {
            capture: Capture::NoticeWithOptOut,
            ..disclosure(world)
        };
        consent(world, one);
        world.accept(
            "saga",
            Body::NoticeRemove {
                notice: NoticeId(notice),
            },
        );
        assert_eq!(ask(world), Err(DenyReason::ConsentNoticeEnded));
        world.accept(
            "saga",
            Body::NoticePost(purposes_notice(Some("4110000001"), [Purpose::Treat].into())),
        );
        assert!(ask(world).is_ok());
    });
}

#[test]
fn a_facility_that_comes_back_is_another() {
    follow("listed, left, and back", |world| {
        agree(world);
        world.hospital("saga", "4110000002");
        world.publish("saga", policy(2, Some(rule(Scope::ListedFacilities)), None));
        let one = Consent {
            facilities: listed(&["4110000002"]),
            ..disclosure(world)
        };
        consent(world, one);
        assert!(ask(world).is_ok());
        world.leave("saga", "4110000002");
        assert_eq!(ask(world), Err(DenyReason::ConsentForOtherFacility));
        world.hospital("saga", "4110000002");
        assert_eq!(ask(world), Err(DenyReason::ConsentForOtherFacility));
    });
    follow(
        "it may still take a withdrawal, and nothing else",
        |world| {
            agree(world);
            world.hospital("saga", "4110000002");
            let given = disclosure(world);
            let given = consent(world, given);
            world.leave("saga", "4110000002");
            let late = Consent {
                recorded_by: facility("4110000002"),
                ..disclosure(world)
            };
            assert_eq!(
                world.refusal("saga", Body::ConsentGrant(late)),
                Some(RefusalReason::FacilityUnknown)
            );
            world.withdraw("saga", given, "4110000002");
            assert_eq!(ask(world), Err(DenyReason::ConsentWithdrawn));
        },
    );
    follow("the longer of two waits, to the millisecond", |world| {
        agree(world);
        let after = |days, version| {
            let rule = Rule {
                new_facility: NewFacility::AfterNotice { days },
                ..rule(Scope::AllFacilities)
            };
            policy(version, Some(rule), None)
        };
        world.publish("saga", after(3, 2));
        let one = disclosure(world);
        consent(world, one);
        world.publish("saga", after(1, 3));
        world.hospital("saga", "4110000002");
        world.accept("saga", Body::NoticePost(joining_notice("4110000002")));
        world.time = world.time.plus_ms(3 * DAY_MS - 1);
        assert_eq!(ask(world).unwrap().bases.len(), 1);
        world.time = world.time.plus_ms(1);
        assert_eq!(ask(world).unwrap().bases.len(), 2);
    });
    follow("a notice of another membership", |world| {
        agree(world);
        let after = Rule {
            new_facility: NewFacility::AfterNotice { days: 1 },
            ..rule(Scope::AllFacilities)
        };
        world.publish("saga", policy(2, Some(after), None));
        let one = disclosure(world);
        consent(world, one);
        world.hospital("saga", "4110000002");
        world.accept("saga", Body::NoticePost(joining_notice("4110000002")));
        world.leave("saga", "4110000002");
        world.hospital("saga", "4110000002");
        world.time = world.time.plus_ms(2 * DAY_MS);
        assert_eq!(ask(world).unwrap().bases.len(), 1);
    });
}

#[test]
fn a_disaster_is_not_declared_once_it_is_over() {
    follow("declared too late, too long, and just so", |world| {
        world.authority("saga-ken", &["41"]);
        let declared = disaster(&["41"], world.time);
        world.time = declared.until;
        let declare = |world: &mut World, declared: Disaster| {
            world.refusal("saga-ken", Body::DisasterDeclare(declared))
        };
        assert_eq!(
            declare(world, declared.clone()),
            Some(RefusalReason::InvalidContent)
        );
        let elsewhere = disaster(&["40"], world.time);
        assert_eq!(
            declare(world, elsewhere),
            Some(RefusalReason::NotAuthorised)
        );
        let just = Disaster {
            until: world.time.plus_ms(1),
            ..declared
        };
        assert_eq!(declare(world, just), None);
    });
}

#[test]
fn the_recipient_takes_it_at_the_visit() {
    follow("the ministry's rule", |world| {
        let rule_2020 = ConsentRule::RecipientConsentWithProviderReservation;
        world.agree("kyotei", vec![grant("saga", "kurume", rule_2020)]);
        world.hospital("kurume", "4010000002");
        world.publish(
            "kurume",
            policy(2, None, Some(rule(Scope::ListedFacilities))),
        );
        world.accept(
            "saga",
            Body::NoticePost(purposes_notice(None, [Purpose::Treat].into())),
        );
        let at = |world: &World, recorded_by: &str, list: &[&str]| {
            world.consent(
                "kurume",
                subject(1),
                Side::Viewing,
                recorded_by,
                listed(list),
            )
        };
        let elsewhere = at(world, "4010000002", &["4010000001", "4010000002"]);
        consent(world, elsewhere);
        assert_eq!(ask(world), Err(DenyReason::NoViewingConsent));
        let here = at(world, "4010000001", &["4010000001", "4010000002"]);
        let here = consent(world, here);
        assert!(ask(world).is_ok());
        world.withdraw("kurume", here, "4010000002");
        assert_eq!(ask(world), Err(DenyReason::ConsentWithdrawn));
    });
}
