//! The law of drafts, on the real ledger: whatever the two networks say of themselves and whatever the patient has
//! done, what `authorize` permits under the drawn-up agreement, both policies allow.

use super::{Terms, draft};
use crate::facts::{NetworkFacts, built_in};
use crate::mapping::Way;
use crate::profile::{Field, NetworkProfile, Standing};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};
use sekisho_domain::{
    Body, Capture, Category, Code, Codes, Commitment, Consent, ConsentRule, Decision, Disaster,
    DisasterConsent, DisasterId, EmergencyReason, FacilityKind, FacilitySelector, Grounds, Hash,
    Nature, NewFacility, Notice, NoticeAbout, Outcome, Period, PractitionerId, Purpose, Role, Rule,
    Scope, Side, Withdrawal,
};
use sekisho_ledger::Applied;
use sekisho_ledger::store::MemoryState;
use sekisho_ledger::testing::{BEGIN, World, disaster, facility, network, reservation, subject};
use std::cell::RefCell;
use std::collections::BTreeMap;

const KINDS: [FacilityKind; 3] = [
    FacilityKind::Hospital,
    FacilityKind::Pharmacy,
    FacilityKind::CareFacility,
];

/// The codes of a network's three facilities.
fn places(of: usize) -> [&'static str; 3] {
    [
        ["1310000001", "1340000002", "1390000003"],
        ["2710000001", "2740000002", "2790000003"],
    ][of]
}

/// What the surveys leave open, as a network might fill it in.
#[derive(Debug, Clone)]
struct Filling {
    way: Way,
    capture: Codes<Capture>,
    categories: Codes<Category>,
    kinds: Codes<FacilityKind>,
    roles: Option<Codes<Role>>,
    posts: bool,
    /// What its own facilities may break the glass for.
    emergency: Option<Codes<Category>>,
}

/// What the parties ask the draft for besides.
#[derive(Debug, Clone)]
struct Wanted {
    emergency: Option<Codes<Category>>,
    disaster: Option<Codes<Category>>,
    recipient: bool,
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let ceiling = || prop_oneof![Just(super::proposed_ceiling()), codes()];
    let ceiling = || proptest::option::weighted(0.7, ceiling());
    (ceiling(), ceiling(), proptest::bool::weighted(0.2)).prop_map(
        |(emergency, disaster, recipient)| Wanted {
            emergency,
            disaster,
            recipient,
        },
    )
}

/// What happens besides the patient's consents.
#[derive(Debug, Clone)]
struct Scene {
    /// Of the kinds of facility, which asks.
    asking: usize,
    role: Index,
    purpose: Purpose,
    /// The declared prefecture: of D's facilities, of V's, or of neither.
    area: &'static str,
    drill: bool,
    /// Whether the patient has reserved everything.
    reserved: bool,
}

fn scene() -> impl Strategy<Value = Scene> {
    let purposes = [
        Purpose::Treat,
        Purpose::Treat,
        Purpose::CoordinationOfCare,
        Purpose::HealthcareResearch,
        Purpose::BreakGlass,
        Purpose::Disaster,
    ];
    (
        0..3usize,
        any::<Index>(),
        select(purposes.to_vec()),
        select(&["13", "27", "47"][..]),
        proptest::bool::weighted(0.2),
        proptest::bool::weighted(0.1),
    )
        .prop_map(|(asking, role, purpose, area, drill, reserved)| Scene {
            asking,
            role,
            purpose,
            area,
            drill,
            reserved,
        })
}

/// One attempt of the patient to consent, at one of the two networks.
#[derive(Debug, Clone)]
struct Act {
    at: usize,
    side: Side,
    /// Which of its facilities; none: all.
    listed: Option<Vec<usize>>,
    recorded_by: usize,
    counterpart: Option<usize>,
    practitioner: Option<u8>,
    capture: Capture,
    categories: Option<Codes<Category>>,
    /// Whether the facility keeps to its network's rule, as facilities mostly do.
    by_rule: bool,
}

fn codes<T: Code>() -> impl Strategy<Value = Codes<T>> {
    proptest::collection::vec(select(T::ALL), 1..5).prop_map(|v| v.into_iter().collect())
}

fn scope() -> impl Strategy<Value = Option<Scope>> {
    prop_oneof![1 => Just(None), 3 => select(Scope::ALL).prop_map(Some)]
}

fn filling() -> impl Strategy<Value = Filling> {
    let way =
        (scope(), scope()).prop_filter("a policy has an act", |(d, v)| d.is_some() || v.is_some());
    let way = way.prop_map(|(disclosing, viewing)| Way {
        disclosing,
        viewing,
        capture: None,
    });
    let kinds =
        proptest::collection::vec(select(&KINDS[..]), 1..3).prop_map(|v| v.into_iter().collect());
    (
        way,
        codes(),
        codes(),
        kinds,
        proptest::option::weighted(0.2, codes()),
        any::<bool>(),
        proptest::option::weighted(0.2, codes()),
    )
        .prop_map(
            |(way, capture, categories, kinds, roles, posts, emergency)| Filling {
                way,
                capture,
                categories,
                kinds,
                roles,
                posts,
                emergency,
            },
        )
}

fn act() -> impl Strategy<Value = Act> {
    let listed = proptest::option::weighted(0.7, proptest::collection::vec(0..3usize, 1..3));
    (
        0..2usize,
        select(Side::ALL),
        listed,
        0..3usize,
        proptest::option::weighted(0.3, 0..3usize),
        proptest::option::weighted(0.4, 1..3u8),
        select(Capture::ALL),
        proptest::option::weighted(0.2, codes()),
        proptest::bool::weighted(0.7),
    )
        .prop_map(
            |(
                at,
                side,
                listed,
                recorded_by,
                counterpart,
                practitioner,
                capture,
                categories,
                by_rule,
            )| {
                Act {
                    at,
                    side,
                    listed,
                    recorded_by,
                    counterpart,
                    practitioner,
                    capture,
                    categories,
                    by_rule,
                }
            },
        )
}

/// The surveyed network, with what it leaves open filled in. The way filled in counts for half of those that have one.
fn filled(facts: &[NetworkFacts], at: Index, with: &Filling, own_way: bool) -> NetworkProfile {
    let facts = &facts[at.index(facts.len())];
    let mut profile = NetworkProfile::of(facts);
    if let (true, Some(way)) = (own_way, profile.offered.first()) {
        profile = NetworkProfile::choosing(facts, *way).unwrap();
    } else {
        let side = |scope: Option<Scope>, side: Option<crate::profile::RuleFields>| {
            let mut side = side
                .or(profile.disclosing.clone())
                .or(profile.viewing.clone())
                .unwrap();
            side.scope = Field::chosen(Some(scope?));
            Some(side)
        };
        let disclosing = side(with.way.disclosing, profile.disclosing.clone());
        let viewing = side(with.way.viewing, profile.viewing.clone());
        (profile.disclosing, profile.viewing) = (disclosing, viewing);
    }
    profile.members.clear();
    for side in [&mut profile.disclosing, &mut profile.viewing]
        .into_iter()
        .flatten()
    {
        if side.capture.value.is_none() || !own_way {
            side.capture = Field::chosen(Some(with.capture));
        }
        if side.new_facility.value.is_none() {
            side.new_facility = Field::chosen(Some(NewFacility::NotCovered));
        }
        if side.withdrawal.value.is_none() {
            side.withdrawal = Field::chosen(Some([Withdrawal::Written].into()));
        }
    }
    if profile.categories.value.is_none() {
        profile.categories = Field::chosen(Some(with.categories));
    }
    profile.viewing_kinds = Field::chosen(Some(with.kinds));
    profile.roles = Field {
        value: with.roles,
        standing: Standing::Chosen,
        said: Vec::new(),
    };
    profile.emergency = Field::chosen(with.emergency);
    profile
}

impl Act {
    /// As a facility takes it that keeps to the rule of its network, for the one that will ask.
    fn kept_to(mut self, rules: [[Option<Rule>; 2]; 2], asking: usize) -> Self {
        let side = usize::from(self.side == Side::Viewing);
        let (true, Some(rule)) = (self.by_rule, &rules[side][side]) else {
            return self;
        };
        self.at = side;
        if self.side == Side::Viewing {
            self.recorded_by = asking;
        }
        let one = vec![self.recorded_by];
        self.practitioner = None;
        self.counterpart = None;
        self.listed = match rule.scope {
            Scope::AllFacilities => None,
            Scope::ListedFacilities => self.listed.or(Some(one)),
            Scope::EachFacility => Some(one),
            Scope::EachPractitioner => {
                self.practitioner = Some(1);
                Some(one)
            }
            Scope::FacilityPair => {
                self.counterpart = Some(if self.side == Side::Disclosing {
                    asking
                } else {
                    0
                });
                Some(one)
            }
        };
        self.capture = rule.capture.iter().next().unwrap();
        self
    }

    fn consent(&self, ids: [&str; 2]) -> Consent {
        let of = |n: &usize, at: usize| facility(places(at)[*n]);
        Consent {
            network: network(ids[self.at]),
            subject: subject(1 + self.at as u8),
            side: self.side,
            facilities: match &self.listed {
                None => FacilitySelector::All,
                Some(list) => {
                    FacilitySelector::Listed(list.iter().map(|n| of(n, self.at)).collect())
                }
            },
            counterpart: self.counterpart.map(|n| [of(&n, 1 - self.at)].into()),
            practitioners: self.practitioner.map(|p| [PractitionerId([p; 16])].into()),
            categories: self.categories,
            purposes: None,
            period: Period {
                from: BEGIN,
                until: None,
            },
            capture: self.capture,
            recorded_by: of(&self.recorded_by, self.at),
            proxy: None,
            policy_version: 1,
            evidence: Commitment([9; 32]),
        }
    }

    /// A plain reading of a policy's rule: whether such an act is one it provides for, or is narrower than one.
    fn is_known_to(&self, rule: &Rule) -> bool {
        let added = match rule.new_facility {
            NewFacility::NeedsConsent(by) => self.capture == by && self.listed.is_some(),
            NewFacility::WhenCardPresented => {
                self.capture == Capture::CardPresented && self.listed.is_some()
            }
            _ => false,
        };
        let own = self
            .listed
            .as_ref()
            .is_some_and(|l| l.iter().all(|n| *n == self.recorded_by));
        let reach = match rule.scope {
            Scope::AllFacilities => true,
            Scope::ListedFacilities => self.listed.is_some(),
            Scope::EachFacility => own,
            Scope::EachPractitioner => self.practitioner.is_some() && self.listed.is_some(),
            Scope::FacilityPair => self.listed.is_some() && self.counterpart.is_some(),
        };
        reach && (rule.capture.contains(&self.capture) || added)
    }

    /// Whether it lets this asking facility, and this person, look.
    fn reaches(&self, asking: usize, category: Category) -> bool {
        let place = match self.side {
            Side::Viewing => self.listed.as_ref().is_none_or(|l| l.contains(&asking)),
            Side::Disclosing => self.counterpart.is_none_or(|c| c == asking),
        };
        // The asking person is number 1.
        place
            && self.practitioner.is_none_or(|p| p == 1)
            && self.categories.is_none_or(|c| c.contains(&category))
    }
}

/// One case: the two networks, what the patient did, who asks. Whether it was permitted, and by which rule.
fn check(
    [d, v]: [NetworkProfile; 2],
    posts: [bool; 2],
    acts: Vec<Act>,
    wanted: &Wanted,
    scene: &Scene,
) -> Result<Option<(ConsentRule, Purpose)>, TestCaseError> {
    let ids = ["n-d", "n-v"];
    let Scene {
        asking, purpose, ..
    } = *scene;
    let terms = Terms {
        emergency: wanted.emergency,
        disaster: wanted.disaster,
        recipient: wanted.recipient,
        ..Terms::narrowest(Period {
            from: BEGIN,
            until: None,
        })
    };
    let drawn = draft(vec![d.clone(), v.clone()], None, terms).unwrap();
    let granted = drawn.granted().find(|(x, _)| x.disclosing == d.id);
    let (Some(agreement), Some((_, granted))) = (drawn.agreement(), granted) else {
        return Ok(None);
    };
    let mut world = World::of(&ids);
    for (n, id) in ids.iter().enumerate() {
        for (code, kind) in places(n).iter().zip(KINDS) {
            let body = Body::FacilityRegister {
                facility: facility(code),
                kind,
                name: format!("施設 {code}"),
                municipality: None,
            };
            world.accept(id, body);
        }
        let policy = [&d, &v][n].policy(1, BEGIN, Hash([1; 32])).unwrap();
        world.accept(id, Body::ConsentPolicyPublish(policy));
        if posts[n] {
            let about = NoticeAbout::Purposes {
                facility: None,
                purposes: [Purpose::Treat].into(),
            };
            let notice = Notice {
                about,
                period: Period {
                    from: BEGIN,
                    until: None,
                },
                text_hash: Hash([2; 32]),
            };
            world.accept(id, Body::NoticePost(notice));
        }
    }
    world.propose(&agreement);
    world.accept("n-v", World::<MemoryState>::signature(&agreement));
    world.link((ids[0], subject(1)), (ids[1], subject(2)));
    let sides = |p: &NetworkProfile| [Side::Disclosing, Side::Viewing].map(|s| p.rule(s));
    let mut given = Vec::new();
    for act in acts {
        let act = act.kept_to([sides(&d), sides(&v)], asking);
        let said = world.say(ids[act.at], Body::ConsentGrant(act.consent(ids)));
        if matches!(
            said,
            Applied::Leaf {
                outcome: Outcome::Accepted,
                ..
            }
        ) {
            given.push(act);
        }
    }
    let mut request = world.request("n-v", places(1)[asking], subject(2), &["n-d"]);
    // Mostly a profession of some grant.
    let roles: Vec<_> = granted
        .grants
        .iter()
        .flat_map(|g| g.roles.iter())
        .chain([Role::Clerk])
        .collect();
    (request.role, request.purpose) = (roles[scene.role.index(roles.len())], purpose);
    request.grounds = match purpose.nature() {
        Nature::BreakGlass => Grounds::Emergency(EmergencyReason::NoTime),
        Nature::Disaster => Grounds::Disaster {
            declaration: declared(&mut world, scene),
            consent: DisasterConsent::Oral,
        },
        _ => Grounds::Ordinary,
    };
    if scene.reserved {
        let everything = reservation(ids[0], subject(1), places(0)[0]);
        world.accept(ids[0], Body::ReservationSet(everything));
    }
    let (_, decisions) = world.ask(&request);
    let Decision::Permit(terms) = &decisions[0].1 else {
        return Ok(None);
    };

    prop_assert!(!scene.reserved, "a reservation always wins");
    prop_assert!(v.viewing_kinds.value.unwrap().contains(&KINDS[asking]));
    for said in [d.roles.value, v.roles.value].into_iter().flatten() {
        prop_assert!(said.contains(&request.role));
    }
    for category in terms.bases.iter().flat_map(|b| b.categories.iter()) {
        prop_assert!(
            d.categories.value.unwrap().contains(&category),
            "{category} is not shared"
        );
        if purpose.nature() != Nature::Ordinary {
            without_consent(&d, wanted, scene, request.role, category)?;
            continue;
        }
        prop_assert!([Purpose::Treat, Purpose::CoordinationOfCare].contains(&purpose));
        let acted = |at: usize, side: Side, rules: &[Option<Rule>]| {
            given.iter().any(|act| {
                let known = rules.iter().flatten().all(|rule| act.is_known_to(rule));
                act.at == at && act.side == side && act.reaches(asking, category) && known
            })
        };
        let (out, look) = (d.rule(Side::Disclosing), v.rule(Side::Viewing));
        let posted = granted.rule == ConsentRule::RecipientConsentWithProviderReservation;
        // Where D lets documents out by an act, there was one it knows (or it posts, and has posted).
        if out.is_some() {
            let stands = posted && posts[0] && purpose == Purpose::Treat;
            prop_assert!(stands || acted(0, Side::Disclosing, std::slice::from_ref(&out)));
        }
        // Where V looks by an act, there was one it knows.
        if look.is_some() {
            prop_assert!(acted(1, Side::Viewing, std::slice::from_ref(&look)));
        }
        // Where one asks for none, the other's act is one it would have known at home.
        if out.is_none() {
            prop_assert!(acted(
                1,
                Side::Viewing,
                &[look.clone(), d.rule(Side::Viewing)]
            ));
        }
        if look.is_none() {
            prop_assert!(acted(
                0,
                Side::Disclosing,
                &[out.clone(), v.rule(Side::Disclosing)]
            ));
        }
    }
    let rule = match purpose.nature() {
        Nature::Ordinary => granted.rule,
        _ => ConsentRule::NotNeeded,
    };
    Ok(Some((rule, purpose)))
}

/// A disaster of the scene's area, or a drill.
fn declared(world: &mut World, scene: &Scene) -> DisasterId {
    world.authority("kyushu", &["13", "27", "47"]);
    let declared = Disaster {
        drill: scene.drill,
        ..disaster(&[scene.area], world.time)
    };
    DisasterId(world.accept("kyushu", Body::DisasterDeclare(declared)))
}

/// What may be seen without consent: only what was asked for, where and by whom it is meant for, of what the
/// disclosing network opens to its own; and under a declaration that reaches one of the two and is no drill.
fn without_consent(
    d: &NetworkProfile,
    wanted: &Wanted,
    scene: &Scene,
    role: Role,
    category: Category,
) -> Result<(), TestCaseError> {
    let own = d.emergency.value;
    prop_assert!(own.is_none_or(|own| own.contains(&category)));
    let kind = KINDS[scene.asking];
    let (asked, kinds) = match scene.purpose {
        Purpose::BreakGlass => {
            prop_assert!([Role::Physician, Role::Paramedic].contains(&role));
            (wanted.emergency, &KINDS[..1])
        }
        _ => {
            prop_assert!(!scene.drill, "nobody consented to disclose in drills");
            prop_assert!(scene.area != "47", "neither is there");
            (wanted.disaster, &KINDS[..2])
        }
    };
    prop_assert!(asked.is_some_and(|asked| asked.contains(&category)));
    prop_assert!(kinds.contains(&kind), "{kind}");
    Ok(())
}

#[test]
fn a_draft_permits_only_what_both_policies_allow() {
    let facts = built_in().unwrap().networks;
    let case = (
        any::<[Index; 2]>(),
        [filling(), filling()],
        any::<[bool; 2]>(),
        proptest::collection::vec(act(), 2..10),
        wanted(),
        scene(),
        0..9u8,
    );
    let config = ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let permitted = RefCell::new(BTreeMap::<(ConsentRule, bool, Option<Purpose>), usize>::new());
    let run = runner.run(
        &case,
        |(who, mut fill, mut own_way, acts, mut wanted, mut scene, alike)| {
            // Random policies seldom meet by one act alone, or by the ministry's rule: these do more often.
            if alike < 2 {
                own_way = [false; 2];
                (fill[1].way, fill[1].capture) = (fill[0].way, fill[0].capture);
                wanted.recipient = false;
            } else if alike <= 3 {
                wanted.recipient = alike == 3;
                own_way = [false; 2];
                fill[0].posts = true;
                fill[0].capture = [Capture::NoticeWithOptOut].into();
                if wanted.recipient {
                    fill[0].capture.insert(Capture::Written);
                }
                fill[0].way = "all-facilities".parse().unwrap();
                fill[1].capture = [Capture::Written].into();
                fill[1].way = "each-facility".parse().unwrap();
            }
            let [mut d, mut v] = [0, 1].map(|n| filled(&facts, who[n], &fill[n], own_way[n]));
            (d.id, v.id) = (network("n-d"), network("n-v"));
            let posts = [fill[0].posts, fill[1].posts];
            // Mostly somebody of a kind of facility that takes part.
            scene.asking = KINDS
                .iter()
                .position(|k| fill[1].kinds.contains(k) && scene.asking > 0)
                .unwrap_or(scene.asking);
            if let Some((rule, purpose)) = check([d, v], posts, acts, &wanted, &scene)? {
                let without = (rule == ConsentRule::NotNeeded).then_some(purpose);
                let by = (rule, wanted.recipient, without);
                *permitted.borrow_mut().entry(by).or_default() += 1;
            }
            Ok(())
        },
    );
    run.unwrap_or_else(|e| panic!("{e}"));
    // The law would hold of drafts that permit nothing: these do.
    let permitted = permitted.into_inner();
    println!("{permitted:?}");
    use ConsentRule::{
        Both, Disclosing, NotNeeded, RecipientConsentWithProviderReservation as Recipient, Viewing,
    };
    for by in [
        (Both, false, None),
        (Disclosing, false, None),
        (Viewing, false, None),
        (Recipient, false, None),
        (Recipient, true, None),
        (NotNeeded, false, Some(Purpose::BreakGlass)),
        (NotNeeded, false, Some(Purpose::Disaster)),
    ] {
        assert!(
            permitted.get(&by).is_some_and(|n| *n >= 10),
            "{by:?}: {permitted:?}"
        );
    }
}
