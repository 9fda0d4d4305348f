//! Kinds of extended storage: taken apart from the folder's name, and what they mean.

use sekisho_documents::{Code, QuarantineReason, Title};
use sekisho_domain::Category;
use std::collections::BTreeMap;

/// Longest データ種別フォルダ name, in bytes: the index database's column holds 180 characters, of up to four bytes.
const KIND_BYTES_MAX: usize = 720;
/// Parts of a データ種別フォルダ name.
const PARTS_MAX: usize = 6;

/// A code whose meaning is known whoever uses it.
struct Known {
    code: &'static str,
    category: Category,
    ja: &'static str,
    en: &'static str,
}

macro_rules! known {
    ($($code:literal $category:ident $ja:literal $en:literal;)+) => {
        &[$(Known { code: $code, category: Category::$category, ja: $ja, en: $en },)+]
    };
}

/// Standard document codes (LOINC, and JMIX for the referral), and the local ones NHO prescribes to all its hospitals.
/// LOINC names from LOINC 2.8x; JMIX and the local ones from the NHO support documents.
const KNOWN: &[Known] = known! {
    "L-OBSERVATIONS" Vitals "バイタル検査結果" "Vital signs";
    "11506-3" ProgressNote "経過記録" "Progress note";
    "34108-1" ProgressNote "外来診療録" "Outpatient note";
    "34112-3" ProgressNote "入院診療録" "Inpatient note";
    "18842-5" DischargeSummary "退院時サマリー" "Discharge summary";
    "57133-1" Referral "診療情報提供書" "Referral note";
    "MD0020730" Referral "診療情報提供書" "Referral note";
    "74465-6" OtherDocument "災害時J-SPEED記録" "J-SPEED record of a disaster";
    "11502-2" LabResult "検体検査報告書" "Laboratory report";
    "18748-4" ImagingReport "画像診断報告書" "Diagnostic imaging study";
    "18751-8" Endoscopy "内視鏡検査報告書" "Endoscopy study";
    "11522-0" Physiology "心エコー検査報告書" "Cardiac echo study";
    "11524-6" Physiology "心電図検査報告書" "EKG study";
    "11504-8" Operation "手術記録" "Surgical operation note";
    "28570-0" OtherDocument "処置記録" "Procedure note";
    "34119-8" NursingNote "看護記録" "Nursing note";
    "34746-8" NursingNote "看護記録" "Nursing note";
    "57833-6" Prescription "処方箋" "Prescription for medication";
    "60593-1" Dispensing "調剤情報提供書" "Medication dispensed";
    "11369-6" Vaccination "予防接種歴" "Immunization history";
    "53576-5" CheckUp "健康診断報告書" "Personal health monitoring report";
    "18776-5" CarePlan "計画書" "Plan of care note";
    "11450-4" Diagnosis "病名一覧" "Problem list";
    "48765-2" Allergy "アレルギー" "Allergies and adverse reactions";
    "59284-0" OtherDocument "同意書" "Consent document";
    "11488-4" OtherDocument "コンサルテーション記録" "Consultation note";
    "11526-1" OtherDocument "病理診断報告書" "Pathology study";
};

/// A kind, as a folder's name states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContentKind {
    /// ローカルコード; may be empty where there is a standard one.
    pub local_code: String,
    local_name: String,
    local_system: String,
    /// 標準コード; empty where the folder names none.
    pub standard_code: String,
    standard_name: String,
    standard_system: String,
}

impl ContentKind {
    /// Reads a データ種別フォルダ name.
    pub(crate) fn of_folder(name: &str) -> Result<Self, QuarantineReason> {
        if name.len() > KIND_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(QuarantineReason::UnknownKind);
        }
        let mut parts = name.splitn(PARTS_MAX, '^').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        let kind = Self {
            local_code: next(),
            local_name: next(),
            local_system: next(),
            standard_code: next(),
            standard_name: next(),
            standard_system: next(),
        };
        // Without any code it could not be told apart, by reader or operator.
        let is_code = |code: &str| code.bytes().all(|b| b.is_ascii_graphic());
        if kind.code().is_empty() || !is_code(&kind.local_code) || !is_code(&kind.standard_code) {
            return Err(QuarantineReason::UnknownKind);
        }
        Ok(kind)
    }

    /// The code it is known by: the standard one where there is one.
    pub(crate) fn code(&self) -> &str {
        if self.standard_code.is_empty() {
            &self.local_code
        } else {
            &self.standard_code
        }
    }

    fn known(&self) -> Option<&'static Known> {
        let find = |code: &str| KNOWN.iter().find(|known| known.code == code);
        find(&self.standard_code).or_else(|| find(&self.local_code))
    }

    /// Its category: as this source's table has it, else as the code means everywhere, else other document.
    pub(crate) fn category(&self, table: &BTreeMap<String, Category>) -> Category {
        let set = table
            .get(&self.local_code)
            .or_else(|| table.get(&self.standard_code));
        let known = || self.known().map(|known| known.category);
        set.copied()
            .or_else(known)
            .unwrap_or(Category::OtherDocument)
    }

    /// XDS title: the standard's name of the kind, else the site's own.
    pub(crate) fn title(&self) -> Title {
        match self.known() {
            Some(known) => Title::new(known.ja, known.en),
            None => {
                let ja = [&self.local_name, &self.standard_name]
                    .into_iter()
                    .find(|n| !n.is_empty());
                Title::new(ja.map_or("文書", String::as_str), "Document")
            }
        }
    }

    /// XDS typeCode.
    pub(crate) fn type_code(&self) -> Code {
        let Title { ja, en } = self.title();
        let (code, system) = if self.standard_code.is_empty() {
            (&self.local_code, system_uri(&self.local_system))
        } else {
            (&self.standard_code, system_uri(&self.standard_system))
        };
        Code::new(code.clone(), system, ja, en)
    }
}

fn system_uri(system: &str) -> String {
    match system {
        "LN" => "http://loinc.org".to_owned(),
        other => format!("urn:jami:ss-mix2:system:{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_taken_apart_and_their_kinds_known() {
        let own: BTreeMap<String, Category> = [("L777".to_owned(), Category::Operation)].into();
        let cases = [
            (
                "L-OBSERVATIONS^OBSERVATIONS^99ZL01",
                "L-OBSERVATIONS",
                Category::Vitals,
                "バイタル検査結果",
            ),
            (
                "^サマリ^^18842-5^退院時サマリー^LN",
                "18842-5",
                Category::DischargeSummary,
                "退院時サマリー",
            ),
            (
                "L12345^入院診療録^99ZZZ^11506-3^経過記録^LN",
                "11506-3",
                Category::ProgressNote,
                "経過記録",
            ),
            (
                "L-JSPEED^災害時JSPEED記録^99ZL01^74465-6^災害時JSPEED記録^LN",
                "74465-6",
                Category::OtherDocument,
                "災害時J-SPEED記録",
            ),
            (
                "L777^手術所見^99ZZZ",
                "L777",
                Category::Operation,
                "手術所見",
            ),
            ("L778^何か^99ZZZ", "L778", Category::OtherDocument, "何か"),
            ("L779", "L779", Category::OtherDocument, "文書"),
        ];
        for (folder, code, category, ja) in cases {
            let kind = ContentKind::of_folder(folder).unwrap();
            assert_eq!(
                (kind.code(), kind.category(&own)),
                (code, category),
                "{folder}"
            );
            assert_eq!(kind.title().ja, ja, "{folder}");
        }
        for none in [
            "",
            "^名称^体系",
            "^^^^^",
            "L 1^x",
            "患者^x",
            &format!("L^{}", "x".repeat(KIND_BYTES_MAX)),
        ] {
            assert_eq!(
                ContentKind::of_folder(none),
                Err(QuarantineReason::UnknownKind),
                "{none}"
            );
        }
    }

    #[test]
    fn no_code_is_listed_twice() {
        for (n, known) in KNOWN.iter().enumerate() {
            assert!(
                KNOWN
                    .iter()
                    .skip(n + 1)
                    .all(|other| other.code != known.code),
                "{}",
                known.code
            );
        }
    }
}
