//! Connections to nodes, kept for as long as the ledger says the same of them.

use crate::ledger::Route;
use crate::limits::Limits;
use sekisho_domain::NetworkId;
use sekisho_proto::v1::node_service_client::NodeServiceClient;
use sekisho_transport::{ClientLimits, Expected, Identity, PeerDirectory, TransportError, channel};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use tonic::transport::Channel;

/// What a connection is for. Contents have one of their own: a caller that reads a document slowly holds
/// back its connection's flow control, and must not hold back anybody's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Lists,
    Contents,
}

/// One channel for each network and lane, and one account of held bytes for each network: at most two and
/// one for each of a ledger's members.
pub(crate) struct Nodes {
    identity: Identity,
    directory: Arc<dyn PeerDirectory>,
    limits: ClientLimits,
    channels: Mutex<BTreeMap<(NetworkId, Lane), (Route, Channel)>>,
    held_bytes_max: usize,
    held: Mutex<BTreeMap<NetworkId, Arc<Semaphore>>>,
}

impl Nodes {
    pub(crate) fn new(
        identity: Identity,
        directory: Arc<dyn PeerDirectory>,
        limits: &Limits,
    ) -> Self {
        Self {
            identity,
            directory,
            limits: limits.client,
            channels: Mutex::default(),
            held_bytes_max: limits.held_bytes_max,
            held: Mutex::default(),
        }
    }

    /// The bytes of the network's answers that may still be held, for all requests together.
    pub(crate) fn held(&self, network: &NetworkId) -> Arc<Semaphore> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(Semaphore::new(self.held_bytes_max));
        Arc::clone(held.entry(network.clone()).or_insert_with(fresh))
    }

    /// A client of a network's node, over the connection there is if the route is still the same. Without
    /// a route the network's connections are dropped.
    ///
    /// # Errors
    /// [`TransportError`] if the ledger's endpoint is no address, or TLS cannot be set up.
    pub(crate) fn client(
        &self,
        network: &NetworkId,
        route: Option<&Route>,
        lane: Lane,
    ) -> Result<Option<NodeServiceClient<Channel>>, TransportError> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(route) = route else {
            channels.retain(|(of, _), _| of != network);
            return Ok(None);
        };
        let place = (network.clone(), lane);
        if let Some((known, channel)) = channels.get(&place)
            && known == route
        {
            return Ok(Some(NodeServiceClient::new(channel.clone())));
        }
        // Any valid key of that network will do there: what must be the network's own is the speaker.
        let fresh = channel(
            &route.endpoint,
            Expected::Network(network.clone()),
            &self.identity,
            Arc::clone(&self.directory),
            self.limits,
        )?;
        channels.insert(place, (route.clone(), fresh.clone()));
        Ok(Some(NodeServiceClient::new(fresh)))
    }
}
