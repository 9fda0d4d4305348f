//! Somebody between a replica and the others who holds its keys, passes on what they say, and changes some of it.

use crate::support::genesis::{network, transport};
use crate::support::{Cluster, patience};
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_proto::v1::ledger_service_server::{LedgerService, LedgerServiceServer};
use sekisho_proto::v1::raft_service_client::RaftServiceClient;
use sekisho_proto::v1::raft_service_server::{RaftService, RaftServiceServer};
use sekisho_transport::{
    ClientLimits, Deadline, Expected, Incoming, PeerDirectory, ServerLimits, channel, outgoing,
    peer, server,
};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

/// What is changed on the way to a replica, and on the way back.
pub trait Tamper: Send + Sync + 'static {
    /// Entries on their way to it.
    fn append(&self, _request: &mut v1::AppendEntriesRequest) {}
    /// What it says of its tree.
    fn cosigned(&self, _reply: &mut v1::CosignReply) {}
}

/// Passes on for as long as it is held.
pub struct Between(JoinHandle<Result<(), tonic::transport::Error>>);

impl Drop for Between {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Clone)]
struct Passing {
    /// The real replica, as each of the others.
    as_others: Arc<BTreeMap<String, Channel>>,
    tamper: Arc<dyn Tamper>,
}

impl Between {
    /// Stands before a running replica at `listener`, where the genesis file says that it answers.
    pub fn start(
        cluster: &Cluster,
        id: u64,
        listener: TcpListener,
        real: &str,
        tamper: impl Tamper,
    ) -> Self {
        let directory: Arc<dyn PeerDirectory> = cluster.replica(id).directory();
        let others = (1..=3).filter(|&n| n != id);
        let as_others = others.map(|n| {
            let (expected, limits) = (Expected::Network(network(id)), ClientLimits::default());
            let to = channel(
                real,
                expected,
                &transport(n),
                Arc::clone(&directory),
                limits,
            );
            (network(n).to_string(), to.unwrap())
        });
        let passing = Passing {
            as_others: Arc::new(as_others.collect()),
            tamper: Arc::new(tamper),
        };
        let incoming =
            Incoming::new(listener, &transport(id), directory, ServerLimits::default()).unwrap();
        let serving = server()
            .add_service(RaftServiceServer::new(passing.clone()))
            .add_service(LedgerServiceServer::new(passing))
            .serve_with_incoming(incoming);
        Self(tokio::spawn(serving))
    }
}

impl Passing {
    fn channel<T>(&self, request: &Request<T>) -> Result<Channel, Status> {
        let from = peer(request)?.network;
        let channel = self.as_others.get(from.as_str());
        channel.cloned().ok_or_else(|| Status::internal("nobody's"))
    }
}

fn with_deadline<T>(request: Request<T>) -> Result<Request<T>, Status> {
    let deadline = Deadline::of(request.metadata())?;
    Ok(outgoing(request.into_inner(), deadline))
}

#[tonic::async_trait]
impl RaftService for Passing {
    type AppendEntriesStream = Streaming<v1::AppendEntriesReply>;
    async fn append_entries(
        &self,
        request: Request<Streaming<v1::AppendEntriesRequest>>,
    ) -> Result<Response<Self::AppendEntriesStream>, Status> {
        let mut client = RaftServiceClient::new(self.channel(&request)?);
        let tamper = Arc::clone(&self.tamper);
        let (pass, messages) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut from = request.into_inner();
            while let Ok(Some(mut message)) = from.message().await {
                tamper.append(&mut message);
                if pass.send(message).await.is_err() {
                    break;
                }
            }
        });
        let messages = ReceiverStream::new(messages);
        client.append_entries(outgoing(messages, patience())).await
    }
    async fn vote(
        &self,
        request: Request<v1::VoteRequest>,
    ) -> Result<Response<v1::VoteReply>, Status> {
        let mut client = RaftServiceClient::new(self.channel(&request)?);
        client.vote(with_deadline(request)?).await
    }
    async fn install_snapshot(
        &self,
        request: Request<Streaming<v1::SnapshotChunk>>,
    ) -> Result<Response<v1::InstallSnapshotReply>, Status> {
        let mut client = RaftServiceClient::new(self.channel(&request)?);
        let chunks = request.into_inner().map_while(Result::ok);
        client.install_snapshot(outgoing(chunks, patience())).await
    }
    async fn barrier(
        &self,
        request: Request<v1::BarrierRequest>,
    ) -> Result<Response<v1::BarrierReply>, Status> {
        let mut client = RaftServiceClient::new(self.channel(&request)?);
        client.barrier(with_deadline(request)?).await
    }
}

#[tonic::async_trait]
impl LedgerService for Passing {
    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitReply>, Status> {
        let mut client = LedgerServiceClient::new(self.channel(&request)?);
        client.submit(with_deadline(request)?).await
    }
    async fn submit_many(
        &self,
        request: Request<v1::SubmitManyRequest>,
    ) -> Result<Response<v1::SubmitManyReply>, Status> {
        let mut client = LedgerServiceClient::new(self.channel(&request)?);
        client.submit_many(with_deadline(request)?).await
    }
    async fn checkpoint(
        &self,
        request: Request<v1::CheckpointRequest>,
    ) -> Result<Response<v1::CheckpointReply>, Status> {
        let mut client = LedgerServiceClient::new(self.channel(&request)?);
        client.checkpoint(with_deadline(request)?).await
    }
    async fn cosign(
        &self,
        request: Request<v1::CosignRequest>,
    ) -> Result<Response<v1::CosignReply>, Status> {
        let mut client = LedgerServiceClient::new(self.channel(&request)?);
        let mut reply = client.cosign(with_deadline(request)?).await?;
        self.tamper.cosigned(reply.get_mut());
        Ok(reply)
    }
    async fn status(
        &self,
        request: Request<v1::StatusRequest>,
    ) -> Result<Response<v1::StatusReply>, Status> {
        let mut client = LedgerServiceClient::new(self.channel(&request)?);
        client.status(with_deadline(request)?).await
    }
    async fn state(
        &self,
        _: Request<v1::StateRequest>,
    ) -> Result<Response<v1::StateReply>, Status> {
        Err(Status::unimplemented("not asked between replicas"))
    }
    async fn outcome_of(
        &self,
        _: Request<v1::OutcomeOfRequest>,
    ) -> Result<Response<v1::LeafReply>, Status> {
        Err(Status::unimplemented("not asked between replicas"))
    }
    type LeavesStream = Pin<Box<dyn Stream<Item = Result<v1::LeafReply, Status>> + Send>>;
    async fn leaves(
        &self,
        _: Request<v1::LeavesRequest>,
    ) -> Result<Response<Self::LeavesStream>, Status> {
        Err(Status::unimplemented("not asked between replicas"))
    }
    async fn inclusion_proof(
        &self,
        _: Request<v1::InclusionProofRequest>,
    ) -> Result<Response<v1::ProofReply>, Status> {
        Err(Status::unimplemented("not asked between replicas"))
    }
    async fn consistency_proof(
        &self,
        _: Request<v1::ConsistencyProofRequest>,
    ) -> Result<Response<v1::ProofReply>, Status> {
        Err(Status::unimplemented("not asked between replicas"))
    }
}
