//! The handle of a running replica.

mod alarm;
mod start;
mod status;

pub use alarm::Alarm;
pub use status::{MemberStatus, Status};

use crate::batcher::Queue;
use crate::checked::Checked;
use crate::checkpoint::Collector;
use crate::config::{Clock, Config, SHUTDOWN_GRACE};
use crate::directory::{Directory, member};
use crate::fair::Shares;
use crate::gate::Gate;
use crate::raft::network::{Line, Peers};
use crate::raft::{Member, Raft};
use crate::readers::Readers;
use crate::refusals::{Refusal, Refusals};
use crate::store::{ReadState, Store, blocking};
use crate::submit::Submitter;
use crate::tiles::Tiles;
use crate::{ReplicaError, state_error};
use openraft::ServerState;
use sekisho_domain::{
    EntryIndex, Genesis, Hash, LedgerId, NetworkId, PublicKey, ReplicaId, RequestId,
};
use sekisho_ledger::attested::{Ask, AskFault, attest};
use sekisho_ledger::signature::{Signature, SigningKey};
use sekisho_ledger::{SignatureCheck, TransportAddress, View, tree};
use sekisho_proto::v1;
use sekisho_transport::{Deadline, PeerDirectory, TurnedAway};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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
    /// Submissions under way, of each network; see [`PLACES_MAX`](crate::config::PLACES_MAX).
    places: Mutex<Shares<NetworkId>>,
    /// Submissions on their way to the leader; see [`FORWARDS_MAX`](crate::config::FORWARDS_MAX).
    to_leader: Gate,
    /// The way there, for the last that led.
    way: Mutex<Option<(u64, Member, Submitter)>>,
    /// What was turned away.
    refusals: Refusals,
    /// What the transport turned away, once it listens.
    connections: OnceLock<Arc<TurnedAway>>,
    checked: Arc<Checked>,
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
    checkpoint_key: SigningKey,
    collector: Collector,
    tiles: Tiles,
    alarms: Mutex<BTreeMap<ReplicaId, Alarm>>,
    /// Why the group is not yet what the ledger says, if it is not; known to the leader.
    waits: Mutex<Option<String>>,
    /// When a leader last reached this replica; at first, when it started.
    led: Mutex<Instant>,
    /// Whether the start-up barrier is passed.
    ready: watch::Sender<bool>,
    stopped: CancellationToken,
    tasks: TaskTracker,
    readers: Readers,
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

/// As [`Strict`](sekisho_ledger::Strict) does, and remembers which held; keys that check much do so sooner.
impl SignatureCheck for Replica {
    fn holds(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        self.checked().holds(key, message, signature)
    }
}

impl Replica {
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

    /// The same where it waits for nothing but the state, and soon ends; by few threads, one after the other, since many
    /// such questions come together.
    ///
    /// # Errors
    /// As [`Replica::read`].
    pub async fn read_briefly<T: Send + 'static>(
        &self,
        read: impl FnOnce(&ReadState) -> Result<T, ReplicaError> + Send + 'static,
    ) -> Result<T, ReplicaError> {
        let store = self.0.store.clone();
        let readers = &self.0.readers;
        readers.run(move || read(&store.read_state()?)).await
    }

    /// The encoded leaf at an index, if it is applied here.
    ///
    /// # Errors
    /// The store failed.
    pub async fn leaf(&self, index: EntryIndex) -> Result<Option<Vec<u8>>, ReplicaError> {
        self.read(move |state| View(state).leaf(index).map_err(state_error))
            .await
    }

    /// The leaf of a network's request id, if it is applied here. Absent means *not here, not yet*, never *not*.
    ///
    /// # Errors
    /// The store failed.
    pub async fn outcome_of(
        &self,
        by: NetworkId,
        request_id: RequestId,
    ) -> Result<Option<(EntryIndex, Vec<u8>)>, ReplicaError> {
        self.read(move |state| {
            let view = View(state);
            let Some(requested) = view.requested(&by, &request_id).map_err(state_error)? else {
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

    /// Rows of the state as it is now, signed by this replica.
    pub(crate) async fn attest(
        &self,
        ask: Ask,
    ) -> Result<Result<v1::StateReply, AskFault>, ReplicaError> {
        let this = self.clone();
        self.read(move |state| attest(state, &this.ledger(), &ask, this.checkpoint_key()))
            .await
    }

    /// Whose the transport keys are, by the state applied here.
    pub fn directory(&self) -> Arc<dyn PeerDirectory> {
        Arc::clone(&self.0.directory) as _
    }

    /// Where networks are reached, by the state applied here: as of every leaf that [`Replica::wait_applied`] answered.
    pub fn transport_addresses(&self) -> Arc<[TransportAddress]> {
        self.0.directory.addresses()
    }

    /// Which ledger.
    pub fn ledger(&self) -> LedgerId {
        self.0.store.ledger()
    }

    /// How this replica is set up.
    pub fn config(&self) -> &Config {
        &self.0.config
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

    /// A place for a submission that a network sent here, if it may have one more.
    pub(crate) fn place(&self, network: &NetworkId) -> Option<Place> {
        let mut places = self.0.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.take(network).then(|| Place {
            replica: self.clone(),
            network: network.clone(),
        })
    }

    pub(crate) fn to_leader(&self) -> &Gate {
        &self.0.to_leader
    }

    /// Counts what was turned away.
    pub(crate) fn refused(&self, refusal: Refusal) {
        self.0.refusals.count(refusal);
    }

    /// Has [`Replica::status`] tell what the transport turned away too. The first one given is kept.
    pub fn count_connections(&self, turned_away: Arc<TurnedAway>) {
        // Another listener's are told by the other's owner.
        let _ = self.0.connections.set(turned_away);
    }

    pub(crate) fn collector(&self) -> &Collector {
        &self.0.collector
    }

    pub(crate) fn tiles(&self) -> Tiles {
        self.0.tiles.clone()
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
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

    /// The replicas of the ledger as peers: those the ledger says take part, those the group still has, and one let in ahead
    /// of the applied state.
    pub(crate) fn members(&self) -> BTreeMap<u64, Member> {
        let metrics = self.0.raft.metrics();
        let metrics = metrics.borrow();
        let group = metrics.membership_config.nodes();
        let mut members: BTreeMap<u64, Member> =
            group.map(|(&id, member)| (id, member.clone())).collect();
        for (id, replica) in self.0.directory.replicas().iter() {
            if replica.retired.is_none() {
                members.insert(id.0, member(replica));
            }
        }
        if let Some((id, replica)) = self.0.directory.introduced() {
            members.insert(id.0, member(&replica));
        }
        members
    }

    /// The network that runs this replica.
    pub fn network(&self) -> &NetworkId {
        &self.0.network
    }

    pub(crate) fn directory_of_replicas(&self) -> &Directory {
        &self.0.directory
    }

    pub(crate) fn waits(&self) -> Option<String> {
        let waits = self.0.waits.lock();
        waits.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_waits(&self, waits: Option<String>) {
        *self.0.waits.lock().unwrap_or_else(PoisonError::into_inner) = waits;
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

    pub(crate) fn channel(&self, replica: u64) -> Result<Line, ReplicaError> {
        match self.members().get(&replica) {
            Some(member) => self.0.peers.channel(replica, member),
            None => Err(ReplicaError::Damaged("the membership")),
        }
    }

    /// The way to the replica that leads, shared by all submissions that go there.
    pub(crate) fn way(&self, leader: u64) -> Result<Submitter, ReplicaError> {
        let members = self.members();
        let Some(member) = members.get(&leader) else {
            return Err(ReplicaError::Damaged("the membership"));
        };
        let mut way = self.0.way.lock().unwrap_or_else(PoisonError::into_inner);
        match &*way {
            Some((to, known, submitter)) if *to == leader && known == member => {
                Ok(submitter.clone())
            }
            _ => {
                let line = self.0.peers.channel(leader, member)?;
                let submitter = Submitter::forwarding(line);
                *way = Some((leader, member.clone(), submitter.clone()));
                Ok(submitter)
            }
        }
    }

    pub(crate) fn leader(&self) -> Option<u64> {
        self.0.raft.server_metrics().borrow().current_leader
    }

    /// Notes that a leader has reached this replica.
    pub(crate) fn heard_leader(&self) {
        *self.0.led.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// For how long no leader has reached this replica, and it has not led.
    pub(crate) fn alone_for(&self) -> Duration {
        if self.may_propose() {
            self.heard_leader();
        }
        let led = self.0.led.lock();
        led.unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Whether this replica may put new work in the log: it is ready, it leads, all of earlier terms is
    /// applied here, and a majority has answered within the election timeout (R5).
    pub(crate) fn may_propose(&self) -> bool {
        let election = self.0.config.timing.election_max.as_millis();
        let metrics = self.0.raft.metrics();
        let metrics = metrics.borrow();
        self.is_ready()
            && leads(metrics.id, metrics.state, metrics.current_leader)
            && metrics
                .last_applied
                .is_some_and(|id| id.leader_id.term == metrics.current_term)
            && metrics
                .millis_since_quorum_ack
                .is_none_or(|ms| u128::from(ms) <= election)
    }

    /// Ends when this replica does not lead. Everybody who waits for an entry waits here too, so it looks at what
    /// changes with leadership alone, not at what changes with every entry.
    pub(crate) async fn leads_no_more(&self) {
        // An error means that the engine is gone, and leadership with it.
        let _ = self
            .0
            .raft
            .server_metrics()
            .wait_for(|metrics| !leads(metrics.id, metrics.state, metrics.current_leader))
            .await;
    }

    /// Ends when another replica leads, or none.
    pub(crate) async fn leader_is_not(&self, leader: u64) {
        let _ = self
            .0
            .raft
            .server_metrics()
            .wait_for(|metrics| metrics.current_leader != Some(leader))
            .await;
    }

    /// Waits for another leader than this one, at most so long.
    pub(crate) async fn leader_changed(&self, from: Option<u64>, at_most: Duration) {
        let mut metrics = self.0.raft.server_metrics();
        let changed = metrics.wait_for(|metrics| metrics.current_leader != from);
        let _ = tokio::time::timeout(at_most, changed).await;
    }
}

/// A submission under way, until it is dropped.
pub(crate) struct Place {
    replica: Replica,
    network: NetworkId,
}

impl Place {
    /// Whose it is.
    pub(crate) fn network(&self) -> &NetworkId {
        &self.network
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let places = self.replica.0.places.lock();
        let mut places = places.unwrap_or_else(PoisonError::into_inner);
        places.give_back(&self.network);
    }
}

fn leads(id: u64, state: ServerState, leader: Option<u64>) -> bool {
    state == ServerState::Leader && leader == Some(id)
}
