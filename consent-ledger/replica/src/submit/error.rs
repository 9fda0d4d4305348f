//! What a submission ends in that has no outcome, and how it is said to another replica.

use sekisho_ledger::EntryFault;
use sekisho_proto::{ErrorCode, v1};
use sekisho_transport::ConnectFailure;
use std::error::Error;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

/// Header of an answer that says that the submission did not take effect and will not.
const NOT_SENT: &str = "sekisho-not-sent";

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Not an authentic entry for this ledger now; sending it again is useless.
    #[error(transparent)]
    Invalid(#[from] EntryFault),
    /// The same, found by the leader; its sentence.
    #[error("{0}")]
    InvalidAtLeader(String),
    /// Not sent: there is no leader with a majority behind it, or none was found before the deadline.
    #[error("no replica could take the entry before the deadline; it was not sent")]
    Unavailable,
    /// Not sent: too many are waiting.
    #[error("too many entries are waiting; this one was not sent")]
    Overloaded,
    /// Not sent: a change of the replicas that the group could not follow now; the leader's sentence.
    #[error("{0}")]
    NotNow(String),
    /// Sent; its outcome was not known at the deadline. Submit it again, or ask for its request id.
    #[error("the entry was sent, its outcome is not known; ask by its request id")]
    Unknown,
    /// This replica stopped. Not sent.
    #[error("this replica takes no entries any more")]
    Stopped,
    /// An answer that cannot be one of ours.
    #[error("a replica's answer is malformed: {0}")]
    Malformed(String),
}

impl SubmitError {
    /// The status to answer with.
    pub fn status(&self) -> Status {
        let code = match self {
            Self::Invalid(_) | Self::InvalidAtLeader(_) => ErrorCode::Invalid,
            Self::NotNow(_) => ErrorCode::Conflict,
            Self::Unavailable | Self::Stopped => ErrorCode::Unavailable,
            Self::Overloaded => ErrorCode::Overloaded,
            Self::Unknown => ErrorCode::Unknown,
            Self::Malformed(_) => ErrorCode::Internal,
        };
        let mut status = code.status(self.to_string());
        if matches!(
            self,
            Self::Unavailable | Self::Stopped | Self::Overloaded | Self::NotNow(_)
        ) {
            status
                .metadata_mut()
                .insert(NOT_SENT, MetadataValue::from_static("1"));
        }
        status
    }

    /// What a status of `LedgerService.Submit` means. Whatever does not say that nothing was sent is
    /// [`SubmitError::Unknown`].
    pub fn of(status: &Status) -> Self {
        let not_sent = status.metadata().contains_key(NOT_SENT) || never_connected(status);
        match ErrorCode::of(status) {
            ErrorCode::Invalid => Self::InvalidAtLeader(status.message().to_owned()),
            ErrorCode::Overloaded if not_sent => Self::Overloaded,
            ErrorCode::Conflict if not_sent => Self::NotNow(status.message().to_owned()),
            // Turned away before the entry was looked at.
            ErrorCode::Forbidden => Self::Unavailable,
            _ if not_sent => Self::Unavailable,
            _ => Self::Unknown,
        }
    }
}

impl From<&SubmitError> for v1::SubmissionFault {
    fn from(error: &SubmitError) -> Self {
        let status = error.status();
        Self {
            code: i32::from(status.code()).unsigned_abs(),
            not_sent: status.metadata().contains_key(NOT_SENT),
            message: status.message().to_owned(),
        }
    }
}

impl From<v1::SubmissionFault> for SubmitError {
    fn from(fault: v1::SubmissionFault) -> Self {
        let code = i32::try_from(fault.code).map_or(Code::Unknown, Code::from_i32);
        let mut status = Status::new(code, fault.message);
        if fault.not_sent {
            status
                .metadata_mut()
                .insert(NOT_SENT, MetadataValue::from_static("1"));
        }
        Self::of(&status)
    }
}

/// A request whose connection was never made has not been sent.
fn never_connected(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<ConnectFailure>() {
            return true;
        }
        source = error.source();
    }
    false
}
