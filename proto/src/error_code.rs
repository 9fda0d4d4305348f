//! The nine ways a call can fail, mapped once to gRPC.

use tonic::{Code, Status};

/// Why a call failed, in terms a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// The request itself is wrong; sending it again is useless.
    Invalid,
    /// The caller may not do this.
    Forbidden,
    /// There is no such thing, or not here.
    NotFound,
    /// It contradicts something that is there already.
    Conflict,
    /// Too much at once; later it may work.
    Overloaded,
    /// Nothing was done; later it may work.
    Unavailable,
    /// It may have been done: ask by request id.
    Unknown,
    /// The deadline passed before anything was done.
    DeadlineExceeded,
    /// A fault of ours; the operator's log has the details.
    Internal,
}

impl ErrorCode {
    /// The gRPC status code.
    pub fn grpc(self) -> Code {
        match self {
            Self::Invalid => Code::InvalidArgument,
            Self::Forbidden => Code::PermissionDenied,
            Self::NotFound => Code::NotFound,
            Self::Conflict => Code::AlreadyExists,
            Self::Overloaded => Code::ResourceExhausted,
            Self::Unavailable => Code::Unavailable,
            Self::Unknown => Code::Aborted,
            Self::DeadlineExceeded => Code::DeadlineExceeded,
            Self::Internal => Code::Internal,
        }
    }
    /// The status to answer with. `message` is one short sentence without internal details or patient data.
    pub fn status(self, message: impl Into<String>) -> Status {
        Status::new(self.grpc(), message)
    }
    /// What a status stands for.
    pub fn of(status: &Status) -> Self {
        match status.code() {
            Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => Self::Invalid,
            Code::PermissionDenied | Code::Unauthenticated | Code::FailedPrecondition => {
                Self::Forbidden
            }
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::Conflict,
            Code::ResourceExhausted => Self::Overloaded,
            Code::Unavailable => Self::Unavailable,
            Code::Aborted => Self::Unknown,
            Code::DeadlineExceeded | Code::Cancelled => Self::DeadlineExceeded,
            Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => Self::Internal,
        }
    }
}
