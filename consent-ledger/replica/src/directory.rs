//! Whose a transport key is, and which replicas the ledger knows: answered from memory and renewed with every applied
//! change of either.

use crate::raft::Member;
use crate::{ReplicaError, state_error};
use sekisho_domain::{KeyPurpose, NetworkId, PublicKey, ReplicaId};
use sekisho_ledger::record::Replica;
use sekisho_ledger::store::StateRead;
use sekisho_ledger::{TransportAddress, View};
use sekisho_transport::{Peer, PeerDirectory, key_id};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;

/// Every replica there ever was, by id.
pub(crate) type Replicas = BTreeMap<ReplicaId, Replica>;

/// The transport keys and the replicas of the applied state, founders' included.
///
/// One replica may be let in ahead of the state: the one that leads, where this one was away when it was given its place.
///
/// A revocation or retirement holds from the moment its batch is applied here, before anybody is told that it is.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    peers: RwLock<BTreeMap<PublicKey, Peer>>,
    addresses: RwLock<Arc<[TransportAddress]>>,
    replicas: watch::Sender<Arc<Replicas>>,
    introduced: RwLock<Option<(ReplicaId, Replica)>>,
}

impl Directory {
    pub(crate) fn reload<S: StateRead<Error = ReplicaError>>(
        &self,
        state: &S,
    ) -> Result<(), ReplicaError> {
        let view = View(state);
        let keys = view.keys(KeyPurpose::Transport).map_err(state_error)?;
        let peers = keys
            .into_iter()
            .map(|(id, key)| {
                (
                    key.public_key,
                    Peer {
                        network: key.network,
                        key: id,
                    },
                )
            })
            .collect();
        let replicas: Replicas = view.replicas().map_err(state_error)?.into_iter().collect();
        let addresses = view.transport_addresses().map_err(state_error)?;
        *self.peers.write().unwrap_or_else(PoisonError::into_inner) = peers;
        *self
            .addresses
            .write()
            .unwrap_or_else(PoisonError::into_inner) = addresses.into();
        self.replicas.send_if_modified(|known| {
            let changed = **known != replicas;
            *known = Arc::new(replicas);
            changed
        });
        Ok(())
    }

    /// Where networks are reached, as of the applied state.
    pub(crate) fn addresses(&self) -> Arc<[TransportAddress]> {
        let addresses = self.addresses.read();
        Arc::clone(&addresses.unwrap_or_else(PoisonError::into_inner))
    }

    /// The replicas as of the applied state.
    pub(crate) fn replicas(&self) -> Arc<Replicas> {
        self.replicas.borrow().clone()
    }

    /// Tells when they change.
    pub(crate) fn watch_replicas(&self) -> watch::Receiver<Arc<Replicas>> {
        self.replicas.subscribe()
    }

    /// Lets in a replica that the applied state has not come to: the last one counts.
    pub(crate) fn introduce(&self, id: ReplicaId, replica: Replica) {
        let introduced = self.introduced.write();
        *introduced.unwrap_or_else(PoisonError::into_inner) = Some((id, replica));
    }

    /// Forgets who was let in once so many leaves are applied that theirs is among them, whatever it came to.
    pub(crate) fn come_to(&self, size: u64) {
        let introduced = self.introduced.write();
        introduced
            .unwrap_or_else(PoisonError::into_inner)
            .take_if(|(id, _)| id.index() < size);
    }

    /// The replica that was let in, until the applied state knows it.
    pub(crate) fn introduced(&self) -> Option<(ReplicaId, Replica)> {
        let introduced = self.introduced.read();
        let introduced = introduced.unwrap_or_else(PoisonError::into_inner).clone();
        introduced.filter(|(id, _)| !self.replicas.borrow().contains_key(id))
    }

    /// Whether this network runs a replica that takes part: this one, or any.
    pub(crate) fn runs(&self, network: &NetworkId, replica: Option<ReplicaId>) -> bool {
        let of = |(id, r): (&ReplicaId, &Replica)| {
            r.retired.is_none() && r.network == *network && replica.is_none_or(|asked| asked == *id)
        };
        self.replicas.borrow().iter().any(of)
            || self.introduced().is_some_and(|(id, r)| of((&id, &r)))
    }
}

/// A replica as consensus reaches it.
pub(crate) fn member(replica: &Replica) -> Member {
    Member {
        network: replica.network.to_string(),
        endpoint: replica.endpoint.clone(),
    }
}

impl PeerDirectory for Directory {
    fn peer(&self, key: &PublicKey) -> Option<Peer> {
        self.peers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
            .or_else(|| {
                let (_, introduced) = self.introduced()?;
                (introduced.transport_key == *key).then(|| Peer {
                    network: introduced.network,
                    key: key_id(key),
                })
            })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn who_is_let_in_ahead_of_the_state_is_known_until_the_state_has_come_to_its_leaf() {
        let directory = Directory::default();
        let network: NetworkId = "saga".parse().unwrap();
        let (id, key) = (ReplicaId(40), PublicKey([7; 32]));
        let knows = || {
            let peer = directory.peer(&key).map(|peer| peer.network);
            assert_eq!(peer.is_some(), directory.runs(&network, Some(id)));
            peer == Some(network.clone())
        };
        assert!(!knows(), "nobody is let in");
        let place = Replica {
            network: network.clone(),
            endpoint: "replica.example:7443".to_owned(),
            transport_key: key,
            checkpoint_key: PublicKey([8; 32]),
            votes_from: None,
            retired: None,
        };
        directory.introduce(id, place);
        assert!(knows());
        assert!(!directory.runs(&network, Some(ReplicaId(41))));
        assert!(!directory.runs(&"yame".parse().unwrap(), None));
        assert_eq!(directory.peer(&PublicKey([8; 32])), None);
        directory.come_to(id.0);
        assert!(knows(), "its leaf is the next one");
        directory.come_to(id.0 + 1);
        assert!(!knows(), "it was refused there, or the state would say so");
    }
}
