//! What one network runs: a replica and its broker, a node with its store and its documents.

use super::documents::{Chart, document, put};
use super::echo::Echo;
use super::league::League;
use crate::BenchError;
use crate::cluster::PATIENCE;
use crate::federation::Member;
use sekisho_broker::{Broker, Limits};
use sekisho_documents::{BATCH_CHANGES_MAX, DocumentIndex, SledIndex};
use sekisho_node::{Budgets, Config, Directory, Node, NodeStore, Parts, SystemEnvironment};
use sekisho_replica::{Keys, Replica, SystemClock, Timing};
use sekisho_transport::{ClientLimits, Expected, Incoming, ServerLimits, channel, server};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Nobody is refused for having asked often: that is not what is measured.
const BUDGETS: Budgets = Budgets {
    practitioner: u32::MAX,
    facility: u32::MAX,
    network: u32::MAX,
};

/// What a node has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Documents {
    pub(crate) persons: u64,
    /// Of each person.
    pub(crate) each: u64,
}

/// A network's process, but for the process: replica, broker and, where it has documents, node on one port.
pub(crate) struct Hosted {
    pub(crate) replica: Replica,
    pub(crate) node: Option<Node>,
}

/// Starts the n-th network's; it serves until its runtime ends.
pub(crate) async fn hosted(
    league: &League,
    n: usize,
    dir: &Path,
    listener: TcpListener,
    documents: Option<Documents>,
) -> Result<Hosted, BenchError> {
    let (member, founder) = (&league.members[n], &league.genesis.replicas[n]);
    let identity = member.transport()?;
    let mut config = sekisho_replica::Config::new(founder.id, dir.join("replica"));
    config.timing = Timing::LOOPBACK;
    let keys = Keys {
        transport: member.transport()?,
        checkpoint: member.checkpoint(),
    };
    let clock = Arc::new(SystemClock);
    let replica = Replica::start(config, league.genesis.clone(), keys, clock).await?;
    let directory = replica.directory();
    let broker = Broker::new(
        replica.clone(),
        member.transport()?,
        directory.clone(),
        Limits::default(),
    );
    let address = listener
        .local_addr()
        .map_err(BenchError::system("a socket"))?;
    let node = match documents {
        None => None,
        Some(documents) => {
            Some(node(member, &replica, &address.to_string(), dir, documents).await?)
        }
    };
    let incoming = Incoming::new(
        tokio_listener(listener)?,
        &identity,
        directory,
        ServerLimits::default(),
    )?;
    let mut router = server()
        .add_service(replica.ledger_service())
        .add_service(replica.raft_service())
        .add_service(broker.server());
    if let Some(node) = &node {
        router = router
            .add_service(node.node_service())
            .add_service(node.operator_service());
    }
    // A fault of it shows as requests that fail.
    tokio::spawn(router.serve_with_incoming(incoming));
    Ok(Hosted { replica, node })
}

/// Starts the n-th network's node by itself, beside an echo, with a handle of a replica that others use as well.
pub(super) async fn beside(
    member: &Member,
    replica: &Replica,
    dir: &Path,
    listener: TcpListener,
    documents: Documents,
) -> Result<Node, BenchError> {
    let address = listener
        .local_addr()
        .map_err(BenchError::system("a socket"))?;
    let node = node(member, replica, &address.to_string(), dir, documents).await?;
    let incoming = Incoming::new(
        tokio_listener(listener)?,
        &member.transport()?,
        replica.directory(),
        ServerLimits::default(),
    )?;
    let router = server().add_service(node.node_service()).add_service(Echo);
    tokio::spawn(router.serve_with_incoming(incoming));
    Ok(node)
}

/// A node whose index is made by the index's own calls: it has no source to read, so what is there stays.
async fn node(
    member: &Member,
    replica: &Replica,
    address: &str,
    dir: &Path,
    documents: Documents,
) -> Result<Node, BenchError> {
    std::fs::create_dir_all(dir).map_err(BenchError::system("a directory"))?;
    let store = NodeStore::open(&dir.join("node.redb"))?;
    let index = SledIndex::open(&dir.join("documents"))?;
    let directory = Directory::open(&dir.join("people.redb"))?;
    let mut changes = Vec::new();
    for person in 0..documents.persons {
        let chart = Chart::of(&member.hospital, person)?;
        store.subject_or(&chart.patient(), member.subject(person))?;
        for n in 0..documents.each {
            changes.push(put(document(&chart, n)?));
        }
    }
    for batch in changes.chunks(BATCH_CHANGES_MAX) {
        index.apply(batch)?;
    }
    index.flush()?;
    let identity = member.transport()?;
    let own = || {
        channel(
            address,
            Expected::Network(member.id.clone()),
            &identity,
            replica.directory(),
            ClientLimits::default(),
        )
    };
    let config = Config {
        network: member.id.clone(),
        sources: Vec::new(),
        budgets: BUDGETS,
    };
    let parts = Parts {
        ledger: Arc::new(replica.clone()),
        store,
        index: Arc::new(index),
        directory,
        key: member.node_key(),
        broker: own()?,
        carrier: Arc::new(own()?),
        environment: Arc::new(SystemEnvironment),
    };
    let node = Node::start(config, parts).await?;
    let begun = Instant::now();
    while !node.answers_documents() {
        if begun.elapsed() > PATIENCE {
            return Err(BenchError::TooSlow {
                what: "starting a node",
                max_s: PATIENCE.as_secs(),
            });
        }
        tokio::time::sleep(crate::child::LOOK_EVERY).await;
    }
    Ok(node)
}

fn tokio_listener(listener: TcpListener) -> Result<tokio::net::TcpListener, BenchError> {
    let socket = || BenchError::system("a socket");
    listener.set_nonblocking(true).map_err(socket())?;
    tokio::net::TcpListener::from_std(listener).map_err(socket())
}
