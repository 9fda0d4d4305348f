//! Three networks and one patient of all of them, with something of every kind to ask about.

use crate::testing::{
    World, disaster, facility, grant, grant_without_consent, network, practitioner, reservation,
    rule, subject,
};
use sekisho_domain::*;

/// West's hospitals.
pub(super) const WEST: [&str; 2] = ["4110000001", "4110000002"];
/// East's hospitals.
pub(super) const EAST: [&str; 3] = ["4010000001", "4010000002", "4010000003"];
/// East's pharmacy.
pub(super) const PHARMACY: &str = "4040000001";
/// North's hospital, in another prefecture.
pub(super) const NORTH: &str = "3510000001";

/// The patient, by network.
pub(super) fn patient(of: &str) -> SubjectRef {
    let byte = match of {
        "west" => 1,
        "east" => 2,
        _ => 3,
    };
    SubjectRef {
        network: network(of),
        subject: subject(byte),
    }
}

pub(super) struct Town {
    pub world: World,
    /// West's blanket consent to disclose.
    pub blanket: ConsentId,
    /// East's consent to look, at its first hospital.
    pub visit: ConsentId,
    /// East's consent that practitioner 7 alone looks, at its second hospital.
    pub by_seven: ConsentId,
    /// West's reservation of infections against east's first hospital.
    pub infection: ReservationId,
    /// West's reservation of progress notes in emergencies.
    pub ceiling: ReservationId,
    /// East's reservation against practitioner 8.
    pub eight: ReservationId,
    /// The disaster in east's prefecture.
    pub disaster: DisasterId,
}

/// West discloses to east by both sides' consent, in emergencies, disasters and by law; north to east by east's
/// consent alone; west and north have nothing with each other.
pub(super) fn town() -> Town {
    let mut world = World::unsigned(&["east", "north", "west"]);
    for (network, hospitals) in [
        ("west", WEST.as_slice()),
        ("east", &EAST),
        ("north", &[NORTH]),
    ] {
        for code in hospitals {
            world.hospital(network, code);
        }
    }
    world.join("east", PHARMACY, FacilityKind::Pharmacy, None);
    world.policy("west", Some(Scope::AllFacilities), None);
    world.policy("east", None, Some(Scope::EachFacility));
    let mut grants = vec![grant("west", "east", ConsentRule::Both)];
    for purpose in [Purpose::BreakGlass, Purpose::Disaster, Purpose::Threat] {
        grants.push(grant_without_consent("west", "east", [purpose].into()));
    }
    world.agree("east-west", grants);
    world.agree(
        "east-north",
        vec![grant("north", "east", ConsentRule::Viewing)],
    );
    let of = |of: &str| (patient(of).network.to_string(), patient(of).subject);
    for (a, b) in [("west", "east"), ("east", "north")] {
        world.link((a, of(a).1), (b, of(b).1));
    }
    let blanket = world.consent(
        "west",
        patient("west").subject,
        Side::Disclosing,
        WEST[0],
        FacilitySelector::All,
    );
    let blanket = ConsentId(world.accept("west", Body::ConsentGrant(blanket)));
    let visit = world.consent_to_visit("east", patient("east").subject, EAST[0]);
    let by_seven = Consent {
        practitioners: Some([practitioner(7)].into()),
        ..world.consent(
            "east",
            patient("east").subject,
            Side::Viewing,
            EAST[1],
            FacilitySelector::Listed([facility(EAST[1])].into()),
        )
    };
    let by_seven = ConsentId(world.accept("east", Body::ConsentGrant(by_seven)));
    let mut reserve = |of: &str, reservation: Reservation| {
        ReservationId(world.accept(of, Body::ReservationSet(reservation)))
    };
    let west = reservation("west", patient("west").subject, WEST[0]);
    let infection = reserve(
        "west",
        Reservation {
            viewer: ViewerSelector::Facility(facility(EAST[0])),
            categories: Some([Category::Infection].into()),
            ..west.clone()
        },
    );
    let ceiling = reserve(
        "west",
        Reservation {
            categories: Some([Category::ProgressNote].into()),
            purposes: Some([Purpose::BreakGlass].into()),
            ..west
        },
    );
    let eight = reserve(
        "east",
        Reservation {
            viewer: ViewerSelector::Practitioner(practitioner(8)),
            ..reservation("east", patient("east").subject, EAST[0])
        },
    );
    world.authority("office", &["40"]);
    let from = world.time;
    let declared = disaster(&["40"], from);
    let disaster = DisasterId(world.accept("office", Body::DisasterDeclare(declared)));
    Town {
        world,
        blanket,
        visit,
        by_seven,
        infection,
        ceiling,
        eight,
        disaster,
    }
}

/// West's policy where a facility that joins is reached by what was consented before, after a notice of 30 days.
pub(super) fn after_notice() -> Rule {
    Rule {
        new_facility: NewFacility::AfterNotice { days: 30 },
        ..rule(Scope::AllFacilities)
    }
}
