//! Every reason, and the published order: of any two faults at once, the one that stands first is the reason.

use super::scene::*;
use crate::testing::{facility, grant, network, subject};
use sekisho_domain::*;

const BASES: [Base; 3] = [Base::Both, Base::Recipient, Base::Drill];

#[test]
fn without_a_fault_each_base_is_permitted() {
    for base in BASES {
        assert_eq!(scene(base, &[]).reason(), None, "{base:?}");
    }
}

#[test]
fn each_reason_is_reached_wherever_it_can_be() {
    for fault in DenyReason::ALL.iter().copied() {
        let bases: Vec<_> = BASES.into_iter().filter(|b| b.knows(fault)).collect();
        assert!(!bases.is_empty(), "{fault}");
        for base in bases {
            assert_eq!(
                scene(base, &[fault]).reason(),
                Some(fault),
                "{base:?}, {fault}"
            );
        }
    }
}

/// What cannot meet: a drill asks for no viewing act and posts nothing, the rule of 2020 asks for no disclosing
/// act, and without a rule for its side a policy does not say how consent is taken.
fn never_meet(first: DenyReason, second: DenyReason) -> bool {
    use DenyReason::*;
    let disaster = matches!(first, DisasterNotDeclared | OutsideDisasterArea);
    let recipient = matches!(first, ExplicitConsentNotRequired | PurposesNotPosted);
    let of_recipient = matches!(second, ExplicitConsentNotRequired | PurposesNotPosted);
    (disaster && (of_recipient || second == NoViewingConsent))
        || (recipient && second == NoDisclosingConsent)
        || (first, second) == (NoConsentPolicy, ExplicitConsentNotRequired)
}

/// No act at all has no other fault; where both sides are asked for, the other side's act has it.
fn fits(base: Base, first: DenyReason, second: DenyReason) -> bool {
    let absent = match base {
        Base::Both => return true,
        Base::Recipient => DenyReason::NoViewingConsent,
        Base::Drill => DenyReason::NoDisclosingConsent,
    };
    let of_acts = DenyReason::ConsentWithdrawn..=DenyReason::ConsentForOtherCategory;
    first != absent || !of_acts.contains(&second)
}

#[test]
fn of_any_two_faults_the_first_in_the_published_order_is_the_reason() {
    let mut pairs = 0;
    for (n, first) in DenyReason::ALL.iter().copied().enumerate() {
        for second in DenyReason::ALL.iter().copied().skip(n + 1) {
            if never_meet(first, second) {
                continue;
            }
            let bases = BASES.into_iter().filter(|base| {
                base.knows(first) && base.knows(second) && fits(*base, first, second)
            });
            for base in bases.clone() {
                assert_eq!(
                    scene(base, &[second, first]).reason(),
                    Some(first),
                    "{base:?}: {first} before {second}"
                );
            }
            assert!(bases.count() > 0, "{first} and {second}");
            pairs += 1;
        }
    }
    assert_eq!(pairs, 31 * 30 / 2 - 9);
}

/// The same reason in other ways.
#[test]
fn each_reason_by_its_other_ways() {
    use DenyReason::*;
    type Change = fn(&mut Scene);
    let cases: [(&str, DenyReason, Change); 8] = [
        (
            "a facility of another network",
            FacilityNotRegistered,
            |s| {
                s.request.facility = facility(SAGA);
            },
        ),
        ("no agreement with a third network", NoAgreement, |s| {
            s.request.targets = [network("yame")].into();
        }),
        ("a party that only proposes", AgreementNotSigned, |s| {
            let proposed = Agreement {
                id: "kurume-yame".parse().unwrap(),
                parties: [network("kurume"), network("yame")].into(),
                grants: vec![grant("yame", "kurume", ConsentRule::Viewing)],
                ..s.agreement.clone()
            };
            s.world.propose(&proposed);
            s.request.targets = [network("yame")].into();
        }),
        ("a terminated agreement", AgreementSuspended, |s| {
            let id = s.agreement.id.clone();
            s.world.accept("saga", Body::AgreementTerminate { id });
        }),
        ("a patient nobody linked", SubjectNotLinked, |s| {
            s.request.subject = subject(77);
        }),
        ("a link one side took back", SubjectNotLinked, |s| {
            let other = SubjectRef {
                network: network("kurume"),
                subject: PATIENT_KURUME,
            };
            let own = PATIENT_SAGA;
            s.world.accept("saga", Body::SubjectUnlink { own, other });
        }),
        ("a death the other network knows of", SubjectDeceased, |s| {
            let died = Body::DeathRecord {
                subject: PATIENT_SAGA,
                recorded_by: facility(SAGA),
            };
            s.world.accept("saga", died);
        }),
        (
            "a consent for another hospital",
            ConsentForOtherFacility,
            |s| {
                s.request.facility = facility(KURUME_2);
            },
        ),
    ];
    for (case, reason, change) in cases {
        let mut scene = scene(Base::Both, &[]);
        change(&mut scene);
        assert_eq!(scene.reason(), Some(reason), "{case}");
    }
}
