//! What the tests stand on: the real core as a ledger of one process, real SS-MIX2 files, real stores.
//!
//! Panics where a step that must succeed does not: that is what a test wants.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    missing_docs,
    clippy::new_without_default,
    missing_debug_implementations,
    reason = "test support fails by panicking, and says by its names what it is"
)]

mod broker;
mod ledger;
mod storage;

pub use broker::TamperingBroker;
pub use ledger::CoreLedger;
pub use storage::{HANAKO, Person, Storage, TARO, prescription};

use crate::store::{Directory, NodeStore};
use crate::{Budgets, Config, Environment, NoRandomness, Node, Parts};
use sekisho_documents::{MemoryIndex, Patient};
use sekisho_domain::{KeyPurpose, NetworkId, SubjectId, TimeMs};
use sekisho_ledger::testing;
use sekisho_transport::Deadline;
use sha2::{Digest, Sha256};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::{Channel, Endpoint};

/// The disclosing network, its two hospitals; the viewing network, its hospital; one that is no party.
pub const SAGA: &str = "saga";
pub const SAGA_HOSPITAL: &str = "4111234567";
pub const SAGA_OTHER: &str = "4111234568";
pub const KURUME: &str = "kurume";
pub const KURUME_HOSPITAL: &str = "4011234567";
pub const TOTTORI: &str = "tottori";

/// The patient's local ids.
pub const PATIENT: &str = "0009013";
pub const STRANGER: &str = "0009014";

/// Longest wait of a test for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn patience() -> Deadline {
    Deadline::after(PATIENCE)
}

pub fn network(id: &str) -> NetworkId {
    testing::network(id)
}

pub fn chart(facility: &str, id: &str) -> Patient {
    Patient {
        facility: testing::facility(facility),
        local_patient_id: id.parse().unwrap(),
    }
}

/// A clock a test sets, and bytes that are the same in every run and never the same twice.
pub struct Fixed {
    now: AtomicU64,
    seed: String,
    drawn: AtomicU64,
}

impl Fixed {
    pub fn new(seed: &str, now: TimeMs) -> Arc<Self> {
        Arc::new(Self {
            now: AtomicU64::new(now.0),
            seed: seed.to_owned(),
            drawn: AtomicU64::new(0),
        })
    }
    pub fn advance(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Environment for Fixed {
    fn now(&self) -> TimeMs {
        TimeMs(self.now.load(Ordering::SeqCst))
    }
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        let n = self.drawn.fetch_add(1, Ordering::SeqCst);
        let digest = Sha256::digest(format!("{} {n}", self.seed));
        bytes
            .iter_mut()
            .zip(digest.iter().cycle())
            .for_each(|(b, d)| *b = *d);
        Ok(())
    }
}

/// Few enough that a test can spend them.
pub const BUDGETS: Budgets = Budgets {
    practitioner: 40,
    facility: 60,
    network: 1_000,
};

/// A channel to nobody.
pub fn nowhere() -> Channel {
    Endpoint::from_static("http://127.0.0.1:1").connect_lazy()
}

/// A node over the given ledger, store and storages, fully read.
pub async fn node(
    network_id: &str,
    ledger: &Arc<CoreLedger>,
    environment: &Arc<Fixed>,
    store: NodeStore,
    storages: &[&Storage],
    broker: Channel,
) -> Node {
    let config = Config {
        network: network(network_id),
        sources: storages.iter().map(|s| s.of_node()).collect(),
        budgets: BUDGETS,
    };
    let parts = Parts {
        ledger: Arc::clone(ledger) as _,
        store,
        index: Arc::new(MemoryIndex::default()),
        directory: Directory::in_memory(),
        key: testing::key(network_id, KeyPurpose::Node),
        carrier: Arc::new(broker.clone()),
        broker,
        environment: Arc::clone(environment) as _,
    };
    let node = Node::start(config, parts).await.unwrap();
    until(async || node.answers_documents()).await;
    node
}

/// Waits for a condition, at most [`PATIENCE`].
pub async fn until(condition: impl AsyncFn() -> bool) {
    let wait = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

/// Everything a stream gives, each message without error.
pub async fn all<T>(stream: impl Stream<Item = Result<T, tonic::Status>>) -> Vec<T> {
    let collected: Vec<_> = bounded(stream.collect::<Vec<_>>()).await;
    collected.into_iter().map(Result::unwrap).collect()
}

pub async fn bounded<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}

/// A patient of Saga who visits Kurume: linked, and with a consent to the visit.
pub struct Setting {
    pub ledger: Arc<CoreLedger>,
    pub environment: Arc<Fixed>,
    pub dir: tempfile::TempDir,
    pub hospital: Storage,
    pub other: Storage,
    pub saga_subject: SubjectId,
    pub kurume_subject: SubjectId,
}

impl Setting {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let hospital = Storage::new(dir.path(), "std01", SAGA_HOSPITAL);
        let other = Storage::new(dir.path(), "std02", SAGA_OTHER);
        let ledger = CoreLedger::new(&[SAGA, KURUME, TOTTORI]);
        let environment = Fixed::new("saga", ledger.now());
        let (saga_subject, kurume_subject) = (testing::subject(0xa5), testing::subject(0x4b));
        ledger.with(|world| {
            use sekisho_domain::{ConsentRule, Scope};
            world.hospital(SAGA, SAGA_HOSPITAL);
            world.hospital(SAGA, SAGA_OTHER);
            world.hospital(KURUME, KURUME_HOSPITAL);
            world.policy(KURUME, None, Some(Scope::EachFacility));
            world.policy(SAGA, None, Some(Scope::EachFacility));
            world.agree(
                "saga-kurume",
                vec![testing::grant(SAGA, KURUME, ConsentRule::Viewing)],
            );
            world.link((SAGA, saga_subject), (KURUME, kurume_subject));
            world.consent_to_visit(KURUME, kurume_subject, KURUME_HOSPITAL);
        });
        Self {
            ledger,
            environment,
            dir,
            hospital,
            other,
            saga_subject,
            kurume_subject,
        }
    }

    /// A store in which the patient has charts at the given hospitals.
    pub fn store(&self, name: &str, charts: &[Patient], subject: SubjectId) -> NodeStore {
        let store = NodeStore::open(&self.dir.path().join(name)).unwrap();
        for (n, chart) in charts.iter().enumerate() {
            match n {
                0 => assert!(store.subject_or(chart, subject).is_ok()),
                _ => store.add_chart(subject, chart).unwrap(),
            }
        }
        store
    }

    pub fn saga_store(&self) -> NodeStore {
        let charts = [chart(SAGA_HOSPITAL, PATIENT), chart(SAGA_OTHER, PATIENT)];
        self.store("saga.redb", &charts, self.saga_subject)
    }

    /// Saga's node, both storages read.
    pub async fn saga(&self) -> Node {
        self.saga_with(self.saga_store()).await
    }

    pub async fn saga_with(&self, store: NodeStore) -> Node {
        let storages = [&self.hospital, &self.other];
        node(
            SAGA,
            &self.ledger,
            &self.environment,
            store,
            &storages,
            nowhere(),
        )
        .await
    }

    /// Kurume's node, without documents of its own.
    pub async fn kurume(&self, broker: Channel) -> Node {
        let charts = [chart(KURUME_HOSPITAL, "K-1")];
        let store = self.store("kurume.redb", &charts, self.kurume_subject);
        let environment = Fixed::new("kurume", self.environment.now());
        node(KURUME, &self.ledger, &environment, store, &[], broker).await
    }
}
