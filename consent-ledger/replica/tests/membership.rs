//! Replicas come and go while the ledger is in use: joined from any peer, promoted, retired, replaced.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use sekisho_domain::{Body, EntryIndex, ReplicaId};
use sekisho_ledger::View;
use sekisho_ledger::checkpoint::Quorum;
use sekisho_ledger::checkpoint_origin;
use sekisho_ledger::note::Note;
use sekisho_replica::{
    JoinError, Joined, Replica, ReplicaError, Source, Status, SubmitError, SystemClock, join,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use support::genesis::network;
use support::{Cluster, patience, until};

/// Where replicas of these networks answer.
fn sources(cluster: &Cluster, of: &[u64]) -> Vec<Source> {
    let source = |&n: &u64| Source {
        network: network(n),
        endpoint: cluster.endpoint(n).to_owned(),
    };
    of.iter().map(source).collect()
}

async fn fetch(cluster: &Cluster, id: ReplicaId, from: &[u64]) -> Result<Joined, JoinError> {
    let (config, keys) = (cluster.config(id.0), cluster.keys(id.0));
    let from = sources(cluster, from);
    join(&config, &cluster.genesis, &keys, &from, &mut |_, _| {}).await
}

async fn leader_status(cluster: &Cluster) -> Status {
    let leader = cluster.leader().await;
    cluster.replica(leader).status().await.unwrap()
}

/// Waits until the group is these voters and learners, and nobody else.
async fn group(cluster: &Cluster, voters: &[u64], learners: &[u64]) {
    until("the group to follow the ledger", async || {
        let status = leader_status(cluster).await;
        let of = |votes: bool| -> Vec<u64> {
            let members = status.members.iter();
            let of = members.filter(|m| m.in_group && m.voter == votes);
            of.map(|m| m.replica.0).collect()
        };
        (of(true) == voters && of(false) == learners).then_some(())
    })
    .await;
}

/// A checkpoint of everything, cosigned by a majority of the voters the ledger names; their names.
async fn checkpoint(cluster: &Cluster, from: u64) -> Vec<String> {
    let replica = cluster.replica(from);
    let size = replica.status().await.unwrap().tree_size;
    let note = replica.checkpoint(size, patience()).await.unwrap();
    let size = note.checkpoint.size();
    let voters =
        move |state: &sekisho_replica::ReadState| Ok(View(state).checkpoint_voters(size).unwrap());
    let voters = replica.read(voters).await.unwrap();
    let quorum = Quorum::majority(checkpoint_origin(&cluster.ledger()), &voters).unwrap();
    let verified = quorum.verify(&Note::parse(note.note.as_bytes()).unwrap());
    let cosigners = verified.unwrap();
    let names = cosigners.cosigners().iter();
    names.map(|c| c.name().to_string()).collect()
}

/// A cluster of three with a fourth network that runs no replica yet, some leaves, and the load goes on until told.
struct Load {
    going: Arc<AtomicBool>,
    next: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Load {
    /// Submits through a replica, one entry after the other.
    fn on(cluster: &Cluster, through: u64, from: u64) -> Self {
        let (going, next) = (
            Arc::new(AtomicBool::new(true)),
            Arc::new(AtomicU64::new(from)),
        );
        let replica = cluster.replica(through).clone();
        let envelopes: Vec<_> = (from..from + 3_000).map(|n| cluster.envelope(n)).collect();
        let (told, counted) = (Arc::clone(&going), Arc::clone(&next));
        let task = tokio::spawn(async move {
            for envelope in envelopes {
                if !told.load(Ordering::Relaxed) {
                    return;
                }
                replica.submit(envelope, patience()).await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { going, next, task }
    }

    /// Ends it; the number of the next entry.
    async fn end(self) -> u64 {
        self.going.store(false, Ordering::Relaxed);
        self.task.await.unwrap();
        self.next.load(Ordering::Relaxed)
    }
}

async fn three_and_one(snapshot_every: u64, log_kept: u64) -> Cluster {
    let mut cluster = Cluster::of(4, 3).await;
    (cluster.snapshot_every, cluster.log_kept) = (snapshot_every, log_kept);
    cluster.start_all().await;
    cluster
}

async fn replaced(snapshot_every: u64, log_kept: u64) {
    let mut cluster = three_and_one(snapshot_every, log_kept).await;
    for n in 0..100 {
        cluster.submit(1, n).await.unwrap();
    }
    // The load goes through a replica that stays.
    let load = Load::on(&cluster, 1, 100);
    let id = cluster.allocate(4).await;
    let joined = fetch(&cluster, id, &[2, 1]).await.unwrap();
    assert!(joined.size > id.0 && joined.resumed == 0, "{joined:?}");
    cluster.start(id.0).await;
    cluster.replica(id.0).wait_ready(patience()).await.unwrap();
    group(&cluster, &[1, 2, 3], &[id.0]).await;
    assert_eq!(checkpoint(&cluster, id.0).await.len(), 2, "of three");

    // Its first vote is its own network's to give; before it has caught up it would not be taken.
    let promote = Body::ReplicaPromote { replica: id };
    cluster.govern(4, promote).await;
    group(&cluster, &[1, 2, 3, id.0], &[]).await;
    assert_eq!(checkpoint(&cluster, 1).await.len(), 3, "of four");

    // One of the founders dies; two of the three others say so, for its own network does not.
    cluster.kill(3).await;
    let dead = Body::ReplicaRetire {
        replica: ReplicaId(3),
    };
    for n in [1, 2, 4] {
        cluster.govern(n, dead.clone()).await;
    }
    group(&cluster, &[1, 2, id.0], &[]).await;
    let next = load.end().await;
    assert!(next > 100, "nothing was submitted meanwhile");
    let last = cluster.submit(id.0, next).await.unwrap();
    cluster.assert_equal_states(last.index.0 + 1).await;
    let cosigners = checkpoint(&cluster, 2).await;
    let by = |name: &str| cosigners.iter().any(|cosigner| cosigner.starts_with(name));
    // A majority of the founders is among them, for whoever knows nobody else.
    assert!(
        by("replica-1.") && by("replica-2.") && !by("replica-3."),
        "{cosigners:?}"
    );

    // Two of the three voters are enough, and the new one is one of them.
    let other = if cluster.leader().await == 1 { 1 } else { 2 };
    cluster.kill(other).await;
    let next = cluster.submit(id.0, next + 1).await.unwrap();
    cluster.start(other).await;
    cluster.assert_equal_states(next.index.0 + 1).await;

    // The dead one comes back: nobody takes anything from it, and it learns why.
    cluster.start(3).await;
    let fault = until("the retired replica to stop", async || {
        cluster.replica(3).status().await.ok()?.fault
    })
    .await;
    assert!(fault.contains("replica 3 was retired"), "{fault}");
    cluster.kill(3).await;
    cluster.submit(2, 9_999).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_replica_is_replaced_under_load_and_the_new_one_catches_up_by_the_log() {
    replaced(5_000, 1_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_replica_is_replaced_under_load_and_the_new_one_catches_up_by_a_snapshot() {
    replaced(20, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_was_away_lets_in_a_leader_that_is_new_to_it() {
    let mut cluster = three_and_one(5_000, 1_000).await;
    // Past the indices that are founders' ids.
    for n in 0..5 {
        cluster.submit(1, n).await.unwrap();
    }
    cluster.stop(3).await;
    let id = cluster.allocate(4).await;
    fetch(&cluster, id, &[2, 1]).await.unwrap();
    cluster.start(id.0).await;
    cluster
        .govern(4, Body::ReplicaPromote { replica: id })
        .await;
    group(&cluster, &[1, 2, 3, id.0], &[]).await;
    // Begun again, it stands for election long before the others do, and must not lack what one of them has.
    let here = [1, 2, id.0];
    for n in here {
        // What it asks the leader to put in order before it serves is in order then.
        cluster.replica(n).wait_ready(patience()).await.unwrap();
    }
    until("the three to have the same", async || {
        let mut logs = BTreeSet::new();
        for n in here {
            let status = cluster.replica(n).status().await.unwrap();
            logs.extend([status.log_last, status.log_applied]);
        }
        (logs.len() == 1).then_some(())
    })
    .await;
    for n in here {
        cluster.stop(n).await;
    }
    let soon = cluster.timing;
    cluster.timing.election_min = soon.election_max * 4;
    cluster.timing.election_max = soon.election_max * 5;
    cluster.start(1).await;
    cluster.start(2).await;
    cluster.timing = soon;
    cluster.start(id.0).await;
    assert_eq!(cluster.leader().await, id.0);
    let last = cluster.submit(1, 5).await.unwrap();
    cluster.start(3).await;
    let away = cluster.replica(3);
    away.wait_applied(last.index, patience()).await.unwrap();
    let status = away.status().await.unwrap();
    assert_eq!(status.leader, Some(id), "another leads: nothing was shown");
    assert!(status.members.iter().any(|m| m.replica == id && m.promoted));
    cluster.submit(3, 6).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_leaves_stops_and_its_id_does_not_come_back() {
    let mut cluster = three_and_one(5_000, 1_000).await;
    cluster.submit(1, 0).await.unwrap();
    for n in 1..4 {
        cluster.submit(2, n).await.unwrap();
    }
    // The leader itself goes: it ends its own vote, and another leads.
    let leader = cluster.leader().await;
    let rest: Vec<u64> = cluster
        .ids()
        .into_iter()
        .filter(|id| *id != leader)
        .collect();
    let leave = Body::ReplicaRetire {
        replica: ReplicaId(leader),
    };
    cluster.govern(leader, leave).await;
    let fault = until("the retired replica to stop", async || {
        cluster.replica(leader).status().await.ok()?.fault
    })
    .await;
    assert!(fault.contains("retired by ledger index 4"), "{fault}");
    cluster.kill(leader).await;
    group(&cluster, &rest, &[]).await;
    let last = cluster.submit(rest[0], 10).await.unwrap();
    cluster.assert_equal_states(last.index.0 + 1).await;
    // Its own store says so: at once, or as soon as its log is read again.
    let start = async |config| {
        let (genesis, keys) = (cluster.genesis.clone(), cluster.keys(leader));
        Replica::start(config, genesis, keys, Arc::new(SystemClock)).await
    };
    let refused = match start(cluster.config(leader)).await {
        Err(error) => error.to_string(),
        Ok(replica) => {
            let fault = until("the retired replica to stop", async || {
                replica.status().await.ok()?.fault
            })
            .await;
            let _ = replica.shutdown().await;
            fault.to_string()
        }
    };
    let retired = ReplicaError::Retired {
        replica: ReplicaId(leader),
        by: Some(EntryIndex(4)),
    };
    assert_eq!(refused, retired.to_string());
    // And an empty store under its id is refused as ever.
    let data = cluster.config(leader).data_dir;
    std::fs::rename(&data, data.with_extension("lost")).unwrap();
    let refused = start(cluster.config(leader)).await.err().unwrap();
    assert!(
        matches!(refused, ReplicaError::StoreLost { .. }),
        "{refused}"
    );
    // Two voters are left: without one of them there is no majority, so that a leader does not take it.
    let dead = rest[1];
    cluster.kill(dead).await;
    let alone = cluster.replica(rest[0]).clone();
    until("the leader to notice", async || {
        let status = alone.status().await.unwrap();
        status.quorum_ack_ms.is_none_or(|ms| ms > 800).then_some(())
    })
    .await;
    cluster.start(dead).await;
    let last = cluster.submit(rest[0], 11).await.unwrap();
    cluster.assert_equal_states(last.index.0 + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_votes_who_has_not_caught_up_and_nobody_leaves_who_is_needed() {
    let mut cluster = three_and_one(5_000, 1_000).await;
    for n in 0..5 {
        cluster.submit(1, n).await.unwrap();
    }
    let id = cluster.allocate(4).await;
    // Allocated, and never started.
    until("the learner to be in the group", async || {
        let status = leader_status(&cluster).await;
        let member = status.members.iter().find(|m| m.replica == id)?;
        member.in_group.then_some(())
    })
    .await;
    let leader = cluster.leader().await;
    let promote = cluster.said_by(4, Body::ReplicaPromote { replica: id });
    for through in cluster.ids() {
        let refused = cluster.replica(through);
        let refused = refused.submit(promote.clone(), patience()).await;
        let Err(SubmitError::NotNow(why)) = refused else {
            panic!("through {through}: {refused:?}");
        };
        assert!(why.contains("does not answer"), "{why}");
    }
    // With one of three dead, a second one is needed.
    let others: Vec<u64> = cluster.ids().into_iter().filter(|n| *n != leader).collect();
    cluster.kill(others[0]).await;
    let leave = |n: u64| Body::ReplicaRetire {
        replica: ReplicaId(n),
    };
    let needed = cluster.said_by(others[1], leave(others[1]));
    let refused = cluster.replica(leader).submit(needed, patience()).await;
    let Err(SubmitError::NotNow(why)) = refused else {
        panic!("{refused:?}");
    };
    assert!(why.contains("no majority"), "{why}");
    // The dead one may go.
    cluster.govern(others[0], leave(others[0])).await;
    let mut rest = vec![leader, others[1]];
    rest.sort_unstable();
    group(&cluster, &rest, &[id.0]).await;
    cluster.submit(leader, 50).await.unwrap();
}
