//! A network without a replica among three real ones, one of which may lie, be down or be silent.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod impostor;
#[path = "../../../replica/tests/support/mod.rs"]
mod support;

use impostor::{Impostor, Lie};
use sekisho_domain::{Body, EntryIndex, KeyPurpose, Outcome, ReplicaId};
use sekisho_ledger::record::Facility;
use sekisho_ledger::store::Table;
use sekisho_ledger::{View, sign_entry, tree};
use sekisho_light::{Light, LightError};
use sekisho_replica::SubmitError;
use sekisho_transport::Deadline;
use std::time::Duration;
use support::genesis::{governance, transport};
use support::{Cluster, patience, until};

const LIGHT: u64 = 4;

/// Three networks with replicas and some entries, and a fourth without.
async fn cluster() -> Cluster {
    let mut cluster = Cluster::of(4, 3).await;
    cluster.start_all().await;
    let key = Body::KeyAdd {
        purpose: KeyPurpose::Transport,
        public_key: transport(LIGHT).public(),
        endpoint: Some(cluster.endpoint(LIGHT).to_owned()),
    };
    cluster.govern(LIGHT, key).await;
    for n in 1..4 {
        cluster.submit(1, n).await.unwrap();
    }
    everywhere(&cluster, 4).await;
    cluster
}

/// Waits until every running replica has so many leaves.
async fn everywhere(cluster: &Cluster, size: u64) {
    for id in cluster.ids() {
        let last = EntryIndex(size - 1);
        cluster
            .replica(id)
            .wait_applied(last, patience())
            .await
            .unwrap();
    }
}

fn ids(named: &[u64]) -> Vec<ReplicaId> {
    named.iter().copied().map(ReplicaId).collect()
}

fn light(cluster: &Cluster, named: &[u64]) -> Light {
    Light::start(cluster.genesis.clone(), &ids(named), transport(LIGHT)).unwrap()
}

/// The names of the facilities, and how many leaves there are.
async fn facilities(light: &Light) -> Result<(Vec<String>, u64), LightError> {
    let read = light.read(|state| {
        let all = View(state).facilities(64).unwrap_or_default();
        let name = |(_, f): (_, Facility)| f.name;
        let size = tree::size(state).unwrap_or_default();
        (all.into_iter().map(name).collect(), size)
    });
    read.await
}

fn expected() -> (Vec<String>, u64) {
    ((1..4).map(|n| format!("clinic {n}")).collect(), 4)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_without_a_replica_reads_writes_and_proves_what_the_others_have() {
    let mut cluster = cluster().await;
    let light = light(&cluster, &[1, 2, 3]);
    until("two voters", async || light.is_ready().then_some(())).await;
    assert_eq!(facilities(&light).await.unwrap(), expected());

    let envelope = cluster.envelope(9);
    let done = light.submit(envelope.clone(), patience()).await.unwrap();
    assert_eq!(
        (done.index.0, &done.outcome, done.duplicate),
        (4, &Outcome::Accepted, false)
    );
    let again = light.submit(envelope, patience()).await.unwrap();
    assert_eq!((again.index, again.duplicate), (done.index, true));
    light.wait_applied(done.index, patience()).await.unwrap();
    let leaf = light.read(move |state| View(state).leaf(done.index).unwrap());
    let leaf = leaf.await.unwrap().unwrap();
    let here = cluster.replica(2).leaf(done.index).await.unwrap().unwrap();
    assert_eq!(leaf, here);
    let behind = light.wait_applied(EntryIndex(99), Deadline::after(Duration::from_millis(300)));
    let behind = behind.await.unwrap_err();
    assert!(behind.is_behind(), "{behind}");
    // An index nobody has does not become the least that is asked for.
    assert_eq!(facilities(&light).await.unwrap().1, 5);

    let cosigned = light.checkpoint(5, patience()).await.unwrap();
    let proof = light.read(move |state| tree::inclusion_proof(state, done.index, cosigned.size));
    let proof = proof.await.unwrap().unwrap();
    let there = cluster
        .replica(1)
        .inclusion_proof(done.index, cosigned.size)
        .await;
    assert_eq!(proof, there.unwrap());

    // Whose keys are whose: a revoked one is nobody's, a moment later.
    let directory = light.directory();
    let key = transport(LIGHT);
    assert!(directory.peer(&key.public()).is_some(), "its own");
    let revoke = Body::KeyRevoke {
        key: transport(3).id(),
    };
    cluster.govern(3, revoke).await;
    until("the key is nobody's", async || {
        directory
            .peer(&transport(3).public())
            .is_none()
            .then_some(())
    })
    .await;
    // A voter that was retired is asked no more, and counts no more.
    cluster.kill(3).await;
    let retire = Body::ReplicaRetire {
        replica: ReplicaId(3),
    };
    cluster.govern(3, retire).await;
    until("two voters are left", async || {
        (light.standing().voting == 2).then_some(())
    })
    .await;
    assert_eq!(light.standing().named, 3);
    light.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_voter_that_lies_is_not_believed_and_with_one_other_nothing_is() {
    let mut cluster = cluster().await;
    cluster.kill(3).await;
    cluster.leader().await;
    // What the third voter does, whether it is caught in the act while two others answer, and whether with one other
    // the truth is told all the same.
    let cases = [
        (Lie::None, false, true),
        (Lie::Alter(Table::Facility), true, false),
        (Lie::Omit(Table::Facility), true, false),
        (Lie::Size(u64::MAX), false, true),
        (Lie::Size(2), false, true),
        (Lie::Lineage, true, false),
        (Lie::Digest, true, false),
        (Lie::Ledger, true, false),
        (Lie::Replay, true, false),
        (Lie::Key, true, false),
        (Lie::Hang, false, false),
    ];
    for (lie, caught, told) in cases {
        let impostor = Impostor::start(&cluster, 3, 1, lie).await;
        let all = light(&cluster, &[1, 2, 3]);
        until("two voters", async || all.is_ready().then_some(())).await;
        let times = 20;
        for _ in 0..times {
            let (names, size) = facilities(&all).await.unwrap();
            assert_eq!(names, expected().0, "{lie:?}");
            assert!(
                size == 4 || matches!(lie, Lie::Size(_)) && size <= 4,
                "{lie:?}: {size}"
            );
        }
        if caught {
            // Whoever answers after two others did is not heard: ask until it is among the first.
            until(&format!("{lie:?} is noticed"), async || {
                facilities(&all).await.unwrap();
                let counts = all.standing().contradicted;
                assert!(
                    counts.keys().all(|id| *id == ReplicaId(3)),
                    "{lie:?}: {counts:?}"
                );
                counts.contains_key(&ReplicaId(3)).then_some(())
            })
            .await;
        }
        all.shutdown().await;

        // The same voter and one other: nothing is told but what both say.
        let two = light(&cluster, &[1, 3]);
        let answer = tokio::time::timeout(Duration::from_secs(11), facilities(&two)).await;
        match answer.unwrap() {
            Ok((names, size)) => {
                assert!(told, "{lie:?} was believed");
                assert_eq!(names, expected().0);
                assert!(size <= 4, "{lie:?}: {size}");
            }
            Err(error) => assert!(!told, "{lie:?}: {error}"),
        }
        two.shutdown().await;
        impostor.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_voter_down_changes_nothing_and_two_down_stop_it() {
    let mut cluster = cluster().await;
    let light = light(&cluster, &[1, 2, 3]);
    cluster.kill(3).await;
    cluster.leader().await;
    assert_eq!(facilities(&light).await.unwrap(), expected());
    let done = light.submit(cluster.envelope(9), patience()).await.unwrap();
    assert_eq!(done.outcome, Outcome::Accepted);
    cluster.kill(2).await;
    let error = facilities(&light).await.unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with("only 1 of 3 named voters answered ("),
        "{said}"
    );
    assert!(said.contains("replica 2: it cannot be reached"), "{said}");
    let lost = light.submit(
        cluster.envelope(10),
        Deadline::after(Duration::from_secs(2)),
    );
    let lost = lost.await.unwrap_err();
    assert!(
        matches!(lost, SubmitError::Unavailable | SubmitError::Unknown),
        "{lost:?}"
    );
    until("it is not ready", async || {
        (!light.is_ready()).then_some(())
    })
    .await;
    light.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_an_entry_is_believed_of_two_voters_only() {
    let mut cluster = cluster().await;
    cluster.kill(1).await;
    cluster.leader().await;
    // The liar is asked first.
    for (n, lie) in [
        Lie::None,
        Lie::Place,
        Lie::Invalid,
        Lie::Unknown,
        Lie::Hang,
        Lie::Key,
    ]
    .into_iter()
    .enumerate()
    {
        let impostor = Impostor::start(&cluster, 1, 2, lie).await;
        let light = light(&cluster, &[1, 2, 3]);
        let entry = cluster.envelope(20 + n as u64);
        let until = Deadline::after(Duration::from_secs(6));
        let done = light.submit(entry, until).await;
        let done = done.unwrap_or_else(|e| panic!("{lie:?}: {e}"));
        assert_eq!(done.outcome, Outcome::Accepted, "{lie:?}");
        let index = done.index;
        let applied = cluster.replica(3).wait_applied(index, patience()).await;
        assert_eq!(applied, Ok(()), "{lie:?}");
        if lie != Lie::Hang {
            let cosigned = light.checkpoint(index.0 + 1, patience()).await.unwrap();
            assert!(cosigned.size > index.0, "{lie:?}");
        }
        light.shutdown().await;
        impostor.end().await;
    }
    // One voter's refusal, with nobody else to ask, says nothing about what the others did.
    let impostor = Impostor::start(&cluster, 1, 2, Lie::Invalid).await;
    cluster.kill(2).await;
    let light = light(&cluster, &[1, 2]);
    let until = Deadline::after(Duration::from_secs(2));
    let unknown = light.submit(cluster.envelope(40), until).await.unwrap_err();
    assert!(matches!(unknown, SubmitError::Unknown), "{unknown:?}");
    light.shutdown().await;
    impostor.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_two_voters_refuse_is_refused() {
    let cluster = cluster().await;
    let light = light(&cluster, &[1, 2, 3]);
    let stranger = sign_entry(&cluster.entry(7), &[&governance(77)]);
    let refused = light.submit(stranger, patience()).await.unwrap_err();
    assert!(
        matches!(refused, SubmitError::InvalidAtLeader(_)),
        "{refused:?}"
    );
    light.shutdown().await;
}

#[tokio::test]
async fn voters_of_two_networks_are_named_and_known() {
    let cluster = Cluster::of(4, 3).await;
    let start = |genesis: &sekisho_domain::Genesis, named: &[u64]| {
        let started = Light::start(genesis.clone(), &ids(named), transport(LIGHT));
        started.err().map(|e| e.to_string()).unwrap_or_default()
    };
    let genesis = &cluster.genesis;
    assert!(start(genesis, &[1]).contains("1 voters are named; 2 to 9 may be"));
    assert!(start(genesis, &[1, 1]).contains("1 voters are named"));
    let many: Vec<_> = (1..11).collect();
    assert!(start(genesis, &many).contains("10 voters are named"));
    let unknown = start(genesis, &[1, 8]);
    assert!(
        unknown.contains("1 are in the founding file, of 1 networks"),
        "{unknown}"
    );
    let mut one = genesis.clone();
    for replica in &mut one.replicas {
        replica.network = genesis.replicas[0].network.clone();
    }
    let one = start(&one, &[1, 2, 3]);
    assert!(
        one.contains("3 are in the founding file, of 1 networks"),
        "{one}"
    );
}
