//! Putting entries on the ledger: the network's own words by its governance key, patients' by its node.

use super::{Session, failure_about_patient, failure_of, now};
use crate::keys;
use crate::ui::{Exit, Failure};
use sekisho_domain::{
    Body, DomainError, Entry, EntryIndex, KeyPurpose, Outcome, ReplicaId, RequestId, SubjectRef,
    TimeMs,
};
use sekisho_ledger::sign_entry;
use sekisho_ledger::signature::SigningKey;
use sekisho_proto::{ErrorCode, v1};
use sekisho_transport::{Deadline, outgoing};
use serde::Serialize;
use std::time::Duration;
use tonic::Status;

/// How long an entry made now may wait for its place, in milliseconds; a clock may be this much ahead.
const WINDOW_MS: u64 = 120_000;
const CLOCK_AHEAD_MS: u64 = 60_000;

/// How often an entry sent without an answer is sent again.
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
    /// The lineage it was said in; 1 where that is not known.
    pub lineage: u64,
}

impl Recorded {
    /// The replica it allocates, if it is an entry that allocates one.
    pub fn replica(&self) -> ReplicaId {
        ReplicaId::allocated(self.lineage, self.index)
    }

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

/// A fresh request id.
///
/// # Errors
/// The system gives no randomness.
pub fn request_id() -> Result<RequestId, Failure> {
    let mut bytes = [0; RequestId::RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(|e| {
        Failure::of(
            Exit::Unavailable,
            "乱数を得ることが",
            "get random bytes",
            &e,
        )
    })?;
    Ok(RequestId::fresh(now(), bytes))
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
/// As for [`say`].
pub async fn govern(session: &Session, body: Body) -> Result<Recorded, Failure> {
    let key = keys::signing(&session.keys, KeyPurpose::Governance)?;
    say(session, &key, body).await
}

/// Signs with a key and submits.
///
/// # Errors
/// The process cannot be reached, refuses the entry as not authentic, or does not answer in time. A refusal by a
/// rule is no error here: see [`Recorded::accepted`].
pub async fn say(session: &Session, key: &SigningKey, body: Body) -> Result<Recorded, Failure> {
    let now = now();
    let lineage = super::status(session).await?.lineage.max(1);
    let entry = Entry {
        ledger: session.ledger,
        lineage,
        author: key.key_id(),
        request_id: request_id()?,
        claimed_time: now,
        not_before: TimeMs(now.0.saturating_sub(CLOCK_AHEAD_MS)),
        not_after: now.plus_ms(WINDOW_MS),
        body,
    };
    let envelope = sign_entry(&entry, &[key]);
    let done = match submit(session, &envelope, session.deadline()).await {
        Err(status) if ErrorCode::of(&status) == ErrorCode::Unknown => {
            again(session, &envelope, status).await
        }
        answered => answered
            .map_err(|status| failure_of(&status, &session.ledger_address))
            .and_then(|reply| of_reply(&reply)),
    };
    done.map(|done| Recorded { lineage, ..done })
}

async fn submit(
    session: &Session,
    envelope: &v1::Envelope,
    until: Deadline,
) -> Result<v1::SubmitReply, Status> {
    let request = v1::SubmitRequest {
        envelope: Some(envelope.clone()),
        forwarded: false,
        acknowledge: false,
    };
    let mut ledger = session.ledger_client();
    Ok(ledger.submit(outgoing(request, until)).await?.into_inner())
}

/// What became of an entry that was sent without an answer: sent again, byte for byte, until the timeout. It takes
/// effect once, however often it is sent (P5).
async fn again(
    session: &Session,
    envelope: &v1::Envelope,
    mut unknown: Status,
) -> Result<Recorded, Failure> {
    let until = session.deadline();
    while !until.remaining().is_zero() {
        match submit(session, envelope, until).await {
            Ok(reply) => return of_reply(&reply),
            Err(status) => unknown = status,
        }
        tokio::time::sleep(POLL.min(until.remaining())).await;
    }
    Err(failure_of(&unknown, &session.ledger_address))
}

fn of_reply(reply: &v1::SubmitReply) -> Result<Recorded, Failure> {
    let outcome = reply.outcome.clone();
    recorded(reply.index, reply.time_ms, outcome, reply.duplicate)
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
        lineage: 1,
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
