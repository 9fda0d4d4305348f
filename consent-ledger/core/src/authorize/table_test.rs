//! One row for each reason: a world in which the request is permitted, one thing changed, the reason expected.

use super::{PERMIT_MS_MAX, Permit};
use crate::testing::{BEGIN, World, facility, grant, network, rule, subject};
use sekisho_domain::*;
use std::collections::BTreeSet;

const PATIENT_SAGA: SubjectId = SubjectId([1; 16]);
const PATIENT_KURUME: SubjectId = SubjectId([2; 16]);
const SAGA: &str = "4110000001";
const KURUME: &str = "4010000001";
const KURUME_2: &str = "4010000002";

/// A patient of Saga at a hospital of Kurume: linked, agreed, and consented to disclosure there and viewing here.
struct Scene {
    world: World,
    request: AccessRequest,
    disclosing: ConsentId,
    viewing: ConsentId,
    agreement: Agreement,
}

fn scene(rule: ConsentRule) -> Scene {
    scene_with(rule, |_| {})
}

fn scene_with(consent_rule: ConsentRule, change: impl Fn(&mut Grant)) -> Scene {
    let mut world = World::of(&["saga", "kurume", "yame"]);
    world.hospital("saga", SAGA);
    world.hospital("kurume", KURUME);
    world.hospital("kurume", KURUME_2);
    world.policy("saga", Some(Scope::AllFacilities), None);
    world.policy("kurume", None, Some(Scope::EachFacility));
    let mut granted = grant("saga", "kurume", consent_rule);
    change(&mut granted);
    let agreement = world.agree("saga-kurume", vec![granted]);
    world.link(("saga", PATIENT_SAGA), ("kurume", PATIENT_KURUME));
    let blanket = world.consent(
        "saga",
        PATIENT_SAGA,
        Side::Disclosing,
        SAGA,
        FacilitySelector::All,
    );
    let disclosing = ConsentId(world.accept("saga", Body::ConsentGrant(blanket)));
    let viewing = world.consent_to_visit("kurume", PATIENT_KURUME, KURUME);
    let request = world.request("kurume", KURUME, PATIENT_KURUME, &["saga"]);
    Scene {
        world,
        request,
        disclosing,
        viewing,
        agreement,
    }
}

impl Scene {
    fn decide(&mut self) -> Decision {
        let (_, decisions) = self.world.ask(&self.request.clone());
        decisions.into_iter().next().unwrap().1
    }
    fn withdraw(&mut self, network: &str, consent: ConsentId, at: &str) {
        let body = Body::ConsentWithdraw {
            consent,
            way: Withdrawal::Written,
            recorded_by: facility(at),
            evidence: Commitment([3; 32]),
        };
        self.world.accept(network, body);
    }
    fn reservation(&self) -> Reservation {
        Reservation {
            network: network("kurume"),
            subject: PATIENT_KURUME,
            viewer: ViewerSelector::Anyone,
            disclosing_facilities: None,
            categories: None,
            period: Period {
                from: BEGIN,
                until: None,
            },
            recorded_by: facility(KURUME),
        }
    }
    /// The viewing consent is replaced by another.
    fn instead(&mut self, change: impl Fn(&mut Consent)) {
        self.world = scene_without_viewing();
        let listed = FacilitySelector::Listed([facility(KURUME)].into());
        let mut consent =
            self.world
                .consent("kurume", PATIENT_KURUME, Side::Viewing, KURUME, listed);
        change(&mut consent);
        self.world.accept("kurume", Body::ConsentGrant(consent));
    }
}

fn scene_without_viewing() -> World {
    let mut world = World::of(&["saga", "kurume", "yame"]);
    world.hospital("saga", SAGA);
    world.hospital("kurume", KURUME);
    world.hospital("kurume", KURUME_2);
    world.policy("saga", Some(Scope::AllFacilities), None);
    world.policy("kurume", None, Some(Scope::EachFacility));
    world.agree(
        "saga-kurume",
        vec![grant("saga", "kurume", ConsentRule::Viewing)],
    );
    world.link(("saga", PATIENT_SAGA), ("kurume", PATIENT_KURUME));
    world
}

fn ended() -> Period {
    Period {
        from: BEGIN,
        until: Some(BEGIN.plus_ms(5)),
    }
}

#[test]
fn every_rule_permits_when_all_is_given() {
    for rule in ConsentRule::ALL {
        let mut scene = scene(*rule);
        let (disclosing, viewing) = (scene.disclosing, scene.viewing);
        let Decision::Permit(terms) = scene.decide() else {
            panic!("{rule}")
        };
        let expected = match rule {
            ConsentRule::Disclosing => vec![vec![disclosing]],
            ConsentRule::Viewing => vec![vec![viewing]],
            ConsentRule::Both => vec![vec![disclosing, viewing]],
            // The viewing consent reaches all facilities, the blanket one those of its time: the wider covers it.
            ConsentRule::Either => vec![vec![viewing]],
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
