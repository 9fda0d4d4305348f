//! A reader's facts as a document entry.

use super::{Confidentiality, Facts};
use sekisho_documents::{
    Availability, Code, Digests, DocumentEntry, DocumentKind, IndexKey, SourceLocation, UniqueId,
};
use sekisho_domain::FacilityId;
use std::sync::Arc;

/// The entry of a document of these bytes.
pub(crate) fn entry(
    facts: &Facts,
    facility: &FacilityId,
    location: SourceLocation,
    digests: Digests,
    status: Availability,
) -> DocumentEntry {
    let key = IndexKey {
        local_patient_id: &facts.patient,
        care_date: "-",
        data_kind: facts.data_kind,
        order_no: &facts.series,
    };
    let category = facts.category;
    DocumentEntry {
        unique_id: UniqueId::derive(facility, &key, &facts.version.to_string(), &digests.hash),
        facility: facility.clone(),
        local_patient_id: facts.patient.clone(),
        kind: Arc::new(DocumentKind {
            data_kind: facts.data_kind.to_owned(),
            category,
            class_code: Code::of_category(category),
            type_code: facts.type_code.clone(),
            format_code: facts.format_code.clone(),
            mime_type: facts.mime_type.to_owned(),
            language: "ja-JP".to_owned(),
            confidentiality: confidentiality(facts.confidentiality),
            title: facts.title.clone(),
        }),
        creation: facts.creation,
        service_start: facts.service_start,
        service_stop: facts.service_stop.max(facts.service_start),
        practice_setting: facts.practice_setting.clone().map(Arc::new),
        hash: digests.hash,
        size_bytes: digests.size_bytes,
        pieces: digests.pieces,
        status,
        location,
    }
}

/// XDS confidentialityCode (IHE ITI TF-3 §4.2.3.2.5), from HL7 v3 Confidentiality.
pub(crate) fn confidentiality(of: Confidentiality) -> Code {
    let (code, ja, en) = match of {
        Confidentiality::Normal => ("N", "通常", "normal"),
        Confidentiality::Restricted => ("R", "制限", "restricted"),
        Confidentiality::VeryRestricted => ("V", "厳重制限", "very restricted"),
    };
    Code::new(code, "urn:oid:2.16.840.1.113883.5.25", ja, en)
}
