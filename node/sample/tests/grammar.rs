//! The messages follow the grammars and required fields of SS-MIX2: always by a compact table of our
//! own (clinical-formats §1.5), and by the tables of an independent testing tool where they are present.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use common::{Message, Name, Sample, busy_spec, care_day_field, check_care_day};
use regex::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Segment order by event. Lower-case names would be mistakes: an id is written as in the message.
const GRAMMARS: &[(&str, &str)] = &[
    (
        "ADT^A08",
        "MSH EVN PID (PD1 )?(NK1 )*PV1 (PV2 )?(DB1 )*(OBX )*(AL1 )*(DG1 )*(IN1 (IN2 )?)*",
    ),
    (
        "ADT^A04|ADT^A01|ADT^A14|ADT^A16|ADT^A03|ADT^A13",
        "MSH EVN PID PV1 (PV2 )?",
    ),
    (
        "ADT^A02|ADT^A12|ADT^A15|ADT^A26|ADT^A21|ADT^A22",
        "MSH EVN PID PV1 (PV2 )?",
    ),
    (
        "ADT^A11|ADT^A23|ADT^A25|ADT^A27|ADT^A52|ADT^A53|ADT^A54|ADT^A55",
        "MSH EVN PID PV1 (PV2 )?",
    ),
    ("ADT^A60", "MSH EVN PID (PV1 )?(IAM )*"),
    (
        "PPR^ZD1",
        "MSH PID (PV1 )?(PRB (ZPR )?(ZPD )*(NTE )*(ZI1 )*(OBX )*(ORC )*)+",
    ),
    (
        "RDE^O11",
        "MSH PID (PV1 )?(IN1 )?(AL1 )*(ORC RXE (NTE )*(TQ1 )+(RXR )+(RXC )*(OBX )*)+",
    ),
    (
        "RAS^O17",
        "MSH PID (AL1 )*(PV1 )?(ORC (TQ1 )*(RXA )+RXR (OBX )*)+",
    ),
    (
        "OML^O33",
        "MSH PID (PV1 )?(SPM (OBX )*(SAC )*(ORC (TQ1 )*(OBR (OBX )*)*)*)+",
    ),
    (
        "OUL^R22",
        "MSH (NTE )?PID (PV1 )?(SPM (OBX )*(OBR (ORC )?(OBX )*)*)+",
    ),
    (
        "OMG^O19",
        "MSH PID (PV1 )?(ORC TQ1 OBR (NTE )*(OBX )*(SPM )*)+",
    ),
    (
        "OMI^Z23",
        "MSH PID (PV1 )?(ORC TQ1 OBR (OBX )*(ZE1 (OBX )*(ZE2 )*)*(IPC )+)+",
    ),
    ("ORU^R01", "MSH PID (PV1 )?((ORC )?OBR (NTE )*(OBX )*)+"),
    (
        "OMD^O03",
        "MSH PID (PV1 )?(ORC (TQ1 )*(ODS )+)+(ORC (TQ1 )*(ODT )+)*",
    ),
];

/// Required fields: kinds by prefix, segment, fields.
const REQUIRED: &[(&str, &str, &[usize])] = &[
    ("", "MSH", &[1, 2, 7, 9, 10, 11, 12, 18]),
    ("", "EVN", &[2]),
    ("", "PID", &[3, 5, 7, 8]),
    ("", "PV1", &[2]),
    ("", "IN1", &[1, 2, 4, 11, 15]),
    ("", "ZI1", &[1, 2, 4, 11, 15]),
    ("", "IAM", &[1, 3, 6]),
    ("", "AL1", &[1, 3]),
    ("", "ORC", &[1, 2, 9, 12, 17, 29]),
    ("OMP", "ORC", &[4]),
    ("OMP-01", "RXE", &[2, 3, 5, 10, 11, 19]),
    ("OMP-02", "RXE", &[2, 3, 5]),
    ("OMP", "RXA", &[1, 2, 3, 4, 5, 6, 7]),
    ("OMP", "RXC", &[1, 2, 3, 4]),
    ("OMP", "RXR", &[1]),
    ("OML-01", "OBX", &[3, 11]),
    ("OML-11", "OBX", &[2, 3, 5, 11]),
    ("OMG", "OBX", &[2, 3, 5, 11]),
    ("OML", "SPM", &[1, 2, 4, 17]),
    ("", "PRB", &[1, 2, 3, 4]),
    ("", "OBR", &[2, 4]),
    ("", "ZE1", &[1, 2, 3]),
    ("", "IPC", &[1, 3, 5]),
    ("", "ODS", &[1, 3]),
];

fn order_of(message: &Message) -> String {
    message
        .segments
        .iter()
        .map(|s| format!("{} ", s[0]))
        .collect()
}

fn messages() -> Vec<(Name, Message)> {
    let sample = Sample::of(busy_spec);
    sample
        .valid()
        .map(|(_, name, bytes)| (name, Message::read(bytes)))
        .collect()
}

fn present(segment: &[String], field: usize) -> bool {
    segment.get(field).is_some_and(|f| !f.is_empty())
}

#[test]
fn messages_follow_our_own_table() {
    let grammars: BTreeMap<&str, Regex> = GRAMMARS
        .iter()
        .flat_map(|(events, grammar)| events.split('|').map(move |e| (e, grammar)))
        .map(|(event, grammar)| {
            (
                event,
                Regex::new(&format!("^{grammar}$")).expect("a grammar"),
            )
        })
        .collect();
    let mut events = BTreeSet::new();
    for (name, message) in messages() {
        let event = message.event();
        let order = order_of(&message);
        assert!(
            grammars
                .get(event.as_str())
                .is_some_and(|g| g.is_match(&order)),
            "{event}: {order}"
        );
        for (kind, id, fields) in REQUIRED.iter().filter(|(k, ..)| name.kind.starts_with(k)) {
            for (segment, field) in message
                .all(id)
                .flat_map(|s| fields.iter().map(move |f| (s, *f)))
            {
                assert!(
                    present(segment, field),
                    "{} lacks {id}-{field} ({kind})",
                    name.kind
                );
            }
        }
        events.insert(event);
    }
    // A grammar that nothing was checked against would be no check; A23 deletes a patient, which
    // the generator never does.
    let unused: Vec<&&str> = grammars.keys().filter(|e| !events.contains(**e)).collect();
    assert_eq!(unused, [&"ADT^A23"]);
}

/// The tables of the testing tool, where they are beside the workspace.
fn oracle(file: &str) -> Option<Value> {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/testdata/ssmix2/nho_spec_tables/include"
    ))
    .join(file);
    let text = std::fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(text.trim_start_matches('\u{feff}')).expect("JSON"))
}

#[test]
fn messages_follow_the_tables_of_an_independent_tool() {
    let (Some(orders), Some(segments), Some(days)) = (
        oracle("HL7_SEGMENTORDER.json"),
        oracle("HL7_SEGMENT.json"),
        oracle("SSMIX_CAREDATE.json"),
    ) else {
        eprintln!("left out: nho_spec_tables are not present; our own table covers the same");
        return;
    };
    let grammars: BTreeMap<String, Regex> = orders
        .as_object()
        .expect("an object")
        .iter()
        .map(|(event, grammar)| {
            // The tool matches the beginning only; we want the whole. Its OUL^R22 asks for an NTE
            // after each OBX, where HL7 v2.5 (chapter 7, OUL^R22) has it optional, as have its samples.
            let grammar = grammar
                .as_str()
                .expect("text")
                .replace("(SID)*(NTE))*", "(SID)*(NTE)*)*");
            (
                event.clone(),
                Regex::new(&format!("{grammar}$")).expect("a grammar"),
            )
        })
        .collect();
    let mut checked = BTreeSet::new();
    for (name, message) in messages() {
        let event = message.event();
        let order = order_of(&message).replace(' ', "");
        assert!(
            grammars.get(&event).is_some_and(|g| g.is_match(&order)),
            "{event}: {order}"
        );
        assert_eq!(
            days[&event].as_str(),
            Some(care_day_field(&event)),
            "{event}"
        );
        check_care_day(&message, &name, days[&event].as_str().expect("text"));
        for segment in &message.segments {
            let Some(fields) = segments[&segment[0]].as_array() else {
                continue;
            };
            for (n, field) in fields.iter().enumerate() {
                let rules = &field["ssmix2-required"];
                let rule = rules
                    .get(&name.kind)
                    .or(rules.get("*"))
                    .and_then(Value::as_str);
                if rule == Some("R") {
                    assert!(
                        present(segment, n),
                        "{} lacks {}-{n}",
                        name.kind,
                        segment[0]
                    );
                    checked.insert((name.kind.clone(), segment[0].clone(), n));
                }
            }
        }
    }
    assert!(checked.len() > 500, "{}", checked.len());
}
