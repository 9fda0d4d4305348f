//! Diagnoses: PPR-01.

use super::{Scene, basics::insurance, note};
use crate::Day;
use crate::day::Moment;
use crate::message::{Seg, coded};
use crate::tables::diseases::Disease;

/// One diagnosis made in a patient.
#[derive(Debug, Clone)]
pub(crate) struct Diagnosed {
    pub(crate) disease: &'static Disease,
    pub(crate) order: String,
    pub(crate) since: Day,
    pub(crate) resolved: Option<Day>,
    pub(crate) principal: bool,
    pub(crate) suspected: bool,
}

/// PPR-01 with one diagnosis or several; `code` is PRB-1 and ORC-1 (`AD`/`NW`, `UP`/`XO`, `DE`/`CA`).
pub(crate) fn diagnoses(
    scene: &Scene<'_>,
    list: &[Diagnosed],
    action: (&str, &str),
    at: Moment,
) -> Vec<Seg> {
    let mut segments = vec![scene.pid(), scene.pv1()];
    for one in list {
        let disease = one.disease;
        let (outcome, outcome_day) = match one.resolved {
            Some(day) => ("R^治癒^HL70241", day.to_string()),
            None => ("N^回復せず^HL70241", String::new()),
        };
        segments.push(
            Seg::new("PRB")
                .with(1, action.0)
                .with(2, at.to_second())
                .with(3, coded(disease.code.0, disease.name, disease.code.1))
                .with(4, one.order.as_str())
                .with(7, one.since.to_string())
                .with(9, outcome_day.as_str())
                .with(10, format!("{}^^I10^O^外来時^JHSD0004^2013", disease.icd10))
                .with(14, outcome)
                .with(15, outcome_day)
                .with(16, one.since.to_string())
                .with(
                    18,
                    if one.principal {
                        "1^主診断^JHSD0007"
                    } else {
                        "2^副診断^JHSD0007"
                    },
                ),
        );
        if one.suspected {
            segments.push(Seg::new("ZPD").with(1, "1").with(2, "M001^の疑い^99X05"));
        }
        if one.principal {
            segments.push(note(
                scene.site,
                1,
                &["定期的に経過をみる", "本人&家族に説明済み"],
            ));
        }
        segments.push(insurance("ZI1", scene));
        segments.push(scene.orc(action.1, &one.order, at));
    }
    segments
}
