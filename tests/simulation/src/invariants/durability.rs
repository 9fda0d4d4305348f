//! Durability (P6): an acknowledged entry stays where it was acknowledged, and the acknowledgement is a founder's.

use super::{Invariant, Scene};
use sekisho_ledger::signature::VerifyingKey;
use sekisho_ledger::tlog::acknowledged;

#[derive(Default)]
pub(super) struct Durability {
    verified: usize,
}

impl Invariant for Durability {
    fn name(&self) -> &'static str {
        "durability"
    }

    fn check(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let ledger = sekisho_ledger::ledger_id(scene.genesis);
        for answer in scene.told.answers.iter().skip(self.verified) {
            let submitted = &answer.submitted;
            let said = acknowledged(&ledger, submitted.index, &submitted.leaf_hash);
            let signed = scene.genesis.replicas.iter().any(|replica| {
                VerifyingKey::parse(&replica.checkpoint_key)
                    .is_ok_and(|key| key.verify(&said, &submitted.acknowledgement).is_ok())
            });
            if !signed {
                return Err(format!(
                    "the acknowledgement of leaf {} is nobody's",
                    submitted.index
                ));
            }
        }
        self.verified = scene.told.answers.len();
        for answer in &scene.told.answers {
            let (index, hash) = (answer.submitted.index.0, answer.submitted.leaf_hash);
            match scene.known.hash(index) {
                Some((known, by)) if known != hash => {
                    return Err(format!(
                        "leaf {index} was acknowledged as {hash}, replica {by} has it as {known}"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
