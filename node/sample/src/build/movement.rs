//! Receptions, admissions, moves and discharges: ADT-01, 12, 21 to 52.

use super::Scene;
use crate::day::Moment;
use crate::kind::Kind;
use crate::message::Seg;

/// A movement.
#[derive(Debug, Clone)]
pub(crate) struct Movement {
    pub(crate) kind: Kind,
    /// When it happens, or is planned to.
    pub(crate) at: Moment,
    /// When the stay began, for an inpatient.
    pub(crate) admitted: Option<Moment>,
    /// The bed before a move, `ward^room^bed`.
    pub(crate) from_bed: Option<String>,
}

/// The message of a movement or of its cancellation, written at a moment. The field that 診療日 comes
/// from (clinical-formats §1.3) is always there.
pub(crate) fn movement(scene: &Scene<'_>, what: &Movement, written: Moment) -> Vec<Seg> {
    let at = what.at.to_minute();
    let planned = matches!(
        what.kind,
        Kind::AdmissionPlan | Kind::TransferPlan | Kind::DischargePlan
    );
    let happened = match what.kind {
        Kind::Leave | Kind::LeaveReturn | Kind::Transfer => at.clone(),
        _ => String::new(),
    };
    let event = Seg::new("EVN")
        .with(2, written.to_second())
        .with(3, if planned { at.clone() } else { String::new() })
        .with(6, happened)
        .with(7, scene.site.id.as_str());
    let mut visit = scene.pv1().with(
        17,
        match scene.bed {
            Some(_) => scene.doctor.xcn(scene.site.quirks),
            None => String::new(),
        },
    );
    if let Some(bed) = &what.from_bed {
        visit = visit.with(6, format!("{bed}^^^N"));
    }
    if let Some(admitted) = what.admitted {
        visit = visit.with(44, admitted.to_minute());
    }
    visit = match what.kind {
        Kind::Reception | Kind::Admission => visit.with(44, at.clone()),
        Kind::Discharge => visit.with(36, "01").with(45, at.clone()),
        _ => visit,
    };
    let more = match what.kind {
        Kind::AdmissionPlan | Kind::TransferPlan => Some(Seg::new("PV2").with(8, at)),
        Kind::DischargePlan => Some(Seg::new("PV2").with(9, at)),
        Kind::LeaveReturn => Some(Seg::new("PV2").with(47, at)),
        _ => None,
    };
    [event, scene.pid(), visit]
        .into_iter()
        .chain(more)
        .collect()
}
