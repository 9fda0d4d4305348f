//! Results: laboratory (OUL^R22, OML^O33), physiology (ORU^R01) and whatever else carries OBX.

use super::{Table, headings, name_of, row, time};
use crate::message::{Message, Segment};
use sekisho_documents::Title;

/// One row for each OBX, with the specimen and the examination it stands under.
pub(super) fn results(message: &Message<'_>) -> Table {
    let mut rows = Vec::new();
    let (mut specimen, mut collected, mut examination) =
        (String::new(), String::new(), String::new());
    let mut waiting = false;
    for segment in message.segments() {
        match segment.name() {
            "SPM" => (specimen, collected) = (name_of(&segment, 4), time(segment.raw(17, 1))),
            "OBR" => {
                // An examination without results is still one that was asked for or done.
                if std::mem::replace(&mut waiting, true) {
                    rows.push(bare(&examination, &specimen, &collected));
                }
                examination = name_of(&segment, 4);
            }
            "OBX" => {
                waiting = false;
                rows.push(row([
                    item(&segment),
                    observed(&segment),
                    name_of(&segment, 6),
                    segment.text(7, 1),
                    flag(segment.raw(8, 1)),
                    status(segment.raw(11, 1)),
                    specimen.clone(),
                    collected.clone(),
                    examination.clone(),
                ]));
            }
            _ => {}
        }
    }
    if waiting {
        rows.push(bare(&examination, &specimen, &collected));
    }
    Table {
        title: Title::new("検査・観察", "Observations"),
        headings: headings(&[
            ("項目", "Item"),
            ("値", "Value"),
            ("単位", "Unit"),
            ("基準値", "Reference range"),
            ("判定", "Flag"),
            ("状態", "Status"),
            ("材料", "Specimen"),
            ("採取", "Collected"),
            ("検査", "Examination"),
        ]),
        rows,
    }
}

fn bare(examination: &str, specimen: &str, collected: &str) -> Vec<String> {
    let mut values: [String; 9] = Default::default();
    (values[6], values[7], values[8]) = (
        specimen.to_owned(),
        collected.to_owned(),
        examination.to_owned(),
    );
    row(values)
}

/// OBX-3, its name's subcomponents apart: `R 振幅&V5`.
fn item(obx: &Segment<'_, '_>) -> String {
    name_of(obx, 3).replace('&', " ")
}

/// OBX-5 by the type in OBX-2.
fn observed(obx: &Segment<'_, '_>) -> String {
    match obx.raw(2, 1) {
        "CWE" | "CE" | "CNE" => name_of(obx, 5),
        // Comparator, number, separator, number.
        "SN" => (1..=4).map(|c| obx.text(5, c)).collect(),
        "ED" | "RP" => "（添付データ）".to_owned(),
        "TS" | "DT" | "DTM" => time(obx.raw(5, 1)),
        _ => {
            let repeats = (1..=obx.repeats(5)).map(|r| obx.parts_of(5, r).join(" "));
            repeats
                .filter(|v| !v.is_empty())
                .collect::<Vec<_>>()
                .join("\n")
        }
    }
}

/// HL7 table 0078; the code stays visible.
fn flag(code: &str) -> String {
    let name = match code {
        "H" => "高",
        "HH" => "異常高値",
        "L" => "低",
        "LL" => "異常低値",
        "A" => "異常",
        "AA" => "極異常",
        _ => return code.to_owned(),
    };
    format!("{code} {name}")
}

/// HL7 table 0085: only what is not final needs saying.
fn status(code: &str) -> String {
    match code {
        "F" => String::new(),
        "P" => "P 中間".to_owned(),
        "C" => "C 訂正".to_owned(),
        "X" => "X 中止".to_owned(),
        "D" => "D 削除".to_owned(),
        "O" => "O 依頼".to_owned(),
        other => other.to_owned(),
    }
}
