//! Searches over a handful of invented people.

use super::*;
use crate::{Address, Date, Demographics, Insured, Name, Sex};
use proptest::prelude::*;

fn person(kana: &str, birth: &str, sex: &str, address: &str, phone: &str) -> Demographics {
    Demographics {
        kana: Name::whole(kana),
        birth: Date::read(birth).ok(),
        sex: Sex::read(sex),
        addresses: Address::read("", address).into_iter().collect(),
        phones: Some(phone.to_owned())
            .into_iter()
            .filter(|p| !p.is_empty())
            .collect(),
        ..Demographics::default()
    }
}

const HOME: &str = "福岡県久留米市見本町1-2-3";
const AWAY: &str = "佐賀県佐賀市架空町4-5-6";

/// 1 and 2 are namesakes born on one day; 3 is 1's twin; 4 has two charts.
fn people() -> Vec<(u32, Folded)> {
    let insured = |mut one: Demographics, number: &str| {
        one.insured = Insured::read("01130012", "70", number, "01")
            .into_iter()
            .collect();
        one
    };
    [
        (
            1,
            insured(
                person("カクウ ハナコ", "19500102", "F", HOME, "0942-00-1111"),
                "111111",
            ),
        ),
        (
            2,
            insured(
                person("カクウ ハナコ", "19500102", "F", AWAY, "0952-00-2222"),
                "222222",
            ),
        ),
        (
            3,
            insured(
                person("カクウ モモコ", "19500102", "F", HOME, "0942-00-1111"),
                "333333",
            ),
        ),
        (
            4,
            person("ミホン タロウ", "19700203", "M", HOME, "0942-00-4444"),
        ),
        (
            4,
            person("ミホン タロウ", "19700203", "M", AWAY, "090-0000-4444"),
        ),
    ]
    .map(|(id, one)| (id, Folded::of(&one)))
    .into()
}

fn found(sought: &Demographics) -> Found<u32> {
    let people = people();
    let candidates: Vec<Candidate<'_, u32>> = people.iter().map(|(id, f)| (*id, f)).collect();
    search(&Folded::of(sought), &candidates, &Model::standard())
}

#[test]
fn one_several_or_none() {
    for (sought, expected, what) in [
        (
            person("カクウ ハナコ", "19500102", "F", HOME, "0942-00-1111"),
            Found::One(1),
            "of namesakes the one who lives there",
        ),
        (
            person("ミホン タロウ", "19700203", "M", AWAY, ""),
            Found::One(4),
            "two charts of one person",
        ),
        (
            person("ミホン タロウ", "19700203", "M", "", "0942-00-4444"),
            Found::One(4),
            "the other chart",
        ),
        (
            person("ナナシ ゴンベエ", "19991231", "M", HOME, ""),
            Found::None,
            "nobody",
        ),
        (
            person("カクウ サクラコ", "19500102", "F", HOME, "0942-00-1111"),
            Found::None,
            "a third twin",
        ),
    ] {
        assert_eq!(found(&sought), expected, "{what}");
    }
}

#[test]
fn of_several_it_says_what_would_decide_and_not_who() {
    let sought = person("カクウ ハナコ", "19500102", "F", "", "");
    let Found::Several { deciding } = found(&sought) else {
        panic!("namesakes");
    };
    assert_eq!(deciding, [Item::Address, Item::Phone, Item::Insured]);
    // With what decides it is one.
    let mut more = sought.clone();
    more.phones.push("0952-00-2222".to_owned());
    more.addresses.extend(Address::read("", AWAY));
    assert_eq!(found(&more), Found::One(2));
}

#[test]
fn an_insurance_card_is_enough_and_its_number_alone_is_not() {
    let mut card = person("", "19500102", "F", "", "");
    card.insured = Insured::read("01130012", "70", "222222", "01")
        .into_iter()
        .collect();
    assert_eq!(found(&card), Found::One(2));
    card.insured[0].branch = None;
    assert!(matches!(found(&card), Found::Several { .. }));
    card.insured[0].branch = Some("01".to_owned());
    card.birth = None;
    let Found::Several { deciding } = found(&card) else {
        panic!("a number alone may have been mistyped");
    };
    assert!(deciding.contains(&Item::Birth) && deciding.contains(&Item::Given));
}

#[test]
fn a_sole_but_unsure_candidate_looks_like_several() {
    let sought = person("ミホン タロウ", "19700203", "M", "", "");
    let Found::Several { deciding } = found(&sought) else {
        panic!("not sure by name and birth date alone");
    };
    assert_eq!(deciding, [Item::Address, Item::Phone]);
}

#[test]
fn an_evacuee_is_found_by_what_was_heard() {
    let people = people();
    let candidates: Vec<Candidate<'_, u32>> = people.iter().map(|(id, f)| (*id, f)).collect();
    let ids = |sought: Demographics| -> Vec<u32> {
        let list = evacuee(&Folded::of(&sought), &candidates, &Model::standard());
        list.iter().map(|e| e.id).collect()
    };
    for (sought, expected, what) in [
        (
            person("ミホン タロー", "19700203", "M", "", ""),
            vec![4],
            "a long vowel",
        ),
        (
            person("ミホン タロウ", "19700302", "M", "", ""),
            vec![4],
            "month and day changed",
        ),
        (
            person("ミホン タロウ", "", "M", "久留米市", ""),
            vec![4],
            "no birth date, a municipality",
        ),
        (
            person("ミホン タロウ", "19650203", "", "久留米市見本町", ""),
            vec![4],
            "a birth year guessed",
        ),
        (
            person("カクウ ハナコ", "19500102", "F", "久留米市見本町", ""),
            vec![1, 2, 3],
            "the town ranks first",
        ),
        (
            person("ナナシ ゴンベエ", "19990101", "M", HOME, ""),
            vec![],
            "nobody",
        ),
    ] {
        assert_eq!(ids(sought), expected, "{what}");
    }
}

#[test]
fn an_evacuee_list_is_short_and_explained() {
    let one = Folded::of(&person("ミホン タロウ", "19700203", "M", HOME, ""));
    let many: Vec<Candidate<'_, u32>> = (0..50).map(|id| (id, &one)).collect();
    let list = evacuee(&one, &many, &Model::standard());
    assert_eq!(list.len(), EVACUEES_MAX);
    assert_eq!(list[0].id, 0);
    assert_eq!(list[0].judgement.fields.len(), Item::COUNT);
}

proptest! {
    #[test]
    fn one_is_only_said_where_no_other_comes_near(
        names in proptest::collection::vec("[アイウカキ]{2} [サシス]{2}", 1..8),
        births in proptest::collection::vec("195[0-9]010[1-3]", 8),
        which in 0usize..8,
    ) {
        let people: Vec<(usize, Folded)> = names.iter().zip(&births).enumerate()
            .map(|(n, (name, birth))| (n, Folded::of(&person(name, birth, "F", HOME, "0942-00-1111")))).collect();
        let candidates: Vec<Candidate<'_, usize>> = people.iter().map(|(id, f)| (*id, f)).collect();
        let model = Model::standard();
        let sought = &people[which % people.len()].1;
        let judged: Vec<_> = people.iter().map(|(_, f)| judge_levels(&compare(sought, f), &model)).collect();
        let plausible = judged.iter().filter(|j| j.band != Band::Apart).count();
        match search(sought, &candidates, &model) {
            Found::One(id) => {
                prop_assert_eq!(judged[id].band, Band::Link);
                let near = judged.iter().filter(|j| {
                    j.band != Band::Apart && judged[id].score - j.score < model.link_bits
                });
                prop_assert_eq!(near.count(), 1);
            }
            Found::Several { .. } => prop_assert!(plausible >= 1),
            Found::None => prop_assert_eq!(plausible, 0),
        }
    }
}
