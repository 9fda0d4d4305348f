//! A disclosing node's signed word about its answer, by which a viewing node sees that a broker neither added,
//! dropped nor altered anything (P8).

use crate::dsse;
use crate::envelope::seal;
use crate::record::CoreError;
use crate::signature::{Signature, SigningKey, VerifyingKey};
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

/// Hash over an answer, as it is sent and as it is received: each document entry's encoding, preceded by its
/// length (8 bytes, big endian); for a retrieved document its entry and then the content's SHA-256.
#[derive(Debug, Clone, Default)]
pub struct AnswerHash(Sha256);

impl AnswerHash {
    /// Adds a document's entry.
    pub fn entry(&mut self, entry: &v1::DocumentEntry) {
        let bytes = entry.encode_to_vec();
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }
    /// Adds a retrieved document's content, by its SHA-256.
    pub fn content(&mut self, sha256: &Hash) {
        self.0.update(sha256.0);
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
    #[error("payload type {0:?} is not {ANSWER_TYPE}")]
    PayloadType(String),
    /// It does not carry exactly one signature.
    #[error("an answer carries one signature, this one {0}")]
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
    /// Not an answer statement.
    #[error("the payload is not an answer statement: {0}")]
    Payload(String),
    /// A value that does not fit its type.
    #[error("in the statement: {0}")]
    Domain(#[from] DomainError),
    /// It is about another ledger, request or network.
    #[error("the statement is about another {0}")]
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
    /// answer that came with it is for the caller to compare.
    ///
    /// # Errors
    /// Storage failed; or, inside, [`AnswerFault`], the first thing that is wrong.
    pub fn verify<S: StateRead>(
        view: View<'_, S>,
        envelope: &v1::Envelope,
        access: EntryIndex,
        request_id: &RequestId,
        network: &NetworkId,
    ) -> Result<Result<Self, AnswerFault>, CoreError<S::Error>> {
        let (statement, id) = match parse(envelope) {
            Ok(parsed) => parsed,
            Err(fault) => return Ok(Err(fault)),
        };
        let key = view.key(&id)?.map(|record| record.value);
        let valid = key.filter(|k| {
            k.network == *network && k.purpose == KeyPurpose::Node && k.revoked.is_none()
        });
        let Some(key) = valid else {
            return Ok(Err(AnswerFault::Key {
                key: id,
                network: network.clone(),
            }));
        };
        let signature = envelope
            .signatures
            .first()
            .map(|s| s.signature.as_slice())
            .unwrap_or_default();
        let holds = VerifyingKey::parse(&key.public_key).and_then(|key| {
            dsse::verify(
                &key,
                ANSWER_TYPE,
                &envelope.payload,
                &Signature::try_from(signature)?,
            )
        });
        if holds.is_err() {
            return Ok(Err(AnswerFault::BadSignature(id)));
        }
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

fn parse(envelope: &v1::Envelope) -> Result<(Statement, KeyId), AnswerFault> {
    if envelope.payload_type != ANSWER_TYPE {
        return Err(AnswerFault::PayloadType(
            envelope.payload_type.chars().take(80).collect(),
        ));
    }
    let [signature] = envelope.signatures.as_slice() else {
        return Err(AnswerFault::SignatureCount(envelope.signatures.len()));
    };
    let id = KeyId::try_from(signature.key_id.as_slice())?;
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
    Ok((statement, id))
}
