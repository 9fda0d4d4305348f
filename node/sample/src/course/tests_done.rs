//! Laboratory and other examinations, the same for visits and stays.

use super::constitution;
use crate::Day;
use crate::build::laboratory::{Panel, Value, order, range_of, results};
use crate::build::{Scene, examination};
use crate::chart::{Chart, Plan};
use crate::day::Moment;
use crate::kind::Kind;
use crate::tables::diseases::Disease;
use crate::tables::examinations::{ECG_FINDINGS, Examination};
use crate::tables::labs::{self, Lab, Scale};

/// A value that fits person and disease: the person's usual one, with what the day adds.
fn value(chart: &mut Chart<'_>, here: &Scene<'_>, disease: &Disease, lab: &Lab) -> Value {
    let mut usual = constitution(chart, lab.local);
    let (low, high) = range_of(here, lab);
    let raised = disease.raised.contains(&lab.local);
    if lab.scale == Scale::Plus {
        return Value::Plus(if raised { chart.rng.between(1, 3) } else { 0 });
    }
    if matches!(lab.scale, Scale::Limited(_)) && !raised && usual.permille(500) {
        return Value::Below(low);
    }
    let width = high - low;
    let middle = if raised {
        high + high * usual.between(12, 70) / 100
    } else if disease.lowered.contains(&lab.local) {
        low * usual.between(60, 85) / 100
    } else {
        low + width * usual.between(20, 80) / 100
    };
    // One part in 25 up or down, never across a healthy person's limits.
    let day = middle * chart.rng.between(96, 104) / 100;
    let healthy = !raised && !disease.lowered.contains(&lab.local);
    Value::Number(if healthy { day.clamp(low, high) } else { day })
}

/// OML-01 and OML-11 of one day. `promised` results are neither cancelled nor damaged.
pub(super) fn laboratory(
    chart: &mut Chart<'_>,
    here: &Scene<'_>,
    disease: &'static Disease,
    ordered: Moment,
    promised: bool,
) {
    let mut codes: Vec<&str> = labs::BASIC.to_vec();
    if chart.rng.permille(300) {
        codes.truncate(6);
    }
    codes.extend(disease.tests);
    codes.extend(disease.raised);
    codes.extend(disease.lowered);
    if chart.complete {
        codes.extend(labs::LABS.iter().map(|l| l.local));
    }
    let tests = labs::panel(&codes)
        .into_iter()
        .map(|lab| (lab, value(chart, here, disease, lab)))
        .collect();
    let collected = ordered.plus_minutes(chart.rng.between(15, 60));
    let day = ordered.day();
    let plan = chart.plan(Kind::LabOrder, Some(day), ordered.plus_minutes(2));
    let panel = Panel {
        order: plan.order.clone(),
        ordered,
        collected,
        tests,
    };
    let cancelled = !promised && chart.cancels();
    let department = Some(here.department);
    chart.file(
        Plan {
            department,
            cancelled,
            ..plan
        },
        |e| order(here, &panel, if e.cancel { "CA" } else { "NW" }),
    );
    if cancelled {
        return;
    }
    let reported = collected.plus_minutes(chart.rng.between(50, 150));
    let plan = chart.plan(Kind::LabResult, Some(collected.day()), reported);
    let plan = Plan {
        order: panel.order.clone(),
        department,
        promised,
        ..plan
    };
    chart.file(plan, |e| {
        let mut panel = panel.clone();
        if let (Some((_, Value::Number(value))), true) = (panel.tests.first_mut(), e.number > 0) {
            *value += e.number;
        }
        results(
            here,
            &panel,
            if e.number == 0 { "F" } else { "C" },
            "SC",
            e.at,
        )
    });
}

/// Imaging or endoscopy: the order and, where it was not cancelled, what was done.
pub(super) fn examine(
    chart: &mut Chart<'_>,
    here: &Scene<'_>,
    kinds: (Kind, Kind),
    what: &'static Examination,
    ordered: Moment,
) {
    let plan = chart.plan(kinds.0, Some(ordered.day()), ordered.plus_minutes(1));
    let part_orders = what
        .parts
        .iter()
        .map(|_| chart.next_order(kinds.0))
        .collect();
    let done = ordered.plus_minutes(chart.rng.between(30, 180));
    let exam = examination::Examined {
        what,
        order: plan.order.clone(),
        part_orders,
        ordered,
        done,
        // The UUID-derived root; the number is chance, as a UUID's would be.
        study_uid: format!(
            "2.25.{}",
            u128::from(chart.rng.next()) << 32 | u128::from(chart.rng.below(u32::MAX))
        ),
        finding: chart.rng.word(what.findings),
    };
    let cancelled = chart.cancels();
    let department = Some(here.department);
    chart.file(
        Plan {
            department,
            cancelled,
            ..plan
        },
        |e| examination::order(here, &exam, e.cancel),
    );
    if !cancelled {
        let at = done.plus_minutes(chart.rng.between(5, 90));
        let plan = chart.plan(kinds.1, Some(done.day()), at);
        let plan = Plan {
            order: exam.order.clone(),
            department,
            ..plan
        };
        chart.file(plan, |_| examination::done(here, &exam, false));
    }
}

/// An electrocardiogram: order and result.
pub(super) fn electrocardiogram(chart: &mut Chart<'_>, here: &Scene<'_>, ordered: Moment) {
    let plan = chart.plan(
        Kind::PhysiologyOrder,
        Some(ordered.day()),
        ordered.plus_minutes(1),
    );
    let done = ordered.plus_minutes(chart.rng.between(20, 90));
    let ecg = examination::Ecg {
        order: plan.order.clone(),
        ordered,
        done,
        finding: chart.rng.word(ECG_FINDINGS),
        heart_rate: chart.rng.between(52, 110),
    };
    let cancelled = chart.cancels();
    let department = Some(here.department);
    chart.file(
        Plan {
            department,
            cancelled,
            ..plan
        },
        |e| examination::ecg_order(here, &ecg, if e.cancel { "CA" } else { "NW" }),
    );
    if !cancelled {
        let plan = chart.plan(
            Kind::PhysiologyResult,
            Some(done.day()),
            done.plus_minutes(10),
        );
        let plan = Plan {
            order: ecg.order.clone(),
            department,
            ..plan
        };
        chart.file(plan, |e| {
            examination::ecg_result(here, &ecg, if e.number == 0 { "F" } else { "C" }, "SC")
        });
    }
}

/// The day a late entry is made: one to four days after the day it is for.
pub(super) fn late_day(chart: &mut Chart<'_>, day: Day) -> Option<Day> {
    let rate = chart.rates.late_permille;
    let entered = day.plus(chart.rng.between(1, 4) as i32);
    (chart.rng.permille(rate) && entered < chart.days.1).then_some(entered)
}
