//! Leaves: an entry with its outcome, as hashed into the tree.

use crate::envelope::{EntryFault, form};
use prost::Message;
use prost::encoding::message;
use sekisho_domain::{DomainError, Entry, EntryIndex, Hash, Outcome, TimeMs};
use sekisho_proto::v1;

/// The version of the leaf's layout.
pub const LEAF_VERSION: u32 = 1;
/// The number of `envelope` in `v1.Leaf`: after version, index and time, before the rest.
const ENVELOPE_FIELD: u32 = 4;
/// The longest leaf: what an entry of a C2SP tlog-tiles bundle can hold.
pub const LEAF_BYTES_MAX: usize = 65_535;

/// A decoded leaf, with the envelope as it was signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// Its position in the tree.
    pub index: EntryIndex,
    /// The stamped time of its batch.
    pub time: TimeMs,
    /// The signed entry, as it was signed.
    pub envelope: v1::Envelope,
    /// The entry.
    pub entry: Entry,
    /// What it came to.
    pub outcome: Outcome,
    /// Running digest of every state write up to and including this leaf.
    pub state_digest: Hash,
}

/// Why bytes are not a leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// Longer than a leaf can be; not looked at.
    #[error("{got_bytes} bytes, a leaf is at most {LEAF_BYTES_MAX}")]
    TooLarge {
        /// Bytes given.
        got_bytes: usize,
    },
    /// Not this message at all.
    #[error("not a protobuf leaf: {0}")]
    Protobuf(String),
    /// Another layout.
    #[error("leaf version {0}, this software knows {LEAF_VERSION}")]
    Version(u32),
    /// Not the encoding this software writes: something was added, left out or reordered.
    #[error("the bytes are not the canonical encoding of the leaf they decode to")]
    NotCanonical,
    /// A value that does not fit its type.
    #[error("in the leaf: {0}")]
    Domain(#[from] DomainError),
    /// An entry that is not in the right form.
    #[error("in its entry: {0}")]
    Entry(Box<EntryFault>),
}

/// The leaf's bytes: those of its fields one after the other, so that the envelope need not be copied into a message.
pub(crate) fn encode(
    index: EntryIndex,
    time: TimeMs,
    envelope: &v1::Envelope,
    outcome: &Outcome,
    state_digest: &Hash,
) -> Vec<u8> {
    let before = v1::Leaf {
        version: LEAF_VERSION,
        index: index.0,
        time_ms: time.0,
        ..v1::Leaf::default()
    };
    let after = v1::Leaf {
        outcome: Some(outcome.into()),
        state_digest: state_digest.0.to_vec(),
        ..v1::Leaf::default()
    };
    let in_place = message::encoded_len(ENVELOPE_FIELD, envelope);
    let mut bytes = Vec::with_capacity(before.encoded_len() + in_place + after.encoded_len());
    before.encode_raw(&mut bytes);
    message::encode(ENVELOPE_FIELD, envelope, &mut bytes);
    after.encode_raw(&mut bytes);
    bytes
}

impl Leaf {
    /// Reads a leaf. Checks its form and its entry's, not its signature or place: those are proved elsewhere.
    ///
    /// # Errors
    /// [`LeafError`], saying what is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, LeafError> {
        if bytes.len() > LEAF_BYTES_MAX {
            return Err(LeafError::TooLarge {
                got_bytes: bytes.len(),
            });
        }
        let leaf = v1::Leaf::decode(bytes).map_err(|e| LeafError::Protobuf(e.to_string()))?;
        if leaf.version != LEAF_VERSION {
            return Err(LeafError::Version(leaf.version));
        }
        let envelope = leaf.envelope.ok_or(DomainError::Missing("the envelope"))?;
        let decoded = Self {
            index: EntryIndex(leaf.index),
            time: TimeMs(leaf.time_ms),
            entry: form(&envelope)
                .map_err(|fault| LeafError::Entry(Box::new(fault)))?
                .entry,
            envelope,
            outcome: leaf
                .outcome
                .ok_or(DomainError::Missing("the outcome"))?
                .try_into()?,
            state_digest: leaf.state_digest.as_slice().try_into()?,
        };
        // Compared with what the *domain* values encode to: an outcome's sets unsorted or with doubles are refused.
        if decoded.encode() != bytes {
            return Err(LeafError::NotCanonical);
        }
        Ok(decoded)
    }

    fn encode(&self) -> Vec<u8> {
        encode(
            self.index,
            self.time,
            &self.envelope,
            &self.outcome,
            &self.state_digest,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::SigningKey;

    #[test]
    fn its_bytes_are_those_of_the_whole_message() {
        let key = SigningKey::from_secret(&[1; 32]);
        for (n, payload) in [(0, vec![]), (7, vec![3; 300]), (u64::MAX, vec![0; 60_000])] {
            let envelope = crate::seal("type", payload, &[&key]);
            let (index, time, digest) = (EntryIndex(n), TimeMs(n), Hash([9; 32]));
            let whole = v1::Leaf {
                version: LEAF_VERSION,
                index: index.0,
                time_ms: time.0,
                envelope: Some(envelope.clone()),
                outcome: Some((&Outcome::Accepted).into()),
                state_digest: digest.0.to_vec(),
            };
            let bytes = encode(index, time, &envelope, &Outcome::Accepted, &digest);
            assert_eq!(bytes, whole.encode_to_vec());
        }
    }
}
