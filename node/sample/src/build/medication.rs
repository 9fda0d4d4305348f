//! Prescriptions and injections, ordered and given: OMP-01, 11, 02, 12.

use super::{Scene, basics::known_allergy};
use crate::Day;
use crate::day::Moment;
use crate::message::{Seg, coded};
use crate::tables::drugs::{AMP, Drug, HON, Unit};

/// A prescription.
#[derive(Debug, Clone)]
pub(crate) struct Prescription {
    pub(crate) order: String,
    pub(crate) ordered: Moment,
    pub(crate) start: Day,
    /// Drug and days.
    pub(crate) lines: Vec<(&'static Drug, u32)>,
    /// Dispensed in the hospital.
    pub(crate) inside: bool,
}

fn unit(unit: Unit) -> String {
    coded(unit.0, unit.1, unit.2)
}

fn sub_unit(unit: Unit) -> String {
    format!("{}&{}&{}", unit.0, unit.1, unit.2)
}

fn drug(drug: &Drug) -> String {
    coded(drug.code, drug.name, drug.system)
}

fn route(drug: &Drug) -> &'static str {
    if drug.usage.text.starts_with("外用") {
        "AP^外用^HL70162"
    } else {
        "PO^口^HL70162"
    }
}

/// OMP-01; `code` is ORC-1.
pub(crate) fn prescription(scene: &Scene<'_>, rx: &Prescription, code: &str) -> Vec<Seg> {
    let mut segments = vec![scene.pid(), scene.pv1()];
    segments.extend(known_allergy(scene));
    let (class, class_text) = if scene.bed.is_some() {
        ("IHP", "入院処方")
    } else {
        ("OHP", "外来処方")
    };
    let place = if rx.inside {
        "OHI^院内処方^MR9P"
    } else {
        "OHO^院外処方^MR9P"
    };
    for (n, (row, days)) in rx.lines.iter().enumerate() {
        let daily = row.dose * row.usage.times;
        let dispensed = (daily * days).to_string();
        segments.push(
            scene
                .orc(code, &rx.order, rx.ordered)
                .with(4, format!("{}_{:02}_001", rx.order, n + 1)),
        );
        segments.push(
            Seg::new("RXE")
                .with(2, drug(row))
                .with(3, row.dose.to_string())
                .with(5, unit(row.unit))
                .with(10, dispensed)
                .with(11, unit(row.unit))
                .with(15, rx.order.as_str())
                .with(19, format!("{daily}^{}", sub_unit(row.unit)))
                .with(21, format!("{class}^{class_text}^MR9P~{place}")),
        );
        segments.push(
            Seg::new("TQ1")
                .with(1, "1")
                .with(
                    3,
                    format!("{}&{}&{}", row.usage.code, row.usage.text, row.usage.system),
                )
                .with(6, format!("{days}^d"))
                .with(7, format!("{}00", rx.start)),
        );
        segments.push(Seg::new("RXR").with(1, route(row)));
    }
    segments
}

/// What was given: drug, quantity, unit.
type Given = ((&'static str, &'static str, &'static str), u32, Unit);

fn administration(scene: &Scene<'_>, given: &Given, from: Moment, to: Moment) -> Seg {
    let ((code, name, system), quantity, what) = *given;
    Seg::new("RXA")
        .with(1, "0")
        .with(2, "1")
        .with(3, from.to_minute())
        .with(4, to.to_minute())
        .with(5, coded(code, name, system))
        .with(6, quantity.to_string())
        .with(7, unit(what))
        .with(10, scene.site.nurse())
        .with(11, scene.place())
        .with(20, "CP")
        .with(22, to.to_second())
}

/// OMP-11: one intake of all drugs of a prescription.
pub(crate) fn prescription_given(
    scene: &Scene<'_>,
    rx: &Prescription,
    at: Moment,
    code: &str,
) -> Vec<Seg> {
    let mut segments = vec![scene.pid()];
    segments.extend(known_allergy(scene));
    segments.push(scene.pv1());
    for (n, (row, _)) in rx.lines.iter().enumerate() {
        let given = ((row.code, row.name, row.system), row.dose, row.unit);
        segments.push(
            scene
                .orc(code, &rx.order, rx.ordered)
                .with(4, format!("{}_{:02}_001", rx.order, n + 1)),
        );
        segments.push(administration(scene, &given, at, at));
        segments.push(Seg::new("RXR").with(1, route(row)));
    }
    segments
}

/// An infusion with one additive.
#[derive(Debug, Clone)]
pub(crate) struct Infusion {
    pub(crate) order: String,
    pub(crate) ordered: Moment,
    pub(crate) from: Moment,
    pub(crate) to: Moment,
    pub(crate) base: (&'static str, &'static str, &'static str),
    pub(crate) additive: (&'static str, &'static str, &'static str),
}

const VEIN: &str = "IV^静脈内^HL70162";

/// OMP-02; `code` is ORC-1.
pub(crate) fn infusion(scene: &Scene<'_>, what: &Infusion, code: &str) -> Vec<Seg> {
    let mut segments = vec![scene.pid(), scene.pv1()];
    segments.extend(known_allergy(scene));
    segments.push(
        scene
            .orc(code, &what.order, what.ordered)
            .with(4, format!("{}_01_001", what.order)),
    );
    segments.push(
        Seg::new("RXE")
            .with(2, "00^一般^99I02")
            .with(3, "510")
            .with(5, "ML^ミリリットル^MR9P")
            .with(6, "INJ^注射剤^MR9P")
            .with(7, "^５時間一定速度で^99IC6")
            .with(15, what.order.as_str())
            .with(21, "IHP^入院処方^MR9P~FTP^定時処方^99I01")
            .with(23, "102")
            .with(24, "ml/hr^ミリリッター／時間^ISO+"),
    );
    segments.push(
        Seg::new("TQ1")
            .with(1, "1")
            .with(7, what.from.to_minute())
            .with(8, what.to.to_minute()),
    );
    segments.push(
        Seg::new("RXR")
            .with(1, VEIN)
            .with(3, "IVP^点滴ポンプ^HL70164"),
    );
    for (kind, (code, name, system), of) in [("B", what.base, HON), ("A", what.additive, AMP)] {
        segments.push(
            Seg::new("RXC")
                .with(1, kind)
                .with(2, coded(code, name, system))
                .with(3, "1")
                .with(4, unit(of)),
        );
    }
    segments
}

/// OMP-12.
pub(crate) fn infusion_given(scene: &Scene<'_>, what: &Infusion, code: &str) -> Vec<Seg> {
    let mut segments = vec![scene.pid()];
    segments.extend(known_allergy(scene));
    segments.push(scene.pv1());
    segments.push(
        scene
            .orc(code, &what.order, what.ordered)
            .with(4, format!("{}_01_001", what.order)),
    );
    for given in [(what.base, 1, HON), (what.additive, 1, AMP)] {
        segments.push(administration(scene, &given, what.from, what.to));
    }
    segments.push(Seg::new("RXR").with(1, VEIN));
    segments
}
