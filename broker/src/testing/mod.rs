//! A ledger in memory and nodes that misbehave as told, for tests of what stands between networks.
//!
//! The ledger is the real core, which really decides; the nodes speak real mutual TLS on a port of their own.
//! Only the disk, the other replicas and good conduct are missing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod garbled;
mod ledger;
mod node;
mod relay;
mod script;
mod world;

pub use node::FaultyNode;
pub use script::{Conduct, content, entry, sealed};
pub use world::{Availability, VIEWING, World, subject};
