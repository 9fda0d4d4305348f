//! Deviations from the specification that storages have, as data: what it is, where it was seen, what is done.
//!
//! [`Quirk::ALL`] is the table. Whoever runs a node can refuse one for a source, or take one that is not taken by
//! default; a file that shows a refused one is quarantined. Which ones a file shows is decided in [`met`], from its
//! name, its bytes and its message, so that what the reader takes and what the report counts cannot differ.
//!
//! Sources: what was measured on the sample messages of the NHO guideline (nhoHQ/SSMIX2DataTestingTool), the
//! extended sample of nhoHQ/SSMIX2_support_documents, and the output of ssmixtwins 1.2h.

mod met;

pub(crate) use met::{of_bytes, of_content_name, of_message, of_name};

use std::collections::BTreeMap;

macro_rules! quirks {
    ($($variant:ident = $code:literal, $taken:literal, $ja:literal, $en:literal, $seen:literal, $does:literal;)+) => {
        /// One deviation. Closed; the code is what configurations and reports say.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Quirk {
            $(#[doc = $en] $variant,)+
        }

        impl Quirk {
            /// Every deviation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// Its name in configurations and reports.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
            /// What it is, in Japanese.
            pub fn ja(self) -> &'static str {
                match self { $(Self::$variant => $ja,)+ }
            }
            /// What it is, in English.
            pub fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)+ }
            }
            /// Where it was seen.
            pub fn seen(self) -> &'static str {
                match self { $(Self::$variant => $seen,)+ }
            }
            /// What the reader does with it.
            pub fn does(self) -> &'static str {
                match self { $(Self::$variant => $does,)+ }
            }
            /// Whether it is taken where nothing is said of it.
            pub fn is_taken_by_default(self) -> bool {
                match self { $(Self::$variant => $taken,)+ }
            }
        }
    };
}

quirks! {
    LineFeeds = "line-feeds", true, "改行がLFまたはCRLF", "Lines end with LF or CR LF",
        "ssmixtwins", "splits on either";
    Framed = "framed", true, "前後にMLLP枠、NUL、EOFがある", "MLLP frames, NUL or EOF around the message",
        "old transports and editors (not in the samples)", "takes them off";
    JisRoman = "jis-roman", true, "ESC ( J（JISローマ字）を使う", "ESC ( J instead of ESC ( B",
        "older systems (not in the samples)", "reads it as ASCII, so that ¥ and ‾ stay delimiters";
    JisSupplement = "jis-supplement", true, "JIS X 0212（補助漢字）を使う", "JIS X 0212 characters",
        "older systems (not in the samples)", "shows 〓 for each";
    HalfKana = "half-kana", true, "半角カナ（ESC ( I）を使う", "Half-width kana (ESC ( I)",
        "forbidden by the NHO rule; not in the samples", "decodes them";
    CharacterSetName = "character-set-name", true, "MSH-18/20が ISOIR87・ISO2022-1994 と書かれる",
        "MSH-18 or MSH-20 written without spaces", "NHO guideline samples", "decodes as ISO-2022-JP all the same";
    TimeFraction = "time-fraction", true, "MSH-7の小数部が3桁でない", "MSH-7 with a fraction of other than three digits",
        "NHO guideline samples (.3399, .0000, .95)", "does not need it: the name holds the time";
    UntypedPatientId = "untyped-patient-id", true, "PID-3に種別PIがない", "PID-3 without its type PI",
        "NHO guideline samples", "compares it as the facility's id";
    ShiftedPid = "shifted-pid", true, "PID-7/8が一つずれている", "PID-7 and PID-8 shifted by one field",
        "NHO guideline sample of OMG-13", "takes patient and content; shows what the fields say";
    DepartmentMoved = "department-moved", true, "診療科がPV1-10でなくPV1-8にある", "Department in PV1-8 instead of PV1-10",
        "NHO guideline samples of OMG-03 and OMG-13", "takes the department from name and order";
    JoinedName = "joined-name", true, "姓名が一つの成分にある", "Family and given name in one component",
        "NHO guideline and extended samples", "shows it as it is";
    PlainPostcode = "plain-postcode", true, "郵便番号にハイフンがない", "Postal code without hyphen",
        "ssmixtwins", "takes it";
    AnalyteCodeLength = "analyte-code-length", true, "JLAC10が17桁でない", "JLAC10 code of other than 17 characters",
        "NHO guideline and extended samples (15 and 16)", "takes the code as it is";
    VisitAsAdmission = "visit-as-admission", true, "ADT-12がADT^A01で書かれる", "ADT-12 sent as ADT^A01",
        "ssmixtwins", "believes the folder";
    CancelInForce = "cancel-in-force", true, "取消メッセージがフラグ1で残る", "A cancellation stored as in force (flag 1)",
        "interrupted writers (not in the samples)", "takes it and what is older as deleted";
    OrderNoLength = "order-no-length", true, "オーダNoが15桁でない", "Order number of other than 15 characters",
        "NHO guideline sample of OMG-11 (13)", "takes up to 22, as the index database does";
    OrderNoPlaceholder = "order-no-placeholder", true, "オーダのある種別でオーダNoが9の並び",
        "Order number of nines in a kind that has orders", "NHO guideline sample of OMG-13", "takes it";
    ShortPatientId = "short-patient-id", true, "患者IDが6文字未満", "Patient id of fewer than six characters",
        "specification silent; not in the samples", "believes the patient's own folder";
    OccurredLength = "occurred-length", true, "発生日時が17桁でない", "発生日時 of other than 17 digits",
        "NHO extended sample (15)", "reads 14 to 17";
    NoDepartment = "no-department", true, "コンテンツフォルダ名に診療科がない", "Content folder named without department",
        "NHO extended sample", "reads six parts instead of seven";
    KindByCode = "kind-by-code", true, "コンテンツフォルダ名の種別がコードだけ", "Content folder named with the kind's code only",
        "NHO document on medical documents", "accepts the local or the standard code for the folder's kind";
    DocumentByPath = "document-by-path", false, "主文書の中に患者IDがない形式（PDF等）", "A main document that cannot name its patient (PDF, image)",
        "allowed by the extended storage's specification", "if taken: believes folder and content folder, which both name the patient";
}

impl Quirk {
    /// The deviation of a code.
    pub fn named(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|quirk| quirk.code() == code)
    }

    fn bit(self) -> u32 {
        1 << (self as u32)
    }
}

/// A set of deviations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Met(u32);

impl Met {
    pub(crate) fn note(&mut self, quirk: Quirk, is_met: bool) {
        if is_met {
            self.0 |= quirk.bit();
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Quirk> {
        Quirk::ALL
            .iter()
            .copied()
            .filter(move |quirk| self.0 & quirk.bit() != 0)
    }
}

/// Which deviations a source's files may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks(u32);

impl Default for Quirks {
    fn default() -> Self {
        let taken = Quirk::ALL
            .iter()
            .filter(|quirk| quirk.is_taken_by_default());
        Self(taken.fold(0, |bits, quirk| bits | quirk.bit()))
    }
}

impl Quirks {
    /// The same with one taken or refused.
    pub fn with(self, quirk: Quirk, taken: bool) -> Self {
        Self(if taken {
            self.0 | quirk.bit()
        } else {
            self.0 & !quirk.bit()
        })
    }

    /// Whether one is taken.
    pub fn takes(self, quirk: Quirk) -> bool {
        self.0 & quirk.bit() != 0
    }

    pub(crate) fn takes_all(self, met: Met) -> bool {
        met.0 & !self.0 == 0
    }

    pub(crate) fn bits(self) -> u32 {
        self.0
    }
}

/// Counts one file's deviations.
pub(crate) fn count(counts: &mut BTreeMap<String, u64>, met: Met) {
    for quirk in met.iter() {
        let slot = counts.entry(quirk.code().to_owned()).or_default();
        *slot = slot.saturating_add(1);
    }
}

#[cfg(test)]
#[path = "../quirks_test.rs"]
mod tests;
