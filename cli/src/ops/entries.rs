//! Putting entries on the ledger: the network's own words by its governance key, patients' by its node.

use super::{Session, failure_about_patient, failure_of, now};
use crate::keys;
use crate::ui::{Exit, Failure};
use sekisho_domain::{
    Body, DomainError, Entry, EntryIndex, KeyPurpose, Outcome, RequestId, SubjectRef, TimeMs,
};
use sekisho_ledger::sign_entry;
use sekisho_proto::v1;
use sekisho_transport::outgoing;
use serde::Serialize;

/// How long an entry made now may wait for its place, in milliseconds; a clock may be this much ahead.
const WINDOW_MS: u64 = 120_000;
const CLOCK_AHEAD_MS: u64 = 60_000;

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
    let reply = session
        .ledger_client()
        .submit(outgoing(request, session.deadline()))
        .await
        .map_err(|status| failure_of(&status, &session.address))?
        .into_inner();
    let outcome = reply.outcome.ok_or(DomainError::Missing("the outcome"));
    Ok(Recorded {
        index: EntryIndex(reply.index),
        time: TimeMs(reply.time_ms),
        outcome: outcome
            .and_then(TryInto::try_into)
            .map_err(|e| malformed(&e))?,
        duplicate: reply.duplicate,
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
    let outcome = reply.outcome.ok_or(DomainError::Missing("the outcome"));
    Ok(Recorded {
        index: EntryIndex(reply.index),
        time: TimeMs(reply.time_ms),
        outcome: outcome
            .and_then(TryInto::try_into)
            .map_err(|e| malformed(&e))?,
        duplicate: reply.duplicate,
    })
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
