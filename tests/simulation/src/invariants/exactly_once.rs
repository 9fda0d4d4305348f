//! Exactly once (P5): a request id has one leaf and one outcome, however often it was sent, and what was said not to
//! be sent has none.

use super::{Invariant, Scene};
use sekisho_domain::{KeyId, RequestId};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct ExactlyOnce {
    /// The index of each request.
    leaves: BTreeMap<(KeyId, RequestId), u64>,
    of: BTreeMap<RequestId, u64>,
    looked: usize,
    answers: usize,
}

impl Invariant for ExactlyOnce {
    fn name(&self) -> &'static str {
        "exactly once"
    }

    fn check(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for leaf in scene.known.leaves.iter().skip(self.looked) {
            let request = (leaf.entry.author, leaf.entry.request_id);
            self.of.insert(leaf.entry.request_id, leaf.index.0);
            if let Some(first) = self.leaves.insert(request, leaf.index.0) {
                return Err(format!(
                    "leaves {first} and {} are of one request, {}",
                    leaf.index, leaf.entry.request_id
                ));
            }
        }
        self.looked = scene.known.leaves.len();
        for answer in scene.told.answers.iter().skip(self.answers) {
            let index = answer.submitted.index;
            let leaf = scene.known.leaves.get(index.0 as usize);
            let Some(leaf) = leaf else { continue };
            if leaf.entry.request_id != answer.request {
                return Err(format!(
                    "request {} was answered with leaf {index}, which is of request {}",
                    answer.request, leaf.entry.request_id
                ));
            }
            if (leaf.time, &leaf.outcome) != (answer.submitted.time, &answer.submitted.outcome) {
                return Err(format!("leaf {index} is not as it was answered"));
            }
        }
        // The last ones may not have been seen yet; they are looked at again.
        self.answers = scene.told.answers.len().saturating_sub(64);
        for submission in scene.told.submissions.values() {
            if submission.open == 0
                && let Some(index) = self.of.get(&submission.request)
            {
                return Err(format!(
                    "request {} was never sent, by what its sender was told, and is leaf {index}",
                    submission.request
                ));
            }
        }
        Ok(())
    }
}
