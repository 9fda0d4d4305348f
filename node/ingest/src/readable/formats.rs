//! Documents that are no HL7 v2 messages, by their format code.

use super::{Readable, Table, bounded, cda, claims, dicom, fhir, headings, item, render, value};
use crate::formats::json::Json;
use crate::formats::table::texts;
use crate::xml;
use roxmltree::Node;
use sekisho_documents::{QuarantineReason, Title};

/// Shows a document of a format code (XDS formatCode), as the disclosing node states it. Messages, and what is of no
/// format that is shown here, are shown as [`render`] does.
pub fn render_document(format_code: &str, bytes: &[u8]) -> Readable {
    let Some(format) = format_code.strip_prefix("urn:sekisho:") else {
        return render(bytes);
    };
    let (shown, notes) = bounded(bytes);
    let mut readable = Readable {
        title: Title::new("文書", "Document"),
        header: Vec::new(),
        tables: Vec::new(),
        notes,
    };
    let shown_as = match format.split(':').next() {
        Some("fhir") => Json::parse(shown).map(|bundle| fhir::render(&bundle, &mut readable)),
        Some("cda") => of_xml(shown, |root| cda::render(root, &mut readable)),
        Some("nsips") => claims::nsips(shown, &mut readable),
        Some("uke") => claims::uke(shown, &mut readable),
        Some("table") => table(format, shown, &mut readable),
        Some("pdf") => {
            as_it_is("PDF文書", "PDF document", "pdf", bytes, &mut readable);
            Ok(())
        }
        Some("dicom") if format == "dicom:thumbnail" => {
            as_it_is("縮小画像", "Thumbnail", "jpg", bytes, &mut readable);
            Ok(())
        }
        Some("dicom") => Json::parse(shown).map(|study| dicom::render(&study, &mut readable)),
        _ => return render(bytes),
    };
    if let Err(reason) = shown_as {
        unreadable(shown, reason, &mut readable);
    }
    readable
}

/// A table as it is, its first row the headings.
fn table(format: &str, bytes: &[u8], readable: &mut Readable) -> Result<(), QuarantineReason> {
    let mut rows = texts(bytes, format.starts_with("table:utf-8"))?;
    if rows.is_empty() {
        return Err(QuarantineReason::TooShort);
    }
    let names = rows.remove(0);
    let width = rows
        .iter()
        .map(Vec::len)
        .max()
        .unwrap_or(0)
        .max(names.len());
    let mut headings: Vec<Title> = names
        .iter()
        .map(|n| Title::new(value(n), value(n)))
        .collect();
    headings.resize(width, Title::new("", ""));
    let rows = rows.into_iter().map(|mut row| {
        row.resize(width, String::new());
        row.iter().map(|v| value(v)).collect()
    });
    readable.title = Title::new("表（CSV）", "Table (CSV)");
    let rows = rows.collect();
    readable.push(Table {
        title: Title::new("内容", "Content"),
        headings,
        rows,
    });
    Ok(())
}

/// A PDF or a picture is shown by what shows such.
fn as_it_is(ja: &str, en: &str, ending: &str, bytes: &[u8], readable: &mut Readable) {
    readable.title = Title::new(ja, en);
    let size = format!("{} KiB", bytes.len().div_ceil(1024));
    item(&mut readable.header, "大きさ", "Size", size);
    readable.notes = vec![Title::new(
        format!("そのまま取り出して表示してください：--raw --out ファイル名.{ending}"),
        format!("Take it out as it is and open it: --raw --out FILE.{ending}"),
    )];
}

fn of_xml(bytes: &[u8], show: impl FnOnce(Node<'_, '_>)) -> Result<(), QuarantineReason> {
    let text = xml::decode(bytes)?;
    let document = xml::parse(&text)?;
    show(document.root_element());
    Ok(())
}

/// What cannot be shown as what it should be: its text, line by line.
fn unreadable(bytes: &[u8], reason: QuarantineReason, readable: &mut Readable) {
    readable.title = Title::new("読み取れない文書", "Unreadable document");
    readable.notes.push(Title::new(reason.ja(), reason.en()));
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().filter(|l| !l.is_empty());
    let rows: Vec<_> = lines.map(|l| vec![value(l)]).collect();
    if !rows.is_empty() {
        readable.push(Table {
            title: Title::new("内容", "Content"),
            headings: headings(&[("行", "Line")]),
            rows,
        });
    }
}

#[cfg(test)]
#[path = "formats_test.rs"]
mod tests;
