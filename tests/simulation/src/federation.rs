//! Invented networks, each with a replica, and what they sign.
//!
//! ```text
//! net-1  asks: a consent at each visited facility lets it look
//! net-2  ──▶ net-1   needs both: net-2's consent to disclose and net-1's to look
//! net-3  ──▶ net-1   needs the viewing consent
//! ```

use sekisho_domain::{
    AccessRequest, Action, Agreement, Body, Capture, Codes, Commitment, Consent, ConsentId,
    ConsentPolicy, ConsentRule, Entry, FacilityId, FacilityKind, FacilitySelector, FoundingNetwork,
    FoundingReplica, Genesis, Grant, Grounds, Hash, KeyPurpose, LedgerId, NetworkId, NewFacility,
    Period, PractitionerId, PublicKey, Purpose, ReplicaId, RequestId, Retention, Role, Rule, Scope,
    Settlement, Side, SubjectId, SubjectRef, TimeMs, Withdrawal,
};
use sekisho_ledger::signature::SigningKey;
use sekisho_ledger::{agreement_digest, ledger_id, sign_entry};
use sekisho_proto::v1;
use sekisho_transport::{Identity, TransportKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// When the ledger begins, and all agreements with it.
pub const BEGIN: TimeMs = TimeMs(1_790_000_000_000);
/// How far an entry's window reaches to either side: clocks may be off by less.
const WINDOW_MS: (u64, u64) = (90_000, 200_000);

const ALWAYS: Period = Period {
    from: BEGIN,
    until: None,
};

/// The network that asks.
pub const VIEWER: u64 = 1;
/// The networks that are asked.
pub const ASKED: [u64; 2] = [2, 3];

/// Why there is no federation: an id that does not parse.
#[derive(Debug, thiserror::Error)]
#[error("the invented networks: {0}")]
pub struct FederationError(String);

fn bad(error: &dyn std::error::Error) -> FederationError {
    FederationError(error.to_string())
}

fn secret(kind: &str, n: u64) -> [u8; 32] {
    Sha256::new()
        .chain_update("sekisho simulation key")
        .chain_update(kind)
        .chain_update(n.to_be_bytes())
        .finalize()
        .into()
}

fn scattered(kind: &str, n: u64) -> [u8; 16] {
    let digest = secret(kind, n);
    let mut id = [0; 16];
    id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    id
}

/// A network and its keys.
#[derive(Debug)]
pub struct Member {
    /// Its number, from 1, which is its replica's id as well.
    pub number: u64,
    /// Its id.
    pub id: NetworkId,
    hospital: FacilityId,
    governance: SigningKey,
    /// Its node's key for entries.
    pub node: SigningKey,
    /// The public half of the key it connects with.
    pub transport_key: PublicKey,
}

impl Member {
    fn new(number: u64) -> Result<Self, FederationError> {
        Ok(Self {
            number,
            id: format!("net-{number}").parse().map_err(|e| bad(&e))?,
            hospital: format!("411{number:03}0001").parse().map_err(|e| bad(&e))?,
            governance: SigningKey::from_secret(&secret("governance", number)),
            node: SigningKey::from_secret(&secret("node", number)),
            transport_key: transport(number)?.public(),
        })
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

/// The key a replica cosigns with.
pub fn checkpoint_key(replica: u64) -> SigningKey {
    SigningKey::from_secret(&secret("checkpoint", replica))
}

/// The key a network connects with.
///
/// # Errors
/// There is no identity to be made of it.
pub fn transport(number: u64) -> Result<Identity, FederationError> {
    let seed = Zeroizing::new(secret("transport", number));
    Identity::new(TransportKey::from_seed(&seed)).map_err(|e| bad(&e))
}

/// Where a replica answers.
pub fn endpoint(replica: u64) -> String {
    format!("replica-{replica}:443")
}

/// The networks and their ledger.
#[derive(Debug)]
pub struct Federation {
    /// The networks.
    pub members: Vec<Member>,
    /// What founds the ledger.
    pub genesis: Genesis,
    /// The ledger.
    pub ledger: LedgerId,
}

impl Federation {
    /// So many networks, each with a replica.
    ///
    /// # Errors
    /// Something invented here is no id.
    pub fn of(networks: u64) -> Result<Self, FederationError> {
        let members: Vec<Member> = (1..=networks).map(Member::new).collect::<Result<_, _>>()?;
        let founding = members.iter().map(|member| FoundingNetwork {
            id: member.id.clone(),
            name: format!("network {}", member.number),
            governance_key: member.governance.public_key(),
        });
        let replicas = members.iter().map(|member| {
            Ok(FoundingReplica {
                id: ReplicaId(member.number),
                network: member.id.clone(),
                endpoint: endpoint(member.number),
                transport_key: member.transport_key,
                checkpoint_key: checkpoint_key(member.number).public_key(),
            })
        });
        let genesis = Genesis {
            created: BEGIN,
            networks: founding.collect(),
            replicas: replicas.collect::<Result<_, FederationError>>()?,
        };
        let ledger = ledger_id(&genesis);
        Ok(Self {
            members,
            genesis,
            ledger,
        })
    }

    /// A network by its number.
    ///
    /// # Errors
    /// There is none.
    pub fn member(&self, number: u64) -> Result<&Member, FederationError> {
        let found = self.members.iter().find(|member| member.number == number);
        found.ok_or_else(|| FederationError(format!("no network {number}")))
    }

    /// Signs what a network's node, or its governance, says.
    fn sign(&self, key: &SigningKey, request: u64, now: TimeMs, body: Body) -> v1::Envelope {
        let entry = Entry {
            ledger: self.ledger,
            lineage: 1,
            author: key.key_id(),
            request_id: request_id(request),
            claimed_time: now,
            not_before: TimeMs(now.0.saturating_sub(WINDOW_MS.0)),
            not_after: now.plus_ms(WINDOW_MS.1),
            body,
        };
        sign_entry(&entry, &[key])
    }

    /// Signs what a network's governance says.
    pub fn governance_says(
        &self,
        by: &Member,
        request: u64,
        now: TimeMs,
        body: Body,
    ) -> v1::Envelope {
        self.sign(&by.governance, request, now, body)
    }

    /// Signs what a network's node says.
    pub fn node_says(&self, by: &Member, request: u64, now: TimeMs, body: Body) -> v1::Envelope {
        self.sign(&by.node, request, now, body)
    }

    /// Everything that precedes consents: node keys, hospitals, policies, agreements, links. In this order.
    ///
    /// # Errors
    /// Something invented here is no id.
    pub fn founding_acts(
        &self,
        persons: u64,
        now: TimeMs,
    ) -> Result<Vec<(u64, v1::Envelope)>, FederationError> {
        let viewer = self.member(VIEWER)?;
        let mut acts: Vec<(&Member, bool, Body)> = Vec::new();
        for number in [VIEWER].into_iter().chain(ASKED) {
            let member = self.member(number)?;
            let looks = number == VIEWER;
            acts.push((
                member,
                false,
                Body::KeyAdd {
                    purpose: KeyPurpose::Node,
                    public_key: member.node.public_key(),
                    endpoint: None,
                },
            ));
            acts.push((
                member,
                false,
                Body::FacilityRegister {
                    facility: member.hospital.clone(),
                    kind: FacilityKind::Hospital,
                    name: format!("hospital {number}"),
                    municipality: None,
                },
            ));
            acts.push((
                member,
                false,
                Body::ConsentPolicyPublish(ConsentPolicy {
                    version: 1,
                    valid_from: BEGIN,
                    text_hash: Hash([7; 32]),
                    disclosing: (!looks).then(|| rule(Scope::AllFacilities)),
                    viewing: looks.then(|| rule(Scope::EachFacility)),
                    voids_earlier: false,
                    emergency: None,
                }),
            ));
        }
        let rules = [ConsentRule::Both, ConsentRule::Viewing];
        for (number, consent_rule) in ASKED.into_iter().zip(rules) {
            let asked = self.member(number)?;
            let agreement = self.agreement(viewer, asked, consent_rule)?;
            let signature = Body::AgreementSign {
                id: agreement.id.clone(),
                version: agreement.version,
                digest: agreement_digest(&agreement),
            };
            acts.push((viewer, false, Body::AgreementPropose(agreement)));
            acts.push((asked, false, signature));
            for person in 0..persons {
                for (own, other) in [(viewer, asked), (asked, viewer)] {
                    let link = Body::SubjectLink {
                        own: own.subject(person),
                        other: other.subject_ref(person),
                    };
                    acts.push((own, true, link));
                }
            }
        }
        let signed = (0..).zip(acts).map(|(n, (member, by_node, body))| {
            let key = match by_node {
                true => &member.node,
                false => &member.governance,
            };
            (member.number, self.sign(key, n, now, body))
        });
        Ok(signed.collect())
    }

    fn agreement(
        &self,
        viewer: &Member,
        asked: &Member,
        consent_rule: ConsentRule,
    ) -> Result<Agreement, FederationError> {
        let id = format!("{}-{}", viewer.id, asked.id);
        Ok(Agreement {
            id: id.parse().map_err(|e| bad(&e))?,
            version: 1,
            parties: [viewer.id.clone(), asked.id.clone()].into(),
            grants: vec![Grant {
                disclosing: asked.id.clone(),
                viewing: viewer.id.clone(),
                categories: Codes::all(),
                purposes: [Purpose::Treat].into(),
                facility_kinds: [FacilityKind::Hospital].into(),
                roles: [Role::Physician].into(),
                consent_rule,
                valid: ALWAYS,
            }],
            retention: Retention::AsOwnRecord,
            settlement: Settlement::EachOwn,
            valid: ALWAYS,
            text_hash: Hash([8; 32]),
        })
    }

    /// A person lets a network look (the one that asks) or disclose (one that is asked).
    ///
    /// # Errors
    /// There is no such network.
    pub fn consent(&self, of: u64, person: u64) -> Result<Body, FederationError> {
        let member = self.member(of)?;
        let (side, facilities) = match of == VIEWER {
            true => (
                Side::Viewing,
                FacilitySelector::Listed([member.hospital.clone()].into()),
            ),
            false => (Side::Disclosing, FacilitySelector::All),
        };
        Ok(Body::ConsentGrant(Consent {
            network: member.id.clone(),
            subject: member.subject(person),
            side,
            facilities,
            counterpart: None,
            practitioners: None,
            categories: None,
            purposes: None,
            period: ALWAYS,
            capture: Capture::Written,
            recorded_by: member.hospital.clone(),
            proxy: None,
            policy_version: 1,
            evidence: Commitment([9; 32]),
        }))
    }

    /// A network records that a consent was withdrawn.
    ///
    /// # Errors
    /// There is no such network.
    pub fn withdrawal(&self, of: u64, consent: ConsentId) -> Result<Body, FederationError> {
        Ok(Body::ConsentWithdraw {
            consent,
            way: Withdrawal::Written,
            recorded_by: self.member(of)?.hospital.clone(),
            evidence: Commitment([10; 32]),
        })
    }

    /// A physician asks a network for a person's documents.
    ///
    /// # Errors
    /// There is no such network.
    pub fn request(&self, person: u64, asked: u64) -> Result<Body, FederationError> {
        let viewer = self.member(VIEWER)?;
        Ok(Body::AccessRequest(AccessRequest {
            viewing: viewer.id.clone(),
            facility: viewer.hospital.clone(),
            role: Role::Physician,
            practitioner: Commitment([1; 32]),
            practitioner_id: PractitionerId([1; 16]),
            purpose: Purpose::Treat,
            grounds: Grounds::Ordinary,
            subject: viewer.subject(person),
            action: Action::FindDocuments,
            document: None,
            categories: None,
            targets: [self.member(asked)?.id.clone()].into(),
        }))
    }
}

/// The id of the n-th request.
pub fn request_id(n: u64) -> RequestId {
    RequestId(scattered("request", n))
}

fn rule(scope: Scope) -> Rule {
    Rule {
        scope,
        capture: [Capture::Written].into(),
        new_facility: NewFacility::NeedsConsent(Capture::Written),
        withdrawal: [Withdrawal::Written].into(),
    }
}
