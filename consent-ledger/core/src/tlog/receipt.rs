//! Receipts: what whoever submitted an entry, or was told of one, holds in their hands as proof of it.
//!
//! | grade | says | rests on |
//! |---|---|---|
//! | committed | a replica acknowledged the entry at its index | that replica's signature |
//! | sealed | the leaf is in a tree that a majority of the voters cosigned | an inclusion proof |
//! | witnessed | and that tree was seen by witnesses outside the ledger | their cosignatures too |
//!
//! A sealed or witnessed receipt is a C2SP tlog-proof file. A committed one, given before there is a
//! checkpoint, has the same first lines and nothing after them:
//!
//! ```text
//! sekisho/committed-receipt@v1
//! extra base64(protobuf { 1: leaf, 2: id of the acknowledging key, 3: its signature })
//! index 57
//! ```
//!
//! `extra` holds the leaf in both, so that a receipt can be read and checked without any server. What it says
//! of the leaf is believed because the leaf's hash is what was acknowledged or proved.

use super::proof::{Head, ProofFileFault, TlogProof, write_head};
use crate::ProofError;
use crate::checkpoint::{Quorum, VerifiedCheckpoint};
use crate::genesis::{checkpoint_origin, checkpoint_voters, ledger_id};
use crate::leaf::{Leaf, LeafError};
use crate::merkle::leaf_hash;
use crate::note::{KeyName, Note, NoteKey, SignatureKind, Verified};
use crate::signature::{Signature, VerifyingKey, key_id};
use prost::Message;
use sekisho_domain::{EntryIndex, Genesis, Hash, KeyId, LedgerId, PublicKey};
use std::collections::BTreeSet;
use std::fmt;

/// The first line of a committed receipt.
const HEADER: &str = "sekisho/committed-receipt@v1";

/// What a replica signs to acknowledge that an entry is committed:
/// `"sekisho/committed/v1\n" | ledger id | index (8 bytes, big endian) | leaf hash`.
pub fn acknowledged(ledger: &LedgerId, index: EntryIndex, leaf_hash: &Hash) -> Vec<u8> {
    [
        b"sekisho/committed/v1\n".as_slice(),
        &ledger.0,
        &index.0.to_be_bytes(),
        &leaf_hash.0,
    ]
    .concat()
}

/// How much a receipt proves; each includes the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// A replica says so.
    Committed,
    /// A majority of the voters does.
    Sealed,
    /// And so do witnesses outside the ledger.
    Witnessed,
}

impl Grade {
    /// Its name in files and JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Sealed => "sealed",
            Self::Witnessed => "witnessed",
        }
    }
}

/// A replica's signature over [`acknowledged`], not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The id of its checkpoint key.
    pub by: KeyId,
    /// The signature.
    pub signature: Signature,
}

/// `extra` of our files.
#[derive(Clone, PartialEq, Message)]
struct Extra {
    #[prost(bytes = "vec", tag = "1")]
    leaf: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    acknowledged_by: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    acknowledgement: Vec<u8>,
}

/// Whose cosignatures make a receipt witnessed, and of how many of them. Told from outside, like everything a
/// receipt is checked against.
#[derive(Debug, Clone, Default)]
pub struct Witnesses {
    keys: Vec<NoteKey>,
    needed: usize,
}

impl Witnesses {
    /// At least `needed` of these keys, each of the kind that cosigns (C2SP tlog-cosignature, type 0x04).
    /// Without any key no receipt is witnessed.
    ///
    /// # Errors
    /// [`ProofError::Quorum`] where none, more than all, or keys of another kind would be needed, and
    /// [`ProofError::VoterTwice`] where two have one name or one key.
    pub fn new(keys: Vec<NoteKey>, needed: usize) -> Result<Self, ProofError> {
        if keys.is_empty() && needed == 0 {
            return Ok(Self::default());
        }
        if needed == 0 || needed > keys.len() {
            return Err(ProofError::Quorum(
                "at least one witness and at most all must be needed",
            ));
        }
        if keys
            .iter()
            .any(|key| key.kind() != SignatureKind::Cosignature)
        {
            return Err(ProofError::Quorum(
                "a witness's key must be one for cosignatures (type 0x04)",
            ));
        }
        let (mut names, mut public) = (BTreeSet::new(), BTreeSet::new());
        for key in &keys {
            if !names.insert(key.name()) || !public.insert(key.public_key()) {
                return Err(ProofError::VoterTwice(key.name().to_string()));
            }
        }
        Ok(Self { keys, needed })
    }
}

/// Why a receipt does not prove what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
    /// Not a receipt.
    #[error("not a receipt: {0}")]
    File(#[from] ProofFileFault),
    /// `extra` is missing or not ours.
    #[error("not a receipt of this ledger: {0}")]
    Extra(&'static str),
    /// What it carries is not a leaf.
    #[error("the leaf in it: {0}")]
    Leaf(#[from] LeafError),
    /// The leaf says that it stands elsewhere.
    #[error("it is of index {said}, but its leaf says it stands at {leaf}")]
    OtherIndex {
        /// What the file says.
        said: u64,
        /// What the leaf says.
        leaf: EntryIndex,
    },
    /// The entry is for another ledger.
    #[error("it is of ledger {found}, the founding file founds {expected}")]
    OtherLedger {
        /// Of which.
        found: LedgerId,
        /// Of which it should be.
        expected: LedgerId,
    },
    /// The acknowledging key is no replica's.
    #[error("key {0}, which acknowledged it, is no replica's")]
    StrangeKey(KeyId),
    /// The acknowledgement's signature does not hold.
    #[error("the acknowledgement: {0}")]
    Acknowledgement(#[source] ProofError),
    /// No majority cosigned the checkpoint, or it is another ledger's.
    #[error("the checkpoint: {0}")]
    Checkpoint(#[source] ProofError),
    /// The leaf is not in the checkpoint's tree.
    #[error("the leaf's inclusion: {0}")]
    Inclusion(#[source] ProofError),
    /// A witness's cosignature does not hold.
    #[error("a witness: {0}")]
    Witness(#[source] ProofError),
    /// What is given as a witness's is a voter's: not outside.
    #[error("{0} is given as a witness, but its name or key is a replica's")]
    WitnessVotes(KeyName),
}

/// A receipt, parsed and not checked. `Display` gives its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// Acknowledged.
    Committed {
        /// The leaf's index.
        index: EntryIndex,
        /// The leaf.
        leaf: Vec<u8>,
        /// By whom.
        acknowledgement: Acknowledgement,
    },
    /// Under a checkpoint.
    Sealed {
        /// The leaf's index.
        index: EntryIndex,
        /// The leaf.
        leaf: Vec<u8>,
        /// That the leaf is in the checkpoint's tree.
        hashes: Vec<Hash>,
        /// The checkpoint, with its cosignatures.
        checkpoint: Note,
    },
}

impl Receipt {
    /// Parses a receipt of either form.
    ///
    /// # Errors
    /// [`ReceiptFault::File`] or [`ReceiptFault::Extra`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptFault> {
        if bytes.starts_with(HEADER.as_bytes()) {
            let (head, extra, index) = Head::parse(bytes, HEADER)?;
            if !head.rest.is_empty() {
                let fault = "nothing may follow the index of a committed receipt";
                let line = head.line;
                return Err(ProofFileFault::Line { line, fault }.into());
            }
            let extra = parse_extra(extra)?;
            let by = KeyId::try_from(extra.acknowledged_by.as_slice());
            let signature = Signature::try_from(extra.acknowledgement.as_slice());
            let (Ok(by), Ok(signature)) = (by, signature) else {
                return Err(ReceiptFault::Extra("it holds no acknowledgement"));
            };
            return Ok(Self::Committed {
                index: EntryIndex(index),
                leaf: extra.leaf,
                acknowledgement: Acknowledgement { by, signature },
            });
        }
        let proof = TlogProof::parse(bytes)?;
        let extra = parse_extra(proof.extra)?;
        if !extra.acknowledged_by.is_empty() || !extra.acknowledgement.is_empty() {
            return Err(ReceiptFault::Extra(
                "a sealed receipt holds no acknowledgement",
            ));
        }
        Ok(Self::Sealed {
            index: EntryIndex(proof.index),
            leaf: extra.leaf,
            hashes: proof.hashes,
            checkpoint: proof.checkpoint,
        })
    }

    /// The leaf's index, as the file says.
    pub fn index(&self) -> EntryIndex {
        match self {
            Self::Committed { index, .. } | Self::Sealed { index, .. } => *index,
        }
    }

    /// Checks everything, against nothing but the founding file and the witnesses one trusts oneself.
    ///
    /// # Errors
    /// [`ReceiptFault`], the first thing that does not hold. A witness's cosignature that is there and does
    /// not hold refuses the whole receipt; one that is missing only lowers the grade.
    pub fn verify(
        &self,
        genesis: &Genesis,
        witnesses: &Witnesses,
    ) -> Result<VerifiedReceipt, ReceiptFault> {
        let voters = checkpoint_voters(genesis).map_err(ReceiptFault::Checkpoint)?;
        self.verify_by(ledger_id(genesis), &voters, witnesses)
    }

    /// The same against these voters: of a lineage that a recovery began.
    ///
    /// # Errors
    /// Those of [`Receipt::verify`].
    pub fn verify_by(
        &self,
        ledger: LedgerId,
        voters: &[(KeyName, PublicKey)],
        witnesses: &Witnesses,
    ) -> Result<VerifiedReceipt, ReceiptFault> {
        let (Self::Committed { index, leaf, .. } | Self::Sealed { index, leaf, .. }) = self;
        let (index, hash) = (*index, leaf_hash(leaf));
        let leaf = Leaf::decode(leaf)?;
        if leaf.index != index {
            let (said, leaf) = (index.0, leaf.index);
            return Err(ReceiptFault::OtherIndex { said, leaf });
        }
        if leaf.entry.ledger != ledger {
            let (found, expected) = (leaf.entry.ledger, ledger);
            return Err(ReceiptFault::OtherLedger { found, expected });
        }
        let mut verified = VerifiedReceipt {
            grade: Grade::Committed,
            leaf,
            leaf_hash: hash,
            acknowledged_by: None,
            checkpoint: None,
            witnesses: Vec::new(),
        };
        match self {
            Self::Committed {
                acknowledgement, ..
            } => {
                let by = voters
                    .iter()
                    .find(|(_, key)| key_id(key) == acknowledgement.by);
                let (name, key) = by.ok_or(ReceiptFault::StrangeKey(acknowledgement.by))?;
                VerifyingKey::parse(key)
                    .and_then(|key| {
                        let said = acknowledged(&ledger, index, &hash);
                        key.verify(&said, &acknowledgement.signature)
                    })
                    .map_err(ReceiptFault::Acknowledgement)?;
                verified.acknowledged_by = Some(name.clone());
            }
            Self::Sealed {
                hashes, checkpoint, ..
            } => {
                for witness in &witnesses.keys {
                    let votes = |(name, key): &(KeyName, _)| {
                        name == witness.name() || *key == witness.public_key()
                    };
                    if voters.iter().any(votes) {
                        return Err(ReceiptFault::WitnessVotes(witness.name().clone()));
                    }
                }
                let sealed = Quorum::majority(checkpoint_origin(&ledger), voters)
                    .and_then(|quorum| quorum.verify(checkpoint))
                    .map_err(ReceiptFault::Checkpoint)?;
                sealed
                    .verify_inclusion(&hash, index.0, hashes)
                    .map_err(ReceiptFault::Inclusion)?;
                verified.witnesses = checkpoint
                    .verify(&witnesses.keys)
                    .map_err(ReceiptFault::Witness)?;
                verified.checkpoint = Some(sealed);
                let enough = witnesses.needed > 0 && verified.witnesses.len() >= witnesses.needed;
                verified.grade = if enough {
                    Grade::Witnessed
                } else {
                    Grade::Sealed
                };
            }
        }
        Ok(verified)
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Committed {
                index,
                leaf,
                acknowledgement,
            } => {
                let extra = Extra {
                    leaf: leaf.clone(),
                    acknowledged_by: acknowledgement.by.0.to_vec(),
                    acknowledgement: acknowledgement.signature.0.to_vec(),
                };
                write_head(f, HEADER, Some(&extra.encode_to_vec()), index.0)
            }
            Self::Sealed {
                index,
                leaf,
                hashes,
                checkpoint,
            } => {
                let extra = Extra {
                    leaf: leaf.clone(),
                    ..Extra::default()
                };
                let proof = TlogProof {
                    extra: Some(extra.encode_to_vec()),
                    index: index.0,
                    hashes: hashes.clone(),
                    checkpoint: checkpoint.clone(),
                };
                proof.fmt(f)
            }
        }
    }
}

fn parse_extra(bytes: Option<Vec<u8>>) -> Result<Extra, ReceiptFault> {
    let bytes = bytes.ok_or(ReceiptFault::Extra("it does not hold the leaf"))?;
    let extra = Extra::decode(bytes.as_slice())
        .map_err(|_| ReceiptFault::Extra("what it holds is not ours"))?;
    if extra.encode_to_vec() != bytes {
        return Err(ReceiptFault::Extra("what it holds is not in its only form"));
    }
    Ok(extra)
}

/// A receipt that was checked and holds. Only [`Receipt::verify`] makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedReceipt {
    grade: Grade,
    leaf: Leaf,
    leaf_hash: Hash,
    acknowledged_by: Option<KeyName>,
    checkpoint: Option<VerifiedCheckpoint>,
    witnesses: Vec<Verified>,
}

impl VerifiedReceipt {
    /// How much it proves.
    pub fn grade(&self) -> Grade {
        self.grade
    }

    /// The leaf. That its entry's author signed it, and that its outcome follows from the ledger's rules, is
    /// for a proof bundle to show: here replicas vouch for both.
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// The leaf's hash in the tree.
    pub fn leaf_hash(&self) -> Hash {
        self.leaf_hash
    }

    /// The replica that acknowledged it, on a committed receipt.
    pub fn acknowledged_by(&self) -> Option<&KeyName> {
        self.acknowledged_by.as_ref()
    }

    /// The checkpoint a majority cosigned, on a sealed one.
    pub fn checkpoint(&self) -> Option<&VerifiedCheckpoint> {
        self.checkpoint.as_ref()
    }

    /// The witnesses, of those one trusts, that cosigned; there may be some where the grade is sealed, if
    /// more were needed.
    pub fn witnesses(&self) -> &[Verified] {
        &self.witnesses
    }
}
