//! What became of an entry, and how it is said to another replica.

use super::SubmitError;
use sekisho_domain::{EntryIndex, Hash, Outcome, TimeMs};
use sekisho_ledger::tlog::Acknowledgement;
use sekisho_proto::v1;
use std::error::Error;

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// Its place in the tree.
    pub index: EntryIndex,
    /// Its stamped time.
    pub time: TimeMs,
    /// What it came to.
    pub outcome: Outcome,
    /// Whether the ledger had it already.
    pub duplicate: bool,
    /// Its RFC 6962 leaf hash.
    pub leaf_hash: Hash,
    /// The leader's word for it, where it was asked for.
    pub acknowledgement: Option<Acknowledgement>,
}

impl From<Submitted> for v1::SubmitReply {
    fn from(submitted: Submitted) -> Self {
        Self {
            index: submitted.index.0,
            time_ms: submitted.time.0,
            outcome: Some((&submitted.outcome).into()),
            duplicate: submitted.duplicate,
            leaf_hash: submitted.leaf_hash.0.to_vec(),
            acknowledgement: submitted.acknowledgement.map(|said| v1::Acknowledgement {
                by: said.by.0.to_vec(),
                signature: said.signature.0.to_vec(),
            }),
        }
    }
}

impl TryFrom<v1::SubmitReply> for Submitted {
    type Error = SubmitError;
    fn try_from(reply: v1::SubmitReply) -> Result<Self, SubmitError> {
        let malformed = |error: &dyn Error| SubmitError::Malformed(error.to_string());
        let outcome = reply
            .outcome
            .ok_or(SubmitError::Malformed("it has no outcome".to_owned()))?;
        let acknowledgement = match reply.acknowledgement {
            Some(v1::Acknowledgement { by, signature }) => {
                let by = by.as_slice().try_into();
                let signature = signature.as_slice().try_into();
                Some(Acknowledgement {
                    by: by.map_err(|error| malformed(&error))?,
                    signature: signature.map_err(|error| malformed(&error))?,
                })
            }
            None => None,
        };
        Ok(Self {
            index: EntryIndex(reply.index),
            time: TimeMs(reply.time_ms),
            outcome: outcome.try_into().map_err(|error| malformed(&error))?,
            duplicate: reply.duplicate,
            leaf_hash: reply
                .leaf_hash
                .as_slice()
                .try_into()
                .map_err(|error| malformed(&error))?,
            acknowledgement,
        })
    }
}
