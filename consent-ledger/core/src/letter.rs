//! What two nodes say to each other about a patient who is searched for: a letter only the other can read, signed, about
//! exactly one request. Never on the ledger. See `docs/spec/patient-search.md`.

use crate::answer::{AnswerFault, signed_by_node};
use crate::envelope::{Strict, seal};
use crate::record::CoreError;
use crate::sealed::{KEY_BYTES, about, decoded, key};
use crate::signature::SigningKey;
use crate::store::StateRead;
use crate::view::View;
use prost::Message;
use sekisho_domain::{LedgerId, NetworkId, RequestId};
use sekisho_proto::{LETTER_TYPE, v1};

/// Who writes to whom, about which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correspondence<'a> {
    /// The access request's id.
    pub request_id: &'a RequestId,
    /// The writer.
    pub from: &'a NetworkId,
    /// The only reader.
    pub to: &'a NetworkId,
}

/// A sealed letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedLetter {
    /// The ledger.
    pub ledger: LedgerId,
    /// The access request's id.
    pub request_id: RequestId,
    /// The writer.
    pub from: NetworkId,
    /// The reader.
    pub to: NetworkId,
    /// RFC 9180 `enc`.
    pub encapsulated_key: [u8; KEY_BYTES],
    /// What is said.
    pub sealed: Vec<u8>,
    /// X25519: to whom the answer is to be sealed. In a search, never in an answer.
    pub reply_key: Option<[u8; KEY_BYTES]>,
}

impl SealedLetter {
    /// Signs it with the writer's node key.
    pub fn sign(&self, node: &SigningKey) -> v1::Envelope {
        seal(LETTER_TYPE, self.wire().encode_to_vec(), &[node])
    }

    /// Everything both ends know before it is opened: the letter without its key and content.
    pub fn header(&self) -> Vec<u8> {
        let known = v1::SealedLetter {
            encapsulated_key: Vec::new(),
            sealed: Vec::new(),
            ..self.wire()
        };
        known.encode_to_vec()
    }

    fn wire(&self) -> v1::SealedLetter {
        v1::SealedLetter {
            ledger: self.ledger.0.to_vec(),
            request_id: self.request_id.0.to_vec(),
            from: self.from.to_string(),
            to: self.to.to_string(),
            encapsulated_key: self.encapsulated_key.to_vec(),
            sealed: self.sealed.clone(),
            reply_key: self.reply_key.map(|key| key.to_vec()),
        }
    }

    /// Reads one, and checks that its writer signed it, to this reader, about exactly this request.
    ///
    /// # Errors
    /// Storage failed; or, inside, [`AnswerFault`], the first thing that is wrong.
    pub fn verify<S: StateRead>(
        view: View<'_, S>,
        envelope: &v1::Envelope,
        between: Correspondence<'_>,
    ) -> Result<Result<Self, AnswerFault>, CoreError<S::Error>> {
        if let Err(fault) = signed_by_node(view, &Strict, envelope, LETTER_TYPE, between.from)? {
            return Ok(Err(fault));
        }
        let ledger = view.meta()?.map(|meta| meta.ledger);
        let parse = || {
            let wire: v1::SealedLetter = decoded(envelope)?;
            let reply_key = wire.reply_key.as_deref().map(key).transpose()?;
            let said = Self {
                ledger: wire.ledger.as_slice().try_into()?,
                request_id: wire.request_id.as_slice().try_into()?,
                from: wire.from.parse()?,
                to: wire.to.parse()?,
                encapsulated_key: key(&wire.encapsulated_key)?,
                sealed: wire.sealed,
                reply_key,
            };
            about([
                (Some(said.ledger) == ledger, "ledger"),
                (said.request_id == *between.request_id, "request"),
                (said.from == *between.from, "network"),
                (said.to == *between.to, "reader"),
            ])?;
            Ok(said)
        };
        Ok(parse())
    }
}

#[cfg(test)]
#[path = "letter_test.rs"]
mod tests;
