//! Signatures checked once: on arrival, in a pool of threads, so that `apply` need not pay again.

use crate::config::{AT_ONCE_MAX, CHECKED_MAX, CHECKS_PER_TASK, READY_KEYS_MAX};
use crate::raft::Proposal;
use crate::store::{ReadState, blocking};
use crate::{ReplicaError, state_error};
use sekisho_domain::{KeyId, PublicKey};
use sekisho_ledger::signature::{Signature, VerifyingKey};
use sekisho_ledger::{SignatureCheck, View, dsse};
use sekisho_proto::v1;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::task::JoinSet;

type Id = [u8; 32];

/// Answers as [`Strict`](sekisho_ledger::Strict) does, and remembers the last [`CHECKED_MAX`] signatures that hold.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    held: Mutex<Held>,
    ready: RwLock<HashMap<[u8; 32], VerifyingKey>>,
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

/// All three are of fixed length or last, so different checks have different ids.
fn id(key: &PublicKey, message: &[u8], signature: &Signature) -> Id {
    Sha256::new()
        .chain_update(key.0)
        .chain_update(signature.0)
        .chain_update(message)
        .finalize()
        .into()
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

impl SignatureCheck for Checked {
    fn holds(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        #[cfg(feature = "unchecked")]
        if UNCHECKED.load(std::sync::atomic::Ordering::Relaxed) {
            return true;
        }
        let id = id(key, message, signature);
        if self
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .known
            .contains(&id)
        {
            return true;
        }
        let holds = self
            .ready(key)
            .is_some_and(|key| key.verify(message, signature).is_ok());
        if holds {
            self.held
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(id);
        }
        holds
    }
}

impl Checked {
    /// A key that can be verified with; parsing one costs a fifth of a check.
    fn ready(&self, key: &PublicKey) -> Option<VerifyingKey> {
        let known = {
            let ready = self.ready.read().unwrap_or_else(PoisonError::into_inner);
            ready.get(&key.0).cloned()
        };
        if known.is_some() {
            return known;
        }
        let parsed = VerifyingKey::parse(key).ok()?;
        let mut ready = self.ready.write().unwrap_or_else(PoisonError::into_inner);
        if ready.len() >= READY_KEYS_MAX {
            ready.clear();
        }
        ready.insert(key.0, parsed.clone());
        Some(parsed)
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
            add_keys(&mut keys, &proposal.batch().envelopes, &state)?;
        }
        let all = proposals.iter().flat_map(|p| &p.batch().envelopes);
        if all.clone().count() <= AT_ONCE_MAX {
            return Ok(all
                .into_iter()
                .find_map(|envelope| self.fault(envelope, &keys)));
        }
        let keys = Arc::new(keys);
        let mut tasks = JoinSet::new();
        for proposal in proposals {
            for from in (0..proposal.batch().envelopes.len()).step_by(CHECKS_PER_TASK) {
                let (this, keys, proposal) =
                    (Arc::clone(&self), Arc::clone(&keys), proposal.clone());
                tasks.spawn(blocking(move || {
                    let envelopes = proposal.batch().envelopes.iter();
                    let mut some = envelopes.skip(from).take(CHECKS_PER_TASK);
                    Ok(some.find_map(|envelope| this.fault(envelope, &keys)))
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

    fn fault(&self, envelope: &v1::Envelope, keys: &BTreeMap<KeyId, PublicKey>) -> Option<KeyId> {
        let message = dsse::pae(&envelope.payload_type, &envelope.payload);
        envelope.signatures.iter().find_map(|signature| {
            let id = KeyId::try_from(signature.key_id.as_slice()).ok()?;
            let key = keys.get(&id)?;
            let holds = Signature::try_from(signature.signature.as_slice())
                .is_ok_and(|signature| self.holds(key, &message, &signature));
            (!holds).then_some(id)
        })
    }
}

fn add_keys(
    keys: &mut BTreeMap<KeyId, PublicKey>,
    envelopes: &[v1::Envelope],
    state: &ReadState,
) -> Result<(), ReplicaError> {
    for signature in envelopes.iter().flat_map(|envelope| &envelope.signatures) {
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
