//! Document entries as they leave the node: no local patient id, no path.

use sekisho_documents::{Availability, Code, DocumentEntry};
use sekisho_proto::v1;

/// The entry as other networks see it.
pub(crate) fn document(entry: DocumentEntry) -> v1::DocumentEntry {
    v1::DocumentEntry {
        unique_id: entry.unique_id.to_string(),
        facility: entry.facility.to_string(),
        category: entry.category.number().into(),
        class_code: Some(coded(entry.class_code)),
        type_code: Some(coded(entry.type_code)),
        format_code: Some(coded(entry.format_code)),
        mime_type: entry.mime_type,
        language_code: entry.language,
        creation_time_ms: entry.creation.0,
        service_start_ms: Some(entry.service_start.0),
        service_stop_ms: Some(entry.service_stop.0),
        practice_setting: entry.practice_setting.map(coded),
        confidentiality: Some(coded(entry.confidentiality)),
        hash: entry.hash.0.to_vec(),
        size_bytes: entry.size_bytes,
        title_ja: entry.title.ja,
        title_en: entry.title.en,
        deprecated: entry.status == Availability::Deprecated,
    }
}

fn coded(code: Code) -> v1::Coded {
    // One name travels: the one in the document's own language, where there is one.
    let display = if code.ja.is_empty() { code.en } else { code.ja };
    v1::Coded {
        code: code.code,
        system: code.system,
        display,
    }
}
