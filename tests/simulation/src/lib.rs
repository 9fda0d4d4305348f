//! The ledger's replicas in a simulated world: whole clusters of the real ones, in one thread, from one seed.
//!
//! What runs is `sekisho-replica` as it is: submission, batching, admission, openraft, store, state machine, barrier,
//! checkpoints, snapshots, gRPC services and their encoding. Time, randomness, threads, network and disk are this
//! crate's. A [`run`] sets up 3, 5 or 7 replicas and a few clients, lets the seed's faults happen to them, looks at
//! every promise after every step ([`invariants`]), then heals the world and requires that it serves again.
//!
//! ```text
//! seed ─▶ Schedule ─▶ Net     cuts, loss, delay, repetition, reordering      Client ─▶ History
//!                  ─▶ Media   cuts at any write, torn sectors, full, stalls     │          │
//!                  ─▶ Clock   jumps                                             ▼          ▼
//!                  ─▶ Cluster crashes, restarts ─────────────────────────▶ Replica ─▶ Invariants
//! ```

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

pub mod client;
pub mod clock;
pub mod cluster;
pub mod disk;
pub mod failure;
pub mod federation;
pub mod history;
pub mod invariants;
pub mod life;
pub mod members;
pub mod net;
mod panics;
pub mod random;
mod run;
pub mod schedule;
pub mod trace;
pub mod wire;

pub use failure::Failure;
pub use run::{Options, Summary, is_seeded, run};
