//! The peer: a file's bytes over TLS 1.3 as rustls does it, in writes and reads of 1 MiB, and nothing else.

use crate::BenchError;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Bytes of one write, as many as in a document's chunk.
const PIECE_BYTES: usize = 1 << 20;
const NAME: &str = "plain.example";

fn certificate(dir: &Path) -> PathBuf {
    dir.join("plain.der")
}

fn failed(error: impl std::fmt::Display) -> BenchError {
    BenchError::Wrong {
        what: "plain TLS",
        expected: "it works".to_owned(),
        got: error.to_string(),
    }
}

/// Sends the file of whatever number it is asked for, for ever. Its certificate is in the folder.
pub(super) async fn serve(
    listener: TcpListener,
    dir: &Path,
    files: Vec<PathBuf>,
) -> Result<(), BenchError> {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).map_err(failed)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed)?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .map_err(failed)?;
    std::fs::write(certificate(dir), made.cert.der()).map_err(failed)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, files) = (acceptor.clone(), files.clone());
            tokio::spawn(async move { send(tcp, &acceptor, &files).await });
        }
    });
    Ok(())
}

async fn send(tcp: TcpStream, acceptor: &TlsAcceptor, files: &[PathBuf]) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    let mut tls = acceptor.accept(tcp).await?;
    let wanted = usize::from(tls.read_u8().await?);
    let Some(path) = files.get(wanted) else {
        return Ok(());
    };
    let (mut file, mut piece) = (File::open(path)?, vec![0; PIECE_BYTES]);
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            return tls.shutdown().await;
        }
        tls.write_all(&piece[..length]).await?;
    }
}

/// Seconds from the request on a connection that stands until the last byte.
pub(super) async fn fetch(address: &str, dir: &Path, wanted: u8) -> Result<(f64, u64), BenchError> {
    let mut roots = RootCertStore::empty();
    let known = std::fs::read(certificate(dir)).map_err(failed)?;
    roots.add(CertificateDer::from(known)).map_err(failed)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(address).await.map_err(failed)?;
    tcp.set_nodelay(true).map_err(failed)?;
    let name = ServerName::try_from(NAME).map_err(failed)?;
    let connector = TlsConnector::from(Arc::new(config));
    let mut tls = connector.connect(name, tcp).await.map_err(failed)?;
    let begun = Instant::now();
    tls.write_u8(wanted).await.map_err(failed)?;
    let (mut piece, mut bytes) = (vec![0; PIECE_BYTES], 0);
    loop {
        match tls.read(&mut piece).await.map_err(failed)? {
            0 => return Ok((begun.elapsed().as_secs_f64(), bytes)),
            length => bytes += length as u64,
        }
    }
}
