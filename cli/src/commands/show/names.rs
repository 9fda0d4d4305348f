//! Networks by the names people know them by.

use crate::ui::Failure;
use sekisho_domain::NetworkId;
use sekisho_ledger::View;
use sekisho_ledger::store::StateRead;
use std::collections::BTreeMap;

/// The names on the ledger; a network not on it goes by its id.
#[derive(Debug, Default)]
pub(in crate::commands) struct Names(BTreeMap<NetworkId, String>);

impl Names {
    /// The names in a state.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(in crate::commands) fn of<S: StateRead>(view: View<'_, S>) -> Result<Self, Failure> {
        let networks = view.networks().map_err(|e| crate::ops::unreadable(&e))?;
        Ok(Self(
            networks
                .into_iter()
                .map(|(id, network)| (id, network.name))
                .collect(),
        ))
    }

    /// Name and id.
    pub(in crate::commands) fn name(&self, id: &NetworkId) -> String {
        match self.0.get(id) {
            Some(name) => format!("{name} ({id})"),
            None => id.to_string(),
        }
    }
}
