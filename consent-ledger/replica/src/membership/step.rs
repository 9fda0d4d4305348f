//! The next step from the group there is to the one the ledger names. Pure, so that every case can be tried.

use crate::directory::Replicas;
use sekisho_domain::ReplicaId;
use std::collections::BTreeSet;

/// The group as consensus has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Group {
    /// One set; two while a change of voters is under way, the newer last.
    pub configs: Vec<BTreeSet<u64>>,
    /// Voters and learners.
    pub members: BTreeSet<u64>,
}

impl Group {
    fn votes(&self, id: u64) -> bool {
        self.configs.iter().any(|set| set.contains(&id))
    }
}

/// One change of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Bring a change that was begun to its end.
    Finish(BTreeSet<u64>),
    /// Send it the log.
    Learn(u64),
    /// Let it vote.
    Promote(u64),
    /// Let it vote no more.
    Demote(u64),
    /// Send it nothing more.
    Remove(u64),
}

/// What is left to do, the safest first: who is added takes nothing from the majority, who is removed does.
pub(super) fn steps(group: &Group, replicas: &Replicas) -> Vec<Step> {
    if let [_, .., goal] = group.configs.as_slice() {
        return vec![Step::Finish(goal.clone())];
    }
    let mut steps = Vec::new();
    let standing = |id: u64| {
        let replica = replicas.get(&ReplicaId(id));
        replica.filter(|replica| replica.retired.is_none())
    };
    for (id, replica) in replicas {
        if replica.retired.is_none() && !group.members.contains(&id.0) {
            steps.push(Step::Learn(id.0));
        }
    }
    for &id in &group.members {
        if standing(id).is_some_and(|r| r.votes_from.is_some()) && !group.votes(id) {
            steps.push(Step::Promote(id));
        }
    }
    for &id in &group.members {
        if standing(id).is_none() {
            steps.push(if group.votes(id) {
                Step::Demote(id)
            } else {
                Step::Remove(id)
            });
        }
    }
    steps
}

/// Whether more than half of the voters are among these.
pub(super) fn is_majority(alive: &BTreeSet<u64>, voters: &BTreeSet<u64>) -> bool {
    2 * voters.intersection(alive).count() > voters.len()
}

/// Whether a change of the voters can be made, and leaves a majority that is alive, when these are.
pub(super) fn is_safe(step: &Step, voters: &BTreeSet<u64>, alive: &BTreeSet<u64>) -> bool {
    let mut then = voters.clone();
    match step {
        Step::Promote(id) => {
            then.insert(*id);
            alive.contains(id) && is_majority(alive, voters) && is_majority(alive, &then)
        }
        Step::Demote(id) => {
            then.remove(id);
            is_majority(alive, voters) && is_majority(alive, &then)
        }
        Step::Finish(_) | Step::Learn(_) | Step::Remove(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_domain::{EntryIndex, PublicKey};
    use sekisho_ledger::record::Replica;

    fn replica(votes: bool, retired: bool) -> Replica {
        Replica {
            network: "net-1".parse().unwrap(),
            endpoint: "localhost:1".to_owned(),
            transport_key: PublicKey([1; 32]),
            checkpoint_key: PublicKey([2; 32]),
            votes_from: votes.then_some(0),
            retired: retired.then_some(EntryIndex(9)),
        }
    }

    fn group(voters: &[u64], learners: &[u64]) -> Group {
        Group {
            configs: vec![voters.iter().copied().collect()],
            members: voters.iter().chain(learners).copied().collect(),
        }
    }

    fn replicas(all: &[(u64, bool, bool)]) -> Replicas {
        let of = |&(id, votes, retired)| (ReplicaId(id), replica(votes, retired));
        all.iter().map(of).collect()
    }

    #[test]
    fn the_group_becomes_what_the_ledger_says_step_by_step() {
        let founders = [(1, true, false), (2, true, false), (3, true, false)];
        let with = |more: &[(u64, bool, bool)]| {
            let all: Vec<_> = founders.iter().chain(more).copied().collect();
            replicas(&all)
        };
        let three = group(&[1, 2, 3], &[]);
        assert_eq!(steps(&three, &with(&[])), []);
        let learner = with(&[(9, false, false)]);
        assert_eq!(steps(&three, &learner), [Step::Learn(9)]);
        assert_eq!(steps(&group(&[1, 2, 3], &[9]), &learner), []);
        let voter = with(&[(9, true, false)]);
        let promote = [Step::Promote(9)];
        assert_eq!(steps(&group(&[1, 2, 3], &[9]), &voter), promote);
        // Replaced: the new one first.
        let replaced = replicas(&[(1, true, true), founders[1], founders[2], (9, true, false)]);
        let both = [Step::Promote(9), Step::Demote(1)];
        assert_eq!(steps(&group(&[1, 2, 3], &[9]), &replaced), both);
        let demote = [Step::Demote(1)];
        assert_eq!(steps(&group(&[1, 2, 3, 9], &[]), &replaced), demote);
        assert_eq!(
            steps(&group(&[2, 3, 9], &[1]), &replaced),
            [Step::Remove(1)]
        );
        assert_eq!(steps(&group(&[2, 3, 9], &[]), &replaced), []);
        // Whoever the ledger does not know goes; a change under way is ended first.
        let stranger = steps(&group(&[1, 2, 3], &[77]), &with(&[]));
        assert_eq!(stranger, [Step::Remove(77)]);
        let mut joint = group(&[1, 2, 3], &[9]);
        joint.configs.push([1, 2, 3, 9].into());
        let goal = [1, 2, 3, 9].into();
        assert_eq!(steps(&joint, &voter), [Step::Finish(goal)]);
    }

    #[test]
    fn no_step_leaves_a_majority_that_is_dead() {
        let cases: [(Step, &[u64], &[u64], bool); 8] = [
            (Step::Demote(3), &[1, 2, 3], &[1, 2], true),
            (Step::Demote(3), &[1, 2, 3], &[1, 3], false),
            (Step::Demote(3), &[1, 2, 3], &[1], false),
            (Step::Demote(2), &[1, 2], &[1, 2], true),
            (Step::Promote(4), &[1, 2, 3], &[1, 2, 3, 4], true),
            (Step::Promote(4), &[1, 2, 3], &[1, 2, 3], false),
            (Step::Promote(4), &[1, 2, 3], &[1, 2, 4], true),
            (Step::Promote(4), &[1, 2], &[1, 4], false),
        ];
        for (step, voters, alive, safe) in cases {
            let voters = voters.iter().copied().collect();
            let alive = alive.iter().copied().collect();
            assert_eq!(
                is_safe(&step, &voters, &alive),
                safe,
                "{step:?} of {voters:?}"
            );
        }
    }
}
