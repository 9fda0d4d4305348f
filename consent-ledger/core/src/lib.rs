//! The consent ledger's pure core: apply, authorize, tree, checkpoints, proof bundles.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod checkpoint;
pub mod commitment;
pub mod dsse;
pub mod merkle;
pub mod note;
mod proof_error;
pub mod signature;

pub use proof_error::ProofError;
