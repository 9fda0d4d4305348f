//! A message's content for people: as data, with names in both languages, and as plain text.
//!
//! Values are shown as the message has them, decoded; nothing is interpreted beyond dates and a few codes, nothing
//! is left out silently: what no table shows is in the listing of segments, what was cut is noted. Total: any bytes
//! give something readable. It is not for machines; they get the message itself.

mod cda;
mod chart;
mod claims;
mod dicom;
mod fhir;
mod formats;
mod listing;
mod medication;
mod observation;
mod text;

pub use formats::render_document;

use crate::decode::decode;
use crate::kind::DataKind;
use crate::message::{Message, Segment};
use sekisho_documents::{FILE_BYTES_MAX, QuarantineReason, Title};
use serde::{Deserialize, Serialize};

/// Most rows of one table: a year of daily results of one order.
pub(crate) const ROWS_MAX: usize = 2000;
/// Longest value shown, in characters: findings run to a page or two.
pub(crate) const VALUE_CHARS_MAX: usize = 8000;

/// A language of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Japanese.
    Ja,
    /// English.
    En,
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The name.
    pub name: Title,
    /// The value; may hold line breaks, no other control characters.
    pub value: String,
}

/// A table; each row has as many values as there are headings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// What it shows.
    pub title: Title,
    /// The columns.
    pub headings: Vec<Title>,
    /// The values.
    pub rows: Vec<Vec<String>>,
}

/// A message for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readable {
    /// What kind of message it is.
    pub title: Title,
    /// The patient and the message's own data.
    pub header: Vec<Item>,
    /// The content.
    pub tables: Vec<Table>,
    /// What a reader must know about this rendering.
    pub notes: Vec<Title>,
}

/// Shows a message's bytes.
pub fn render(bytes: &[u8]) -> Readable {
    let (shown, mut notes) = bounded(bytes);
    let decoded = decode(shown);
    if decoded.malformed_line.is_some() {
        notes.push(Title::new(
            "復号できない文字があります（\u{fffd}で表示）。原本を確認してください。",
            "Some characters cannot be decoded (shown as \u{fffd}). Check the original.",
        ));
    }
    match Message::parse(&decoded.text) {
        Ok(message) => of_message(&message, notes),
        Err(reason) => of_text(&decoded.text, reason, notes),
    }
}

/// As much of a document as is shown, and a note where that is not all.
fn bounded(bytes: &[u8]) -> (&[u8], Vec<Title>) {
    let bound = usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX);
    match bytes.get(..bound) {
        Some(shown) if shown.len() < bytes.len() => {
            let note = Title::new(
                "大きすぎるため途中までを表示しています。",
                "Too large: only the beginning is shown.",
            );
            (shown, vec![note])
        }
        _ => (bytes, Vec::new()),
    }
}

fn of_message(message: &Message<'_>, notes: Vec<Title>) -> Readable {
    let mut readable = Readable {
        title: title(message),
        header: header(message),
        tables: Vec::new(),
        notes,
    };
    let tables = match message.message_type().as_str() {
        "RDE^O11" if medication::is_injection(message) => vec![medication::injections(message)],
        "RDE^O11" => vec![medication::prescriptions(message)],
        "RAS^O17" => vec![medication::administrations(message)],
        "OUL^R22" | "OML^O33" | "ORU^R01" => vec![observation::results(message)],
        "PPR^ZD1" => vec![chart::diagnoses(message)],
        "ADT^A60" => vec![chart::allergies_of_iam(message)],
        "ADT^A08" => chart::demographics(message),
        kind if kind.starts_with("ADT^") => vec![chart::encounter(message)],
        _ if message.has("OBX") => vec![
            observation::results(message),
            listing::segments(message, &["OBX"]),
        ],
        _ => vec![listing::segments(message, &[])],
    };
    for table in tables {
        readable.push(table);
    }
    // Allergies travel with orders; whoever reads one must see them.
    if message.has("AL1") && message.message_type() != "ADT^A08" {
        readable.push(chart::allergies_of_al1(message));
    }
    // Comments can change what an order means; no table may hide them.
    for table in [listing::comments(message)] {
        if !table.rows.is_empty() {
            readable.push(table);
        }
    }
    readable
}

impl Readable {
    /// Adds a table, cut to its bound with a note.
    fn push(&mut self, mut table: Table) {
        if table.rows.len() > ROWS_MAX {
            table.rows.truncate(ROWS_MAX);
            self.notes.push(Title::new(
                format!("「{}」は{ROWS_MAX}行までを表示しています。", table.title.ja),
                format!("\"{}\" is cut after {ROWS_MAX} rows.", table.title.en),
            ));
        }
        self.tables.push(table);
    }

    /// Plain text in one language, columns aligned for a terminal with double-width kanji.
    pub fn text(&self, language: Language) -> String {
        text::of(self, language)
    }
}

/// Text that is no message.
fn of_text(text: &str, reason: QuarantineReason, mut notes: Vec<Title>) -> Readable {
    notes.push(Title::new(reason.ja(), reason.en()));
    let mut readable = Readable {
        title: Title::new("読み取れない文書", "Unreadable document"),
        header: Vec::new(),
        tables: Vec::new(),
        notes,
    };
    let rows: Vec<Vec<String>> = text
        .split('\r')
        .filter(|l| !l.is_empty())
        .map(|l| vec![value(l)])
        .collect();
    if !rows.is_empty() {
        let title = Title::new("内容", "Content");
        readable.push(Table {
            title,
            headings: vec![Title::new("行", "Line")],
            rows,
        });
    }
    readable
}

fn title(message: &Message<'_>) -> Title {
    let message_type = message.message_type();
    let code = match message_type.as_str() {
        "RDE^O11" if medication::is_injection(message) => "OMP-02",
        "RDE^O11" => "OMP-01",
        // One message for two kinds each: the folder tells them apart, the message does not.
        "RAS^O17" => return Title::new("処方・注射実施", "Medication administered"),
        "OMG^O19" => {
            return Title::new(
                "放射線・内視鏡・生理検査オーダ",
                "Imaging, endoscopy or physiology order",
            );
        }
        "OMI^Z23" => {
            return Title::new("放射線・内視鏡検査実施", "Imaging or endoscopy examination");
        }
        other => match DataKind::ALL.iter().find(|k| k.inserts.contains(&other)) {
            Some(kind) => kind.code,
            None => return cancel_title(other),
        },
    };
    // A01 is an admission also where a site files it as a visit.
    let code = if message_type == "ADT^A01" {
        "ADT-22"
    } else {
        code
    };
    DataKind::of(code).map_or_else(|| Title::new(code, code), DataKind::title)
}

fn cancel_title(message_type: &str) -> Title {
    match DataKind::ALL
        .iter()
        .find(|k| k.cancels.contains(&message_type))
    {
        Some(kind) => Title::new(
            format!("{}（取消）", kind.ja),
            format!("{} (cancelled)", kind.en),
        ),
        None => {
            let shown = value(message_type);
            Title::new(
                format!("HL7メッセージ {shown}"),
                format!("HL7 message {shown}"),
            )
        }
    }
}

fn header(message: &Message<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    if let Some(pid) = message.first("PID") {
        item(&mut items, "患者ID", "Patient id", pid.text(3, 1));
        item(&mut items, "氏名", "Name", person(&pid, 5, "I"));
        item(&mut items, "カナ氏名", "Name in kana", person(&pid, 5, "P"));
        item(&mut items, "生年月日", "Born", time(pid.raw(7, 1)));
        item(&mut items, "性別", "Sex", sex(pid.raw(8, 1)));
    }
    if let Some(msh) = message.first("MSH") {
        item(&mut items, "作成日時", "Created", time(msh.raw(7, 1)));
    }
    if let Some(orc) = message.first("ORC") {
        item(&mut items, "オーダ番号", "Order number", orc.text(2, 1));
        item(&mut items, "医療機関", "Institution", orc.text(21, 1));
        item(&mut items, "診療科", "Department", name_of(&orc, 17));
        item(&mut items, "医師", "Physician", person(&orc, 12, "I"));
    }
    items
}

fn item(items: &mut Vec<Item>, ja: &str, en: &str, text: String) {
    let value = value(&text);
    if !value.is_empty() {
        items.push(Item {
            name: Title::new(ja, en),
            value,
        });
    }
}

fn headings(names: &[(&str, &str)]) -> Vec<Title> {
    names.iter().map(|(ja, en)| Title::new(*ja, *en)).collect()
}

fn row<const N: usize>(values: [String; N]) -> Vec<String> {
    values.iter().map(|v| value(v)).collect()
}

/// A value fit to show: no control characters but line breaks, no bidirectional overrides, bounded.
fn value(text: &str) -> String {
    let harmless = |c: char| match c {
        '\n' => '\n',
        c if c.is_control() => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        c => c,
    };
    let clean: String = text.chars().map(harmless).collect();
    let clean = clean.trim();
    match clean.char_indices().nth(VALUE_CHARS_MAX) {
        Some((at, _)) => format!("{}…", clean.get(..at).unwrap_or_default()),
        None => clean.to_owned(),
    }
}

/// A coded field's name, or its code where it has none (CWE: code, name, system, then the local three).
fn name_of(segment: &Segment<'_, '_>, field: usize) -> String {
    let names = (1..=segment.repeats(field)).map(|repeat| {
        [2, 5, 1, 4]
            .into_iter()
            .map(|c| segment.text_of(field, repeat, c))
            .find(|t| !t.is_empty())
            .unwrap_or_default()
    });
    names
        .filter(|n| !n.is_empty())
        .collect::<Vec<_>>()
        .join("、")
}

/// A person's name (XPN, XCN) in the given representation: I ideographic, P phonetic; the only one if none is marked.
fn person(segment: &Segment<'_, '_>, field: usize, representation: &str) -> String {
    let is_xcn = !matches!(segment.name(), "PID" | "NK1");
    let first = if is_xcn { 2 } else { 1 };
    let repeats = segment.repeats(field);
    let marked = |repeat: usize| {
        // XPN-8 and XCN-15; senders shift it by a component.
        (6..=16).any(|c| segment.raw_of(field, repeat, c) == representation)
    };
    let chosen = (1..=repeats)
        .find(|r| marked(*r))
        .or((representation == "I" && repeats > 0).then_some(1));
    let Some(repeat) = chosen else {
        return String::new();
    };
    let parts = [first, first + 1].map(|c| segment.text_of(field, repeat, c));
    let name = parts
        .iter()
        .filter(|p| !p.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join(" ");
    if name.is_empty() && is_xcn {
        segment.text_of(field, repeat, 1)
    } else {
        name
    }
}

/// A time as written, with separators; what is no time stays as it is.
fn time(raw: &str) -> String {
    let digits = raw.bytes().take_while(u8::is_ascii_digit).count();
    let part = |from: usize, to: usize| raw.get(from..to).unwrap_or_default();
    let rest = raw.get(digits..).unwrap_or_default();
    if !(rest.is_empty() || rest.starts_with(['.', '+', '-'])) {
        return raw.to_owned();
    }
    let date = format!("{}-{}-{}", part(0, 4), part(4, 6), part(6, 8));
    match digits {
        8 => date,
        10 => format!("{date} {}:00", part(8, 10)),
        12.. => format!("{date} {}:{}", part(8, 10), part(10, 12)),
        _ => raw.to_owned(),
    }
}

fn sex(code: &str) -> String {
    match code {
        "M" => "男性 M".into(),
        "F" => "女性 F".into(),
        "O" => "その他 O".into(),
        "U" => "不明 U".into(),
        other => other.into(),
    }
}

#[cfg(test)]
#[path = "render_test.rs"]
mod tests;
