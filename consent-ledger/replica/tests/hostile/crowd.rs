//! Crowds: one network that wants everything, and strangers who hold connections.

use crate::support::genesis::{governance, network, transport};
use crate::support::{Cluster, PATIENCE, patience, request_id, until};
use crate::{refused, wait_refused};
use sekisho_domain::{Body, Entry, FacilityKind};
use sekisho_ledger::sign_entry;
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_replica::SubmitError;
use sekisho_transport::limits::HANDSHAKES_MAX;
use sekisho_transport::{Identity, TransportKey, outgoing};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Submissions the crowd has under way at each replica: more than there are places for.
const CROWD: usize = 3_000;
/// Entries the quiet network submits, one after the other.
const QUIET: usize = 60;

/// Strangers who connect and say nothing.
const SILENT: usize = 200;

/// An entry that registers facility `n` of network `of`, which the ledger takes.
fn entry_of(cluster: &Cluster, of: u64, n: u64) -> v1::Envelope {
    let key = governance(of);
    let entry = Entry {
        author: key.key_id(),
        request_id: request_id(),
        body: Body::FacilityRegister {
            facility: format!("41{of}{n:07}").parse().unwrap(),
            kind: FacilityKind::Clinic,
            name: format!("clinic {n}"),
            municipality: None,
        },
        ..cluster.entry(0)
    };
    sign_entry(&entry, &[&key])
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Network 1 has thousands under way at the leader; network 2, at another replica or at the same, is neither refused
/// nor made to wait for them.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_floods_is_refused_and_another_is_not_even_late() {
    let cluster = Arc::new(Cluster::three().await);
    let leader = cluster.leader().await;
    let over = Arc::new(AtomicBool::new(false));
    let (overloaded, next) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(1)));
    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        let (cluster, over) = (Arc::clone(&cluster), Arc::clone(&over));
        let (overloaded, next) = (Arc::clone(&overloaded), Arc::clone(&next));
        crowd.spawn(async move {
            let mut took = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let (said, began) = (entry_of(&cluster, 1, n), Instant::now());
                let by = network(1);
                let replica = cluster.replica(leader);
                match replica.submit_for(&by, said, patience()).await {
                    Ok(_) => took.push(began.elapsed()),
                    Err(SubmitError::Overloaded) => {
                        overloaded.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            took
        });
    }
    // Until the crowd fills what it may.
    let filled = async {
        while overloaded.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, filled).await.unwrap();
    let mut quiet = Vec::new();
    for n in 0..QUIET {
        let at = if n % 2 == 0 { leader } else { 1 + leader % 3 };
        let (said, began) = (entry_of(&cluster, 2, n as u64), Instant::now());
        let by = network(2);
        let done = cluster.replica(at).submit_for(&by, said, patience()).await;
        done.unwrap_or_else(|error| panic!("the quiet one's entry {n}: {error}"));
        quiet.push(began.elapsed());
    }
    over.store(true, Ordering::Relaxed);
    let crowd: Vec<Duration> = crowd.join_all().await.into_iter().flatten().collect();
    assert!(!crowd.is_empty());
    quiet.sort_unstable();
    let (worst, crowded) = (quiet[QUIET - 1], middle(crowd.clone()));
    let ours = middle(quiet);
    eprintln!(
        "one of {CROWD}: {crowded:?}, {} done, {} refused; the quiet one: {ours:?}, worst {worst:?}",
        crowd.len(),
        overloaded.load(Ordering::Relaxed),
    );
    assert!(ours * 4 < crowded * 3, "{ours:?} beside {crowded:?}");
    let status = cluster.replica(leader).status().await.unwrap();
    assert!(refused(&status, "overloaded") > 0, "{:?}", status.refused);
    let size = status.tree_size;
    cluster.assert_equal_states(size).await;
}

/// Hundreds wait for a majority that is away; three of another network come last, and are served with the first.
#[tokio::test]
async fn when_the_way_is_free_again_nobody_waits_for_the_crowd_to_pass() {
    const WAITING: usize = 600;
    let mut cluster = Cluster::three().await;
    let leader = cluster.leader().await;
    let crowd = (1..).take(WAITING).map(|n| (1, entry_of(&cluster, 1, n)));
    let quiet = (1..).take(3).map(|n| (2, entry_of(&cluster, 2, n)));
    let said: Vec<_> = crowd.chain(quiet).collect();
    let others: Vec<u64> = (1..=3).filter(|&id| id != leader).collect();
    for &id in &others {
        cluster.kill(id).await;
    }
    // On this test's one thread a submission is in the queue before its task first waits.
    let begun = Arc::new(AtomicU64::new(0));
    let mut submitting = JoinSet::new();
    for (of, said) in said {
        let (replica, begun) = (cluster.replica(leader).clone(), Arc::clone(&begun));
        submitting.spawn(async move {
            begun.fetch_add(1, Ordering::Relaxed);
            let done = replica.submit_for(&network(of), said, patience()).await;
            (of, done.unwrap().index.0)
        });
    }
    while begun.load(Ordering::Relaxed) < WAITING as u64 + 3 {
        tokio::task::yield_now().await;
    }
    for &id in &others {
        cluster.start(id).await;
    }
    let done = submitting.join_all().await;
    let last = done
        .iter()
        .filter(|(of, _)| *of == 2)
        .map(|(_, index)| *index)
        .max();
    let last = last.unwrap();
    assert!(
        last < WAITING as u64 / 2,
        "the last of three was served as number {last}"
    );
    cluster.assert_equal_states(WAITING as u64 + 3).await;
}

/// Whatever strangers do at its port, a replica serves its members, and tells what it turned away.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_at_the_port_delay_nobody_and_are_counted() {
    let cluster = Cluster::three().await;
    let id = cluster.leader().await;
    let address = cluster.endpoint(id).to_owned();
    let before = cluster.tasks(id);
    // Held open and silent, more than there are handshakes at once.
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        silent.push(TcpStream::connect(&address).await.unwrap());
    }
    wait_refused(&cluster, id, "connection-gave-way", 100).await;
    // Those that gave way end a moment later.
    until("their handshakes to be few", async || {
        (cluster.tasks(id) <= before + HANDSHAKES_MAX + 16).then_some(())
    })
    .await;
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 4096],
        &[0x16, 3, 1, 0xff, 0xff, 1],
    ] {
        let mut tcp = TcpStream::connect(&address).await.unwrap();
        tcp.write_all(garbage).await.unwrap();
        tcp.shutdown().await.unwrap();
        let mut said = Vec::new();
        let _ = timeout(PATIENCE, tcp.read_to_end(&mut said)).await.unwrap();
    }
    let stranger = Identity::new(TransportKey::generate().unwrap()).unwrap();
    let mut unknown = LedgerServiceClient::new(cluster.channel_as(&stranger, id));
    let asked = unknown
        .status(outgoing(v1::StatusRequest {}, patience()))
        .await;
    assert!(asked.is_err());
    // A member that opens more streams than a connection has: they wait at its own end.
    let member = LedgerServiceClient::new(cluster.channel_as(&transport(2), id));
    let mut streams = JoinSet::new();
    for _ in 0..2_000 {
        let mut member = member.clone();
        streams.spawn(async move {
            let ask = v1::StatusRequest {};
            member.status(outgoing(ask, patience())).await.is_ok()
        });
    }
    for n in 0..20 {
        cluster.submit(1 + n % 3, n).await.unwrap();
    }
    assert!(
        streams
            .join_all()
            .await
            .into_iter()
            .all(|answered| answered)
    );
    let status = cluster.replica(id).status().await.unwrap();
    assert!(
        refused(&status, "connection-handshake") >= 4,
        "{:?}",
        status.refused
    );
    drop(silent);
    cluster.assert_equal_states(20).await;
}
