//! A voter that lies: it holds a voter's keys and answers at its place, from another replica's state.

use crate::support::Cluster;
use crate::support::genesis::{checkpoint, transport};
use sekisho_domain::{EntryIndex, Hash, LedgerId, TimeMs};
use sekisho_ledger::attested::{Ask, attest, meta_row};
use sekisho_ledger::store::{MemoryState, Row, StateRead, StateWrite, Table};
use sekisho_ledger::{Meta, View, tree};
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_server::{LedgerService, LedgerServiceServer};
use sekisho_replica::{ReadState, Replica};
use sekisho_transport::{Deadline, Incoming, ServerLimits, outgoing, server};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

/// What it does instead of telling the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Nothing: the truth.
    None,
    /// Every row of a table is another.
    Alter(Table),
    /// No row of a table.
    Omit(Table),
    /// So many leaves.
    Size(u64),
    /// Far ahead of all, with no facilities there.
    FarAhead,
    /// The truth, a good while later than the others.
    Late,
    /// Another lineage.
    Lineage,
    /// A state that is not this one, at the same size.
    Digest,
    /// Another ledger.
    Ledger,
    /// What it answered first, whatever is asked.
    Replay,
    /// Signed by another key.
    Key,
    /// The truth of the moment it began, and nothing newer: it lags.
    Lag,
    /// No answer, ever.
    Hang,
    /// An entry stands where another one does.
    Place,
    /// An entry is none for this ledger.
    Invalid,
    /// An entry was sent, and no more is known.
    Unknown,
}

/// Longer than the others are waited for at first.
const LATE: Duration = Duration::from_millis(300);

/// Answers until it is ended.
pub struct Impostor {
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
    asked: Arc<AtomicUsize>,
}

struct Service {
    id: u64,
    lie: Lie,
    behind: Replica,
    first: Mutex<Option<v1::StateReply>>,
    /// The state it began with.
    then: MemoryState,
    asked: Arc<AtomicUsize>,
}

impl Impostor {
    /// Takes the place of a replica that was ended, with what another one says.
    pub async fn start(cluster: &Cluster, id: u64, behind: u64, lie: Lie) -> Self {
        let listener = TcpListener::bind(cluster.endpoint(id)).await.unwrap();
        let behind = cluster.replica(behind).clone();
        let (keys, limits) = (transport(id), ServerLimits::default());
        let incoming = Incoming::new(listener, &keys, behind.directory(), limits).unwrap();
        let then = behind.read(copy).await.unwrap();
        let asked = Arc::default();
        let service = Service {
            id,
            lie,
            behind,
            first: Mutex::default(),
            then,
            asked: Arc::clone(&asked),
        };
        let serving = server()
            .add_service(LedgerServiceServer::new(service))
            .serve_with_incoming(incoming);
        let serving = tokio::spawn(serving);
        Self { serving, asked }
    }

    /// How often it was asked about the state.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Leaves the place free.
    pub async fn end(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }
}

fn copy(state: &ReadState) -> Result<MemoryState, sekisho_replica::ReplicaError> {
    let mut then = MemoryState::default();
    for table in Table::ALL {
        for (key, value) in state.scan(table, b"", b"", usize::MAX)? {
            then.put(table, &key, value).unwrap();
        }
    }
    Ok(then)
}

struct Lying<'a>(&'a ReadState, Lie);

impl Lying<'_> {
    fn altered(&self, table: Table, mut row: Row) -> Option<Row> {
        let change = |change: fn(&mut Meta, u64)| {
            let mut meta = View(self.0).meta().unwrap().unwrap();
            let size = match self.1 {
                Lie::Size(size) => size,
                _ => meta.size,
            };
            change(&mut meta, size);
            Some(meta_row(&meta).unwrap())
        };
        match self.1 {
            Lie::Alter(of) if of == table => {
                row.1.reverse();
                Some(row)
            }
            Lie::Omit(of) if of == table => None,
            Lie::FarAhead if table == Table::Facility => None,
            Lie::FarAhead if table == Table::Meta => change(|meta, _| meta.size = u64::MAX),
            Lie::Size(_) if table == Table::Meta => change(|meta, size| meta.size = size),
            Lie::Lineage if table == Table::Meta => change(|meta, _| meta.lineage += 1),
            Lie::Digest if table == Table::Meta => change(|meta, _| meta.digest = Hash([1; 32])),
            _ => Some(row),
        }
    }
}

impl StateRead for Lying<'_> {
    type Error = sekisho_replica::ReplicaError;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Self::Error> {
        let value = self.0.get(table, key)?;
        let row = value.and_then(|value| self.altered(table, (key.to_vec(), value)));
        Ok(row.map(|(_, value)| value))
    }
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<Row>, Self::Error> {
        let rows = self.0.scan(table, prefix, from, max)?.into_iter();
        Ok(rows.filter_map(|row| self.altered(table, row)).collect())
    }
}

#[tonic::async_trait]
impl LedgerService for Service {
    async fn state(
        &self,
        request: Request<v1::StateRequest>,
    ) -> Result<Response<v1::StateReply>, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let ask = Ask::try_from(request.into_inner()).unwrap();
        match self.lie {
            Lie::Hang => std::future::pending().await,
            // As far away as a voter can be: what it waits for is the test.
            Lie::Late => tokio::time::sleep(LATE).await,
            _ => {}
        }
        let known = self.first.lock().unwrap().clone();
        if let Some(first) = known.filter(|_| self.lie == Lie::Replay) {
            return Ok(Response::new(first));
        }
        if self.lie == Lie::Lag {
            let size = tree::size(&self.then).unwrap();
            if ask.min_size > size {
                return Err(Status::not_found("not applied here before the deadline"));
            }
            let key = checkpoint(self.id);
            let said = attest(&self.then, &self.behind.ledger(), &ask, &key).unwrap();
            return Ok(Response::new(said.unwrap()));
        }
        let (lie, key) = (self.lie, checkpoint(self.id));
        let (ledger, key) = match lie {
            Lie::Ledger => (LedgerId([9; 32]), key),
            Lie::Key => (self.behind.ledger(), checkpoint(self.id + 50)),
            _ => (self.behind.ledger(), key),
        };
        let said = self
            .behind
            .read(move |state| attest(&Lying(state, lie), &ledger, &ask, &key))
            .await;
        let reply = said.unwrap().unwrap();
        self.first
            .lock()
            .unwrap()
            .get_or_insert_with(|| reply.clone());
        Ok(Response::new(reply))
    }

    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitReply>, Status> {
        let deadline = Deadline::of(request.metadata())?;
        match self.lie {
            Lie::Hang => std::future::pending().await,
            Lie::Invalid => return Err(Status::invalid_argument("no entry of this ledger")),
            Lie::Unknown => return Err(Status::aborted("who knows")),
            _ => {}
        }
        let envelope = request.into_inner().envelope.unwrap();
        let mut submitted = match self.lie {
            // Nothing was put in order at all.
            Lie::Place => sekisho_replica::Submitted {
                index: EntryIndex(0),
                time: TimeMs(1),
                outcome: sekisho_domain::Outcome::Accepted,
                duplicate: false,
                leaf_hash: Hash([0; 32]),
                acknowledgement: None,
            },
            _ => self.behind.submit(envelope, deadline).await.unwrap(),
        };
        // Of itself it says anything.
        submitted.outcome =
            sekisho_domain::Outcome::Refused(sekisho_domain::RefusalReason::NotAuthorised);
        Ok(Response::new(submitted.into()))
    }

    async fn submit_many(
        &self,
        request: Request<v1::SubmitManyRequest>,
    ) -> Result<Response<v1::SubmitManyReply>, Status> {
        let deadline = Deadline::of(request.metadata())?;
        let mut ends = Vec::new();
        for submission in request.into_inner().submissions {
            let one = v1::SubmitRequest {
                envelope: submission.envelope,
                ..Default::default()
            };
            let reply = self.submit(outgoing(one, deadline)).await?.into_inner();
            ends.push(v1::SubmissionEnd {
                end: Some(v1::submission_end::End::Reply(reply)),
            });
        }
        Ok(Response::new(v1::SubmitManyReply { ends }))
    }

    async fn checkpoint(
        &self,
        request: Request<v1::CheckpointRequest>,
    ) -> Result<Response<v1::CheckpointReply>, Status> {
        let deadline = Deadline::of(request.metadata())?;
        let min_size = request.into_inner().min_size;
        let cosigned = self.behind.checkpoint(min_size, deadline).await;
        let mut note = cosigned.map_err(|e| e.status())?.note.clone();
        if self.lie != Lie::None {
            // A tree of its own under signatures that are of another.
            let (origin, rest) = note.split_once('\n').unwrap();
            let (size, rest) = rest.split_once('\n').unwrap();
            let (_, rest) = rest.split_once('\n').unwrap();
            let root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
            note = format!("{origin}\n{size}\n{root}\n{rest}");
        }
        Ok(Response::new(v1::CheckpointReply { note }))
    }

    type LeavesStream = Pin<Box<dyn Stream<Item = Result<v1::LeafReply, Status>> + Send>>;
    async fn leaves(
        &self,
        _: Request<v1::LeavesRequest>,
    ) -> Result<Response<Self::LeavesStream>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn outcome_of(
        &self,
        _: Request<v1::OutcomeOfRequest>,
    ) -> Result<Response<v1::LeafReply>, Status> {
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
    async fn inclusion_proof(
        &self,
        _: Request<v1::InclusionProofRequest>,
    ) -> Result<Response<v1::ProofReply>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn consistency_proof(
        &self,
        _: Request<v1::ConsistencyProofRequest>,
    ) -> Result<Response<v1::ProofReply>, Status> {
        Err(Status::unimplemented("not asked"))
    }
}
