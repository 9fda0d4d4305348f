//! Releases and receipts: only of the document that was asked for, under a permit, by the party it is about, once.

use crate::testing::{World, grant, network, subject};
use sekisho_domain::*;

const SAGA: &str = "4110000001";
const KURUME: &str = "4010000001";
const DOCUMENT: Commitment = Commitment([6; 32]);

/// Kurume may see what Saga holds, and not what Yame does.
fn world() -> World {
    let mut world = World::unsigned(&["kurume", "saga", "yame"]);
    world.hospital("saga", SAGA);
    world.hospital("kurume", KURUME);
    world.policy("kurume", None, Some(Scope::EachFacility));
    world.agree("link", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
    world.link(("saga", subject(1)), ("kurume", subject(2)));
    world.consent_to_visit("kurume", subject(2), KURUME);
    world
}

fn ask(world: &mut World, action: Action, of: &str) -> EntryIndex {
    let retrieves = action == Action::RetrieveDocument;
    let request = AccessRequest {
        action,
        document: retrieves.then_some(DOCUMENT),
        ..world.request("kurume", KURUME, subject(2), &[of])
    };
    world.ask(&request).0
}

#[test]
fn what_was_let_go_and_what_arrived_stand_on_a_permit_for_just_that() {
    use RefusalReason::*;
    let mut world = world();
    let found = ask(&mut world, Action::FindDocuments, "saga");
    let denied = ask(&mut world, Action::RetrieveDocument, "yame");
    let access = ask(&mut world, Action::RetrieveDocument, "saga");
    let of = |access, disclosing: &str, document| Transfer {
        access,
        disclosing: network(disclosing),
        document,
        content: Commitment([7; 32]),
    };
    let right = of(access, "saga", DOCUMENT);
    let other = Commitment([8; 32]);
    let index = EntryIndex(access.0 + 100);
    let cases = [
        (
            "no such request",
            "saga",
            of(index, "saga", DOCUMENT),
            NotFound,
        ),
        (
            "an index of another kind",
            "saga",
            of(EntryIndex(0), "saga", DOCUMENT),
            NotFound,
        ),
        (
            "a request to find",
            "saga",
            of(found, "saga", DOCUMENT),
            NotPermitted,
        ),
        (
            "a denied request",
            "yame",
            of(denied, "yame", DOCUMENT),
            NotPermitted,
        ),
        (
            "another document",
            "saga",
            of(access, "saga", other),
            NotPermitted,
        ),
        (
            "a network not asked",
            "yame",
            of(access, "yame", DOCUMENT),
            NotPermitted,
        ),
        ("another's documents", "yame", right.clone(), NotAuthorised),
    ];
    for (case, by, transfer, reason) in cases {
        let refused = world.refusal(by, Body::Release(transfer.clone()));
        assert_eq!(refused, Some(reason), "{case}, released");
        if reason != NotAuthorised {
            let refused = world.refusal("kurume", Body::Receipt(transfer));
            assert_eq!(refused, Some(reason), "{case}, received");
        }
    }
    let refused = world.refusal("saga", Body::Receipt(right.clone()));
    assert_eq!(refused, Some(NotAuthorised), "received by who disclosed");
    // Either may come first, each once.
    for (by, body) in [
        ("kurume", Body::Receipt(right.clone())),
        ("saga", Body::Release(right)),
    ] {
        world.accept(by, body.clone());
        assert_eq!(world.refusal(by, body), Some(AlreadyExists));
    }
    let transfers = crate::View(&world.state).transfers(access).unwrap();
    assert_eq!(transfers.len(), 2);
}
