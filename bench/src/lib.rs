//! Benchmarks against peers: speed as a ratio to a peer or a physical limit measured in the same run.
//!
//! A time alone says as much about the machine as about the software, and on a shared machine it says
//! neither. So every row has two numbers taken by turns (ours, peer, ours, peer …), each the median of at
//! least five runs, and their ratio; nothing here asserts a time. What a row means stands in `README.md`.
//!
//! ```text
//! command ─▶ authorize ─▶ population ─▶ federation     millions of consents, in memory and on a replica's disk
//!        ├─▶ ledger ────▶ replicated ─▶ cluster        three replicas, real TLS, real fsync, in this process
//!        ├─▶ etcd, postgres ▶ replicated ─▶ group      as processes, by turns with the peer's (child, certified)
//!        ├─▶ builds ────▶ replicated ─▶ group          by turns with another build of this program
//!        ├─▶ failover, growth ▶ group                  killed and started again; fed until they are large
//!        ├─▶ retrieve                                   documents between a node, a broker and a node, as processes
//!        ├─▶ withdrawal ▶ cluster, relay               each replica's own state asked, also over a longer way
//!        ├─▶ queries ───▶ networks, relay              brokers and nodes in this process, each a way from the other
//!        ├─▶ exchange ──▶ sites ─▶ networks            whole networks as processes, asked as people ask (`federation`)
//!        ├─▶ indexed ───▶ networks                     a node's index of documents (`index`)
//!        ├─▶ identity                                  patient matching on invented populations and FEBRL4
//!        └─▶ ingested                                  a hospital's storage read into such an index (`ingest`)
//!                 all ─▶ yardstick (the machine), load, stats, report, machine
//! ```

pub mod authorize;
pub mod builds;
mod certified;
mod child;
mod cluster;
mod command;
mod disk;
mod error;
pub mod etcd;
pub mod exchange;
pub mod failover;
mod federation;
mod group;
pub mod growth;
mod held;
pub mod identity;
pub mod indexed;
pub mod ingested;
pub mod ledger;
mod load;
mod machine;
mod networks;
mod population;
pub mod postgres;
mod processor;
pub mod queries;
mod relay;
mod replicated;
mod report;
pub mod retrieve;
mod sites;
mod stats;
pub mod withdrawal;
mod yardstick;

pub use command::{EXIT_FAILED, EXIT_WRONG_USE, command};
pub use error::BenchError;
pub use machine::Machine;
pub use population::Numbers;
pub use report::{Report, Row};
pub use stats::{median, percentile};

/// Alternating runs behind every number.
pub const ROUNDS: usize = 7;
