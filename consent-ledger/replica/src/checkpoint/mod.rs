//! Checkpoints: this replica's cosignature, and notes that a majority of voters cosigned (P7).
//!
//! A replica cosigns only its own root, of a tree it has applied, after (size, root) and all that led to
//! it are on disk (T2), and never a smaller tree than before. Roots are compared before anybody signs (T1):
//! whoever collects says its root, a voter that computed another answers with its own and signs nothing, and
//! the collector signs last. So one flipped bit never leads to a signature.
//!
//! ```text
//! collector                         each other voter
//!   size, root ───────────────────▶   same root: records (size, root), signs
//!   ◀── root, signature ───────────   another:   says which, signs nothing
//!   a majority computed mine:       record, sign, publish; alarm over those who differ
//!   a majority computed another:    stop: this replica is the one that is wrong
//!   neither:                        no checkpoint; alarm; ask again
//! ```
//!
//! Every replica compares what is published with its own tree, so that one that is wrong stops even where it
//! never collects. Publishing is [`publish`]'s.

mod collect;
mod publish;

use crate::replica::{Replica, WaitError};
use crate::store::{Recorded, blocking};
use crate::tiles::{CHECKPOINT, Tiles};
use crate::{ReplicaError, state_error};
use sekisho_domain::{Genesis, Hash, PublicKey};
use sekisho_ledger::checkpoint::{Checkpoint, Quorum, VerifiedCheckpoint, cosign};
use sekisho_ledger::note::{KeyName, Note, NoteSignature};
use sekisho_ledger::{ProofError, checkpoint_origin, checkpoint_voters, ledger_id, tree};
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

/// Header of a refusal to cosign: the larger size cosigned before.
const COSIGNED_SIZE: &str = "sekisho-cosigned-size";
/// Length of the time in a cosignature (C2SP tlog-cosignature: 8 bytes, big endian, then 64).
const TIME_BYTES: usize = 8;

/// A note a majority of voters cosigned, and what it says.
#[derive(Debug, Clone)]
pub struct Cosigned {
    /// The note's text with its signatures (C2SP signed-note).
    pub note: String,
    /// What was verified of it.
    pub checkpoint: VerifiedCheckpoint,
}

/// Why there is no checkpoint or cosignature.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The tree did not have the size before the deadline, or the replica stopped.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// No majority cosigned before the deadline.
    #[error("{got} of {needed} cosignatures came before the deadline")]
    Unavailable {
        /// How many came.
        got: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A larger tree was cosigned before.
    #[error("a tree of {last} leaves was cosigned before")]
    Behind {
        /// Its size.
        last: u64,
    },
    /// The replica cannot; where a majority computed another root it has stopped.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

impl CheckpointError {
    /// The status to answer with.
    pub fn status(&self) -> Status {
        use sekisho_proto::ErrorCode;
        match self {
            Self::Wait(WaitError::Deadline) | Self::Unavailable { .. } => {
                ErrorCode::DeadlineExceeded.status(self.to_string())
            }
            Self::Wait(WaitError::Stopped) => ErrorCode::Unavailable.status(self.to_string()),
            Self::Behind { last } => {
                let mut status = Status::new(Code::FailedPrecondition, self.to_string());
                status
                    .metadata_mut()
                    .insert(COSIGNED_SIZE, MetadataValue::from(*last));
                status
            }
            Self::Replica(error) => {
                tracing::error!(error = error.chain(), "no cosignature");
                ErrorCode::Internal.status("this replica cannot cosign")
            }
        }
    }
}

/// The last checkpoint, and the lock that lets one collection serve all who wait (R11).
pub(crate) struct Collector {
    collecting: Mutex<()>,
    /// Held while a checkpoint is compared and written, so that a smaller one never follows a larger.
    accepting: Mutex<()>,
    published: watch::Sender<Option<Arc<Cosigned>>>,
}

impl Collector {
    /// One that begins with what was published before the start.
    pub fn new(published: Option<Cosigned>) -> Self {
        Self {
            collecting: Mutex::new(()),
            accepting: Mutex::new(()),
            published: watch::Sender::new(published.map(Arc::new)),
        }
    }
}

/// The checkpoint an earlier process published, checked to be one of this ledger.
pub(crate) fn read_published(
    tiles: &Tiles,
    genesis: &Genesis,
) -> Result<Option<Cosigned>, ReplicaError> {
    let Some(bytes) = tiles.read_checkpoint()? else {
        return Ok(None);
    };
    let verify = || {
        let origin = checkpoint_origin(&ledger_id(genesis));
        let note = Note::parse(&bytes)?;
        let checkpoint = Quorum::majority(origin, &checkpoint_voters(genesis)?)?.verify(&note)?;
        Ok(Cosigned {
            note: note.to_string(),
            checkpoint,
        })
    };
    let verified: Result<_, ProofError> = verify();
    verified
        .map(Some)
        .map_err(|source| ReplicaError::PublishedCheckpoint {
            path: tiles.folder().join(CHECKPOINT),
            source,
        })
}

impl Replica {
    /// This replica's cosignature over its own tree of a size, if its root is the caller's too; else its own
    /// root, unsigned.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub async fn cosign(
        &self,
        size: u64,
        root: Hash,
        deadline: Deadline,
    ) -> Result<v1::CosignReply, CheckpointError> {
        self.wait_size(size, deadline).await?;
        let own = self.root(size).await?;
        let mut reply = v1::CosignReply {
            root: own.0.to_vec(),
            key_id: self.checkpoint_key().key_id().0.to_vec(),
            ..v1::CosignReply::default()
        };
        if own != root {
            tracing::warn!(size, ours = %own, theirs = %root, "asked to cosign another root; not signed");
            return Ok(reply);
        }
        let (_, signature) = self.cosign_note(size, root).await?;
        let (time, bytes) = signature
            .bytes
            .split_at_checked(TIME_BYTES)
            .unwrap_or_default();
        reply.timestamp_s = time.try_into().map(u64::from_be_bytes).unwrap_or_default();
        reply.signature = bytes.to_vec();
        Ok(reply)
    }

    async fn root(&self, size: u64) -> Result<Hash, ReplicaError> {
        self.read(move |state| tree::root(state, size).map_err(state_error))
            .await
    }

    /// Signs what this replica computed itself.
    async fn cosign_note(
        &self,
        size: u64,
        root: Hash,
    ) -> Result<(Checkpoint, NoteSignature), CheckpointError> {
        let this = self.clone();
        let signed = blocking(move || {
            // On disk first; see `Store::record_cosigned`.
            if let Recorded::Behind { last } = this.store().record_cosigned(size, root)? {
                return Ok(Err(last));
            }
            let checkpoint = Checkpoint::new(checkpoint_origin(&this.ledger()), size, root)?;
            let (name, _) = this.voter(this.id())?;
            let time_s = this.clock().now().0 / 1000;
            let signature = cosign(&checkpoint, &name, this.checkpoint_key(), time_s)?;
            Ok(Ok((checkpoint, signature)))
        })
        .await?;
        signed.map_err(|last| CheckpointError::Behind { last })
    }

    fn voter(&self, replica: u64) -> Result<(KeyName, PublicKey), ReplicaError> {
        let founders = self.genesis().replicas.iter();
        let named = founders.zip(checkpoint_voters(self.genesis())?);
        named
            .into_iter()
            .find_map(|(founder, voter)| (founder.id.0 == replica).then_some(voter))
            .ok_or(ReplicaError::Damaged("the membership"))
    }

    /// The last checkpoint a majority cosigned that this replica holds and agrees with.
    pub fn published(&self) -> Option<Arc<Cosigned>> {
        self.collector().published.borrow().clone()
    }

    /// A checkpoint of at least this many leaves that a majority of the voters cosigned. One published
    /// before is given again if it is large enough.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub async fn checkpoint(
        &self,
        min_size: u64,
        deadline: Deadline,
    ) -> Result<Arc<Cosigned>, CheckpointError> {
        self.wait_size(min_size, deadline).await?;
        let _collecting = deadline
            .bound(self.collector().collecting.lock())
            .await
            .map_err(|_| WaitError::Deadline)?;
        let large = |last: &Arc<Cosigned>| last.checkpoint.size() >= min_size;
        if let Some(last) = self.published().filter(large) {
            return Ok(last);
        }
        let collected = self.collect(deadline).await?;
        self.accept(collected).await
    }

    /// Takes a checkpoint that a majority cosigned for published: compares it with the own tree, keeps it on
    /// disk and tells everybody here.
    async fn accept(&self, cosigned: Cosigned) -> Result<Arc<Cosigned>, CheckpointError> {
        let (size, root) = (cosigned.checkpoint.size(), cosigned.checkpoint.root());
        self.check_own(size, root).await?;
        let cosigned = Arc::new(cosigned);
        let _accepting = self.collector().accepting.lock().await;
        if self
            .published()
            .is_some_and(|last| last.checkpoint.size() >= size)
        {
            return Ok(cosigned);
        }
        let (this, kept) = (self.clone(), Arc::clone(&cosigned));
        // On disk before anybody is told: after a crash this replica must not seem to know less.
        blocking(move || this.tiles().write_checkpoint(&kept.note)).await?;
        self.collector()
            .published
            .send_replace(Some(Arc::clone(&cosigned)));
        Ok(cosigned)
    }

    /// Stops for good if a majority's root is not this replica's.
    async fn check_own(&self, size: u64, root: Hash) -> Result<(), ReplicaError> {
        let computed = self.root(size).await?;
        if computed == root {
            return Ok(());
        }
        let fault = ReplicaError::Minority {
            size,
            computed,
            majority: root,
        };
        self.store().poison_with(&fault);
        Err(fault)
    }

    /// Whose cosignatures make a checkpoint now.
    fn quorum(&self) -> Result<Quorum, ReplicaError> {
        let voters: Result<Vec<_>, _> = self.voters().iter().map(|&id| self.voter(id)).collect();
        Ok(Quorum::majority(
            checkpoint_origin(&self.ledger()),
            &voters?,
        )?)
    }
}
