//! `sekisho serve`: one process, the roles its configuration names, one mutual-TLS port.
//!
//! Reads the configuration, builds, waits for a signal, drains: nothing new is taken, work under way ends, accepting
//! stops, storage is flushed.

mod door;
mod drain;
mod health;
mod light;
mod portal;
mod reflection;
mod stop;

pub use door::NOT_TAKEN;
pub(crate) use portal::accounts_path;
pub(crate) use stop::{END_WITH_STDIN, interrupted, parent_ended};

use crate::config::{Config, MetricsConfig, NodeConfig, ReplicaConfig, RetrieveVia};
use crate::direct::Direct;
use crate::metrics::{self, Metrics};
use crate::side::Side;
use crate::ui::{Exit, Failure};
use crate::{genesis, keys};
use door::Door;
use drain::{CLOSE_GRACE, DRAIN_GRACE, drain};
use health::Watched;
use sekisho_broker::{Broker, Limits};
use sekisho_domain::{Genesis, KeyPurpose};
use sekisho_ledger::signature::SigningKey;
use sekisho_node::{Directory, Node, NodeStore, Parts, SystemEnvironment};
use sekisho_replica::{Keys, Replica, SystemClock};
use sekisho_transport::{
    ClientLimits, Expected, Identity, Incoming, ServerLimits, channel, server, telemetry,
};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use stop::stop_requested;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Runs until SIGINT or SIGTERM, or until the replica stops for good.
///
/// # Errors
/// The configuration, keys, founding file, port or stored data do not allow to start; or the replica stopped.
pub async fn run(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path).map_err(|faults| Failure::from((path, faults)))?;
    let _telemetry = telemetry::init("sekisho", Some(&config.network))
        .map_err(|e| Failure::of(Exit::Usage, "トレースの準備が", "set up tracing", &e))?;
    let listener = TcpListener::bind(config.listen).await.map_err(|e| {
        let address = config.listen;
        Failure::of(
            Exit::Usage,
            &format!("{address} で待ち受けることが"),
            &format!("listen on {address}"),
            &e,
        )
    })?;
    let counted = begin_metrics(&config).await?;
    let pages = portal::Begun::begin(&config).await?;
    let secrets = Secrets::read(&config)?;
    let replica = config.replica.as_ref().zip(secrets.replica);
    let side = match (replica, config.voters()) {
        (Some((of, keys)), _) => Side::Replica(start_replica(&config, of, keys).await?),
        (None, Some(voters)) => Side::Light(light::start(&config, voters)?),
        (None, None) => {
            return Err(Failure::usage(
                "[replica] がありません",
                "there is no [replica]",
            ));
        }
    };
    let result = match light::first_word(&side).await {
        true => serve(&config, listener, &side, secrets.node, (counted, pages)).await,
        // Asked to stop before anything was served.
        false => Ok(()),
    };
    let stopped = match &side {
        Side::Replica(replica) => replica.shutdown().await,
        Side::Light(light) => {
            light.shutdown().await;
            Ok(())
        }
    };
    result?;
    stopped.map_err(|e| {
        Failure::of(
            Exit::Unavailable,
            "レプリカを正しく停止することが",
            "stop the replica cleanly",
            &e,
        )
    })
}

/// Makes the folder of everything this process stores. Its name must be durable before anything in it is relied on:
/// a power cut would take the replica's memory along, and leave the marker beside the keys that says there was one.
pub(crate) fn create_data(folder: &Path) -> Result<(), Failure> {
    let create = || {
        std::fs::create_dir_all(folder)?;
        // At each start: the last one may have ended between the two.
        let parent = folder.parent().filter(|p| !p.as_os_str().is_empty());
        std::fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    };
    create().map_err(|e: std::io::Error| {
        let folder = folder.display();
        Failure::of(
            Exit::Usage,
            &format!("{folder} を作ることが"),
            &format!("create {folder}"),
            &e,
        )
    })
}

/// Every key this process needs, read before anything is started: a replica that ran has left its mark.
struct Secrets {
    /// With a replica only.
    replica: Option<Keys>,
    /// With a node only.
    node: Option<SigningKey>,
}

impl Secrets {
    fn read(config: &Config) -> Result<Self, Failure> {
        let signing = |purpose| keys::signing(&config.keys, purpose);
        let node = config.node.as_ref();
        Ok(Self {
            replica: match config.replica {
                None => None,
                Some(_) => Some(Keys {
                    transport: keys::identity(config)?,
                    checkpoint: signing(KeyPurpose::Checkpoint)?,
                }),
            },
            node: node.map(|_| signing(KeyPurpose::Node)).transpose()?,
        })
    }
}

/// The founding file says whose replica this is; a configuration that says otherwise would ask in another's name.
fn check_network(config: &Config, of: &ReplicaConfig, genesis: &Genesis) -> Result<(), Failure> {
    let founded = genesis.replicas.iter().find(|r| r.id == of.id);
    let Some(other) = founded.filter(|r| r.network != config.network) else {
        return Ok(());
    };
    let (id, named, network) = (of.id, &config.network, &other.network);
    Err(Failure::usage(
        format!(
            "設定ファイルの network.id は {named} ですが、創設ファイルではレプリカ {id} は {network} のものです。どちらかを直してください"
        ),
        format!(
            "network.id is {named}, but in the founding file replica {id} is {network}'s; correct network.id or replica.id"
        ),
    ))
}

/// How a replica of this configuration is set up.
pub(super) fn replica_config(config: &Config, of: &ReplicaConfig) -> sekisho_replica::Config {
    let mut replica = sekisho_replica::Config::new(of.id, config.ledger_data());
    replica.timing = of.timing;
    // Beside the keys: it must survive the loss of the data.
    replica.marker = config.keys.join(format!("replica-{}.started", of.id));
    replica
}

async fn start_replica(
    config: &Config,
    of: &ReplicaConfig,
    keys: Keys,
) -> Result<Replica, Failure> {
    let genesis = genesis::load(&config.genesis)?;
    check_network(config, of, &genesis)?;
    create_data(&config.data)?;
    let replica_config = replica_config(config, of);
    Replica::start(replica_config, genesis, keys, Arc::new(SystemClock))
        .await
        .map_err(|e| {
            Failure::of(
                Exit::Usage,
                "レプリカを起動することが",
                "start the replica",
                &e,
            )
        })
}

async fn serve(
    config: &Config,
    listener: TcpListener,
    side: &Side,
    node_key: Option<SigningKey>,
    (counted, pages): (Option<Counted>, Option<portal::Begun>),
) -> Result<(), Failure> {
    let failed = |e: &(dyn std::error::Error + 'static)| {
        Failure::of(Exit::Usage, "起動することが", "start", e)
    };
    let identity = keys::identity(config)?;
    let incoming = Incoming::new(
        listener,
        &identity,
        side.directory(),
        ServerLimits::default(),
    )
    .map_err(|e| failed(&e))?;
    if let Side::Replica(replica) = side {
        replica.count_connections(incoming.turned_away());
    }
    let node = match config.node.as_ref().zip(node_key) {
        Some((of, key)) => Some(start_node(config, of, side, &identity, key).await?),
        None => None,
    };
    let broker = config.broker.then(|| {
        Broker::new(
            side.clone(),
            identity.clone(),
            side.directory(),
            Limits::default(),
        )
    });

    if let Some(counted) = &counted {
        if let Some(broker) = &broker {
            broker.observe(Arc::clone(&counted.metrics) as _);
        }
        if let Some(node) = &node {
            node.observe(Arc::clone(&counted.metrics) as _);
        }
    }
    let door = Door::new(counted.as_ref().map(|counted| counted.metrics.calls()));
    let (health, health_service) =
        Watched::begin(side.clone(), node.clone(), broker.is_some()).await;
    let mut router = server()
        .layer(door.clone())
        .add_service(health_service)
        .add_service(reflection::service().map_err(|e| failed(&e))?);
    if let Side::Replica(replica) = side {
        router = router
            .add_service(replica.ledger_service())
            .add_service(replica.raft_service());
    }
    if let Some(node) = &node {
        router = router
            .add_service(node.node_service())
            .add_service(node.operator_service());
    }
    if let Some(broker) = &broker {
        router = router.add_service(broker.server());
    }
    let tiles = config.replica.as_ref().and_then(|of| of.tiles);
    if let (Side::Replica(replica), Some(address)) = (side, tiles) {
        let listener = TcpListener::bind(address).await.map_err(|e| failed(&e))?;
        tokio::spawn(replica.clone().serve_tiles(listener));
    }
    // Its pages end before the node they are of.
    let served = pages
        .zip(node.as_ref())
        .map(|(pages, node)| pages.serve(node, side))
        .transpose()?;
    let ending = CancellationToken::new();
    if let Some(counted) = counted {
        let source = metrics::Source {
            metrics: counted.metrics,
            network: config.network.clone(),
            side: side.clone(),
            node: node.clone(),
            portal: served.as_ref().map(|served| served.portal.clone()),
            serving: health.whole(),
            started: counted.started,
        };
        // Before the first request is counted.
        source.know_members().await;
        tokio::spawn(metrics::serve(counted.listener, source, ending.clone()));
    }
    tracing::info!(address = %config.listen, network = %config.network, ledger = %side.ledger(), "serving");
    let drained = CancellationToken::new();
    let stop = async {
        stop_requested(side.clone()).await;
        if let Some(served) = served {
            served.end().await;
        }
        let again = async {
            let signal = interrupted().await;
            tracing::warn!(signal, "not waiting for what is under way");
        };
        drain(&door, health.stop(), DRAIN_GRACE, again).await;
        drained.cancel();
    };
    let ended = tokio::select! {
        ended = router.serve_with_incoming_shutdown(incoming, stop) => ended,
        () = async { drained.cancelled().await; tokio::time::sleep(CLOSE_GRACE).await } => {
            tracing::warn!(grace_s = CLOSE_GRACE.as_secs(), "not every connection is closed");
            Ok(())
        }
    };
    ending.cancel();
    if let Some(node) = node {
        node.shutdown().await.map_err(|e| failed(&e))?;
    }
    ended.map_err(|e| failed(&e))?;
    if side.is_stopped() {
        return Err(Failure::new(
            Exit::Unavailable,
            "レプリカが停止しました。ログに理由があります",
            "the replica stopped for good; the log says why",
        ));
    }
    Ok(())
}

/// Counters, and where they are told; begun before anything else, so that an address in use is known first.
struct Counted {
    listener: TcpListener,
    metrics: Arc<Metrics>,
    started: SystemTime,
}

async fn begin_metrics(config: &Config) -> Result<Option<Counted>, Failure> {
    let started = SystemTime::now();
    let Some(MetricsConfig { listen: address }) = config.metrics else {
        return Ok(None);
    };
    let metrics = Metrics::new()
        .map_err(|e| Failure::of(Exit::Usage, "メトリクスの準備が", "set up metrics", &e))?;
    let listener = TcpListener::bind(address).await.map_err(|e| {
        Failure::of(
            Exit::Usage,
            &format!("{address} でメトリクスを待ち受けることが"),
            &format!("listen for metrics on {address}"),
            &e,
        )
    })?;
    tracing::info!(url = metrics::url(address), "metrics");
    Ok(Some(Counted {
        listener,
        metrics: Arc::new(metrics),
        started,
    }))
}

async fn start_node(
    config: &Config,
    of: &NodeConfig,
    side: &Side,
    identity: &Identity,
    key: SigningKey,
) -> Result<Node, Failure> {
    let failed = |e: &(dyn std::error::Error + 'static)| {
        Failure::of(Exit::Usage, "ノードを起動することが", "start the node", e)
    };
    let broker = of.broker.clone().unwrap_or_else(|| config.own_address());
    let network = Expected::Network(config.network.clone());
    let broker = channel(
        &broker,
        network,
        identity,
        side.directory(),
        ClientLimits::default(),
    )
    .map_err(|e| failed(&e))?;
    let store = config.data.join("node.redb");
    let contents = crate::stores::contents(of).map_err(|e| failed(&e))?;
    // A database that is away takes its time to say so.
    let index = tokio::task::block_in_place(|| crate::stores::serve_index(config, of));
    let node_config = sekisho_node::Config {
        network: config.network.clone(),
        sources: crate::stores::sources(of),
        budgets: of.budgets,
    };
    let parts = Parts {
        ledger: side.of_node(),
        store: NodeStore::open(&store).map_err(|e| failed(&e))?,
        index: index.map_err(|e| failed(&e))?,
        directory: Directory::open(&config.data.join("people.redb")).map_err(|e| failed(&e))?,
        key,
        carrier: match of.retrieve {
            RetrieveVia::Broker => Arc::new(broker.clone()),
            RetrieveVia::Direct => Arc::new(Direct::new(config, side, identity)),
        },
        broker,
        environment: Arc::new(SystemEnvironment),
    };
    Node::start_with(node_config, parts, contents)
        .await
        .map_err(|e| failed(&e))
}
