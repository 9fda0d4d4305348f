//! What a hospital's storage holds: names, messages, documents, transaction files.

use sekisho_documents::LocalPatientId;
use sekisho_domain::FacilityId;
use sekisho_ingest::transactions::scan;
use sekisho_ingest::{
    is_document_path, names_patient_in_path, render, typed, verify_cda, verify_patient,
};

const PATIENT: &str = "0009013";
const OTHER: &str = "0009014";
const FACILITY: &str = "4111234567";

fn patient(id: &str) -> Option<LocalPatientId> {
    id.parse().ok()
}

/// An HL7 v2 message: guard, values, readable form. What names one patient names no other.
pub(super) fn message(bytes: &[u8]) {
    let (Some(own), Some(other)) = (patient(PATIENT), patient(OTHER)) else {
        return;
    };
    let names = |id| verify_patient(bytes, id).is_ok();
    assert!(
        !(names(&own) && names(&other)),
        "a message names one patient"
    );
    if names(&own) {
        assert!(
            typed::read(bytes).is_ok(),
            "what the guard takes can be read"
        );
    }
    let _ = render(bytes);
}

/// A CDA R2 document: nothing in it expands, and what names one patient names no other.
pub(super) fn cda(bytes: &[u8]) {
    let (Some(own), Some(other), Ok(facility)) = (
        patient(PATIENT),
        patient(OTHER),
        FACILITY.parse::<FacilityId>(),
    ) else {
        return;
    };
    let names = |id| verify_cda(bytes, &facility, id).is_ok();
    assert!(
        !(names(&own) && names(&other)),
        "a document names one patient"
    );
}

/// A file's path below a root.
pub(super) fn path(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else {
        return;
    };
    if is_document_path(path) {
        let named = path.split('/').nth(2).and_then(patient);
        let named = named.is_some_and(|id| names_patient_in_path(path, &id));
        assert!(named, "a document's path names its patient in both places");
        assert!(
            !path.split('/').any(|part| part == ".."),
            "no path leads upwards"
        );
    }
}

/// A stretch of a transaction file: wherever it is cut, no patient is lost.
pub(super) fn transactions(bytes: &[u8]) {
    let whole = scan(bytes, true);
    assert_eq!(
        whole.consumed_bytes,
        bytes.len(),
        "a file that is over is read to its end"
    );
    let (head, _) = bytes.split_at(bytes.len() / 2);
    let first = scan(head, false);
    let rest = scan(bytes.get(first.consumed_bytes..).unwrap_or_default(), true);
    let both = &first.patients | &rest.patients;
    assert!(
        whole.patients.is_subset(&both) || head.len() > 4096,
        "a cut loses nobody"
    );
}
