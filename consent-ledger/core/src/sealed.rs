//! What two nodes sign so that a document travels sealed between them, whoever carries it: the viewing one, to whom;
//! the disclosing one, what. Neither is on the ledger; both are believed by the keys on it.
//!
//! Sealing itself (RFC 9180) is the nodes' own. See `docs/spec/sealed-documents.md`.

use crate::answer::{AnswerFault, signed_by_node};
use crate::envelope::{Strict, seal};
use crate::record::CoreError;
use crate::signature::SigningKey;
use crate::store::StateRead;
use crate::view::View;
use prost::Message;
use sekisho_domain::{DomainError, EntryIndex, Hash, LedgerId, NetworkId, RequestId};
use sekisho_proto::{SEALED_TYPE, SEALING_KEY_TYPE, v1};
use sha2::{Digest, Sha256};

/// Length of an X25519 public key and of an encapsulated key (RFC 9180 §7.1, `Npk` and `Nenc`).
pub const KEY_BYTES: usize = 32;

/// Bytes of a sealed chunk at most: all chunks but the last have as many.
pub const CHUNK_BYTES: usize = 1 << 20;
/// Bytes sealing adds to a chunk (AES-256-GCM, RFC 9180 §7.3, `Nt`).
pub const TAG_BYTES: usize = 16;
/// Bytes of a document in one chunk.
pub const PLAIN_BYTES: usize = CHUNK_BYTES - TAG_BYTES;

/// Into how many chunks a document of so many bytes is cut: at least one, so that an empty one ends too.
pub fn chunks_of(size_bytes: u64) -> u64 {
    size_bytes.div_ceil(PLAIN_BYTES as u64).max(1)
}

/// Bytes of the sealed chunks from one on; none if there is no such chunk.
pub fn sealed_bytes(size_bytes: u64, from_chunk: u64) -> Option<u64> {
    let before = from_chunk.checked_mul(PLAIN_BYTES as u64)?;
    let left = chunks_of(size_bytes)
        .checked_sub(from_chunk)
        .filter(|left| *left > 0)?;
    let tags = left.checked_mul(TAG_BYTES as u64)?;
    size_bytes.checked_sub(before)?.checked_add(tags)
}

/// Hash over an answer's sealed chunks: the SHA-256 of their tags, in order. Whoever has the key opens no chunk under a tag
/// that the sealing node did not make, so the tags stand for the chunks, and nobody hashes a document's bytes for it again.
#[derive(Debug, Clone, Default)]
pub struct ChunkTags(Sha256);

impl ChunkTags {
    /// Adds a chunk; one that is shorter than a tag opens nowhere, and counts whole.
    pub fn chunk(&mut self, sealed: &[u8]) {
        let tag = sealed.len().saturating_sub(TAG_BYTES);
        self.0.update(sealed.get(tag..).unwrap_or_default());
    }
    /// The hash over all of them.
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

/// To whom an answer is to be sealed: a key the viewing node made for this one retrieval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingKey {
    /// The ledger.
    pub ledger: LedgerId,
    /// The access request's id.
    pub request_id: RequestId,
    /// The viewing network.
    pub network: NetworkId,
    /// X25519.
    pub public_key: [u8; KEY_BYTES],
}

/// Which document follows, and what its chunks are sealed with.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedDocument {
    /// The ledger.
    pub ledger: LedgerId,
    /// The access request's index.
    pub access: EntryIndex,
    /// Its request id.
    pub request_id: RequestId,
    /// The disclosing network.
    pub network: NetworkId,
    /// The document's entry.
    pub document: v1::DocumentEntry,
    /// RFC 9180 `enc`.
    pub encapsulated_key: [u8; KEY_BYTES],
    /// The first chunk that follows, from 0.
    pub from_chunk: u64,
}

pub(crate) fn key(bytes: &[u8]) -> Result<[u8; KEY_BYTES], AnswerFault> {
    let length = AnswerFault::Domain(DomainError::Invalid("a sealing key is 32 bytes"));
    bytes.try_into().map_err(|_| length)
}

/// The first thing that is not the same.
pub(crate) fn about<const N: usize>(same: [(bool, &'static str); N]) -> Result<(), AnswerFault> {
    match same.into_iter().find(|(same, _)| !same) {
        Some((_, what)) => Err(AnswerFault::About(what)),
        None => Ok(()),
    }
}

pub(crate) fn decoded<T: Message + Default>(envelope: &v1::Envelope) -> Result<T, AnswerFault> {
    T::decode(envelope.payload.as_slice()).map_err(|e| AnswerFault::Payload(e.to_string()))
}

impl SealingKey {
    /// Signs it with the viewing network's node key.
    pub fn sign(&self, node: &SigningKey) -> v1::Envelope {
        let payload = v1::SealingKey {
            ledger: self.ledger.0.to_vec(),
            request_id: self.request_id.0.to_vec(),
            network: self.network.to_string(),
            public_key: self.public_key.to_vec(),
        };
        seal(SEALING_KEY_TYPE, payload.encode_to_vec(), &[node])
    }

    /// Reads one, and checks that `viewing` signed it for exactly this request.
    ///
    /// # Errors
    /// Storage failed; or, inside, [`AnswerFault`], the first thing that is wrong.
    pub fn verify<S: StateRead>(
        view: View<'_, S>,
        envelope: &v1::Envelope,
        request_id: &RequestId,
        viewing: &NetworkId,
    ) -> Result<Result<Self, AnswerFault>, CoreError<S::Error>> {
        if let Err(fault) = signed_by_node(view, &Strict, envelope, SEALING_KEY_TYPE, viewing)? {
            return Ok(Err(fault));
        }
        let ledger = view.meta()?.map(|meta| meta.ledger);
        let parse = || {
            let wire: v1::SealingKey = decoded(envelope)?;
            let said = Self {
                ledger: wire.ledger.as_slice().try_into()?,
                request_id: wire.request_id.as_slice().try_into()?,
                network: wire.network.parse()?,
                public_key: key(&wire.public_key)?,
            };
            about([
                (Some(said.ledger) == ledger, "ledger"),
                (said.request_id == *request_id, "request"),
                (said.network == *viewing, "network"),
            ])?;
            Ok(said)
        };
        Ok(parse())
    }
}

impl SealedDocument {
    /// Signs it with the disclosing network's node key.
    pub fn sign(&self, node: &SigningKey) -> v1::Envelope {
        let payload = v1::SealedDocument {
            ledger: self.ledger.0.to_vec(),
            access: self.access.0,
            request_id: self.request_id.0.to_vec(),
            network: self.network.to_string(),
            document: Some(self.document.clone()),
            encapsulated_key: self.encapsulated_key.to_vec(),
            from_chunk: self.from_chunk,
        };
        seal(SEALED_TYPE, payload.encode_to_vec(), &[node])
    }

    /// Reads one without believing it: what a carrier may look at.
    ///
    /// # Errors
    /// [`AnswerFault`], the first thing that is wrong with its form.
    pub fn parse(envelope: &v1::Envelope) -> Result<Self, AnswerFault> {
        if envelope.payload_type != SEALED_TYPE {
            let found = envelope.payload_type.chars().take(80).collect();
            return Err(AnswerFault::PayloadType(found));
        }
        let wire: v1::SealedDocument = decoded(envelope)?;
        Ok(Self {
            ledger: wire.ledger.as_slice().try_into()?,
            access: EntryIndex(wire.access),
            request_id: wire.request_id.as_slice().try_into()?,
            network: wire.network.parse()?,
            document: wire
                .document
                .ok_or(DomainError::Missing("the document's entry"))?,
            encapsulated_key: key(&wire.encapsulated_key)?,
            from_chunk: wire.from_chunk,
        })
    }

    /// Reads one, and checks that `disclosing` signed it about exactly this request.
    ///
    /// # Errors
    /// Storage failed; or, inside, [`AnswerFault`], the first thing that is wrong.
    pub fn verify<S: StateRead>(
        view: View<'_, S>,
        envelope: &v1::Envelope,
        access: EntryIndex,
        request_id: &RequestId,
        disclosing: &NetworkId,
    ) -> Result<Result<Self, AnswerFault>, CoreError<S::Error>> {
        if let Err(fault) = signed_by_node(view, &Strict, envelope, SEALED_TYPE, disclosing)? {
            return Ok(Err(fault));
        }
        let ledger = view.meta()?.map(|meta| meta.ledger);
        let parse = || {
            let said = Self::parse(envelope)?;
            about([
                (Some(said.ledger) == ledger, "ledger"),
                (said.access == access, "request"),
                (said.request_id == *request_id, "request"),
                (said.network == *disclosing, "network"),
            ])?;
            Ok(said)
        };
        Ok(parse())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_a_document_and_nothing_else() {
        let plain = PLAIN_BYTES as u64;
        for (size, chunks) in [(0, 1), (1, 1), (plain, 1), (plain + 1, 2), (3 * plain, 3)] {
            assert_eq!(chunks_of(size), chunks, "{size}");
            assert_eq!(sealed_bytes(size, 0), Some(size + chunks * 16), "{size}");
            let last = size - (chunks - 1) * plain;
            assert_eq!(sealed_bytes(size, chunks - 1), Some(last + 16), "{size}");
            assert_eq!(sealed_bytes(size, chunks), None, "{size}");
        }
        assert_eq!(sealed_bytes(u64::MAX, 0), None);
        assert_eq!(sealed_bytes(7, u64::MAX), None);
    }
}
