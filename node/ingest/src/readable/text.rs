//! Plain text of a [`Readable`].

use super::{Language, Readable, Table};
use sekisho_documents::Title;

/// Widest column, in terminal cells: longer values are not cut, they only stop aligning what follows.
const COLUMN_CELLS_MAX: usize = 60;

pub(super) fn of(readable: &Readable, language: Language) -> String {
    let name = |title: &Title| match language {
        Language::Ja => title.ja.clone(),
        Language::En => title.en.clone(),
    };
    let mut out = String::new();
    line(&mut out, &name(&readable.title));
    let widest = readable
        .header
        .iter()
        .map(|i| cells(&name(&i.name)))
        .max()
        .unwrap_or(0);
    for item in &readable.header {
        let label = name(&item.name);
        let gap = " ".repeat(widest - cells(&label));
        line(
            &mut out,
            &format!("  {label}{gap}  {}", one_line(&item.value)),
        );
    }
    for table in &readable.tables {
        out.push('\n');
        line(&mut out, &format!("■ {}", name(&table.title)));
        of_table(&mut out, table, &name);
    }
    if !readable.notes.is_empty() {
        out.push('\n');
    }
    for note in &readable.notes {
        line(&mut out, &format!("※ {}", name(note)));
    }
    out
}

fn of_table(out: &mut String, table: &Table, name: &dyn Fn(&Title) -> String) {
    let headings: Vec<String> = table.headings.iter().map(name).collect();
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| row.iter().map(|v| one_line(v)).collect())
        .collect();
    // A column in which no row says anything is not shown.
    let shown: Vec<usize> = (0..headings.len())
        .filter(|c| {
            rows.iter()
                .any(|r| r.get(*c).is_some_and(|v| !v.is_empty()))
        })
        .collect();
    if shown.is_empty() {
        line(out, "  -");
        return;
    }
    let all = std::iter::once(&headings).chain(&rows);
    let value = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let widths: Vec<usize> = shown
        .iter()
        .map(|c| {
            all.clone()
                .map(|r| cells(&value(r, *c)))
                .max()
                .unwrap_or(0)
                .min(COLUMN_CELLS_MAX)
        })
        .collect();
    for row in all {
        let mut text = String::from(" ");
        for (column, width) in shown.iter().zip(&widths) {
            let value = value(row, *column);
            text.push(' ');
            text.push_str(&value);
            text.push_str(&" ".repeat(width.saturating_sub(cells(&value)) + 1));
        }
        line(out, &text);
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

fn one_line(text: &str) -> String {
    text.split('\n')
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect::<Vec<_>>()
        .join(" / ")
}

/// Width in terminal cells: two for what Unicode calls wide or full width (UAX #11), one for the rest.
fn cells(text: &str) -> usize {
    let wide = |c: char| {
        matches!(c,
            '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}'
            | '\u{20000}'..='\u{3fffd}')
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}
