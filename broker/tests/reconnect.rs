//! Connections that died while nobody looked: a node that is there is asked, one that is not is not waited for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "shared; no file needs all of it")]
mod support;

use sekisho_broker::Limits;
use sekisho_broker::testing::{Conduct, FaultyNode, World};
use sekisho_transport::ClientLimits;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::{PATIENCE, Scene, linked};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How a search and a retrieval at the network end, one after the other.
async fn codes(scene: &Scene, within: Duration) -> [&'static str; 2] {
    let found = scene.find(&["saga"], within).await.unwrap();
    let got = scene.retrieve("saga", "1.2.3", within).await.unwrap();
    [found.code("saga"), got.outcome().code()]
}

const ANSWERED: [&str; 2] = ["answered"; 2];
const UNREACHABLE: [&str; 2] = ["unreachable"; 2];

#[tokio::test]
async fn a_connection_that_fell_silent_since_the_last_request_costs_no_answer() {
    let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let limits = Limits {
        client: ClientLimits {
            keep_alive_interval: Duration::from_secs(1),
            keep_alive_timeout: Duration::from_secs(1),
            ..ClientLimits::default()
        },
        ..Limits::default()
    };
    let scene = Scene::start(world, limits).await;
    assert_eq!(codes(&scene, PATIENCE).await, ANSWERED);
    nodes[0].silence();
    assert_eq!(codes(&scene, PATIENCE).await, ANSWERED);
    assert_eq!(nodes[0].asked(), 4, "each question came once");
}

#[tokio::test]
async fn an_attempt_to_connect_that_was_given_up_is_no_later_requests_failure() {
    let world = Arc::new(World::found(&["saga"]));
    world.agree("saga");
    world.link("saga");
    // Connections are taken by the system and nobody speaks there: a process that was stopped.
    let stopped = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = stopped.local_addr().unwrap();
    world.place("saga", &address.to_string());
    let scene = Scene::start(Arc::clone(&world), Limits::default()).await;
    let short = Duration::from_millis(500);
    assert_eq!(codes(&scene, short).await, ["timed-out"; 2]);
    drop(stopped);
    let node = FaultyNode::start_at(&world, "saga", Conduct::Answers, address).await;
    assert_eq!(codes(&scene, PATIENCE).await, ANSWERED);
    assert_eq!(node.asked(), 2);
}

#[tokio::test]
async fn a_restarted_node_answers_the_next_request() {
    let (world, mut nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let scene = Scene::start(Arc::clone(&world), Limits::default()).await;
    let mut node = nodes.remove(0);
    let address = node.address;
    for asked_while_down in [false, true, false] {
        assert_eq!(codes(&scene, PATIENCE).await, ANSWERED);
        node.stop().await;
        if asked_while_down {
            let started = Instant::now();
            assert_eq!(codes(&scene, PATIENCE).await, UNREACHABLE);
            assert!(
                started.elapsed() < PATIENCE / 4,
                "a refusal is not waited on"
            );
        }
        node = FaultyNode::start_at(&world, "saga", Conduct::Answers, address).await;
    }
    assert_eq!(codes(&scene, PATIENCE).await, ANSWERED);
    assert_eq!(node.asked(), 2);
}

/// Takes connections, counts them and closes them.
async fn closing(at: SocketAddr) -> (Arc<AtomicUsize>, JoinHandle<()>) {
    let listener = TcpListener::bind(at).await.unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let task = tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (count, task)
}

#[tokio::test]
async fn a_node_that_is_down_is_tried_twice_at_most() {
    let (world, mut nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let scene = Scene::start(world, Limits::default()).await;
    assert_eq!(codes(&scene, PATIENCE).await, ANSWERED);
    let node = nodes.remove(0);
    let address = node.address;
    node.stop().await;
    let (count, task) = closing(address).await;
    // What each request tries, the connection from before and a new one; then only a new one is left to try.
    for expected in [1..=2, 1..=1] {
        let found = scene.find(&["saga"], PATIENCE).await.unwrap();
        assert_eq!(found.code("saga"), "unreachable");
        let tries = count.swap(0, Ordering::SeqCst);
        assert!(expected.contains(&tries), "search: {tries}");
        let got = scene.retrieve("saga", "1.2.3", PATIENCE).await.unwrap();
        assert_eq!(got.outcome().code(), "unreachable");
        let tries = count.swap(0, Ordering::SeqCst);
        assert!(expected.contains(&tries), "retrieval: {tries}");
    }
    task.abort();
}
