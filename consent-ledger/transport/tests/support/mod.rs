//! What the tests share: a directory in memory, a service that tells what it saw, a server and a client.

use http::uri::PathAndQuery;
use sekisho_domain::{NetworkId, PublicKey};
use sekisho_transport::{
    ClientLimits, Deadline, Expected, Identity, Incoming, Peer, PeerDirectory, ServerLimits,
    TransportKey, TurnedAway, channel, key_id, outgoing, peer, server, telemetry,
};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument as _;

/// Longest wait of a test for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The ledger's keys, as a test sets them.
#[derive(Default)]
pub struct Members(RwLock<BTreeMap<PublicKey, NetworkId>>);

impl Members {
    pub fn of(members: &[(&Identity, &str)]) -> Arc<Self> {
        let directory = Arc::new(Self::default());
        for (identity, network) in members {
            directory.admit(identity, network);
        }
        directory
    }
    pub fn admit(&self, identity: &Identity, network: &str) {
        self.0
            .write()
            .unwrap()
            .insert(identity.public(), id(network));
    }
    pub fn revoke(&self, identity: &Identity) {
        self.0.write().unwrap().remove(&identity.public());
    }
}

impl PeerDirectory for Members {
    fn peer(&self, key: &PublicKey) -> Option<Peer> {
        let network = self.0.read().unwrap().get(key).cloned()?;
        Some(Peer {
            network,
            key: key_id(key),
        })
    }
}

pub fn id(network: &str) -> NetworkId {
    network.parse().unwrap()
}

pub fn network(name: &str) -> Expected {
    Expected::Network(id(name))
}

pub fn identity() -> Identity {
    Identity::new(TransportKey::generate().unwrap()).unwrap()
}

/// Question and answer of the probe.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Text {
    #[prost(string, tag = "1")]
    pub text: String,
}

/// A service that says who asked (`whoami`), says much (`long`), or never answers (`hang`).
#[derive(Clone, Default)]
pub struct Probe {
    pub asked: Arc<AtomicUsize>,
}

impl NamedService for Probe {
    const NAME: &'static str = "test.Probe";
}

type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl UnaryService<Text> for Probe {
    type Response = Text;
    type Future = Answer<Result<Response<Text>, Status>>;

    fn call(&mut self, request: Request<Text>) -> Self::Future {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let span = tracing::info_span!(target: "sekisho_test", "answering");
        telemetry::set_remote_parent(&span, request.metadata());
        let answer = async move {
            let peer = peer(&request)?;
            match request.get_ref().text.as_str() {
                "hang" => std::future::pending().await,
                "long" => Ok(Response::new(Text {
                    text: "long".repeat(64 * 1024),
                })),
                _ => Ok(Response::new(Text {
                    text: peer.network.to_string(),
                })),
            }
        };
        Box::pin(answer.instrument(span))
    }
}

impl tower::Service<http::Request<Body>> for Probe {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let probe = self.clone();
        Box::pin(async move {
            Ok(Grpc::new(tonic_prost::ProstCodec::<Text, Text>::default())
                .unary(probe, request)
                .await)
        })
    }
}

/// A running server; stops accepting and drains when dropped or stopped.
pub struct Running {
    pub address: SocketAddr,
    pub probe: Probe,
    pub turned_away: Arc<TurnedAway>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Running {
    pub async fn start(
        identity: &Identity,
        directory: Arc<dyn PeerDirectory>,
        limits: ServerLimits,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let incoming = Incoming::new(listener, identity, directory, limits).unwrap();
        let address = incoming.local_addr().unwrap();
        let turned_away = incoming.turned_away();
        let probe = Probe::default();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = server().add_service(probe.clone());
        let task = tokio::spawn(router.serve_with_incoming_shutdown(incoming, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            probe,
            turned_away,
            stop: Some(stop),
            task,
        }
    }

    pub fn asked(&self) -> usize {
        self.probe.asked.load(Ordering::SeqCst)
    }

    /// Waits until so many of a kind were turned away.
    pub async fn turned_away(&self, kind: &str, at_least: u64) {
        let counted = async {
            let enough = |(name, count): &(&str, u64)| *name == kind && *count >= at_least;
            while !self.turned_away.counts().iter().any(enough) {
                tokio::task::yield_now().await;
            }
        };
        let counted = tokio::time::timeout(PATIENCE, counted).await;
        let counts = self.turned_away.counts();
        assert!(counted.is_ok(), "{at_least} of {kind}: {counts:?}");
    }

    /// Stops the server and waits until its last connection closed.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

/// Saga's server and Kurume's client, both members.
pub async fn two_members() -> (Running, Identity, Identity, Arc<Members>) {
    let (saga, kurume) = (identity(), identity());
    let members = Members::of(&[(&saga, "saga"), (&kurume, "kurume")]);
    let server = Running::start(&saga, members.clone(), ServerLimits::default()).await;
    (server, saga, kurume, members)
}

/// A client of the probe.
#[derive(Clone)]
pub struct Client(Channel);

impl Client {
    pub fn new(
        address: SocketAddr,
        expected: Expected,
        identity: &Identity,
        directory: Arc<dyn PeerDirectory>,
    ) -> Self {
        Self::with_limits(
            address,
            expected,
            identity,
            directory,
            ClientLimits::default(),
        )
    }
    pub fn with_limits(
        address: SocketAddr,
        expected: Expected,
        identity: &Identity,
        directory: Arc<dyn PeerDirectory>,
        limits: ClientLimits,
    ) -> Self {
        Self(channel(&address.to_string(), expected, identity, directory, limits).unwrap())
    }
    pub async fn ask(&self, text: &str) -> Result<String, Status> {
        self.ask_by(text, Deadline::after(PATIENCE)).await
    }
    pub async fn ask_by(&self, text: &str, deadline: Deadline) -> Result<String, Status> {
        let answer = self.begin(text, deadline).await?.message().await?;
        answer
            .map(|answer| answer.text)
            .ok_or_else(|| Status::internal("no answer"))
    }
    /// Asks, and reads no further than that there is an answer.
    pub async fn begin(&self, text: &str, deadline: Deadline) -> Result<Streaming<Text>, Status> {
        let mut grpc = tonic::client::Grpc::new(self.0.clone());
        grpc.ready()
            .await
            .map_err(|error| Status::from_error(error.into()))?;
        let codec = tonic_prost::ProstCodec::<Text, Text>::default();
        let path = PathAndQuery::from_static("/test.Probe/Ask");
        let text = text.to_owned();
        let asked = outgoing(Text { text }, deadline);
        let answer = grpc.server_streaming(asked, path, codec).await?;
        Ok(answer.into_inner())
    }
}
