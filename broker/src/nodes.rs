//! Connections to nodes, kept for as long as the ledger says the same of them.

use crate::ledger::Route;
use sekisho_domain::NetworkId;
use sekisho_proto::v1::node_service_client::NodeServiceClient;
use sekisho_transport::{
    ClientLimits, Expected, Identity, PeerDirectory, TransportError, channel,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tonic::transport::Channel;

/// What a connection is for. Contents have one of their own: a caller that reads a document slowly holds
/// back its connection's flow control, and must not hold back anybody's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Lists,
    Contents,
}

/// One channel for each network and lane: at most two for each of a ledger's members.
pub(crate) struct Nodes {
    identity: Identity,
    directory: Arc<dyn PeerDirectory>,
    limits: ClientLimits,
    channels: Mutex<BTreeMap<(NetworkId, Lane), (Route, Channel)>>,
}

impl Nodes {
    pub(crate) fn new(
        identity: Identity,
        directory: Arc<dyn PeerDirectory>,
        limits: ClientLimits,
    ) -> Self {
        Self {
            identity,
            directory,
            limits,
            channels: Mutex::new(BTreeMap::new()),
        }
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
