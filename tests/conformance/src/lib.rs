//! Two verifiers of proof bundles, ours and one written from `docs/spec` alone (`verifier/`, in Python), and what
//! they are compared on: random histories of networks ([`town`]), the bundles of their accesses, and forgeries of
//! those ([`forge`]), among them such as only a replay can tell, for everything in them is properly hashed, proved
//! and cosigned.
//!
//! Panics where a step that must succeed does not: that is what a test wants.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test support fails by panicking"
)]

pub mod dice;
pub mod follow;
pub mod forge;
pub mod leaves;
pub mod other;
pub mod swap;
pub mod town;
