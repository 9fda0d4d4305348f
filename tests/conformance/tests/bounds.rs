//! Every bound on how many there may be, reached: the last that fits is accepted, the next is refused, and both
//! verifiers agree on all of it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use sekisho_conformance::follow::follow;
use sekisho_domain::{
    Body, Category, Codes, ConsentRule, Decision, DenyReason, DisasterId, EntryIndex, FacilityKind,
    FacilitySelector, Grant, Grounds, KeyPurpose, NewFacility, Purpose, RefusalReason, Reservation,
    Rule, Scope, Side, SubjectRef, Verdict, ViewerSelector,
};
use sekisho_ledger::signature::SigningKey;
use sekisho_ledger::testing::{
    World, disaster, facility, grant, grant_without_consent, joining_notice, key, network, policy,
    purposes_notice, reservation, review, rule, subject,
};
use sha2::{Digest, Sha256};

/// Says it so many times, and once more than there may be.
fn fill(world: &mut World, by: &str, times: usize, body: impl Fn(usize) -> Body) {
    for n in 0..times {
        assert_eq!(world.refusal(by, body(n)), None, "the {n}th of {times}");
    }
    let more = world.refusal(by, body(times));
    assert_eq!(more, Some(RefusalReason::TooMany), "after {times}");
}

fn spare(number: usize) -> SigningKey {
    SigningKey::from_secret(&Sha256::digest(format!("spare {number}")).into())
}

#[test]
fn members() {
    follow("keys", |world| {
        // Governance, transport, checkpoint and node are there.
        fill(world, "kurume", 60, |n| Body::KeyAdd {
            purpose: KeyPurpose::Node,
            public_key: spare(n).public_key(),
            endpoint: None,
        });
    });
    follow("authorities", |world| {
        let admit = |n: usize| Body::AuthorityAdmit {
            authority: network(&format!("ken-{n}")),
            name: "県".to_owned(),
            key: spare(n).public_key(),
            prefectures: [sekisho_ledger::testing::area("40")].into(),
        };
        for n in 0..128 {
            world.by_majority(&admit(n));
        }
        assert_eq!(
            world.refusal("saga", admit(128)),
            Some(RefusalReason::TooMany)
        );
    });
    follow("networks", |world| {
        let admit = |n: usize| Body::NetworkAdmit {
            network: network(&format!("net-{n}")),
            name: "ネット".to_owned(),
            governance_key: key(&format!("net-{n}"), KeyPurpose::Governance).public_key(),
        };
        for n in 2..64 {
            world.by_majority(&admit(n));
        }
        assert_eq!(
            world.refusal("saga", admit(64)),
            Some(RefusalReason::TooMany)
        );
    });
    follow("a facility's changes", |world| {
        for n in 0..128 {
            assert!(
                world
                    .join("saga", "4110000009", FacilityKind::Clinic, None)
                    .0
                    > n
            );
            world.leave("saga", "4110000009");
        }
        let again = Body::FacilityRegister {
            facility: facility("4110000009"),
            kind: FacilityKind::Clinic,
            name: "診療所".to_owned(),
            municipality: None,
        };
        assert_eq!(world.refusal("saga", again), Some(RefusalReason::TooMany));
    });
    follow("policies", |world| {
        // One is there.
        fill(world, "saga", 255, |n| {
            let scope = rule(Scope::AllFacilities);
            Body::ConsentPolicyPublish(policy(n as u32 + 2, Some(scope), None))
        });
    });
    follow("notices", |world| {
        fill(world, "saga", 1024, |_| {
            Body::NoticePost(purposes_notice(None, [Purpose::Treat].into()))
        });
        let joining = Body::NoticePost(joining_notice("4110000001"));
        assert_eq!(
            world.refusal("saga", joining),
            None,
            "those of joining are counted apart"
        );
    });
}

#[test]
fn what_a_revoked_key_said_counts_for_no_majority() {
    follow("a majority of two", |world| {
        let admit = Body::NetworkAdmit {
            network: network("mame"),
            name: "まめネット".to_owned(),
            governance_key: spare(1).public_key(),
        };
        world.accept("saga", admit.clone());
        let key_add = Body::KeyAdd {
            purpose: KeyPurpose::Governance,
            public_key: spare(2).public_key(),
            endpoint: None,
        };
        world.accept("saga", key_add);
        let stolen = key("saga", KeyPurpose::Governance).key_id();
        world.accept_with(&spare(2), Body::KeyRevoke { key: stolen });
        world.accept("kurume", admit.clone());
        assert_eq!(
            world.refusal("kurume", admit.clone()),
            Some(RefusalReason::AlreadyExists),
            "not admitted yet: it is a saying that exists"
        );
        world.accept_with(&spare(2), admit);
        let facility = Body::FacilityRegister {
            facility: facility("3210000001"),
            kind: FacilityKind::Hospital,
            name: "病院".to_owned(),
            municipality: None,
        };
        world.accept_with(&spare(1), facility);
    });
}

#[test]
fn agreements() {
    follow("agreements of two", |world| {
        let grants = |n: usize| {
            let grants = vec![grant("saga", "kurume", ConsentRule::Viewing)];
            (format!("kyotei-{n}"), grants)
        };
        for n in 0..32 {
            let (id, grants) = grants(n);
            world.agree(&id, grants);
        }
        let mut one_more = world.clone().agree("kyotei-0", grants(0).1);
        one_more.id = "kyotei-32".parse().unwrap();
        one_more.version = 1;
        let refused = world.refusal("saga", Body::AgreementPropose(one_more));
        assert_eq!(refused, Some(RefusalReason::TooMany));
    });
    follow("versions", |world| {
        for _ in 0..256 {
            world.agree(
                "kyotei",
                vec![grant("saga", "kurume", ConsentRule::Viewing)],
            );
        }
        let mut last = world.clone().agree(
            "kyotei-b",
            vec![grant("saga", "kurume", ConsentRule::Viewing)],
        );
        last.id = "kyotei".parse().unwrap();
        last.version = 257;
        let refused = world.refusal("saga", Body::AgreementPropose(last));
        assert_eq!(refused, Some(RefusalReason::TooMany));
    });
}

#[test]
fn patients() {
    follow("consents", |world| {
        let consent = world.consent(
            "saga",
            subject(1),
            Side::Disclosing,
            "4110000001",
            FacilitySelector::All,
        );
        fill(world, "saga", 512, |_| Body::ConsentGrant(consent.clone()));
        let other = sekisho_domain::Consent {
            side: Side::Viewing,
            ..consent
        };
        assert_eq!(
            world.refusal("saga", Body::ConsentGrant(other)),
            None,
            "sides are counted apart"
        );
    });
    follow(
        "reservations, of which the last lets nothing be seen",
        |world| {
            world.agree(
                "kyotei",
                vec![grant_without_consent(
                    "saga",
                    "kurume",
                    [Purpose::BreakGlass].into(),
                )],
            );
            let one = Reservation {
                viewer: ViewerSelector::Network(network("yame")),
                ..reservation("saga", subject(1), "4110000001")
            };
            for n in 0..513 {
                if n == 512 {
                    assert!(ask_in_emergency(world).is_ok(), "none of 512 concerns it");
                }
                world.accept("saga", Body::ReservationSet(one.clone()));
            }
            let more = world.refusal("saga", Body::ReservationSet(one));
            assert_eq!(more, Some(RefusalReason::TooMany));
            assert_eq!(ask_in_emergency(world), Err(DenyReason::ReservedByPatient));
        },
    );
    follow("what consents name together", |world| {
        let list = |n: usize| (0..n).map(|n| facility(&format!("40{n:08}")));
        let consent = |names: usize| sekisho_domain::Consent {
            counterpart: Some(list(names).collect()),
            ..world.consent(
                "saga",
                subject(1),
                Side::Disclosing,
                "4110000001",
                FacilitySelector::All,
            )
        };
        let (long, practitioners, rest) = (consent(256), consent(254), consent(1));
        for _ in 0..15 {
            world.accept("saga", Body::ConsentGrant(long.clone()));
        }
        let one = sekisho_domain::PractitionerId([7; 16]);
        let practitioners = sekisho_domain::Consent {
            practitioners: Some([one].into()),
            ..practitioners
        };
        world.accept("saga", Body::ConsentGrant(practitioners));
        // 4,095 are named; a list of two would be one too many.
        let two = world.refusal("saga", Body::ConsentGrant(consent_of_two(&rest)));
        assert_eq!(two, Some(RefusalReason::TooMany));
        fill(world, "saga", 1, |_| Body::ConsentGrant(rest.clone()));
    });
    follow(
        "what reservations name together, past which nothing is seen",
        |world| {
            world.agree(
                "kyotei",
                vec![grant_without_consent(
                    "saga",
                    "kurume",
                    [Purpose::BreakGlass].into(),
                )],
            );
            let list = (0..256).map(|n| facility(&format!("41{n:08}")));
            let one = Reservation {
                viewer: ViewerSelector::Network(network("yame")),
                disclosing_facilities: Some(list.collect()),
                ..reservation("saga", subject(1), "4110000001")
            };
            for _ in 0..16 {
                world.accept("saga", Body::ReservationSet(one.clone()));
            }
            assert!(ask_in_emergency(world).is_ok(), "4,096 names");
            world.accept("saga", Body::ReservationSet(one.clone()));
            assert_eq!(ask_in_emergency(world), Err(DenyReason::ReservedByPatient));
            let more = world.refusal("saga", Body::ReservationSet(one));
            assert_eq!(more, Some(RefusalReason::TooMany));
        },
    );
    follow("claims of sameness", |world| {
        // One is there.
        let link = |n: usize| Body::SubjectLink {
            own: sekisho_domain::SubjectId([9; 16]),
            other: SubjectRef {
                network: network("saga"),
                subject: subject(n as u8 + 10),
            },
        };
        fill(world, "kurume", 64, link);
    });
    follow("a link's changes", |world| {
        let (own, other) = (
            subject(2),
            SubjectRef {
                network: network("saga"),
                subject: subject(2),
            },
        );
        for _ in 0..128 {
            let other = other.clone();
            world.accept(
                "kurume",
                Body::SubjectLink {
                    own,
                    other: other.clone(),
                },
            );
            world.accept("kurume", Body::SubjectUnlink { own, other });
        }
        let again = world.refusal("kurume", Body::SubjectLink { own, other });
        assert_eq!(again, Some(RefusalReason::TooMany));
    });
    follow("a death's changes", |world| {
        let subject = subject(3);
        let recorded_by = facility("4110000001");
        for _ in 0..128 {
            let recorded_by = recorded_by.clone();
            world.accept(
                "saga",
                Body::DeathRecord {
                    subject,
                    recorded_by: recorded_by.clone(),
                },
            );
            world.accept(
                "saga",
                Body::DeathRetract {
                    subject,
                    recorded_by,
                },
            );
        }
        let again = world.refusal(
            "saga",
            Body::DeathRecord {
                subject,
                recorded_by,
            },
        );
        assert_eq!(again, Some(RefusalReason::TooMany));
    });
}

/// The same for two facilities of the other side.
fn consent_of_two(one: &sekisho_domain::Consent) -> sekisho_domain::Consent {
    sekisho_domain::Consent {
        counterpart: Some([facility("4000000000"), facility("4000000001")].into()),
        ..one.clone()
    }
}

fn ask_in_emergency(world: &mut World) -> Result<EntryIndex, DenyReason> {
    let mut request = world.request("kurume", "4010000001", subject(1), &["saga"]);
    request.purpose = Purpose::BreakGlass;
    request.grounds = Grounds::Emergency(sekisho_domain::EmergencyReason::NoTime);
    let (index, decisions) = world.ask(&request);
    match &decisions[0].1 {
        Decision::Permit(_) => Ok(index),
        Decision::Deny(denial) => Err(denial.reason),
    }
}

#[test]
fn emergencies_and_disasters() {
    follow("reviews", |world| {
        world.agree(
            "kyotei",
            vec![grant_without_consent(
                "saga",
                "kurume",
                [Purpose::BreakGlass].into(),
            )],
        );
        world.certify("kurume", KeyPurpose::Officer);
        let access = ask_in_emergency(world).unwrap();
        fill(world, "kurume", 255, |_| {
            Body::EmergencyReview(review(access, Verdict::FollowUp))
        });
    });
    follow("extensions", |world| {
        world.authority("fukuoka-ken", &["40"]);
        let declared = disaster(&["40"], world.time);
        let until = declared.until;
        let declaration = DisasterId(world.accept("fukuoka-ken", Body::DisasterDeclare(declared)));
        fill(world, "fukuoka-ken", 255, |n| Body::DisasterExtend {
            declaration,
            until: until.plus_ms(n as u64 + 1),
        });
    });
}

#[test]
fn withheld_and_bases() {
    follow("32 of 40 grants, 32 lists withheld, and no 33rd", |world| {
        let all = Category::ALL;
        let pairs = all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b)));
        let grants: Vec<Grant> = pairs
            .filter(|(a, b)| a < b)
            .take(40)
            .map(|(a, b)| Grant {
                categories: Codes::from([a, b]),
                ..grant("saga", "kurume", ConsentRule::Disclosing)
            })
            .collect();
        world.agree("kyotei", grants);
        let consent = world.consent(
            "saga",
            subject(1),
            Side::Disclosing,
            "4110000001",
            FacilitySelector::All,
        );
        world.accept("saga", Body::ConsentGrant(consent));
        let request = world.request("kurume", "4010000001", subject(1), &["saga"]);
        for n in 0..=33u32 {
            let (_, decisions) = world.ask(&request);
            match &decisions[0].1 {
                Decision::Permit(terms) => {
                    assert_eq!((terms.bases.len(), terms.withheld.len()), (32, n as usize));
                }
                Decision::Deny(denial) => {
                    assert_eq!((n, denial.reason), (33, DenyReason::ReservedByPatient));
                }
            }
            let held = Reservation {
                disclosing_facilities: Some([facility(&format!("41{n:08}"))].into()),
                ..reservation("saga", subject(1), "4110000001")
            };
            world.accept("saga", Body::ReservationSet(held));
        }
    });
    follow("what one side lets be seen, beyond 64 reaches", |world| {
        // Each consent has two: for those registered before it, and for one that joined after its notice. None
        // covers another, for no three categories are those of two.
        world.publish("saga", {
            let after_notice = Rule {
                new_facility: NewFacility::AfterNotice { days: 1 },
                ..rule(Scope::AllFacilities)
            };
            policy(2, Some(after_notice), None)
        });
        world.agree("kyotei", vec![grant("saga", "kurume", ConsentRule::Both)]);
        let rare = Codes::from([Category::ALL[23]]);
        let viewing = sekisho_domain::Consent {
            categories: Some(rare),
            ..world.consent(
                "kurume",
                subject(1),
                Side::Viewing,
                "4010000001",
                FacilitySelector::All,
            )
        };
        world.accept("kurume", Body::ConsentGrant(viewing));
        let of = |categories: Codes<Category>, world: &World| sekisho_domain::Consent {
            categories: Some(categories),
            ..world.consent(
                "saga",
                subject(1),
                Side::Disclosing,
                "4110000001",
                FacilitySelector::All,
            )
        };
        let few = &Category::ALL[..23];
        let mut triples = Vec::new();
        for (n, a) in few.iter().enumerate() {
            for (m, b) in few.iter().enumerate().skip(n + 1) {
                triples.extend(few.iter().skip(m + 1).map(|c| Codes::from([*a, *b, *c])));
            }
        }
        for categories in &triples[..32] {
            let consent = of(*categories, world);
            world.accept("saga", Body::ConsentGrant(consent));
        }
        let last = of(rare, world);
        world.accept("saga", Body::ConsentGrant(last));
        world.hospital("saga", "4110000002");
        world.accept("saga", Body::NoticePost(joining_notice("4110000002")));
        world.time = world.time.plus_ms(24 * 60 * 60 * 1000);
        let mut request = world.request("kurume", "4010000001", subject(1), &["saga"]);
        let ask = |world: &mut World, request: &_| match &world.ask(request).1[0].1 {
            Decision::Permit(terms) => Ok(terms.bases.len()),
            Decision::Deny(denial) => Err(denial.reason),
        };
        // The one category both sides let be seen is beyond the bound; asked for by itself it is not.
        assert_eq!(
            ask(world, &request),
            Err(DenyReason::ConsentForOtherCategory)
        );
        request.categories = Some(rare);
        assert_eq!(ask(world, &request), Ok(2));
    });
}
