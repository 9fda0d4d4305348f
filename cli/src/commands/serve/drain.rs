//! The end of a process: what is under way ends, nothing new is taken.
//!
//! ```text
//! signal ─▶ health NOT_SERVING ─▶ people, then queries, then answers: closed, and waited for ─▶ connections closed
//!           balancers look away    a refusal says "not taken"; health, ledger and consensus      requests to the
//!                                  go on, since what is under way needs them                     ledger end
//! ```

use super::door::{Door, Part};
use super::health::Watched;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Time for everything that is under way: the ten seconds people wait for a list, and half of that again.
pub(super) const DRAIN_GRACE: Duration = Duration::from_secs(15);

/// Time for calls to the ledger, and for connections to be closed: an entry takes some round trips, and whoever only
/// watches (health, leaves) would never end by itself.
pub(super) const CLOSE_GRACE: Duration = Duration::from_secs(3);

/// Health first, then part by part, each waited for before the next is closed; at most [`DRAIN_GRACE`], or until the
/// operator asks a second time.
pub(super) async fn drain(door: &Door, health: Watched, again: impl Future<Output = ()>) {
    health.stop().await;
    let until = Instant::now() + DRAIN_GRACE;
    let emptied = async {
        for part in Part::CLOSED_FIRST {
            door.close(part);
            if timeout_at(until, door.empty(part)).await.is_err() {
                return false;
            }
        }
        true
    };
    let emptied = tokio::select! {
        emptied = emptied => emptied,
        () = again => false,
    };
    // Where time ran out, what was not closed yet is closed now.
    for part in Part::CLOSED_FIRST {
        door.close(part);
    }
    let left: usize = Part::CLOSED_FIRST.map(|p| door.under_way(p)).iter().sum();
    if emptied {
        tracing::info!("nothing is under way");
    } else {
        tracing::warn!(
            left,
            grace_s = DRAIN_GRACE.as_secs(),
            "not everything under way has ended"
        );
    }
}
