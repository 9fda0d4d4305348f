//! Durability (P6): an acknowledged entry stays where it was acknowledged, and the acknowledgement is a replica's.

use super::{Invariant, Scene};
use sekisho_domain::{Body, PublicKey};
use sekisho_ledger::signature::VerifyingKey;
use sekisho_ledger::tlog::acknowledged;

#[derive(Default)]
pub(super) struct Durability {
    verified: usize,
    looked: usize,
    /// Keys of replicas that joined.
    joined: Vec<PublicKey>,
}

impl Invariant for Durability {
    fn name(&self) -> &'static str {
        "durability"
    }

    fn check(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for leaf in scene.known.leaves.iter().skip(self.looked) {
            if let Body::ReplicaAllocate { checkpoint_key, .. } = &leaf.entry.body {
                self.joined.push(*checkpoint_key);
            }
        }
        self.looked = scene.known.leaves.len();
        let ledger = sekisho_ledger::ledger_id(scene.genesis);
        for answer in scene.told.answers.iter().skip(self.verified) {
            let submitted = &answer.submitted;
            let said = acknowledged(&ledger, submitted.index, &submitted.leaf_hash);
            let founders = scene.genesis.replicas.iter().map(|r| &r.checkpoint_key);
            let signed = founders.chain(&self.joined).any(|key| {
                let acknowledgement = submitted.acknowledgement.as_ref();
                acknowledgement.is_some_and(|by| {
                    VerifyingKey::parse(key)
                        .is_ok_and(|key| key.verify(&said, &by.signature).is_ok())
                })
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
