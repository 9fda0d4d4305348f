//! One suite for every [`DocumentIndex`].

use crate::*;
use sekisho_domain::{Category, Codes, FacilityId, Hash, TimeMs};
use std::collections::BTreeSet;
use std::sync::Arc;

pub fn facility(n: u8) -> FacilityId {
    format!("411000000{n}").parse().unwrap()
}

pub fn location(source: &str, path: &str) -> SourceLocation {
    SourceLocation::new(source.parse().unwrap(), path).unwrap()
}

pub fn entry(facility_n: u8, patient: &str, start: u64, order: &str, path: &str) -> DocumentEntry {
    let local_patient_id: LocalPatientId = patient.parse().unwrap();
    let key = IndexKey {
        local_patient_id: &local_patient_id,
        care_date: "20260401",
        data_kind: "OMP-01",
        order_no: order,
    };
    let hash = Hash([7; 32]);
    let facility = facility(facility_n);
    DocumentEntry {
        unique_id: UniqueId::derive(&facility, &key, &start.to_string(), &hash),
        facility,
        kind: Arc::new(DocumentKind {
            data_kind: "OMP-01".into(),
            category: Category::Prescription,
            class_code: Code::new("prescription", "urn:x", "処方", "prescription"),
            type_code: Code::new(
                "57833-6",
                "http://loinc.org",
                "処方",
                "Prescription for medication",
            ),
            format_code: Code::new("urn:x:OMP-01", "urn:x", "", ""),
            mime_type: "x-application/hl7-v2+er7".into(),
            language: "ja-JP".into(),
            confidentiality: Code::new("N", "urn:oid:2.16.840.1.113883.5.25", "", "normal"),
            title: Title::new("処方オーダ", "Prescription order"),
        }),
        creation: TimeMs(start),
        service_start: TimeMs(start),
        service_stop: TimeMs(start + 10),
        practice_setting: None,
        hash,
        size_bytes: 1,
        pieces: PieceHashes::default(),
        status: Availability::Approved,
        location: location("std01", path),
        local_patient_id,
    }
}

pub fn put(entry: DocumentEntry) -> Change {
    let location = entry.location.clone();
    put_as(location, FileOutcome::Document(Box::new(entry)))
}

pub fn put_as(location: SourceLocation, outcome: FileOutcome) -> Change {
    let fingerprint = Fingerprint {
        size_bytes: 1,
        modified_ns: 2,
        reader: 3,
    };
    Change::Put(FileRecord {
        location,
        fingerprint,
        outcome,
    })
}

pub fn quarantine(path: &str, reason: QuarantineReason) -> Change {
    let patients = SeenPatients {
        message: Some(OperatorText::new("999")),
        ..SeenPatients::default()
    };
    put_as(
        location("std01", path),
        FileOutcome::Quarantined { reason, patients },
    )
}

pub fn of(facility_n: u8, patient: &str) -> Query {
    Query::of(Patient {
        facility: facility(facility_n),
        local_patient_id: patient.parse().unwrap(),
    })
}

fn starts(page: &Page) -> Vec<u64> {
    page.entries.iter().map(|e| e.service_start.0).collect()
}

/// Everything an index promises. `index` is empty.
pub fn holds(index: &dyn DocumentIndex) {
    finds_by_chart_and_filters(index);
    index.clear().unwrap();
    pages_are_stable(index);
    index.clear().unwrap();
    what_is_not_a_document_is_not_answered(index);
    index.clear().unwrap();
    renames_and_copies(index);
    index.clear().unwrap();
    lists_files(index);
    index.clear().unwrap();
    parts_are_documents_of_their_own(index);
    index.clear().unwrap();
    bounds(index);
    index.clear().unwrap();
    lists_everything(index);
    index.clear().unwrap();
    is_built_beside(index);
    index.clear().unwrap();
    assert_eq!(index.counters().unwrap(), Counters::default());
}

fn finds_by_chart_and_filters(index: &dyn DocumentIndex) {
    let mut allergy = entry(1, "10", 300, "a", "10/c");
    Arc::make_mut(&mut allergy.kind).category = Category::Allergy;
    let mut old = entry(1, "10", 50, "old", "10/d");
    old.status = Availability::Deprecated;
    let changes = [
        put(entry(1, "10", 100, "a", "10/a")),
        put(entry(1, "10", 200, "a", "10/b")),
        put(allergy.clone()),
        put(old),
        // Neighbours: an id that starts like it, the same id elsewhere.
        put(entry(1, "100", 400, "a", "100/a")),
        put(entry(1, "1", 500, "a", "1/a")),
        put(entry(2, "10", 600, "a", "2-10/a")),
    ];
    index.apply(&changes).unwrap();

    let all = of(1, "10");
    assert_eq!(
        starts(&index.find(&all).unwrap()),
        [300, 200, 100],
        "newest first, in force only"
    );
    let cases: Vec<(&str, Query, Vec<u64>)> = vec![
        (
            "deprecated too",
            Query {
                statuses: Statuses::ApprovedAndDeprecated,
                ..all.clone()
            },
            vec![300, 200, 100, 50],
        ),
        (
            "one category",
            Query {
                categories: Some([Category::Allergy].into()),
                ..all.clone()
            },
            vec![300],
        ),
        (
            "no category",
            Query {
                categories: Some(Codes::new()),
                ..all.clone()
            },
            vec![],
        ),
        (
            "no facility",
            Query {
                facilities: Some(BTreeSet::new()),
                ..all.clone()
            },
            vec![],
        ),
        (
            "other facility",
            Query {
                facilities: Some([facility(2)].into()),
                ..all.clone()
            },
            vec![],
        ),
        // Service lasts 10 ms; its end is included.
        (
            "from an end",
            Query {
                service_from: Some(TimeMs(210)),
                ..all.clone()
            },
            vec![300, 200],
        ),
        (
            "from behind it",
            Query {
                service_from: Some(TimeMs(211)),
                ..all.clone()
            },
            vec![300],
        ),
        (
            "until a start",
            Query {
                service_until: Some(TimeMs(200)),
                ..all.clone()
            },
            vec![100],
        ),
        (
            "until behind it",
            Query {
                service_until: Some(TimeMs(201)),
                ..all.clone()
            },
            vec![200, 100],
        ),
        (
            "nobody",
            Query {
                patients: vec![],
                ..all.clone()
            },
            vec![],
        ),
        (
            "nothing wanted",
            Query {
                limit: 0,
                ..all.clone()
            },
            vec![],
        ),
    ];
    for (case, query, expected) in cases {
        assert_eq!(starts(&index.find(&query).unwrap()), expected, "{case}");
    }
    let mut both = all.clone();
    both.patients.extend(of(2, "10").patients);
    both.patients.extend(of(1, "10").patients);
    assert_eq!(
        starts(&index.find(&both).unwrap()),
        [600, 300, 200, 100],
        "two charts, one named twice"
    );
    assert_eq!(index.get(&allergy.unique_id).unwrap(), Some(allergy));
    let counters = index.counters().unwrap();
    assert_eq!(
        counters.kinds["OMP-01"],
        StatusCounts {
            approved: 6,
            deprecated: 1,
            deleted: 0
        }
    );
    assert_eq!((counters.documents(), counters.files()), (7, 7));
}

fn pages_are_stable(index: &dyn DocumentIndex) {
    // Several with the same start: the unique id decides.
    let changes: Vec<Change> = (0..23u64)
        .map(|n| {
            put(entry(
                1 + (n % 2) as u8,
                "10",
                n / 4,
                &n.to_string(),
                &format!("10/{n}"),
            ))
        })
        .collect();
    index.apply(&changes).unwrap();
    let mut query = of(1, "10");
    query.patients.extend(of(2, "10").patients);
    let whole = index.find(&query).unwrap();
    assert_eq!((whole.entries.len(), whole.next), (23, None));
    query.limit = 5;
    let mut seen = Vec::new();
    loop {
        let page = index.find(&query).unwrap();
        assert!(page.entries.len() == 5 || page.next.is_none());
        seen.extend(page.entries);
        // What arrives at the front meanwhile moves nothing behind it.
        let n = 100 + seen.len() as u64;
        index
            .apply(&[put(entry(1, "10", n, &n.to_string(), &format!("10/{n}")))])
            .unwrap();
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, whole.entries);
    // A page that ends exactly at the end says so.
    query = Query {
        limit: 23,
        after: Some(Cursor {
            service_start: TimeMs(90),
            ..whole_cursor(&whole)
        }),
        ..query
    };
    assert_eq!(index.find(&query).unwrap().next, None);
}

fn whole_cursor(page: &Page) -> Cursor {
    Cursor::of(&page.entries[0])
}

fn what_is_not_a_document_is_not_answered(index: &dyn DocumentIndex) {
    let document = entry(1, "10", 100, "a", "10/a");
    index.apply(&[put(document.clone())]).unwrap();
    index
        .apply(&[quarantine("10/a", QuarantineReason::MessagePatientMismatch)])
        .unwrap();
    assert_eq!(index.find(&of(1, "10")).unwrap().entries, []);
    assert_eq!(index.get(&document.unique_id).unwrap(), None);
    let list = index.quarantined(None, 10).unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].reason, QuarantineReason::MessagePatientMismatch);
    assert_eq!(list[0].patients.message, Some(OperatorText::new("999")));

    let deleted = FileOutcome::Deleted {
        data_kind: "OMP-01".into(),
    };
    index
        .apply(&[put_as(document.location.clone(), deleted)])
        .unwrap();
    assert_eq!(index.get(&document.unique_id).unwrap(), None);
    assert_eq!(index.quarantined(None, 10).unwrap(), []);
    assert_eq!(index.counters().unwrap().kinds["OMP-01"].deleted, 1);

    index
        .apply(&[
            Change::Forget(document.location.clone()),
            Change::Forget(location("std01", "never")),
        ])
        .unwrap();
    assert_eq!(index.counters().unwrap(), Counters::default());

    let paths = ["q/1", "q/2", "q/3"];
    index
        .apply(&paths.map(|p| quarantine(p, QuarantineReason::TooShort)))
        .unwrap();
    let first = index.quarantined(None, 2).unwrap();
    let rest = index.quarantined(Some(&first[1].location), 2).unwrap();
    let listed: Vec<_> = first
        .iter()
        .chain(&rest)
        .map(|q| q.location.path.as_str())
        .collect();
    assert_eq!(listed, paths);
}

/// `_1` → `_2`: the same document under another name, in either order of seeing it.
fn renames_and_copies(index: &dyn DocumentIndex) {
    let valid = entry(1, "10", 100, "a", "10/a_1");
    let superseded = DocumentEntry {
        status: Availability::Deprecated,
        location: location("std01", "10/a_2"),
        ..valid.clone()
    };
    let forget = Change::Forget(valid.location.clone());
    index.apply(&[put(valid.clone())]).unwrap();
    index
        .apply(&[put(superseded.clone()), forget.clone()])
        .unwrap();
    assert_eq!(
        index.get(&valid.unique_id).unwrap(),
        Some(superseded.clone())
    );

    // Both there at once: one document, the further one counts; never twice in a page.
    index.apply(&[put(valid.clone())]).unwrap();
    assert_eq!(
        index.get(&valid.unique_id).unwrap(),
        Some(superseded.clone())
    );
    assert_eq!(
        index.find(&of(1, "10")).unwrap().entries,
        [],
        "a superseded document does not come back"
    );
    let both = Query {
        statuses: Statuses::ApprovedAndDeprecated,
        ..of(1, "10")
    };
    assert_eq!(
        index.find(&both).unwrap().entries,
        std::slice::from_ref(&superseded)
    );
    let one = Query { limit: 1, ..both };
    assert_eq!(
        index.find(&one).unwrap().next,
        None,
        "a copy is no further page"
    );

    // Twice in one batch: the last counts.
    index
        .apply(&[forget.clone(), put(valid.clone()), forget])
        .unwrap();
    assert_eq!(index.counters().unwrap().documents(), 1);
    index.apply(&[Change::Forget(superseded.location)]).unwrap();
    assert_eq!(index.get(&valid.unique_id).unwrap(), None);
    assert_eq!(index.counters().unwrap(), Counters::default());
}

fn lists_files(index: &dyn DocumentIndex) {
    let mut other = entry(1, "10", 1, "o", "a/b/10/x");
    other.location = location("std01-b", "a/b/10/x");
    let paths = ["a/b/10-2/x", "a/b/10/x", "a/b/10/y", "a/b/2/x", "stray"];
    let changes: Vec<Change> = paths.iter().map(|p| put(entry(1, "10", 1, p, p))).collect();
    index.apply(&changes).unwrap();
    index.apply(&[put(other)]).unwrap();
    let list = |prefix: &str, after: Option<&str>, limit: usize| -> Vec<String> {
        let files = index
            .files(&"std01".parse().unwrap(), prefix, after, limit)
            .unwrap();
        files.into_iter().map(|f| f.location.path).collect()
    };
    assert_eq!(list("", None, 100), paths);
    assert_eq!(list("a/b/10/", None, 100), ["a/b/10/x", "a/b/10/y"]);
    assert_eq!(list("a/b/10/", Some("a/b/10/x"), 100), ["a/b/10/y"]);
    assert_eq!(list("a/b/10/", Some("a"), 1), ["a/b/10/x"]);
    assert_eq!(
        list("", Some("a/b/10/\u{10ffff}"), 1),
        ["a/b/2/x"],
        "skips a folder"
    );
    assert_eq!(list("", Some("stray"), 1), Vec::<String>::new());
}

fn lists_everything(index: &dyn DocumentIndex) {
    // Longer than any database's index row, and told apart only at its end.
    let long = |end: &str| format!("{}{end}", "長/".repeat(900));
    let mut other = entry(1, "10", 1, "o", "0");
    other.location = location("std01-b", "0");
    let paths = ["a/1", "b", &long("a"), &long("b"), "長"];
    let mut changes: Vec<Change> = paths
        .iter()
        .map(|p| put(entry(1, "10", 1, "x", p)))
        .collect();
    changes.extend([
        put(other),
        quarantine("a", QuarantineReason::TooShort),
        put_as(
            location("std01", "z"),
            FileOutcome::Deleted {
                data_kind: "OMP-01".into(),
            },
        ),
    ]);
    let claims = location("std01", "a/1");
    changes.push(put_as(
        claims.part(part(300)).unwrap(),
        FileOutcome::Divided {
            members: Vec::new(),
        },
    ));
    changes.push(put_as(
        claims.part(part(7)).unwrap(),
        FileOutcome::Divided { members: vec![] },
    ));
    index.apply(&changes).unwrap();
    let mut wanted: Vec<SourceLocation> = changes.iter().map(|c| c.location().clone()).collect();
    wanted.sort();
    for limit in [1, 3, 100] {
        let mut listed: Vec<SourceLocation> = Vec::new();
        loop {
            let page = index.records(listed.last(), limit).unwrap();
            listed.extend(page.into_iter().map(|r| r.location));
            if !listed.len().is_multiple_of(limit) || listed.len() >= wanted.len() {
                break;
            }
        }
        assert_eq!(listed, wanted, "{limit} at a time");
    }
    let again: Vec<Change> = changes
        .iter()
        .map(|c| Change::Forget(c.location().clone()))
        .collect();
    index.apply(&changes).unwrap();
    assert_eq!(index.counters().unwrap().files(), 8);
    index.apply(&again[..4]).unwrap();
    assert_eq!(index.records(None, 100).unwrap().len(), 6);
}

/// What is built beside is seen by nobody until it takes the place, and stays through an interruption.
fn is_built_beside(index: &dyn DocumentIndex) {
    let (old, new) = (
        entry(1, "10", 1, "old", "old"),
        entry(1, "10", 2, "new", "new"),
    );
    index.apply(&[put(old.clone())]).unwrap();
    assert!(matches!(index.take_beside(), Err(Error::NothingBeside)));
    let beside = index.beside().unwrap();
    assert_eq!(beside.counters().unwrap(), Counters::default());
    beside.apply(&[put(new.clone())]).unwrap();
    beside.flush().unwrap();
    assert_eq!(beside.get(&old.unique_id).unwrap(), None);
    assert_eq!(starts(&beside.find(&of(1, "10")).unwrap()), [2]);
    assert_eq!(starts(&index.find(&of(1, "10")).unwrap()), [1]);
    assert_eq!(index.get(&new.unique_id).unwrap(), None);
    // Writing goes on meanwhile, and is no part of what is built.
    index
        .apply(&[quarantine("q", QuarantineReason::TooShort)])
        .unwrap();
    drop(beside);
    let beside = index.beside().unwrap();
    assert_eq!(
        beside.counters().unwrap().files(),
        1,
        "goes on where it was"
    );
    drop(beside);
    index.take_beside().unwrap();
    assert_eq!(starts(&index.find(&of(1, "10")).unwrap()), [2]);
    assert_eq!(index.get(&old.unique_id).unwrap(), None);
    assert_eq!(index.quarantined(None, 10).unwrap(), []);
    assert_eq!(index.counters().unwrap().files(), 1);
    assert!(matches!(index.take_beside(), Err(Error::NothingBeside)));
    let beside = index.beside().unwrap();
    assert_eq!(
        beside.counters().unwrap(),
        Counters::default(),
        "nothing is left of it"
    );
    beside.apply(&[put(old.clone())]).unwrap();
    beside.clear().unwrap();
    assert_eq!(beside.records(None, 10).unwrap(), []);
    beside.apply(&[put(old)]).unwrap();
    drop(beside);
    index.compact().unwrap();
    assert_eq!(
        index.beside().unwrap().counters().unwrap(),
        Counters::default(),
        "given up"
    );
    assert_eq!(starts(&index.find(&of(1, "10")).unwrap()), [2]);
}

fn part(offset_bytes: u64) -> Part {
    Part {
        offset_bytes,
        size_bytes: 5,
        head_bytes: 3,
    }
}

fn parts_are_documents_of_their_own(index: &dyn DocumentIndex) {
    // Offsets whose bytes hold NULs and order differently as text.
    let offsets = [3, 10, 256, 65_536];
    let file = location("std01", "claims");
    let of_part = |offset: u64, patient: &str| {
        let mut entry = entry(1, patient, offset, &offset.to_string(), "claims");
        entry.location = file.part(part(offset)).unwrap();
        entry
    };
    let mut changes: Vec<Change> = (offsets.iter().zip(["10", "11", "10", "12"]))
        .map(|(offset, patient)| put(of_part(*offset, patient)))
        .collect();
    let refused = FileOutcome::Quarantined {
        reason: QuarantineReason::NoPatient,
        patients: SeenPatients::default(),
    };
    changes.push(put_as(file.part(part(99)).unwrap(), refused));
    changes.push(put_as(
        file.clone(),
        FileOutcome::Divided {
            members: Vec::new(),
        },
    ));
    // Neighbours by name, which are other files.
    changes.push(put(entry(1, "10", 1, "other", "claims\u{1}")));
    changes.push(put(entry(1, "10", 1, "another", "claims2")));
    index.apply(&changes).unwrap();

    let list = |after: Option<Part>, limit: usize| -> Vec<u64> {
        let parts = index.parts(&file, after, limit).unwrap();
        let offsets = parts.iter().map(|r| r.location.part.unwrap().offset_bytes);
        offsets.collect()
    };
    assert_eq!(list(None, 100), [3, 10, 99, 256, 65_536]);
    assert_eq!(list(Some(part(10)), 2), [99, 256]);
    assert_eq!(list(Some(part(65_536)), 2), Vec::<u64>::new());
    let files = index.files(&"std01".parse().unwrap(), "claims", None, 100);
    let files: Vec<_> = files.unwrap().into_iter().map(|f| f.location).collect();
    assert_eq!(files.len(), 3, "no part is a file");
    assert!(files.iter().all(|l| l.part.is_none()));
    let counters = index.counters().unwrap();
    assert_eq!((counters.documents(), counters.files()), (6, 7));
    assert_eq!(starts(&index.find(&of(1, "10")).unwrap()), [256, 3, 1, 1]);
    let one = of_part(10, "11");
    assert_eq!(index.get(&one.unique_id).unwrap(), Some(one.clone()));
    let held = index.quarantined(None, 10).unwrap();
    assert_eq!(held[0].location, file.part(part(99)).unwrap());
    assert_eq!(
        index.quarantined(Some(&held[0].location), 10).unwrap(),
        vec![]
    );

    // A part goes, the others stay.
    index.apply(&[Change::Forget(one.location)]).unwrap();
    assert_eq!(index.get(&one.unique_id).unwrap(), None);
    assert_eq!(list(None, 100), [3, 99, 256, 65_536]);
    index.apply(&[Change::Forget(file.clone())]).unwrap();
    assert_eq!(
        list(None, 100),
        [3, 99, 256, 65_536],
        "the file is not its parts"
    );

    for bad in [
        Part {
            size_bytes: 0,
            ..part(9)
        },
        Part {
            head_bytes: 10,
            ..part(9)
        },
        Part {
            offset_bytes: u64::MAX,
            ..part(9)
        },
        Part {
            head_bytes: HEAD_BYTES_MAX + 1,
            ..part(1 << 40)
        },
    ] {
        assert!(file.part(bad).is_err(), "{bad:?}");
    }
}

fn bounds(index: &dyn DocumentIndex) {
    let too_many = vec![Change::Forget(location("std01", "x")); BATCH_CHANGES_MAX + 1];
    assert!(matches!(
        index.apply(&too_many),
        Err(Error::TooMany { what: "batch", .. })
    ));
    let query = Query {
        limit: PAGE_ENTRIES_MAX + 1,
        ..of(1, "10")
    };
    assert!(matches!(
        index.find(&query),
        Err(Error::TooMany { what: "page", .. })
    ));
    let query = Query {
        patients: vec![of(1, "10").patients[0].clone(); PATIENTS_MAX + 1],
        ..of(1, "10")
    };
    assert!(matches!(
        index.find(&query),
        Err(Error::TooMany {
            what: "patients",
            ..
        })
    ));
    let file = location("std01", "x");
    assert!(index.parts(&file, None, PAGE_ENTRIES_MAX + 1).is_err());
    assert!(index.quarantined(None, PAGE_ENTRIES_MAX + 1).is_err());
    assert!(index.records(None, PAGE_ENTRIES_MAX + 1).is_err());
    assert!(
        index
            .files(&"std01".parse().unwrap(), "", None, PAGE_ENTRIES_MAX + 1)
            .is_err()
    );
}

#[test]
fn memory_index_holds_the_contract() {
    holds(&MemoryIndex::default());
}

#[test]
fn sled_index_holds_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    holds(&SledIndex::open(dir.path()).unwrap());
}
