//! Mutual TLS for the peers: an authority made for one run, and the one certificate it issued, which servers and clients
//! show each other. What ours do with pinned keys, a peer does with these.

use crate::BenchError;
use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fmt::Display;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

/// What HTTP/2 is called in a TLS handshake.
const H2: &[u8] = b"h2";

/// An authority's certificate, and one it issued with its key: as PEM files, and ready for clients of ours.
pub(crate) struct Certified {
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    connector: TlsConnector,
    server: ServerName<'static>,
}

fn failed(error: impl Display) -> BenchError {
    BenchError::Wrong {
        what: "a certificate for the peer",
        expected: "it is made".to_owned(),
        got: error.to_string(),
    }
}

impl Certified {
    /// Makes them in a folder, for servers at an address of loopback and clients of a name.
    pub(crate) fn make(dir: &Path, address: Ipv4Addr, client: &str) -> Result<Self, BenchError> {
        let authority_key = KeyPair::generate().map_err(failed)?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority_made = authority.self_signed(&authority_key).map_err(failed)?;

        let key = KeyPair::generate().map_err(failed)?;
        // etcd's members also look where a connection comes from.
        let names = [address, Ipv4Addr::LOCALHOST].map(|address| address.to_string());
        let mut params = CertificateParams::new(names.to_vec()).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, client);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let made = params
            .signed_by(&key, &Issuer::new(authority, authority_key))
            .map_err(failed)?;

        let file = |name: &str, pem: String| {
            let path = dir.join(name);
            fs::write(&path, pem).map_err(failed)?;
            Ok::<_, BenchError>(path)
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority_made.der().clone()).map_err(failed)?;
        let own_key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(failed)?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![made.der().clone()], own_key)
            .map_err(failed)?;
        config.alpn_protocols = vec![H2.to_vec()];
        Ok(Self {
            authority: file("authority.pem", authority_made.pem())?,
            certificate: file("certificate.pem", made.pem())?,
            key: file("key.pem", key.serialize_pem())?,
            connector: TlsConnector::from(Arc::new(config)),
            server: ServerName::IpAddress(std::net::IpAddr::V4(address).into()),
        })
    }

    /// A channel to one of these servers, connected when it is first used. The endpoint's scheme must be `http`: TLS is
    /// below what tonic sees.
    pub(crate) fn channel(&self, endpoint: Endpoint) -> Channel {
        let (connector, server) = (self.connector.clone(), self.server.clone());
        endpoint.connect_with_connector_lazy(tower::service_fn(
            move |to: tonic::codegen::http::Uri| {
                let (connector, server) = (connector.clone(), server.clone());
                async move {
                    let address = to.authority().map(ToString::to_string).unwrap_or_default();
                    let tcp = TcpStream::connect(address).await?;
                    tcp.set_nodelay(true)?;
                    Ok::<_, io::Error>(TokioIo::new(connector.connect(server, tcp).await?))
                }
            },
        ))
    }
}
