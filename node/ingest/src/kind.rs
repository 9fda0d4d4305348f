//! The data kinds (データ種別) of SS-MIX2 standardised storage: 26 kinds, 36 with those whose cancellation is a
//! message of its own.
//!
//! Source: NHO `SSMIX_CAREDATE.json` and the JAMI specification 1.2, table of data kinds. LOINC names from LOINC 2.8x.

use sekisho_documents::{Code, Title};
use sekisho_domain::Category;

/// A field that holds when the service took place, e.g. `ORC-9`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceField {
    /// Segment name.
    pub segment: &'static str,
    /// Field number.
    pub field: usize,
}

/// One data kind.
#[derive(Debug, PartialEq, Eq)]
pub struct DataKind {
    /// The kind in names and folders, e.g. `OMP-01`.
    pub code: &'static str,
    /// The kind of information, by which consents and agreements select.
    pub category: Category,
    /// Japanese name.
    pub ja: &'static str,
    /// English name.
    pub en: &'static str,
    /// LOINC code and name, where one fits.
    pub loinc: Option<(&'static str, &'static str)>,
    /// Message types (MSH-9.1 `^` MSH-9.2) that state it.
    pub inserts: &'static [&'static str],
    /// Message types that only cancel it; empty where the insert's type serves for both.
    pub cancels: &'static [&'static str],
    /// Segments without which the message is cut off.
    pub needs: &'static [&'static str],
    /// Where 診療日 comes from; `None` for kinds that have none.
    pub service_start: Option<ServiceField>,
    /// Where the service's end is stated, if anywhere.
    pub service_stop: Option<ServiceField>,
}

const fn at(segment: &'static str, field: usize) -> Option<ServiceField> {
    Some(ServiceField { segment, field })
}

macro_rules! kinds {
    ($($code:literal $category:ident $ja:literal $en:literal, $loinc:expr, $inserts:expr, $cancels:expr, $needs:expr, $start:expr, $stop:expr;)+) => {
        &[$(DataKind {
            code: $code, category: Category::$category, ja: $ja, en: $en, loinc: $loinc,
            inserts: &$inserts, cancels: &$cancels, needs: &$needs, service_start: $start, service_stop: $stop,
        },)+]
    };
}

const MEDICATION_ADMINISTERED: Option<(&str, &str)> =
    Some(("29549-3", "Medication administered Narrative"));

impl DataKind {
    /// Every kind.
    // ADT-12 is sent as an admission (A01) by ssmixtwins and by vendors alike: the folder decides.
    #[rustfmt::skip]
    pub const ALL: &'static [Self] = kinds! {
        "ADT-00" Demographics "患者基本情報" "Patient demographics", None, ["ADT^A08"], ["ADT^A23"], ["PV1"], None, None;
        "ADT-01" Encounter "担当医変更" "Change of attending physician", None, ["ADT^A54"], ["ADT^A55"], ["PV1"], None, None;
        "ADT-12" Encounter "外来受付" "Outpatient visit", None, ["ADT^A04", "ADT^A01"], [], ["PV1"], at("PV1", 44), None;
        "ADT-21" Encounter "入院予定" "Planned admission", None, ["ADT^A14"], ["ADT^A27"], ["PV1"], at("PV2", 8), None;
        "ADT-22" Encounter "入院実施" "Admission", None, ["ADT^A01"], ["ADT^A11"], ["PV1"], at("PV1", 44), None;
        "ADT-31" Encounter "外出泊実施" "Leave of absence", None, ["ADT^A21"], ["ADT^A52"], ["PV1"], at("EVN", 6), None;
        "ADT-32" Encounter "外出泊帰院" "Return from leave of absence", None, ["ADT^A22"], ["ADT^A53"], ["PV1"], at("EVN", 6), None;
        "ADT-41" Encounter "転科・転棟予定" "Planned transfer", None, ["ADT^A15"], ["ADT^A26"], ["PV1"], at("PV2", 8), None;
        "ADT-42" Encounter "転科・転棟実施" "Transfer", None, ["ADT^A02"], ["ADT^A12"], ["PV1"], at("EVN", 6), None;
        "ADT-51" Encounter "退院予定" "Planned discharge", None, ["ADT^A16"], ["ADT^A25"], ["PV1"], at("PV2", 9), None;
        "ADT-52" Encounter "退院実施" "Discharge", None, ["ADT^A03"], ["ADT^A13"], ["PV1"], at("PV1", 45), None;
        "ADT-61" Allergy "アレルギー" "Allergies", Some(("48765-2", "Allergies and adverse reactions Document")), ["ADT^A60"], [], [], None, None;
        "PPR-01" Diagnosis "病名(歴)" "Diagnoses", Some(("11450-4", "Problem list - Reported")), ["PPR^ZD1"], [], ["PRB"], None, None;
        "OMD" Meal "食事オーダ" "Meal order", None, ["OMD^O03"], [], ["ORC"], at("ORC", 9), None;
        "OMP-01" Prescription "処方オーダ" "Prescription", Some(("57833-6", "Prescription for medication Document")), ["RDE^O11"], [], ["ORC", "RXE"], at("ORC", 9), None;
        "OMP-11" Prescription "処方実施" "Medication administered", MEDICATION_ADMINISTERED, ["RAS^O17"], [], ["RXA"], at("RXA", 3), at("RXA", 4);
        "OMP-02" Injection "注射オーダ" "Injection order", None, ["RDE^O11"], [], ["ORC", "RXE"], at("ORC", 9), None;
        "OMP-12" Injection "注射実施" "Injection administered", MEDICATION_ADMINISTERED, ["RAS^O17"], [], ["RXA"], at("RXA", 3), at("RXA", 4);
        "OML-01" LabResult "検体検査オーダ" "Laboratory order", None, ["OML^O33"], [], ["OBR"], at("ORC", 9), None;
        "OML-11" LabResult "検体検査結果" "Laboratory results", Some(("11502-2", "Laboratory report")), ["OUL^R22"], [], ["OBR"], at("SPM", 17), None;
        "OMG-01" Imaging "放射線検査オーダ" "Radiology order", None, ["OMG^O19"], [], ["OBR"], at("ORC", 9), None;
        "OMG-11" Imaging "放射線検査実施" "Radiology examination", Some(("18748-4", "Diagnostic imaging study")), ["OMI^Z23"], [], ["OBR"], at("OBR", 7), at("OBR", 8);
        "OMG-02" Endoscopy "内視鏡検査オーダ" "Endoscopy order", None, ["OMG^O19"], [], ["OBR"], at("ORC", 9), None;
        "OMG-12" Endoscopy "内視鏡検査実施" "Endoscopy examination", Some(("18751-8", "Endoscopy study")), ["OMI^Z23"], [], ["OBR"], at("OBR", 7), at("OBR", 8);
        "OMG-03" Physiology "生理検査オーダ" "Physiology order", None, ["OMG^O19"], [], ["OBR"], at("ORC", 9), None;
        "OMG-13" Physiology "生理検査結果" "Physiology results", None, ["ORU^R01"], [], ["OBR"], at("OBR", 7), at("OBR", 8);
    };

    /// The kind of a code.
    pub fn of(code: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|kind| kind.code == code)
    }

    /// XDS classCode: the category.
    pub fn class_code(&self) -> Code {
        Code::of_category(self.category)
    }

    /// XDS typeCode: LOINC, or the kind itself where no LOINC code fits.
    pub fn type_code(&self) -> Code {
        match self.loinc {
            Some((code, name)) => Code::new(code, "http://loinc.org", self.ja, name),
            None => Code::new(self.code, "urn:jami:ss-mix2:standardised", self.ja, self.en),
        }
    }

    /// XDS formatCode.
    pub fn format_code(&self) -> Code {
        let code = format!("urn:jami:ss-mix2:standardised:{}", self.code);
        Code::new(
            code,
            "urn:sekisho:format",
            "SS-MIX2 標準化ストレージ",
            "SS-MIX2 standardised storage",
        )
    }

    /// XDS title.
    pub fn title(&self) -> Title {
        Title::new(self.ja, self.en)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_complete() {
        let codes: BTreeSet<_> = DataKind::ALL.iter().map(|k| k.code).collect();
        assert_eq!((DataKind::ALL.len(), codes.len()), (26, 26));
        let with_cancels = DataKind::ALL
            .iter()
            .map(|k| 1 + k.cancels.len())
            .sum::<usize>();
        assert_eq!(with_cancels, 36);
        for kind in DataKind::ALL {
            assert_eq!(DataKind::of(kind.code), Some(kind));
            let overlap = kind.inserts.iter().any(|t| kind.cancels.contains(t));
            assert!(!kind.inserts.is_empty() && !overlap, "{}", kind.code);
            let undated = ["ADT-00", "ADT-01", "ADT-61", "PPR-01"].contains(&kind.code);
            assert_eq!(kind.service_start.is_none(), undated, "{}", kind.code);
        }
        assert_eq!(DataKind::of("OMP-03"), None);
        assert_eq!(DataKind::of("omp-01"), None);
    }

    /// The NHO table, an independent source: message type → field of 診療日.
    #[test]
    fn service_fields_agree_with_the_nho_table() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/testdata/ssmix2/nho_spec_tables/include/SSMIX_CAREDATE.json"
        );
        let Ok(json) = std::fs::read_to_string(path) else {
            println!("left out: agreement with the NHO table of 診療日 (no test data)");
            return;
        };
        let table: std::collections::BTreeMap<String, String> =
            serde_json::from_str(&json).unwrap();
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for kind in DataKind::ALL {
            known.extend(kind.inserts.iter().chain(kind.cancels));
            let field = kind
                .service_start
                .map_or(String::new(), |f| format!("{}-{}", f.segment, f.field));
            assert_eq!(table[kind.inserts[0]], field, "{}", kind.code);
        }
        let table: BTreeSet<&str> = table.keys().map(String::as_str).collect();
        assert_eq!(known, table);
    }
}
