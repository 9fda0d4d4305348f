//! CSV with a mapping file (RFC 4180, in CP932 or UTF-8).
//!
//! The first row must be the mapping's columns, exactly: a file whose columns moved is refused as a whole. It is the
//! head of every document. Rows that follow each other and are alike in patient and in the mapping's `document` columns
//! are one document; so no document has two patients' rows. A row that cannot be read is a document that is refused.
//!
//! In CP932 neither quote, comma nor line end is ever the second byte of a character, so rows and fields are found
//! before decoding.

use super::lines::FIELD_BYTES_MAX;
use super::mapping::Mapping;
use super::{Confidentiality, Context, Facts, Found, refused, said};
use crate::name::Refusal;
use crate::time;
use csv::ByteRecord;
use encoding_rs::{SHIFT_JIS, UTF_8};
use sekisho_documents::{
    Code, HEAD_BYTES_MAX, LocalPatientId, OperatorText, Part, QuarantineReason, SeenPatients,
};
use sekisho_domain::TimeMs;
use sekisho_identity::{Address, Date, Demographics, Insured, Name, Sex};

/// One row: where it lies, and its fields.
struct Row {
    start: u64,
    end: u64,
    fields: Result<Vec<String>, QuarantineReason>,
}

/// Each document's rows.
pub(super) fn read(
    context: Context<'_>,
    mapping: &Mapping,
    bytes: &[u8],
) -> Result<Vec<Found>, Refusal> {
    let mut rows = rows(bytes, mapping.is_utf8);
    let head = rows
        .next()
        .ok_or_else(|| refused(QuarantineReason::TooShort))?;
    let names = head.fields.map_err(refused)?;
    if names != mapping.columns {
        return Err(refused(QuarantineReason::NotTheFormat));
    }
    if head.end > HEAD_BYTES_MAX {
        return Err(refused(QuarantineReason::FieldTooLong));
    }
    let mut groups: Vec<(Key, Vec<Row>)> = Vec::new();
    for row in rows {
        let key = key(mapping, &row);
        match groups.last_mut() {
            Some((of, rows)) if *of == key && key.is_some() => rows.push(row),
            _ => groups.push((key, vec![row])),
        }
    }
    if groups.is_empty() {
        return Err(refused(QuarantineReason::Truncated));
    }
    Ok(groups
        .iter()
        .map(|(_, rows)| Found {
            part: part(head.end, rows),
            read: facts(context, mapping, rows),
        })
        .collect())
}

/// Patient and document of a row; none for one that is by itself, as it cannot be read.
type Key = Option<Vec<String>>;

fn key(mapping: &Mapping, row: &Row) -> Key {
    let fields = row.fields.as_ref().ok()?;
    let places = std::iter::once(&mapping.patient).chain(&mapping.document);
    let key: Option<Vec<String>> = places.map(|n| fields.get(*n).cloned()).collect();
    key.filter(|_| fields.len() == mapping.columns.len())
}

fn part(head_bytes: u64, rows: &[Row]) -> Part {
    let start = rows.first().map_or(0, |row| row.start);
    let end = rows.last().map_or(0, |row| row.end);
    Part {
        offset_bytes: start,
        size_bytes: end.saturating_sub(start),
        head_bytes,
    }
}

fn facts(context: Context<'_>, mapping: &Mapping, rows: &[Row]) -> Result<Facts, Refusal> {
    let Some(first) = rows.first() else {
        return Err(refused(QuarantineReason::Truncated));
    };
    let fields = first.fields.as_ref().map_err(|reason| refused(*reason))?;
    let field = |n: usize| fields.get(n).map(String::as_str).unwrap_or_default();
    let patient = field(mapping.patient);
    let refuse = |reason| Refusal {
        reason,
        patients: SeenPatients {
            message: (!patient.is_empty()).then(|| OperatorText::new(patient)),
            ..SeenPatients::default()
        },
    };
    if fields.len() != mapping.columns.len() {
        return Err(refuse(QuarantineReason::Truncated));
    }
    let patient: LocalPatientId = match patient {
        "" => return Err(refuse(QuarantineReason::NoPatient)),
        id => id
            .parse()
            .map_err(|_| refuse(QuarantineReason::MissingValue))?,
    };
    let all = || rows.iter().filter_map(|row| row.fields.as_ref().ok());
    let values =
        |n: usize| all().map(move |fields| fields.get(n).map(String::as_str).unwrap_or_default());
    if let Some(n) = mapping.facility
        && values(n).any(|facility| facility != context.facility.as_str())
    {
        return Err(refuse(QuarantineReason::OtherFacility));
    }
    let times: Option<Vec<TimeMs>> = values(mapping.date).map(instant).collect();
    let times = times.ok_or_else(|| refuse(QuarantineReason::MissingValue))?;
    let start = times.iter().min().copied();
    let start = start.ok_or_else(|| refuse(QuarantineReason::Truncated))?;
    let stop = times.iter().max().copied().unwrap_or(start);
    let updated = match mapping.updated {
        Some(n) => {
            let updated: Option<Vec<TimeMs>> = values(n).map(instant).collect();
            let updated = updated.ok_or_else(|| refuse(QuarantineReason::MissingValue))?;
            updated.into_iter().max().unwrap_or(stop)
        }
        None => stop,
    };
    let ends = (mapping.deleted.as_ref())
        .is_some_and(|(n, value)| values(*n).all(|deleted| deleted == value));
    let series: Vec<&str> = mapping.document.iter().map(|n| field(*n)).collect();
    let (category, title) = (mapping.category, &mapping.title);
    let kind = || Code::of_category(category);
    let encoding = if mapping.is_utf8 {
        "utf-8"
    } else {
        "windows-31j"
    };
    Ok(Facts {
        patient,
        category,
        data_kind: "CSV",
        type_code: mapping.type_code.clone().unwrap_or_else(kind),
        format_code: Code::new(
            format!("urn:sekisho:table:{encoding}:{}", mapping.name),
            "urn:sekisho:format",
            "CSV",
            "CSV",
        ),
        mime_type: if mapping.is_utf8 {
            "text/csv; charset=utf-8; header=present"
        } else {
            "text/csv; charset=windows-31j; header=present"
        },
        title: title.clone(),
        creation: updated,
        service_start: start,
        service_stop: stop,
        practice_setting: None,
        confidentiality: Confidentiality::Normal,
        series: format!("{}\u{1f}{}", mapping.name, series.join("\u{1f}")),
        version: updated.0,
        ends,
    })
}

/// Who the rows of one document say their patient is; of each thing, what the first row says that has it. Nothing where
/// the mapping tells no such columns.
pub(super) fn demographics(mapping: &Mapping, bytes: &[u8]) -> Option<Demographics> {
    let person = mapping.person.as_ref()?;
    let mut said = Demographics::default();
    for row in rows(bytes, mapping.is_utf8).skip(1) {
        let Ok(fields) = row.fields else { continue };
        let of = |n: usize| said::text(fields.get(n).map(String::as_str).unwrap_or_default());
        let maybe = |n: Option<usize>| n.map(of).unwrap_or_default();
        for (columns, in_kana) in [(&person.kanji, false), (&person.kana, true)] {
            let mut parts = columns.iter().map(|n| of(*n));
            let [family, given] = [parts.next(), parts.next()].map(Option::unwrap_or_default);
            said::name(&mut said, Name::read(family, given), Some(in_kana));
        }
        said.birth = said.birth.or(Date::read(maybe(person.birth)).ok());
        said.sex = said.sex.or(Sex::read(maybe(person.sex)));
        let address: String = person.address.iter().map(|n| of(*n)).collect();
        let address = Address::read(maybe(person.postal), said::text(&address));
        said::address(&mut said, address);
        for n in &person.phone {
            said::phone(&mut said, of(*n));
        }
        let [insurer, symbol, number, branch] = person.insured.map(maybe);
        said::insured(&mut said, Insured::read(insurer, symbol, number, branch));
    }
    Some(said)
}

/// The rows of a file, its first one among them.
fn rows(bytes: &[u8], is_utf8: bool) -> impl Iterator<Item = Row> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut record = ByteRecord::new();
    std::iter::from_fn(move || {
        // Reading from memory fails at nothing.
        if !reader.read_byte_record(&mut record).unwrap_or(false) {
            return None;
        }
        Some(Row {
            start: behind_line_end(bytes, record.position().map_or(0, csv::Position::byte)),
            end: behind_line_end(bytes, reader.position().byte()),
            fields: record.iter().map(|field| decode(field, is_utf8)).collect(),
        })
    })
}

/// The reader ends a row between CR and LF; here the LF belongs to the row before it.
fn behind_line_end(bytes: &[u8], at: u64) -> u64 {
    let place = usize::try_from(at).unwrap_or(usize::MAX);
    let before = place.checked_sub(1).and_then(|before| bytes.get(before));
    match (before, bytes.get(place)) {
        (Some(b'\r'), Some(b'\n')) => at + 1,
        _ => at,
    }
}

/// The rows as texts, to be shown.
pub(crate) fn texts(bytes: &[u8], is_utf8: bool) -> Result<Vec<Vec<String>>, QuarantineReason> {
    rows(bytes, is_utf8).map(|row| row.fields).collect()
}

fn decode(field: &[u8], is_utf8: bool) -> Result<String, QuarantineReason> {
    if field.len() > FIELD_BYTES_MAX {
        return Err(QuarantineReason::FieldTooLong);
    }
    let encoding = if is_utf8 { UTF_8 } else { SHIFT_JIS };
    let text = encoding.decode_without_bom_handling_and_without_replacement(field);
    let harmless = |c: char| !c.is_control() || matches!(c, '\t' | '\r' | '\n');
    match text {
        Some(text) if text.chars().all(harmless) => Ok(text.trim().to_owned()),
        _ => Err(QuarantineReason::BadText),
    }
}

/// A day or time as systems write it: `20260401`, `2026/4/1 9:05`, `2026-04-01T09:05:30`.
fn instant(text: &str) -> Option<TimeMs> {
    let mut parts = text.split(['/', '-', ' ', 'T', ':']);
    if !text.contains(['/', '-']) {
        let digits: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | ':' | 'T'))
            .collect();
        return time::parse(&digits);
    }
    let mut padded = String::new();
    for (n, width) in [4, 2, 2, 2, 2, 2].into_iter().enumerate() {
        let Some(part) = parts.next() else {
            // A day without a time; an hour without minutes is no time.
            return if matches!(n, 3 | 5) {
                time::parse(&padded)
            } else {
                None
            };
        };
        if part.is_empty() || part.len() > width || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        padded.push_str(&format!("{part:0>width$}"));
    }
    if parts.next().is_some() {
        return None;
    }
    time::parse(&padded)
}

#[cfg(test)]
#[path = "table_test.rs"]
mod tests;
