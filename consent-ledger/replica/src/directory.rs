//! Whose a transport key is, answered from memory and renewed with every applied change of keys.

use crate::{ReplicaError, state_error};
use sekisho_domain::{KeyPurpose, PublicKey};
use sekisho_ledger::View;
use sekisho_ledger::store::StateRead;
use sekisho_transport::{Peer, PeerDirectory};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// The transport keys of the applied state, founders' included.
///
/// A revocation holds from the moment its batch is applied here, before anybody is told that it is.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    peers: RwLock<BTreeMap<PublicKey, Peer>>,
}

impl Directory {
    pub(crate) fn reload<S: StateRead<Error = ReplicaError>>(
        &self,
        state: &S,
    ) -> Result<(), ReplicaError> {
        let keys = View(state)
            .keys(KeyPurpose::Transport)
            .map_err(state_error)?;
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
        *self.peers.write().unwrap_or_else(PoisonError::into_inner) = peers;
        Ok(())
    }
}

impl PeerDirectory for Directory {
    fn peer(&self, key: &PublicKey) -> Option<Peer> {
        self.peers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
    }
}
