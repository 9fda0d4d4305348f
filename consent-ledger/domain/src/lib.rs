//! The words of Sekisho as types, one meaning each.
//!
//! Pure data: no I/O, no clock, no randomness. Values that could be wrong are parsed once, here, into
//! types that cannot be. What is decided with them lives in `sekisho-ledger`; how they travel in
//! `sekisho-proto`.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

mod access;
mod agreement;
mod codes;
mod consent;
mod entry;
mod error;
mod ids;
mod life;
mod policy;
mod prefectures;
mod recovery;
mod set;
mod text;
mod words;

pub use access::*;
pub use agreement::*;
pub use codes::*;
pub use consent::*;
pub use entry::*;
pub use error::*;
pub use ids::*;
pub use life::*;
pub use policy::*;
pub use prefectures::*;
pub use recovery::*;
pub use set::*;
pub use text::*;
pub use words::*;

#[cfg(test)]
#[path = "domain_test.rs"]
mod tests;
