//! Leader completeness: what was committed in a term is in the log of every later leader.

use super::{Invariant, Scene};
use sekisho_replica::simulation::LogEntry;
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct LeaderCompleteness {
    /// By index, with who applied it first.
    committed: BTreeMap<u64, (LogEntry, u64)>,
}

impl Invariant for LeaderCompleteness {
    fn name(&self) -> &'static str {
        "leader completeness"
    }

    fn check(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for (&id, seen) in scene.replicas {
            let applied = seen.observed.applied.map_or(0, |(index, _)| index);
            for entry in seen.log.iter().filter(|entry| entry.index <= applied) {
                let (known, by) = *self.committed.entry(entry.index).or_insert((*entry, id));
                if known != *entry {
                    return Err(format!(
                        "replica {id} applied {entry:?}, replica {by} applied {known:?}"
                    ));
                }
            }
        }
        for (&id, seen) in scene.replicas {
            let (Some(first), true) = (seen.log.first(), seen.observed.leads) else {
                continue;
            };
            // Of its own term more may be committed than its log shows at this moment: of earlier ones, nothing.
            let term = seen.observed.term;
            for (index, (committed, by)) in self.committed.range(first.index..) {
                let at = (index - first.index) as usize;
                if committed.term < term && seen.log.get(at) != Some(committed) {
                    return Err(format!(
                        "replica {id} leads in term {term} without {committed:?}, which replica {by} applied"
                    ));
                }
            }
        }
        Ok(())
    }
}
