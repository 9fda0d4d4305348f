//! Where a network is reached by the ledger's word; the caller's deadline at every hop; and that work ends
//! when nobody wants it any more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "shared; no file needs all of it")]
mod support;

use sekisho_broker::limits::{ENDPOINTS_MAX, SUMMARY_RESERVE};
use sekisho_broker::testing::{Conduct, FaultyNode, VIEWING, World};
use sekisho_broker::{About, Decided, Ledger, LedgerFailure, Limits, Route};
use sekisho_domain::NetworkId;
use sekisho_ledger::{AnswerFault, Statement};
use sekisho_proto::v1;
use sekisho_transport::deadline::{DEADLINE_HEADER, TIMEOUT_HEADER};
use sekisho_transport::{Deadline, Identity, TransportKey, outgoing};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use support::{PATIENCE, Scene, another, id, linked, seal_to, until};
use tokio::time::timeout;

fn identity() -> Identity {
    Identity::new(TransportKey::generate().unwrap()).unwrap()
}

async fn addresses(world: &Arc<World>, network: &str) -> Vec<String> {
    let routes = world.routes(BTreeSet::from([id(network)])).await.unwrap();
    let endpoints = routes.get(&id(network)).map(|route| &route.endpoints);
    let addresses = endpoints.into_iter().flatten();
    addresses.map(|e| e.address.clone()).collect()
}

#[tokio::test]
async fn a_route_names_each_valid_endpoint_once_the_newest_first_and_not_too_many() {
    let world = Arc::new(World::found(&["saga"]));
    assert!(addresses(&world, "saga").await.is_empty());
    let (one, two, again) = (identity(), identity(), identity());
    world.place_key("saga", one.public(), "127.0.0.1:11");
    world.place_key("saga", two.public(), "127.0.0.1:12");
    assert_eq!(
        addresses(&world, "saga").await,
        ["127.0.0.1:12", "127.0.0.1:11"]
    );
    // A renewed key at a known address.
    world.place_key("saga", again.public(), "127.0.0.1:11");
    assert_eq!(
        addresses(&world, "saga").await,
        ["127.0.0.1:11", "127.0.0.1:12"]
    );
    world.revoke("saga", &again.public());
    assert_eq!(
        addresses(&world, "saga").await,
        ["127.0.0.1:12", "127.0.0.1:11"]
    );
    world.revoke("saga", &two.public());
    assert_eq!(addresses(&world, "saga").await, ["127.0.0.1:11"]);
    for port in 20..20 + ENDPOINTS_MAX {
        world.place_key("saga", identity().public(), &format!("127.0.0.1:{port}"));
    }
    let named = addresses(&world, "saga").await;
    assert_eq!(named.len(), ENDPOINTS_MAX);
    assert_eq!((&*named[0], &*named[3]), ("127.0.0.1:23", "127.0.0.1:20"));

    // A founding replica's address comes after what was registered since.
    assert_eq!(addresses(&world, VIEWING).await, ["127.0.0.1:1"]);
    world.place_key(VIEWING, identity().public(), "127.0.0.1:30");
    assert_eq!(
        addresses(&world, VIEWING).await,
        ["127.0.0.1:30", "127.0.0.1:1"]
    );
}

/// The world's ledger, and the deadlines it was given.
struct Watched(Arc<World>, Arc<Mutex<Vec<Deadline>>>);

impl Ledger for Watched {
    async fn decide(
        &self,
        request: v1::Envelope,
        deadline: Deadline,
    ) -> Result<Decided, LedgerFailure> {
        self.1.lock().unwrap().push(deadline);
        self.0.decide(request, deadline).await
    }

    async fn routes(
        &self,
        networks: BTreeSet<NetworkId>,
    ) -> Result<BTreeMap<NetworkId, Route>, LedgerFailure> {
        self.0.routes(networks).await
    }

    async fn verify(
        &self,
        statement: v1::Envelope,
        about: About,
    ) -> Result<Result<Statement, AnswerFault>, LedgerFailure> {
        self.0.verify(statement, about).await
    }
}

/// The deadlines a node was told with its last question: the instant, and the milliseconds that were left.
fn told(node: &FaultyNode) -> (u64, u64) {
    let metadata = node.metadata().pop().unwrap();
    let text = |header| metadata.get(header).unwrap().to_str().unwrap().to_owned();
    let left = text(TIMEOUT_HEADER);
    (
        text(DEADLINE_HEADER).parse().unwrap(),
        left.strip_suffix('m').unwrap().parse().unwrap(),
    )
}

#[tokio::test]
async fn ledger_node_and_second_attempt_get_a_deadline_not_later_than_the_callers() {
    let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let seen = Arc::default();
    let ledger = Watched(Arc::clone(&world), Arc::clone(&seen));
    let scene = Scene::over(ledger, Arc::clone(&world), Limits::default()).await;
    for _ in 0..30 {
        scene.find(&["saga"], PATIENCE).await.unwrap();
    }
    let hangs = another(&world, "saga", Conduct::Hangs).await;
    let within = PATIENCE / 2;
    let deadline = Deadline::after(within);
    let message = v1::FindDocumentsRequest {
        request: Some(world.find(&["saga"])),
        filter: None,
    };
    let found = scene.find_as(VIEWING, outgoing(message, deadline)).await;
    assert_eq!(found.unwrap().code("saga"), "answered");
    assert_eq!(scene.counts.read().hedges, 1);

    let at_ledger = seen.lock().unwrap().pop().unwrap();
    assert!(at_ledger < deadline, "the ledger is given less");
    let reserve_ms = u64::try_from(SUMMARY_RESERVE.as_millis()).unwrap();
    let within_ms = u64::try_from(within.as_millis()).unwrap();
    let (first, second) = (told(&hangs), told(&nodes[0]));
    for (instant, left_ms) in [first, second] {
        assert_eq!(instant, deadline.time().0 - reserve_ms, "the same instant");
        assert!(left_ms <= within_ms - reserve_ms, "{left_ms} ms");
    }
    assert!(second.1 < first.1, "the second attempt has less time left");
}

#[tokio::test]
async fn a_caller_that_leaves_frees_the_work_at_every_hop() {
    let (world, mut nodes) =
        linked(&[("saga", Conduct::Answers), ("shimane", Conduct::Hangs)]).await;
    let scene = Scene::start(Arc::clone(&world), Limits::default()).await;
    for _ in 0..30 {
        scene.find(&["saga"], PATIENCE).await.unwrap();
    }
    // Both attempts at one network, and the only one at another.
    nodes.push(another(&world, "saga", Conduct::Hangs).await);
    world.revoke("saga", &world.identity("saga").public());
    nodes.push(another(&world, "saga", Conduct::Hangs).await);
    let message = v1::FindDocumentsRequest {
        request: Some(world.find(&["saga", "shimane"])),
        filter: None,
    };
    let request = outgoing(message, Deadline::after(PATIENCE));
    let stream = scene.client(VIEWING).find_documents(request).await.unwrap();
    until("all three are asked", || {
        nodes[1..].iter().all(|node| node.asked() == 1)
    })
    .await;
    let counted = scene.counts.read();
    assert_eq!(
        (counted.requests_under_way, counted.calls_under_way),
        (1, 3)
    );
    assert_eq!((counted.hedges, counted.cancelled), (1, 0));
    drop(stream);
    for node in &nodes[1..] {
        timeout(PATIENCE, node.abandoned())
            .await
            .expect("the node sees its stream dropped");
    }
    until("nothing is under way", || {
        let counted = scene.counts.read();
        counted.requests_under_way == 0 && counted.calls_under_way == 0
    })
    .await;
    assert_eq!(scene.counts.read().cancelled, 1);

    // So with a document.
    let message = v1::RetrieveDocumentRequest {
        request: Some(world.retrieve("shimane")),
        unique_id: "1.2.3".to_owned(),
        salt: vec![7; 32],
        seal_to: seal_to(),
    };
    let request = outgoing(message, Deadline::after(PATIENCE));
    let stream = scene
        .client(VIEWING)
        .retrieve_document(request)
        .await
        .unwrap();
    until("it is asked", || nodes[1].asked() == 2).await;
    assert_eq!(scene.counts.read().calls_under_way, 1);
    drop(stream);
    timeout(PATIENCE, nodes[1].abandoned())
        .await
        .expect("it is told");
    until("nothing is under way", || {
        scene.counts.read().calls_under_way == 0
    })
    .await;
    assert_eq!(scene.counts.read().cancelled, 2);
}
