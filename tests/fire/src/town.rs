//! Invented networks that found a ledger together, and what they sign.
//!
//! ```text
//! first   asks: a consent at its hospital lets it look
//! second  ──▶ first   answers under that consent alone
//! others  run a replica each
//! ```

use sekisho_domain::{
    AccessRequest, Action, Agreement, Body, Capture, Codes, Commitment, Consent, ConsentId,
    ConsentPolicy, ConsentRule, Entry, FacilityId, FacilityKind, FacilitySelector, FoundingNetwork,
    FoundingReplica, Genesis, Grant, Grounds, Hash, KeyId, KeyPurpose, LedgerId, NetworkId,
    NewFacility, Period, PractitionerId, Purpose, ReplicaId, RequestId, Retention, Role, Rule,
    Scope, Settlement, Side, SubjectId, SubjectRef, TimeMs, Withdrawal,
};
use sekisho_ledger::signature::SigningKey;
use sekisho_ledger::{agreement_digest, ledger_id, sign_entry};
use sekisho_proto::v1;
use sekisho_replica::{Clock, SystemClock};
use sekisho_transport::{Identity, TransportKey};
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroizing;

/// When the ledgers begin (2026-09-21), and all agreements with them.
const BEGIN: TimeMs = TimeMs(1_790_000_000_000);
/// An entry's window opens this long before it is made, so that no rounding of clocks closes it.
const WINDOW_BEFORE_MS: u64 = 1_000;
const ALWAYS: Period = Period {
    from: BEGIN,
    until: None,
};

/// Sixteen bytes without an order, as of a random id, the same for the same input.
fn scattered(kind: &str, n: u64) -> [u8; 16] {
    let hash = Sha256::new()
        .chain_update(kind)
        .chain_update(n.to_be_bytes())
        .finalize();
    let mut id = [0; 16];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    id
}

/// One network with its keys.
pub struct Member {
    /// Its id.
    pub id: NetworkId,
    hospital: FacilityId,
    pub(crate) number: u64,
}

impl Member {
    fn new(number: u64) -> Self {
        Self {
            id: format!("network-{number}").parse().expect("a network id"),
            hospital: format!("411{number:03}0001").parse().expect("a code"),
            number,
        }
    }

    /// The seed of one of its keys, the same in every run: nothing real is signed with it.
    pub fn secret(&self, purpose: KeyPurpose) -> Zeroizing<[u8; 32]> {
        let hash = Sha256::new()
            .chain_update("sekisho key under fire")
            .chain_update(purpose.code())
            .chain_update(self.number.to_be_bytes());
        Zeroizing::new(hash.finalize().into())
    }

    /// The hospital it registers.
    pub fn hospital(&self) -> &FacilityId {
        &self.hospital
    }

    /// One of its keys.
    pub fn key(&self, purpose: KeyPurpose) -> SigningKey {
        SigningKey::from_secret(&self.secret(purpose))
    }

    /// What its replica signs acknowledgements with.
    pub fn acknowledges_with(&self) -> KeyId {
        self.key(KeyPurpose::Checkpoint).key_id()
    }

    /// What it connects with.
    pub fn identity(&self) -> Identity {
        let key = TransportKey::from_seed(&self.secret(KeyPurpose::Transport));
        Identity::new(key).expect("a certificate")
    }

    fn subject(&self, person: u64) -> SubjectId {
        SubjectId(scattered(self.id.as_str(), person))
    }

    fn subject_ref(&self, person: u64) -> SubjectRef {
        SubjectRef {
            network: self.id.clone(),
            subject: self.subject(person),
        }
    }
}

/// The networks, their ledger and a source of request ids.
pub struct Town {
    /// The networks, as each replica's; replica `n + 1` is that of the network at `n`.
    pub members: Vec<Member>,
    /// The founding act.
    pub genesis: Genesis,
    /// The ledger it founds.
    pub ledger: LedgerId,
    requests: AtomicU64,
}

impl Town {
    /// One network with a replica at each of the endpoints; at least two.
    pub fn at(endpoints: &[String]) -> Self {
        Self::of(endpoints, endpoints.len())
    }

    /// The same with so many networks, of which the first runs all replicas beyond that number. Each replica has keys
    /// of its own.
    pub fn of(endpoints: &[String], networks: usize) -> Self {
        let mut members: Vec<Member> = (1..=endpoints.len() as u64).map(Member::new).collect();
        let first = members[0].id.clone();
        for more in &mut members[networks..] {
            more.id = first.clone();
        }
        let networks = members[..networks].iter().map(|member| FoundingNetwork {
            id: member.id.clone(),
            name: format!("invented {}", member.id),
            governance_key: member.key(KeyPurpose::Governance).public_key(),
        });
        let replicas = members
            .iter()
            .zip(endpoints)
            .map(|(member, endpoint)| FoundingReplica {
                id: ReplicaId(member.number),
                network: member.id.clone(),
                endpoint: endpoint.clone(),
                transport_key: member.identity().public(),
                checkpoint_key: member.key(KeyPurpose::Checkpoint).public_key(),
            });
        let genesis = Genesis {
            created: BEGIN,
            networks: networks.collect(),
            replicas: replicas.collect(),
        };
        let ledger = ledger_id(&genesis);
        Self {
            members,
            genesis,
            ledger,
            requests: AtomicU64::new(0),
        }
    }

    fn first(&self) -> &Member {
        &self.members[0]
    }

    fn second(&self) -> &Member {
        &self.members[1]
    }

    fn sign(&self, member: &Member, purpose: KeyPurpose, body: Body) -> (RequestId, v1::Envelope) {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let key = member.key(purpose);
        let now = SystemClock.now();
        let entry = Entry {
            ledger: self.ledger,
            lineage: 1,
            author: key.key_id(),
            request_id: RequestId(scattered("request", number)),
            claimed_time: now,
            not_before: TimeMs(now.0.saturating_sub(WINDOW_BEFORE_MS)),
            not_after: now.plus_ms(Entry::WINDOW_MS_MAX - WINDOW_BEFORE_MS),
            body,
        };
        (entry.request_id, sign_entry(&entry, &[&key]))
    }

    /// What precedes all requests: keys, hospitals, policies, the agreement. In this order.
    pub fn founding_acts(&self) -> Vec<(RequestId, v1::Envelope)> {
        let mut acts = Vec::new();
        for member in [self.first(), self.second()] {
            let looks = member.number == self.first().number;
            let bodies = [
                Body::KeyAdd {
                    purpose: KeyPurpose::Node,
                    public_key: member.key(KeyPurpose::Node).public_key(),
                    endpoint: None,
                },
                Body::FacilityRegister {
                    facility: member.hospital.clone(),
                    kind: FacilityKind::Hospital,
                    name: format!("hospital {}", member.hospital),
                    municipality: None,
                },
                Body::ConsentPolicyPublish(ConsentPolicy {
                    version: 1,
                    valid_from: BEGIN,
                    text_hash: Hash([7; 32]),
                    disclosing: (!looks).then(|| rule(Scope::AllFacilities)),
                    viewing: looks.then(|| rule(Scope::EachFacility)),
                    voids_earlier: false,
                    emergency: None,
                }),
            ];
            acts.extend(bodies.map(|body| (member, body)));
        }
        let agreement = self.agreement();
        let signature = Body::AgreementSign {
            id: agreement.id.clone(),
            version: agreement.version,
            digest: agreement_digest(&agreement),
        };
        acts.push((self.first(), Body::AgreementPropose(agreement)));
        acts.push((self.second(), signature));
        acts.into_iter()
            .map(|(member, body)| self.sign(member, KeyPurpose::Governance, body))
            .collect()
    }

    /// An entry of some ten thousand bytes that changes nothing: an agreement no node may propose. It stands on the
    /// ledger all the same, and fills the replicas' files.
    pub fn bulk(&self) -> (RequestId, v1::Envelope) {
        let mut agreement = self.agreement();
        let grant = Grant {
            facility_kinds: Codes::all(),
            roles: Codes::all(),
            ..agreement.grants[0].clone()
        };
        agreement.grants = vec![grant; Agreement::GRANTS_MAX];
        let body = Body::AgreementPropose(agreement);
        self.sign(self.first(), KeyPurpose::Node, body)
    }

    fn agreement(&self) -> Agreement {
        let (first, second) = (self.first().id.clone(), self.second().id.clone());
        Agreement {
            id: "first-second".parse().expect("an agreement id"),
            version: 1,
            parties: [first.clone(), second.clone()].into(),
            grants: vec![Grant {
                disclosing: second,
                viewing: first,
                categories: Codes::all(),
                purposes: [Purpose::Treat].into(),
                facility_kinds: [FacilityKind::Hospital].into(),
                roles: [Role::Physician].into(),
                consent_rule: ConsentRule::Viewing,
                valid: ALWAYS,
            }],
            retention: Retention::AsOwnRecord,
            settlement: Settlement::EachOwn,
            valid: ALWAYS,
            text_hash: Hash([8; 32]),
        }
    }

    /// Both halves of the link between the two networks' pseudonyms of a person.
    pub fn links(&self, person: u64) -> [(RequestId, v1::Envelope); 2] {
        let half = |own: &Member, other: &Member| Body::SubjectLink {
            own: own.subject(person),
            other: other.subject_ref(person),
        };
        let (first, second) = (self.first(), self.second());
        [(first, second), (second, first)]
            .map(|(own, other)| self.sign(own, KeyPurpose::Node, half(own, other)))
    }

    /// The person lets the first network's hospital look.
    pub fn consent(&self, person: u64) -> (RequestId, v1::Envelope) {
        let first = self.first();
        let consent = Consent {
            network: first.id.clone(),
            subject: first.subject(person),
            side: Side::Viewing,
            facilities: FacilitySelector::Listed([first.hospital.clone()].into()),
            counterpart: None,
            practitioners: None,
            categories: None,
            purposes: None,
            period: ALWAYS,
            capture: Capture::Written,
            recorded_by: first.hospital.clone(),
            proxy: None,
            policy_version: 1,
            evidence: Commitment([9; 32]),
        };
        self.sign(first, KeyPurpose::Node, Body::ConsentGrant(consent))
    }

    /// The first network's record of a withdrawal.
    pub fn withdrawal(&self, consent: ConsentId) -> (RequestId, v1::Envelope) {
        let body = Body::ConsentWithdraw {
            consent,
            way: Withdrawal::Written,
            recorded_by: self.first().hospital.clone(),
            evidence: Commitment([10; 32]),
        };
        self.sign(self.first(), KeyPurpose::Node, body)
    }

    /// A physician of the first network asks the second for a person's documents.
    pub fn request(&self, person: u64) -> (RequestId, v1::Envelope) {
        let asked = self.asked(self.first().subject(person));
        let body = Body::AccessRequest(asked);
        self.sign(self.first(), KeyPurpose::Node, body)
    }

    /// The same for one document of a patient of the first network's, committed to.
    pub fn retrieval(&self, subject: SubjectId, document: Commitment) -> (RequestId, v1::Envelope) {
        let request = AccessRequest {
            action: Action::RetrieveDocument,
            document: Some(document),
            ..self.asked(subject)
        };
        let body = Body::AccessRequest(request);
        self.sign(self.first(), KeyPurpose::Node, body)
    }

    fn asked(&self, subject: SubjectId) -> AccessRequest {
        let first = self.first();
        AccessRequest {
            viewing: first.id.clone(),
            facility: first.hospital.clone(),
            role: Role::Physician,
            practitioner: Commitment([1; 32]),
            practitioner_id: PractitionerId([1; 16]),
            purpose: Purpose::Treat,
            grounds: Grounds::Ordinary,
            subject,
            action: Action::FindDocuments,
            document: None,
            categories: None,
            targets: [self.second().id.clone()].into(),
        }
    }
}

fn rule(scope: Scope) -> Rule {
    Rule {
        scope,
        capture: [Capture::Written].into(),
        new_facility: NewFacility::NeedsConsent(Capture::Written),
        withdrawal: [Withdrawal::Written].into(),
    }
}
