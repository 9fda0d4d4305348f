//! What several documents say together: drugs side by side, the same drug of two facilities, results over time, allergies.
//!
//! Pure. Values are what the documents say; what is marked here is marked by comparing names and codes, and the page says
//! so: no drug master stands behind it, and where nothing is marked nothing is promised.

use sekisho_domain::TimeMs;
use sekisho_ingest::typed::{Content, Flag};
use std::collections::{BTreeMap, BTreeSet};
use unicode_normalization::UnicodeNormalization;

/// Lines of each table: more would not be an overview.
pub const LINES_MAX: usize = 300;
/// Tests that get a curve.
pub const TRENDS_MAX: usize = 24;

/// One document that was read.
pub struct Read {
    /// Its number in the visit.
    pub number: usize,
    /// Its facility, by name.
    pub facility: String,
    /// When its service began.
    pub service: TimeMs,
    /// What it says.
    pub content: Content,
}

/// An allergy, with where it is said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AllergyLine {
    /// To what.
    pub substance: String,
    /// Of which kind, how severe, what happened: as sent.
    pub kind: String,
    /// How severe.
    pub severity: String,
    /// What happened.
    pub reaction: String,
    /// Who says so.
    pub facilities: BTreeSet<String>,
}

/// A drug of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrugLine {
    /// Its name, as sent.
    pub name: String,
    /// How much of it, as sent.
    pub dose: String,
    /// How to take it.
    pub usage: String,
    /// For how long, as sent.
    pub duration: String,
    /// Who ordered it.
    pub facility: String,
    /// When.
    pub at: TimeMs,
    /// The document.
    pub number: usize,
    /// Other facilities that ordered the same.
    pub also: BTreeSet<String>,
    /// A recorded allergy whose substance is in its name.
    pub allergy: Option<String>,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// When.
    pub at: TimeMs,
    /// How much.
    pub value: f64,
    /// As sent.
    pub text: String,
    /// Outside of its range, as the laboratory says.
    pub outside: bool,
    /// Where.
    pub facility: String,
    /// The document.
    pub number: usize,
}

/// One test over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// The test's name.
    pub name: String,
    /// Its unit; tests in other units are other trends.
    pub unit: String,
    /// The range it is normally in, of the latest value that has one.
    pub range: Option<(f64, f64)>,
    /// Oldest first.
    pub points: Vec<Point>,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Allergies, each once.
    pub allergies: Vec<AllergyLine>,
    /// Drugs, newest first.
    pub drugs: Vec<DrugLine>,
    /// Tests, those with most values first.
    pub trends: Vec<Trend>,
    /// Something was left out to stay within bounds.
    pub cut: bool,
}

/// Of one width and form.
fn nfkc(text: &str) -> String {
    text.nfkc().collect()
}

/// A drug's name without strength, maker and width: what two facilities' orders are compared by.
fn base_name(name: &str) -> String {
    let folded = nfkc(name);
    let head = folded
        .split(|c: char| c.is_ascii_digit() || matches!(c, '「' | '(' | '[' | '【'))
        .next()
        .unwrap_or_default();
    head.trim().to_lowercase()
}

/// What a substance is looked for by in a drug's name: without the words that say what kind of thing it is.
fn substance_name(name: &str) -> String {
    let folded = nfkc(name).trim().to_lowercase();
    let bare = [
        "アレルギー",
        "系抗菌薬",
        "系抗生物質",
        "系薬剤",
        "系薬",
        "系",
        "製剤",
        "剤",
    ];
    bare.iter().fold(folded, |name, end| {
        name.strip_suffix(end).map_or(name.clone(), str::to_owned)
    })
}

/// Puts together what documents say.
pub fn summarise(read: &[Read]) -> Summary {
    let mut summary = Summary {
        allergies: allergies(read),
        drugs: drugs(read),
        trends: trends(read),
        cut: false,
    };
    mark(&mut summary);
    summary.cut = summary.drugs.len() > LINES_MAX
        || summary.trends.len() > TRENDS_MAX
        || summary.allergies.len() > LINES_MAX;
    summary.drugs.truncate(LINES_MAX);
    summary.trends.truncate(TRENDS_MAX);
    summary.allergies.truncate(LINES_MAX);
    summary
}

fn allergies(read: &[Read]) -> Vec<AllergyLine> {
    let mut lines = BTreeMap::<String, AllergyLine>::new();
    for document in read {
        for allergy in &document.content.allergies {
            let substance = named(&allergy.substance.name, &allergy.substance.code);
            let line = lines
                .entry(nfkc(&substance))
                .or_insert_with(|| AllergyLine {
                    substance,
                    kind: named(&allergy.kind.name, &allergy.kind.code),
                    severity: named(&allergy.severity.name, &allergy.severity.code),
                    reaction: allergy.reaction.clone(),
                    facilities: BTreeSet::new(),
                });
            line.facilities.insert(document.facility.clone());
        }
    }
    lines.into_values().collect()
}

fn named(name: &str, code: &str) -> String {
    if name.is_empty() {
        code.to_owned()
    } else {
        name.to_owned()
    }
}

fn drugs(read: &[Read]) -> Vec<DrugLine> {
    let mut lines = Vec::new();
    for document in read {
        for order in document
            .content
            .prescriptions
            .iter()
            .filter(|order| !order.is_given)
        {
            for drug in &order.drugs {
                let amount =
                    |number: &str, unit: &str| format!("{number} {unit}").trim().to_owned();
                let daily = amount(&order.daily.number, &order.daily.unit);
                lines.push(DrugLine {
                    name: named(&drug.drug.name, &drug.drug.code),
                    dose: if daily.is_empty() {
                        amount(&drug.dose.number, &drug.dose.unit)
                    } else {
                        daily
                    },
                    usage: order.usage.clone(),
                    duration: order.duration.clone(),
                    facility: document.facility.clone(),
                    at: order.from.unwrap_or(document.service),
                    number: document.number,
                    also: BTreeSet::new(),
                    allergy: None,
                });
            }
        }
    }
    lines.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.name.cmp(&b.name)));
    lines
}

/// Marks the same drug of different facilities, and drugs that a recorded allergy names.
fn mark(summary: &mut Summary) {
    let mut by_name = BTreeMap::<String, BTreeSet<String>>::new();
    for line in &summary.drugs {
        by_name
            .entry(base_name(&line.name))
            .or_default()
            .insert(line.facility.clone());
    }
    let substances: Vec<(String, &str)> = summary
        .allergies
        .iter()
        .map(|allergy| {
            (
                substance_name(&allergy.substance),
                allergy.substance.as_str(),
            )
        })
        // One letter would be in everything.
        .filter(|(name, _)| name.chars().count() > 1)
        .collect();
    for line in &mut summary.drugs {
        let name = base_name(&line.name);
        let of_name = by_name.get(&name).into_iter().flatten();
        if !name.is_empty() {
            line.also = of_name
                .filter(|facility| **facility != line.facility)
                .cloned()
                .collect();
        }
        let folded = nfkc(&line.name).to_lowercase();
        let named = substances
            .iter()
            .find(|(substance, _)| folded.contains(substance));
        line.allergy = named.map(|(_, substance)| (*substance).to_owned());
    }
}

fn trends(read: &[Read]) -> Vec<Trend> {
    let mut trends = BTreeMap::<(String, String), Trend>::new();
    let mut ranges = BTreeMap::<(String, String), TimeMs>::new();
    for document in read {
        for result in &document.content.results {
            let Some(value) = result.number.as_ref().and_then(|n| n.parse::<f64>().ok()) else {
                continue;
            };
            let name = named(&result.analyte.name, &result.analyte.code);
            let key = (nfkc(&name), nfkc(&result.unit));
            let at = result.at.unwrap_or(document.service);
            let trend = trends.entry(key.clone()).or_insert_with(|| Trend {
                name,
                unit: result.unit.clone(),
                range: None,
                points: Vec::new(),
            });
            if let Some(range) = range(&result.range)
                && ranges.get(&key).is_none_or(|known| *known <= at)
            {
                trend.range = Some(range);
                ranges.insert(key, at);
            }
            trend.points.push(Point {
                at,
                value,
                text: result.value.clone(),
                outside: is_outside(result.flag, value, range(&result.range)),
                facility: document.facility.clone(),
                number: document.number,
            });
        }
    }
    let mut trends: Vec<Trend> = trends.into_values().collect();
    for trend in &mut trends {
        trend.points.sort_by_key(|point| point.at);
    }
    trends.sort_by(|a, b| {
        b.points
            .len()
            .cmp(&a.points.len())
            .then_with(|| a.name.cmp(&b.name))
    });
    trends
}

/// As the laboratory says; where it says nothing, by the range it gives.
fn is_outside(flag: Option<Flag>, value: f64, range: Option<(f64, f64)>) -> bool {
    match (flag, range) {
        (Some(flag), _) => flag != Flag::Normal,
        (None, Some((low, high))) => value < low || high < value,
        (None, None) => false,
    }
}

/// A range as laboratories write it: `33-86`, `11.6～14.8`.
fn range(text: &str) -> Option<(f64, f64)> {
    let folded = nfkc(text);
    let (low, high) = folded.split_once(['-', '~', '～', '〜'])?;
    let (low, high) = (
        low.trim().parse::<f64>().ok()?,
        high.trim().parse::<f64>().ok()?,
    );
    (low.is_finite() && high.is_finite() && low < high).then_some((low, high))
}

#[cfg(test)]
#[path = "summary_test.rs"]
mod tests;
