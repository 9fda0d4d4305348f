//! P2, P3, P4 and P5 over random histories of three networks: whatever they say, in whatever order.

use crate::record::AgreementHead;
use crate::testing::{BEGIN, World, facility, grant, network};
use crate::{Applied, Permit, View};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use sekisho_domain::*;
use std::collections::BTreeSet;

const NETWORKS: [&str; 3] = ["kurume", "saga", "yame"];
const HOSPITALS: [(&str, &str); 4] = [
    ("kurume", "4010000001"),
    ("kurume", "4010000002"),
    ("saga", "4110000001"),
    ("yame", "4010000003"),
];
const CATEGORIES: [Category; 3] = [
    Category::Prescription,
    Category::LabResult,
    Category::Infection,
];

/// One thing somebody says. Indices choose among what there is when it is said.
#[derive(Debug, Clone)]
enum Said {
    Agree {
        a: usize,
        b: usize,
        rule: ConsentRule,
        categories: Vec<Category>,
        until: Option<u64>,
    },
    Grant {
        network: usize,
        subject: u8,
        side: Side,
        at: usize,
        categories: Option<Vec<Category>>,
        until: Option<u64>,
    },
    Link {
        a: usize,
        b: usize,
        subject: u8,
    },
    Wait {
        ms: u64,
    },
    Narrow(Narrowing),
}

/// Every way of narrowing there is: withdrawals, reservations, ends, suspensions.
#[derive(Debug, Clone)]
enum Narrowing {
    Withdraw(Index),
    Reserve {
        network: usize,
        subject: u8,
        viewer: usize,
        categories: Option<Vec<Category>>,
        facility: Option<usize>,
    },
    Suspend(Index),
    Terminate(Index),
    Unlink {
        a: usize,
        b: usize,
        subject: u8,
    },
    Leave(Index),
}

fn some_categories() -> impl Strategy<Value = Vec<Category>> {
    subsequence(CATEGORIES.to_vec(), 1..=3)
}

fn narrowing() -> impl Strategy<Value = Narrowing> {
    prop_oneof![
        3 => any::<Index>().prop_map(Narrowing::Withdraw),
        3 => (0..3usize, 0..2u8, 0..6usize, proptest::option::of(some_categories()), proptest::option::of(0..4usize)).prop_map(
            |(network, subject, viewer, categories, facility)| Narrowing::Reserve { network, subject, viewer, categories, facility }),
        1 => any::<Index>().prop_map(Narrowing::Suspend),
        1 => any::<Index>().prop_map(Narrowing::Terminate),
        1 => (0..3usize, 0..3usize, 0..2u8).prop_map(|(a, b, subject)| Narrowing::Unlink { a, b, subject }),
        1 => any::<Index>().prop_map(Narrowing::Leave),
    ]
}

fn said() -> impl Strategy<Value = Said> {
    let until = || proptest::option::of(2_000..200_000u64);
    prop_oneof![
        4 => (0..3usize, 0..3usize, select(ConsentRule::ALL), some_categories(), until())
            .prop_map(|(a, b, rule, categories, until)| Said::Agree { a, b, rule, categories, until }),
        8 => (0..3usize, 0..2u8, select(Side::ALL), 0..4usize, proptest::option::of(some_categories()), until())
            .prop_map(|(network, subject, side, at, categories, until)| Said::Grant { network, subject, side, at, categories, until }),
        6 => (0..3usize, 0..3usize, 0..2u8).prop_map(|(a, b, subject)| Said::Link { a, b, subject }),
        1 => (1..30_000u64).prop_map(|ms| Said::Wait { ms }),
        2 => narrowing().prop_map(Said::Narrow),
    ]
}

fn world() -> World {
    let mut world = World::of(&NETWORKS);
    for (of, code) in HOSPITALS {
        world.hospital(of, code);
    }
    world.policy(
        "kurume",
        Some(Scope::ListedFacilities),
        Some(Scope::EachFacility),
    );
    world.policy(
        "saga",
        Some(Scope::AllFacilities),
        Some(Scope::EachFacility),
    );
    world.policy("yame", None, Some(Scope::EachFacility));
    world
}

fn subject(network: usize, subject: u8) -> SubjectId {
    SubjectId([(network as u8) * 16 + subject; 16])
}

fn agreement_ids(world: &World) -> Vec<AgreementId> {
    View(&world.state)
        .agreements(1000)
        .unwrap()
        .into_iter()
        .map(|(id, _)| id)
        .collect()
}

fn consents(world: &World) -> Vec<(NetworkId, ConsentId)> {
    let mut all = Vec::new();
    for (n, id) in NETWORKS.iter().enumerate() {
        for (s, side) in (0..2).flat_map(|s| Side::ALL.iter().map(move |side| (s, *side))) {
            let given = View(&world.state)
                .consents_of(&network(id), &subject(n, s), side)
                .unwrap();
            all.extend(
                given
                    .into_iter()
                    .map(|g| (network(id), ConsentId(g.granted))),
            );
        }
    }
    all
}

/// Says it; what a rule refuses is part of the history too.
fn hear(world: &mut World, said: &Said) {
    world.time = world.time.plus_ms(10);
    match said {
        Said::Agree {
            a,
            b,
            rule,
            categories,
            until,
        } if a != b => {
            let mut granted = grant(NETWORKS[*a], NETWORKS[*b], *rule);
            granted.categories = categories.iter().copied().collect();
            granted.valid.until = until.map(|ms| BEGIN.plus_ms(ms));
            let id: AgreementId = format!("{}-{}-{}", NETWORKS[*a], NETWORKS[*b], rule.number())
                .parse()
                .unwrap();
            let head = View(&world.state)
                .agreement_head(&id)
                .unwrap()
                .map_or(AgreementHead::default(), |r| r.value);
            if head.terminated.is_none() {
                world.agree(id.as_str(), vec![granted]);
            }
        }
        Said::Agree { .. } => {}
        Said::Grant {
            network: n,
            subject: s,
            side,
            at,
            categories,
            until,
        } => {
            let (id, code) = (NETWORKS[*n], HOSPITALS[*at].1);
            let selector = match (id, side) {
                ("saga", Side::Disclosing) => FacilitySelector::All,
                _ => FacilitySelector::Listed([facility(code)].into()),
            };
            let mut consent = world.consent(id, subject(*n, *s), *side, code, selector);
            consent.categories = categories.as_ref().map(|c| c.iter().copied().collect());
            consent.period.until = until.map(|ms| BEGIN.plus_ms(ms));
            world.say(id, Body::ConsentGrant(consent));
        }
        Said::Link { a, b, subject: s } => {
            let other = SubjectRef {
                network: network(NETWORKS[*b]),
                subject: subject(*b, *s),
            };
            world.say(
                NETWORKS[*a],
                Body::SubjectLink {
                    own: subject(*a, *s),
                    other,
                },
            );
            let other = SubjectRef {
                network: network(NETWORKS[*a]),
                subject: subject(*a, *s),
            };
            world.say(
                NETWORKS[*b],
                Body::SubjectLink {
                    own: subject(*b, *s),
                    other,
                },
            );
        }
        Said::Wait { ms } => world.time = world.time.plus_ms(*ms),
        Said::Narrow(narrowing) => narrow(world, narrowing),
    }
}

fn narrow(world: &mut World, narrowing: &Narrowing) {
    match narrowing {
        Narrowing::Withdraw(which) => {
            let all = consents(world);
            if all.is_empty() {
                return;
            }
            let (of, consent) = which.get(&all);
            let at = HOSPITALS.iter().find(|(n, _)| *n == of.as_str()).unwrap().1;
            let (way, evidence) = (Withdrawal::Oral, Commitment([0; 32]));
            world.say(
                of.as_str(),
                Body::ConsentWithdraw {
                    consent: *consent,
                    way,
                    recorded_by: facility(at),
                    evidence,
                },
            );
        }
        Narrowing::Reserve {
            network: n,
            subject: s,
            viewer,
            categories,
            facility: documents_of,
        } => {
            let of = NETWORKS[*n];
            let at = HOSPITALS.iter().find(|(n, _)| *n == of).unwrap().1;
            let viewer = match viewer {
                0 => ViewerSelector::Anyone,
                1 => ViewerSelector::Network(network("kurume")),
                _ => ViewerSelector::Facility(facility(HOSPITALS[viewer - 2].1)),
            };
            let reservation = Reservation {
                network: network(of),
                subject: subject(*n, *s),
                viewer,
                disclosing_facilities: documents_of.map(|f| [facility(HOSPITALS[f].1)].into()),
                categories: categories.as_ref().map(|c| c.iter().copied().collect()),
                period: Period {
                    from: BEGIN,
                    until: None,
                },
                recorded_by: facility(at),
            };
            world.say(of, Body::ReservationSet(reservation));
        }
        Narrowing::Suspend(which) | Narrowing::Terminate(which) => {
            let all = agreement_ids(world);
            if all.is_empty() {
                return;
            }
            let id = which.get(&all).clone();
            let party = id.as_str().split('-').next().unwrap().to_owned();
            let suspend = matches!(narrowing, Narrowing::Suspend(_));
            let body = if suspend {
                Body::AgreementSuspend { id }
            } else {
                Body::AgreementTerminate { id }
            };
            world.say(&party, body);
        }
        Narrowing::Unlink { a, b, subject: s } => {
            let other = SubjectRef {
                network: network(NETWORKS[*b]),
                subject: subject(*b, *s),
            };
            world.say(
                NETWORKS[*a],
                Body::SubjectUnlink {
                    own: subject(*a, *s),
                    other,
                },
            );
        }
        Narrowing::Leave(which) => {
            let (of, code) = which.get(&HOSPITALS);
            world.say(
                of,
                Body::FacilityLeave {
                    facility: facility(code),
                },
            );
        }
    }
}

/// Everything anybody could see: (viewing facility, subject, disclosing network, category, disclosing facility).
type Seen = BTreeSet<(usize, u8, NetworkId, Category, FacilityId)>;

fn visible(world: &World) -> Seen {
    let view = View(&world.state);
    let mut seen = Seen::new();
    for (h, (of, code)) in HOSPITALS.iter().enumerate() {
        let n = NETWORKS.iter().position(|id| id == of).unwrap();
        for s in 0..2 {
            let request = world.request(of, code, subject(n, s), &NETWORKS);
            let decisions = super::authorize(view, &request, world.time).unwrap();
            let record = AccessRecord {
                index: EntryIndex(0),
                time: world.time,
                request_id: RequestId([0; 16]),
                author: KeyId([0; 32]),
                request,
                decisions,
            };
            for target in NETWORKS.map(network) {
                let Ok(permit) = Permit::of(&record, &target, world.time) else {
                    continue;
                };
                for (_, documents_of) in HOSPITALS
                    .iter()
                    .filter(|(owner, _)| *owner == target.as_str())
                {
                    let documents_of = facility(documents_of);
                    let registered = view
                        .facility(&documents_of)
                        .unwrap()
                        .unwrap()
                        .value
                        .registered;
                    for category in CATEGORIES {
                        if permit.covers(category, &documents_of, registered) {
                            seen.insert((h, s, target.clone(), category, documents_of.clone()));
                        }
                    }
                }
            }
        }
    }
    seen
}

/// P3, written again in the plainest way: is there an agreement in force for this direction, now?
fn agreed(world: &World, disclosing: &NetworkId, viewing: &NetworkId, category: Category) -> bool {
    let view = View(&world.state);
    agreement_ids(world).iter().any(|id| {
        let head = view.agreement_head(id).unwrap().unwrap().value;
        let in_force = head
            .signed
            .last()
            .map(|v| view.agreement(id, *v).unwrap().unwrap().value);
        head.suspended.is_none()
            && head.terminated.is_none()
            && in_force.is_some_and(|version| {
                let agreement = &version.agreement;
                agreement.valid.contains(world.time)
                    && agreement
                        .parties
                        .iter()
                        .all(|p| version.signed.contains_key(p))
                    && agreement.grants.iter().any(|g| {
                        g.disclosing == *disclosing
                            && g.viewing == *viewing
                            && g.valid.contains(world.time)
                            && g.categories.contains(&category)
                    })
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p3_no_permit_without_an_agreement_in_that_direction(history in proptest::collection::vec(said(), 0..40)) {
        let mut world = world();
        history.iter().for_each(|said| hear(&mut world, said));
        for (h, _, target, category, _) in visible(&world) {
            let viewing = network(HOSPITALS[h].0);
            prop_assert!(target == viewing || agreed(&world, &target, &viewing, category), "{viewing} sees {target}");
        }
    }

    #[test]
    fn p4_narrowing_never_lets_anybody_see_more(
        history in proptest::collection::vec(said(), 0..40),
        narrowings in proptest::collection::vec(narrowing(), 1..6),
    ) {
        let mut world = world();
        history.iter().for_each(|said| hear(&mut world, said));
        let mut before = visible(&world);
        for narrowing in &narrowings {
            narrow(&mut world, narrowing);
            let after = visible(&world);
            prop_assert!(after.is_subset(&before), "{narrowing:?} let be seen: {:?}", after.difference(&before).next());
            before = after;
        }
    }

    #[test]
    fn p4_time_alone_never_renews_what_ended(history in proptest::collection::vec(said(), 0..40), ms in 1..500_000u64) {
        // Every period of these histories begins before now, so waiting can only end some of them.
        let mut world = world();
        history.iter().for_each(|said| hear(&mut world, said));
        let before = visible(&world);
        world.time = world.time.plus_ms(ms);
        prop_assert!(visible(&world).is_subset(&before));
    }

    #[test]
    fn p5_sending_again_changes_nothing(history in proptest::collection::vec(said(), 1..20), again in any::<Index>()) {
        let mut world = world();
        history.iter().for_each(|said| hear(&mut world, said));
        let request = world.request("kurume", HOSPITALS[0].1, subject(0, 0), &NETWORKS);
        let envelope = world.sign("kurume", Body::AccessRequest(request));
        let first = world.apply(&envelope);
        history.iter().take(again.index(history.len())).for_each(|said| hear(&mut world, said));
        let Applied::Leaf { index, .. } = first else { return Err(TestCaseError::fail(format!("{first:?}"))) };
        world.time = BEGIN.plus_ms(10_000_000); // long after its window
        let meta = View(&world.state).meta().unwrap().unwrap();
        prop_assert_eq!(world.apply(&envelope), Applied::Duplicate { index });
        let after = View(&world.state).meta().unwrap().unwrap();
        prop_assert_eq!((meta.size, meta.digest), (after.size, after.digest));
    }

    #[test]
    fn p2_the_same_history_gives_the_same_tree_and_state(history in proptest::collection::vec(said(), 0..30)) {
        let (mut one, mut other) = (world(), world());
        history.iter().for_each(|said| hear(&mut one, said));
        history.iter().for_each(|said| hear(&mut other, said));
        prop_assert_eq!(&one.state, &other.state);
        let size = crate::tree::size(&one.state).unwrap();
        prop_assert_eq!(crate::tree::root(&one.state, size).unwrap(), crate::tree::root(&other.state, size).unwrap());
    }
}

#[test]
fn the_histories_do_lead_to_permits() {
    // A law about permits would hold of a world without any: make sure there are some.
    let mut world = world();
    let history = [
        Said::Agree {
            a: 1,
            b: 0,
            rule: ConsentRule::Viewing,
            categories: CATEGORIES.to_vec(),
            until: None,
        },
        Said::Link {
            a: 1,
            b: 0,
            subject: 0,
        },
        Said::Grant {
            network: 0,
            subject: 0,
            side: Side::Viewing,
            at: 0,
            categories: None,
            until: None,
        },
    ];
    history.iter().for_each(|said| hear(&mut world, said));
    assert_eq!(
        visible(&world)
            .iter()
            .filter(|(_, _, target, _, _)| target.as_str() == "saga")
            .count(),
        3
    );
}
