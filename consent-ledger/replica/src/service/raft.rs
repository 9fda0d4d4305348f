//! `RaftService`: between replicas only, each speaking for itself only.

use super::internal;
use crate::ReplicaError;
use crate::config::{CLOCK_SKEW_MAX, SNAPSHOT_TIMEOUT};
use crate::raft::wire::{self, WireError};
use crate::raft::{Proposal, TypeConfig};
use crate::refusals::Refusal;
use crate::replica::Replica;
use crate::store::{Incoming, SnapshotData};
use futures::StreamExt;
use futures::stream::{BoxStream, try_unfold};
use openraft::{EntryPayload, Snapshot, SnapshotMeta, StoredMembership, Vote};
use sekisho_domain::{Hash, NetworkId, ReplicaId};
use sekisho_proto::v1::raft_service_server::RaftService;
use sekisho_proto::v1::snapshot_chunk::Part;
use sekisho_proto::{ErrorCode, v1};
use sekisho_transport::{Deadline, peer, peer_of};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

#[derive(Clone)]
pub(super) struct Service {
    replica: Replica,
    /// One snapshot at a time: each is a file on disk.
    receiving: Arc<Semaphore>,
}

fn malformed(error: WireError) -> Status {
    ErrorCode::Invalid.status(error.to_string())
}

fn fatal(error: impl std::fmt::Display) -> Status {
    tracing::debug!(%error, "consensus refused a message");
    ErrorCode::Unavailable.status("this replica stopped")
}

/// A machine that took a lost one's place answers at its address, and must not speak for it.
fn for_us(replica: &Replica, to: u64) -> Result<(), Status> {
    let own = replica.id();
    if to == own {
        return Ok(());
    }
    replica.refused(Refusal::OtherReplica);
    Err(ErrorCode::Conflict.status(format!("this is replica {own}, not {to}")))
}

impl Service {
    pub(super) fn new(replica: Replica) -> Self {
        Self {
            replica,
            receiving: Arc::new(Semaphore::new(1)),
        }
    }

    /// The caller's network runs the replica that `claimed` is, or any replica if nothing is claimed.
    fn enter(&self, network: &NetworkId, claimed: Option<u64>) -> Result<(), Status> {
        let directory = self.replica.directory_of_replicas();
        // One that was retired may lead until the group has let it go, and no longer.
        let still = || {
            let metrics = self.replica.raft().metrics();
            let metrics = metrics.borrow();
            let mut group = metrics.membership_config.nodes();
            group.any(|(id, member)| {
                member.network == network.as_str() && claimed.is_none_or(|claimed| claimed == *id)
            })
        };
        let known = directory.runs(network, claimed.map(ReplicaId)) || still();
        if known {
            Ok(())
        } else {
            self.replica.refused(Refusal::NotAReplica);
            Err(ErrorCode::Forbidden.status(format!("network {network} does not run this replica")))
        }
    }

    /// What a replica of a network sends as the leader.
    async fn append(
        &self,
        network: &NetworkId,
        message: v1::AppendEntriesRequest,
    ) -> Result<v1::AppendEntriesReply, Status> {
        self.enter(network, message.vote.as_ref().map(|vote| vote.replica))?;
        for_us(&self.replica, message.to)?;
        self.check_clock(message.sent_time_ms)?;
        let append = wire::from_append_request(message).map_err(malformed)?;
        self.check_signatures(&append.entries).await?;
        let reply = self
            .replica
            .raft()
            .append_entries(append)
            .await
            .map_err(fatal)?;
        self.replica.heard_leader();
        Ok(wire::append_reply(reply))
    }

    /// A leader's times become the ledger's, so one whose clock is far off is not followed.
    fn check_clock(&self, sent_time_ms: u64) -> Result<(), Status> {
        let own = self.replica.clock().now().0;
        let off_ms = own.abs_diff(sent_time_ms);
        if u128::from(off_ms) <= CLOCK_SKEW_MAX.as_millis() {
            return Ok(());
        }
        self.replica.refused(Refusal::LeaderClock);
        tracing::warn!(off_ms, "the leader's clock is too far from this replica's");
        let max_ms = CLOCK_SKEW_MAX.as_millis();
        Err(ErrorCode::Conflict.status(format!(
            "the clocks are {off_ms} ms apart, at most {max_ms} are allowed"
        )))
    }

    /// Checks new entries' signatures before they are acknowledged: what an honest leader admits holds.
    async fn check_signatures(
        &self,
        entries: &[openraft::Entry<TypeConfig>],
    ) -> Result<(), Status> {
        let proposals: Vec<Proposal> = entries
            .iter()
            .filter_map(|entry| match &entry.payload {
                EntryPayload::Normal(proposal) => Some(proposal.clone()),
                EntryPayload::Blank | EntryPayload::Membership(_) => None,
            })
            .filter(|proposal| !proposal.batch().envelopes.is_empty())
            .collect();
        if proposals.is_empty() {
            return Ok(());
        }
        let state = self
            .replica
            .store()
            .read_state()
            .map_err(|error| internal(&error))?;
        let checked = Arc::clone(self.replica.checked());
        match checked
            .check_all(&proposals, state)
            .await
            .map_err(|error| internal(&error))?
        {
            None => Ok(()),
            Some(key) => {
                self.replica.refused(Refusal::LeaderForged);
                tracing::error!(%key, "the leader sent an entry whose signature does not hold");
                Err(ErrorCode::Invalid.status("an entry's signature does not hold"))
            }
        }
    }
}

#[tonic::async_trait]
impl RaftService for Service {
    type AppendEntriesStream = BoxStream<'static, Result<v1::AppendEntriesReply, Status>>;

    async fn append_entries(
        &self,
        request: Request<Streaming<v1::AppendEntriesRequest>>,
    ) -> Result<Response<Self::AppendEntriesStream>, Status> {
        let (_, caller, messages) = request.into_parts();
        let replies = try_unfold(
            (self.clone(), caller, messages),
            |(this, caller, mut messages)| async move {
                // Whoever says nothing for so long leads no more.
                let silence_max = this.replica.config().timing.election_max;
                let Ok(message) = timeout(silence_max, messages.message()).await else {
                    return Err(Status::deadline_exceeded("no message came for too long"));
                };
                let Some(message) = message? else {
                    return Ok(None);
                };
                // By the ledger as it is now: a key may have been revoked since the call began.
                let network = peer_of(&caller)?.network;
                let reply = this.append(&network, message).await?;
                Ok(Some((reply, (this, caller, messages))))
            },
        );
        Ok(Response::new(replies.boxed()))
    }

    async fn vote(
        &self,
        request: Request<v1::VoteRequest>,
    ) -> Result<Response<v1::VoteReply>, Status> {
        let vote = request.get_ref().vote.as_ref();
        self.enter(&peer(&request)?.network, vote.map(|vote| vote.replica))?;
        for_us(&self.replica, request.get_ref().to)?;
        let vote = wire::from_vote_request(request.into_inner()).map_err(malformed)?;
        let reply = self.replica.raft().vote(vote).await.map_err(fatal)?;
        Ok(Response::new(wire::vote_reply(&reply)))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<v1::SnapshotChunk>>,
    ) -> Result<Response<v1::InstallSnapshotReply>, Status> {
        self.enter(&peer(&request)?.network, None)?;
        let deadline = Deadline::of(request.metadata())?.min(Deadline::after(SNAPSHOT_TIMEOUT));
        let place = Arc::clone(&self.receiving)
            .try_acquire_owned()
            .map_err(|_| ErrorCode::Overloaded.status("another snapshot is being received"))?;
        let network = peer(&request)?.network;
        let received = deadline
            .bound(receive(
                &self.replica,
                request.into_inner(),
                network.as_str(),
            ))
            .await??;
        let (vote, snapshot) = received;
        let replica = self.replica.clone();
        // Apart from this call: once begun, an installation ends, whether or not the leader waits for it.
        let installed = tokio::spawn(async move {
            replica.store().set_installing(true);
            let installed = replica.raft().install_full_snapshot(vote, snapshot).await;
            replica.store().set_installing(false);
            drop(place);
            installed
        });
        let reply = deadline
            .bound(installed)
            .await?
            .map_err(fatal)?
            .map_err(fatal)?;
        self.replica.heard_leader();
        Ok(Response::new(v1::InstallSnapshotReply {
            vote: Some(wire::vote(&reply.vote)),
        }))
    }

    async fn barrier(
        &self,
        request: Request<v1::BarrierRequest>,
    ) -> Result<Response<v1::BarrierReply>, Status> {
        self.enter(&peer(&request)?.network, None)?;
        let deadline = Deadline::of(request.metadata())?;
        match deadline.bound(self.replica.barrier()).await? {
            Some(log_index) => Ok(Response::new(v1::BarrierReply { log_index })),
            None => Err(ErrorCode::Unavailable.status("this replica does not lead")),
        }
    }
}

/// Reads a snapshot's header and then its bytes into a file, whose digest is checked.
async fn receive(
    replica: &Replica,
    mut chunks: Streaming<v1::SnapshotChunk>,
    network: &str,
) -> Result<(Vote<u64>, Snapshot<TypeConfig>), Status> {
    let first = chunks.message().await?.and_then(|chunk| chunk.part);
    let Some(Part::Header(header)) = first else {
        return Err(malformed(WireError::Missing("the snapshot's header")));
    };
    for_us(replica, header.to)?;
    let vote = wire::from_vote(header.vote).map_err(malformed)?;
    let sender = replica
        .members()
        .get(&vote.leader_id.node_id)
        .map(|member| member.network.clone());
    if sender.as_deref() != Some(network) {
        return Err(
            ErrorCode::Forbidden.status(format!("network {network} does not run this replica"))
        );
    }
    let announced = Hash::try_from(header.sha256.as_slice())
        .map_err(|_| malformed(WireError::Length("the snapshot's digest")))?;
    let membership = header
        .membership
        .ok_or(WireError::Missing("the membership"))
        .map_err(malformed)?;
    let meta = SnapshotMeta {
        last_log_id: header.last_log_id.map(wire::from_log_id),
        last_membership: StoredMembership::new(
            header.membership_log_id.map(wire::from_log_id),
            wire::from_membership(membership),
        ),
        snapshot_id: header.snapshot_id,
    };
    let pieces = chunks.map(|chunk| match chunk?.part {
        Some(Part::Data(data)) => Ok(data),
        _ => Err(malformed(WireError::Missing("a snapshot's data"))),
    });
    let fault = |error: ReplicaError| match error {
        ReplicaError::SnapshotDigest { .. }
        | ReplicaError::NoSnapshot { .. }
        | ReplicaError::OtherLedger { .. } => {
            replica.refused(Refusal::SnapshotBroken);
            ErrorCode::Invalid.status(error.to_string())
        }
        error => internal(&error),
    };
    let incoming = Incoming::receive(replica.store(), header.bytes, announced, pieces)
        .await
        .map_err(fault)??;
    if incoming.is_behind(replica.store()).map_err(fault)? {
        replica.refused(Refusal::SnapshotBehind);
        return Err(ErrorCode::Conflict.status("the snapshot ends before what this replica holds"));
    }
    Ok((
        vote,
        Snapshot {
            meta,
            snapshot: Box::new(SnapshotData::Received(incoming)),
        },
    ))
}
