//! Explanations name what stood against it.

use super::town::{EAST, NORTH, PHARMACY, Town, WEST, patient, town};
use super::{Fact, StageKind, Standing, Why, why};
use crate::testing::practitioner;
use crate::{View, authorize};
use sekisho_domain::*;

fn asked(town: &Town, target: &str) -> AccessRequest {
    let patient = patient("east").subject;
    town.world.request("east", EAST[0], patient, &[target])
}

fn explained(town: &Town, request: &AccessRequest) -> Why {
    let view = View(&town.world.state);
    let mut all = why(view, request, town.world.time).unwrap();
    let decided = authorize(view, request, town.world.time).unwrap();
    assert_eq!(all.len(), 1);
    let why = all.remove(0);
    assert_eq!(
        (&why.network, &why.decision),
        (&decided[0].0, &decided[0].1)
    );
    why
}

fn standing(why: &Why, stage: StageKind) -> Standing {
    why.stages
        .iter()
        .find(|s| s.stage == stage)
        .unwrap()
        .standing
}

fn facts(why: &Why) -> impl Iterator<Item = &Fact> {
    why.stages.iter().flat_map(|stage| &stage.facts)
}

/// What is said of a consent.
fn of_consent(why: &Why, id: ConsentId) -> Option<Option<DenyReason>> {
    facts(why).find_map(|fact| match fact {
        Fact::Consent {
            consent, against, ..
        } if *consent == id => Some(*against),
        _ => None,
    })
}

/// Which reservations narrowed, which stood without doing so.
fn of_reservations(why: &Why) -> (Vec<ReservationId>, Vec<ReservationId>) {
    let mut of = (Vec::new(), Vec::new());
    for fact in facts(why) {
        if let Fact::Reservation {
            reservation,
            narrows,
            ..
        } = fact
        {
            match narrows {
                true => of.0.push(*reservation),
                false => of.1.push(*reservation),
            }
        }
    }
    of
}

#[test]
fn a_permit_is_explained_by_what_let_it_pass() {
    let town = town();
    let why = explained(&town, &asked(&town, "west"));
    for stage in StageKind::ALL {
        let expected = match stage {
            StageKind::Disaster => Standing::NotNeeded,
            _ => Standing::Passed,
        };
        assert_eq!(standing(&why, stage), expected, "{stage:?}");
    }
    assert_eq!(of_consent(&why, town.blanket), Some(None));
    assert_eq!(of_consent(&why, town.visit), Some(None));
    assert_eq!(
        of_consent(&why, town.by_seven),
        Some(Some(DenyReason::ConsentForOtherFacility))
    );
    assert_eq!(
        of_reservations(&why),
        (vec![town.infection], vec![town.eight, town.ceiling])
    );
    let against: Vec<_> = facts(&why)
        .filter_map(|fact| match fact {
            Fact::Grant { grant, against, .. } => Some((*grant, *against)),
            _ => None,
        })
        .collect();
    let other = Some(DenyReason::PurposeNotGranted);
    assert_eq!(against, [(0, None), (1, other), (2, other), (3, other)]);
}

#[test]
fn each_denial_is_explained_by_what_stood_against_it() {
    use DenyReason as R;
    let whole = town();
    let ask = |change: &dyn Fn(&mut AccessRequest)| {
        let mut request = asked(&whole, "west");
        change(&mut request);
        explained(&whole, &request)
    };
    let at = |code: &'static str| move |r: &mut AccessRequest| r.facility = code.parse().unwrap();
    let cases: [(R, Why); 8] = [
        (R::NotAMember, explained(&whole, &asked(&whole, "nowhere"))),
        (R::FacilityNotRegistered, ask(&at(WEST[0]))),
        (R::FacilityKindNotGranted, ask(&at(PHARMACY))),
        (R::RoleNotGranted, ask(&|r| r.role = Role::Nurse)),
        (
            R::PurposeNotGranted,
            ask(&|r| r.purpose = Purpose::HealthcareResearch),
        ),
        (R::ConsentForOtherFacility, ask(&at(EAST[2]))),
        (R::ConsentForOtherPractitioner, ask(&at(EAST[1]))),
        (
            R::ReservedByPatient,
            ask(&|r| r.practitioner_id = practitioner(8)),
        ),
    ];
    for (reason, why) in &cases {
        let Decision::Deny(denial) = &why.decision else {
            panic!("{reason:?}: {why:#?}");
        };
        assert_eq!(denial.reason, *reason);
        let failed = StageKind::of(*reason);
        assert_eq!(standing(why, failed), Standing::Failed(*reason));
        for stage in StageKind::ALL.into_iter().filter(|s| *s > failed) {
            assert_eq!(standing(why, stage), Standing::NotReached, "{reason:?}");
        }
        // What failed is named where something by name did.
        let named = facts(why).any(|fact| match fact {
            Fact::Grant { against, .. } | Fact::Consent { against, .. } => {
                *against == Some(*reason)
            }
            Fact::Reservation { narrows, .. } => *narrows,
            Fact::Facility { network, .. } => network.as_str() == "west",
            _ => false,
        });
        let expected = *reason != R::NotAMember;
        assert_eq!(named, expected, "{reason:?}: {why:#?}");
    }
}

#[test]
fn one_sides_act_is_judged_by_itself() {
    let mut town = town();
    town.world.withdraw("west", town.blanket, WEST[0]);
    let why = explained(&town, &asked(&town, "west"));
    assert_eq!(
        of_consent(&why, town.blanket),
        Some(Some(DenyReason::ConsentWithdrawn))
    );
    assert_eq!(of_consent(&why, town.visit), Some(None), "it stands");
    assert_eq!(
        standing(&why, StageKind::Consents),
        Standing::Failed(DenyReason::ConsentWithdrawn)
    );
}

#[test]
fn emergencies_disasters_and_laws_need_no_consent_and_say_so() {
    let town = town();
    let disaster = Grounds::Disaster {
        declaration: town.disaster,
        consent: DisasterConsent::NotPossible,
    };
    let cases = [
        (
            Purpose::BreakGlass,
            Grounds::Emergency(EmergencyReason::Unconscious),
            Standing::NotNeeded,
            Standing::Passed,
        ),
        (
            Purpose::Disaster,
            disaster,
            Standing::Passed,
            Standing::Passed,
        ),
        (
            Purpose::Threat,
            Grounds::Law(LegalBasis::LifeAndBody),
            Standing::NotNeeded,
            Standing::NotNeeded,
        ),
    ];
    for (purpose, grounds, of_disaster, of_reservation) in cases {
        let request = AccessRequest {
            purpose,
            grounds,
            ..asked(&town, "west")
        };
        let why = explained(&town, &request);
        assert!(matches!(why.decision, Decision::Permit(_)), "{purpose}");
        assert_eq!(standing(&why, StageKind::Consents), Standing::NotNeeded);
        assert_eq!(standing(&why, StageKind::Disaster), of_disaster);
        assert_eq!(standing(&why, StageKind::Reservations), of_reservation);
        let declared = facts(&why).any(|f| matches!(f, Fact::Disaster { .. }));
        assert_eq!(declared, purpose == Purpose::Disaster);
    }
}

#[test]
fn what_is_missing_between_networks_is_told() {
    let mut town = town();
    let unlinked = town
        .world
        .request("east", EAST[0], crate::testing::subject(9), &["north"]);
    let why = explained(&town, &unlinked);
    assert_eq!(
        standing(&why, StageKind::Patient),
        Standing::Failed(DenyReason::SubjectNotLinked)
    );
    town.world.accept(
        "north",
        Body::AgreementSuspend {
            id: "east-north".parse().unwrap(),
        },
    );
    let why = explained(&town, &asked(&town, "north"));
    assert_eq!(
        standing(&why, StageKind::Agreements),
        Standing::Failed(DenyReason::AgreementSuspended)
    );
    let suspended = facts(&why).any(|f| {
        matches!(
            f,
            Fact::Agreement {
                suspended: Some(_),
                ..
            }
        )
    });
    assert!(suspended, "{why:#?}");
    // North reads nobody: nothing is said of an agreement with west.
    let north = town
        .world
        .request("north", NORTH, patient("north").subject, &["west"]);
    let why = explained(&town, &north);
    assert_eq!(
        standing(&why, StageKind::Agreements),
        Standing::Failed(DenyReason::NoAgreement)
    );
}
