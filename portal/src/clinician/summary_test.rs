//! What several documents say together.

use super::*;
use sekisho_ingest::typed::{Allergy, Amount, Coded, Drug, LabResult, Prescription};

fn coded(name: &str) -> Coded {
    Coded {
        name: name.to_owned(),
        ..Coded::default()
    }
}

fn order(name: &str, is_given: bool) -> Prescription {
    let drug = Drug {
        drug: coded(name),
        dose: Amount {
            number: "1".into(),
            unit: "錠".into(),
        },
    };
    Prescription {
        drugs: vec![drug],
        is_given,
        ..Prescription::default()
    }
}

fn result(name: &str, value: &str, range: &str, flag: Option<Flag>, at: u64) -> LabResult {
    LabResult {
        analyte: coded(name),
        value: value.to_owned(),
        number: value.parse::<f64>().is_ok().then(|| value.to_owned()),
        unit: "mg/dL".into(),
        range: range.to_owned(),
        flag,
        at: Some(TimeMs(at)),
        ..LabResult::default()
    }
}

fn read(number: usize, facility: &str, content: Content) -> Read {
    Read {
        number,
        facility: facility.to_owned(),
        service: TimeMs(number as u64),
        content,
    }
}

#[test]
fn the_same_drug_of_two_facilities_is_marked_whatever_its_strength_and_maker() {
    let saga = Content {
        prescriptions: vec![order("アムロジピン錠５ｍｇ「サワイ」", false)],
        ..Content::default()
    };
    let kurume = Content {
        prescriptions: vec![
            order("ｱﾑﾛｼﾞﾋﾟﾝ錠2.5mg「トーワ」", false),
            order("カンデサルタン錠8mg", false),
        ],
        ..Content::default()
    };
    let summary = summarise(&[
        read(0, "saga", saga.clone()),
        read(1, "kurume", kurume),
        read(2, "saga", saga),
    ]);
    let also: Vec<_> = summary
        .drugs
        .iter()
        .map(|d| (d.number, d.also.len()))
        .collect();
    assert_eq!(also.iter().filter(|(_, n)| *n == 1).count(), 3, "{also:?}");
    let candesartan = summary
        .drugs
        .iter()
        .find(|d| d.name.starts_with("カンデ"))
        .unwrap();
    assert!(candesartan.also.is_empty());
}

#[test]
fn a_drug_that_an_allergy_names_is_marked_and_what_was_given_is_no_order() {
    let allergy = |name: &str| Allergy {
        substance: coded(name),
        ..Allergy::default()
    };
    let content = Content {
        allergies: vec![allergy("ペニシリン系"), allergy("卵")],
        prescriptions: vec![
            order("ベンジルペニシリンカリウム注", false),
            order("卵黄油", false),
            order("ペニシリンＧ", true),
        ],
        ..Content::default()
    };
    let summary = summarise(&[read(0, "saga", content.clone()), read(1, "kurume", content)]);
    assert_eq!(summary.allergies.len(), 2, "said twice, listed once");
    assert_eq!(summary.allergies[0].facilities.len(), 2);
    let marked: Vec<_> = summary
        .drugs
        .iter()
        .filter_map(|d| d.allergy.as_deref())
        .collect();
    assert_eq!(
        marked,
        ["ペニシリン系", "ペニシリン系"],
        "one letter marks nothing"
    );
    assert_eq!(summary.drugs.len(), 4);
}

#[test]
fn results_of_one_test_are_one_curve_in_their_order() {
    let first = Content {
        results: vec![result("ＡＳＴ", "20", "10-40", Some(Flag::Normal), 50)],
        ..Content::default()
    };
    let second = Content {
        results: vec![
            result("AST", "55", "13～30", Some(Flag::High), 70),
            result("AST", "陰性", "", None, 60),
        ],
        ..Content::default()
    };
    let trends = summarise(&[read(1, "kurume", second), read(0, "saga", first)]).trends;
    let [ast] = trends.as_slice() else {
        panic!("{trends:?}")
    };
    let points: Vec<_> = ast
        .points
        .iter()
        .map(|p| (p.at.0, p.value, p.outside))
        .collect();
    assert_eq!(points, [(50, 20.0, false), (70, 55.0, true)]);
    assert_eq!(ast.range, Some((13.0, 30.0)), "the latest");
    for (text, wanted) in [
        ("33-86", Some((33.0, 86.0))),
        ("１１.６～１４.８", Some((11.6, 14.8))),
        ("86-33", None),
        ("<5", None),
        ("", None),
    ] {
        assert_eq!(range(text), wanted, "{text}");
    }
}

#[test]
fn a_value_is_outside_as_the_laboratory_says_or_else_by_its_range() {
    for (flag, value, range, outside) in [
        (Some(Flag::Normal), 99.0, Some((1.0, 2.0)), false),
        (Some(Flag::Low), 1.5, Some((1.0, 2.0)), true),
        (None, 2.1, Some((1.0, 2.0)), true),
        (None, 2.0, Some((1.0, 2.0)), false),
        (None, 99.0, None, false),
    ] {
        assert_eq!(
            is_outside(flag, value, range),
            outside,
            "{flag:?} {value} {range:?}"
        );
    }
}

#[test]
fn an_overview_stays_within_its_bounds() {
    let many = Content {
        prescriptions: (0..LINES_MAX + 1)
            .map(|n| order(&format!("薬{n}"), false))
            .collect(),
        results: (0..TRENDS_MAX + 1)
            .map(|n| result(&format!("検査{n}"), "1", "", None, 1))
            .collect(),
        ..Content::default()
    };
    let summary = summarise(&[read(0, "saga", many)]);
    assert!(summary.cut);
    assert_eq!(
        (summary.drugs.len(), summary.trends.len()),
        (LINES_MAX, TRENDS_MAX)
    );
    assert_eq!(summarise(&[]), Summary::default());
}
