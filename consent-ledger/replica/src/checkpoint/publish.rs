//! Publishing: while the tree grows, a new checkpoint each interval, and under it the tiles that became full.
//!
//! The leader collects; every other replica takes the leader's checkpoint, checks the cosignatures and compares
//! it with its own tree: one whose tree is another stops here. Two writes follow one another: the checkpoint is
//! on disk before a tile under it is, so that no tile is ever sealed that nobody vouched for. After a crash
//! between the two the missing tiles are written again at the next start, which looks whether all are there. Whether they
//! say what the state says is compared afterwards, at leisure: of twenty million entries they are eleven gigabytes.

use super::{CheckpointError, Claimed};
use crate::ReplicaError;
use crate::config::COSIGN_TIMEOUT;
use crate::replica::Replica;
use crate::store::blocking;
use sekisho_ledger::tlog::{TilePath, tiles_completed};
use sekisho_ledger::tree;
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_transport::{Deadline, outgoing};
use std::time::Duration;
use tokio::time::Instant;

/// Rest after each tile that is sealed, in times the work: a commit waits for the same disk, and must not meet a second's
/// tiles all at once.
const SEALING_REST: u32 = 3;

/// Rest after each tile that was compared with the state, in times the work: less than one commit in a hundred meets it.
/// Of many millions of entries it takes hours then; `fsck` compares them at once.
const COMPARING_REST: u32 = 99;

impl Replica {
    /// Publishes until the replica stops.
    pub(crate) async fn publish(self) {
        let mut sealed = 0;
        tokio::select! {
            () = self.stopped() => {}
            stopped = self.publishing(&mut sealed) => if let Err(error) = stopped {
                return tracing::error!(error = error.chain(), "nothing is published any more");
            }
        }
        // Stopped in good order between a checkpoint and its tiles: they are not left for the next start.
        let published = self.published().map_or(0, |last| last.checkpoint.size());
        if let Err(error) = self.seal(sealed, published, Duration::ZERO).await {
            tracing::debug!(error = error.chain(), "tiles were not written at the stop");
        }
    }

    /// Ends only with a fault.
    async fn publishing(&self, sealed: &mut u64) -> Result<(), ReplicaError> {
        // What an earlier process published must be what this one's tree says, once it is as large again.
        if let Some(last) = self.published() {
            let (size, root) = (last.checkpoint.size(), last.checkpoint.root());
            self.applied(size).await?;
            self.check_own(size, root).await?;
            *sealed = size;
            if let Err(error) = self.fill(size).await {
                self.bear(error)?;
            }
        }
        let begun = *sealed;
        tokio::select! {
            stopped = self.going_on(sealed) => stopped,
            differs = self.compare(begun) => differs,
        }
    }

    /// Publishes as the tree grows, and seals.
    async fn going_on(&self, sealed: &mut u64) -> Result<(), ReplicaError> {
        loop {
            let published = self.published().map_or(0, |last| last.checkpoint.size());
            let every = self.config().publish_every;
            let seal = async {
                match self.seal(*sealed, published, every / 2).await {
                    Ok(()) => *sealed = published,
                    Err(error) => self.bear(error)?,
                }
                Ok(())
            };
            let due = async {
                self.applied(published + 1).await?;
                tokio::time::sleep(every).await;
                Ok::<_, ReplicaError>(())
            };
            tokio::try_join!(seal, due)?;
            match self.publish_once().await {
                Ok(()) => {}
                Err(CheckpointError::Replica(error)) if self.is_stopped() => return Err(error),
                Err(error) => tracing::debug!(%error, "no checkpoint this time"),
            }
        }
    }

    async fn applied(&self, size: u64) -> Result<(), ReplicaError> {
        let mut applied = self.store().size();
        let grown = applied.wait_for(|applied| *applied >= size).await;
        grown.map(drop).map_err(|_| ReplicaError::ShutDown)
    }

    async fn publish_once(&self) -> Result<(), CheckpointError> {
        let size = *self.store().size().borrow();
        let deadline = Deadline::after(COSIGN_TIMEOUT);
        match self.leader() {
            Some(leader) if leader == self.id() => {
                self.checkpoint(size, deadline).await?;
            }
            Some(leader) => {
                let request = outgoing(v1::CheckpointRequest { min_size: size }, deadline);
                let mut client = LedgerServiceClient::new(self.channel(leader)?);
                if let Ok(Ok(reply)) = deadline.bound(client.checkpoint(request)).await {
                    let note = reply.into_inner().note;
                    let claimed = Claimed::parse(self.ledger(), note.as_bytes())
                        .map_err(ReplicaError::from)?;
                    // Its voters are those its own tree names.
                    self.wait_size(claimed.checkpoint().size(), deadline)
                        .await?;
                    let verified = self.read(move |state| claimed.verify_by(state)).await?;
                    self.accept(verified).await?;
                }
            }
            None => {}
        }
        Ok(())
    }

    /// What of a tile cannot be borne stops the replica, or has.
    fn bear(&self, error: ReplicaError) -> Result<(), ReplicaError> {
        match error {
            // Another content under a name that never changes.
            ReplicaError::TileDiffers { .. } => {
                self.store().poison_with(&error);
                Err(error)
            }
            ReplicaError::ShutDown | ReplicaError::Poisoned(_) => Err(error),
            // All that is written here can be written again.
            _ => {
                tracing::error!(error = error.chain(), "tiles were not written");
                Ok(())
            }
        }
    }

    /// Writes the tiles and entry bundles that are full in a tree of the larger size but not of the smaller, and rests
    /// for so long altogether, at most.
    async fn seal(
        &self,
        smaller: u64,
        larger: u64,
        rest_max: Duration,
    ) -> Result<(), ReplicaError> {
        let paths: Vec<_> = tiles_completed(smaller, larger).collect();
        let each_max = rest_max.div_f64(paths.len().max(1) as f64);
        for path in paths {
            let began = Instant::now();
            self.keep(path).await?;
            let rest = began.elapsed() * SEALING_REST;
            tokio::time::sleep(rest.min(each_max)).await;
        }
        Ok(())
    }

    /// Writes those that are full in a tree of this size and not there.
    async fn fill(&self, size: u64) -> Result<(), ReplicaError> {
        let tiles = self.tiles().clone();
        let missing = blocking(move || {
            let full = tiles_completed(0, size);
            Ok(full
                .filter(|path| !tiles.is_there(*path))
                .collect::<Vec<_>>())
        });
        for path in missing.await? {
            self.keep(path).await?;
        }
        Ok(())
    }

    /// Compares those that are full in a tree of this size with the state, one after the other, writes what is missing
    /// after all, and rests [`COMPARING_REST`] times as long as it worked. Ends only with a fault.
    async fn compare(&self, size: u64) -> Result<(), ReplicaError> {
        for path in tiles_completed(0, size) {
            let began = Instant::now();
            if let Err(error) = self.keep(path).await {
                self.bear(error)?;
            }
            tokio::time::sleep(began.elapsed() * COMPARING_REST).await;
        }
        if size > 0 {
            tracing::info!(size, "all tiles were compared with the state");
        }
        std::future::pending().await
    }

    /// Makes sure that a tile's file says what the state says.
    async fn keep(&self, path: TilePath) -> Result<(), ReplicaError> {
        let this = self.clone();
        blocking(move || {
            let state = this.store().read_state()?;
            let bytes = tree::tile(&state, path).map_err(crate::state_error)?;
            this.tiles().keep(path, &bytes).map(drop)
        })
        .await
    }
}
