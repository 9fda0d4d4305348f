//! `grpc.health.v1`: SERVING only while this process can do its work.

use crate::side::Side;
use sekisho_node::Node;
use sekisho_proto::v1::broker_service_server::SERVICE_NAME as BROKER;
use sekisho_proto::v1::ledger_service_server::SERVICE_NAME as LEDGER;
use sekisho_proto::v1::node_service_server::SERVICE_NAME as NODE;
use sekisho_proto::v1::operator_service_server::SERVICE_NAME as OPERATOR;
use sekisho_proto::v1::raft_service_server::SERVICE_NAME as RAFT;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::{HealthReporter, health_reporter};

/// How often ledger and node are looked at: a balancer's own interval is seconds.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The whole process (gRPC health checking protocol: the empty name).
const WHOLE: &str = "";

/// What health is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Able {
    /// The replica has caught up and has not stopped; or two voters told the same a moment ago.
    ledger: bool,
    /// The node, if there is one, has read its sources.
    node: bool,
}

/// The services mounted, what they need, and how they are.
struct Board {
    reporter: HealthReporter,
    with_replica: bool,
    with_node: bool,
    with_broker: bool,
    whole: watch::Sender<bool>,
}

impl Board {
    async fn show(&self, able: Able) {
        let whole = able.ledger && (able.node || !self.with_node);
        if self.with_replica {
            self.set(LEDGER, able.ledger).await;
            self.set(RAFT, able.ledger).await;
        }
        if self.with_broker {
            self.set(BROKER, able.ledger).await;
        }
        if self.with_node {
            self.set(NODE, whole).await;
            self.set(OPERATOR, whole).await;
        }
        self.set(WHOLE, whole).await;
        self.whole.send_replace(whole);
    }

    async fn set(&self, service: &str, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        self.reporter.set_service_status(service, status).await;
    }
}

/// Health, looked after by a task.
pub(super) struct Watched {
    whole: watch::Receiver<bool>,
    stopping: CancellationToken,
    task: JoinHandle<()>,
}

impl Watched {
    /// Begins with NOT_SERVING everywhere, and the service that tells it.
    pub async fn begin(
        side: Side,
        node: Option<Node>,
        with_broker: bool,
    ) -> (Self, HealthServer<impl Health>) {
        let (reporter, server) = health_reporter();
        let (whole, watched) = watch::channel(false);
        let board = Board {
            reporter,
            with_replica: matches!(side, Side::Replica(_)),
            with_node: node.is_some(),
            with_broker,
            whole,
        };
        board.show(Able::default()).await;
        let stopping = CancellationToken::new();
        let task = tokio::spawn(look(board, side, node, stopping.clone()));
        let watched = Self {
            whole: watched,
            stopping,
            task,
        };
        (watched, server)
    }

    /// Whether the whole is SERVING.
    pub fn whole(&self) -> watch::Receiver<bool> {
        self.whole.clone()
    }

    /// NOT_SERVING everywhere, for good; done when it is told.
    pub async fn stop(self) {
        self.stopping.cancel();
        // It ends by itself and has nothing to fail at.
        let _ = self.task.await;
    }
}

async fn look(board: Board, side: Side, node: Option<Node>, stopping: CancellationToken) {
    let mut shown = Able::default();
    loop {
        let able = Able {
            ledger: side.serves(),
            node: node.as_ref().is_some_and(Node::answers_documents),
        };
        // Watchers are told of changes only.
        if able != shown {
            board.show(able).await;
            tracing::info!(ledger = able.ledger, node = able.node, "health");
            shown = able;
        }
        tokio::select! {
            () = stopping.cancelled() => break,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    board.show(Able::default()).await;
}
