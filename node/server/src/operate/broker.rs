//! Talking to the network's broker.

use crate::NodeError;
use crate::deadline::{earlier, margin};
use crate::ledger::ask;
use crate::node::Inner;
use futures::{TryStream, TryStreamExt};
use sekisho_domain::{AccessRecord, EntryIndex, NetworkOutcome, RequestId};
use sekisho_proto::{ErrorCode, v1};
use sekisho_transport::{Deadline, Failure, classify};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic::Status;

/// Characters of a broker's own sentence that are passed on.
const SENTENCE_CHARS_MAX: usize = 200;

/// The caller's deadline shared out: the broker ends first, then the reading, so that each can still say how it ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    pub broker: Deadline,
    pub reading: Deadline,
    pub caller: Deadline,
}

impl Shares {
    pub fn of(caller: Deadline) -> Self {
        let margin = margin(caller);
        Self {
            broker: earlier(caller, margin),
            reading: earlier(caller, margin / 2),
            caller,
        }
    }
}

/// Why a broker gave no answer at all.
fn failed(status: &Status) -> NodeError {
    let code = match classify(status) {
        Failure::Unreachable | Failure::WrongCertificate | Failure::Refused => {
            ErrorCode::Unavailable
        }
        Failure::TimedOut => ErrorCode::DeadlineExceeded,
        Failure::Other => ErrorCode::of(status),
    };
    let sentence = match classify(status) {
        Failure::Other => status.message(),
        _ => "the broker cannot be reached, or not in time",
    };
    NodeError::Broker {
        code,
        sentence: sentence.chars().take(SENTENCE_CHARS_MAX).collect(),
    }
}

/// The broker's stream and the decision it begins with.
pub(super) async fn opened<T, S: TryStream<Ok = T, Error = Status> + Unpin>(
    answer: impl Future<Output = Result<S, Status>>,
    shares: Shares,
    decision: impl FnOnce(T) -> Option<v1::Decided>,
) -> Result<(v1::Decided, S), NodeError> {
    let answer = shares.reading.bound(answer).await;
    let mut stream = answer
        .map_err(|_| NodeError::Late)?
        .map_err(|status| failed(&status))?;
    let first = shares.reading.bound(stream.try_next()).await;
    let first = first
        .map_err(|_| NodeError::Late)?
        .map_err(|status| failed(&status))?;
    let decided = first.and_then(decision).ok_or(NodeError::BrokerInvalid(
        "it does not begin with the decision",
    ))?;
    Ok((decided, stream))
}

/// What the next message of a broker's stream is.
pub(super) enum Next<T> {
    Message(T),
    /// There is none any more, and what that means for the networks still open.
    Over(NetworkOutcome),
}

/// Reads a broker's stream until the reading deadline.
pub(super) async fn next<T, S: TryStream<Ok = T, Error = Status> + Unpin>(
    stream: &mut S,
    shares: Shares,
    started: Instant,
) -> Next<T> {
    let timed_out = || NetworkOutcome::TimedOut {
        waited_ms: millis(started.elapsed()),
    };
    match shares.reading.bound(stream.try_next()).await {
        Err(_) => Next::Over(timed_out()),
        Ok(Ok(Some(message))) => Next::Message(message),
        Ok(Ok(None)) => Next::Over(NetworkOutcome::Malformed),
        Ok(Err(status)) => Next::Over(match classify(&status) {
            Failure::TimedOut => timed_out(),
            _ => NetworkOutcome::Unreachable,
        }),
    }
}

/// The decision a broker names, as the own replica has it; it must be about this very request.
pub(super) async fn decided(
    inner: &Arc<Inner>,
    wire: &v1::Decided,
    request_id: RequestId,
    shares: Shares,
) -> Result<AccessRecord, NodeError> {
    let index = EntryIndex(wire.index);
    inner.ledger.wait_applied(index, shares.reading).await?;
    let record = ask(inner.ledger.as_ref(), move |snapshot| {
        Ok(snapshot.view().access(index)?)
    })
    .await?;
    record
        .filter(|record| record.request_id == request_id && record.author == inner.key.key_id())
        .ok_or(NodeError::BrokerInvalid(
            "its decision is about another request",
        ))
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
