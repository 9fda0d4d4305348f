//! The ledger's core as a replicated, durable service.
//!
//! openraft orders batches of envelopes, a write-ahead log holds them, redb the state they lead to, `sekisho-ledger`
//! decides what each comes to, tonic over pinned mutual TLS carries them between replicas and to nodes.
//! What an entry means is the core's business; who may connect is `sekisho-transport`'s.
//!
//! ```text
//! LedgerService.Submit ──▶ submit ── not the leader ──▶ the leader's LedgerService.Submit
//!                            │ leader
//!                            ▼
//!                   admit (signatures) ──▶ batcher ──▶ openraft ──▶ log (fsync), on a majority
//!                                                         │            followers check signatures
//!                                                         ▼            before they acknowledge
//!                                  apply: state, leaf, tree, all or nothing ──▶ signed reply
//! ```
//!
//! Promises: P2 (one order, one `apply`), P5 (a request id has one outcome, across forwarding, retries
//! and leader changes), P6 (an acknowledged entry is fsynced on a majority first), P7 (roots are compared
//! before anybody cosigns), P12 (the bounds of [`config`]).

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

mod batcher;
mod checked;
mod checkpoint;
pub mod config;
mod directory;
mod disk;
mod error;
mod fair;
mod gate;
mod membership;
pub mod offline;
mod raft;
mod readers;
mod ready_keys;
mod refusals;
mod replica;
mod service;
#[cfg(feature = "simulation")]
pub mod simulation;
mod store;
mod submit;
mod tiles;
mod timing;

#[cfg(test)]
#[path = "../tests/support/genesis.rs"]
mod test_genesis;

#[cfg(feature = "unchecked")]
pub use checked::take_signatures_for_good;
pub use checkpoint::{CheckpointError, Cosigned};
pub use config::{Clock, Config, Keys, SystemClock};
pub use disk::{Disk, DiskFile, Folder};
pub use error::ReplicaError;
pub use membership::{JoinError, Joined, PROMOTE_LAG_MAX, Source, join};
pub use raft::{Member, WireError};
pub use replica::{Alarm, MemberStatus, Replica, Status, WaitError};
pub use store::ReadState;
pub use submit::{SubmitError, Submitted, Submitter};
pub use tiles::{TILES_CONNECTIONS_MAX, check_address as check_tiles_address, names_loopback};
pub use timing::{EXPECTED_RTT_DEFAULT_MS, EXPECTED_RTT_MS, RttOutOfRange, Timing};

pub use sekisho_ledger::tlog::acknowledged;

use sekisho_ledger::CoreError;

/// A fault of the core: the store's own, or a contradiction in what it holds.
pub(crate) fn state_error(error: CoreError<ReplicaError>) -> ReplicaError {
    match error {
        CoreError::Store(error) => error,
        other => ReplicaError::State(Box::new(other)),
    }
}
