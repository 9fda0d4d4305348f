//! Order (P2): no permit after a withdrawal ordered before it, and what was answered before something was sent is
//! ordered before it.

use super::{Invariant, Scene};
use sekisho_domain::{Body, ConsentId, Decision, Outcome};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Order {
    /// Consents given, and the index of the leaf that withdrew each.
    consents: BTreeMap<ConsentId, Option<u64>>,
    looked: usize,
    answers: usize,
    /// The greatest index among so many first answers.
    greatest: Vec<u64>,
}

impl Invariant for Order {
    fn name(&self) -> &'static str {
        "order"
    }

    fn check(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for leaf in scene.known.leaves.iter().skip(self.looked) {
            match (&leaf.entry.body, &leaf.outcome) {
                (Body::ConsentGrant(_), Outcome::Accepted) => {
                    self.consents.insert(ConsentId(leaf.index), None);
                }
                (Body::ConsentWithdraw { consent, .. }, Outcome::Accepted) => {
                    self.consents.insert(*consent, Some(leaf.index.0));
                }
                (Body::AccessRequest(_), Outcome::Decided(decisions)) => {
                    self.check_permits(leaf.index.0, decisions.iter().map(|(_, d)| d))?;
                }
                _ => {}
            }
        }
        self.looked = scene.known.leaves.len();
        for answer in scene.told.answers.iter().skip(self.answers) {
            let index = answer.submitted.index.0;
            let before = answer
                .after
                .checked_sub(1)
                .and_then(|n| self.greatest.get(n));
            if let Some(&before) = before
                && before >= index
            {
                return Err(format!(
                    "request {} was sent after leaf {before} was answered, and is leaf {index}",
                    answer.request
                ));
            }
            let greatest = self.greatest.last().copied().unwrap_or_default();
            self.greatest.push(greatest.max(index));
        }
        self.answers = scene.told.answers.len();
        Ok(())
    }
}

impl Order {
    fn check_permits<'a>(
        &self,
        index: u64,
        decisions: impl Iterator<Item = &'a Decision>,
    ) -> Result<(), String> {
        for decision in decisions {
            let Decision::Permit(terms) = decision else {
                continue;
            };
            for basis in &terms.bases {
                if basis.consents.is_empty() {
                    return Err(format!("leaf {index} permits without a consent"));
                }
                for consent in &basis.consents {
                    match self.consents.get(consent) {
                        Some(None) => {}
                        Some(Some(withdrawn)) => {
                            return Err(format!(
                                "leaf {index} permits by consent {}, which leaf {withdrawn} withdrew",
                                consent.0
                            ));
                        }
                        None => {
                            return Err(format!(
                                "leaf {index} permits by consent {}, which nobody gave",
                                consent.0
                            ));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
