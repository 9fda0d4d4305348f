//! What the broker needs of the consent ledger, and nothing more.
//!
//! A running replica is one (see `replica`), and what two voters say alike (see `light`); tests run the ledger's core
//! in memory behind the same trait. All answer where a network is reached with [`routes`], so that there is one rule.

use crate::limits::ENDPOINTS_MAX;
use sekisho_domain::{Decision, EntryIndex, KeyId, NetworkId, RefusalReason, RequestId, TimeMs};
use sekisho_ledger::store::StateRead;
use sekisho_ledger::{
    AnswerFault, CoreError, EntryFault, SignatureCheck, Statement, TransportAddress, View,
};
use sekisho_light::LightError;
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

/// A decided access request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Its place in the tree.
    pub index: EntryIndex,
    /// Its stamped time.
    pub time: TimeMs,
    /// One decision for each asked network, ordered by network.
    pub decisions: Vec<(NetworkId, Decision)>,
}

/// One place where a network answers, by a transport key the ledger holds for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The key registered with the address.
    pub key: KeyId,
    /// `host:port`.
    pub address: String,
}

/// Where a network's node answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// At least one and at most [`ENDPOINTS_MAX`], each address once, the best first.
    pub endpoints: Vec<Endpoint>,
}

/// What a statement must be about to be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The access request's index.
    pub access: EntryIndex,
    /// Its request id.
    pub request_id: RequestId,
    /// The network that was asked.
    pub network: NetworkId,
}

impl About {
    /// What the statement says, if that network signed it about this very request; the one way every ledger believes one.
    pub(crate) fn verify<S: StateRead>(
        &self,
        view: View<'_, S>,
        checks: &dyn SignatureCheck,
        statement: &v1::Envelope,
    ) -> Result<Result<Statement, AnswerFault>, CoreError<S::Error>> {
        let (access, request_id) = (self.access, &self.request_id);
        Statement::verify(view, checks, statement, access, request_id, &self.network)
    }
}

/// Why the ledger gave no decision, or no answer to a question.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFailure {
    /// Not an authentic entry for this ledger now; it left no trace.
    #[error("the ledger does not take the request: {0}")]
    NotAuthentic(#[from] EntryFault),
    /// The same, found by the ledger's leader; its sentence.
    #[error("the ledger does not take the request: {0}")]
    NotAuthenticThere(String),
    /// A rule stands against it; the refusal is on the ledger.
    #[error("the ledger refused the request: {}", .0.en())]
    Refused(RefusalReason),
    /// Too much at once; nothing was done.
    #[error("the ledger is overloaded")]
    Overloaded,
    /// Nothing was done, and nobody was asked: no leader, no quorum, not started.
    #[error("the ledger cannot decide now: {0}")]
    Unavailable(&'static str),
    /// There is no replica here, and the voters told nothing that can be believed. Nobody was asked.
    #[error("the ledger cannot be asked now: {0}")]
    NotTold(LightError),
    /// It may have been decided: ask by request id. Nobody was asked.
    #[error("the ledger did not answer in time; whether it decided is unknown")]
    Unknown,
    /// Its storage failed.
    #[error("a fault of the ledger")]
    Fault(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The consent ledger, as a broker sees it.
pub trait Ledger: Send + Sync + 'static {
    /// Puts an access request in order and answers with its decisions; for one that was put in order
    /// before, with those it got then (P5). Done by the deadline, or [`LedgerFailure::Unknown`].
    fn decide(
        &self,
        request: v1::Envelope,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Decided, LedgerFailure>> + Send;

    /// Where these networks are reached; without those that have no valid transport key.
    fn routes(
        &self,
        networks: BTreeSet<NetworkId>,
    ) -> impl Future<Output = Result<BTreeMap<NetworkId, Route>, LedgerFailure>> + Send;

    /// Checks a node's statement by the network's keys as they are now.
    fn verify(
        &self,
        statement: v1::Envelope,
        about: About,
    ) -> impl Future<Output = Result<Result<Statement, AnswerFault>, LedgerFailure>> + Send;
}

/// Where networks are reached: the addresses of their valid transport keys, those registered last first.
/// Those of the founding replicas, which have no entry, come after all others; of equals the greatest key id
/// counts. An address with several keys stands where its newest key does.
pub fn routes(
    addresses: &[TransportAddress],
    networks: &BTreeSet<NetworkId>,
) -> BTreeMap<NetworkId, Route> {
    let asked = addresses.iter().filter(|a| networks.contains(&a.network));
    let mut candidates: Vec<&TransportAddress> = asked.collect();
    candidates.sort();
    let mut routes: BTreeMap<NetworkId, Route> = BTreeMap::new();
    for candidate in candidates.into_iter().rev() {
        let endpoints = Vec::new();
        let route = routes.entry(candidate.network.clone());
        let route = route.or_insert(Route { endpoints });
        let known = route.endpoints.iter();
        if !known.map(|e| &e.address).any(|a| *a == candidate.endpoint)
            && route.endpoints.len() < ENDPOINTS_MAX
        {
            route.endpoints.push(Endpoint {
                key: candidate.key,
                address: candidate.endpoint.clone(),
            });
        }
    }
    routes
}
