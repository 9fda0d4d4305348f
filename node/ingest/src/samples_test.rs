//! The public samples, where they are present: read without panic, misfiled messages quarantined.

use crate::{QuarantineReason, Report, SsMix2Storage, ingest, render};
use sekisho_documents::{Contents, DocumentIndex, MemoryIndex, PAGE_ENTRIES_MAX};
use std::path::{Path, PathBuf};

const SAMPLES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../shared/testdata/ssmix2"
);

fn sample(folder: &str) -> Option<(SsMix2Storage, MemoryIndex, Report)> {
    let root = Path::new(SAMPLES).join(folder);
    if !root.is_dir() {
        println!("left out: sample storage {folder} (no test data)");
        return None;
    }
    let (facility, source_id) = ("1311234567".parse().unwrap(), "sample".parse().unwrap());
    let storage = SsMix2Storage::new(root, facility, source_id);
    let index = MemoryIndex::default();
    let report = ingest(&storage, &index, &mut |_| {}).unwrap();
    Some((storage, index, report))
}

#[test]
fn guideline_samples_with_another_patient_are_quarantined() {
    let Some((_, index, report)) = sample("nho_standard_root") else {
        return;
    };
    // Twelve messages, of which five name another patient than the folder they lie in.
    assert_eq!((report.files, report.documents()), (12, 7));
    assert_eq!(
        report.quarantined,
        [(QuarantineReason::MessagePatientMismatch, 5)].into()
    );
    let kinds: Vec<&str> = report.kinds.keys().map(String::as_str).collect();
    assert_eq!(
        kinds,
        [
            "ADT-00", "ADT-22", "ADT-42", "OML-01", "OMP-01", "OMP-02", "OMP-11"
        ]
    );
    let mut found: Vec<String> = index
        .quarantined(None, 10)
        .unwrap()
        .into_iter()
        .map(|q| {
            format!(
                "{} {}",
                q.location.path.split('/').nth(4).unwrap(),
                q.patients.message.unwrap().as_str()
            )
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "OMD 1234567890",
            "OMG-01 12345678",
            "OMG-03 12345678",
            "OMG-11 3330000333",
            "OMG-13 12345678"
        ]
    );
}

#[test]
fn every_message_of_the_generated_storage_is_indexed_and_opens() {
    let Some((storage, index, report)) = sample("twins_1311234567") else {
        return;
    };
    assert_eq!(
        (report.files, report.documents(), report.patients),
        (256, 256, 15)
    );
    assert_eq!(report.quarantined.len(), 0);
    let count = |kind: &str| report.kinds[kind].approved;
    assert_eq!(
        ["ADT-00", "ADT-12", "ADT-22", "ADT-52"].map(count),
        [15, 44, 19, 19]
    );
    assert_eq!(
        ["OML-11", "OMP-01", "OMP-02", "PPR-01"].map(count),
        [43, 43, 30, 43]
    );

    let contents = Contents::new([(storage.source_id.clone(), storage.root.clone())]);
    let mut opened = 0;
    for record in index
        .files(&storage.source_id, "", None, PAGE_ENTRIES_MAX)
        .unwrap()
    {
        let sekisho_documents::FileOutcome::Document(entry) = record.outcome else {
            panic!("not a document")
        };
        let (_, bytes) = contents.open(&entry).unwrap().check_whole(0).unwrap();
        crate::verify_patient(&bytes, &entry.local_patient_id).unwrap();
        let readable = render(&bytes);
        assert!(
            readable.notes.is_empty(),
            "{}: {:?}",
            entry.kind.data_kind,
            readable.notes
        );
        assert!(
            !readable.tables.iter().all(|t| t.rows.is_empty()),
            "{} shows nothing",
            entry.kind.data_kind
        );
        opened += 1;
    }
    assert_eq!(opened, 256);
    let ids: std::collections::BTreeSet<_> = index
        .files(&storage.source_id, "", None, PAGE_ENTRIES_MAX)
        .unwrap()
        .into_iter()
        .filter_map(|r| match r.outcome {
            sekisho_documents::FileOutcome::Document(entry) => Some(entry.unique_id),
            _ => None,
        })
        .collect();
    assert_eq!(ids.len(), 256, "unique ids are unique");
}

/// Whatever lies in the sample folders, tables and licences included, is rendered.
#[test]
fn every_sample_file_is_rendered() {
    let mut folders = vec![PathBuf::from(SAMPLES)];
    let mut rendered = 0;
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let readable = render(&bytes);
            // Cut anywhere, a message is still readable.
            if bytes.starts_with(b"MSH") {
                for at in (0..bytes.len()).step_by(97) {
                    let _ = render(&bytes[..at]);
                }
            }
            assert!(
                !readable.text(crate::Language::Ja).is_empty(),
                "{}",
                path.display()
            );
            rendered += 1;
        }
    }
    if rendered == 0 {
        println!("left out: rendering of the sample files (no test data)");
    }
}
