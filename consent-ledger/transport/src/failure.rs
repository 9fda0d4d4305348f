//! Why a call failed below the application, told apart so that each outcome is the true one (P8).

use crate::connect::Expected;
use std::error::Error;
use std::time::Duration;
use tonic::{Code, Status, TimeoutExpired};

/// Why a connection could not be made. Found in the source chain of the [`Status`] of each request
/// that waited for it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectFailure {
    /// Nobody answered at the address, or the connection broke before it was of use.
    #[error("{address} cannot be reached")]
    Unreachable {
        /// The address tried, `host:port`.
        address: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The server did not prove to be the expected one.
    #[error("{address} presented a certificate that is not that of {expected}")]
    WrongCertificate {
        /// The address tried, `host:port`.
        address: String,
        /// Who was expected there.
        expected: Expected,
        /// What TLS found.
        source: rustls::Error,
    },
    /// The server ended the handshake because of our certificate or protocol.
    #[error("{address} refused the connection")]
    Refused {
        /// The address tried, `host:port`.
        address: String,
        /// The alert received.
        source: rustls::Error,
    },
    /// The connection was not of use in time.
    #[error("{address} did not complete the connection within {} ms", after.as_millis())]
    TimedOut {
        /// The address tried, `host:port`.
        address: String,
        /// The time given.
        after: Duration,
    },
    /// What answered does not speak our TLS, or speaks it wrongly.
    #[error("{address} does not speak TLS 1.3 with HTTP/2")]
    Protocol {
        /// The address tried, `host:port`.
        address: String,
        /// What TLS found, if it got that far.
        source: Option<rustls::Error>,
    },
}

/// The kind of a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answered, or the connection broke. Whether a request that was under way took effect is
    /// unknown.
    Unreachable,
    /// Somebody other than the expected network answered.
    WrongCertificate,
    /// The peer does not, or no longer, know us as a member.
    Refused,
    /// No answer in time. Whether the request took effect is unknown.
    TimedOut,
    /// An answer of the application, or a broken protocol.
    Other,
}

/// Tells the kind of a failed call from its status and what caused it.
pub fn classify(status: &Status) -> Failure {
    let first = status.source();
    let mut source = first;
    while let Some(error) = source {
        if let Some(failure) = error.downcast_ref::<ConnectFailure>() {
            return match failure {
                ConnectFailure::Unreachable { .. } => Failure::Unreachable,
                ConnectFailure::WrongCertificate { .. } => Failure::WrongCertificate,
                ConnectFailure::Refused { .. } => Failure::Refused,
                ConnectFailure::TimedOut { .. } => Failure::TimedOut,
                ConnectFailure::Protocol { .. } => Failure::Other,
            };
        }
        if error.is::<TimeoutExpired>() {
            return Failure::TimedOut;
        }
        source = error.source();
    }
    match status.code() {
        Code::DeadlineExceeded => Failure::TimedOut,
        // tonic's server reports an expired `grpc-timeout` so; the peer's text is all there is to tell
        // it from a handler's own cancellation.
        Code::Cancelled if status.message() == TimeoutExpired(()).to_string() => Failure::TimedOut,
        Code::Unauthenticated if first.is_none() => Failure::Refused,
        // A status that came over the wire has no source; one made here from a broken connection has.
        _ if first.is_some() => Failure::Unreachable,
        _ => Failure::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Statuses as they come over the wire, without a source. Those made from broken connections are
    /// tested where there are connections.
    #[test]
    fn what_the_peer_itself_said_is_told_from_what_happened_to_the_connection() {
        let cases = [
            (Status::deadline_exceeded("late"), Failure::TimedOut),
            (Status::cancelled("Timeout expired"), Failure::TimedOut),
            (Status::cancelled("no longer wanted"), Failure::Other),
            (Status::unauthenticated("who are you"), Failure::Refused),
            (Status::unavailable("no leader"), Failure::Other),
            (Status::permission_denied("no"), Failure::Other),
            (Status::internal("broken"), Failure::Other),
        ];
        for (status, expected) in cases {
            assert_eq!(classify(&status), expected, "{status:?}");
        }
    }
}
