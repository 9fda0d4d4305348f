//! The networks of one ledger, what they agreed, and what they sign.

use crate::BenchError;
use crate::federation::{
    ALWAYS, BEGIN, Member, WINDOW_BEFORE_MS, consent, fresh_id, rule, scattered,
};
use sekisho_domain::{
    AccessRequest, Action, Agreement, Body, Codes, Commitment, ConsentPolicy, ConsentRule, Entry,
    FacilityKind, FacilitySelector, FoundingNetwork, FoundingReplica, Genesis, Grant, Grounds,
    Hash, KeyPurpose, LedgerId, NetworkId, PractitionerId, Purpose, ReplicaId, RequestId,
    Retention, Role, Scope, Settlement, Side, TimeMs,
};
use sekisho_ledger::signature::SigningKey;
use sekisho_ledger::{agreement_digest, ledger_id, sign_entry};
use sekisho_proto::v1;
use std::collections::BTreeSet;

/// Who asks whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The first network asks so many others; the two after it only keep the ledger with it.
    OneAsks(usize),
    /// So many networks, each of which keeps the ledger, asks all others and is asked by them.
    AllAsk(usize),
}

impl Shape {
    /// Networks that only keep the ledger with the one that asks.
    const KEEPERS: usize = 2;

    fn networks(self) -> usize {
        match self {
            Self::OneAsks(asked) => 1 + Self::KEEPERS + asked,
            Self::AllAsk(all) => all,
        }
    }

    /// How many replicas there are: of the first networks.
    pub(crate) fn replicas(self) -> usize {
        match self {
            Self::OneAsks(_) => 1 + Self::KEEPERS,
            Self::AllAsk(all) => all,
        }
    }
}

/// The networks of one ledger.
pub(crate) struct League {
    pub(crate) shape: Shape,
    pub(crate) members: Vec<Member>,
    pub(crate) genesis: Genesis,
    pub(crate) ledger: LedgerId,
}

impl League {
    /// With a replica of the first networks at each of the endpoints.
    pub(crate) fn at(shape: Shape, endpoints: &[String]) -> Result<Self, BenchError> {
        let members = (1..=shape.networks())
            .map(|n| Member::new(n as u64, &format!("network-{n:03}")))
            .collect::<Result<Vec<_>, _>>()?;
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
        Ok(Self {
            ledger: ledger_id(&genesis),
            shape,
            members,
            genesis,
        })
    }

    /// The networks one of them asks, counted from 0.
    pub(crate) fn asked_by(&self, asking: usize) -> Vec<usize> {
        match self.shape {
            Shape::OneAsks(_) if asking == 0 => {
                (self.shape.replicas()..self.members.len()).collect()
            }
            Shape::OneAsks(_) => Vec::new(),
            Shape::AllAsk(all) => (0..all).filter(|n| *n != asking).collect(),
        }
    }

    /// Signs an entry that may be put in order from now on.
    pub(crate) fn sign(
        &self,
        key: &SigningKey,
        id: RequestId,
        now: TimeMs,
        body: Body,
    ) -> v1::Envelope {
        let entry = Entry {
            ledger: self.ledger,
            lineage: 1,
            author: key.key_id(),
            request_id: id,
            claimed_time: now,
            not_before: TimeMs(now.0.saturating_sub(WINDOW_BEFORE_MS)),
            not_after: now.plus_ms(Entry::WINDOW_MS_MAX - WINDOW_BEFORE_MS),
            body,
        };
        sign_entry(&entry, &[key])
    }

    /// Keys, hospitals, policies and agreements, in this order; `endpoints` are the nodes' own where they are not
    /// their replicas'.
    pub(crate) fn founding_acts(
        &self,
        now: TimeMs,
        endpoints: &[(usize, String)],
    ) -> Result<Vec<v1::Envelope>, BenchError> {
        let mut acts: Vec<(&Member, Body)> = Vec::new();
        for member in &self.members {
            acts.extend([
                (
                    member,
                    Body::KeyAdd {
                        purpose: KeyPurpose::Node,
                        public_key: member.node.public_key(),
                        endpoint: None,
                    },
                ),
                (
                    member,
                    Body::FacilityRegister {
                        facility: member.hospital.clone(),
                        kind: FacilityKind::Hospital,
                        name: format!("hospital {}", member.hospital),
                        municipality: None,
                    },
                ),
                (
                    member,
                    Body::ConsentPolicyPublish(ConsentPolicy {
                        version: 1,
                        valid_from: BEGIN,
                        text_hash: Hash([7; 32]),
                        disclosing: None,
                        viewing: Some(rule(Scope::EachFacility)),
                        voids_earlier: false,
                        emergency: None,
                    }),
                ),
            ]);
        }
        for (n, endpoint) in endpoints {
            let member = &self.members[*n];
            let key = Body::KeyAdd {
                purpose: KeyPurpose::Transport,
                public_key: member.transport()?.public(),
                endpoint: Some(endpoint.clone()),
            };
            acts.push((member, key));
        }
        for asking in 0..self.members.len() {
            for asked in self.asked_by(asking) {
                let (asking, asked) = (&self.members[asking], &self.members[asked]);
                let agreement = agreement(asking, asked)?;
                let signature = Body::AgreementSign {
                    id: agreement.id.clone(),
                    version: agreement.version,
                    digest: agreement_digest(&agreement),
                };
                acts.extend([
                    (asking, Body::AgreementPropose(agreement)),
                    (asked, signature),
                ]);
            }
        }
        let signed = (0..).zip(acts).map(|(n, (member, body))| {
            self.sign(&member.governance, fresh_id("founding", n, now), now, body)
        });
        Ok(signed.collect())
    }

    /// Persons who let each asking network's hospital look, and are known to be the same there and at all it asks.
    pub(crate) fn patients(&self, now: TimeMs, persons: u64) -> Vec<v1::Envelope> {
        let mut acts: Vec<(&Member, Body)> = Vec::new();
        for n in 0..self.members.len() {
            let asked = self.asked_by(n);
            if asked.is_empty() {
                continue;
            }
            let asking = &self.members[n];
            for person in 0..persons {
                let here = FacilitySelector::Listed([asking.hospital.clone()].into());
                let looks = consent(asking, &asking.hospital, person, Side::Viewing, here);
                acts.push((asking, looks));
                for other in asked.iter().map(|n| &self.members[*n]) {
                    acts.push((asking, link(asking, other, person)));
                    // Where both ask each other, the other half comes in its turn.
                    if matches!(self.shape, Shape::OneAsks(_)) {
                        acts.push((other, link(other, asking, person)));
                    }
                }
            }
        }
        let signed = (0..).zip(acts).map(|(n, (member, body))| {
            self.sign(&member.node, fresh_id("patient", n, now), now, body)
        });
        signed.collect()
    }

    /// A physician of a network's hospital asks which documents there are of a person at all networks it may ask.
    pub(crate) fn request(&self, asking: usize, person: u64) -> AccessRequest {
        let targets: BTreeSet<NetworkId> = self
            .asked_by(asking)
            .into_iter()
            .map(|n| self.members[n].id.clone())
            .collect();
        let asking = &self.members[asking];
        AccessRequest {
            viewing: asking.id.clone(),
            facility: asking.hospital.clone(),
            role: Role::Physician,
            practitioner: Commitment([1; 32]),
            // Each asks about one person only: no pattern anybody is told of.
            practitioner_id: PractitionerId(scattered("practitioner", person)),
            purpose: Purpose::Treat,
            grounds: Grounds::Ordinary,
            subject: asking.subject(person),
            action: Action::FindDocuments,
            document: None,
            categories: None,
            targets,
        }
    }
}

fn link(own: &Member, other: &Member, person: u64) -> Body {
    Body::SubjectLink {
        own: own.subject(person),
        other: other.subject_ref(person),
    }
}

fn agreement(asking: &Member, asked: &Member) -> Result<Agreement, BenchError> {
    Ok(Agreement {
        id: format!("{}-asks-{}", asking.id, asked.id).parse()?,
        version: 1,
        parties: [asking.id.clone(), asked.id.clone()].into(),
        grants: vec![Grant {
            disclosing: asked.id.clone(),
            viewing: asking.id.clone(),
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
    })
}
