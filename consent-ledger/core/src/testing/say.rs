//! What networks of a [`World`] say, in few words.

use super::{ALWAYS, World, area, facility, key, network, policy, practitioner, rule};
use crate::store::StateWrite;
use crate::{Applied, View, agreement_digest};
use sekisho_domain::{
    AccessRequest, Action, Agreement, Body, Capture, Commitment, Consent, ConsentId, ConsentPolicy,
    Decision, EntryIndex, FacilityKind, FacilitySelector, Grant, Grounds, Hash, KeyPurpose,
    NetworkId, Outcome, Purpose, Retention, Role, Scope, Settlement, Side, SubjectId, SubjectRef,
    Withdrawal,
};
use std::collections::BTreeSet;

impl<S: StateWrite> World<S> {
    /// A network's governance key certifies its key for a purpose.
    pub fn certify(&mut self, of: &str, purpose: KeyPurpose) -> EntryIndex {
        let body = Body::KeyAdd {
            purpose,
            public_key: key(of, purpose).public_key(),
            endpoint: None,
        };
        self.accept(of, body)
    }

    /// Enough members admit a disaster authority of some prefectures.
    pub fn authority(&mut self, id: &str, prefectures: &[&str]) {
        let body = Body::AuthorityAdmit {
            authority: network(id),
            name: format!("当局 {id}"),
            key: key(id, KeyPurpose::Authority).public_key(),
            prefectures: prefectures.iter().map(|code| area(code)).collect(),
        };
        self.by_majority(&body);
    }

    /// As many members say it as are needed.
    pub fn by_majority(&mut self, body: &Body) {
        let members = View(&self.state).networks().unwrap();
        for (member, _) in members.iter().take(members.len() / 2 + 1) {
            self.accept(member.as_str(), body.clone());
        }
    }

    /// Registers a hospital.
    pub fn hospital(&mut self, of: &str, code: &str) -> EntryIndex {
        self.join(of, code, FacilityKind::Hospital, None)
    }

    /// Registers a facility.
    pub fn join(
        &mut self,
        of: &str,
        code: &str,
        kind: FacilityKind,
        municipality: Option<&str>,
    ) -> EntryIndex {
        let body = Body::FacilityRegister {
            facility: facility(code),
            kind,
            name: format!("病院 {code}"),
            municipality: municipality.map(area),
        };
        self.accept(of, body)
    }

    /// Ends a facility's membership.
    pub fn leave(&mut self, of: &str, code: &str) -> EntryIndex {
        let facility = facility(code);
        self.accept(of, Body::FacilityLeave { facility })
    }

    /// Publishes the next version of a policy.
    pub fn policy(
        &mut self,
        of: &str,
        disclosing: Option<Scope>,
        viewing: Option<Scope>,
    ) -> EntryIndex {
        self.publish(of, policy(0, disclosing.map(rule), viewing.map(rule)))
    }

    /// Publishes a policy as the next version.
    pub fn publish(&mut self, of: &str, policy: ConsentPolicy) -> EntryIndex {
        let version = 1 + self.policy_version(of);
        let policy = ConsentPolicy { version, ..policy };
        self.accept(of, Body::ConsentPolicyPublish(policy))
    }

    /// The last version published; 0 if none was.
    pub fn policy_version(&self, of: &str) -> u32 {
        let published = View(&self.state).policies(&network(of)).unwrap();
        published.last().map_or(0, |p| p.policy.version)
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
        let agreement = Agreement {
            id,
            version,
            parties,
            grants,
            retention: Retention::AsOwnRecord,
            settlement: Settlement::EachOwn,
            valid: ALWAYS,
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
        let policy_version = self.policy_version(of);
        Consent {
            network: network(of),
            subject: patient,
            side,
            facilities,
            counterpart: None,
            practitioners: None,
            categories: None,
            purposes: None,
            period: ALWAYS,
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

    /// Withdraws a consent.
    pub fn withdraw(&mut self, of: &str, consent: ConsentId, at: &str) -> EntryIndex {
        let body = Body::ConsentWithdraw {
            consent,
            way: Withdrawal::Written,
            recorded_by: facility(at),
            evidence: Commitment([3; 32]),
        };
        self.accept(of, body)
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
            practitioner_id: practitioner(1),
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
}
