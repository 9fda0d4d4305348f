//! openraft's types as messages of `sekisho.v1`, and back.

use super::types::{Entry, LogId, Member, Membership, Proposal, TypeConfig};
use openraft::{CommittedLeaderId, EntryPayload, Vote};
use sekisho_proto::v1;
use std::collections::{BTreeMap, BTreeSet};

/// A message that lacks what it must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A field is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field has another length than it must.
    #[error("{0} has the wrong length")]
    Length(&'static str),
    /// More elements than allowed.
    #[error("{what} holds {got}, at most {max} are allowed")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// How many there were.
        got: usize,
        /// The bound.
        max: usize,
    },
    /// Bytes that do not parse.
    #[error("{0} does not parse")]
    Malformed(&'static str),
}

pub(crate) fn vote(vote: &Vote<u64>) -> v1::RaftVote {
    v1::RaftVote {
        term: vote.leader_id.term,
        replica: vote.leader_id.node_id,
        committed: vote.committed,
    }
}

pub(crate) fn from_vote(vote: Option<v1::RaftVote>) -> Result<Vote<u64>, WireError> {
    let v1::RaftVote {
        term,
        replica,
        committed,
    } = vote.ok_or(WireError::Missing("the vote"))?;
    Ok(if committed {
        Vote::new_committed(term, replica)
    } else {
        Vote::new(term, replica)
    })
}

pub(crate) fn log_id(id: &LogId) -> v1::RaftLogId {
    v1::RaftLogId {
        term: id.leader_id.term,
        leader: id.leader_id.node_id,
        index: id.index,
    }
}

pub(crate) fn from_log_id(id: v1::RaftLogId) -> LogId {
    LogId::new(CommittedLeaderId::new(id.term, id.leader), id.index)
}

pub(crate) fn membership(membership: &Membership) -> v1::RaftMembership {
    v1::RaftMembership {
        configs: membership
            .get_joint_config()
            .iter()
            .map(|set| v1::ReplicaSet {
                replicas: set.iter().copied().collect(),
            })
            .collect(),
        members: membership
            .nodes()
            .map(|(&replica, member)| v1::RaftMember {
                replica,
                network: member.network.clone(),
                endpoint: member.endpoint.clone(),
            })
            .collect(),
    }
}

pub(crate) fn from_membership(message: v1::RaftMembership) -> Membership {
    let configs: Vec<BTreeSet<u64>> = message
        .configs
        .into_iter()
        .map(|set| set.replicas.into_iter().collect())
        .collect();
    let members: BTreeMap<u64, Member> = message
        .members
        .into_iter()
        .map(|m| {
            (
                m.replica,
                Member {
                    network: m.network,
                    endpoint: m.endpoint,
                },
            )
        })
        .collect();
    Membership::new(configs, members)
}

pub(crate) fn entry(entry: &Entry) -> v1::RaftEntry {
    use v1::raft_entry::Payload;
    let payload = match &entry.payload {
        EntryPayload::Blank => Payload::Blank(v1::Everything {}),
        EntryPayload::Normal(proposal) => Payload::Batch(proposal.bytes()),
        EntryPayload::Membership(m) => Payload::Membership(membership(m)),
    };
    v1::RaftEntry {
        log_id: Some(log_id(&entry.log_id)),
        payload: Some(payload),
    }
}

pub(crate) fn from_entry(message: v1::RaftEntry) -> Result<Entry, WireError> {
    use v1::raft_entry::Payload;
    let log_id = from_log_id(
        message
            .log_id
            .ok_or(WireError::Missing("an entry's log id"))?,
    );
    let payload = match message
        .payload
        .ok_or(WireError::Missing("an entry's payload"))?
    {
        Payload::Blank(_) => EntryPayload::Blank,
        Payload::Batch(bytes) => EntryPayload::Normal(
            Proposal::decode(bytes).map_err(|_| WireError::Malformed("a batch"))?,
        ),
        Payload::Membership(m) => EntryPayload::Membership(from_membership(m)),
    };
    Ok(Entry { log_id, payload })
}

pub(crate) fn append_request(
    request: openraft::raft::AppendEntriesRequest<TypeConfig>,
    sent_time_ms: u64,
    to: u64,
) -> v1::AppendEntriesRequest {
    v1::AppendEntriesRequest {
        vote: Some(vote(&request.vote)),
        prev_log_id: request.prev_log_id.as_ref().map(log_id),
        entries: request.entries.iter().map(entry).collect(),
        leader_commit: request.leader_commit.as_ref().map(log_id),
        sent_time_ms,
        to,
    }
}

pub(crate) fn from_append_request(
    message: v1::AppendEntriesRequest,
) -> Result<openraft::raft::AppendEntriesRequest<TypeConfig>, WireError> {
    Ok(openraft::raft::AppendEntriesRequest {
        vote: from_vote(message.vote)?,
        prev_log_id: message.prev_log_id.map(from_log_id),
        entries: message
            .entries
            .into_iter()
            .map(from_entry)
            .collect::<Result<_, _>>()?,
        leader_commit: message.leader_commit.map(from_log_id),
    })
}

pub(crate) fn append_reply(
    reply: openraft::raft::AppendEntriesResponse<u64>,
) -> v1::AppendEntriesReply {
    use openraft::raft::AppendEntriesResponse as From;
    use v1::append_entries_reply::{Partial, Reply};
    let reply = match reply {
        From::Success => Reply::Success(v1::Everything {}),
        From::PartialSuccess(matching) => Reply::PartialSuccess(Partial {
            matching: matching.as_ref().map(log_id),
        }),
        From::Conflict => Reply::Conflict(v1::Everything {}),
        From::HigherVote(higher) => Reply::HigherVote(vote(&higher)),
    };
    v1::AppendEntriesReply { reply: Some(reply) }
}

pub(crate) fn from_append_reply(
    message: v1::AppendEntriesReply,
) -> Result<openraft::raft::AppendEntriesResponse<u64>, WireError> {
    use openraft::raft::AppendEntriesResponse as To;
    use v1::append_entries_reply::Reply;
    Ok(
        match message.reply.ok_or(WireError::Missing("the reply"))? {
            Reply::Success(_) => To::Success,
            Reply::PartialSuccess(partial) => To::PartialSuccess(partial.matching.map(from_log_id)),
            Reply::Conflict(_) => To::Conflict,
            Reply::HigherVote(higher) => To::HigherVote(from_vote(Some(higher))?),
        },
    )
}

pub(crate) fn vote_request(request: &openraft::raft::VoteRequest<u64>, to: u64) -> v1::VoteRequest {
    v1::VoteRequest {
        vote: Some(vote(&request.vote)),
        last_log_id: request.last_log_id.as_ref().map(log_id),
        to,
    }
}

pub(crate) fn from_vote_request(
    message: v1::VoteRequest,
) -> Result<openraft::raft::VoteRequest<u64>, WireError> {
    Ok(openraft::raft::VoteRequest::new(
        from_vote(message.vote)?,
        message.last_log_id.map(from_log_id),
    ))
}

pub(crate) fn vote_reply(reply: &openraft::raft::VoteResponse<u64>) -> v1::VoteReply {
    v1::VoteReply {
        vote: Some(vote(&reply.vote)),
        granted: reply.vote_granted,
        last_log_id: reply.last_log_id.as_ref().map(log_id),
    }
}

pub(crate) fn from_vote_reply(
    message: v1::VoteReply,
) -> Result<openraft::raft::VoteResponse<u64>, WireError> {
    let last_log_id = message.last_log_id.map(from_log_id);
    Ok(openraft::raft::VoteResponse::new(
        from_vote(message.vote)?,
        last_log_id,
        message.granted,
    ))
}

#[cfg(test)]
#[path = "wire_test.rs"]
mod tests;
