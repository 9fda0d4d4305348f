//! Random histories of three networks: what they say, in whatever order, accepted or not.

use super::random::Random;
use super::reference::{Reference, Said, Sight};
use super::steps::Kind;
use crate::testing::{World, facility, network, policy, rule, subject};
use crate::{Applied, Permit, View};
use sekisho_domain::*;
use sekisho_proto::v1;
use std::collections::BTreeSet;

pub(super) const NETWORKS: [&str; 3] = ["kurume", "saga", "yame"];
/// Facilities with their first network, kind and municipality.
pub(super) const PLACES: [(&str, usize, FacilityKind, Option<&str>); 6] = [
    ("4010000001", 0, FacilityKind::Hospital, Some("40203")),
    ("4010000002", 0, FacilityKind::Clinic, None),
    ("4110000001", 1, FacilityKind::Hospital, Some("41201")),
    ("4110000002", 1, FacilityKind::Pharmacy, None),
    ("4010000003", 2, FacilityKind::Hospital, None),
    ("4310000001", 2, FacilityKind::Ambulance, Some("43100")),
];
/// Categories that rules tell apart, and one that stands for all others.
pub(super) const CATEGORIES: [Category; 5] = [
    Category::Demographics,
    Category::Prescription,
    Category::LabResult,
    Category::Infection,
    Category::OtherDocument,
];
pub(super) const AUTHORITIES: [&str; 2] = ["fukuoka-ken", "kyushu"];
/// How long after what narrows it is looked at what it took away; long enough for all of it to be said.
pub(super) const SOON_MS: u64 = 1_000;

/// One step: what kind of thing is said, and the seed of everything about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step(pub Kind, pub u64);

/// A document somebody may be shown: whose, of which facility, of which kind.
pub(super) type Shown = (NetworkId, FacilityId, Category);

/// A request that was decided, over what had been said by then.
#[derive(Clone)]
pub(super) struct Asked {
    /// How many of the things said.
    pub over: usize,
    pub record: AccessRecord,
    /// What it let be seen at once.
    pub shown: BTreeSet<Shown>,
}

/// What has been said so far.
#[derive(Clone)]
pub(super) struct History {
    pub world: World,
    pub said: Vec<Said>,
    pub asked: Vec<Asked>,
    /// Every entry since the begin, with its time, accepted or not.
    pub envelopes: Vec<(TimeMs, v1::Envelope)>,
}

/// A patient's pseudonym at a network.
pub(super) fn patient(network: usize, patient: u8) -> SubjectId {
    subject(network as u8 * 16 + patient + 1)
}

impl History {
    /// Three networks with their facilities, authorities and officers, and a patient they all know.
    pub fn begin() -> Self {
        let mut world = World::unsigned(&NETWORKS);
        world.authority("fukuoka-ken", &["40"]);
        world.authority("kyushu", &["40", "41", "43", "44"]);
        let mut history = Self {
            world,
            said: Vec::new(),
            asked: Vec::new(),
            envelopes: Vec::new(),
        };
        for (code, home, kind, municipality) in PLACES {
            history.say(NETWORKS[home], register(code, kind, municipality));
        }
        for (a, b) in [(0, 1), (1, 0), (0, 2), (2, 0)] {
            let other = SubjectRef {
                network: network(NETWORKS[b]),
                subject: patient(b, 0),
            };
            let own = patient(a, 0);
            history.say(NETWORKS[a], Body::SubjectLink { own, other });
        }
        for of in NETWORKS {
            let [disclosing, viewing] = [Scope::AllFacilities, Scope::EachFacility].map(rule);
            let (disclosing, viewing) = (after_a_day(disclosing), after_a_day(viewing));
            let first = policy(1, Some(disclosing), Some(viewing));
            history.say(of, Body::ConsentPolicyPublish(first));
        }
        history
    }

    /// The steps of a seed: first what makes permits likely, then anything.
    pub fn steps(seed: u64) -> Vec<Step> {
        let mut random = Random::of(seed);
        let mut steps = Vec::new();
        let mut add = |random: &mut Random, kind, times| {
            (0..times).for_each(|_| steps.push(Step(kind, random.next())));
        };
        for (kind, times) in [
            (Kind::Publish, 3),
            (Kind::Post, 4),
            (Kind::Agree, 4),
            (Kind::Declare, 2),
            (Kind::Proxy, 2),
            (Kind::Consent, 16),
            (Kind::Reserve, 1),
        ] {
            add(&mut random, kind, times);
        }
        for _ in 0..random.below(24) {
            let kind = random.weighed(&Kind::WEIGHTS);
            add(&mut random, kind, 1);
        }
        steps
    }

    pub fn of(begin: &Self, steps: &[Step]) -> Self {
        let mut history = begin.clone();
        history.envelopes.clear();
        for Step(kind, seed) in steps {
            history.take(*kind, &mut Random::of(*seed));
        }
        history
    }

    /// Says it, and notes it where it was accepted.
    pub fn say(&mut self, by: &str, body: Body) -> Option<EntryIndex> {
        match self.apply(by, body.clone()) {
            Applied::Leaf {
                index,
                time,
                outcome: Outcome::Accepted,
                ..
            } => {
                let by = network(by);
                self.said.push(Said {
                    index,
                    time,
                    by,
                    body,
                });
                Some(index)
            }
            _ => None,
        }
    }

    fn apply(&mut self, by: &str, body: Body) -> Applied {
        self.world.time = self.world.time.plus_ms(10);
        let envelope = self.world.sign(by, body);
        let applied = self.world.apply(&envelope);
        self.envelopes.push((self.world.time, envelope));
        applied
    }

    /// Asks as an entry: the decision is the one in the leaf.
    pub fn ask(&mut self, request: AccessRequest) {
        let by = request.viewing.clone();
        let applied = self.apply(by.as_str(), Body::AccessRequest(request));
        let Applied::Leaf { index, .. } = applied else {
            panic!("{applied:?}")
        };
        let record = View(&self.world.state).access(index).unwrap().unwrap();
        let shown = self.shown(&record, record.time);
        let over = self.said.len();
        self.asked.push(Asked {
            over,
            record,
            shown,
        });
    }

    /// What would be decided at an instant, with nothing more said.
    pub fn decide(&self, request: &AccessRequest, time: TimeMs) -> AccessRecord {
        let view = View(&self.world.state);
        AccessRecord {
            index: EntryIndex(u64::MAX),
            time,
            request_id: RequestId([0; 16]),
            author: KeyId([0; 32]),
            decisions: crate::authorize(view, request, time).unwrap(),
            request: request.clone(),
        }
    }

    /// Whose member a facility is now, and since when.
    pub fn member(&self, code: &FacilityId) -> Option<crate::record::Facility> {
        let record = View(&self.world.state).facility(code).unwrap();
        record.map(|r| r.value).filter(|f| f.left.is_none())
    }

    /// What a decision lets be seen at an instant, of the facilities that are members now.
    pub fn shown(&self, record: &AccessRecord, now: TimeMs) -> BTreeSet<Shown> {
        let permits: Vec<_> = record
            .request
            .targets
            .iter()
            .filter_map(|target| Some((target, Permit::of(record, target, now).ok()?)))
            .collect();
        let mut shown = BTreeSet::new();
        for (target, permit) in &permits {
            for (code, ..) in PLACES {
                let of = facility(code);
                let Some(member) = self.member(&of).filter(|f| f.network == **target) else {
                    continue;
                };
                let covered = CATEGORIES
                    .into_iter()
                    .filter(|category| permit.covers(*category, &of, member.registered));
                shown.extend(covered.map(|category| ((*target).clone(), of.clone(), category)));
            }
        }
        shown
    }

    /// What may be seen by the second reading, over what had been said by then.
    pub fn lawful(&self, over: usize, request: &AccessRequest, now: TimeMs) -> BTreeSet<Shown> {
        let reference = Reference {
            members: NETWORKS.len(),
            said: &self.said[..over],
        };
        let mut lawful = BTreeSet::new();
        for target in &request.targets {
            for of in PLACES.map(|(code, ..)| facility(code)) {
                for category in CATEGORIES {
                    let sight = Sight {
                        r: request,
                        target,
                        of: &of,
                        category,
                        now,
                    };
                    if reference.may_see(&sight) {
                        lawful.insert((target.clone(), of.clone(), category));
                    }
                }
            }
        }
        lawful
    }
}

/// The rule, where a notice of a day lets a consent reach who joins.
fn after_a_day(rule: Rule) -> Rule {
    let new_facility = NewFacility::AfterNotice { days: 1 };
    Rule {
        new_facility,
        ..rule
    }
}

pub(super) fn register(code: &str, kind: FacilityKind, municipality: Option<&str>) -> Body {
    Body::FacilityRegister {
        facility: facility(code),
        kind,
        name: "施設".to_owned(),
        municipality: municipality.map(crate::testing::area),
    }
}
