//! Who stands behind a practitioner's pseudonym: local identifier ↔ random id. The ledger has the random ids only.

use super::{NodeStore, PRACTITIONERS, PSEUDONYMS, StoreError, format};
use sekisho_domain::PractitionerId;

const WHAT: &str = "a practitioner's pseudonym";

impl NodeStore {
    /// The pseudonym of one of this network's practitioners, if there is one yet.
    ///
    /// # Errors
    /// The database failed.
    pub fn practitioner_of(&self, local_id: &str) -> Result<Option<PractitionerId>, StoreError> {
        format::get(&self.read()?, PRACTITIONERS, WHAT, local_id.as_bytes())
    }

    /// Who stands behind a pseudonym, if it is one of this network's.
    ///
    /// # Errors
    /// The database failed.
    pub fn practitioner(&self, id: &PractitionerId) -> Result<Option<String>, StoreError> {
        format::get(&self.read()?, PSEUDONYMS, WHAT, id.as_bytes())
    }

    /// The pseudonym of a practitioner; `fresh` becomes it where there is none. Also answers whether it was made now.
    ///
    /// # Errors
    /// The database failed.
    pub fn practitioner_or(
        &self,
        local_id: &str,
        fresh: PractitionerId,
    ) -> Result<(PractitionerId, bool), StoreError> {
        // Almost always known: asked without waiting for a writer.
        if let Some(known) = self.practitioner_of(local_id)? {
            return Ok((known, false));
        }
        self.write(|txn| {
            let key = local_id.as_bytes();
            if let Some(known) = format::get_in(txn, PRACTITIONERS, WHAT, key)? {
                return Ok((known, false));
            }
            format::put(txn, PRACTITIONERS, WHAT, key, &fresh)?;
            format::put(txn, PSEUDONYMS, WHAT, fresh.as_bytes(), &local_id)?;
            Ok((fresh, true))
        })
    }
}
