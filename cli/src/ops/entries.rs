//! Putting entries on the ledger: the network's own words by its governance key, patients' by its node.

use super::{Session, failure_about_patient, failure_of, now};
use crate::keys;
use crate::ui::{Exit, Failure};
use sekisho_domain::{
    Body, DomainError, Entry, EntryIndex, KeyPurpose, Outcome, RequestId, SubjectRef, TimeMs,
};
use sekisho_ledger::{Leaf, sign_entry};
use sekisho_proto::{ErrorCode, v1};
use sekisho_transport::outgoing;
use serde::Serialize;
use std::time::Duration;
use tonic::Status;

/// How long an entry made now may wait for its place, in milliseconds; a clock may be this much ahead.
const WINDOW_MS: u64 = 120_000;
const CLOCK_AHEAD_MS: u64 = 60_000;

/// How often the outcome of an entry sent without an answer is asked for.
const POLL: Duration = Duration::from_millis(250);

/// What became of an entry.
#[derive(Debug, Clone, Serialize)]
pub struct Recorded {
    /// Its ledger index.
    pub index: EntryIndex,
    /// Its stamped time.
    pub time: TimeMs,
    /// What it came to.
    pub outcome: Outcome,
    /// Whether the ledger had it already.
    pub duplicate: bool,
}

impl Recorded {
    /// The entry, if it took effect.
    ///
    /// # Errors
    /// The reason it was refused for.
    pub fn accepted(self) -> Result<Self, Failure> {
        match &self.outcome {
            Outcome::Refused(reason) => Err(Failure::new(
                Exit::Refused,
                format!(
                    "台帳 {} 番に記録されましたが、効力はありません：{}",
                    self.index,
                    reason.ja()
                ),
                format!(
                    "recorded at ledger index {}, without effect: {}",
                    self.index,
                    reason.en()
                ),
            )),
            _ => Ok(self),
        }
    }
}

/// A random request id.
///
/// # Errors
/// The system gives no randomness.
pub fn request_id() -> Result<RequestId, Failure> {
    let mut bytes = [0; RequestId::LEN];
    getrandom::fill(&mut bytes).map_err(|e| {
        Failure::of(
            Exit::Unavailable,
            "乱数を得ることが",
            "get random bytes",
            &e,
        )
    })?;
    Ok(RequestId(bytes))
}

fn malformed(error: &DomainError) -> Failure {
    Failure::of(
        Exit::Unverified,
        "応答を読むことが",
        "read the answer",
        error,
    )
}

/// Signs with the governance key and submits.
///
/// # Errors
/// The key cannot be read; the process cannot be reached, refuses the entry as not authentic, or does not
/// answer in time. A refusal by a rule is no error here: see [`Recorded::accepted`].
pub async fn govern(session: &Session, body: Body) -> Result<Recorded, Failure> {
    let key = keys::signing(&session.keys, KeyPurpose::Governance)?;
    let now = now();
    let entry = Entry {
        ledger: session.ledger,
        lineage: 1,
        author: key.key_id(),
        request_id: request_id()?,
        claimed_time: now,
        not_before: TimeMs(now.0.saturating_sub(CLOCK_AHEAD_MS)),
        not_after: now.plus_ms(WINDOW_MS),
        body,
    };
    let request = v1::SubmitRequest {
        envelope: Some(sign_entry(&entry, &[&key])),
        forwarded: false,
    };
    let call = outgoing(request, session.deadline());
    match session.ledger_client().submit(call).await {
        Ok(reply) => {
            let v1::SubmitReply {
                index,
                time_ms,
                outcome,
                duplicate,
                ..
            } = reply.into_inner();
            recorded(index, time_ms, outcome, duplicate)
        }
        Err(status) if ErrorCode::of(&status) == ErrorCode::Unknown => {
            outcome_of(session, &entry.request_id, &status).await
        }
        Err(status) => Err(failure_of(&status, &session.address)),
    }
}

/// What became of an entry that was sent without an answer: asked for by its request id until the timeout.
async fn outcome_of(session: &Session, id: &RequestId, sent: &Status) -> Result<Recorded, Failure> {
    let until = session.deadline();
    loop {
        let request = v1::OutcomeOfRequest {
            request_id: id.0.to_vec(),
        };
        if let Ok(reply) = session
            .ledger_client()
            .outcome_of(outgoing(request, until))
            .await
        {
            let reply = reply.into_inner();
            let leaf = Leaf::decode(&reply.leaf).map_err(|e| {
                Failure::of(Exit::Unverified, "記録を読むことが", "read the leaf", &e)
            })?;
            return recorded(
                reply.index,
                leaf.time.0,
                Some((&leaf.outcome).into()),
                false,
            );
        }
        if until.remaining().is_zero() {
            return Err(failure_of(sent, &session.address));
        }
        tokio::time::sleep(POLL.min(until.remaining())).await;
    }
}

fn recorded(
    index: u64,
    time_ms: u64,
    outcome: Option<v1::Outcome>,
    duplicate: bool,
) -> Result<Recorded, Failure> {
    let outcome = outcome.ok_or(DomainError::Missing("the outcome"));
    Ok(Recorded {
        index: EntryIndex(index),
        time: TimeMs(time_ms),
        outcome: outcome
            .and_then(TryInto::try_into)
            .map_err(|e| malformed(&e))?,
        duplicate,
    })
}

/// Has the node record something a patient said.
///
/// # Errors
/// As for [`govern`].
pub async fn record(
    session: &Session,
    record: v1::record_request::Record,
) -> Result<Recorded, Failure> {
    let request = v1::RecordRequest {
        request_id: request_id()?.0.to_vec(),
        record: Some(record),
    };
    let reply = session
        .operator()
        .record(outgoing(request, session.deadline()))
        .await
        .map_err(|status| failure_about_patient(&status, &session.address))?
        .into_inner();
    recorded(reply.index, reply.time_ms, reply.outcome, reply.duplicate)
}

/// The network's pseudonym of a patient.
///
/// # Errors
/// The process cannot be reached or knows no such patient.
pub async fn subject(
    session: &Session,
    patient: v1::Patient,
    create: bool,
) -> Result<SubjectRef, Failure> {
    let request = v1::SubjectRequest {
        patient: Some(patient),
        create,
    };
    let reply = session
        .operator()
        .subject(outgoing(request, session.deadline()))
        .await
        .map_err(|status| failure_about_patient(&status, &session.address))?
        .into_inner();
    v1::SubjectRef {
        network: reply.network,
        subject: reply.subject,
    }
    .try_into()
    .map_err(|e| malformed(&e))
}
