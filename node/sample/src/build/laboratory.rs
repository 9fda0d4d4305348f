//! Laboratory orders and results: OML-01, OML-11.

use super::{Scene, note};
use crate::day::Moment;
use crate::message::{Seg, coded};
use crate::site::Site;
use crate::tables::labs::{Lab, SPECIMENS, Specimen};

/// What a test gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing yet: it is ordered.
    Ordered,
    /// A number, in units of the last decimal.
    Number(u32),
    /// Below the detection limit.
    Below(u32),
    /// 0 is (-), then 1+, 2+, 3+.
    Plus(u32),
}

/// Tests done together.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    pub(crate) order: String,
    pub(crate) ordered: Moment,
    pub(crate) collected: Moment,
    pub(crate) tests: Vec<(&'static Lab, Value)>,
}

/// The code of a test as the maker writes it.
fn code(site: &Site, lab: &Lab) -> String {
    let local = coded(lab.local, lab.name, "99X03");
    match lab.jlac10.get(..site.quirks.jlac_chars) {
        Some(jlac10) => format!("{}^{local}", coded(jlac10, lab.name, "JC10")),
        None => local,
    }
}

/// A number in units of the last decimal, as text.
fn decimal(value: u32, decimals: u32) -> String {
    let scale = 10u32.pow(decimals);
    match decimals {
        0 => value.to_string(),
        _ => format!(
            "{}.{:0width$}",
            value / scale,
            value % scale,
            width = decimals as usize
        ),
    }
}

fn decimals(lab: &Lab) -> u32 {
    match lab.scale {
        crate::tables::labs::Scale::Number(d) | crate::tables::labs::Scale::Limited(d) => d,
        crate::tables::labs::Scale::Plus => 0,
    }
}

/// The reference range of a patient's sex.
pub(crate) fn range_of(scene: &Scene<'_>, lab: &Lab) -> (u32, u32) {
    match scene.patient.person.sex {
        crate::Sex::M => lab.male,
        crate::Sex::F => lab.female,
    }
}

fn result(scene: &Scene<'_>, n: usize, lab: &Lab, value: &Value, status: &str, at: Moment) -> Seg {
    let as_text = scene.site.quirks.structured_as_text;
    let structured = |comparator: &str, number: String, suffix: &str| {
        if as_text {
            (
                "ST",
                format!("{comparator} {number}{suffix}")
                    .trim_end()
                    .to_owned(),
            )
        } else {
            (
                "SN",
                format!("{comparator}^{number}{suffix}")
                    .trim_end_matches('^')
                    .to_owned(),
            )
        }
    };
    let (low, high) = range_of(scene, lab);
    let places = decimals(lab);
    let (kind, text) = match value {
        Value::Ordered => ("", String::new()),
        Value::Number(v) => ("NM", decimal(*v, places)),
        Value::Below(limit) => structured("<", decimal(*limit, places), ""),
        Value::Plus(0) => ("ST", "(-)".to_owned()),
        Value::Plus(v) => structured("", v.to_string(), if as_text { " +" } else { "^+" }),
    };
    let flag = match value {
        Value::Number(v) if *v > high => "H",
        Value::Number(v) if *v < low => "L",
        Value::Plus(v) if *v > 0 => "A",
        _ => "",
    };
    let range = match (value, high) {
        (Value::Ordered, _) => String::new(),
        (_, 0) => "(-)".to_owned(),
        _ => format!("{}-{}", decimal(low, places), decimal(high, places)),
    };
    let ordered = *value == Value::Ordered;
    Seg::new("OBX")
        .with(1, n.to_string())
        .with(2, kind)
        .with(3, code(scene.site, lab))
        .with(5, text)
        .with(
            6,
            if ordered || lab.unit.is_empty() {
                String::new()
            } else {
                coded(lab.unit, lab.unit, "99X10")
            },
        )
        .with(7, range)
        .with(8, flag)
        .with(11, status)
        .with(
            14,
            if ordered {
                String::new()
            } else {
                at.to_minute()
            },
        )
}

fn specimen(n: usize, order: &str, what: &Specimen, collected: Moment) -> Seg {
    Seg::new("SPM")
        .with(1, n.to_string())
        .with(2, format!("{order}{n:02}"))
        .with(4, coded(what.code, what.name, "JC10"))
        .with(17, collected.to_minute())
}

/// The tests of a panel by specimen, in the order in which specimens are reported.
fn by_specimen(panel: &Panel) -> Vec<(&'static Specimen, Vec<&(&'static Lab, Value)>)> {
    let of = |s: &'static Specimen| {
        let tests: Vec<_> = panel
            .tests
            .iter()
            .filter(|(lab, _)| lab.specimen == s)
            .collect();
        (!tests.is_empty()).then_some((s, tests))
    };
    SPECIMENS.into_iter().filter_map(of).collect()
}

fn group(scene: &Scene<'_>, n: usize, panel: &Panel, what: &Specimen) -> Seg {
    Seg::new("OBR")
        .with(1, n.to_string())
        .with(2, panel.order.as_str())
        .with(4, coded(what.group.0, what.group.1, "99O03"))
        .with(16, scene.doctor.xcn(scene.site.quirks))
}

/// OML-01; `code` is ORC-1.
pub(crate) fn order(scene: &Scene<'_>, panel: &Panel, code: &str) -> Vec<Seg> {
    let mut segments = vec![scene.pid(), scene.pv1()];
    for (n, (what, tests)) in by_specimen(panel).into_iter().enumerate() {
        segments.push(specimen(n + 1, &panel.order, what, panel.collected));
        segments.push(scene.orc(code, &panel.order, panel.ordered).with(5, "SC"));
        segments.push(group(scene, n + 1, panel, what));
        for (m, (lab, _)) in tests.into_iter().enumerate() {
            segments.push(result(
                scene,
                m + 1,
                lab,
                &Value::Ordered,
                "O",
                panel.collected,
            ));
        }
    }
    segments
}

/// OML-11; `status` is OBX-11 (`P` preliminary, `F` final, `C` corrected), `code` ORC-1.
pub(crate) fn results(
    scene: &Scene<'_>,
    panel: &Panel,
    status: &str,
    code: &str,
    at: Moment,
) -> Vec<Seg> {
    let mut segments = Vec::new();
    if status == "C" {
        segments.push(note(scene.site, 1, &["検査結果を訂正", "前回報告分は無効"]));
    }
    segments.extend([scene.pid(), scene.pv1()]);
    for (n, (what, tests)) in by_specimen(panel).into_iter().enumerate() {
        segments.push(specimen(n + 1, &panel.order, what, panel.collected));
        segments.push(
            group(scene, n + 1, panel, what)
                .with(7, panel.collected.to_minute())
                .with(14, panel.collected.plus_minutes(20).to_minute())
                .with(22, at.to_second())
                .with(25, status),
        );
        segments.push(scene.orc(code, &panel.order, panel.ordered).with(5, "CM"));
        for (m, (lab, value)) in tests.into_iter().enumerate() {
            segments.push(result(scene, m + 1, lab, value, status, at));
        }
    }
    segments
}
