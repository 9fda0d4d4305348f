//! Starting a replica: does everything fit, may it take part, and from when on may it serve.

use super::{Inner, Replica};
use crate::batcher::batcher;
use crate::checked::Checked;
use crate::checkpoint::{Collector, read_published};
use crate::config::{
    Clock, Config, FORWARDS_MAX, Keys, PLACES_ALWAYS, PLACES_MAX, QUEUE_MAX, VOTERS_MAX,
};
use crate::directory::{Directory, member};
use crate::fair::Shares;
use crate::gate::Gate;
use crate::membership::place;
use crate::raft::network::{Links, Peers};
use crate::raft::{Member, Proposal, Raft};
use crate::readers::Readers;
use crate::refusals::Refusals;
use crate::store::{Machine, Stopped, Store, blocking};
use crate::tiles::Tiles;
use crate::{ReplicaError, state_error};
use sekisho_domain::Genesis;
use sekisho_ledger::{View, check_genesis, ledger_id};
use sekisho_proto::v1;
use sekisho_proto::v1::raft_service_client::RaftServiceClient;
use sekisho_transport::{Deadline, outgoing};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Pause before the start-up barrier is tried again.
const BARRIER_PAUSE: Duration = Duration::from_millis(50);

impl Replica {
    /// Starts a replica of the ledger a genesis file founds. Returns once it takes part; it serves after
    /// the start-up barrier ([`Replica::wait_ready`]). The caller listens at the endpoint genesis names
    /// and mounts [`Replica::ledger_service`] and [`Replica::raft_service`] there.
    ///
    /// # Errors
    /// The configuration, genesis or keys do not fit, or the store is not this replica's.
    pub async fn start(
        config: Config,
        genesis: Genesis,
        keys: Keys,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ReplicaError> {
        let raft_config = config.raft()?;
        fit(&config, &genesis, &keys)?;
        let (opening, founding) = (config.clone(), genesis.clone());
        let directory = Arc::new(Directory::default());
        let known = Arc::clone(&directory);
        let tiles = Tiles::of(&config.data_dir);
        let publishing = tiles.clone();
        let (store, published, first): (Store, _, BTreeMap<u64, Member>) = blocking(move || {
            let store = Store::open(&opening, &founding, ledger_id(&founding))?;
            let state = store.read_state()?;
            known.reload(&state)?;
            let published = read_published(&publishing, &state)?;
            let first = View(&state).first_voters().map_err(state_error)?;
            let first = first.iter().map(|(id, replica)| (id.0, member(replica)));
            Ok((store, published, first.collect()))
        })
        .await?;
        let votes = store.votes(config.replica)?;
        let place = place(&directory.replicas(), config.replica, &keys, votes);
        let network = match place {
            Ok(network) => network,
            Err(error) => {
                blocking(move || store.close()).await?;
                return Err(error);
            }
        };
        let checked = Arc::new(Checked::default());
        let peers = Arc::new(Peers::new(
            keys.transport,
            Arc::clone(&directory),
            Arc::clone(&clock),
            store.clone(),
            &config,
        ));
        let machine = Machine::new(store.clone(), Arc::clone(&checked), Arc::clone(&directory));
        let raft = Raft::new(
            config.replica.0,
            raft_config,
            Links(Arc::clone(&peers)),
            store.clone(),
            machine,
        )
        .await
        .map_err(|error| ReplicaError::Raft(error.to_string()))?;
        let in_flight = config.timing.batches_in_flight;
        let (queue, batches) = batcher(raft.clone(), Arc::clone(&clock), in_flight);
        let tasks = TaskTracker::new();
        tasks.spawn(batches);
        let replica = Self(Arc::new(Inner {
            config,
            genesis,
            network,
            store,
            raft,
            peers,
            queue: Mutex::new(Some(queue)),
            places: Mutex::new(Shares::new(PLACES_MAX, PLACES_ALWAYS)),
            to_leader: Gate::new(FORWARDS_MAX, QUEUE_MAX),
            way: Mutex::default(),
            refusals: Refusals::default(),
            connections: OnceLock::new(),
            checked,
            directory,
            clock,
            checkpoint_key: keys.checkpoint,
            collector: Collector::new(published),
            tiles,
            alarms: Mutex::default(),
            waits: Mutex::default(),
            led: Mutex::new(Instant::now()),
            ready: watch::Sender::new(false),
            stopped: CancellationToken::new(),
            tasks,
            readers: Readers::new(),
        }));
        replica.initialize(first).await?;
        replica.0.tasks.spawn(replica.clone().pass_barrier());
        replica.0.tasks.spawn(replica.clone().watch_faults());
        replica.0.tasks.spawn(replica.clone().publish());
        replica.0.tasks.spawn(replica.clone().follow_ledger());
        Ok(replica)
    }

    /// Whoever is the only voter need not wait for others to be silent.
    async fn lead_alone(&self) -> Result<(), ReplicaError> {
        let metrics = self.0.raft.metrics().borrow().clone();
        let mut voters = metrics.membership_config.voter_ids();
        if (voters.next(), voters.next()) != (Some(self.id()), None) {
            return Ok(());
        }
        let asked = self.0.raft.trigger().elect().await;
        asked.map_err(|error| ReplicaError::Raft(error.to_string()))
    }

    /// Everybody who begins the lineage proposes the same first membership; only what is empty takes it. Whoever
    /// joined later waits for the leader to send it the log.
    async fn initialize(&self, first: BTreeMap<u64, Member>) -> Result<(), ReplicaError> {
        use openraft::error::{InitializeError, RaftError};
        let initialized = self.0.raft.is_initialized().await;
        if initialized.map_err(|error| ReplicaError::Raft(error.to_string()))? {
            return self.lead_alone().await;
        }
        if !first.contains_key(&self.id()) {
            return Ok(());
        }
        match self.0.raft.initialize(first).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(error) => Err(ReplicaError::Raft(error.to_string())),
        }
    }

    /// Waits until an entry proposed after the start is applied here: everything acknowledged before the
    /// start is then applied too, whoever acknowledged it (R3).
    async fn pass_barrier(self) {
        let passed = async {
            loop {
                if let Some(index) = self.propose_barrier().await {
                    let wait = self.0.raft.wait(None);
                    if wait
                        .applied_index_at_least(Some(index), "start-up barrier")
                        .await
                        .is_ok()
                    {
                        break;
                    }
                }
                tokio::time::sleep(BARRIER_PAUSE).await;
            }
        };
        tokio::select! {
            () = passed => {
                tracing::info!(replica = %self.0.config.replica, "ready");
                self.0.ready.send_replace(true);
            }
            () = self.0.stopped.cancelled() => {}
        }
    }

    async fn propose_barrier(&self) -> Option<u64> {
        let deadline = Deadline::after(self.0.config.timing.election_max);
        match self.leader()? {
            leader if leader == self.id() => deadline.bound(self.barrier()).await.ok().flatten(),
            leader => {
                let mut client = RaftServiceClient::new(self.channel(leader).ok()?);
                let request = outgoing(v1::BarrierRequest {}, deadline);
                let reply = deadline.bound(client.barrier(request)).await.ok()?.ok()?;
                Some(reply.into_inner().log_index)
            }
        }
    }

    /// Proposes a no-op. Its Raft log index, or nothing if this is not the leader.
    pub(crate) async fn barrier(&self) -> Option<u64> {
        let nothing = Proposal::new(v1::Batch {
            time_ms: self.0.clock.now().0,
            envelopes: Vec::new(),
        });
        self.0
            .raft
            .client_write(nothing)
            .await
            .ok()
            .map(|written| written.log_id.index)
    }

    /// Ends everything at the first fault of store or consensus (R7).
    async fn watch_faults(self) {
        let mut poison = self.0.store.poison();
        let mut metrics = self.0.raft.metrics();
        let fault = async {
            tokio::select! {
                _ = poison.wait_for(Option::is_some) => {}
                stopped = metrics.wait_for(|metrics| metrics.running_state.is_err()) => {
                    if let Ok(metrics) = stopped.as_deref()
                        && let Err(fatal) = &metrics.running_state
                    {
                        self.0.store.poison_with(&ReplicaError::Raft(fatal.to_string()));
                    }
                }
            }
        };
        tokio::select! {
            () = fault => {
                self.close();
                // Its tasks hold the store; nobody is served any more.
                let _ = self.0.raft.shutdown().await;
            }
            () = self.0.stopped.cancelled() => {}
        }
    }
}

/// Checks the genesis file; and, before anything is made on the disk, that a founder's keys are its own, and that a
/// replica of later has been given its store by joining.
fn fit(config: &Config, genesis: &Genesis, keys: &Keys) -> Result<(), ReplicaError> {
    let faults = check_genesis(genesis);
    if !faults.is_empty() {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        return Err(ReplicaError::Genesis(format!(
            "the genesis file is not one: {}",
            faults.join("; ")
        )));
    }
    if genesis.replicas.len() > VOTERS_MAX {
        let got = genesis.replicas.len();
        return Err(ReplicaError::Genesis(format!(
            "{got} replicas found the ledger, at most {VOTERS_MAX} may"
        )));
    }
    let id = config.replica;
    let founding = genesis.replicas.iter().find(|replica| replica.id == id);
    let Some(founding) = founding else {
        return match Stopped::path(&config.data_dir).try_exists() {
            Ok(true) => Ok(()),
            _ if config.marker.exists() => Err(ReplicaError::StoreLost {
                replica: id,
                marker: config.marker.clone(),
            }),
            _ => Err(ReplicaError::NotJoined(id)),
        };
    };
    for (what, ours, theirs) in [
        ("transport", keys.transport.public(), founding.transport_key),
        (
            "checkpoint",
            keys.checkpoint.public_key(),
            founding.checkpoint_key,
        ),
    ] {
        if ours != theirs {
            return Err(ReplicaError::Genesis(format!(
                "the {what} key given is {ours}, the genesis file names {theirs} for replica {id}"
            )));
        }
    }
    Ok(())
}
