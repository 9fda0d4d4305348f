//! JSON of documents, read so that it has one meaning: a name that stands twice in an object is refused (one reader
//! takes the first, another the last, and they would see two patients), and depth and lengths are bounded.
//!
//! Source: RFC 8259 §4 leaves the meaning of names that stand twice open. Depth is also bounded by serde_json itself,
//! at 128.

use sekisho_documents::QuarantineReason;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// Deepest nesting: questionnaires in FHIR documents reach some twenty.
const DEPTH_MAX: usize = 64;
/// Longest text, in bytes, but for attachments (base64), which may fill the file: a discharge summary as one text has
/// some ten thousand characters.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Longest name, in bytes: those of FHIR have some thirty letters, those of DICOM eight.
const NAME_BYTES_MAX: usize = 1 << 10;
/// The name under which FHIR has attachments.
const ATTACHED: &str = "data";

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    /// null, true, false and numbers, as written.
    Plain(String),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads a document.
    pub fn parse(bytes: &[u8]) -> Result<Self, QuarantineReason> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(QuarantineReason::BadText);
        };
        let mut reader = serde_json::Deserializer::from_str(text);
        let seed = Seed {
            depth: 0,
            text_bytes_max: TEXT_BYTES_MAX,
        };
        let read = seed.deserialize(&mut reader);
        read.and_then(|json| reader.end().map(|()| json))
            .map_err(|error| match error.classify() {
                serde_json::error::Category::Eof => QuarantineReason::Truncated,
                _ if error.to_string().starts_with(TOO_LONG) => QuarantineReason::FieldTooLong,
                _ => QuarantineReason::BadJson,
            })
    }

    /// The value of a name, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Self::Object(fields) => fields.get(name),
            _ => None,
        }
    }

    /// The text of a name; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).map(Json::as_text).unwrap_or_default()
    }

    /// The values of a name that has several.
    pub fn list(&self, name: &str) -> &[Json] {
        match self.get(name) {
            Some(Self::List(values)) => values,
            _ => &[],
        }
    }

    /// A text, a number or a truth value as written; empty for all else.
    pub fn as_text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Plain(text) => text,
            _ => "",
        }
    }

    /// What lies at names below each other.
    pub fn at<'j>(&'j self, names: &[&str]) -> Option<&'j Json> {
        names.iter().try_fold(self, |json, name| json.get(name))
    }
}

/// How the error about a text or a name that is too long begins; serde_json's errors carry nothing but a text.
const TOO_LONG: &str = "a text or name is too long";

struct Seed {
    depth: usize,
    text_bytes_max: usize,
}

impl Seed {
    fn below<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(E::custom("nested too deep"));
        }
        Ok(Self {
            depth: self.depth + 1,
            text_bytes_max: TEXT_BYTES_MAX,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Json;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Plain(String::new()))
    }
    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Plain(value.to_string()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Plain(value.to_string()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Plain(value.to_string()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Plain(value.to_string()))
    }
    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Json, E> {
        if value.len() > self.text_bytes_max {
            return Err(E::custom(TOO_LONG));
        }
        Ok(Json::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element_seed(self.below()?)? {
            list.push(value);
        }
        Ok(Json::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Json, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(name) = values.next_key::<String>()? {
            if name.len() > NAME_BYTES_MAX {
                return Err(A::Error::custom(TOO_LONG));
            }
            let mut seed = self.below()?;
            if name == ATTACHED {
                seed.text_bytes_max = usize::MAX;
            }
            let value = values.next_value_seed(seed)?;
            if fields.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_two_meanings_or_runs_deep_is_refused() {
        use QuarantineReason::*;
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        let long = |name: &str, n: usize| format!("{{\"{name}\":\"{}\"}}", "x".repeat(n));
        let cases = [
            (
                "an object",
                r#"{"a":1,"b":[true,null,-1.50,"x"]}"#.to_owned(),
                None,
            ),
            ("with a mark", "\u{feff}{}".to_owned(), None),
            ("twice", r#"{"a":1,"a":1}"#.to_owned(), Some(BadJson)),
            (
                "twice, escaped",
                r#"{"a":1,"\u0061":1}"#.to_owned(),
                Some(BadJson),
            ),
            (
                "twice, below",
                r#"[{"x":{"a":1,"a":2}}]"#.to_owned(),
                Some(BadJson),
            ),
            ("deepest", deep(DEPTH_MAX), None),
            ("too deep", deep(DEPTH_MAX + 1), Some(BadJson)),
            ("far too deep", deep(100_000), Some(BadJson)),
            ("longest", long("a", TEXT_BYTES_MAX), None),
            (
                "too long",
                long("a", TEXT_BYTES_MAX + 1),
                Some(FieldTooLong),
            ),
            ("longest name", long(&"a".repeat(NAME_BYTES_MAX), 1), None),
            (
                "too long a name",
                long(&"a".repeat(NAME_BYTES_MAX + 1), 1),
                Some(FieldTooLong),
            ),
            ("an attachment", long("data", TEXT_BYTES_MAX + 1), None),
            ("cut off", r#"{"a":"#.to_owned(), Some(Truncated)),
            (
                "cut off in a text",
                r#"{"a":"b"#.to_owned(),
                Some(Truncated),
            ),
            ("something behind", "{} {}".to_owned(), Some(BadJson)),
            ("no JSON", "<a/>".to_owned(), Some(BadJson)),
            ("empty", String::new(), Some(Truncated)),
        ];
        for (case, text, expected) in cases {
            assert_eq!(Json::parse(text.as_bytes()).err(), expected, "{case}");
        }
        assert_eq!(Json::parse(b"\"\xff\"").err(), Some(BadText));
    }

    proptest! {
        #[test]
        fn is_total(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Json::parse(&bytes);
        }
    }
}
