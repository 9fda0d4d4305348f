//! An HL7 v2.5 message: its lines and delimiters, found once, and what stands between them.
//!
//! SS-MIX2 fixes the five delimiters, so a message is nothing but text cut at them; nothing is copied, and what is not
//! asked for costs nothing. hl7-parser makes a tree of every part instead, which was two fifths of an ingest; the tests
//! hold what is read here against it. Two habits of its 0.3.0 kept it from being used bare anyway: it stops silently at
//! the first line it cannot read (a second patient could hide behind it), where here such a message is refused; and its
//! escape decoding cuts text by character index and panics on Japanese, so escapes are decoded here.

use crate::decode::{Decoded, decode};
use sekisho_documents::QuarantineReason;
use std::ops::Range;

/// The beginning of every message: SS-MIX2 fixes the encoding characters (JAMI specification 1.2, MSH-1 and MSH-2).
const START: &str = "MSH|^~\\&|";
/// Fields that [`START`] holds: MSH-1 and MSH-2, the delimiters themselves.
const START_FIELDS: [&str; 2] = ["|", "^~\\&"];
/// A message with less than a header and a patient is a file cut off while it was written.
const TEXT_BYTES_MIN: usize = 16;
/// Most delimiters in a message: two thousand results have some forty thousand. Each costs at most 32 bytes here.
const DELIMITERS_MAX: usize = 200_000;
/// Bytes of text for each field, about: so much room is made for a message's fields at once.
const FIELD_BYTES: usize = 8;
/// The same of a segment.
const SEGMENT_BYTES: usize = 64;

/// A message whose every line was read.
///
/// ```text
/// text      PID|1||9~8\rPV1|…
/// repeats   "PID" "1" "" "9" "8" "PV1" …       a segment's name stands before its first field
/// fields     0     1   2  3       5    …       where each field's repetitions begin in `repeats`
/// segments   0                    4    …       where each segment's fields begin in `fields`
/// ```
pub(crate) struct Message<'t> {
    repeats: Vec<&'t str>,
    fields: Vec<usize>,
    segments: Vec<usize>,
}

/// One segment.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'m, 't> {
    message: &'m Message<'t>,
    /// Which.
    number: usize,
}

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
        let about = |bytes: usize| (text.len() / bytes).min(DELIMITERS_MAX);
        let mut message = Self {
            repeats: Vec::with_capacity(about(FIELD_BYTES)),
            fields: Vec::with_capacity(about(FIELD_BYTES)),
            segments: Vec::with_capacity(about(SEGMENT_BYTES)),
        };
        for line in text.split('\r') {
            if !is_segment(line) {
                return Err(QuarantineReason::Truncated);
            }
            message.segment(line);
        }
        Ok(message)
    }

    /// Adds a segment.
    fn segment(&mut self, line: &'t str) {
        self.segments.push(self.fields.len());
        let behind = if let Some(header) = line.strip_prefix(START) {
            for text in ["MSH"].into_iter().chain(START_FIELDS) {
                self.fields.push(self.repeats.len());
                self.repeats.push(text);
            }
            header
        } else {
            line
        };
        for field in behind.split('|') {
            self.fields.push(self.repeats.len());
            self.repeats.extend(field.split('~'));
        }
    }

    /// MSH-9: message code `^` trigger event.
    pub(crate) fn message_type(&self) -> String {
        let Some(header) = self.first("MSH") else {
            return String::new();
        };
        format!("{}^{}", header.raw(9, 1), header.raw(9, 2))
    }

    pub(crate) fn segments(&self) -> impl DoubleEndedIterator<Item = Segment<'_, 't>> + Clone {
        let segment = |number| Segment {
            message: self,
            number,
        };
        (0..self.segments.len()).map(segment)
    }

    pub(crate) fn named<'m>(&'m self, name: &'m str) -> impl Iterator<Item = Segment<'m, 't>> {
        self.segments().filter(move |s| s.name() == name)
    }

    pub(crate) fn first(&self, name: &str) -> Option<Segment<'_, 't>> {
        self.segments().find(|s| s.name() == name)
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

/// Three letters or digits and the first delimiter.
fn is_segment(line: &str) -> bool {
    let mut chars = line.chars();
    let is_named = (0..3).all(|_| chars.next().is_some_and(char::is_alphanumeric));
    is_named && chars.next() == Some('|')
}

/// The places from the one of a number to that of the next, or to the end.
fn span(starts: &[usize], number: usize, end: usize) -> Option<Range<usize>> {
    let from = *starts.get(number)?;
    Some(from..starts.get(number + 1).copied().unwrap_or(end))
}

impl<'t> Segment<'_, 't> {
    pub(crate) fn name(&self) -> &'t str {
        self.repetitions(0).first().copied().unwrap_or_default()
    }

    /// Number of fields.
    pub(crate) fn fields(&self) -> usize {
        self.span().len().saturating_sub(1)
    }

    /// Its places in the message's fields; the first is its name.
    fn span(&self) -> Range<usize> {
        let message = self.message;
        span(&message.segments, self.number, message.fields.len()).unwrap_or_default()
    }

    /// The repetitions of a field by its HL7 number; 0 is the name.
    fn repetitions(&self, field: usize) -> &[&'t str] {
        let message = self.message;
        let repeats = self
            .span()
            .nth(field)
            .and_then(|place| span(&message.fields, place, message.repeats.len()))
            .and_then(|places| message.repeats.get(places));
        repeats.unwrap_or_default()
    }

    /// One repetition of a field, both by number from 1.
    fn repeat(&self, field: usize, number: usize) -> Option<&'t str> {
        field.checked_sub(1)?;
        self.repetitions(field).get(number.checked_sub(1)?).copied()
    }

    /// Number of repetitions of a field.
    pub(crate) fn repeats(&self, field: usize) -> usize {
        match field {
            0 => 0,
            _ => self.repetitions(field).len(),
        }
    }

    /// A component of a field's first repetition exactly as sent, trimmed; empty where absent or null (`""`).
    pub(crate) fn raw(&self, field: usize, component: usize) -> &'t str {
        self.raw_of(field, 1, component)
    }

    /// A component of one repetition (from 1), as [`Segment::raw`].
    pub(crate) fn raw_of(&self, field: usize, repeat: usize, component: usize) -> &'t str {
        let raw = || {
            let repeat = self.repeat(field, repeat)?;
            repeat.split('^').nth(component.checked_sub(1)?)
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
        let parts = repeat.split('^').map(present);
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

    /// Whether hl7-parser reads a text to its end.
    fn whole(text: &str) -> Option<hl7_parser::Message<'_>> {
        let parsed = hl7_parser::Message::parse(text).ok()?;
        (parsed.raw_value().len() == text.len()).then_some(parsed)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        /// hl7-parser, which makes a tree of every part, finds the same parts.
        #[test]
        fn reads_what_hl7_parser_reads(
            lines in prop::collection::vec("[A-L0-9]{3}[|][|^~&\\\\A-C0-9患者 \"]{0,40}", 0..6)
        ) {
            let lines: Vec<&str> = [HEADER].into_iter().chain(lines.iter().map(String::as_str)).collect();
            let text = lines.join("\r");
            let (ours, theirs) = (Message::parse(&text).ok().unwrap(), whole(&text).unwrap());
            prop_assert_eq!(ours.segments().count(), theirs.segments.len());
            for (ours, theirs) in ours.segments().zip(&theirs.segments) {
                prop_assert_eq!((ours.name(), ours.fields()), (theirs.name, theirs.fields.len()));
                // MSH-1 and MSH-2 are the delimiters.
                let first = if theirs.name == "MSH" { 2 } else { 0 };
                for (n, field) in (1..).zip(&theirs.fields).skip(first) {
                    prop_assert_eq!(ours.repeats(n), field.repeats.len());
                    for (r, repeat) in (1..).zip(&field.repeats) {
                        for (c, component) in (1..).zip(&repeat.components) {
                            prop_assert_eq!(ours.raw_of(n, r, c), present(component.raw_value()));
                        }
                        prop_assert_eq!(ours.raw_of(n, r, repeat.components.len() + 1), "");
                    }
                    prop_assert_eq!(ours.raw_of(n, field.repeats.len() + 1, 1), "");
                }
            }
        }
        /// And a damaged line ends the reading of both.
        #[test]
        fn refuses_what_hl7_parser_stops_at(lines in prop::collection::vec("[A-C1|^~& -]{1,6}", 0..4)) {
            let lines: Vec<&str> = [HEADER].into_iter().chain(lines.iter().map(String::as_str)).collect();
            let text = lines.join("\r");
            let expected = whole(&text).is_none().then_some(QuarantineReason::Truncated);
            prop_assert_eq!(refused(&text), expected);
        }
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
