//! Which changes widen whose consents, and which do not.

use super::town::{NORTH, Town, WEST, after_notice, patient, town};
use super::{Change, Gain, Supposed, Widened, change_of, widened};
use crate::testing::{facility, grant, joining_notice, network, policy, rule};
use crate::{SignatureCheck, View, apply_batch};
use sekisho_domain::*;
use sekisho_proto::v1;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

struct Unchecked;

impl SignatureCheck for Unchecked {
    fn holds(&self, _: &PublicKey, _: &[u8], _: &crate::signature::Signature) -> bool {
        true
    }
}

/// What an entry changes, and the consents of a network it would widen; the entry is only supposed.
fn would_widen(town: &mut Town, by: &str, body: Body, own: &str) -> (Option<Change>, Vec<Widened>) {
    let time = town.world.time;
    let before = View(&town.world.state);
    let change = change_of(before, &network(by), &body, time).unwrap();
    let envelope = town.world.sign(by, body);
    let batch = v1::Batch {
        time_ms: time.0,
        envelopes: vec![envelope],
    };
    let mut after = Supposed::over(&town.world.state);
    apply_batch(&mut after, &batch, &Unchecked).unwrap();
    let mut found = Vec::new();
    if let Some(change) = &change {
        widened(
            View(&town.world.state),
            View(&after),
            change,
            &network(own),
            &mut |one| found.push(one),
            &mut |_, _| {},
        )
        .unwrap();
    }
    (change, found)
}

fn between(gain: &Gain) -> (&str, &str) {
    (gain.disclosing.as_str(), gain.viewing.as_str())
}

fn gains(found: &[Widened]) -> Vec<&Gain> {
    found.iter().flat_map(|one| &one.gains).collect()
}

fn registers(code: &str) -> Body {
    Body::FacilityRegister {
        facility: facility(code),
        kind: FacilityKind::Hospital,
        name: "新しい病院".to_owned(),
        municipality: None,
    }
}

#[test]
fn a_facility_that_needs_its_own_consent_widens_nothing_to_others() {
    let mut town = town();
    let (_, found) = would_widen(&mut town, "west", registers("4110000009"), "east");
    assert_eq!(found, [], "west's blanket consent stops at those it knew");
    // Nor does it let the new one look within west, though looking needs no act there.
    let (_, found) = would_widen(&mut town, "west", registers("4110000009"), "west");
    assert_eq!(found, []);
    // Each visited facility of east takes its own consent to look; the new one's documents join those that others of
    // east were let look at.
    let (_, found) = would_widen(&mut town, "east", registers("4010000009"), "east");
    let within: Vec<_> = gains(&found).iter().map(|g| between(g)).collect();
    assert_eq!(within, [("east", "east")]);
}

#[test]
fn a_facility_whose_documents_the_others_consent_opens_widens_it() {
    let mut town = town();
    // North has no act of its own: east's consent opens all of north's documents, those of a new hospital too.
    for own in ["north", "east"] {
        let (_, found) = would_widen(&mut town, "north", registers("3510000009"), own);
        assert_eq!(found.len(), 1, "{own}");
        assert_eq!(found[0].subject, patient(own).subject);
        let gains = gains(&found);
        assert_eq!(gains.len(), 1, "{gains:?}");
        assert_eq!(between(gains[0]), ("north", "east"));
        assert_eq!(gains[0].categories, Codes::all());
        assert!(gains[0].consents.contains(&town.visit));
    }
    let (_, found) = would_widen(&mut town, "north", registers("3510000009"), "west");
    assert_eq!(found, [], "west's patients are not concerned");
}

#[test]
fn a_notice_of_joining_widens_once_it_has_stood_long_enough() {
    let mut town = town();
    town.world
        .publish("west", policy(0, Some(after_notice()), None));
    let consent = town.world.consent(
        "west",
        patient("west").subject,
        Side::Disclosing,
        WEST[0],
        FacilitySelector::All,
    );
    let consent = ConsentId(town.world.accept("west", Body::ConsentGrant(consent)));
    let (_, found) = would_widen(&mut town, "west", registers("4110000009"), "west");
    let outside = |gain: &&Gain| between(gain) != ("west", "west");
    let gained = gains(&found);
    assert_eq!(
        gained.into_iter().find(outside),
        None,
        "not before a notice"
    );
    town.world.accept("west", registers("4110000009"));
    let notice = Body::NoticePost(joining_notice("4110000009"));
    let (change, found) = would_widen(&mut town, "west", notice, "west");
    let from = town.world.time.plus_ms(30 * DAY_MS);
    assert_eq!(change.and_then(|c| c.from()), Some(from));
    let gains = gains(&found);
    let directions: Vec<_> = gains.iter().map(|g| between(g)).collect();
    assert_eq!(directions, [("west", "east"), ("west", "west")]);
    assert!(gains[0].consents.contains(&consent));
    assert!(!gains[0].consents.contains(&town.blanket), "the older rule");
}

#[test]
fn an_agreement_widens_when_its_last_party_signs_and_only_who_consented() {
    let mut town = town();
    let mut agreement = town.world.agree(
        "spare",
        vec![grant("north", "west", ConsentRule::Disclosing)],
    );
    // What the two have now is one thing; what is signed next another.
    agreement.version = 2;
    agreement.grants = vec![grant("west", "east", ConsentRule::Disclosing)];
    agreement.parties = [network("east"), network("west"), network("north")].into();
    town.world
        .accept("north", Body::AgreementPropose(agreement.clone()));
    let signature = crate::testing::World::<crate::store::MemoryState>::signature(&agreement);
    let (change, _) = would_widen(&mut town, "east", signature.clone(), "west");
    assert_eq!(change, None, "one of three has not signed");
    town.world.accept("east", signature.clone());
    let (change, found) = would_widen(&mut town, "west", signature, "west");
    assert!(matches!(
        change,
        Some(Change::AgreementSigned { version: 2, .. })
    ));
    // Until now east's hospitals needed east's consent too.
    let gains = gains(&found);
    assert_eq!(gains.len(), 1, "{gains:?}");
    assert_eq!(gains[0].consents, [town.blanket].into());
    let patients: Vec<_> = found.iter().map(|one| one.subject).collect();
    assert_eq!(patients, [patient("west").subject]);
}

#[test]
fn a_policy_that_asks_for_less_widens() {
    let mut town = town();
    let both = policy(
        0,
        Some(rule(Scope::AllFacilities)),
        Some(rule(Scope::EachFacility)),
    );
    town.world.publish("east", both);
    let version = 1 + town.world.policy_version("east");
    let less = ConsentPolicy {
        version,
        ..policy(0, None, Some(rule(Scope::EachFacility)))
    };
    let (_, found) = would_widen(&mut town, "east", Body::ConsentPolicyPublish(less), "east");
    let gains = gains(&found);
    assert_eq!(gains.len(), 1, "{gains:?}");
    let own = "its own documents needed both sides' acts before";
    assert_eq!(between(gains[0]), ("east", "east"), "{own}");
    let voids = ConsentPolicy {
        version,
        voids_earlier: true,
        ..policy(0, None, Some(rule(Scope::EachFacility)))
    };
    let (_, found) = would_widen(&mut town, "east", Body::ConsentPolicyPublish(voids), "east");
    assert_eq!(found, [], "nobody's consent holds any longer");
}

#[test]
fn a_network_that_is_admitted_sees_nothing_yet() {
    let mut town = town();
    let body = Body::NetworkAdmit {
        network: network("south"),
        name: "南".to_owned(),
        governance_key: crate::testing::key("south", KeyPurpose::Governance).public_key(),
    };
    let (change, found) = would_widen(&mut town, "east", body, "east");
    assert_eq!(found, []);
    assert_eq!(change.unwrap().from(), None);
    for body in [
        Body::FacilityLeave {
            facility: facility(NORTH),
        },
        Body::AgreementSuspend {
            id: "east-north".parse().unwrap(),
        },
    ] {
        let (change, _) = would_widen(&mut town, "north", body, "north");
        assert_eq!(change, None, "what narrows widens nobody's consent");
    }
}
