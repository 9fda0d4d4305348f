//! Whose request it is, what the ledger says of it, and that nobody is asked before it decided.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "shared; no file needs all of it")]
mod support;

use sekisho_broker::Limits;
use sekisho_broker::testing::{Availability, Conduct, VIEWING};
use sekisho_domain::{DenyReason, KeyPurpose, NetworkOutcome};
use sekisho_proto::v1;
use sekisho_transport::{Deadline, outgoing};
use std::time::Duration;
use support::{PATIENCE, Scene, id, linked, seal_to};
use tokio::time::Instant;
use tonic::{Code, Request};

fn find_message(request: v1::Envelope) -> v1::FindDocumentsRequest {
    v1::FindDocumentsRequest {
        request: Some(request),
        filter: None,
    }
}

fn patient<T>(message: T) -> Request<T> {
    outgoing(message, Deadline::after(PATIENCE))
}

#[tokio::test]
async fn only_the_network_that_signed_a_request_may_use_it() {
    let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let scene = Scene::start(world, Limits::default()).await;
    let before = scene.world.size();
    let message = find_message(scene.world.find(&["saga"]));
    let status = scene
        .find_as("saga", patient(message.clone()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    assert_eq!(
        (scene.world.size(), nodes[0].asked()),
        (before, 0),
        "nothing was done"
    );
    assert_eq!(
        scene
            .find_as(VIEWING, patient(message))
            .await
            .unwrap()
            .code("saga"),
        "answered"
    );
}

#[tokio::test]
async fn what_is_no_request_reaches_neither_ledger_nor_nodes() {
    let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let scene = Scene::start(world, Limits::default()).await;
    let before = scene.world.size();
    let good = || scene.world.find(&["saga"]);
    let mut truncated = good();
    truncated.payload.pop();
    let mut other_type = good();
    other_type.payload_type = "text/plain".to_owned();
    let mut unsigned = good();
    unsigned.signatures.clear();
    let mut oversized = good();
    oversized.payload = vec![0; 17 * 1024];
    let not_an_access = scene.world.history().1.remove(0);
    let retrieval = scene.world.retrieve("saga");
    let cases = [
        truncated,
        other_type,
        unsigned,
        oversized,
        not_an_access,
        retrieval,
    ]
    .map(Some);
    for envelope in cases.into_iter().chain([None]) {
        let message = v1::FindDocumentsRequest {
            request: envelope,
            filter: None,
        };
        let status = scene.find_as(VIEWING, patient(message)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    }
    let period = v1::Filter {
        service_from_ms: Some(2),
        service_until_ms: Some(2),
        max: 0,
    };
    let message = v1::FindDocumentsRequest {
        request: Some(good()),
        filter: Some(period),
    };
    let status = scene.find_as(VIEWING, patient(message)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let some = || "1.2.3".to_owned();
    let documents = [
        (scene.world.find(&["saga"]), some(), 32, seal_to()),
        (scene.world.retrieve("saga"), String::new(), 32, seal_to()),
        (scene.world.retrieve("saga"), "1".repeat(257), 32, seal_to()),
        (scene.world.retrieve("saga"), some(), 31, seal_to()),
        (scene.world.retrieve("saga"), some(), 32, None),
    ];
    for (request, unique_id, salt, seal_to) in documents {
        let message = v1::RetrieveDocumentRequest {
            request: Some(request),
            unique_id,
            salt: vec![0; salt],
            seal_to,
        };
        let status = scene
            .client(VIEWING)
            .retrieve_document(patient(message))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    }
    assert_eq!((scene.world.size(), nodes[0].asked()), (before, 0));
}

#[tokio::test]
async fn what_the_ledger_does_not_decide_asks_nobody_and_says_precisely_why() {
    let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let scene = Scene::start(world, Limits::default()).await;
    let short = Duration::from_millis(500);
    let availability = [
        (Availability::NoQuorum, Code::Unavailable),
        (Availability::Silent, Code::Aborted),
        (Availability::Broken, Code::Internal),
    ];
    for (availability, code) in availability {
        scene.world.set(availability);
        let started = Instant::now();
        let status = scene.find(&["saga"], short).await.unwrap_err();
        assert_eq!(status.code(), code, "{availability:?}: {status:?}");
        assert!(!status.message().contains("disk"), "{status:?}");
        assert!(
            started.elapsed() < short + Duration::from_millis(400),
            "{availability:?}"
        );
        let status = scene.retrieve("saga", "1.2.3", short).await.unwrap_err();
        assert_eq!(status.code(), code, "{availability:?}: {status:?}");
    }
    scene.world.set(Availability::Serving);

    // Signed by a key that may not ask; altered after signing.
    let request = sekisho_ledger::form(&scene.world.find(&["saga"]))
        .unwrap()
        .entry;
    let governance = scene
        .world
        .sign(&id(VIEWING), KeyPurpose::Governance, request.body);
    let mut altered = scene.world.find(&["saga"]);
    altered.signatures[0].signature[0] ^= 1;
    for (envelope, words) in [(governance, "may not say this"), (altered, "does not hold")] {
        let refused = scene
            .find_as(VIEWING, patient(find_message(envelope)))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
        assert!(refused.message().contains(words), "{refused:?}");
    }
    assert_eq!(nodes[0].asked(), 0);
}

#[tokio::test]
async fn the_same_request_twice_is_decided_once() {
    let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let scene = Scene::start(world, Limits::default()).await;
    let message = find_message(scene.world.find(&["saga"]));
    let first = scene
        .find_as(VIEWING, patient(message.clone()))
        .await
        .unwrap();
    let size = scene.world.size();
    let again = scene.find_as(VIEWING, patient(message)).await.unwrap();
    assert_eq!((&first.decided, &first.ends), (&again.decided, &again.ends));
    assert_eq!((scene.world.size(), nodes[0].asked()), (size, 2));
}

#[tokio::test]
async fn after_a_withdrawal_the_next_request_is_denied_at_a_later_index() {
    let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let scene = Scene::start(world, Limits::default()).await;
    let before = scene.find(&["saga"], PATIENCE).await.unwrap();
    scene.world.withdraw();
    let after = scene.find(&["saga"], PATIENCE).await.unwrap();
    let reason = DenyReason::ConsentWithdrawn;
    assert_eq!(after.ends["saga"], NetworkOutcome::Denied { reason });
    assert!(after.decided.index > before.decided.index);
    assert_eq!(nodes[0].asked(), 1);
}
