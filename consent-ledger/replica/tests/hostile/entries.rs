//! Entries over the wire that are not what they say, each with its code, and counted.

use crate::support::genesis::{governance, transport};
use crate::support::{Cluster, append, patience};
use crate::{refused, wait_refused};
use sekisho_domain::{Entry, LedgerId, TimeMs};
use sekisho_ledger::sign_entry;
use sekisho_ledger::signature::SigningKey;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_proto::{ErrorCode, v1};
use sekisho_transport::outgoing;
use tonic::transport::Channel;
use tonic::{Code, Status};

async fn submit(
    client: &LedgerServiceClient<Channel>,
    envelope: v1::Envelope,
) -> Result<v1::SubmitReply, Status> {
    let request = v1::SubmitRequest {
        envelope: Some(envelope),
        forwarded: false,
        acknowledge: false,
    };
    let mut client = client.clone();
    let reply = client.submit(outgoing(request, patience())).await;
    reply.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forged_repeated_or_out_of_time_is_refused_by_its_code_and_counted() {
    let cluster = Cluster::three().await;
    let leader = cluster.leader().await;
    let client = LedgerServiceClient::new(cluster.channel_as(&transport(2), leader));
    let key = governance(1);
    let good = cluster.entry(1);
    let now = good.claimed_time.0;
    let stranger = SigningKey::from_secret(&[9; 32]);
    let mut forged = cluster.envelope(2);
    forged.signatures[0].signature[7] ^= 1;
    let window = |from, until| Entry {
        not_before: TimeMs(from),
        not_after: TimeMs(until),
        ..good.clone()
    };
    let said = |entry: &Entry| sign_entry(entry, &[&key]);
    let cases = [
        ("outside-window", said(&window(now - 90_000, now - 60_000))),
        ("outside-window", said(&window(now + 60_000, now + 90_000))),
        (
            "other-ledger",
            said(&Entry {
                ledger: LedgerId([7; 32]),
                ..good.clone()
            }),
        ),
        (
            "other-ledger",
            said(&Entry {
                lineage: 2,
                ..good.clone()
            }),
        ),
        (
            "unknown-key",
            sign_entry(
                &Entry {
                    author: stranger.key_id(),
                    ..good.clone()
                },
                &[&stranger],
            ),
        ),
        ("bad-signature", forged),
        ("malformed", v1::Envelope::default()),
        (
            "malformed",
            v1::Envelope {
                payload: vec![0xff; 64],
                ..cluster.envelope(3)
            },
        ),
        (
            "malformed",
            v1::Envelope {
                payload: vec![0; 20 * 1024],
                ..cluster.envelope(3)
            },
        ),
    ];
    for (kind, envelope) in cases {
        let before = cluster.replica(leader).status().await.unwrap();
        let status = submit(&client, envelope).await.unwrap_err();
        assert_eq!(
            ErrorCode::of(&status),
            ErrorCode::Invalid,
            "{kind}: {status:?}"
        );
        wait_refused(&cluster, leader, kind, refused(&before, kind) + 1).await;
    }

    // The same again is the same; another under its id is none.
    let (first, second) = (
        good.clone(),
        Entry {
            request_id: good.request_id,
            ..cluster.entry(5)
        },
    );
    let done = submit(&client, said(&first)).await.unwrap();
    for _ in 0..3 {
        let again = submit(&client, said(&first)).await.unwrap();
        assert!(again.duplicate);
        assert_eq!(
            (again.index, &again.leaf_hash),
            (done.index, &done.leaf_hash)
        );
    }
    let reused = submit(&client, said(&second)).await.unwrap_err();
    assert_eq!(ErrorCode::of(&reused), ErrorCode::Invalid, "{reused:?}");
    wait_refused(&cluster, leader, "request-id-reused", 1).await;
    cluster.assert_equal_states(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_never_reaches_a_handler_and_consensus_is_for_replicas() {
    let cluster = Cluster::three().await;
    let id = cluster.leader().await;
    let client = LedgerServiceClient::new(cluster.channel_as(&transport(2), id));
    let large = v1::Envelope {
        payload: vec![7; 64 * 1024],
        ..cluster.envelope(0)
    };
    let refused = submit(&client, large).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");

    // A replica that speaks for another one.
    let impostor = [1, 2, 3].into_iter().find(|&n| n != id).unwrap();
    let as_impostor = cluster.channel_as(&transport(impostor), id);
    let term = cluster.replica(id).status().await.unwrap().term;
    let vote = v1::RaftVote {
        term: term + 50,
        replica: id,
        committed: true,
    };
    let request = v1::AppendEntriesRequest {
        vote: Some(vote),
        ..Default::default()
    };
    let refused = append(as_impostor, request).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    wait_refused(&cluster, id, "not-a-replica", 1).await;
    let status = cluster.replica(id).status().await.unwrap();
    assert_eq!((status.term, status.leader.map(|l| l.0)), (term, Some(id)));
    submit(&client, cluster.envelope(1)).await.unwrap();
}
