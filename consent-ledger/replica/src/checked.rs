//! Signatures checked once: on arrival, in a pool of threads, so that `apply` need not pay again.

use crate::config::{AT_ONCE_MAX, CHECKED_MAX, CHECKS_PER_TASK};
use crate::raft::Proposal;
use crate::ready_keys::ReadyKeys;
use crate::store::{ReadState, blocking};
use crate::{ReplicaError, state_error};
use sekisho_domain::{KeyId, PublicKey};
use sekisho_ledger::signature::{Signature, verify_many};
use sekisho_ledger::{SignatureCheck, View, dsse};
use sekisho_proto::v1;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinSet;

type Id = [u8; 32];

/// Answers as [`Strict`](sekisho_ledger::Strict) does, and remembers the last [`CHECKED_MAX`] signatures that hold.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    held: Mutex<Held>,
    ready: ReadyKeys,
}

#[derive(Debug, Default)]
struct Held {
    known: HashSet<Id>,
    oldest_first: VecDeque<Id>,
}

impl Held {
    fn insert(&mut self, id: Id) {
        if self.known.insert(id) {
            self.oldest_first.push_back(id);
            if self.oldest_first.len() > CHECKED_MAX
                && let Some(oldest) = self.oldest_first.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
    }
}

/// Whether this process takes every signature for good; see [`take_signatures_for_good`].
#[cfg(feature = "unchecked")]
static UNCHECKED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// From now on every signature is taken for good in this process: to measure replication alone. There is no way back,
/// and no binary that keeps a ledger calls it, whatever features it is built with.
#[cfg(feature = "unchecked")]
pub fn take_signatures_for_good() {
    UNCHECKED.store(true, std::sync::atomic::Ordering::Relaxed);
}

/// A signature to check.
struct Claim<'a> {
    key: PublicKey,
    message: &'a [u8],
    signature: Signature,
}

impl Claim<'_> {
    /// All three are of fixed length or last, so different claims have different ids.
    fn id(&self) -> Id {
        Sha256::new()
            .chain_update(self.key.0)
            .chain_update(self.signature.0)
            .chain_update(self.message)
            .finalize()
            .into()
    }
}

impl SignatureCheck for Checked {
    fn holds(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        let claim = Claim {
            key: *key,
            message,
            signature: *signature,
        };
        // What is applied was checked when it came, nearly always.
        self.held().known.contains(&claim.id()) || self.hold(&[claim]) == [true]
    }
}

impl Checked {
    /// Whether each of some signatures holds. Those not remembered are checked together.
    fn hold(&self, claims: &[Claim<'_>]) -> Vec<bool> {
        #[cfg(feature = "unchecked")]
        if UNCHECKED.load(std::sync::atomic::Ordering::Relaxed) {
            return vec![true; claims.len()];
        }
        let ids: Vec<Id> = claims.iter().map(Claim::id).collect();
        let mut answers: Vec<bool> = {
            let held = self.held();
            ids.iter().map(|id| held.known.contains(id)).collect()
        };
        let mut open = Vec::new();
        for ((claim, id), answer) in claims.iter().zip(ids).zip(&mut answers) {
            if !*answer && let Some(key) = self.ready.get(&claim.key) {
                open.push((claim, key, id, answer));
            }
        }
        if open.is_empty() {
            return answers;
        }
        let checks: Vec<_> = open
            .iter()
            .map(|(claim, key, _, _)| (key.as_ref(), claim.message, &claim.signature))
            .collect();
        let found = verify_many(&checks);
        let mut held = self.held();
        for ((_, _, id, answer), holds) in open.into_iter().zip(found) {
            *answer = holds;
            if holds {
                held.insert(id);
            }
        }
        drop(held);
        answers
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks the signatures of envelopes a leader sent, by the keys of `state`. A key not (yet) there is
    /// passed over: the entry that adds it may be among those not applied yet, and `apply` decides.
    /// Returns the key of the first signature found that does not hold.
    pub(crate) async fn check_all(
        self: Arc<Self>,
        proposals: &[Proposal],
        state: ReadState,
    ) -> Result<Option<KeyId>, ReplicaError> {
        let mut keys = BTreeMap::new();
        for proposal in proposals {
            add_keys(&mut keys, proposal.batch().envelopes.iter(), &state)?;
        }
        let all = proposals.iter().flat_map(|p| &p.batch().envelopes);
        if all.clone().count() <= AT_ONCE_MAX {
            return Ok(self.fault(all, &keys));
        }
        let keys = Arc::new(keys);
        let mut tasks = JoinSet::new();
        for proposal in proposals {
            for from in (0..proposal.batch().envelopes.len()).step_by(CHECKS_PER_TASK) {
                let (this, keys, proposal) =
                    (Arc::clone(&self), Arc::clone(&keys), proposal.clone());
                tasks.spawn(blocking(move || {
                    let envelopes = proposal.batch().envelopes.iter();
                    Ok(this.fault(envelopes.skip(from).take(CHECKS_PER_TASK), &keys))
                }));
            }
        }
        while let Some(done) = tasks.join_next().await {
            if let Some(key) = done.map_err(|_| ReplicaError::ShutDown)?? {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// Checks the signatures of envelopes that are about to be admitted together, so that each is known when its turn
    /// comes. What does not hold, or is by nobody known, is found then.
    pub(crate) fn check_ahead<'a>(
        &self,
        envelopes: impl Iterator<Item = &'a v1::Envelope> + Clone,
        state: &ReadState,
    ) -> Result<(), ReplicaError> {
        let mut keys = BTreeMap::new();
        add_keys(&mut keys, envelopes.clone(), state)?;
        self.fault(envelopes, &keys);
        Ok(())
    }

    /// The key of the first signature of some envelopes that does not hold; one that is not 64 bytes comes before all others.
    fn fault<'a>(
        &self,
        envelopes: impl Iterator<Item = &'a v1::Envelope>,
        keys: &BTreeMap<KeyId, PublicKey>,
    ) -> Option<KeyId> {
        let messages: Vec<_> = envelopes
            .map(|envelope| {
                let message = dsse::pae(&envelope.payload_type, &envelope.payload);
                (envelope, message)
            })
            .collect();
        let (mut ids, mut claims) = (Vec::new(), Vec::new());
        for (envelope, message) in &messages {
            for signature in &envelope.signatures {
                let Ok(id) = KeyId::try_from(signature.key_id.as_slice()) else {
                    continue;
                };
                let Some(&key) = keys.get(&id) else {
                    continue;
                };
                let Ok(signature) = Signature::try_from(signature.signature.as_slice()) else {
                    return Some(id);
                };
                ids.push(id);
                claims.push(Claim {
                    key,
                    message,
                    signature,
                });
            }
        }
        let holds = self.hold(&claims);
        ids.into_iter()
            .zip(holds)
            .find_map(|(id, holds)| (!holds).then_some(id))
    }
}

fn add_keys<'a>(
    keys: &mut BTreeMap<KeyId, PublicKey>,
    envelopes: impl Iterator<Item = &'a v1::Envelope>,
    state: &ReadState,
) -> Result<(), ReplicaError> {
    for signature in envelopes.flat_map(|envelope| &envelope.signatures) {
        if let Ok(id) = KeyId::try_from(signature.key_id.as_slice())
            && !keys.contains_key(&id)
            && let Some(record) = View(state).key(&id).map_err(state_error)?
        {
            keys.insert(id, record.value.public_key);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_ledger::signature::SigningKey;

    #[test]
    fn it_answers_as_strict_does_and_remembers_only_what_holds() {
        let key = SigningKey::from_secret(&[1; 32]);
        let (good, bad) = (key.sign(b"message"), key.sign(b"other"));
        let checked = Checked::default();
        for (signature, holds) in [(good, true), (bad, false), (good, true), (bad, false)] {
            assert_eq!(
                checked.holds(&key.public_key(), b"message", &signature),
                holds
            );
        }
        assert_eq!(checked.held.lock().unwrap().known.len(), 1);
    }

    #[test]
    fn some_of_which_one_is_bad_or_remembered_are_answered_in_order() {
        let keys = [1, 2, 3].map(|n| SigningKey::from_secret(&[n; 32]));
        let checked = Checked::default();
        let first = keys[0].public_key();
        assert!(checked.holds(&first, b"message", &keys[0].sign(b"message")));
        let claim = |key: PublicKey, signer: &SigningKey| Claim {
            key,
            message: b"message",
            signature: signer.sign(b"message"),
        };
        let claims = [
            claim(keys[1].public_key(), &keys[1]),
            claim(PublicKey([0; 32]), &keys[1]),
            claim(first, &keys[0]),
            claim(first, &keys[1]),
            claim(keys[2].public_key(), &keys[2]),
        ];
        for _ in 0..2 {
            assert_eq!(checked.hold(&claims), [true, false, true, false, true]);
            assert_eq!(checked.held().known.len(), 3);
        }
        assert_eq!(checked.hold(&[]), Vec::<bool>::new());
    }

    #[test]
    fn the_first_signature_that_does_not_hold_is_the_fault() {
        let keys = [1, 2, 3].map(|n| SigningKey::from_secret(&[n; 32]));
        let of_state: BTreeMap<KeyId, PublicKey> = keys[..2]
            .iter()
            .map(|key| (key.key_id(), key.public_key()))
            .collect();
        let sealed = |n: u8| sekisho_ledger::seal("type", vec![n], &[&keys[0], &keys[1], &keys[2]]);
        let fault =
            |envelopes: &[v1::Envelope]| Checked::default().fault(envelopes.iter(), &of_state);
        let mut envelopes = [sealed(1), sealed(2), sealed(3)];
        assert_eq!(fault(&envelopes), None);
        // By a key that the state does not have.
        envelopes[0].signatures[2].signature = vec![0; 64];
        assert_eq!(fault(&envelopes), None);
        envelopes[2].signatures[0].signature = vec![0; 64];
        assert_eq!(fault(&envelopes), Some(keys[0].key_id()));
        envelopes[1].signatures[1].signature = vec![0; 64];
        assert_eq!(fault(&envelopes), Some(keys[1].key_id()));
        envelopes[1].signatures[1].signature = vec![0; 63];
        assert_eq!(fault(&envelopes), Some(keys[1].key_id()));
    }

    #[test]
    fn it_forgets_the_oldest_beyond_its_bound() {
        let mut held = Held::default();
        let id = |n: usize| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            id
        };
        for n in 0..=CHECKED_MAX {
            held.insert(id(n));
        }
        assert_eq!(
            (held.known.len(), held.oldest_first.len()),
            (CHECKED_MAX, CHECKED_MAX)
        );
        assert!(!held.known.contains(&id(0)) && held.known.contains(&id(1)));
    }
}
