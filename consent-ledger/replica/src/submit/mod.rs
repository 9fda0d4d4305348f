//! Getting an envelope applied, from any replica, across changes of leader (P5).
//!
//! A submission ends in exactly one of these, and "not sent" is never a guess: until the moment the
//! batcher takes it, it can be withdrawn; from then on, or once it was forwarded, it is *unknown* until
//! its outcome is. Trying again is always safe, since the request id makes it the same entry.

mod error;
mod submitted;
mod submitter;

pub use error::SubmitError;
pub use submitted::Submitted;
pub use submitter::Submitter;

use crate::batcher::{Lost, Refused};
use crate::gate::Crowded;
use crate::membership::refuse;
use crate::refusals::Refusal;
use crate::replica::{Place, Replica};
use crate::store::blocking;
use crate::{ReplicaError, state_error};
use sekisho_domain::{EntryIndex, Hash, NetworkId};
use sekisho_ledger::tlog::{Acknowledgement, acknowledged};
use sekisho_ledger::{Admitted, Applied, Leaf, View, admit, merkle};
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::time::Duration;

/// First pause before a submission looks for a leader again; each further one is twice as long.
const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// Longest such pause: what waits through an outage must not drown the replicas that end it.
const RETRY_PAUSE_MAX: Duration = Duration::from_millis(320);

/// An entry to be put in order.
#[derive(Clone)]
pub(crate) struct Submitting {
    pub(crate) envelope: v1::Envelope,
    /// Whether the answer is to be signed.
    pub(crate) acknowledge: bool,
}

impl Submitting {
    pub(crate) fn new(envelope: v1::Envelope, acknowledge: bool) -> Self {
        Self {
            envelope,
            acknowledge,
        }
    }
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

    /// The same, and the leader signs what it answers.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit_acknowledged(
        &self,
        envelope: v1::Envelope,
        deadline: Deadline,
    ) -> Result<Submitted, SubmitError> {
        let place = self.place_for(self.network())?;
        let submitting = Submitting::new(envelope, true);
        self.submit_in(place, submitting, deadline).await
    }

    /// The same for a network that sent it here, and takes one of that network's places.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit_for(
        &self,
        network: &NetworkId,
        envelope: v1::Envelope,
        deadline: Deadline,
    ) -> Result<Submitted, SubmitError> {
        let place = self.place_for(network)?;
        let submitting = Submitting::new(envelope, false);
        self.submit_in(place, submitting, deadline).await
    }

    /// A place for a submission that a network sent here.
    pub(crate) fn place_for(&self, network: &NetworkId) -> Result<Place, SubmitError> {
        self.place(network).ok_or_else(|| {
            self.refused(Refusal::Overloaded);
            SubmitError::Overloaded
        })
    }

    /// Submits for the network that holds the place.
    #[tracing::instrument(name = "submit", skip_all, fields(replica = %self.id(), index = tracing::field::Empty))]
    pub(crate) async fn submit_in(
        &self,
        place: Place,
        submitting: Submitting,
        deadline: Deadline,
    ) -> Result<Submitted, SubmitError> {
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
                Some(leader) if leader == self.id() => {
                    self.attempt_here(&submitting, deadline).await
                }
                Some(leader) => {
                    self.attempt_there(leader, place.network(), &submitting, deadline)
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
        submitting: Submitting,
        deadline: Deadline,
    ) -> Result<Submitted, SubmitError> {
        match self.attempt_here(&submitting, deadline).await {
            Attempt::Done(submitted) => Ok(submitted),
            Attempt::Failed(error) => Err(error),
            Attempt::NotSent => Err(SubmitError::Unavailable),
            Attempt::MaybeSent => Err(SubmitError::Unknown),
        }
    }

    async fn attempt_here(&self, submitting: &Submitting, deadline: Deadline) -> Attempt {
        if !self.may_propose() {
            return Attempt::NotSent;
        }
        let Submitting {
            envelope,
            acknowledge,
        } = submitting;
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
            Ok(Ok(Admitted::Known(index))) => return self.known(index, *acknowledge).await,
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
            })) => Attempt::Done(Submitted {
                index,
                time,
                outcome,
                duplicate: false,
                leaf_hash,
                acknowledgement: acknowledge.then(|| self.acknowledge(index, &leaf_hash)),
            }),
            Ok(Ok(Applied::Duplicate { index })) => self.known(index, *acknowledge).await,
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

    /// Checks the signatures of what is about to be submitted here, if this replica leads: many together take less
    /// time than one after the other. Those of one call take some 2 ms, so they are checked where they are.
    pub(crate) fn check_ahead<'a>(
        &self,
        envelopes: impl Iterator<Item = &'a v1::Envelope> + Clone,
    ) -> Result<(), ReplicaError> {
        if self.leader() != Some(self.id()) {
            return Ok(());
        }
        self.checked()
            .check_ahead(envelopes, &self.store().read_state()?)
    }

    async fn known(&self, index: EntryIndex, acknowledge: bool) -> Attempt {
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
            Ok((time, outcome, leaf_hash)) => Attempt::Done(Submitted {
                index,
                time,
                outcome,
                duplicate: true,
                leaf_hash,
                acknowledgement: acknowledge.then(|| self.acknowledge(index, &leaf_hash)),
            }),
            Err(error) => Attempt::Failed(SubmitError::Malformed(error.to_string())),
        }
    }

    fn acknowledge(&self, index: EntryIndex, leaf_hash: &Hash) -> Acknowledgement {
        let key = self.checkpoint_key();
        Acknowledgement {
            by: key.key_id(),
            signature: key.sign(&acknowledged(&self.ledger(), index, leaf_hash)),
        }
    }

    async fn attempt_there(
        &self,
        leader: u64,
        network: &NetworkId,
        submitting: &Submitting,
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
        let Ok(way) = self.way(leader) else {
            return Attempt::NotSent;
        };
        let answered = tokio::select! {
            answered = way.submit_for(Some(network), submitting.clone(), deadline) => answered,
            // A leader that vanished without a word answers nothing until the deadline.
            () = self.leader_is_not(leader) => return Attempt::MaybeSent,
        };
        match answered {
            Ok(submitted) => Attempt::Done(submitted),
            Err(SubmitError::Unavailable) => Attempt::NotSent,
            Err(SubmitError::Unknown) => Attempt::MaybeSent,
            Err(other) => Attempt::Failed(other),
        }
    }
}
