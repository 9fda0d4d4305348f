//! Networks, their keys, and a ledger in memory that decides as a real one does.

use sekisho_domain::{
    AccessRequest, Action, Agreement, AgreementId, Body, Capture, Codes, Commitment, Consent,
    ConsentPolicy, ConsentRule, Entry, FacilityId, FacilityKind, FacilitySelector, FoundingNetwork,
    FoundingReplica, Genesis, Grant, Grounds, Hash, KeyPurpose, LedgerId, NetworkId, NewFacility,
    Outcome, Period, PractitionerId, PublicKey, Purpose, ReplicaId, RequestId, Retention, Role,
    Rule, Scope, Settlement, Side, SubjectId, SubjectRef, TimeMs, Withdrawal,
};
use sekisho_ledger::signature::SigningKey;
use sekisho_ledger::store::MemoryState;
use sekisho_ledger::{Applied, Strict, View, agreement_digest, apply_batch, found, sign_entry};
use sekisho_proto::v1;
use sekisho_transport::{Identity, TransportKey, key_id};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The network that asks.
pub const VIEWING: &str = "kurume";

/// Whether the ledger can decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It decides.
    Serving,
    /// It says at once that it cannot.
    NoQuorum,
    /// It takes the request and is not heard of again.
    Silent,
    /// Its storage fails.
    Broken,
}

struct Member {
    governance: SigningKey,
    node: SigningKey,
    identity: Identity,
}

/// A federation: [`VIEWING`] asks, others disclose. The patient is known to all, linked to some.
pub struct World {
    ledger: LedgerId,
    state: Mutex<MemoryState>,
    availability: Mutex<Availability>,
    members: BTreeMap<NetworkId, Member>,
    requests: AtomicU64,
    genesis: Genesis,
    accepted: Mutex<Vec<v1::Envelope>>,
}

impl World {
    /// Founds a ledger of [`VIEWING`] and the named networks. Each has a node key; [`VIEWING`] has a
    /// facility, a policy and the patient's consent to view.
    pub fn found(others: &[&str]) -> Self {
        let names: BTreeSet<NetworkId> = others
            .iter()
            .chain([&VIEWING])
            .map(|n| n.parse().unwrap())
            .collect();
        let member = |network: &NetworkId| Member {
            governance: key(network, "governance"),
            node: key(network, "node"),
            identity: Identity::new(TransportKey::generate().unwrap()).unwrap(),
        };
        let members: BTreeMap<_, _> = names.iter().map(|n| (n.clone(), member(n))).collect();
        let viewing: NetworkId = VIEWING.parse().unwrap();
        let genesis = Genesis {
            created: now(),
            networks: members
                .iter()
                .map(|(id, member)| FoundingNetwork {
                    id: id.clone(),
                    name: id.to_string(),
                    governance_key: member.governance.public_key(),
                })
                .collect(),
            replicas: vec![FoundingReplica {
                id: ReplicaId(1),
                network: viewing.clone(),
                endpoint: "127.0.0.1:1".to_owned(),
                transport_key: members[&viewing].identity.public(),
                checkpoint_key: key(&viewing, "checkpoint").public_key(),
            }],
        };
        let mut state = MemoryState::default();
        let ledger = found(&mut state, &genesis).unwrap();
        let world = Self {
            ledger,
            state: Mutex::new(state),
            availability: Mutex::new(Availability::Serving),
            members,
            requests: AtomicU64::new(0),
            genesis,
            accepted: Mutex::default(),
        };
        for network in world.members.keys() {
            let public_key = world.node_key(network).public_key();
            world.accept(
                network,
                KeyPurpose::Governance,
                Body::KeyAdd {
                    purpose: KeyPurpose::Node,
                    public_key,
                    endpoint: None,
                },
            );
        }
        world.prepare_viewing(&viewing);
        world
    }

    fn prepare_viewing(&self, viewing: &NetworkId) {
        self.accept(
            viewing,
            KeyPurpose::Governance,
            Body::FacilityRegister {
                facility: facility(),
                kind: FacilityKind::Hospital,
                name: "病院".to_owned(),
                municipality: None,
            },
        );
        let rule = Rule {
            scope: Scope::EachFacility,
            capture: [Capture::Written].into(),
            new_facility: NewFacility::NotCovered,
            withdrawal: [Withdrawal::Written].into(),
        };
        let policy = ConsentPolicy {
            version: 1,
            valid_from: TimeMs(0),
            text_hash: Hash([1; 32]),
            disclosing: None,
            viewing: Some(rule),
            voids_earlier: false,
            emergency: None,
        };
        self.accept(
            viewing,
            KeyPurpose::Governance,
            Body::ConsentPolicyPublish(policy),
        );
        let consent = Consent {
            network: viewing.clone(),
            subject: subject(viewing),
            side: Side::Viewing,
            facilities: FacilitySelector::Listed(BTreeSet::from([facility()])),
            counterpart: None,
            practitioners: None,
            categories: None,
            purposes: None,
            period: always(),
            capture: Capture::Written,
            recorded_by: facility(),
            proxy: None,
            policy_version: 1,
            evidence: Commitment([2; 32]),
        };
        self.accept(viewing, KeyPurpose::Node, Body::ConsentGrant(consent));
    }

    /// Signs an agreement by which the network discloses to [`VIEWING`].
    pub fn agree(&self, network: &str) {
        let (viewing, disclosing): (NetworkId, NetworkId) =
            (VIEWING.parse().unwrap(), network.parse().unwrap());
        let grant = Grant {
            disclosing: disclosing.clone(),
            viewing: viewing.clone(),
            categories: Codes::all(),
            purposes: [Purpose::Treat].into(),
            facility_kinds: [FacilityKind::Hospital].into(),
            roles: [Role::Physician].into(),
            consent_rule: ConsentRule::Viewing,
            valid: always(),
        };
        let id: AgreementId = format!("{VIEWING}-{network}").parse().unwrap();
        let agreement = Agreement {
            id: id.clone(),
            version: 1,
            parties: BTreeSet::from([viewing.clone(), disclosing.clone()]),
            grants: vec![grant],
            retention: Retention::AsOwnRecord,
            settlement: Settlement::EachOwn,
            valid: always(),
            text_hash: Hash([3; 32]),
        };
        let digest = agreement_digest(&agreement);
        self.accept(
            &viewing,
            KeyPurpose::Governance,
            Body::AgreementPropose(agreement),
        );
        let signed = Body::AgreementSign {
            id,
            version: 1,
            digest,
        };
        self.accept(&disclosing, KeyPurpose::Governance, signed);
    }

    /// Has both networks say that their subjects are the same patient.
    pub fn link(&self, network: &str) {
        let both: [NetworkId; 2] = [VIEWING, network].map(|n| n.parse().unwrap());
        for (own, other) in [(&both[0], &both[1]), (&both[1], &both[0])] {
            let other = SubjectRef {
                network: other.clone(),
                subject: subject(other),
            };
            self.accept(
                own,
                KeyPurpose::Node,
                Body::SubjectLink {
                    own: subject(own),
                    other,
                },
            );
        }
    }

    /// Registers the network's transport key with the address its node is to be reached at.
    pub fn place(&self, network: &str, endpoint: &str) {
        self.place_key(network, self.identity(network).public(), endpoint);
    }

    /// Registers another transport key of the network.
    pub fn place_key(&self, network: &str, public_key: PublicKey, endpoint: &str) {
        self.accept(
            &network.parse().unwrap(),
            KeyPurpose::Governance,
            Body::KeyAdd {
                purpose: KeyPurpose::Transport,
                public_key,
                endpoint: Some(endpoint.to_owned()),
            },
        );
    }

    /// Revokes a transport key of the network.
    pub fn revoke(&self, network: &str, public_key: &PublicKey) {
        let key = key_id(public_key);
        self.accept(
            &network.parse().unwrap(),
            KeyPurpose::Governance,
            Body::KeyRevoke { key },
        );
    }

    /// The patient's consent to view is withdrawn.
    pub fn withdraw(&self) {
        let viewing: NetworkId = VIEWING.parse().unwrap();
        let given = {
            let state = self.state();
            View(&*state)
                .consents_of(&viewing, &subject(&viewing), Side::Viewing)
                .unwrap()
        };
        self.accept(
            &viewing,
            KeyPurpose::Node,
            Body::ConsentWithdraw {
                consent: sekisho_domain::ConsentId(given[0].granted),
                way: Withdrawal::Written,
                recorded_by: facility(),
                evidence: Commitment([4; 32]),
            },
        );
    }

    /// Changes whether the ledger can decide.
    pub fn set(&self, availability: Availability) {
        *self
            .availability
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = availability;
    }

    pub(super) fn availability(&self) -> Availability {
        *self
            .availability
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, MemoryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many leaves the ledger has.
    pub fn size(&self) -> u64 {
        let state = self.state();
        View(&*state).meta().unwrap().map_or(0, |meta| meta.size)
    }

    /// Which ledger it is.
    pub fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// A network's transport identity.
    pub fn identity(&self, network: &str) -> &Identity {
        &self.members[&network.parse().unwrap()].identity
    }

    /// A network's node key.
    pub fn node_key(&self, network: &NetworkId) -> &SigningKey {
        &self.members[network].node
    }

    /// A signed request of [`VIEWING`] to find the patient's documents at these networks.
    pub fn find(&self, targets: &[&str]) -> v1::Envelope {
        self.ask(targets, Action::FindDocuments)
    }

    /// A signed request of [`VIEWING`] to retrieve a document of the network.
    pub fn retrieve(&self, target: &str) -> v1::Envelope {
        self.ask(&[target], Action::RetrieveDocument)
    }

    /// A signed request of [`VIEWING`] to find a patient at these networks.
    pub fn search(&self, targets: &[&str]) -> v1::Envelope {
        self.ask(targets, Action::FindPatients)
    }

    fn ask(&self, targets: &[&str], action: Action) -> v1::Envelope {
        let viewing: NetworkId = VIEWING.parse().unwrap();
        let request = AccessRequest {
            viewing: viewing.clone(),
            facility: facility(),
            role: Role::Physician,
            practitioner: Commitment([5; 32]),
            practitioner_id: PractitionerId([5; 16]),
            purpose: Purpose::Treat,
            grounds: Grounds::Ordinary,
            subject: subject(&viewing),
            action,
            document: (action == Action::RetrieveDocument).then_some(Commitment([6; 32])),
            categories: None,
            targets: targets.iter().map(|n| n.parse().unwrap()).collect(),
        };
        self.sign(&viewing, KeyPurpose::Node, Body::AccessRequest(request))
    }

    /// An entry of the network, signed by its key for this purpose.
    pub fn sign(&self, network: &NetworkId, purpose: KeyPurpose, body: Body) -> v1::Envelope {
        let member = &self.members[network];
        let key = match purpose {
            KeyPurpose::Governance => &member.governance,
            _ => &member.node,
        };
        let mut request_id = [0; 16];
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        request_id[8..].copy_from_slice(&number.to_be_bytes());
        let now = now();
        let entry = Entry {
            ledger: self.ledger,
            lineage: 1,
            author: key.key_id(),
            request_id: RequestId(request_id),
            claimed_time: now,
            not_before: TimeMs(now.0 - 1_000),
            not_after: now.plus_ms(60_000),
            body,
        };
        sign_entry(&entry, &[key])
    }

    /// The founding act, and every entry since by which the world was set up: what makes another ledger
    /// the same as this one.
    pub fn history(&self) -> (Genesis, Vec<v1::Envelope>) {
        let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        (self.genesis.clone(), accepted.clone())
    }

    /// The checkpoint key of the founding replica.
    pub fn checkpoint_key() -> SigningKey {
        key(&VIEWING.parse().unwrap(), "checkpoint")
    }

    fn accept(&self, network: &NetworkId, purpose: KeyPurpose, body: Body) {
        let entry = self.sign(network, purpose, body);
        self.accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry.clone());
        let applied = self.apply(entry);
        assert!(
            matches!(
                applied,
                Applied::Leaf {
                    outcome: Outcome::Accepted,
                    ..
                }
            ),
            "{applied:?}"
        );
    }

    pub(super) fn apply(&self, envelope: v1::Envelope) -> Applied {
        let batch = v1::Batch {
            time_ms: now().0,
            envelopes: vec![envelope],
        };
        let mut state = self.state();
        apply_batch(&mut *state, &batch, &Strict).unwrap().remove(0)
    }
}

/// The invented patient's pseudonym at a network.
pub fn subject(network: &NetworkId) -> SubjectId {
    let hash: [u8; 32] = Sha256::digest(network.as_str()).into();
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    SubjectId(id)
}

fn key(network: &NetworkId, purpose: &str) -> SigningKey {
    SigningKey::from_secret(&Sha256::digest(format!("{network} {purpose}")).into())
}

fn facility() -> FacilityId {
    "4010000001".parse().unwrap()
}

fn always() -> Period {
    Period::new(TimeMs(0), None).unwrap()
}

fn now() -> TimeMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    TimeMs(u64::try_from(since.as_millis()).unwrap())
}
