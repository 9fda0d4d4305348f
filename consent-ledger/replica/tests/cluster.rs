//! Three replicas: forwarding, changes of leader, restarts, loss of the majority.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use sekisho_domain::{EntryIndex, Outcome};
use sekisho_ledger::signature::VerifyingKey;
use sekisho_replica::{SubmitError, Timing, acknowledged};
use sekisho_transport::Deadline;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use support::genesis::checkpoint;
use support::{Cluster, patience, until};

#[tokio::test(flavor = "multi_thread")]
async fn any_replica_takes_an_entry_and_all_apply_the_same() {
    let cluster = Cluster::three().await;
    let leader = cluster.leader().await;
    for (n, id) in cluster.ids().into_iter().enumerate() {
        let submitted = cluster.submit(id, n as u64).await.unwrap();
        assert_eq!(
            (submitted.index, submitted.duplicate),
            (EntryIndex(n as u64), false),
            "through {id}"
        );
        assert_eq!(submitted.outcome, Outcome::Accepted);
        // Whoever was asked, the leader acknowledges.
        let key = checkpoint(leader).public_key();
        let message = acknowledged(&cluster.ledger(), submitted.index, &submitted.leaf_hash);
        VerifyingKey::parse(&key)
            .unwrap()
            .verify(&message, &submitted.acknowledgement.unwrap().signature)
            .unwrap();
    }
    cluster.assert_equal_states(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_share_batches_and_all_get_their_own_outcome() {
    let cluster = Cluster::three().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..300u64 {
        let replica = cluster.replica(1 + n % 3).clone();
        let envelope = cluster.envelope(n);
        tasks.spawn(async move { replica.submit(envelope, patience()).await.unwrap().index });
    }
    let mut indices: Vec<u64> = tasks
        .join_all()
        .await
        .into_iter()
        .map(|index| index.0)
        .collect();
    indices.sort_unstable();
    assert_eq!(indices, (0..300).collect::<Vec<_>>());
    let log_last = cluster.replica(1).status().await.unwrap().log_last;
    assert!(
        log_last < 250,
        "300 entries took {log_last} Raft entries: nothing was batched"
    );
    cluster.assert_equal_states(300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_takes_over_and_nothing_acknowledged_is_lost() {
    let mut cluster = Cluster::three().await;
    let mut acknowledged = BTreeMap::new();
    for n in 0..10 {
        let submitted = cluster.submit(1 + n % 3, n).await.unwrap();
        acknowledged.insert(submitted.index, submitted.leaf_hash);
    }
    let old = cluster.leader().await;
    let repeated = cluster.envelope(10);
    let first = cluster
        .replica(old)
        .submit(repeated.clone(), patience())
        .await
        .unwrap();
    acknowledged.insert(first.index, first.leaf_hash);
    cluster.kill(old).await;
    let new = cluster.leader().await;
    assert_ne!(new, old);
    // P5 across the change of leader.
    for id in cluster.ids() {
        let again = cluster
            .replica(id)
            .submit(repeated.clone(), patience())
            .await
            .unwrap();
        assert_eq!(
            (again.index, again.duplicate, &again.outcome),
            (first.index, true, &first.outcome)
        );
        assert_eq!(again.leaf_hash, first.leaf_hash);
    }
    let after = cluster.submit(new, 11).await.unwrap();
    assert_eq!(after.index, EntryIndex(11));
    cluster.start(old).await;
    cluster.replica(old).wait_ready(patience()).await.unwrap();
    cluster.assert_equal_states(12).await;
    for (index, leaf_hash) in acknowledged {
        let leaf = cluster.replica(old).leaf(index).await.unwrap().unwrap();
        assert_eq!(
            sekisho_ledger::merkle::leaf_hash(&leaf),
            leaf_hash,
            "leaf {index}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_of_all_everything_is_there() {
    let mut cluster = Cluster::three().await;
    for n in 0..5 {
        cluster.submit(1, n).await.unwrap();
    }
    cluster.assert_equal_states(5).await;
    let before = cluster.rows(1).await;
    // One in good order, the others as they are.
    cluster.stop(1).await;
    cluster.kill(2).await;
    cluster.kill(3).await;
    cluster.start_all().await;
    cluster.assert_equal_states(5).await;
    assert!(cluster.rows(2).await == before);
    let next = cluster.submit(2, 5).await.unwrap();
    assert_eq!(next.index, EntryIndex(5));
    cluster.assert_equal_states(6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_sent_everywhere_at_once_is_one_leaf() {
    let cluster = Cluster::three().await;
    let envelope = cluster.envelope(0);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..12u64 {
        let (replica, envelope) = (cluster.replica(1 + n % 3).clone(), envelope.clone());
        tasks.spawn(async move { replica.submit(envelope, patience()).await.unwrap() });
    }
    let all = tasks.join_all().await;
    assert!(all.iter().all(|submitted| submitted.index == EntryIndex(0)));
    assert!(
        all.iter()
            .all(|submitted| submitted.outcome == all[0].outcome)
    );
    assert_eq!(
        all.iter().filter(|submitted| !submitted.duplicate).count(),
        1
    );
    cluster.assert_equal_states(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_majority_it_fails_closed_in_time_and_recovers_by_itself() {
    let mut cluster = Cluster::three().await;
    cluster.submit(1, 0).await.unwrap();
    let leader = cluster.leader().await;
    let others: Vec<u64> = cluster
        .ids()
        .into_iter()
        .filter(|&id| id != leader)
        .collect();
    for &id in &others {
        cluster.kill(id).await;
    }
    // A leader takes new work until the majority has been silent for an election timeout.
    let lonely = cluster.replica(leader).clone();
    until("the leader to notice", async || {
        lonely
            .status()
            .await
            .unwrap()
            .quorum_ack_ms
            .is_none_or(|ms| u128::from(ms) > Timing::LOOPBACK.election_max.as_millis())
            .then_some(())
    })
    .await;
    let waiting = cluster.envelope(1);
    let (given, begun) = (Duration::from_millis(700), Instant::now());
    let refused = lonely.submit(waiting.clone(), Deadline::after(given)).await;
    assert!(
        matches!(refused, Err(SubmitError::Unavailable)),
        "{refused:?}"
    );
    assert!(
        begun.elapsed() < given * 3,
        "answered long after its deadline: {:?}",
        begun.elapsed()
    );
    assert_eq!(lonely.status().await.unwrap().tree_size, 1);

    for &id in &others {
        cluster.start(id).await;
    }
    let done = cluster
        .replica(others[0])
        .submit(waiting, patience())
        .await
        .unwrap();
    assert_eq!(
        (done.index, done.duplicate),
        (EntryIndex(1), false),
        "what was not sent was not done"
    );
    cluster.assert_equal_states(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_settled_by_sending_again() {
    let mut cluster = Cluster::three().await;
    cluster.submit(1, 0).await.unwrap();
    let leader = cluster.leader().await;
    let others: Vec<u64> = cluster
        .ids()
        .into_iter()
        .filter(|&id| id != leader)
        .collect();
    let envelope = cluster.envelope(1);
    // Both at once, so that the leader still believes in its majority.
    let (first, second) = (others[0], others[1]);
    cluster.kill(first).await;
    cluster.kill(second).await;
    let lonely = cluster.replica(leader).clone();
    let given = Deadline::after(Duration::from_millis(300));
    let unknown = lonely.submit(envelope.clone(), given).await;
    // `Unavailable` only where ending the two took longer than the leader's patience.
    assert!(
        matches!(
            unknown,
            Err(SubmitError::Unknown | SubmitError::Unavailable)
        ),
        "{unknown:?}"
    );
    for &id in &others {
        cluster.start(id).await;
    }
    let settled = cluster
        .replica(first)
        .submit(envelope.clone(), patience())
        .await
        .unwrap();
    let again = cluster
        .replica(second)
        .submit(envelope, patience())
        .await
        .unwrap();
    assert_eq!((settled.index, again.index), (EntryIndex(1), EntryIndex(1)));
    assert!(again.duplicate);
    cluster.assert_equal_states(2).await;
}

/// Decision 0031: whoever starts again stands for election; the only voter waits for nobody to be silent first.
#[tokio::test(flavor = "multi_thread")]
async fn the_only_voter_leads_again_at_once() {
    let mut cluster = Cluster::of(3, 1).await;
    cluster.start_all().await;
    let before = cluster.replica(1).status().await.unwrap().term;
    cluster.kill(1).await;
    cluster.timing.election_min = Duration::from_secs(3600);
    cluster.timing.election_max = Duration::from_secs(7200);
    cluster.start_all().await;
    let after = cluster.replica(1).status().await.unwrap().term;
    assert!(after > before, "not in the term it led");
    cluster.submit(1, 0).await.unwrap();
}
