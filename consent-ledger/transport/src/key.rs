//! The transport key: what proves to a peer who is speaking.

use crate::{TransportError, seed_file};
use ed25519_dalek::{Signer as _, SigningKey};
use sekisho_domain::{KeyId, PublicKey};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// An Ed25519 key pair for TLS (RFC 8032). Cheap to clone; the secret is wiped with the last clone and
/// never shown.
#[derive(Clone)]
pub struct TransportKey(Arc<SigningKey>);

impl TransportKey {
    /// A new random key, kept nowhere.
    ///
    /// # Errors
    /// [`TransportError::Random`].
    pub fn generate() -> Result<Self, TransportError> {
        Ok(Self::from_seed(&seed_file::random()?))
    }

    /// The key of a seed.
    pub fn from_seed(seed: &Zeroizing<[u8; seed_file::SEED_BYTES]>) -> Self {
        Self(Arc::new(SigningKey::from_bytes(seed)))
    }

    /// The key in a seed file.
    ///
    /// # Errors
    /// Those of [`seed_file::load`].
    pub fn load(path: &Path) -> Result<Self, TransportError> {
        Ok(Self::from_seed(&seed_file::load(path)?))
    }

    /// The key in a seed file, made where there is none.
    ///
    /// # Errors
    /// Those of [`seed_file::load_or_create`].
    pub fn load_or_create(path: &Path) -> Result<Self, TransportError> {
        Ok(Self::from_seed(&seed_file::load_or_create(path)?))
    }

    /// The public half, as registered on the ledger.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The public half's id.
    pub fn id(&self) -> KeyId {
        key_id(&self.public())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for TransportKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TransportKey").field(&self.id()).finish()
    }
}

/// The id of a public key: the SHA-256 of its 32 bytes.
pub fn key_id(key: &PublicKey) -> KeyId {
    KeyId(Sha256::digest(key.as_bytes()).into())
}
