//! One file's bytes to a document entry.

use crate::formats::Confidentiality;
use crate::formats::entry::confidentiality;
use crate::guard::check_patient;
use crate::kind::{DataKind, ServiceField};
use crate::message::{Message, decode_strictly};
use crate::name::{Refusal, StoredName};
use crate::quirks::{self, Met, Quirk};
use crate::storage::SsMix2Storage;
use crate::time;
use sekisho_documents::{
    Availability, Code, Digests, DocumentEntry, DocumentKind, QuarantineReason, SourceLocation,
    UniqueId,
};
use sekisho_domain::TimeMs;
use std::sync::Arc;

/// What a message turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Made {
    /// A document.
    Document(Box<DocumentEntry>),
    /// The cancellation of its order, filed as if it were in force.
    Cancel,
}

/// Makes the entry of a file whose path has been read, checking that its message is of its kind and patient. Also the
/// deviations it shows, all of which this source takes.
pub(crate) fn document(
    storage: &SsMix2Storage,
    location: &SourceLocation,
    name: &StoredName,
    status: Availability,
    bytes: &[u8],
) -> Result<(Made, Met), Refusal> {
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
    let message_type = message.message_type();
    let mut met = quirks::of_name(name).and(quirks::of_bytes(bytes));
    met = met.and(quirks::of_message(&message, Some(kind)));
    let cancels = is_cancel(&message, kind, &message_type);
    met.note(Quirk::CancelInForce, cancels);
    if !cancels && !kind.inserts.contains(&message_type.as_str()) {
        return Err(refuse(QuarantineReason::KindMismatch));
    }
    if !storage.quirks.takes_all(met) {
        return Err(refuse(QuarantineReason::Deviation));
    }
    if cancels {
        return Ok((Made::Cancel, met));
    }
    if !kind.needs.iter().all(|segment| message.has(segment)) {
        return Err(refuse(QuarantineReason::Truncated));
    }

    let Digests {
        hash,
        size_bytes,
        pieces,
    } = Digests::of(bytes);
    let (service_start, service_stop) = service(&message, kind, name);
    let entry = DocumentEntry {
        unique_id: UniqueId::derive(&storage.facility, &name.index_key(), &name.occurred, &hash),
        facility: storage.facility.clone(),
        local_patient_id: name.local_patient_id.clone(),
        kind: Arc::new(DocumentKind {
            data_kind: kind.code.to_owned(),
            category: kind.category,
            class_code: kind.class_code(),
            type_code: kind.type_code(),
            format_code: kind.format_code(),
            mime_type: "application/hl7-v2; charset=iso-2022-jp".to_owned(),
            language: "ja-JP".to_owned(),
            confidentiality: confidentiality(Confidentiality::Normal),
            title: kind.title(),
        }),
        creation: name.occurred_at,
        service_start,
        service_stop,
        practice_setting: name
            .department
            .as_deref()
            .map(|code| Arc::new(department(&message, code))),
        hash,
        size_bytes,
        pieces,
        status,
        location: location.clone(),
    };
    Ok((Made::Document(Box::new(entry)), met))
}

/// Whether a message only cancels: by its type, or, where the insert's type serves for both, because every order in it
/// is cancelled (ORC-1 `CA`, HL7 table 0119).
fn is_cancel(message: &Message<'_>, kind: &DataKind, message_type: &str) -> bool {
    if kind.cancels.contains(&message_type) {
        return true;
    }
    let mut orders = message.named("ORC").peekable();
    kind.cancels.is_empty() && orders.peek().is_some() && orders.all(|orc| orc.raw(1, 1) == "CA")
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
