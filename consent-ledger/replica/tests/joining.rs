//! A new replica fetches the history: cut off and resumed, from peers that lie and peers that do not.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use futures::StreamExt;
use futures::stream::BoxStream;
use prost::Message;
use sekisho_domain::{EntryIndex, Outcome, RefusalReason, ReplicaId};
use sekisho_ledger::checkpoint::{Checkpoint, cosign};
use sekisho_ledger::merkle::{RightEdge, leaf_hash};
use sekisho_ledger::note::Note;
use sekisho_ledger::store::MemoryState;
use sekisho_ledger::{Leaf, Strict, View, apply_batch, checkpoint_origin, found, voter_name};
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_proto::v1::ledger_service_server::{LedgerService, LedgerServiceServer};
use sekisho_replica::{JoinError, Joined, Replica, ReplicaError, Source, SystemClock, join};
use sekisho_transport::{Incoming, ServerLimits, server};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use support::genesis::{checkpoint, network, transport};
use support::{Cluster, patience};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// What a peer does to what it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// Another outcome in one leaf.
    Outcome,
    /// One leaf is not there; the others move up.
    Missing,
    /// A leaf and the next exchanged.
    Exchanged,
    /// A history of its own with a checkpoint that only it signed.
    Alone,
    /// A history in which every leaf follows from its entry, but one entry was never said.
    Fork,
    /// Nothing: it stops after so many leaves.
    Silent,
}

/// The leaf that is lied about.
const LIE_AT: u64 = 700;

/// A replica as its peers see it, with a lie in between.
struct Liar {
    real: Channel,
    replica: Replica,
    lie: Lie,
    fork: Vec<Vec<u8>>,
}

/// What the ledger would hold without one of its entries.
async fn forked(cluster: &Cluster) -> Vec<Vec<u8>> {
    let mut state = MemoryState::default();
    found(&mut state, &cluster.genesis).unwrap();
    let mut leaves = Vec::new();
    for index in (0..).map(EntryIndex) {
        let Some(bytes) = cluster.replica(1).leaf(index).await.unwrap() else {
            return leaves;
        };
        let leaf = Leaf::decode(&bytes).unwrap();
        if index.0 == LIE_AT {
            continue;
        }
        let batch = v1::Batch {
            time_ms: leaf.time.0,
            envelopes: vec![leaf.envelope],
        };
        apply_batch(&mut state, &batch, &Strict).unwrap();
        let at = EntryIndex(leaves.len() as u64);
        leaves.push(View(&state).leaf(at).unwrap().unwrap());
    }
    leaves
}

impl Liar {
    fn real(&self) -> LedgerServiceClient<Channel> {
        LedgerServiceClient::new(self.real.clone())
    }

    /// The leaves as it tells them.
    async fn told(&self, index: u64) -> Result<Vec<u8>, Status> {
        if self.lie == Lie::Fork {
            let leaf = self.fork.get(index as usize);
            return leaf.cloned().ok_or_else(|| Status::not_found("no"));
        }
        let at = match (self.lie, index) {
            (Lie::Missing, n) if n >= LIE_AT => n + 1,
            (Lie::Exchanged, LIE_AT) => LIE_AT + 1,
            (Lie::Exchanged, n) if n == LIE_AT + 1 => LIE_AT,
            (_, n) => n,
        };
        let leaf = self.replica.leaf(EntryIndex(at)).await;
        let bytes = leaf.ok().flatten().ok_or_else(|| Status::not_found("no"))?;
        let mut leaf = v1::Leaf::decode(bytes.as_slice()).unwrap();
        if matches!(self.lie, Lie::Outcome | Lie::Alone) && index == LIE_AT {
            leaf.outcome = Some((&Outcome::Refused(RefusalReason::TooMany)).into());
        }
        leaf.index = index;
        Ok(leaf.encode_to_vec())
    }
}

#[tonic::async_trait]
impl LedgerService for Liar {
    async fn checkpoint(
        &self,
        request: Request<v1::CheckpointRequest>,
    ) -> Result<Response<v1::CheckpointReply>, Status> {
        let reply = self.real().checkpoint(request.into_inner()).await?;
        if self.lie != Lie::Alone {
            return Ok(reply);
        }
        let note = Note::parse(reply.into_inner().note.as_bytes()).unwrap();
        let extensions = sekisho_ledger::checkpoint::Extensions::Refuse;
        let size = Checkpoint::parse(note.text(), extensions).unwrap().size();
        let mut edge = RightEdge::empty();
        for index in 0..size {
            edge.append(leaf_hash(&self.told(index).await?)).unwrap();
        }
        let origin = checkpoint_origin(&self.replica.ledger());
        let own = Checkpoint::new(origin, size, edge.root()).unwrap();
        let name = voter_name(ReplicaId(3), &network(3)).unwrap();
        let signature = cosign(&own, &name, &checkpoint(3), 1_800_000_000).unwrap();
        let note = Note::new(own.text(), vec![signature]).unwrap().to_string();
        Ok(Response::new(v1::CheckpointReply { note }))
    }

    type LeavesStream = BoxStream<'static, Result<v1::LeafReply, Status>>;

    async fn leaves(
        &self,
        request: Request<v1::LeavesRequest>,
    ) -> Result<Response<Self::LeavesStream>, Status> {
        let v1::LeavesRequest { from, max } = request.into_inner();
        let mut replies = Vec::new();
        for index in from..from + u64::from(max) {
            if self.lie == Lie::Silent && index >= LIE_AT {
                break;
            }
            let leaf = self.told(index).await?;
            replies.push(Ok(v1::LeafReply { index, leaf }));
        }
        Ok(Response::new(futures::stream::iter(replies).boxed()))
    }

    async fn consistency_proof(
        &self,
        request: Request<v1::ConsistencyProofRequest>,
    ) -> Result<Response<v1::ProofReply>, Status> {
        self.real().consistency_proof(request.into_inner()).await
    }

    async fn submit(
        &self,
        _: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitReply>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn submit_many(
        &self,
        _: Request<v1::SubmitManyRequest>,
    ) -> Result<Response<v1::SubmitManyReply>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn state(
        &self,
        _: Request<v1::StateRequest>,
    ) -> Result<Response<v1::StateReply>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn outcome_of(
        &self,
        _: Request<v1::OutcomeOfRequest>,
    ) -> Result<Response<v1::LeafReply>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn inclusion_proof(
        &self,
        _: Request<v1::InclusionProofRequest>,
    ) -> Result<Response<v1::ProofReply>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn cosign(
        &self,
        _: Request<v1::CosignRequest>,
    ) -> Result<Response<v1::CosignReply>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn status(
        &self,
        _: Request<v1::StatusRequest>,
    ) -> Result<Response<v1::StatusReply>, Status> {
        Err(Status::unimplemented("not asked"))
    }
}

/// Serves a lie with network 3's own keys. Where.
async fn lying(cluster: &Cluster, lie: Lie) -> Source {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let replica = cluster.replica(1).clone();
    let liar = Liar {
        real: cluster.channel_as(&transport(3), 1),
        replica: replica.clone(),
        lie,
        fork: match lie {
            Lie::Fork => forked(cluster).await,
            _ => Vec::new(),
        },
    };
    let incoming = Incoming::new(
        listener,
        &transport(3),
        replica.directory(),
        ServerLimits::default(),
    );
    let serving = server()
        .add_service(LedgerServiceServer::new(liar))
        .serve_with_incoming(incoming.unwrap());
    tokio::spawn(serving);
    Source {
        network: network(3),
        endpoint,
    }
}

/// Many leaves, quickly.
async fn grow(cluster: &Cluster, leaves: u64) {
    let mut tasks = JoinSet::new();
    for n in 0..leaves {
        let (replica, envelope) = (cluster.replica(1 + n % 3).clone(), cluster.envelope(n));
        tasks.spawn(async move { replica.submit(envelope, patience()).await.unwrap() });
        if tasks.len() >= 256 {
            tasks.join_next().await.unwrap().unwrap();
        }
    }
    tasks.join_all().await;
}

async fn fetch(
    cluster: &Cluster,
    id: ReplicaId,
    from: &[Source],
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Joined, JoinError> {
    let (config, keys) = (cluster.config(id.0), cluster.keys(id.0));
    join(&config, &cluster.genesis, &keys, from, progress).await
}

fn source(cluster: &Cluster, n: u64) -> Source {
    Source {
        network: network(n),
        endpoint: cluster.endpoint(n).to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_is_cut_off_goes_on_where_it_was_and_lies_are_caught() {
    let mut cluster = Cluster::of(4, 3).await;
    cluster.start_all().await;
    grow(&cluster, 1_500).await;
    let id = cluster.allocate(4).await;
    let start = async || {
        let (config, genesis) = (cluster.config(id.0), cluster.genesis.clone());
        Replica::start(config, genesis, cluster.keys(id.0), Arc::new(SystemClock)).await
    };
    let nothing = start().await.err().unwrap();
    assert!(matches!(nothing, ReplicaError::NotJoined(_)), "{nothing}");

    // Nobody who lies gets anything written, whatever the lie; each is named.
    for lie in [
        Lie::Outcome,
        Lie::Missing,
        Lie::Exchanged,
        Lie::Fork,
        Lie::Silent,
    ] {
        let from = [lying(&cluster, lie).await];
        let mut heard: Vec<u64> = Vec::new();
        let refused = fetch(&cluster, id, &from, &mut |done, _| heard.push(done)).await;
        let Err(JoinError::NoPeer(faults)) = refused else {
            panic!("{lie:?}: {refused:?}");
        };
        let silent = matches!(faults[0], JoinError::Unreachable { .. });
        assert_eq!(silent, lie == Lie::Silent, "{lie:?}: {}", faults[0]);
        assert!(faults[0].to_string().contains(&from[0].endpoint));
        assert!(heard.is_empty(), "{lie:?}: something was written");
    }
    // A peer whose whole tree is its own: its leaves do not follow from their entries.
    let alone = [lying(&cluster, Lie::Alone).await];
    let refused = fetch(&cluster, id, &alone, &mut |_, _| {}).await;
    let fault = refused.unwrap_err().to_string();
    assert!(fault.contains("does not hold"), "{fault}");

    // Cut off after the first piece.
    let from = [source(&cluster, 2)];
    let written = AtomicU64::new(0);
    let mut heard = |done, _| written.store(done, Ordering::SeqCst);
    {
        let mut fetching = pin!(fetch(&cluster, id, &from, &mut heard));
        std::future::poll_fn(|cx| {
            let polled = fetching.as_mut().poll(cx);
            assert!(polled.is_pending(), "it was to be cut off: {polled:?}");
            match written.load(Ordering::SeqCst) {
                0 => std::task::Poll::Pending,
                _ => std::task::Poll::Ready(()),
            }
        })
        .await;
    }
    let first = written.load(Ordering::SeqCst);
    let unfinished = start().await.err().unwrap();
    let expected = matches!(unfinished, ReplicaError::ImportUnfinished(_));
    assert!(expected, "{unfinished}");

    // The first peer is dead, the second lies, the third tells the truth.
    let dead = Source {
        network: network(2),
        endpoint: "127.0.0.1:9".to_owned(),
    };
    let from = [dead, lying(&cluster, Lie::Alone).await, source(&cluster, 1)];
    let mut heard: Vec<u64> = Vec::new();
    let joined = fetch(&cluster, id, &from, &mut |done, _| heard.push(done)).await;
    let joined = joined.unwrap();
    assert_eq!(joined.resumed, first, "{joined:?}");
    assert!(joined.size > 1_500 && heard[0] > first, "{heard:?}");
    cluster.start(id.0).await;
    cluster.replica(id.0).wait_ready(patience()).await.unwrap();
    let last = cluster.submit(id.0, 2_000).await.unwrap();
    cluster.assert_equal_states(last.index.0 + 1).await;
    // It has run: its store is not filled a second time.
    cluster.stop(id.0).await;
    let again = fetch(&cluster, id, &[source(&cluster, 1)], &mut |_, _| {}).await;
    let refused = matches!(again, Err(JoinError::Replica(ReplicaError::HasRun(_))));
    assert!(refused, "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_joins_whom_the_ledger_does_not_know() {
    let mut cluster = Cluster::of(4, 3).await;
    cluster.start_all().await;
    for n in 0..6 {
        cluster.submit(1, n).await.unwrap();
    }
    // Its transport key is nobody's: no peer talks to it.
    let stranger = ReplicaId(5);
    let mut config = cluster.config(1);
    config.replica = stranger;
    let elsewhere = tempfile::tempdir().unwrap();
    config.data_dir = elsewhere.path().join("data");
    config.marker = elsewhere.path().join("marker");
    let keys = || sekisho_replica::Keys {
        transport: transport(4),
        checkpoint: checkpoint(4),
    };
    let from = [source(&cluster, 1)];
    let refused = join(&config, &cluster.genesis, &keys(), &from, &mut |_, _| {}).await;
    assert!(matches!(refused, Err(JoinError::NoPeer(_))), "{refused:?}");
    // Known by now, but under another id: what was fetched does not give it this place.
    cluster.allocate(4).await;
    let refused = join(&config, &cluster.genesis, &keys(), &from, &mut |_, _| {}).await;
    let not_its = matches!(refused, Err(JoinError::Replica(ReplicaError::NotJoined(_))));
    assert!(not_its, "{refused:?}");
}
