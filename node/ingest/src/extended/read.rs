//! A content folder's files to document entries.

use super::cda::{self, Header};
use super::{CDA_FORMAT, FORMAT, HL7_FORMAT, StoredContent};
use crate::formats::Confidentiality;
use crate::formats::entry::confidentiality;
use crate::guard::{WrongPatient, check_patient};
use crate::message::{Message, decode_strictly};
use crate::name::Refusal;
use crate::quirks::{self, Met, Quirk};
use crate::storage::SsMix2Storage;
use crate::time;
use sekisho_documents::{
    Availability, Code, Digests, DocumentEntry, DocumentKind, IndexKey, QuarantineReason,
    SourceLocation, Title, UniqueId,
};
use sekisho_domain::TimeMs;
use std::sync::Arc;

/// How the main document's name begins.
const MAIN: &str = "main_document.";

/// Kinds of files beside a main document that are documents; others (style sheets, scripts) are left alone.
const MEDIA: &[(&str, &str)] = &[
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("bmp", "image/bmp"),
    ("txt", "text/plain"),
    ("dcm", "application/dicom"),
];

/// A main document, by what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Main {
    /// CDA R2: names its patient in recordTarget.
    Cda,
    /// HL7 v2: names its patient in PID.
    Hl7,
    /// Of a kind that names nobody.
    ByPath(&'static str),
}

/// Whether a file is the main document, and what kind of one; the first of several in this order counts.
pub(crate) fn is_main(name: &str) -> Option<Main> {
    let extension = name.strip_prefix(MAIN)?.to_ascii_lowercase();
    match extension.as_str() {
        "xml" | "cda" => Some(Main::Cda),
        "hl7" | "dat" => Some(Main::Hl7),
        _ => media_type(name).map(Main::ByPath),
    }
}

/// The media type of an attachment that is a document.
pub(crate) fn media_type(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    let extension = extension.to_ascii_lowercase();
    MEDIA
        .iter()
        .find(|(e, _)| *e == extension)
        .map(|(_, media)| *media)
}

/// The entry of a main document read whole, and the deviations it shows.
pub(crate) fn main(
    storage: &SsMix2Storage,
    location: &SourceLocation,
    name: &StoredContent,
    kind: Main,
    status: Availability,
    bytes: &[u8],
) -> Result<(DocumentEntry, Met), Refusal> {
    let refuse = |reason| Refusal {
        reason,
        patients: name.patients(),
    };
    let wrong = |wrong: WrongPatient| {
        let mut refusal = refuse(wrong.reason);
        refusal.patients.message = wrong.found;
        refusal
    };
    let mut met = quirks::of_content_name(name);
    let (header, media, format) = match kind {
        Main::Cda => {
            let header =
                cda::read(bytes, &storage.facility, &name.local_patient_id).map_err(wrong)?;
            (header, "text/xml", CDA_FORMAT.to_owned())
        }
        Main::Hl7 => {
            let decoded = decode_strictly(bytes).map_err(refuse)?;
            let message = Message::parse(&decoded.text).map_err(refuse)?;
            check_patient(&message, &name.local_patient_id).map_err(wrong)?;
            met = met
                .and(quirks::of_bytes(bytes))
                .and(quirks::of_message(&message, None));
            (
                of_message(&message),
                "application/hl7-v2; charset=iso-2022-jp",
                HL7_FORMAT.to_owned(),
            )
        }
        Main::ByPath(media) => {
            met.note(Quirk::DocumentByPath, true);
            let nothing = Header {
                service: (None, None),
                written: None,
            };
            (nothing, media, format!("{FORMAT}file"))
        }
    };
    if !storage.quirks.takes_all(met) {
        // A document that names nobody is the finding, whatever else deviates.
        let reason = match kind {
            Main::ByPath(_) if !storage.quirks.takes(Quirk::DocumentByPath) => {
                QuarantineReason::NoPatient
            }
            _ => QuarantineReason::Deviation,
        };
        return Err(refuse(reason));
    }
    let digests = Digests::of(bytes);
    let entry = entry(
        storage,
        location,
        name,
        &header,
        status,
        Made {
            media,
            format,
            digests,
        },
    );
    Ok((entry, met))
}

/// The entry of an attachment, of whose patient the main document beside it was found to be.
pub(crate) fn attachment(
    storage: &SsMix2Storage,
    location: &SourceLocation,
    name: &StoredContent,
    main: &DocumentEntry,
    media: &'static str,
    digests: Digests,
) -> DocumentEntry {
    let header = Header {
        service: (Some(main.service_start), Some(main.service_stop)),
        written: Some(main.creation),
    };
    let format = format!("{FORMAT}attachment");
    let made = Made {
        media,
        format,
        digests,
    };
    let mut entry = entry(storage, location, name, &header, main.status, made);
    let kind = Arc::make_mut(&mut entry.kind);
    let Title { ja, en } = &kind.title;
    kind.title = Title::new(format!("{ja}（添付）"), format!("{en} (attachment)"));
    entry
}

/// What a file's bytes gave.
struct Made {
    media: &'static str,
    format: String,
    digests: Digests,
}

fn entry(
    storage: &SsMix2Storage,
    location: &SourceLocation,
    name: &StoredContent,
    header: &Header,
    status: Availability,
    made: Made,
) -> DocumentEntry {
    let key = IndexKey {
        local_patient_id: &name.local_patient_id,
        care_date: &name.care_date,
        data_kind: name.kind.code(),
        order_no: &name.key,
    };
    let category = name.kind.category(&storage.kinds);
    let day = || time::parse(&name.care_date);
    let start = header.service.0.or_else(day).unwrap_or(name.occurred_at);
    DocumentEntry {
        unique_id: UniqueId::derive(&storage.facility, &key, &name.occurred, &made.digests.hash),
        facility: storage.facility.clone(),
        local_patient_id: name.local_patient_id.clone(),
        kind: Arc::new(DocumentKind {
            data_kind: name.kind.code().to_owned(),
            category,
            class_code: Code::of_category(category),
            type_code: name.kind.type_code(),
            format_code: Code::new(
                made.format,
                "urn:sekisho:format",
                "SS-MIX2 拡張ストレージ",
                "SS-MIX2 extended storage",
            ),
            mime_type: made.media.to_owned(),
            language: "ja-JP".to_owned(),
            confidentiality: confidentiality(Confidentiality::Normal),
            title: name.kind.title(),
        }),
        creation: header.written.unwrap_or(name.occurred_at),
        service_start: start,
        service_stop: header.service.1.unwrap_or(start).max(start),
        practice_setting: name
            .department
            .as_deref()
            .map(|code| Arc::new(Code::new(code, "urn:oid:1.2.392.200250.2.2.2", "", ""))),
        hash: made.digests.hash,
        size_bytes: made.digests.size_bytes,
        pieces: made.digests.pieces,
        status,
        location: location.clone(),
    }
}

/// When what a message tells of took place: observations (OBX-14), else the order (OBR-7).
fn of_message(message: &Message<'_>) -> Header {
    let times = |segment: &'static str, field: usize| -> Vec<TimeMs> {
        message
            .named(segment)
            .filter_map(|s| time::parse(s.raw(field, 1)))
            .collect()
    };
    let mut seen = times("OBX", 14);
    if seen.is_empty() {
        seen = times("OBR", 7);
    }
    let written = message
        .first("MSH")
        .and_then(|msh| time::parse(msh.raw(7, 1)));
    Header {
        service: (seen.iter().min().copied(), seen.iter().max().copied()),
        written,
    }
}
