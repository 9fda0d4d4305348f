//! Invented documents, as a reader of SS-MIX2 storages makes their entries.

use crate::BenchError;
use sekisho_documents::{
    Availability, Change, Code, DocumentEntry, DocumentKind, FileOutcome, FileRecord, Fingerprint,
    IndexKey, LocalPatientId, Patient, PieceHashes, SourceLocation, Title, UniqueId,
};
use sekisho_domain::{Category, FacilityId, Hash, TimeMs};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// When the first document of a chart was written; a week lies between two.
const FIRST_DOCUMENT: TimeMs = TimeMs(1_700_000_000_000);
const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// How long a service takes.
const SERVICE_MS: u64 = 20 * 60 * 1_000;

/// A person's chart at a hospital.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    facility: FacilityId,
    local_patient_id: LocalPatientId,
}

impl Chart {
    pub(crate) fn of(facility: &FacilityId, person: u64) -> Result<Self, BenchError> {
        Ok(Self {
            facility: facility.clone(),
            local_patient_id: format!("{person:010}").parse()?,
        })
    }

    pub(crate) fn patient(&self) -> Patient {
        Patient {
            facility: self.facility.clone(),
            local_patient_id: self.local_patient_id.clone(),
        }
    }
}

/// The n-th document of a chart: a prescription.
pub(crate) fn document(chart: &Chart, n: u64) -> Result<DocumentEntry, BenchError> {
    let patient = chart.local_patient_id.as_str();
    let start = FIRST_DOCUMENT.plus_ms(n * WEEK_MS);
    let order = format!("{n:015}");
    let hash = Sha256::new()
        .chain_update(chart.facility.as_str())
        .chain_update(patient)
        .chain_update(&order)
        .finalize();
    let hash = Hash(hash.into());
    let key = IndexKey {
        local_patient_id: &chart.local_patient_id,
        care_date: "20260401",
        data_kind: "OMP-01",
        order_no: &order,
    };
    let path = format!(
        "{}/{}/{patient}/20260401/OMP-01/{patient}_20260401_OMP-01_{order}_20260401090000000_01_1",
        &patient[..3],
        &patient[3..6],
    );
    Ok(DocumentEntry {
        unique_id: UniqueId::derive(&chart.facility, &key, &start.to_string(), &hash),
        facility: chart.facility.clone(),
        local_patient_id: chart.local_patient_id.clone(),
        kind: Arc::new(DocumentKind {
            data_kind: "OMP-01".to_owned(),
            category: Category::Prescription,
            class_code: Code::of_category(Category::Prescription),
            type_code: Code::new(
                "57833-6",
                "http://loinc.org",
                "処方オーダ",
                "Prescription for medication",
            ),
            format_code: Code::new(
                "urn:jami:ss-mix2:standardised:OMP-01",
                "urn:sekisho:format",
                "SS-MIX2 標準化ストレージ",
                "SS-MIX2 standardised storage",
            ),
            mime_type: "x-application/hl7-v2+er7".to_owned(),
            language: "ja-JP".to_owned(),
            confidentiality: Code::new("N", "urn:oid:2.16.840.1.113883.5.25", "通常", "normal"),
            title: Title::new("処方オーダ", "Prescription order"),
        }),
        creation: start,
        service_start: start,
        service_stop: start.plus_ms(SERVICE_MS),
        practice_setting: Some(Arc::new(Code::new(
            "01",
            "urn:jami:department",
            "内科",
            "internal medicine",
        ))),
        hash,
        size_bytes: 1_024 + n,
        pieces: PieceHashes::default(),
        status: Availability::Approved,
        location: SourceLocation::new("std01".parse()?, path)?,
    })
}

/// Its being put into an index.
pub(crate) fn put(entry: DocumentEntry) -> Change {
    Change::Put(FileRecord {
        location: entry.location.clone(),
        fingerprint: Fingerprint {
            size_bytes: entry.size_bytes,
            modified_ns: 0,
            reader: 1,
        },
        outcome: FileOutcome::Document(Box::new(entry)),
    })
}
