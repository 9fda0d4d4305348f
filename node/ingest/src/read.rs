//! One file's bytes to a document entry.

use crate::guard::check_patient;
use crate::ingest::SsMix2Storage;
use crate::kind::{DataKind, ServiceField};
use crate::message::{Message, decode_strictly};
use crate::name::{Refusal, StoredName};
use crate::time;
use sekisho_documents::{
    Availability, Code, DocumentEntry, QuarantineReason, SourceLocation, UniqueId,
};
use sekisho_domain::{Hash, TimeMs};
use sha2::{Digest, Sha256};

/// Makes the entry of a file whose path has been read, checking that its message is of its kind and patient.
pub(crate) fn document(
    storage: &SsMix2Storage,
    location: &SourceLocation,
    name: &StoredName,
    status: Availability,
    bytes: &[u8],
) -> Result<DocumentEntry, Refusal> {
    let refuse = |reason| Refusal {
        reason,
        patients: name.patients(),
    };
    let decoded = decode_strictly(bytes).map_err(refuse)?;
    let message = Message::parse(&decoded.text).map_err(refuse)?;
    // The patient first: that is the finding the operator must see, whatever else is wrong.
    check_patient(&message, &name.local_patient_id).map_err(|wrong| {
        let mut refusal = refuse(wrong.reason);
        refusal.patients.message = wrong.found;
        refusal
    })?;
    let kind = name.kind;
    if !kind.inserts.contains(&message.message_type().as_str()) {
        return Err(refuse(QuarantineReason::KindMismatch));
    }
    if !kind.needs.iter().all(|segment| message.has(segment)) {
        return Err(refuse(QuarantineReason::Truncated));
    }

    let hash = Hash(Sha256::digest(bytes).into());
    let (service_start, service_stop) = service(&message, kind, name);
    Ok(DocumentEntry {
        unique_id: UniqueId::derive(&storage.facility, &name.index_key(), &name.occurred, &hash),
        facility: storage.facility.clone(),
        local_patient_id: name.local_patient_id.clone(),
        category: kind.category,
        data_kind: kind.code.to_owned(),
        class_code: kind.class_code(),
        type_code: kind.type_code(),
        format_code: kind.format_code(),
        mime_type: "application/hl7-v2; charset=iso-2022-jp".to_owned(),
        language: "ja-JP".to_owned(),
        creation: name.occurred_at,
        service_start,
        service_stop,
        practice_setting: name
            .department
            .as_deref()
            .map(|code| department(&message, code)),
        confidentiality: Code::new("N", "urn:oid:2.16.840.1.113883.5.25", "通常", "normal"),
        hash,
        size_bytes: bytes.len() as u64,
        status,
        title: kind.title(),
        location: location.clone(),
    })
}

/// When the service took place: the kind's field, else 診療日, else 発生日時. The first statement is the start
/// (orders list their parts after it, and parts may be dated wrongly); the latest of all is the stop.
fn service(message: &Message<'_>, kind: &DataKind, name: &StoredName) -> (TimeMs, TimeMs) {
    let times = |field: Option<ServiceField>| -> Vec<TimeMs> {
        let Some(field) = field else {
            return Vec::new();
        };
        message
            .named(field.segment)
            .filter_map(|s| time::parse(s.raw(field.field, 1)))
            .collect()
    };
    let starts = times(kind.service_start);
    let start = starts.first().copied();
    let start = start
        .or_else(|| time::parse(&name.care_date))
        .unwrap_or(name.occurred_at);
    let latest = starts.into_iter().chain(times(kind.service_stop)).max();
    (start, latest.unwrap_or(start).max(start))
}

/// 診療科 with the name the message itself gives it (ORC-17).
fn department(message: &Message<'_>, code: &str) -> Code {
    let named = message.named("ORC").find(|orc| orc.raw(17, 1) == code);
    let ja = named.map(|orc| orc.text(17, 2)).unwrap_or_default();
    Code::new(code, "urn:oid:1.2.392.200250.2.2.2", ja, "")
}

#[cfg(test)]
#[path = "read_test.rs"]
mod tests;
