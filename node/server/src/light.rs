//! A ledger without an own replica as a node's own: `sekisho-light` behind [`Ledger`].

use crate::bounds::LIGHT_PACE;
use crate::ledger::{Checkpoint, Committed, Ledger, LedgerFault, Question, Snapshot};
use sekisho_domain::EntryIndex;
use sekisho_ledger::Strict;
use sekisho_light::Light;
use sekisho_proto::v1;
use sekisho_replica::SubmitError;
use sekisho_transport::Deadline;
use std::time::Duration;

#[tonic::async_trait]
impl Ledger for Light {
    async fn submit(
        &self,
        envelope: v1::Envelope,
        deadline: Deadline,
    ) -> Result<Committed, LedgerFault> {
        match Light::submit(self, envelope, deadline).await {
            Ok(committed) => Ok(Committed {
                index: committed.index,
                time: committed.time,
                outcome: committed.outcome,
                duplicate: committed.duplicate,
            }),
            Err(SubmitError::Overloaded) => Err(LedgerFault::Overloaded),
            Err(SubmitError::Unknown | SubmitError::Malformed(_)) => Err(LedgerFault::Unknown),
            Err(error @ (SubmitError::Unavailable | SubmitError::Stopped)) => {
                Err(LedgerFault::Unavailable(Box::new(error)))
            }
            Err(error) => Err(LedgerFault::NotTaken(Box::new(error))),
        }
    }

    async fn wait_applied(&self, index: EntryIndex, deadline: Deadline) -> Result<(), LedgerFault> {
        let waited = Light::wait_applied(self, index, deadline).await;
        waited.map_err(|error| match error.is_behind() {
            true => LedgerFault::Behind(index),
            false => LedgerFault::NotTold(error),
        })
    }

    async fn read(&self, question: Question) -> Result<(), LedgerFault> {
        Light::read(self, move |state| Snapshot::show(state, &Strict, question))
            .await
            .map_err(LedgerFault::NotTold)
    }

    /// Every row is a way to the voters and back.
    fn pace(&self) -> Duration {
        LIGHT_PACE
    }

    async fn checkpoint(
        &self,
        min_size: u64,
        deadline: Deadline,
    ) -> Result<Checkpoint, LedgerFault> {
        let cosigned = Light::checkpoint(self, min_size, deadline).await;
        let cosigned = cosigned.map_err(LedgerFault::NotTold)?;
        Ok(Checkpoint {
            note: cosigned.note,
            size: cosigned.size,
        })
    }
}
