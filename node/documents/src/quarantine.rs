//! Files that are never answered, and why. The list is for the node's operator only.

use crate::SourceLocation;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $ja:literal, $en:literal;)+) => {
        /// Why a file is kept from answers. Closed; each reason has its sentence in both languages.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum QuarantineReason {
            $($(#[$doc])* #[doc = $en] $variant,)+
        }

        impl QuarantineReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The code in reports and JSON.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
            /// The sentence in Japanese.
            pub fn ja(self) -> &'static str {
                match self { $(Self::$variant => $ja,)+ }
            }
            /// The sentence in English.
            pub fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)+ }
            }
        }
    };
}

// The order is part of the stored form: new reasons go to the end.
reasons! {
    TooShort = "too-short", "ファイルが空か、短すぎます。", "The file is empty or too short.";
    Truncated = "truncated", "メッセージが途中で切れているか、途中から読めません。", "The message is cut off or unreadable from some point on.";
    NotHl7 = "not-hl7", "HL7 v2のメッセージではありません。", "The file is not an HL7 v2 message.";
    SeveralMessages = "several-messages", "1つのファイルに複数のメッセージがあります。", "The file holds more than one message.";
    Undecodable = "undecodable", "文字をISO-2022-JPとして復号できません。", "The text cannot be decoded as ISO-2022-JP.";
    UnknownKind = "unknown-kind", "データ種別が標準化ストレージの一覧にありません。", "The data kind is not one of the standardised storage.";
    KindMismatch = "kind-mismatch", "メッセージの型がデータ種別と合いません。", "The message type does not belong to the data kind.";
    BadName = "bad-name", "ファイル名が仕様の形ではありません。", "The file name does not have the form of the specification.";
    Misplaced = "misplaced", "ファイルまたはフォルダが仕様の階層にありません。", "The file or folder does not lie at the level the specification gives it.";
    PathMismatch = "path-mismatch", "ファイル名とフォルダの診療日またはデータ種別が違います。", "The file name and the folders differ in care date or data kind.";
    PathPatientMismatch = "path-patient-mismatch", "ファイル名とフォルダの患者IDが違います。", "The file name and the folders name different patients.";
    MessagePatientMismatch = "message-patient-mismatch", "メッセージの患者IDがファイルの患者IDと違います。", "The message names another patient than the file.";
    NoPatient = "no-patient", "メッセージに患者IDがありません。", "The message names no patient.";
    NameNotUtf8 = "name-not-utf8", "名前がUTF-8ではありません。", "The name is not UTF-8.";
    SymbolicLink = "symbolic-link", "シンボリックリンクはたどりません。", "Symbolic links are not followed.";
    EscapesRoot = "escapes-root", "ストレージのルートの外を指しています。", "The path leads out of the storage's root.";
    NotAFile = "not-a-file", "通常のファイルではありません。", "It is not a regular file.";
    TooLarge = "too-large", "ファイルが大きすぎます。", "The file is too large.";
    TooManyEntries = "too-many-entries", "フォルダの中身が多すぎます。", "The folder holds too many entries.";
    Unreadable = "unreadable", "読み取れません（権限または装置の故障）。", "It cannot be read (permissions or a failing device).";
    BadXml = "bad-xml", "XMLとして読めないか、安全に読める形ではありません（DTD、実体、深さ、量）。", "It is no well-formed XML, or not of a shape that is read (DTD, entities, depth, amount).";
    NotTheFormat = "not-the-format", "この格納先の形式の文書ではありません。", "It is not a document of the format its source holds.";
    BadText = "bad-text", "文字をこの形式の文字コードとして復号できません。", "The text cannot be decoded in the encoding of its format.";
    BadJson = "bad-json", "JSONとして読めないか、安全に読める形ではありません（深さ、重複した名前、長さ）。", "It is no well-formed JSON, or not of a shape that is read (depth, names twice, length).";
    FieldTooLong = "field-too-long", "項目が長すぎます。", "A field is too long.";
    MissingValue = "missing-value", "形式が求める項目がないか、値が正しくありません。", "A value the format requires is missing or wrong.";
    OtherFacility = "other-facility", "別の施設の文書か、別の施設の患者番号です。", "It is another facility's, or the patient's number is one of another facility.";
    SeveralPatients = "several-patients", "1つの文書に複数の患者がいます。", "One document names several patients.";
    Unpaired = "unpaired", "文書と付属情報（JSON）がそろっていません。", "The document or its sidecar is missing.";
    SidecarMismatch = "sidecar-mismatch", "付属情報が示す文書と内容が違います。", "The sidecar is about other bytes than the document's.";
    TooManyParts = "too-many-parts", "1つのファイルの文書が多すぎます。", "The file holds too many documents.";
    NoMainDocument = "no-main-document", "コンテンツフォルダに主文書がありません。", "The content folder has no main document.";
    Deviation = "deviation", "仕様と異なり、この情報源では受け入れない設定です。", "It deviates from the specification in a way this source is set not to take.";
}

impl fmt::Display for QuarantineReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Text for the operator's own list only: at most [`OperatorText::CHARS_MAX`] characters, no control
/// characters, withheld by `Debug`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperatorText(String);

impl OperatorText {
    /// Longest text kept, in characters: an id of a broken file can be any length.
    pub const CHARS_MAX: usize = 64;

    /// Keeps the text's printable beginning.
    pub fn new(text: &str) -> Self {
        Self(
            text.chars()
                .filter(|c| !c.is_control())
                .take(Self::CHARS_MAX)
                .collect(),
        )
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OperatorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorText(withheld)")
    }
}

/// The patient ids a file shows in its three places, as far as they could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenPatients {
    /// In the folder names.
    pub folder: Option<OperatorText>,
    /// In the file name.
    pub file_name: Option<OperatorText>,
    /// In the message (PID-3); the first that differs.
    pub message: Option<OperatorText>,
}

/// One line of the operator's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The file or folder.
    pub location: SourceLocation,
    /// Why it is not answered.
    pub reason: QuarantineReason,
    /// The patients it names.
    pub patients: SeenPatients,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_code_and_sentences() {
        let mut codes = std::collections::BTreeSet::new();
        for reason in QuarantineReason::ALL {
            assert!(codes.insert(reason.code()), "{reason} twice");
            assert!(
                reason.ja().ends_with('。') && reason.en().ends_with('.'),
                "{reason}"
            );
            assert_eq!(
                serde_json::to_string(reason).unwrap(),
                format!("\"{reason}\"")
            );
        }
    }

    #[test]
    fn operator_text_is_cut_cleaned_and_withheld() {
        let text = OperatorText::new(&format!("\u{1b}[31m\n{}", "7".repeat(500)));
        assert_eq!(text.as_str().chars().count(), OperatorText::CHARS_MAX);
        assert!(!text.as_str().contains('\u{1b}'));
        assert!(!format!("{text:?}").contains('7'));
    }
}
