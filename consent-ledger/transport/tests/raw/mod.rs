//! Clients a test builds from rustls itself, to be what our own never is: credulous, outdated, a thief.

use crate::support::{Members, PATIENCE, Running, identity};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use sekisho_transport::{Identity, ServerLimits, TransportKey};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Saga's server, and a member whose key the test has as a rustls signer.
pub async fn known_client() -> (Running, Arc<dyn rustls::sign::SigningKey>, Identity) {
    known_client_of(ServerLimits::default()).await
}

/// The same with a server of other limits.
pub async fn known_client_of(
    limits: ServerLimits,
) -> (Running, Arc<dyn rustls::sign::SigningKey>, Identity) {
    let seed = [7; 32];
    let saga = identity();
    let kurume = Identity::new(TransportKey::from_seed(&zeroize::Zeroizing::new(seed))).unwrap();
    let members = Members::of(&[(&saga, "saga"), (&kurume, "kurume")]);
    let server = Running::start(&saga, members, limits).await;
    (server, seeded_signer(seed), kurume)
}

/// Connects with a configuration of the test's own and waits for the server's first byte: in TLS 1.3 a
/// refused client learns of it only there.
pub async fn first_byte(address: SocketAddr, config: ClientConfig) -> io::Result<u8> {
    let tcp = TcpStream::connect(address).await?;
    let connect = async {
        TlsConnector::from(Arc::new(config))
            .connect(anyone(), tcp)
            .await?
            .read_u8()
            .await
    };
    timeout(PATIENCE, connect).await.unwrap()
}

pub fn tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

pub fn ring() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

pub fn anyone() -> ServerName<'static> {
    ServerName::try_from("anyone.invalid").unwrap()
}

/// A signer of a seed, through rustls' own code: PKCS #8 v1 (RFC 8410 §7).
pub fn seeded_signer(seed: [u8; 32]) -> Arc<dyn rustls::sign::SigningKey> {
    let mut der = vec![
        0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
    ];
    der.extend(seed);
    rustls::crypto::ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(der)).unwrap()
}

pub fn certified(identity: &Identity, signer: Arc<dyn rustls::sign::SigningKey>) -> CertifiedKey {
    CertifiedKey::new(
        vec![CertificateDer::from(identity.certificate().to_vec())],
        signer,
    )
}

/// A member's certificate with a key that is not its own.
pub fn stolen(identity: &Identity) -> Arc<SingleCertAndKey> {
    Arc::new(SingleCertAndKey::from(certified(
        identity,
        seeded_signer([9; 32]),
    )))
}

pub fn stolen_client(identity: &Identity) -> ClientConfig {
    let mut config =
        raw_client(&[&rustls::version::TLS13]).with_client_cert_resolver(stolen(identity));
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

pub fn raw_client(
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(ring())
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous))
}

/// A client that believes any server: these tests are about what the server believes.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// The only application protocol our servers speak.
pub fn h2() -> Vec<Vec<u8>> {
    vec![b"h2".to_vec()]
}
