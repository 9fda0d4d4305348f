//! How long a change takes from the disk to the index, as a running node follows its storage.

use super::PATIENCE;
use super::tree::Tree;
use crate::BenchError;
use sekisho_documents::DocumentIndex;
use sekisho_ingest::follow::{Follow, Follower};
use sekisho_ingest::look;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Waits for events so long at a time.
const STEP: Duration = Duration::from_millis(50);

/// Milliseconds from each change to its being in the index: files that appear under new names, each in another
/// patient's folder, renamed from one that is there (an update's first half).
pub(super) fn seen_ms(tree: &Tree, changes: usize) -> Result<Vec<f64>, BenchError> {
    let index = tree.index()?;
    tree.ingest(&index)?;
    let failed = BenchError::system("a storage's events");
    let mut follower = Follower::begin(&tree.storage, Follow::default(), None).map_err(failed)?;
    let mut taken = Vec::new();
    let mut files = Vec::new();
    in_force(&tree.storage.root, changes, &mut files)?;
    for file in files {
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
                return Err(BenchError::TooSlow {
                    what: "a change's way into the index",
                    max_s: PATIENCE.as_secs(),
                });
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

/// Some prescriptions in force, no two of one patient.
fn in_force(folder: &Path, most: usize, files: &mut Vec<PathBuf>) -> Result<bool, BenchError> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(BenchError::system("a storage's folder"))?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .collect();
    entries.sort();
    for path in entries {
        if files.len() >= most {
            return Ok(true);
        }
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        if path.is_dir() {
            let found = in_force(&path, most, files)?;
            // On to the next patient; the last level above files is the kind.
            if found && !name.chars().all(|c| c.is_ascii_digit()) {
                return Ok(true);
            }
            if found && name.len() == 8 && folder.file_name().is_some_and(|n| n.len() == 8) {
                return Ok(true);
            }
        } else if name.contains("_OMP-01_") && name.ends_with("_1") {
            files.push(path);
            return Ok(true);
        }
    }
    Ok(false)
}
