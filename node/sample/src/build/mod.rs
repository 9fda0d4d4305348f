//! The messages of each data kind, by the grammars of SS-MIX2 Ver.1.2 (clinical-formats §1.5). A builder
//! returns everything after MSH; it decides nothing, what happened is handed to it.

pub(crate) mod basics;
pub(crate) mod diagnosis;
pub(crate) mod examination;
pub(crate) mod laboratory;
pub(crate) mod meal;
pub(crate) mod medication;
pub(crate) mod movement;

use crate::day::Moment;
use crate::message::{Seg, coded, escape};
use crate::person::Patient;
use crate::report::Sex;
use crate::site::{Doctor, Site};
use crate::tables::places;

/// Where and with whom something happens to a patient.
#[derive(Debug, Clone)]
pub(crate) struct Scene<'a> {
    pub(crate) site: &'a Site,
    pub(crate) patient: &'a Patient,
    pub(crate) doctor: &'a Doctor,
    /// Department code.
    pub(crate) department: &'static str,
    /// `ward^room^bed`, for an inpatient.
    pub(crate) bed: Option<String>,
}

/// A person's name as XPN: ideographic, then kana.
fn xpn(site: &Site, patient: &Patient) -> String {
    let gap = if site.quirks.ideographic_name_short {
        "^^^^"
    } else {
        "^^^^^"
    };
    let (family, given) = (&patient.family, &patient.given);
    let kana = &patient.kana;
    format!("{family}^{given}{gap}L^I~{}^{}^^^^^L^P", kana.0, kana.1)
}

/// An address as XAD.
fn xad(site: &Site, postal: &str, kind: &str, text: &str) -> String {
    format!(
        "^^^^{}^JPN^{kind}^{}",
        site.postal_code(postal),
        escape(text)
    )
}

/// A telephone number as XTN; what is absent is empty or `""`, as the maker writes it.
fn xtn(site: &Site, usage: &str, number: &str) -> String {
    match number {
        "" if site.quirks.explicit_null => "\"\"".to_owned(),
        "" => String::new(),
        _ => format!("^{usage}^PH^^^^^^^^^{number}"),
    }
}

impl Scene<'_> {
    /// The patient (PID).
    pub(crate) fn pid(&self) -> Seg {
        let (site, patient) = (self.site, self.patient);
        let id_type = if site.quirks.id_type { "^^^^PI" } else { "" };
        Seg::new("PID")
            .with(1, "0001")
            .with(3, format!("{}{id_type}", patient.local_id))
            .with(5, xpn(site, patient))
            .with(7, patient.person.birth.to_string())
            .with(
                8,
                match patient.person.sex {
                    Sex::M => "M",
                    Sex::F => "F",
                },
            )
            .with(11, xad(site, &patient.person.postal, "H", &patient.address))
            .with(13, xtn(site, "PRN", &patient.person.phone))
    }

    /// The visit (PV1).
    pub(crate) fn pv1(&self) -> Seg {
        Seg::new("PV1")
            .with(1, "0001")
            .with(2, self.class())
            .with(3, self.place())
            .with(7, self.doctor.xcn(self.site.quirks))
            .with(10, self.department)
    }

    /// I or O.
    fn class(&self) -> &'static str {
        if self.bed.is_some() { "I" } else { "O" }
    }

    /// The place as PL: bed, or the department's clinic.
    pub(crate) fn place(&self) -> String {
        match &self.bed {
            Some(bed) => format!("{bed}^^^N"),
            None => format!("{}^^^^^C", self.department),
        }
    }

    /// The department as ORC-17 has it.
    fn department_coded(&self) -> String {
        let (code, name) = places::department(self.department);
        coded(code, name, self.site.quirks.department_system)
    }

    /// The order (ORC) with who ordered what, when and where. `code` is ORC-1.
    pub(crate) fn orc(&self, code: &str, order: &str, at: Moment) -> Seg {
        let site = self.site;
        let (class, class_text) = match self.bed {
            Some(_) => ("I", "入院患者オーダ"),
            None => ("O", "外来患者オーダ"),
        };
        Seg::new("ORC")
            .with(1, code)
            .with(2, order)
            .with(9, at.to_second())
            .with(10, site.clerk())
            .with(12, self.doctor.xcn(site.quirks))
            .with(13, self.place())
            .with(17, self.department_coded())
            .with(18, "PC32^^99XY2")
            .with(21, escape(&site.name))
            .with(22, xad(site, &site.postal, "B", &site.address))
            .with(23, format!("^^^^^^^^^^^{}", site.phone))
            .with(29, coded(class, class_text, "HL70482"))
    }
}

/// A line of notes; the maker may break it with an escape.
pub(crate) fn note(site: &Site, number: usize, lines: &[&str]) -> Seg {
    let lines: Vec<String> = lines.iter().map(|l| escape(l)).collect();
    let separator = if site.quirks.note_breaks {
        "\\.br\\"
    } else {
        "　"
    };
    Seg::new("NTE")
        .with(1, number.to_string())
        .with(3, lines.join(separator))
}
