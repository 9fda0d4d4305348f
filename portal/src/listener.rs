//! Connections of browsers: over TLS 1.3 or 1.2 with the network's web certificate, or plain on loopback behind a proxy.
//!
//! So many at once, each with its time to send a request's head; a connection that fails is its own affair.

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

/// Handshakes under way at once.
const HANDSHAKES_MAX: usize = 256;
/// Time for one.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause before connections are accepted again after the system refused one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFault {
    /// A file cannot be read, or is not PEM.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The two do not fit, or the certificate is not one.
    #[error("the certificate and its key cannot be used together")]
    Use(#[source] rustls::Error),
}

/// The certificate browsers see, with its key.
#[derive(Clone)]
pub struct Certificate(Arc<ServerConfig>);

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificate(..)")
    }
}

impl Certificate {
    /// Reads the chain, leaf first, and its private key; both PEM.
    ///
    /// # Errors
    /// [`CertificateFault`].
    pub fn read(chain: &Path, key: &Path) -> Result<Self, CertificateFault> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| CertificateFault::Read { path, source }
        };
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(chain)
            .map_err(failed(chain))?
            .collect();
        let certificates = certificates.map_err(failed(chain))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(failed(key))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(CertificateFault::Use)?
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .map_err(CertificateFault::Use)?;
        Ok(Self(Arc::new(config)))
    }
}

/// A browser's connection.
pub(crate) enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Takes connections; handshakes go on side by side, so that a slow one keeps nobody waiting.
struct Arrivals {
    local: SocketAddr,
    arrived: mpsc::Receiver<(Connection, SocketAddr)>,
}

impl Listener for Arrivals {
    type Io = Connection;
    type Addr = SocketAddr;
    async fn accept(&mut self) -> (Connection, SocketAddr) {
        match self.arrived.recv().await {
            Some(arrived) => arrived,
            // The task that accepts ends only when the portal stops.
            None => std::future::pending().await,
        }
    }
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From(pub SocketAddr);

impl Connected<IncomingStream<'_, Arrivals>> for From {
    fn connect_info(stream: IncomingStream<'_, Arrivals>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// The address a request came from, where it came over a connection. From this machine it came through the proxy in
/// front: then the last address of `X-Forwarded-For`, which the proxy itself wrote.
pub(crate) fn address(
    headers: &axum::http::HeaderMap,
    extensions: &axum::http::Extensions,
) -> Option<IpAddr> {
    let ConnectInfo(From(peer)) = extensions.get::<ConnectInfo<From>>()?;
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
    let forwarded = forwarded.and_then(|line| line.to_str().ok()?.rsplit(',').next());
    match forwarded.and_then(|last| last.trim().parse().ok()) {
        Some(told) if peer.ip().is_loopback() => Some(told),
        _ => Some(peer.ip()),
    }
}

pub(crate) async fn serve(
    router: Router,
    listener: TcpListener,
    certificate: Option<Certificate>,
    stop: CancellationToken,
) -> io::Result<()> {
    let local = listener.local_addr()?;
    let (arrive, arrived) = mpsc::channel(HANDSHAKES_MAX);
    let accepting = tokio::spawn(accept(listener, certificate, arrive, stop.clone()));
    let arrivals = Arrivals { local, arrived };
    let service = router.into_make_service_with_connect_info::<From>();
    let served = axum::serve(arrivals, service)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await;
    accepting.abort();
    served
}

async fn accept(
    listener: TcpListener,
    certificate: Option<Certificate>,
    arrive: mpsc::Sender<(Connection, SocketAddr)>,
    stop: CancellationToken,
) {
    loop {
        // A place first: beyond the bound connections wait in the system's own queue.
        let Ok(place) = arrive.clone().reserve_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, from)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        match &certificate {
            None => {
                place.send((Connection::Plain(stream), from));
            }
            Some(Certificate(config)) => {
                let handshake = TlsAcceptor::from(Arc::clone(config)).accept(stream);
                tokio::spawn(async move {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await
                    {
                        place.send((Connection::Tls(Box::new(stream)), from));
                    }
                });
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{Extensions, HeaderMap};

    #[test]
    fn only_a_proxy_on_this_machine_says_who_asks() {
        let of = |peer: &str, lines: &[&'static str]| {
            let mut extensions = Extensions::new();
            extensions.insert(ConnectInfo(From(peer.parse().unwrap())));
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            address(&headers, &extensions).unwrap().to_string()
        };
        let (near, far) = ("127.0.0.1:9", "192.0.2.7:9");
        assert_eq!(of(near, &[]), "127.0.0.1");
        assert_eq!(of(near, &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            of(near, &["10.0.0.1, 198.51.100.1"]),
            "198.51.100.1",
            "the rest anybody can write"
        );
        assert_eq!(of(near, &["198.51.100.1", "2001:db8::1"]), "2001:db8::1");
        assert_eq!(of(near, &["nonsense"]), "127.0.0.1");
        assert_eq!(of(far, &["198.51.100.1"]), "192.0.2.7");
        assert_eq!(address(&HeaderMap::new(), &Extensions::new()), None);
    }
}
