//! Brings an index up to date with one storage.

use crate::error::Error;
use crate::report::{Progress, Report};
use crate::walk::Walk;
use sekisho_documents::{DocumentIndex, SourceId};
use sekisho_domain::FacilityId;
use std::path::PathBuf;
use std::time::Instant;

/// Version of what this reader makes of a file. Raise it whenever entries come out differently: every file is then
/// read again.
pub const READER_VERSION: u16 = 1;

/// One root of SS-MIX2 standardised storage. A facility may have several, each with its own source id.
#[derive(Debug, Clone)]
pub struct SsMix2Storage {
    /// The folder that holds the patients' folders.
    pub root: PathBuf,
    /// Whose storage it is.
    pub facility: FacilityId,
    /// The node's name for this root.
    pub source_id: SourceId,
}

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
    let started = Instant::now();
    let span =
        tracing::info_span!("ingest", source = %storage.source_id, facility = %storage.facility);
    let _entered = span.enter();
    let mut report = Walk::new(storage, index, progress)?.run()?;
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

#[cfg(test)]
#[path = "ingest_test.rs"]
mod tests;
