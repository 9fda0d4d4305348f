//! Brings an index up to date with one storage: all of it, or the folders in which something happened.

use crate::error::Error;
use crate::report::{Progress, Report};
use crate::storage::SsMix2Storage;
use crate::walk::Walk;
use sekisho_documents::DocumentIndex;
use std::collections::BTreeSet;
use std::time::Instant;

/// Reads what is new or changed in a storage and forgets what is gone.
///
/// Safe to run again at any time and after any interruption: each file is compared with what the index knows of it.
/// The storage may be written to meanwhile; a folder in which a file vanished is listed again. Only one ingest of a
/// source may run at a time.
///
/// # Errors
/// [`Error::Root`] if the root cannot be listed, [`Error::Index`] if the index fails. What was applied before stays.
pub fn ingest(
    storage: &SsMix2Storage,
    index: &dyn DocumentIndex,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, Error> {
    ingest_between(storage, index, progress, &mut BTreeSet::new)
}

/// The same; between two patients `changed` is asked in which folders something happened meanwhile, and those are
/// looked at first: what is new need not wait for the end of a walk through millions of files.
///
/// # Errors
/// As [`ingest`].
pub fn ingest_between(
    storage: &SsMix2Storage,
    index: &dyn DocumentIndex,
    progress: &mut dyn FnMut(Progress),
    changed: &mut dyn FnMut() -> BTreeSet<String>,
) -> Result<Report, Error> {
    let started = Instant::now();
    let span =
        tracing::info_span!("ingest", source = %storage.source_id, facility = %storage.facility);
    let _entered = span.enter();
    let mut report = Walk::new(storage, index, progress)?.run(changed)?;
    report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        files = report.files,
        changed = report.changed,
        documents = report.documents(),
        quarantined = report.quarantined_total(),
        forgotten = report.forgotten,
        duration_ms = report.duration_ms,
        "ingested"
    );
    Ok(report)
}

/// Looks again at some folders of a storage, by their paths below the root: at what is new, changed or gone there.
/// A path that leads nowhere any more is one whose files are gone. The report counts only what was looked at.
///
/// # Errors
/// As [`ingest`].
pub fn look(
    storage: &SsMix2Storage,
    index: &dyn DocumentIndex,
    folders: &BTreeSet<String>,
) -> Result<Report, Error> {
    let started = Instant::now();
    let mut report = Walk::new(storage, index, &mut |_| {})?.look_only(folders)?;
    report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

#[cfg(test)]
#[path = "ingest_test.rs"]
mod tests;
