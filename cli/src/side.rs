//! The ledger of a process: its own replica, or what two named voters say alike.

use sekisho_broker::ledger::{About, Decided, Ledger, LedgerFailure, Route};
use sekisho_domain::{LedgerId, NetworkId};
use sekisho_ledger::{AnswerFault, Statement, View};
use sekisho_light::Light;
use sekisho_proto::v1;
use sekisho_replica::Replica;
use sekisho_transport::{Deadline, PeerDirectory};
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;

/// Where a process has its ledger from. Cheap to clone; all clones are one.
#[derive(Clone)]
pub enum Side {
    /// A replica in this process.
    Replica(Replica),
    /// Two or more voters of other machines.
    Light(Light),
}

impl Side {
    /// As a node's own.
    pub fn of_node(&self) -> Arc<dyn sekisho_node::Ledger> {
        match self {
            Self::Replica(replica) => Arc::new(replica.clone()),
            Self::Light(light) => Arc::new(light.clone()),
        }
    }

    /// Whose the transport keys are.
    pub fn directory(&self) -> Arc<dyn PeerDirectory> {
        match self {
            Self::Replica(replica) => replica.directory(),
            Self::Light(light) => light.directory(),
        }
    }

    /// Which ledger.
    pub fn ledger(&self) -> LedgerId {
        match self {
            Self::Replica(replica) => replica.ledger(),
            Self::Light(light) => light.ledger(),
        }
    }

    /// Whether it can be relied on now.
    pub fn serves(&self) -> bool {
        match self {
            Self::Replica(replica) => replica.is_ready() && !replica.is_stopped(),
            Self::Light(light) => light.is_ready(),
        }
    }

    /// Whether it stopped for good, as only a replica does.
    pub fn is_stopped(&self) -> bool {
        match self {
            Self::Replica(replica) => replica.is_stopped(),
            Self::Light(_) => false,
        }
    }

    /// Waits until it stopped for good.
    pub async fn stopped(&self) {
        match self {
            Self::Replica(replica) => replica.stopped().await,
            Self::Light(_) => pending().await,
        }
    }

    /// The members; none where they cannot be read.
    pub async fn members(&self) -> Option<BTreeSet<NetworkId>> {
        let networks = match self {
            Self::Replica(replica) => {
                let networks = replica.read(|state| Ok(View(state).networks()));
                networks.await.ok()?.ok()?
            }
            Self::Light(light) => light.read(|s| View(s).networks()).await.ok()?.ok()?,
        };
        Some(networks.into_iter().map(|(id, _)| id).collect())
    }
}

impl Ledger for Side {
    async fn decide(
        &self,
        request: v1::Envelope,
        deadline: Deadline,
    ) -> Result<Decided, LedgerFailure> {
        match self {
            Self::Replica(replica) => replica.decide(request, deadline).await,
            Self::Light(light) => light.decide(request, deadline).await,
        }
    }

    async fn routes(
        &self,
        networks: BTreeSet<NetworkId>,
    ) -> Result<BTreeMap<NetworkId, Route>, LedgerFailure> {
        match self {
            Self::Replica(replica) => replica.routes(networks).await,
            Self::Light(light) => light.routes(networks).await,
        }
    }

    async fn verify(
        &self,
        statement: v1::Envelope,
        about: About,
    ) -> Result<Result<Statement, AnswerFault>, LedgerFailure> {
        match self {
            Self::Replica(replica) => replica.verify(statement, about).await,
            Self::Light(light) => light.verify(statement, about).await,
        }
    }
}
