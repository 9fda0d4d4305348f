//! How long a preview takes over a ledger of so many patients, each linked and with two consents:
//! `cargo run -p sekisho-profiles --example preview-speed -- PATIENTS`
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "measuring is what it is for; it stops where the ledger would refuse"
)]

use sekisho_domain::{Body, FacilitySelector, Hash, Period, Side, SubjectId};
use sekisho_ledger::testing::{BEGIN, World};
use sekisho_profiles::draft::{Terms, draft};
use sekisho_profiles::preview::{Step, preview};
use sekisho_profiles::profile::{NetworkProfile, parse};
use std::time::Instant;

const D: &str = "4110100015";
const V: &str = "4010200014";

fn profile(id: &str) -> NetworkProfile {
    let rule = "scope = \"each-facility\"\ncapture = [\"written\"]\nwithdrawal = [\"written\"]\n";
    let file = format!(
        "form = 1\nid = \"{id}\"\nname = \"{id}\"\nprefecture = \"41\"\n[consent]\nacts = [\"disclosing\", \"viewing\"]\n\
         [consent.disclosing]\n{rule}[consent.viewing]\n{rule}[sharing]\ncategories = [\"diagnosis\", \"imaging\"]\n\
         viewing_kinds = [\"hospital\", \"pharmacy\"]\n"
    );
    parse(file.as_bytes()).expect("a profile")
}

fn subject(network: u8, n: u32) -> SubjectId {
    let mut id = [network; 16];
    let (number, _) = id.split_at_mut(4);
    number.copy_from_slice(&n.to_be_bytes());
    SubjectId(id)
}

fn main() {
    let patients: u32 = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("how many patients?");
    let profiles = [profile("d"), profile("v")];
    let mut world = World::unsigned(&["d", "v"]);
    world.hospital("d", D);
    world.hospital("v", V);
    for of in &profiles {
        let policy = of.policy(1, BEGIN, Hash([1; 32])).expect("a policy");
        world.accept(of.id.as_str(), Body::ConsentPolicyPublish(policy));
    }
    for n in 0..patients {
        let (ours, theirs) = (subject(1, n), subject(2, n));
        world.link(("d", ours), ("v", theirs));
        let at = FacilitySelector::Listed([D.parse().expect("a facility")].into());
        let out = world.consent("d", ours, Side::Disclosing, D, at);
        world.accept("d", Body::ConsentGrant(out));
        world.consent_to_visit("v", theirs, V);
    }
    let terms = Terms::narrowest(Period {
        from: BEGIN,
        until: None,
    });
    let agreement = draft(profiles.to_vec(), None, terms)
        .ok()
        .and_then(|drawn| drawn.agreement())
        .expect("an agreement");
    let begun = Instant::now();
    let mut first = None;
    let found = preview(&world.state, &agreement, |step, _, _| {
        if step == Step::Deciding {
            first.get_or_insert_with(|| begun.elapsed());
        }
    })
    .expect("a preview");
    let all = begun.elapsed();
    for of in &found.directions {
        println!(
            "documents of {} seen by {}: {} patients, {} visible after",
            of.disclosing, of.viewing, of.patients, of.visible_after
        );
    }
    let ready = first.unwrap_or_default();
    println!(
        "{} consents: {:.2} s, of it {:.2} s before the first patient",
        2 * patients,
        all.as_secs_f64(),
        ready.as_secs_f64()
    );
}
