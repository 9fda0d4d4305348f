//! Connections a server takes: accepted, shaken hands with in time, bounded in number.
//!
//! Handshakes run beside each other, so one that is slow or silent delays nobody. When
//! [`handshakes_max`](ServerLimits::handshakes_max) are under way the oldest of the address that has most gives
//! way to the newcomer: an honest one takes a few round trips, so a flood of silent clients pushes out its own.
//! Beyond [`connections_max`](ServerLimits::connections_max), or
//! [`connections_per_key_max`](ServerLimits::connections_per_key_max) of one key, a newcomer is closed at once rather
//! than left waiting. A member that connects and says nothing is closed too, and one that leaves an answer unread for
//! [`unread_max`](ServerLimits::unread_max). What is turned away is counted ([`TurnedAway`]). All work ends, and the port is free, when [`Incoming`] is dropped.

use crate::certificate::public_key;
use crate::directory::{PeerDirectory, PeerIdentity};
use crate::limits::{ACCEPT_RETRY, PREFACE_BYTES, ServerLimits};
use crate::turned_away::{TurnedAway, Why};
use crate::unread::Unread;
use crate::verify::{ALPN_H2, server_config};
use crate::{Identity, TransportError};
use sekisho_domain::PublicKey;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, Sleep};
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
    /// Handshakes in the order they began, with where they come from; some may have ended.
    order: VecDeque<(IpAddr, AbortHandle)>,
    connections: Arc<Semaphore>,
    per_key: Arc<PerKey>,
    turned_away: Arc<TurnedAway>,
    pause: Option<Pin<Box<Sleep>>>,
}

/// Why a client did not become a peer. Logged, told to nobody.
#[derive(Debug, thiserror::Error)]
enum HandshakeFailure {
    #[error("the handshake failed: {0}")]
    Tls(#[from] io::Error),
    #[error("the handshake took longer than {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error("the client does not speak HTTP/2")]
    NoHttp2,
    #[error("the client showed no certificate")]
    NoCertificate,
    #[error("the client's key has {0} connections already")]
    TooManyOfOne(usize),
}

impl HandshakeFailure {
    fn why(&self) -> Why {
        match self {
            Self::Tls(_) | Self::NoHttp2 | Self::NoCertificate => Why::Handshake,
            Self::TimedOut(_) => Why::Slow,
            Self::TooManyOfOne(_) => Why::TooManyOfOne,
        }
    }
}

/// Connections of each key.
struct PerKey {
    open: Mutex<BTreeMap<PublicKey, usize>>,
    max: usize,
}

/// One of them, until it is dropped.
struct OfKey(Arc<PerKey>, PublicKey);

impl PerKey {
    fn take(self: &Arc<Self>, key: PublicKey) -> Result<OfKey, HandshakeFailure> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.entry(key).or_default();
        if *own >= self.max {
            return Err(HandshakeFailure::TooManyOfOne(self.max));
        }
        *own += 1;
        Ok(OfKey(Arc::clone(self), key))
    }
}

impl Drop for OfKey {
    fn drop(&mut self) {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.1) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.1);
            }
        }
    }
}

/// Where a connection comes from, as far as whoever has one address has no other: an IPv6 host has a whole /64.
fn origin(address: SocketAddr) -> IpAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
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
            per_key: Arc::new(PerKey {
                open: Mutex::default(),
                max: limits.connections_per_key_max,
            }),
            turned_away: Arc::default(),
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

    /// What is turned away here, counted.
    pub fn turned_away(&self) -> Arc<TurnedAway> {
        Arc::clone(&self.turned_away)
    }

    /// Ends the oldest handshake of the address that has most of them.
    fn give_way(&mut self) {
        let mut of_each: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for (from, _) in &self.order {
            *of_each.entry(*from).or_default() += 1;
        }
        let most = of_each.values().max().copied();
        let oldest = self
            .order
            .iter()
            .position(|(from, _)| of_each.get(from).copied() == most);
        if let Some((from, handshake)) = oldest.and_then(|oldest| self.order.remove(oldest)) {
            tracing::debug!(%from, limit = self.limits.handshakes_max, "a handshake gave way to a newer one");
            self.turned_away.count(Why::GaveWay);
            handshake.abort();
        }
    }

    fn begin(&mut self, tcp: TcpStream, address: SocketAddr) {
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            tracing::warn!(%address, limit = self.limits.connections_max, "connection closed: too many");
            self.turned_away.count(Why::TooMany);
            return;
        };
        self.order.retain(|(_, handshake)| !handshake.is_finished());
        if self.order.len() >= self.limits.handshakes_max {
            self.give_way();
        }
        let shaking = Handshake {
            acceptor: self.acceptor.clone(),
            directory: Arc::clone(&self.directory),
            per_key: Arc::clone(&self.per_key),
            timeout: self.limits.handshake_timeout,
            unread_max: self.limits.unread_max,
            turned_away: Arc::clone(&self.turned_away),
            address,
            permit,
        };
        let turned_away = Arc::clone(&self.turned_away);
        let handshake = self.handshakes.spawn(async move {
            let timeout = shaking.timeout;
            tokio::time::timeout(timeout, shaking.shake_hands(tcp))
                .await
                .unwrap_or(Err(HandshakeFailure::TimedOut(timeout)))
                .inspect_err(|error| {
                    turned_away.count(error.why());
                    tracing::debug!(%address, %error, "connection refused");
                })
        });
        self.order.push_back((origin(address), handshake));
    }
}

/// What one handshake needs.
struct Handshake {
    acceptor: TlsAcceptor,
    directory: Arc<dyn PeerDirectory>,
    per_key: Arc<PerKey>,
    timeout: Duration,
    unread_max: Duration,
    turned_away: Arc<TurnedAway>,
    address: SocketAddr,
    permit: OwnedSemaphorePermit,
}

impl Handshake {
    async fn shake_hands(self, tcp: TcpStream) -> Result<PeerStream, HandshakeFailure> {
        tcp.set_nodelay(true)?;
        let tls = self.acceptor.accept(tcp).await?;
        let (_, session) = tls.get_ref();
        if session.alpn_protocol() != Some(ALPN_H2) {
            return Err(HandshakeFailure::NoHttp2);
        }
        let leaf = session
            .peer_certificates()
            .and_then(<[_]>::first)
            .ok_or(HandshakeFailure::NoCertificate)?;
        let key = public_key(leaf).map_err(io::Error::other)?;
        let of_key = self.per_key.take(key)?;
        let unread = Arc::new(Unread::default());
        let mut identity = PeerIdentity::new(key, Some(self.address), self.directory);
        identity.unread = Some(Arc::clone(&unread));
        Ok(PeerStream {
            tls,
            identity,
            watch: Watch {
                unread,
                max: self.unread_max,
                look: Box::pin(tokio::time::sleep(self.unread_max)),
                stuck: None,
                turned_away: Arc::clone(&self.turned_away),
            },
            preface: Some(Preface {
                missing: PREFACE_BYTES,
                until: Box::pin(tokio::time::sleep(self.timeout)),
                turned_away: self.turned_away,
            }),
            _permit: self.permit,
            _of_key: of_key,
        })
    }
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
    watch: Watch,
    /// Until the first bytes have come.
    preface: Option<Preface>,
    _permit: OwnedSemaphorePermit,
    _of_key: OfKey,
}

/// The first bytes of HTTP/2, which have a time limit; from then on pings show whether anybody is there.
struct Preface {
    missing: usize,
    until: Pin<Box<Sleep>>,
    turned_away: Arc<TurnedAway>,
}

impl Preface {
    /// Counts what came; whether that was all of it.
    fn read(&mut self, bytes: usize) -> bool {
        self.missing = self.missing.saturating_sub(bytes);
        self.missing == 0
    }

    /// The end of the connection, once its time is over.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        ready!(self.until.as_mut().poll(cx));
        self.turned_away.count(Why::Slow);
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }
}

/// Whether the client reads what it is answered.
struct Watch {
    unread: Arc<Unread>,
    max: Duration,
    /// When it is looked at next.
    look: Pin<Box<Sleep>>,
    /// While the client takes nothing of what is written: HTTP/2 then asks for no more to read either.
    stuck: Option<Pin<Box<Sleep>>>,
    turned_away: Arc<TurnedAway>,
}

impl Watch {
    /// What came of writing, or the end of the connection, once nothing was taken for too long.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        done: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.stuck = None;
            return done;
        }
        let max = self.max;
        let stuck = self
            .stuck
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(max)));
        ready!(stuck.as_mut().poll(cx));
        Poll::Ready(Err(self.over()))
    }

    fn over(&self) -> io::Error {
        tracing::warn!("a client does not read its answers: its connection is closed");
        self.turned_away.count(Why::Unread);
        io::ErrorKind::TimedOut.into()
    }

    /// The end of the connection, once an answer has stood too long.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.look.as_mut().poll(cx));
            let (now, since) = (Instant::now(), self.unread.since());
            let until = since.unwrap_or(now) + self.max;
            if until <= now {
                return Poll::Ready(self.over());
            }
            self.look.as_mut().reset(until);
        }
    }
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
        let this = &mut *self;
        let before = buf.filled().len();
        let read = Pin::new(&mut this.tls).poll_read(cx, buf);
        let Some(preface) = &mut this.preface else {
            return match read {
                Poll::Pending => this.watch.poll_over(cx).map(Err),
                ready => ready,
            };
        };
        if preface.read(buf.filled().len().saturating_sub(before)) {
            this.preface = None;
            return read;
        }
        match read {
            Poll::Pending => preface.poll_over(cx).map(Err),
            ready => ready,
        }
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.tls).poll_write(cx, buf);
        self.watch.written(cx, done)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.tls).poll_write_vectored(cx, bufs);
        self.watch.written(cx, done)
    }
    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.tls).poll_flush(cx);
        self.watch.written(cx, done)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.tls).poll_shutdown(cx);
        self.watch.written(cx, done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[test]
    fn an_address_is_where_somebody_is() {
        for (address, expected) in [
            ("192.0.2.7:1", "192.0.2.7"),
            ("[::ffff:192.0.2.7]:1", "192.0.2.7"),
            ("[2001:db8:1:2:3:4:5:6]:1", "2001:db8:1:2::"),
            ("[2001:db8:1:2:ffff::]:9", "2001:db8:1:2::"),
            ("[2001:db8:1:3::1]:9", "2001:db8:1:3::"),
        ] {
            let got = origin(address.parse().unwrap_or_else(|_| unreachable!()));
            assert_eq!(got.to_string(), expected, "{address}");
        }
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_closed_and_one_that_takes_little_is_not() {
        let (max, little) = (Duration::from_secs(2), Duration::from_millis(50));
        let turned_away = Arc::<TurnedAway>::default();
        let mut watch = Watch {
            unread: Arc::default(),
            max,
            look: Box::pin(tokio::time::sleep(max)),
            stuck: None,
            turned_away: Arc::clone(&turned_away),
        };
        let began = Instant::now();
        while began.elapsed() < max + little {
            let none = poll_fn(|cx| watch.written::<()>(cx, Poll::Pending));
            assert!(tokio::time::timeout(little, none).await.is_err());
            let some = poll_fn(|cx| watch.written(cx, Poll::Ready(Ok(())))).await;
            assert!(some.is_ok());
        }
        assert_eq!(turned_away.counts(), []);
        let over = poll_fn(|cx| watch.written::<()>(cx, Poll::Pending)).await;
        assert!(over.is_err());
        assert_eq!(turned_away.counts(), [("connection-unread", 1)]);
    }
}
