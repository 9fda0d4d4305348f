//! Patients read side by side.
//!
//! A patient's folder is the unit: what it holds depends on nothing outside it. So some are gathered and shared out among
//! threads, each with its own batches; the order of patients says nothing. What is above the patients' folders, and what
//! is looked at in between, stays with the thread that walks.

use super::Walk;
use crate::error::Error;
use crate::report::{Progress, Report};
use sekisho_documents::Counters;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Patients gathered for each thread: some thousand files, so that starting threads costs nothing beside them, and few
/// enough that what is to be looked at in between waits for a second at most.
pub(super) const PATIENTS_EACH: usize = 16;

/// What one thread came to.
struct Done {
    report: Report,
    counters: Counters,
    patients: BTreeSet<String>,
    unreadable: Vec<String>,
}

impl Walk<'_> {
    /// Reads the patients gathered, and whatever `changed` names then.
    pub(super) fn patients(
        &mut self,
        changed: &mut dyn FnMut() -> BTreeSet<String>,
    ) -> Result<(), Error> {
        let gathered = std::mem::take(&mut self.gathered);
        let readers = self.storage.readers.clamp(1, gathered.len().max(1));
        if readers == 1 {
            for path in &gathered {
                self.patient(path)?;
                self.look_between(&changed())?;
            }
            return Ok(());
        }
        // What waits of the folders above comes before what is below them.
        self.apply()?;
        let next = AtomicUsize::new(0);
        let (storage, index) = (self.storage, self.index);
        let done: Vec<Result<Done, Error>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..readers)
                .map(|_| {
                    scope.spawn(|| {
                        let mut untold = |_: Progress| {};
                        let mut walk = Walk::new(storage, index, &mut untold)?;
                        while let Some(path) = gathered.get(next.fetch_add(1, Ordering::Relaxed)) {
                            walk.patient(path)?;
                        }
                        walk.apply()?;
                        Ok(Done {
                            report: walk.report,
                            counters: walk.counters,
                            patients: walk.patients,
                            unreadable: walk.unreadable,
                        })
                    })
                })
                .collect();
            let joined = threads.into_iter().map(|thread| match thread.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.collect()
        });
        for one in done {
            self.take(one?);
        }
        let (patients, files) = (self.report.patients, self.report.files);
        (self.progress)(Progress::Patient {
            patients,
            files,
            quarantined: self.counters.quarantined.values().sum(),
        });
        self.look_between(&changed())
    }

    fn take(&mut self, done: Done) {
        let (ours, theirs) = (&mut self.report, done.report);
        ours.patients += theirs.patients;
        ours.files += theirs.files;
        ours.unchanged += theirs.unchanged;
        ours.changed += theirs.changed;
        ours.ignored += theirs.ignored;
        ours.vanished += theirs.vanished;
        ours.forgotten += theirs.forgotten;
        ours.read_bytes += theirs.read_bytes;
        add(&mut ours.quirks, theirs.quirks);
        add(&mut self.counters.quarantined, done.counters.quarantined);
        for (kind, counts) in done.counters.kinds {
            let all = self.counters.kinds.entry(kind).or_default();
            all.approved += counts.approved;
            all.deprecated += counts.deprecated;
            all.deleted += counts.deleted;
        }
        self.patients.extend(done.patients);
        self.unreadable.extend(done.unreadable);
    }
}

fn add<K: Ord>(to: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, count) in from {
        *to.entry(key).or_default() += count;
    }
}
