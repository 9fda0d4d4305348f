//! Why an asked network gave no valid answer, and how a node says so itself (P8).
//!
//! A node that cannot answer for a reason of its own ends the call with `FAILED_PRECONDITION` and says which
//! in the metadata `sekisho-outcome`: [`STALE`] or [`SUSPENDED`]. Made with [`stale`] and [`suspended`], read
//! with [`Fault::of`]. Any other error status of a node is no valid answer.

use crate::answer::Malformed;
use crate::ledger::LedgerFailure;
use sekisho_domain::NetworkOutcome;
use sekisho_transport::{ConnectFailure, Failure, classify};
use std::error::Error;
use std::time::Duration;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

/// Metadata key beside `FAILED_PRECONDITION`: which outcome the node itself ends in.
pub const OUTCOME_METADATA: &str = "sekisho-outcome";
/// Its replica could not reach the decision's index in time.
pub const STALE: &str = "stale";
/// It does not answer now: its network has suspended answering, or this machine has no room or is being stopped.
pub const SUSPENDED: &str = "suspended";

/// The status of a node whose replica cannot reach the decision's index in time.
pub fn stale() -> Status {
    own_outcome(STALE, "this node's replica is behind with the ledger")
}

/// The status of a node that does not answer now.
pub fn suspended() -> Status {
    own_outcome(SUSPENDED, "this node does not answer now")
}

fn own_outcome(code: &'static str, message: &str) -> Status {
    let mut status = Status::failed_precondition(message);
    status
        .metadata_mut()
        .insert(OUTCOME_METADATA, MetadataValue::from_static(code));
    status
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    TimedOut,
    Unreachable,
    Malformed(&'static str),
    /// It ended with a status that says nothing we could tell the caller.
    Failed(Code),
    Suspended,
    Stale,
    /// Not the network's: our own ledger failed while the answer was being checked.
    Ledger(LedgerFailure),
}

impl From<Malformed> for Fault {
    fn from(Malformed(why): Malformed) -> Self {
        Self::Malformed(why)
    }
}

impl From<LedgerFailure> for Fault {
    fn from(failure: LedgerFailure) -> Self {
        Self::Ledger(failure)
    }
}

impl Fault {
    /// What a failed call stands for.
    pub(crate) fn of(status: &Status) -> Self {
        // No connection to somebody we know, whatever the reason.
        if connect_failure(status).is_some() {
            return Self::Unreachable;
        }
        match classify(status) {
            Failure::TimedOut => Self::TimedOut,
            Failure::Unreachable | Failure::WrongCertificate | Failure::Refused => {
                Self::Unreachable
            }
            Failure::Other => {
                let said = status.metadata().get(OUTCOME_METADATA);
                match said.filter(|_| status.code() == Code::FailedPrecondition) {
                    Some(code) if code == STALE => Self::Stale,
                    Some(code) if code == SUSPENDED => Self::Suspended,
                    _ => Self::Failed(status.code()),
                }
            }
        }
    }

    /// What two attempts at one network that both failed stand for: the fault that says more about it.
    pub(crate) fn or(self, other: Self) -> Self {
        if other.says() > self.says() {
            other
        } else {
            self
        }
    }

    /// How much it says: the network's own word most, then that it answered at all, then that it was there.
    fn says(&self) -> u8 {
        match self {
            Self::Unreachable => 0,
            Self::TimedOut => 1,
            Self::Malformed(_) | Self::Failed(_) => 2,
            Self::Stale => 3,
            Self::Suspended => 4,
            Self::Ledger(_) => 5,
        }
    }

    /// Whether another attempt could not tell more.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Ledger(_))
    }

    /// The network's outcome.
    ///
    /// # Errors
    /// The failure of our own ledger, which is no network's outcome.
    pub(crate) fn outcome(self, waited: Duration) -> Result<NetworkOutcome, LedgerFailure> {
        Ok(match self {
            Self::TimedOut => NetworkOutcome::TimedOut {
                waited_ms: crate::outcome::millis(waited),
            },
            Self::Unreachable => NetworkOutcome::Unreachable,
            Self::Malformed(why) => {
                tracing::warn!(why, "no valid answer");
                NetworkOutcome::Malformed
            }
            Self::Failed(code) => {
                tracing::warn!(?code, "the node ended with an error");
                NetworkOutcome::Malformed
            }
            Self::Suspended => NetworkOutcome::Suspended,
            Self::Stale => NetworkOutcome::Stale,
            Self::Ledger(failure) => return Err(failure),
        })
    }
}

/// Whether a call found no connection or lost its own, so that the fault can be that of a connection from
/// before the call, which `waited` so long. What the node said, and who answered there, is never such.
pub(crate) fn connection_lost(status: &Status, waited: Duration) -> bool {
    match connect_failure(status) {
        Some(ConnectFailure::Unreachable { .. }) => true,
        // Sooner than its time is up only an attempt fails that was begun for an earlier call.
        Some(ConnectFailure::TimedOut { after, .. }) => waited < *after,
        Some(_) => false,
        None => classify(status) == Failure::Unreachable,
    }
}

/// Whether there was no connection to somebody we know, so that nobody was asked anything.
pub(crate) fn no_connection(status: &Status) -> bool {
    connect_failure(status).is_some()
}

fn connect_failure(status: &Status) -> Option<&ConnectFailure> {
    let mut source = status.source();
    while let Some(error) = source {
        if let Some(failure) = error.downcast_ref() {
            return Some(failure);
        }
        source = error.source();
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_node_s_own_words_are_told_apart() {
        let mut unknown_word = stale();
        unknown_word
            .metadata_mut()
            .insert(OUTCOME_METADATA, "answered".parse().unwrap());
        let mut other_code = Status::permission_denied("no");
        other_code
            .metadata_mut()
            .insert(OUTCOME_METADATA, STALE.parse().unwrap());
        let timed_out = NetworkOutcome::TimedOut { waited_ms: 7 };
        let cases = [
            (stale(), NetworkOutcome::Stale),
            (suspended(), NetworkOutcome::Suspended),
            (Status::deadline_exceeded("late"), timed_out),
            (Status::unauthenticated("who"), NetworkOutcome::Unreachable),
            (unknown_word, NetworkOutcome::Malformed),
            (other_code, NetworkOutcome::Malformed),
            (
                Status::failed_precondition("bare"),
                NetworkOutcome::Malformed,
            ),
            (
                Status::unavailable("said so itself"),
                NetworkOutcome::Malformed,
            ),
            (Status::internal("broken"), NetworkOutcome::Malformed),
            (Status::unimplemented("what"), NetworkOutcome::Malformed),
        ];
        for (status, expected) in cases {
            let outcome = Fault::of(&status)
                .outcome(Duration::from_millis(7))
                .unwrap();
            assert_eq!(outcome, expected, "{status:?}");
        }
    }

    #[test]
    fn of_two_faults_of_one_network_the_one_that_says_more_counts() {
        use Fault::{Failed, Malformed, Stale, Suspended, TimedOut, Unreachable};
        let rising: [fn() -> Fault; 5] = [
            || Unreachable,
            || TimedOut,
            || Malformed("nonsense"),
            || Stale,
            || Suspended,
        ];
        let code = |fault: Fault| {
            let outcome = fault.outcome(Duration::ZERO).unwrap();
            outcome.code()
        };
        for (less, one) in rising.iter().enumerate() {
            for other in &rising[..less] {
                assert_eq!(code(one().or(other())), code(one()));
                assert_eq!(code(other().or(one())), code(one()));
            }
        }
        assert_eq!(code(TimedOut.or(Failed(Code::Internal))), "malformed");
    }

    #[test]
    fn every_way_not_to_get_a_connection_is_unreachable() {
        let address = || "127.0.0.1:1".to_owned();
        let failures = [
            ConnectFailure::Unreachable {
                address: address(),
                source: std::io::ErrorKind::ConnectionRefused.into(),
            },
            ConnectFailure::TimedOut {
                address: address(),
                after: Duration::from_secs(1),
            },
            ConnectFailure::Protocol {
                address: address(),
                source: None,
            },
        ];
        for failure in failures {
            let status = Status::from_error(Box::new(failure));
            assert!(
                matches!(Fault::of(&status), Fault::Unreachable),
                "{status:?}"
            );
        }
    }

    #[test]
    fn only_a_lost_connection_is_no_word_about_the_node() {
        let address = || "127.0.0.1:1".to_owned();
        let from = |failure: ConnectFailure| Status::from_error(Box::new(failure));
        let after = Duration::from_secs(5);
        let timed_out = || {
            let address = address();
            from(ConnectFailure::TimedOut { address, after })
        };
        let protocol = ConnectFailure::Protocol {
            address: address(),
            source: None,
        };
        let refused = ConnectFailure::Unreachable {
            address: address(),
            source: std::io::ErrorKind::ConnectionRefused.into(),
        };
        let broken = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let soon = Duration::from_millis(2);
        let cases = [
            (from(refused), soon, true),
            (Status::from_error(Box::new(broken)), soon, true),
            (timed_out(), soon, true),
            (timed_out(), after, false),
            (from(protocol), soon, false),
            (Status::unavailable("said so itself"), soon, false),
            (Status::unauthenticated("who"), soon, false),
            (Status::deadline_exceeded("late"), soon, false),
            (stale(), soon, false),
        ];
        for (status, waited, lost) in cases {
            assert_eq!(connection_lost(&status, waited), lost, "{status:?}");
        }
    }
}
