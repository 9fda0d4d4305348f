//! The statement by which networks go on after a quorum was lost for good: made and signed one by one, offline; and
//! what it means for receipts of the lineage that ended.

use crate::dsse;
use crate::envelope::{EntryFault, Formed, SignatureCheck, Strict, form};
use crate::genesis::{ledger_id, voter_name};
use crate::leaf::Leaf;
use crate::note::KeyName;
use crate::signature::{Signature, SigningKey, key_id};
use crate::{ProofError, sign_entry};
use prost::Message;
use sekisho_domain::{
    Body, Entry, EntryIndex, Genesis, Hash, LedgerId, NetworkId, PublicKey, Recovery, ReplicaId,
    RequestId, TimeMs,
};
use sekisho_proto::{ENTRY_TYPE, v1};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Why a statement cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementFault {
    /// It is no entry.
    #[error(transparent)]
    Entry(#[from] EntryFault),
    /// It is an entry of another kind.
    #[error("it is an entry, but no recovery")]
    NotARecovery,
    /// It is of another ledger.
    #[error("it is of ledger {got}, not of {expected}")]
    OtherLedger {
        /// Of which.
        got: LedgerId,
        /// Of which it should be.
        expected: LedgerId,
    },
    /// This key has signed it already.
    #[error("this governance key has signed it already")]
    SignedAlready,
    /// Too few networks signed.
    #[error("{got} of {of} networks signed it, at least two thirds must")]
    TooFew {
        /// How many did.
        got: usize,
        /// How many networks there are.
        of: usize,
    },
    /// A signature does not hold.
    #[error("a signature on it does not hold")]
    Signature,
    /// What would be a name on checkpoints.
    #[error("a seat: {0}")]
    Name(String),
}

/// A statement, signed by some; not checked against who may.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    envelope: v1::Envelope,
    entry: Entry,
    recovery: Recovery,
}

/// Where a receipt's entry is, seen from a recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is in the prefix that was kept.
    Kept,
    /// It was on the ledger, and the recovery went on without it: a proof of the loss.
    Lost,
    /// It was put in order after the recovery.
    Later,
}

impl Statement {
    /// Makes one, signed by its author's governance key. `time` is the instant its leaf is stamped with.
    pub fn new(
        ledger: LedgerId,
        lineage: u64,
        recovery: Recovery,
        time: TimeMs,
        author: &SigningKey,
    ) -> Self {
        let body = Body::Recovery(recovery.clone());
        // The same statement by the same author is the same entry.
        let said = v1::Entry {
            body: Some((&body).into()),
            ..v1::Entry::default()
        };
        let digest = Sha256::digest(said.encode_to_vec());
        let mut request_id = [0; RequestId::LEN];
        request_id
            .iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        let entry = Entry {
            ledger,
            lineage,
            author: author.key_id(),
            request_id: RequestId(request_id),
            claimed_time: time,
            not_before: time,
            not_after: time.plus_ms(Entry::WINDOW_MS_MAX),
            body,
        };
        Self {
            envelope: sign_entry(&entry, &[author]),
            entry,
            recovery,
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`StatementFault`].
    pub fn of(envelope: v1::Envelope) -> Result<Self, StatementFault> {
        let Formed { entry, .. } = form(&envelope)?;
        let Body::Recovery(recovery) = entry.body.clone() else {
            return Err(StatementFault::NotARecovery);
        };
        Ok(Self {
            envelope,
            entry,
            recovery,
        })
    }

    /// Reads the bytes of one.
    ///
    /// # Errors
    /// [`StatementFault`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementFault> {
        let envelope = v1::Envelope::decode(bytes);
        Self::of(envelope.map_err(|e| EntryFault::Protobuf(e.to_string()))?)
    }

    /// Its bytes: an encoded envelope.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.envelope.encode_to_vec()
    }

    /// The envelope, as it is put in order.
    pub fn envelope(&self) -> &v1::Envelope {
        &self.envelope
    }

    /// What it says.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The lineage it begins.
    pub fn lineage(&self) -> u64 {
        self.entry.lineage
    }

    /// Which ledger.
    pub fn ledger(&self) -> LedgerId {
        self.entry.ledger
    }

    /// The instant its leaf is stamped with: the same on every machine that starts from it.
    pub fn time(&self) -> TimeMs {
        self.entry.claimed_time
    }

    /// Adds a governance key's signature.
    ///
    /// # Errors
    /// [`StatementFault::SignedAlready`].
    pub fn sign(&mut self, key: &SigningKey) -> Result<(), StatementFault> {
        let id = key.key_id().0.to_vec();
        if self.envelope.signatures.iter().any(|s| s.key_id == id) {
            return Err(StatementFault::SignedAlready);
        }
        let signature = dsse::sign(key, ENTRY_TYPE, &self.envelope.payload);
        self.envelope.signatures.push(v1::Signature {
            key_id: id,
            signature: signature.0.to_vec(),
        });
        Ok(())
    }

    /// The replicas that go on, as the ledger will know them.
    pub fn replicas(&self) -> Vec<(ReplicaId, NetworkId)> {
        let first = ReplicaId::allocated(self.lineage(), EntryIndex(self.recovery.size));
        let seats = (0..).zip(&self.recovery.seats);
        seats
            .map(|(n, seat)| (ReplicaId(first.0 + n), seat.network.clone()))
            .collect()
    }

    /// The replica of a checkpoint key, if it is among them.
    pub fn replica_of(&self, checkpoint_key: &PublicKey) -> Option<ReplicaId> {
        let seats = self.recovery.seats.iter().zip(self.replicas());
        seats
            .filter(|(seat, _)| seat.checkpoint_key == *checkpoint_key)
            .map(|(_, (id, _))| id)
            .next()
    }

    /// Which of these networks signed, each with its governance key.
    ///
    /// # Errors
    /// A signature by one of these keys does not hold.
    pub fn signed_by<'a>(
        &self,
        governance: impl IntoIterator<Item = (&'a NetworkId, &'a PublicKey)>,
    ) -> Result<BTreeSet<NetworkId>, StatementFault> {
        let message = dsse::pae(&self.envelope.payload_type, &self.envelope.payload);
        let mut signed = BTreeSet::new();
        for (network, key) in governance {
            let id = key_id(key);
            let by = |s: &&v1::Signature| s.key_id == id.0;
            let Some(signature) = self.envelope.signatures.iter().find(by) else {
                continue;
            };
            let signature = Signature::try_from(signature.signature.as_slice());
            if !signature.is_ok_and(|signature| Strict.holds(key, &message, &signature)) {
                return Err(StatementFault::Signature);
            }
            signed.insert(network.clone());
        }
        Ok(signed)
    }

    /// Checks it for somebody who has nothing but the founding file: at least two thirds of the founding networks
    /// signed it, each with the governance key it founded the ledger with.
    ///
    /// # Errors
    /// [`StatementFault`].
    pub fn verify(&self, genesis: &Genesis) -> Result<(), StatementFault> {
        let (got, expected) = (self.ledger(), ledger_id(genesis));
        if got != expected {
            return Err(StatementFault::OtherLedger { got, expected });
        }
        let keys = genesis.networks.iter().map(|n| (&n.id, &n.governance_key));
        let (got, of) = (self.signed_by(keys)?.len(), genesis.networks.len());
        if 3 * got < 2 * of {
            return Err(StatementFault::TooFew { got, of });
        }
        Ok(())
    }

    /// The voters of the lineage it begins, as they appear on checkpoints.
    ///
    /// # Errors
    /// A name would not be one on checkpoints; ids of networks always are.
    pub fn voters(&self) -> Result<Vec<(KeyName, PublicKey)>, StatementFault> {
        let seats = self.recovery.seats.iter().zip(self.replicas());
        let named = seats.map(|(seat, (id, network))| -> Result<_, ProofError> {
            Ok((voter_name(id, &network)?, seat.checkpoint_key))
        });
        let named: Result<_, _> = named.collect();
        named.map_err(|e| StatementFault::Name(e.to_string()))
    }

    /// What became of a leaf that somebody holds a receipt of.
    pub fn fate(&self, leaf: &Leaf) -> Fate {
        if leaf.entry.lineage >= self.lineage() {
            Fate::Later
        } else if leaf.index.0 >= self.recovery.size {
            Fate::Lost
        } else {
            Fate::Kept
        }
    }

    /// The root it names.
    pub fn root(&self) -> Hash {
        self.recovery.root
    }
}
