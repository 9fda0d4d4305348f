//! The ledger of a broker that runs beside a replica.

use crate::ledger::{About, Decided, Ledger, LedgerFailure, Route, routes};
use sekisho_domain::{NetworkId, Outcome};
use sekisho_ledger::{AnswerFault, CoreError, Statement, Strict, View, admit};
use sekisho_proto::v1;
use sekisho_replica::{
    Clock, ReadState, Replica, ReplicaError, SubmitError, SystemClock, WaitError,
};
use sekisho_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};

impl Ledger for Replica {
    async fn decide(
        &self,
        request: v1::Envelope,
        deadline: Deadline,
    ) -> Result<Decided, LedgerFailure> {
        let submitted = match self.submit(request.clone(), deadline).await {
            Ok(submitted) => submitted,
            Err(error) => return Err(failure(self, error, request).await),
        };
        let decisions = match submitted.outcome {
            Outcome::Decided(decisions) => decisions,
            Outcome::Refused(reason) => return Err(LedgerFailure::Refused(reason)),
            Outcome::Accepted => {
                return Err(LedgerFailure::Fault(
                    "an access request was not decided".into(),
                ));
            }
        };
        // Whose keys and addresses are asked next must be no older than the decision: a key revoked
        // before it must not be spoken to.
        let applied = self.wait_applied(submitted.index, deadline).await;
        applied.map_err(|error| match error {
            WaitError::Deadline => LedgerFailure::Unknown,
            WaitError::Stopped => LedgerFailure::Unavailable("its replica here has stopped"),
        })?;
        Ok(Decided {
            index: submitted.index,
            time: submitted.time,
            decisions,
        })
    }

    async fn routes(
        &self,
        networks: BTreeSet<NetworkId>,
    ) -> Result<BTreeMap<NetworkId, Route>, LedgerFailure> {
        Ok(routes(&self.transport_addresses(), &networks))
    }

    async fn verify(
        &self,
        statement: v1::Envelope,
        about: About,
    ) -> Result<Result<Statement, AnswerFault>, LedgerFailure> {
        let checks = self.clone();
        ask(self, move |state| {
            about.verify(View(state), &checks, &statement)
        })
        .await
    }
}

async fn ask<T: Send + 'static>(
    replica: &Replica,
    question: impl FnOnce(&ReadState) -> Result<T, CoreError<ReplicaError>> + Send + 'static,
) -> Result<T, LedgerFailure> {
    let fault = |error: Box<dyn std::error::Error + Send + Sync>| LedgerFailure::Fault(error);
    let answer = replica.read_briefly(move |state| Ok(question(state))).await;
    answer
        .map_err(|error| fault(Box::new(error)))?
        .map_err(|error| fault(Box::new(error)))
}

async fn failure(replica: &Replica, error: SubmitError, request: v1::Envelope) -> LedgerFailure {
    match error {
        SubmitError::Invalid(fault) => LedgerFailure::NotAuthentic(fault),
        // The leader says so in words; what is wrong is most likely to be seen here as well, precisely.
        SubmitError::InvalidAtLeader(sentence) => {
            let now = SystemClock.now();
            match ask(replica, move |state| admit(state, &request, now, &Strict)).await {
                Ok(Err(fault)) => LedgerFailure::NotAuthentic(fault),
                _ => LedgerFailure::NotAuthenticThere(sentence),
            }
        }
        SubmitError::Unavailable => {
            LedgerFailure::Unavailable("no leader with a majority behind it was found in time")
        }
        SubmitError::Stopped => LedgerFailure::Unavailable("its replica here has stopped"),
        SubmitError::Overloaded => LedgerFailure::Overloaded,
        SubmitError::Unknown => LedgerFailure::Unknown,
        error @ (SubmitError::Malformed(_) | SubmitError::NotNow(_)) => {
            LedgerFailure::Fault(Box::new(error))
        }
    }
}
