//! What parses, what does not, and that nothing changes on the way through JSON and postcard.

use crate::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, json: &str) {
    assert_eq!(serde_json::to_string(value).unwrap(), json);
    assert_eq!(&serde_json::from_str::<T>(json).unwrap(), value);
    let bytes = postcard::to_allocvec(value).unwrap();
    assert_eq!(&postcard::from_bytes::<T>(&bytes).unwrap(), value, "{json}");
}

#[test]
fn text_ids_hold_what_their_rule_says() {
    let longest = |n: usize| "a".repeat(n);
    for good in ["a", "0", "kurume", "a-b-1", "1-", &longest(40)] {
        assert_eq!(good.parse::<NetworkId>().unwrap().as_str(), good);
        assert_eq!(good.parse::<AgreementId>().unwrap().as_str(), good);
        there_and_back(&good.parse::<NetworkId>().unwrap(), &format!("{good:?}"));
    }
    for bad in [
        "", "-", "-a", "A", "a_b", "a b", "a\0", "é", "関", "a\n", " a", "a.b",
    ] {
        assert!(bad.parse::<NetworkId>().is_err(), "{bad:?}");
        assert!(bad.parse::<AgreementId>().is_err(), "{bad:?}");
        assert!(serde_json::from_value::<NetworkId>(bad.into()).is_err());
    }
    assert!(longest(41).parse::<NetworkId>().is_err());
    assert!(longest(64).parse::<AgreementId>().is_ok());
    assert!(longest(65).parse::<AgreementId>().is_err());
    // However long the wrong value, the error stays short.
    let error = longest(100_000)
        .parse::<NetworkId>()
        .unwrap_err()
        .to_string();
    assert!(error.len() < 200);

    there_and_back(
        &"4110000001".parse::<FacilityId>().unwrap(),
        "\"4110000001\"",
    );
    for bad in [
        "",
        "411000000",
        "41100000011",
        "411000000a",
        "-110000001",
        "４１１０００００01",
        "4110000 01",
    ] {
        assert!(bad.parse::<FacilityId>().is_err(), "{bad:?}");
    }
}

#[test]
fn byte_ids_are_hexadecimal_for_people_and_bytes_on_disk() {
    let id = SubjectId(*b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\xff");
    let text = "000102030405060708090a0b0c0d0eff";
    there_and_back(&id, &format!("\"{text}\""));
    assert_eq!((id.to_string().as_str(), text.parse()), (text, Ok(id)));
    assert_eq!(format!("{id:?}"), format!("SubjectId({text})"));
    assert_eq!(
        postcard::to_allocvec(&id).unwrap().len(),
        1 + SubjectId::LEN
    );
    for bad in [
        "",
        "00",
        &text[1..],
        &format!("{text}0"),
        &format!("{text}00"),
        &text.replace('f', "g"),
    ] {
        assert!(bad.parse::<SubjectId>().is_err(), "{bad:?}");
    }
    for length in [0, 15, 17, 32] {
        let bytes = vec![1u8; length];
        let error = SubjectId::try_from(bytes.as_slice()).unwrap_err();
        assert_eq!(
            error,
            DomainError::Length {
                what: "SubjectId",
                expected_bytes: 16,
                got_bytes: length
            }
        );
        let stored = postcard::to_allocvec(&bytes).unwrap();
        assert!(
            postcard::from_bytes::<SubjectId>(&stored).is_err(),
            "{length}"
        );
    }
    assert!(serde_json::from_str::<Hash>("12").is_err());
}

#[test]
fn subjects_and_periods_are_checked() {
    let subject = "kurume:000102030405060708090a0b0c0d0eff";
    assert_eq!(subject.parse::<SubjectRef>().unwrap().to_string(), subject);
    for bad in [
        "",
        "kurume",
        "kurume:",
        ":00",
        "Kurume:000102030405060708090a0b0c0d0eff",
        "kurume:0",
    ] {
        assert!(bad.parse::<SubjectRef>().is_err(), "{bad:?}");
    }
    let at = TimeMs;
    for (from, until, good) in [
        (0, None, true),
        (u64::MAX, None, true),
        (0, Some(1), true),
        (1, Some(1), false),
        (2, Some(1), false),
        (u64::MAX - 1, Some(u64::MAX), true),
        (u64::MAX, Some(u64::MAX), false),
    ] {
        assert_eq!(
            Period::new(at(from), until.map(at)).is_ok(),
            good,
            "{from} {until:?}"
        );
    }
    let period = Period::new(at(5), Some(at(7))).unwrap();
    let contained: Vec<_> = (3..9).filter(|t| period.contains(at(*t))).collect();
    assert_eq!(contained, [5, 6]);
    let ended: Vec<_> = (3..9).filter(|t| period.has_ended(at(*t))).collect();
    assert_eq!(ended, [7, 8]);
    assert_eq!(at(u64::MAX - 1).plus_ms(5), at(u64::MAX));
}

macro_rules! for_each_list {
    ($check:ident) => {
        $check!(Category);
        $check!(Purpose);
        $check!(FacilityKind);
        $check!(Role);
        $check!(Capture);
        $check!(Withdrawal);
        $check!(Side);
        $check!(ConsentRule);
        $check!(Scope);
        $check!(KeyPurpose);
        $check!(Action);
        $check!(DenyReason);
        $check!(RefusalReason);
        $check!(EmergencyReason);
        $check!(DisasterConsent);
        $check!(LegalBasis);
        $check!(Footing);
        $check!(ProxyKind);
        $check!(ProxyEndReason);
        $check!(Verdict);
        $check!(Told);
        $check!(DisasterKind);
        $check!(Settlement);
    };
}

#[test]
fn every_code_has_one_number_one_code_and_two_names() {
    macro_rules! check {
        ($list:ident) => {
            let mut codes = std::collections::BTreeSet::new();
            for (value, number) in $list::ALL.iter().copied().zip(1u8..) {
                assert_eq!(value.number(), number, "numbers of {value} have no gap");
                assert_eq!($list::from_number(number.into()), Ok(value));
                assert_eq!(value.code().parse(), Ok(value));
                assert!(codes.insert(value.code()), "{value} twice");
                assert!(!value.en().is_empty() && !value.ja().is_ascii(), "{value}");
                there_and_back(&value, &format!("{:?}", value.code()));
                assert_eq!(postcard::to_allocvec(&value).unwrap(), [number]);
            }
            for outside in [
                i64::MIN,
                -1,
                0,
                $list::ALL.len() as i64 + 1,
                256,
                257,
                i64::MAX,
            ] {
                assert!($list::from_number(outside).is_err(), "{outside}");
            }
            for outside in [0u8, $list::ALL.len() as u8 + 1, 255] {
                assert!(
                    postcard::from_bytes::<$list>(&[outside]).is_err(),
                    "{outside}"
                );
            }
            for outside in ["", "x", " ", "\u{0}"] {
                assert!(outside.parse::<$list>().is_err(), "{outside:?}");
            }
        };
    }
    for_each_list!(check);
}

#[test]
fn a_prefecture_or_a_municipality_is_an_area() {
    for good in ["01", "47", "40203", "01100"] {
        let area: AreaCode = good.parse().unwrap();
        assert_eq!((area.as_str(), area.prefecture()), (good, &good[..2]));
        assert_eq!(area.is_prefecture(), good.len() == 2);
        there_and_back(&area, &format!("{good:?}"));
    }
    for bad in [
        "", "0", "00", "48", "99", "1", "401", "4020", "402030", "48203", "00203", "4a", "４０",
    ] {
        assert!(bad.parse::<AreaCode>().is_err(), "{bad:?}");
    }
    let facility: FacilityId = "4010000001".parse().unwrap();
    assert_eq!(facility.prefecture(), "40");
}

#[test]
fn a_set_of_codes_is_a_list_for_people_and_one_number_on_disk() {
    let some: Codes<Category> = [Category::LabResult, Category::Allergy].into();
    there_and_back(&some, r#"["allergy","lab-result"]"#);
    assert_eq!(postcard::to_allocvec(&some).unwrap().len(), 2);
    there_and_back(&Codes::<Category>::new(), "[]");
    // A number for which the list has no code is no set of that list.
    for list in 0..64u64 {
        let known = Side::ALL
            .iter()
            .any(|side| u64::from(side.number()) == list);
        let stored = postcard::to_allocvec(&(1u64 << list)).unwrap();
        assert_eq!(postcard::from_bytes::<Codes<Side>>(&stored).is_ok(), known);
    }
    for bad in [r#"["diagnoses"]"#, "[1]", "7", r#""allergy""#] {
        assert!(serde_json::from_str::<Codes<Category>>(bad).is_err());
    }
}

/// Sets of codes do what sets do: compared with the standard library's, over every pair of some hundred sets.
#[test]
fn sets_of_codes_are_sets() {
    use std::collections::BTreeSet;
    let sets: Vec<BTreeSet<Purpose>> = (0..1u32 << Purpose::ALL.len())
        .step_by(13)
        .map(|bits| {
            let of = Purpose::ALL.iter().zip(0u32..);
            of.filter(|(_, n)| bits >> n & 1 == 1)
                .map(|(purpose, _)| *purpose)
                .collect()
        })
        .collect();
    let codes = |set: &BTreeSet<Purpose>| set.iter().copied().collect::<Codes<Purpose>>();
    for a in &sets {
        let one = codes(a);
        assert_eq!(one.iter().collect::<BTreeSet<_>>(), *a);
        assert!(one.iter().is_sorted());
        assert_eq!((one.len(), one.is_empty()), (a.len(), a.is_empty()));
        for b in &sets {
            let other = codes(b);
            assert_eq!(one.intersection(&other), codes(&(a & b)));
            assert_eq!(one.union(&other), codes(&(a | b)));
            assert_eq!(one.difference(&other), codes(&(a - b)));
            assert_eq!(one.is_subset(&other), a.is_subset(b));
            assert_eq!(one.is_disjoint(&other), a.is_disjoint(b));
            assert_eq!(one == other, a == b);
        }
        for purpose in Purpose::ALL {
            let (mut with, mut without) = (one, one);
            with.insert(*purpose);
            without.remove(*purpose);
            assert_eq!(one.contains(purpose), a.contains(purpose));
            assert!(with.contains(purpose) && !without.contains(purpose));
        }
    }
    assert_eq!(Codes::<Purpose>::all().len(), Purpose::ALL.len());
}

#[test]
fn what_a_purpose_rests_on_and_which_ways_of_consenting_are_said() {
    use Purpose::*;
    for (nature, purposes) in [
        (
            Nature::Ordinary,
            &[
                Treat,
                CoordinationOfCare,
                PatientRequest,
                HealthcareResearch,
                EmergencyTreatment,
            ][..],
        ),
        (Nature::BreakGlass, &[BreakGlass]),
        (Nature::Disaster, &[Disaster]),
        (Nature::Law, &[PublicHealth, Legal, Threat]),
    ] {
        let of = Purpose::ALL.iter().filter(|p| p.nature() == nature);
        assert_eq!(of.copied().collect::<Vec<_>>(), purposes, "{nature:?}");
    }
    let unsaid = Capture::ALL.iter().filter(|capture| !capture.is_explicit());
    let expected = [Capture::NoticeWithOptOut, Capture::PhysicianJudgement];
    assert_eq!(unsaid.copied().collect::<Vec<_>>(), expected);
}

#[test]
fn a_grant_rests_on_consent_or_does_not_and_glass_is_broken_by_few() {
    let of = |purposes: &[Purpose], consent_rule, roles: &[Role]| Grant {
        disclosing: "saga".parse().unwrap(),
        viewing: "kurume".parse().unwrap(),
        categories: Codes::all(),
        purposes: purposes.iter().copied().collect(),
        facility_kinds: Codes::all(),
        roles: roles.iter().copied().collect(),
        consent_rule,
        valid: Period {
            from: TimeMs(0),
            until: None,
        },
    };
    let all = Role::ALL;
    for rule in ConsentRule::ALL.iter().copied() {
        for purpose in Purpose::ALL.iter().copied() {
            let roles = match purpose {
                Purpose::BreakGlass => &Grant::BREAK_GLASS_ROLES[..],
                _ => all,
            };
            let consented = rule != ConsentRule::NotNeeded;
            let fits = consented == (purpose.nature() == Nature::Ordinary);
            assert_eq!(
                of(&[purpose], rule, roles).check().is_ok(),
                fits,
                "{rule}, {purpose}"
            );
        }
    }
    let not_needed = ConsentRule::NotNeeded;
    let mixed = [Purpose::Treat, Purpose::Disaster];
    assert!(of(&mixed, ConsentRule::Both, all).check().is_err());
    assert!(of(&mixed, not_needed, all).check().is_err());
    for role in all.iter().copied() {
        let may = [Role::Physician, Role::Paramedic].contains(&role);
        let grant = of(&[Purpose::BreakGlass], not_needed, &[role]);
        assert_eq!(grant.check().is_ok(), may, "{role}");
    }
}

#[test]
fn a_requests_grounds_fit_its_purpose() {
    let grounds = [
        (Nature::Ordinary, Grounds::Ordinary),
        (
            Nature::BreakGlass,
            Grounds::Emergency(EmergencyReason::NoTime),
        ),
        (
            Nature::Disaster,
            Grounds::Disaster {
                declaration: DisasterId(EntryIndex(1)),
                consent: DisasterConsent::Oral,
            },
        ),
        (Nature::Law, Grounds::Law(LegalBasis::ChildAbuse)),
    ];
    for (nature, grounds) in grounds {
        for purpose in Purpose::ALL.iter().copied() {
            let request = AccessRequest {
                viewing: "kurume".parse().unwrap(),
                facility: "4010000001".parse().unwrap(),
                role: Role::Physician,
                practitioner: Commitment([0; 32]),
                practitioner_id: PractitionerId([0; 16]),
                purpose,
                grounds,
                subject: SubjectId([0; 16]),
                action: Action::FindDocuments,
                document: None,
                categories: None,
                targets: ["saga".parse().unwrap()].into(),
            };
            assert_eq!(request.check().is_ok(), purpose.nature() == nature);
        }
    }
}

#[test]
fn a_fresh_request_id_is_a_uuid_of_version_7_and_they_stand_in_the_order_they_were_made_in() {
    // RFC 9562, appendix A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F.
    let random = [0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f];
    let at = TimeMs(0x017f_22e2_79b0);
    let id = RequestId::fresh(at, random);
    assert_eq!(id.to_string(), "017f22e279b07cc398c4dc0c0c07398f");
    let full = RequestId::fresh(at, [0xff; RequestId::RANDOM_BYTES]);
    assert_eq!(full.to_string(), "017f22e279b07fffbfffffffffffffff");
    assert!(full < RequestId::fresh(at.plus_ms(1), [0; RequestId::RANDOM_BYTES]));
}
