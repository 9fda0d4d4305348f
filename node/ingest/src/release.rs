//! What is asked of a document of SS-MIX2 storage at its release: that its path and, where it can, its bytes name the
//! patient the index names. The index is not believed.

use crate::extended::{CDA_FORMAT, FORMAT, HL7_FORMAT, StoredContent, check_cda};
use crate::guard::{WrongPatient, verify_patient};
use crate::name::StoredName;
use sekisho_documents::{DocumentEntry, LocalPatientId};
use sekisho_domain::FacilityId;

/// How the format codes of SS-MIX2's standardised storage begin.
const STANDARDISED: &str = "urn:jami:ss-mix2:standardised:";
/// Media types of HL7 v2 messages.
const MESSAGES: [&str; 2] = ["application/hl7-v2", "x-application/hl7-v2+er7"];

/// Whether a document names its patient itself, so that it must be read whole before it leaves: a message, by its
/// media type (whose parameters do not count) or its format, or a CDA document. Attachments name nobody.
pub fn names_itself(entry: &DocumentEntry) -> bool {
    is_message(entry) || is_cda(entry)
}

/// Checks the bytes of a document that [names its patient itself](names_itself).
///
/// # Errors
/// [`WrongPatient`] with the reason for which it would be quarantined.
pub fn verify_document(entry: &DocumentEntry, bytes: &[u8]) -> Result<(), WrongPatient> {
    if is_cda(entry) {
        return check_cda(bytes, &entry.facility, &entry.local_patient_id);
    }
    verify_patient(bytes, &entry.local_patient_id)
}

/// Checks that a CDA R2 document's recordTarget names this patient of this facility, and nobody else.
///
/// # Errors
/// [`WrongPatient`] with the reason for which it would be quarantined.
pub fn verify_cda(
    bytes: &[u8],
    facility: &FacilityId,
    expected: &LocalPatientId,
) -> Result<(), WrongPatient> {
    check_cda(bytes, facility, expected)
}

/// Whether a path names the entry's patient in both of its places:
/// `…/<患者ID>/<診療日>/<データ種別>/<患者ID>_…`, below which extended storage has one level more.
pub fn path_names_patient(entry: &DocumentEntry) -> bool {
    let path = entry.location.path.as_str();
    let named = if entry.kind.format_code.code.starts_with(FORMAT) {
        path.rsplit_once('/').map_or("", |(folder, _)| folder)
    } else {
        path
    };
    names_patient_in_path(named, &entry.local_patient_id)
}

/// Whether a path of a standardised storage's file, or of an extended storage's content folder, names the patient in
/// both places.
pub fn names_patient_in_path(path: &str, id: &LocalPatientId) -> bool {
    let id = id.as_str();
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let folder = parts.nth(2).unwrap_or_default();
    folder == id
        && name
            .strip_prefix(id)
            .is_some_and(|rest| rest.starts_with('_'))
}

/// Whether a path below a root is one of a standardised storage's file or of an extended storage's content folder.
pub fn is_document_path(path: &str) -> bool {
    StoredName::of_path(path).is_ok() || StoredContent::of_path(path).is_ok()
}

fn is_message(entry: &DocumentEntry) -> bool {
    let essence = entry
        .kind
        .mime_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let format = entry.kind.format_code.code.as_str();
    MESSAGES
        .iter()
        .any(|media| essence.eq_ignore_ascii_case(media))
        || format.starts_with(STANDARDISED)
        || format == HL7_FORMAT
}

fn is_cda(entry: &DocumentEntry) -> bool {
    entry.kind.format_code.code == CDA_FORMAT
}
