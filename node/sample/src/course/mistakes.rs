//! Movements recorded by mistake and cancelled within the hour: the `_0` pairs of ADT kinds.

use super::{scene, weekday};
use crate::build::movement::{Movement, movement};
use crate::chart::{Chart, Plan};
use crate::kind::Kind;

const CANCELLABLE: &[Kind] = &[
    Kind::AdmissionPlan,
    Kind::Admission,
    Kind::Leave,
    Kind::LeaveReturn,
    Kind::TransferPlan,
    Kind::Transfer,
    Kind::DischargePlan,
    Kind::Discharge,
    Kind::PhysicianChange,
];

/// Mistakes at the rate of deletions; a complete chart has one of each kind that still has room.
pub(super) fn mistakes(chart: &mut Chart<'_>) {
    for kind in CANCELLABLE {
        if chart.complete || chart.cancels() {
            mistake(chart, *kind);
        }
    }
}

fn mistake(chart: &mut Chart<'_>, kind: Kind) {
    let department = chart.patient.person.diseases[0].department;
    let here = scene(chart, department, Some("3A^301^2".to_owned()));
    let day = weekday(chart, 5);
    let at = day.at(chart.rng.between(9, 16), chart.rng.below(60));
    let care_day = (kind != Kind::PhysicianChange).then_some(day);
    let what = Movement {
        kind,
        at,
        admitted: Some(at),
        from_bed: None,
    };
    let plan = chart.plan(kind, care_day, at.plus_minutes(3));
    chart.file(
        Plan {
            department: Some(department),
            cancelled: true,
            ..plan
        },
        |e| movement(&here, &what, e.at),
    );
}
