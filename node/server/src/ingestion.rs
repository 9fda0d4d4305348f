//! Reading the network's sources into the document index, one run at a time.
//!
//! Until every configured source has once been read in full, the node does not answer: an answer would leave
//! documents out and not say so (P8). Later runs go on beside the answering.

use crate::NodeError;
use crate::blocking::blocking;
use crate::bounds::INGEST_PAUSE;
use crate::error::chain;
use crate::following::{self, Following};
use crate::node::Inner;
use crate::people;
use sekisho_documents::{DocumentIndex, SourceId};
use sekisho_domain::Hash;
use sekisho_ingest::transactions::Position;
use sekisho_ingest::{Progress, Report, Source, ingest_between};
use sekisho_proto::v1;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Whether the index is complete enough to answer from.
#[derive(Debug, Default)]
pub(crate) struct Readiness(AtomicBool);

impl Readiness {
    /// # Errors
    /// [`NodeError::Suspended`] while the index is being built.
    pub fn check(&self) -> Result<(), NodeError> {
        if self.is_ready() {
            Ok(())
        } else {
            Err(NodeError::Suspended)
        }
    }
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::SeqCst);
    }
}

/// What a run found, source by source: counts only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestReport {
    /// One for each configured source.
    pub sources: Vec<Report>,
    /// Where the index was built anew: files that a building cut off before had left read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<u64>,
}

/// What an index must have been built from to be complete: its sources, and the store its documents' contents were put
/// into meanwhile, if any.
pub fn ingested_digest(sources: &[Arc<dyn Source>], stored_at: Option<&str>) -> Hash {
    let mut hash = Sha256::new();
    if let Some(stored_at) = stored_at {
        hash.update(Sha256::digest(stored_at.as_bytes()));
    }
    for source in sources {
        hash.update(source.digest().as_bytes());
    }
    Hash(hash.finalize().into())
}

/// Reads the sources in the background. Where they have been read in full before, the node answers meanwhile.
pub(crate) async fn at_start(inner: Arc<Inner>) {
    while let Err(error) = look(&inner).await {
        tracing::error!(
            error = chain(&error),
            "the document index cannot be read; trying again"
        );
        if !paused(&inner).await {
            return;
        }
    }
    // Before the sources are read, so that nothing that happens from now on is left out.
    if following::begin(&inner).await.is_err() {
        return;
    }
    while let Err(error) = run(Arc::clone(&inner), false, |_| {}).await.map(told) {
        if matches!(error, NodeError::ShutDown) {
            return;
        }
        tracing::error!(
            error = chain(&error),
            "the sources cannot be read; trying again"
        );
        if !paused(&inner).await {
            return;
        }
    }
}

/// Waits until the next attempt; false once the node stops.
async fn paused(inner: &Inner) -> bool {
    tokio::select! {
        () = inner.stop.cancelled() => false,
        () = tokio::time::sleep(INGEST_PAUSE) => true,
    }
}

/// Answers meanwhile if the sources have been read in full before.
async fn look(inner: &Arc<Inner>) -> Result<(), NodeError> {
    let task = Arc::clone(inner);
    let complete = blocking(move || {
        let read = task.store.ingested()? == Some(task.expected());
        // An index that was lost is empty, whatever the store remembers.
        Ok(read && (task.sources.is_empty() || task.index.counters()?.files() > 0))
    })
    .await?;
    inner.readiness.set(complete);
    Ok(())
}

fn told(report: IngestReport) {
    let documents: u64 = report.sources.iter().map(Report::documents).sum();
    let quarantined: u64 = report.sources.iter().map(Report::quarantined_total).sum();
    tracing::info!(documents, quarantined, "the sources are read");
}

/// Reads every source, after the run under way has ended. `rebuild` reads every file anew, into an index beside the one
/// in use, which takes its place in the end: a node that answered goes on answering, and what was cut off is gone on
/// with. It is also what is done where contents are put into a store that the index was not built with: an unchanged
/// file's would never get there.
///
/// # Errors
/// A source cannot be listed; index or store failed; the node stops.
pub(crate) async fn run(
    inner: Arc<Inner>,
    rebuild: bool,
    mut progress: impl FnMut(v1::IngestProgress) + Send + 'static,
) -> Result<IngestReport, NodeError> {
    let slot = tokio::select! {
        slot = inner.ingests.next() => slot?,
        () = inner.stop.cancelled() => return Err(NodeError::ShutDown),
    };
    blocking(move || {
        let _slot = slot;
        let rebuild = rebuild
            || inner.stored_at.is_some() && inner.store.ingested()? != Some(inner.expected());
        if !inner.readiness.is_ready() {
            // Before the first change: after a crash in between the index counts as incomplete.
            inner.store.set_ingested(None)?;
        }
        let (report, positions) = match rebuild {
            true => {
                let index = inner.index.as_ref();
                read_anew(index, &inner.sources, &inner.following, &mut progress)?
            }
            false => {
                let index = inner.index.as_ref();
                let (sources, positions) =
                    read(index, &inner.sources, &inner.following, &mut progress)?;
                let resumed = None;
                (IngestReport { sources, resumed }, positions)
            }
        };
        let renewed = people::renew(&inner)?;
        tracing::info!(
            read = renewed.read,
            gone = renewed.gone,
            "the directory of charts is renewed"
        );
        inner.store.set_ingested(Some(inner.expected()))?;
        for (source, position) in positions {
            inner.store.set_feed_position(&source, &position)?;
        }
        inner.readiness.set(true);
        inner.following.has_run();
        inner.observer.ingested(&report);
        Ok(report)
    })
    .await
}

/// How far the feeds of sources were looked at, once what was read is on the disk.
type Positions = Vec<(SourceId, Position)>;

/// Reads every file into an index beside the one in use, which it replaces in one step in the end.
fn read_anew(
    index: &dyn DocumentIndex,
    sources: &[Arc<dyn Source>],
    following: &Following,
    progress: &mut dyn FnMut(v1::IngestProgress),
) -> Result<(IngestReport, Positions), NodeError> {
    let beside = index.beside()?;
    let resumed = Some(beside.counters()?.files()).filter(|files| *files > 0);
    if let Some(files) = resumed {
        tracing::info!(
            files,
            "a building of the document index that was cut off goes on"
        );
    }
    let (sources, positions) = read(beside.as_ref(), sources, following, progress)?;
    drop(beside);
    index.take_beside()?;
    Ok((IngestReport { sources, resumed }, positions))
}

/// Brings an index up to date with every source, durably.
fn read(
    index: &dyn DocumentIndex,
    sources: &[Arc<dyn Source>],
    following: &Following,
    progress: &mut dyn FnMut(v1::IngestProgress),
) -> Result<(Vec<Report>, Positions), NodeError> {
    let mut reports = Vec::with_capacity(sources.len());
    let mut positions = Positions::new();
    // As the last run left them; nothing is known of files never seen.
    let mut files_left = index.counters()?.files();
    for source in sources {
        let started = Instant::now();
        let elapsed_ms = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut between = following.between(source.id());
        let mut tell = |step| {
            if let Progress::Patient {
                files, quarantined, ..
            } = step
            {
                progress(v1::IngestProgress {
                    source: source.id().to_string(),
                    files_seen: files,
                    files_quarantined: quarantined,
                    elapsed_ms: elapsed_ms(),
                    files_left: files_left.saturating_sub(files),
                    ..Default::default()
                });
            }
        };
        let report = match source.storage() {
            Some(storage) => ingest_between(storage, index, &mut tell, &mut || between.folders())?,
            None => source.ingest(index, &mut tell)?,
        };
        files_left = files_left.saturating_sub(report.files);
        positions.extend(between.done().map(|p| (source.id().clone(), p)));
        progress(v1::IngestProgress {
            source: source.id().to_string(),
            files_seen: report.files,
            files_indexed: report.documents(),
            files_quarantined: report.quarantined_total(),
            files_unchanged: report.unchanged,
            elapsed_ms: elapsed_ms(),
            files_left,
        });
        reports.push(report);
    }
    // Whoever marks it as complete relies on its holding everything.
    index.flush()?;
    Ok((reports, positions))
}

impl Inner {
    /// What the index is complete with.
    fn expected(&self) -> Hash {
        ingested_digest(&self.sources, self.stored_at.as_deref())
    }
}

#[cfg(test)]
#[path = "ingestion_test.rs"]
mod tests;
