//! openraft behind a thin adapter: its types, and their own form on the wire and on disk.
//!
//! openraft's types never leave this crate and are never stored as they are (a later release may change
//! them): [`wire`] converts each to and from a message of `sekisho.v1`.

mod agreed;
pub(crate) mod network;
#[cfg(feature = "simulation")]
mod runtime;
mod types;
pub(crate) mod wire;

pub use types::Member;
pub(crate) use types::{
    Applieds, Entry, LogId, Proposal, Raft, Storage, StoredMembership, TypeConfig,
};
pub use wire::WireError;
