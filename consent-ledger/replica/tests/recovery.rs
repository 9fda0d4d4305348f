//! A quorum is lost for good: rehearsed with real replicas, of which all but one are destroyed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use sekisho_domain::{Body, EntryIndex, Recovery, ReplicaId, Seat};
use sekisho_ledger::merkle::leaf_hash;
use sekisho_ledger::note::Note;
use sekisho_ledger::recovery::{Fate, Statement, StatementFault};
use sekisho_ledger::tlog::{Receipt, Witnesses};
use sekisho_replica::offline::{
    RecoverError, check_statement, export_stopped, fsck, remains, start_lineage, verify_archive,
};
use sekisho_replica::{Clock, Cosigned, Replica, SubmitError, Submitted, SystemClock};
use std::sync::Arc;
use support::genesis::{checkpoint, governance, network, transport};
use support::{Cluster, LINEAGE, patience, until};

async fn committed(cluster: &Cluster, from: u64, submitted: &Submitted) -> Receipt {
    let replica = cluster.replica(from);
    replica
        .wait_applied(submitted.index, patience())
        .await
        .unwrap();
    let leaf = replica.leaf(submitted.index).await.unwrap();
    Receipt::Committed {
        index: submitted.index,
        leaf: leaf.unwrap(),
        acknowledgement: submitted.acknowledgement.clone().unwrap(),
    }
}

async fn sealed(cluster: &Cluster, from: u64, index: EntryIndex, under: &Cosigned) -> Receipt {
    let replica = cluster.replica(from);
    let size = under.checkpoint.size();
    Receipt::Sealed {
        index,
        leaf: replica.leaf(index).await.unwrap().unwrap(),
        hashes: replica.inclusion_proof(index, size).await.unwrap(),
        checkpoint: Note::parse(under.note.as_bytes()).unwrap(),
    }
}

fn seat(cluster: &Cluster, n: u64) -> Seat {
    Seat {
        network: network(n),
        endpoint: cluster.endpoint(n).to_owned(),
        transport_key: transport(n).public(),
        checkpoint_key: checkpoint(100 + n).public_key(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_loss_of_a_quorum_two_thirds_of_the_networks_go_on_from_what_was_cosigned() {
    let mut cluster = Cluster::of(3, 3).await;
    cluster.start_all().await;
    let mut receipts = Vec::new();
    for n in 0..20 {
        let submitted = cluster.submit(1, n).await.unwrap();
        receipts.push(committed(&cluster, 1, &submitted).await);
    }
    // What replica 1 keeps on its disk is a checkpoint of these 20.
    let kept = cluster.replica(1).checkpoint(20, patience()).await.unwrap();
    assert_eq!(kept.checkpoint.size(), 20);
    for n in 20..25 {
        let submitted = cluster.submit(1, n).await.unwrap();
        receipts.push(committed(&cluster, 1, &submitted).await);
    }
    // A later checkpoint is with replica 2, which is destroyed, and with a client.
    cluster
        .replica(2)
        .wait_applied(EntryIndex(24), patience())
        .await
        .unwrap();
    let lost = cluster.replica(2).checkpoint(25, patience()).await.unwrap();
    let sealed_receipt = sealed(&cluster, 2, EntryIndex(23), &lost).await;
    let old_entry = cluster.envelope(99);
    for id in [2, 3] {
        cluster.kill(id).await;
        std::fs::remove_dir_all(cluster.config(id).data_dir).unwrap();
    }
    cluster.stop(1).await;

    // What is left, and what of it a quorum cosigned.
    let genesis = cluster.genesis.clone();
    let data = cluster.config(1).data_dir;
    let left = remains(&data, &genesis, &mut |_, _| {}).unwrap();
    assert_eq!((left.size, left.root), (20, kept.checkpoint.root()));
    assert!(remains(&cluster.config(2).data_dir, &genesis, &mut |_, _| {}).is_err());
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("prefix");
    export_stopped(&data, &genesis, &prefix, &mut |_, _| {}).unwrap();
    let archive = verify_archive(&prefix, &genesis, &mut |_, _| {}).unwrap();
    let again = remains(&prefix, &genesis, &mut |_, _| {}).unwrap();
    assert_eq!(
        (again.size, again.root, again.is_store),
        (20, left.root, false)
    );

    // The statement: one network is not enough, two of three are.
    let recovery = Recovery {
        size: left.size,
        root: left.root,
        seats: vec![seat(&cluster, 1), seat(&cluster, 2)],
    };
    let now = SystemClock.now();
    let ledger = cluster.ledger();
    let mut statement = Statement::new(ledger, 2, recovery.clone(), now, &governance(1));
    let few = check_statement(&archive, &statement);
    assert!(matches!(few, Err(RecoverError::Refused(_))), "{few:?}");
    assert_eq!(
        statement.verify(&genesis),
        Err(StatementFault::TooFew { got: 1, of: 3 })
    );
    statement.sign(&governance(3)).unwrap();
    assert_eq!(
        statement.sign(&governance(3)),
        Err(StatementFault::SignedAlready)
    );
    check_statement(&archive, &statement).unwrap();
    statement.verify(&genesis).unwrap();
    // Of another prefix, another lineage, by strangers.
    let mut longer = recovery.clone();
    longer.size = 25;
    let mut other = Statement::new(ledger, 2, longer, now, &governance(1));
    other.sign(&governance(3)).unwrap();
    let refused = check_statement(&archive, &other);
    assert!(
        matches!(refused, Err(RecoverError::OtherPrefix { .. })),
        "{refused:?}"
    );
    for (lineage, second) in [(1, governance(3)), (3, governance(3)), (2, governance(9))] {
        let mut other = Statement::new(ledger, lineage, recovery.clone(), now, &governance(1));
        other.sign(&second).unwrap();
        let refused = check_statement(&archive, &other);
        assert!(
            matches!(refused, Err(RecoverError::NotAuthentic(_))),
            "{refused:?}"
        );
    }

    // Each of the new replicas begins the same tree.
    let first = LINEAGE + 20;
    assert_eq!(
        statement.replicas(),
        [
            (ReplicaId(first), network(1)),
            (ReplicaId(first + 1), network(2))
        ]
    );
    let mut begun = Vec::new();
    for (id, n) in [(first, 1), (first + 1, 2)] {
        cluster.joined.insert(id, n);
        let config = cluster.config(id);
        let at = start_lineage(&archive, &statement, &config, &genesis, &mut |_, _| {});
        begun.push(at.unwrap());
    }
    assert_eq!(begun[0], begun[1]);
    assert_eq!(begun[0].0, 21);
    let stranger = cluster.config(1);
    let refused = start_lineage(&archive, &statement, &stranger, &genesis, &mut |_, _| {});
    assert!(
        matches!(refused, Err(RecoverError::NoSeat(_))),
        "{refused:?}"
    );
    cluster.lineage = 2;
    for id in [first, first + 1] {
        cluster.start(id).await;
    }
    for id in [first, first + 1] {
        cluster.replica(id).wait_ready(patience()).await.unwrap();
    }
    let status = cluster.replica(first).status().await.unwrap();
    assert_eq!((status.lineage, status.tree_size), (2, 21));

    // What was signed for the last lineage is refused; what the kept prefix holds is there; it goes on.
    let refused = cluster.replica(first).submit(old_entry, patience()).await;
    assert!(
        matches!(
            refused,
            Err(SubmitError::Invalid(_) | SubmitError::InvalidAtLeader(_))
        ),
        "{refused:?}"
    );
    for n in 30..40 {
        cluster.submit(first + n % 2, n).await.unwrap();
    }
    cluster.assert_equal_states(31).await;
    let leaf = cluster
        .replica(first)
        .leaf(EntryIndex(3))
        .await
        .unwrap()
        .unwrap();
    let Receipt::Committed { leaf: before, .. } = &receipts[3] else {
        panic!("committed");
    };
    assert_eq!(leaf_hash(&leaf), leaf_hash(before));
    let new = cluster
        .replica(first)
        .checkpoint(31, patience())
        .await
        .unwrap();
    let new_receipt = sealed(&cluster, first, EntryIndex(25), &new).await;

    // Old receipts beyond the prefix prove the loss; they hold as they did.
    let none = Witnesses::default();
    for (n, receipt) in receipts.iter().chain([&sealed_receipt]).enumerate() {
        let verified = receipt.verify(&genesis, &none).unwrap();
        let expected = match verified.leaf().index.0 < 20 {
            true => Fate::Kept,
            false => Fate::Lost,
        };
        assert_eq!(statement.fate(verified.leaf()), expected, "receipt {n}");
    }
    assert!(
        new_receipt.verify(&genesis, &none).is_err(),
        "the founders are gone"
    );
    let voters = statement.voters().unwrap();
    let verified = new_receipt.verify_by(ledger, &voters, &none).unwrap();
    assert_eq!(statement.fate(verified.leaf()), Fate::Later);

    // Restarted, and joined by a third: the new lineage is a ledger like any other.
    cluster.kill(first).await;
    cluster.start(first).await;
    cluster.replica(first).wait_ready(patience()).await.unwrap();
    let id = cluster.allocate(3).await;
    let from = [sekisho_replica::Source {
        network: network(2),
        endpoint: cluster.endpoint(2).to_owned(),
    }];
    let (config, keys) = (cluster.config(id.0), cluster.keys(id.0));
    sekisho_replica::join(&config, &genesis, &keys, &from, &mut |_, _| {})
        .await
        .unwrap();
    cluster.start(id.0).await;
    cluster.replica(id.0).wait_ready(patience()).await.unwrap();
    cluster
        .govern(3, Body::ReplicaPromote { replica: id })
        .await;
    let last = cluster.submit(id.0, 50).await.unwrap();
    cluster.assert_equal_states(last.index.0 + 1).await;
    // The survivor's old store is of a replica that the new lineage retired: nobody takes anything from it.
    let old = Replica::start(
        cluster.config(1),
        genesis.clone(),
        cluster.keys(1),
        Arc::new(SystemClock),
    );
    let old = old.await.unwrap();
    let fault = until("the old replica to stop", async || {
        old.status().await.ok()?.fault
    })
    .await;
    assert!(fault.contains("replica 1 was retired"), "{fault}");
    old.shutdown().await.unwrap_or_default();
    cluster.stop(id.0).await;
    let scratch = tempfile::tempdir().unwrap();
    let report = fsck(&config.data_dir, &genesis, scratch.path(), &mut |_, _| {}).unwrap();
    assert_eq!(report.leaves, last.index.0 + 1);
    let faults: Vec<_> = report
        .findings
        .iter()
        .filter(|f| f.kind.code() != "missing")
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}
