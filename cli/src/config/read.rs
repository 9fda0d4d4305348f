//! Reading a TOML table with every fault collected, so that all are reported together.

use crate::ui::Words;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use toml::{Table, Value};

/// What is to be written, for a value of another type.
fn not_a(value: &Value, ja: &str, en: &str) -> Words {
    let (kind_ja, kind_en) = match value {
        Value::String(_) => ("文字列", "a text"),
        Value::Integer(_) => ("整数", "a number"),
        Value::Float(_) => ("小数", "a decimal number"),
        Value::Boolean(_) => ("真偽値", "true or false"),
        Value::Datetime(_) => ("日時", "a date"),
        Value::Array(_) => ("配列", "a list"),
        Value::Table(_) => ("表", "a section"),
    };
    Words::new(
        format!("{kind_ja}になっています。{ja}"),
        format!("is {kind_en}; {en}"),
    )
}

/// A table being read: what was asked for is taken out, what remains at the end is unknown.
pub(super) struct Reader<'a> {
    table: Table,
    at: String,
    faults: &'a mut Vec<Words>,
}

impl<'a> Reader<'a> {
    pub fn new(table: Table, at: &str, faults: &'a mut Vec<Words>) -> Self {
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

    pub fn fault(&mut self, key: &str, what: Words) {
        let name = self.name(key);
        self.faults.push(Words::new(
            format!("{name}：{}", what.ja),
            format!("{name}: {}", what.en),
        ));
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
                let name = self.name(key);
                let ja = format!("節 [{name}] として書いてください");
                self.fault(
                    key,
                    not_a(&other, &ja, &format!("write a section [{name}]")),
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
                    let name = self.name(key);
                    self.fault(
                        key,
                        Words::new(
                            format!("一つずつ [[{name}]] として書いてください"),
                            format!("write each one as [[{name}]]"),
                        ),
                    );
                }
                tables
            }
            Some(other) => {
                let name = self.name(key);
                let ja = format!("一つずつ [[{name}]] として書いてください");
                let en = format!("write each one as [[{name}]]");
                self.fault(key, not_a(&other, &ja, &en));
                Vec::new()
            }
        }
    }

    /// For faults of an element's own fields.
    pub fn faults(&mut self) -> &mut Vec<Words> {
        self.faults
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.table.remove(key)? {
            Value::String(text) => Some(text),
            other => {
                self.fault(
                    key,
                    not_a(&other, "引用符で囲んで書いてください", "write it in quotes"),
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
                Words::new(
                    format!("ありません。例：{key} = \"{example}\""),
                    format!("is missing; for example {key} = \"{example}\""),
                ),
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
                self.fault(
                    key,
                    Words::new(
                        format!("正しくありません。例：{key} = \"{example}\"（{error}）"),
                        format!("{error}; for example {key} = \"{example}\""),
                    ),
                );
                None
            }
        }
    }

    /// A path, relative to the configuration file's folder.
    pub fn path(&mut self, key: &str, base: &Path, default: &str) -> Option<PathBuf> {
        if !self.table.contains_key(key) {
            return Some(base.join(default));
        }
        self.text(key).map(|text| base.join(text))
    }

    /// [`Reader::path`] where nothing stands for a path that is missing.
    pub fn required_path(&mut self, key: &str, base: &Path, example: &str) -> Option<PathBuf> {
        let text: String = self.required(key, example)?;
        Some(base.join(text))
    }

    /// A path that may be absent.
    pub fn optional_path(&mut self, key: &str, base: &Path) -> Option<PathBuf> {
        self.text(key).map(|text| base.join(text))
    }

    /// A whole number within a range, required.
    pub fn number(&mut self, key: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let (least, most) = (range.start(), range.end());
        let what = match self.table.remove(key) {
            Some(Value::Integer(n)) if u64::try_from(n).is_ok_and(|n| range.contains(&n)) => {
                return u64::try_from(n).ok();
            }
            None => Words::new(
                format!("ありません。{least} から {most} までの整数を書いてください"),
                format!("is missing; write a number from {least} to {most}"),
            ),
            Some(other) => Words::new(
                format!("{other} は {least} から {most} までの整数ではありません"),
                format!("{other} is not a number from {least} to {most}"),
            ),
        };
        self.fault(key, what);
        None
    }

    /// [`Reader::number`] with a default.
    pub fn optional_number(
        &mut self,
        key: &str,
        range: std::ops::RangeInclusive<u64>,
        default: u64,
    ) -> Option<u64> {
        if self.table.contains_key(key) {
            self.number(key, range)
        } else {
            Some(default)
        }
    }

    /// A list of whole numbers; inside, none where it is absent.
    pub fn numbers(&mut self, key: &str, example: &str) -> Option<Option<Vec<u64>>> {
        let items = match self.table.remove(key) {
            None => return Some(None),
            Some(Value::Array(items)) => items,
            Some(other) => {
                let (ja, en) = (format!("例：{example}"), format!("for example {example}"));
                self.fault(key, not_a(&other, &ja, &en));
                return None;
            }
        };
        let number = |item: &Value| item.as_integer().and_then(|n| u64::try_from(n).ok());
        let numbers: Option<Vec<u64>> = items.iter().map(number).collect();
        if numbers.is_none() {
            self.fault(
                key,
                Words::new(
                    format!("整数の配列ではありません。例：{example}"),
                    format!("is not a list of whole numbers; for example {example}"),
                ),
            );
        }
        numbers.map(Some)
    }

    /// Every setting of this section, whatever its name, as a text with a text form.
    pub fn all<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        example: &str,
    ) -> Option<std::collections::BTreeMap<String, T>> {
        let names: Vec<_> = self.table.keys().cloned().collect();
        let count = names.len();
        let read = names.into_iter().filter_map(|name| {
            let value = self.optional(&name, example)?;
            Some((name, value))
        });
        let read: std::collections::BTreeMap<_, _> = read.collect();
        (read.len() == count).then_some(read)
    }

    /// A list of texts; empty where it is absent.
    pub fn texts(&mut self, key: &str, example: &str) -> Option<Vec<String>> {
        let (ja, en) = (format!("例：{example}"), format!("for example {example}"));
        let items = match self.table.remove(key) {
            None => return Some(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.fault(key, not_a(&other, &ja, &en));
                return None;
            }
        };
        let text = |item: &Value| item.as_str().map(str::to_owned);
        let texts: Option<Vec<String>> = items.iter().map(text).collect();
        if texts.is_none() {
            self.fault(key, not_a(&Value::Array(items), &ja, &en));
        }
        texts
    }

    /// A yes or no, with a default.
    pub fn flag(&mut self, key: &str, default: bool) -> Option<bool> {
        match self.table.remove(key) {
            None => Some(default),
            Some(Value::Boolean(flag)) => Some(flag),
            Some(other) => {
                self.fault(
                    key,
                    not_a(
                        &other,
                        "true か false を書いてください",
                        "write true or false",
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
                Words::new(
                    "このような設定項目はありません。`sekisho config example` にすべての項目があります",
                    "is not a setting; see `sekisho config example` for all there are",
                ),
            );
        }
    }
}
