//! The certificate that carries a transport key, and the key in a certificate.
//!
//! The certificate exists because TLS asks for one: a self-signed X.509 v3 wrapper of the Ed25519 key,
//! the same bytes at every start. Nothing in it but the key is believed by a peer.

use crate::{TransportError, TransportKey};
use ed25519_dalek::VerifyingKey;
use rcgen::{CertificateParams, DistinguishedName, DnType, PKCS_ED25519, SerialNumber};
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{CertificateError, SignatureAlgorithm, SignatureScheme};
use sekisho_domain::{KeyId, PublicKey};
use std::sync::Arc;

/// SubjectPublicKeyInfo of an Ed25519 key up to the key itself (RFC 8410 §4).
///
/// ```text
/// 30 2a                  SEQUENCE, 42 bytes
///    30 05 06 03 2b6570  AlgorithmIdentifier: id-Ed25519, no parameters
///    03 21 00            BIT STRING, 33 bytes, none unused
///       32 bytes         the key
/// ```
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// A transport key with its certificate, ready for either side of a connection. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Identity {
    key: TransportKey,
    certified: Arc<CertifiedKey>,
}

impl Identity {
    /// Makes the certificate of a key.
    ///
    /// # Errors
    /// [`TransportError::Certificate`] if it cannot be encoded.
    pub fn new(key: TransportKey) -> Result<Self, TransportError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        // The id, so that a person looking at a capture can tell whose it is.
        params
            .distinguished_name
            .push(DnType::CommonName, key.id().to_string());
        // Fixed, like the dates rcgen defaults to and Ed25519's signature: the same key gives the same bytes.
        params.serial_number = Some(SerialNumber::from(1u64));
        let public = key.public();
        let certificate = params
            .self_signed(&Issuer { key: &key, public })
            .map_err(TransportError::Certificate)?;
        let certified = CertifiedKey::new(
            vec![certificate.der().clone()],
            Arc::new(HandshakeKey(key.clone())),
        );
        Ok(Self {
            key,
            certified: Arc::new(certified),
        })
    }

    /// The key's public half.
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// The key's id: what a peer pins.
    pub fn id(&self) -> KeyId {
        self.key.id()
    }

    /// The certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        self.certified.cert.first().map_or(&[], |der| der.as_ref())
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }
}

/// The Ed25519 key in a certificate.
///
/// # Errors
/// `BadEncoding` if it is not X.509 v3 with an Ed25519 key, or the key is a weak one (of small order:
/// a signature by it proves nothing).
pub(crate) fn public_key(certificate: &CertificateDer<'_>) -> Result<PublicKey, rustls::Error> {
    let bad = || rustls::Error::InvalidCertificate(CertificateError::BadEncoding);
    let spki = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
    let key = spki.as_ref().strip_prefix(&SPKI_PREFIX).ok_or_else(bad)?;
    let key = PublicKey::try_from(key).map_err(|_| bad())?;
    match VerifyingKey::from_bytes(key.as_bytes()) {
        Ok(point) if !point.is_weak() => Ok(key),
        _ => Err(bad()),
    }
}

/// The key as rcgen wants it to sign the certificate; the secret stays in [`TransportKey`].
struct Issuer<'a> {
    key: &'a TransportKey,
    public: PublicKey,
}

impl rcgen::PublicKeyData for Issuer<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.public.as_bytes()
    }
    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl rcgen::SigningKey for Issuer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.key.sign(message).to_vec())
    }
}

/// The key as rustls wants it to sign handshakes.
#[derive(Clone, Debug)]
struct HandshakeKey(TransportKey);

impl SigningKey for HandshakeKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&SignatureScheme::ED25519)
            .then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }
    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for HandshakeKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(self.0.sign(message).to_vec())
    }
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn signed(public: [u8; 32], serial: u64, key: &TransportKey) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial));
        let issuer = Issuer {
            key,
            public: PublicKey(public),
        };
        params.self_signed(&issuer).unwrap().der().clone()
    }

    #[test]
    fn the_same_key_gives_the_same_certificate_and_any_certificate_the_same_key() {
        let key = TransportKey::generate().unwrap();
        let identity = Identity::new(key.clone()).unwrap();
        assert_eq!(
            identity.certificate(),
            Identity::new(key.clone()).unwrap().certificate()
        );
        assert_eq!(
            public_key(&CertificateDer::from(identity.certificate())),
            Ok(key.public())
        );
        let renewed = signed(key.public().0, 2, &key);
        assert_ne!(renewed.as_ref(), identity.certificate());
        assert_eq!(public_key(&renewed), Ok(key.public()));
    }

    #[test]
    fn keys_that_are_no_strong_ed25519_keys_are_refused() {
        let key = TransportKey::generate().unwrap();
        // The identity point (order 1), and 0 (order 4): keys whose signatures prove nothing.
        let mut order_one = [0; 32];
        order_one[0] = 1;
        let p256 = rcgen::KeyPair::generate().unwrap();
        let p256 = CertificateParams::default()
            .self_signed(&p256)
            .unwrap()
            .der()
            .clone();
        let cases = [
            ("order 1", signed(order_one, 1, &key)),
            ("order 4", signed([0; 32], 1, &key)),
            ("P-256", p256),
            ("no certificate", CertificateDer::from(vec![0x30, 0])),
            ("nothing", CertificateDer::from(Vec::new())),
        ];
        for (case, certificate) in cases {
            let result = public_key(&certificate);
            assert!(
                matches!(result, Err(rustls::Error::InvalidCertificate(_))),
                "{case}: {result:?}"
            );
        }
    }

    #[test]
    fn every_truncation_of_a_certificate_is_an_error() {
        let identity = Identity::new(TransportKey::generate().unwrap()).unwrap();
        let whole = identity.certificate();
        for length in 0..whole.len() {
            assert!(
                public_key(&CertificateDer::from(&whole[..length])).is_err(),
                "{length} bytes"
            );
        }
    }
}
