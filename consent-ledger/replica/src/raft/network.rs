//! Raft's messages to other replicas, over pinned mutual TLS.

use super::agreed::{Agreed, Asked};
use super::types::{Member, TypeConfig};
use super::wire;
use crate::ReplicaError;
use crate::config::{APPENDS_CALL_LIFE, Clock, Config, SNAPSHOT_TIMEOUT};
use crate::directory::Directory;
use crate::store::{SnapshotData, Store, blocking};
use futures::StreamExt;
use openraft::error::{
    Fatal, NetworkError, RPCError, RaftError, ReplicationClosed, StreamingError, Unreachable,
};
use openraft::network::{Backoff, RPCOption};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{RaftNetwork, RaftNetworkFactory, Snapshot, Vote};
use sekisho_proto::v1;
use sekisho_proto::v1::raft_service_client::RaftServiceClient;
use sekisho_transport::{ClientLimits, Deadline, Expected, Identity, channel, outgoing};
use std::collections::BTreeMap;
use std::error::Error;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// The way to a peer. In a simulation it may lead through none of the machine's sockets.
#[cfg(feature = "simulation")]
pub(crate) use crate::simulation::Line;
#[cfg(not(feature = "simulation"))]
pub(crate) use tonic::transport::Channel as Line;

/// The channels to other replicas, one each, made at first use.
pub(crate) struct Peers {
    identity: Identity,
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
    heartbeat: Duration,
    store: Store,
    channels: Mutex<BTreeMap<u64, (Member, Line)>>,
    agreed: Mutex<Agreed>,
    #[cfg(feature = "simulation")]
    simulated: Option<Arc<dyn crate::simulation::Network>>,
}

impl Peers {
    pub(crate) fn new(
        identity: Identity,
        directory: Arc<Directory>,
        clock: Arc<dyn Clock>,
        store: Store,
        config: &Config,
    ) -> Self {
        Self {
            identity,
            directory,
            clock,
            heartbeat: config.timing.heartbeat,
            store,
            channels: Mutex::new(BTreeMap::new()),
            agreed: Mutex::new(Agreed::default()),
            #[cfg(feature = "simulation")]
            simulated: config
                .world
                .as_ref()
                .map(|world| Arc::clone(&world.network)),
        }
    }

    /// The channel to a replica, which must show a key of its network.
    pub(crate) fn channel(&self, replica: u64, member: &Member) -> Result<Line, ReplicaError> {
        #[cfg(feature = "simulation")]
        if let Some(network) = &self.simulated {
            return Ok(Line::simulated(Arc::clone(network), &member.endpoint));
        }
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, channel)) = channels.get(&replica)
            && known == member
        {
            return Ok(channel.clone());
        }
        let network = member
            .network
            .parse()
            .map_err(|_| ReplicaError::Damaged("a member's network id"))?;
        let made = channel(
            &member.endpoint,
            Expected::Network(network),
            &self.identity,
            Arc::clone(&self.directory) as _,
            ClientLimits::default(),
        )?;
        #[cfg(feature = "simulation")]
        let made = Line::from(made);
        channels.insert(replica, (member.clone(), made.clone()));
        Ok(made)
    }

    /// How long messages are sent on one call; none: one message only.
    fn life_of_a_call(&self) -> Option<Duration> {
        // What a simulated network carries, loses and repeats is whole calls.
        #[cfg(feature = "simulation")]
        if self.simulated.is_some() {
            return None;
        }
        Some(APPENDS_CALL_LIFE)
    }
}

/// Makes links; openraft asks for several to one replica.
pub(crate) struct Links(pub(crate) Arc<Peers>);

impl RaftNetworkFactory<TypeConfig> for Links {
    type Network = Link;
    async fn new_client(&mut self, target: u64, node: &Member) -> Link {
        Link {
            peers: Arc::clone(&self.0),
            target,
            member: node.clone(),
            appends: None,
        }
    }
}

/// Raft's way to one replica.
pub(crate) struct Link {
    peers: Arc<Peers>,
    target: u64,
    member: Member,
    /// None before the first message, and after one that came to nothing.
    appends: Option<Appends>,
}

/// A call on which one message after the other is sent, each once the one before is answered. Beside a call for each it
/// spares HTTP/2 two of three frames, and both sides a request's beginning and end.
struct Appends {
    messages: mpsc::Sender<v1::AppendEntriesRequest>,
    replies: Streaming<v1::AppendEntriesReply>,
    /// What is sent from then on is the last.
    until: Instant,
}

type RpcFailure = RPCError<u64, Member, RaftError<u64>>;

/// Whatever went wrong, openraft may try again after the backoff; any other kind it retries at once,
/// without pause.
fn unreachable<E: Error + 'static>(error: &E) -> Unreachable {
    Unreachable::new(error)
}

fn ended() -> Status {
    Status::unavailable("the call ended")
}

impl Link {
    fn client(&self) -> Result<RaftServiceClient<Line>, Unreachable> {
        let channel = self
            .peers
            .channel(self.target, &self.member)
            .map_err(|error| unreachable(&error))?;
        Ok(RaftServiceClient::new(channel))
    }

    /// Has a message answered.
    async fn append(
        &mut self,
        message: v1::AppendEntriesRequest,
        deadline: Deadline,
    ) -> Result<v1::AppendEntriesReply, Unreachable> {
        // Not put back unless it is answered: an answer that nobody waited for must not be taken for the next one's.
        let (mut replies, more) = match self.appends.take() {
            Some(Appends {
                messages,
                replies,
                until,
            }) => {
                let sent = messages.send(message).await;
                sent.map_err(|_| unreachable(&ended()))?;
                (
                    replies,
                    (Instant::now() < until).then_some((messages, until)),
                )
            }
            None => {
                let (messages, outbound) = mpsc::channel(1);
                let sent = messages.try_send(message);
                sent.map_err(|_| unreachable(&ended()))?;
                let life = self.peers.life_of_a_call();
                let more = life.map(|life| (messages, Instant::now() + life));
                let outbound = outgoing(ReceiverStream::new(outbound), deadline);
                let begun = self.client()?.append_entries(outbound).await;
                let replies = begun.map_err(|status| unreachable(&status))?;
                (replies.into_inner(), more)
            }
        };
        let reply = replies.message().await;
        let reply = reply.map_err(|status| unreachable(&status))?;
        let reply = reply.ok_or_else(|| unreachable(&ended()))?;
        self.appends = more.map(|(messages, until)| Appends {
            messages,
            replies,
            until,
        });
        Ok(reply)
    }

    async fn send_snapshot(
        &self,
        vote: Vote<u64>,
        snapshot: Snapshot<TypeConfig>,
    ) -> Result<SnapshotResponse<u64>, StreamingError<TypeConfig, Fatal<u64>>> {
        let network = |error: &ReplicaError| StreamingError::Network(NetworkError::new(error));
        let SnapshotData::View(view) = *snapshot.snapshot else {
            return Err(network(&ReplicaError::Damaged("a snapshot to send")));
        };
        let hashed = view.clone();
        let (bytes, sha256) = blocking(move || hashed.digest())
            .await
            .map_err(|error| network(&error))?;
        let meta = snapshot.meta;
        let header = v1::SnapshotHeader {
            vote: Some(wire::vote(&vote)),
            last_log_id: meta.last_log_id.as_ref().map(wire::log_id),
            membership_log_id: meta.last_membership.log_id().as_ref().map(wire::log_id),
            membership: Some(wire::membership(meta.last_membership.membership())),
            snapshot_id: meta.snapshot_id,
            bytes,
            sha256: sha256.0.to_vec(),
            to: self.target,
        };
        use v1::snapshot_chunk::Part;
        let parts = futures::stream::once(std::future::ready(Part::Header(header)))
            .chain(ReceiverStream::new(view.chunks()).map(Part::Data))
            .map(|part| v1::SnapshotChunk { part: Some(part) });
        let mut client = self.client().map_err(StreamingError::Unreachable)?;
        let reply = client
            .install_snapshot(outgoing(parts, Deadline::after(SNAPSHOT_TIMEOUT)))
            .await
            .map_err(|status| StreamingError::Unreachable(unreachable(&status)))?;
        let vote = wire::from_vote(reply.into_inner().vote)
            .map_err(|error| StreamingError::Unreachable(unreachable(&error)))?;
        Ok(SnapshotResponse::new(vote))
    }
}

impl RaftNetwork<TypeConfig> for Link {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<u64>, RpcFailure> {
        let asked = Asked::of(&rpc);
        if let Some(committed) = &rpc.leader_commit {
            // openraft counts what is still on its way to this disk; nobody else may.
            let durable = self.peers.store.wait_durable(committed.index);
            let durable = timeout(option.hard_ttl(), durable).await;
            let durable = durable.map_err(|late| unreachable(&late))?;
            durable.map_err(|error| unreachable(&error))?;
        }
        let message = wire::append_request(rpc, self.peers.clock.now().0, self.target);
        let deadline = Deadline::after(option.hard_ttl());
        let reply = timeout(option.hard_ttl(), self.append(message, deadline)).await;
        let reply = reply.map_err(|late| unreachable(&late))??;
        let reply = wire::from_append_reply(reply).map_err(|error| unreachable(&error))?;
        let mut agreed = self
            .peers
            .agreed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        agreed
            .heard(self.target, &asked, &reply)
            .map_err(|error| unreachable(&error))?;
        Ok(reply)
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<u64>,
        option: RPCOption,
    ) -> Result<VoteResponse<u64>, RpcFailure> {
        let reply = self
            .client()?
            .vote(outgoing(
                wire::vote_request(&rpc, self.target),
                Deadline::after(option.hard_ttl()),
            ))
            .await
            .map_err(|status| unreachable(&status))?;
        Ok(wire::from_vote_reply(reply.into_inner()).map_err(|error| unreachable(&error))?)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote<u64>,
        snapshot: Snapshot<TypeConfig>,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<u64>, StreamingError<TypeConfig, Fatal<u64>>> {
        tokio::select! {
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = self.send_snapshot(vote, snapshot) => sent,
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(self.peers.heartbeat))
    }
}
