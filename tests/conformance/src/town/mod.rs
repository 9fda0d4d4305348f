//! Random histories: networks with policies, agreements, patients, emergencies and disasters, saying all there is to
//! say, mostly what will be accepted and often enough what will not.

mod access;
mod agreements;
mod members;
mod patients;
mod theme;

use crate::dice::Dice;
use sekisho_domain::{
    Agreement, Body, Category, Code, Codes, Commitment, EntryIndex, FacilityId, FacilityKind,
    KeyPurpose, Outcome, Period, SubjectId, TimeMs,
};
use sekisho_ledger::bundle::ShownOpening;
use sekisho_ledger::commitment::{Opening, Salt};
use sekisho_ledger::signature::SigningKey;
use sekisho_ledger::store::MemoryState;
use sekisho_ledger::testing::{BEGIN, World, facility, key, network, subject};
use sekisho_ledger::{Applied, View};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use theme::Theme;

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
    theme: Theme,
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
    /// When something begins or ends.
    instants: Vec<u64>,
    salts: u64,
}

impl Town {
    /// A history of so many things said, from a seed.
    pub fn of(seed: u64, said: usize) -> Self {
        let mut dice = Dice::of(seed);
        let networks = NETWORKS[dice.below(2)..].to_vec();
        let theme = *dice.pick(&Theme::ALL);
        let mut town = Self {
            world: World::of(&networks),
            accesses: Vec::new(),
            openings: Vec::new(),
            theme,
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
            instants: Vec::new(),
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
                if self.dice.chance(92) {
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
        if self.dice.chance(60) {
            self.dwell();
        } else {
            self.any();
        }
    }

    /// One more thing said, whatever it is.
    fn any(&mut self) {
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
            89 => self.change_keys(),
            90 => self.change_replicas(),
            91 => self.seal(),
            92..=94 => self.transfer(),
            95..=97 => self.disaster(),
            98 if self.dice.chance(50) => self.alert(),
            98 => self.after_emergency(),
            _ => self.admit(),
        }
    }

    fn wait(&mut self) {
        let now = self.world.time.0;
        let next = self.instants.iter().copied().filter(|at| *at > now).min();
        if let (Some(next), true) = (next, self.dice.chance(45)) {
            // The very instant, or the last one before, or one from which a permit can see it.
            let before = match self.dice.below(4) {
                0..=1 => 0,
                2 => 1,
                _ => self.dice.upto(HOUR_MS),
            };
            self.world.time = TimeMs((next - before).max(now));
            return;
        }
        let ms = match self.dice.below(10) {
            0..=5 => self.dice.upto(10_000),
            6..=7 => self.dice.upto(HOUR_MS),
            8 => self.dice.upto(self.theme.horizon_ms() / 10),
            _ => self.dice.upto(self.theme.horizon_ms()),
        };
        self.world.time = self.world.time.plus_ms(ms);
    }

    fn say(&mut self, by: &str, body: Body) -> Option<(EntryIndex, Outcome)> {
        let purpose = World::<MemoryState>::purpose_of(&body);
        let wrong = self.dice.chance(2);
        let spare = self.dice.chance(30).then(|| {
            let own = self.spare.iter().find(|(of, _)| *of == by);
            own.map(|(of, number)| spare_key(of, *number))
        });
        let applied = if wrong {
            let purposes = [
                KeyPurpose::Governance,
                KeyPurpose::Node,
                KeyPurpose::Officer,
            ];
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
        let (now, horizon) = (self.world.time.0, self.theme.horizon_ms());
        let from = match self.dice.below(10) {
            0..=7 => BEGIN.0,
            8 => now,
            _ => now + self.dice.upto(horizon / 10),
        };
        let until = self.dice.maybe(35, |dice| {
            TimeMs(from.max(now) + 1 + dice.upto(horizon + horizon / 2))
        });
        self.instants.push(from);
        self.instants.extend(until.map(|until| until.0));
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
