//! SS-MIX2 extended storage: documents of the site's own kinds, each in a folder of its own.
//!
//! ```text
//! <root>/<患者ID[0:3]>/<患者ID[3:6]>/<患者ID>/<診療日>/<データ種別フォルダ>/<コンテンツフォルダ>/main_document.* + attachments
//! データ種別フォルダ = ローカルコード^名称^ローカル体系[^標準コード^標準名称^標準体系]
//! コンテンツフォルダ = 患者ID_診療日_データ種別_特定キー_発生日時_診療科コード_コンディションフラグ
//! ```
//! A main document must itself name the patient of its path: in PID (HL7 v2) or recordTarget (CDA R2). Attachments
//! cannot; they are the patient's because the main document beside them is.
//!
//! Sources: NHO SS-MIX2 support documents (`medical_document.md`, `vital_sign_def.md`, extended sample), which quote
//! the JAMI guideline of extended storage 1.2d to 1.2g.

mod cda;
mod kinds;
mod name;
mod read;

pub(crate) use cda::check as check_cda;
pub(crate) use kinds::ContentKind;
pub(crate) use name::StoredContent;
pub(crate) use read::{Main, attachment, is_main, main, media_type};

/// How the format codes of extended storage begin.
pub(crate) const FORMAT: &str = "urn:jami:ss-mix2:extended:";
/// The format of a main document that is CDA R2.
pub(crate) const CDA_FORMAT: &str = "urn:jami:ss-mix2:extended:cda";
/// The format of a main document that is an HL7 v2 message.
pub(crate) const HL7_FORMAT: &str = "urn:jami:ss-mix2:extended:hl7";
