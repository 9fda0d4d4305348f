//! Agreements.

use super::theme::Theme;
use super::{NETWORKS, Town};
use sekisho_domain::{
    Agreement, Body, Codes, ConsentRule, Grant, Hash, Nature, Period, Purpose, Retention, Role,
    Settlement,
};
use sekisho_ledger::View;
use sekisho_ledger::store::MemoryState;
use sekisho_ledger::testing::{BEGIN, World, network};

impl Town {
    /// For purposes that rest on consent, or for others.
    pub(super) fn agreement_grant(
        &mut self,
        disclosing: &str,
        viewing: &str,
        ordinary: bool,
    ) -> Grant {
        let purposes: Vec<Purpose> = Purpose::ALL
            .iter()
            .copied()
            .filter(|p| (p.nature() == Nature::Ordinary) == ordinary)
            .collect();
        let mut purposes: Codes<Purpose> = self.dice.some(&purposes, 70).into_iter().collect();
        if ordinary {
            purposes.insert(Purpose::Treat);
        } else if self.dice.chance(80) {
            purposes.insert(Purpose::BreakGlass);
            purposes.insert(Purpose::Disaster);
        }
        let rule = if ordinary {
            let visit = ConsentRule::RecipientConsentWithProviderReservation;
            let known = if self.theme == Theme::Visits && self.dice.chance(60) {
                &[visit]
            } else {
                &ConsentRule::ALL[..5]
            };
            *self.dice.pick(known)
        } else {
            ConsentRule::NotNeeded
        };
        let mut roles: Codes<Role> = if purposes.contains(&Purpose::BreakGlass) {
            Grant::BREAK_GLASS_ROLES.into()
        } else {
            self.some_codes(70)
        };
        if self.dice.chance(85) {
            roles.insert(Role::Physician);
        }
        Grant {
            disclosing: network(disclosing),
            viewing: network(viewing),
            categories: if self.dice.chance(50) {
                Codes::all()
            } else {
                self.categories()
            },
            purposes,
            facility_kinds: if self.dice.chance(85) {
                Codes::all()
            } else {
                self.some_codes(60)
            },
            roles,
            consent_rule: rule,
            valid: if self.dice.chance(70) {
                Period {
                    from: BEGIN,
                    until: None,
                }
            } else {
                self.period()
            },
        }
    }

    pub(super) fn propose(&mut self) {
        let mut parties = self.networks.clone();
        while parties.len() > 2 && self.dice.chance(70) {
            let at = self.dice.below(parties.len());
            parties.remove(at);
        }
        let known = self.agreements.clone();
        let renewed = self
            .dice
            .chance(55)
            .then(|| self.dice.below(known.len().max(1)));
        let (id, version) = match renewed.and_then(|at| known.get(at)) {
            Some(before) => {
                if self.dice.chance(75) {
                    parties = NETWORKS
                        .iter()
                        .copied()
                        .filter(|n| before.parties.contains(&network(n)))
                        .collect();
                }
                let head = View(&self.world.state).agreement_head(&before.id);
                let latest = head
                    .expect("memory does not fail")
                    .map_or(0, |h| h.value.latest);
                (before.id.clone(), latest + u32::from(!self.dice.chance(4)))
            }
            None => {
                let id = format!("kyotei-{}", self.dice.below(6));
                (id.parse().expect("an agreement id"), 1)
            }
        };
        let mut grants = Vec::new();
        for a in &parties {
            for b in &parties {
                while a != b && grants.len() < 12 && self.dice.chance(55) {
                    let ordinary = self.dice.chance(60);
                    grants.push(self.agreement_grant(a, b, ordinary));
                }
            }
        }
        if parties.len() < 2 {
            return;
        }
        if grants.is_empty() {
            grants.push(self.agreement_grant(parties[0], parties[1], true));
        }
        let agreement = Agreement {
            id,
            version,
            parties: parties.iter().map(|p| network(p)).collect(),
            grants,
            retention: *self.dice.pick(&[
                Retention::NotKept,
                Retention::Days(365),
                Retention::AsOwnRecord,
            ]),
            settlement: *self.dice.pick(Settlement::ALL),
            valid: if self.theme == Theme::Versions && self.dice.chance(50) {
                self.soon()
            } else if self.dice.chance(75) {
                Period {
                    from: BEGIN,
                    until: None,
                }
            } else {
                self.period()
            },
            text_hash: Hash([8; 32]),
        };
        let by = if self.dice.chance(95) {
            *self.dice.pick(&parties)
        } else {
            self.network()
        };
        if self
            .accepted(by, Body::AgreementPropose(agreement.clone()))
            .is_some()
        {
            self.agreements.retain(|a| a.id != agreement.id);
            self.agreements.push(agreement);
        }
    }

    /// From some time on.
    fn soon(&mut self) -> Period {
        let until = self.period().until;
        let from = self.world.time.0 + self.dice.upto(self.theme.horizon_ms() / 6);
        self.instants.push(from);
        let ends = until.filter(|until| until.0 > from);
        Period {
            from: sekisho_domain::TimeMs(from),
            until: ends,
        }
    }

    /// Every party signs the last version proposed of one of them.
    pub(super) fn sign_all(&mut self) {
        if let Some(agreement) = self.agreements.last().cloned() {
            for party in &agreement.parties {
                self.say(party.as_str(), World::<MemoryState>::signature(&agreement));
            }
        }
    }

    pub(super) fn sign(&mut self) {
        let Some(at) =
            (!self.agreements.is_empty()).then(|| self.dice.below(self.agreements.len()))
        else {
            return;
        };
        let agreement = self.agreements[at].clone();
        for party in agreement.parties.clone() {
            if self.dice.chance(75) {
                let mut body = World::<MemoryState>::signature(&agreement);
                if let (true, Body::AgreementSign { digest, .. }) = (self.dice.chance(2), &mut body)
                {
                    *digest = Hash([0; 32]);
                }
                self.say(party.as_str(), body);
            }
        }
    }

    pub(super) fn stop(&mut self) {
        if let Some(at) =
            (!self.agreements.is_empty()).then(|| self.dice.below(self.agreements.len()))
        {
            let id = self.agreements[at].id.clone();
            let by = self.network();
            let body = if self.dice.chance(80) {
                Body::AgreementSuspend { id }
            } else {
                Body::AgreementTerminate { id }
            };
            self.say(by, body);
        }
    }
}
