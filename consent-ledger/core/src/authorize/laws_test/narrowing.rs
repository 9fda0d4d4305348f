//! Every way of narrowing there is.

use super::history::{AUTHORITIES, CATEGORIES, History, NETWORKS, PLACES, SOON_MS, patient};
use super::random::Random;
use crate::View;
use crate::testing::{World, facility, network};
use sekisho_domain::*;

impl History {
    /// Says something that may only take away from what can be seen; what it was.
    pub fn narrow(&mut self, r: &mut Random) -> &'static str {
        let n = r.below(3);
        let by = NETWORKS[n];
        let recorded_by = facility(PLACES[2 * n].0);
        match r.below(16) {
            0..4 => self.withdraw(r),
            4..7 => self.reserve(r),
            7 => self.end_proxy(r),
            8 => self.end_agreement(r),
            9 => self.narrower_version(r),
            10 => {
                let (to, own) = (r.below(3), patient(n, u8::from(r.once_in(4))));
                let other = SubjectRef {
                    network: network(NETWORKS[to]),
                    subject: patient(to, u8::from(r.once_in(4))),
                };
                self.say(by, Body::SubjectUnlink { own, other });
                return "a link unsaid";
            }
            11 => {
                let facility = facility(r.pick(&PLACES).0);
                self.say(by, Body::FacilityLeave { facility });
                return "a facility leaves";
            }
            12 => {
                let subject = patient(n, u8::from(r.once_in(4)));
                self.say(
                    by,
                    Body::DeathRecord {
                        subject,
                        recorded_by,
                    },
                );
                return "a death";
            }
            13 => {
                let posted = self.made(|body| matches!(body, Body::NoticePost(_)));
                if let Some(index) = r.any(&posted) {
                    let notice = NoticeId(index);
                    NETWORKS.iter().for_each(|by| {
                        self.say(by, Body::NoticeRemove { notice });
                    });
                }
                return "a notice taken down";
            }
            14 => self.end_disaster(r),
            _ => {
                let sealed = Commitment([5; 32]);
                self.say(by, Body::ReservationSeal { sealed });
                return self.void(r);
            }
        }
        "withdrawn, reserved or ended"
    }

    fn withdraw(&mut self, r: &mut Random) {
        let given: Vec<_> = self
            .said
            .iter()
            .filter_map(|said| match &said.body {
                Body::ConsentGrant(consent) => {
                    Some((said.index, said.by.clone(), consent.recorded_by.clone()))
                }
                _ => None,
            })
            .collect();
        if let Some((index, by, recorded_by)) = r.any(&given) {
            let body = Body::ConsentWithdraw {
                consent: ConsentId(index),
                way: Withdrawal::Oral,
                recorded_by,
                evidence: Commitment([0; 32]),
            };
            self.say(by.as_str(), body);
        }
    }

    fn end_proxy(&mut self, r: &mut Random) {
        let known: Vec<_> = self
            .said
            .iter()
            .filter_map(|said| match &said.body {
                Body::ProxyRegister(proxy) => {
                    Some((said.index, said.by.clone(), proxy.recorded_by.clone()))
                }
                _ => None,
            })
            .collect();
        if let Some((index, by, recorded_by)) = r.any(&known) {
            let (proxy, reason) = (ProxyId(index), ProxyEndReason::Revoked);
            self.say(
                by.as_str(),
                Body::ProxyEnd {
                    proxy,
                    reason,
                    recorded_by,
                },
            );
        }
    }

    fn end_agreement(&mut self, r: &mut Random) {
        let id: AgreementId = r.pick(&["link", "more", "other"]).parse().unwrap();
        let body = if r.once_in(3) {
            Body::AgreementTerminate { id }
        } else {
            Body::AgreementSuspend { id }
        };
        self.say(r.pick(&NETWORKS), body);
    }

    /// The version in force again, with less in it, or ending now.
    fn narrower_version(&mut self, r: &mut Random) {
        let id: AgreementId = r.pick(&["link", "more", "other"]).parse().unwrap();
        let view = View(&self.world.state);
        let Some(head) = view.agreement_head(&id).unwrap().map(|head| head.value) else {
            return;
        };
        let soon = self.world.time.plus_ms(SOON_MS);
        let stopped = head.suspended.is_some() || head.terminated.is_some();
        let begun = head
            .signed
            .iter()
            .rev()
            .filter_map(|version| {
                let version = view.agreement(&id, *version).unwrap()?.value.agreement;
                (version.valid.from <= soon).then_some(version)
            })
            .next();
        let Some(mut next) = begun.filter(|_| !stopped) else {
            return;
        };
        next.version = head.latest + 1;
        let which = r.below(next.grants.len());
        let grant = &mut next.grants[which];
        match r.below(3) {
            0 => grant.categories.remove(r.pick(&CATEGORIES)),
            1 => grant.facility_kinds.remove(FacilityKind::Hospital),
            _ => {
                let now = self.world.time.plus_ms(1);
                grant.valid.until = Some(now.max(grant.valid.from.plus_ms(1)));
            }
        }
        if grant.categories.is_empty() || grant.facility_kinds.is_empty() {
            return;
        }
        let parties: Vec<_> = next.parties.iter().cloned().collect();
        self.say(parties[0].as_str(), Body::AgreementPropose(next.clone()));
        for party in &parties[1..] {
            let signature = World::<crate::store::MemoryState>::signature(&next);
            self.say(party.as_str(), signature);
        }
    }

    fn end_disaster(&mut self, r: &mut Random) {
        if r.once_in(3) {
            let authority = network(r.pick(&AUTHORITIES));
            for member in &NETWORKS[..1 + r.below(3)] {
                let authority = authority.clone();
                self.say(member, Body::AuthorityEnd { authority });
            }
        } else if let Some(declaration) = r.any(&self.disasters()) {
            let by = r.pick(&AUTHORITIES);
            self.say(by, Body::DisasterEnd { declaration });
        }
    }

    /// The policy that stands, once more, for new consents only.
    fn void(&mut self, r: &mut Random) -> &'static str {
        let by = r.pick(&NETWORKS);
        let soon = self.world.time.plus_ms(SOON_MS);
        let standing = View(&self.world.state)
            .policy_at(&network(by), soon)
            .unwrap();
        if let Some(standing) = standing {
            let again = ConsentPolicy {
                version: 1 + self.world.policy_version(by),
                voids_earlier: true,
                ..standing.policy
            };
            self.say(by, Body::ConsentPolicyPublish(again));
        }
        "the same policy, void of earlier consents"
    }
}
