//! One network's process, but for the process: replica, broker and node on one port.

use crate::*;
use sekisho_broker::{Broker, Limits};
use sekisho_documents::SledIndex;
use sekisho_domain::*;
use sekisho_ingest::{Source, SsMix2Storage};
use sekisho_ledger::signature::SigningKey;
use sekisho_ledger::{ledger_id, sign_entry};
use sekisho_node::{Config, Node, NodeStore, Parts, SystemEnvironment};
use sekisho_proto::v1::operator_service_client::OperatorServiceClient;
use sekisho_replica::{Keys, Replica, SystemClock, Timing};
use sekisho_transport::{
    ClientLimits, Deadline, Expected, Identity, Incoming, ServerLimits, channel, server,
};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

pub fn patience() -> Deadline {
    Deadline::after(PATIENCE)
}

pub fn governance(network: u8) -> SigningKey {
    SigningKey::from_secret(&[0x10 + network; 32])
}

pub fn node_key(network: u8) -> SigningKey {
    SigningKey::from_secret(&[0x20 + network; 32])
}

pub fn checkpoint_key(network: u8) -> SigningKey {
    SigningKey::from_secret(&[0x30 + network; 32])
}

/// One network's process, but for the process.
pub struct Site {
    pub name: &'static str,
    pub number: u8,
    identity: Identity,
    pub replica: Replica,
    pub node: Node,
    address: String,
    pub dir: TempDir,
    serving: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Site {
    pub async fn start(
        genesis: &Genesis,
        (name, number): (&'static str, u8),
        identity: Identity,
        listener: TcpListener,
        dir: TempDir,
    ) -> Self {
        let mut config =
            sekisho_replica::Config::new(ReplicaId(number.into()), dir.path().join("replica"));
        config.timing = Timing::LOOPBACK;
        // Snapshots are made too, and looked into by the test of erasing.
        config.snapshot_every = 8;
        let keys = Keys {
            transport: identity.clone(),
            checkpoint: checkpoint_key(number),
        };
        let replica = Replica::start(config, genesis.clone(), keys, Arc::new(SystemClock))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let node = node(name, number, &replica, &identity, &address, dir.path()).await;
        let broker = Broker::new(
            replica.clone(),
            identity.clone(),
            replica.directory(),
            Limits::default(),
        );
        let limits = ServerLimits::default();
        let incoming = Incoming::new(listener, &identity, replica.directory(), limits).unwrap();
        let router = server()
            .add_service(replica.ledger_service())
            .add_service(replica.raft_service())
            .add_service(broker.server())
            .add_service(node.node_service())
            .add_service(node.operator_service());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            router
                .serve_with_incoming_shutdown(incoming, stopped)
                .await
                .unwrap();
        });
        Self {
            name,
            number,
            identity,
            replica,
            node,
            address,
            dir,
            serving: Some((stop, task)),
        }
    }

    /// A channel to another site, as this one.
    pub fn channel_to(&self, other: &Self) -> Channel {
        connect(&self.identity, &self.replica, &other.address, other.name)
    }

    /// A client of its own people.
    pub fn people(&self) -> OperatorServiceClient<Channel> {
        OperatorServiceClient::new(self.channel_to(self))
    }

    pub async fn say(&self, genesis: &Genesis, key: &SigningKey, body: Body) -> EntryIndex {
        let now = now();
        let mut id = [0; 16];
        getrandom::fill(&mut id).unwrap();
        let entry = Entry {
            ledger: ledger_id(genesis),
            lineage: 1,
            author: key.key_id(),
            request_id: RequestId(id),
            claimed_time: TimeMs(now),
            not_before: TimeMs(now - 60_000),
            not_after: TimeMs(now + 60_000),
            body,
        };
        let envelope = sign_entry(&entry, &[key]);
        let submitted = self.replica.submit(envelope, patience()).await.unwrap();
        assert_eq!(submitted.outcome, Outcome::Accepted, "{:?}", entry.body);
        submitted.index
    }

    /// Stops everything in order; what it leaves on disk.
    pub async fn stop(mut self) -> TempDir {
        self.node.shutdown().await.unwrap();
        self.replica.shutdown().await.unwrap();
        let (stop, task) = self.serving.take().unwrap();
        drop(stop);
        task.await.unwrap();
        self.dir
    }
}

pub fn connect(identity: &Identity, replica: &Replica, address: &str, network: &str) -> Channel {
    let expected = Expected::Network(network.parse().unwrap());
    let limits = ClientLimits::default();
    channel(address, expected, identity, replica.directory(), limits).unwrap()
}

pub async fn node(
    name: &str,
    number: u8,
    replica: &Replica,
    identity: &Identity,
    address: &str,
    dir: &Path,
) -> Node {
    let sources: Vec<Arc<dyn Source>> = match name {
        SAGA => vec![Arc::new(SsMix2Storage::new(
            dir.join("std01"),
            SAGA_HOSPITAL.parse().unwrap(),
            "std01".parse().unwrap(),
        ))],
        _ => Vec::new(),
    };
    let config = Config {
        network: name.parse().unwrap(),
        sources,
        budgets: sekisho_node::Budgets::default(),
    };
    let parts = Parts {
        ledger: Arc::new(replica.clone()),
        store: NodeStore::open(&dir.join("node.redb")).unwrap(),
        index: Arc::new(SledIndex::open(&dir.join("documents")).unwrap()),
        directory: sekisho_node::Directory::open(&dir.join("people.redb")).unwrap(),
        key: node_key(number),
        carrier: Arc::new(connect(identity, replica, address, name)),
        broker: connect(identity, replica, address, name),
        environment: Arc::new(SystemEnvironment),
    };
    Node::start(config, parts).await.unwrap()
}

pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap().as_millis()).unwrap()
}
