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
