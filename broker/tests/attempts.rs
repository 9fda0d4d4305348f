//! More than one endpoint: going on to the next, asking at a second; and what that costs.
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
use sekisho_broker::limits::{EXTRA_CALLS_BURST, EXTRA_CALLS_PER_MILLE};
use sekisho_broker::testing::{Conduct, FaultyNode, VIEWING, World};
use sekisho_domain::NetworkOutcome;
use sekisho_proto::{LETTER_TYPE, v1};
use sekisho_transport::{Deadline, outgoing};
use std::sync::Arc;
use std::time::Duration;
use support::{PATIENCE, Scene, another, found, linked, nobody, until};
use tokio::time::{Instant, timeout};

/// The deadline where a network uses all of it.
const SHORT: Duration = Duration::from_millis(1_500);
/// Requests after which a network's answer times are relied on, and its account is full again.
const CALM: usize = 30;

async fn retrieved(scene: &Scene, within: Duration) -> &'static str {
    let got = scene.retrieve("saga", "1.2.3", within).await.unwrap();
    got.outcome().code()
}

/// A scene whose broker knows how quick the network is. Its node then behaves so.
async fn known_as_quick(conduct: Conduct) -> (Scene, FaultyNode) {
    let (world, mut nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let scene = Scene::start(Arc::clone(&world), Limits::default()).await;
    for _ in 0..CALM {
        assert_eq!(found(&scene, PATIENCE).await, "answered");
    }
    let mut node = nodes.remove(0);
    if conduct != Conduct::Answers {
        let old = world.identity("saga").public();
        node = another(&world, "saga", conduct).await;
        world.revoke("saga", &old);
    }
    assert_eq!(scene.counts.read().calls, CALM as u64);
    (scene, node)
}

#[tokio::test]
async fn where_one_endpoint_cannot_be_reached_the_next_answers_at_once() {
    let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
    nobody(&world, "saga").await;
    let scene = Scene::start(world, Limits::default()).await;
    let started = Instant::now();
    assert_eq!(found(&scene, PATIENCE).await, "answered");
    assert_eq!(retrieved(&scene, PATIENCE).await, "answered");
    assert!(started.elapsed() < PATIENCE / 4, "nobody waited");
    let counted = scene.counts.read();
    assert_eq!((counted.asks, counted.calls, counted.failovers), (2, 4, 2));
    assert_eq!((counted.hedges, nodes[0].asked()), (0, 2));
}

#[tokio::test]
async fn a_document_is_asked_for_elsewhere_only_where_nobody_can_have_let_it_go() {
    let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let breaks = another(&world, "saga", Conduct::BreaksAtOnce).await;
    let scene = Scene::start(world, Limits::default()).await;
    assert_eq!(retrieved(&scene, PATIENCE).await, "unreachable");
    assert_eq!((breaks.asked(), nodes[0].asked()), (1, 0));
    // A list changes nothing anywhere.
    assert_eq!(found(&scene, PATIENCE).await, "answered");
    assert_eq!((breaks.asked(), nodes[0].asked()), (2, 1));
}

#[tokio::test]
async fn an_endpoint_where_no_node_is_makes_no_network_malformed_and_is_not_asked_again_soon() {
    let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let replica = another(&world, "saga", Conduct::Refuses(tonic::Code::Unimplemented)).await;
    let scene = Scene::start(world, Limits::default()).await;
    for _ in 0..3 {
        assert_eq!(found(&scene, PATIENCE).await, "answered");
        assert_eq!(retrieved(&scene, PATIENCE).await, "answered");
    }
    assert_eq!((replica.asked(), nodes[0].asked()), (1, 6));
}

#[tokio::test]
async fn what_one_machine_cannot_do_now_another_of_the_network_is_asked_for() {
    for (conduct, code) in [(Conduct::Suspended, "suspended"), (Conduct::Stale, "stale")] {
        let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
        let not_now = another(&world, "saga", conduct).await;
        let scene = Scene::start(world, Limits::default()).await;
        assert_eq!(found(&scene, PATIENCE).await, "answered");
        assert_eq!((not_now.asked(), nodes[0].asked()), (1, 1), "{conduct:?}");
        assert_eq!(scene.counts.read().failovers, 1, "{conduct:?}");
        // The other comes first for a while.
        assert_eq!(retrieved(&scene, PATIENCE).await, "answered");
        assert_eq!((not_now.asked(), nodes[0].asked()), (1, 2), "{conduct:?}");

        let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
        let not_now = another(&world, "saga", conduct).await;
        let scene = Scene::start(world, Limits::default()).await;
        // A document may have been let go by a node that said so: only a list is asked for elsewhere.
        assert_eq!(retrieved(&scene, PATIENCE).await, code);
        assert_eq!((not_now.asked(), nodes[0].asked()), (1, 0), "{conduct:?}");
    }
}

/// What a search at one network came to: asked for its key, or sent its letter.
async fn searched(scene: &Scene, letter: bool) -> &'static str {
    let sealed = v1::Envelope {
        payload_type: LETTER_TYPE.to_owned(),
        ..Default::default()
    };
    let letter = letter.then_some(v1::SearchLetter {
        network: "saga".to_owned(),
        letter: Some(sealed),
    });
    let message = v1::FindPatientsRequest {
        request: Some(scene.world.search(&["saga"])),
        letters: letter.into_iter().collect(),
    };
    let asked = outgoing(message, Deadline::after(PATIENCE));
    let stream = scene.client(VIEWING).find_patients(asked).await.unwrap();
    let mut events = stream.into_inner();
    while let Some(event) = events.message().await.unwrap() {
        if let Some(v1::find_patients_event::Event::End(end)) = event.event {
            let outcome = NetworkOutcome::try_from(end.outcome.unwrap());
            return outcome.unwrap().code();
        }
    }
    panic!("no end")
}

#[tokio::test]
async fn a_letter_goes_to_one_machine_only_and_says_nothing_of_it() {
    let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let not_now = another(&world, "saga", Conduct::Suspended).await;
    let scene = Scene::start(world, Limits::default()).await;
    assert_eq!(searched(&scene, true).await, "suspended");
    assert_eq!((not_now.asked(), nodes[0].asked()), (1, 0));
    assert_eq!(scene.counts.read().failovers, 0);
    // A key any machine can give, and the first is still the first.
    assert_eq!(searched(&scene, false).await, "answered");
    assert_eq!((not_now.asked(), nodes[0].asked()), (2, 1));
    assert_eq!(scene.counts.read().failovers, 1);
}

#[tokio::test]
async fn what_a_machine_said_is_not_lost_where_the_next_says_less() {
    for (conduct, code) in [(Conduct::Suspended, "suspended"), (Conduct::Stale, "stale")] {
        for worse in [Conduct::Hangs, Conduct::HangsMidway, Conduct::WrongHash] {
            let (world, nodes) = linked(&[("saga", worse)]).await;
            let not_now = another(&world, "saga", conduct).await;
            let scene = Scene::start(world, Limits::default()).await;
            assert_eq!(found(&scene, SHORT).await, code, "{conduct:?}, {worse:?}");
            assert_eq!((not_now.asked(), nodes[0].asked()), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_second_endpoint_answers_for_one_that_hangs_and_is_the_first_to_be_asked_then() {
    let (scene, node) = known_as_quick(Conduct::Answers).await;
    let hangs = another(&scene.world, "saga", Conduct::Hangs).await;
    let started = Instant::now();
    assert_eq!(found(&scene, PATIENCE).await, "answered");
    assert!(started.elapsed() < PATIENCE / 4, "{:?}", started.elapsed());
    timeout(PATIENCE, hangs.abandoned())
        .await
        .expect("the attempt that lost is ended at its node");
    let calls_end = || scene.counts.read().calls_under_way == 0;
    until("no call is under way", calls_end).await;
    let counted = scene.counts.read();
    assert_eq!((counted.hedges, counted.failovers), (1, 0));
    assert_eq!((hangs.asked(), node.asked()), (1, CALM + 1));

    assert_eq!(found(&scene, PATIENCE).await, "answered");
    assert_eq!(node.asked(), CALM + 2);
    // Asked only where even the quick one was late this time, as it may be on a busy machine.
    assert_eq!(hangs.asked() as u64, scene.counts.read().hedges);
}

#[tokio::test]
async fn no_second_attempt_is_made_without_history_for_a_document_or_once_an_answer_has_begun() {
    // Nothing is known of the network.
    let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let hangs = another(&world, "saga", Conduct::Hangs).await;
    let scene = Scene::start(world, Limits::default()).await;
    assert_eq!(found(&scene, SHORT).await, "timed-out");
    assert_eq!((hangs.asked(), nodes[0].asked()), (1, 0));

    // Known to begin after a quarter of a second: an answer that begins at once begins before that.
    let (world, nodes) = linked(&[("saga", Conduct::AnswersSlowly)]).await;
    let scene = Scene::start(Arc::clone(&world), Limits::default()).await;
    let asks = (0..CALM).map(|_| found(&scene, PATIENCE));
    assert_eq!(join_all(asks).await, ["answered"; CALM]);
    let midway = another(&world, "saga", Conduct::HangsMidway).await;
    assert_eq!(found(&scene, SHORT).await, "timed-out");
    let hangs = another(&world, "saga", Conduct::Hangs).await;
    assert_eq!(retrieved(&scene, SHORT).await, "timed-out");
    let counted = scene.counts.read();
    assert_eq!((midway.asked(), hangs.asked()), (1, 1));
    assert_eq!((counted.hedges, nodes[0].asked()), (0, CALM));
    // For a list, with nothing begun, it would have been made.
    assert_eq!(found(&scene, SHORT).await, "timed-out");
    assert_eq!((scene.counts.read().hedges, midway.asked()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_attempts_that_fail_the_one_that_says_more_is_the_outcome() {
    let cases = [
        (Conduct::Stale, "stale"),
        (Conduct::Suspended, "suspended"),
        (Conduct::WrongHash, "malformed"),
        (Conduct::Hangs, "timed-out"),
        (Conduct::BreaksAtOnce, "timed-out"),
        (Conduct::PatientUnknown, "patient-unknown"),
    ];
    for (conduct, expected) in cases {
        let (scene, second) = known_as_quick(conduct).await;
        let hangs = another(&scene.world, "saga", Conduct::Hangs).await;
        assert_eq!(found(&scene, SHORT).await, expected, "{conduct:?}");
        assert_eq!((hangs.asked(), second.asked()), (1, 1), "{conduct:?}");
        assert_eq!(scene.counts.read().hedges, 1, "{conduct:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_faults_is_not_made_worse_than_promised() {
    const REQUESTS: usize = 200;
    let (world, mut nodes) = linked(&[("saga", Conduct::BreaksAtOnce)]).await;
    nodes.push(another(&world, "saga", Conduct::BreaksAtOnce).await);
    nodes.push(another(&world, "saga", Conduct::BreaksAtOnce).await);
    let scene = Scene::start(world, Limits::default()).await;
    let mut left = REQUESTS;
    while left > 0 {
        let beside = left.min(10);
        let asks = (0..beside).map(|_| found(&scene, PATIENCE));
        for code in join_all(asks).await {
            assert_eq!(code, "unreachable");
        }
        left -= beside;
    }
    let counted = scene.counts.read();
    assert_eq!(counted.asks, REQUESTS as u64);
    let promised = counted.asks * u64::from(1_000 + EXTRA_CALLS_PER_MILLE) / 1_000
        + u64::from(EXTRA_CALLS_BURST);
    assert!(counted.calls <= promised, "{counted:?} beyond {promised}");
    let met: usize = nodes.iter().map(FaultyNode::asked).sum();
    assert!(met as u64 <= counted.calls, "{met} met, {counted:?}");
    assert!(
        counted.calls + 2 > promised,
        "what may be tried is: {counted:?}"
    );
    assert_eq!(counted.breaker_openings, 0, "they were reached");
}

#[tokio::test]
async fn a_denied_network_is_not_contacted_at_any_endpoint() {
    let world = Arc::new(World::found(&["saga"]));
    world.link("saga");
    let one = another(&world, "saga", Conduct::Answers).await;
    let two = another(&world, "saga", Conduct::Answers).await;
    let scene = Scene::start(world, Limits::default()).await;
    assert_eq!(found(&scene, PATIENCE).await, "denied");
    assert_eq!((one.asked(), two.asked()), (0, 0));
    assert_eq!(scene.counts.read().asks, 0);
}
