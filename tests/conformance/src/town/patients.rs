//! What patients give, refuse and take back, and who speaks for them.

use super::Town;
use sekisho_domain::{
    Body, Capture, Codes, Consent, ConsentId, EntryIndex, FacilityId, FacilitySelector,
    NewFacility, PractitionerId, Proxy, ProxyEndReason, ProxyId, ProxyKind, Purpose, Reservation,
    ReservationId, Scope, SealId, Side, SubjectRef, ViewerSelector, Withdrawal,
};
use sekisho_ledger::View;
use sekisho_ledger::bundle::{EVIDENCE, SEALED};
use sekisho_ledger::testing::{FIRST_OF_APRIL, network, practitioner};
use std::collections::BTreeSet;

impl Town {
    /// An act as the network's policy asks for, mostly.
    pub(super) fn grant(&mut self) {
        let of = self.network();
        let patient = self.patient();
        let side = *self.dice.pick(Side::ALL);
        let (time, id) = (self.world.time, network(of));
        let policy = View(&self.world.state).policy_at(&id, time);
        let policy = policy.expect("memory does not fail").map(|p| p.policy);
        let rule = policy.as_ref().and_then(|p| match side {
            Side::Disclosing => p.disclosing.clone(),
            Side::Viewing => p.viewing.clone(),
        });
        let recorded_by = self.place(of);
        let own: BTreeSet<FacilityId> = [recorded_by.clone()].into();
        let mut practitioners = self.dice.chance(8).then(|| self.practitioners(1));
        let mut counterpart = self.dice.chance(12).then(|| {
            let other = self.network();
            self.places(other, 50)
        });
        let scope = rule.as_ref().map_or(Scope::AllFacilities, |r| r.scope);
        let fitting = self.dice.chance(85);
        let mut facilities = match (fitting, scope) {
            (true, Scope::AllFacilities) => FacilitySelector::All,
            (true, Scope::ListedFacilities) => FacilitySelector::Listed(self.places(of, 60)),
            (true, Scope::EachFacility) => FacilitySelector::Listed(own.clone()),
            (true, Scope::EachPractitioner) => {
                practitioners = Some(self.practitioners(0));
                FacilitySelector::Listed(own.clone())
            }
            (true, Scope::FacilityPair) => {
                let other = self.network();
                counterpart = Some([self.place(other)].into());
                FacilitySelector::Listed([self.place(of)].into())
            }
            (false, _) if self.dice.chance(40) => FacilitySelector::All,
            (false, _) => FacilitySelector::Listed(self.places(of, 40)),
        };
        let mut capture = match &rule {
            Some(rule) if self.dice.chance(90) => {
                let ways: Vec<Capture> = rule.capture.iter().collect();
                *self.dice.pick(&ways)
            }
            _ => *self.dice.pick(Capture::ALL),
        };
        if let (Some(rule), true) = (&rule, self.dice.chance(25)) {
            match rule.new_facility {
                NewFacility::NeedsConsent(way) => {
                    capture = way;
                    facilities = FacilitySelector::Listed(self.places(of, 40));
                }
                NewFacility::WhenCardPresented => {
                    capture = Capture::CardPresented;
                    facilities = FacilitySelector::Listed(own);
                }
                _ => {}
            }
        }
        let proxy = self.dice.chance(15).then(|| {
            let fit = self.proxies.iter().filter(|p| p.1 == of && p.2 == patient);
            let fit: Vec<EntryIndex> = fit.map(|p| p.0).collect();
            let any: Vec<EntryIndex> = self.proxies.iter().map(|p| p.0).collect();
            self.dice.any(&fit).or_else(|| self.dice.any(&any))
        });
        let (evidence, opening) = self.opened(EVIDENCE, b"a scanned form".to_vec());
        let purposes = self.dice.chance(30).then(|| {
            let mut set: Codes<Purpose> =
                self.dice.some(&Purpose::ALL[..5], 40).into_iter().collect();
            if self.dice.chance(50) {
                set.insert(Purpose::Disaster);
            }
            if self.dice.chance(3) {
                set.insert(Purpose::BreakGlass);
            }
            set
        });
        let consent = Consent {
            network: id,
            subject: patient,
            side,
            facilities,
            counterpart,
            practitioners,
            categories: self.dice.chance(30).then(|| self.categories()),
            purposes,
            period: self.period(),
            capture,
            recorded_by,
            proxy: proxy.flatten().map(ProxyId),
            policy_version: policy.map_or(1, |p| p.version) + u32::from(self.dice.chance(2)),
            evidence,
        };
        if let Some(index) = self.accepted(of, Body::ConsentGrant(consent)) {
            self.consents.push(index);
            self.keep(index, opening);
        }
    }

    pub(super) fn practitioners(&mut self, more: usize) -> BTreeSet<PractitionerId> {
        (0..=more)
            .map(|_| practitioner(1 + self.dice.below(3) as u8))
            .collect()
    }

    /// Whose record it is, mostly.
    pub(super) fn owner(&mut self, of: Option<&str>) -> &'static str {
        let own = self.networks.iter().find(|n| Some(**n) == of).copied();
        match own {
            Some(own) if !self.dice.chance(3) => own,
            _ => self.network(),
        }
    }

    pub(super) fn withdraw(&mut self) {
        let Some(consent) = self.dice.any(&self.consents) else {
            return;
        };
        let given = View(&self.world.state).consent(ConsentId(consent));
        let given = given
            .expect("memory does not fail")
            .expect("it was granted");
        let of = self.owner(Some(given.value.consent.network.as_str()));
        let (evidence, opening) = self.opened(EVIDENCE, b"a form of withdrawal".to_vec());
        let body = Body::ConsentWithdraw {
            consent: ConsentId(consent),
            way: *self.dice.pick(Withdrawal::ALL),
            recorded_by: self.place(of),
            evidence,
        };
        if let Some(index) = self.accepted(of, body) {
            self.keep(index, opening);
        }
    }

    pub(super) fn reserve(&mut self) {
        let of = self.network();
        let patient = self.patient();
        let viewer = match self.dice.below(6) {
            0..=1 => ViewerSelector::Anyone,
            2..=3 => ViewerSelector::Network(network(self.network())),
            4 => {
                let other = self.network();
                ViewerSelector::Facility(self.place(other))
            }
            _ => ViewerSelector::Practitioner(practitioner(1 + self.dice.below(3) as u8)),
        };
        let reservation = Reservation {
            network: network(of),
            subject: patient,
            viewer,
            disclosing_facilities: self.dice.chance(45).then(|| {
                let other = self.network();
                self.places(other, 50)
            }),
            categories: self.dice.chance(75).then(|| self.categories()),
            purposes: self.dice.chance(35).then(|| self.some_codes(35)),
            period: self.period(),
            recorded_by: self.place(of),
            proxy: self.dice.chance(8).then(|| {
                let any: Vec<EntryIndex> = self.proxies.iter().map(|p| p.0).collect();
                ProxyId(self.dice.any(&any).unwrap_or(EntryIndex(3)))
            }),
        };
        let set = self.accepted(of, Body::ReservationSet(reservation));
        self.reservations.extend(set);
    }

    pub(super) fn clear(&mut self) {
        if let Some(reservation) = self.dice.any(&self.reservations) {
            let given = View(&self.world.state).reservation(ReservationId(reservation));
            let given = given.expect("memory does not fail").expect("it was set");
            let of = self.owner(Some(given.value.reservation.network.as_str()));
            let recorded_by = self.place(of);
            self.say(
                of,
                Body::ReservationClear {
                    reservation: ReservationId(reservation),
                    recorded_by,
                },
            );
        }
    }

    pub(super) fn seal(&mut self) {
        let of = self.network();
        if let (Some(seal), true) = (self.dice.any(&self.seals), self.dice.chance(40)) {
            let seal = SealId(seal);
            self.say(of, Body::ReservationUnseal { seal });
            return;
        }
        let (sealed, opening) = self.opened(SEALED, b"nobody of one facility".to_vec());
        if let Some(index) = self.accepted(of, Body::ReservationSeal { sealed }) {
            self.seals.push(index);
            self.keep(index, opening);
        }
    }

    pub(super) fn link(&mut self) {
        let (a, b) = (self.network(), self.network());
        let own = self.patient();
        let other = SubjectRef {
            network: network(b),
            subject: if self.dice.chance(85) {
                own
            } else {
                self.patient()
            },
        };
        let body = if self.dice.chance(35) {
            Body::SubjectUnlink { own, other }
        } else {
            Body::SubjectLink { own, other }
        };
        self.say(a, body);
    }

    pub(super) fn speak_for(&mut self) {
        let of = self.network();
        let patient = self.patient();
        let kind = *self.dice.pick(ProxyKind::ALL);
        let mut period = self.period();
        if kind == ProxyKind::Parent || (period.until.is_none() && kind != ProxyKind::Guardian) {
            period.until = Some(FIRST_OF_APRIL);
            if self.dice.chance(10) {
                period.until = Some(FIRST_OF_APRIL.plus_ms(1));
            }
        }
        let (evidence, opening) = self.opened(EVIDENCE, b"a family register".to_vec());
        let proxy = Proxy {
            network: network(of),
            subject: patient,
            kind,
            period,
            recorded_by: self.place(of),
            evidence,
        };
        if let Some(index) = self.accepted(of, Body::ProxyRegister(proxy)) {
            self.proxies.push((index, of, patient));
            self.keep(index, opening);
        }
    }

    pub(super) fn end_proxy(&mut self) {
        if let Some((proxy, of, _)) = self.dice.any(&self.proxies) {
            let of = self.owner(Some(of));
            let body = Body::ProxyEnd {
                proxy: ProxyId(proxy),
                reason: *self.dice.pick(ProxyEndReason::ALL),
                recorded_by: self.place(of),
            };
            self.say(of, body);
        }
    }

    pub(super) fn death(&mut self) {
        let of = self.network();
        let (subject, recorded_by) = (self.patient(), self.place(of));
        let body = if self.dice.chance(30) {
            Body::DeathRecord {
                subject,
                recorded_by,
            }
        } else {
            Body::DeathRetract {
                subject,
                recorded_by,
            }
        };
        self.say(of, body);
    }
}
