//! What can go wrong with a replica itself. What becomes of a submission is a [`SubmitError`](crate::SubmitError).

use crate::raft::WireError;
use sekisho_domain::{EntryIndex, Hash, LedgerId, ReplicaId};
use sekisho_ledger::ProofError;
use sekisho_transport::TransportError;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a replica cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// A file or directory of the replica cannot be used.
    #[error("{} cannot be {action}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried: `created`, `read`, `written`, `removed`.
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The database failed. Final: see [`ReplicaError::Poisoned`].
    #[error("the store failed")]
    Database(#[source] Box<redb::Error>),
    /// Another process has the store open.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// What is stored is not in a format this version knows.
    #[error("{what} is stored in format {got}, this version reads {expected}")]
    Format {
        /// Which value.
        what: &'static str,
        /// The version found.
        got: u8,
        /// The version known.
        expected: u8,
    },
    /// The Raft log's files cannot be read.
    #[error("{0}")]
    Log(String),
    /// What is stored cannot be what this program stored.
    #[error("{0} in the store is damaged")]
    Damaged(&'static str),
    /// The store belongs to another ledger.
    #[error("the store belongs to ledger {found}, not to {expected}")]
    OtherLedger {
        /// Whose it is.
        found: LedgerId,
        /// Whose it should be.
        expected: LedgerId,
    },
    /// The store belongs to another replica.
    #[error("the store belongs to replica {found}, not to replica {expected}")]
    OtherReplica {
        /// Whose it is.
        found: ReplicaId,
        /// Whose it should be.
        expected: ReplicaId,
    },
    /// A replica that has voted before came back without its memory; it could vote a second time.
    #[error(
        "replica {replica} has run before ({} says so), but its store is empty: a replica that lost its \
         store could vote a second time and takes part no more: retire it with `sekisho ledger leave {replica}` \
         on a machine that runs, and take its place under a new id with `sekisho ledger join`",
        marker.display()
    )]
    StoreLost {
        /// The replica.
        replica: ReplicaId,
        /// The marker that remembers the first start.
        marker: PathBuf,
    },
    /// The ledger gives this replica no place, or its store was not filled yet.
    #[error(
        "the ledger gives replica {0} no place as far as this machine knows: run `sekisho ledger join` here first"
    )]
    NotJoined(ReplicaId),
    /// The ledger took this replica's place back, for good.
    #[error(
        "replica {replica} was retired{} and takes part no more; a retired id never comes back: \
         join under a new one with `sekisho ledger join`",
        by.map(|by| format!(" by ledger index {by}")).unwrap_or_default()
    )]
    Retired {
        /// The replica.
        replica: ReplicaId,
        /// The entry that retired it, where it is known here.
        by: Option<EntryIndex>,
    },
    /// An import is only for a replica that has never run: what one that has run remembers must not change.
    #[error("{} holds a ledger already: filled to its end (then `sekisho serve` starts on it), of a replica that has run, or another one; only an empty place, or one that was being filled, is filled: move it aside first", .0.display())]
    HasRun(PathBuf),
    /// An import was interrupted.
    #[error("the import into {} was interrupted; run it again to its end before the replica starts", .0.display())]
    ImportUnfinished(PathBuf),
    /// The configuration contradicts itself.
    #[error("{0}")]
    Config(String),
    /// The genesis file does not name this replica, or does not fit its keys.
    #[error("{0}")]
    Genesis(String),
    /// The core found its own state contradictory.
    #[error("the ledger's state is contradictory")]
    State(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A proof, key or note is not well formed.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// Connections cannot be set up.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A peer's message, or a stored one, is not well formed.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A snapshot does not have the digest it was announced with.
    #[error("a snapshot has digest {got}, announced was {announced}")]
    SnapshotDigest {
        /// The digest announced.
        announced: Hash,
        /// The digest of what came.
        got: Hash,
    },
    /// What came as a snapshot is none.
    #[error("what came as a snapshot is none: at row {row}, {why}")]
    NoSnapshot {
        /// Rows before the one that is wrong.
        row: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// A majority of the voters computed another tree: this machine is broken, or was tampered with.
    #[error(
        "a majority of the voters computed another root for size {size}: {majority}, this replica {computed}"
    )]
    Minority {
        /// The size.
        size: u64,
        /// What this replica computed.
        computed: Hash,
        /// What the majority did.
        majority: Hash,
    },
    /// A sealed file, which never changes, holds something else than the state says.
    #[error("{} holds something else than the state says, from byte {offset} on", path.display())]
    TileDiffers {
        /// The file.
        path: PathBuf,
        /// The first byte that differs, from 0.
        offset: usize,
    },
    /// The checkpoint on disk is not one a majority cosigned.
    #[error("{} is not a checkpoint of this ledger", path.display())]
    PublishedCheckpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ProofError,
    },
    /// This replica's tree is not the one it cosigned before.
    #[error("the root at size {size} is not the one this replica cosigned")]
    OwnFork {
        /// The size.
        size: u64,
    },
    /// The replica stopped for good after an earlier fault.
    #[error("the replica stopped for good: {0}")]
    Poisoned(Arc<str>),
    /// The consensus engine stopped.
    #[error("consensus stopped: {0}")]
    Raft(String),
    /// The replica was shut down.
    #[error("the replica is shut down")]
    ShutDown,
}

impl ReplicaError {
    /// A database error, whichever of redb's kinds it came as.
    pub(crate) fn database(error: impl Into<redb::Error>) -> Self {
        Self::Database(Box::new(error.into()))
    }

    /// With the whole chain of causes, for a message that must stand alone.
    pub(crate) fn chain(&self) -> String {
        use std::error::Error as _;
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}
