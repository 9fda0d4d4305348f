//! A disclosing node's signed word about its answer, by which a viewing node sees that a broker neither added,
//! dropped nor altered anything (P8).

use crate::dsse;
use crate::envelope::{SignatureCheck, seal};
use crate::record::CoreError;
use crate::signature::{Signature, SigningKey};
use crate::store::StateRead;
use crate::view::View;
use prost::Message;
use sekisho_domain::{
    DomainError, EntryIndex, Hash, KeyId, KeyPurpose, LedgerId, NetworkId, NetworkOutcome,
    RequestId,
};
use sekisho_proto::{ANSWER_TYPE, v1};
use sha2::{Digest, Sha256};

/// What a node says it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The ledger.
    pub ledger: LedgerId,
    /// The access request's index.
    pub access: EntryIndex,
    /// Its request id.
    pub request_id: RequestId,
    /// The network that answers.
    pub network: NetworkId,
    /// `Answered` or `PatientUnknown`; a node signs nothing else.
    pub outcome: NetworkOutcome,
    /// See [`AnswerHash`].
    pub answer_hash: Hash,
}

/// Hash over an answer, as it is sent and as it is received: each document entry as its node encoded it, preceded by its
/// length (8 bytes, big endian); for a retrieved document the encoding of its
/// [`SealedDocument`](crate::sealed::SealedDocument) and then the hash over its chunks' tags
/// ([`ChunkTags`](crate::sealed::ChunkTags)).
#[derive(Debug, Clone, Default)]
pub struct AnswerHash(Sha256);

impl AnswerHash {
    /// Adds a document's entry: a `DocumentEntry` as its node encoded it.
    pub fn entry(&mut self, encoded: &[u8]) {
        self.bytes(encoded);
    }
    /// Adds a retrieved document: its signed header's payload, and the hash over its chunks' tags.
    pub fn sealed(&mut self, header: &[u8], chunks: &Hash) {
        self.bytes(header);
        self.0.update(chunks.0);
    }
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }
    /// The hash over all of it.
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

/// Why an envelope is not the word of that network about that request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// Another payload type.
    #[error("payload type {0:?} is not the one expected")]
    PayloadType(String),
    /// It does not carry exactly one signature.
    #[error("what a node signs carries one signature, this {0}")]
    SignatureCount(usize),
    /// The key is none of that network's node keys, or is revoked.
    #[error("key {key} is not a valid node key of {network}")]
    Key {
        /// The key it names.
        key: KeyId,
        /// The network that should have signed.
        network: NetworkId,
    },
    /// The signature does not hold.
    #[error("the signature by key {0} does not hold")]
    BadSignature(KeyId),
    /// The payload is not what its type says.
    #[error("the payload is not what its type says: {0}")]
    Payload(String),
    /// A value that does not fit its type.
    #[error("in the statement: {0}")]
    Domain(#[from] DomainError),
    /// It is about another ledger, request or network.
    #[error("it is about another {0}")]
    About(&'static str),
    /// A node signs only what it answered.
    #[error("a node does not sign the outcome {0}")]
    Outcome(&'static str),
}

impl Statement {
    /// Signs it with the network's node key.
    pub fn sign(&self, key: &SigningKey) -> v1::Envelope {
        let payload = v1::AnswerStatement {
            ledger: self.ledger.0.to_vec(),
            access: self.access.0,
            request_id: self.request_id.0.to_vec(),
            network: self.network.to_string(),
            outcome: Some((&self.outcome).into()),
            answer_hash: self.answer_hash.0.to_vec(),
        };
        seal(ANSWER_TYPE, payload.encode_to_vec(), &[key])
    }

    /// Reads a statement and checks that `network` signed it, about exactly this request. Whether it fits the
    /// answer that came with it is for the caller to compare. Of these there are many, and a broker and the node beside
    /// it look at the same ones, hence `checks` where a replica remembers them.
    ///
    /// # Errors
    /// Storage failed; or, inside, [`AnswerFault`], the first thing that is wrong.
    pub fn verify<S: StateRead>(
        view: View<'_, S>,
        checks: &dyn SignatureCheck,
        envelope: &v1::Envelope,
        access: EntryIndex,
        request_id: &RequestId,
        network: &NetworkId,
    ) -> Result<Result<Self, AnswerFault>, CoreError<S::Error>> {
        if let Err(fault) = signed_by_node(view, checks, envelope, ANSWER_TYPE, network)? {
            return Ok(Err(fault));
        }
        let statement = match parse(envelope) {
            Ok(parsed) => parsed,
            Err(fault) => return Ok(Err(fault)),
        };
        let ledger = view.meta()?.map(|meta| meta.ledger);
        let about = [
            (Some(statement.ledger) == ledger, "ledger"),
            (
                statement.access == access && statement.request_id == *request_id,
                "request",
            ),
            (statement.network == *network, "network"),
        ];
        Ok(match about.into_iter().find(|(same, _)| !same) {
            Some((_, what)) => Err(AnswerFault::About(what)),
            None => Ok(statement),
        })
    }
}

/// Whether an envelope of this type carries one signature, by a valid node key of that network, which holds.
pub(crate) fn signed_by_node<S: StateRead>(
    view: View<'_, S>,
    checks: &dyn SignatureCheck,
    envelope: &v1::Envelope,
    payload_type: &str,
    network: &NetworkId,
) -> Result<Result<(), AnswerFault>, CoreError<S::Error>> {
    if envelope.payload_type != payload_type {
        let found = envelope.payload_type.chars().take(80).collect();
        return Ok(Err(AnswerFault::PayloadType(found)));
    }
    let [signature] = envelope.signatures.as_slice() else {
        return Ok(Err(AnswerFault::SignatureCount(envelope.signatures.len())));
    };
    let id = match KeyId::try_from(signature.key_id.as_slice()) {
        Ok(id) => id,
        Err(fault) => return Ok(Err(fault.into())),
    };
    let key = view.key(&id)?.map(|record| record.value);
    let valid = key
        .filter(|k| k.network == *network && k.purpose == KeyPurpose::Node && k.revoked.is_none());
    let Some(key) = valid else {
        let network = network.clone();
        return Ok(Err(AnswerFault::Key { key: id, network }));
    };
    let message = dsse::pae(payload_type, &envelope.payload);
    let holds = Signature::try_from(signature.signature.as_slice())
        .is_ok_and(|signature| checks.holds(&key.public_key, &message, &signature));
    Ok(holds.then_some(()).ok_or(AnswerFault::BadSignature(id)))
}

fn parse(envelope: &v1::Envelope) -> Result<Statement, AnswerFault> {
    let wire = v1::AnswerStatement::decode(envelope.payload.as_slice())
        .map_err(|e| AnswerFault::Payload(e.to_string()))?;
    let outcome =
        NetworkOutcome::try_from(wire.outcome.ok_or(DomainError::Missing("the outcome"))?)?;
    if !matches!(
        outcome,
        NetworkOutcome::Answered { .. } | NetworkOutcome::PatientUnknown
    ) {
        return Err(AnswerFault::Outcome(outcome.code()));
    }
    let statement = Statement {
        ledger: wire.ledger.as_slice().try_into()?,
        access: EntryIndex(wire.access),
        request_id: wire.request_id.as_slice().try_into()?,
        network: wire.network.parse()?,
        outcome,
        answer_hash: wire.answer_hash.as_slice().try_into()?,
    };
    Ok(statement)
}
