//! Requests, transfers, emergencies and disasters.

use super::{AUTHORITIES, DAY_MS, HOUR_MS, Town};
use sekisho_domain::{
    AccessRequest, Action, Body, Commitment, ConsentId, Decision, Disaster, DisasterConsent,
    DisasterId, DisasterKind, EmergencyReason, EntryIndex, Footing, Grounds, KeyPurpose,
    LegalBasis, Nature, Outcome, Pattern, Purpose, Review, Role, SecurityAlert, Side, SubjectId,
    TimeMs, Told, Transfer, Verdict,
};
use sekisho_ledger::View;
use sekisho_ledger::bundle::{CONTENT, DOCUMENT, EVIDENCE, PRACTITIONER};
use sekisho_ledger::patterns::REPEATED_DENIALS;
use sekisho_ledger::testing::{area, key, network, practitioner};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

impl Town {
    /// Who would ask whom about which patient: mostly so that some consent given is of use.
    fn aim(&mut self) -> (&'static str, Vec<&'static str>, SubjectId) {
        let mut viewing = self.network();
        let mut patient = self.patient();
        let mut targets: Vec<&'static str> = self.dice.some(&self.networks.clone(), 50);
        let given = self.dice.any(&self.consents);
        if let (Some(given), true) = (given, self.dice.chance(65)) {
            let given = View(&self.world.state).consent(ConsentId(given));
            let consent = given.expect("memory does not fail").expect("granted");
            let consent = consent.value.consent;
            let own = self.owner(Some(consent.network.as_str()));
            patient = consent.subject;
            match consent.side {
                Side::Viewing => viewing = own,
                Side::Disclosing => targets.insert(0, own),
            }
        }
        (viewing, targets, patient)
    }

    /// A declaration that holds, if there is or can be one.
    fn declaration(&mut self) -> EntryIndex {
        let holding = |town: &Self| {
            let view = View(&town.world.state);
            let holds = |index: &&EntryIndex| {
                let disaster = view.disaster(DisasterId(**index));
                let disaster = disaster.expect("memory does not fail");
                disaster.is_some_and(|d| d.value.holds(town.world.time))
            };
            let holding: Vec<EntryIndex> = town.disasters.iter().filter(holds).copied().collect();
            holding
        };
        if self.dice.chance(85) && holding(self).is_empty() {
            self.disaster();
        }
        let holding = holding(self);
        let known = self.disasters.clone();
        let any = self.dice.any(&holding).filter(|_| self.dice.chance(90));
        any.or_else(|| self.dice.any(&known))
            .unwrap_or(EntryIndex(5))
    }

    pub(super) fn request(&mut self) {
        let (viewing, mut targets, patient) = self.aim();
        let purpose = match self.dice.below(10) {
            0..=5 => Purpose::Treat,
            6 => Purpose::BreakGlass,
            7..=8 => Purpose::Disaster,
            _ => *self.dice.pick(Purpose::ALL),
        };
        let grounds = match purpose.nature() {
            Nature::Ordinary => Grounds::Ordinary,
            Nature::BreakGlass => Grounds::Emergency(*self.dice.pick(EmergencyReason::ALL)),
            Nature::Law => Grounds::Law(*self.dice.pick(LegalBasis::ALL)),
            Nature::Disaster => Grounds::Disaster {
                declaration: DisasterId(self.declaration()),
                consent: *self.dice.pick(DisasterConsent::ALL),
            },
        };
        let retrieve = self.dice.chance(50);
        let search = !retrieve && self.dice.chance(35);
        if self.dice.chance(3) {
            targets.push("nowhere");
        }
        if retrieve {
            targets.truncate(1);
        }
        if search {
            targets.retain(|target| *target != viewing);
            if targets.is_empty() {
                targets.push("nowhere");
            }
        }
        let (who, practitioner_opening) = self.opened(PRACTITIONER, b"Dr. Nobody".to_vec());
        let (document, document_opening) = self.opened(DOCUMENT, b"1.2.392.0.1".to_vec());
        let request = AccessRequest {
            viewing: network(viewing),
            facility: self.place(viewing),
            role: if self.dice.chance(92) {
                Role::Physician
            } else {
                *self.dice.pick(Role::ALL)
            },
            practitioner: who,
            practitioner_id: practitioner(1 + self.dice.below(3) as u8),
            purpose,
            grounds,
            subject: patient,
            action: match (retrieve, search) {
                (true, _) => Action::RetrieveDocument,
                (false, true) => Action::FindPatients,
                (false, false) => Action::FindDocuments,
            },
            document: retrieve.then_some(document),
            categories: self.dice.chance(25).then(|| self.categories()),
            targets: targets.iter().map(|t| network(t)).collect(),
        };
        let Some((index, Outcome::Decided(decisions))) =
            self.say(viewing, Body::AccessRequest(request))
        else {
            return;
        };
        self.accesses.push(index);
        self.keep(index, practitioner_opening);
        if retrieve {
            self.keep(index, document_opening);
        }
        for (target, decision) in decisions {
            let Decision::Permit(terms) = decision else {
                continue;
            };
            if terms.footing == Footing::BreakGlass {
                self.emergencies.push(index);
            }
            let target = targets.iter().find(|t| **t == target.as_str());
            if let (Some(target), true) = (target, retrieve) {
                self.permitted.push((index, target, document));
                if self.dice.chance(50) {
                    self.transfer_of(index, target, document);
                }
            }
        }
    }

    pub(super) fn transfer(&mut self) {
        if let Some((access, disclosing, document)) = self.dice.any(&self.permitted) {
            self.transfer_of(access, disclosing, document);
        } else if let Some(access) = self.dice.any(&self.accesses) {
            let disclosing = self.network();
            self.transfer_of(access, disclosing, Commitment([3; 32]));
        }
    }

    pub(super) fn transfer_of(
        &mut self,
        access: EntryIndex,
        disclosing: &'static str,
        document: Commitment,
    ) {
        let view = View(&self.world.state);
        let record = view.access(access).expect("memory does not fail");
        let viewing = record.expect("it was decided").request.viewing;
        let value = Sha256::digest(b"the document").to_vec();
        let (content, opening) = self.opened(CONTENT, value);
        let other = self.dice.chance(8);
        let transfer = Transfer {
            access,
            disclosing: network(disclosing),
            document: if other { Commitment([3; 32]) } else { document },
            content,
        };
        if let Some(index) = self.accepted(disclosing, Body::Release(transfer.clone())) {
            self.keep(index, opening.clone());
        }
        if self.dice.chance(80) {
            let received = Transfer {
                content: if self.dice.chance(4) {
                    Commitment([4; 32])
                } else {
                    content
                },
                ..transfer
            };
            if let Some(index) = self.accepted(viewing.as_str(), Body::Receipt(received.clone()))
                && received.content == content
            {
                self.keep(index, opening);
            }
        }
    }

    pub(super) fn after_emergency(&mut self) {
        let Some(access) = self.dice.any(&self.emergencies) else {
            return;
        };
        let view = View(&self.world.state);
        let record = view.emergency(access).expect("memory does not fail");
        let viewing = record.expect("it was owed").value.viewing.to_string();
        let of = self.owner(Some(&viewing));
        if self.dice.chance(40) {
            let body = Body::PatientTold {
                access,
                way: *self.dice.pick(Told::ALL),
                recorded_by: self.place(of),
            };
            self.say(of, body);
            return;
        }
        let officer = key(of, KeyPurpose::Officer).public_key();
        let id = key(of, KeyPurpose::Officer).key_id();
        let known = View(&self.world.state)
            .key(&id)
            .expect("memory does not fail");
        if known.is_none() {
            let body = Body::KeyAdd {
                purpose: KeyPurpose::Officer,
                public_key: officer,
                endpoint: None,
            };
            self.say(of, body);
        }
        let (evidence, opening) = self.opened(EVIDENCE, b"the reasons".to_vec());
        let review = Review {
            access,
            reviewer: practitioner(1 + self.dice.below(6) as u8),
            verdict: *self.dice.pick(Verdict::ALL),
            evidence,
        };
        if let Some(index) = self.accepted(of, Body::EmergencyReview(review)) {
            self.keep(index, opening);
        }
    }

    /// Points a pattern out: mostly of denials there are, which are asked for as many times as it takes.
    pub(super) fn alert(&mut self) {
        let pattern = match self.dice.chance(80) {
            true => Pattern::RepeatedDenials,
            false => *self.dice.pick(Pattern::ALL),
        };
        let Some(last) = self.accesses.last().copied() else {
            return;
        };
        let access = View(&self.world.state).access(last);
        let like = access.expect("memory does not fail").expect("decided");
        let by = self.owner(Some(like.request.viewing.as_str()));
        let mut accesses: BTreeSet<EntryIndex> = [last].into();
        for _ in 1..REPEATED_DENIALS - usize::from(self.dice.chance(10)) {
            let again = Body::AccessRequest(like.request.clone());
            if let Some((index, Outcome::Decided(_))) = self.say(by, again) {
                accesses.insert(index);
            }
        }
        if self.dice.chance(10) {
            accesses.extend(self.dice.any(&self.accesses));
        }
        let alert = Body::SecurityAlert(SecurityAlert {
            pattern,
            viewing: like.request.viewing,
            practitioner: like.request.practitioner_id,
            accesses: accesses.into_iter().collect(),
        });
        for _ in 0..2 {
            let author = match self.dice.chance(70) {
                true => by,
                false => self.network(),
            };
            self.say(author, alert.clone());
        }
    }

    pub(super) fn disaster(&mut self) {
        let by = *self.dice.pick(&AUTHORITIES);
        let now = self.world.time;
        if let (Some(declaration), true) = (self.dice.any(&self.disasters), self.dice.chance(30)) {
            let declaration = DisasterId(declaration);
            let body = if self.dice.chance(60) {
                Body::DisasterExtend {
                    declaration,
                    until: now.plus_ms(self.dice.upto(8 * DAY_MS)),
                }
            } else {
                Body::DisasterEnd { declaration }
            };
            self.say(by, body);
            return;
        }
        let view = View(&self.world.state);
        if view
            .authority(&network(by))
            .expect("memory does not fail")
            .is_none()
        {
            self.admit_authority();
        }
        let areas = ["40", "41", "40203", "41201", "13"];
        let known = 2 + self.dice.below(4);
        let areas = self.dice.some(&areas[..known], 40);
        let from = TimeMs(now.0 + self.dice.upto(HOUR_MS) - HOUR_MS / 2);
        let disaster = Disaster {
            kind: *self.dice.pick(DisasterKind::ALL),
            area: areas.into_iter().map(area).collect(),
            from,
            until: from.plus_ms(1 + self.dice.upto(7 * DAY_MS)),
            drill: self.dice.chance(35),
        };
        self.instants.extend([from.0, disaster.until.0]);
        let declared = self.accepted(by, Body::DisasterDeclare(disaster));
        self.disasters.extend(declared);
    }
}
