//! Checkpoints (P7): every published one is the root of the one tree there is, so any two are consistent, and no
//! replica goes back behind one it has published.

use super::{Invariant, Scene};
use sekisho_domain::Hash;
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Checkpoints {
    /// By size, with who published it first.
    published: BTreeMap<u64, (Hash, u64)>,
    last: BTreeMap<u64, u64>,
}

impl Invariant for Checkpoints {
    fn name(&self) -> &'static str {
        "checkpoints"
    }

    fn check(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for (&id, seen) in scene.replicas {
            let Some((size, root)) = seen.observed.published else {
                continue;
            };
            let (known, by) = *self.published.entry(size).or_insert((root, id));
            if known != root {
                return Err(format!(
                    "replica {id} published {root} for size {size}, replica {by} published {known}"
                ));
            }
            let last = self.last.entry(id).or_default();
            if size < *last {
                return Err(format!(
                    "replica {id} shows a checkpoint of {size} leaves after one of {last}"
                ));
            }
            *last = size;
        }
        for (&size, (root, by)) in &self.published {
            match scene.known.root(size) {
                Some(known) if known != *root => {
                    return Err(format!(
                        "replica {by} published {root} for size {size}; its leaves have {known}"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
