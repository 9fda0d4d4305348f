//! What a step says: every kind of entry that decisions rest on, with whatever contents.

use super::history::{CATEGORIES, History, NETWORKS, PLACES, patient};
use super::random::Random;
use crate::View;
use crate::testing::{ALWAYS, BEGIN, World, facility, network, policy, practitioner};
use sekisho_domain::*;
use std::collections::BTreeSet;

/// What kind of thing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Agree,
    Consent,
    Publish,
    Link,
    Post,
    Proxy,
    Declare,
    Prolong,
    Move,
    Join,
    Reserve,
    Clear,
    Alive,
    Wait,
    Ask,
    /// Anything that narrows.
    Narrow,
}

impl Kind {
    pub const WEIGHTS: [(usize, Self); 16] = [
        (3, Self::Agree),
        (6, Self::Consent),
        (1, Self::Publish),
        (2, Self::Link),
        (2, Self::Post),
        (1, Self::Proxy),
        (1, Self::Declare),
        (1, Self::Prolong),
        (2, Self::Move),
        (2, Self::Join),
        (1, Self::Reserve),
        (1, Self::Clear),
        (1, Self::Alive),
        (2, Self::Wait),
        (6, Self::Ask),
        (5, Self::Narrow),
    ];
}

pub(super) const HOUR_MS: u64 = 60 * 60 * 1000;
/// Spans that begin or end something soon, or only after a wait.
pub(super) const SPANS_MS: [u64; 5] = [50, 2_000, HOUR_MS, 25 * HOUR_MS, 100 * HOUR_MS];

impl History {
    pub fn take(&mut self, kind: Kind, r: &mut Random) {
        match kind {
            Kind::Agree => self.agree(r),
            Kind::Consent => self.consent(r),
            Kind::Publish => self.publish(r),
            Kind::Link => self.link(r),
            Kind::Post => self.post(r),
            Kind::Proxy => self.proxy(r),
            Kind::Declare => self.declare(r),
            Kind::Prolong => self.prolong(r),
            Kind::Move => self.move_facility(r),
            Kind::Join => self.join(r),
            Kind::Reserve => self.reserve(r),
            Kind::Clear => self.clear(r),
            Kind::Alive => self.alive(r),
            Kind::Wait => self.world.time = self.world.time.plus_ms(r.pick(&SPANS_MS)),
            Kind::Ask => {
                let request = self.request(r);
                self.ask(request);
            }
            Kind::Narrow => {
                self.narrow(r);
            }
        }
    }

    /// The indices of what was said that looks like this.
    pub fn made(&self, like: impl Fn(&Body) -> bool) -> Vec<EntryIndex> {
        let like = self.said.iter().filter(|said| like(&said.body));
        like.map(|said| said.index).collect()
    }

    /// A period that holds now, mostly.
    pub fn period(&self, r: &mut Random) -> Period {
        let now = self.world.time;
        let later = now.plus_ms(r.pick(&SPANS_MS));
        let (from, until) = match r.below(12) {
            0 => (later, None),
            1 => (BEGIN, Some(later)),
            2 => (later, Some(later.plus_ms(r.pick(&SPANS_MS)))),
            _ => (BEGIN, None),
        };
        Period { from, until }
    }

    fn categories(r: &mut Random) -> Codes<Category> {
        if r.once_in(2) {
            return Codes::all();
        }
        r.some(&CATEGORIES).into_iter().collect()
    }

    /// A facility of a network now, if it has any.
    pub fn facility_of(&self, of: usize, r: &mut Random) -> Option<FacilityId> {
        let present = |code: &FacilityId| {
            let member = self.member(code);
            member.is_some_and(|f| f.network == network(NETWORKS[of]))
        };
        let own: Vec<_> = PLACES
            .iter()
            .map(|(code, ..)| facility(code))
            .filter(present)
            .collect();
        r.any(&own)
    }

    pub fn some_facilities(r: &mut Random) -> BTreeSet<FacilityId> {
        r.some(&PLACES.map(|(code, ..)| code))
            .into_iter()
            .map(facility)
            .collect()
    }

    fn agree(&mut self, r: &mut Random) {
        let mut parties: BTreeSet<_> = NETWORKS.into_iter().map(network).collect();
        if !r.once_in(5) {
            let without = network(r.pick(&NETWORKS));
            parties.remove(&without);
        }
        let all: Vec<_> = parties.iter().cloned().collect();
        let grants = (0..2 + r.below(4)).map(|_| self.grant(&all, r)).collect();
        let id: AgreementId = r.pick(&["link", "more", "other"]).parse().unwrap();
        let head = View(&self.world.state).agreement_head(&id).unwrap();
        let agreement = Agreement {
            version: 1 + head.map_or(0, |head| head.value.latest),
            id,
            parties,
            grants,
            retention: Retention::NotKept,
            settlement: Settlement::EachOwn,
            valid: if r.once_in(3) { self.period(r) } else { ALWAYS },
            text_hash: Hash([8; 32]),
        };
        let first = r.pick(&all);
        self.say(first.as_str(), Body::AgreementPropose(agreement.clone()));
        let signature = World::<crate::store::MemoryState>::signature(&agreement);
        for party in all.iter().filter(|party| **party != first) {
            if !r.once_in(12) {
                self.say(party.as_str(), signature.clone());
            }
        }
    }

    fn grant(&self, parties: &[NetworkId], r: &mut Random) -> Grant {
        let disclosing = r.below(parties.len());
        let viewing = (disclosing + 1 + r.below(parties.len() - 1)) % parties.len();
        let ordinary = [Purpose::Treat, Purpose::Treat, Purpose::CoordinationOfCare];
        let other = [
            Purpose::BreakGlass,
            Purpose::Disaster,
            Purpose::PublicHealth,
        ];
        let consented = !r.once_in(3);
        let purposes: Codes<Purpose> = if consented {
            r.some(&ordinary)
        } else {
            r.some(&other)
        }
        .into_iter()
        .collect();
        let rule = r.pick(&ConsentRule::ALL[..5]);
        let mut roles: Codes<Role> = if r.once_in(3) {
            [Role::Physician, Role::Nurse].into()
        } else {
            Codes::all()
        };
        if purposes.contains(&Purpose::BreakGlass) {
            roles = Grant::BREAK_GLASS_ROLES.into();
        }
        Grant {
            disclosing: parties[disclosing].clone(),
            viewing: parties[viewing].clone(),
            categories: Self::categories(r),
            purposes,
            facility_kinds: if r.once_in(4) {
                [FacilityKind::Hospital].into()
            } else {
                Codes::all()
            },
            roles,
            consent_rule: if consented {
                rule
            } else {
                ConsentRule::NotNeeded
            },
            valid: if r.once_in(3) { self.period(r) } else { ALWAYS },
        }
    }

    fn rule(r: &mut Random) -> Rule {
        let explicit = [Capture::Written, Capture::Oral, Capture::CardPresented];
        let mut capture: Codes<Capture> = r.some(&explicit).into_iter().collect();
        if r.once_in(4) {
            capture.insert(Capture::NoticeWithOptOut);
        }
        Rule {
            scope: r.pick(Scope::ALL),
            capture,
            new_facility: match r.below(6) {
                0 => NewFacility::NeedsConsent(r.pick(&explicit)),
                1 => NewFacility::NotCovered,
                2 => NewFacility::WhenCardPresented,
                3 => NewFacility::FacilityChoice,
                _ => NewFacility::AfterNotice {
                    days: 1 + r.below(2) as u16,
                },
            },
            withdrawal: [Withdrawal::Oral].into(),
        }
    }

    fn publish(&mut self, r: &mut Random) {
        let of = r.pick(&NETWORKS);
        let sides = r.below(5);
        let disclosing = (sides != 0).then(|| Self::rule(r));
        let viewing = (sides != 1).then(|| Self::rule(r));
        let later = self.world.time.plus_ms(r.pick(&SPANS_MS));
        let published = ConsentPolicy {
            valid_from: if r.once_in(5) { later } else { BEGIN },
            voids_earlier: r.once_in(8),
            emergency: r.once_in(2).then(|| Self::categories(r)),
            ..policy(1 + self.world.policy_version(of), disclosing, viewing)
        };
        self.say(of, Body::ConsentPolicyPublish(published));
    }

    /// A consent, mostly one the policy of the time knows.
    fn consent(&mut self, r: &mut Random) {
        let n = r.below(3);
        let of = NETWORKS[n];
        let now = self.world.time;
        let standing = View(&self.world.state)
            .policy_at(&network(of), now)
            .unwrap();
        let (Some(standing), Some(at)) = (standing, self.facility_of(n, r)) else {
            return;
        };
        let side = r.pick(Side::ALL);
        let rule = match side {
            Side::Disclosing => standing.policy.disclosing,
            Side::Viewing => standing.policy.viewing,
        };
        let rule = rule.unwrap_or_else(|| Self::rule(r));
        let own = FacilitySelector::Listed([at.clone()].into());
        let facilities = match rule.scope {
            Scope::AllFacilities if !r.once_in(8) => FacilitySelector::All,
            Scope::ListedFacilities => {
                let more = self.facility_of(n, r).unwrap_or(at.clone());
                FacilitySelector::Listed([at.clone(), more].into())
            }
            _ => own,
        };
        let subject = patient(n, u8::from(r.once_in(12)));
        let captures: Vec<_> = rule.capture.iter().collect();
        let mut consent = Consent {
            capture: r.pick(&captures),
            period: self.period(r),
            policy_version: standing.policy.version,
            ..self
                .world
                .consent(of, subject, side, at.as_str(), facilities)
        };
        if rule.scope == Scope::EachPractitioner || r.once_in(10) {
            consent.practitioners = Some([practitioner(1 + u8::from(r.once_in(4)))].into());
        }
        if rule.scope == Scope::FacilityPair {
            consent.counterpart = Some([facility(r.pick(&PLACES).0)].into());
        } else if r.once_in(8) {
            consent.counterpart = Some(Self::some_facilities(r));
        }
        if r.once_in(4) {
            consent.categories = Some(r.some(&CATEGORIES).into_iter().collect());
        }
        if r.once_in(4) {
            let purposes = [
                Purpose::Treat,
                Purpose::CoordinationOfCare,
                Purpose::Disaster,
            ];
            consent.purposes = Some(r.some(&purposes).into_iter().collect());
        }
        if r.once_in(3) {
            let proxies = self.made(|body| matches!(body, Body::ProxyRegister(p) if p.network == network(of) && p.subject == subject));
            consent.proxy = r.any(&proxies).map(ProxyId);
        }
        self.say(of, Body::ConsentGrant(consent));
    }
}
