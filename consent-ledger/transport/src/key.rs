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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// RFC 8032 §7.1, test 1; the id by `sha256sum` of the public key's 32 bytes.
    #[test]
    fn a_seed_gives_the_public_key_of_the_standard() {
        let seed: PublicKey = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
            .parse()
            .unwrap();
        let public: PublicKey = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
            .parse()
            .unwrap();
        let id: KeyId = "21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9"
            .parse()
            .unwrap();
        let key = TransportKey::from_seed(&Zeroizing::new(seed.0));
        assert_eq!((key.public(), key.id()), (public, id));
        let shown = format!("{key:?}");
        assert!(
            shown.contains("21fe31df") && !shown.contains("9d61b19d"),
            "{shown}"
        );
    }
}
