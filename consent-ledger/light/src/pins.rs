//! Whose a transport key is, for a process that asks others.

use sekisho_domain::{FoundingReplica, Genesis, KeyId, PublicKey};
use sekisho_ledger::record::Key;
use sekisho_ledger::signature::key_id;
use sekisho_transport::{Peer, PeerDirectory};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use tokio::sync::Notify;

/// The transport keys two voters last told; those of the founding file before they did.
pub(crate) struct Pins {
    peers: RwLock<BTreeMap<PublicKey, Peer>>,
    /// Told of each key nobody knows: it may be new.
    pub(crate) unknown: Notify,
}

impl Pins {
    pub(crate) fn founded(genesis: &Genesis) -> Self {
        let peer = |replica: &FoundingReplica| {
            let (network, key) = (replica.network.clone(), key_id(&replica.transport_key));
            (replica.transport_key, Peer { network, key })
        };
        Self {
            peers: RwLock::new(genesis.replicas.iter().map(peer).collect()),
            unknown: Notify::new(),
        }
    }

    pub(crate) fn set(&self, keys: Vec<(KeyId, Key)>) {
        let peer = |(id, key): (KeyId, Key)| {
            let network = key.network;
            (key.public_key, Peer { network, key: id })
        };
        let peers = keys.into_iter().map(peer).collect();
        *self.peers.write().unwrap_or_else(PoisonError::into_inner) = peers;
    }
}

impl PeerDirectory for Pins {
    fn peer(&self, key: &PublicKey) -> Option<Peer> {
        let known = {
            let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
            peers.get(key).cloned()
        };
        if known.is_none() {
            self.unknown.notify_one();
        }
        known
    }
}
