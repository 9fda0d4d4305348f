//! What happens to a patient at a facility: a plausible course, filed document by document
//! (clinical-formats §1.7).

mod mistakes;
mod stay;
mod tests_done;
mod visit;

use crate::Day;
use crate::build::{Scene, basics, diagnosis};
use crate::chart::{Chart, Plan};
use crate::kind::Kind;
use crate::rng::Rng;
use crate::tables::diseases::Disease;

/// Days at the start of the span without visits, so that what comes before a stay lies in the span too.
const QUIET_DAYS: u32 = 20;

/// Fills a chart.
pub(crate) fn fill(chart: &mut Chart<'_>, visits: (u32, u32)) {
    let days = visit_days(chart, visits);
    let Some(first) = days.first().copied() else {
        return;
    };
    basics_and_allergy(chart, first);
    diagnoses(chart, first);
    for (n, day) in days.into_iter().enumerate() {
        visit::visit(chart, day, n == 0);
    }
    let rate = chart.rates.stay_permille;
    if chart.complete || chart.rng.permille(rate) {
        stay::stay(chart);
    }
    mistakes::mistakes(chart);
}

/// The scene of a visit or stay for a disease.
fn scene<'a>(chart: &mut Chart<'a>, department: &'static str, bed: Option<String>) -> Scene<'a> {
    let (site, patient) = (chart.site, chart.patient);
    let doctor = site.doctor(department, &mut chart.rng);
    Scene {
        site,
        patient,
        doctor,
        department,
        bed,
    }
}

/// A weekday in the span, not in its quiet days and so many days before its end.
fn weekday(chart: &mut Chart<'_>, days_left: u32) -> Day {
    let (first, last) = chart.days;
    let room = (last.days_since(first) as u32).saturating_sub(QUIET_DAYS + days_left + 2);
    let mut day = first.plus((QUIET_DAYS + chart.rng.below(room.max(1))) as i32);
    while day.is_weekend() {
        day = day.plus(1);
    }
    day
}

fn visit_days(chart: &mut Chart<'_>, visits: (u32, u32)) -> Vec<Day> {
    let count = chart.rng.between(visits.0, visits.1);
    let mut days: Vec<Day> = (0..count.max(1)).map(|_| weekday(chart, 0)).collect();
    days.sort_unstable();
    days.dedup();
    days
}

/// ADT-00, rewritten up to three times, and perhaps ADT-61.
fn basics_and_allergy(chart: &mut Chart<'_>, first: Day) {
    let here = scene(chart, chart.patient.person.diseases[0].department, None);
    let plan = chart.plan(Kind::Basics, None, first.at(8, 20));
    let updates = Some(chart.rng.below(4));
    let weight = chart.patient.person.weight_hg;
    let promised = chart.traveller;
    chart.file(
        Plan {
            updates,
            promised,
            ..plan
        },
        |e| basics::basics(&here, weight + 3 * e.number, e.at, e.cancel),
    );
    if chart.complete || chart.patient.person.allergy.is_some() {
        let allergen = chart.patient.person.allergy_or_first();
        let plan = chart.plan(Kind::Allergy, None, first.at(10, 40));
        chart.file(plan, |e| basics::allergy(&here, allergen, e.at));
    }
}

/// PPR-01: one file for all diagnoses or one for each, as the maker does it.
fn diagnoses(chart: &mut Chart<'_>, first: Day) {
    let diseases = chart.patient.person.diseases.clone();
    let department = diseases[0].department;
    let here = scene(chart, department, None);
    let diagnosed =
        |chart: &mut Chart<'_>, n: usize, disease: &'static Disease| diagnosis::Diagnosed {
            disease,
            order: chart.next_order(Kind::Diagnosis),
            since: first,
            resolved: None,
            principal: n == 0,
            suspected: n > 0 && chart.rng.permille(150),
        };
    let mut groups: Vec<Vec<diagnosis::Diagnosed>> = Vec::new();
    for (n, disease) in diseases.into_iter().enumerate() {
        let one = diagnosed(chart, n, disease);
        match groups.last_mut() {
            Some(group) if chart.site.quirks.diagnoses_together => group.push(one),
            _ => groups.push(vec![one]),
        }
    }
    for (n, list) in groups.into_iter().enumerate() {
        let plan = chart.plan(Kind::Diagnosis, None, first.at(11, 10 + n as u32));
        let order = list[0].order.clone();
        // An acute disease is over when its file is written again.
        let acute = list.iter().any(|d| d.disease.acute);
        let promised = chart.traveller && n == 0;
        let cancelled = n > 0 && (chart.cancels() || chart.complete && list[0].suspected);
        let plan = Plan {
            order,
            department: Some(department),
            updates: acute.then_some(1),
            promised,
            cancelled,
            ..plan
        };
        chart.file(plan, |e| {
            let mut list = list.clone();
            for one in list.iter_mut().filter(|d| d.disease.acute && e.number > 0) {
                one.resolved = Some(e.at.day());
            }
            let action = match (e.cancel, e.number) {
                (true, _) => ("DE", "CA"),
                (false, 0) => ("AD", "NW"),
                (false, _) => ("UP", "XO"),
            };
            diagnosis::diagnoses(&here, &list, action, e.at)
        });
    }
}

/// A stream for what is a person's own and not the occasion's.
fn constitution(chart: &Chart<'_>, what: &str) -> Rng {
    Rng::of(chart.patient.person.constitution, &[what])
}
