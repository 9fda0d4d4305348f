//! What is turned away, by whom, and that it leaves no trace.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use sekisho_domain::{
    Body, Entry, EntryIndex, FacilityKind, KeyPurpose, LedgerId, Outcome, TimeMs,
};
use sekisho_ledger::sign_entry;
use sekisho_ledger::signature::SigningKey;
use sekisho_proto::v1::append_entries_reply::Reply;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_proto::v1::raft_service_client::RaftServiceClient;
use sekisho_proto::v1::submission_end::End;
use sekisho_proto::{ErrorCode, v1};
use sekisho_replica::{Clock, SubmitError, SystemClock};
use sekisho_transport::outgoing;
use support::genesis::{governance, transport};
use support::{Ahead, Appending, Cluster, append, patience, until};
use tonic::Code;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_an_authentic_entry_is_refused_by_leader_and_follower_alike() {
    let cluster = Cluster::three().await;
    let (now, key) = (SystemClock.now().0, governance(1));
    let good = cluster.entry(1);
    let stranger = SigningKey::from_secret(&[9; 32]);
    let mut forged = cluster.envelope(2);
    forged.signatures[0].signature[7] ^= 1;
    let long = Body::FacilityRegister {
        facility: "4110000003".parse().unwrap(),
        kind: FacilityKind::Clinic,
        name: "あ".repeat(6 * 1024),
        municipality: None,
    };
    let used = cluster.entry(4);
    cluster
        .replica(1)
        .submit(sign_entry(&used, &[&key]), patience())
        .await
        .unwrap();
    let window = |from, until| Entry {
        not_before: TimeMs(from),
        not_after: TimeMs(until),
        ..good.clone()
    };
    let cases = [
        (
            "expired",
            sign_entry(&window(now - 120_000, now - 60_000), &[&key]),
            "it is",
        ),
        (
            "not yet",
            sign_entry(&window(now + 120_000, now + 180_000), &[&key]),
            "it is",
        ),
        (
            "other ledger",
            sign_entry(
                &Entry {
                    ledger: LedgerId([7; 32]),
                    ..good.clone()
                },
                &[&key],
            ),
            "ledger",
        ),
        (
            "other lineage",
            sign_entry(
                &Entry {
                    lineage: 2,
                    ..good.clone()
                },
                &[&key],
            ),
            "lineage",
        ),
        (
            "unknown key",
            sign_entry(
                &Entry {
                    author: stranger.key_id(),
                    ..good.clone()
                },
                &[&stranger],
            ),
            "not on the ledger",
        ),
        (
            "not the author",
            sign_entry(&good, &[&governance(2)]),
            "author",
        ),
        ("forged", forged, "does not hold"),
        (
            "over 16 KiB",
            sign_entry(
                &Entry {
                    body: long,
                    ..good.clone()
                },
                &[&key],
            ),
            "bound of 16384",
        ),
        (
            "a used request id",
            sign_entry(
                &Entry {
                    request_id: used.request_id,
                    ..cluster.entry(5)
                },
                &[&key],
            ),
            "used before",
        ),
        ("nothing", v1::Envelope::default(), "payload type"),
    ];
    let leader = cluster.leader().await;
    for (case, envelope, says) in cases {
        for id in cluster.ids() {
            let error = cluster
                .replica(id)
                .submit(envelope.clone(), patience())
                .await
                .unwrap_err();
            let fits = match error {
                SubmitError::Invalid(_) => id == leader,
                SubmitError::InvalidAtLeader(_) => id != leader,
                _ => false,
            };
            assert!(
                fits && error.to_string().contains(says),
                "{case} through {id}: {error:?}"
            );
        }
    }
    cluster.assert_equal_states(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_answer_members_and_replicas_only() {
    // Four networks; the fourth runs no replica.
    let mut cluster = Cluster::of(4, 3).await;
    cluster.start_all().await;
    let add = Body::KeyAdd {
        purpose: KeyPurpose::Transport,
        public_key: transport(4).public(),
        endpoint: Some("127.0.0.1:1".to_owned()),
    };
    let stranger = cluster.channel_as(&transport(4), 1);
    let status = |channel| async move {
        LedgerServiceClient::new(channel)
            .status(outgoing(v1::StatusRequest {}, patience()))
            .await
    };
    status(stranger).await.unwrap_err();

    let added = cluster
        .replica(1)
        .submit(cluster.said_by(4, add), patience())
        .await
        .unwrap();
    assert_eq!(added.outcome, Outcome::Accepted);
    cluster
        .replica(1)
        .wait_applied(added.index, patience())
        .await
        .unwrap();
    let member = cluster.channel_as(&transport(4), 1);
    let reply = status(member.clone()).await.unwrap().into_inner();
    assert!(
        reply.ready && reply.tree_size == 1 && reply.members.len() == 3,
        "{reply:?}"
    );

    // A member, but not one that runs a replica.
    let mut raft = RaftServiceClient::new(member.clone());
    let refused = raft
        .barrier(outgoing(v1::BarrierRequest {}, patience()))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    // One that does speaks for its own replica only.
    let mut raft = RaftServiceClient::new(cluster.channel_as(&transport(2), 1));
    let vote = Some(v1::RaftVote {
        term: 99,
        replica: 3,
        committed: false,
    });
    let request = v1::VoteRequest {
        vote,
        last_log_id: None,
        to: 1,
    };
    let refused = raft.vote(outgoing(request, patience())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");

    // It forwards nothing for anybody: what it says it forwards has its own place, and goes the usual way.
    let follower = 1 + cluster.leader().await % 3;
    let own = Body::FacilityRegister {
        facility: "4110000004".parse().unwrap(),
        kind: FacilityKind::Clinic,
        name: "clinic".to_owned(),
        municipality: None,
    };
    let submission = v1::Submission {
        envelope: Some(cluster.said_by(4, own)),
        ..Default::default()
    };
    let request = v1::SubmitManyRequest {
        submissions: vec![submission],
        forwarded: true,
    };
    let mut ledger = LedgerServiceClient::new(cluster.channel_as(&transport(4), follower));
    let reply = ledger.submit_many(outgoing(request, patience())).await;
    let ends = reply.unwrap().into_inner().ends;
    let end = ends.into_iter().next().and_then(|end| end.end);
    let Some(End::Reply(reply)) = end else {
        panic!("{end:?}");
    };
    assert_eq!((reply.index, reply.duplicate), (1, false));

    // A revocation holds at once, on a connection that is open already.
    let revoke = Body::KeyRevoke {
        key: transport(4).id(),
    };
    let revoked = cluster
        .replica(1)
        .submit(cluster.said_by(4, revoke), patience())
        .await
        .unwrap();
    assert_eq!(revoked.outcome, Outcome::Accepted);
    cluster
        .replica(1)
        .wait_applied(revoked.index, patience())
        .await
        .unwrap();
    let refused = status(member).await.unwrap_err();
    assert_ne!(ErrorCode::of(&refused), ErrorCode::Unknown, "{refused:?}");
}

/// A machine that took a lost one's address gives no vote and acknowledges nothing in its name.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_votes_or_acknowledges_in_another_replicas_place() {
    let mut cluster = Cluster::of(3, 3).await;
    cluster.start(1).await;
    let mut raft = RaftServiceClient::new(cluster.channel_as(&transport(2), 1));
    let vote = |committed| v1::RaftVote {
        term: 9,
        replica: 2,
        committed,
    };
    for (to, taken) in [(3, false), (0, false), (1, true)] {
        let request = v1::VoteRequest {
            vote: Some(vote(false)),
            last_log_id: None,
            to,
        };
        let voted = raft.vote(outgoing(request, patience())).await;
        assert_eq!(voted.is_ok(), taken, "a vote asked of {to}: {voted:?}");
        let request = v1::AppendEntriesRequest {
            vote: Some(vote(true)),
            sent_time_ms: SystemClock.now().0,
            to,
            ..Default::default()
        };
        let acknowledged = append(cluster.channel_as(&transport(2), 1), request).await;
        assert_eq!(
            acknowledged.is_ok(),
            taken,
            "entries for {to}: {acknowledged:?}"
        );
        let term = cluster.replica(1).status().await.unwrap().term;
        assert_eq!(term == 9, taken, "what is for {to} moves nothing here");
    }
    let refused = cluster.replica(1).status().await.unwrap().refused;
    let counted = refused.iter().find(|(kind, _)| *kind == "other-replica");
    assert_eq!(counted.map(|(_, count)| *count), Some(4), "{refused:?}");
}

/// A follower takes nothing on trust that it can check.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_checks_its_leaders_clock_and_the_signatures_it_sends() {
    let mut cluster = Cluster::of(3, 3).await;
    cluster.start(1).await;
    let (now, good) = (SystemClock.now().0, cluster.envelope(0));
    let message = |envelope: &v1::Envelope, sent_time_ms: u64| {
        let (term, index) = (9, 1);
        let batch = v1::Batch {
            time_ms: sent_time_ms,
            envelopes: vec![envelope.clone()],
        };
        let entry = v1::RaftEntry {
            log_id: Some(v1::RaftLogId {
                term,
                leader: 2,
                index,
            }),
            payload: Some(v1::raft_entry::Payload::Batch(
                prost::Message::encode_to_vec(&batch).into(),
            )),
        };
        v1::AppendEntriesRequest {
            vote: Some(v1::RaftVote {
                term,
                replica: 2,
                committed: true,
            }),
            prev_log_id: Some(v1::RaftLogId::default()),
            entries: vec![entry],
            leader_commit: None,
            sent_time_ms,
            to: 1,
        }
    };
    let mut forged = good.clone();
    forged.signatures[0].signature[9] ^= 1;
    let as_leader = cluster.channel_as(&transport(2), 1);
    for (case, bad, code) in [
        ("forged", message(&forged, now), Code::InvalidArgument),
        (
            "a clock 31 s behind",
            message(&good, now - 31_000),
            Code::AlreadyExists,
        ),
        (
            "a clock 31 s ahead",
            message(&good, now + 31_000),
            Code::AlreadyExists,
        ),
    ] {
        let mut call = Appending::begin(as_leader.clone()).await.unwrap();
        let refused = call.send(bad).await.unwrap_err();
        assert_eq!(refused.code(), code, "{case}: {refused:?}");
        // Nothing is taken on that call any more.
        assert_eq!(call.send(message(&good, now)).await.unwrap(), None);
        assert_eq!(
            cluster.replica(1).status().await.unwrap().log_last,
            0,
            "{case}"
        );
    }
    let mut call = Appending::begin(as_leader).await.unwrap();
    for _ in 0..3 {
        let reply = call.send(message(&good, now)).await.unwrap();
        assert!(matches!(reply, Some(Reply::Success(_))), "{reply:?}");
        assert_eq!(cluster.replica(1).status().await.unwrap().log_last, 1);
    }
    let refused = call.send(message(&forged, now)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_on_which_nothing_is_sent_is_ended() {
    let mut cluster = Cluster::of(3, 3).await;
    cluster.start(1).await;
    let mut call = Appending::begin(cluster.channel_as(&transport(2), 1))
        .await
        .unwrap();
    let ended = call.hear().await.unwrap_err();
    assert_eq!(ended.code(), Code::DeadlineExceeded, "{ended:?}");
}

/// Whoever leads is asked with each message whether it still may speak, and not only when its call begins.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_during_a_call_ends_it() {
    let cluster = Cluster::three().await;
    let another = transport(200);
    let key = Body::KeyAdd {
        purpose: KeyPurpose::Transport,
        public_key: another.public(),
        endpoint: Some(cluster.endpoint(2).to_owned()),
    };
    let added = cluster.govern(2, key).await.index;
    let to = cluster.replica(1);
    to.wait_applied(added, patience()).await.unwrap();
    let mut call = Appending::begin(cluster.channel_as(&another, 1))
        .await
        .unwrap();
    // Of a term long past: answered, and without effect.
    let old = v1::AppendEntriesRequest {
        vote: Some(v1::RaftVote {
            term: 0,
            replica: 2,
            committed: true,
        }),
        sent_time_ms: SystemClock.now().0,
        to: 1,
        ..Default::default()
    };
    for _ in 0..2 {
        let reply = call.send(old.clone()).await.unwrap();
        assert!(matches!(reply, Some(Reply::HigherVote(_))), "{reply:?}");
    }
    let revoke = Body::KeyRevoke { key: another.id() };
    let revoked = cluster.govern(2, revoke).await.index;
    to.wait_applied(revoked, patience()).await.unwrap();
    let refused = call.send(old).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_gets_outcomes_leaves_and_proofs_over_the_network() {
    use sekisho_ledger::merkle;
    use tokio_stream::StreamExt;
    let cluster = Cluster::three().await;
    let mut client = LedgerServiceClient::new(cluster.channel_as(&transport(1), 3));
    let entry = cluster.entry(0);
    let envelope = sign_entry(&entry, &[&governance(1)]);
    for (n, duplicate) in [(0, false), (1, true)] {
        let request = v1::SubmitRequest {
            envelope: Some(envelope.clone()),
            forwarded: false,
            acknowledge: false,
        };
        let reply = client
            .submit(outgoing(request, patience()))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(
            (reply.index, reply.duplicate),
            (0, duplicate),
            "attempt {n}"
        );
    }
    for n in 1..9 {
        cluster.submit(1, n).await.unwrap();
    }
    cluster
        .replica(3)
        .wait_applied(EntryIndex(8), patience())
        .await
        .unwrap();

    let ask = v1::OutcomeOfRequest {
        request_id: entry.request_id.0.to_vec(),
    };
    assert_eq!(
        client
            .outcome_of(outgoing(ask, patience()))
            .await
            .unwrap()
            .into_inner()
            .index,
        0
    );
    let ask = v1::OutcomeOfRequest {
        request_id: vec![0xee; 16],
    };
    let unknown = client
        .outcome_of(outgoing(ask, patience()))
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);

    let ask = v1::LeavesRequest { from: 2, max: 5 };
    let leaves = client
        .leaves(outgoing(ask, patience()))
        .await
        .unwrap()
        .into_inner();
    let leaves: Vec<v1::LeafReply> = leaves.map(Result::unwrap).collect().await;
    assert_eq!(
        leaves.iter().map(|leaf| leaf.index).collect::<Vec<_>>(),
        [2, 3, 4, 5, 6]
    );

    let status = client
        .status(outgoing(v1::StatusRequest {}, patience()))
        .await
        .unwrap()
        .into_inner();
    let hash = |bytes: &[u8]| sekisho_domain::Hash::try_from(bytes).unwrap();
    let ask = v1::InclusionProofRequest {
        index: 2,
        tree_size: 9,
    };
    let proof = client
        .inclusion_proof(outgoing(ask, patience()))
        .await
        .unwrap()
        .into_inner();
    let proof: Vec<_> = proof.hashes.iter().map(|h| hash(h)).collect();
    let leaf_hash = merkle::leaf_hash(&leaves[0].leaf);
    merkle::verify_inclusion(&leaf_hash, 2, 9, &proof, &hash(&status.root)).unwrap();
    for (size1, size2, code) in [
        (0, 9, Code::InvalidArgument),
        (9, 2, Code::InvalidArgument),
        (2, 99, Code::NotFound),
    ] {
        let ask = v1::ConsistencyProofRequest { size1, size2 };
        let refused = client
            .consistency_proof(outgoing(ask, patience()))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), code, "{size1} to {size2}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_whose_clock_is_off_does_not_follow_and_disturbs_nobody() {
    let mut cluster = Cluster::of(3, 3).await;
    cluster.start(1).await;
    cluster.start(2).await;
    for id in [1, 2] {
        cluster.replica(id).wait_ready(patience()).await.unwrap();
    }
    cluster
        .start_with(3, std::sync::Arc::new(Ahead(60_000)))
        .await;
    for n in 0..20 {
        cluster.submit(1 + n % 2, n).await.unwrap();
    }
    let term = cluster.replica(1).status().await.unwrap().term;
    // It hears no leader it would follow, so it asks to be elected itself.
    until("its call for an election", async || {
        (cluster.replica(3).status().await.unwrap().term > term).then_some(())
    })
    .await;
    assert!(!cluster.replica(3).is_ready(), "it took part");
    assert_eq!(cluster.replica(3).status().await.unwrap().tree_size, 0);
    assert_eq!(cluster.submit(1, 20).await.unwrap().index, EntryIndex(20));
    assert_eq!(
        cluster.replica(1).status().await.unwrap().term,
        term,
        "the others' leader was disturbed"
    );
    cluster.kill(3).await;
    cluster.start(3).await;
    cluster.replica(3).wait_ready(patience()).await.unwrap();
    cluster.assert_equal_states(21).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_shutdown_nothing_is_taken_and_waits_end() {
    let cluster = Cluster::three().await;
    let replica = cluster.replica(1).clone();
    let waiting = tokio::spawn({
        let replica = replica.clone();
        async move { replica.wait_applied(EntryIndex(1_000), patience()).await }
    });
    replica.shutdown().await.unwrap();
    assert!(waiting.await.unwrap().is_err());
    let refused = replica.submit(cluster.envelope(0), patience()).await;
    assert!(matches!(refused, Err(SubmitError::Stopped)), "{refused:?}");
    assert!(replica.leaf(EntryIndex(0)).await.is_err());
    // The others go on.
    let (a, b) = (cluster.replica(2).clone(), cluster.replica(3).clone());
    until("the others to agree on a leader", async || {
        let led = |leader: Option<sekisho_domain::ReplicaId>| leader.filter(|leader| leader.0 != 1);
        led(a.status().await.unwrap().leader)?;
        led(b.status().await.unwrap().leader)
    })
    .await;
    assert_eq!(cluster.submit(2, 1).await.unwrap().index, EntryIndex(0));
}

#[tokio::test]
async fn a_replica_starts_only_with_what_is_its_own() {
    use sekisho_replica::{Keys, Replica, ReplicaError};
    use std::sync::Arc;
    let cluster = Cluster::of(3, 3).await;
    let start = async |id: u64, keys_of: u64| {
        let keys = Keys {
            transport: transport(keys_of),
            checkpoint: support::genesis::checkpoint(keys_of),
        };
        let mut config = cluster.config(1);
        config.replica = sekisho_domain::ReplicaId(id);
        config.marker = cluster.config(id.min(3)).marker;
        Replica::start(config, cluster.genesis.clone(), keys, Arc::new(SystemClock)).await
    };
    assert!(
        matches!(start(1, 2).await.err(), Some(ReplicaError::Genesis(_))),
        "another's keys"
    );
    assert!(
        matches!(
            start(4, 1).await.err(),
            Some(ReplicaError::NotJoined(_)) | Some(ReplicaError::StoreLost { .. })
        ),
        "no such replica"
    );
    start(1, 1).await.unwrap().shutdown().await.unwrap();
    let other = start(2, 2).await.err();
    assert!(
        matches!(other, Some(ReplicaError::OtherReplica { .. })),
        "{other:?}"
    );
    let mut inside = cluster.config(3);
    inside.marker = inside.data_dir.join("marker");
    let keys = Keys {
        transport: transport(3),
        checkpoint: support::genesis::checkpoint(3),
    };
    let refused =
        Replica::start(inside, cluster.genesis.clone(), keys, Arc::new(SystemClock)).await;
    assert!(
        matches!(refused.err(), Some(ReplicaError::Config(_))),
        "a marker that would be lost with the data"
    );
}
