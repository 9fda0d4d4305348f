//! Random histories: networks with policies, agreements, patients, emergencies and disasters, saying all there is to
//! say, mostly what will be accepted and often enough what will not.

use crate::dice::Dice;
use sekisho_domain::{
    AccessRequest, Action, Agreement, Body, Capture, Category, Code, Codes, Commitment, Consent,
    ConsentId, ConsentPolicy, ConsentRule, Decision, Disaster, DisasterConsent, DisasterId,
    DisasterKind, EmergencyReason, EntryIndex, FacilityId, FacilityKind, FacilitySelector, Footing,
    Grant, Grounds, Hash, KeyPurpose, LegalBasis, Nature, NewFacility, Notice, NoticeAbout,
    NoticeId, Outcome, Period, PractitionerId, Proxy, ProxyEndReason, ProxyId, ProxyKind, Purpose,
    Reservation, ReservationId, Retention, Review, Role, Rule, Scope, SealId, Settlement, Side,
    SubjectId, SubjectRef, TimeMs, Told, Transfer, Verdict, ViewerSelector, Withdrawal,
};
use sekisho_ledger::bundle::{CONTENT, DOCUMENT, EVIDENCE, PRACTITIONER, SEALED, ShownOpening};
use sekisho_ledger::commitment::{Opening, Salt};
use sekisho_ledger::signature::SigningKey;
use sekisho_ledger::testing::{
    BEGIN, FIRST_OF_APRIL, World, area, facility, key, network, practitioner, subject,
};
use sekisho_ledger::{Applied, View};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

const NETWORKS: [&str; 4] = ["hokusei", "kurume", "saga", "yame"];
/// One that may be admitted later.
const NEWCOMER: &str = "ariake";
/// Authorities that may be admitted.
const AUTHORITIES: [&str; 2] = ["fukuoka-ken", "saga-ken"];
/// Facilities there may be: code, and whose it is at first.
const PLACES: [(&str, &str, FacilityKind, &str); 11] = [
    ("4010000001", "kurume", FacilityKind::Hospital, "40203"),
    ("4010000002", "kurume", FacilityKind::Clinic, "40203"),
    ("4040000003", "kurume", FacilityKind::Pharmacy, "40130"),
    ("4110000001", "saga", FacilityKind::Hospital, "41201"),
    ("4110000002", "saga", FacilityKind::Clinic, "41202"),
    ("4110000003", "saga", FacilityKind::Hospital, "41201"),
    ("4010000004", "yame", FacilityKind::Hospital, "40210"),
    ("4010000005", "yame", FacilityKind::Ambulance, "40210"),
    ("4010000006", "hokusei", FacilityKind::Hospital, "40100"),
    ("4110000007", "hokusei", FacilityKind::Clinic, "41203"),
    ("4010000008", "ariake", FacilityKind::Hospital, "40202"),
];
/// Few, so that they meet.
const CATEGORIES: [Category; 4] = [
    Category::Prescription,
    Category::LabResult,
    Category::Infection,
    Category::DischargeSummary,
];
const SUBJECTS: [u8; 2] = [1, 2];
/// Keys that may not be registered: of order 1, 2 and 8, twice not in canonical form, no point, and of mixed order
/// (the last as in the public vectors of ed25519-speccheck).
const WEAK_KEYS: [&str; 7] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0200000000000000000000000000000000000000000000000000000000000000",
    "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
];
const HOUR_MS: u64 = 60 * 60 * 1000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// A history, with what its entries may refer to.
#[derive(Debug)]
pub struct Town {
    /// The ledger it made.
    pub world: World,
    /// Accesses that were decided.
    pub accesses: Vec<EntryIndex>,
    /// What opens the commitments made.
    pub openings: Vec<ShownOpening>,
    dice: Dice,
    networks: Vec<&'static str>,
    consents: Vec<EntryIndex>,
    reservations: Vec<EntryIndex>,
    seals: Vec<EntryIndex>,
    notices: Vec<EntryIndex>,
    proxies: Vec<(EntryIndex, &'static str, SubjectId)>,
    disasters: Vec<EntryIndex>,
    emergencies: Vec<EntryIndex>,
    /// Permits to retrieve: access, disclosing network, document.
    permitted: Vec<(EntryIndex, &'static str, Commitment)>,
    agreements: Vec<Agreement>,
    /// Further node keys: whose, and the key's number.
    spare: Vec<(&'static str, usize)>,
    salts: u64,
}

impl Town {
    /// A history of so many things said, from a seed.
    pub fn of(seed: u64, said: usize) -> Self {
        let mut dice = Dice::of(seed);
        let networks = NETWORKS[dice.below(2)..].to_vec();
        let mut town = Self {
            world: World::of(&networks),
            accesses: Vec::new(),
            openings: Vec::new(),
            dice,
            networks,
            consents: Vec::new(),
            reservations: Vec::new(),
            seals: Vec::new(),
            notices: Vec::new(),
            proxies: Vec::new(),
            disasters: Vec::new(),
            emergencies: Vec::new(),
            permitted: Vec::new(),
            agreements: Vec::new(),
            spare: Vec::new(),
            salts: seed,
        };
        town.begin();
        for _ in 0..said {
            town.step();
        }
        // So that there is an access even of the shortest history.
        while town.accesses.is_empty() {
            town.request();
        }
        town
    }

    fn begin(&mut self) {
        for network in self.networks.clone() {
            for (code, of, kind, municipality) in PLACES {
                if of == network && self.dice.chance(85) {
                    let place = self.dice.chance(70).then_some(municipality);
                    self.world.join(of, code, kind, place);
                }
            }
            self.publish(network);
        }
        let networks = self.networks.clone();
        for (n, a) in networks.iter().enumerate() {
            for b in &networks[n + 1..] {
                if self.dice.chance(80) {
                    self.agree(a, b);
                }
                for patient in SUBJECTS {
                    if self.dice.chance(85) {
                        self.world
                            .link((a, subject(patient)), (b, subject(patient)));
                    }
                }
            }
        }
        if self.dice.chance(60) {
            self.admit_authority();
            self.disaster();
        }
        for _ in 0..3 {
            self.post();
        }
        // Of some patients much is known.
        let many = if self.dice.chance(35) { 70 } else { 20 };
        for _ in 0..many {
            self.grant();
        }
    }

    /// An agreement of two, signed by both.
    fn agree(&mut self, a: &'static str, b: &'static str) {
        let mut grants = Vec::new();
        for (disclosing, viewing) in [(a, b), (b, a)] {
            grants.push(self.agreement_grant(disclosing, viewing, true));
            if self.dice.chance(85) {
                grants.push(self.agreement_grant(disclosing, viewing, false));
            }
            if self.dice.chance(60) {
                grants.push(self.agreement_grant(disclosing, viewing, true));
            }
        }
        let id = format!("kyotei-{a}-{b}");
        let agreement = self.world.agree(&id, grants);
        self.agreements.push(agreement);
    }

    fn step(&mut self) {
        if self.dice.chance(25) {
            self.wait();
        }
        match self.dice.below(100) {
            0..=23 => self.request(),
            24..=43 => self.grant(),
            44..=49 => self.withdraw(),
            50..=56 => self.reserve(),
            57..=58 => self.clear(),
            59..=61 => self.link(),
            62..=64 => self.publish_somewhere(),
            65..=68 => self.propose(),
            69..=73 => self.sign(),
            74 => self.stop(),
            75..=80 => self.post(),
            81 => self.take_down(),
            82..=83 => self.speak_for(),
            84 => self.end_proxy(),
            85..=86 => self.death(),
            87..=88 => self.move_facility(),
            89..=90 => self.change_keys(),
            91 => self.seal(),
            92..=94 => self.transfer(),
            95..=97 => self.disaster(),
            98 => self.after_emergency(),
            _ => self.admit(),
        }
    }

    fn wait(&mut self) {
        let ms = match self.dice.below(10) {
            0..=5 => self.dice.upto(10_000),
            6..=7 => self.dice.upto(HOUR_MS),
            8 => self.dice.upto(3 * DAY_MS),
            _ => self.dice.upto(40 * DAY_MS),
        };
        self.world.time = self.world.time.plus_ms(ms);
    }

    fn say(&mut self, by: &str, body: Body) -> Option<(EntryIndex, Outcome)> {
        let purpose = World::<sekisho_ledger::store::MemoryState>::purpose_of(&body);
        let wrong = self.dice.chance(2);
        let spare = self.dice.chance(30).then(|| {
            let own = self.spare.iter().find(|(of, _)| *of == by);
            own.map(|(of, number)| spare_key(of, *number))
        });
        let applied = if wrong {
            let purposes = [KeyPurpose::Governance, KeyPurpose::Node, KeyPurpose::Officer];
            let purpose = *self.dice.pick(&purposes);
            let by = *self.dice.pick(&self.networks);
            self.world.say_with(&key(by, purpose), body)
        } else if let (KeyPurpose::Node, Some(Some(spare))) = (purpose, spare) {
            self.world.say_with(&spare, body)
        } else {
            self.world.say(by, body)
        };
        match applied {
            Applied::Leaf { index, outcome, .. } => Some((index, outcome)),
            _ => None,
        }
    }

    /// Its index, if it took effect.
    fn accepted(&mut self, by: &str, body: Body) -> Option<EntryIndex> {
        match self.say(by, body) {
            Some((index, Outcome::Accepted)) => Some(index),
            _ => None,
        }
    }

    fn network(&mut self) -> &'static str {
        self.networks[self.dice.below(self.networks.len())]
    }

    fn patient(&mut self) -> SubjectId {
        subject(*self.dice.pick(&SUBJECTS))
    }

    /// A facility of the network, mostly.
    fn place(&mut self, of: &str) -> FacilityId {
        let odd = self.dice.chance(3);
        let own: Vec<_> = PLACES
            .iter()
            .filter(|(code, ..)| {
                let member = View(&self.world.state)
                    .facility_of(&facility(code), &network(of))
                    .expect("memory does not fail");
                member.is_some() != odd
            })
            .map(|(code, ..)| *code)
            .collect();
        let code = self.dice.any(&own).unwrap_or(PLACES[0].0);
        facility(code)
    }

    fn places(&mut self, of: &str, percent: usize) -> BTreeSet<FacilityId> {
        let n = 1 + self.dice.below(3);
        let one = self.place(of);
        let more = (0..n).filter_map(|_| {
            let add = self.dice.chance(percent);
            add.then(|| self.place(of))
        });
        let mut all: BTreeSet<_> = more.collect();
        all.insert(one);
        all
    }

    fn categories(&mut self) -> Codes<Category> {
        if self.dice.chance(10) {
            return Codes::all();
        }
        self.dice.some(&CATEGORIES, 60).into_iter().collect()
    }

    fn some_codes<T: Code>(&mut self, percent: usize) -> Codes<T> {
        self.dice.some(T::ALL, percent).into_iter().collect()
    }

    /// A period that mostly holds for a while.
    fn period(&mut self) -> Period {
        let now = self.world.time.0;
        let from = match self.dice.below(10) {
            0..=7 => BEGIN.0,
            8 => now,
            _ => now + self.dice.upto(2 * DAY_MS),
        };
        let until = self.dice.maybe(35, |dice| TimeMs(from + 1 + dice.upto(60 * DAY_MS)));
        Period {
            from: TimeMs(from),
            until,
        }
    }

    fn opened(&mut self, label: &str, value: Vec<u8>) -> (Commitment, Opening) {
        self.salts = self.salts.wrapping_add(1);
        let salt = Salt::from_bytes(Sha256::digest(self.salts.to_be_bytes()).into());
        let opening = Opening::new(label, salt, value).expect("within bounds");
        (opening.commitment(), opening)
    }

    fn keep(&mut self, index: EntryIndex, opening: Opening) {
        self.openings.push(ShownOpening { index, opening });
    }

    // Members

    fn publish(&mut self, of: &'static str) {
        let rules = self.dice.below(14);
        let disclosing = (rules > 1).then(|| self.rule());
        let viewing = (rules != 1).then(|| self.rule());
        let version = self.world.policy_version(of) + u32::from(!self.dice.chance(3));
        let later = self.dice.chance(20);
        let delay = self.dice.upto(2 * DAY_MS);
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

    fn publish_somewhere(&mut self) {
        let of = self.network();
        self.publish(of);
    }

    fn rule(&mut self) -> Rule {
        let days = *self.dice.pick(&[1u16, 1, 7, 30]);
        let capture = *self.dice.pick(Capture::ALL);
        Rule {
            scope: if self.dice.chance(40) {
                Scope::AllFacilities
            } else {
                *self.dice.pick(Scope::ALL)
            },
            capture: if self.dice.chance(40) {
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

    fn move_facility(&mut self) {
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
        let municipality = *self
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

    fn change_keys(&mut self) {
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
                endpoint: (transport != self.dice.chance(10)).then(|| "[2001:db8::1]:7410".to_owned()),
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

    fn admit(&mut self) {
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
                    self.world.join(of, code, kind, Some(municipality));
                }
            }
        }
    }

    fn admit_authority(&mut self) {
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

    // Agreements

    /// For purposes that rest on consent, or for others.
    fn agreement_grant(&mut self, disclosing: &str, viewing: &str, ordinary: bool) -> Grant {
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
            *self.dice.pick(&ConsentRule::ALL[..5])
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

    fn propose(&mut self) {
        let mut parties = self.networks.clone();
        while parties.len() > 2 && self.dice.chance(70) {
            let at = self.dice.below(parties.len());
            parties.remove(at);
        }
        let known = self.agreements.clone();
        let renewed = self.dice.chance(55).then(|| self.dice.below(known.len().max(1)));
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
                let latest = head.expect("memory does not fail").map_or(0, |h| h.value.latest);
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
            valid: if self.dice.chance(75) {
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

    fn sign(&mut self) {
        let Some(at) = (!self.agreements.is_empty()).then(|| self.dice.below(self.agreements.len()))
        else {
            return;
        };
        let agreement = self.agreements[at].clone();
        for party in agreement.parties.clone() {
            if self.dice.chance(75) {
                let mut body = World::<sekisho_ledger::store::MemoryState>::signature(&agreement);
                if let (true, Body::AgreementSign { digest, .. }) = (self.dice.chance(2), &mut body) {
                    *digest = Hash([0; 32]);
                }
                self.say(party.as_str(), body);
            }
        }
    }

    fn stop(&mut self) {
        if let Some(at) = (!self.agreements.is_empty()).then(|| self.dice.below(self.agreements.len())) {
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

    // Notices

    fn post(&mut self) {
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

    fn post_joining(&mut self, of: &str, code: &str) {
        let facility = facility(code);
        self.notice(of, NoticeAbout::Joining { facility });
    }

    fn notice(&mut self, of: &str, about: NoticeAbout) {
        let notice = Notice {
            about,
            period: self.period(),
            text_hash: Hash([11; 32]),
        };
        let posted = self.accepted(of, Body::NoticePost(notice));
        self.notices.extend(posted);
    }

    fn take_down(&mut self) {
        if let Some(notice) = self.dice.any(&self.notices) {
            let notice = NoticeId(notice);
            for network in self.networks.clone() {
                if self.dice.chance(60) {
                    self.say(network, Body::NoticeRemove { notice });
                }
            }
        }
    }

    // Patients

    /// An act as the network's policy asks for, mostly.
    fn grant(&mut self) {
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
            let mut set: Codes<Purpose> = self.dice.some(&Purpose::ALL[..5], 40).into_iter().collect();
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

    fn practitioners(&mut self, more: usize) -> BTreeSet<PractitionerId> {
        (0..=more)
            .map(|_| practitioner(1 + self.dice.below(3) as u8))
            .collect()
    }

    /// Whose record it is, mostly.
    fn owner(&mut self, of: Option<&str>) -> &'static str {
        let own = self.networks.iter().find(|n| Some(**n) == of).copied();
        match own {
            Some(own) if !self.dice.chance(3) => own,
            _ => self.network(),
        }
    }

    fn withdraw(&mut self) {
        let Some(consent) = self.dice.any(&self.consents) else {
            return;
        };
        let given = View(&self.world.state).consent(ConsentId(consent));
        let given = given.expect("memory does not fail").expect("it was granted");
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

    fn reserve(&mut self) {
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

    fn clear(&mut self) {
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

    fn seal(&mut self) {
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

    fn link(&mut self) {
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

    fn speak_for(&mut self) {
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

    fn end_proxy(&mut self) {
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

    fn death(&mut self) {
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

    // Access

    fn request(&mut self) {
        let viewing = self.network();
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
                declaration: DisasterId(self.dice.any(&self.disasters).unwrap_or(EntryIndex(5))),
                consent: *self.dice.pick(DisasterConsent::ALL),
            },
        };
        let retrieve = self.dice.chance(50);
        let mut targets: Vec<&'static str> = self.dice.some(&self.networks.clone(), 60);
        if self.dice.chance(3) {
            targets.push("nowhere");
        }
        if retrieve {
            targets.truncate(1);
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
            subject: self.patient(),
            action: if retrieve {
                Action::RetrieveDocument
            } else {
                Action::FindDocuments
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

    fn transfer(&mut self) {
        if let Some((access, disclosing, document)) = self.dice.any(&self.permitted) {
            self.transfer_of(access, disclosing, document);
        } else if let Some(access) = self.dice.any(&self.accesses) {
            let disclosing = self.network();
            self.transfer_of(access, disclosing, Commitment([3; 32]));
        }
    }

    fn transfer_of(&mut self, access: EntryIndex, disclosing: &'static str, document: Commitment) {
        let view = View(&self.world.state);
        let record = view.access(access).expect("memory does not fail");
        let viewing = record.expect("it was decided").request.viewing;
        let value = Sha256::digest(b"the document").to_vec();
        let (content, opening) = self.opened(CONTENT, value);
        let transfer = Transfer {
            access,
            disclosing: network(disclosing),
            document,
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

    // Emergencies and disasters

    fn after_emergency(&mut self) {
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
        let known = View(&self.world.state).key(&id).expect("memory does not fail");
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

    fn disaster(&mut self) {
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
        if view.authority(&network(by)).expect("memory does not fail").is_none() {
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
        let declared = self.accepted(by, Body::DisasterDeclare(disaster));
        self.disasters.extend(declared);
    }
}

/// A further node key of a network.
fn spare_key(of: &str, number: usize) -> SigningKey {
    SigningKey::from_secret(&Sha256::digest(format!("spare {of} {number}")).into())
}

/// Every key that anybody in a town may have: who forges has them all.
pub fn every_key() -> Vec<SigningKey> {
    let mut keys = Vec::new();
    for of in NETWORKS.iter().chain(&[NEWCOMER]).chain(&AUTHORITIES) {
        keys.extend(KeyPurpose::ALL.iter().map(|purpose| key(of, *purpose)));
        keys.extend((0..40).map(|number| spare_key(of, number)));
    }
    keys
}
