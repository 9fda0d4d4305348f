//! Connections a client makes: to the expected network's key, or not at all.

use crate::failure::ConnectFailure;
use crate::limits::{self, ClientLimits};
use crate::verify::{ALPN_H2, Pin, client_config};
use crate::{Identity, PeerDirectory, TransportError};
use http::Uri;
use http::uri::{Authority, Scheme};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use sekisho_domain::{KeyId, NetworkId, PublicKey};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin as StdPin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};
use tower::Service;

/// Whose key the server must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any key the directory gives to this network.
    Network(NetworkId),
    /// This very key, whatever the directory says: for whoever has no ledger state yet and was told
    /// the key by a genesis file.
    Key(KeyId),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => write!(f, "network {network}"),
            Self::Key(key) => write!(f, "key {key}"),
        }
    }
}

/// A channel to the server at an address (`host:port`) that must hold the expected key. Connects at the
/// first request, and again at the next one after a connection broke.
///
/// # Errors
/// [`TransportError::Address`] if the address is not `host:port`, [`TransportError::Tls`] if TLS cannot
/// be set up. Failures to connect are the requests' ([`classify`](crate::classify)).
pub fn channel(
    address: &str,
    expected: Expected,
    identity: &Identity,
    directory: Arc<dyn PeerDirectory>,
    limits: ClientLimits,
) -> Result<Channel, TransportError> {
    watched_channel(address, expected, identity, directory, limits).map(|(channel, _)| channel)
}

/// A channel as [`channel`] makes it, and the number of connections it has made: for whoever must know that
/// a server can be reached before it has answered anything.
///
/// # Errors
/// As [`channel`].
pub fn watched_channel(
    address: &str,
    expected: Expected,
    identity: &Identity,
    directory: Arc<dyn PeerDirectory>,
    limits: ClientLimits,
) -> Result<(Channel, watch::Receiver<u64>), TransportError> {
    let (made, connections) = watch::channel(0);
    let mut connector = Connector::new(identity, expected, directory, limits)?;
    connector.made = Some(made);
    // The scheme only names the resource: TLS is the connector's own, below anything tonic sees.
    let authority: Authority = address
        .parse()
        .map_err(|_| TransportError::Address(address.to_owned()))?;
    if authority.host().is_empty()
        || authority.port_u16().is_none()
        || authority.as_str().contains('@')
    {
        return Err(TransportError::Address(address.to_owned()));
    }
    let uri = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(authority)
        .path_and_query("/")
        .build()
        .map_err(|_| TransportError::Address(address.to_owned()))?;
    let channel = Endpoint::from(uri)
        .initial_stream_window_size(limits.answer_window_bytes)
        .initial_connection_window_size(limits.answers_window_bytes)
        .max_frame_size(limits::FRAME_BYTES)
        .http2_max_header_list_size(limits::HEADER_LIST_BYTES_MAX)
        .http2_keep_alive_interval(limits.keep_alive_interval)
        .keep_alive_timeout(limits.keep_alive_timeout)
        .keep_alive_while_idle(true)
        .connect_with_connector_lazy(connector);
    Ok((channel, connections))
}

/// Makes TLS connections to one expected server. Cheap to clone.
#[derive(Clone)]
pub struct Connector {
    tls: TlsConnector,
    pin: Pin,
    limits: ClientLimits,
    /// Told of each connection, where somebody wants to know.
    made: Option<watch::Sender<u64>>,
}

impl Connector {
    /// A connector that presents `identity` and accepts only the expected key.
    ///
    /// # Errors
    /// [`TransportError::Tls`] if TLS cannot be set up.
    pub fn new(
        identity: &Identity,
        expected: Expected,
        directory: Arc<dyn PeerDirectory>,
        limits: ClientLimits,
    ) -> Result<Self, TransportError> {
        let pin = Pin {
            expected,
            directory,
        };
        let config = client_config(identity, pin.clone())?;
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            pin,
            limits,
            made: None,
        })
    }

    async fn connect(self, address: String) -> Result<PinnedStream, ConnectFailure> {
        let after = self.limits.connect_timeout;
        match tokio::time::timeout(after, self.establish(&address)).await {
            Ok(done) => done,
            Err(_) => Err(ConnectFailure::TimedOut { address, after }),
        }
    }

    async fn establish(&self, address: &str) -> Result<PinnedStream, ConnectFailure> {
        let failed = |error| self.failure(address, error);
        let tcp = TcpStream::connect(address).await.map_err(failed)?;
        tcp.set_nodelay(true).map_err(failed)?;
        // No name is sent or checked: the key is the name.
        let nameless = ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let tls = self.tls.connect(nameless, tcp).await.map_err(failed)?;
        let (_, session) = tls.get_ref();
        let protocol = |source| ConnectFailure::Protocol {
            address: address.to_owned(),
            source,
        };
        if session.alpn_protocol() != Some(ALPN_H2) {
            return Err(protocol(None));
        }
        let leaf = session
            .peer_certificates()
            .and_then(<[_]>::first)
            .ok_or_else(|| protocol(None))?;
        let key = crate::certificate::public_key(leaf).map_err(|error| protocol(Some(error)))?;
        // In TLS 1.3 a client has finished before the server has looked at its certificate. A server's
        // first frame (its HTTP/2 settings, sent unasked) shows that we were accepted; waiting for it
        // turns a refusal into this connection's failure instead of some request's broken stream.
        let mut io = BufReader::with_capacity(limits::FIRST_READ_BYTES, tls);
        if io.fill_buf().await.map_err(failed)?.is_empty() {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
        if let Some(made) = &self.made {
            made.send_modify(|made| *made += 1);
        }
        Ok(PinnedStream {
            io,
            key,
            pin: self.pin.clone(),
        })
    }

    fn failure(&self, address: &str, error: io::Error) -> ConnectFailure {
        use rustls::Error::{AlertReceived, InvalidCertificate};
        let address = address.to_owned();
        match error.downcast::<rustls::Error>() {
            Ok(source @ InvalidCertificate(_)) => ConnectFailure::WrongCertificate {
                address,
                expected: self.pin.expected.clone(),
                source,
            },
            Ok(source @ AlertReceived(_)) => ConnectFailure::Refused { address, source },
            Ok(source) => ConnectFailure::Protocol {
                address,
                source: Some(source),
            },
            Err(source) => ConnectFailure::Unreachable { address, source },
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<PinnedStream>;
    type Error = ConnectFailure;
    type Future = StdPin<Box<dyn Future<Output = Result<Self::Response, ConnectFailure>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), ConnectFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let address = uri.authority().map(ToString::to_string).unwrap_or_default();
        let connect = self.clone().connect(address);
        Box::pin(async move { connect.await.map(TokioIo::new) })
    }
}

/// A connection to the expected server, which breaks at the first write after the ledger stopped giving
/// the server's key to the expected network.
pub struct PinnedStream {
    io: BufReader<TlsStream<TcpStream>>,
    key: PublicKey,
    pin: Pin,
}

impl PinnedStream {
    fn still_fits(&self) -> io::Result<()> {
        if self.pin.fits(&self.key) {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "the server's key is no longer that of {}",
                    self.pin.expected
                ),
            ))
        }
    }
}

impl AsyncRead for PinnedStream {
    fn poll_read(
        mut self: StdPin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        StdPin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for PinnedStream {
    fn poll_write(
        mut self: StdPin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.still_fits()?;
        StdPin::new(&mut self.io).poll_write(cx, buf)
    }
    fn poll_write_vectored(
        mut self: StdPin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.still_fits()?;
        StdPin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
    fn poll_flush(mut self: StdPin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        StdPin::new(&mut self.io).poll_flush(cx)
    }
    fn poll_shutdown(mut self: StdPin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        StdPin::new(&mut self.io).poll_shutdown(cx)
    }
}
