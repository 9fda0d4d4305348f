//! The signed entries this node's people asked for, by request id: a retry sends the very same envelope (P5).

use super::{NodeStore, REQUESTS, StoreError, format, openings};
use prost::Message;
use sekisho_domain::{Hash, RequestId};
use sekisho_ledger::commitment::Opening;
use sekisho_proto::v1;

const WHAT: &str = "a request";

/// What was asked under a request id, and what was signed for it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRequest {
    /// SHA-256 over what the caller asked: another question under the same id is refused.
    pub asked: Hash,
    /// The signed entry.
    pub envelope: v1::Envelope,
}

impl NodeStore {
    /// What was signed under a request id.
    ///
    /// # Errors
    /// The database failed.
    pub fn request(&self, id: &RequestId) -> Result<Option<StoredRequest>, StoreError> {
        let stored: Option<(Hash, Vec<u8>)> =
            format::get(&self.read()?, REQUESTS, WHAT, id.as_bytes())?;
        stored
            .map(|(asked, bytes)| {
                let envelope = v1::Envelope::decode(bytes.as_slice())
                    .map_err(|_| StoreError::Damaged(WHAT))?;
                Ok(StoredRequest { asked, envelope })
            })
            .transpose()
    }

    /// Remembers, durably, what was signed under a request id and what opens its commitments; only then may the
    /// envelope leave.
    ///
    /// # Errors
    /// The database failed.
    pub fn put_request(
        &self,
        id: &RequestId,
        request: &StoredRequest,
        openings: &[Opening],
    ) -> Result<(), StoreError> {
        let stored = (request.asked, request.envelope.encode_to_vec());
        self.write(|txn| {
            openings::put(txn, openings)?;
            format::put(txn, REQUESTS, WHAT, id.as_bytes(), &stored)
        })
    }
}
