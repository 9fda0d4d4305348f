//! Checkpoints: what a tree was at a size (C2SP tlog-checkpoint), cosigned by the replicas that hold it
//! (C2SP tlog-cosignature v1), so that no single replica can show different trees to different people
//! (P6, P7).
//!
//! ```text
//! origin                 which ledger
//! size                   how many leaves, decimal
//! base64(root)           of the tree of this size
//!
//! — replica base64(id || time || signature)      one a replica
//! ```
//!
//! [`VerifiedCheckpoint`] has private fields: only [`Quorum::verify`] makes one, so a proof cannot be
//! checked against a root that nobody cosigned. Origin, voters and how many are needed come from
//! outside, never from the note. A replica's duty before it cosigns (durable, applied, the same root, and
//! never two roots for one size) is the replica's business: here nothing is remembered.

use crate::ProofError;
use crate::merkle::{self, TREE_SIZE_MAX};
use crate::note::{self, KeyName, Note, NoteKey, NoteSignature, SignatureKind, Verified};
use crate::signature::SigningKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_domain::{Hash, PublicKey};
use std::collections::BTreeSet;

/// Longest origin, bytes.
pub const ORIGIN_BYTES_MAX: usize = 255;

/// What to do with lines after the root. They cannot be audited, so our checkpoints have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extensions {
    /// Refuse them: for checkpoints of our ledgers.
    Refuse,
    /// Keep them: for checkpoints of other logs.
    Keep,
}

/// A tree's size and root, not yet vouched for by anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint of a ledger.
    ///
    /// # Errors
    /// [`ProofError::TreeTooLarge`], or [`ProofError::CheckpointForm`] if the origin is not 1 to
    /// [`ORIGIN_BYTES_MAX`] bytes without control characters, or the root of no leaves is not that of the
    /// empty tree.
    pub fn new(origin: impl Into<String>, size: u64, root: Hash) -> Result<Self, ProofError> {
        let origin = origin.into();
        if !(1..=ORIGIN_BYTES_MAX).contains(&origin.len()) || origin.contains(char::is_control) {
            return Err(ProofError::CheckpointForm(
                "the origin must be 1 to 255 bytes without control characters",
            ));
        }
        if size > TREE_SIZE_MAX {
            return Err(ProofError::TreeTooLarge {
                size,
                max: TREE_SIZE_MAX,
            });
        }
        if size == 0 && root != merkle::empty_root() {
            return Err(ProofError::CheckpointForm(
                "size 0 with a root that is not the empty tree's",
            ));
        }
        Ok(Self {
            origin,
            size,
            root,
            extensions: Vec::new(),
        })
    }

    /// Parses the text of a note, strictly: [`Checkpoint::text`] gives the same text again.
    ///
    /// # Errors
    /// Those of [`Checkpoint::new`], and [`ProofError::CheckpointForm`] for what is not three or more
    /// non-empty lines of the form above.
    pub fn parse(text: &str, extensions: Extensions) -> Result<Self, ProofError> {
        let form = ProofError::CheckpointForm;
        let text = text
            .strip_suffix('\n')
            .ok_or(form("it does not end in a newline"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(form("it has fewer than three lines"));
        };
        let size = decimal(size).ok_or(form(
            "the size is not a decimal number without leading zeros",
        ))?;
        let root = STANDARD
            .decode(root)
            .map_err(|_| form("the root is not base64"))?;
        let root = Hash::try_from(root.as_slice()).map_err(|_| form("the root is not 32 bytes"))?;
        let mut checkpoint = Self::new(origin, size, root)?;
        checkpoint.extensions = lines.map(str::to_owned).collect();
        if extensions == Extensions::Refuse && !checkpoint.extensions.is_empty() {
            return Err(form("it has extension lines"));
        }
        if checkpoint.extensions.iter().any(String::is_empty) {
            return Err(form("an extension line is empty"));
        }
        Ok(checkpoint)
    }

    /// Which ledger.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The tree's root.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// The lines after the root; none in ours.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// The text that is signed, with its final newline.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            STANDARD.encode(self.root.0)
        );
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// A decimal number in its only form.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// Cosigns a checkpoint: this key's owner held, at this time, a tree of this size and root, and no
/// larger one, and never one that it was not the continuation of. `time_s` is in seconds since
/// 1970-01-01T00:00:00Z.
///
/// Size and root must be durable before the signature leaves the process: after a crash the replica must
/// not cosign another root for the same size.
///
/// # Errors
/// [`ProofError::CosignatureTime`].
pub fn cosign(
    checkpoint: &Checkpoint,
    name: &KeyName,
    key: &SigningKey,
    time_s: u64,
) -> Result<NoteSignature, ProofError> {
    note::cosign(&checkpoint.text(), name, key, time_s)
}

/// Whose cosignatures on which ledger's checkpoints are believed, and how many are needed.
#[derive(Debug, Clone)]
pub struct Quorum {
    origin: String,
    voters: Vec<NoteKey>,
    needed: usize,
}

impl Quorum {
    /// So many of these voters. At most [`NOTE_SIGNATURES_MAX`](note::NOTE_SIGNATURES_MAX) voters, so
    /// that all fit on a note.
    ///
    /// # Errors
    /// [`ProofError::Quorum`] if none or more than all are needed or there are too many voters,
    /// [`ProofError::VoterTwice`] if two share a name or a key (the signed bytes do not hold the name, so
    /// one signature would count for both), and those of
    /// [`VerifyingKey::parse`](crate::signature::VerifyingKey::parse).
    pub fn new(
        origin: impl Into<String>,
        voters: &[(KeyName, PublicKey)],
        needed: usize,
    ) -> Result<Self, ProofError> {
        if voters.len() > note::NOTE_SIGNATURES_MAX {
            return Err(ProofError::Quorum("there are more than 128 voters"));
        }
        if needed == 0 || needed > voters.len() {
            return Err(ProofError::Quorum(
                "at least one voter and at most all must be needed",
            ));
        }
        let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for (name, key) in voters {
            if !names.insert(name) || !keys.insert(key) {
                return Err(ProofError::VoterTwice(name.to_string()));
            }
        }
        let voters = voters
            .iter()
            .map(|(name, key)| NoteKey::new(name.clone(), SignatureKind::Cosignature, key))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            origin: origin.into(),
            voters,
            needed,
        })
    }

    /// More than half of these voters: any two such quorums have a voter in common.
    ///
    /// # Errors
    /// Those of [`Quorum::new`].
    pub fn majority(
        origin: impl Into<String>,
        voters: &[(KeyName, PublicKey)],
    ) -> Result<Self, ProofError> {
        Self::new(origin, voters, voters.len() / 2 + 1)
    }

    /// How many voters are needed.
    pub fn needed(&self) -> usize {
        self.needed
    }

    /// Checks a note: a checkpoint in our form, of the ledger expected, cosigned by enough voters. A voter
    /// with several cosignatures counts once; signatures of others are ignored.
    ///
    /// # Errors
    /// [`ProofError::NoteSignatureWrong`] if a single cosignature of a voter does not hold, however many
    /// others do: somebody is forging, or a replica is broken. [`ProofError::QuorumShort`],
    /// [`ProofError::OriginMismatch`], and those of [`Checkpoint::parse`].
    pub fn verify(&self, note: &Note) -> Result<VerifiedCheckpoint, ProofError> {
        let cosigners = note.verify(&self.voters)?;
        let (got, voters, needed) = (cosigners.len(), self.voters.len(), self.needed);
        if got < needed {
            return Err(ProofError::QuorumShort {
                got,
                voters,
                needed,
            });
        }
        let checkpoint = Checkpoint::parse(note.text(), Extensions::Refuse)?;
        if checkpoint.origin != self.origin {
            return Err(ProofError::OriginMismatch {
                expected: self.origin.clone(),
                got: checkpoint.origin,
            });
        }
        Ok(VerifiedCheckpoint {
            checkpoint,
            cosigners,
        })
    }
}

/// Checks a checkpoint note against these voters; see [`Quorum`].
///
/// # Errors
/// Those of [`Quorum::new`] and [`Quorum::verify`].
pub fn verify_quorum(
    note: &Note,
    origin: &str,
    voters: &[(KeyName, PublicKey)],
    needed: usize,
) -> Result<VerifiedCheckpoint, ProofError> {
    Quorum::new(origin, voters, needed)?.verify(note)
}

/// A checkpoint that a quorum cosigned. Only [`Quorum::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    cosigners: Vec<Verified>,
}

impl VerifiedCheckpoint {
    /// Which ledger.
    pub fn origin(&self) -> &str {
        self.checkpoint.origin()
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.checkpoint.size()
    }

    /// The tree's root.
    pub fn root(&self) -> Hash {
        self.checkpoint.root()
    }

    /// The voters that cosigned, each once, in the order they were given.
    pub fn cosigners(&self) -> &[Verified] {
        &self.cosigners
    }

    /// Checks that the leaf is the one at `index` of this tree.
    ///
    /// # Errors
    /// Those of [`merkle::verify_inclusion`].
    pub fn verify_inclusion(
        &self,
        leaf_hash: &Hash,
        index: u64,
        proof: &[Hash],
    ) -> Result<(), ProofError> {
        merkle::verify_inclusion(leaf_hash, index, self.size(), proof, &self.root())
    }

    /// Checks that this tree is the continuation of an earlier one of the same ledger.
    ///
    /// # Errors
    /// [`ProofError::OriginMismatch`], and those of [`merkle::verify_consistency`].
    pub fn verify_continues(&self, earlier: &Self, proof: &[Hash]) -> Result<(), ProofError> {
        if self.origin() != earlier.origin() {
            let (expected, got) = (earlier.origin().to_owned(), self.origin().to_owned());
            return Err(ProofError::OriginMismatch { expected, got });
        }
        merkle::verify_consistency(
            earlier.size(),
            self.size(),
            proof,
            &earlier.root(),
            &self.root(),
        )
    }
}

#[cfg(test)]
#[path = "checkpoint_test.rs"]
mod tests;
