//! Putting an entry in order through a voter, and believing two what became of it (P5).

use crate::voters::Known;
use crate::{Light, LightError};
use sekisho_domain::{EntryIndex, NetworkId, Outcome, TimeMs};
use sekisho_ledger::Leaf;
use sekisho_ledger::attested::Question;
use sekisho_ledger::store::Table;
use sekisho_proto::v1;
use sekisho_replica::SubmitError;
use sekisho_transport::Deadline;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// An entry on the ledger, as two voters have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its leaf.
    pub index: EntryIndex,
    /// Its stamped time.
    pub time: TimeMs,
    /// What it came to.
    pub outcome: Outcome,
    /// Whether the voter that took it says that the ledger had it before: for people, nothing rests on it.
    pub duplicate: bool,
}

/// What all attempts so far leave to be said.
#[derive(Default)]
struct SoFar {
    /// One voter may have put it in order.
    maybe_sent: bool,
    overloaded: bool,
    not_now: Option<String>,
    /// Networks whose voters say that it is no entry for this ledger now, and the sentence of one.
    invalid: BTreeSet<NetworkId>,
    sentence: String,
}

impl SoFar {
    fn add(&mut self, of: &NetworkId, error: SubmitError) {
        match error {
            SubmitError::Invalid(_) | SubmitError::InvalidAtLeader(_) => {
                self.sentence = error.to_string();
                self.invalid.insert(of.clone());
            }
            SubmitError::NotNow(why) => self.not_now = Some(why),
            SubmitError::Overloaded => self.overloaded = true,
            SubmitError::Unavailable | SubmitError::Stopped => {}
            SubmitError::Unknown | SubmitError::Malformed(_) => self.maybe_sent = true,
        }
    }

    /// One voter's refusal is one voter's word: whether another one took the entry is not known then.
    fn end(self) -> SubmitError {
        match self {
            Self {
                maybe_sent: true, ..
            } => SubmitError::Unknown,
            Self { invalid, .. } if invalid.len() == 1 => SubmitError::Unknown,
            Self { invalid, .. } if invalid.len() > 1 => {
                SubmitError::InvalidAtLeader(self.sentence)
            }
            Self {
                not_now: Some(why), ..
            } => SubmitError::NotNow(why),
            Self {
                overloaded: true, ..
            } => SubmitError::Overloaded,
            _ => SubmitError::Unavailable,
        }
    }
}

impl Light {
    /// Puts an entry in order: through one voter after another, until two have the leaf it became.
    ///
    /// # Errors
    /// See [`SubmitError`]. `Unknown` also where it was put in order and fewer than two voters could tell.
    pub async fn submit(
        &self,
        envelope: v1::Envelope,
        deadline: Deadline,
    ) -> Result<Committed, SubmitError> {
        let voters = self.0.voters.all();
        let first = self.0.first.load(Ordering::Relaxed);
        let mut so_far = SoFar::default();
        for n in 0..voters.len() {
            let place = (first + n) % voters.len();
            let Some(voter) = voters.get(place) else {
                break;
            };
            if deadline.remaining().is_zero() || so_far.invalid.len() > 1 {
                break;
            }
            // One that hangs leaves the next its time.
            let share = match n + 1 < voters.len() {
                true => Deadline::after(deadline.remaining() / 2).min(deadline),
                false => deadline,
            };
            match self.attempt(voter, &envelope, share).await {
                Ok(committed) => {
                    self.0.first.store(place, Ordering::Relaxed);
                    return Ok(committed);
                }
                Err(error) => so_far.add(&voter.voter.network, error),
            }
        }
        Err(so_far.end())
    }

    async fn attempt(
        &self,
        voter: &Arc<Known>,
        envelope: &v1::Envelope,
        deadline: Deadline,
    ) -> Result<Committed, SubmitError> {
        let submitted = voter.submitter.submit(envelope.clone(), deadline).await?;
        let leaf = self.leaf(submitted.index, deadline).await;
        let leaf = leaf.map_err(|error| {
            tracing::warn!(index = %submitted.index, %error, "what became of an entry is not known yet");
            SubmitError::Unknown
        })?;
        // Another entry's place is no answer about this one.
        let leaf = leaf.filter(|leaf| leaf.envelope.payload == envelope.payload);
        let Some(leaf) = leaf else {
            let replica = voter.voter.replica;
            tracing::error!(%replica, index = %submitted.index, "a voter named another entry's place");
            return Err(SubmitError::Unknown);
        };
        Ok(Committed {
            index: submitted.index,
            time: leaf.time,
            outcome: leaf.outcome,
            duplicate: submitted.duplicate,
        })
    }

    /// The leaf at an index, as two voters have it.
    async fn leaf(
        &self,
        index: EntryIndex,
        deadline: Deadline,
    ) -> Result<Option<Leaf>, LightError> {
        let question = Question {
            table: Table::Leaf,
            key: index.0.to_be_bytes().to_vec(),
            scan: None,
        };
        let size = index.0.saturating_add(1);
        let agreed = self.ask(&[question], size, deadline).await?;
        let row = agreed.answers.into_iter().flatten().next();
        let leaf = row.map(|(_, bytes)| Leaf::decode(&bytes)).transpose();
        leaf.map_err(|e| LightError::Fault(e.to_string()))
    }
}
