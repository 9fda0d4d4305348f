//! Keys of signed notes: who signs, with which kind of signature, over which bytes.

use super::{KeyName, NoteSignature};
use crate::ProofError;
use crate::signature::{Signature, SigningKey, VerifyingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_domain::PublicKey;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// The first four bytes of a signature on a note. Short on purpose: it tells keys apart, it does not
/// prove which one signed.
pub type KeyHash = [u8; 4];

/// Latest time of a cosignature, seconds since 1970-01-01T00:00:00Z (C2SP tlog-cosignature, Format).
pub const COSIGNATURE_TIME_S_MAX: u64 = (1 << 63) - 1;

/// A kind of signature on a note; its number is the signature type of C2SP signed-note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum SignatureKind {
    /// Ed25519 over the text (C2SP signed-note, Ed25519 signatures).
    Ed25519 = 0x01,
    /// Ed25519 over a header, a time and the text (C2SP tlog-cosignature v1).
    Cosignature = 0x04,
}

impl SignatureKind {
    /// The bytes signed.
    fn message(self, text: &str, time_s: u64) -> Vec<u8> {
        match self {
            Self::Ed25519 => text.as_bytes().to_vec(),
            Self::Cosignature => format!("cosignature/v1\ntime {time_s}\n{text}").into_bytes(),
        }
    }

    /// First four bytes of SHA-256(name || newline || type || public key).
    fn key_hash(self, name: &KeyName, key: &PublicKey) -> KeyHash {
        let digest = Sha256::new()
            .chain_update(name.as_str())
            .chain_update([b'\n', self as u8])
            .chain_update(key.as_bytes())
            .finalize();
        [digest[0], digest[1], digest[2], digest[3]]
    }
}

/// A signature of a note that was checked and holds. Only [`Note::verify`](super::Note::verify) makes
/// one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub(super) name: KeyName,
    pub(super) key: PublicKey,
    pub(super) time_s: Option<u64>,
}

impl Verified {
    /// The name of the key.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// When it was cosigned, by the cosigner's clock: seconds since 1970-01-01T00:00:00Z, the latest
    /// where there are several. `None` for a signature without time.
    pub fn time_s(&self) -> Option<u64> {
        self.time_s
    }
}

/// A key that signatures on notes are checked with. As text it is a verifier key of C2SP signed-note:
/// `name+hash+base64(type || public key)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: KeyName,
    kind: SignatureKind,
    key: VerifyingKey,
    hash: KeyHash,
}

impl NoteKey {
    /// A key under a name, for one kind of signature.
    ///
    /// # Errors
    /// Those of [`VerifyingKey::parse`].
    pub fn new(name: KeyName, kind: SignatureKind, key: &PublicKey) -> Result<Self, ProofError> {
        let hash = kind.key_hash(&name, key);
        Ok(Self {
            name,
            kind,
            key: VerifyingKey::parse(key)?,
            hash,
        })
    }

    /// The key's name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The kind of its signatures.
    pub fn kind(&self) -> SignatureKind {
        self.kind
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// What its signatures begin with.
    pub fn hash(&self) -> KeyHash {
        self.hash
    }

    /// Whether the signature claims to be by this key: the same name and the same hash.
    pub(super) fn is_named_by(&self, signature: &NoteSignature) -> bool {
        (&signature.name, signature.key_hash) == (&self.name, self.hash)
    }

    /// Checks a signature that claims to be by this key. Returns the time it was cosigned.
    ///
    /// # Errors
    /// [`ProofError::SignatureLength`], [`ProofError::CosignatureTime`] or [`ProofError::SignatureWrong`].
    pub(super) fn verify(
        &self,
        text: &str,
        signature: &NoteSignature,
    ) -> Result<Option<u64>, ProofError> {
        let (time_s, signature) = match self.kind {
            SignatureKind::Ed25519 => (None, signature.bytes.as_slice()),
            SignatureKind::Cosignature => {
                let (time, signature) =
                    signature
                        .bytes
                        .split_first_chunk()
                        .ok_or(ProofError::SignatureLength {
                            got_bytes: signature.bytes.len(),
                        })?;
                (Some(u64::from_be_bytes(*time)), signature)
            }
        };
        check_time(time_s)?;
        let message = self.kind.message(text, time_s.unwrap_or_default());
        self.key
            .verify(&message, &Signature::try_from(signature)?)?;
        Ok(time_s)
    }
}

impl FromStr for NoteKey {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let form = ProofError::VerifierKey;
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(encoded)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(form("it is not name+hash+key"));
        };
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| form("the key is not base64"))?;
        let (kind, key) = match bytes.split_first() {
            Some((0x01, key)) => (SignatureKind::Ed25519, key),
            Some((0x04, key)) => (SignatureKind::Cosignature, key),
            _ => {
                return Err(form(
                    "the signature type is neither 1 (Ed25519) nor 4 (cosignature/v1)",
                ));
            }
        };
        let key = PublicKey::try_from(key).map_err(|_| form("the public key is not 32 bytes"))?;
        let note_key = Self::new(name.parse()?, kind, &key)?;
        if hex::encode(note_key.hash) != hash {
            return Err(form("the hash is not that of the name and the key"));
        }
        Ok(note_key)
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded =
            STANDARD.encode([&[self.kind as u8], self.public_key().as_bytes().as_slice()].concat());
        write!(f, "{}+{}+{encoded}", self.name, hex::encode(self.hash))
    }
}

/// Signs a note's text with Ed25519 and no time. Checkpoints are cosigned instead, by
/// [`cosign`](crate::checkpoint::cosign).
pub fn sign(text: &str, name: &KeyName, key: &SigningKey) -> NoteSignature {
    let kind = SignatureKind::Ed25519;
    NoteSignature {
        name: name.clone(),
        key_hash: kind.key_hash(name, &key.public_key()),
        bytes: key.sign(&kind.message(text, 0)).0.to_vec(),
    }
}

/// Signs a note's text with a time.
///
/// # Errors
/// [`ProofError::CosignatureTime`].
pub(crate) fn cosign(
    text: &str,
    name: &KeyName,
    key: &SigningKey,
    time_s: u64,
) -> Result<NoteSignature, ProofError> {
    check_time(Some(time_s))?;
    let kind = SignatureKind::Cosignature;
    let signature = key.sign(&kind.message(text, time_s));
    Ok(NoteSignature {
        name: name.clone(),
        key_hash: kind.key_hash(name, &key.public_key()),
        bytes: [&time_s.to_be_bytes()[..], &signature.0].concat(),
    })
}

fn check_time(time_s: Option<u64>) -> Result<(), ProofError> {
    match time_s {
        Some(time_s) if time_s > COSIGNATURE_TIME_S_MAX => Err(ProofError::CosignatureTime {
            time_s,
            max: COSIGNATURE_TIME_S_MAX,
        }),
        _ => Ok(()),
    }
}
