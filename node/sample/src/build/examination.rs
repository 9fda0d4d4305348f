//! Imaging, endoscopy and physiology, ordered and done: OMG-01, 11, 02, 12, 03, 13.

use super::{Scene, note};
use crate::day::Moment;
use crate::message::{Seg, coded};
use crate::tables::examinations::{ECG, Examination};

/// An examination of a patient.
#[derive(Debug, Clone)]
pub(crate) struct Examined {
    pub(crate) what: &'static Examination,
    pub(crate) order: String,
    /// One order number for each part.
    pub(crate) part_orders: Vec<String>,
    pub(crate) ordered: Moment,
    pub(crate) done: Moment,
    /// Study Instance UID.
    pub(crate) study_uid: String,
    pub(crate) finding: &'static str,
}

fn timing() -> Seg {
    Seg::new("TQ1").with(1, "1").with(9, "R^ルーチン^HL70485")
}

fn request(scene: &Scene<'_>, order: &str, what: String) -> Seg {
    Seg::new("OBR")
        .with(2, order)
        .with(4, what)
        .with(16, scene.doctor.xcn(scene.site.quirks))
}

/// ORC-1 of the parent's first and second group and of the parts: one order and its parts
/// (SS-MIX2: NW parent, PA, CH children), or one cancellation.
fn codes(cancel: bool) -> [&'static str; 3] {
    if cancel {
        ["CA"; 3]
    } else {
        ["NW", "PA", "CH"]
    }
}

/// OMG-01 or OMG-02.
pub(crate) fn order(scene: &Scene<'_>, exam: &Examined, cancel: bool) -> Vec<Seg> {
    let [new, parent, child] = codes(cancel);
    let whole = coded(exam.what.code, exam.what.name, exam.what.system);
    let mut segments = vec![scene.pid(), scene.pv1()];
    segments.push(scene.orc(new, &exam.order, exam.ordered));
    segments.push(timing());
    segments.push(request(scene, &exam.order, whole.clone()));
    if cancel {
        return segments;
    }
    segments.push(scene.orc(parent, &exam.order, exam.ordered));
    segments.push(timing());
    segments.push(request(scene, &exam.order, whole));
    segments.push(note(
        scene.site,
        1,
        &["右側の症状あり", "前回の画像と比較を"],
    ));
    let weight = scene.patient.person.weight_hg;
    segments.push(
        Seg::new("OBX")
            .with(1, "1")
            .with(2, "NM")
            .with(3, "01-02^体重^JSHR001")
            .with(5, format!("{}.{}", weight / 10, weight % 10))
            .with(6, "kg^kg^ISO+")
            .with(11, "F"),
    );
    for ((code, name), order) in exam.what.parts.iter().zip(&exam.part_orders) {
        segments.push(
            scene
                .orc(child, order, exam.ordered)
                .with(8, exam.order.as_str()),
        );
        segments.push(timing());
        segments.push(
            request(scene, order, coded(code, name, exam.what.system))
                .with(29, exam.order.as_str()),
        );
    }
    segments
}

/// OMG-11 or OMG-12.
pub(crate) fn done(scene: &Scene<'_>, exam: &Examined, cancel: bool) -> Vec<Seg> {
    let [new, parent, child] = codes(cancel);
    let whole = coded(exam.what.code, exam.what.name, exam.what.system);
    let performed = |order: &str, what: String| {
        request(scene, order, what)
            .with(7, exam.done.to_minute())
            .with(22, exam.done.to_second())
            .with(25, "F")
    };
    let ipc = Seg::new("IPC")
        .with(1, format!("A{}", exam.order))
        .with(2, format!("P{}", exam.order))
        .with(3, exam.study_uid.as_str())
        .with(5, format!("{}^^DCM", exam.what.modality));
    let mut segments = vec![scene.pid(), scene.pv1()];
    for code in if cancel { vec![new] } else { vec![new, parent] } {
        segments.push(scene.orc(code, &exam.order, exam.ordered));
        segments.push(timing());
        segments.push(performed(&exam.order, whole.clone()));
        if code == parent && !cancel {
            segments.push(
                Seg::new("OBX")
                    .with(1, "1")
                    .with(2, "TX")
                    .with(3, "F001^所見^99X11")
                    .with(5, exam.finding)
                    .with(11, "F"),
            );
        }
        segments.push(ipc.clone());
    }
    if cancel {
        return segments;
    }
    for (n, ((code, name), order)) in exam.what.parts.iter().zip(&exam.part_orders).enumerate() {
        let part = coded(code, name, exam.what.system);
        segments.push(
            scene
                .orc(child, order, exam.ordered)
                .with(8, exam.order.as_str()),
        );
        segments.push(timing());
        segments.push(performed(order, part.clone()).with(29, exam.order.as_str()));
        segments.push(
            Seg::new("ZE1")
                .with(1, (n + 1).to_string())
                .with(2, "RS")
                .with(3, part)
                .with(6, "NS-03^EM-01")
                .with(7, scene.doctor.xcn(scene.site.quirks)),
        );
        segments.push(ipc.clone());
    }
    segments
}

/// An electrocardiogram.
#[derive(Debug, Clone)]
pub(crate) struct Ecg {
    pub(crate) order: String,
    pub(crate) ordered: Moment,
    pub(crate) done: Moment,
    pub(crate) finding: &'static str,
    /// Beats a minute.
    pub(crate) heart_rate: u32,
}

/// The visit with the department where the maker puts it in physiology messages.
fn physiology_visit(scene: &Scene<'_>) -> Seg {
    if !scene.site.quirks.physiology_department_in_pv1_8 {
        return scene.pv1();
    }
    Seg::new("PV1")
        .with(1, "0001")
        .with(2, scene.class())
        .with(3, scene.place())
        .with(7, scene.doctor.xcn(scene.site.quirks))
        .with(8, scene.department)
}

/// OMG-03; `code` is ORC-1.
pub(crate) fn ecg_order(scene: &Scene<'_>, ecg: &Ecg, code: &str) -> Vec<Seg> {
    let what = coded(ECG.0, ECG.1, "JC10");
    vec![
        scene.pid(),
        physiology_visit(scene),
        scene.orc(code, &ecg.order, ecg.ordered),
        timing(),
        request(scene, &ecg.order, what).with(1, "1"),
        Seg::new("OBX")
            .with(1, "1")
            .with(2, "TX")
            .with(3, format!("{}^心電図所見^JC10", ECG.2))
            .with(5, "動悸あり、精査目的")
            .with(11, "F"),
    ]
}

/// OMG-13; `code` is ORC-1.
pub(crate) fn ecg_result(scene: &Scene<'_>, ecg: &Ecg, status: &str, code: &str) -> Vec<Seg> {
    let number = |n: usize, code: &str, value: u32, unit: &str| {
        Seg::new("OBX")
            .with(1, n.to_string())
            .with(2, "NM")
            .with(3, code)
            .with(4, "1")
            .with(5, value.to_string())
            .with(6, unit)
            .with(11, status)
    };
    vec![
        scene.pid(),
        physiology_visit(scene),
        scene.orc(code, &ecg.order, ecg.ordered),
        request(scene, &ecg.order, coded(ECG.0, ECG.1, "JC10"))
            .with(1, "1")
            .with(7, ecg.done.to_minute())
            .with(22, ecg.done.to_second())
            .with(25, status),
        Seg::new("OBX")
            .with(1, "1")
            .with(2, "TX")
            .with(3, format!("{}^心電図所見^JC10", ECG.2))
            .with(4, "1")
            .with(5, ecg.finding)
            .with(11, status),
        number(2, "32769^心拍数^99MFR", ecg.heart_rate, "bpm"),
        number(3, "58240^QRS 幅^99MFR", 80 + ecg.heart_rate % 30, "msec"),
        number(4, "56008^QT 時間^99MFR", 480 - ecg.heart_rate, "msec"),
    ]
}
