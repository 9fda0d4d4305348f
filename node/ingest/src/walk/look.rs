//! A walk through some folders only: where something is known or thought to have happened.

use super::{Patient, UPPER_LEVELS, Walk};
use crate::error::Error;
use crate::name::FOLDERS;
use crate::report::Report;
use std::collections::BTreeSet;

impl Walk<'_> {
    /// Looks at these folders and nothing else.
    pub(crate) fn look_only(mut self, folders: &BTreeSet<String>) -> Result<Report, Error> {
        self.look(folders)?;
        self.finish()
    }

    /// Looks at these folders in between a whole walk, whose counts it leaves as they are: the walk comes past them
    /// itself, or has counted them before.
    pub(super) fn look_between(&mut self, folders: &BTreeSet<String>) -> Result<(), Error> {
        if folders.is_empty() {
            return Ok(());
        }
        let fresh = Report::new(&self.storage.source_id, &self.storage.facility);
        let report = std::mem::replace(&mut self.report, fresh);
        let counters = std::mem::take(&mut self.counters);
        let patients = std::mem::take(&mut self.patients);
        let strays = std::mem::take(&mut self.strays);
        self.look(folders)?;
        // Seen at once: a batch may otherwise wait for the end of a large folder.
        self.apply()?;
        let looked = std::mem::replace(&mut self.report, report);
        self.report.read_bytes += looked.read_bytes;
        (self.counters, self.patients, self.strays) = (counters, patients, strays);
        Ok(())
    }

    fn look(&mut self, folders: &BTreeSet<String>) -> Result<(), Error> {
        for path in folders.iter().filter_map(|path| folder_of(path)) {
            let level = path.split('/').count();
            if level > UPPER_LEVELS {
                self.look_at(path, level)?;
            } else {
                self.look_above(path, level)?;
            }
        }
        Ok(())
    }

    /// A folder from a patient's down.
    fn look_at(&mut self, path: &str, level: usize) -> Result<(), Error> {
        let mut known = self.known_below(&format!("{path}/"))?;
        // What is known of the folder itself: that it could not be listed, or was no folder.
        let itself = self.index.files(&self.storage.source_id, path, None, 1)?;
        known.extend(
            itself
                .into_iter()
                .filter(|r| r.location.path == path)
                .map(|r| (path.to_owned(), r)),
        );
        let mut patient = Patient {
            known,
            seen: BTreeSet::new(),
        };
        if self.is_folder_path(path) {
            self.lower(&mut patient, path, level)?;
        }
        self.forget_unseen(&patient)
    }

    /// A folder above the patients'.
    fn look_above(&mut self, path: &str, level: usize) -> Result<(), Error> {
        if self.is_folder_path(path)
            && let Ok(entries) = self.listed(path)
        {
            // `level` counts the folders above the entries.
            self.upper(path, entries, level, &mut BTreeSet::new)?;
            self.patients(&mut BTreeSet::new)?;
        }
        self.forget_vanished_below(&format!("{path}/"))
    }

    /// Whether there is such a folder, reached through no link.
    fn is_folder_path(&self, path: &str) -> bool {
        let full = self.root.join(path);
        full.canonicalize().is_ok_and(|real| real == full) && full.is_dir()
    }
}

/// The path, cut to the deepest folder that is looked at as one. None for what is no path below a root.
fn folder_of(path: &str) -> Option<&str> {
    let plain = !path.is_empty()
        && path
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.'));
    if !plain {
        return None;
    }
    match path.match_indices('/').nth(FOLDERS - 1) {
        Some((end, _)) => path.get(..end),
        None => Some(path),
    }
}
