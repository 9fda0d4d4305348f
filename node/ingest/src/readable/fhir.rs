//! FHIR documents and collections (R4): the Composition's sections in their order, and what they refer to as tables.

use super::{Item, Readable, Table, headings, item, row, value};
use crate::formats::fhir::resources;
use crate::formats::json::Json;
use crate::formats::markup;
use sekisho_documents::Title;

/// How each resource of a kind is shown: its columns, and their values.
struct Kind {
    name: &'static str,
    title: (&'static str, &'static str),
    columns: &'static [(&'static str, &'static str)],
    row: fn(&Json) -> Vec<String>,
}

#[rustfmt::skip]
const KINDS: &[Kind] = &[
    Kind {
        name: "Condition", title: ("傷病名", "Diagnoses"),
        columns: &[("病名", "Diagnosis"), ("状態", "Status"), ("開始", "Since"), ("終了", "Until"), ("備考", "Note")],
        row: |r| vec![concept(r, "code"), concept(r, "clinicalStatus"), when(r, "onset"), when(r, "abatement"), notes(r)],
    },
    Kind {
        name: "AllergyIntolerance", title: ("アレルギー", "Allergies"),
        columns: &[("物質", "Substance"), ("重篤度", "Criticality"), ("反応", "Reaction"), ("状態", "Status"), ("備考", "Note")],
        row: |r| vec![concept(r, "code"), r.text("criticality").to_owned(), reactions(r), concept(r, "clinicalStatus"), notes(r)],
    },
    Kind {
        name: "MedicationRequest", title: ("処方", "Prescriptions"),
        columns: &[("薬剤", "Drug"), ("1回量", "Dose"), ("用法", "Usage"), ("日数", "Duration"), ("総量", "Total"), ("処方日", "Prescribed"), ("状態", "Status"), ("備考", "Note")],
        row: |r| vec![concept(r, "medicationCodeableConcept"), doses(r), usage(r), supply(r, "expectedSupplyDuration"), supply(r, "quantity"), r.text("authoredOn").to_owned(), r.text("status").to_owned(), notes(r)],
    },
    Kind {
        name: "MedicationStatement", title: ("服薬", "Medication taken"),
        columns: &[("薬剤", "Drug"), ("期間", "When"), ("状態", "Status"), ("備考", "Note")],
        row: |r| vec![concept(r, "medicationCodeableConcept"), when(r, "effective"), r.text("status").to_owned(), notes(r)],
    },
    Kind {
        name: "Observation", title: ("検査・観察", "Observations"),
        columns: &[("項目", "Item"), ("結果", "Result"), ("単位", "Unit"), ("基準値", "Range"), ("判定", "Flag"), ("日時", "Time"), ("状態", "Status"), ("備考", "Note")],
        row: observation,
    },
    Kind {
        name: "Procedure", title: ("処置・手術", "Procedures"),
        columns: &[("名称", "Procedure"), ("日時", "When"), ("状態", "Status"), ("備考", "Note")],
        row: |r| vec![concept(r, "code"), when(r, "performed"), r.text("status").to_owned(), notes(r)],
    },
    Kind {
        name: "Immunization", title: ("予防接種", "Immunizations"),
        columns: &[("ワクチン", "Vaccine"), ("日時", "When"), ("状態", "Status"), ("備考", "Note")],
        row: |r| vec![concept(r, "vaccineCode"), when(r, "occurrence"), r.text("status").to_owned(), notes(r)],
    },
    Kind {
        name: "Encounter", title: ("受診・入退院", "Encounters"),
        columns: &[("理由", "Reason"), ("開始", "From"), ("終了", "Until"), ("状態", "Status")],
        row: |r| vec![concepts(r.list("reasonCode")), period(r, "period", "start"), period(r, "period", "end"), r.text("status").to_owned()],
    },
    Kind {
        name: "DocumentReference", title: ("添付", "Attachments"),
        columns: &[("種類", "Type"), ("説明", "Description"), ("日時", "When")],
        row: |r| vec![concept(r, "type"), r.text("description").to_owned(), r.text("date").to_owned()],
    },
];

/// Resources that are shown in the header, or are only the frame of others.
const FRAME: &[&str] = &["Composition", "Patient"];

pub(super) fn render(bundle: &Json, readable: &mut Readable) {
    let composition = resources(bundle).find(|(_, r)| r.text("resourceType") == "Composition");
    let composition = composition.map(|(_, r)| r);
    if let Some(composition) = composition {
        let title = value(composition.text("title"));
        if !title.is_empty() {
            readable.title = Title::new(title.clone(), title);
        }
    }
    for (_, patient) in resources(bundle).filter(|(_, r)| r.text("resourceType") == "Patient") {
        of_patient(patient, &mut readable.header);
    }
    let header = &mut readable.header;
    if let Some(composition) = composition {
        item(
            header,
            "作成日時",
            "Created",
            composition.text("date").to_owned(),
        );
        item(
            header,
            "状態",
            "Status",
            composition.text("status").to_owned(),
        );
        let mut rows = Vec::new();
        for section in composition.list("section") {
            sections(section, 0, &mut rows);
        }
        if !rows.is_empty() {
            readable.push(Table {
                title: Title::new("本文", "Text"),
                headings: headings(&[("見出し", "Heading"), ("内容", "Content")]),
                rows,
            });
        }
    }
    for kind in KINDS {
        let of_kind = resources(bundle).filter(|(_, r)| r.text("resourceType") == kind.name);
        let rows: Vec<_> = of_kind
            .map(|(_, r)| (kind.row)(r).iter().map(|v| value(v)).collect())
            .collect();
        if !rows.is_empty() {
            readable.push(Table {
                title: Title::new(kind.title.0, kind.title.1),
                headings: headings(kind.columns),
                rows,
            });
        }
    }
    others(bundle, readable);
}

/// What no table shows: at least that it is there, by kind and name.
fn others(bundle: &Json, readable: &mut Readable) {
    let shown = |kind: &str| FRAME.contains(&kind) || KINDS.iter().any(|k| k.name == kind);
    let rows: Vec<_> = resources(bundle)
        .filter(|(_, r)| !shown(r.text("resourceType")))
        .map(|(_, r)| {
            let names = r.list("name").iter().map(|n| n.text("text"));
            let mut name = [r.text("name"), r.text("title")].concat();
            for text in names {
                name.push_str(text);
            }
            if name.is_empty() {
                name = concept(r, "code");
            }
            row([r.text("resourceType").to_owned(), name])
        })
        .collect();
    if !rows.is_empty() {
        readable.push(Table {
            title: Title::new("その他の情報", "Other resources"),
            headings: headings(&[("種類", "Kind"), ("名称", "Name")]),
            rows,
        });
    }
}

fn of_patient(patient: &Json, header: &mut Vec<Item>) {
    let ids = patient.list("identifier").iter().map(|i| i.text("value"));
    item(header, "患者ID", "Patient id", joined(ids));
    let names = patient.list("name").iter().map(name);
    let names: Vec<String> = names.collect();
    item(
        header,
        "氏名",
        "Name",
        joined(names.iter().map(String::as_str)),
    );
    item(
        header,
        "生年月日",
        "Born",
        patient.text("birthDate").to_owned(),
    );
    let sex = match patient.text("gender") {
        "male" => "男性",
        "female" => "女性",
        "other" => "その他",
        "unknown" => "不明",
        other => other,
    };
    item(header, "性別", "Sex", sex.to_owned());
}

fn name(of: &Json) -> String {
    match of.text("text") {
        "" => {
            let given = of.list("given").iter().map(Json::as_text);
            let parts = std::iter::once(of.text("family")).chain(given);
            parts
                .filter(|p| !p.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        }
        text => text.to_owned(),
    }
}

/// A section, and those within it, each with its heading.
fn sections(section: &Json, depth: usize, rows: &mut Vec<Vec<String>>) {
    let text = section
        .at(&["text", "div"])
        .map(Json::as_text)
        .unwrap_or_default();
    let text = markup::text_of(text);
    let title = match section.text("title") {
        "" => concept(section, "code"),
        title => title.to_owned(),
    };
    rows.push(row([format!("{}{title}", "　".repeat(depth)), text]));
    for section in section.list("section") {
        sections(section, depth + 1, rows);
    }
}

fn observation(r: &Json) -> Vec<String> {
    let of = |r: &Json| -> [String; 6] {
        let (result, unit) = result(r);
        let ranges = r.list("referenceRange").iter().map(range);
        let ranges: Vec<String> = ranges.collect();
        [
            concept(r, "code"),
            result,
            unit,
            joined(ranges.iter().map(String::as_str)),
            concepts(r.list("interpretation")),
            notes(r),
        ]
    };
    let [code, mut result, unit, range, flag, note] = of(r);
    // A panel's members (blood pressure) have values of their own.
    for component in r.list("component") {
        let [code, value, unit, ..] = of(component);
        result.push_str(&format!("\n{code} {value} {unit}"));
    }
    let time = when(r, "effective");
    vec![
        code,
        result,
        unit,
        range,
        flag,
        time,
        r.text("status").to_owned(),
        note,
    ]
}

/// value[x]: the value and its unit.
fn result(r: &Json) -> (String, String) {
    if let Some(quantity) = r.get("valueQuantity") {
        let unit = match quantity.text("unit") {
            "" => quantity.text("code"),
            unit => unit,
        };
        let number = format!("{}{}", quantity.text("comparator"), quantity.text("value"));
        return (number, unit.to_owned());
    }
    if r.get("valueCodeableConcept").is_some() {
        return (concept(r, "valueCodeableConcept"), String::new());
    }
    let plain = [
        "valueString",
        "valueInteger",
        "valueBoolean",
        "valueDateTime",
        "valueTime",
    ];
    let text = plain
        .iter()
        .map(|name| r.text(name))
        .find(|t| !t.is_empty());
    let text = text
        .map(str::to_owned)
        .unwrap_or_else(|| concept(r, "dataAbsentReason"));
    (text, String::new())
}

fn range(range: &Json) -> String {
    let bound = |name: &str| {
        range
            .at(&[name, "value"])
            .map(Json::as_text)
            .unwrap_or_default()
    };
    match (range.text("text"), bound("low"), bound("high")) {
        ("", "", "") => String::new(),
        ("", low, high) => format!("{low}-{high}"),
        (text, ..) => text.to_owned(),
    }
}

fn doses(r: &Json) -> String {
    let doses = r
        .list("dosageInstruction")
        .iter()
        .flat_map(|d| d.list("doseAndRate"));
    let doses = doses.filter_map(|d| d.get("doseQuantity")).map(quantity);
    let doses: Vec<String> = doses.collect();
    joined(doses.iter().map(String::as_str))
}

fn usage(r: &Json) -> String {
    let usages = r
        .list("dosageInstruction")
        .iter()
        .map(|d| match d.text("text") {
            "" => d
                .at(&["timing"])
                .map(|t| concept(t, "code"))
                .unwrap_or_default(),
            text => text.to_owned(),
        });
    let usages: Vec<String> = usages.collect();
    joined(usages.iter().map(String::as_str))
}

fn supply(r: &Json, name: &str) -> String {
    r.at(&["dispenseRequest", name])
        .map(quantity)
        .unwrap_or_default()
}

fn quantity(quantity: &Json) -> String {
    format!("{}{}", quantity.text("value"), quantity.text("unit"))
}

fn reactions(r: &Json) -> String {
    let reactions = r
        .list("reaction")
        .iter()
        .map(|reaction| match reaction.text("description") {
            "" => concepts(reaction.list("manifestation")),
            text => text.to_owned(),
        });
    let reactions: Vec<String> = reactions.collect();
    joined(reactions.iter().map(String::as_str))
}

fn notes(r: &Json) -> String {
    joined(r.list("note").iter().map(|note| note.text("text")))
}

/// A time of a choice of types: `…DateTime`, `…Period`, `…String`.
fn when(r: &Json, name: &str) -> String {
    for suffix in ["DateTime", "Date", "String", "Instant"] {
        let text = r.text(&format!("{name}{suffix}"));
        if !text.is_empty() {
            return text.to_owned();
        }
    }
    let of = format!("{name}Period");
    if r.get(&of).is_none() {
        return String::new();
    }
    format!("{} – {}", period(r, &of, "start"), period(r, &of, "end"))
}

fn period(r: &Json, of: &str, end: &str) -> String {
    r.at(&[of, end])
        .map(Json::as_text)
        .unwrap_or_default()
        .to_owned()
}

/// A CodeableConcept's name; its code where it has none.
fn concept(r: &Json, name: &str) -> String {
    r.get(name).map(concept_of).unwrap_or_default()
}

fn concepts(list: &[Json]) -> String {
    let names: Vec<String> = list.iter().map(concept_of).collect();
    joined(names.iter().map(String::as_str))
}

fn concept_of(concept: &Json) -> String {
    let text = concept.text("text");
    if !text.is_empty() {
        return text.to_owned();
    }
    let codings = concept.list("coding").iter();
    let displays = codings.clone().map(|c| c.text("display"));
    let names = displays.chain(codings.map(|c| c.text("code")));
    names
        .into_iter()
        .find(|n| !n.is_empty())
        .unwrap_or_default()
        .to_owned()
}

fn joined<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts
        .filter(|t| !t.is_empty())
        .collect::<Vec<_>>()
        .join("、")
}
