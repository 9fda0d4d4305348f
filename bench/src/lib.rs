//! Benchmarks against peers: speed as a ratio to a peer or a physical limit measured in the same run.
//!
//! A time alone says as much about the machine as about the software, and on a shared machine it says
//! neither. So every row has two numbers taken by turns (ours, peer, ours, peer …), each the median of at
//! least five runs, and their ratio; nothing here asserts a time. What a row means stands in `README.md`.
//!
//! ```text
//! command ─▶ authorize ─▶ population ─▶ federation     millions of consents, in memory and on a replica's disk
//!        └─▶ ledger ────▶ cluster ────▶ federation     three replicas, real TLS, real fsync
//!                 both ─▶ yardstick (the peers), stats, report, machine
//! ```

pub mod authorize;
mod cluster;
mod command;
mod disk;
mod error;
mod federation;
mod held;
pub mod ledger;
mod machine;
mod population;
mod report;
mod stats;
mod yardstick;

pub use command::{EXIT_FAILED, EXIT_WRONG_USE, command};
pub use error::BenchError;
pub use machine::Machine;
pub use population::Numbers;
pub use report::{Report, Row};
pub use stats::{median, percentile};

/// Alternating runs behind every number.
pub const ROUNDS: usize = 7;
