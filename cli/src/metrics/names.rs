//! Which networks may be named in a label.

use sekisho_domain::NetworkId;
use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

/// Every network that is not on the ledger, together.
pub const OTHER: &str = "other";

/// The networks on the ledger. Requests may name any: whoever makes names up must not make rows.
#[derive(Debug, Default)]
pub struct Names(RwLock<BTreeSet<NetworkId>>);

impl Names {
    /// These and no others from now on.
    pub fn set(&self, members: BTreeSet<NetworkId>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = members;
    }

    /// What a network is called in a label.
    pub fn label<'a>(&self, network: &'a NetworkId) -> &'a str {
        let members = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if members.contains(network) {
            network.as_str()
        } else {
            OTHER
        }
    }
}
