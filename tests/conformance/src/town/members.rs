//! Networks, authorities, keys, facilities, policies, notices.

use super::theme::Theme;
use super::{AUTHORITIES, DAY_MS, NEWCOMER, PLACES, Town, WEAK_KEYS, spare_key};
use sekisho_domain::{
    Body, Capture, Codes, ConsentPolicy, Hash, KeyPurpose, NewFacility, Notice, NoticeAbout,
    NoticeId, Purpose, Rule, Scope, Withdrawal,
};
use sekisho_ledger::View;
use sekisho_ledger::testing::{BEGIN, area, facility, key, network};

impl Town {
    pub(super) fn publish(&mut self, of: &'static str) {
        let rules = self.dice.below(14);
        let disclosing = (rules > 1).then(|| self.rule());
        let viewing = (rules != 1).then(|| self.rule());
        let version = self.world.policy_version(of) + u32::from(!self.dice.chance(3));
        let later = version > 1 && self.dice.chance(25);
        let delay = self.dice.upto(self.theme.horizon_ms() / 4);
        if later {
            self.instants.push(self.world.time.0 + delay);
        }
        let policy = ConsentPolicy {
            version,
            valid_from: if later {
                self.world.time.plus_ms(delay)
            } else {
                BEGIN
            },
            text_hash: Hash([7; 32]),
            disclosing,
            viewing,
            voids_earlier: self.dice.chance(15),
            emergency: self.dice.chance(80).then(|| self.categories()),
        };
        self.say(of, Body::ConsentPolicyPublish(policy));
    }

    pub(super) fn publish_somewhere(&mut self) {
        let of = self.network();
        self.publish(of);
    }

    pub(super) fn rule(&mut self) -> Rule {
        let days = *self.dice.pick(&[1u16, 1, 7, 30]);
        let capture = *self.dice.pick(Capture::ALL);
        Rule {
            scope: if self.dice.chance(40) && self.theme != Theme::Visits {
                Scope::AllFacilities
            } else {
                *self.dice.pick(Scope::ALL)
            },
            capture: if self.theme == Theme::Notices && self.dice.chance(60) {
                [Capture::NoticeWithOptOut].into()
            } else if self.theme == Theme::Visits || self.dice.chance(40) {
                [Capture::Written, Capture::Oral].into()
            } else {
                self.some_codes(50)
            },
            new_facility: *self.dice.pick(&[
                NewFacility::NeedsConsent(capture),
                NewFacility::NotCovered,
                NewFacility::AfterNotice { days },
                NewFacility::AfterNotice { days: 1 },
                NewFacility::WhenCardPresented,
                NewFacility::FacilityChoice,
            ]),
            withdrawal: self.some_codes::<Withdrawal>(40),
        }
    }

    pub(super) fn move_facility(&mut self) {
        let (code, home, kind, municipality) = *self.dice.pick(&PLACES);
        let record = View(&self.world.state)
            .facility(&facility(code))
            .expect("memory does not fail");
        let member = record.filter(|r| r.value.left.is_none());
        if let (Some(member), true) = (&member, self.dice.chance(70)) {
            let of = member.value.network.to_string();
            let facility = facility(code);
            self.say(&of, Body::FacilityLeave { facility });
            return;
        }
        let to = if self.dice.chance(70) {
            home
        } else {
            self.network()
        };
        let municipality =
            *self
                .dice
                .pick(&[None, Some(municipality), Some(municipality), Some("13101")]);
        let joined = self.accepted(
            to,
            Body::FacilityRegister {
                facility: facility(code),
                kind,
                name: format!("施設 {code}"),
                municipality: municipality.map(area),
            },
        );
        if joined.is_some() && self.dice.chance(70) {
            self.post_joining(to, code);
        }
    }

    pub(super) fn change_keys(&mut self) {
        let of = self.network();
        if self.dice.chance(60) || self.spare.is_empty() {
            let number = self.spare.len();
            let purpose = if self.dice.chance(80) {
                KeyPurpose::Node
            } else {
                *self.dice.pick(KeyPurpose::ALL)
            };
            let transport = purpose == KeyPurpose::Transport;
            let good = spare_key(of, number).public_key();
            let weak = WEAK_KEYS.map(|text| text.parse().expect("32 bytes"));
            let body = Body::KeyAdd {
                purpose,
                public_key: if self.dice.chance(12) {
                    *self.dice.pick(&weak)
                } else {
                    good
                },
                endpoint: (transport != self.dice.chance(10))
                    .then(|| "[2001:db8::1]:7410".to_owned()),
            };
            if self.accepted(of, body).is_some() && purpose == KeyPurpose::Node {
                self.spare.push((of, number));
            }
            return;
        }
        let at = self.dice.below(self.spare.len());
        let (owner, number) = self.spare[at];
        let by = if self.dice.chance(90) { owner } else { of };
        let key = spare_key(owner, number).key_id();
        if self.accepted(by, Body::KeyRevoke { key }).is_some() && self.dice.chance(50) {
            self.spare.remove(at);
        }
    }

    /// A replica more, a vote, or an end; mostly by whom it is for to say.
    pub(super) fn change_replicas(&mut self) {
        let of = self.network();
        let view = View(&self.world.state);
        let known = view.replicas().expect("memory does not fail");
        let (id, replica) = self.dice.pick(&known).clone();
        let fresh = spare_key(of, 900 + known.len());
        let body = match self.dice.below(5) {
            0..=1 => {
                let own = key(of, KeyPurpose::Transport).public_key();
                let checkpoint = spare_key(of, 950 + known.len()).public_key();
                let weak = WEAK_KEYS.map(|text| text.parse().expect("32 bytes"));
                Body::ReplicaAllocate {
                    endpoint: "[2001:db8::2]:7420".to_owned(),
                    transport_key: match self.dice.below(4) {
                        0 => own,
                        1 => replica.transport_key,
                        _ => fresh.public_key(),
                    },
                    checkpoint_key: match self.dice.below(12) {
                        0 => *self.dice.pick(&weak),
                        1 => fresh.public_key(),
                        2 => replica.checkpoint_key,
                        _ => checkpoint,
                    },
                }
            }
            2 => Body::ReplicaRetire { replica: id },
            _ => Body::ReplicaPromote { replica: id },
        };
        for member in self.networks.clone() {
            let concerned = replica.network.as_str() == member;
            if member == of || self.dice.chance(if concerned { 50 } else { 30 }) {
                self.say(member, body.clone());
            }
        }
    }

    pub(super) fn admit(&mut self) {
        if self.dice.chance(50) {
            return self.admit_authority();
        }
        let body = Body::NetworkAdmit {
            network: network(NEWCOMER),
            name: "有明ネット".to_owned(),
            governance_key: key(NEWCOMER, KeyPurpose::Governance).public_key(),
        };
        for member in self.networks.clone() {
            if self.dice.chance(60) {
                self.say(member, body.clone());
            }
        }
        let member = View(&self.world.state).network(&network(NEWCOMER));
        let admitted = member.expect("memory does not fail").is_some();
        if admitted && !self.networks.contains(&NEWCOMER) {
            self.networks.push(NEWCOMER);
            self.world.certify(NEWCOMER, KeyPurpose::Node);
            self.publish(NEWCOMER);
            for (code, of, kind, municipality) in PLACES {
                if of == NEWCOMER {
                    // Unless another network has it by now.
                    let body = Body::FacilityRegister {
                        facility: facility(code),
                        kind,
                        name: format!("施設 {code}"),
                        municipality: Some(area(municipality)),
                    };
                    self.say(NEWCOMER, body);
                }
            }
        }
    }

    pub(super) fn admit_authority(&mut self) {
        let id = *self.dice.pick(&AUTHORITIES);
        let view = View(&self.world.state);
        let known = view.authority(&network(id)).expect("memory does not fail");
        let body = if known.is_some() && self.dice.chance(50) {
            let authority = network(id);
            Body::AuthorityEnd { authority }
        } else {
            let prefectures = ["40", "41"].map(area);
            Body::AuthorityAdmit {
                authority: network(id),
                name: "県".to_owned(),
                key: key(id, KeyPurpose::Authority).public_key(),
                prefectures: self
                    .dice
                    .some(&[0, 1], 60)
                    .into_iter()
                    .map(|at| prefectures[at].clone())
                    .collect(),
            }
        };
        for member in self.networks.clone() {
            if self.dice.chance(75) {
                self.say(member, body.clone());
            }
        }
    }

    pub(super) fn post(&mut self) {
        let of = self.network();
        if self.dice.chance(30) {
            let (code, ..) = *self.dice.pick(&PLACES);
            return self.post_joining(of, code);
        }
        let facility = self.dice.chance(40).then(|| self.place(of));
        let purposes = [
            Purpose::Treat,
            Purpose::CoordinationOfCare,
            Purpose::EmergencyTreatment,
        ];
        let mut purposes: Codes<Purpose> = self.dice.some(&purposes, 50).into_iter().collect();
        if self.dice.chance(80) {
            purposes.insert(Purpose::Treat);
        }
        let about = NoticeAbout::Purposes { facility, purposes };
        self.notice(of, about);
    }

    pub(super) fn post_joining(&mut self, of: &str, code: &str) {
        let facility = facility(code);
        self.notice(of, NoticeAbout::Joining { facility });
    }

    pub(super) fn notice(&mut self, of: &str, about: NoticeAbout) {
        let notice = Notice {
            about,
            period: self.period(),
            text_hash: Hash([11; 32]),
        };
        let from = notice.period.from.max(self.world.time).0;
        self.instants
            .extend([1, 7].map(|days| from + days * DAY_MS));
        let posted = self.accepted(of, Body::NoticePost(notice));
        self.notices.extend(posted);
    }

    pub(super) fn take_down(&mut self) {
        if let Some(notice) = self.dice.any(&self.notices) {
            let notice = NoticeId(notice);
            for network in self.networks.clone() {
                if self.dice.chance(60) {
                    self.say(network, Body::NoticeRemove { notice });
                }
            }
        }
    }
}
