//! Ed25519 under one rule for all parties: `verify_strict`, with keys that can have only one meaning.
//!
//! RFC 8032 leaves room on which edge-case signatures hold, and libraries differ. Were two replicas to
//! differ, they would apply the same entry differently; so every signature of the ledger is checked
//! here and nowhere else (P1, P6). What is signed is decided elsewhere: [`crate::dsse`] for entries,
//! [`crate::note`] for checkpoints.
//!
//! Three strengths of key, weakest first: [`PublicKey`] is 32 bytes somebody sent; [`VerifyingKey`] is
//! one that can be verified with; a key let into the ledger has also passed [`VerifyingKey::register`].
//! A [`ReadyKey`] is a verifying key made quicker, for whoever checks much.

mod multiples;
mod ready_key;
#[cfg(test)]
#[path = "signature_test.rs"]
mod tests;

pub use ready_key::{ReadyKey, verify_many};

use crate::ProofError;
use curve25519_dalek::constants::EIGHT_TORSION;
use ed25519_dalek::{Signer as _, Verifier as _};
use sekisho_domain::{KeyId, PublicKey};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::LazyLock;

/// An Ed25519 signature (RFC 8032 §5.1.6): 64 bytes, not yet checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; Signature::LEN]);

impl Signature {
    /// Length in bytes.
    pub const LEN: usize = 64;
}

impl TryFrom<&[u8]> for Signature {
    type Error = ProofError;
    fn try_from(bytes: &[u8]) -> Result<Self, ProofError> {
        let got_bytes = bytes.len();
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| ProofError::SignatureLength { got_bytes })
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(self.0))
    }
}

/// The id of a public key: the SHA-256 of its 32 bytes.
pub fn key_id(key: &PublicKey) -> KeyId {
    KeyId(Sha256::digest(key.0).into())
}

/// A public key that can be verified with: on the curve, canonical, not of small order.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// Parses a key to verify with. Cheap (one decompression), so it may be done for every signature.
    ///
    /// # Errors
    /// [`ProofError::KeyNotCanonical`], [`ProofError::KeyNotOnCurve`] or [`ProofError::KeyWeak`].
    pub fn parse(key: &PublicKey) -> Result<Self, ProofError> {
        if !is_reduced(key.as_bytes()) {
            return Err(ProofError::KeyNotCanonical(*key));
        }
        let point = ed25519_dalek::VerifyingKey::from_bytes(key.as_bytes())
            .map_err(|_| ProofError::KeyNotOnCurve(*key))?;
        // The one other encoding that is not canonical, a sign bit on x = 0, is of small order too.
        if point.is_weak() {
            return Err(ProofError::KeyWeak(*key));
        }
        Ok(Self(point))
    }

    /// Checks a key before it is let into the ledger: [`VerifyingKey::parse`], and that the key lies in
    /// the prime-order group, as every honestly made key does. Without this an author could pick a key
    /// whose signatures our rule refuses and another library accepts. One scalar multiplication.
    ///
    /// # Errors
    /// Those of [`VerifyingKey::parse`], and [`ProofError::KeyMixedOrder`].
    pub fn register(key: &PublicKey) -> Result<Self, ProofError> {
        let parsed = Self::parse(key)?;
        if parsed.0.to_edwards().is_torsion_free() {
            Ok(parsed)
        } else {
            Err(ProofError::KeyMixedOrder(*key))
        }
    }

    /// The key's bytes.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.to_bytes())
    }

    /// The key's id.
    pub fn key_id(&self) -> KeyId {
        key_id(&self.public_key())
    }

    /// Checks a signature over a message by the strict rule: no small-order R, no non-canonical R or S,
    /// and the equation without cofactor.
    ///
    /// # Errors
    /// [`ProofError::SignatureWrong`] with the key's id.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), ProofError> {
        // `verify_strict` in one decompression less. `verify` holds where R is, byte for byte, the one canonical
        // encoding of the point the equation gives; so R is of small order only if it is one of eight encodings.
        // That the key is not, `parse` has checked.
        let held = ed25519_dalek::Signature::from_bytes(&signature.0);
        let holds = self.0.verify(message, &held).is_ok();
        if holds && !SMALL_ORDER.contains(held.r_bytes()) {
            Ok(())
        } else {
            Err(ProofError::SignatureWrong { key: self.key_id() })
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", hex::encode(self.0.as_bytes()))
    }
}

/// The canonical encodings of the points of small order.
static SMALL_ORDER: LazyLock<[[u8; 32]; 8]> =
    LazyLock::new(|| EIGHT_TORSION.map(|point| point.compress().to_bytes()));

/// Whether the y coordinate, bits 0 to 254 in little-endian order, is below p = 2^255 - 19.
fn is_reduced(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    *low < 0xed || middle.iter().any(|&b| b != 0xff) || high & 0x7f != 0x7f
}

/// A secret key. Wiped from memory when dropped; never shown.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key of a 32-byte secret (RFC 8032 §5.1.5), made by the caller from a secure random source,
    /// who also wipes their copy of it.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The public key's id.
    pub fn key_id(&self) -> KeyId {
        key_id(&self.public_key())
    }

    /// Signs a message; the same message always gets the same signature.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.key_id())
    }
}
