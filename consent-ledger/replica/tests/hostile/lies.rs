//! Lies between replicas.

use crate::between::{Between, Tamper};
use crate::support::{Cluster, patience, until};
use crate::{refused, wait_refused};
use prost::Message;
use sekisho_domain::{EntryIndex, ReplicaId};
use sekisho_proto::v1;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The replica behind the tamperer.
const BEHIND: u64 = 3;

/// Three replicas, of which the third is reached through somebody who tampers, and does not lead.
async fn with_tamperer(tamper: impl Tamper) -> (Cluster, Between) {
    let mut cluster = Cluster::of(3, 3).await;
    cluster.publish_every = Duration::from_millis(10);
    let (listener, real) = cluster.behind(BEHIND).await;
    for id in [1, 2] {
        cluster.start(id).await;
    }
    for id in [1, 2] {
        cluster.replica(id).wait_ready(patience()).await.unwrap();
    }
    cluster.start(BEHIND).await;
    let between = Between::start(&cluster, BEHIND, listener, &real, tamper);
    (cluster, between)
}

/// The two others take entries, publish them, and complain of nobody but the third.
async fn assert_others_go_on(cluster: &Cluster, from: u64) {
    for n in from..from + 4 {
        let index = cluster.submit(1 + n % 2, n).await.unwrap().index;
        for id in [1, 2] {
            until("the others to publish it", async || {
                let published = cluster.replica(id).published()?;
                (published.checkpoint.size() > index.0).then_some(())
            })
            .await;
        }
    }
    for id in [1, 2] {
        let status = cluster.replica(id).status().await.unwrap();
        assert_eq!(status.fault, None);
        let named = status.alarms.iter().all(|a| a.replica.0 == BEHIND);
        assert!(named, "{:?}", status.alarms);
    }
}

/// Does something to every envelope of a message.
fn each_envelope(request: &mut v1::AppendEntriesRequest, change: impl Fn(&mut v1::Envelope)) {
    for entry in &mut request.entries {
        if let Some(v1::raft_entry::Payload::Batch(bytes)) = &mut entry.payload {
            let mut batch = v1::Batch::decode(&bytes[..]).unwrap();
            batch.envelopes.iter_mut().for_each(&change);
            *bytes = batch.encode_to_vec().into();
        }
    }
}

type Slot = Arc<OnceLock<v1::Envelope>>;

/// Once both are known: another entry, as genuine as the one that was submitted, in its place.
struct Exchange {
    of: Slot,
    by: Slot,
}

impl Tamper for Exchange {
    fn append(&self, request: &mut v1::AppendEntriesRequest) {
        let (Some(of), Some(by)) = (self.of.get(), self.by.get()) else {
            return;
        };
        each_envelope(request, |envelope| {
            if envelope == of {
                *envelope = by.clone();
            }
        });
    }
}

/// A leader that sends one follower another batch than the others: every signature holds, the follower takes it, and
/// its tree is another one. It learns so from the first checkpoint a majority cosigned, and stops.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_altered_for_one_follower_ends_that_follower_and_no_other() {
    let (of, by) = (Slot::default(), Slot::default());
    let (cluster, _between) = with_tamperer(Exchange {
        of: of.clone(),
        by: by.clone(),
    })
    .await;
    let third = cluster.replica(BEHIND).clone();
    third.wait_ready(patience()).await.unwrap();
    cluster.submit(1, 0).await.unwrap();
    third.wait_applied(EntryIndex(0), patience()).await.unwrap();
    of.set(cluster.envelope(1)).unwrap();
    by.set(cluster.envelope(2)).unwrap();
    let said = of.get().unwrap().clone();
    let done = cluster.replica(1).submit(said, patience()).await.unwrap();
    assert_eq!(done.index, EntryIndex(1));
    let stopped = async || third.is_stopped().then_some(());
    until("the follower to stop", stopped).await;
    let status = third.status().await.unwrap();
    let fault = status.fault.as_ref().map(|fault| fault.to_string());
    let fault = fault.unwrap_or_default();
    assert!(fault.contains("another root"), "{status:?}");
    assert!(third.submit(cluster.envelope(9), patience()).await.is_err());
    assert_others_go_on(&cluster, 10).await;
}

/// Breaks a signature of every entry while it is on.
struct Forge(Arc<AtomicBool>);

impl Tamper for Forge {
    fn append(&self, request: &mut v1::AppendEntriesRequest) {
        if !self.0.load(Ordering::SeqCst) {
            return;
        }
        each_envelope(request, |envelope| envelope.signatures[0].signature[5] ^= 1);
    }
}

/// What nobody signed is not taken, whoever leads: the follower stays behind, and catches up once it is told the truth.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_entry_is_not_taken_from_a_leader_and_the_truth_is_later() {
    let forging = Arc::new(AtomicBool::new(false));
    let (cluster, _between) = with_tamperer(Forge(Arc::clone(&forging))).await;
    let third = cluster.replica(BEHIND).clone();
    third.wait_ready(patience()).await.unwrap();
    forging.store(true, Ordering::SeqCst);
    for n in 0..4 {
        cluster.submit(1 + n % 2, n).await.unwrap();
    }
    wait_refused(&cluster, BEHIND, "leader-forged", 3).await;
    let status = third.status().await.unwrap();
    assert_eq!((status.tree_size, status.fault), (0, None));
    forging.store(false, Ordering::SeqCst);
    cluster.assert_equal_states(4).await;
}

/// Says that its root is another one.
struct Claim;

impl Tamper for Claim {
    fn cosigned(&self, reply: &mut v1::CosignReply) {
        reply.root[0] ^= 1;
        reply.signature.clear();
    }
}

/// A root that only one claims: the others name it, publish without it, and go on.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_claims_another_root_is_named_by_the_others() {
    let (mut cluster, _between) = with_tamperer(Claim).await;
    cluster
        .replica(BEHIND)
        .wait_ready(patience())
        .await
        .unwrap();
    assert_others_go_on(&cluster, 0).await;
    // With three voters two agree before the third is heard; without one of them it must be asked.
    let leader = cluster.leader().await;
    let other = [1, 2].into_iter().find(|&id| id != leader).unwrap();
    cluster.stop(other).await;
    cluster.submit(leader, 20).await.unwrap();
    until("the leader to name who claims it", async || {
        let alarms = cluster.replica(leader).alarms();
        alarms.first().map(|alarm| {
            assert_eq!(alarm.replica, ReplicaId(BEHIND));
            assert_ne!(alarm.ours, alarm.theirs);
        })
    })
    .await;
    let before = cluster.replica(leader).published().unwrap();
    // Two that disagree are no majority: nothing is published until there is one.
    let none = cluster
        .replica(leader)
        .checkpoint(
            before.checkpoint.size() + 1,
            sekisho_transport::Deadline::after(Duration::from_millis(300)),
        )
        .await;
    assert!(none.is_err(), "{none:?}");
    cluster.start(other).await;
    assert_others_go_on(&cluster, 30).await;
    let status = cluster.replica(BEHIND).status().await.unwrap();
    assert_eq!(
        (status.fault.clone(), refused(&status, "leader-forged")),
        (None, 0)
    );
}
