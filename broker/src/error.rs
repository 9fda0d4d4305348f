//! Why a request ends before any network was asked, or without a summary.

use crate::ledger::LedgerFailure;
use sekisho_domain::{Action, NetworkId, RefusalReason};
use sekisho_ledger::EntryFault;
use sekisho_proto::ErrorCode;
use tonic::Status;

/// What a caller is told instead of outcomes.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Too many requests are under way.
    #[error(
        "{max} requests are under way, the most there may be of all or of one network; try again later"
    )]
    Overloaded {
        /// The bound.
        max: usize,
    },
    /// The envelope does not hold an entry.
    #[error("the request is not a signed entry: {0}")]
    Form(#[from] EntryFault),
    /// The entry asks for something else, or for nothing.
    #[error("the entry is not a request to {}", .0.en())]
    NotThisAction(Action),
    /// Beside the entry, the message lacks something or breaks a bound.
    #[error("{0}")]
    Argument(&'static str),
    /// Only the network that signed a request may use it.
    #[error("{caller} may not use a request of {viewing}")]
    NotYours {
        /// The network on the connection.
        caller: NetworkId,
        /// The network the request is of.
        viewing: NetworkId,
    },
    /// The ledger did not decide it.
    #[error(transparent)]
    Ledger(#[from] LedgerFailure),
    /// It was sent before, and what was permitted then is so no longer.
    #[error(
        "this request was decided before and its permit has ended; ask again under a new request id"
    )]
    Expired,
    /// Nothing can be done in the time that is left.
    #[error("the deadline is too close for anything to be asked")]
    TooLate,
    /// The caller did not read what was there for it.
    #[error("the deadline passed while the answer was not being read")]
    NotRead,
    /// A broken invariant.
    #[error("a fault of the broker: {0}")]
    Contradiction(&'static str),
}

impl BrokerError {
    /// The kind of error, as callers act on it.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Overloaded { .. } => ErrorCode::Overloaded,
            Self::Form(_) | Self::NotThisAction(_) | Self::Argument(_) => ErrorCode::Invalid,
            Self::NotYours { .. } => ErrorCode::Forbidden,
            Self::Ledger(failure) => ledger_code(failure),
            Self::Expired => ErrorCode::Conflict,
            Self::TooLate | Self::NotRead => ErrorCode::DeadlineExceeded,
            Self::Contradiction(_) => ErrorCode::Internal,
        }
    }

    /// As a caller gets it; what is inside is logged here, once, where it is our own fault.
    pub fn status(&self) -> Status {
        let code = self.code();
        if code == ErrorCode::Internal {
            let mut source = std::error::Error::source(self);
            let mut causes = String::new();
            while let Some(cause) = source {
                causes.push_str(": ");
                causes.push_str(&cause.to_string());
                source = cause.source();
            }
            tracing::error!("{self}{causes}");
        }
        code.status(self.to_string())
    }
}

fn ledger_code(failure: &LedgerFailure) -> ErrorCode {
    match failure {
        LedgerFailure::NotAuthentic(fault) => match fault {
            EntryFault::RequestIdReused => ErrorCode::Conflict,
            EntryFault::UnknownKey(_)
            | EntryFault::RevokedKey(_)
            | EntryFault::AuthorSignatureMissing(_)
            | EntryFault::BadSignature(_) => ErrorCode::Forbidden,
            EntryFault::NotFounded => ErrorCode::Unavailable,
            _ => ErrorCode::Invalid,
        },
        LedgerFailure::NotAuthenticThere(_) => ErrorCode::Invalid,
        LedgerFailure::Refused(reason) => match reason {
            RefusalReason::NotAuthorised | RefusalReason::NotPermitted => ErrorCode::Forbidden,
            RefusalReason::AlreadyExists => ErrorCode::Conflict,
            RefusalReason::NotFound => ErrorCode::NotFound,
            _ => ErrorCode::Invalid,
        },
        LedgerFailure::Overloaded => ErrorCode::Overloaded,
        LedgerFailure::Unavailable(_) | LedgerFailure::NotTold(_) => ErrorCode::Unavailable,
        LedgerFailure::Unknown => ErrorCode::Unknown,
        LedgerFailure::Fault(_) => ErrorCode::Internal,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use sekisho_domain::KeyId;
    use tonic::Code;

    #[test]
    fn each_failure_has_its_own_code_and_tells_nothing_internal() {
        let key = KeyId([1; 32]);
        let ledger = |failure| BrokerError::Ledger(failure);
        let cases = [
            (BrokerError::Overloaded { max: 1 }, Code::ResourceExhausted),
            (
                BrokerError::Form(EntryFault::NotCanonical),
                Code::InvalidArgument,
            ),
            (BrokerError::TooLate, Code::DeadlineExceeded),
            (BrokerError::Expired, Code::AlreadyExists),
            (
                ledger(LedgerFailure::NotAuthentic(EntryFault::RequestIdReused)),
                Code::AlreadyExists,
            ),
            (
                ledger(LedgerFailure::NotAuthentic(EntryFault::UnknownKey(key))),
                Code::PermissionDenied,
            ),
            (
                ledger(LedgerFailure::NotAuthentic(EntryFault::NotCanonical)),
                Code::InvalidArgument,
            ),
            (
                ledger(LedgerFailure::Refused(RefusalReason::NotAuthorised)),
                Code::PermissionDenied,
            ),
            (
                ledger(LedgerFailure::Refused(RefusalReason::TooMany)),
                Code::InvalidArgument,
            ),
            (ledger(LedgerFailure::Overloaded), Code::ResourceExhausted),
            (
                ledger(LedgerFailure::Unavailable("no leader")),
                Code::Unavailable,
            ),
            (ledger(LedgerFailure::Unknown), Code::Aborted),
            (
                ledger(LedgerFailure::Fault("/var/lib/secret".into())),
                Code::Internal,
            ),
        ];
        for (error, code) in cases {
            let status = error.status();
            assert_eq!(status.code(), code, "{error:?}");
            assert!(!status.message().contains("/var"), "{status:?}");
        }
    }
}
