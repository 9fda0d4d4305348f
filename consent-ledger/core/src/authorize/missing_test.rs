//! All that is missing at once: of one fault that fault, of several all that can be known.

use super::scene::*;
use crate::View;
use crate::authorize::{Missing, outlook};
use sekisho_domain::*;

fn missing(scene: &Scene) -> Vec<Missing> {
    let target = scene.request.targets.first().unwrap();
    let view = View(&scene.world.state);
    let found = outlook(view, &scene.request, target, scene.world.time);
    found.unwrap().missing
}

/// The reasons that are known; one that both sides have, once.
fn known(missing: &[Missing]) -> Vec<DenyReason> {
    let known = missing.iter().filter(|m| m.known);
    let mut reasons: Vec<_> = known.map(|m| m.reason).collect();
    reasons.dedup();
    reasons
}

const BASES: [Base; 3] = [Base::Both, Base::Recipient, Base::Drill];

#[test]
fn of_one_fault_that_is_missing_and_nothing_else() {
    for base in BASES {
        assert_eq!(missing(&scene(base, &[])), [], "{base:?}");
        for fault in DenyReason::ALL.iter().copied() {
            if base.knows(fault) {
                let missing = missing(&scene(base, &[fault]));
                let mut expected = vec![fault];
                // With nobody who is no member is anybody linked.
                expected.extend(
                    (fault == DenyReason::NotAMember).then_some(DenyReason::SubjectNotLinked),
                );
                assert_eq!(known(&missing), expected, "{base:?}, {fault}");
            }
        }
    }
}

#[test]
fn what_is_missing_is_said_at_once_and_whose_it_is() {
    use DenyReason::*;
    use Side::{Disclosing, Viewing};
    type Expected = &'static [(DenyReason, Option<Side>, bool)];
    let cases: [(&[DenyReason], Expected); 5] = [
        (
            &[NoDisclosingConsent, NoViewingConsent],
            &[
                (NoDisclosingConsent, Some(Disclosing), true),
                (NoViewingConsent, Some(Viewing), true),
            ],
        ),
        (
            &[SubjectNotLinked, NoViewingConsent],
            &[
                (SubjectNotLinked, None, true),
                // Of a patient who is not linked nothing is told.
                (NoDisclosingConsent, Some(Disclosing), false),
                (NoViewingConsent, Some(Viewing), true),
            ],
        ),
        (
            &[NoAgreement, SubjectNotLinked],
            &[(NoAgreement, None, true), (SubjectNotLinked, None, true)],
        ),
        (
            &[NotAMember, FacilityNotRegistered],
            &[
                (NotAMember, None, true),
                (FacilityNotRegistered, None, true),
                (SubjectNotLinked, None, true),
            ],
        ),
        (
            &[NoDisclosingConsent, ConsentWithdrawn, ReservedByPatient],
            &[
                (NoDisclosingConsent, Some(Disclosing), true),
                (ConsentWithdrawn, Some(Viewing), true),
                (ReservedByPatient, None, true),
            ],
        ),
    ];
    for (faults, expected) in cases {
        let missing = missing(&scene(Base::Both, faults));
        let said: Vec<_> = missing
            .iter()
            .map(|m| (m.reason, m.side, m.known))
            .collect();
        assert_eq!(said, expected, "{faults:?}");
    }
}
