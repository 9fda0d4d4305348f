//! What else a step says: links, notices, proxies, disasters, facilities that move, reservations; and requests.

use super::history::{AUTHORITIES, CATEGORIES, History, NETWORKS, PLACES, patient, register};
use super::random::Random;
use super::steps::{HOUR_MS, SPANS_MS};
use crate::testing::{
    area, disaster, facility, joining_notice, network, practitioner, proxy, purposes_notice,
    reservation,
};
use sekisho_domain::*;

impl History {
    pub fn link(&mut self, r: &mut Random) {
        let (a, b) = (r.below(3), r.below(3));
        let (one, far) = (u8::from(r.once_in(4)), u8::from(r.once_in(4)));
        for ((a, one), (b, far)) in [((a, one), (b, far)), ((b, far), (a, one))] {
            let other = SubjectRef {
                network: network(NETWORKS[b]),
                subject: patient(b, far),
            };
            let own = patient(a, one);
            self.say(NETWORKS[a], Body::SubjectLink { own, other });
        }
    }

    pub fn post(&mut self, r: &mut Random) {
        let n = r.below(3);
        let Some(at) = self.facility_of(n, r) else {
            return;
        };
        let purposes = [Purpose::Treat, Purpose::CoordinationOfCare];
        let notice = if r.once_in(3) {
            joining_notice(at.as_str())
        } else {
            let purposes = r.some(&purposes).into_iter().collect();
            purposes_notice(r.once_in(3).then_some(at.as_str()), purposes)
        };
        let period = self.period(r);
        self.say(NETWORKS[n], Body::NoticePost(Notice { period, ..notice }));
    }

    pub fn proxy(&mut self, r: &mut Random) {
        let n = r.below(3);
        let Some(at) = self.facility_of(n, r) else {
            return;
        };
        let subject = patient(n, u8::from(r.once_in(6)));
        let kind = if r.once_in(2) {
            ProxyKind::Guardian
        } else {
            ProxyKind::Appointed
        };
        let period = self.period(r);
        let known = Proxy {
            period,
            ..proxy(NETWORKS[n], subject, at.as_str(), kind)
        };
        self.say(NETWORKS[n], Body::ProxyRegister(known));
    }

    pub fn declare(&mut self, r: &mut Random) {
        let by = r.pick(&AUTHORITIES);
        let codes = if by == "kyushu" {
            ["41", "40203", "43", "44"]
        } else {
            ["40", "40203", "40", "40202"]
        };
        let from = if r.once_in(6) {
            self.world.time.plus_ms(r.pick(&SPANS_MS))
        } else {
            self.world.time
        };
        let declared = Disaster {
            drill: r.once_in(2),
            area: r.some(&codes).into_iter().map(area).collect(),
            ..disaster(&["40"], from)
        };
        self.say(by, Body::DisasterDeclare(declared));
    }

    pub fn disasters(&self) -> Vec<DisasterId> {
        let made = self.made(|body| matches!(body, Body::DisasterDeclare(_)));
        made.into_iter().map(DisasterId).collect()
    }

    pub fn prolong(&mut self, r: &mut Random) {
        let until = self.world.time.plus_ms(1000 + r.pick(&SPANS_MS));
        if let Some(declaration) = r.any(&self.disasters()) {
            let by = r.pick(&AUTHORITIES);
            self.say(by, Body::DisasterExtend { declaration, until });
        }
    }

    /// A facility leaves its network, and joins one, mostly.
    pub fn move_facility(&mut self, r: &mut Random) {
        let (code, home, kind, municipality) = r.pick(&PLACES);
        if let Some(member) = self.member(&facility(code)) {
            let facility = facility(code);
            self.say(member.network.as_str(), Body::FacilityLeave { facility });
        }
        if !r.once_in(4) {
            let to = if r.once_in(3) { r.below(3) } else { home };
            let municipality = municipality.filter(|_| !r.once_in(3));
            self.say(NETWORKS[to], register(code, kind, municipality));
        }
    }

    /// A facility joins once more, says so, and some time passes: what policies that let notices speak wait for.
    pub fn join(&mut self, r: &mut Random) {
        let (code, home, kind, municipality) = r.pick(&PLACES);
        if let Some(member) = self.member(&facility(code)) {
            let facility = facility(code);
            self.say(member.network.as_str(), Body::FacilityLeave { facility });
        }
        self.say(NETWORKS[home], register(code, kind, municipality));
        let notice = Notice {
            period: self.period(r),
            ..joining_notice(code)
        };
        self.say(NETWORKS[home], Body::NoticePost(notice));
        let days = r.below(4) as u64;
        self.world.time = self.world.time.plus_ms(days * 24 * HOUR_MS);
    }

    pub fn clear(&mut self, r: &mut Random) {
        let set = self.made(|body| matches!(body, Body::ReservationSet(_)));
        let n = r.below(3);
        if let (Some(index), Some(recorded_by)) = (r.any(&set), self.facility_of(n, r)) {
            let reservation = ReservationId(index);
            self.say(
                NETWORKS[n],
                Body::ReservationClear {
                    reservation,
                    recorded_by,
                },
            );
        }
    }

    pub fn alive(&mut self, r: &mut Random) {
        let n = r.below(3);
        let subject = patient(n, 0);
        if let Some(recorded_by) = self.facility_of(n, r) {
            self.say(
                NETWORKS[n],
                Body::DeathRetract {
                    subject,
                    recorded_by,
                },
            );
        }
    }

    /// A reservation, by any selector.
    pub fn reserve(&mut self, r: &mut Random) {
        let n = r.below(3);
        let Some(at) = self.facility_of(n, r) else {
            return;
        };
        let subject = patient(n, u8::from(r.once_in(6)));
        let purposes = [Purpose::Treat, Purpose::BreakGlass, Purpose::Disaster];
        let reserved = Reservation {
            viewer: match r.below(5) {
                0 => ViewerSelector::Network(network(r.pick(&NETWORKS))),
                1 => ViewerSelector::Facility(facility(r.pick(&PLACES).0)),
                2 => ViewerSelector::Practitioner(practitioner(1 + r.below(2) as u8)),
                _ => ViewerSelector::Anyone,
            },
            disclosing_facilities: r.once_in(3).then(|| Self::some_facilities(r)),
            categories: (!r.once_in(3)).then(|| r.some(&CATEGORIES).into_iter().collect()),
            purposes: r
                .once_in(4)
                .then(|| r.some(&purposes).into_iter().collect()),
            period: self.period(r),
            ..reservation(NETWORKS[n], subject, at.as_str())
        };
        self.say(NETWORKS[n], Body::ReservationSet(reserved));
    }

    /// Anybody asks for anything, mostly what makes sense.
    pub fn request(&self, r: &mut Random) -> AccessRequest {
        let (code, home, ..) = r.pick(&PLACES);
        let member = self.member(&facility(code)).map(|f| f.network);
        let n = NETWORKS
            .iter()
            .position(|id| member.as_ref().is_some_and(|m| m.as_str() == *id));
        let n = if r.once_in(20) {
            home
        } else {
            n.unwrap_or(home)
        };
        let subject = patient(n, u8::from(r.once_in(8)));
        let mut targets = NETWORKS.to_vec();
        if r.once_in(10) {
            targets.push("iwami");
        }
        let (purpose, grounds) = match r.below(12) {
            0 => (
                Purpose::BreakGlass,
                Grounds::Emergency(EmergencyReason::NoTime),
            ),
            1 => (
                Purpose::PublicHealth,
                Grounds::Law(LegalBasis::InfectiousDiseases),
            ),
            2..5 => {
                let known = r.any(&self.disasters());
                let declaration = known.unwrap_or(DisasterId(EntryIndex(0)));
                let consent = DisasterConsent::NotPossible;
                (
                    Purpose::Disaster,
                    Grounds::Disaster {
                        declaration,
                        consent,
                    },
                )
            }
            5 | 6 => (Purpose::CoordinationOfCare, Grounds::Ordinary),
            _ => (Purpose::Treat, Grounds::Ordinary),
        };
        let roles = [
            (6, Role::Physician),
            (1, Role::Nurse),
            (1, Role::Paramedic),
            (1, Role::Clerk),
        ];
        let action = match r.once_in(8) {
            true => Action::FindPatients,
            false => Action::FindDocuments,
        };
        if action == Action::FindPatients {
            targets.retain(|target| *target != NETWORKS[n]);
        }
        AccessRequest {
            action,
            role: r.weighed(&roles),
            practitioner_id: practitioner(1 + u8::from(r.once_in(3))),
            purpose,
            grounds,
            categories: r
                .once_in(4)
                .then(|| r.some(&CATEGORIES).into_iter().collect()),
            ..self.world.request(NETWORKS[n], code, subject, &targets)
        }
    }
}
