//! Leader completeness: what was committed in a term is in the log of the leader of every later one.

use super::{Invariant, Scene};
use sekisho_replica::simulation::LogEntry;
use std::collections::BTreeMap;

/// An entry that somebody applied.
#[derive(Debug, Clone, Copy)]
struct Committed {
    entry: LogEntry,
    /// Who was seen first to have applied it.
    by: u64,
    /// The term that replica was in: the entry was committed in this term or before.
    term: u64,
}

#[derive(Default)]
pub(super) struct LeaderCompleteness {
    /// By index.
    committed: BTreeMap<u64, Committed>,
}

impl Invariant for LeaderCompleteness {
    fn name(&self) -> &'static str {
        "leader completeness"
    }

    fn check(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for (&by, seen) in scene.replicas {
            let applied = seen.observed.applied.map_or(0, |(index, _)| index);
            for &entry in seen.log.iter().filter(|entry| entry.index <= applied) {
                let term = seen.observed.term;
                let fresh = Committed { entry, by, term };
                let known = *self.committed.entry(entry.index).or_insert(fresh);
                if known.entry != entry {
                    let (known, first) = (known.entry, known.by);
                    return Err(format!(
                        "replica {by} applied {entry:?}, replica {first} applied {known:?}"
                    ));
                }
            }
        }
        for (&id, seen) in scene.replicas {
            let (Some(first), true) = (seen.log.first(), seen.observed.leads) else {
                continue;
            };
            // One that has not heard of a later term may still believe that it leads.
            let term = seen.observed.term;
            for (index, committed) in self.committed.range(first.index..) {
                let has = seen.log.get((index - first.index) as usize);
                if committed.term < term && has != Some(&committed.entry) {
                    return Err(format!(
                        "replica {id} leads in term {term} and has {has:?} where there is {committed:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}
