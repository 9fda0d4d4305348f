//! Connections to nodes, kept for as long as the ledger says the same of them and nothing broke on them.

use crate::attempts::Book;
use crate::counts::Counts;
use crate::held::{Account, Held};
use crate::ledger::{Endpoint, Route};
use crate::limits::{LIST_WINDOW_BYTES, LISTS_WINDOW_BYTES, Limits, NODE_MESSAGE_BYTES_MAX};
use sekisho_domain::NetworkId;
use sekisho_proto::v1::node_service_client::NodeServiceClient;
use sekisho_transport::watched_channel;
use sekisho_transport::{ClientLimits, Expected, Identity, PeerDirectory, TransportError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::transport::Channel;

/// What a connection is for. Contents have one of their own: a caller that reads a document slowly holds
/// back its connection's flow control, and must not hold back anybody's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Lists,
    Contents,
}

/// What there is one connection for.
type Place = (NetworkId, Endpoint, Lane);

/// A connection to a network's node, as one call uses it.
pub(crate) struct Line {
    pub client: NodeServiceClient<Channel>,
    /// Whether it was there before this call: then it may be dead without anybody having noticed.
    pub earlier: bool,
    /// The connections made on it.
    pub connections: watch::Receiver<u64>,
    place: Place,
    number: u64,
}

struct Kept {
    channel: Channel,
    connections: watch::Receiver<u64>,
    /// Tells it from those before and after it in its place.
    number: u64,
}

#[derive(Default)]
struct Channels {
    kept: BTreeMap<Place, Kept>,
    made: u64,
}

/// One channel for each endpoint and lane, one account of held bytes for each network, and what is known of
/// its endpoints: bounded by a ledger's members and `limits::ENDPOINTS_MAX`.
pub(crate) struct Nodes {
    identity: Identity,
    directory: Arc<dyn PeerDirectory>,
    limits: ClientLimits,
    channels: Mutex<Channels>,
    held_bytes_max: usize,
    held: Mutex<BTreeMap<NetworkId, Account>>,
    book: Mutex<Book>,
    pub counts: Arc<Counts>,
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
            book: Mutex::default(),
            counts: Arc::default(),
        }
    }

    /// What is known of the networks' endpoints.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes notice of where a network is now. Lines to where it is no longer are dropped.
    pub(crate) fn open(&self, network: &NetworkId, route: Option<&Route>) {
        let moved = match route {
            Some(route) => self.book().open(network, route, Instant::now()),
            None => self.book().close(network),
        };
        if moved {
            let still =
                |endpoint: &Endpoint| route.is_some_and(|route| route.endpoints.contains(endpoint));
            let mut channels = self.channels();
            channels
                .kept
                .retain(|(of, endpoint, _), _| of != network || still(endpoint));
        }
    }

    /// The room of an answer of the network for this caller, which nothing is held of yet.
    pub(crate) fn held(&self, network: &NetworkId, caller: &NetworkId) -> Held {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Account::of(self.held_bytes_max);
        let account = held.entry(network.clone()).or_insert_with(fresh);
        account.answer(caller)
    }

    /// A line to a network's node at an endpoint: the one there is, or else a new one.
    ///
    /// # Errors
    /// [`TransportError`] if the ledger's endpoint is no address, or TLS cannot be set up.
    pub(crate) fn line(
        &self,
        network: &NetworkId,
        endpoint: &Endpoint,
        lane: Lane,
    ) -> Result<Line, TransportError> {
        let mut channels = self.channels();
        let place = (network.clone(), endpoint.clone(), lane);
        if let Some(kept) = channels.kept.get(&place) {
            return Ok(Line {
                client: client(&kept.channel),
                earlier: true,
                connections: kept.connections.clone(),
                number: kept.number,
                place,
            });
        }
        // Any valid key of that network will do there: what must be the network's own is the speaker.
        let (channel, connections) = watched_channel(
            &endpoint.address,
            Expected::Network(network.clone()),
            &self.identity,
            Arc::clone(&self.directory),
            self.limits_of(lane),
        )?;
        channels.made += 1;
        let line = Line {
            client: client(&channel),
            earlier: false,
            connections: connections.clone(),
            number: channels.made,
            place: place.clone(),
        };
        let kept = Kept {
            channel,
            connections,
            number: line.number,
        };
        channels.kept.insert(place, kept);
        Ok(line)
    }

    fn limits_of(&self, lane: Lane) -> ClientLimits {
        match lane {
            Lane::Contents => self.limits,
            Lane::Lists => ClientLimits {
                answer_window_bytes: LIST_WINDOW_BYTES,
                answers_window_bytes: LISTS_WINDOW_BYTES,
                ..self.limits
            },
        }
    }

    /// Does not hand out a line again on which something broke. A newer one in its place stays: of many
    /// calls that a node's restart breaks, one makes the new connection and the others share it.
    pub(crate) fn forget(&self, line: &Line) {
        let mut channels = self.channels();
        if let Some(kept) = channels.kept.get(&line.place)
            && kept.number == line.number
        {
            channels.kept.remove(&line.place);
        }
    }

    fn channels(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn client(channel: &Channel) -> NodeServiceClient<Channel> {
    NodeServiceClient::new(channel.clone()).max_decoding_message_size(NODE_MESSAGE_BYTES_MAX)
}
