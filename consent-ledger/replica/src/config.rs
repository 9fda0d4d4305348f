//! What a replica is told at start, and every bound it keeps (P12).

use crate::ReplicaError;
use crate::disk::Disk;
use crate::timing::Timing;
use sekisho_domain::{ReplicaId, TimeMs};
use sekisho_ledger::signature::SigningKey;
use sekisho_transport::Identity;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Entries in one batch. At 20 µs a signature a follower checks a full one in about 10 ms.
pub const BATCH_ENTRIES_MAX: usize = 512;
/// Bytes of envelopes in one batch: with framing it stays far below gRPC's 4 MiB message limit.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// How long a batch waits at most for company while another one is under way.
pub const BATCH_LINGER: Duration = Duration::from_millis(3);
/// Batches proposed and not yet applied, at the longest distance ([`Timing::batches_in_flight`]).
pub const BATCHES_IN_FLIGHT_MAX: usize = 6;
/// Submissions waiting for a batch: four full batches. Beyond it a new one is refused at once, or takes the place of
/// one of the network that has most.
pub const QUEUE_MAX: usize = 4 * BATCH_ENTRIES_MAX;
/// Submissions under way at one replica, from arrival to answer: one network alone may have half, which fills the queue.
pub const PLACES_MAX: usize = 2 * QUEUE_MAX;
/// Of these, those each network has whatever others do: a round of an institution's work.
pub const PLACES_ALWAYS: usize = 16;
/// Submissions on their way to the leader at once: two full batches.
pub const FORWARDS_MAX: usize = 2 * BATCH_ENTRIES_MAX;
/// Calls that carry submissions, over one connection at once: fewer than its streams, which consensus needs too.
pub const CALLS_MAX: usize = sekisho_transport::limits::STREAMS_MAX as usize * 3 / 4;
/// Submissions in one call.
pub const SUBMISSIONS_MAX: usize = 128;
/// Bytes of submissions in one call, unless it carries a single one: with framing it stays below
/// [`REQUEST_BYTES_MAX`].
pub const SUBMISSIONS_BYTES_MAX: usize = 60 * 1024;
/// Public keys kept ready for checking: those of every node and network of a large federation.
pub const READY_KEYS_MAX: usize = 4_096;
/// Of these, keys with a table that halves a check: 14 MiB of tables, which fit into a processor's cache.
pub const TABLES_MAX: usize = 64;
/// Checks after which a key gets its table. Making one takes as long as eight checks, so it costs 3 % at the most even
/// where so many keys are in use that tables are lost before they are used.
pub const TABLE_AFTER: u64 = 256;
/// Signature checks remembered: of entries between arrival and apply, all that can be queued and in flight, twice, which leaves
/// room for nodes' statements, looked at by a broker and at once by the node beside it.
pub const CHECKED_MAX: usize = 2 * (QUEUE_MAX + BATCHES_IN_FLIGHT_MAX * BATCH_ENTRIES_MAX);
/// Signatures checked by one task, so that a batch is spread over the machine's cores.
pub const CHECKS_PER_TASK: usize = 64;
/// So few entries are checked, or applied, where they are: handing them to another thread and back takes as long.
pub const AT_ONCE_MAX: usize = 8;
/// Bytes of one request of `LedgerService`: the largest is an entry of 16 KiB with 64 signatures.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Bytes of Raft entries in one AppendEntries message, unless a single entry is larger.
pub const APPEND_BYTES_MAX: usize = 1024 * 1024;
/// Raft entries in one AppendEntries message.
pub const APPEND_ENTRIES_MAX: u64 = 64;
/// Time for which AppendEntries messages are sent on one call: long beside what beginning one takes, and short beside the
/// time a process that stops waits for its connections.
pub const APPENDS_CALL_LIFE: Duration = Duration::from_secs(1);
/// Bytes of one piece of a snapshot.
pub const SNAPSHOT_CHUNK_BYTES: usize = 1024 * 1024;
/// Pieces of a snapshot read ahead of the network.
pub const SNAPSHOT_CHUNKS_AHEAD: usize = 4;
/// Time for a whole snapshot, from its first byte to its installation.
pub const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(55);
/// Largest difference between a leader's clock and a follower's: times on the ledger are the leader's.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(30);
/// Time to compute and fetch one cosignature.
pub const COSIGN_TIMEOUT: Duration = Duration::from_secs(10);
/// Time between two published checkpoints while the tree grows: what a sealed receipt waits for at most.
pub const PUBLISH_EVERY: Duration = Duration::from_secs(1);
/// Leaves read from the store at a time for a stream.
pub const LEAVES_AT_ONCE: usize = 64;
/// Voters of one ledger: as many cosignatures as a note holds.
pub const VOTERS_MAX: usize = sekisho_ledger::note::NOTE_SIGNATURES_MAX;
/// Page cache of the store.
pub const STORE_CACHE_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of rows applied that are kept in memory before they are written to the database: as many as make that one
/// write of many pages, few enough to be applied again in seconds after a crash.
pub const FLUSH_BYTES: usize = 32 * 1024 * 1024;
/// As many times that, and whoever applies waits for the disk.
pub const FLUSHES_BEHIND_MAX: usize = 2;
/// Bytes of the latest Raft entries kept in memory, for replicas that are a moment behind.
pub const LOG_CACHE_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of one file of the Raft log, made ahead of time.
pub const LOG_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Files of the Raft log kept to be used again.
pub const LOG_SPARES_MAX: usize = 2;
/// Time for work under way to end at shutdown.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// How one replica is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which replica of the genesis file this is.
    pub replica: ReplicaId,
    /// Directory of the store; created where it does not exist.
    pub data_dir: PathBuf,
    /// File that remembers that this replica has run. Not inside `data_dir`: it must survive its loss.
    pub marker: PathBuf,
    /// See [`Timing`].
    pub timing: Timing,
    /// Raft entries after which the log is cut.
    pub snapshot_every: u64,
    /// Raft entries kept behind the cut, for replicas that were away for a short while.
    pub log_kept: u64,
    /// Time between two published checkpoints while the tree grows.
    pub publish_every: Duration,
    /// Bytes of one file of the Raft log.
    pub log_file_bytes: u64,
    /// In the place of the data directory's own disk, for the store; snapshots and tiles are not concerned.
    pub disk: Option<Arc<dyn Disk>>,
    /// What stands in the place of the network.
    #[cfg(feature = "simulation")]
    pub world: Option<crate::simulation::World>,
}

impl Config {
    /// The defaults for a directory: timing between prefectures, the log cut every 5,000 Raft entries,
    /// the marker beside the directory.
    pub fn new(replica: ReplicaId, data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        let mut marker = data_dir.clone().into_os_string();
        marker.push(format!(".replica-{replica}.started"));
        Self {
            replica,
            data_dir,
            marker: marker.into(),
            timing: Timing::WIDE_AREA,
            snapshot_every: 5_000,
            log_kept: 1_000,
            publish_every: PUBLISH_EVERY,
            log_file_bytes: LOG_FILE_BYTES,
            disk: None,
            #[cfg(feature = "simulation")]
            world: None,
        }
    }

    /// The consensus engine's own configuration.
    pub(crate) fn raft(&self) -> Result<Arc<openraft::Config>, ReplicaError> {
        let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        if self.marker.starts_with(&self.data_dir) {
            return Err(ReplicaError::Config(format!(
                "the marker {} must not lie in the data directory it guards",
                self.marker.display()
            )));
        }
        openraft::Config {
            cluster_name: "sekisho".to_owned(),
            heartbeat_interval: ms(self.timing.heartbeat),
            election_timeout_min: ms(self.timing.election_min),
            election_timeout_max: ms(self.timing.election_max),
            install_snapshot_timeout: ms(SNAPSHOT_TIMEOUT),
            max_payload_entries: APPEND_ENTRIES_MAX,
            snapshot_policy: openraft::SnapshotPolicy::LogsSinceLast(self.snapshot_every),
            // Whoever is farther behind than the log reaches back gets a snapshot.
            replication_lag_threshold: self.snapshot_every.saturating_add(self.log_kept),
            max_in_snapshot_log_to_keep: self.log_kept,
            ..openraft::Config::default()
        }
        .validate()
        .map(Arc::new)
        .map_err(|error| ReplicaError::Config(error.to_string()))
    }
}

/// The secrets of one replica.
pub struct Keys {
    /// Presented to peers; the genesis file names its public half.
    pub transport: Identity,
    /// Cosigns checkpoints and acknowledges commits; the genesis file names its public half.
    pub checkpoint: SigningKey,
}

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> TimeMs;
}

/// This machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> TimeMs {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        TimeMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
