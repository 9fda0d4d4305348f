//! The ledger of a broker that runs where there is no replica.

use crate::ledger::{About, Decided, Ledger, LedgerFailure, Route, routes};
use sekisho_domain::{NetworkId, Outcome};
use sekisho_ledger::{AnswerFault, CoreError, Statement, Strict, View};
use sekisho_light::{Light, LightError, LightState};
use sekisho_proto::v1;
use sekisho_replica::SubmitError;
use sekisho_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};

impl Ledger for Light {
    async fn decide(
        &self,
        request: v1::Envelope,
        deadline: Deadline,
    ) -> Result<Decided, LedgerFailure> {
        // Two voters have applied it: whose keys and addresses are asked next is no older.
        let committed = match self.submit(request, deadline).await {
            Ok(committed) => committed,
            Err(error) => return Err(failure(error)),
        };
        match committed.outcome {
            Outcome::Decided(decisions) => Ok(Decided {
                index: committed.index,
                time: committed.time,
                decisions,
            }),
            Outcome::Refused(reason) => Err(LedgerFailure::Refused(reason)),
            Outcome::Accepted => Err(LedgerFailure::Fault(
                "an access request was not decided".into(),
            )),
        }
    }

    async fn routes(
        &self,
        networks: BTreeSet<NetworkId>,
    ) -> Result<BTreeMap<NetworkId, Route>, LedgerFailure> {
        let addresses = ask(self, move |state| View(state).transport_addresses()).await?;
        Ok(routes(&addresses, &networks))
    }

    async fn verify(
        &self,
        statement: v1::Envelope,
        about: About,
    ) -> Result<Result<Statement, AnswerFault>, LedgerFailure> {
        ask(self, move |state| {
            about.verify(View(state), &Strict, &statement)
        })
        .await
    }
}

async fn ask<T: Send + 'static>(
    light: &Light,
    question: impl FnOnce(&LightState) -> Result<T, CoreError<LightError>> + Send + 'static,
) -> Result<T, LedgerFailure> {
    let answer = light.read(question).await.map_err(LedgerFailure::NotTold)?;
    answer.map_err(|error| LedgerFailure::Fault(Box::new(error)))
}

fn failure(error: SubmitError) -> LedgerFailure {
    match error {
        SubmitError::Invalid(fault) => LedgerFailure::NotAuthentic(fault),
        SubmitError::InvalidAtLeader(sentence) => LedgerFailure::NotAuthenticThere(sentence),
        SubmitError::Unavailable | SubmitError::Stopped => {
            LedgerFailure::Unavailable("no named voter found a leader with a majority behind it")
        }
        SubmitError::Overloaded => LedgerFailure::Overloaded,
        SubmitError::Unknown => LedgerFailure::Unknown,
        error @ (SubmitError::Malformed(_) | SubmitError::NotNow(_)) => {
            LedgerFailure::Fault(Box::new(error))
        }
    }
}
