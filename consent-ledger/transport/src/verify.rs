//! What each side of a handshake checks of the other.
//!
//! Two checks make a peer: the signature over the handshake is by the key in its certificate (done by
//! rustls with the provider's algorithms), and that key is one the ledger names (done here). Only TLS
//! 1.3 is spoken, only Ed25519 accepted, no session is resumed: every connection passes both checks.

use crate::certificate::public_key;
use crate::connect::Expected;
use crate::directory::PeerDirectory;
use crate::{Identity, TransportError, key_id};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};
use sekisho_domain::PublicKey;
use std::fmt;
use std::sync::Arc;

/// The only application protocol spoken (RFC 9113 §3.2).
pub(crate) const ALPN_H2: &[u8] = b"h2";

/// Which server a client means to talk to, by the ledger as it is now.
#[derive(Clone)]
pub(crate) struct Pin {
    pub expected: Expected,
    pub directory: Arc<dyn PeerDirectory>,
}

impl Pin {
    /// Whether the key is the expected one.
    pub fn fits(&self, key: &PublicKey) -> bool {
        match &self.expected {
            Expected::Network(network) => self
                .directory
                .peer(key)
                .is_some_and(|peer| peer.network == *network),
            Expected::Key(id) => key_id(key) == *id,
        }
    }
}

/// TLS of a server that takes members' keys only.
pub(crate) fn server_config(
    identity: &Identity,
    directory: Arc<dyn PeerDirectory>,
) -> Result<ServerConfig, TransportError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = MemberVerifier {
        directory,
        handshake: Handshake::new(&provider),
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TransportError::Tls)?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified())));
    config.alpn_protocols = vec![ALPN_H2.to_vec()];
    // A resumed session would not show its certificate again, so there are none to resume.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// TLS of a client that takes the expected server's key only.
pub(crate) fn client_config(identity: &Identity, pin: Pin) -> Result<ClientConfig, TransportError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = PinnedServerVerifier {
        pin,
        handshake: Handshake::new(&provider),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TransportError::Tls)?
        // "Dangerous" is rustls' word for replacing its name and authority checks; ours are stricter.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified())));
    config.alpn_protocols = vec![ALPN_H2.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(config)
}

/// The check of the handshake's signature, the same for both sides.
#[derive(Debug)]
struct Handshake(WebPkiSupportedAlgorithms);

impl Handshake {
    fn new(provider: &CryptoProvider) -> Self {
        Self(provider.signature_verification_algorithms)
    }

    fn verify(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if signed.scheme != SignatureScheme::ED25519 {
            return Err(Error::InvalidCertificate(CertificateError::BadSignature));
        }
        verify_tls13_signature(message, certificate, signed, &self.0)
    }
}

/// TLS 1.2 is not offered, so this is never asked; were it, the answer is no.
fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::PeerIncompatible(
        rustls::PeerIncompatible::Tls12NotOffered,
    ))
}

/// No chain is followed: a certificate stands for itself.
fn key_alone(leaf: &CertificateDer<'_>, chain: &[CertificateDer<'_>]) -> Result<PublicKey, Error> {
    if !chain.is_empty() {
        return Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
    }
    public_key(leaf)
}

/// A server's view of clients: any member.
struct MemberVerifier {
    directory: Arc<dyn PeerDirectory>,
    handshake: Handshake,
}

impl fmt::Debug for MemberVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemberVerifier")
    }
}

impl ClientCertVerifier for MemberVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let key = key_alone(leaf, chain)?;
        match self.directory.peer(&key) {
            Some(_) => Ok(ClientCertVerified::assertion()),
            None => Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.handshake.verify(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// A client's view of the server: the one it means, no other member.
struct PinnedServerVerifier {
    pin: Pin,
    handshake: Handshake,
}

impl fmt::Debug for PinnedServerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PinnedServerVerifier")
            .field(&self.pin.expected)
            .finish()
    }
}

impl ServerCertVerifier for PinnedServerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = key_alone(leaf, chain)?;
        if self.pin.fits(&key) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            ))
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.handshake.verify(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
