//! The ledger applied again in memory, for one officer at a time.

use crate::fault::Fault;
use crate::state::Portal;
use sekisho_domain::EntryIndex;
use sekisho_ledger::history::Replay;
use sekisho_node::{LedgerFault, NodeError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// Leaves applied again for a page: about a minute of one processor, and some hundred megabytes while it lasts. Beyond it
/// the page names the command that does it with all the machine's means.
pub const LEAVES_MAX: u64 = 100_000;
/// How long an officer waits for another's.
const WAIT: Duration = Duration::from_secs(30);
/// Leaves read at once.
const CHUNK: usize = 512;

/// A state derived again; nobody else's is meanwhile.
pub struct Replayed {
    pub replay: Replay,
    _place: OwnedSemaphorePermit,
}

/// The ledger as it was before the leaf of an index; none where more than `max` leaves stand before it.
pub async fn replayed(
    portal: &Portal,
    index: EntryIndex,
    max: u64,
) -> Result<Option<Replayed>, Fault> {
    if index.0 > max {
        return Ok(None);
    }
    let places = Arc::clone(&portal.replays);
    let waited = tokio::time::timeout(WAIT, places.acquire_owned()).await;
    let place = waited
        .map_err(|_| NodeError::Late)?
        .map_err(|_| Fault::Stopping)?;
    let genesis = Arc::clone(&portal.genesis);
    let mut replay = blocking(move || Ok(Replay::begin(&genesis)?)).await?;
    while replay.size() < index.0 {
        let from = EntryIndex(replay.size());
        let wanted = CHUNK.min(usize::try_from(index.0 - from.0).unwrap_or(CHUNK));
        let leaves = portal.ask(move |snapshot| {
            let leaves = snapshot.view().leaves(from, wanted);
            Ok(leaves.map_err(LedgerFault::from)?)
        });
        let leaves = leaves.await?;
        if leaves.is_empty() {
            return Err(Fault::NotFound);
        }
        replay = blocking(move || {
            for bytes in &leaves {
                let leaf = replay.next(bytes)?;
                replay.apply(leaf, bytes)?;
            }
            Ok(replay)
        })
        .await?;
    }
    Ok(Some(Replayed {
        replay,
        _place: place,
    }))
}

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A leaf that does not lead to what was recorded is the replica's fault, and is told as one.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|_| Fault::Stopping)?;
    done.map_err(|error| LedgerFault::State(error).into())
}
