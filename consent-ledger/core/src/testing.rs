//! A world of networks over memory, for tests and benchmarks: real keys, real envelopes, the real `apply`.
//!
//! Panics where a step that must succeed does not: that is what a test wants.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test support fails by panicking"
)]

use crate::checkpoint::{Checkpoint, cosign};
use crate::note::Note;
use crate::signature::SigningKey;
use crate::store::{MemoryState, StateWrite};
use crate::{
    Applied, Strict, View, agreement_digest, apply_batch, checkpoint_origin, checkpoint_voters,
    found, sign_entry, tree,
};
use sekisho_domain::{
    AccessRequest, Action, Agreement, Body, Capture, Codes, Commitment, Consent, ConsentId,
    ConsentPolicy, ConsentRule, Decision, Entry, EntryIndex, FacilityId, FacilityKind,
    FacilitySelector, FoundingNetwork, FoundingReplica, Genesis, Grant, Grounds, Hash, KeyPurpose,
    LedgerId, NetworkId, NewFacility, Outcome, Period, PractitionerId, Purpose, ReplicaId,
    RequestId, Retention, Role, Rule, Scope, Settlement, Side, SubjectId, SubjectRef, TimeMs,
    Withdrawal,
};
use sekisho_proto::v1;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// When every world begins.
pub const BEGIN: TimeMs = TimeMs(1_790_000_000_000);

/// The key of a network for a purpose, the same in every world.
pub fn key(network: &str, purpose: KeyPurpose) -> SigningKey {
    SigningKey::from_secret(&Sha256::digest(format!("sekisho test key {network} {purpose}")).into())
}

/// A network's id.
pub fn network(id: &str) -> NetworkId {
    id.parse().expect("a network id")
}

/// A facility's id.
pub fn facility(code: &str) -> FacilityId {
    code.parse().expect("a facility code")
}

/// A subject, from one byte.
pub fn subject(byte: u8) -> SubjectId {
    SubjectId([byte; 16])
}

/// A rule with the usual ways of taking and withdrawing consent.
pub fn rule(scope: Scope) -> Rule {
    Rule {
        scope,
        capture: [Capture::Written, Capture::Oral].into(),
        new_facility: NewFacility::NeedsConsent(Capture::Written),
        withdrawal: [Withdrawal::Written].into(),
    }
}

/// A grant of everything for treatment by physicians of hospitals.
pub fn grant(disclosing: &str, viewing: &str, consent_rule: ConsentRule) -> Grant {
    Grant {
        disclosing: network(disclosing),
        viewing: network(viewing),
        categories: Codes::all(),
        purposes: [Purpose::Treat].into(),
        facility_kinds: [FacilityKind::Hospital].into(),
        roles: [Role::Physician].into(),
        consent_rule,
        valid: Period {
            from: BEGIN,
            until: None,
        },
    }
}

/// The founding file of some networks, each with one replica.
pub fn genesis(networks: &[&str]) -> Genesis {
    let mut ids: Vec<_> = networks.to_vec();
    ids.sort_unstable();
    let founding = |id: &&str| FoundingNetwork {
        id: network(id),
        name: format!("ネットワーク {id}"),
        governance_key: key(id, KeyPurpose::Governance).public_key(),
    };
    let replica = |(n, id): (u64, &&str)| FoundingReplica {
        id: ReplicaId(n),
        network: network(id),
        endpoint: format!("127.0.0.1:{}", 40_000 + n),
        transport_key: key(id, KeyPurpose::Transport).public_key(),
        checkpoint_key: key(id, KeyPurpose::Checkpoint).public_key(),
    };
    Genesis {
        created: BEGIN,
        networks: ids.iter().map(founding).collect(),
        replicas: (1..).zip(ids.iter()).map(replica).collect(),
    }
}

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
    requests: u64,
}

impl World {
    /// Networks that founded a ledger in memory and registered their node keys.
    pub fn of(networks: &[&str]) -> Self {
        Self::over(MemoryState::default(), networks)
    }
}

impl<S: StateWrite> World<S> {
    /// The same over any state.
    pub fn over(mut state: S, networks: &[&str]) -> Self {
        let genesis = genesis(networks);
        let ledger = found(&mut state, &genesis).expect("founding");
        let mut world = Self {
            state,
            genesis,
            ledger,
            time: BEGIN.plus_ms(1000),
            requests: 0,
        };
        for id in networks {
            let public_key = key(id, KeyPurpose::Node).public_key();
            world.accept(
                id,
                Body::KeyAdd {
                    purpose: KeyPurpose::Node,
                    public_key,
                    endpoint: None,
                },
            );
        }
        world
    }

    /// Who says such a thing.
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
            | Body::PatientTold { .. } => KeyPurpose::Node,
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
            | Body::NoticeRemove { .. } => KeyPurpose::Governance,
        }
    }

    /// An entry in its window, with a request id of its own.
    pub fn entry(&mut self, by: &SigningKey, body: Body) -> Entry {
        self.requests += 1;
        let digest: [u8; 32] = Sha256::digest(format!("request {}", self.requests)).into();
        let mut request_id = [0; 16];
        request_id.copy_from_slice(&digest[..16]);
        Entry {
            ledger: self.ledger,
            lineage: 1,
            author: by.key_id(),
            request_id: RequestId(request_id),
            claimed_time: self.time,
            not_before: TimeMs(self.time.0 - 1000),
            not_after: self.time.plus_ms(60_000),
            body,
        }
    }

    /// Signs as the network, with the key such an entry needs.
    pub fn sign(&mut self, by: &str, body: Body) -> v1::Envelope {
        let key = key(by, Self::purpose_of(&body));
        sign_entry(&self.entry(&key, body), &[&key])
    }

    /// Applies one envelope, as a batch of its own.
    pub fn apply(&mut self, envelope: &v1::Envelope) -> Applied {
        let batch = v1::Batch {
            time_ms: self.time.0,
            envelopes: vec![envelope.clone()],
        };
        let applied = apply_batch(&mut self.state, &batch, &Strict).expect("memory does not fail");
        applied
            .into_iter()
            .next()
            .expect("one envelope, one result")
    }

    /// Signs and applies.
    pub fn say(&mut self, by: &str, body: Body) -> Applied {
        let envelope = self.sign(by, body);
        self.apply(&envelope)
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

    /// Registers a hospital.
    pub fn hospital(&mut self, of: &str, code: &str) -> EntryIndex {
        let name = format!("病院 {code}");
        self.accept(
            of,
            Body::FacilityRegister {
                facility: facility(code),
                kind: FacilityKind::Hospital,
                name,
                municipality: None,
            },
        )
    }

    /// Publishes the next version of a policy.
    pub fn policy(
        &mut self,
        of: &str,
        disclosing: Option<Scope>,
        viewing: Option<Scope>,
    ) -> EntryIndex {
        let version = 1 + View(&self.state).policies(&network(of)).unwrap().len() as u32;
        self.accept(
            of,
            Body::ConsentPolicyPublish(ConsentPolicy {
                version,
                valid_from: BEGIN,
                text_hash: Hash([7; 32]),
                disclosing: disclosing.map(rule),
                viewing: viewing.map(rule),
                voids_earlier: false,
                emergency: None,
            }),
        )
    }

    /// An agreement, proposed by its first party and signed by all others.
    pub fn agree(&mut self, id: &str, grants: Vec<Grant>) -> Agreement {
        let parties: BTreeSet<_> = grants
            .iter()
            .flat_map(|g| [g.disclosing.clone(), g.viewing.clone()])
            .collect();
        let id = id.parse().expect("an agreement id");
        let version = 1 + View(&self.state)
            .agreement_head(&id)
            .unwrap()
            .map_or(0, |head| head.value.latest);
        let valid = Period {
            from: BEGIN,
            until: None,
        };
        let agreement = Agreement {
            id,
            version,
            parties,
            grants,
            retention: Retention::AsOwnRecord,
            settlement: Settlement::EachOwn,
            valid,
            text_hash: Hash([8; 32]),
        };
        self.propose(&agreement);
        for party in agreement.parties.iter().skip(1) {
            self.accept(party.as_str(), Self::signature(&agreement));
        }
        agreement
    }

    /// Proposes an agreement as its first party.
    pub fn propose(&mut self, agreement: &Agreement) -> EntryIndex {
        let first = agreement.parties.first().expect("parties").to_string();
        self.accept(&first, Body::AgreementPropose(agreement.clone()))
    }

    /// A party's signature under an agreement.
    pub fn signature(agreement: &Agreement) -> Body {
        Body::AgreementSign {
            id: agreement.id.clone(),
            version: agreement.version,
            digest: agreement_digest(agreement),
        }
    }

    /// A consent under the network's current policy, without limits.
    pub fn consent(
        &self,
        of: &str,
        patient: SubjectId,
        side: Side,
        recorded_by: &str,
        facilities: FacilitySelector,
    ) -> Consent {
        let policy_version = View(&self.state).policies(&network(of)).unwrap().len() as u32;
        Consent {
            network: network(of),
            subject: patient,
            side,
            facilities,
            counterpart: None,
            practitioners: None,
            categories: None,
            purposes: None,
            period: Period {
                from: BEGIN,
                until: None,
            },
            capture: Capture::Written,
            recorded_by: facility(recorded_by),
            proxy: None,
            policy_version,
            evidence: Commitment([9; 32]),
        }
    }

    /// The patient consents that a visited facility looks.
    pub fn consent_to_visit(&mut self, of: &str, patient: SubjectId, at: &str) -> ConsentId {
        let consent = self.consent(
            of,
            patient,
            Side::Viewing,
            at,
            FacilitySelector::Listed([facility(at)].into()),
        );
        ConsentId(self.accept(of, Body::ConsentGrant(consent)))
    }

    /// Both networks say that two subjects are one patient.
    pub fn link(&mut self, a: (&str, SubjectId), b: (&str, SubjectId)) {
        for ((own, subject), (other, far)) in [(a, b), (b, a)] {
            let other = SubjectRef {
                network: network(other),
                subject: far,
            };
            self.accept(
                own,
                Body::SubjectLink {
                    own: subject,
                    other,
                },
            );
        }
    }

    /// A physician's request for all of a patient's documents, for treatment.
    pub fn request(
        &self,
        viewing: &str,
        at: &str,
        patient: SubjectId,
        targets: &[&str],
    ) -> AccessRequest {
        AccessRequest {
            viewing: network(viewing),
            facility: facility(at),
            role: Role::Physician,
            practitioner: Commitment([1; 32]),
            practitioner_id: PractitionerId([1; 16]),
            purpose: Purpose::Treat,
            grounds: Grounds::Ordinary,
            subject: patient,
            action: Action::FindDocuments,
            document: None,
            categories: None,
            targets: targets.iter().map(|t| network(t)).collect(),
        }
    }

    /// Asks, and returns the index and the decisions.
    pub fn ask(&mut self, request: &AccessRequest) -> (EntryIndex, Vec<(NetworkId, Decision)>) {
        match self.say(
            request.viewing.as_str(),
            Body::AccessRequest(request.clone()),
        ) {
            Applied::Leaf {
                index,
                outcome: Outcome::Decided(decisions),
                ..
            } => (index, decisions),
            other => panic!("{request:?}: {other:?}"),
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
