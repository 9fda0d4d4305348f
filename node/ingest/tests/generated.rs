//! Storages of every maker the sample generator knows, read and compared with its truth table. The generator shares
//! no code with the reader.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sekisho_documents::{
    Contents, DocumentIndex, FileOutcome, Patient, Query, SledIndex, StatusCounts,
};
use sekisho_domain::FacilityId;
use sekisho_ingest::{QuarantineReason, SsMix2Storage, ingest, render, verify_patient};
use sekisho_sample::{DefectKind, FacilitySpec, Rates, SampleReport, SampleSpec, Vendor, generate};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One facility for each maker, two persons known to all of them; more of everything that can go wrong.
fn generated(dir: &Path) -> (SampleReport, Vec<SsMix2Storage>) {
    let storages: Vec<SsMix2Storage> = (1..=Vendor::ALL.len())
        .map(|n| {
            SsMix2Storage::new(
                dir.join(n.to_string()),
                format!("411000000{n}").parse().unwrap(),
                format!("std0{n}").parse().unwrap(),
            )
        })
        .collect();
    let facilities = storages.iter().zip(Vendor::ALL);
    let facilities = facilities
        .map(|(s, vendor)| FacilitySpec::new(s.facility.clone(), vendor, &s.root))
        .collect();
    let everywhere: Vec<FacilityId> = storages.iter().map(|s| s.facility.clone()).collect();
    let spec = SampleSpec {
        travellers: vec![everywhere.clone(), everywhere],
        rates: Rates {
            update_permille: 200,
            delete_permille: 100,
            late_permille: 50,
            defect_permille: 100,
            stay_permille: 500,
        },
        patients_per_facility: 10,
        ..SampleSpec::new(20_261_120, facilities)
    };
    (generate(&spec, &mut |_| {}).unwrap(), storages)
}

fn expected(defect: DefectKind) -> QuarantineReason {
    match defect {
        DefectKind::Truncated => QuarantineReason::Truncated,
        DefectKind::TwoBytes => QuarantineReason::TooShort,
        DefectKind::Misfiled => QuarantineReason::MessagePatientMismatch,
        DefectKind::UnknownKind => QuarantineReason::UnknownKind,
        DefectKind::BadName => QuarantineReason::BadName,
    }
}

#[test]
fn every_makers_storage_is_read_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let (truth, storages) = generated(dir.path());
    let index = SledIndex::open(&dir.path().join("index")).unwrap();
    let contents = Contents::new(
        storages
            .iter()
            .map(|s| (s.source_id.clone(), s.root.clone())),
    );
    let mut defects = BTreeSet::new();
    for (storage, written) in storages.iter().zip(&truth.facilities) {
        let maker = written.vendor;
        let report = ingest(storage, &index, &mut |_| {}).unwrap();
        assert_eq!(report.files - report.ignored, written.files, "{maker:?}");
        let kinds: BTreeMap<String, StatusCounts> = written
            .kinds
            .iter()
            .map(|(kind, n)| {
                let counts = StatusCounts {
                    approved: n.valid,
                    deprecated: n.superseded,
                    deleted: n.deleted,
                };
                ((*kind).to_owned(), counts)
            })
            .collect();
        assert_eq!(report.kinds, kinds, "{maker:?}");

        // Every broken file is quarantined for what is wrong with it, and nothing else is.
        let mut broken = BTreeMap::new();
        for file in truth
            .broken
            .iter()
            .filter(|b| b.facility == storage.facility)
        {
            broken.insert(file.path.clone(), expected(file.defect));
            defects.insert(file.defect);
        }
        let mut quarantined = BTreeMap::new();
        let mut after = None;
        loop {
            let files = index
                .files(&storage.source_id, "", after.as_deref(), 500)
                .unwrap();
            after = files.last().map(|f| f.location.path.clone());
            if files.is_empty() {
                break;
            }
            for file in files {
                match file.outcome {
                    FileOutcome::Quarantined { reason, .. } => {
                        quarantined.insert(file.location.path, reason);
                    }
                    FileOutcome::Document(entry) => {
                        let (_, bytes) = contents.open(&entry).unwrap().check_whole(0).unwrap();
                        verify_patient(&bytes, &entry.local_patient_id).unwrap();
                        let readable = render(&bytes);
                        assert!(
                            readable.notes.is_empty(),
                            "{maker:?} {}: {:?}",
                            entry.kind.data_kind,
                            readable.notes
                        );
                        let rows = readable.tables.iter().map(|t| t.rows.len()).sum::<usize>();
                        assert!(rows > 0, "{maker:?} {} shows nothing", entry.kind.data_kind);
                    }
                    FileOutcome::Deleted { .. } => {}
                    FileOutcome::Divided { .. } => unreachable!("a message is one document"),
                }
            }
        }
        assert_eq!(quarantined, broken, "{maker:?}");
    }
    assert_eq!(
        defects.len(),
        DefectKind::ALL.len(),
        "the sample holds every defect"
    );

    // What is promised of people known to several facilities is answered.
    let mut promised = 0;
    for at in truth.travellers().flat_map(|person| &person.at) {
        let patient = Patient {
            facility: at.facility.clone(),
            local_patient_id: at.local_id.parse().unwrap(),
        };
        let found = index.find(&Query::of(patient)).unwrap().entries;
        for path in &at.promised {
            assert!(
                found.iter().any(|e| e.location.path == *path),
                "a promised document is not answered"
            );
            promised += 1;
        }
    }
    assert!(promised >= 2 * 6 * 4, "{promised}");
}
