//! Reading the network's sources into the document index, one run at a time.
//!
//! Until every configured source has once been read in full, the node does not answer: an answer would leave
//! documents out and not say so (P8). Later runs go on beside the answering.

use crate::NodeError;
use crate::blocking::blocking;
use crate::bounds::INGEST_PAUSE;
use crate::error::chain;
use crate::following;
use crate::node::Inner;
use crate::people;
use sekisho_domain::Hash;
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
}

/// What an index must have been built from to be complete.
pub(crate) fn digest(sources: &[Arc<dyn Source>]) -> Hash {
    let mut hash = Sha256::new();
    for source in sources {
        hash.update(source.digest().as_bytes());
    }
    Hash(hash.finalize().into())
}

/// Reads the sources in the background. Where they have been read in full before, the node answers meanwhile.
pub(crate) async fn at_start(inner: Arc<Inner>) {
    let (task, expected) = (Arc::clone(&inner), digest(&inner.sources));
    let complete = blocking(move || {
        let read = task.store.ingested()? == Some(expected);
        // An index that was lost is empty, whatever the store remembers.
        Ok(read && (task.sources.is_empty() || task.index.counters()?.files() > 0))
    })
    .await;
    match complete {
        Ok(complete) => inner.readiness.set(complete),
        Err(error) => {
            tracing::error!(error = chain(&error), "the document index cannot be read");
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
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(INGEST_PAUSE) => {}
        }
    }
}

fn told(report: IngestReport) {
    let documents: u64 = report.sources.iter().map(Report::documents).sum();
    let quarantined: u64 = report.sources.iter().map(Report::quarantined_total).sum();
    tracing::info!(documents, quarantined, "the sources are read");
}

/// Reads every source, after the run under way has ended; `rebuild` empties the index first, and the node does not
/// answer until it is done.
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
        if rebuild {
            inner.readiness.set(false);
        }
        if !inner.readiness.is_ready() {
            // Before the first change: after a crash in between the index counts as incomplete.
            inner.store.set_ingested(None)?;
        }
        if rebuild {
            inner.index.clear()?;
        }
        let mut reports = Vec::with_capacity(inner.sources.len());
        let mut positions = Vec::new();
        // As the last run left them; nothing is known of files never seen.
        let mut files_left = inner.index.counters()?.files();
        for source in &inner.sources {
            let started = Instant::now();
            let elapsed_ms = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let mut between = inner.following.between(source.id());
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
            let index = inner.index.as_ref();
            let report = match source.storage() {
                Some(storage) => {
                    ingest_between(storage, index, &mut tell, &mut || between.folders())?
                }
                None => source.ingest(index, &mut tell)?,
            };
            files_left = files_left.saturating_sub(report.files);
            positions.extend(between.done().map(|p| (source.id(), p)));
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
        // The index first: the mark says that it holds everything.
        inner.index.flush()?;
        let renewed = people::renew(&inner)?;
        tracing::info!(
            read = renewed.read,
            gone = renewed.gone,
            "the directory of charts is renewed"
        );
        inner.store.set_ingested(Some(digest(&inner.sources)))?;
        for (source, position) in positions {
            inner.store.set_feed_position(source, &position)?;
        }
        inner.readiness.set(true);
        inner.following.has_run();
        let report = IngestReport { sources: reports };
        inner.observer.ingested(&report);
        Ok(report)
    })
    .await
}

#[cfg(test)]
#[path = "ingestion_test.rs"]
mod tests;
