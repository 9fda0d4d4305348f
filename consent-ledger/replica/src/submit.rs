//! Getting an envelope applied, from any replica, across changes of leader (P5).
//!
//! A submission ends in exactly one of these, and "not sent" is never a guess: until the moment the
//! batcher takes it, it can be withdrawn; from then on, or once it was forwarded, it is *unknown* until
//! its outcome is. Trying again is always safe, since the request id makes it the same entry.

use crate::batcher::{Lost, Refused};
use crate::gate::Crowded;
use crate::membership::refuse;
use crate::refusals::Refusal;
use crate::replica::Replica;
use crate::store::blocking;
use crate::{ReplicaError, state_error};
use sekisho_domain::{EntryIndex, Hash, KeyId, NetworkId, Outcome, TimeMs};
use sekisho_ledger::signature::Signature;
use sekisho_ledger::tlog::acknowledged;
use sekisho_ledger::{Admitted, Applied, EntryFault, Leaf, View, admit, merkle};
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_proto::{ErrorCode, v1};
use sekisho_transport::{ConnectFailure, Deadline, outgoing};
use std::error::Error;
use std::time::Duration;
use tonic::Status;
use tonic::metadata::MetadataValue;

/// First pause before a submission looks for a leader again; each further one is twice as long.
const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// Longest such pause: what waits through an outage must not drown the replicas that end it.
const RETRY_PAUSE_MAX: Duration = Duration::from_millis(320);

/// Header of an answer that says that the submission did not take effect and will not.
const NOT_SENT: &str = "sekisho-not-sent";

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// Its place in the tree.
    pub index: EntryIndex,
    /// Its stamped time.
    pub time: TimeMs,
    /// What it came to.
    pub outcome: Outcome,
    /// Whether the ledger had it already.
    pub duplicate: bool,
    /// Its RFC 6962 leaf hash.
    pub leaf_hash: Hash,
    /// The checkpoint key of the replica that acknowledges it.
    pub acknowledged_by: KeyId,
    /// That replica's signature over [`acknowledged`].
    pub acknowledgement: Signature,
}

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Not an authentic entry for this ledger now; sending it again is useless.
    #[error(transparent)]
    Invalid(#[from] EntryFault),
    /// The same, found by the leader; its sentence.
    #[error("{0}")]
    InvalidAtLeader(String),
    /// Not sent: there is no leader with a majority behind it, or none was found before the deadline.
    #[error("no replica could take the entry before the deadline; it was not sent")]
    Unavailable,
    /// Not sent: too many are waiting.
    #[error("too many entries are waiting; this one was not sent")]
    Overloaded,
    /// Not sent: a change of the replicas that the group could not follow now; the leader's sentence.
    #[error("{0}")]
    NotNow(String),
    /// Sent; its outcome was not known at the deadline. Submit it again, or ask for its request id.
    #[error("the entry was sent, its outcome is not known; ask by its request id")]
    Unknown,
    /// This replica stopped. Not sent.
    #[error("this replica takes no entries any more")]
    Stopped,
    /// An answer that cannot be one of ours.
    #[error("a replica's answer is malformed: {0}")]
    Malformed(String),
}

impl SubmitError {
    /// The status to answer with.
    pub fn status(&self) -> Status {
        let code = match self {
            Self::Invalid(_) | Self::InvalidAtLeader(_) => ErrorCode::Invalid,
            Self::NotNow(_) => ErrorCode::Conflict,
            Self::Unavailable | Self::Stopped => ErrorCode::Unavailable,
            Self::Overloaded => ErrorCode::Overloaded,
            Self::Unknown => ErrorCode::Unknown,
            Self::Malformed(_) => ErrorCode::Internal,
        };
        let mut status = code.status(self.to_string());
        if matches!(
            self,
            Self::Unavailable | Self::Stopped | Self::Overloaded | Self::NotNow(_)
        ) {
            status
                .metadata_mut()
                .insert(NOT_SENT, MetadataValue::from_static("1"));
        }
        status
    }

    /// What a status of `LedgerService.Submit` means. Whatever does not say that nothing was sent is
    /// [`SubmitError::Unknown`].
    pub fn of(status: &Status) -> Self {
        let not_sent = status.metadata().contains_key(NOT_SENT) || never_connected(status);
        match ErrorCode::of(status) {
            ErrorCode::Invalid => Self::InvalidAtLeader(status.message().to_owned()),
            ErrorCode::Overloaded if not_sent => Self::Overloaded,
            ErrorCode::Conflict if not_sent => Self::NotNow(status.message().to_owned()),
            // Turned away before the entry was looked at.
            ErrorCode::Forbidden => Self::Unavailable,
            _ if not_sent => Self::Unavailable,
            _ => Self::Unknown,
        }
    }
}

/// A request whose connection was never made has not been sent.
fn never_connected(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<ConnectFailure>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// What one attempt came to.
enum Attempt {
    Done(Submitted),
    /// It cannot be otherwise, however often it is tried.
    Failed(SubmitError),
    /// Nothing was sent; try again.
    NotSent,
    /// Something may have been sent; try again.
    MaybeSent,
}

impl Replica {
    /// Puts an entry in order and applies it. Waits for a leader, and tries again after a change of
    /// leader, until the deadline. It takes one of the places of the network that runs this replica.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit(
        &self,
        envelope: v1::Envelope,
        deadline: Deadline,
    ) -> Result<Submitted, SubmitError> {
        self.submit_for(self.network(), envelope, deadline).await
    }

    /// The same for a network that sent it here, and takes one of that network's places.
    ///
    /// # Errors
    /// See [`SubmitError`].
    #[tracing::instrument(name = "submit", skip_all, fields(replica = %self.id(), index = tracing::field::Empty))]
    pub async fn submit_for(
        &self,
        network: &NetworkId,
        envelope: v1::Envelope,
        deadline: Deadline,
    ) -> Result<Submitted, SubmitError> {
        let Some(_place) = self.place(network) else {
            self.refused(Refusal::Overloaded);
            return Err(SubmitError::Overloaded);
        };
        let (mut maybe_sent, mut pause) = (false, RETRY_PAUSE);
        loop {
            if self.is_stopped() {
                return Err(if maybe_sent {
                    SubmitError::Unknown
                } else {
                    SubmitError::Stopped
                });
            }
            if deadline.remaining().is_zero() {
                return Err(if maybe_sent {
                    SubmitError::Unknown
                } else {
                    SubmitError::Unavailable
                });
            }
            let leader = self.leader();
            let attempt = match leader {
                Some(leader) if leader == self.id() => self.attempt_here(&envelope, deadline).await,
                Some(leader) => {
                    self.attempt_there(leader, network, &envelope, deadline)
                        .await
                }
                None => Attempt::NotSent,
            };
            match attempt {
                Attempt::Done(submitted) => {
                    tracing::Span::current().record("index", submitted.index.0);
                    return Ok(submitted);
                }
                // An attempt before this one may yet take effect, whatever this one was told.
                Attempt::Failed(_) if maybe_sent => return Err(SubmitError::Unknown),
                Attempt::Failed(error) => return Err(error),
                Attempt::NotSent => {}
                Attempt::MaybeSent => maybe_sent = true,
            }
            self.leader_changed(leader, pause.min(deadline.remaining()))
                .await;
            pause = (pause * 2).min(RETRY_PAUSE_MAX);
        }
    }

    /// One attempt, if this replica leads: what a forwarded submission gets.
    pub(crate) async fn submit_as_leader(
        &self,
        envelope: v1::Envelope,
        deadline: Deadline,
    ) -> Result<Submitted, SubmitError> {
        match self.attempt_here(&envelope, deadline).await {
            Attempt::Done(submitted) => Ok(submitted),
            Attempt::Failed(error) => Err(error),
            Attempt::NotSent => Err(SubmitError::Unavailable),
            Attempt::MaybeSent => Err(SubmitError::Unknown),
        }
    }

    async fn attempt_here(&self, envelope: &v1::Envelope, deadline: Deadline) -> Attempt {
        if !self.may_propose() {
            return Attempt::NotSent;
        }
        // A signature's check takes less than handing it to another thread and back would.
        let admit = || {
            let state = self.store().read_state()?;
            let (now, checked) = (self.clock().now(), self.checked().as_ref());
            admit(&state, envelope, now, checked).map_err(state_error)
        };
        let admitted = admit();
        let network = match admitted {
            Ok(Ok(Admitted::Fresh(authentic))) => {
                if let Some(why) = refuse(self, &authentic.entry().body).await {
                    self.refused(Refusal::NotNow);
                    return Attempt::Failed(SubmitError::NotNow(why));
                }
                authentic.author().network.clone()
            }
            Ok(Ok(Admitted::Known(index))) => return self.known(index).await,
            Ok(Err(fault)) => {
                self.refused(Refusal::from(&fault));
                return Attempt::Failed(fault.into());
            }
            Err(_) => return Attempt::Failed(SubmitError::Stopped),
        };
        let Some(queue) = self.queue() else {
            return Attempt::Failed(SubmitError::Stopped);
        };
        let (ticket, mut answer) = match queue.push(network, envelope.clone()) {
            Ok(queued) => queued,
            Err(Refused::Full) => {
                self.refused(Refusal::Overloaded);
                return Attempt::Failed(SubmitError::Overloaded);
            }
            Err(Refused::Closed) => return Attempt::Failed(SubmitError::Stopped),
        };
        let answered = tokio::select! {
            answered = &mut answer => answered,
            // Whether or not it left: with another leader, or none, it may never be answered here.
            () = self.leads_no_more() => Ok(Err(Lost::Unknown)),
            () = tokio::time::sleep(deadline.remaining()) => Ok(Err(Lost::Unknown)),
        };
        match answered {
            Ok(Ok(Applied::Leaf {
                index,
                time,
                outcome,
                leaf_hash,
            })) => Attempt::Done(self.acknowledge(index, time, outcome, leaf_hash, false)),
            Ok(Ok(Applied::Duplicate { index })) => self.known(index).await,
            Ok(Ok(Applied::Invalid(fault))) => Attempt::Failed(fault.into()),
            Ok(Err(Lost::Displaced)) => {
                self.refused(Refusal::Displaced);
                Attempt::Failed(SubmitError::Overloaded)
            }
            Ok(Err(Lost::Unknown)) | Err(_) => {
                if ticket.abandon() {
                    Attempt::NotSent
                } else {
                    Attempt::MaybeSent
                }
            }
        }
    }

    async fn known(&self, index: EntryIndex) -> Attempt {
        let this = self.clone();
        let read = blocking(move || {
            let state = this.store().read_state()?;
            let bytes = View(&state).leaf(index).map_err(state_error)?;
            let bytes = bytes.ok_or(ReplicaError::Damaged("a leaf"))?;
            let leaf = Leaf::decode(&bytes).map_err(|_| ReplicaError::Damaged("a leaf"))?;
            Ok((leaf.time, leaf.outcome, merkle::leaf_hash(&bytes)))
        })
        .await;
        match read {
            Ok((time, outcome, leaf_hash)) => {
                Attempt::Done(self.acknowledge(index, time, outcome, leaf_hash, true))
            }
            Err(error) => Attempt::Failed(SubmitError::Malformed(error.to_string())),
        }
    }

    fn acknowledge(
        &self,
        index: EntryIndex,
        time: TimeMs,
        outcome: Outcome,
        leaf_hash: Hash,
        duplicate: bool,
    ) -> Submitted {
        let key = self.checkpoint_key();
        Submitted {
            index,
            time,
            outcome,
            duplicate,
            leaf_hash,
            acknowledged_by: key.key_id(),
            acknowledgement: key.sign(&acknowledged(&self.ledger(), index, &leaf_hash)),
        }
    }

    async fn attempt_there(
        &self,
        leader: u64,
        network: &NetworkId,
        envelope: &v1::Envelope,
        deadline: Deadline,
    ) -> Attempt {
        let _pass = match deadline.bound(self.to_leader().pass(network.clone())).await {
            Ok(Ok(pass)) => pass,
            Ok(Err(Crowded)) => {
                self.refused(Refusal::Overloaded);
                return Attempt::Failed(SubmitError::Overloaded);
            }
            Err(_) => return Attempt::NotSent,
        };
        let Ok(channel) = self.channel(leader) else {
            return Attempt::NotSent;
        };
        let request = v1::SubmitRequest {
            envelope: Some(envelope.clone()),
            forwarded: true,
        };
        let mut client = LedgerServiceClient::new(channel);
        let answered = tokio::select! {
            answered = deadline.bound(client.submit(outgoing(request, deadline))) => answered,
            // A leader that vanished without a word answers nothing until the deadline.
            () = self.leader_is_not(leader) => return Attempt::MaybeSent,
        };
        match answered {
            Ok(Ok(reply)) => match Submitted::try_from(reply.into_inner()) {
                Ok(submitted) => Attempt::Done(submitted),
                Err(error) => Attempt::Failed(error),
            },
            Ok(Err(status)) => match SubmitError::of(&status) {
                SubmitError::Unavailable => Attempt::NotSent,
                SubmitError::Unknown => Attempt::MaybeSent,
                other => Attempt::Failed(other),
            },
            Err(_) => Attempt::MaybeSent,
        }
    }
}

impl From<Submitted> for v1::SubmitReply {
    fn from(submitted: Submitted) -> Self {
        Self {
            index: submitted.index.0,
            time_ms: submitted.time.0,
            outcome: Some((&submitted.outcome).into()),
            duplicate: submitted.duplicate,
            leaf_hash: submitted.leaf_hash.0.to_vec(),
            acknowledged_by: submitted.acknowledged_by.0.to_vec(),
            acknowledgement: submitted.acknowledgement.0.to_vec(),
        }
    }
}

impl TryFrom<v1::SubmitReply> for Submitted {
    type Error = SubmitError;
    fn try_from(reply: v1::SubmitReply) -> Result<Self, SubmitError> {
        let malformed = |error: &dyn Error| SubmitError::Malformed(error.to_string());
        let outcome = reply
            .outcome
            .ok_or(SubmitError::Malformed("it has no outcome".to_owned()))?;
        Ok(Self {
            index: EntryIndex(reply.index),
            time: TimeMs(reply.time_ms),
            outcome: outcome.try_into().map_err(|error| malformed(&error))?,
            duplicate: reply.duplicate,
            leaf_hash: reply
                .leaf_hash
                .as_slice()
                .try_into()
                .map_err(|error| malformed(&error))?,
            acknowledged_by: reply
                .acknowledged_by
                .as_slice()
                .try_into()
                .map_err(|error| malformed(&error))?,
            acknowledgement: reply
                .acknowledgement
                .as_slice()
                .try_into()
                .map_err(|error| malformed(&error))?,
        })
    }
}
