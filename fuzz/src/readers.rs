//! Readers of documents that are no HL7 v2 messages. Whatever the bytes, they do not panic, documents of one file do not
//! overlap, and each document alone passes the guard for the patient it was found to be of, and for nobody else.

use sekisho_ingest::{FolderSource, Format, Mapping, render_document};
use std::sync::{Arc, OnceLock};

pub fn fhir(bytes: &[u8]) {
    read(
        Format::Fhir,
        "urn:sekisho:fhir:document:57133-1",
        bytes,
        None,
    );
}

pub fn cda(bytes: &[u8]) {
    read(Format::Cda, "urn:sekisho:cda:18842-5", bytes, None);
}

/// Two bytes of length, a PDF of it, its sidecar.
pub fn pdf(bytes: &[u8]) {
    if let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (pdf, sidecar) = rest.split_at(length.min(rest.len()));
        read(Format::Pdf, "urn:sekisho:pdf", pdf, Some(sidecar));
    }
}

pub fn nsips(bytes: &[u8]) {
    read(Format::Nsips, "urn:sekisho:nsips:010603", bytes, None);
}

pub fn uke(bytes: &[u8]) {
    read(Format::Uke, "urn:sekisho:uke:billing", bytes, None);
}

pub fn csv(bytes: &[u8]) {
    static MAPPING: OnceLock<Option<Arc<Mapping>>> = OnceLock::new();
    let mapping = MAPPING.get_or_init(|| {
        let text = include_str!("../corpus/csv-mapping/persons");
        Mapping::parse(text).ok().map(Arc::new)
    });
    assert!(mapping.is_some(), "the corpus holds the mapping");
    if let Some(mapping) = mapping {
        let format = Format::Csv(Arc::clone(mapping));
        read(format, "urn:sekisho:table:windows-31j:vitals", bytes, None);
    }
}

/// What an operator writes.
pub fn csv_mapping(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Mapping::parse(text);
    }
}

fn read(format: Format, format_code: &str, bytes: &[u8], sidecar: Option<&[u8]>) {
    let shown = render_document(format_code, bytes);
    for table in &shown.tables {
        let width = table.headings.len();
        assert!(
            table.rows.iter().all(|row| row.len() == width),
            "a table is one"
        );
    }
    let (Ok(facility), Ok(source_id)) = ("4110000001".parse(), "fuzz".parse()) else {
        return;
    };
    let source = FolderSource {
        root: "/".into(),
        facility,
        source_id,
        format,
        patient_system: None,
    };
    let Ok(found) = source.documents_in(bytes, sidecar) else {
        return;
    };
    let mut behind = 0;
    for (part, whose) in found {
        assert!(part.is_well_formed(), "{part:?}");
        assert!(part.offset_bytes >= behind, "documents lie apart");
        behind = part.offset_bytes + part.size_bytes;
        let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let head = bytes.get(..at(part.head_bytes)).unwrap_or_default();
        let body = bytes.get(at(part.offset_bytes)..at(behind));
        assert!(body.is_some(), "a document lies in its file");
        let alone = [head, body.unwrap_or_default()].concat();
        let Ok(patient) = whose else {
            continue;
        };
        let guarded = source.one_patient(&patient, &alone, sidecar);
        assert!(
            guarded.is_ok(),
            "a document alone is what it was: {guarded:?}"
        );
        if let Some(said) = source.demographics_of(&patient, &alone) {
            assert_eq!(said.check(), Ok(()), "what is said is within bounds");
        }
        if let Ok(stranger) = "stranger".parse()
            && patient != stranger
        {
            assert!(source.one_patient(&stranger, &alone, sidecar).is_err());
            assert_eq!(source.demographics_of(&stranger, &alone), None);
        }
    }
}
