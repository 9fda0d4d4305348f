//! A world of networks over memory, for tests and benchmarks: real keys, real envelopes, the real `apply`.
//!
//! Panics where a step that must succeed does not: that is what a test wants.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test support fails by panicking"
)]

mod say;
mod things;

pub use things::*;

use crate::checkpoint::{Checkpoint, cosign};
use crate::note::Note;
use crate::signature::{Signature, SigningKey};
use crate::store::{MemoryState, StateWrite};
use crate::{
    Applied, SignatureCheck, Strict, View, apply_batch, checkpoint_origin, checkpoint_voters,
    found, sign_entry, tree,
};
use prost::Message;
use sekisho_domain::{
    Body, Entry, EntryIndex, Genesis, KeyId, KeyPurpose, LedgerId, Outcome, PublicKey,
    RefusalReason, RequestId, TimeMs,
};
use sekisho_proto::{ENTRY_TYPE, v1};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A founded ledger whose networks can sign.
#[derive(Debug, Clone)]
pub struct World<S = MemoryState> {
    /// The state.
    pub state: S,
    /// Its founding file.
    pub genesis: Genesis,
    /// Its id.
    pub ledger: LedgerId,
    /// The stamped time of the next batch.
    pub time: TimeMs,
    /// Whether entries are signed, and the signatures checked.
    signed: bool,
    /// Ids of keys used so far.
    known: BTreeMap<(String, KeyPurpose), KeyId>,
    requests: u64,
}

/// Takes every signature for a good one.
struct Unchecked;

impl SignatureCheck for Unchecked {
    fn holds(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
        true
    }
}

impl World {
    /// Networks that founded a ledger in memory and registered their node keys.
    pub fn of(networks: &[&str]) -> Self {
        Self::over(MemoryState::default(), networks)
    }

    /// The same where entries are neither signed nor their signatures checked: for what rules decide, in numbers
    /// that signatures would dominate.
    pub fn unsigned(networks: &[&str]) -> Self {
        Self::founded(MemoryState::default(), networks, false)
    }
}

impl<S: StateWrite> World<S> {
    /// [`World::of`] over any state.
    pub fn over(state: S, networks: &[&str]) -> Self {
        Self::founded(state, networks, true)
    }

    fn founded(mut state: S, networks: &[&str], signed: bool) -> Self {
        let genesis = genesis(networks);
        let ledger = found(&mut state, &genesis).expect("founding");
        let mut world = Self {
            state,
            genesis,
            ledger,
            time: BEGIN.plus_ms(1000),
            signed,
            known: BTreeMap::new(),
            requests: 0,
        };
        for id in networks {
            world.certify(id, KeyPurpose::Node);
        }
        world
    }

    /// The purpose of the key such a thing is said with.
    pub fn purpose_of(body: &Body) -> KeyPurpose {
        match body {
            Body::ConsentGrant(_)
            | Body::ConsentWithdraw { .. }
            | Body::ReservationSet(_)
            | Body::ReservationClear { .. }
            | Body::SubjectLink { .. }
            | Body::SubjectUnlink { .. }
            | Body::AccessRequest(_)
            | Body::Release(_)
            | Body::Receipt(_)
            | Body::ProxyRegister(_)
            | Body::ProxyEnd { .. }
            | Body::DeathRecord { .. }
            | Body::DeathRetract { .. }
            | Body::ReservationSeal { .. }
            | Body::ReservationUnseal { .. }
            | Body::PatientTold { .. }
            | Body::SecurityAlert(_) => KeyPurpose::Node,
            Body::EmergencyReview(_) => KeyPurpose::Officer,
            Body::DisasterDeclare(_) | Body::DisasterExtend { .. } | Body::DisasterEnd { .. } => {
                KeyPurpose::Authority
            }
            Body::NetworkAdmit { .. }
            | Body::KeyAdd { .. }
            | Body::KeyRevoke { .. }
            | Body::FacilityRegister { .. }
            | Body::FacilityLeave { .. }
            | Body::ConsentPolicyPublish(_)
            | Body::AgreementPropose(_)
            | Body::AgreementSign { .. }
            | Body::AgreementSuspend { .. }
            | Body::AgreementTerminate { .. }
            | Body::AuthorityAdmit { .. }
            | Body::AuthorityEnd { .. }
            | Body::NoticePost(_)
            | Body::NoticeRemove { .. }
            | Body::ReplicaAllocate { .. }
            | Body::ReplicaPromote { .. }
            | Body::ReplicaRetire { .. }
            | Body::Recovery(_) => KeyPurpose::Governance,
        }
    }

    /// An entry in its window, with a request id of its own.
    pub fn entry(&mut self, by: &SigningKey, body: Body) -> Entry {
        self.entry_of(by.key_id(), body)
    }

    fn entry_of(&mut self, author: KeyId, body: Body) -> Entry {
        self.requests += 1;
        let digest: [u8; 32] = Sha256::digest(format!("request {}", self.requests)).into();
        let mut request_id = [0; 16];
        request_id.copy_from_slice(&digest[..16]);
        let meta = View(&self.state).meta().expect("memory does not fail");
        let lineage = meta.expect("it is founded").lineage;
        Entry {
            ledger: self.ledger,
            lineage: lineage + u64::from(matches!(body, Body::Recovery(_))),
            author,
            request_id: RequestId(request_id),
            claimed_time: self.time,
            not_before: TimeMs(self.time.0 - 1000),
            not_after: self.time.plus_ms(60_000),
            body,
        }
    }

    /// Signs as the network, with the key such an entry needs.
    pub fn sign(&mut self, by: &str, body: Body) -> v1::Envelope {
        let purpose = Self::purpose_of(&body);
        let author = self.author(by, purpose);
        let entry = self.entry_of(author, body);
        self.envelope(by, purpose, &entry)
    }

    /// The same under this request id.
    pub fn sign_as(&mut self, by: &str, request_id: RequestId, body: Body) -> v1::Envelope {
        let purpose = Self::purpose_of(&body);
        let author = self.author(by, purpose);
        let entry = Entry {
            request_id,
            ..self.entry_of(author, body)
        };
        self.envelope(by, purpose, &entry)
    }

    fn author(&mut self, by: &str, purpose: KeyPurpose) -> KeyId {
        let known = self.known.entry((by.to_owned(), purpose));
        *known.or_insert_with(|| key(by, purpose).key_id())
    }

    fn envelope(&self, by: &str, purpose: KeyPurpose, entry: &Entry) -> v1::Envelope {
        if self.signed {
            return sign_entry(entry, &[&key(by, purpose)]);
        }
        v1::Envelope {
            payload_type: ENTRY_TYPE.to_owned(),
            payload: v1::Entry::from(entry).encode_to_vec(),
            signatures: vec![v1::Signature {
                key_id: entry.author.0.to_vec(),
                signature: vec![0; 64],
            }],
        }
    }

    /// Applies one envelope, as a batch of its own.
    pub fn apply(&mut self, envelope: &v1::Envelope) -> Applied {
        let applied = self.apply_all(std::slice::from_ref(envelope));
        applied
            .into_iter()
            .next()
            .expect("one envelope, one result")
    }

    /// Applies envelopes as one batch.
    pub fn apply_all(&mut self, envelopes: &[v1::Envelope]) -> Vec<Applied> {
        let batch = v1::Batch {
            time_ms: self.time.0,
            envelopes: envelopes.to_vec(),
        };
        let check: &dyn SignatureCheck = if self.signed { &Strict } else { &Unchecked };
        apply_batch(&mut self.state, &batch, check).expect("memory does not fail")
    }

    /// Signs and applies.
    pub fn say(&mut self, by: &str, body: Body) -> Applied {
        let envelope = self.sign(by, body);
        self.apply(&envelope)
    }

    /// Applies what these networks' governance keys sign together.
    pub fn say_together(&mut self, by: &[&str], body: Body) -> Applied {
        let keys: Vec<_> = by
            .iter()
            .map(|of| key(of, KeyPurpose::Governance))
            .collect();
        let keys: Vec<&SigningKey> = keys.iter().collect();
        let entry = self.entry(keys[0], body);
        self.apply(&sign_entry(&entry, &keys))
    }

    /// Signs with this key, whatever it is, and applies.
    pub fn say_with(&mut self, key: &SigningKey, body: Body) -> Applied {
        let entry = self.entry(key, body);
        self.apply(&sign_entry(&entry, &[key]))
    }

    /// The same of what must take effect.
    pub fn accept_with(&mut self, key: &SigningKey, body: Body) -> EntryIndex {
        match self.say_with(key, body.clone()) {
            Applied::Leaf {
                index,
                outcome: Outcome::Accepted,
                ..
            } => index,
            other => panic!("{body:?}: {other:?}"),
        }
    }

    /// Signs and applies what must take effect; its index.
    pub fn accept(&mut self, by: &str, body: Body) -> EntryIndex {
        match self.say(by, body.clone()) {
            Applied::Leaf {
                index,
                outcome: Outcome::Accepted,
                ..
            } => index,
            other => panic!("{by} says {body:?}: {other:?}"),
        }
    }

    /// Signs and applies; why it was refused, if it was.
    pub fn refusal(&mut self, by: &str, body: Body) -> Option<RefusalReason> {
        match self.say(by, body) {
            Applied::Leaf {
                outcome: Outcome::Refused(reason),
                ..
            } => Some(reason),
            _ => None,
        }
    }

    /// A checkpoint over all there is, cosigned by so many voters.
    pub fn checkpoint(&self, cosigners: usize) -> (String, u64) {
        let size = tree::size(&self.state).unwrap();
        let root = tree::root(&self.state, size).unwrap();
        let checkpoint = Checkpoint::new(checkpoint_origin(&self.ledger), size, root).unwrap();
        let voters = checkpoint_voters(&self.genesis).unwrap();
        let signatures = self
            .genesis
            .replicas
            .iter()
            .zip(&voters)
            .take(cosigners)
            .map(|(replica, (name, _))| {
                let key = key(replica.network.as_str(), KeyPurpose::Checkpoint);
                cosign(&checkpoint, name, &key, self.time.0 / 1000).unwrap()
            });
        (
            Note::new(checkpoint.text(), signatures.collect())
                .unwrap()
                .to_string(),
            size,
        )
    }
}
