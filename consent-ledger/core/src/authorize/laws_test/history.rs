//! Random histories of three networks: what they say, in whatever order.

use crate::View;
use crate::record::AgreementHead;
use crate::testing::{BEGIN, World, facility, grant, network};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use sekisho_domain::*;

pub(super) const NETWORKS: [&str; 3] = ["kurume", "saga", "yame"];
pub(super) const HOSPITALS: [(&str, &str); 4] = [
    ("kurume", "4010000001"),
    ("kurume", "4010000002"),
    ("saga", "4110000001"),
    ("yame", "4010000003"),
];
pub(super) const CATEGORIES: [Category; 3] = [
    Category::Prescription,
    Category::LabResult,
    Category::Infection,
];

/// One thing somebody says. Indices choose among what there is when it is said.
#[derive(Debug, Clone)]
pub(super) enum Said {
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
    /// A network publishes another policy: a side it does not have any more ends the consents of that side.
    Publish {
        network: usize,
        disclosing: Option<Scope>,
        viewing: Option<Scope>,
    },
    /// A facility leaves its network and joins another, or its home again.
    Move {
        to: Option<usize>,
        facility: usize,
    },
    Narrow(Narrowing),
}

/// Every way of narrowing there is: withdrawals, reservations, ends, suspensions.
#[derive(Debug, Clone)]
pub(super) enum Narrowing {
    Withdraw(Index),
    Reserve {
        network: usize,
        subject: u8,
        viewer: usize,
        categories: Option<Vec<Category>>,
        facility: Option<usize>,
        in_ms: u64,
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

pub(super) fn some_categories() -> impl Strategy<Value = Vec<Category>> {
    subsequence(CATEGORIES.to_vec(), 1..=3)
}

pub(super) fn narrowing() -> impl Strategy<Value = Narrowing> {
    prop_oneof![
        3 => any::<Index>().prop_map(Narrowing::Withdraw),
        3 => (0..3usize, 0..2u8, 0..6usize, proptest::option::of(some_categories()), proptest::option::of(0..4usize), 0..40_000u64).prop_map(
            |(network, subject, viewer, categories, facility, in_ms)| Narrowing::Reserve {
                network, subject, viewer, categories, facility, in_ms: in_ms.saturating_sub(20_000),
            }),
        1 => any::<Index>().prop_map(Narrowing::Suspend),
        1 => any::<Index>().prop_map(Narrowing::Terminate),
        1 => (0..3usize, 0..3usize, 0..2u8).prop_map(|(a, b, subject)| Narrowing::Unlink { a, b, subject }),
        1 => any::<Index>().prop_map(Narrowing::Leave),
    ]
}

pub(super) fn said() -> impl Strategy<Value = Said> {
    let until = || proptest::option::of(2_000..200_000u64);
    prop_oneof![
        4 => (0..3usize, 0..3usize, select(&ConsentRule::ALL[..4]), some_categories(), until())
            .prop_map(|(a, b, rule, categories, until)| Said::Agree { a, b, rule, categories, until }),
        8 => (0..3usize, 0..2u8, select(Side::ALL), 0..4usize, proptest::option::of(some_categories()), until())
            .prop_map(|(network, subject, side, at, categories, until)| Said::Grant { network, subject, side, at, categories, until }),
        6 => (0..3usize, 0..3usize, 0..2u8).prop_map(|(a, b, subject)| Said::Link { a, b, subject }),
        1 => (1..30_000u64).prop_map(|ms| Said::Wait { ms }),
        1 => (0..3usize, select(Scope::ALL), proptest::option::of(select(Scope::ALL)), any::<bool>()).prop_map(
            |(network, scope, other, swap)| {
                let (disclosing, viewing) = if swap { (Some(scope), other) } else { (other, Some(scope)) };
                Said::Publish { network, disclosing, viewing }
            }),
        2 => (proptest::option::of(0..3usize), 0..4usize).prop_map(|(to, facility)| Said::Move { to, facility }),
        2 => narrowing().prop_map(Said::Narrow),
    ]
}

pub(super) fn world() -> World {
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

/// The same with a patient of two linked networks who has consented on both sides: what is said from here on
/// meets permits more often than not.
pub(super) fn settled() -> World {
    let mut world = world();
    let agree = |a, b, rule| Said::Agree {
        a,
        b,
        rule,
        categories: CATEGORIES.to_vec(),
        until: None,
    };
    let consent = |network, side, at| Said::Grant {
        network,
        subject: 0,
        side,
        at,
        categories: None,
        until: None,
    };
    let link = Said::Link {
        a: 1,
        b: 0,
        subject: 0,
    };
    for said in [
        agree(1, 0, ConsentRule::Viewing),
        agree(0, 1, ConsentRule::Disclosing),
        link,
        consent(0, Side::Viewing, 0),
        consent(0, Side::Disclosing, 0),
        consent(0, Side::Disclosing, 1),
        consent(1, Side::Disclosing, 2),
    ] {
        hear(&mut world, &said);
    }
    world
}

pub(super) fn subject(network: usize, subject: u8) -> SubjectId {
    SubjectId([(network as u8) * 16 + subject; 16])
}

pub(super) fn agreement_ids(world: &World) -> Vec<AgreementId> {
    View(&world.state)
        .agreements(1000)
        .unwrap()
        .into_iter()
        .map(|(id, _)| id)
        .collect()
}

pub(super) fn consents(world: &World) -> Vec<(NetworkId, ConsentId)> {
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
pub(super) fn hear(world: &mut World, said: &Said) {
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
            // What the policy of the time knows; else the entry is refused, which is part of the history too.
            let policy = View(&world.state)
                .policy_at(&network(id), world.time)
                .unwrap()
                .unwrap()
                .policy;
            let rule = if *side == Side::Disclosing {
                policy.disclosing
            } else {
                policy.viewing
            };
            let selector = match rule.map(|rule| rule.scope) {
                Some(Scope::AllFacilities) => FacilitySelector::All,
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
        Said::Publish {
            network,
            disclosing,
            viewing,
        } => {
            world.policy(NETWORKS[*network], *disclosing, *viewing);
        }
        Said::Move { to, facility: code } => {
            let (home, code_text) = HOSPITALS[*code];
            let now = View(&world.state).facility(&facility(code_text)).unwrap();
            if let Some(now) = now.map(|r| r.value).filter(|f| f.left.is_none()) {
                let leave = Body::FacilityLeave {
                    facility: facility(code_text),
                };
                world.say(now.network.as_str(), leave);
            }
            let to = to.map_or(home, |to| NETWORKS[to]);
            let body = Body::FacilityRegister {
                facility: facility(code_text),
                kind: FacilityKind::Hospital,
                name: "病院".to_owned(),
                municipality: None,
            };
            world.say(to, body);
        }
        Said::Narrow(narrowing) => narrow(world, narrowing),
    }
}

pub(super) fn narrow(world: &mut World, narrowing: &Narrowing) {
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
            in_ms,
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
                    from: world.time.plus_ms(*in_ms),
                    until: None,
                },
                recorded_by: facility(at),
                purposes: None,
                proxy: None,
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
