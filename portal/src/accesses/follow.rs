//! Keeping the rows up with the ledger.

use super::store::Accesses;
use super::tables::{AccessesFault, Place};
use super::taking::Chunk;
use crate::fault::Fault;
use crate::state::Portal;
use sekisho_domain::{EntryIndex, Hash, LedgerId};
use sekisho_ledger::Leaf;
use sekisho_node::{LedgerFault, NodeError, Snapshot};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Leaves taken at once: 32 MiB at the most, and seldom a hundredth of it.
pub const CHUNK_LEAVES: usize = 512;
/// Chunks a page waits for; then it is shown with a word on how far the rows have come.
pub const PAGE_CHUNKS_MAX: usize = 16;
/// Between two looks while nobody asks.
const PAUSE: Duration = Duration::from_secs(2);

fn failed(fault: AccessesFault) -> Fault {
    Fault::Accesses(fault)
}

/// What stands on the ledger behind a place.
struct Read {
    ledger: LedgerId,
    size: u64,
    anew: bool,
    leaves: Vec<(Leaf, Hash)>,
}

fn hash(leaf: &[u8]) -> Hash {
    Hash(Sha256::digest(leaf).into())
}

/// Reads on from a place, or from the beginning if what was taken is not what stands there.
fn read(snapshot: &Snapshot<'_>, place: Option<&Place>) -> Result<Option<Read>, NodeError> {
    let view = snapshot.view();
    let Some(meta) = view.meta().map_err(LedgerFault::from)? else {
        return Ok(None);
    };
    let stands = match place {
        Some(place) if place.ledger == meta.ledger && 0 < place.next && place.next <= meta.size => {
            let last = view
                .leaf(EntryIndex(place.next - 1))
                .map_err(LedgerFault::from)?;
            last.is_some_and(|last| hash(&last) == place.last)
        }
        _ => false,
    };
    let from = place.filter(|_| stands).map_or(0, |place| place.next);
    let mut leaves = Vec::new();
    if from < meta.size {
        let read = view.leaves(EntryIndex(from), CHUNK_LEAVES);
        for bytes in read.map_err(LedgerFault::from)? {
            let leaf = Leaf::decode(&bytes).map_err(|e| LedgerFault::State(Box::new(e)))?;
            leaves.push((leaf, hash(&bytes)));
        }
    }
    Ok(Some(Read {
        ledger: meta.ledger,
        size: meta.size,
        anew: place.is_some() && !stands,
        leaves,
    }))
}

impl Portal {
    /// Takes what the ledger has more of, at most so many chunks; whether it is all of it.
    async fn follow(&self, chunks: usize) -> Result<bool, Fault> {
        let accesses = &self.rows;
        let _taking = accesses.taking.lock().await;
        for _ in 0..chunks {
            let of = Arc::clone(accesses);
            let place = blocking(move || of.place()).await?;
            let read = self
                .ask(move |snapshot| read(snapshot, place.as_ref()))
                .await?;
            let Some(read) = read else {
                return Ok(true);
            };
            let next = read.leaves.last().map(|(leaf, _)| leaf.index.0 + 1);
            let behind = next.map_or(0, |next| read.size.saturating_sub(next));
            if !read.leaves.is_empty() || read.anew {
                let chunk = Chunk {
                    ledger: read.ledger,
                    anew: read.anew,
                    leaves: read.leaves,
                };
                let of = Arc::clone(accesses);
                blocking(move || of.take(&chunk)).await?;
            }
            accesses.behind.store(behind, Ordering::Relaxed);
            if behind == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Asks the rows of accesses, once they have taken what is new on the ledger (up to [`PAGE_CHUNKS_MAX`] chunks of it;
    /// [`Accesses::behind`] tells what is missing).
    ///
    /// # Errors
    /// The ledger or the rows cannot be read.
    pub async fn accesses<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Accesses) -> Result<T, AccessesFault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.follow(PAGE_CHUNKS_MAX).await?;
        let of = Arc::clone(&self.rows);
        blocking(move || question(&of)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AccessesFault> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Fault::Stopping)?.map_err(failed)
}

/// Follows while the portal is served, so that a page finds little to do.
pub(crate) async fn keep(portal: Portal, stop: CancellationToken) {
    let mut told = false;
    loop {
        let pause = match portal.follow(1).await {
            Ok(true) => {
                told = false;
                PAUSE
            }
            // Between two chunks a page may have its turn.
            Ok(false) => Duration::ZERO,
            Err(fault) => {
                if !told {
                    tracing::warn!(error = %fault, "the list of accesses does not follow the ledger");
                }
                told = true;
                PAUSE
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
