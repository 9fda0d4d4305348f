//! One suite for every [`Source`]: what each must do, whatever it reads. A case says only how documents of its kind
//! are written; everything that is expected of them is here.

use super::cases_test::*;
use super::*;
use crate::{Report, Source};
use sekisho_documents::{
    Availability, Contents, DocumentEntry, DocumentIndex, MemoryIndex, PAGE_ENTRIES_MAX, Patient,
    Quarantined, Query, Statuses,
};
use std::fs;
use std::path::{Path, PathBuf};

struct Held {
    _dir: tempfile::TempDir,
    root: PathBuf,
    source: Box<dyn Source>,
    index: MemoryIndex,
}

impl Held {
    fn of(case: &Case) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        Self {
            source: (case.source)(&root),
            root,
            _dir: dir,
            index: MemoryIndex::default(),
        }
    }

    /// Reads the source and checks what holds after every reading: the report is what the index holds, its numbers add
    /// up, and a second reading changes nothing.
    fn ingest(&self, case: &str) -> Report {
        let report = self.source.ingest(&self.index, &mut |_| {}).unwrap();
        let counters = self.index.counters().unwrap();
        assert_eq!(report.kinds, counters.kinds, "{case}");
        assert_eq!(report.quarantined, counters.quarantined, "{case}");
        let again = self.source.ingest(&self.index, &mut |_| {}).unwrap();
        assert_eq!(
            (again.changed, again.forgotten),
            (0, 0),
            "{case}: read again"
        );
        assert_eq!(
            again.files,
            again.unchanged + again.ignored + again.vanished,
            "{case}"
        );
        assert_eq!(
            (&again.kinds, &again.quarantined),
            (&report.kinds, &report.quarantined),
            "{case}"
        );
        report
    }

    fn found(&self, patient: &str, statuses: Statuses) -> Vec<DocumentEntry> {
        let query = Query {
            statuses,
            ..Query::of(Patient {
                facility: FACILITY.parse().unwrap(),
                local_patient_id: patient.parse().unwrap(),
            })
        };
        self.index.find(&query).unwrap().entries
    }

    fn quarantined(&self) -> Vec<Quarantined> {
        self.index.quarantined(None, PAGE_ENTRIES_MAX).unwrap()
    }

    fn contents(&self) -> Contents {
        let root = self.source.root().unwrap().to_owned();
        Contents::new([(self.source.id().clone(), root)])
    }

    /// The bytes that leave, or why none do.
    fn release(&self, entry: &DocumentEntry) -> Result<Vec<u8>, crate::Withheld> {
        let checked = self.source.release(&self.contents(), entry, 0)?;
        let mut pieces = checked.pieces(1000)?;
        let (mut bytes, mut piece) = (Vec::new(), Vec::new());
        while pieces.next(&mut piece)? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

/// A time no file has been written at yet, so that a rewritten one is told from what it was.
fn later(path: &Path) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    file.set_modified(modified + std::time::Duration::from_secs(3))
        .unwrap();
}

#[test]
fn finds_what_is_there_and_releases_it_to_its_patient_only() {
    for case in CASES {
        let held = Held::of(case);
        (case.put)(&held.root, ONE, 1);
        (case.put)(&held.root, OTHER, 1);
        let report = held.ingest(case.name);
        assert_eq!(
            (report.documents(), report.patients),
            (2, 2),
            "{}",
            case.name
        );
        assert_eq!(held.quarantined(), [], "{}", case.name);
        for patient in [ONE, OTHER] {
            let found = held.found(patient, Statuses::Approved);
            assert_eq!(found.len(), 1, "{}", case.name);
            let entry = &found[0];
            assert_eq!(entry.facility.as_str(), FACILITY);
            assert!(!entry.title.ja.is_empty() && !entry.title.en.is_empty());
            assert!(!entry.type_code.code.is_empty() && !entry.format_code.code.is_empty());
            assert!(entry.service_start <= entry.service_stop);
            let bytes = held.release(entry).unwrap();
            assert_eq!(bytes.len() as u64, entry.size_bytes, "{}", case.name);
            // The index, or somebody who wrote to it, says that these bytes are the other patient's.
            let stranger = if patient == ONE { OTHER } else { ONE };
            let mut confused = entry.clone();
            confused.local_patient_id = stranger.parse().unwrap();
            assert!(held.release(&confused).is_err(), "{}", case.name);
        }
        let ids = |held: &Held| -> Vec<_> {
            let both = [ONE, OTHER].iter();
            both.flat_map(|p| held.found(p, Statuses::Approved))
                .map(|e| e.unique_id)
                .collect()
        };
        let before = ids(&held);
        held.index.clear().unwrap();
        held.ingest(case.name);
        assert_eq!(
            ids(&held),
            before,
            "{}: an id is the same in an index built again",
            case.name
        );
    }
}

#[test]
fn versions_supersede_and_come_back() {
    for case in CASES.iter().filter(|case| case.supersedes) {
        let held = Held::of(case);
        (case.put)(&held.root, ONE, 1);
        held.ingest(case.name);
        let first = held.found(ONE, Statuses::Approved)[0].unique_id;
        let newer = (case.put)(&held.root, ONE, 2);
        held.ingest(case.name);
        let found = held.found(ONE, Statuses::ApprovedAndDeprecated);
        assert_eq!(found.len(), 2, "{}", case.name);
        for entry in &found {
            let expected = if entry.unique_id == first {
                Availability::Deprecated
            } else {
                Availability::Approved
            };
            assert_eq!(entry.status, expected, "{}", case.name);
        }
        if !case.name.starts_with("ss-mix2") {
            let _ = fs::remove_file(newer.with_extension("pdf.json"));
            fs::remove_file(newer).unwrap();
            let report = held.ingest(case.name);
            assert_eq!(report.forgotten, 1, "{}", case.name);
            let found = held.found(ONE, Statuses::Approved);
            assert_eq!(found.len(), 1, "{}", case.name);
            assert_eq!(found[0].unique_id, first, "{}: in force again", case.name);
        }
    }
}

#[test]
fn what_is_deleted_is_not_answered() {
    for (case, end) in CASES.iter().filter_map(|case| Some((case, case.end?))) {
        let held = Held::of(case);
        (case.put)(&held.root, ONE, 1);
        (case.put)(&held.root, OTHER, 1);
        held.ingest(case.name);
        let entry = held.found(ONE, Statuses::Approved)[0].clone();
        end(&held.root, ONE);
        held.ingest(case.name);
        assert_eq!(
            held.found(ONE, Statuses::ApprovedAndDeprecated),
            [],
            "{}",
            case.name
        );
        assert_eq!(
            held.index.get(&entry.unique_id).unwrap(),
            None,
            "{}",
            case.name
        );
        assert_eq!(
            held.found(OTHER, Statuses::Approved).len(),
            1,
            "{}",
            case.name
        );
        // Read for the first time after the deletion.
        held.index.clear().unwrap();
        held.ingest(case.name);
        assert_eq!(
            held.found(ONE, Statuses::ApprovedAndDeprecated),
            [],
            "{}",
            case.name
        );
    }
}

#[test]
fn a_deletion_that_goes_away_gives_back_what_it_deleted() {
    for (case, end) in CASES.iter().filter_map(|case| Some((case, case.end?))) {
        if case.name.starts_with("ss-mix2") {
            continue; // There a deletion is the file's own name.
        }
        let held = Held::of(case);
        let path = (case.put)(&held.root, ONE, 1);
        end(&held.root, ONE);
        held.ingest(case.name);
        for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
            let other = entry.unwrap().path();
            if other != path && !other.to_str().unwrap().starts_with(path.to_str().unwrap()) {
                fs::remove_file(other).unwrap();
            }
        }
        held.ingest(case.name);
        assert_eq!(
            held.found(ONE, Statuses::Approved).len(),
            1,
            "{}",
            case.name
        );
    }
}

#[test]
fn what_vanished_or_changed_is_never_served_as_what_it_was() {
    for case in CASES {
        let held = Held::of(case);
        let path = (case.put)(&held.root, ONE, 1);
        held.ingest(case.name);
        let entry = held.found(ONE, Statuses::Approved)[0].clone();
        let bytes = fs::read(&path).unwrap();
        let good = held.release(&entry).unwrap();
        // Each of some hundred bytes changed in turn: what leaves is what was indexed, or nothing.
        for at in (0..bytes.len()).step_by(bytes.len() / 100 + 1) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            if let Ok(left) = held.release(&entry) {
                assert!(left == good, "{}: byte {at}", case.name);
            }
        }
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(held.release(&entry).is_err(), "{}: half of it", case.name);
        fs::remove_file(&path).unwrap();
        assert!(held.release(&entry).is_err(), "{}: gone", case.name);
        let _ = fs::remove_file(path.with_extension("pdf.json"));
        held.ingest(case.name);
        assert_eq!(
            held.found(ONE, Statuses::ApprovedAndDeprecated),
            [],
            "{}",
            case.name
        );
    }
}

#[test]
fn another_patients_bytes_are_never_this_ones() {
    for case in CASES {
        let held = Held::of(case);
        let path = (case.put)(&held.root, ONE, 1);
        held.ingest(case.name);
        let entry = held.found(ONE, Statuses::Approved)[0].clone();
        (case.in_place_of)(&held.root, ONE, OTHER);
        later(&path);
        assert!(
            held.release(&entry).is_err(),
            "{}: before it is read again",
            case.name
        );
        held.ingest(case.name);
        assert!(held.release(&entry).is_err(), "{}: after", case.name);
        assert_eq!(
            held.found(ONE, Statuses::ApprovedAndDeprecated),
            [],
            "{}",
            case.name
        );
    }
}

/// Ways in which files are damaged.
fn damages(good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let middle = good.len() / 2;
    let spliced = |with: &[u8]| [&good[..middle], with, &good[middle..]].concat();
    vec![
        ("empty", Vec::new()),
        ("one byte", good[..1].to_vec()),
        ("cut off", good[..middle].to_vec()),
        ("cut off near the end", good[..good.len().saturating_sub(20)].to_vec()),
        ("zeroes", vec![0; good.len()]),
        ("zeroes inside", spliced(&[0; 64])),
        ("bytes of no encoding", spliced(b"\xff\xfe\xfd\xa0\x80")),
        ("a field of 10 MB", spliced(&vec![b'x'; 10 << 20])),
        ("deep JSON", "[".repeat(200_000).into_bytes()),
        ("deep XML", "<a>".repeat(200_000).into_bytes()),
        ("an external entity", b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>".to_vec()),
        ("a billion laughs", b"<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]><a>&b;</a>".to_vec()),
        ("many line ends", vec![b'\n'; 100_000]),
        ("many commas", vec![b','; 100_000]),
        ("quotes", vec![b'"'; 100_001]),
    ]
}

#[test]
fn what_is_damaged_is_kept_back_with_its_reason_and_the_rest_goes_on() {
    for case in CASES {
        let good = {
            let held = Held::of(case);
            fs::read((case.put)(&held.root, ONE, 1)).unwrap()
        };
        for (damage, bytes) in damages(&good) {
            if damage == "cut off near the end" && !case.has_end {
                continue;
            }
            let held = Held::of(case);
            let path = (case.put)(&held.root, ONE, 1);
            (case.put)(&held.root, OTHER, 1);
            fs::write(&path, &bytes).unwrap();
            let label = format!("{}: {damage}", case.name);
            let report = held.ingest(&label);
            assert_eq!(held.found(OTHER, Statuses::Approved).len(), 1, "{label}");
            assert_eq!(
                held.found(ONE, Statuses::ApprovedAndDeprecated),
                [],
                "{label}"
            );
            assert_eq!(
                report.quarantined_total(),
                1,
                "{label}: {:?}",
                report.quarantined
            );
            // Set right, it is a document again.
            (case.put)(&held.root, ONE, 1);
            later(&path);
            held.ingest(&label);
            assert_eq!(held.found(ONE, Statuses::Approved).len(), 1, "{label}");
            assert_eq!(held.quarantined(), [], "{label}");
        }
    }
}

#[test]
fn nothing_outside_the_root_is_reached() {
    use std::os::unix::fs::symlink;
    for case in CASES {
        let outside = Held::of(case);
        let path = (case.put)(&outside.root, ONE, 1);
        let held = Held::of(case);
        (case.put)(&held.root, OTHER, 1);
        let below = path.strip_prefix(&outside.root).unwrap();
        let inside = held.root.join(below);
        fs::create_dir_all(inside.parent().unwrap()).unwrap();
        symlink(&path, &inside).unwrap();
        let report = held.ingest(case.name);
        // A content folder whose only document is such a link has no document.
        let reasons = report.quarantined.keys().copied();
        let reasons: Vec<_> = reasons
            .filter(|reason| *reason != QuarantineReason::NoMainDocument)
            .collect();
        assert_eq!(reasons, [QuarantineReason::EscapesRoot], "{}", case.name);
        assert_eq!(
            held.found(ONE, Statuses::ApprovedAndDeprecated),
            [],
            "{}",
            case.name
        );
        // A real file, indexed, then replaced by the link.
        fs::remove_file(&inside).unwrap();
        (case.put)(&held.root, ONE, 1);
        held.ingest(case.name);
        let mut entry = held.found(ONE, Statuses::Approved)[0].clone();
        fs::remove_file(&inside).unwrap();
        symlink(&path, &inside).unwrap();
        assert!(
            held.release(&entry).is_err(),
            "{}: through a link",
            case.name
        );
        for climb in ["../root/", "/", "./"] {
            entry.location.path = format!("{climb}{}", below.display());
            assert!(held.release(&entry).is_err(), "{}: {climb}", case.name);
        }
        // A root that is away forgets nothing.
        let documents = held.index.counters().unwrap();
        fs::rename(&held.root, held.root.with_extension("away")).unwrap();
        assert!(
            held.source.ingest(&held.index, &mut |_| {}).is_err(),
            "{}",
            case.name
        );
        assert_eq!(held.index.counters().unwrap(), documents, "{}", case.name);
    }
}

#[test]
fn settings_are_in_the_digest() {
    let mut digests = std::collections::BTreeSet::new();
    for case in CASES {
        for root in ["/a", "/b"] {
            assert!(
                digests.insert((case.source)(Path::new(root)).digest()),
                "{}",
                case.name
            );
        }
        assert_eq!((case.source)(Path::new("/a")).kind(), case.name);
    }
}
