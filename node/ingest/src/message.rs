//! An HL7 v2.5 message: structure from `hl7-parser`, wrapped so that nothing is read past what it understood.
//!
//! Two habits of hl7-parser 0.3.0 are guarded against here: it stops silently at the first segment it cannot read
//! (a second patient could hide behind it), so what it read must be the whole; and its escape decoding cuts text by
//! character index and panics on Japanese, so escapes are decoded here.

use crate::decode::{Decoded, decode};
use hl7_parser::message as hl7;
use sekisho_documents::QuarantineReason;

/// The beginning of every message: SS-MIX2 fixes the encoding characters (JAMI specification 1.2, MSH-1 and MSH-2).
const START: &str = "MSH|^~\\&|";
/// A message has at least a header and a patient; less is a file cut off while it was written.
const TEXT_BYTES_MIN: usize = 16;
/// Most delimiters in a message: hl7-parser spends up to 700 bytes on each, so a file of nothing else would take
/// gigabytes. Two thousand results have some forty thousand.
const DELIMITERS_MAX: usize = 200_000;

/// A message whose every line was read.
pub(crate) struct Message<'t> {
    parsed: hl7_parser::Message<'t>,
}

/// One segment.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'m, 't>(&'m hl7::Segment<'t>);

/// Decodes bytes, refusing what has no meaning.
pub(crate) fn decode_strictly(bytes: &[u8]) -> Result<Decoded, QuarantineReason> {
    let decoded = decode(bytes);
    match decoded.malformed_line {
        // A last line that stops inside a character was cut off there.
        Some(line) if line > 0 && line + 1 == decoded.lines && !decoded.ended => {
            Err(QuarantineReason::Truncated)
        }
        Some(_) => Err(QuarantineReason::Undecodable),
        None => Ok(decoded),
    }
}

impl<'t> Message<'t> {
    /// Reads a decoded message.
    pub(crate) fn parse(text: &'t str) -> Result<Self, QuarantineReason> {
        if text.len() < TEXT_BYTES_MIN {
            return Err(QuarantineReason::TooShort);
        }
        if !text.starts_with(START) {
            return Err(QuarantineReason::NotHl7);
        }
        if text.split('\r').skip(1).any(|line| line.starts_with("MSH")) {
            return Err(QuarantineReason::SeveralMessages);
        }
        let delimiter = |b: &u8| matches!(b, b'|' | b'^' | b'~' | b'&' | b'\r');
        if text
            .as_bytes()
            .iter()
            .filter(|b| delimiter(b))
            .nth(DELIMITERS_MAX)
            .is_some()
        {
            return Err(QuarantineReason::TooLarge);
        }
        let parsed = hl7_parser::Message::parse(text).map_err(|_| QuarantineReason::NotHl7)?;
        if parsed.raw_value().len() != text.len() {
            return Err(QuarantineReason::Truncated);
        }
        Ok(Self { parsed })
    }

    /// MSH-9: message code `^` trigger event.
    pub(crate) fn message_type(&self) -> String {
        let Some(header) = self.first("MSH") else {
            return String::new();
        };
        format!("{}^{}", header.raw(9, 1), header.raw(9, 2))
    }

    pub(crate) fn segments(&self) -> impl DoubleEndedIterator<Item = Segment<'_, 't>> + Clone {
        self.parsed.segments.iter().map(Segment)
    }

    pub(crate) fn named<'m>(&'m self, name: &'m str) -> impl Iterator<Item = Segment<'m, 't>> {
        self.segments().filter(move |s| s.name() == name)
    }

    pub(crate) fn first(&self, name: &str) -> Option<Segment<'_, 't>> {
        self.parsed.segment(name).map(Segment)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The segments from each one of this name up to the next.
    pub(crate) fn groups(&self, name: &str) -> Vec<Vec<Segment<'_, 't>>> {
        let mut groups: Vec<Vec<Segment<'_, 't>>> = Vec::new();
        for segment in self.segments() {
            if segment.name() == name {
                groups.push(Vec::new());
            }
            if let Some(group) = groups.last_mut() {
                group.push(segment);
            }
        }
        groups
    }
}

impl<'m, 't> Segment<'m, 't> {
    pub(crate) fn name(&self) -> &'t str {
        self.0.name
    }

    /// Number of fields.
    pub(crate) fn fields(&self) -> usize {
        self.0.fields.len()
    }

    /// By number from 1; hl7-parser's own access asserts what a slice simply answers.
    fn field(&self, number: usize) -> Option<&'m hl7::Field<'t>> {
        self.0.fields.get(number.checked_sub(1)?)
    }

    fn repeat(&self, field: usize, number: usize) -> Option<&'m hl7::Repeat<'t>> {
        self.field(field)?.repeats.get(number.checked_sub(1)?)
    }

    /// Number of repetitions of a field.
    pub(crate) fn repeats(&self, field: usize) -> usize {
        self.field(field).map_or(0, |f| f.repeats.len())
    }

    /// A component of a field's first repetition exactly as sent, trimmed; empty where absent or null (`""`).
    pub(crate) fn raw(&self, field: usize, component: usize) -> &'t str {
        self.raw_of(field, 1, component)
    }

    /// A component of one repetition (from 1), as [`Segment::raw`].
    pub(crate) fn raw_of(&self, field: usize, repeat: usize, component: usize) -> &'t str {
        let raw = || {
            let component = self
                .repeat(field, repeat)?
                .components
                .get(component.checked_sub(1)?)?;
            Some(component.raw_value())
        };
        present(raw().unwrap_or_default())
    }

    /// A component, for people.
    pub(crate) fn text(&self, field: usize, component: usize) -> String {
        unescape(self.raw(field, component))
    }

    /// A component of one repetition, for people.
    pub(crate) fn text_of(&self, field: usize, repeat: usize, component: usize) -> String {
        unescape(self.raw_of(field, repeat, component))
    }

    /// The components of one repetition that are not empty, for people.
    pub(crate) fn parts_of(&self, field: usize, repeat: usize) -> Vec<String> {
        let Some(repeat) = self.repeat(field, repeat) else {
            return Vec::new();
        };
        let parts = repeat.components.iter().map(|c| present(c.raw_value()));
        parts
            .filter(|p| !p.is_empty())
            .map(|p| unescape(&p.replace('&', " ")))
            .collect()
    }
}

fn present(raw: &str) -> &str {
    let raw = raw.trim();
    if raw == "\"\"" { "" } else { raw }
}

/// Decodes HL7 escapes (v2.5 §2.7): delimiters and line breaks. Others, formatting and local, are shown as sent.
pub(crate) fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let known = after.split_once('\\').and_then(|(code, behind)| {
            let meaning = match code {
                "F" => "|",
                "S" => "^",
                "T" => "&",
                "R" => "~",
                "E" => "\\",
                ".br" | ".sp" | "X0D" | "X0A" | "X0D0A" => "\n",
                "H" | "N" => "",
                _ => return None,
            };
            Some((meaning, behind))
        });
        match known {
            Some((meaning, behind)) => {
                out.push_str(meaning);
                rest = behind;
            }
            None => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: &str = "MSH|^~\\&|A|B|C|D|20240101||ADT^A08|1|P|2.5";

    /// A message with this many delimiters, its header's included.
    fn delimiters(count: usize) -> String {
        let start = format!("{HEADER}\rPID|1");
        let rest = count - start.matches(['|', '^', '~', '&', '\r']).count();
        format!("{start}{}", "|".repeat(rest))
    }

    fn refused(text: &str) -> Option<QuarantineReason> {
        Message::parse(text).err()
    }

    #[test]
    fn reads_fields_by_hl7_numbers() {
        let text =
            format!("{HEADER}\rPID|1||9^^^^PI~8^^^^MR||患者^太郎^^^^^L^I~カンジャ\rPV1||O|\"\"");
        let message = Message::parse(&text).ok().unwrap();
        assert_eq!(message.message_type(), "ADT^A08");
        let pid = message.first("PID").unwrap();
        assert_eq!(
            (pid.raw(3, 1), pid.raw_of(3, 2, 5), pid.repeats(3)),
            ("9", "MR", 2)
        );
        assert_eq!(pid.parts_of(5, 1), ["患者", "太郎", "L", "I"]);
        assert_eq!(
            (pid.raw(99, 1), message.first("PV1").unwrap().raw(3, 1)),
            ("", "")
        );
    }

    #[test]
    fn refuses_what_is_not_one_whole_message() {
        use QuarantineReason::*;
        let cases = [
            ("empty", String::new(), Some(TooShort)),
            ("two bytes", "MS".into(), Some(TooShort)),
            ("a header's beginning", "MSH|^~\\&|".into(), Some(TooShort)),
            (
                "prose",
                "Sehr geehrte Damen und Herren".into(),
                Some(NotHl7),
            ),
            ("other delimiters", HEADER.replace('|', "#"), Some(NotHl7)),
            ("a batch", format!("FHS|^~\\&|\r{HEADER}"), Some(NotHl7)),
            (
                "two messages",
                format!("{HEADER}\rPID|1\r{HEADER}"),
                Some(SeveralMessages),
            ),
            (
                "a line that is no segment",
                format!("{HEADER}\rPID|1\rcontinued\rPID|2"),
                Some(Truncated),
            ),
            (
                "a segment without fields",
                format!("{HEADER}\rPID"),
                Some(Truncated),
            ),
            ("delimiters at the bound", delimiters(DELIMITERS_MAX), None),
            (
                "delimiters beyond it",
                delimiters(DELIMITERS_MAX + 1),
                Some(TooLarge),
            ),
            ("whole", format!("{HEADER}\rPID|1"), None),
        ];
        for (case, text, expected) in cases {
            assert_eq!(refused(&text), expected, "{case}");
        }
    }

    #[test]
    fn escapes_are_decoded_in_japanese_text() {
        let cases = [
            ("患者\\S\\様", "患者^様"),
            ("\\F\\\\S\\\\T\\\\R\\\\E\\", "|^&~\\"),
            ("一行\\.br\\二行", "一行\n二行"),
            ("\\X8ABF\\残す", "\\X8ABF\\残す"),
            ("終わり\\", "終わり\\"),
            ("\\H\\強調\\N\\", "強調"),
            ("C:\\検査\\S\\", "C:\\検査^"),
        ];
        for (raw, expected) in cases {
            assert_eq!(unescape(raw), expected, "{raw}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn is_total(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[|^~&\\\\\r A-Z0-9患者\"]{0,200}") {
            for text in [decode(&bytes).text, format!("{HEADER}\r{text}"), format!("MSH|^~\\&|{text}"), text] {
                if let Ok(message) = Message::parse(&text) {
                    for segment in message.segments() {
                        for field in 0..=segment.fields() + 1 {
                            let _ = (segment.text(field, 1), segment.parts_of(field, 2), segment.text_of(field, 0, 0));
                        }
                    }
                    let _ = (message.message_type(), message.groups("ORC"));
                }
            }
        }
    }
}
