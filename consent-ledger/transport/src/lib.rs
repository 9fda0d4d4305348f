//! Mutual TLS pinned by the ledger, and what crosses every gRPC hop: deadlines and trace context.
//!
//! **Trust.** A peer is whoever holds a key the ledger names. Each side presents a self-signed
//! certificate made at start from its [`TransportKey`]; the other side takes only the Ed25519 public
//! key from it, has rustls check the handshake's signature by that key, and asks a [`PeerDirectory`]
//! (the ledger's state) whose it is. No authority, name or date in the certificate is believed, so a
//! renewed certificate with the same key still fits, and a key the ledger drops stops working at once:
//! the directory is asked at the handshake, at each request a server takes, and at each write of a client.
//!
//! ```text
//! client                                         server
//! Connector ── TCP, TLS 1.3, ALPN h2 ──────────▶ Incoming            bounded, with a handshake timeout
//!   Expected pin  ◀── certificate ──               │ PeerIdentity
//!                 ── certificate ──▶ PeerDirectory ▼
//! channel() ──── request, deadline, traceparent ─▶ server() ─ MembersOnly ─▶ handler: peer(&request)
//! ```
//!
//! Who may ask what is decided elsewhere (the ledger's `authorize`, the node): this crate says only who
//! is speaking. It leaves retries and circuit breaking to its callers.
//!
//! Promises: P8 (a refused, unreachable or late peer is told apart: [`classify`]), P12 (handshakes,
//! connections, deadlines and buffers are bounded by the constants of [`limits`]).

mod answers;
mod certificate;
mod connect;
pub mod deadline;
mod directory;
mod error;
mod failure;
mod hop;
mod incoming;
mod key;
pub mod limits;
mod places;
pub mod seed_file;
mod serve;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod telemetry;
mod turned_away;
mod unread;
mod verify;

pub use answers::Answers;
pub use certificate::Identity;
pub use connect::{Connector, Expected, PinnedStream, channel, watched_channel};
pub use deadline::Deadline;
pub use directory::{MembersOnly, Peer, PeerDirectory, PeerIdentity, peer, peer_of};
pub use error::TransportError;
pub use failure::{ConnectFailure, Failure, classify};
pub use hop::outgoing;
pub use incoming::{Incoming, PeerStream};
pub use key::{TransportKey, key_id};
pub use limits::{ClientLimits, ServerLimits};
pub use places::{Full, Place, Places};
pub use serve::{MembersServer, server};
pub use turned_away::TurnedAway;
