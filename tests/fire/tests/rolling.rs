//! A rolling restart under load: health tells it beforehand, what is under way ends, what is refused was not taken.
//!
//! Three processes: two brokers side by side, and the node that answers. Real queries over mutual TLS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did"
)]

use sekisho::commands::serve::NOT_TAKEN;
use sekisho_domain::{KeyPurpose, PublicKey};
use sekisho_fire::{Caller, Dice, Group, Place, Town, alone, loopback_places, program, until};
use sekisho_proto::v1;
use sekisho_proto::v1::broker_service_client::BrokerServiceClient;
use sekisho_transport::{
    ClientLimits, ConnectFailure, Deadline, Expected, Peer, PeerDirectory, channel, key_id,
    outgoing,
};
use std::error::Error;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ListServiceResponse, ServerReflectionRequest};
use v1::find_documents_event::Event;

/// Both of the first network: a node answers nobody's broker but the asking network's own.
const BROKERS: [usize; 2] = [0, 2];
const NETWORKS: usize = 2;
/// The node of the network that is asked. It stays, so that each query must bring its answer.
const NODE: usize = 1;
const PERSON: u64 = 1;
/// Each broker twice.
const RESTARTS: usize = 4;
const CLIENTS: usize = 6;
/// Queries answered between two restarts.
const ANSWERS_BETWEEN: u64 = 25;
/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a query may take: an election included.
const QUERY: Duration = Duration::from_secs(20);

struct Nobody;

impl PeerDirectory for Nobody {
    fn peer(&self, _key: &PublicKey) -> Option<Peer> {
        None
    }
}

/// A connection of the first network to a process, known by its key.
fn connection(town: &Town, replica: usize) -> Channel {
    let founded = &town.genesis.replicas[replica];
    channel(
        &founded.endpoint,
        Expected::Key(key_id(&founded.transport_key)),
        &town.members[0].identity(),
        Arc::new(Nobody),
        ClientLimits::default(),
    )
    .expect("a channel")
}

fn metrics_address(place: &Place) -> String {
    place.address.replace(":7443", ":9464")
}

/// The processes' folders, with what each runs beside its replica.
fn found(dir: &std::path::Path) -> Group {
    let group = Group::found_by(
        &program(env!("CARGO_BIN_EXE_sekisho-under-fire")),
        loopback_places(dir, 3),
        NETWORKS,
        "expected_rtt_ms = 1",
        &dir.join("logs"),
    );
    for (replica, place) in group.places.iter().enumerate() {
        let role = if replica == NODE {
            let member = &group.town.members[replica];
            let mut options = OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600);
            file.open(place.dir.join("keys/node.key"))
                .and_then(|mut file| file.write_all(member.secret(KeyPurpose::Node).as_ref()))
                .expect("a key file");
            format!(
                "[node]\nbroker = \"{}\"\n",
                group.places[BROKERS[0]].address
            )
        } else {
            "[broker]\n".to_owned()
        };
        let listen = metrics_address(place);
        let more = format!("{role}[metrics]\nlisten = \"{listen}\"\n");
        let mut options = OpenOptions::new();
        let config = options.append(true).open(place.dir.join("sekisho.toml"));
        config
            .and_then(|mut file| file.write_all(more.as_bytes()))
            .expect("a configuration");
    }
    group
}

/// Why there is no answer.
#[derive(Debug)]
enum Refused {
    /// The process said so.
    NotTaken,
    /// There was no connection.
    NotConnected,
}

/// Only what certainly did nothing is a refusal; anything else is a request lost.
fn refused(status: &Status) -> Refused {
    if status.metadata().contains_key(NOT_TAKEN) {
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        return Refused::NotTaken;
    }
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<ConnectFailure>() {
            return Refused::NotConnected;
        }
        // The server closed the connection before it saw this request (RFC 9113 §6.8), or it was never sent.
        let unprocessed = error.downcast_ref::<h2::Error>().is_some_and(|e| {
            e.is_go_away() && e.is_remote() && e.reason() == Some(h2::Reason::NO_ERROR)
                || e.reason() == Some(h2::Reason::REFUSED_STREAM)
        });
        let unsent = error
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_canceled);
        if unprocessed || unsent {
            return Refused::NotConnected;
        }
        source = error.source();
    }
    panic!("a request is lost: {status:?}");
}

/// A query's answer as it begins: the stream after its decision.
async fn asked(
    broker: &Channel,
    request: &v1::Envelope,
) -> Result<Streaming<v1::FindDocumentsEvent>, Refused> {
    let message = v1::FindDocumentsRequest {
        request: Some(request.clone()),
        filter: None,
    };
    let mut client = BrokerServiceClient::new(broker.clone());
    let answer = client.find_documents(outgoing(message, Deadline::after(QUERY)));
    let mut stream = answer.await.map_err(|s| refused(&s))?.into_inner();
    let first = stream.message().await.expect("a decision").expect("one");
    let Some(Event::Decided(decided)) = first.event else {
        panic!("begins with {first:?}");
    };
    assert_eq!(decided.decisions.len(), 1);
    Ok(stream)
}

/// The rest of it: to its summary, with the node's own answer.
async fn answered(mut stream: Streaming<v1::FindDocumentsEvent>) {
    let mut summary = None;
    while let Some(event) = stream.message().await.expect("an answer to its end") {
        assert!(summary.is_none(), "something after the summary");
        if let Some(Event::Summary(last)) = event.event {
            summary = Some(last);
        }
    }
    let summary = summary.expect("a summary");
    let outcomes: Vec<_> = summary
        .outcomes
        .iter()
        .map(|o| o.outcome.as_str())
        .collect();
    assert_eq!((summary.asked, outcomes), (1, vec!["patient-unknown"]));
}

/// What clients met.
#[derive(Debug, Default)]
struct Count {
    answers: AtomicU64,
    not_taken: AtomicU64,
    not_connected: AtomicU64,
}

/// Asks all the time, beginning at either broker; refused by one, the other must answer.
async fn client(town: Arc<Town>, count: Arc<Count>, stop: Arc<AtomicBool>, mut dice: Dice) {
    let brokers = BROKERS.map(|broker| connection(&town, broker));
    while !stop.load(Ordering::Relaxed) {
        let (_, request) = town.request(PERSON);
        let first = dice.below(2) as usize;
        let stream = match asked(&brokers[first], &request).await {
            Ok(stream) => stream,
            Err(why) => {
                match why {
                    Refused::NotTaken => &count.not_taken,
                    Refused::NotConnected => &count.not_connected,
                }
                .fetch_add(1, Ordering::Relaxed);
                let other = asked(&brokers[1 - first], &request).await;
                other.unwrap_or_else(|e| panic!("both brokers refused: {why:?}, then {e:?}"))
            }
        };
        answered(stream).await;
        count.answers.fetch_add(1, Ordering::Relaxed);
    }
}

async fn health(connection: &Channel, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    let reply = HealthClient::new(connection.clone()).check(request).await;
    reply
        .map(|reply| reply.into_inner().status())
        .map_err(|status| status.code())
}

/// Waits until a process is SERVING.
async fn serving(town: &Town, replica: usize) {
    until("health is SERVING", PATIENCE, || async {
        // A new connection each time: the process may have been another one.
        let status = health(&connection(town, replica), "").await;
        (status == Ok(ServingStatus::Serving)).then_some(())
    })
    .await;
}

/// Whoever watches is told before the process goes.
async fn told_not_serving(mut watch: Streaming<HealthCheckResponse>) {
    loop {
        let next = watch.message().await;
        let status = next
            .expect("told before the connection ends")
            .expect("told");
        if status.status() == ServingStatus::NotServing {
            return;
        }
    }
}

async fn watched(connection: &Channel) -> Streaming<HealthCheckResponse> {
    let mut client = HealthClient::new(connection.clone());
    let mut watch = client
        .watch(HealthCheckRequest::default())
        .await
        .expect("health can be watched")
        .into_inner();
    let first = watch.message().await.expect("a status").expect("one");
    assert_eq!(first.status(), ServingStatus::Serving);
    watch
}

/// SIGTERM, and the process ends by itself and well, having told that it will.
async fn stopped(group: &mut Group, replica: usize) {
    let watch = watched(&connection(&group.town, replica)).await;
    group.process(replica).terminate();
    told_not_serving(watch).await;
    ended_well(group, replica).await;
}

async fn ended_well(group: &mut Group, replica: usize) {
    let status = until("the process ends", PATIENCE, || {
        let ended = group.process(replica).ended();
        async move { ended }
    })
    .await;
    assert!(
        status.success(),
        "{status}\n{}",
        group.process(replica).said()
    );
}

fn scraped(address: &str) -> String {
    let mut connection = TcpStream::connect(address).expect("metrics are served");
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("a text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    body.to_owned()
}

fn value(page: &str, series: &str) -> f64 {
    let rows = page.lines().filter(|line| !line.starts_with('#'));
    let mut found = rows.filter_map(|line| line.rsplit_once(' ').filter(|(s, _)| *s == series));
    let (_, value) = found
        .next()
        .unwrap_or_else(|| panic!("no {series} in:\n{page}"));
    value.parse().expect("a number")
}

/// The handbook has every metric of a running process, and no label names a network that is none.
fn explained(page: &str, town: &Town) {
    let handbook = include_str!("../../../docs/operate/metrics.md");
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    for (name, kind) in types.filter_map(|line| line.split_once(' ')) {
        assert!(
            handbook.contains(&format!("| `{name}` | {kind} |")),
            "{name} {kind}"
        );
    }
    let members: Vec<_> = town.members.iter().map(|m| m.id.as_str()).collect();
    for label in ["asked", "asking", "to", "from", "network"] {
        for rest in page.split(&format!("{label}=\"")).skip(1) {
            let (network, _) = rest.split_once('"').expect("a label ends");
            assert!(members.contains(&network), "{label}={network}");
        }
    }
}

/// Prometheus' own reader finds no fault in a running process's page.
fn promtool_finds_nothing(page: &str) {
    let tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut tool = match tool {
        Ok(tool) => tool,
        Err(error) => {
            let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!ci, "promtool cannot be left out here: {error}");
            println!("promtool left out: {error}");
            return;
        }
    };
    let mut input = tool.stdin.take().expect("a pipe");
    input.write_all(page.as_bytes()).expect("it reads");
    drop(input);
    let ended = tool.wait_with_output().expect("it ends");
    let said = [ended.stdout, ended.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(ended.status.success() && said.is_empty(), "{said}");
}

async fn services(connection: &Channel) -> Vec<String> {
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(connection.clone());
    let answer = client
        .server_reflection_info(tokio_stream::once(list))
        .await;
    let mut answers = answer.expect("reflection answers").into_inner();
    let reply = answers.message().await.expect("an answer").expect("one");
    let Some(MessageResponse::ListServicesResponse(ListServiceResponse { service })) =
        reply.message_response
    else {
        panic!("no list: {reply:?}");
    };
    service.into_iter().map(|service| service.name).collect()
}

/// A started group in which the first network may ask the second about [`PERSON`].
async fn permitted(dir: &std::path::Path, dice: &mut Dice) -> Group {
    let mut group = found(dir);
    let caller = Caller::new(&group.town);
    group.start_all();
    group.ready(&caller, &[0, 1, 2]).await;
    group.found_town(&caller, dice).await;
    let town = Arc::clone(&group.town);
    for (_, act) in town.links(PERSON).into_iter().chain([town.consent(PERSON)]) {
        until("an act is on the ledger", PATIENCE, || {
            let (caller, act) = (&caller, &act);
            async move {
                let answer = caller.submit(BROKERS[0], act, QUERY).await;
                matches!(answer, sekisho_fire::Answer::Done(_)).then_some(())
            }
        })
        .await;
    }
    for replica in 0..3 {
        serving(&town, replica).await;
    }
    group
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_ends_and_what_comes_is_not_taken() {
    let _alone = alone().await;
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::of_environment("drain");
    let mut group = permitted(dir.path(), &mut dice).await;
    let town = Arc::clone(&group.town);
    let broker = connection(&town, BROKERS[0]);

    for (service, expected) in [
        ("sekisho.v1.BrokerService", Ok(ServingStatus::Serving)),
        ("sekisho.v1.LedgerService", Ok(ServingStatus::Serving)),
        ("sekisho.v1.NodeService", Err(Code::NotFound)),
    ] {
        assert_eq!(health(&broker, service).await, expected, "{service}");
    }
    let node = connection(&town, NODE);
    let node_service = health(&node, "sekisho.v1.NodeService").await;
    assert_eq!(node_service, Ok(ServingStatus::Serving));
    let listed = services(&broker).await;
    for service in ["sekisho.v1.BrokerService", "grpc.health.v1.Health"] {
        assert!(listed.iter().any(|name| name == service), "{listed:?}");
    }

    // The node is frozen in the middle of a query, whose broker is told to stop.
    answered(asked(&broker, &town.request(PERSON).1).await.unwrap()).await;
    group.process(NODE).freeze();
    let under_way = asked(&broker, &town.request(PERSON).1).await.unwrap();
    let page = scraped(&metrics_address(&group.places[BROKERS[0]]));
    assert_eq!(
        value(&page, "sekisho_grpc_calls_under_way{service=\"broker\"}"),
        1.0
    );
    assert_eq!(value(&page, "sekisho_serving"), 1.0);
    let watch = watched(&broker).await;
    group.process(BROKERS[0]).terminate();
    told_not_serving(watch).await;
    let (_, request) = town.request(PERSON);
    until("the broker takes nothing more", PATIENCE, || async {
        match asked(&broker, &request).await {
            Err(Refused::NotTaken) => Some(()),
            Err(Refused::NotConnected) => panic!("it did not wait"),
            // Told between the signal and the closing of the door; the same entry again is the same question.
            Ok(_) => None,
        }
    })
    .await;
    let page = scraped(&metrics_address(&group.places[BROKERS[0]]));
    assert_eq!(value(&page, "sekisho_serving"), 0.0);
    assert!(
        value(
            &page,
            "sekisho_grpc_calls_not_taken_total{service=\"broker\"}"
        ) >= 1.0
    );
    assert_eq!(group.process(BROKERS[0]).ended(), None, "it waits");
    group.process(NODE).thaw();
    answered(under_way).await;
    ended_well(&mut group, BROKERS[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_under_load_loses_no_request() {
    let _alone = alone().await;
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::of_environment("rolling");
    let mut group = permitted(dir.path(), &mut dice).await;
    let town = Arc::clone(&group.town);
    let (count, stop) = (Arc::new(Count::default()), Arc::new(AtomicBool::new(false)));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (town, count, stop) = (Arc::clone(&town), Arc::clone(&count), Arc::clone(&stop));
        clients.spawn(client(town, count, stop, dice.split()));
    }
    let more_answers = async |clients: &mut JoinSet<()>| {
        let enough = count.answers.load(Ordering::Relaxed) + ANSWERS_BETWEEN;
        until("queries are answered", PATIENCE, || {
            if let Some(ended) = clients.try_join_next() {
                ended.expect("a client goes on");
            }
            let done = count.answers.load(Ordering::Relaxed) >= enough;
            async move { done.then_some(()) }
        })
        .await;
    };
    more_answers(&mut clients).await;
    for restart in 0..RESTARTS {
        let broker = BROKERS[restart % BROKERS.len()];
        stopped(&mut group, broker).await;
        more_answers(&mut clients).await;
        group.start(broker);
        serving(&town, broker).await;
        more_answers(&mut clients).await;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.expect("each request was answered");
    }
    println!("{RESTARTS} restarts: {count:?}");
    let refusals =
        count.not_taken.load(Ordering::Relaxed) + count.not_connected.load(Ordering::Relaxed);
    assert!(refusals > 0, "the restarts were noticed: {count:?}");

    let (asking, asked) = (&town.members[0].id, &town.members[1].id);
    let page = scraped(&metrics_address(&group.places[BROKERS[1]]));
    let outcomes = format!(
        "sekisho_broker_outcomes_total{{asked=\"{asked}\",asking=\"{asking}\",outcome=\"patient-unknown\"}}"
    );
    assert!(value(&page, &outcomes) > 0.0);
    assert_eq!(value(&page, "sekisho_ledger_ready"), 1.0);
    explained(&page, &town);
    promtool_finds_nothing(&page);
    let page = scraped(&metrics_address(&group.places[NODE]));
    let answers =
        format!("sekisho_node_answers_total{{asking=\"{asking}\",outcome=\"patient-unknown\"}}");
    assert!(value(&page, &answers) >= count.answers.load(Ordering::Relaxed) as f64);
    assert_eq!(value(&page, "sekisho_node_sources_read"), 1.0);
    explained(&page, &town);
    promtool_finds_nothing(&page);
}
