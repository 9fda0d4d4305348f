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
mod page;
mod query;
mod watch;

use page::{explained, metrics_address, promtool_finds_nothing, scraped, value};
use query::{Count, Refused, answered, asked, client, connection};
use sekisho_domain::KeyPurpose;
use sekisho_fire::{Caller, Dice, Group, alone, loopback_places, program, until};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use watch::{ended_well, health, services, serving, stopped, told_not_serving, watched};

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
    assert_eq!(value(&page, "sekisho_node_ingest_runs_total"), 1.0);
    explained(&page, &town);
    promtool_finds_nothing(&page);
}
