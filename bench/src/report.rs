//! A benchmark's result: for people a table, for programs one JSON object.

use crate::Machine;
use serde_json::{Value, json};
use std::fmt;

/// Digits of a measured number that mean something, generously.
const SIGNIFICANT_DIGITS: i32 = 4;

/// Two medians, taken by turns in one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What was measured, and against what.
    pub case: String,
    /// Ours.
    pub ours: f64,
    /// The peer's, or the limit.
    pub peer: f64,
    /// Of both: `1/s` and `share` (more is better), `ms` and `B` (less is better).
    pub unit: &'static str,
}

impl Row {
    /// Ours divided by the peer's.
    pub fn ratio(&self) -> f64 {
        self.ours / self.peer
    }

    fn json(&self) -> Value {
        json!({
            "case": self.case,
            "ours": rounded(self.ours),
            "peer": rounded(self.peer),
            "ratio": rounded(self.ratio()),
            "unit": self.unit,
        })
    }
}

/// All of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The benchmark's name.
    pub bench: &'static str,
    /// Where it ran.
    pub machine: Machine,
    /// What it found.
    pub rows: Vec<Row>,
}

impl Report {
    /// The object `--json` writes.
    pub fn json(&self) -> Value {
        json!({
            "bench": self.bench,
            "machine": self.machine.json(),
            "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = &self.machine;
        writeln!(
            f,
            "{}: {}, {} cores, {}, {}, load before {}",
            self.bench, m.cpu, m.cores, m.kernel, m.filesystem, m.load_before
        )?;
        let width = self.rows.iter().map(|row| row.case.chars().count()).max();
        let width = width.unwrap_or_default();
        writeln!(
            f,
            "{:width$}  {:>9}  {:>9}  {:>7}  unit",
            "case", "ours", "peer", "ratio"
        )?;
        for row in &self.rows {
            writeln!(
                f,
                "{:width$}  {:>9}  {:>9}  {:>7}  {}",
                row.case,
                rounded(row.ours),
                rounded(row.peer),
                rounded(row.ratio()),
                row.unit
            )?;
        }
        Ok(())
    }
}

/// To [`SIGNIFICANT_DIGITS`], so that noise does not look like knowledge.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let places = SIGNIFICANT_DIGITS - 1 - value.abs().log10().floor() as i32;
    // Powers of ten with positive exponents are exact, so that 0.002 stays 0.002.
    let scale = 10_f64.powi(places.abs());
    if places >= 0 {
        (value * scale).round() / scale
    } else {
        (value / scale).round() * scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            bench: "example",
            machine: Machine {
                cpu: "Example CPU 9".to_owned(),
                cores: 2,
                kernel: "linux 6".to_owned(),
                filesystem: "ext4".to_owned(),
                load_before: 0.25,
            },
            rows: vec![
                Row {
                    case: "one".to_owned(),
                    ours: 30_000.4,
                    peer: 20_000.0,
                    unit: "1/s",
                },
                Row {
                    case: "another".to_owned(),
                    ours: 0.123_456,
                    peer: 0.2,
                    unit: "ms",
                },
            ],
        }
    }

    #[test]
    fn the_object_has_exactly_this_shape() {
        let expected = json!({
            "bench": "example",
            "machine": {
                "cpu": "Example CPU 9", "cores": 2, "kernel": "linux 6", "filesystem": "ext4", "load_before": 0.25,
            },
            "rows": [
                {"case": "one", "ours": 30_000.0, "peer": 20_000.0, "ratio": 1.5, "unit": "1/s"},
                {"case": "another", "ours": 0.1235, "peer": 0.2, "ratio": 0.6173, "unit": "ms"},
            ],
        });
        assert_eq!(report().json(), expected);
        assert!(
            !report().json().to_string().contains('\n'),
            "one line, one object"
        );
    }

    #[test]
    fn the_table_has_a_line_for_each_row() {
        let table = report().to_string();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 4, "{table}");
        assert!(
            lines[2].starts_with("one ") && lines[2].ends_with("1.5  1/s"),
            "{table}"
        );
    }

    #[test]
    fn rounding_keeps_four_digits() {
        for (value, expected) in [
            (0.0, 0.0),
            (123_456.0, 123_500.0),
            (1234.4, 1234.0),
            (0.002, 0.002),
            (9.99996, 10.0),
            (-0.012_345, -0.012_35),
        ] {
            assert!(
                (rounded(value) - expected).abs() < 1e-12,
                "{value}: {}",
                rounded(value)
            );
        }
    }
}
