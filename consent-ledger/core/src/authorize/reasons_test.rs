//! One row for each reason: a world in which the request is permitted, one thing changed, the reason expected.

use super::scene::*;
use crate::testing::{BEGIN, World, facility, grant, network, subject};
use sekisho_domain::*;
use std::collections::BTreeSet;

#[test]
fn each_reason_has_its_case() {
    type Change = Box<dyn Fn(&mut Scene)>;
    let viewing = || scene(ConsentRule::Viewing);
    let granted = |change: fn(&mut Grant)| scene_with(ConsentRule::Viewing, change);
    let none: fn() -> Change = || Box::new(|_| {});
    let cases: Vec<(&str, DenyReason, Scene, Change)> = vec![
        (
            "a network that is no member",
            DenyReason::NotAMember,
            viewing(),
            Box::new(|s| s.request.targets = [network("iwami")].into()),
        ),
        (
            "a facility of another network",
            DenyReason::FacilityNotRegistered,
            viewing(),
            Box::new(|s| s.request.facility = facility(SAGA)),
        ),
        (
            "a facility that left",
            DenyReason::FacilityNotRegistered,
            viewing(),
            Box::new(|s| {
                s.world.accept(
                    "kurume",
                    Body::FacilityLeave {
                        facility: facility(KURUME),
                    },
                );
            }),
        ),
        (
            "no agreement between the two",
            DenyReason::NoAgreement,
            viewing(),
            Box::new(|s| s.request.targets = [network("yame")].into()),
        ),
        (
            "an agreement one party has not signed",
            DenyReason::AgreementNotSigned,
            viewing(),
            Box::new(|s| {
                let proposed = Agreement {
                    id: "kurume-yame".parse().unwrap(),
                    version: 1,
                    parties: [network("kurume"), network("yame")].into(),
                    grants: vec![grant("yame", "kurume", ConsentRule::Viewing)],
                    ..s.agreement.clone()
                };
                s.world.propose(&proposed);
                s.request.targets = [network("yame")].into();
            }),
        ),
        (
            "a suspended agreement",
            DenyReason::AgreementSuspended,
            viewing(),
            Box::new(|s| {
                s.world.accept(
                    "saga",
                    Body::AgreementSuspend {
                        id: s.agreement.id.clone(),
                    },
                );
            }),
        ),
        (
            "a terminated agreement",
            DenyReason::AgreementSuspended,
            viewing(),
            Box::new(|s| {
                s.world.accept(
                    "kurume",
                    Body::AgreementTerminate {
                        id: s.agreement.id.clone(),
                    },
                );
            }),
        ),
        (
            "an agreement that ended",
            DenyReason::AgreementNotInPeriod,
            viewing(),
            Box::new(|s| {
                let next = Agreement {
                    version: 2,
                    valid: ended(),
                    ..s.agreement.clone()
                };
                let proposer = next.parties.first().unwrap().to_string();
                s.world
                    .accept(&proposer, Body::AgreementPropose(next.clone()));
                s.world
                    .accept("saga", World::<crate::store::MemoryState>::signature(&next));
            }),
        ),
        (
            "the other direction only",
            DenyReason::DirectionNotGranted,
            granted(|g| std::mem::swap(&mut g.disclosing, &mut g.viewing)),
            none(),
        ),
        (
            "a grant that ended",
            DenyReason::GrantNotInPeriod,
            granted(|g| g.valid = ended()),
            none(),
        ),
        (
            "another purpose",
            DenyReason::PurposeNotGranted,
            viewing(),
            Box::new(|s| s.request.purpose = Purpose::HealthcareResearch),
        ),
        (
            "another kind of facility",
            DenyReason::FacilityKindNotGranted,
            granted(|g| g.facility_kinds = [FacilityKind::Pharmacy].into()),
            none(),
        ),
        (
            "another profession",
            DenyReason::RoleNotGranted,
            viewing(),
            Box::new(|s| s.request.role = Role::Clerk),
        ),
        (
            "another category",
            DenyReason::CategoryNotGranted,
            granted(|g| g.categories = [Category::Meal].into()),
            Box::new(|s| s.request.categories = Some([Category::Imaging].into())),
        ),
        (
            "a patient nobody linked",
            DenyReason::SubjectNotLinked,
            viewing(),
            Box::new(|s| s.request.subject = subject(77)),
        ),
        (
            "a link one side took back",
            DenyReason::SubjectNotLinked,
            viewing(),
            Box::new(|s| {
                let other = SubjectRef {
                    network: network("kurume"),
                    subject: PATIENT_KURUME,
                };
                s.world.accept(
                    "saga",
                    Body::SubjectUnlink {
                        own: PATIENT_SAGA,
                        other,
                    },
                );
            }),
        ),
        (
            "a rule resting on a side without a policy",
            DenyReason::NoConsentPolicy,
            viewing(),
            Box::new(|s| {
                s.world.policy("kurume", Some(Scope::AllFacilities), None);
            }),
        ),
        (
            "no consent to disclose",
            DenyReason::NoDisclosingConsent,
            scene(ConsentRule::Both),
            Box::new(|s| {
                s.world = scene_without_viewing();
                s.world.agree(
                    "saga-kurume",
                    vec![grant("saga", "kurume", ConsentRule::Both)],
                );
            }),
        ),
        (
            "no consent to view",
            DenyReason::NoViewingConsent,
            viewing(),
            Box::new(|s| s.world = scene_without_viewing()),
        ),
        (
            "a withdrawn consent",
            DenyReason::ConsentWithdrawn,
            viewing(),
            Box::new(|s| {
                let consent = s.viewing;
                s.withdraw("kurume", consent, KURUME);
            }),
        ),
        (
            "one of both withdrawn",
            DenyReason::ConsentWithdrawn,
            scene(ConsentRule::Both),
            Box::new(|s| {
                let consent = s.disclosing;
                s.withdraw("saga", consent, SAGA);
            }),
        ),
        (
            "a consent not yet begun",
            DenyReason::ConsentNotInPeriod,
            viewing(),
            Box::new(|s| {
                s.instead(|c| c.period.from = BEGIN.plus_ms(1_000_000_000));
            }),
        ),
        (
            "a consent that ran out",
            DenyReason::ConsentNotInPeriod,
            viewing(),
            Box::new(|s| {
                s.instead(|c| c.period.until = Some(BEGIN.plus_ms(10_000)));
                s.world.time = s.world.time.plus_ms(20_000);
            }),
        ),
        (
            "a consent for another hospital",
            DenyReason::ConsentForOtherFacility,
            viewing(),
            Box::new(|s| s.request.facility = facility(KURUME_2)),
        ),
        (
            "a consent for another purpose",
            DenyReason::ConsentForOtherPurpose,
            viewing(),
            Box::new(|s| {
                s.instead(|c| c.purposes = Some([Purpose::PatientRequest].into()));
            }),
        ),
        (
            "a consent for another category",
            DenyReason::ConsentForOtherCategory,
            viewing(),
            Box::new(|s| {
                s.instead(|c| c.categories = Some([Category::Meal].into()));
                s.request.categories = Some([Category::Imaging].into());
            }),
        ),
        (
            "a reservation against anybody",
            DenyReason::ReservedByPatient,
            viewing(),
            Box::new(|s| {
                let reservation = s.reservation();
                s.world.accept("kurume", Body::ReservationSet(reservation));
            }),
        ),
        (
            "a reservation at home against that network",
            DenyReason::ReservedByPatient,
            viewing(),
            Box::new(|s| {
                let reservation = Reservation {
                    network: network("saga"),
                    subject: PATIENT_SAGA,
                    recorded_by: facility(SAGA),
                    viewer: ViewerSelector::Network(network("kurume")),
                    ..s.reservation()
                };
                s.world.accept("saga", Body::ReservationSet(reservation));
            }),
        ),
        (
            "a reservation of all categories",
            DenyReason::ReservedByPatient,
            viewing(),
            Box::new(|s| {
                let all = Some(Category::ALL.iter().copied().collect());
                let reservation = Reservation {
                    categories: all,
                    ..s.reservation()
                };
                s.world.accept("kurume", Body::ReservationSet(reservation));
            }),
        ),
    ];
    let mut covered = BTreeSet::new();
    for (case, reason, mut scene, change) in cases {
        change(&mut scene);
        match scene.decide() {
            Decision::Deny(denial) => assert_eq!(denial.reason, reason, "{case}"),
            Decision::Permit(terms) => panic!("{case}: permitted {terms:?}"),
        }
        covered.insert(reason);
    }
    assert_eq!(
        covered,
        DenyReason::ALL.iter().copied().collect(),
        "every reason has a case"
    );
}
