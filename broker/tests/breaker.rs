//! An endpoint that cannot be reached is left alone, no other is, and not for longer than need be (P8).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "shared; no file needs all of it")]
mod support;

use futures::future::join_all;
use sekisho_broker::Limits;
use sekisho_broker::limits::{BREAKER_FAILURES, EXTRA_CALLS_BURST};
use sekisho_broker::testing::{Conduct, FaultyNode};
use sekisho_transport::ClientLimits;
use sekisho_transport::limits::CONNECT_TIMEOUT;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use support::{PATIENCE, Scene, another, found, linked, until};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// The deadline where a network uses all of it.
const SHORT: Duration = Duration::from_millis(1_500);

/// Asks until an endpoint was left alone so often.
async fn until_left_alone(scene: &Scene, times: u64) {
    let asks = async {
        while scene.counts.read().breaker_openings < times {
            assert_eq!(found(scene, PATIENCE).await, "unreachable");
        }
    };
    timeout(PATIENCE, asks).await.expect("it is left alone");
}

/// Asks until the network answers.
async fn until_answered(scene: &Scene) {
    let asks = async { while found(scene, PATIENCE).await != "answered" {} };
    timeout(PATIENCE, asks).await.expect("it is found again");
}

#[tokio::test]
async fn a_network_left_alone_is_unreachable_at_once_and_found_again_when_it_is_back() {
    const REQUESTS: usize = 30;
    let (world, mut nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let scene = Scene::start(Arc::clone(&world), Limits::default()).await;
    let node = nodes.remove(0);
    let address = node.address;
    node.stop().await;
    for _ in 0..REQUESTS {
        assert_eq!(found(&scene, PATIENCE).await, "unreachable");
    }
    let counted = scene.counts.read();
    let failures = u64::from(BREAKER_FAILURES);
    assert!(counted.breaker_openings >= 1, "{counted:?}");
    assert_eq!(counted.calls, failures - 1 + counted.breaker_openings);
    assert!(counted.calls < REQUESTS as u64 / 2, "{counted:?}");
    let node = FaultyNode::start_at(&world, "saga", Conduct::Answers, address).await;
    until_answered(&scene).await;
    assert_eq!(node.asked(), 1);
}

#[tokio::test]
async fn another_endpoint_on_the_ledger_is_asked_whatever_was_left_alone() {
    let (world, mut nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let scene = Scene::start(Arc::clone(&world), Limits::default()).await;
    nodes.remove(0).stop().await;
    until_left_alone(&scene, 1).await;
    let moved = another(&world, "saga", Conduct::Answers).await;
    assert_eq!(found(&scene, PATIENCE).await, "answered");
    assert_eq!(moved.asked(), 1);
}

/// A broker that gives a connection so long.
fn connecting_within(connect_timeout: Duration) -> Limits {
    let client = ClientLimits {
        connect_timeout,
        ..ClientLimits::default()
    };
    Limits {
        client,
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_probe_that_connected_keeps_nobody_from_a_node_that_is_slow() {
    let (world, mut nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let scene = Scene::start(Arc::clone(&world), Limits::default()).await;
    let node = nodes.remove(0);
    let address = node.address;
    node.stop().await;
    until_left_alone(&scene, 1).await;
    let node = FaultyNode::start_at(&world, "saga", Conduct::Hangs, address).await;
    // The caller's deadline is far away, and so is the end of what a connection is given.
    let probe = async { while found(&scene, PATIENCE).await == "unreachable" {} };
    let others = async {
        until("the probe is there", || node.asked() == 1).await;
        while node.asked() < 2 {
            found(&scene, SHORT).await;
        }
    };
    let beside = async {
        tokio::select! {
            () = probe => panic!("the probe ended first"),
            () = others => {}
        }
    };
    timeout(CONNECT_TIMEOUT, beside)
        .await
        .expect("another is asked beside the probe");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_says_or_fails_to_say_in_time_never_has_it_left_alone() {
    let cases = [
        (Conduct::WrongHash, "malformed"),
        (Conduct::Stale, "stale"),
        (Conduct::Refuses(tonic::Code::PermissionDenied), "malformed"),
        (
            Conduct::Refuses(tonic::Code::Unauthenticated),
            "unreachable",
        ),
        (Conduct::BreaksAtOnce, "unreachable"),
        (Conduct::Hangs, "timed-out"),
    ];
    let times = 3 * BREAKER_FAILURES as usize;
    for (conduct, expected) in cases {
        let (world, nodes) = linked(&[("saga", conduct)]).await;
        let scene = Scene::start(world, Limits::default()).await;
        let beside = if conduct == Conduct::Hangs { times } else { 1 };
        for _ in 0..times / beside {
            let asks = (0..beside).map(|_| found(&scene, SHORT));
            for code in join_all(asks).await {
                assert_eq!(code, expected, "{conduct:?}");
            }
        }
        assert_eq!(scene.counts.read().breaker_openings, 0, "{conduct:?}");
        assert!(nodes[0].asked() >= times, "{conduct:?} was always asked");
    }
}

/// A scene whose network's node gives way to something that takes connections and says nothing.
async fn silenced() -> (Scene, TcpListener, SocketAddr) {
    let (world, mut nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let scene = Scene::start(world, connecting_within(CONNECTING)).await;
    assert_eq!(found(&scene, PATIENCE).await, "answered");
    let node = nodes.remove(0);
    let address = node.address;
    node.stop().await;
    let listener = TcpListener::bind(address).await.unwrap();
    (scene, listener, address)
}

/// What a connection is given where a test must see that time pass.
const CONNECTING: Duration = Duration::from_millis(600);
/// A deadline before that.
const SHORTER: Duration = Duration::from_millis(400);

#[tokio::test]
async fn each_probe_of_where_nobody_speaks_finds_that_out_anew() {
    let (scene, _listener, _) = silenced().await;
    until_left_alone(&scene, 1).await;
    let calls = scene.counts.read().calls;
    // The line answered once, and every attempt since then was waited for: that it did says nothing now.
    until_left_alone(&scene, 3).await;
    assert_eq!(scene.counts.read().calls, calls + 2, "one call for each");
}

#[tokio::test]
async fn a_probe_that_its_caller_gave_up_leaves_its_turn_to_the_next() {
    let (scene, listener, address) = silenced().await;
    until_left_alone(&scene, 1).await;
    let probe = async { while found(&scene, SHORTER).await != "timed-out" {} };
    timeout(PATIENCE, probe).await.expect("a probe is sent");
    assert_eq!(scene.counts.read().breaker_openings, 1);
    drop(listener);
    let _node = FaultyNode::start_at(&scene.world, "saga", Conduct::Answers, address).await;
    until_answered(&scene).await;
}

#[tokio::test]
async fn what_callers_did_not_wait_for_is_held_against_nobody() {
    let (scene, _listener, _) = silenced().await;
    // An attempt that fails under a call was begun for an earlier one. It is made again until the account
    // is empty, and then that call ends.
    let mut unreachable = 0;
    while unreachable <= BREAKER_FAILURES {
        match found(&scene, SHORTER).await {
            "timed-out" => {}
            code => {
                assert_eq!(code, "unreachable");
                unreachable += 1;
            }
        }
    }
    let counted = scene.counts.read();
    assert!(
        counted.reconnects >= u64::from(EXTRA_CALLS_BURST),
        "{counted:?}"
    );
    assert_eq!(counted.breaker_openings, 0, "{counted:?}");
}
