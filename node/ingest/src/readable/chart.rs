//! The standing parts of a chart: demographics, allergies, diagnoses, visits and stays.

use super::{Table, headings, name_of, observation, person, row, time};
use crate::message::{Message, Segment};
use sekisho_documents::Title;

/// PPR-01: one row for each problem, its modifiers with it: 疑い changes everything.
pub(super) fn diagnoses(message: &Message<'_>) -> Table {
    let mut rows = Vec::new();
    for group in message.groups("PRB") {
        let Some(prb) = group.first() else { continue };
        let of = |name: &str| {
            group
                .iter()
                .filter(|s| s.name() == name)
                .collect::<Vec<_>>()
        };
        let (modifiers, teeth) = (of("ZPR"), of("ZPD"));
        let prefix: String = modifiers.iter().map(|z| name_of(z, 1)).collect();
        let suffix: String = modifiers.iter().map(|z| name_of(z, 3)).collect();
        let remarks = modifiers
            .iter()
            .map(|z| z.text(7, 1))
            .chain(teeth.iter().map(|z| name_of(z, 2)));
        let remarks = remarks
            .chain([prb.text(17, 1)])
            .filter(|r| !r.is_empty())
            .collect::<Vec<_>>()
            .join("、");
        rows.push(row([
            name_of(prb, 3),
            prefix,
            suffix,
            prb.text(10, 1),
            name_of(prb, 18),
            time(prb.raw(16, 1)),
            time(prb.raw(7, 1)),
            name_of(prb, 14),
            [time(prb.raw(15, 1)), time(prb.raw(9, 1))]
                .into_iter()
                .find(|t| !t.is_empty())
                .unwrap_or_default(),
            action(prb.raw(1, 1)),
            remarks,
        ]));
    }
    Table {
        title: Title::new("病名", "Diagnoses"),
        headings: headings(&[
            ("病名", "Diagnosis"),
            ("接頭語", "Prefix"),
            ("接尾語", "Suffix"),
            ("ICD-10", "ICD-10"),
            ("区分", "Rank"),
            ("発症", "Onset"),
            ("開始", "Established"),
            ("転帰", "Outcome"),
            ("転帰日", "Outcome date"),
            ("処理", "Action"),
            ("備考", "Remarks"),
        ]),
        rows,
    }
}

fn action(code: &str) -> String {
    match code {
        "AD" => String::new(),
        "UP" => "更新 UP".into(),
        "DE" => "削除 DE".into(),
        other => other.into(),
    }
}

/// ADT-61.
pub(super) fn allergies_of_iam(message: &Message<'_>) -> Table {
    let rows = message.named("IAM").map(|iam| {
        row([
            name_of(&iam, 2),
            name_of(&iam, 3),
            name_of(&iam, 4),
            reactions(&iam),
            time(iam.raw(11, 1)),
            iam.text(6, 1),
        ])
    });
    allergies(rows.collect())
}

/// AL1, in ADT-00 and in orders.
pub(super) fn allergies_of_al1(message: &Message<'_>) -> Table {
    let rows = message.named("AL1").map(|al1| {
        row([
            name_of(&al1, 2),
            name_of(&al1, 3),
            name_of(&al1, 4),
            reactions(&al1),
            time(al1.raw(6, 1)),
            String::new(),
        ])
    });
    allergies(rows.collect())
}

fn reactions(segment: &Segment<'_, '_>) -> String {
    name_of(segment, 5)
}

fn allergies(rows: Vec<Vec<String>>) -> Table {
    Table {
        title: Title::new("アレルギー", "Allergies"),
        headings: headings(&[
            ("分類", "Type"),
            ("アレルゲン", "Allergen"),
            ("重症度", "Severity"),
            ("反応", "Reaction"),
            ("発現", "Onset"),
            ("処理", "Action"),
        ]),
        rows,
    }
}

/// ADT-00: address, contacts, body measures, allergies, insurance.
pub(super) fn demographics(message: &Message<'_>) -> Vec<Table> {
    let mut tables = Vec::new();
    if let Some(pid) = message.first("PID") {
        tables.push(Table {
            title: Title::new("連絡先", "Contact"),
            headings: headings(&[
                ("住所", "Address"),
                ("電話（自宅）", "Telephone (home)"),
                ("電話（勤務先）", "Telephone (work)"),
            ]),
            rows: vec![row([
                addresses(&pid, 11),
                telephones(&pid, 13),
                telephones(&pid, 14),
            ])],
        });
    }
    let relatives: Vec<Vec<String>> = message
        .named("NK1")
        .map(|nk1| {
            row([
                person(&nk1, 2, "I"),
                name_of(&nk1, 3),
                addresses(&nk1, 4),
                telephones(&nk1, 5),
            ])
        })
        .collect();
    if !relatives.is_empty() {
        tables.push(Table {
            title: Title::new("近親者", "Next of kin"),
            headings: headings(&[
                ("氏名", "Name"),
                ("続柄", "Relation"),
                ("住所", "Address"),
                ("電話", "Telephone"),
            ]),
            rows: relatives,
        });
    }
    if message.has("OBX") {
        tables.push(observation::results(message));
    }
    if message.has("AL1") {
        tables.push(allergies_of_al1(message));
    }
    let disabilities: Vec<Vec<String>> = message
        .named("DB1")
        .map(|db1| {
            row([
                name_of(&db1, 2),
                name_of(&db1, 4),
                time(db1.raw(5, 1)),
                time(db1.raw(6, 1)),
            ])
        })
        .collect();
    if !disabilities.is_empty() {
        tables.push(Table {
            title: Title::new("障害", "Disability"),
            headings: headings(&[
                ("対象", "Person"),
                ("有無", "Indicator"),
                ("開始", "From"),
                ("終了", "To"),
            ]),
            rows: disabilities,
        });
    }
    let insurances: Vec<Vec<String>> = message.named("IN1").map(|in1| insurance(&in1)).collect();
    if !insurances.is_empty() {
        tables.push(Table {
            title: Title::new("保険", "Insurance"),
            headings: headings(&[
                ("種別", "Kind"),
                ("保険者番号", "Insurer number"),
                ("保険者", "Insurer"),
                ("記号", "Symbol"),
                ("番号", "Number"),
                ("本人・家族", "Relation"),
                ("有効開始", "From"),
                ("有効終了", "To"),
            ]),
            rows: insurances,
        });
    }
    tables
}

fn insurance(in1: &Segment<'_, '_>) -> Vec<String> {
    // Some senders put symbol, number and branch number into one field as repetitions.
    let all = |field| {
        let repeats = (1..=in1.repeats(field)).map(|r| in1.text_of(field, r, 1));
        repeats
            .filter(|t| !t.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    };
    row([
        name_of(in1, 2),
        in1.text(3, 1),
        in1.text(4, 1),
        all(10),
        all(11),
        name_of(in1, 17),
        time(in1.raw(12, 1)),
        time(in1.raw(13, 1)),
    ])
}

/// XAD: zip in the 5th component, free address in the 8th, in full or in its parts.
fn addresses(segment: &Segment<'_, '_>, field: usize) -> String {
    let address = |r| {
        let text = |c| segment.text_of(field, r, c);
        let free = text(8);
        let free = if free.is_empty() {
            [4, 3, 1, 2].map(text).concat()
        } else {
            free
        };
        [text(5), free]
            .into_iter()
            .filter(|p| !p.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    };
    (1..=segment.repeats(field))
        .map(address)
        .filter(|a| !a.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// XTN: the number in the 12th component, or in an older place.
fn telephones(segment: &Segment<'_, '_>, field: usize) -> String {
    let number = |r| {
        [12, 1, 7]
            .into_iter()
            .map(|c| segment.text_of(field, r, c))
            .find(|t| !t.is_empty())
    };
    (1..=segment.repeats(field))
        .filter_map(number)
        .collect::<Vec<_>>()
        .join("\n")
}

/// ADT-01 to ADT-52.
pub(super) fn encounter(message: &Message<'_>) -> Table {
    let mut rows = Vec::new();
    let mut push = |ja: &str, en: &str, value: String| {
        if !value.is_empty() {
            rows.push(row([format!("{ja} {en}"), value]));
        }
    };
    if let Some(pv1) = message.first("PV1") {
        let class = match pv1.raw(2, 1) {
            "I" => "入院 I".to_owned(),
            "O" => "外来 O".to_owned(),
            "E" => "救急 E".to_owned(),
            other => other.to_owned(),
        };
        let place = |field| pv1.parts_of(field, 1).join("-");
        push("区分", "Class", class);
        push("場所", "Location", place(3));
        push("前の場所", "Prior location", place(6));
        push("診療科", "Department", name_of(&pv1, 10));
        push("担当医", "Attending physician", person(&pv1, 7, "I"));
        push("紹介医", "Referring physician", person(&pv1, 8, "I"));
        push("入院医", "Admitting physician", person(&pv1, 17, "I"));
        push("開始", "Start", time(pv1.raw(44, 1)));
        push("終了", "End", time(pv1.raw(45, 1)));
        push("退院区分", "Discharge disposition", name_of(&pv1, 36));
    }
    if let Some(pv2) = message.first("PV2") {
        push("入院理由", "Reason", name_of(&pv2, 3));
        push("予定開始", "Planned start", time(pv2.raw(8, 1)));
        push("予定終了", "Planned end", time(pv2.raw(9, 1)));
        push("帰院予定", "Planned return", time(pv2.raw(47, 1)));
    }
    if let Some(evn) = message.first("EVN") {
        push("発生", "Occurred", time(evn.raw(6, 1)));
        push("記録", "Recorded", time(evn.raw(2, 1)));
    }
    Table {
        title: Title::new("受診・入退院", "Visit, admission and discharge"),
        headings: headings(&[("項目", "Item"), ("値", "Value")]),
        rows,
    }
}
