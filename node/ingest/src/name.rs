//! Paths and names of SS-MIX2 standardised storage.
//!
//! ```text
//! <root>/<患者ID[0:3]>/<患者ID[3:6]>/<患者ID>/<診療日 | ->/<データ種別>/<file>
//! file = 患者ID_診療日_データ種別_オーダNo_発生日時_診療科コード_コンディションフラグ
//! ```

use crate::kind::DataKind;
use crate::time;
use sekisho_documents::{IndexKey, LocalPatientId, OperatorText, QuarantineReason, SeenPatients};
use sekisho_domain::TimeMs;

/// Folders between root and file.
pub(crate) const FOLDERS: usize = 5;
/// Longest 患者ID, in characters (JAMI specification 1.2).
pub(crate) const PATIENT_ID_CHARS_MAX: usize = 15;
/// Longest オーダNo, in characters: nominally 15, the index database's column holds 22.
const ORDER_NO_CHARS_MAX: usize = 22;
/// Longest 診療科コード, in characters: nominally 2 or 3, the index database's column holds 5.
const DEPARTMENT_CHARS_MAX: usize = 5;

/// コンディションフラグ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionFlag {
    /// 0: deleted, or the cancelling message itself.
    Deleted,
    /// 1: in force.
    Valid,
    /// 2: superseded.
    Superseded,
}

impl ConditionFlag {
    pub(crate) fn of(text: &str) -> Option<Self> {
        match text {
            "0" => Some(Self::Deleted),
            "1" => Some(Self::Valid),
            "2" => Some(Self::Superseded),
            _ => None,
        }
    }
}

/// A file's name, taken apart and compared with its folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredName {
    /// 患者ID, the same in folders and name.
    pub local_patient_id: LocalPatientId,
    /// 診療日 `yyyyMMdd`, or `-`.
    pub care_date: String,
    /// データ種別.
    pub kind: &'static DataKind,
    /// オーダNo.
    pub order_no: String,
    /// 発生日時 as written.
    pub occurred: String,
    /// 発生日時.
    pub occurred_at: TimeMs,
    /// 診療科コード; `None` for `-`.
    pub department: Option<String>,
    /// コンディションフラグ.
    pub flag: ConditionFlag,
}

/// Why a path is refused, with the patients it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub reason: QuarantineReason,
    pub patients: SeenPatients,
}

impl StoredName {
    /// Reads a file's path below the root: five folders and the name.
    pub(crate) fn of_path(path: &str) -> Result<Self, Refusal> {
        let parts = parts_of(path);
        let &[
            first,
            second,
            folder_patient,
            folder_date,
            folder_kind,
            file,
        ] = parts.as_slice()
        else {
            return Err(Refusal {
                reason: QuarantineReason::Misplaced,
                patients: SeenPatients::default(),
            });
        };
        let folder = Some(OperatorText::new(folder_patient));
        let refuse = |reason, file_name: Option<&str>| Refusal {
            reason,
            patients: SeenPatients {
                folder: folder.clone(),
                file_name: file_name.map(OperatorText::new),
                message: None,
            },
        };

        // From the right: only the patient id, which stands first, could hold a `_`.
        let mut split = file.rsplitn(7, '_');
        let fields: [Option<&str>; 7] = std::array::from_fn(|_| split.next());
        let [
            Some(flag),
            Some(department),
            Some(occurred),
            Some(order_no),
            Some(kind),
            Some(date),
            Some(patient),
        ] = fields
        else {
            return Err(refuse(QuarantineReason::BadName, None));
        };
        let bad = || refuse(QuarantineReason::BadName, Some(patient));
        let local_patient_id: LocalPatientId = patient.parse().map_err(|_| bad())?;
        if patient.chars().count() > PATIENT_ID_CHARS_MAX || !is_care_date(date) {
            return Err(bad());
        }
        if !is_code(order_no, ORDER_NO_CHARS_MAX) || !is_code(department, DEPARTMENT_CHARS_MAX) {
            return Err(bad());
        }
        let occurred_at = time::parse_occurred(occurred).ok_or_else(bad)?;
        let flag = ConditionFlag::of(flag).ok_or_else(bad)?;

        if patient != folder_patient || !agrees(patient, first, second) {
            return Err(refuse(QuarantineReason::PathPatientMismatch, Some(patient)));
        }
        if date != folder_date || kind != folder_kind {
            return Err(refuse(QuarantineReason::PathMismatch, Some(patient)));
        }
        let kind = DataKind::of(kind)
            .ok_or_else(|| refuse(QuarantineReason::UnknownKind, Some(patient)))?;
        Ok(Self {
            local_patient_id,
            care_date: date.to_owned(),
            kind,
            order_no: order_no.to_owned(),
            occurred: occurred.to_owned(),
            occurred_at,
            department: (department != "-").then(|| department.to_owned()),
            flag,
        })
    }

    /// What identifies the order or event through all its versions.
    pub fn index_key(&self) -> IndexKey<'_> {
        IndexKey {
            local_patient_id: &self.local_patient_id,
            care_date: &self.care_date,
            data_kind: self.kind.code,
            order_no: &self.order_no,
        }
    }

    /// The patients named by the path: the same twice.
    pub(crate) fn patients(&self) -> SeenPatients {
        let id = Some(OperatorText::new(self.local_patient_id.as_str()));
        SeenPatients {
            folder: id.clone(),
            file_name: id,
            message: None,
        }
    }
}

/// The parts of a path; none where one of them is no name but leads elsewhere.
pub(crate) fn parts_of(path: &str) -> Vec<&str> {
    let parts: Vec<&str> = path.split('/').collect();
    let is_plain = |part: &&str| !matches!(*part, "" | "." | "..");
    if parts.iter().all(is_plain) {
        parts
    } else {
        Vec::new()
    }
}

/// Whether the two upper folders are the ones of this patient. The specification does not say what they are for an
/// id shorter than six characters, and sites differ: then the patient's own folder decides.
pub(crate) fn agrees(patient: &str, first: &str, second: &str) -> bool {
    match (patient.get(..3), patient.get(3..6)) {
        (Some(a), Some(b)) => first == a && second == b,
        _ => true,
    }
}

pub(crate) fn is_care_date(text: &str) -> bool {
    text == "-"
        || (text.len() == 8
            && text.bytes().all(|b| b.is_ascii_digit())
            && time::parse(text).is_some())
}

pub(crate) fn is_code(text: &str, chars_max: usize) -> bool {
    (1..=chars_max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "999/901/9999013/20110701/OMP-01/9999013_20110701_OMP-01_000000011000185_20110701224603984_01_1";

    fn reason(path: &str) -> QuarantineReason {
        StoredName::of_path(path).unwrap_err().reason
    }

    #[test]
    fn reads_the_guideline_name() {
        let name = StoredName::of_path(GOOD).or_panic();
        assert_eq!(name.local_patient_id.as_str(), "9999013");
        assert_eq!(
            (name.kind.code, name.order_no.as_str()),
            ("OMP-01", "000000011000185")
        );
        assert_eq!(
            (name.department.as_deref(), name.flag),
            (Some("01"), ConditionFlag::Valid)
        );
        assert_eq!(name.occurred_at, TimeMs(1_309_527_963_984));
        let undated =
            "025/007/0250070083/-/ADT-00/0250070083_-_ADT-00_999999999999999_20240821131101950_-_2";
        let name = StoredName::of_path(undated).or_panic();
        assert_eq!(
            (name.care_date.as_str(), name.department, name.flag),
            ("-", None, ConditionFlag::Superseded)
        );
    }

    trait UnwrapName {
        fn or_panic(self) -> StoredName;
    }
    impl UnwrapName for Result<StoredName, Refusal> {
        fn or_panic(self) -> StoredName {
            self.unwrap_or_else(|r| panic!("refused: {}", r.reason))
        }
    }

    #[test]
    fn accepts_the_variants_sites_have() {
        for path in [
            // Order numbers of other lengths, departments of three characters, ids of up to 15 and under 6.
            GOOD.replace("000000011000185", "2011122000300"),
            GOOD.replace("000000011000185", "0000000000000000000001"),
            GOOD.replace("_01_1", "_09A_1"),
            GOOD.replace("984_01", "_01"),
            GOOD.replace("9999013", "999901300000015"),
            "123/45/12345/-/PPR-01/12345_-_PPR-01_1_20240820182500000_-_1".to_owned(),
            "12/-/12/-/PPR-01/12_-_PPR-01_1_20240820182500000_-_1".to_owned(),
            "A01/2-B/A012-B/-/PPR-01/A012-B_-_PPR-01_1_20240820182500000_-_1".to_owned(),
        ] {
            StoredName::of_path(&path).unwrap_or_else(|r| panic!("{path}: {}", r.reason));
        }
    }

    #[test]
    fn refuses_with_the_reason() {
        use QuarantineReason::*;
        let cases = [
            (
                "no folders",
                "9999013_20110701_OMP-01_1_20110701224603984_01_1".to_owned(),
                Misplaced,
            ),
            ("one folder more", format!("x/{GOOD}"), Misplaced),
            ("upwards first", format!("../{GOOD}"), Misplaced),
            ("nothing first", format!("/{GOOD}"), Misplaced),
            (
                "upwards",
                "../-/12/-/PPR-01/12_-_PPR-01_1_20240820182500000_-_1".to_owned(),
                Misplaced,
            ),
            ("six parts", GOOD.replace("_01_1", "_1"), BadName),
            ("flag 3", GOOD.replace("_01_1", "_01_3"), BadName),
            ("flag with extension", format!("{GOOD}.bak"), BadName),
            (
                "no such day",
                GOOD.replace("20110701/", "20110732/")
                    .replace("_20110701_", "_20110732_"),
                BadName,
            ),
            (
                "no such second",
                GOOD.replace("224603984", "226103984"),
                BadName,
            ),
            (
                "empty order number",
                GOOD.replace("000000011000185", ""),
                BadName,
            ),
            (
                "order number of 23",
                GOOD.replace("000000011000185", &"1".repeat(23)),
                BadName,
            ),
            (
                "kanji in the id",
                GOOD.replace("_20110701_", "患_20110701_"),
                BadName,
            ),
            (
                "id of 16",
                GOOD.replace("9999013", "9999013000000001"),
                BadName,
            ),
            (
                "another patient's folder",
                GOOD.replace("/9999013/", "/9999014/"),
                PathPatientMismatch,
            ),
            (
                "first folder",
                GOOD.replace("999/901/", "998/901/"),
                PathPatientMismatch,
            ),
            (
                "second folder",
                GOOD.replace("999/901/", "999/902/"),
                PathPatientMismatch,
            ),
            (
                "another day's folder",
                GOOD.replace("/20110701/", "/20110702/"),
                PathMismatch,
            ),
            (
                "another kind's folder",
                GOOD.replace("/OMP-01/", "/OMP-02/"),
                PathMismatch,
            ),
            (
                "unknown kind",
                GOOD.replace("OMP-01", "OMP-99"),
                UnknownKind,
            ),
            ("lower case", GOOD.replace("OMP-01", "omp-01"), UnknownKind),
        ];
        for (case, path, expected) in cases {
            assert_eq!(reason(&path), expected, "{case}: {path}");
        }
        let refusal = StoredName::of_path(&GOOD.replace("/9999013/", "/9999014/")).unwrap_err();
        assert_eq!(refusal.patients.folder.unwrap().as_str(), "9999014");
        assert_eq!(refusal.patients.file_name.unwrap().as_str(), "9999013");
    }

    proptest! {
        #[test]
        fn is_total(path in ".{0,120}", name in "([^/]{0,12}/){5}[^/]{0,20}(_[^/]{0,18}){6}") {
            let _ = (StoredName::of_path(&path), StoredName::of_path(&name));
        }
        /// A name that is accepted names one patient in all its places.
        #[test]
        fn accepted_means_agreed(
            folder in "[0-9]{6,8}", name in "[0-9]{6,8}", same in any::<bool>(),
        ) {
            let name = if same { folder.clone() } else { name };
            let path = format!(
                "{}/{}/{folder}/-/ADT-00/{name}_-_ADT-00_999999999999999_20240821131101950_-_1",
                &folder[..3], &folder[3..6],
            );
            prop_assert_eq!(StoredName::of_path(&path).is_ok(), folder == name);
        }
    }
}
