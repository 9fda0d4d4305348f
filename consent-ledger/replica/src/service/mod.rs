//! The replica's gRPC services. Each handler parses, asks the [`Replica`], and answers.

mod ledger;
mod raft;

use crate::config::REQUEST_BYTES_MAX;
use crate::{Replica, ReplicaError};
use sekisho_proto::ErrorCode;
use sekisho_proto::v1::ledger_service_server::LedgerServiceServer;
use sekisho_proto::v1::raft_service_server::RaftServiceServer;
use tonic::Status;

impl Replica {
    /// `LedgerService`, for any member. To be mounted behind the transport's member check.
    pub fn ledger_service(
        &self,
    ) -> LedgerServiceServer<impl sekisho_proto::v1::ledger_service_server::LedgerService> {
        LedgerServiceServer::new(ledger::Service(self.clone()))
            .max_decoding_message_size(REQUEST_BYTES_MAX)
    }

    /// `RaftService`, for the networks that run replicas. Mounted beside the other.
    pub fn raft_service(
        &self,
    ) -> RaftServiceServer<impl sekisho_proto::v1::raft_service_server::RaftService> {
        RaftServiceServer::new(raft::Service::new(self.clone()))
    }
}

/// Logs a fault of ours, where it is handled, and keeps its details from the caller.
fn internal(error: &ReplicaError) -> Status {
    match error {
        ReplicaError::Poisoned(_) | ReplicaError::ShutDown | ReplicaError::Raft(_) => {
            ErrorCode::Unavailable.status("this replica stopped")
        }
        other => {
            tracing::error!(error = other.chain(), "a request failed");
            ErrorCode::Internal.status("the replica failed; its operator's log says how")
        }
    }
}
