//! A checkpoint by way of a voter: a majority of the voters cosigned it, which is checked here.

use crate::voters::Known;
use crate::{Light, LightError};
use sekisho_ledger::checkpoint::{Checkpoint, Extensions, Quorum};
use sekisho_ledger::note::Note;
use sekisho_ledger::{ProofError, View, checkpoint_origin};
use sekisho_proto::v1;
use sekisho_transport::{Deadline, outgoing};
use std::sync::Arc;

/// A checkpoint a majority of the voters cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The C2SP signed note.
    pub note: String,
    /// The leaves it covers.
    pub size: u64,
}

impl Light {
    /// A checkpoint over at least so many leaves: of the first voter that has one which holds.
    ///
    /// # Errors
    /// [`LightError`]: no voter gave one in time.
    pub async fn checkpoint(
        &self,
        min_size: u64,
        deadline: Deadline,
    ) -> Result<Cosigned, LightError> {
        let voters = self.0.voters.all();
        let mut whys = Vec::new();
        for (n, voter) in voters.iter().enumerate() {
            let share = match n + 1 < voters.len() {
                true => Deadline::after(deadline.remaining() / 2).min(deadline),
                false => deadline,
            };
            match self.checkpoint_of(voter, min_size, share).await {
                Ok(cosigned) => return Ok(cosigned),
                Err(error) => whys.push(format!("replica {}: {error}", voter.voter.replica)),
            }
        }
        Err(LightError::TooFew {
            answered: 0,
            named: voters.len(),
            why: whys.join("; "),
            behind: false,
        })
    }

    async fn checkpoint_of(
        &self,
        voter: &Arc<Known>,
        min_size: u64,
        deadline: Deadline,
    ) -> Result<Cosigned, LightError> {
        let fault = |e: ProofError| LightError::Fault(e.to_string());
        let mut client = voter.client();
        let call = client.checkpoint(outgoing(v1::CheckpointRequest { min_size }, deadline));
        let reply = match deadline.bound(call).await {
            Ok(Ok(reply)) => reply.into_inner(),
            Ok(Err(status)) | Err(status) => {
                return Err(LightError::Fault(status.message().to_owned()));
            }
        };
        let note = Note::parse(reply.note.as_bytes()).map_err(fault)?;
        let claimed = Checkpoint::parse(note.text(), Extensions::Refuse).map_err(fault)?;
        let size = claimed.size();
        if size < min_size {
            return Err(LightError::Fault(format!("it has {size} leaves only")));
        }
        // Who votes there is known once two voters have that many leaves.
        self.ask(&[], size, deadline).await?;
        let voters = self.read(move |state| View(state).checkpoint_voters(size));
        let voters = voters
            .await?
            .map_err(|e| LightError::Fault(e.to_string()))?;
        Quorum::majority(checkpoint_origin(&self.0.ledger), &voters)
            .and_then(|quorum| quorum.verify(&note))
            .map_err(fault)?;
        Ok(Cosigned {
            note: reply.note,
            size,
        })
    }
}
