//! Networks by the names people know them by.

use sekisho_domain::NetworkId;
use sekisho_ledger::store::StateRead;
use sekisho_ledger::{CoreError, View};
use std::collections::BTreeMap;

/// The names on the ledger; a network not on it goes by its id.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<NetworkId, String>);

impl Names {
    /// The names in a state.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn of<S: StateRead>(view: View<'_, S>) -> Result<Self, CoreError<S::Error>> {
        let networks = view.networks()?;
        Ok(Self(
            networks
                .into_iter()
                .map(|(id, network)| (id, network.name))
                .collect(),
        ))
    }

    /// Name and id.
    pub fn name(&self, id: &NetworkId) -> String {
        match self.0.get(id) {
            Some(name) => format!("{name} ({id})"),
            None => id.to_string(),
        }
    }
}
