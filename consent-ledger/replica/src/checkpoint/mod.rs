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
use sekisho_domain::{Hash, LedgerId, PublicKey, ReplicaId};
use sekisho_ledger::checkpoint::{Checkpoint, Extensions, Quorum, VerifiedCheckpoint, cosign};
use sekisho_ledger::note::{KeyName, Note, NoteSignature};
use sekisho_ledger::record::Replica as Place;
use sekisho_ledger::store::StateRead;
use sekisho_ledger::{ProofError, View, checkpoint_origin, tree, voter_name};
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

/// Header of a refusal to cosign: the larger size cosigned before.
const COSIGNED_SIZE: &str = "sekisho-cosigned-size";
/// Replicas, by id.
type Voters = Vec<(ReplicaId, Place)>;
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

/// A note that claims to be a checkpoint of this ledger: whose cosignatures it needs depends on its size.
pub(crate) struct Claimed {
    ledger: LedgerId,
    note: Note,
    checkpoint: Checkpoint,
}

impl Claimed {
    /// Reads a note.
    ///
    /// # Errors
    /// It is none, or not one of this ledger.
    pub fn parse(ledger: LedgerId, bytes: &[u8]) -> Result<Self, ProofError> {
        let note = Note::parse(bytes)?;
        let checkpoint = Checkpoint::parse(note.text(), Extensions::Refuse)?;
        let expected = checkpoint_origin(&ledger);
        if checkpoint.origin() != expected {
            let got = checkpoint.origin().to_owned();
            return Err(ProofError::OriginMismatch { expected, got });
        }
        Ok(Self {
            ledger,
            note,
            checkpoint,
        })
    }

    /// What was published in this folder, if anything was.
    ///
    /// # Errors
    /// [`ReplicaError::PublishedCheckpoint`], or the file cannot be read.
    pub fn published(tiles: &Tiles, ledger: LedgerId) -> Result<Option<Self>, ReplicaError> {
        let bytes = tiles.read_checkpoint()?;
        let claimed = bytes.map(|bytes| Self::parse(ledger, &bytes));
        claimed
            .transpose()
            .map_err(|source| ReplicaError::PublishedCheckpoint {
                path: tiles.folder().join(CHECKPOINT),
                source,
            })
    }

    /// What it claims.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Checks that a majority of these voters cosigned it.
    ///
    /// # Errors
    /// Those of [`Quorum::verify`].
    pub fn verify(self, voters: &[(KeyName, PublicKey)]) -> Result<Cosigned, ProofError> {
        let origin = checkpoint_origin(&self.ledger);
        let checkpoint = Quorum::majority(origin, voters)?.verify(&self.note)?;
        Ok(Cosigned {
            note: self.note.to_string(),
            checkpoint,
        })
    }

    /// The same against what a state says of its tree.
    ///
    /// # Errors
    /// Those of [`Quorum::verify`], or the state is damaged.
    pub fn verify_by<S: StateRead<Error = ReplicaError>>(
        self,
        state: &S,
    ) -> Result<Cosigned, ReplicaError> {
        let voters = View(state).checkpoint_voters(self.checkpoint.size());
        Ok(self.verify(&voters.map_err(state_error)?)?)
    }
}

/// The checkpoint an earlier process published, checked against the voters this state names. Before what is in the
/// Raft log is applied again the state may not name those of a later tree: then nothing is known yet.
pub(crate) fn read_published<S: StateRead<Error = ReplicaError>>(
    tiles: &Tiles,
    state: &S,
) -> Result<Option<Cosigned>, ReplicaError> {
    let meta = View(state).meta().map_err(state_error)?;
    let meta = meta.ok_or(ReplicaError::Damaged("the state"))?;
    let Some(claimed) = Claimed::published(tiles, meta.ledger)? else {
        return Ok(None);
    };
    let ahead = claimed.checkpoint.size() > meta.size;
    match claimed.verify_by(state) {
        Ok(cosigned) => Ok(Some(cosigned)),
        Err(ReplicaError::Proof(ProofError::QuorumShort { .. })) if ahead => Ok(None),
        Err(ReplicaError::Proof(source)) => Err(ReplicaError::PublishedCheckpoint {
            path: tiles.folder().join(CHECKPOINT),
            source,
        }),
        Err(error) => Err(error),
    }
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
            let name = voter_name(ReplicaId(this.id()), this.network())?;
            let time_s = this.clock().now().0 / 1000;
            let signature = cosign(&checkpoint, &name, this.checkpoint_key(), time_s)?;
            Ok(Ok((checkpoint, signature)))
        })
        .await?;
        signed.map_err(|last| CheckpointError::Behind { last })
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

    /// Whose cosignatures make a checkpoint of the tree of this size, which is applied here: those its leaves name.
    async fn voters_of(&self, size: u64) -> Result<Voters, ReplicaError> {
        self.read(move |state| View(state).voters_of(size).map_err(state_error))
            .await
    }
}
