//! A storage's life, seen from the index.

use super::*;
use crate::fixture_test::*;
use sekisho_documents::{DocumentIndex, SledIndex, StatusCounts, Statuses};
use std::fs;

#[test]
fn an_order_through_its_life() {
    for on_disk in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let fixture = match on_disk {
            true => Fixture::with(Box::new(SledIndex::open(folder.path()).unwrap())),
            false => Fixture::new(),
        };
        fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "旧"));
        let report = fixture.ingest();
        assert_eq!((report.files, report.changed, report.patients), (1, 1, 1));
        assert_eq!(fixture.answered(), (1, 0));
        let first = fixture.find(PATIENT, Statuses::Approved).entries[0].unique_id;

        // Updated: the old one is superseded and keeps its id.
        fixture.rename(&path("1", FIRST, 1), &path("1", FIRST, 2));
        fixture.write(&path("1", SECOND, 1), &prescription(PATIENT, "新"));
        let report = fixture.ingest();
        assert_eq!((report.changed, report.forgotten), (2, 1));
        assert_eq!(fixture.answered(), (1, 1));
        let second = fixture.find(PATIENT, Statuses::Approved).entries[0].unique_id;
        assert_ne!(first, second);
        assert!(fixture.index.get(&first).unwrap().is_some());

        // Deleted: nothing is answered, by patient or by id.
        fixture.rename(&path("1", FIRST, 2), &path("1", FIRST, 0));
        fixture.rename(&path("1", SECOND, 1), &path("1", SECOND, 0));
        fixture.write(
            &path("1", "20260401130000000", 0),
            &prescription(PATIENT, "新"),
        );
        let report = fixture.ingest();
        assert_eq!(
            report.kinds["OMP-01"],
            StatusCounts {
                approved: 0,
                deprecated: 0,
                deleted: 3
            }
        );
        assert_eq!(fixture.answered(), (0, 0));
        for id in [first, second] {
            assert_eq!(fixture.index.get(&id).unwrap(), None);
        }
    }
}

#[test]
fn a_status_follows_the_other_versions_without_reading_again() {
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "旧"));
    fixture.ingest();
    // The new version is written before the old one is renamed.
    let new = prescription(PATIENT, "新");
    fixture.write(&path("1", SECOND, 1), &new);
    let report = fixture.ingest();
    assert_eq!((report.read_bytes, report.changed), (new.len() as u64, 2));
    assert_eq!(fixture.answered(), (1, 1));
    // And taken back.
    fs::remove_file(fixture.full(&path("1", SECOND, 1))).unwrap();
    assert_eq!(fixture.ingest().read_bytes, 0);
    assert_eq!(fixture.answered(), (1, 0));
    // A cancellation alone deletes what is older.
    fixture.write(&path("1", SECOND, 0), b"");
    fixture.ingest();
    assert_eq!(fixture.answered(), (0, 0));
    // Withdrawn again: what it had deleted is read and answered.
    fs::remove_file(fixture.full(&path("1", SECOND, 0))).unwrap();
    fixture.ingest();
    assert_eq!(fixture.answered(), (1, 0));
}

#[test]
fn only_what_changed_is_read() {
    let fixture = Fixture::new();
    for order in 0..20 {
        fixture.write(
            &path(&order.to_string(), FIRST, 1),
            &prescription(PATIENT, "錠剤"),
        );
    }
    fixture.write(&path("20", FIRST, 1), b"MS");
    let report = fixture.ingest();
    assert_eq!(
        (report.files, report.changed, report.unchanged),
        (21, 21, 0)
    );
    let longer = prescription(PATIENT, "錠剤錠剤");
    fixture.write(&path("7", FIRST, 1), &longer);
    let report = ingest(&fixture.storage, &*fixture.index, &mut |_| {}).unwrap();
    assert_eq!(
        (report.files, report.changed, report.unchanged),
        (21, 1, 20)
    );
    assert_eq!(report.read_bytes, longer.len() as u64);
    // A broken file that is completed later is read again.
    fixture.write(&path("20", FIRST, 1), &prescription(PATIENT, "錠剤"));
    fixture.ingest();
    assert_eq!(fixture.answered(), (21, 0));
    assert_eq!(fixture.quarantine(), []);
}

#[test]
fn what_is_gone_is_forgotten_at_every_level() {
    let levels = [
        "000",
        "000/901",
        "000/901/0009013",
        "000/901/0009013/20260401",
        "000/901/0009013/20260401/OMP-01",
    ];
    let file = path("1", FIRST, 1);
    for gone in levels.iter().copied().chain([file.as_str()]) {
        let fixture = Fixture::new();
        fixture.write(&file, &prescription(PATIENT, "錠剤"));
        fixture.write(
            "001/000/0010000/-/PPR-01/0010000_-_PPR-01_1_20260401110000000_-_1",
            b"MS",
        );
        fixture.write("000/stray", b"");
        fixture.ingest();
        match fixture.full(gone) {
            f if f.is_file() => fs::remove_file(f).unwrap(),
            d => fs::remove_dir_all(d).unwrap(),
        }
        let report = fixture.ingest();
        assert_eq!(
            report.forgotten,
            if gone == "000" { 2 } else { 1 },
            "{gone}"
        );
        assert_eq!(fixture.answered(), (0, 0), "{gone}");
        assert_eq!(
            fixture.quarantine().len(),
            if gone == "000" { 1 } else { 2 },
            "{gone}"
        );
    }
}

#[test]
fn a_missing_root_forgets_nothing() {
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "錠剤"));
    fixture.ingest();
    let away = fixture.dir.path().join("away");
    fs::rename(&fixture.storage.root, &away).unwrap();
    let error = ingest(&fixture.storage, &*fixture.index, &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Root { .. }), "{error}");
    fs::write(&fixture.storage.root, b"a file").unwrap();
    let error = ingest(&fixture.storage, &*fixture.index, &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Root { .. }), "{error}");
    assert_eq!(fixture.answered(), (1, 0));
}

#[test]
fn a_file_renamed_between_listing_and_opening_is_found_again() {
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "旧"));
    let mut listings = 0;
    let report = fixture.ingest_with(&mut |progress| {
        if matches!(progress, Progress::Listed { .. }) {
            listings += 1;
            if listings == 1 {
                fixture.rename(&path("1", FIRST, 1), &path("1", FIRST, 2));
                fixture.write(&path("1", SECOND, 1), &prescription(PATIENT, "新"));
            }
        }
    });
    assert_eq!((listings, report.vanished, report.files), (2, 1, 2));
    assert_eq!(fixture.answered(), (1, 1));
    assert_eq!(fixture.quarantine(), []);
}

#[test]
fn files_that_keep_vanishing_do_not_hold_the_walk() {
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "錠剤"));
    let mut flag = 1;
    let report = ingest(&fixture.storage, &*fixture.index, &mut |progress| {
        if matches!(progress, Progress::Listed { .. }) {
            let next = 3 - flag;
            fixture.rename(&path("1", FIRST, flag), &path("1", FIRST, next));
            flag = next;
        }
    })
    .unwrap();
    assert_eq!((report.vanished, report.documents()), (4, 0));
    // Left in peace, it is found.
    fixture.ingest();
    assert_eq!(fixture.answered(), (1, 0));
    // A folder that vanishes is gone, no error.
    let report = ingest(&fixture.storage, &*fixture.index, &mut |progress| {
        if matches!(progress, Progress::Listed { .. }) {
            let _ = fs::remove_dir_all(fixture.full("000"));
        }
    })
    .unwrap();
    assert_eq!((report.vanished, report.forgotten), (1, 1));
}

#[test]
fn an_interrupted_ingest_is_completed_by_the_next() {
    let fixture = Fixture::new();
    for patient in 0..8u32 {
        let id = format!("{patient:07}");
        for order in 0..100 {
            let date = "20260401";
            let path = format!(
                "000/{}/{id}/{date}/OMP-01/{id}_{date}_OMP-01_{order}_{FIRST}_01_1",
                &id[3..6]
            );
            fixture.write(&path, &prescription(&id, "錠剤"));
        }
    }
    // The process dies in the callback, with whole batches applied and others not.
    let storage = fixture.storage.clone();
    let interrupted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = ingest(&storage, &*fixture.index, &mut |progress| {
            if progress
                == (Progress::Patient {
                    patients: 6,
                    files: 600,
                    quarantined: 0,
                })
            {
                panic!("interrupted");
            }
        });
    }));
    assert!(interrupted.is_err());
    let applied = fixture.index.counters().unwrap().documents();
    assert!(applied > 0 && applied < 800, "{applied}");
    let report = fixture.ingest();
    assert_eq!((report.unchanged, report.changed), (applied, 800 - applied));
    assert_eq!(report.documents(), 800);
}

#[test]
fn an_index_rebuilt_from_the_files_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("index");
    let fixture = Fixture::with(Box::new(SledIndex::open(&at).unwrap()));
    fixture.write(&path("1", FIRST, 2), &prescription(PATIENT, "旧"));
    fixture.write(&path("1", SECOND, 1), &prescription(PATIENT, "新"));
    fixture.write(&path("2", FIRST, 1), b"MS");
    fixture.ingest();
    let before = fixture.find(PATIENT, Statuses::ApprovedAndDeprecated);
    fixture.index.clear().unwrap();
    fixture.ingest();
    assert_eq!(
        fixture.find(PATIENT, Statuses::ApprovedAndDeprecated),
        before
    );
    let Fixture {
        dir,
        storage,
        index,
    } = fixture;
    drop(index);
    SledIndex::move_aside(&at).unwrap();
    let rebuilt = Fixture {
        dir,
        storage,
        index: Box::new(SledIndex::open(&at).unwrap()),
    };
    rebuilt.ingest();
    assert_eq!(
        rebuilt.find(PATIENT, Statuses::ApprovedAndDeprecated),
        before
    );
}

#[test]
fn two_roots_of_one_facility_and_another_facility_keep_apart() {
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "錠剤"));
    let other = SsMix2Storage {
        source_id: "std02".parse().unwrap(),
        ..fixture.storage.clone()
    };
    let second_root = tempfile::tempdir().unwrap();
    let other = SsMix2Storage {
        root: second_root.path().into(),
        ..other
    };
    ingest(&fixture.storage, &*fixture.index, &mut |_| {}).unwrap();
    ingest(&other, &*fixture.index, &mut |_| {}).unwrap();
    assert_eq!(
        fixture.answered(),
        (1, 0),
        "an empty root forgets only its own"
    );
    // Configured for another facility: the same files are read again as its documents.
    let moved = SsMix2Storage {
        facility: "4111234568".parse().unwrap(),
        ..fixture.storage.clone()
    };
    let report = ingest(&moved, &*fixture.index, &mut |_| {}).unwrap();
    assert_eq!((report.changed, fixture.answered()), (1, (0, 0)));
}

#[test]
fn many_readers_come_to_what_one_does() {
    let mut fixture = Fixture::new();
    for patient in 0..70u32 {
        let id = format!("{patient:07}");
        for order in 0..7 {
            let path = format!(
                "000/{}/{id}/20260401/OMP-01/{id}_20260401_OMP-01_{order}_{FIRST}_01_1",
                &id[3..6]
            );
            let bytes = if order == 3 {
                b"MS".to_vec()
            } else {
                prescription(&id, "錠剤")
            };
            fixture.write(&path, &bytes);
        }
    }
    fixture.write("000/stray", b"");
    let records = |index: &dyn DocumentIndex| {
        let source = "std01".parse().unwrap();
        index.files(&source, "", None, 1000).unwrap()
    };
    let one = fixture.ingest();
    let expected = records(&*fixture.index);
    assert_eq!(
        (expected.len(), one.documents(), one.patients),
        (491, 420, 70)
    );
    for readers in [2, 3, 8] {
        fixture.index.clear().unwrap();
        fixture.storage.readers = readers;
        let mut told = 0;
        let many = fixture.ingest_with(&mut |progress| {
            if let Progress::Patient { files, .. } = progress {
                told = files;
            }
        });
        assert_eq!(records(&*fixture.index), expected, "{readers}");
        assert_eq!(told, many.files, "{readers}");
        let timeless = |report: &Report| Report {
            duration_ms: 0,
            ..report.clone()
        };
        assert_eq!(timeless(&many), timeless(&one), "{readers}");
    }
    // What is gone is forgotten, whoever read it.
    fs::remove_dir_all(fixture.full("000/000/0000005")).unwrap();
    assert_eq!(fixture.ingest().forgotten, 7);
}
