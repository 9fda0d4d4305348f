//! Where one thing ends and another begins.

mod agreements;
mod limits;
mod patients;
mod time;

use crate::testing::{World, facility, grant, network, subject};
use crate::{Applied, View};
use sekisho_domain::*;

pub(super) const SAGA: &str = "4110000001";
pub(super) const KURUME: &str = "4010000001";
pub(super) const YAME: &str = "4010000003";

/// A patient of Saga (1) is seen at Kurume (2) and Yame (3); nobody has agreed or consented to anything.
pub(super) fn world() -> World {
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
pub(super) fn permitted() -> World {
    let mut world = world();
    world.agree("link", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
    world.consent_to_visit("kurume", subject(2), KURUME);
    world
}

pub(super) fn ask(world: &World, viewing: &str) -> Decision {
    ask_of(world, viewing, "saga")
}

pub(super) fn ask_of(world: &World, viewing: &str, target: &str) -> Decision {
    let (at, patient) = match viewing {
        "kurume" => (KURUME, subject(2)),
        "yame" => (YAME, subject(3)),
        _ => (SAGA, subject(1)),
    };
    let request = world.request(viewing, at, patient, &[target]);
    let decisions = crate::authorize(View(&world.state), &request, world.time).unwrap();
    decisions.into_iter().next().unwrap().1
}

pub(super) fn reason(decision: &Decision) -> Option<DenyReason> {
    match decision {
        Decision::Permit(_) => None,
        Decision::Deny(denial) => Some(denial.reason),
    }
}

pub(super) fn terms(decision: Decision) -> PermitTerms {
    match decision {
        Decision::Permit(terms) => terms,
        Decision::Deny(denial) => panic!("{denial:?}"),
    }
}

pub(super) fn version(
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
        retention: Retention::NotKept,
        settlement: Settlement::EachOwn,
    }
}

pub(super) fn sign(world: &mut World, by: &str, agreement: &Agreement) {
    world.accept(by, World::<crate::store::MemoryState>::signature(agreement));
}

pub(super) fn suspend(id: &str) -> Body {
    Body::AgreementSuspend {
        id: id.parse().unwrap(),
    }
}

pub(super) fn refused(applied: &Applied) -> Option<RefusalReason> {
    match applied {
        Applied::Leaf {
            outcome: Outcome::Refused(reason),
            ..
        } => Some(*reason),
        _ => None,
    }
}

pub(super) fn reservation(of: &str, patient: SubjectId, at: &str, from: TimeMs) -> Reservation {
    Reservation {
        network: network(of),
        subject: patient,
        viewer: ViewerSelector::Anyone,
        disclosing_facilities: None,
        categories: None,
        period: Period { from, until: None },
        recorded_by: facility(at),
        purposes: None,
        proxy: None,
    }
}
