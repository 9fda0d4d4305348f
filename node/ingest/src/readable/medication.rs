//! Prescriptions, injections and what was administered (RDE^O11, RAS^O17).

use super::{Table, headings, name_of, person, row, time};
use crate::message::{Message, Segment};
use sekisho_documents::Title;

/// Whether an RDE^O11 is of kind OMP-02: its drugs are components (RXC), or it asks for a route of injection.
pub(super) fn is_injection(message: &Message<'_>) -> bool {
    message.has("RXC") || message.named("RXE").any(|rxe| rxe.raw(6, 1) == "INJ")
}

/// OMP-01: one row for each drug.
pub(super) fn prescriptions(message: &Message<'_>) -> Table {
    let mut rows = Vec::new();
    for group in message.groups("ORC") {
        let of = |name: &str| group.iter().find(|s| s.name() == name);
        for rxe in group.iter().filter(|s| s.name() == "RXE") {
            let (orc, timing) = (of("ORC"), of("TQ1"));
            rows.push(row([
                orc.map(|s| s.text(4, 1)).unwrap_or_default(),
                name_of(rxe, 2),
                rxe.text(3, 1),
                name_of(rxe, 5),
                daily_dose(rxe),
                usage(&group),
                timing.map(days).unwrap_or_default(),
                joined(&[rxe.text(10, 1), name_of(rxe, 11)]),
                timing.map(|s| time(s.raw(7, 1))).unwrap_or_default(),
                of("RXR").map(|s| name_of(s, 1)).unwrap_or_default(),
                name_of(rxe, 7),
            ]));
        }
    }
    Table {
        title: Title::new("処方", "Prescription"),
        headings: headings(&[
            ("Rp", "Rp"),
            ("薬剤", "Drug"),
            ("1回量", "Dose"),
            ("単位", "Unit"),
            ("1日量", "Daily dose"),
            ("用法", "Usage"),
            ("日数・回数", "Duration"),
            ("総量", "Total"),
            ("開始", "Start"),
            ("経路", "Route"),
            ("指示", "Instructions"),
        ]),
        rows,
    }
}

/// OMP-02: one row for each component, or for the order where it has none.
pub(super) fn injections(message: &Message<'_>) -> Table {
    let mut rows = Vec::new();
    for group in message.groups("ORC") {
        let of = |name: &str| group.iter().find(|s| s.name() == name);
        let text = |name: &str, field| of(name).map(|s| s.text(field, 1)).unwrap_or_default();
        let Some(rxe) = of("RXE") else { continue };
        let order = text("ORC", 4);
        let route = of("RXR")
            .map(|s| joined(&[name_of(s, 1), name_of(s, 2), name_of(s, 3), name_of(s, 4)]))
            .unwrap_or_default();
        let total = joined(&[rxe.text(3, 1), name_of(rxe, 5)]);
        let rate = joined(&[rxe.text(23, 1), name_of(rxe, 24)]);
        let (start, stop) = match of("TQ1") {
            Some(s) => (time(s.raw(7, 1)), time(s.raw(8, 1))),
            None => Default::default(),
        };
        let mut push = |role: String, drug: String, amount: String, unit: String| {
            rows.push(row([
                order.clone(),
                role,
                drug,
                amount,
                unit,
                total.clone(),
                rate.clone(),
                route.clone(),
                usage(&group),
                start.clone(),
                stop.clone(),
                name_of(rxe, 7),
            ]));
        };
        let components: Vec<_> = group.iter().filter(|s| s.name() == "RXC").collect();
        for rxc in &components {
            push(
                component_role(rxc.raw(1, 1)),
                name_of(rxc, 2),
                rxc.text(3, 1),
                name_of(rxc, 4),
            );
        }
        if components.is_empty() {
            push(
                String::new(),
                name_of(rxe, 2),
                rxe.text(3, 1),
                name_of(rxe, 5),
            );
        }
    }
    Table {
        title: Title::new("注射", "Injection"),
        headings: headings(&[
            ("番号", "No."),
            ("区分", "Role"),
            ("薬剤", "Drug"),
            ("量", "Amount"),
            ("単位", "Unit"),
            ("総投与量", "Total volume"),
            ("速度", "Rate"),
            ("経路", "Route"),
            ("用法", "Usage"),
            ("開始", "Start"),
            ("終了", "End"),
            ("指示", "Instructions"),
        ]),
        rows,
    }
}

/// OMP-11, OMP-12: one row for each administration.
pub(super) fn administrations(message: &Message<'_>) -> Table {
    let mut rows = Vec::new();
    for group in message.groups("ORC") {
        let route = group
            .iter()
            .find(|s| s.name() == "RXR")
            .map(|s| name_of(s, 1))
            .unwrap_or_default();
        for rxa in group.iter().filter(|s| s.name() == "RXA") {
            rows.push(administration(rxa, &route));
        }
    }
    // ORC is required; a sender that leaves it out is still shown.
    if rows.is_empty() {
        rows.extend(message.named("RXA").map(|rxa| administration(&rxa, "")));
    }
    Table {
        title: Title::new("実施", "Administration"),
        headings: headings(&[
            ("薬剤", "Drug"),
            ("量", "Amount"),
            ("単位", "Unit"),
            ("開始", "Start"),
            ("終了", "End"),
            ("経路", "Route"),
            ("実施者", "By"),
            ("状態", "Status"),
        ]),
        rows,
    }
}

fn administration(rxa: &Segment<'_, '_>, route: &str) -> Vec<String> {
    let status = match rxa.raw(20, 1) {
        "CP" => "完了 CP".to_owned(),
        "PA" => "一部 PA".to_owned(),
        "NA" => "未実施 NA".to_owned(),
        "RE" => "拒否 RE".to_owned(),
        other => other.to_owned(),
    };
    row([
        name_of(rxa, 5),
        rxa.text(6, 1),
        name_of(rxa, 7),
        time(rxa.raw(3, 1)),
        time(rxa.raw(4, 1)),
        route.to_owned(),
        person(rxa, 10, "I"),
        status,
    ])
}

fn component_role(code: &str) -> String {
    match code {
        "B" => "基剤 B".into(),
        "A" => "混注 A".into(),
        other => other.into(),
    }
}

/// RXE-19 (CQ): quantity `^` unit, the unit's parts as subcomponents.
fn daily_dose(rxe: &Segment<'_, '_>) -> String {
    let unit = rxe.text(19, 2);
    let unit = unit.split('&').nth(1).unwrap_or(&unit).to_owned();
    joined(&[rxe.text(19, 1), unit])
}

/// TQ1-3 of every TQ1 and repetition: its name, else its code.
fn usage(group: &[Segment<'_, '_>]) -> String {
    let mut usages = Vec::new();
    for timing in group.iter().filter(|s| s.name() == "TQ1") {
        for repeat in 1..=timing.repeats(3) {
            let code = timing.raw_of(3, repeat, 1);
            let mut parts = code.split('&');
            let (code, name) = (
                parts.next().unwrap_or_default(),
                parts.next().unwrap_or_default(),
            );
            usages.push(crate::message::unescape(if name.is_empty() {
                code
            } else {
                name
            }));
        }
        // TQ1-11: text instruction.
        usages.push(timing.text(11, 1));
    }
    usages.retain(|u| !u.is_empty());
    usages.join("、")
}

/// TQ1-6: `5^d`.
fn days(timing: &Segment<'_, '_>) -> String {
    let count = timing.text(6, 1);
    match timing.raw(6, 2) {
        "d" | "D" if !count.is_empty() => format!("{count}日分"),
        unit => joined(&[count, crate::message::unescape(unit)]),
    }
}

fn joined(parts: &[String]) -> String {
    parts
        .iter()
        .filter(|p| !p.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join(" ")
}
