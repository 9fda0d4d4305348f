//! Reading a TOML table with every fault collected, so that all are reported together.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use toml::{Table, Value};

/// A table being read: what was asked for is taken out, what remains at the end is unknown.
pub(super) struct Reader<'a> {
    table: Table,
    at: String,
    faults: &'a mut Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn new(table: Table, at: &str, faults: &'a mut Vec<String>) -> Self {
        Self {
            table,
            at: at.to_owned(),
            faults,
        }
    }

    fn name(&self, key: &str) -> String {
        if self.at.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.at)
        }
    }

    pub fn fault(&mut self, key: &str, what: impl AsRef<str>) {
        let name = self.name(key);
        self.faults.push(format!("{name}: {}", what.as_ref()));
    }

    /// A section; none where it is absent.
    pub fn section(&mut self, key: &str) -> Option<Reader<'_>> {
        match self.table.remove(key)? {
            Value::Table(table) => {
                let at = self.name(key);
                Some(Reader {
                    table,
                    at,
                    faults: self.faults,
                })
            }
            other => {
                self.fault(
                    key,
                    format!(
                        "is a {}; write a section [{}]",
                        other.type_str(),
                        self.name(key)
                    ),
                );
                None
            }
        }
    }

    /// A list of tables, `[[key]]`.
    pub fn tables(&mut self, key: &str) -> Vec<Table> {
        match self.table.remove(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let count = items.len();
                let tables: Vec<_> = items
                    .into_iter()
                    .filter_map(|v| {
                        if let Value::Table(t) = v {
                            Some(t)
                        } else {
                            None
                        }
                    })
                    .collect();
                if tables.len() != count {
                    self.fault(key, format!("write each one as [[{}]]", self.name(key)));
                }
                tables
            }
            Some(other) => {
                self.fault(
                    key,
                    format!(
                        "is a {}; write each one as [[{}]]",
                        other.type_str(),
                        self.name(key)
                    ),
                );
                Vec::new()
            }
        }
    }

    /// For faults of an element's own fields.
    pub fn faults(&mut self) -> &mut Vec<String> {
        self.faults
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.table.remove(key)? {
            Value::String(text) => Some(text),
            other => {
                self.fault(
                    key,
                    format!("is a {}; write it in quotes", other.type_str()),
                );
                None
            }
        }
    }

    /// A value with a text form, required.
    pub fn required<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        key: &str,
        example: &str,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            self.fault(
                key,
                format!("is missing; for example {key} = \"{example}\""),
            );
            return None;
        }
        self.optional(key, example)
    }

    /// A value with a text form.
    pub fn optional<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        key: &str,
        example: &str,
    ) -> Option<T> {
        let text = self.text(key)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(key, format!("{error}; for example {key} = \"{example}\""));
                None
            }
        }
    }

    /// A path, relative to the configuration file's folder.
    pub fn path(&mut self, key: &str, base: &Path, default: Option<&str>) -> Option<PathBuf> {
        match (self.table.contains_key(key), default) {
            (false, Some(default)) => Some(base.join(default)),
            (false, None) => {
                self.fault(
                    key,
                    format!("is missing; write the path, for example {key} = \"{key}\""),
                );
                None
            }
            (true, _) => self.text(key).map(|text| base.join(text)),
        }
    }

    /// A whole number within a range.
    pub fn number(
        &mut self,
        key: &str,
        range: std::ops::RangeInclusive<u64>,
        default: Option<u64>,
    ) -> Option<u64> {
        match (self.table.remove(key), default) {
            (None, Some(default)) => Some(default),
            (None, None) => {
                self.fault(
                    key,
                    format!(
                        "is missing; write a number from {} to {}",
                        range.start(),
                        range.end()
                    ),
                );
                None
            }
            (Some(Value::Integer(n)), _) if u64::try_from(n).is_ok_and(|n| range.contains(&n)) => {
                u64::try_from(n).ok()
            }
            (Some(other), _) => {
                self.fault(
                    key,
                    format!(
                        "{other} is not a number from {} to {}",
                        range.start(),
                        range.end()
                    ),
                );
                None
            }
        }
    }

    /// Reports what nobody asked for.
    pub fn finish(mut self) {
        let unknown: Vec<_> = std::mem::take(&mut self.table)
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        for key in unknown {
            self.fault(
                &key,
                "is not a setting; see `sekisho config example` for all there are",
            );
        }
    }
}
