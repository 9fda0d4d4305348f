//! The replicated ledger as a node's own: `sekisho-replica` behind [`Ledger`].

use crate::ledger::{Checkpoint, Committed, Ledger, LedgerFault, Question, Snapshot};
use sekisho_domain::EntryIndex;
use sekisho_ledger::EntryFault;
use sekisho_proto::v1;
use sekisho_replica::{CheckpointError, Replica, SubmitError, WaitError};
use sekisho_transport::Deadline;

#[tonic::async_trait]
impl Ledger for Replica {
    async fn submit(
        &self,
        envelope: v1::Envelope,
        deadline: Deadline,
    ) -> Result<Committed, LedgerFault> {
        match Replica::submit(self, envelope, deadline).await {
            Ok(submitted) => Ok(Committed {
                index: submitted.index,
                time: submitted.time,
                outcome: submitted.outcome,
                duplicate: submitted.duplicate,
            }),
            Err(SubmitError::Invalid(EntryFault::RequestIdReused)) => {
                Err(LedgerFault::RequestIdReused)
            }
            Err(
                error @ (SubmitError::Invalid(_)
                | SubmitError::InvalidAtLeader(_)
                | SubmitError::NotNow(_)),
            ) => Err(LedgerFault::NotTaken(Box::new(error))),
            Err(SubmitError::Overloaded) => Err(LedgerFault::Overloaded),
            Err(SubmitError::Unknown | SubmitError::Malformed(_)) => Err(LedgerFault::Unknown),
            Err(error @ (SubmitError::Unavailable | SubmitError::Stopped)) => {
                Err(LedgerFault::Unavailable(Box::new(error)))
            }
        }
    }

    async fn wait_applied(&self, index: EntryIndex, deadline: Deadline) -> Result<(), LedgerFault> {
        match Replica::wait_applied(self, index, deadline).await {
            Ok(()) => Ok(()),
            Err(WaitError::Deadline) => Err(LedgerFault::Behind(index)),
            Err(error @ WaitError::Stopped) => Err(LedgerFault::Unavailable(Box::new(error))),
        }
    }

    async fn read(&self, question: Question) -> Result<(), LedgerFault> {
        let checks = self.clone();
        Replica::read(self, move |state| {
            Snapshot::show(state, &checks, question);
            Ok(())
        })
        .await
        .map_err(|error| LedgerFault::State(Box::new(error)))
    }

    async fn checkpoint(
        &self,
        min_size: u64,
        deadline: Deadline,
    ) -> Result<Checkpoint, LedgerFault> {
        match Replica::checkpoint(self, min_size, deadline).await {
            Ok(cosigned) => Ok(Checkpoint {
                note: cosigned.note.clone(),
                size: cosigned.checkpoint.size(),
            }),
            Err(CheckpointError::Replica(error)) => Err(LedgerFault::State(Box::new(error))),
            Err(error) => Err(LedgerFault::Unavailable(Box::new(error))),
        }
    }
}
