//! A stay in hospital: planned, begun, moved, left and returned to, ended; with infusions and meals.

use super::{scene, tests_done, visit, weekday};
use crate::Day;
use crate::build::Scene;
use crate::build::meal::{DIETS, meal};
use crate::build::medication::{Infusion, infusion, infusion_given};
use crate::build::movement::{Movement, movement};
use crate::chart::{Chart, Plan};
use crate::day::Moment;
use crate::kind::Kind;
use crate::tables::drugs;

const INFUSION_DAYS: i32 = 3;

/// What stays the same during a stay.
struct Stay<'a> {
    here: Scene<'a>,
    admitted: Moment,
    /// The last day.
    end: Day,
}

/// One stay of 3 to 14 days; the stay of a complete chart has every movement.
pub(super) fn stay(chart: &mut Chart<'_>) {
    let complete = chart.complete;
    let length = chart.rng.between(if complete { 9 } else { 3 }, 14);
    let begin = weekday(chart, 25);
    let disease = *chart.rng.pick(&chart.patient.person.diseases);
    let beds: Vec<String> = (0..2).map(|_| bed(chart)).collect();
    let here = scene(chart, disease.department, Some(beds[0].clone()));
    let admitted = begin.at(chart.rng.between(9, 15), chart.rng.below(60));
    let mut stay = Stay {
        here,
        admitted,
        end: begin.plus(length as i32),
    };

    if complete || chart.rng.permille(600) {
        plan_admission(chart, &stay);
    }
    record(
        chart,
        &stay,
        Kind::Admission,
        admitted,
        admitted.plus_minutes(10),
        None,
    );
    if complete || chart.rng.permille(150) {
        stay.here.doctor = chart.site.doctor(disease.department, &mut chart.rng);
        let at = admitted.plus_minutes(60);
        record(chart, &stay, Kind::PhysicianChange, at, at, None);
    }
    tests_done::laboratory(chart, &stay.here, disease, admitted.plus_minutes(30), false);
    for day in (0..INFUSION_DAYS)
        .map(|n| begin.plus(n))
        .filter(|d| *d < stay.end)
    {
        infuse(chart, &stay, day);
    }
    let mut meals = vec![begin];
    if length > 5 {
        meals.push(begin.plus(3));
    }
    for day in meals {
        eat(chart, &stay, day);
    }
    if length >= 6 && (complete || chart.rng.permille(300)) {
        let moved = begin.plus(2).at(13, 15);
        record(
            chart,
            &stay,
            Kind::TransferPlan,
            moved,
            begin.plus(1).at(15, 5),
            None,
        );
        stay.here.bed = Some(beds[1].clone());
        record(
            chart,
            &stay,
            Kind::Transfer,
            moved,
            moved.plus_minutes(20),
            Some(beds[0].clone()),
        );
    }
    if length >= 8 && (complete || chart.rng.permille(300)) {
        let (out, back) = (begin.plus(5).at(10, 0), begin.plus(6).at(16, 30));
        record(chart, &stay, Kind::Leave, out, out.plus_minutes(5), None);
        record(
            chart,
            &stay,
            Kind::LeaveReturn,
            back,
            back.plus_minutes(5),
            None,
        );
    }
    if complete || chart.rng.permille(500) {
        visit::prescribe(
            chart,
            &stay.here,
            disease,
            stay.end.plus(-1).at(14, 0),
            (false, true),
        );
    }
    let leaving = stay.end.at(10, 30);
    record(
        chart,
        &stay,
        Kind::DischargePlan,
        leaving,
        stay.end.plus(-1).at(11, 20),
        None,
    );
    record(
        chart,
        &stay,
        Kind::Discharge,
        leaving,
        leaving.plus_minutes(15),
        None,
    );
}

fn bed(chart: &mut Chart<'_>) -> String {
    let floor = chart.rng.between(2, 6);
    format!(
        "{floor}{}^{floor}{:02}^{}",
        chart.rng.pick(&["A", "B"]),
        chart.rng.between(1, 20),
        chart.rng.between(1, 4)
    )
}

/// Files a movement of the stay that happens `at` and is written down at `written`.
fn record(
    chart: &mut Chart<'_>,
    stay: &Stay<'_>,
    kind: Kind,
    at: Moment,
    written: Moment,
    from_bed: Option<String>,
) {
    let care_day = (kind != Kind::PhysicianChange).then(|| at.day());
    let what = Movement {
        kind,
        at,
        admitted: Some(stay.admitted),
        from_bed,
    };
    let plan = chart.plan(kind, care_day, written);
    let department = Some(stay.here.department);
    chart.file(Plan { department, ..plan }, |e| {
        movement(&stay.here, &what, e.at)
    });
}

/// ADT-21. A stay that was put off leaves its first plan deleted: a changed 診療日 is a new key.
fn plan_admission(chart: &mut Chart<'_>, stay: &Stay<'_>) {
    let begin = stay.admitted.day();
    let booked = begin
        .plus(-(chart.rng.between(3, 12) as i32))
        .at(11, chart.rng.below(60));
    let rate = chart.rates.update_permille;
    if chart.complete || chart.rng.permille(rate) {
        let first = begin.plus(-1);
        let what = Movement {
            kind: Kind::AdmissionPlan,
            at: first.at(10, 0),
            admitted: None,
            from_bed: None,
        };
        let plan = chart.plan(Kind::AdmissionPlan, Some(first), booked.plus_minutes(30));
        let plan = Plan {
            department: Some(stay.here.department),
            cancelled: true,
            ..plan
        };
        chart.file(plan, |e| movement(&stay.here, &what, e.at));
    }
    let planned = begin.at(10, 0);
    let what = Movement {
        kind: Kind::AdmissionPlan,
        at: planned,
        admitted: None,
        from_bed: None,
    };
    let plan = chart.plan(Kind::AdmissionPlan, Some(begin), booked.plus_minutes(120));
    let plan = Plan {
        department: Some(stay.here.department),
        ..plan
    };
    chart.file(plan, |e| movement(&stay.here, &what, e.at));
}

/// OMP-02 and OMP-12 of one day.
fn infuse(chart: &mut Chart<'_>, stay: &Stay<'_>, day: Day) {
    let here = &stay.here;
    let from = if day == stay.admitted.day() {
        stay.admitted.plus_minutes(90)
    } else {
        day.at(9, 30)
    };
    let late = tests_done::late_day(chart, day);
    let ordered = late.map_or(from.plus_minutes(20), |entered| entered.at(15, 45));
    let plan = chart.plan(
        Kind::Injection,
        Some(ordered.day()),
        ordered.plus_minutes(1),
    );
    let what = Infusion {
        order: plan.order.clone(),
        ordered,
        from,
        to: from.plus_minutes(300),
        base: *chart.rng.pick(drugs::INFUSIONS),
        additive: *chart.rng.pick(drugs::ADDITIVES),
    };
    let cancelled = late.is_none() && chart.cancels();
    let department = Some(here.department);
    let plan = Plan {
        department,
        cancelled,
        late: late.is_some(),
        ..plan
    };
    chart.file(plan, |e| {
        infusion(here, &what, if e.cancel { "CA" } else { "NW" })
    });
    if !cancelled {
        let plan = chart.plan(Kind::InjectionGiven, Some(day), what.to.plus_minutes(5));
        let plan = Plan {
            order: what.order.clone(),
            department,
            ..plan
        };
        chart.file(plan, |_| infusion_given(here, &what, "NW"));
    }
}

/// OMD from a day on; at some facilities all meals of a stay are written at its end.
fn eat(chart: &mut Chart<'_>, stay: &Stay<'_>, day: Day) {
    let here = &stay.here;
    let ordered = if day == stay.admitted.day() {
        stay.admitted.plus_minutes(40)
    } else {
        day.at(9, 10)
    };
    let written = if chart.site.quirks.meals_at_discharge {
        stay.end.at(11, 0)
    } else {
        ordered.plus_minutes(1)
    };
    let diet = *chart.rng.pick(DIETS);
    let plan = chart.plan(Kind::Meal, Some(day), written);
    let cancelled = chart.cancels();
    let order = plan.order.clone();
    chart.file(
        Plan {
            department: Some(here.department),
            cancelled,
            ..plan
        },
        |e| {
            meal(
                here,
                &order,
                diet,
                day,
                ordered,
                if e.cancel { "CA" } else { "NW" },
            )
        },
    );
}
