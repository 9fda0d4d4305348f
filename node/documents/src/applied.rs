//! How much was applied to an index, kept with its entries and written in the same step.

use crate::index::check_batch;
use crate::layout::file_key;
use crate::{Change, Counters, Error, FileRecord};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much was applied, and what it came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Applied {
    pub batches: u64,
    pub counters: Counters,
}

/// What a batch makes of each file it touches: the record it has afterwards, if any.
pub(crate) type Outcomes = BTreeMap<Vec<u8>, Option<FileRecord>>;

impl Applied {
    /// The state after a batch, and what it makes of each file. `before` holds what is known of the files touched.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub fn after(
        mut self,
        changes: &[Change],
        mut before: BTreeMap<Vec<u8>, FileRecord>,
    ) -> Result<(Self, Outcomes), Error> {
        check_batch(changes)?;
        self.batches += 1;
        let mut outcomes = Outcomes::new();
        for change in changes {
            let key = file_key(change.location());
            let held = match outcomes.remove(&key) {
                Some(record) => record,
                None => before.remove(&key),
            };
            if let Some(record) = held {
                self.counters.remove(&record.outcome);
            }
            let after = match change {
                Change::Put(record) => {
                    self.counters.add(&record.outcome);
                    Some(record.clone())
                }
                Change::Forget(_) => None,
            };
            outcomes.insert(key, after);
        }
        Ok((self, outcomes))
    }
}
