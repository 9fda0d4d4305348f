//! Where a replica stands, for operators and peers.

use super::{Alarm, Replica};
use crate::raft::Member;
use crate::store::blocking;
use crate::{ReplicaError, state_error};
use sekisho_domain::{Hash, LedgerId, NetworkId, ReplicaId, TimeMs};
use sekisho_ledger::{View, merkle, tree};
use std::sync::Arc;

/// Where a replica stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its id.
    pub replica: ReplicaId,
    /// The network that runs it.
    pub network: NetworkId,
    /// Which ledger.
    pub ledger: LedgerId,
    /// Which lineage of it.
    pub lineage: u64,
    /// Whether the start-up barrier is passed.
    pub ready: bool,
    /// Why it stopped for good, if it did.
    pub fault: Option<Arc<str>>,
    /// The leader it knows.
    pub leader: Option<ReplicaId>,
    /// The Raft term.
    pub term: u64,
    /// The last Raft log index it has.
    pub log_last: u64,
    /// The last Raft log index it has applied.
    pub log_applied: u64,
    /// Leaves applied.
    pub tree_size: u64,
    /// The root of the tree of this size.
    pub root: Hash,
    /// Stamped time of the last batch.
    pub time: TimeMs,
    /// On a leader: milliseconds since a majority last acknowledged it.
    pub quorum_ack_ms: Option<u64>,
    /// Leaves under the last published checkpoint.
    pub published_size: u64,
    /// What an operator must look at.
    pub alarms: Vec<Alarm>,
    /// The replicas that take part: by the ledger's word, or still in the group.
    pub members: Vec<MemberStatus>,
    /// Those that do no more.
    pub retired: Vec<ReplicaId>,
    /// On a leader: why the group is not yet what the ledger says, if it is not; an English sentence.
    pub waits: Option<String>,
    /// The round trip its timing is made for, milliseconds; all replicas of a ledger must have the same.
    pub expected_rtt_ms: u64,
    /// What was turned away since the start, by kind, and how often.
    pub refused: Vec<(&'static str, u64)>,
}

/// A replica as its peers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStatus {
    /// Its id.
    pub replica: ReplicaId,
    /// How it is reached.
    pub member: Member,
    /// Whether it votes.
    pub voter: bool,
    /// Whether the ledger says that it does.
    pub promoted: bool,
    /// Whether the group has it.
    pub in_group: bool,
    /// On a leader: the last Raft log index it is known to have.
    pub log_matched: Option<u64>,
}

impl Replica {
    /// Where this replica stands.
    ///
    /// # Errors
    /// The store failed.
    pub async fn status(&self) -> Result<Status, ReplicaError> {
        let metrics = self.0.raft.metrics().borrow().clone();
        let store = self.0.store.clone();
        let fault = self.0.store.poison().borrow().clone();
        let meta = match fault {
            // What a failed disk holds is not shown as the state.
            Some(_) => None,
            None => {
                blocking(move || {
                    let state = store.read_state()?;
                    let meta = View(&state).meta().map_err(state_error)?;
                    let meta = meta.ok_or(ReplicaError::Damaged("the state"))?;
                    let root = tree::root(&state, meta.size).map_err(state_error)?;
                    let replicas = View(&state).replicas().map_err(state_error)?;
                    Ok(Some((meta, root, replicas.into_iter().collect())))
                })
                .await?
            }
        };
        let voters: Vec<u64> = metrics.membership_config.voter_ids().collect();
        let group: Vec<u64> = metrics
            .membership_config
            .nodes()
            .map(|(id, _)| *id)
            .collect();
        // Of the same moment as the tree's size: whoever waited for an entry sees what it did.
        let (meta, replicas) = match meta {
            Some((meta, root, replicas)) => (Some((meta, root)), replicas),
            None => (None, self.0.directory.replicas().as_ref().clone()),
        };
        let matched = |id: &u64| Some(metrics.replication.as_ref()?.get(id)?.as_ref()?.index);
        Ok(Status {
            replica: self.0.config.replica,
            network: self.0.network.clone(),
            ledger: self.ledger(),
            lineage: meta.as_ref().map_or(0, |(meta, _)| meta.lineage),
            ready: *self.0.ready.borrow(),
            fault,
            leader: metrics.current_leader.map(ReplicaId),
            term: metrics.current_term,
            log_last: metrics.last_log_index.unwrap_or_default(),
            log_applied: metrics.last_applied.map(|id| id.index).unwrap_or_default(),
            tree_size: meta.as_ref().map_or(0, |(meta, _)| meta.size),
            root: meta
                .as_ref()
                .map_or(merkle::empty_root(), |(_, root)| *root),
            time: meta.as_ref().map_or(TimeMs(0), |(meta, _)| meta.time),
            quorum_ack_ms: metrics.millis_since_quorum_ack,
            published_size: self.published().map_or(0, |last| last.checkpoint.size()),
            alarms: self.alarms(),
            members: self
                .members()
                .into_iter()
                .map(|(id, member)| MemberStatus {
                    replica: ReplicaId(id),
                    member,
                    voter: voters.contains(&id),
                    promoted: replicas
                        .get(&ReplicaId(id))
                        .is_some_and(|r| r.votes_from.is_some() && r.retired.is_none()),
                    in_group: group.contains(&id),
                    log_matched: matched(&id),
                })
                .collect(),
            retired: replicas
                .iter()
                .filter(|(_, replica)| replica.retired.is_some())
                .map(|(id, _)| *id)
                .collect(),
            waits: self.waits(),
            expected_rtt_ms: self.0.config.timing.expected_rtt_ms,
            refused: self.refused_so_far(),
        })
    }

    /// What was turned away since the start: entries and messages here, connections at the transport.
    fn refused_so_far(&self) -> Vec<(&'static str, u64)> {
        let mut refused = self.0.refusals.counts();
        if let Some(connections) = self.0.connections.get() {
            refused.extend(connections.counts());
        }
        refused
    }
}
