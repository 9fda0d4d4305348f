//! Text in CP932 (Windows-31J), one record a line, fields between commas, no quotes: NSIPS and UKE.
//!
//! Lines and fields are found in the bytes, before decoding: in CP932 neither a line end nor a comma is ever the second
//! byte of a character (WHATWG Encoding, Shift_JIS decoder: second bytes are 0x40 to 0xFC).

use encoding_rs::SHIFT_JIS;
use sekisho_documents::QuarantineReason;
use std::ops::Range;

/// Longest field, in bytes: a claim's 症状詳記 has at most 2,400.
pub(crate) const FIELD_BYTES_MAX: usize = 32 << 10;
/// What old systems end a file with.
const END_OF_FILE: u8 = 0x1a;

/// One record and where it lies, its line end included.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub at: Range<usize>,
    pub fields: Result<Vec<String>, QuarantineReason>,
}

impl Record {
    /// What the record is: its first field, if it can be read.
    pub fn kind(&self) -> &str {
        self.field(0)
    }

    /// A field; empty where there is none.
    pub fn field(&self, n: usize) -> &str {
        match &self.fields {
            Ok(fields) => fields.get(n).map(String::as_str).unwrap_or_default(),
            Err(_) => "",
        }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.as_ref().map_or(0, Vec::len)
    }
}

/// The records of a file; lines without anything in them are none.
pub(crate) fn records(bytes: &[u8]) -> impl Iterator<Item = Record> {
    let end = bytes
        .iter()
        .rposition(|b| *b != END_OF_FILE)
        .map_or(0, |last| last + 1);
    let bytes = bytes.get(..end).unwrap_or_default();
    let mut at = 0;
    bytes
        .split_inclusive(|b| *b == b'\n')
        .filter_map(move |line| {
            let start = at;
            at += line.len();
            let text = line.trim_ascii_end();
            (!text.is_empty()).then(|| Record {
                at: start..at,
                fields: fields(text),
            })
        })
}

fn fields(line: &[u8]) -> Result<Vec<String>, QuarantineReason> {
    line.split(|b| *b == b',').map(decode).collect()
}

fn decode(field: &[u8]) -> Result<String, QuarantineReason> {
    if field.len() > FIELD_BYTES_MAX {
        return Err(QuarantineReason::FieldTooLong);
    }
    let text = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(field);
    match text {
        Some(text) if !text.chars().any(|c| c.is_control() && c != '\t') => {
            Ok(text.trim_matches(' ').to_owned())
        }
        _ => Err(QuarantineReason::BadText),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn characters_whose_bytes_look_like_delimiters_stay_whole() {
        // 表 ends with 0x5c, ソ too, ー with 0x5b; ゼ has 0x5b, ミ 0x7e.
        let text = "表ソーミ,ゼ能,～ー∥－\r\n\r\n1,ｶﾅ,髙﨑①㈱\r\n\u{1a}";
        let (bytes, _, unmappable) = SHIFT_JIS.encode(text);
        assert!(!unmappable);
        let records: Vec<_> = records(&bytes).collect();
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].field(0), "表ソーミ");
        assert_eq!(records[1].field(2), "髙﨑①㈱");
        assert_eq!(
            &bytes[records[1].at.clone()],
            &bytes[records[1].at.start..bytes.len() - 1]
        );
    }

    #[test]
    fn one_bad_line_is_one_bad_record() {
        let records: Vec<_> = records(b"1,a\r\n2,\xff\xff\r\n3,\0\r\n4").collect();
        let read: Vec<_> = records.iter().map(|r| r.fields.clone().err()).collect();
        let bad = Some(QuarantineReason::BadText);
        assert_eq!(read, [None, bad, bad, None]);
    }

    proptest! {
        /// Records lie one after the other and cover the file but for empty lines.
        #[test]
        fn records_are_in_order(bytes in prop::collection::vec(prop::sample::select(b"a,\r\n\x82\xa0\x1a".to_vec()), 0..200)) {
            let mut end = 0;
            for record in records(&bytes) {
                prop_assert!(record.at.start >= end && record.at.end > record.at.start);
                prop_assert!(bytes[end..record.at.start].iter().all(u8::is_ascii_whitespace));
                end = record.at.end;
            }
        }
    }
}
