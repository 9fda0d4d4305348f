//! The signed entries this node's people asked for, by request id: a retry sends the very same envelope (P5).

use super::{NodeStore, REQUESTS, StoreError, format, openings, sealed, subjects};
use prost::Message;
use redb::WriteTransaction;
use sekisho_domain::{Commitment, Hash, RequestId, SubjectId};
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

/// Digest of what was asked, encoded envelope.
type Stored = (Hash, Vec<u8>);

/// What goes with a request.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    /// The network's own subject it is about.
    pub about: &'a SubjectId,
    /// What opens its commitments.
    pub openings: &'a [Opening],
    /// The commitment among them that is to a sealed reservation.
    pub sealed: Option<&'a Commitment>,
}

impl NodeStore {
    /// What was signed under a request id.
    ///
    /// # Errors
    /// The database failed.
    pub fn request(&self, id: &RequestId) -> Result<Option<StoredRequest>, StoreError> {
        let stored: Option<Stored> = format::get(&self.read()?, REQUESTS, WHAT, id.as_bytes())?;
        stored
            .map(|(asked, bytes)| {
                let envelope = v1::Envelope::decode(bytes.as_slice())
                    .map_err(|_| StoreError::Damaged(WHAT))?;
                Ok(StoredRequest { asked, envelope })
            })
            .transpose()
    }

    /// Remembers, durably, what was signed under a request id and what goes with it; only then may the envelope
    /// leave.
    ///
    /// # Errors
    /// [`StoreError::Erased`] if its subject was erased, [`StoreError::Full`] for one sealed reservation too many;
    /// or the database failed.
    pub fn put_request(
        &self,
        id: &RequestId,
        request: &StoredRequest,
        kept: &Kept<'_>,
    ) -> Result<(), StoreError> {
        self.write(|txn| {
            subjects::check(txn, kept.about)?;
            openings::put(txn, kept.about, kept.openings)?;
            if let Some(commitment) = kept.sealed {
                sealed::put(txn, kept.about, id, commitment)?;
            }
            subjects::put(txn, kept.about, subjects::REQUEST, id.as_bytes())?;
            put(txn, id, request)
        })
    }

    /// Remembers, durably, what was signed anew under a request id, saying the same.
    ///
    /// # Errors
    /// [`StoreError::Erased`] if the request is no longer there; or the database failed.
    pub fn put_request_again(
        &self,
        id: &RequestId,
        request: &StoredRequest,
    ) -> Result<(), StoreError> {
        self.write(
            |txn| match format::get_in::<Stored>(txn, REQUESTS, WHAT, id.as_bytes())? {
                Some(_) => put(txn, id, request),
                None => Err(StoreError::Erased),
            },
        )
    }
}

fn put(txn: &WriteTransaction, id: &RequestId, request: &StoredRequest) -> Result<(), StoreError> {
    let stored: Stored = (request.asked, request.envelope.encode_to_vec());
    format::put(txn, REQUESTS, WHAT, id.as_bytes(), &stored)
}
