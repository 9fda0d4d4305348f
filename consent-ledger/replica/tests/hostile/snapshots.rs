//! Snapshots by a replica's own network that are none, or are old.

use crate::support::genesis::transport;
use crate::support::{Cluster, patience, until};
use crate::wait_refused;
use sekisho_ledger::found;
use sekisho_ledger::store::{MemoryState, StateRead, Table};
use sekisho_proto::v1::raft_service_client::RaftServiceClient;
use sekisho_proto::v1::snapshot_chunk::Part;
use sekisho_proto::{ErrorCode, v1};
use sekisho_transport::outgoing;
use sha2::{Digest, Sha256};
use tonic::Status;

/// Sends bytes as a snapshot, announced with this digest, from one replica to another.
async fn send(
    cluster: &Cluster,
    (from, to): (u64, u64),
    bytes: &[u8],
    sha256: Vec<u8>,
) -> Result<(), Status> {
    let mut raft = RaftServiceClient::new(cluster.channel_as(&transport(from), to));
    let term = cluster.replica(to).status().await.unwrap().term;
    let header = v1::SnapshotHeader {
        vote: Some(v1::RaftVote {
            term: term + 50,
            replica: from,
            committed: true,
        }),
        last_log_id: Some(v1::RaftLogId {
            term: term + 50,
            leader: from,
            index: 1_000,
        }),
        membership: Some(v1::RaftMembership::default()),
        bytes: bytes.len() as u64,
        sha256,
        to,
        ..Default::default()
    };
    let parts = [Part::Header(header), Part::Data(bytes.to_vec())];
    let chunks = parts.map(|part| v1::SnapshotChunk { part: Some(part) });
    let sent = raft.install_snapshot(outgoing(tokio_stream::iter(chunks), patience()));
    sent.await.map(drop)
}

/// The snapshot of the ledger as it was founded.
fn of_the_beginning(cluster: &Cluster) -> Vec<u8> {
    let mut state = MemoryState::default();
    found(&mut state, &cluster.genesis).unwrap();
    let mut bytes = b"sekisho/snapshot/v1\n".to_vec();
    let mut count = 0_u64;
    for table in Table::ALL {
        for (key, value) in state.scan(table, b"", b"", usize::MAX).unwrap() {
            let lengths = [key.len() + 1, value.len()].map(|n| u32::try_from(n).unwrap());
            bytes.extend(lengths.map(u32::to_be_bytes).concat());
            bytes.push(table as u8);
            bytes.extend([key, value].concat());
            count += 1;
        }
    }
    bytes.extend(u32::MAX.to_be_bytes());
    bytes.extend(count.to_be_bytes());
    bytes
}

/// None of them comes as far as consensus: no term is taken over, nothing is replaced, and the replica goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_none_or_is_old_is_refused_and_counted_and_the_replica_goes_on() {
    let mut cluster = Cluster::of(3, 3).await;
    cluster.publish_every = std::time::Duration::from_millis(10);
    cluster.start_all().await;
    let leader = cluster.leader().await;
    let to = cluster.follower().await;
    let from = [1, 2, 3].into_iter().find(|&n| n != to).unwrap();
    let way = (from, to);
    cluster.submit(leader, 0).await.unwrap();
    until("a checkpoint over it", async || {
        let published = cluster.replica(to).published()?;
        (published.checkpoint.size() > 0).then_some(())
    })
    .await;
    let before = cluster.replica(to).status().await.unwrap();

    let old = of_the_beginning(&cluster);
    let digest = |bytes: &[u8]| Sha256::digest(bytes).to_vec();
    // Its first row is right, and what follows it is not: told before consensus hears of it all the same.
    let miscounted = [&old[..old.len() - 1], b"\0"].concat();
    let broken: [&[u8]; 5] = [
        b"",
        b"something else altogether",
        &old[..old.len() / 2],
        &miscounted,
        b"sekisho/snapshot/v1\n\xff\xff\xff\xff\0\0\0\0\0\0\0\0",
    ];
    for (n, bytes) in (1..).zip(broken) {
        let refused = send(&cluster, way, bytes, digest(bytes)).await.unwrap_err();
        assert_eq!(ErrorCode::of(&refused), ErrorCode::Invalid, "{refused:?}");
        wait_refused(&cluster, to, "snapshot-broken", n).await;
    }
    let refused = send(&cluster, way, &old, digest(b"other")).await;
    assert_eq!(ErrorCode::of(&refused.unwrap_err()), ErrorCode::Invalid);
    wait_refused(&cluster, to, "snapshot-broken", 6).await;
    let refused = send(&cluster, way, &old, digest(&old)).await.unwrap_err();
    assert_eq!(ErrorCode::of(&refused), ErrorCode::Conflict, "{refused:?}");
    wait_refused(&cluster, to, "snapshot-behind", 1).await;

    let after = cluster.replica(to).status().await.unwrap();
    assert_eq!((after.term, after.fault), (before.term, None));
    cluster.submit(to, 1).await.unwrap();
    cluster.assert_equal_states(2).await;
}
