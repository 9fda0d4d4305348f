//! A cluster of replicas in this process, on real sockets and disks.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod genesis;

use genesis::{checkpoint, governance, transport};
use sekisho_domain::{Body, Entry, FacilityKind, Genesis, LedgerId, ReplicaId, RequestId, TimeMs};
use sekisho_ledger::signature::SigningKey;
use sekisho_ledger::store::{StateRead, Table};
use sekisho_ledger::{View, ledger_id, sign_entry};
use sekisho_proto::v1::raft_service_client::RaftServiceClient;
use sekisho_proto::v1::{self, append_entries_reply};
use sekisho_replica::{Clock, Config, Keys, Replica, SubmitError, Submitted, SystemClock, Timing};
use sekisho_transport::{
    ClientLimits, Deadline, Expected, Identity, Incoming, ServerLimits, channel, outgoing, server,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

/// Longest wait for anything: far above what it takes, so that a slow machine does not fail a test.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Ids of replicas of the second lineage begin here.
pub const LINEAGE: u64 = 1 << 48;

pub fn patience() -> Deadline {
    Deadline::after(PATIENCE)
}

/// A call on which a leader sends one message after the other.
pub struct Appending {
    messages: mpsc::Sender<v1::AppendEntriesRequest>,
    replies: Streaming<v1::AppendEntriesReply>,
}

impl Appending {
    pub async fn begin(to: Channel) -> Result<Self, Status> {
        let (messages, outbound) = mpsc::channel(1);
        let outbound = outgoing(ReceiverStream::new(outbound), patience());
        let begun = RaftServiceClient::new(to).append_entries(outbound).await?;
        Ok(Self {
            messages,
            replies: begun.into_inner(),
        })
    }

    /// What a message is answered with; nothing if the call has ended.
    pub async fn send(
        &mut self,
        message: v1::AppendEntriesRequest,
    ) -> Result<Option<append_entries_reply::Reply>, Status> {
        // Where the call has ended, the answer says so.
        let _ = self.messages.send(message).await;
        self.hear().await
    }

    /// The next answer; nothing if the call has ended.
    pub async fn hear(&mut self) -> Result<Option<append_entries_reply::Reply>, Status> {
        let reply = self.replies.message().await?;
        Ok(reply.and_then(|reply| reply.reply))
    }
}

/// What a leader's message is answered with, on a call of its own.
pub async fn append(
    to: Channel,
    message: v1::AppendEntriesRequest,
) -> Result<append_entries_reply::Reply, Status> {
    let reply = Appending::begin(to).await?.send(message).await?;
    reply.ok_or_else(|| Status::unavailable("the call ended without an answer"))
}

/// This machine's clock, so many milliseconds ahead.
pub struct Ahead(pub u64);

impl Clock for Ahead {
    fn now(&self) -> TimeMs {
        SystemClock.now().plus_ms(self.0)
    }
}

struct Running {
    replica: Replica,
    runtime: Runtime,
}

pub struct Cluster {
    dirs: Vec<TempDir>,
    pub genesis: Genesis,
    pub snapshot_every: u64,
    pub log_kept: u64,
    /// An hour, so that checkpoints come when they are asked for, unless a test is about publishing.
    pub publish_every: Duration,
    pub timing: Timing,
    running: BTreeMap<u64, Running>,
    listeners: BTreeMap<u64, TcpListener>,
    /// Where the replica of each network answers, from network 1 on.
    endpoints: Vec<String>,
    /// Replicas that joined later: whose keys and folder they have.
    pub joined: BTreeMap<u64, u64>,
    /// The lineage entries are said in.
    pub lineage: u64,
}

impl Cluster {
    /// A ledger of `n` networks, the first `replicas` of which run one; none is started.
    pub async fn of(n: u64, replicas: u64) -> Self {
        let mut listeners = BTreeMap::new();
        for id in 1..=n {
            listeners.insert(id, TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let endpoints: Vec<String> = listeners
            .values()
            .map(|l| l.local_addr().unwrap().to_string())
            .collect();
        let mut genesis = genesis::genesis(&endpoints);
        genesis.replicas.retain(|replica| replica.id.0 <= replicas);
        Self {
            dirs: (0..n).map(|_| tempfile::tempdir().unwrap()).collect(),
            genesis,
            snapshot_every: 5_000,
            log_kept: 1_000,
            publish_every: Duration::from_secs(3600),
            timing: Timing::LOOPBACK,
            running: BTreeMap::new(),
            listeners,
            endpoints,
            joined: BTreeMap::new(),
            lineage: 1,
        }
    }

    /// Has a replica that is not started yet listen elsewhere. The listener at the place the genesis file names,
    /// for whoever stands before it, and where it is instead.
    pub async fn behind(&mut self, id: u64) -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let real = listener.local_addr().unwrap().to_string();
        (self.listeners.insert(id, listener).unwrap(), real)
    }

    /// Three replicas, started and ready.
    pub async fn three() -> Self {
        let mut cluster = Self::of(3, 3).await;
        cluster.start_all().await;
        cluster
    }

    pub async fn start_all(&mut self) {
        let ids: Vec<u64> = self.genesis.replicas.iter().map(|r| r.id.0).collect();
        for &id in &ids {
            self.start(id).await;
        }
        for id in ids {
            self.replica(id).wait_ready(patience()).await.unwrap();
        }
    }

    /// Whose keys and folder a replica has: a founder's own number, a later one's network.
    fn number(&self, id: u64) -> u64 {
        self.joined.get(&id).copied().unwrap_or(id)
    }

    /// Where the replica of network `n` answers.
    pub fn endpoint(&self, n: u64) -> &str {
        &self.endpoints[n as usize - 1]
    }

    /// Has network `n` allocate a replica at the endpoint it has none at. Its id.
    pub async fn allocate(&mut self, n: u64) -> ReplicaId {
        let body = Body::ReplicaAllocate {
            endpoint: self.endpoint(n).to_owned(),
            transport_key: transport(n).public(),
            checkpoint_key: match self.lineage {
                1 => checkpoint(n).public_key(),
                _ => checkpoint(100 + n).public_key(),
            },
        };
        let done = self.govern(n, body).await;
        let id = ReplicaId::allocated(self.lineage, done.index);
        self.joined.insert(id.0, n);
        id
    }

    /// Puts in order what the governance of network `n` says, which must take effect.
    pub async fn govern(&self, n: u64, body: Body) -> Submitted {
        let envelope = self.said_by(n, body);
        let leader = self.leader().await;
        let submitted = self.replica(leader).submit(envelope, patience()).await;
        let submitted = submitted.unwrap();
        assert_eq!(submitted.outcome, sekisho_domain::Outcome::Accepted);
        submitted
    }

    /// The secrets of a replica.
    pub fn keys(&self, id: u64) -> Keys {
        let n = self.number(id);
        Keys {
            transport: transport(n),
            checkpoint: match id < LINEAGE {
                true => checkpoint(n),
                false => checkpoint(100 + n),
            },
        }
    }

    pub fn config(&self, id: u64) -> Config {
        let n = self.number(id) as usize;
        let folder = format!("data-{}", id / LINEAGE);
        let mut config = Config::new(ReplicaId(id), self.dirs[n - 1].path().join(folder));
        config.timing = self.timing;
        config.snapshot_every = self.snapshot_every;
        config.log_kept = self.log_kept;
        config.publish_every = self.publish_every;
        config
    }

    pub async fn start(&mut self, id: u64) {
        self.start_with(id, Arc::new(SystemClock)).await;
    }

    pub async fn start_with(&mut self, id: u64, clock: Arc<dyn Clock>) {
        let (n, keys) = (self.number(id), self.keys(id));
        let endpoint = self.endpoint(n).to_owned();
        let listener = match self.listeners.remove(&n) {
            Some(listener) => listener,
            None => TcpListener::bind(&endpoint).await.unwrap(),
        };
        let (config, genesis) = (self.config(id), self.genesis.clone());
        let listener = listener.into_std().unwrap();
        // A runtime of its own: ending it is the end of everything the replica does, as of a process.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let started = runtime.spawn(async move {
            let replica = Replica::start(config, genesis, keys, clock).await.unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            let limits = ServerLimits::default();
            let incoming =
                Incoming::new(listener, &transport(n), replica.directory(), limits).unwrap();
            replica.count_connections(incoming.turned_away());
            let serving = server()
                .add_service(replica.ledger_service())
                .add_service(replica.raft_service())
                .serve_with_incoming(incoming);
            tokio::spawn(async move { serving.await.unwrap() });
            replica
        });
        let replica = started.await.unwrap();
        self.running.insert(id, Running { replica, runtime });
    }

    /// Ends a replica as the end of its process would: nothing is told to anybody, nothing is flushed.
    pub async fn kill(&mut self, id: u64) {
        let Running { replica, runtime } = self.running.remove(&id).unwrap();
        drop(replica);
        let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE));
        ended.await.unwrap();
    }

    /// Ends a replica in good order.
    pub async fn stop(&mut self, id: u64) {
        let replica = self.replica(id).clone();
        replica.shutdown().await.unwrap();
        drop(replica);
        self.kill(id).await;
    }

    pub fn replica(&self, id: u64) -> &Replica {
        &self.running[&id].replica
    }

    /// Tasks of a replica's process that have not ended.
    pub fn tasks(&self, id: u64) -> usize {
        self.running[&id].runtime.metrics().num_alive_tasks()
    }

    pub fn ids(&self) -> Vec<u64> {
        self.running.keys().copied().collect()
    }

    pub fn ledger(&self) -> LedgerId {
        ledger_id(&self.genesis)
    }

    /// Waits until a running replica leads, and all running ones know it. One that stopped for good is not asked:
    /// what it knew last may be itself.
    pub async fn leader(&self) -> u64 {
        let deadline = patience();
        loop {
            let mut statuses = Vec::new();
            for running in self.running.values() {
                statuses.push(running.replica.status().await.unwrap());
            }
            let serving = || statuses.iter().filter(|status| status.fault.is_none());
            let leaders: BTreeSet<_> = serving().map(|status| status.leader).collect();
            if let Some(&Some(leader)) = leaders.first()
                && leaders.len() == 1
                && serving().any(|status| status.replica == leader)
            {
                return leader.0;
            }
            let patient = !deadline.remaining().is_zero();
            assert!(patient, "waited in vain for a leader: {statuses:#?}");
            tokio::task::yield_now().await;
        }
    }

    pub async fn follower(&self) -> u64 {
        let leader = self.leader().await;
        self.ids().into_iter().find(|&id| id != leader).unwrap()
    }

    /// The path of a replica's store.
    pub fn store_path(&self, id: u64) -> std::path::PathBuf {
        self.config(id).data_dir.join("ledger.redb")
    }

    /// A channel to a running replica, as the holder of a transport key.
    pub fn channel_as(&self, identity: &Identity, to: u64) -> Channel {
        let n = self.number(to);
        let expected = Expected::Network(genesis::network(n));
        let directory = self.replica(to).directory();
        channel(
            self.endpoint(n),
            expected,
            identity,
            directory,
            ClientLimits::default(),
        )
        .unwrap()
    }

    /// Every row of a replica's state.
    pub async fn rows(&self, id: u64) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
        let rows = |state: &sekisho_replica::ReadState| {
            let mut rows = Vec::new();
            for table in Table::ALL {
                let of = state.scan(table, b"", b"", usize::MAX)?;
                rows.extend(of.into_iter().map(|(key, value)| (table, key, value)));
            }
            Ok(rows)
        };
        self.replica(id).read(rows).await.unwrap()
    }

    /// Waits until all running replicas have this many leaves, then checks that their states are equal
    /// byte for byte.
    pub async fn assert_equal_states(&self, size: u64) {
        let log_last = self
            .replica(self.leader().await)
            .status()
            .await
            .unwrap()
            .log_last;
        let mut digests = BTreeMap::new();
        let mut first: Option<Vec<_>> = None;
        for id in self.ids() {
            let index = sekisho_domain::EntryIndex(size - 1);
            self.replica(id)
                .wait_applied(index, patience())
                .await
                .unwrap();
            // Also what makes no leaf, such as a batch of repetitions.
            until("the log to be applied", async || {
                let status = self.replica(id).status().await.unwrap();
                (status.log_applied >= log_last).then_some(())
            })
            .await;
            let meta =
                |state: &sekisho_replica::ReadState| Ok(View(state).meta().unwrap().unwrap());
            let meta = self.replica(id).read(meta).await.unwrap();
            assert_eq!(meta.size, size, "replica {id}");
            digests.insert(id, meta.digest);
            let rows = self.rows(id).await;
            assert!(
                first.get_or_insert_with(|| rows.clone()) == &rows,
                "replica {id} holds other rows"
            );
        }
        let mut values: Vec<_> = digests.values().collect();
        values.dedup();
        assert_eq!(values.len(), 1, "{digests:?}");
    }

    /// An entry that registers facility `n` of network 1.
    pub fn entry(&self, n: u64) -> Entry {
        let now = SystemClock.now();
        Entry {
            ledger: self.ledger(),
            lineage: self.lineage,
            author: governance(1).key_id(),
            request_id: request_id(),
            claimed_time: now,
            not_before: TimeMs(now.0 - 1_000),
            not_after: now.plus_ms(200_000),
            body: Body::FacilityRegister {
                facility: format!("411{n:07}").parse().unwrap(),
                kind: FacilityKind::Clinic,
                name: format!("clinic {n}"),
                municipality: None,
            },
        }
    }

    pub fn envelope(&self, n: u64) -> v1::Envelope {
        sign_entry(&self.entry(n), &[&governance(1)])
    }

    /// Signs a body as the governance of network `n`.
    pub fn said_by(&self, n: u64, body: Body) -> v1::Envelope {
        let key: SigningKey = governance(n);
        let entry = Entry {
            author: key.key_id(),
            body,
            ..self.entry(0)
        };
        sign_entry(&entry, &[&key])
    }

    pub async fn submit(&self, to: u64, n: u64) -> Result<Submitted, SubmitError> {
        let replica = self.replica(to);
        let envelope = self.envelope(n);
        replica.submit_acknowledged(envelope, patience()).await
    }
}

/// A request id not used before in this process.
pub fn request_id() -> RequestId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut id = [0; 16];
    id[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    RequestId(id)
}

/// Asks again until there is an answer.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = patience();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(!deadline.remaining().is_zero(), "waited in vain for {what}");
        tokio::task::yield_now().await;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (_, Running { replica, runtime }) in std::mem::take(&mut self.running) {
            drop(replica);
            runtime.shutdown_background();
        }
    }
}
