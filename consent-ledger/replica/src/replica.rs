//! The handle of a running replica.

use crate::batcher::{Queue, batcher};
use crate::checked::Checked;
use crate::checkpoint::Collector;
use crate::config::{Clock, Config, Keys, QUEUE_MAX, SHUTDOWN_GRACE, VOTERS_MAX};
use crate::directory::Directory;
use crate::raft::network::{Links, Peers};
use crate::raft::{Member, Proposal, Raft};
use crate::store::{Machine, ReadState, Store, blocking};
use crate::{ReplicaError, state_error};
use openraft::{RaftMetrics, ServerState};
use sekisho_domain::{
    EntryIndex, Genesis, Hash, LedgerId, NetworkId, ReplicaId, RequestId, TimeMs,
};
use sekisho_ledger::signature::SigningKey;
use sekisho_ledger::{View, check_genesis, ledger_id, tree};
use sekisho_proto::v1;
use sekisho_proto::v1::raft_service_client::RaftServiceClient;
use sekisho_transport::{Deadline, PeerDirectory, outgoing};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::Channel;

/// Pause before the start-up barrier is tried again.
const BARRIER_PAUSE: Duration = Duration::from_millis(50);

/// A running replica. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Replica(Arc<Inner>);

struct Inner {
    config: Config,
    genesis: Genesis,
    network: NetworkId,
    store: Store,
    raft: Raft,
    peers: Arc<Peers>,
    /// Dropped at shutdown, which ends the batcher once what waits is proposed.
    queue: Mutex<Option<Queue>>,
    places: Semaphore,
    checked: Arc<Checked>,
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
    checkpoint_key: SigningKey,
    collector: Collector,
    /// Whether the start-up barrier is passed.
    ready: watch::Sender<bool>,
    stopped: CancellationToken,
    tasks: TaskTracker,
}

/// Where a replica stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its id.
    pub replica: ReplicaId,
    /// The network that runs it.
    pub network: NetworkId,
    /// Which ledger.
    pub ledger: LedgerId,
    /// Whether the start-up barrier is passed.
    pub ready: bool,
    /// Why it stopped for good, if it did.
    pub fault: Option<Arc<str>>,
    /// The leader it knows.
    pub leader: Option<ReplicaId>,
    /// The Raft term.
    pub term: u64,
    /// The last Raft log index it has.
    pub log_last: u64,
    /// The last Raft log index it has applied.
    pub log_applied: u64,
    /// Leaves applied.
    pub tree_size: u64,
    /// The root of the tree of this size.
    pub root: Hash,
    /// Stamped time of the last batch.
    pub time: TimeMs,
    /// On a leader: milliseconds since a majority last acknowledged it.
    pub quorum_ack_ms: Option<u64>,
    /// The replicas of the ledger.
    pub members: Vec<MemberStatus>,
}

/// A replica as its peers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStatus {
    /// Its id.
    pub replica: ReplicaId,
    /// How it is reached.
    pub member: Member,
    /// Whether it votes.
    pub voter: bool,
    /// On a leader: the last Raft log index it is known to have.
    pub log_matched: Option<u64>,
}

/// Why a wait ended without what was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// Not before the deadline.
    #[error("not applied here before the deadline")]
    Deadline,
    /// The replica stopped.
    #[error("this replica stopped")]
    Stopped,
}

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
        let network = fit(&config, &genesis, &keys)?;
        let (opening, founding) = (config.clone(), genesis.clone());
        let directory = Arc::new(Directory::default());
        let known = Arc::clone(&directory);
        let store = blocking(move || {
            let store = Store::open(&opening, &founding, ledger_id(&founding))?;
            known.reload(&store.read_state()?)?;
            Ok(store)
        })
        .await?;
        let checked = Arc::new(Checked::default());
        let peers = Arc::new(Peers::new(
            keys.transport,
            Arc::clone(&directory),
            Arc::clone(&clock),
            config.timing.heartbeat,
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
        let (queue, batches) = batcher(raft.clone(), Arc::clone(&clock));
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
            places: Semaphore::new(QUEUE_MAX),
            checked,
            directory,
            clock,
            checkpoint_key: keys.checkpoint,
            collector: Collector::default(),
            ready: watch::Sender::new(false),
            stopped: CancellationToken::new(),
            tasks,
        }));
        replica.initialize().await?;
        replica.0.tasks.spawn(replica.clone().pass_barrier());
        replica.0.tasks.spawn(replica.clone().watch_faults());
        Ok(replica)
    }

    /// Every founder proposes the same first membership; only what is empty takes it.
    async fn initialize(&self) -> Result<(), ReplicaError> {
        use openraft::error::{InitializeError, RaftError};
        match self.0.raft.initialize(self.founders()).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(error) => Err(ReplicaError::Raft(error.to_string())),
        }
    }

    fn founders(&self) -> BTreeMap<u64, Member> {
        let member = |r: &sekisho_domain::FoundingReplica| Member {
            network: r.network.to_string(),
            endpoint: r.endpoint.clone(),
        };
        self.0
            .genesis
            .replicas
            .iter()
            .map(|r| (r.id.0, member(r)))
            .collect()
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
        let nothing = Proposal(v1::Batch {
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

    fn close(&self) {
        self.0
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.0.ready.send_replace(false);
        self.0.stopped.cancel();
    }

    /// Stops: takes nothing more, lets what is under way end (at most [`SHUTDOWN_GRACE`]), leaves the
    /// group and flushes. Afterwards the store can be opened again.
    ///
    /// # Errors
    /// The store cannot be flushed; nothing acknowledged is lost by that.
    pub async fn shutdown(&self) -> Result<(), ReplicaError> {
        self.close();
        self.0.tasks.close();
        if tokio::time::timeout(SHUTDOWN_GRACE, self.0.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("work under way did not end within the grace period");
        }
        // Fails only if the engine's task panicked, which its own report says.
        let _ = self.0.raft.shutdown().await;
        let store = self.0.store.clone();
        blocking(move || store.close()).await
    }

    /// Waits until the start-up barrier is passed.
    ///
    /// # Errors
    /// [`WaitError`].
    pub async fn wait_ready(&self, deadline: Deadline) -> Result<(), WaitError> {
        let mut ready = self.0.ready.subscribe();
        self.wait(deadline, async move {
            drop(ready.wait_for(|ready| *ready).await)
        })
        .await
    }

    /// Waits until the leaf at an index is applied here.
    ///
    /// # Errors
    /// [`WaitError`].
    pub async fn wait_applied(
        &self,
        index: EntryIndex,
        deadline: Deadline,
    ) -> Result<(), WaitError> {
        self.wait_size(index.0.saturating_add(1), deadline).await
    }

    pub(crate) async fn wait_size(&self, size: u64, deadline: Deadline) -> Result<(), WaitError> {
        let mut applied = self.0.store.size();
        self.wait(deadline, async move {
            drop(applied.wait_for(|applied| *applied >= size).await)
        })
        .await
    }

    async fn wait(
        &self,
        deadline: Deadline,
        what: impl Future<Output = ()>,
    ) -> Result<(), WaitError> {
        tokio::select! {
            biased;
            () = self.0.stopped.cancelled() => Err(WaitError::Stopped),
            done = deadline.bound(what) => done.map_err(|_| WaitError::Deadline),
        }
    }

    /// Reads the state as it is now, in one consistent view, off the async threads.
    ///
    /// # Errors
    /// The store failed, or whatever `read` returns.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&ReadState) -> Result<T, ReplicaError> + Send + 'static,
    ) -> Result<T, ReplicaError> {
        let store = self.0.store.clone();
        blocking(move || read(&store.read_state()?)).await
    }

    /// The encoded leaf at an index, if it is applied here.
    ///
    /// # Errors
    /// The store failed.
    pub async fn leaf(&self, index: EntryIndex) -> Result<Option<Vec<u8>>, ReplicaError> {
        self.read(move |state| View(state).leaf(index).map_err(state_error))
            .await
    }

    /// The leaf of a request id, if it is applied here. Absent means *not here, not yet*, never *not*.
    ///
    /// # Errors
    /// The store failed.
    pub async fn outcome_of(
        &self,
        request_id: RequestId,
    ) -> Result<Option<(EntryIndex, Vec<u8>)>, ReplicaError> {
        self.read(move |state| {
            let view = View(state);
            let Some(requested) = view.requested(&request_id).map_err(state_error)? else {
                return Ok(None);
            };
            let leaf = view.leaf(requested.index).map_err(state_error)?;
            Ok(leaf.map(|leaf| (requested.index, leaf)))
        })
        .await
    }

    /// The proof that a leaf is in the tree of a size (RFC 6962 §2.1.1).
    ///
    /// # Errors
    /// There is no such leaf or size here, or the store failed.
    pub async fn inclusion_proof(
        &self,
        index: EntryIndex,
        size: u64,
    ) -> Result<Vec<Hash>, ReplicaError> {
        self.read(move |state| tree::inclusion_proof(state, index, size).map_err(state_error))
            .await
    }

    /// The proof that one tree continues another (RFC 6962 §2.1.2).
    ///
    /// # Errors
    /// There is no such size here, or the store failed.
    pub async fn consistency_proof(
        &self,
        size1: u64,
        size2: u64,
    ) -> Result<Vec<Hash>, ReplicaError> {
        self.read(move |state| tree::consistency_proof(state, size1, size2).map_err(state_error))
            .await
    }

    /// Where this replica stands.
    ///
    /// # Errors
    /// The store failed.
    pub async fn status(&self) -> Result<Status, ReplicaError> {
        let metrics = self.0.raft.metrics().borrow().clone();
        let store = self.0.store.clone();
        let fault = self.0.store.poison().borrow().clone();
        let meta = match fault {
            // What a failed disk holds is not shown as the state.
            Some(_) => None,
            None => {
                blocking(move || {
                    let state = store.read_state()?;
                    let meta = View(&state).meta().map_err(state_error)?;
                    let meta = meta.ok_or(ReplicaError::Damaged("the state"))?;
                    let root = tree::root(&state, meta.size).map_err(state_error)?;
                    Ok(Some((meta, root)))
                })
                .await?
            }
        };
        let voters: Vec<u64> = metrics.membership_config.voter_ids().collect();
        let matched = |id: &u64| Some(metrics.replication.as_ref()?.get(id)?.as_ref()?.index);
        Ok(Status {
            replica: self.0.config.replica,
            network: self.0.network.clone(),
            ledger: self.ledger(),
            ready: *self.0.ready.borrow(),
            fault,
            leader: metrics.current_leader.map(ReplicaId),
            term: metrics.current_term,
            log_last: metrics.last_log_index.unwrap_or_default(),
            log_applied: metrics.last_applied.map(|id| id.index).unwrap_or_default(),
            tree_size: meta.as_ref().map_or(0, |(meta, _)| meta.size),
            root: meta
                .as_ref()
                .map_or(sekisho_ledger::merkle::empty_root(), |(_, root)| *root),
            time: meta.as_ref().map_or(TimeMs(0), |(meta, _)| meta.time),
            quorum_ack_ms: metrics.millis_since_quorum_ack,
            members: metrics
                .membership_config
                .nodes()
                .map(|(&id, member)| MemberStatus {
                    replica: ReplicaId(id),
                    member: member.clone(),
                    voter: voters.contains(&id),
                    log_matched: matched(&id),
                })
                .collect(),
        })
    }

    /// Whose the transport keys are, by the state applied here.
    pub fn directory(&self) -> Arc<dyn PeerDirectory> {
        Arc::clone(&self.0.directory) as _
    }

    /// Which ledger.
    pub fn ledger(&self) -> LedgerId {
        self.0.store.ledger()
    }

    /// The act that founded the ledger.
    pub fn genesis(&self) -> &Genesis {
        &self.0.genesis
    }

    /// Whether the replica takes nothing more.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.is_cancelled()
    }

    /// Waits until the replica takes nothing more, for whatever reason.
    pub async fn stopped(&self) {
        self.0.stopped.cancelled().await;
    }

    /// Whether the start-up barrier is passed.
    pub fn is_ready(&self) -> bool {
        *self.0.ready.borrow()
    }

    pub(crate) fn id(&self) -> u64 {
        self.0.config.replica.0
    }

    pub(crate) fn raft(&self) -> &Raft {
        &self.0.raft
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    pub(crate) fn checked(&self) -> &Arc<Checked> {
        &self.0.checked
    }

    pub(crate) fn places(&self) -> &Semaphore {
        &self.0.places
    }

    pub(crate) fn collector(&self) -> &Collector {
        &self.0.collector
    }

    pub(crate) fn checkpoint_key(&self) -> &SigningKey {
        &self.0.checkpoint_key
    }

    pub(crate) fn queue(&self) -> Option<Queue> {
        self.0
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The replicas of the ledger: those of the membership in effect, the founders before there is one.
    pub(crate) fn members(&self) -> BTreeMap<u64, Member> {
        let metrics = self.0.raft.metrics();
        let metrics = metrics.borrow();
        let members: BTreeMap<u64, Member> = metrics
            .membership_config
            .nodes()
            .map(|(&id, member)| (id, member.clone()))
            .collect();
        if members.is_empty() {
            self.founders()
        } else {
            members
        }
    }

    /// The replicas that vote.
    pub(crate) fn voters(&self) -> Vec<u64> {
        self.0
            .raft
            .metrics()
            .borrow()
            .membership_config
            .voter_ids()
            .collect()
    }

    pub(crate) fn channel(&self, replica: u64) -> Result<Channel, ReplicaError> {
        match self.members().get(&replica) {
            Some(member) => self.0.peers.channel(replica, member),
            None => Err(ReplicaError::Damaged("the membership")),
        }
    }

    pub(crate) fn leader(&self) -> Option<u64> {
        self.0.raft.metrics().borrow().current_leader
    }

    /// Whether this replica may put new work in the log: it is ready, it leads, all of earlier terms is
    /// applied here, and a majority has answered within the election timeout (R5).
    pub(crate) fn may_propose(&self) -> bool {
        let election = self.0.config.timing.election_max.as_millis();
        let metrics = self.0.raft.metrics();
        let metrics = metrics.borrow();
        self.is_ready()
            && leads(&metrics)
            && metrics
                .last_applied
                .is_some_and(|id| id.leader_id.term == metrics.current_term)
            && metrics
                .millis_since_quorum_ack
                .is_none_or(|ms| u128::from(ms) <= election)
    }

    /// Ends when this replica does not lead.
    pub(crate) async fn leads_no_more(&self) {
        // An error means that the engine is gone, and leadership with it.
        let _ = self
            .0
            .raft
            .metrics()
            .wait_for(|metrics| !leads(metrics))
            .await;
    }

    /// Ends when another replica leads, or none.
    pub(crate) async fn leader_is_not(&self, leader: u64) {
        let _ = self
            .0
            .raft
            .metrics()
            .wait_for(|metrics| metrics.current_leader != Some(leader))
            .await;
    }

    /// Waits for another leader than this one, at most so long.
    pub(crate) async fn leader_changed(&self, from: Option<u64>, at_most: Duration) {
        let mut metrics = self.0.raft.metrics();
        let changed = metrics.wait_for(|metrics| metrics.current_leader != from);
        let _ = tokio::time::timeout(at_most, changed).await;
    }
}

fn leads(metrics: &RaftMetrics<u64, Member>) -> bool {
    metrics.state == ServerState::Leader && metrics.current_leader == Some(metrics.id)
}

/// Checks that configuration, genesis and keys are about the same replica. Returns its network.
fn fit(config: &Config, genesis: &Genesis, keys: &Keys) -> Result<NetworkId, ReplicaError> {
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
    let founding = founding
        .ok_or_else(|| ReplicaError::Genesis(format!("the genesis file names no replica {id}")))?;
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
    Ok(founding.network.clone())
}
