//! Deadlines, overload, slow callers and callers that leave, nodes that move.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "shared; no file needs all of it")]
mod support;

use futures::StreamExt as _;
use sekisho_broker::limits::{DEADLINE_DEFAULT, SUMMARY_RESERVE};
use sekisho_broker::testing::{Conduct, FaultyNode, VIEWING};
use sekisho_broker::{Broker, EventStream, Limits};
use sekisho_domain::{NetworkOutcome, TimeMs};
use sekisho_proto::{ErrorCode, v1};
use sekisho_transport::deadline::{DEADLINE_HEADER, TIMEOUT_HEADER};
use sekisho_transport::{Deadline, Identity, TransportKey, outgoing};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::{Found, PATIENCE, Scene, id, linked, seal_to, until};
use tokio::time::{Instant, timeout};
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

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

#[tokio::test]
async fn nodes_get_what_is_left_of_the_callers_deadline() {
    let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let scene = Scene::start(world, Limits::default()).await;
    let reserve_ms = u64::try_from(SUMMARY_RESERVE.as_millis()).unwrap();
    let told = || {
        let metadata = nodes[0].metadata().pop().unwrap();
        metadata
            .get(DEADLINE_HEADER)
            .unwrap()
            .to_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };

    let deadline = Deadline::after(PATIENCE);
    let message = find_message(scene.world.find(&["saga"]));
    scene
        .find_as(VIEWING, outgoing(message, deadline))
        .await
        .unwrap();
    assert_eq!(
        told(),
        deadline.time().0 - reserve_ms,
        "the same instant at every hop"
    );

    let before = now_ms();
    let message = find_message(scene.world.find(&["saga"]));
    scene.find_as(VIEWING, Request::new(message)).await.unwrap();
    let default_ms = u64::try_from(DEADLINE_DEFAULT.as_millis()).unwrap();
    let expected = before + default_ms - reserve_ms..=now_ms() + default_ms - reserve_ms;
    assert!(
        expected.contains(&told()),
        "without a deadline the default counts"
    );

    let size = scene.world.size();
    let cases: [(&str, String, Code); 4] = [
        (DEADLINE_HEADER, "1".to_owned(), Code::DeadlineExceeded),
        (
            DEADLINE_HEADER,
            (now_ms() + reserve_ms / 2).to_string(),
            Code::DeadlineExceeded,
        ),
        (DEADLINE_HEADER, "soon".to_owned(), Code::InvalidArgument),
        (TIMEOUT_HEADER, "-1S".to_owned(), Code::InvalidArgument),
    ];
    for (header, value, code) in cases {
        let mut request = Request::new(find_message(scene.world.find(&["saga"])));
        let key: tonic::metadata::AsciiMetadataKey = header.parse().unwrap();
        request.metadata_mut().insert(key, value.parse().unwrap());
        let status = scene.find_as(VIEWING, request).await.unwrap_err();
        assert_eq!(status.code(), code, "{header}: {value}: {status:?}");
    }
    assert_eq!(scene.world.size(), size, "nothing was submitted");
}

#[tokio::test]
async fn a_slow_network_holds_up_nobody_and_is_let_go_when_the_caller_leaves() {
    let networks = [
        ("saga", Conduct::Answers),
        ("shimane", Conduct::HangsMidway),
    ];
    let (world, nodes) = linked(&networks).await;
    let scene = Scene::start(world, Limits::default()).await;
    let message = find_message(scene.world.find(&["saga", "shimane"]));
    let started = Instant::now();
    let stream = scene
        .client(VIEWING)
        .find_documents(patient(message))
        .await
        .unwrap();
    let mut stream = stream.into_inner();
    loop {
        let event = stream.message().await.unwrap().unwrap().event.unwrap();
        if let v1::find_documents_event::Event::End(end) = event {
            assert_eq!(end.network, "saga");
            break;
        }
    }
    drop(stream);
    timeout(PATIENCE, nodes[1].abandoned())
        .await
        .expect("the node is told");
    assert!(started.elapsed() < PATIENCE / 2, "long before the deadline");

    let message = v1::RetrieveDocumentRequest {
        request: Some(scene.world.retrieve("shimane")),
        unique_id: "1.2.3".to_owned(),
        salt: vec![7; 32],
        seal_to: seal_to(),
    };
    let stream = scene
        .client(VIEWING)
        .retrieve_document(patient(message))
        .await
        .unwrap();
    let mut stream = stream.into_inner();
    for _decided_then_header in 0..2 {
        stream.message().await.unwrap().unwrap();
    }
    drop(stream);
    timeout(PATIENCE, nodes[1].abandoned())
        .await
        .expect("the node is told");
}

#[tokio::test]
async fn requests_beyond_the_bound_are_refused_at_once_and_the_place_comes_free_again() {
    let networks = [("saga", Conduct::Answers), ("shimane", Conduct::Hangs)];
    let (world, nodes) = linked(&networks).await;
    let limits = Limits {
        requests_max: 1,
        ..Limits::default()
    };
    let scene = Scene::start(world, limits).await;
    let message = find_message(scene.world.find(&["shimane"]));
    let waiting = scene
        .client(VIEWING)
        .find_documents(patient(message))
        .await
        .unwrap();
    let size = scene.world.size();
    let status = scene.find(&["saga"], PATIENCE).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert_eq!(scene.world.size(), size, "nothing was submitted");
    drop(waiting);
    let freed = async {
        loop {
            match scene.find(&["saga"], PATIENCE).await {
                Ok(found) => break found,
                Err(status) => assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}"),
            }
        }
    };
    let found = timeout(PATIENCE, freed)
        .await
        .expect("its place comes free");
    assert_eq!((found.code("saga"), nodes[0].asked()), ("answered", 1));
}

#[tokio::test]
async fn a_node_that_moves_is_found_at_its_new_address_and_no_longer_at_the_old() {
    let (world, nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let scene = Scene::start(Arc::clone(&world), Limits::default()).await;
    assert_eq!(
        scene.find(&["saga"], PATIENCE).await.unwrap().code("saga"),
        "answered"
    );

    let identity = Identity::new(TransportKey::generate().unwrap()).unwrap();
    let moved = FaultyNode::start_as(&world, "saga", Conduct::Answers, &identity).await;
    world.place_key("saga", identity.public(), &moved.address.to_string());
    assert_eq!(
        scene.find(&["saga"], PATIENCE).await.unwrap().code("saga"),
        "answered"
    );
    assert_eq!((nodes[0].asked(), moved.asked()), (1, 1));

    // The new key is revoked: back to the old one, which is still valid; then none is left.
    world.revoke("saga", &identity.public());
    assert_eq!(
        scene.find(&["saga"], PATIENCE).await.unwrap().code("saga"),
        "answered"
    );
    assert_eq!((nodes[0].asked(), moved.asked()), (2, 1));
    world.revoke("saga", &world.identity("saga").public());
    assert_eq!(
        scene.find(&["saga"], PATIENCE).await.unwrap().code("saga"),
        "unreachable"
    );
    assert_eq!((nodes[0].asked(), moved.asked()), (2, 1));
}

#[tokio::test]
async fn a_broken_connection_is_made_again_for_the_next_request() {
    let (world, nodes) = linked(&[("saga", Conduct::Breaks)]).await;
    let scene = Scene::start(world, Limits::default()).await;
    for asked in 1..=3 {
        assert_eq!(
            scene.find(&["saga"], PATIENCE).await.unwrap().code("saga"),
            "unreachable"
        );
        assert_eq!(nodes[0].asked(), asked, "it was reached, and broke off");
    }
}

#[tokio::test]
async fn more_than_the_caller_or_the_broker_takes_is_no_answer() {
    let (world, _nodes) = linked(&[("saga", Conduct::Answers)]).await;
    let few = |documents_max| Limits {
        documents_max,
        ..Limits::default()
    };
    // The node has three documents and does not look at the bound it is told.
    for (limits, max, code) in [
        (few(3), 0, "answered"),
        (few(2), 0, "malformed"),
        (few(2), 3, "malformed"),
        (few(3), 2, "malformed"),
        (few(9), 3, "answered"),
    ] {
        let scene = Scene::start(Arc::clone(&world), limits).await;
        let message = v1::FindDocumentsRequest {
            request: Some(world.find(&["saga"])),
            filter: Some(v1::Filter {
                max,
                ..Default::default()
            }),
        };
        let found: Found = scene.find_as(VIEWING, patient(message)).await.unwrap();
        assert_eq!(found.code("saga"), code, "{limits:?}, {max}");
    }
}

#[tokio::test]
async fn a_caller_that_reads_slowly_makes_no_network_look_late() {
    let (world, _nodes) = linked(&[("saga", Conduct::Trickles)]).await;
    let identity = world.identity(VIEWING).clone();
    let directory = Arc::clone(&world) as _;
    let broker = Broker::new(Arc::clone(&world), identity, directory, Limits::default());
    let message = v1::RetrieveDocumentRequest {
        request: Some(world.retrieve("saga")),
        unique_id: "1.2.3".to_owned(),
        salt: vec![7; 32],
        seal_to: seal_to(),
    };
    // Long enough that what is made ahead is full before: it trickles.
    let deadline = Deadline::at(TimeMs(now_ms() + 3_000));
    let stream = broker
        .retrieve_document(&id(VIEWING), message, deadline)
        .await
        .unwrap();
    deadline
        .bound(std::future::pending::<()>())
        .await
        .expect_err("the deadline passes");
    let mut read: Vec<_> = timeout(PATIENCE, stream.collect()).await.unwrap();
    let last = read.pop().unwrap().unwrap_err();
    assert_eq!(last.code(), Code::DeadlineExceeded);
    assert!(last.message().contains("not being read"), "{last:?}");
    assert!(!read.is_empty() && read.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_network_whose_answers_are_not_read_fills_its_own_account_and_nobody_elses() {
    let networks = [
        ("saga", Conduct::Answers),
        ("shimane", Conduct::AnswersAtLength),
    ];
    let (world, _nodes) = linked(&networks).await;
    // One answer of twelve entries of some 170 bytes fits, two do not.
    let limits = Limits {
        held_bytes_max: 3_500,
        ..Limits::default()
    };
    let identity = world.identity(VIEWING).clone();
    let directory = Arc::clone(&world) as _;
    let broker = Broker::new(Arc::clone(&world), identity, directory, limits);
    let viewing = id(VIEWING);
    let ask = |networks: &[&str], deadline| {
        broker.find_documents(&viewing, find_message(world.find(networks)), deadline)
    };
    let mut unread = ask(&["shimane"], Deadline::after(PATIENCE)).await.unwrap();
    // Its first page is there, so all of its answer is held.
    for _decided_then_page in 0..2 {
        unread.next().await.unwrap().unwrap();
    }
    let both = ["saga", "shimane"];
    let short = Deadline::after(Duration::from_millis(700));
    let ends = ends(ask(&both, short).await.unwrap()).await;
    assert_eq!(ends, ["saga answered", "shimane timed-out"]);
    drop(unread);
    let patient = Deadline::after(PATIENCE);
    let ends = self::ends(ask(&both, patient).await.unwrap()).await;
    assert_eq!(ends, ["saga answered", "shimane answered"]);
}

#[tokio::test]
async fn an_answer_nobody_reads_keeps_its_place_after_its_time() {
    let (world, _nodes) = linked(&[("saga", Conduct::AnswersAtLength)]).await;
    let limits = Limits {
        requests_max: 1,
        ..Limits::default()
    };
    let identity = world.identity(VIEWING).clone();
    let directory = Arc::clone(&world) as _;
    let broker = Broker::new(Arc::clone(&world), identity, directory, limits);
    let viewing = id(VIEWING);
    let ask = |deadline| {
        let message = find_message(world.find(&["saga"]));
        broker.find_documents(&viewing, message, deadline)
    };
    let soon = Deadline::after(Duration::from_millis(700));
    let unread = ask(soon).await.unwrap();
    until("its work ends", || {
        broker.counts().read().requests_under_way == 0
    })
    .await;
    let refused = ask(Deadline::after(PATIENCE)).await.err().unwrap();
    assert_eq!(refused.code(), ErrorCode::Overloaded);
    drop(unread);
    let ends = ends(ask(Deadline::after(PATIENCE)).await.unwrap()).await;
    assert_eq!(ends, ["saga answered"]);
    // Read to its end.
    assert!(ask(Deadline::after(PATIENCE)).await.is_ok());
}

/// The networks and the codes they ended in, in the networks' order.
async fn ends(stream: EventStream<v1::FindDocumentsEvent>) -> Vec<String> {
    let events: Vec<_> = stream.collect().await;
    let mut ends: Vec<_> = events
        .into_iter()
        .filter_map(|event| match event.unwrap().event {
            Some(v1::find_documents_event::Event::End(end)) => {
                let outcome = NetworkOutcome::try_from(end.outcome.unwrap()).unwrap();
                Some(format!("{} {}", end.network, outcome.code()))
            }
            _ => None,
        })
        .collect();
    ends.sort();
    ends
}
