//! The documents' files, and their entries, made by hand: no reader makes one of such a document yet.

use super::wrong;
use crate::BenchError;
use sekisho_documents::{
    Availability, Code, Digesting, DocumentEntry, DocumentKind, FileOutcome, FileRecord,
    Fingerprint, IndexKey, Patient, SourceLocation, Title, UniqueId,
};
use sekisho_domain::{Category, Hash, TimeMs};
use sekisho_ingest::{READER_VERSION, SsMix2Storage};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// The person's local id at the disclosing network.
pub(super) const THERE: &str = "0000001";
pub(super) const SOURCE: &str = "std01";

/// A document's file below a folder.
pub(super) fn file(dir: &Path, n: usize) -> PathBuf {
    dir.join(SOURCE).join(below(n))
}

fn below(n: usize) -> String {
    format!(
        "000/000/{THERE}/20260401/OMP-01/{THERE}_20260401_OMP-01_{n:015}_20260401110000000_01_1"
    )
}

/// A document's id, by its number.
pub(super) fn unique_id(of: &Patient, n: usize) -> UniqueId {
    let key = IndexKey {
        local_patient_id: &of.local_patient_id,
        care_date: "20260401",
        data_kind: "large",
        order_no: &n.to_string(),
    };
    UniqueId::derive(&of.facility, &key, "", &Hash([0; 32]))
}

/// The index's record of one of the files.
pub(super) fn record(n: usize, storage: &SsMix2Storage) -> Result<FileRecord, BenchError> {
    let failed = || BenchError::system("a document's file");
    let path = storage.root.join(below(n));
    let mut file = std::fs::File::open(&path).map_err(failed())?;
    let metadata = file.metadata().map_err(failed())?;
    let mut digesting = Digesting::of_size(metadata.len());
    let mut part = vec![0; 1 << 20];
    loop {
        match io::Read::read(&mut file, &mut part).map_err(failed())? {
            0 => break,
            length => digesting.update(&part[..length]),
        }
    }
    let digests = digesting.finish();
    let modified = metadata.modified().map_err(failed())?;
    let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let location = SourceLocation::new(storage.source_id.clone(), below(n));
    let location = location.map_err(|e| wrong("a path", e))?;
    let local_patient_id = THERE.parse().map_err(|e| wrong("a local id", e))?;
    let patient = Patient {
        facility: storage.facility.clone(),
        local_patient_id,
    };
    let coded = |code: &str| Code::new(code, "urn:example:bench", "", code);
    let entry = DocumentEntry {
        unique_id: unique_id(&patient, n),
        facility: patient.facility,
        local_patient_id: patient.local_patient_id,
        kind: Arc::new(DocumentKind {
            data_kind: "large".to_owned(),
            category: Category::Prescription,
            class_code: coded("class"),
            type_code: coded("type"),
            format_code: coded("urn:example:large"),
            mime_type: "application/octet-stream".to_owned(),
            language: "ja-JP".to_owned(),
            confidentiality: coded("N"),
            title: Title::new("見本", "sample"),
        }),
        creation: TimeMs(0),
        service_start: TimeMs(0),
        service_stop: TimeMs(0),
        practice_setting: None,
        hash: digests.hash,
        size_bytes: digests.size_bytes,
        pieces: digests.pieces,
        status: Availability::Approved,
        location: location.clone(),
    };
    Ok(FileRecord {
        location,
        fingerprint: Fingerprint {
            size_bytes: metadata.len(),
            modified_ns: i64::try_from(modified.as_nanos()).unwrap_or(0),
            reader: READER_VERSION,
        },
        outcome: FileOutcome::Document(Box::new(entry)),
    })
}
