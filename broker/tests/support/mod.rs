//! What the tests share: a broker on a port of its own, a caller, and what the caller saw.

use futures::StreamExt as _;
use prost::Message as _;
use sekisho_broker::testing::{Conduct, FaultyNode, VIEWING, World};
use sekisho_broker::{Broker, Counts, Ledger, Limits};
use sekisho_domain::{NetworkId, NetworkOutcome};
use sekisho_ledger::sealed::SealedDocument;
use sekisho_proto::v1;
use sekisho_proto::v1::broker_service_client::BrokerServiceClient;
use sekisho_transport::{
    ClientLimits, Deadline, Expected, Identity, Incoming, ServerLimits, TransportKey, channel,
    outgoing, server,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

/// Longest wait of a test for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A broker of [`VIEWING`], served over mutual TLS.
pub struct Scene {
    pub world: Arc<World>,
    /// What the broker says it is doing.
    pub counts: Arc<Counts>,
    address: String,
    task: JoinHandle<()>,
}

impl Scene {
    /// A broker over the world's ledger in memory.
    pub async fn start(world: Arc<World>, limits: Limits) -> Self {
        Self::over(Arc::clone(&world), world, limits).await
    }

    /// A broker over another ledger that knows the same members.
    pub async fn over(ledger: impl Ledger, world: Arc<World>, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let identity = world.identity(VIEWING).clone();
        let directory = Arc::clone(&world);
        let incoming =
            Incoming::new(listener, &identity, directory, ServerLimits::default()).unwrap();
        let address = incoming.local_addr().unwrap().to_string();
        let broker = Broker::new(ledger, identity, Arc::clone(&world) as _, limits);
        let counts = Arc::clone(broker.counts());
        let router = server().add_service(broker.server());
        let task = tokio::spawn(async move { router.serve_with_incoming(incoming).await.unwrap() });
        Self {
            world,
            counts,
            address,
            task,
        }
    }

    /// A client that speaks as this network.
    pub fn client(&self, network: &str) -> BrokerServiceClient<Channel> {
        let channel = channel(
            &self.address,
            Expected::Network(VIEWING.parse().unwrap()),
            self.world.identity(network),
            Arc::clone(&self.world) as _,
            ClientLimits::default(),
        );
        BrokerServiceClient::new(channel.unwrap())
    }

    pub async fn find(&self, targets: &[&str], within: Duration) -> Result<Found, Status> {
        let message = v1::FindDocumentsRequest {
            request: Some(self.world.find(targets)),
            filter: None,
        };
        self.find_as(VIEWING, outgoing(message, Deadline::after(within)))
            .await
    }

    pub async fn find_as(
        &self,
        network: &str,
        request: Request<v1::FindDocumentsRequest>,
    ) -> Result<Found, Status> {
        let stream = self.client(network).find_documents(request).await?;
        Found::read(stream.into_inner()).await
    }

    pub async fn retrieve(
        &self,
        target: &str,
        id: &str,
        within: Duration,
    ) -> Result<Retrieved, Status> {
        let message = v1::RetrieveDocumentRequest {
            request: Some(self.world.retrieve(target)),
            unique_id: id.to_owned(),
            salt: vec![7; 32],
            seal_to: seal_to(),
        };
        let request = outgoing(message, Deadline::after(within));
        let stream = self.client(VIEWING).retrieve_document(request).await?;
        Retrieved::read(stream.into_inner()).await
    }
}

/// A world of [`VIEWING`] and these networks, each with an agreement, a link and a node that behaves so.
pub async fn linked(networks: &[(&str, Conduct)]) -> (Arc<World>, Vec<FaultyNode>) {
    let names: Vec<&str> = networks.iter().map(|(name, _)| *name).collect();
    let world = Arc::new(World::found(&names));
    let mut nodes = Vec::new();
    for (name, conduct) in networks {
        world.agree(name);
        world.link(name);
        let node = FaultyNode::start(&world, name, *conduct).await;
        world.place(name, &node.address.to_string());
        nodes.push(node);
    }
    (world, nodes)
}

/// Starts another node of a network, with a transport key of its own, as its best endpoint.
pub async fn another(world: &Arc<World>, network: &str, conduct: Conduct) -> FaultyNode {
    let identity = Identity::new(TransportKey::generate().unwrap()).unwrap();
    let node = FaultyNode::start_as(world, network, conduct, &identity).await;
    world.place_key(network, identity.public(), &node.address.to_string());
    node
}

/// Has a network's best endpoint be one where nobody listens.
pub async fn nobody(world: &World, network: &str) {
    let identity = Identity::new(TransportKey::generate().unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    world.place_key(network, identity.public(), &address);
}

/// How a search at the one network of a scene ends.
pub async fn found(scene: &Scene, within: Duration) -> &'static str {
    scene.find(&["saga"], within).await.unwrap().code("saga")
}

/// Waits for a condition that must come true.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, met).await.expect(what);
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A stream of `FindDocuments`, read to its end and found to keep to its grammar.
#[derive(Debug)]
pub struct Found {
    pub decided: v1::Decided,
    pub documents: BTreeMap<String, Vec<v1::DocumentEntry>>,
    pub ends: BTreeMap<String, NetworkOutcome>,
    /// Networks in the order they ended.
    pub order: Vec<String>,
}

impl Found {
    pub async fn read(mut stream: Streaming<v1::FindDocumentsEvent>) -> Result<Self, Status> {
        use v1::find_documents_event::Event;
        let first = stream.message().await?.and_then(|e| e.event);
        let Some(Event::Decided(decided)) = first else {
            panic!("the first event is no decision: {first:?}");
        };
        let asked: Vec<&String> = decided.decisions.iter().map(|d| &d.network).collect();
        let (mut documents, mut ends) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
        let mut order = Vec::new();
        let mut summary: Option<v1::Summary> = None;
        while let Some(event) = stream.next().await {
            let event = event?.event.unwrap();
            assert!(
                summary.is_none(),
                "nothing comes after the summary: {event:?}"
            );
            match event {
                Event::Decided(_) => panic!("a second decision"),
                Event::Documents(page) => {
                    assert!(!ends.contains_key(&page.network), "documents after the end");
                    let entries = page.documents.iter();
                    documents
                        .entry(page.network)
                        .or_default()
                        .extend(entries.map(|e| v1::DocumentEntry::decode(e.as_slice()).unwrap()));
                }
                Event::End(end) => {
                    let outcome = NetworkOutcome::try_from(end.outcome.unwrap()).unwrap();
                    let signed = matches!(outcome, NetworkOutcome::Answered { .. });
                    assert!(
                        !signed || end.statement.is_some(),
                        "an answer comes with its statement"
                    );
                    order.push(end.network.clone());
                    assert_eq!(ends.insert(end.network, outcome), None, "two ends");
                }
                Event::Summary(said) => summary = Some(said),
            }
        }
        let summary = summary.expect("a stream ends with a summary or an error");
        assert!(
            ends.keys().eq(asked),
            "one end for each asked network: {ends:?}"
        );
        assert_eq!(summary.asked as usize, ends.len());
        for count in &summary.outcomes {
            let ended = ends.values().filter(|o| o.code() == count.outcome).count();
            assert_eq!(count.networks as usize, ended, "{summary:?}");
        }
        let sum: u32 = summary.outcomes.iter().map(|c| c.networks).sum();
        assert_eq!(sum, summary.asked);
        for (network, outcome) in &ends {
            let shown = documents.get(network).map_or(0, Vec::len) as u64;
            match outcome {
                NetworkOutcome::Answered { count } => assert_eq!(shown, *count, "{network}"),
                _ => assert_eq!(shown, 0, "{network} did not answer"),
            }
        }
        Ok(Self {
            decided,
            documents,
            ends,
            order,
        })
    }

    pub fn code(&self, network: &str) -> &'static str {
        self.ends[network].code()
    }
}

/// A key nobody here opens anything with; a broker only hands it on.
pub fn seal_to() -> Option<v1::SealTo> {
    Some(v1::SealTo {
        key: Some(v1::Envelope::default()),
        from_chunk: 0,
    })
}

/// A stream of `RetrieveDocument`, read to its end.
#[derive(Debug)]
pub struct Retrieved {
    pub header: Option<v1::DocumentEntry>,
    pub content: Vec<u8>,
    pub end: v1::NetworkEnd,
}

impl Retrieved {
    pub async fn read(mut stream: Streaming<v1::RetrieveDocumentEvent>) -> Result<Self, Status> {
        use v1::retrieve_document_event::Event;
        let first = stream.message().await?.and_then(|e| e.event);
        assert!(matches!(first, Some(Event::Decided(_))), "{first:?}");
        let (mut header, mut content, mut end) = (None, Vec::new(), None);
        while let Some(event) = stream.next().await {
            let event = event?.event.unwrap();
            assert!(end.is_none(), "nothing comes after the end: {event:?}");
            match event {
                Event::Decided(_) => panic!("a second decision"),
                Event::Sealed(envelope) => {
                    let sealed = SealedDocument::parse(&envelope).unwrap();
                    assert!(header.replace(sealed.document).is_none(), "two headers");
                }
                Event::Chunk(chunk) => content.extend(chunk),
                Event::End(last) => end = Some(last),
            }
        }
        let end = end.expect("a stream ends with an end or an error");
        Ok(Self {
            header,
            content,
            end,
        })
    }

    pub fn outcome(&self) -> NetworkOutcome {
        NetworkOutcome::try_from(self.end.outcome.unwrap()).unwrap()
    }
}

pub fn id(network: &str) -> NetworkId {
    network.parse().unwrap()
}
