//! Three invented networks that agreed with each other, and what they sign.
//!
//! ```text
//! east  asks: a consent at each visited facility lets it look
//! west  ──▶ east   needs the viewing consent
//! north ──▶ east   needs both: north's blanket consent to disclose and east's to look
//! ```

use crate::BenchError;
use prost::Message;
use sekisho_domain::{
    AccessRequest, Action, Agreement, Body, Capture, Category, Codes, Commitment, Consent,
    ConsentId, ConsentPolicy, ConsentRule, Entry, FacilityId, FacilityKind, FacilitySelector,
    FoundingNetwork, FoundingReplica, Genesis, Grant, Grounds, Hash, KeyPurpose, LedgerId,
    NetworkId, NewFacility, Period, PractitionerId, Purpose, ReplicaId, RequestId, Reservation,
    Retention, Role, Rule, Scope, Settlement, Side, SubjectId, SubjectRef, TimeMs, ViewerSelector,
    Withdrawal,
};
use sekisho_ledger::signature::{Signature, SigningKey};
use sekisho_ledger::{agreement_digest, ledger_id, sign_entry};
use sekisho_proto::{ENTRY_TYPE, v1};
use sekisho_transport::{Identity, TransportKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// When the ledger begins (2026-09-21), and all agreements with it.
pub(crate) const BEGIN: TimeMs = TimeMs(1_790_000_000_000);
/// An entry's window opens this long before it is made, so that no rounding of clocks closes it.
pub(crate) const WINDOW_BEFORE_MS: u64 = 1_000;
/// Request ids below are the founders'; the benchmarks' own start here.
pub(crate) const FIRST_REQUEST: u64 = 1_000_000_000;

/// A request's id as a node makes one, the same each time for the same instant.
pub(crate) fn fresh_id(kind: &str, n: u64, now: TimeMs) -> RequestId {
    let mut random = [0; RequestId::RANDOM_BYTES];
    let scattered = scattered(kind, n);
    random
        .iter_mut()
        .zip(scattered)
        .for_each(|(to, from)| *to = from);
    RequestId::fresh(now, random)
}

/// Sixteen bytes without an order, as of a random id, the same for the same input.
pub(crate) fn scattered(kind: &str, n: u64) -> [u8; 16] {
    let hash = Sha256::new()
        .chain_update(kind)
        .chain_update(n.to_be_bytes())
        .finalize();
    let mut id = [0; 16];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    id
}

fn secret(kind: &str, network: u64) -> [u8; 32] {
    Sha256::new()
        .chain_update("sekisho benchmark key")
        .chain_update(kind)
        .chain_update(network.to_be_bytes())
        .finalize()
        .into()
}

/// Hospitals of each network: as many as one patient consents at, visit after visit.
pub(crate) const HOSPITALS: u64 = 8;

/// One network with its keys and its hospitals.
pub(crate) struct Member {
    pub(crate) id: NetworkId,
    /// The first of its hospitals.
    pub(crate) hospital: FacilityId,
    pub(crate) hospitals: Vec<FacilityId>,
    pub(crate) governance: SigningKey,
    pub(crate) node: SigningKey,
    pub(crate) number: u64,
}

impl Member {
    pub(crate) fn new(number: u64, id: &str) -> Result<Self, BenchError> {
        let hospitals = (0..HOSPITALS)
            .map(|n| format!("411{number:03}{n:04}").parse())
            .collect::<Result<Vec<FacilityId>, _>>()?;
        Ok(Self {
            id: id.parse()?,
            hospital: hospitals[0].clone(),
            hospitals,
            governance: SigningKey::from_secret(&secret("governance", number)),
            node: SigningKey::from_secret(&secret("node", number)),
            number,
        })
    }

    /// The key its replica cosigns with.
    pub(crate) fn checkpoint(&self) -> SigningKey {
        SigningKey::from_secret(&secret("checkpoint", self.number))
    }

    /// The key its node signs with, for a node of its own.
    pub(crate) fn node_key(&self) -> SigningKey {
        SigningKey::from_secret(&secret("node", self.number))
    }

    /// The key it connects with.
    pub(crate) fn transport(&self) -> Result<Identity, BenchError> {
        let seed = Zeroizing::new(secret("transport", self.number));
        Ok(Identity::new(TransportKey::from_seed(&seed))?)
    }

    /// The network's pseudonym of a person.
    pub(crate) fn subject(&self, person: u64) -> SubjectId {
        SubjectId(scattered(self.id.as_str(), person))
    }

    pub(crate) fn subject_ref(&self, person: u64) -> SubjectRef {
        SubjectRef {
            network: self.id.clone(),
            subject: self.subject(person),
        }
    }
}

/// The three networks and their ledger.
pub(crate) struct Federation {
    pub(crate) east: Member,
    pub(crate) north: Member,
    pub(crate) west: Member,
    pub(crate) genesis: Genesis,
    pub(crate) ledger: LedgerId,
}

impl Federation {
    /// With a replica of the first networks at each of the endpoints (1 to 3).
    pub(crate) fn at(endpoints: &[String]) -> Result<Self, BenchError> {
        let members = [
            Member::new(1, "east")?,
            Member::new(2, "north")?,
            Member::new(3, "west")?,
        ];
        let networks = members.iter().map(|member| FoundingNetwork {
            id: member.id.clone(),
            name: format!("network {}", member.id),
            governance_key: member.governance.public_key(),
        });
        let replicas = members.iter().zip(endpoints).map(|(member, endpoint)| {
            Ok(FoundingReplica {
                id: ReplicaId(member.number),
                network: member.id.clone(),
                endpoint: endpoint.clone(),
                transport_key: member.transport()?.public(),
                checkpoint_key: member.checkpoint().public_key(),
            })
        });
        let genesis = Genesis {
            created: BEGIN,
            networks: networks.collect(),
            replicas: replicas.collect::<Result<_, BenchError>>()?,
        };
        let ledger = ledger_id(&genesis);
        let [east, north, west] = members;
        Ok(Self {
            east,
            north,
            west,
            genesis,
            ledger,
        })
    }

    pub(crate) fn members(&self) -> [&Member; 3] {
        [&self.east, &self.north, &self.west]
    }

    /// Signs an entry that may be put in order from now on for `window_ms` (at most 299,000).
    fn sign(
        &self,
        key: &SigningKey,
        request: u64,
        now: TimeMs,
        window_ms: u64,
        body: Body,
    ) -> v1::Envelope {
        let entry = self.entry(key, request, now, window_ms, body);
        sign_entry(&entry, &[key])
    }

    fn entry(
        &self,
        key: &SigningKey,
        request: u64,
        now: TimeMs,
        window_ms: u64,
        body: Body,
    ) -> Entry {
        Entry {
            ledger: self.ledger,
            lineage: 1,
            author: key.key_id(),
            request_id: fresh_id("request", request, now),
            claimed_time: now,
            not_before: TimeMs(now.0.saturating_sub(WINDOW_BEFORE_MS)),
            not_after: now.plus_ms(window_ms.min(Entry::WINDOW_MS_MAX - WINDOW_BEFORE_MS)),
            body,
        }
    }

    /// What a network's node says, in an envelope with the place of a signature but none: for where signatures are
    /// not checked.
    pub(crate) fn node_says_unsigned(
        &self,
        member: &Member,
        request: u64,
        now: TimeMs,
        body: Body,
    ) -> v1::Envelope {
        let entry = self.entry(&member.node, request, now, Entry::WINDOW_MS_MAX, body);
        v1::Envelope {
            payload_type: ENTRY_TYPE.to_owned(),
            payload: v1::Entry::from(&entry).encode_to_vec(),
            signatures: vec![v1::Signature {
                key_id: entry.author.0.to_vec(),
                signature: vec![0; Signature::LEN],
            }],
        }
    }

    /// Signs what a network's node says.
    pub(crate) fn node_says(
        &self,
        member: &Member,
        request: u64,
        now: TimeMs,
        body: Body,
    ) -> v1::Envelope {
        self.sign(&member.node, request, now, Entry::WINDOW_MS_MAX, body)
    }

    /// Everything that precedes consents: node keys, hospitals, policies, agreements. In this order.
    pub(crate) fn founding_acts(&self, now: TimeMs) -> Result<Vec<v1::Envelope>, BenchError> {
        let mut acts: Vec<(&Member, Body)> = Vec::new();
        for member in self.members() {
            let node_key = Body::KeyAdd {
                purpose: KeyPurpose::Node,
                public_key: member.node.public_key(),
                endpoint: None,
            };
            let hospitals = member.hospitals.iter().map(|code| {
                let hospital = Body::FacilityRegister {
                    facility: code.clone(),
                    kind: FacilityKind::Hospital,
                    name: format!("hospital {code}"),
                    municipality: None,
                };
                (member, hospital)
            });
            let looks = member.number == self.east.number;
            let policy = ConsentPolicy {
                version: 1,
                valid_from: BEGIN,
                text_hash: Hash([7; 32]),
                disclosing: (!looks).then(|| rule(Scope::AllFacilities)),
                viewing: looks.then(|| rule(Scope::EachFacility)),
                voids_earlier: false,
                emergency: None,
            };
            acts.push((member, node_key));
            acts.extend(hospitals);
            acts.push((member, Body::ConsentPolicyPublish(policy)));
        }
        for (disclosing, consent_rule) in [
            (&self.north, ConsentRule::Both),
            (&self.west, ConsentRule::Viewing),
        ] {
            let agreement = self.agreement(disclosing, consent_rule)?;
            let signature = Body::AgreementSign {
                id: agreement.id.clone(),
                version: agreement.version,
                digest: agreement_digest(&agreement),
            };
            acts.extend([
                (&self.east, Body::AgreementPropose(agreement)),
                (disclosing, signature),
            ]);
        }
        let signed = (0..).zip(acts).map(|(n, (member, body))| {
            self.sign(&member.governance, n, now, Entry::WINDOW_MS_MAX, body)
        });
        Ok(signed.collect())
    }

    fn agreement(
        &self,
        disclosing: &Member,
        consent_rule: ConsentRule,
    ) -> Result<Agreement, BenchError> {
        let (valid, east) = (ALWAYS, &self.east.id);
        Ok(Agreement {
            id: format!("{east}-{}", disclosing.id).parse()?,
            version: 1,
            parties: [east.clone(), disclosing.id.clone()].into(),
            grants: vec![Grant {
                disclosing: disclosing.id.clone(),
                viewing: east.clone(),
                categories: Codes::all(),
                purposes: [Purpose::Treat].into(),
                facility_kinds: [FacilityKind::Hospital].into(),
                roles: [Role::Physician].into(),
                consent_rule,
                valid,
            }],
            retention: Retention::AsOwnRecord,
            settlement: Settlement::EachOwn,
            valid,
            text_hash: Hash([8; 32]),
        })
    }

    /// The person lets east's first hospital look.
    pub(crate) fn viewing_consent(&self, person: u64) -> Body {
        self.viewing_consent_at(person, 0)
    }

    /// The person lets one of east's hospitals look, counted from 0, over and over.
    pub(crate) fn viewing_consent_at(&self, person: u64, hospital: u64) -> Body {
        let hospitals = &self.east.hospitals;
        let hospital = &hospitals[(hospital % HOSPITALS) as usize];
        let facilities = FacilitySelector::Listed([hospital.clone()].into());
        consent(&self.east, hospital, person, Side::Viewing, facilities)
    }

    /// The person lets north disclose.
    pub(crate) fn disclosing_consent(&self, person: u64) -> Body {
        let facilities = FacilitySelector::All;
        consent(
            &self.north,
            &self.north.hospital,
            person,
            Side::Disclosing,
            facilities,
        )
    }

    /// The person refuses that north's infections are shown.
    pub(crate) fn reservation(&self, person: u64) -> Body {
        Body::ReservationSet(Reservation {
            network: self.north.id.clone(),
            subject: self.north.subject(person),
            viewer: ViewerSelector::Anyone,
            disclosing_facilities: None,
            categories: Some([Category::Infection].into()),
            purposes: None,
            period: ALWAYS,
            recorded_by: self.north.hospital.clone(),
            proxy: None,
        })
    }

    /// East's record of a withdrawal.
    pub(crate) fn withdrawal(&self, consent: ConsentId) -> Body {
        Body::ConsentWithdraw {
            consent,
            way: Withdrawal::Written,
            recorded_by: self.east.hospital.clone(),
            evidence: Commitment([10; 32]),
        }
    }

    /// One network's half of the link between its and another's pseudonym of a person.
    pub(crate) fn link(&self, own: &Member, other: &Member, person: u64) -> Body {
        Body::SubjectLink {
            own: own.subject(person),
            other: other.subject_ref(person),
        }
    }

    /// A physician of east's hospital asks a network for a person's documents.
    pub(crate) fn request(&self, person: u64, target: &Member) -> AccessRequest {
        AccessRequest {
            viewing: self.east.id.clone(),
            facility: self.east.hospital.clone(),
            role: Role::Physician,
            practitioner: Commitment([1; 32]),
            practitioner_id: PractitionerId([1; 16]),
            purpose: Purpose::Treat,
            grounds: Grounds::Ordinary,
            subject: self.east.subject(person),
            action: Action::FindDocuments,
            document: None,
            categories: None,
            targets: [target.id.clone()].into(),
        }
    }

    /// The same for one document and all categories by name: as long as a request gets that asks one network.
    pub(crate) fn long_request(&self, person: u64, target: &Member) -> AccessRequest {
        AccessRequest {
            action: Action::RetrieveDocument,
            document: Some(Commitment([11; 32])),
            categories: Some(Codes::all()),
            ..self.request(person, target)
        }
    }

    /// A signed request whose signature is checked for the yardstick.
    pub(crate) fn yardstick_request(&self, n: u64) -> v1::Envelope {
        let body = Body::AccessRequest(self.request(n, &self.west));
        self.node_says(&self.east, n, BEGIN, body)
    }
}

pub(crate) const ALWAYS: Period = Period {
    from: BEGIN,
    until: None,
};

pub(crate) fn rule(scope: Scope) -> Rule {
    Rule {
        scope,
        capture: [Capture::Written].into(),
        new_facility: NewFacility::NeedsConsent(Capture::Written),
        withdrawal: [Withdrawal::Written].into(),
    }
}

pub(crate) fn consent(
    of: &Member,
    at: &FacilityId,
    person: u64,
    side: Side,
    facilities: FacilitySelector,
) -> Body {
    Body::ConsentGrant(Consent {
        network: of.id.clone(),
        subject: of.subject(person),
        side,
        facilities,
        counterpart: None,
        practitioners: None,
        categories: None,
        purposes: None,
        period: ALWAYS,
        capture: Capture::Written,
        recorded_by: at.clone(),
        proxy: None,
        policy_version: 1,
        evidence: Commitment([9; 32]),
    })
}
