//! Who the patient is: ADT-00 with insurance, allergies and measurements, and ADT-61.

use super::{Scene, xad, xpn, xtn};
use crate::day::Moment;
use crate::message::{Seg, coded};
use crate::person::Allergen;

/// ADT-00, or its deletion. The weight follows the edition: people change.
pub(crate) fn basics(scene: &Scene<'_>, weight_hg: u32, written: Moment, cancel: bool) -> Vec<Seg> {
    let (site, patient) = (scene.site, scene.patient);
    let person = &patient.person;
    let event = Seg::new("EVN")
        .with(2, written.to_second())
        .with(7, site.id.as_str());
    let pid = scene
        .pid()
        .with(14, xtn(site, "WPN", ""))
        .with(33, written.to_second());
    let mut segments = vec![event, pid];
    if cancel {
        segments.push(scene.pv1());
        return segments;
    }
    segments.push(
        Seg::new("NK1")
            .with(1, "1")
            .with(2, xpn(site, patient))
            .with(3, "SEL^本人^HL70063")
            .with(4, xad(site, &person.postal, "H", &patient.address))
            .with(5, xtn(site, "PRN", &person.phone)),
    );
    segments.push(scene.pv1());
    segments.push(Seg::new("DB1").with(1, "1").with(2, "PT").with(4, "N"));
    let measured = |n: &str, code: &str, tenths: u32, unit: &str| {
        Seg::new("OBX")
            .with(1, n)
            .with(2, "NM")
            .with(3, code)
            .with(5, format!("{}.{}", tenths / 10, tenths % 10))
            .with(6, coded(unit, unit, "ISO+"))
            .with(11, "F")
    };
    segments.push(measured(
        "1",
        "9N001000000000001^身長^JC10",
        person.height_mm,
        "cm",
    ));
    segments.push(measured(
        "2",
        "9N006000000000001^体重^JC10",
        weight_hg,
        "kg",
    ));
    segments.push(
        Seg::new("OBX")
            .with(1, "3")
            .with(2, "CWE")
            .with(3, "5H010000001999911^血液型-ABO式^JC10")
            .with(5, coded(person.blood, person.blood, "JSHR002"))
            .with(11, "F"),
    );
    segments.extend(person.allergy.map(al1));
    segments.push(insurance("IN1", scene));
    segments
}

/// An allergy in the short form.
fn al1(allergen: &Allergen) -> Seg {
    Seg::new("AL1")
        .with(1, "1")
        .with(2, allergen.class)
        .with(3, coded(allergen.code, allergen.name, allergen.system))
}

/// The patient's allergy for messages that repeat it, if there is one.
pub(crate) fn known_allergy(scene: &Scene<'_>) -> Option<Seg> {
    scene.patient.person.allergy.map(al1)
}

/// The insurance, as IN1 or, in PPR-01, as ZI1.
pub(crate) fn insurance(segment: &'static str, scene: &Scene<'_>) -> Seg {
    let insurance = &scene.patient.person.insurance;
    let (code, name) = insurance.kind;
    let insurer = if scene.site.quirks.insurer_zero_lost {
        insurance.insurer.trim_start_matches('0')
    } else {
        &insurance.insurer
    };
    let mut number = insurance.number.clone();
    if let Some(branch) = &insurance.branch {
        number = format!("{number}^{branch}");
    }
    Seg::new(segment)
        .with(1, "1")
        .with(2, coded(code, name, "JHSD0001"))
        .with(3, insurer)
        .with(4, name)
        .with(10, insurance.symbol.as_str())
        .with(11, number)
        .with(12, insurance.from.to_string())
        .with(15, "MI")
        .with(
            17,
            if insurance.dependant {
                "EME^家族^HL70063"
            } else {
                "SEL^本人^HL70063"
            },
        )
}

/// ADT-61: the allergy in full.
pub(crate) fn allergy(scene: &Scene<'_>, allergen: &Allergen, written: Moment) -> Vec<Seg> {
    vec![
        Seg::new("EVN")
            .with(2, written.to_second())
            .with(7, scene.site.id.as_str()),
        scene.pid(),
        scene.pv1(),
        Seg::new("IAM")
            .with(1, "1")
            .with(2, allergen.class)
            .with(3, coded(allergen.code, allergen.name, allergen.system))
            .with(4, "MO^中等度^HL70128")
            .with(5, allergen.reaction)
            .with(6, "A^追加^HL70323")
            .with(7, format!("{}-1", scene.patient.local_id))
            .with(11, scene.patient.person.birth.plus(7000).to_string()),
    ]
}
