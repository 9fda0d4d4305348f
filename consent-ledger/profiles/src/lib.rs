//! Each surveyed network as it describes itself, in the normal form of consent policies; and agreements drawn up
//! between any two of them, with their effect computed and shown.
//!
//! Pure: no I/O, no clock, no randomness. What the surveys say comes from [`facts`]; what a code of theirs means
//! from [`mapping`]; nothing is guessed: what was not answered, answered only in words, or answered differently in
//! two surveys stays so until the network itself says more.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::print_stdout,
        reason = "a test fails by panicking, and says what it leaves out"
    )
)]

pub mod diff;
pub mod draft;
pub mod facts;
pub mod import;
pub mod mapping;
pub mod preview;
pub mod profile;
pub mod vocabulary;

#[cfg(test)]
#[path = "facts_test.rs"]
mod facts_test;
