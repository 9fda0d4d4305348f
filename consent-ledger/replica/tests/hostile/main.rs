//! Replicas among those who flood, forge, repeat and lie: what is refused is counted, honest callers are served, and
//! a lie between replicas ends the replica that was lied to, or names the one that lied, while the majority goes on.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod between;
mod crowd;
mod entries;
mod lies;
mod snapshots;
#[path = "../support/mod.rs"]
mod support;

use sekisho_replica::Status;
use support::{Cluster, until};

/// How often a replica refused something of a kind.
fn refused(status: &Status, kind: &str) -> u64 {
    let of = status.refused.iter().find(|(name, _)| *name == kind);
    of.map_or(0, |(_, count)| *count)
}

/// Waits until a replica has refused so many of a kind.
async fn wait_refused(cluster: &Cluster, id: u64, kind: &str, at_least: u64) {
    until(&format!("{at_least} refusals of {kind}"), async || {
        let status = cluster.replica(id).status().await.unwrap();
        (refused(&status, kind) >= at_least).then_some(())
    })
    .await;
}
