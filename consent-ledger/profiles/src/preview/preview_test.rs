use super::*;
use crate::draft::{Terms, draft};
use crate::profile::{NetworkProfile, parse};
use sekisho_domain::{Body, FacilitySelector, PractitionerId};
use sekisho_domain::{Capture, Hash, Period, Scope, Side};
use sekisho_ledger::testing::{BEGIN, World, facility, network, subject};

const D: &str = "4110100015";
const V: &str = "4010200014";
const V2: &str = "4010200022";

fn profile(id: &str, scope: Scope) -> NetworkProfile {
    let rule =
        format!("scope = \"{scope}\"\ncapture = [\"written\"]\nwithdrawal = [\"written\"]\n");
    let file = format!(
        "form = 1\nid = \"{id}\"\nname = \"{id}\"\nprefecture = \"41\"\n[consent]\nacts = [\"disclosing\", \"viewing\"]\n\
         [consent.disclosing]\n{rule}[consent.viewing]\n{rule}[sharing]\ncategories = [\"diagnosis\", \"imaging\"]\n\
         viewing_kinds = [\"hospital\"]\n"
    );
    parse(file.as_bytes()).unwrap()
}

/// Two networks, one blanket and one by visit, with three linked patients and one that is not.
fn world() -> (World, Agreement) {
    let profiles = [
        profile("d", Scope::AllFacilities),
        profile("v", Scope::EachFacility),
    ];
    let mut world = World::of(&["d", "v"]);
    world.hospital("d", D);
    world.hospital("v", V);
    world.hospital("v", V2);
    for of in &profiles {
        let policy = of.policy(1, BEGIN, Hash([1; 32])).unwrap();
        world.accept(of.id.as_str(), Body::ConsentPolicyPublish(policy));
    }
    for n in 1..=3 {
        world.link(("d", subject(n)), ("v", subject(10 + n)));
    }
    // Patient 1: both acts, the visit at the second hospital. Patient 2: only let out. Patient 3: nothing.
    for n in 1..=2 {
        let out = world.consent("d", subject(n), Side::Disclosing, D, FacilitySelector::All);
        world.accept("d", Body::ConsentGrant(out));
    }
    world.consent_to_visit("v", subject(11), V2);
    world.consent_to_visit("v", subject(99), V2);
    let terms = Terms::narrowest(Period {
        from: BEGIN,
        until: None,
    });
    let agreement = draft(profiles.to_vec(), None, terms)
        .unwrap()
        .agreement()
        .unwrap();
    (world, agreement)
}

fn counts(of: &Change) -> [usize; 7] {
    [
        of.patients,
        of.visible_before,
        of.visible_after,
        of.gained,
        of.lost,
        of.wider,
        of.narrower,
    ]
}

#[test]
fn an_agreement_shows_whom_it_would_make_visible_and_changes_nothing() {
    let (world, agreement) = world();
    let before = world.state.clone();
    let mut heard = Vec::new();
    let found = preview(&world.state, &agreement, |step, done, all| {
        heard.push((step, done, all))
    })
    .unwrap();
    assert_eq!(world.state, before);
    let [of_d, of_v] = found.directions.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(
        (of_d.disclosing.as_str(), of_d.viewing.as_str()),
        ("d", "v")
    );
    assert_eq!(counts(of_d), [3, 0, 1, 1, 0, 0, 0]);
    assert_eq!((of_d.unchanged, of_d.left_out, of_d.in_part), (2, 0, 0));
    // Nobody consented that d's hospital looks.
    assert_eq!(counts(of_v), [3, 0, 0, 0, 0, 0, 0]);
    let entries = View(&world.state).meta().unwrap().unwrap().size;
    assert!(heard.contains(&(Step::Reading, entries, entries)));
    assert_eq!(heard.last(), Some(&(Step::Deciding, 6, 6)));
}

#[test]
fn a_new_version_shows_who_gains_and_who_loses() {
    let (mut world, agreement) = world();
    world.propose(&agreement);
    world.accept("v", World::<MemoryState>::signature(&agreement));
    let standing = preview(&world.state, &agreement, |_, _, _| ()).unwrap();
    // In force already: the same before and after.
    assert_eq!(counts(&standing.directions[0]), [3, 1, 1, 0, 0, 0, 0]);

    let mut wider = agreement.clone();
    wider.version = 2;
    for grant in wider
        .grants
        .iter_mut()
        .filter(|g| g.disclosing == network("d"))
    {
        grant.categories.insert(Category::Prescription);
    }
    let found = preview(&world.state, &wider, |_, _, _| ()).unwrap();
    assert_eq!(counts(&found.directions[0]), [3, 1, 1, 0, 0, 1, 0]);

    let mut ended = agreement.clone();
    ended.version = 2;
    ended.grants.retain(|g| g.disclosing != network("d"));
    let found = preview(&world.state, &ended, |_, _, _| ()).unwrap();
    assert_eq!(counts(&found.directions[0]), [3, 1, 0, 0, 1, 0, 0]);

    let mut viewing = agreement;
    viewing.version = 2;
    for grant in &mut viewing.grants {
        grant.consent_rule = sekisho_domain::ConsentRule::Disclosing;
    }
    let found = preview(&world.state, &viewing, |_, _, _| ()).unwrap();
    // By the disclosing act alone patient 2 becomes visible as well.
    assert_eq!(counts(&found.directions[0]), [3, 1, 2, 1, 0, 0, 0]);
}

/// A proposal that some have signed counts as if all had; one the ledger would refuse says why.
#[test]
fn what_the_ledger_would_refuse_is_said() {
    let (mut world, agreement) = world();
    world.propose(&agreement);
    let found = preview(&world.state, &agreement, |_, _, _| ()).unwrap();
    assert_eq!(counts(&found.directions[0]), [3, 0, 1, 1, 0, 0, 0]);
    let mut odd = agreement.clone();
    odd.version = 3;
    let error = preview(&world.state, &odd, |_, _, _| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the ledger would refuse it when d signs: the version does not follow the last one"
    );
    let mut stranger = agreement;
    stranger.id = "other".parse().unwrap();
    stranger.parties.insert(network("a-stranger"));
    let error = preview(&world.state, &stranger, |_, _, _| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a-stranger is not a member of this ledger, or its governance key is revoked"
    );
}

/// A consent for one practitioner, and one limited to the facility at the other end, are found by whom they name.
#[test]
fn consents_that_name_somebody_are_asked_for_by_name() {
    let (mut world, agreement) = world();
    let mut out = world.consent("d", subject(3), Side::Disclosing, D, FacilitySelector::All);
    out.counterpart = Some([facility(V2)].into());
    out.practitioners = Some([PractitionerId([5; 16])].into());
    out.capture = Capture::Written;
    world.accept("d", Body::ConsentGrant(out));
    world.consent_to_visit("v", subject(13), V2);
    let found = preview(&world.state, &agreement, |_, _, _| ()).unwrap();
    assert_eq!(counts(&found.directions[0]), [3, 0, 2, 2, 0, 0, 0]);
}
