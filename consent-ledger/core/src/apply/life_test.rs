//! Rules around consents: who speaks for whom, and that nothing is said for the past or at a stranger's.

use crate::View;
use crate::testing::{
    BEGIN, World, disaster, joining_notice, network, proxy, purposes_notice, reservation, subject,
};
use sekisho_domain::*;

fn world() -> World {
    World::of(&["kurume", "saga"])
}

#[test]
fn a_proxy_speaks_for_its_own_patient_and_for_no_other() {
    let mut world = world();
    world.hospital("saga", "4110000001");
    world.policy("saga", Some(Scope::AllFacilities), None);
    let known = proxy("saga", subject(1), "4110000001", ProxyKind::Guardian);
    let known = ProxyId(world.accept("saga", Body::ProxyRegister(known)));
    let all = FacilitySelector::All;
    for (patient, refused) in [(1, None), (2, Some(RefusalReason::ProxyInvalid))] {
        let side = Side::Disclosing;
        let consent = Consent {
            proxy: Some(known),
            ..world.consent("saga", subject(patient), side, "4110000001", all.clone())
        };
        assert_eq!(world.refusal("saga", Body::ConsentGrant(consent)), refused);
        let reserved = Reservation {
            proxy: Some(known),
            ..reservation("saga", subject(patient), "4110000001")
        };
        let reserved = Body::ReservationSet(reserved);
        assert_eq!(world.refusal("saga", reserved), refused);
    }
}

#[test]
fn a_policy_does_not_hold_for_the_past() {
    let mut world = world();
    let before = world.time;
    world.time = world.time.plus_ms(1000);
    world.policy("saga", Some(Scope::AllFacilities), None);
    let at = |time| {
        View(&world.state)
            .policy_at(&network("saga"), time)
            .unwrap()
    };
    assert!(at(before).is_none());
    assert!(at(TimeMs(world.time.0 - 1)).is_none());
    assert!(at(world.time).is_some());
}

#[test]
fn a_disaster_is_not_declared_for_the_past_nor_a_notice_posted_at_a_stranger() {
    let mut world = world();
    world.hospital("kurume", "4010000001");
    world.authority("fukuoka-ken", &["40"]);
    world.time = world.time.plus_ms(1000);
    let invalid = Some(RefusalReason::InvalidContent);
    for (until, refused) in [(world.time.0, invalid), (world.time.0 + 1, None)] {
        let past = Disaster {
            until: TimeMs(until),
            ..disaster(&["40"], BEGIN)
        };
        let declared = Body::DisasterDeclare(past);
        assert_eq!(world.refusal("fukuoka-ken", declared), refused, "{until}");
    }
    let strange = [
        purposes_notice(Some("4010000001"), [Purpose::Treat].into()),
        joining_notice("4010000001"),
    ];
    for notice in strange {
        let posted = Body::NoticePost(notice);
        let unknown = Some(RefusalReason::FacilityUnknown);
        assert_eq!(world.refusal("saga", posted.clone()), unknown);
        assert_eq!(world.refusal("kurume", posted), None);
    }
}
