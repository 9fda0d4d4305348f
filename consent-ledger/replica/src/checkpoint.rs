//! Checkpoints: this replica's cosignature, and a note that a majority of voters cosigned (P7).
//!
//! A replica cosigns only its own root, of a tree it has applied, after (size, root) and all that led to
//! it are on disk (T2), and never a smaller tree than before. Roots are compared before anything is
//! published: a peer that signed another root for the same size is proof of a fork, and this replica
//! stops with it in its report (T1). An unsigned other root proves nothing and is only refused.

use crate::config::COSIGN_TIMEOUT;
use crate::replica::{Replica, WaitError};
use crate::store::{Recorded, blocking};
use crate::{ReplicaError, state_error};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sekisho_domain::{Hash, PublicKey, ReplicaId};
use sekisho_ledger::checkpoint::{Checkpoint, Quorum, VerifiedCheckpoint, cosign};
use sekisho_ledger::note::{KeyName, Note, NoteKey, NoteSignature, SignatureKind};
use sekisho_ledger::{checkpoint_origin, checkpoint_voters, tree};
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_transport::{Deadline, outgoing};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

/// Pause before cosignatures are asked for again.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
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
    /// The replica cannot; after a fork it has stopped.
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

/// The last checkpoint collected; its lock lets one collection serve all who wait (R11).
#[derive(Default)]
pub(crate) struct Collector(Mutex<Option<Arc<Cosigned>>>);

/// One voter's answer.
enum Answer {
    Signed(NoteSignature),
    Behind(u64),
    Nothing,
}

impl Replica {
    /// This replica's cosignature over its own tree of a size.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub async fn cosign(
        &self,
        size: u64,
        deadline: Deadline,
    ) -> Result<v1::CosignReply, CheckpointError> {
        let (checkpoint, signature) = self.cosign_note(size, deadline).await?;
        let (time, bytes) = signature
            .bytes
            .split_at_checked(TIME_BYTES)
            .unwrap_or_default();
        Ok(v1::CosignReply {
            root: checkpoint.root().0.to_vec(),
            timestamp_s: time.try_into().map(u64::from_be_bytes).unwrap_or_default(),
            key_id: self.checkpoint_key().key_id().0.to_vec(),
            signature: bytes.to_vec(),
        })
    }

    async fn cosign_note(
        &self,
        size: u64,
        deadline: Deadline,
    ) -> Result<(Checkpoint, NoteSignature), CheckpointError> {
        self.wait_size(size, deadline).await?;
        let this = self.clone();
        let signed = blocking(move || {
            let root = tree::root(&this.store().read_state()?, size).map_err(state_error)?;
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

    /// A checkpoint of at least this many leaves that a majority of the voters cosigned. One collected
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
        let mut last = deadline
            .bound(self.collector().0.lock())
            .await
            .map_err(|_| WaitError::Deadline)?;
        if let Some(last) = last
            .as_ref()
            .filter(|last| last.checkpoint.size() >= min_size)
        {
            return Ok(Arc::clone(last));
        }
        let collected = Arc::new(self.collect(deadline).await?);
        *last = Some(Arc::clone(&collected));
        Ok(collected)
    }

    async fn collect(&self, deadline: Deadline) -> Result<Cosigned, CheckpointError> {
        let mut size = *self.store().size().borrow();
        loop {
            let voters = self.voters();
            let known: Vec<_> = voters
                .iter()
                .map(|&id| self.voter(id))
                .collect::<Result<_, _>>()?;
            let quorum = Quorum::majority(checkpoint_origin(&self.ledger()), &known)
                .map_err(ReplicaError::from)?;
            let mut largest = size;
            match self.cosign_note(size, deadline).await {
                Err(CheckpointError::Behind { last }) => largest = last,
                Err(error) => return Err(error),
                Ok((checkpoint, own)) => {
                    let mut signatures = if voters.contains(&self.id()) {
                        vec![own]
                    } else {
                        Vec::new()
                    };
                    let others = voters.iter().filter(|&&id| id != self.id());
                    let mut answers: FuturesUnordered<_> = others
                        .map(|&id| self.ask(id, &checkpoint, deadline))
                        .collect();
                    while signatures.len() < quorum.needed() {
                        match answers.next().await {
                            Some(Ok(Answer::Signed(signature))) => signatures.push(signature),
                            Some(Ok(Answer::Behind(last))) => largest = largest.max(last),
                            Some(Ok(Answer::Nothing)) => {}
                            Some(Err(error)) => return Err(error),
                            None => break,
                        }
                    }
                    if signatures.len() >= quorum.needed() {
                        let note =
                            Note::new(checkpoint.text(), signatures).map_err(ReplicaError::from)?;
                        let checkpoint = quorum.verify(&note).map_err(ReplicaError::from)?;
                        return Ok(Cosigned {
                            note: note.to_string(),
                            checkpoint,
                        });
                    }
                    let pause = RETRY_PAUSE.min(deadline.remaining());
                    if pause.is_zero() {
                        let (got, needed) = (signatures.len(), quorum.needed());
                        return Err(CheckpointError::Unavailable { got, needed });
                    }
                    if largest == size {
                        tokio::time::sleep(pause).await;
                    }
                }
            }
            // Whoever asks for the largest tree is refused by nobody.
            self.wait_size(largest, deadline).await?;
            size = largest.max(*self.store().size().borrow());
        }
    }

    /// Asks one voter. `Err` only if it proved a fork.
    async fn ask(
        &self,
        replica: u64,
        checkpoint: &Checkpoint,
        deadline: Deadline,
    ) -> Result<Answer, CheckpointError> {
        let Ok(channel) = self.channel(replica) else {
            return Ok(Answer::Nothing);
        };
        let deadline = deadline.min(Deadline::after(COSIGN_TIMEOUT));
        let request = outgoing(
            v1::CosignRequest {
                size: checkpoint.size(),
            },
            deadline,
        );
        let mut client = LedgerServiceClient::new(channel);
        let reply = match deadline.bound(client.cosign(request)).await {
            Ok(Ok(reply)) => reply.into_inner(),
            Ok(Err(status)) => {
                let last = status
                    .metadata()
                    .get(COSIGNED_SIZE)
                    .and_then(|size| size.to_str().ok()?.parse().ok());
                return Ok(last.map_or(Answer::Nothing, Answer::Behind));
            }
            Err(_) => return Ok(Answer::Nothing),
        };
        let (name, key) = self.voter(replica)?;
        let key = NoteKey::new(name.clone(), SignatureKind::Cosignature, &key)
            .map_err(ReplicaError::from)?;
        let bytes = [reply.timestamp_s.to_be_bytes().as_slice(), &reply.signature].concat();
        let signature = NoteSignature {
            name,
            key_hash: key.hash(),
            bytes,
        };
        let Ok(root) = Hash::try_from(reply.root.as_slice()) else {
            return Ok(Answer::Nothing);
        };
        let theirs = Checkpoint::new(checkpoint.origin(), checkpoint.size(), root)
            .map_err(ReplicaError::from)?;
        let holds = Note::new(theirs.text(), vec![signature.clone()])
            .and_then(|note| note.verify(&[key]))
            .is_ok_and(|verified| verified.len() == 1);
        if !holds {
            tracing::warn!(replica, "a cosignature does not hold");
            return Ok(Answer::Nothing);
        }
        if root != checkpoint.root() {
            let fork = ReplicaError::Fork {
                peer: ReplicaId(replica),
                size: checkpoint.size(),
            };
            self.store().poison_with(&fork);
            return Err(fork.into());
        }
        Ok(Answer::Signed(signature))
    }
}
