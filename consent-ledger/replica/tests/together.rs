//! Submissions that leave in one call: each ends by itself, as if it had been alone.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use futures::future::join_all;
use sekisho_domain::Outcome;
use sekisho_ledger::signature::VerifyingKey;
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_proto::v1::submission_end::End;
use sekisho_replica::config::SUBMISSIONS_MAX;
use sekisho_replica::{SubmitError, Submitted, Submitter, acknowledged};
use sekisho_transport::{Deadline, outgoing};
use std::collections::BTreeSet;
use std::time::Duration;
use support::genesis::{checkpoint, transport};
use support::{Cluster, patience};
use tonic::Code;

/// So many at once, some of them good for nothing.
const MANY: u64 = 300;

fn forged(mut envelope: v1::Envelope) -> v1::Envelope {
    envelope.signatures[0].signature[7] ^= 1;
    envelope
}

/// Through a follower, which forwards, and over a way of one's own: the good ones take effect once each, and a forged
/// one, or one sent twice, changes nothing for its neighbours.
#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_has_an_end_of_its_own() {
    let cluster = Cluster::three().await;
    let follower = 1 + cluster.leader().await % 3;
    let way = Submitter::new(cluster.channel_as(&transport(1), follower));
    let said: Vec<v1::Envelope> = (0..MANY)
        .map(|n| match n % 7 {
            3 => forged(cluster.envelope(n)),
            _ => cluster.envelope(n),
        })
        .collect();
    let twice = said.iter().chain(&said).enumerate();
    let asked = twice.map(|(n, envelope)| {
        let (way, envelope) = (way.clone(), envelope.clone());
        let replica = cluster.replica(follower).clone();
        async move {
            match n % 2 {
                0 => way.submit(envelope, patience()).await,
                _ => replica.submit(envelope, patience()).await,
            }
        }
    });
    let ends = join_all(asked).await;
    let (mut places, mut duplicates) = (BTreeSet::new(), 0);
    for (n, pair) in ends.iter().zip(ends.iter().skip(said.len())).enumerate() {
        if n % 7 == 3 {
            for end in [pair.0, pair.1] {
                let Err(SubmitError::InvalidAtLeader(why)) = end else {
                    panic!("entry {n} is forged: {end:?}");
                };
                assert!(why.contains("does not hold"), "{why}");
            }
            continue;
        }
        let (one, other): (&Submitted, &Submitted) =
            (pair.0.as_ref().unwrap(), pair.1.as_ref().unwrap());
        assert_eq!((one.index, &one.outcome), (other.index, &Outcome::Accepted));
        assert_eq!(one.acknowledgement, None, "nobody asked for it");
        duplicates += usize::from(one.duplicate) + usize::from(other.duplicate);
        assert!(places.insert(one.index), "{} was given twice", one.index);
    }
    assert_eq!(places.len(), (0..MANY).filter(|n| n % 7 != 3).count());
    assert_eq!(duplicates, places.len());
    let size = places.len() as u64;
    cluster.assert_equal_states(size).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_keeps_its_bounds_its_order_and_each_ones_deadline() {
    let cluster = Cluster::three().await;
    let leader = cluster.leader().await;
    let mut client = LedgerServiceClient::new(cluster.channel_as(&transport(1), leader));
    for many in [0, SUBMISSIONS_MAX + 1] {
        let request = v1::SubmitManyRequest {
            submissions: vec![v1::Submission::default(); many],
            forwarded: false,
        };
        let refused = client.submit_many(outgoing(request, patience())).await;
        let status = refused.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().contains(&many.to_string()), "{status:?}");
    }
    let late = Deadline::after(Duration::ZERO).time().0 - 1;
    let submission = |envelope, acknowledge, deadline_ms| v1::Submission {
        envelope,
        acknowledge,
        deadline_ms,
        traceparent: "no trace".to_owned(),
    };
    let request = v1::SubmitManyRequest {
        submissions: vec![
            submission(Some(cluster.envelope(1)), true, 0),
            submission(None, false, 0),
            submission(Some(cluster.envelope(2)), false, late),
            submission(Some(forged(cluster.envelope(3))), false, 0),
            submission(Some(cluster.envelope(4)), false, 0),
        ],
        forwarded: false,
    };
    let reply = client.submit_many(outgoing(request, patience())).await;
    let ends = reply.unwrap().into_inner().ends;
    let said: Vec<String> = ends
        .iter()
        .map(|end| match &end.end {
            Some(End::Reply(reply)) => format!("{:?}", reply.acknowledgement.is_some()),
            Some(End::Fault(fault)) => {
                format!("{:?} {}", Code::from_i32(fault.code as i32), fault.not_sent)
            }
            None => "nothing".to_owned(),
        })
        .collect();
    let expected = [
        "true",
        "InvalidArgument false",
        "Unavailable true",
        "InvalidArgument false",
        "false",
    ];
    assert_eq!(said, expected);
    let Some(End::Reply(first)) = ends[0].end.clone() else {
        panic!("{ends:?}");
    };
    let first = Submitted::try_from(first).unwrap();
    let said = first.acknowledgement.unwrap();
    let key = checkpoint(leader).public_key();
    let message = acknowledged(&cluster.ledger(), first.index, &first.leaf_hash);
    VerifyingKey::parse(&key)
        .unwrap()
        .verify(&message, &said.signature)
        .unwrap();
}
