//! HL7 v2.5 segments and messages as text (HL7 v2.5 chapter 2), before encoding.

use crate::vendor::{Fraction, Quirks};
use crate::{day::Moment, site::Site};
use std::collections::BTreeMap;

/// One segment; fields are numbered as the standard does.
#[derive(Debug, Clone)]
pub(crate) struct Seg {
    id: &'static str,
    fields: BTreeMap<usize, String>,
}

impl Seg {
    pub(crate) fn new(id: &'static str) -> Self {
        Self {
            id,
            fields: BTreeMap::new(),
        }
    }

    /// The segment with a field set; an empty text leaves it out.
    pub(crate) fn with(mut self, field: usize, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.fields.insert(field, text);
        }
        self
    }

    /// Whether it is a segment of this id.
    pub(crate) fn is(&self, id: &str) -> bool {
        self.id == id
    }

    fn write(&self, out: &mut String) {
        out.push_str(self.id);
        let mut at = 0;
        if self.id == "MSH" {
            // MSH-1 is the separator itself, MSH-2 the other delimiters.
            out.push_str("|^~\\&");
            at = 2;
        }
        for (field, text) in &self.fields {
            out.extend(std::iter::repeat_n('|', field.saturating_sub(at)));
            out.push_str(text);
            at = *field;
        }
    }
}

/// A text that may hold delimiters, escaped (HL7 v2.5 §2.7).
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '&' => out.push_str("\\T\\"),
            '~' => out.push_str("\\R\\"),
            '\\' => out.push_str("\\E\\"),
            other => out.push(other),
        }
    }
    out
}

/// `code^text^system`.
pub(crate) fn coded(code: &str, text: &str, system: &str) -> String {
    format!("{code}^{}^{system}", escape(text))
}

/// MSH-7: the moment of the file name, with the fraction the maker writes.
fn message_time(occurred: Moment, fraction: Fraction) -> String {
    let whole = occurred.to_second();
    match fraction {
        Fraction::None => whole,
        Fraction::Two => format!("{whole}.{:02}", occurred.millis() / 10),
        Fraction::Three => format!("{whole}.{:03}", occurred.millis()),
        // The fourth digit is the clock's; 9 keeps the three of the file name as they are.
        Fraction::Four => format!("{whole}.{:03}9", occurred.millis()),
        Fraction::FourZeros => format!("{whole}.0000"),
    }
}

/// The MSH segment.
pub(crate) fn header(site: &Site, message_type: &str, occurred: Moment, control_id: &str) -> Seg {
    let quirks: &Quirks = site.quirks;
    Seg::new("MSH")
        .with(3, quirks.product)
        .with(4, site.id.as_str())
        .with(5, "GW")
        .with(6, "SSMIX2")
        .with(7, message_time(occurred, quirks.fraction))
        .with(9, message_type)
        .with(10, control_id)
        .with(11, "P")
        .with(12, "2.5")
        .with(18, quirks.character_set)
        .with(20, quirks.character_handling)
        .with(21, quirks.profile)
}

/// The whole message as text.
pub(crate) fn render(segments: &[Seg], quirks: &Quirks) -> String {
    let mut out = String::new();
    for (n, segment) in segments.iter().enumerate() {
        if n > 0 {
            out.push_str(quirks.terminator);
        }
        segment.write(&mut out);
    }
    if quirks.final_terminator {
        out.push_str(quirks.terminator);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor::Vendor;

    #[test]
    fn fields_land_where_the_standard_numbers_them() {
        let segments = [
            Seg::new("MSH").with(3, "A").with(9, "ADT^A08"),
            Seg::new("PID")
                .with(3, "1")
                .with(4, "")
                .with(5, escape("a|b^c&d~e\\f")),
            Seg::new("PV1"),
        ];
        let text = render(&segments, Vendor::Asagi.quirks());
        assert_eq!(
            text,
            "MSH|^~\\&|A||||||ADT^A08\rPID|||1||a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f\rPV1\r"
        );
    }

    #[test]
    fn message_times_keep_the_milliseconds_of_the_file_name_as_far_as_they_go() {
        let moment = crate::Day::of(2026, 9, 30).at(8, 15).plus_ms(7_984);
        for (fraction, expected) in [
            (Fraction::None, "20260930081507"),
            (Fraction::Two, "20260930081507.98"),
            (Fraction::Three, "20260930081507.984"),
            (Fraction::Four, "20260930081507.9849"),
            (Fraction::FourZeros, "20260930081507.0000"),
        ] {
            assert_eq!(message_time(moment, fraction), expected);
        }
    }
}
