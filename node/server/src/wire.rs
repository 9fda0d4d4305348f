//! Document entries as they leave the node: no local patient id, no path.

use prost::Message as _;
use sekisho_documents::{Availability, Code, DocumentEntry, DocumentKind};
use sekisho_proto::v1;
use std::collections::HashMap;
use std::sync::Arc;

/// The entry as other networks see it.
pub(crate) fn document(entry: &DocumentEntry) -> v1::DocumentEntry {
    with_own(entry, of_kind(&entry.kind))
}

/// Encodes the entries of one answer, what those of a kind have alike once.
#[derive(Default)]
pub(crate) struct Encoder {
    /// By where the kind lies in memory, which it does as long as it is held here.
    kinds: HashMap<*const DocumentKind, (Arc<DocumentKind>, Vec<u8>)>,
}

impl Encoder {
    /// [`document`], encoded: a message may be encoded in parts (protobuf, "Last One Wins").
    pub fn encode(&mut self, entry: &DocumentEntry) -> Vec<u8> {
        let kind = &entry.kind;
        let encoded = || (Arc::clone(kind), of_kind(kind).encode_to_vec());
        let (_, of_kind) = self.kinds.entry(Arc::as_ptr(kind)).or_insert_with(encoded);
        let own = with_own(entry, v1::DocumentEntry::default());
        [of_kind.as_slice(), &own.encode_to_vec()].concat()
    }
}

/// What those of a kind have alike.
fn of_kind(kind: &DocumentKind) -> v1::DocumentEntry {
    v1::DocumentEntry {
        category: kind.category.number().into(),
        class_code: Some(coded(&kind.class_code)),
        type_code: Some(coded(&kind.type_code)),
        format_code: Some(coded(&kind.format_code)),
        mime_type: kind.mime_type.clone(),
        language_code: kind.language.clone(),
        confidentiality: Some(coded(&kind.confidentiality)),
        title_ja: kind.title.ja.clone(),
        title_en: kind.title.en.clone(),
        ..v1::DocumentEntry::default()
    }
}

/// What one has of its own, and the rest.
fn with_own(entry: &DocumentEntry, rest: v1::DocumentEntry) -> v1::DocumentEntry {
    v1::DocumentEntry {
        unique_id: entry.unique_id.to_string(),
        facility: entry.facility.to_string(),
        creation_time_ms: entry.creation.0,
        service_start_ms: Some(entry.service_start.0),
        service_stop_ms: Some(entry.service_stop.0),
        practice_setting: entry.practice_setting.as_deref().map(coded),
        hash: entry.hash.0.to_vec(),
        size_bytes: entry.size_bytes,
        deprecated: entry.status == Availability::Deprecated,
        ..rest
    }
}

fn coded(code: &Code) -> v1::Coded {
    // One name travels: the one in the document's own language, where there is one.
    let display = match code.ja.as_str() {
        "" => &code.en,
        ja => ja,
    };
    v1::Coded {
        code: code.code.clone(),
        system: code.system.clone(),
        display: display.to_owned(),
    }
}

#[cfg(test)]
#[path = "wire_test.rs"]
mod tests;
