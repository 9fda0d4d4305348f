//! Bringing the group to what the ledger says, and this replica to its end where the ledger says so.

use super::PROMOTE_LAG_MAX;
use super::step::{Group, Step, is_safe, steps};
use crate::ReplicaError;
use crate::directory::member;
use crate::replica::Replica;
use openraft::ChangeMembers;
use sekisho_domain::ReplicaId;
use std::collections::BTreeSet;
use std::time::Duration;

/// How many times the longest election a step may take, and a replica without a leader waits before it asks others.
const PATIENCE_ELECTIONS: u32 = 4;

impl Replica {
    /// Follows the ledger until this replica stops.
    pub(crate) async fn follow_ledger(self) {
        tokio::select! {
            () = self.stopped() => {}
            () = self.following() => {}
        }
    }

    async fn following(&self) {
        let mut replicas = self.directory_of_replicas().watch_replicas();
        let election = self.config().timing.election_max;
        loop {
            self.vote_as_told();
            self.directory_of_replicas()
                .come_to(*self.store().size().borrow());
            if self.is_out() {
                let replica = self.config().replica;
                let by = replicas.borrow().get(&replica).and_then(|r| r.retired);
                let retired = ReplicaError::Retired { replica, by };
                tracing::warn!(%retired, "this replica has left the group");
                return self.store().poison_with(&retired);
            }
            if self.may_propose() {
                self.step(election * PATIENCE_ELECTIONS).await;
            }
            if self.alone_for() > election * PATIENCE_ELECTIONS
                && let Err(retired) = self.when_alone(election).await
            {
                return self.store().poison_with(&retired);
            }
            // A change of the group or its leader shows with the next round.
            let _ = tokio::time::timeout(election, replicas.changed()).await;
        }
    }

    /// Stands for election only as a voter (R5).
    fn vote_as_told(&self) {
        let own = self.config().replica;
        let replicas = self.directory_of_replicas().replicas();
        let votes = replicas
            .get(&own)
            .is_some_and(|r| r.votes_from.is_some() && r.retired.is_none());
        self.raft().runtime_config().elect(votes);
    }

    /// Whether the ledger retired this replica and the group goes on without it.
    fn is_out(&self) -> bool {
        let own = self.config().replica;
        let replicas = self.directory_of_replicas().replicas();
        let retired = replicas.get(&own).is_some_and(|r| r.retired.is_some());
        // A leader ends its own vote, and leads until that is settled.
        let leads = self.raft().metrics().borrow().state == openraft::ServerState::Leader;
        retired && !leads && !self.voters().contains(&own.0)
    }

    pub(super) fn group(&self) -> Group {
        let metrics = self.raft().metrics();
        let metrics = metrics.borrow();
        let membership = metrics.membership_config.membership();
        Group {
            configs: membership.get_joint_config().clone(),
            members: membership.nodes().map(|(id, _)| *id).collect(),
        }
    }

    /// Takes the first step that can be taken.
    async fn step(&self, at_most: Duration) {
        let group = self.group();
        let replicas = self.directory_of_replicas().replicas();
        let todo = steps(&group, &replicas);
        let Some(voters) = group.configs.first().filter(|_| !todo.is_empty()) else {
            return self.set_waits(None);
        };
        let alive = self.alive(&group).await;
        for step in &todo {
            if !is_safe(step, voters, &alive) {
                continue;
            }
            let changes = match step {
                Step::Finish(goal) => ChangeMembers::ReplaceAllVoters(goal.clone()),
                Step::Learn(id) => match replicas.get(&ReplicaId(*id)) {
                    Some(replica) => ChangeMembers::AddNodes([(*id, member(replica))].into()),
                    None => continue,
                },
                Step::Promote(id) => ChangeMembers::AddVoterIds([*id].into()),
                Step::Demote(id) => ChangeMembers::RemoveVoters([*id].into()),
                Step::Remove(id) => ChangeMembers::RemoveNodes([*id].into()),
            };
            tracing::info!(?step, "the group follows the ledger");
            let changed = self.raft().change_membership(changes, true);
            match tokio::time::timeout(at_most, changed).await {
                Ok(Ok(_)) => self.set_waits(None),
                Ok(Err(error)) => tracing::warn!(?step, %error, "the group was not changed"),
                Err(_) => tracing::warn!(?step, "the group was not changed in time"),
            }
            return;
        }
        if let Some(step) = todo.first() {
            let waits = match step {
                Step::Promote(id) => format!(
                    "replica {id} does not vote yet: it is not close enough to the leader, or too few voters are alive"
                ),
                Step::Demote(id) => format!(
                    "replica {id} still votes though it is retired: without it no majority of the voters is alive"
                ),
                other => format!("{other:?}"),
            };
            tracing::warn!(waits, "the group cannot follow the ledger yet");
            self.set_waits(Some(waits));
        }
    }

    /// The replicas that have all but the last few entries of the log, this moment.
    pub(super) async fn alive(&self, group: &Group) -> BTreeSet<u64> {
        let election = self.config().timing.election_max;
        let Ok(Some(index)) = tokio::time::timeout(election, self.barrier()).await else {
            return BTreeSet::new();
        };
        let mut metrics = self.raft().metrics();
        let have = |metrics: &openraft::RaftMetrics<u64, crate::Member>, lacking: u64| {
            let matched = metrics.replication.iter().flatten();
            let enough = matched
                .filter(|(_, id)| id.is_some_and(|id| id.index.saturating_add(lacking) >= index));
            let mut alive: BTreeSet<u64> = enough.map(|(id, _)| *id).collect();
            alive.insert(self.id());
            alive
        };
        let all = metrics.wait_for(|metrics| have(metrics, 0) == group.members);
        let _ = tokio::time::timeout(election, all).await;
        let metrics = metrics.borrow();
        let exactly = have(&metrics, 0);
        // A voter answers at once; a learner under load is always a little behind.
        let near = have(&metrics, PROMOTE_LAG_MAX);
        let learner = |id: &u64| !group.configs.iter().any(|set| set.contains(id));
        exactly
            .iter()
            .chain(near.iter().filter(|id| learner(id)))
            .copied()
            .collect()
    }
}
