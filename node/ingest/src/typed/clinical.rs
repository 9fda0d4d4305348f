//! Allergies, diagnoses and results.

use super::Coded;
use crate::message::Message;
use crate::time;
use sekisho_domain::TimeMs;

/// One allergy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allergy {
    /// Drug, food, … (HL7 table 0127).
    pub kind: Coded,
    /// To what.
    pub substance: Coded,
    /// How severe (HL7 table 0128).
    pub severity: Coded,
    /// What happened.
    pub reaction: String,
    /// When first.
    pub onset: Option<TimeMs>,
}

/// One diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnosis {
    /// The disease.
    pub disease: Coded,
    /// Its ICD-10 code, where given.
    pub icd10: String,
    /// Free text of one that has no code.
    pub text: String,
    /// Since when it is known.
    pub established: Option<TimeMs>,
    /// When it began.
    pub onset: Option<TimeMs>,
    /// When it was over.
    pub resolved: Option<TimeMs>,
    /// 転帰 (HL7 table 0241).
    pub outcome: Coded,
    /// 主診断 or not (JHSD0007).
    pub rank: Coded,
}

/// Whether a result is within its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// Below.
    Low,
    /// Above.
    High,
    /// Far below.
    VeryLow,
    /// Far above.
    VeryHigh,
    /// Outside in another way.
    Abnormal,
    /// Within.
    Normal,
}

impl Flag {
    /// HL7 table 0078, as far as laboratories here use it.
    fn of(code: &str) -> Option<Self> {
        Some(match code {
            "L" => Self::Low,
            "H" => Self::High,
            "LL" | "<" => Self::VeryLow,
            "HH" | ">" => Self::VeryHigh,
            "A" | "AA" => Self::Abnormal,
            "N" => Self::Normal,
            _ => return None,
        })
    }
}

/// One result or observation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabResult {
    /// What was measured.
    pub analyte: Coded,
    /// Its name at the site, where that is given besides.
    pub local_name: String,
    /// In what.
    pub specimen: Coded,
    /// The value, as sent: a number, a text, or comparator and number.
    pub value: String,
    /// The value where it is a number.
    pub number: Option<String>,
    /// Its unit.
    pub unit: String,
    /// The range it is normally in, as sent.
    pub range: String,
    /// Whether it is.
    pub flag: Option<Flag>,
    /// `F` final, `P` preliminary, `C` corrected.
    pub status: String,
    /// When.
    pub at: Option<TimeMs>,
}

pub(super) fn allergies(message: &Message<'_>) -> Vec<Allergy> {
    let segments = message
        .segments()
        .filter(|s| matches!(s.name(), "IAM" | "AL1"));
    segments
        .map(|s| Allergy {
            kind: Coded::of(&s, 2),
            substance: Coded::of(&s, 3),
            severity: Coded::of(&s, 4),
            reaction: s.text(5, 1),
            onset: time::parse(s.raw(if s.name() == "IAM" { 11 } else { 6 }, 1)),
        })
        .filter(|allergy| !allergy.substance.is_empty())
        .collect()
}

pub(super) fn diagnoses(message: &Message<'_>) -> Vec<Diagnosis> {
    let segments = message.named("PRB");
    segments
        .map(|s| Diagnosis {
            disease: Coded::of(&s, 3),
            icd10: s.text(10, 1),
            text: s.text(17, 1),
            established: time::parse(s.raw(7, 1)),
            onset: time::parse(s.raw(16, 1)),
            resolved: time::parse(s.raw(9, 1)),
            outcome: Coded::of(&s, 14),
            rank: Coded::of(&s, 18),
        })
        .collect()
}

pub(super) fn results(message: &Message<'_>) -> Vec<LabResult> {
    let mut specimen = Coded::default();
    let mut results = Vec::new();
    for s in message.segments() {
        match s.name() {
            "SPM" => specimen = Coded::of(&s, 4),
            "OBX" => {
                let value = value(&s);
                results.push(LabResult {
                    analyte: Coded::of(&s, 3),
                    local_name: s.text(3, 5),
                    specimen: specimen.clone(),
                    number: (s.raw(2, 1) == "NM" && is_number(&value)).then(|| value.clone()),
                    value,
                    unit: unit(&s),
                    range: s.text(7, 1),
                    flag: Flag::of(s.raw(8, 1)),
                    status: s.text(11, 1),
                    at: time::parse(s.raw(14, 1)),
                });
            }
            _ => {}
        }
    }
    results
}

/// A coded value's name; else what is there, comparator and number side by side.
fn value(obx: &crate::message::Segment<'_, '_>) -> String {
    match obx.raw(2, 1) {
        "CWE" | "CE" => {
            let name = obx.text(5, 2);
            if name.is_empty() {
                obx.text(5, 1)
            } else {
                name
            }
        }
        _ => obx.parts_of(5, 1).join(" "),
    }
}

/// What the unit is called; its code where it has no name.
fn unit(obx: &crate::message::Segment<'_, '_>) -> String {
    let name = obx.text(6, 2);
    if name.is_empty() {
        obx.text(6, 1)
    } else {
        name
    }
}

fn is_number(text: &str) -> bool {
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+'));
    plain && text.parse::<f64>().is_ok_and(f64::is_finite)
}
