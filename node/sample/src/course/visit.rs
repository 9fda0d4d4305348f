//! An outpatient visit: reception, prescription, tests.

use super::{scene, tests_done};
use crate::Day;
use crate::build::Scene;
use crate::build::medication::{Prescription, prescription, prescription_given};
use crate::build::movement::{Movement, movement};
use crate::chart::{Chart, Plan};
use crate::day::Moment;
use crate::kind::Kind;
use crate::tables::diseases::Disease;
use crate::tables::{drugs, examinations};

/// Chances in a thousand that a visit has … (clinical-formats §1.7).
const PRESCRIPTION: u32 = 600;
const LABORATORY: u32 = 400;
const IMAGING: u32 = 100;
const ECG: u32 = 70;
const ENDOSCOPY: u32 = 30;
const DISPENSED_INSIDE: u32 = 250;

/// One visit. The first of a traveller has what is promised; the first of a complete chart has all.
pub(super) fn visit(chart: &mut Chart<'_>, day: Day, first: bool) {
    let diseases = &chart.patient.person.diseases;
    let disease = if first {
        diseases[0]
    } else {
        *chart.rng.pick(diseases)
    };
    let here = scene(chart, disease.department, None);
    let (hour, minute) = (chart.rng.between(8, 10), chart.rng.below(60));
    let at = day.at(hour, minute);
    let arrival = Movement {
        kind: Kind::Reception,
        at,
        admitted: None,
        from_bed: None,
    };
    let plan = chart.plan(Kind::Reception, Some(day), at.plus_minutes(1));
    chart.file(
        Plan {
            department: Some(here.department),
            ..plan
        },
        |e| movement(&here, &arrival, e.at),
    );
    let (all, promised) = (first && chart.complete, first && chart.traveller);
    let seen = at.plus_minutes(chart.rng.between(20, 60));
    if all || promised || chart.rng.permille(LABORATORY) {
        tests_done::laboratory(chart, &here, disease, seen, promised);
    }
    if all || chart.rng.permille(IMAGING) {
        let what = chart.rng.pick(examinations::IMAGING);
        let kinds = (Kind::ImagingOrder, Kind::ImagingDone);
        tests_done::examine(chart, &here, kinds, what, seen.plus_minutes(3));
    }
    if all || chart.rng.permille(ENDOSCOPY) {
        let what = chart.rng.pick(examinations::ENDOSCOPY);
        let kinds = (Kind::EndoscopyOrder, Kind::EndoscopyDone);
        tests_done::examine(chart, &here, kinds, what, seen.plus_minutes(4));
    }
    if all || chart.rng.permille(ECG) {
        tests_done::electrocardiogram(chart, &here, seen.plus_minutes(5));
    }
    if all || promised || chart.rng.permille(PRESCRIPTION) {
        let seen = seen.plus_minutes(chart.rng.between(5, 90));
        prescribe(chart, &here, disease, seen, (promised, all));
    }
}

/// OMP-01 and, where it is dispensed in the hospital, OMP-11. `sure` is (promised, dispensed inside).
pub(super) fn prescribe(
    chart: &mut Chart<'_>,
    here: &Scene<'_>,
    disease: &Disease,
    seen: Moment,
    sure: (bool, bool),
) {
    let (promised, inside) = sure;
    let day = seen.day();
    let late = if promised {
        None
    } else {
        tests_done::late_day(chart, day)
    };
    // The care day of an order is the day it was entered, even where it is for an earlier one.
    let ordered = late.map_or(seen, |entered| entered.at(16, 30));
    let chronic_days = 7 * chart.rng.between(2, 8);
    let lines = disease
        .drugs
        .iter()
        .filter_map(|code| drugs::drug_of(code))
        .map(|d| {
            (
                d,
                if d.course_days == 0 {
                    chronic_days
                } else {
                    d.course_days
                },
            )
        })
        .collect();
    let plan = chart.plan(
        Kind::Prescription,
        Some(ordered.day()),
        ordered.plus_minutes(2),
    );
    let inside = inside || here.bed.is_some() || chart.rng.permille(DISPENSED_INSIDE);
    let rx = Prescription {
        order: plan.order.clone(),
        ordered,
        start: day,
        lines,
        inside,
    };
    let cancelled = !promised && !inside && chart.cancels();
    let department = Some(here.department);
    let plan = Plan {
        department,
        cancelled,
        promised,
        late: late.is_some(),
        ..plan
    };
    chart.file(plan, |e| {
        let mut rx = rx.clone();
        for (_, days) in &mut rx.lines {
            // A correction changes the length of the course.
            *days += 7 * e.number;
        }
        prescription(here, &rx, if e.cancel { "CA" } else { "NW" })
    });
    if inside && late.is_none() {
        let given = seen.plus_minutes(45);
        let plan = chart.plan(
            Kind::PrescriptionGiven,
            Some(given.day()),
            given.plus_minutes(5),
        );
        let plan = Plan {
            order: rx.order.clone(),
            department,
            ..plan
        };
        chart.file(plan, |_| prescription_given(here, &rx, given, "NW"));
    }
}
