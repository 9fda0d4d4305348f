//! A node on a port of its own, over mutual TLS, that does as it is told.

use super::garbled::Garbled;
use super::relay::{Mishap, Relay};
use super::script::{Asked, Conduct, Step};
use super::world::{VIEWING, World};
use sekisho_domain::{NetworkId, RequestId};
use sekisho_proto::v1;
use sekisho_proto::v1::node_service_server::{NodeService, NodeServiceServer};
use sekisho_transport::{Deadline, Identity, Incoming, ServerLimits, server};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

/// How long after its deadline a late answer comes.
const LATE_BY: Duration = Duration::from_millis(50);

/// A running node.
pub struct FaultyNode {
    /// Where it answers.
    pub address: SocketAddr,
    peer: Peer,
    relay: Relay,
    task: JoinHandle<()>,
}

impl FaultyNode {
    /// Starts a network's node with that network's identity; [`World::place`] makes it known.
    pub async fn start(world: &Arc<World>, network: &str, conduct: Conduct) -> Self {
        Self::start_as(world, network, conduct, world.identity(network)).await
    }

    /// Starts a network's node where another was before.
    pub async fn start_at(
        world: &Arc<World>,
        network: &str,
        conduct: Conduct,
        at: SocketAddr,
    ) -> Self {
        Self::open(world, network, conduct, world.identity(network), at).await
    }

    /// Starts a network's node with an identity of somebody's choice.
    pub async fn start_as(
        world: &Arc<World>,
        network: &str,
        conduct: Conduct,
        identity: &Identity,
    ) -> Self {
        let anywhere = (Ipv4Addr::LOCALHOST, 0).into();
        Self::open(world, network, conduct, identity, anywhere).await
    }

    async fn open(
        world: &Arc<World>,
        network: &str,
        conduct: Conduct,
        identity: &Identity,
        at: SocketAddr,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let directory = Arc::clone(world);
        let incoming =
            Incoming::new(listener, identity, directory, ServerLimits::default()).unwrap();
        let there = incoming.local_addr().unwrap();
        let peer = Peer {
            world: Arc::clone(world),
            network: network.parse().unwrap(),
            conduct,
            asked: Arc::default(),
            abandoned: Arc::default(),
            mishap: Mishap::default(),
        };
        let service = peer.clone();
        let task = tokio::spawn(async move {
            let served = match conduct {
                Conduct::Garbles => {
                    server()
                        .add_service(Garbled)
                        .serve_with_incoming(incoming)
                        .await
                }
                _ => {
                    let service = NodeServiceServer::new(service);
                    server()
                        .add_service(service)
                        .serve_with_incoming(incoming)
                        .await
                }
            };
            served.unwrap();
        });
        let relay = Relay::to(there, at, peer.mishap.clone()).await;
        Self {
            address: relay.address,
            peer,
            relay,
            task,
        }
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.metadata().len()
    }

    /// What came with each question, in the order they were asked.
    pub fn metadata(&self) -> Vec<MetadataMap> {
        self.peer.asked.lock().unwrap().clone()
    }

    /// Has the connections there are pass nothing more on, without a word to either end.
    pub fn silence(&self) {
        self.peer.mishap.silence.notify_waiters();
    }

    /// Stops it, breaking its connections; once it is done, nobody listens at its address.
    pub async fn stop(mut self) {
        self.task.abort();
        self.relay.stop().await;
    }

    /// Done once somebody stopped waiting for one of its answers.
    pub async fn abandoned(&self) {
        self.peer.abandoned.notified().await;
    }
}

impl Drop for FaultyNode {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Peer {
    world: Arc<World>,
    network: NetworkId,
    conduct: Conduct,
    asked: Arc<Mutex<Vec<MetadataMap>>>,
    abandoned: Arc<Notify>,
    mishap: Mishap,
}

/// Tells that a call was given up, however it was.
struct Abandonable(Option<Arc<Notify>>);

impl Abandonable {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Abandonable {
    fn drop(&mut self) {
        if let Some(abandoned) = self.0.take() {
            abandoned.notify_one();
        }
    }
}

impl Peer {
    async fn answer<E: Clone + Send + 'static>(
        &self,
        metadata: &MetadataMap,
        steps: Vec<Step<E>>,
    ) -> Result<Response<ReceiverStream<Result<E, Status>>>, Status> {
        self.asked.lock().unwrap().push(metadata.clone());
        let given_up = Abandonable(Some(Arc::clone(&self.abandoned)));
        if !self.conduct.before()? {
            std::future::pending::<()>().await;
        }
        let deadline = Deadline::of(metadata)?;
        let (sender, stream) = mpsc::channel(1);
        let cut = Arc::clone(&self.mishap.cut);
        tokio::spawn(async move {
            let whole = play(steps, deadline, &sender, &cut).await;
            if whole {
                given_up.done();
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    fn asked_by<'a>(&'a self, access: u64, request_id: &[u8], other: &'a NetworkId) -> Asked<'a> {
        Asked {
            network: &self.network,
            key: self.world.node_key(&self.network),
            other: (other, self.world.node_key(other)),
            ledger: self.world.ledger(),
            access,
            request_id: RequestId::try_from(request_id).unwrap(),
        }
    }
}

/// Whether somebody listened to the end.
async fn play<E: Clone>(
    steps: Vec<Step<E>>,
    deadline: Deadline,
    sender: &mpsc::Sender<Result<E, Status>>,
    cut: &Notify,
) -> bool {
    for step in steps {
        let heard = match step {
            Step::Send(event) => sender.send(Ok(event)).await.is_ok(),
            Step::Fail(status) => sender.send(Err(status)).await.is_ok(),
            Step::Forever(event, pause) => {
                while sender.send(Ok(event.clone())).await.is_ok() {
                    if let Some(pause) = pause {
                        tokio::time::sleep(pause).await;
                    }
                }
                false
            }
            Step::Hang => {
                sender.closed().await;
                false
            }
            Step::Pause(pause) => {
                tokio::time::sleep(pause).await;
                true
            }
            Step::UntilLate => {
                tokio::time::sleep(deadline.remaining() + LATE_BY).await;
                true
            }
            Step::Break => {
                cut.notify_waiters();
                sender.closed().await;
                false
            }
        };
        if !heard {
            return false;
        }
    }
    true
}

#[tonic::async_trait]
impl NodeService for Peer {
    type AnswerFindStream = ReceiverStream<Result<v1::AnswerFindEvent, Status>>;
    type AnswerRetrieveStream = ReceiverStream<Result<v1::AnswerRetrieveEvent, Status>>;
    type AnswerPatientsStream = ReceiverStream<Result<v1::AnswerPatientsEvent, Status>>;

    async fn answer_patients(
        &self,
        request: Request<v1::AnswerPatientsRequest>,
    ) -> Result<Response<Self::AnswerPatientsStream>, Status> {
        let letter = request.get_ref().letter.clone();
        let steps = self.conduct.patients(letter);
        self.answer(request.metadata(), steps).await
    }

    async fn answer_find(
        &self,
        request: Request<v1::AnswerFindRequest>,
    ) -> Result<Response<Self::AnswerFindStream>, Status> {
        let question = request.get_ref();
        let other = VIEWING.parse().unwrap();
        let asked = self.asked_by(question.access, &question.request_id, &other);
        let max = question.filter.unwrap_or_default().max;
        let steps = self.conduct.find(&asked, max);
        self.answer(request.metadata(), steps).await
    }

    async fn answer_retrieve(
        &self,
        request: Request<v1::AnswerRetrieveRequest>,
    ) -> Result<Response<Self::AnswerRetrieveStream>, Status> {
        let question = request.get_ref();
        let other = VIEWING.parse().unwrap();
        let asked = self.asked_by(question.access, &question.request_id, &other);
        let steps = self.conduct.retrieve(&asked, &question.unique_id);
        self.answer(request.metadata(), steps).await
    }
}
