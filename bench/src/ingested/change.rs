//! How long a change takes from the disk to the index, as a running node follows its storage.

use super::PATIENCE;
use super::tree::Tree;
use crate::BenchError;
use sekisho_documents::{
    Availability, DocumentIndex, FileOutcome, LocalPatientId, PAGE_ENTRIES_MAX,
};
use sekisho_domain::TimeMs;
use sekisho_ingest::follow::{Follow, Follower};
use sekisho_ingest::look;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Waits for events so long at a time.
const STEP: Duration = Duration::from_millis(50);

/// Milliseconds from each change to its being in the index: files that appear under new names, each in another
/// patient's folder, renamed from one that is there (an update's first half). They lie on the newest days: those are what
/// changes, and of a large storage all that is watched. A change that is not seen in time ends it.
pub(super) fn seen_ms(tree: &Tree, changes: usize) -> Result<Vec<f64>, BenchError> {
    let index = tree.index()?;
    tree.ingest(&index)?;
    let failed = BenchError::system("a storage's events");
    let mut follower = Follower::begin(&tree.storage, Follow::default(), None).map_err(failed)?;
    let mut taken = Vec::new();
    for file in in_force(tree, &index, changes)? {
        let name = file
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let superseded = file.with_file_name(format!("{}2", name.trim_end_matches('1')));
        let before = deprecated(&index)?;
        let began = Instant::now();
        std::fs::rename(&file, superseded).map_err(BenchError::system("a rename"))?;
        while deprecated(&index)? == before {
            if began.elapsed() > PATIENCE {
                taken.push(began.elapsed().as_secs_f64() * 1_000.0);
                return Ok(taken);
            }
            let heard = follower
                .next(STEP)
                .map_err(BenchError::system("a storage's events"))?;
            if !heard.folders.is_empty() {
                look(&tree.storage, &index, &heard.folders)
                    .map_err(|e| tree.wrong(&e.to_string()))?;
            }
        }
        taken.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(taken)
}

fn deprecated(index: &dyn DocumentIndex) -> Result<u64, BenchError> {
    Ok(index
        .counters()?
        .kinds
        .values()
        .map(|counts| counts.deprecated)
        .sum())
}

/// The newest documents in force, no two of one patient.
fn in_force(
    tree: &Tree,
    index: &dyn DocumentIndex,
    most: usize,
) -> Result<Vec<PathBuf>, BenchError> {
    let mut newest: BTreeMap<LocalPatientId, (TimeMs, String)> = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = index.files(
            &tree.storage.source_id,
            "",
            after.as_deref(),
            PAGE_ENTRIES_MAX,
        )?;
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.location.path.clone());
        for record in page {
            let FileOutcome::Document(entry) = record.outcome else {
                continue;
            };
            if entry.kind.data_kind == "OMP-01" && entry.status == Availability::Approved {
                let one = (entry.service_start, record.location.path);
                let held = newest
                    .entry(entry.local_patient_id)
                    .or_insert_with(|| one.clone());
                *held = one.max(held.clone());
            }
        }
    }
    let mut newest: Vec<_> = newest.into_values().collect();
    newest.sort();
    let newest = newest.into_iter().rev().take(most);
    Ok(newest
        .map(|(_, path)| tree.storage.root.join(path))
        .collect())
}
