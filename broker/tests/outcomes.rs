//! Every way a network can fail, each to its own outcome and no other, and to nobody else's harm (P8).
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
use sekisho_broker::limits::SUMMARY_RESERVE;
use sekisho_broker::testing::{Conduct, FaultyNode, World, entry, sealed};
use sekisho_domain::{DenyReason, NetworkOutcome};
use sekisho_transport::{Identity, TransportKey};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use support::{PATIENCE, Scene, id};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Code;

/// The deadline where a network uses all of it.
const SHORT: Duration = Duration::from_millis(1_500);
/// How much later than its deadline a summary may be seen here: two busy cores, a dozen servers.
const MARGIN: Duration = Duration::from_millis(400);

/// What is to be found where the ledger says the network's node answers.
#[derive(Clone, Copy, Debug)]
enum Place {
    Node(Conduct),
    /// No address on the ledger.
    Nowhere,
    /// An address where nobody listens.
    Nobody,
    /// A node with the certificate of another network.
    OtherNetwork,
    /// A node with a certificate the ledger does not know.
    Stranger,
    /// Something that speaks no TLS.
    NotTls,
    /// Something that takes connections and says nothing.
    Mute,
    /// A good node behind a line that brings one byte a second.
    ByteASecond,
}

/// What keeps a place as it is for as long as a test needs it.
enum Kept {
    Node(#[expect(dead_code, reason = "kept running")] FaultyNode),
    Task(tokio::task::JoinHandle<()>),
    Behind(
        tokio::task::JoinHandle<()>,
        #[expect(dead_code, reason = "kept running")] FaultyNode,
    ),
    Nothing,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Self::Task(task) | Self::Behind(task, _) = self {
            task.abort();
        }
    }
}

async fn settle(world: &Arc<World>, network: &str, place: Place) -> Kept {
    let node = |identity: Identity| async move {
        let conduct = Conduct::Answers;
        FaultyNode::start_as(world, network, conduct, &identity).await
    };
    let (address, kept) = match place {
        Place::Nowhere => return Kept::Nothing,
        Place::Node(conduct) => {
            let node = FaultyNode::start(world, network, conduct).await;
            (node.address, Kept::Node(node))
        }
        Place::OtherNetwork => {
            let node = node(world.identity("saga").clone()).await;
            (node.address, Kept::Node(node))
        }
        Place::Stranger => {
            let node = node(Identity::new(TransportKey::generate().unwrap()).unwrap()).await;
            (node.address, Kept::Node(node))
        }
        Place::Nobody => {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            (listener.local_addr().unwrap(), Kept::Nothing)
        }
        Place::ByteASecond => {
            let node = FaultyNode::start(world, network, Conduct::Answers).await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let task = tokio::spawn(slow_line(listener, node.address));
            (address, Kept::Behind(task, node))
        }
        Place::NotTls | Place::Mute => {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let task = tokio::spawn(async move {
                let mut connections = Vec::new();
                while let Ok((mut tcp, _)) = listener.accept().await {
                    if let Place::NotTls = place {
                        let _ = tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
                    }
                    connections.push(tcp);
                }
            });
            (address, Kept::Task(task))
        }
    };
    world.place(network, &address.to_string());
    kept
}

/// Takes everything there, and brings one byte a second back.
async fn slow_line(listener: TcpListener, to: SocketAddr) {
    let mut lines = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        lines.spawn(async move {
            let far = TcpStream::connect(to).await?;
            let ((mut from_near, mut to_near), (mut from_far, mut to_far)) =
                (near.into_split(), far.into_split());
            let back = async {
                let mut byte = [0];
                loop {
                    from_far.read_exact(&mut byte).await?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    to_near.write_all(&byte).await?;
                }
                #[allow(unreachable_code, reason = "the type of the error")]
                Ok::<(), io::Error>(())
            };
            tokio::select! {
                there = tokio::io::copy(&mut from_near, &mut to_far) => there.map(|_| ()),
                back = back => back,
            }
        });
    }
}

/// Place, outcome of `FindDocuments` there, outcome of `RetrieveDocument` there.
fn cases() -> Vec<(Place, &'static str, &'static str)> {
    use Conduct::*;
    let both = |place, code| (place, code, code);
    let node = |conduct, code| both(Place::Node(conduct), code);
    vec![
        node(Answers, "answered"),
        node(PatientUnknown, "patient-unknown"),
        node(Stale, "stale"),
        node(Suspended, "suspended"),
        node(Hangs, "timed-out"),
        node(HangsMidway, "timed-out"),
        node(NeverEnds, "timed-out"),
        node(Trickles, "timed-out"),
        node(AnswersLate, "timed-out"),
        both(Place::Mute, "timed-out"),
        both(Place::ByteASecond, "timed-out"),
        node(Refuses(Code::DeadlineExceeded), "timed-out"),
        node(Breaks, "unreachable"),
        both(Place::Nowhere, "unreachable"),
        both(Place::Nobody, "unreachable"),
        both(Place::OtherNetwork, "unreachable"),
        both(Place::Stranger, "unreachable"),
        both(Place::NotTls, "unreachable"),
        node(Refuses(Code::Unauthenticated), "unreachable"),
        node(Refuses(Code::PermissionDenied), "malformed"),
        node(Refuses(Code::FailedPrecondition), "malformed"),
        node(Refuses(Code::Unavailable), "malformed"),
        node(FailsMidway(Code::Internal), "malformed"),
        node(Floods, "malformed"),
        node(Garbles, "malformed"),
        node(SendsNothing, "malformed"),
        node(NoStatement, "malformed"),
        node(AfterStatement, "malformed"),
        node(WrongHash, "malformed"),
        node(WrongCount, "malformed"),
        node(UnknownAfterDocuments, "malformed"),
        node(OtherSigner, "malformed"),
        node(OtherNetwork, "malformed"),
        node(OtherRequest, "malformed"),
        node(OtherIndex, "malformed"),
        node(OtherLedger, "malformed"),
        node(Altered, "malformed"),
        node(SignsStale, "malformed"),
        node(BadCategory, "malformed"),
        node(BadFacility, "malformed"),
        node(TooMuch, "malformed"),
    ]
}

/// Whether the deadline is what ends it.
fn uses_all_time(place: Place) -> bool {
    use Conduct::{AnswersLate, Hangs, HangsMidway, NeverEnds, Trickles};
    matches!(
        place,
        Place::Mute
            | Place::ByteASecond
            | Place::Node(Hangs | HangsMidway | NeverEnds | Trickles | AnswersLate)
    )
}

async fn scene(place: Place) -> (Scene, Vec<FaultyNode>, Kept) {
    let world = Arc::new(World::found(&["saga", "shimane", "tottori", "yame"]));
    for network in ["saga", "shimane", "yame"] {
        world.agree(network);
    }
    for network in ["saga", "shimane", "tottori"] {
        world.link(network);
    }
    let mut nodes = Vec::new();
    for network in ["saga", "tottori", "yame"] {
        let node = FaultyNode::start(&world, network, Conduct::Answers).await;
        world.place(network, &node.address.to_string());
        nodes.push(node);
    }
    let kept = settle(&world, "shimane", place).await;
    (Scene::start(world, Limits::default()).await, nodes, kept)
}

fn check_time(place: Place, started: Instant, outcome: &NetworkOutcome) {
    let elapsed = started.elapsed();
    if uses_all_time(place) {
        assert!(elapsed <= SHORT + MARGIN, "{place:?}: {elapsed:?}");
        assert!(
            elapsed + MARGIN >= SHORT,
            "{place:?} ended early: {elapsed:?}"
        );
        let NetworkOutcome::TimedOut { waited_ms } = outcome else {
            panic!("{place:?}: {outcome:?}");
        };
        let waited = Duration::from_millis(*waited_ms);
        assert!(
            waited <= SHORT && waited + SUMMARY_RESERVE + MARGIN >= SHORT,
            "{place:?}: {waited:?}"
        );
    }
}

async fn find_case(place: Place, expected: &'static str) {
    let (scene, nodes, _kept) = scene(place).await;
    let within = if uses_all_time(place) {
        SHORT
    } else {
        PATIENCE
    };
    let started = Instant::now();
    let asked = ["saga", "shimane", "tottori", "yame"];
    let found = scene
        .find(&asked, within)
        .await
        .unwrap_or_else(|e| panic!("{place:?}: {e:?}"));
    assert_eq!(found.code("shimane"), expected, "{place:?}");
    check_time(place, started, &found.ends["shimane"]);

    // Nobody else notices.
    assert_eq!(
        found.ends["saga"],
        NetworkOutcome::Answered { count: 3 },
        "{place:?}"
    );
    let shown: Vec<_> = found.documents["saga"]
        .iter()
        .map(|d| d.unique_id.as_str())
        .collect();
    assert_eq!(shown, ["saga-1", "saga-2", "saga-3"], "{place:?}");
    let reason = DenyReason::NoAgreement;
    assert_eq!(
        found.ends["tottori"],
        NetworkOutcome::Denied { reason },
        "{place:?}"
    );
    assert_eq!(
        found.ends["yame"],
        NetworkOutcome::PatientUnknown,
        "{place:?}"
    );
    let contacted: Vec<_> = nodes.iter().map(FaultyNode::asked).collect();
    assert_eq!(
        contacted,
        [1, 0, 0],
        "{place:?}: the denied are not contacted"
    );
    if expected == "timed-out" && uses_all_time(place) {
        let last = found.order.last().map(String::as_str);
        assert_eq!(last, Some("shimane"), "{place:?}: it held nobody up");
    }
}

async fn retrieve_case(place: Place, expected: &'static str) {
    let (scene, _nodes, _kept) = scene(place).await;
    let within = if uses_all_time(place) {
        SHORT
    } else {
        PATIENCE
    };
    let started = Instant::now();
    let got = scene.retrieve("shimane", "1.2.3", within).await;
    let got = got.unwrap_or_else(|e| panic!("{place:?}: {e:?}"));
    let outcome = got.outcome();
    assert_eq!(outcome.code(), expected, "{place:?}");
    check_time(place, started, &outcome);
    assert_eq!(got.end.network, "shimane");
    let signed = matches!(expected, "answered" | "patient-unknown");
    assert_eq!(got.end.statement.is_some(), signed, "{place:?}");
    if expected == "answered" {
        assert_eq!(got.header, Some(entry("1.2.3")));
        assert_eq!(got.content, sealed("1.2.3"));
    }
}

/// How many cases run beside each other: their servers share the machine.
const BESIDE: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_a_network_ends_a_search_there_in_its_own_outcome() {
    for some in cases().chunks(BESIDE) {
        join_all(
            some.iter()
                .map(|(place, expected, _)| find_case(*place, expected)),
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_a_network_ends_a_retrieval_in_its_own_outcome() {
    for some in cases().chunks(BESIDE) {
        join_all(
            some.iter()
                .map(|(place, _, expected)| retrieve_case(*place, expected)),
        )
        .await;
    }
}

#[tokio::test]
async fn a_denied_or_unlinked_document_ends_at_once_and_contacts_nobody() {
    let (scene, nodes, _kept) = scene(Place::Nowhere).await;
    let cases = [
        (
            "tottori",
            NetworkOutcome::Denied {
                reason: DenyReason::NoAgreement,
            },
        ),
        ("yame", NetworkOutcome::PatientUnknown),
    ];
    for (network, expected) in cases {
        let got = scene.retrieve(network, "1.2.3", PATIENCE).await.unwrap();
        assert_eq!(got.outcome(), expected);
        assert_eq!((got.header, got.content.len()), (None, 0));
    }
    assert!(nodes.iter().all(|node| node.asked() == 0));
}

#[tokio::test]
async fn all_outcomes_at_once_add_up() {
    let conducts = [
        ("n-answered", Conduct::Answers),
        ("n-malformed", Conduct::WrongHash),
        ("n-patient-unknown", Conduct::PatientUnknown),
        ("n-stale", Conduct::Stale),
        ("n-suspended", Conduct::Suspended),
        ("n-timed-out", Conduct::Hangs),
        ("n-unreachable", Conduct::Breaks),
    ];
    let mut names: Vec<&str> = conducts.iter().map(|(name, _)| *name).collect();
    names.insert(1, "n-denied");
    let world = Arc::new(World::found(&names));
    let mut nodes = Vec::new();
    for (name, conduct) in conducts {
        world.agree(name);
        world.link(name);
        let node = FaultyNode::start(&world, name, conduct).await;
        world.place(name, &node.address.to_string());
        nodes.push(node);
    }
    let scene = Scene::start(world, Limits::default()).await;
    let found = scene.find(&names, SHORT).await.unwrap();
    assert_eq!(found.decided.decisions.len(), 8);
    for name in names {
        assert_eq!(format!("n-{}", found.code(name)), name);
    }
    assert_eq!(
        id("n-denied").as_str(),
        found.order[0],
        "what ends at once is told at once"
    );
}
