//! A network without a replica among three real ones, one of which may lie, be down or be silent.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod impostor;
mod lies;
#[path = "../../../replica/tests/support/mod.rs"]
mod support;

use sekisho_domain::{Body, EntryIndex, KeyPurpose, Outcome, ReplicaId};
use sekisho_ledger::record::Facility;
use sekisho_ledger::store::Table;
use sekisho_ledger::{View, sign_entry, tree};
use sekisho_light::{Light, LightError};
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_replica::SubmitError;
use sekisho_transport::{Deadline, Failure, classify, outgoing};
use std::time::Duration;
use support::genesis::{governance, transport};
use support::{Cluster, patience, until};
use tonic::Code;

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
    assert_eq!(facilities(&light).await.unwrap().0.len(), 4);
    // Nor is it a second witness where there is no other.
    let retire = Body::ReplicaRetire {
        replica: ReplicaId(2),
    };
    cluster.govern(2, retire).await;
    let error = until("one voter is left", async || facilities(&light).await.err()).await;
    let said = error.to_string();
    assert!(
        said.starts_with("only 1 of 3 named voters answered ("),
        "{said}"
    );
    assert!(said.ends_with("are not known to vote)"), "{said}");
    light.shutdown().await;
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
async fn a_question_sees_one_moment_or_nothing() {
    let cluster = cluster().await;
    let light = light(&cluster, &[1, 2, 3]);
    // Asks for the facilities, has another one registered, and then asks for something else.
    let (looked, mut go_on) = tokio::sync::mpsc::channel::<()>(1);
    let (registered, now) = std::sync::mpsc::channel::<()>();
    let asking = |rows: fn(&sekisho_light::LightState) -> bool| {
        let looked = looked.clone();
        let light = light.clone();
        move |now: std::sync::mpsc::Receiver<()>| async move {
            let question = move |state: &sekisho_light::LightState| {
                let first = rows(state);
                looked.blocking_send(()).unwrap();
                now.recv().unwrap();
                first && View(state).networks().is_ok_and(|all| all.len() == 4)
            };
            light.read(question).await
        }
    };
    let facilities = asking(|state| View(state).facilities(64).is_ok());
    let question = tokio::spawn(facilities(now));
    go_on.recv().await.unwrap();
    let done = cluster.submit(2, 9).await.unwrap();
    everywhere(&cluster, done.index.0 + 1).await;
    registered.send(()).unwrap();
    assert_eq!(question.await.unwrap(), Err(LightError::Moved));
    // What never changes does not stand in the way.
    let (registered, now) = std::sync::mpsc::channel::<()>();
    let leaf = asking(|state| View(state).leaf(EntryIndex(1)).unwrap().is_some());
    let question = tokio::spawn(leaf(now));
    go_on.recv().await.unwrap();
    let done = cluster.submit(2, 10).await.unwrap();
    everywhere(&cluster, done.index.0 + 1).await;
    registered.send(()).unwrap();
    assert_eq!(question.await.unwrap(), Ok(true));
    light.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_answers_members_within_bounds_and_from_a_state_as_far_as_asked() {
    let cluster = cluster().await;
    let mut member = LedgerServiceClient::new(cluster.channel_as(&transport(LIGHT), 1));
    let ask = |change: fn(&mut v1::StateRequest)| {
        let mut ask = v1::StateRequest {
            nonce: vec![1; 16],
            min_size: 4,
            questions: vec![v1::StateQuestion {
                table: Table::Facility as u32,
                key: Vec::new(),
                scan: Some(v1::StateScan {
                    from: Vec::new(),
                    max: 2,
                }),
            }],
        };
        change(&mut ask);
        outgoing(ask, Deadline::after(Duration::from_secs(2)))
    };
    let reply = member.state(ask(|_| {})).await.unwrap().into_inner();
    assert_eq!((reply.answers.len(), reply.answers[0].rows.len()), (1, 2));
    type Change = fn(&mut v1::StateRequest);
    let cases: [(Change, Code, &str); 5] = [
        (
            |a| a.nonce.clear(),
            Code::InvalidArgument,
            "the nonce has 0 bytes",
        ),
        (
            |a| a.questions[0].table = 0,
            Code::InvalidArgument,
            "0 is not the number",
        ),
        (
            |a| a.questions[0].key = vec![0; 2_000],
            Code::InvalidArgument,
            "a key of 2000 bytes",
        ),
        (
            |a| a.questions = vec![a.questions[0].clone(); 513],
            Code::InvalidArgument,
            "513 questions at once",
        ),
        (
            |a| a.min_size = u64::MAX,
            Code::NotFound,
            "not applied here before the deadline",
        ),
    ];
    for (change, code, said) in cases {
        let status = member.state(ask(change)).await.unwrap_err();
        let fits = status.code() == code && status.message().contains(said);
        // A wait may end at the caller first.
        let late = code == Code::NotFound && classify(&status) == Failure::TimedOut;
        assert!(fits || late, "{status:?}");
    }
    let mut stranger = LedgerServiceClient::new(cluster.channel_as(&transport(9), 1));
    let status = stranger.state(ask(|_| {})).await.unwrap_err();
    assert_eq!(classify(&status), Failure::Refused, "{status:?}");
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
