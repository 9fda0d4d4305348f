//! A running node: what it is made of, its tasks, its end.

use crate::alerts;
use crate::answer::Disclosing;
use crate::blocking::blocking;
use crate::bounds::{
    ANSWERS_MAX, ANSWERS_OF_ONE, FINDS_MAX, REQUEST_BYTES_MAX, RETRIEVES_MAX, SHUTDOWN_GRACE,
};
use crate::budgets::{Budgets, Spending};
use crate::entries::Meant;
use crate::environment::Environment;
use crate::following::Following;
use crate::frozen::Frozen;
use crate::ingestion::{self, Readiness};
use crate::ledger::{Ledger, ask};
use crate::letters::SearchKeys;
use crate::linker;
use crate::observe::{Observe, Observer};
use crate::operate::{Carrier, Operating};
use crate::outbox::{self, Outbox};
use crate::people;
use crate::slots::Slots;
use crate::store::{Directory, NodeStore};
use crate::{NodeError, ledger};
use sekisho_documents::{Contents, Counters, DocumentIndex, ObjectContents};
use sekisho_domain::{LedgerId, NetworkId};
use sekisho_ingest::Source;
use sekisho_ledger::signature::SigningKey;
use sekisho_proto::v1::node_service_server::NodeServiceServer;
use sekisho_proto::v1::operator_service_server::OperatorServiceServer;
use sekisho_transport::{Full, Place, Places};
use std::future::Future;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::Channel;
use tracing::Instrument;

/// How one node is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// The network it serves.
    pub network: NetworkId,
    /// The sources of its documents, each under an id of its own.
    pub sources: Vec<Arc<dyn Source>>,
    /// How much its own people may ask.
    pub budgets: Budgets,
}

/// What a node works with; each part is opened by whoever starts it.
pub struct Parts {
    /// Its own replica.
    pub ledger: Arc<dyn ledger::Ledger>,
    /// Its memory. Belongs to this node alone.
    pub store: NodeStore,
    /// The index of its documents. Belongs to this node alone.
    pub index: Arc<dyn DocumentIndex>,
    /// Whose charts there are. Belongs to this node alone.
    pub directory: Directory,
    /// Its key, certified on the ledger: signs requests, releases, receipts and answers.
    pub key: SigningKey,
    /// To the broker its people's queries go through.
    pub broker: Channel,
    /// What fetches documents for its people: that broker, or a part of this process.
    pub carrier: Arc<dyn Carrier>,
    /// Its clock and random source.
    pub environment: Arc<dyn Environment>,
}

/// One network's node. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Node(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub network: NetworkId,
    pub ledger_id: LedgerId,
    pub sources: Vec<Arc<dyn Source>>,
    pub ledger: Arc<dyn Ledger>,
    pub store: Arc<NodeStore>,
    pub index: Arc<dyn DocumentIndex>,
    pub contents: Contents,
    pub directory: Arc<Directory>,
    pub search_keys: SearchKeys,
    /// The store its documents' contents are in, if they are in one.
    pub stored_at: Option<String>,
    pub key: SigningKey,
    pub broker: Channel,
    pub carrier: Arc<dyn Carrier>,
    pub environment: Arc<dyn Environment>,
    pub readiness: Readiness,
    pub following: Following,
    pub outbox: Outbox,
    pub answers: Places,
    pub finds: Slots,
    pub spending: Spending,
    pub frozen: Frozen,
    pub retrieves: Slots,
    pub ingests: Slots,
    pub learning: Slots,
    pub observer: Observer,
    pub stop: CancellationToken,
    tasks: TaskTracker,
}

impl Inner {
    /// Runs work that shutdown waits for, within the current span.
    ///
    /// # Errors
    /// [`NodeError::ShutDown`] once the node stops.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<(), NodeError> {
        if self.stop.is_cancelled() {
            return Err(NodeError::ShutDown);
        }
        self.tasks.spawn(work.in_current_span());
        Ok(())
    }

    /// A place to answer another network in.
    ///
    /// # Errors
    /// [`NodeError::Overloaded`] if all are taken, or as many as one network may have.
    pub fn answer_place(&self, network: &NetworkId) -> Result<Place, NodeError> {
        let what = "answers";
        let place = self.answers.take(network);
        place.map_err(|Full { max }| NodeError::Overloaded { what, max })
    }
}

impl Node {
    /// Starts a node. It serves at once; documents are answered when all sources have been read.
    ///
    /// # Errors
    /// The store is another node's, or the ledger cannot be read. A source that cannot be read is no error here: it is tried again until it can.
    pub async fn start(config: Config, parts: Parts) -> Result<Self, NodeError> {
        Self::start_with(config, parts, None).await
    }

    /// The same, its documents' contents kept in a store and released from there.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub async fn start_with(
        config: Config,
        parts: Parts,
        store: Option<ObjectContents>,
    ) -> Result<Self, NodeError> {
        let roots = config.sources.iter().filter_map(|source| {
            let root = source.root()?;
            Some((source.id().clone(), root.to_owned()))
        });
        let stored_at = store.as_ref().map(|store| store.id().to_owned());
        let contents = Contents::new(roots).released_from(store);
        let meant = ask(parts.ledger.as_ref(), Meant::of).await?;
        parts.store.belong_to(&config.network, &meant.ledger)?;
        let inner = Arc::new(Inner {
            network: config.network,
            ledger_id: meant.ledger,
            sources: config.sources,
            ledger: parts.ledger,
            store: Arc::new(parts.store),
            index: contents.kept_for(parts.index),
            contents,
            directory: Arc::new(parts.directory),
            search_keys: SearchKeys::default(),
            stored_at,
            key: parts.key,
            broker: parts.broker,
            carrier: parts.carrier,
            environment: parts.environment,
            readiness: Readiness::default(),
            following: Following::default(),
            outbox: Outbox::default(),
            answers: Places::new(ANSWERS_MAX, ANSWERS_OF_ONE),
            finds: Slots::new("queries", FINDS_MAX),
            spending: Spending::of(config.budgets),
            frozen: Frozen::default(),
            retrieves: Slots::new("retrievals", RETRIEVES_MAX),
            ingests: Slots::new("ingests", 1),
            learning: Slots::new("learnings of weights", 1),
            observer: Observer::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let task = Arc::clone(&inner);
        blocking(move || people::weigh(&task.store, &task.directory)).await?;
        inner.spawn(outbox::work(Arc::clone(&inner)))?;
        inner.spawn(alerts::work(Arc::clone(&inner)))?;
        inner.spawn(linker::work(Arc::clone(&inner)))?;
        inner.spawn(ingestion::at_start(Arc::clone(&inner)))?;
        Ok(Self(inner))
    }

    /// The disclosing side.
    pub fn disclosing(&self) -> Disclosing {
        Disclosing(Arc::clone(&self.0))
    }

    /// The side of the network's own people.
    pub fn operating(&self) -> Operating {
        Operating(Arc::clone(&self.0))
    }

    /// `NodeService`, to mount on the node's endpoint.
    pub fn node_service(&self) -> NodeServiceServer<Disclosing> {
        NodeServiceServer::new(self.disclosing()).max_decoding_message_size(REQUEST_BYTES_MAX)
    }

    /// `OperatorService`, to mount on the node's endpoint.
    pub fn operator_service(&self) -> OperatorServiceServer<Operating> {
        OperatorServiceServer::new(self.operating()).max_decoding_message_size(REQUEST_BYTES_MAX)
    }

    /// Has what happens told from now on. The first observer given stays.
    pub fn observe(&self, observer: Arc<dyn Observe>) {
        self.0.observer.set(observer);
    }

    /// Whether every source has been read, so that documents are answered.
    pub fn answers_documents(&self) -> bool {
        self.0.readiness.is_ready()
    }

    /// How well each source is seen that is followed.
    #[cfg(test)]
    pub(crate) fn following(
        &self,
    ) -> std::collections::BTreeMap<sekisho_documents::SourceId, sekisho_ingest::follow::Sight>
    {
        self.0.following.sights()
    }

    /// How many releases and receipts the ledger does not have yet.
    ///
    /// # Errors
    /// The store failed.
    pub fn outbox_total(&self) -> Result<u64, NodeError> {
        Ok(self.0.store.pending_total()?)
    }

    /// What the document index holds, in numbers.
    ///
    /// # Errors
    /// The index failed.
    pub fn documents(&self) -> Result<Counters, NodeError> {
        Ok(self.0.index.counters()?)
    }

    /// Stops: takes nothing more, lets what is under way end (at most [`SHUTDOWN_GRACE`]) and flushes the index.
    /// What waits in the outbox is on disk and goes on at the next start.
    ///
    /// # Errors
    /// The index cannot be flushed; it is then read again from the sources.
    pub async fn shutdown(&self) -> Result<(), NodeError> {
        self.0.stop.cancel();
        self.0.tasks.close();
        if tokio::time::timeout(SHUTDOWN_GRACE, self.0.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("work under way did not end within the grace period");
        }
        let index = Arc::clone(&self.0.index);
        blocking(move || Ok(index.flush()?)).await
    }
}
