//! Names of content folders, taken apart from the right: a kind may hold `_`.

use super::ContentKind;
use crate::name::{
    ConditionFlag, PATIENT_ID_CHARS_MAX, Refusal, agrees, is_care_date, is_code, parts_of,
};
use crate::time;
use sekisho_documents::{LocalPatientId, OperatorText, QuarantineReason, SeenPatients};
use sekisho_domain::TimeMs;

/// Longest 特定キー, in characters: the index database's column for オーダNo and 特定キー holds 22.
const KEY_CHARS_MAX: usize = 22;
const DEPARTMENT_CHARS_MAX: usize = 5;

/// A content folder's name, taken apart and compared with the folders above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredContent {
    /// 患者ID, the same in folders and name.
    pub local_patient_id: LocalPatientId,
    /// 診療日.
    pub care_date: String,
    /// データ種別.
    pub kind: ContentKind,
    /// 特定キー.
    pub key: String,
    /// 発生日時 as written.
    pub occurred: String,
    /// 発生日時.
    pub occurred_at: TimeMs,
    /// 診療科コード; `None` for `-` and where the name has no such part.
    pub department: Option<String>,
    pub has_department_part: bool,
    /// The name has the kind's code where the folder has the whole kind.
    pub kind_by_code: bool,
    /// コンディションフラグ.
    pub flag: ConditionFlag,
}

impl StoredContent {
    /// Reads a content folder's path below the root.
    pub(crate) fn of_path(path: &str) -> Result<Self, Refusal> {
        let parts = parts_of(path);
        let &[
            first,
            second,
            folder_patient,
            folder_date,
            folder_kind,
            content,
        ] = parts.as_slice()
        else {
            return Err(Refusal {
                reason: QuarantineReason::Misplaced,
                patients: SeenPatients::default(),
            });
        };
        let refuse = |reason, name: Option<&str>| Refusal {
            reason,
            patients: SeenPatients {
                folder: Some(OperatorText::new(folder_patient)),
                file_name: name.map(OperatorText::new),
                message: None,
            },
        };
        let kind = ContentKind::of_folder(folder_kind).map_err(|reason| refuse(reason, None))?;
        // The first two parts hold no `_`: an id with one is no id of this storage's grammar.
        let mut head = content.splitn(3, '_');
        let (Some(patient), Some(date), Some(rest)) = (head.next(), head.next(), head.next())
        else {
            return Err(refuse(QuarantineReason::BadName, None));
        };
        let bad = || refuse(QuarantineReason::BadName, Some(patient));
        let local_patient_id: LocalPatientId = patient.parse().map_err(|_| bad())?;
        if patient.chars().count() > PATIENT_ID_CHARS_MAX || !is_care_date(date) {
            return Err(bad());
        }
        if patient != folder_patient || !agrees(patient, first, second) {
            return Err(refuse(QuarantineReason::PathPatientMismatch, Some(patient)));
        }
        if date != folder_date {
            return Err(refuse(QuarantineReason::PathMismatch, Some(patient)));
        }
        let behind = |kind: &str| {
            let rest = rest.strip_prefix(kind)?.strip_prefix('_')?;
            (!kind.is_empty()).then_some(rest)
        };
        let by_code = || behind(&kind.local_code).or_else(|| behind(&kind.standard_code));
        let (rest, kind_by_code) = match behind(folder_kind) {
            Some(rest) => (rest, false),
            None => {
                let rest = by_code()
                    .ok_or_else(|| refuse(QuarantineReason::PathMismatch, Some(patient)))?;
                (rest, true)
            }
        };
        let tail = Tail::of(rest).ok_or_else(bad)?;
        Ok(Self {
            local_patient_id,
            care_date: date.to_owned(),
            kind,
            key: tail.key.to_owned(),
            occurred: tail.occurred.to_owned(),
            occurred_at: tail.occurred_at,
            department: tail
                .department
                .filter(|code| *code != "-")
                .map(str::to_owned),
            has_department_part: tail.department.is_some(),
            kind_by_code,
            flag: tail.flag,
        })
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

/// What follows the kind: `特定キー_発生日時[_診療科]_フラグ`.
struct Tail<'t> {
    key: &'t str,
    occurred: &'t str,
    occurred_at: TimeMs,
    department: Option<&'t str>,
    flag: ConditionFlag,
}

impl<'t> Tail<'t> {
    fn of(text: &'t str) -> Option<Self> {
        let (rest, flag) = text.rsplit_once('_')?;
        let flag = ConditionFlag::of(flag)?;
        let (before, last) = rest.rsplit_once('_')?;
        // 発生日時 has fourteen digits at least, a department five characters at most.
        let (key, occurred, department) = match time::parse_occurred_loosely(last) {
            Some(_) => (before, last, None),
            None => {
                let (key, occurred) = before.rsplit_once('_')?;
                (key, occurred, Some(last))
            }
        };
        let occurred_at = time::parse_occurred_loosely(occurred)?;
        let fits = is_code(key, KEY_CHARS_MAX)
            && department.is_none_or(|d| is_code(d, DEPARTMENT_CHARS_MAX));
        fits.then_some(Self {
            key,
            occurred,
            occurred_at,
            department,
            flag,
        })
    }
}

#[cfg(test)]
#[path = "../extended_name_test.rs"]
mod tests;
