//! Who a key belongs to, asked of the ledger at each handshake and each request.

use crate::key_id;
use crate::unread::Unread;
use sekisho_domain::{KeyId, NetworkId, PublicKey};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use tonic::service::Interceptor;
use tonic::{Extensions, Request, Status};

/// A member of the federation as seen on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The network the key speaks for.
    pub network: NetworkId,
    /// The key's id.
    pub key: KeyId,
}

/// The ledger's answer to whose a key is, now.
///
/// Asked during handshakes and requests, so an implementation answers from memory, without waiting.
pub trait PeerDirectory: Send + Sync {
    /// The member the key speaks for, or nobody: unknown, revoked, or of a network that is no member.
    fn peer(&self, key: &PublicKey) -> Option<Peer>;
}

/// The key a connection's other end proved to hold, and the directory that says whose it is.
///
/// A request extension on every request that came through [`Incoming`](crate::Incoming). It holds no
/// [`Peer`], so that nothing decided at the handshake can outlive a revocation.
#[derive(Clone)]
pub struct PeerIdentity {
    key: PublicKey,
    address: Option<SocketAddr>,
    directory: Arc<dyn PeerDirectory>,
    /// The connection's answers that wait for its client, where somebody looks.
    pub(crate) unread: Option<Arc<Unread>>,
}

impl PeerIdentity {
    pub(crate) fn new(
        key: PublicKey,
        address: Option<SocketAddr>,
        directory: Arc<dyn PeerDirectory>,
    ) -> Self {
        Self {
            key,
            address,
            directory,
            unread: None,
        }
    }

    /// Whose the key is now.
    pub fn current(&self) -> Option<Peer> {
        self.directory.peer(&self.key)
    }

    /// The key proved in the handshake.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Where the connection came from.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

impl fmt::Debug for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerIdentity")
            .field("key", &key_id(&self.key))
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// The member that sent a request, by the ledger as it is now.
///
/// # Errors
/// `Unauthenticated` if the connection's key is not, or no longer, a member's, or the request did not
/// come through [`Incoming`](crate::Incoming).
pub fn peer<T>(request: &Request<T>) -> Result<Peer, Status> {
    peer_of(request.extensions())
}

/// The same by a request's extensions, for a call that goes on after its request was taken apart.
///
/// # Errors
/// As [`peer`].
pub fn peer_of(extensions: &Extensions) -> Result<Peer, Status> {
    extensions
        .get::<PeerIdentity>()
        .and_then(PeerIdentity::current)
        .ok_or_else(|| {
            Status::unauthenticated("the key of this connection is not, or no longer, a member's")
        })
}

/// Refuses requests on connections whose key has stopped being a member's. Part of
/// [`server`](crate::server()); also an interceptor of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct MembersOnly;

impl Interceptor for MembersOnly {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        peer(&request)?;
        Ok(request)
    }
}
