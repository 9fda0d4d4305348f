//! Checkpoints that a majority cosigned, forks, and snapshots to those that lag.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use redb::{Database, ReadableTable, TableDefinition};
use sekisho_domain::EntryIndex;
use sekisho_ledger::checkpoint::Quorum;
use sekisho_ledger::note::Note;
use sekisho_ledger::store::Table;
use sekisho_ledger::{checkpoint_origin, checkpoint_voters, merkle};
use sekisho_replica::CheckpointError;
use sekisho_transport::Deadline;
use std::time::Duration;
use support::{Cluster, patience, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_cosigned_by_a_majority_and_verifies_offline() {
    let cluster = Cluster::three().await;
    let mut earlier = None;
    for round in 0..3u64 {
        for n in 0..4 {
            cluster.submit(1 + n % 3, round * 4 + n).await.unwrap();
        }
        let size = (round + 1) * 4;
        // From another replica each time; all at once, so that they ask for cosignatures of several sizes.
        let asked = cluster.replica(1 + round).clone();
        let collected = asked.checkpoint(size, patience()).await.unwrap();

        // What an officer does: the note, the genesis file, nothing else.
        let voters = checkpoint_voters(&cluster.genesis).unwrap();
        let quorum = Quorum::majority(checkpoint_origin(&cluster.ledger()), &voters).unwrap();
        let note = Note::parse(collected.note.as_bytes()).unwrap();
        let verified = quorum.verify(&note).unwrap();
        assert_eq!(verified.size(), size);
        assert!(verified.cosigners().len() >= 2);

        let leaf = asked.leaf(EntryIndex(size - 1)).await.unwrap().unwrap();
        let proof = asked
            .inclusion_proof(EntryIndex(size - 1), size)
            .await
            .unwrap();
        verified
            .verify_inclusion(&merkle::leaf_hash(&leaf), size - 1, &proof)
            .unwrap();
        if let Some(earlier) = earlier.replace(verified.clone()) {
            let proof = asked.consistency_proof(size - 4, size).await.unwrap();
            verified.verify_continues(&earlier, &proof).unwrap();
        }
        // Another form of the same: two altered digits must not verify.
        let forged =
            collected
                .note
                .replacen(&format!("\n{size}\n"), &format!("\n{}\n", size + 1), 1);
        assert!(
            quorum
                .verify(&Note::parse(forged.as_bytes()).unwrap())
                .is_err()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_collect_at_once_all_get_one() {
    let cluster = Cluster::three().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..12u64 {
        let replica = cluster.replica(1 + n % 3).clone();
        let envelope = cluster.envelope(n);
        tasks.spawn(async move {
            let index = replica.submit(envelope, patience()).await.unwrap().index;
            replica
                .checkpoint(index.0 + 1, patience())
                .await
                .unwrap()
                .checkpoint
                .size()
                > index.0
        });
    }
    assert!(tasks.join_all().await.into_iter().all(|held| held));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_majority_there_is_no_checkpoint() {
    let mut cluster = Cluster::three().await;
    cluster.submit(1, 0).await.unwrap();
    cluster
        .replica(1)
        .wait_applied(EntryIndex(0), patience())
        .await
        .unwrap();
    cluster.kill(2).await;
    cluster.kill(3).await;
    let deadline = Deadline::after(Duration::from_millis(500));
    let none = cluster.replica(1).checkpoint(1, deadline).await;
    assert!(
        matches!(
            none,
            Err(CheckpointError::Unavailable { got: 1, needed: 2 })
        ),
        "{none:?}"
    );
}

/// T1: one flipped bit in a stored tree of five leaves. Returns whose.
async fn damage(cluster: &mut Cluster) -> u64 {
    for n in 0..5 {
        cluster.submit(1, n).await.unwrap();
    }
    cluster.assert_equal_states(5).await;
    let damaged = cluster.follower().await;
    cluster.stop(damaged).await;
    const STATE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("state");
    let database = Database::create(cluster.store_path(damaged)).unwrap();
    let txn = database.begin_write().unwrap();
    {
        let mut rows = txn.open_table(STATE).unwrap();
        // The subtree of the first four leaves: part of the root of five.
        let key = [[Table::TreeNode as u8, 2].as_slice(), &0u64.to_be_bytes()].concat();
        let mut hash = rows.get(key.as_slice()).unwrap().unwrap().value().to_vec();
        hash[3] ^= 1;
        rows.insert(key.as_slice(), hash.as_slice()).unwrap();
    }
    txn.commit().unwrap();
    drop(database);
    cluster.start(damaged).await;
    damaged
}

async fn assert_stopped(cluster: &Cluster, damaged: u64) {
    let replica = cluster.replica(damaged);
    replica.stopped().await;
    let status = replica.status().await.unwrap();
    assert!(
        status
            .fault
            .as_ref()
            .is_some_and(|fault| fault.contains("another root")),
        "{status:?}"
    );
    assert!(
        replica
            .submit(cluster.envelope(9), patience())
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_collects_over_another_root_stops_with_an_alarm() {
    let mut cluster = Cluster::three().await;
    let damaged = damage(&mut cluster).await;
    let replica = cluster.replica(damaged).clone();
    replica.wait_ready(patience()).await.unwrap();
    replica.checkpoint(5, patience()).await.unwrap_err();
    assert_stopped(&cluster, damaged).await;
    // Nobody signed anything that the others would not publish.
    for id in (1..=3).filter(|&id| id != damaged) {
        let collected = cluster.replica(id).checkpoint(5, patience()).await.unwrap();
        assert!(!collected.note.contains(&format!("replica-{damaged}.")));
    }
}

/// The majority goes on publishing; the one that is wrong is told by what is published, and stops.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_only_listens_stops_too_and_the_others_go_on() {
    let mut cluster = Cluster::of(3, 3).await;
    cluster.publish_every = Duration::from_millis(10);
    cluster.start_all().await;
    // Not published before: what it agreed to once, it would compare at its start.
    let damaged = damage(&mut cluster).await;
    assert_stopped(&cluster, damaged).await;
    let others: Vec<u64> = (1..=3).filter(|&id| id != damaged).collect();
    for n in 5..9 {
        let index = cluster.submit(others[0], n).await.unwrap().index.0;
        for &id in &others {
            until("the others to publish it", async || {
                let published = cluster.replica(id).published()?;
                (published.checkpoint.size() > index).then_some(())
            })
            .await;
        }
    }
    for id in others {
        let status = cluster.replica(id).status().await.unwrap();
        assert_eq!(status.fault, None);
        assert!(status.published_size >= 9);
        let named = status.alarms.iter().all(|alarm| alarm.replica.0 == damaged);
        assert!(named, "{:?}", status.alarms);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_signs_a_root_that_is_not_its_own() {
    let cluster = Cluster::three().await;
    cluster.submit(1, 0).await.unwrap();
    cluster.assert_equal_states(1).await;
    let replica = cluster.replica(2);
    let root = replica.status().await.unwrap().root;
    let mut other = root;
    other.0[0] ^= 1;
    let refused = replica.cosign(1, other, patience()).await.unwrap();
    assert_eq!(
        (refused.root.as_slice(), refused.signature.len()),
        (root.0.as_slice(), 0)
    );
    let signed = replica.cosign(1, root, patience()).await.unwrap();
    assert_eq!(
        (signed.root.as_slice(), signed.signature.len()),
        (root.0.as_slice(), 64)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_was_away_too_long_gets_a_snapshot() {
    let mut cluster = Cluster::of(3, 3).await;
    (cluster.snapshot_every, cluster.log_kept) = (10, 2);
    cluster.start_all().await;
    cluster.submit(1, 0).await.unwrap();
    cluster.assert_equal_states(1).await;
    let away = cluster.follower().await;
    cluster.kill(away).await;
    let at = cluster.leader().await;
    let mut size = 1;
    // Until both that stayed have cut their logs behind what the other one has.
    until("the logs to be cut", async || {
        cluster.submit(at, size).await.unwrap();
        size += 1;
        let cut = size > 45;
        cut.then_some(())
    })
    .await;
    cluster.start(away).await;
    cluster.replica(away).wait_ready(patience()).await.unwrap();
    cluster.assert_equal_states(size).await;
    assert!(
        first_log_index(&mut cluster, away).await > 20,
        "it came through the log, not by a snapshot"
    );

    // And it is a full member: it takes entries, and survives a restart.
    cluster.start(away).await;
    cluster.replica(away).wait_ready(patience()).await.unwrap();
    let next = cluster.submit(away, size).await.unwrap();
    assert_eq!(next.index, EntryIndex(size));
    cluster.assert_equal_states(size + 1).await;
}

/// Stops a replica and reads the first index its Raft log holds.
async fn first_log_index(cluster: &mut Cluster, id: u64) -> u64 {
    cluster.stop(id).await;
    const LOG: TableDefinition<u64, &[u8]> = TableDefinition::new("log");
    let database = Database::create(cluster.store_path(id)).unwrap();
    let txn = database.begin_write().unwrap();
    let first = txn
        .open_table(LOG)
        .unwrap()
        .first()
        .unwrap()
        .map(|(index, _)| index.value());
    drop(txn);
    first.unwrap_or(u64::MAX)
}
