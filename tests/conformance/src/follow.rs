//! A history by hand, and both verifiers on the whole of it.

use crate::leaves::Leaves;
use crate::other::{Other, founding_file, report};
use prost::Message;
use sekisho_domain::{Decision, DenyReason, PermitTerms, Scope};
use sekisho_ledger::bundle::verify;
use sekisho_ledger::testing::{World, subject};

/// Two networks, each with a hospital and a policy under which a patient consents for all facilities, and a patient
/// who is known to both; what is done with them both verifiers must find in order.
///
/// # Panics
/// Where they do not.
pub fn follow(what: &str, through: impl FnOnce(&mut World)) {
    let Some(mut other) = Other::here() else {
        return;
    };
    let mut world = World::of(&["kurume", "saga"]);
    world.hospital("kurume", "4010000001");
    world.hospital("saga", "4110000001");
    for of in ["kurume", "saga"] {
        world.policy(of, Some(Scope::AllFacilities), Some(Scope::AllFacilities));
    }
    world.link(("kurume", subject(1)), ("saga", subject(1)));
    let (access, _) = world.ask(&world.request("kurume", "4010000001", subject(1), &["saga"]));
    through(&mut world);
    let leaves = Leaves::of(&world);
    let all = leaves.whole(access.0);
    let bundle = leaves.bundle(&all, access.0, &[]).encode_to_vec();
    other.ask(&founding_file(&world.genesis), &bundle);
    let ours = report(&verify(&bundle, &world.genesis));
    assert_eq!(ours["verified"], true, "{what}: {ours}");
    assert_eq!(other.answer(), ours, "{what}");
}

/// A physician of Kurume asks Saga about the patient, for treatment.
///
/// # Errors
/// Why it is denied.
pub fn ask(world: &mut World) -> Result<PermitTerms, DenyReason> {
    let request = world.request("kurume", "4010000001", subject(1), &["saga"]);
    let (_, decisions) = world.ask(&request);
    match decisions.into_iter().next() {
        Some((_, Decision::Permit(terms))) => Ok(terms),
        Some((_, Decision::Deny(denial))) => Err(denial.reason),
        None => panic!("one network was asked"),
    }
}
