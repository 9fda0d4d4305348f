//! Connections a server takes: accepted, shaken hands with in time, bounded in number.
//!
//! Handshakes run beside each other, so one that is slow or silent delays nobody. When
//! [`handshakes_max`](ServerLimits::handshakes_max) are under way the oldest gives way to the newcomer:
//! an honest one takes a few round trips, so a flood of silent clients pushes out its own. Beyond
//! [`connections_max`](ServerLimits::connections_max) a newcomer is closed at once rather than left
//! waiting. All work ends, and the port is free, when [`Incoming`] is dropped.

use crate::certificate::public_key;
use crate::directory::{PeerDirectory, PeerIdentity};
use crate::limits::{ACCEPT_RETRY, ServerLimits};
use crate::verify::{ALPN_H2, server_config};
use crate::{Identity, TransportError};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::Stream;
use tonic::transport::server::Connected;

/// A stream of members' connections for tonic's `serve_with_incoming`. Never ends by itself.
pub struct Incoming {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    directory: Arc<dyn PeerDirectory>,
    limits: ServerLimits,
    handshakes: JoinSet<Result<PeerStream, HandshakeFailure>>,
    /// Handshakes in the order they began; some may have ended.
    order: VecDeque<AbortHandle>,
    connections: Arc<Semaphore>,
    pause: Option<Pin<Box<Sleep>>>,
}

/// Why a client did not become a peer. Logged, told to nobody.
#[derive(Debug, thiserror::Error)]
enum HandshakeFailure {
    #[error("the handshake failed: {0}")]
    Tls(#[from] io::Error),
    #[error("the handshake took longer than {} ms", .0.as_millis())]
    TimedOut(std::time::Duration),
    #[error("the client does not speak HTTP/2")]
    NoHttp2,
    #[error("the client showed no certificate")]
    NoCertificate,
}

impl Incoming {
    /// Takes connections from a bound listener.
    ///
    /// # Errors
    /// [`TransportError::Tls`] if TLS cannot be set up.
    pub fn new(
        listener: TcpListener,
        identity: &Identity,
        directory: Arc<dyn PeerDirectory>,
        limits: ServerLimits,
    ) -> Result<Self, TransportError> {
        let config = server_config(identity, Arc::clone(&directory))?;
        Ok(Self {
            listener,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            directory,
            limits,
            handshakes: JoinSet::new(),
            order: VecDeque::new(),
            connections: Arc::new(Semaphore::new(limits.connections_max)),
            pause: None,
        })
    }

    /// The address listened on.
    ///
    /// # Errors
    /// [`TransportError::Listener`] if the system does not say.
    pub fn local_addr(&self) -> Result<SocketAddr, TransportError> {
        self.listener.local_addr().map_err(TransportError::Listener)
    }

    fn begin(&mut self, tcp: TcpStream, address: SocketAddr) {
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            tracing::warn!(%address, limit = self.limits.connections_max, "connection closed: too many");
            return;
        };
        self.order.retain(|handshake| !handshake.is_finished());
        if self.order.len() >= self.limits.handshakes_max
            && let Some(oldest) = self.order.pop_front()
        {
            tracing::debug!(
                limit = self.limits.handshakes_max,
                "oldest handshake gave way to a newer one"
            );
            oldest.abort();
        }
        let acceptor = self.acceptor.clone();
        let directory = Arc::clone(&self.directory);
        let timeout = self.limits.handshake_timeout;
        self.order.push_back(self.handshakes.spawn(async move {
            tokio::time::timeout(
                timeout,
                shake_hands(acceptor, tcp, address, directory, permit),
            )
            .await
            .unwrap_or(Err(HandshakeFailure::TimedOut(timeout)))
            .inspect_err(|error| tracing::debug!(%address, %error, "connection refused"))
        }));
    }
}

async fn shake_hands(
    acceptor: TlsAcceptor,
    tcp: TcpStream,
    address: SocketAddr,
    directory: Arc<dyn PeerDirectory>,
    permit: OwnedSemaphorePermit,
) -> Result<PeerStream, HandshakeFailure> {
    tcp.set_nodelay(true)?;
    let tls = acceptor.accept(tcp).await?;
    let (_, session) = tls.get_ref();
    if session.alpn_protocol() != Some(ALPN_H2) {
        return Err(HandshakeFailure::NoHttp2);
    }
    let leaf = session
        .peer_certificates()
        .and_then(<[_]>::first)
        .ok_or(HandshakeFailure::NoCertificate)?;
    let key = public_key(leaf).map_err(io::Error::other)?;
    Ok(PeerStream {
        tls,
        identity: PeerIdentity::new(key, Some(address), directory),
        _permit: permit,
    })
}

impl Stream for Incoming {
    type Item = Result<PeerStream, io::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match this.handshakes.poll_join_next(cx) {
                Poll::Ready(Some(Ok(Ok(stream)))) => return Poll::Ready(Some(Ok(stream))),
                Poll::Ready(Some(_)) => continue,
                Poll::Ready(None) | Poll::Pending => {}
            }
            if let Some(pause) = &mut this.pause {
                ready!(pause.as_mut().poll(cx));
                this.pause = None;
            }
            match ready!(this.listener.poll_accept(cx)) {
                Ok((tcp, address)) => this.begin(tcp, address),
                // The client was gone before it was accepted: nothing is wrong here.
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections; trying again");
                    this.pause = Some(Box::pin(tokio::time::sleep(ACCEPT_RETRY)));
                }
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// A connection whose other end proved to hold a member's key.
pub struct PeerStream {
    tls: TlsStream<TcpStream>,
    identity: PeerIdentity,
    _permit: OwnedSemaphorePermit,
}

impl Connected for PeerStream {
    type ConnectInfo = PeerIdentity;
    fn connect_info(&self) -> PeerIdentity {
        self.identity.clone()
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_read(cx, buf)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write(cx, buf)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write_vectored(cx, bufs)
    }
    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }
}
