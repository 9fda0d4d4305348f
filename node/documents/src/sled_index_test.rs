//! What is particular to the index on disk; the rest is in `contract_test.rs`.

use super::*;
use crate::contract_test::{entry, location, put, put_as};

fn one_query() -> Query {
    let e = entry(1, "10", 100, "a", "10/a");
    Query::of(Patient {
        facility: e.facility,
        local_patient_id: e.local_patient_id,
    })
}

#[test]
fn keeps_what_was_flushed_and_its_counters() {
    let dir = tempfile::tempdir().unwrap();
    let index = SledIndex::open(dir.path()).unwrap();
    index
        .apply(&[put(entry(1, "10", 100, "a", "10/a"))])
        .unwrap();
    index.flush().unwrap();
    drop(index);
    let index = SledIndex::open(dir.path()).unwrap();
    assert_eq!(index.find(&one_query()).unwrap().entries.len(), 1);
    assert_eq!(index.counters().unwrap().documents(), 1);
}

#[test]
fn another_format_is_reported_and_can_be_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    let index = SledIndex::open(&path).unwrap();
    index
        .apply(&[put(entry(1, "10", 100, "a", "10/a"))])
        .unwrap();
    index
        .write()
        .db()
        .unwrap()
        .insert(FORMAT_KEY, &[FORMAT_VERSION + 1])
        .unwrap();
    index.flush().unwrap();
    drop(index);
    let error = SledIndex::open(&path).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Format {
                found,
                supported: FORMAT_VERSION,
                ..
            } if found == FORMAT_VERSION + 1
        ),
        "{error}"
    );
    assert!(error.to_string().contains("rebuild"), "{error}");

    let aside = SledIndex::move_aside(&path).unwrap().unwrap();
    assert!(aside.join("db").exists());
    let index = SledIndex::open(&path).unwrap();
    assert_eq!(index.counters().unwrap(), Counters::default());
    drop(index);
    // A second time replaces what was moved aside before.
    assert_eq!(SledIndex::move_aside(&path).unwrap(), Some(aside));
    assert_eq!(SledIndex::move_aside(&path).unwrap(), None);
}

#[test]
fn a_damaged_index_is_reported_and_can_be_rebuilt() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 4] = [
        ("cut to nothing", |bytes| bytes.clear()),
        ("zeroed", |bytes| bytes.fill(0)),
        ("scribbled over", |bytes| {
            bytes
                .iter_mut()
                .zip(0u32..)
                .for_each(|(b, n)| *b = (n * 37) as u8)
        }),
        ("its beginning lost", |bytes| bytes[..4096].fill(0xff)),
    ];
    for (case, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        let index = SledIndex::open(&path).unwrap();
        for n in 0..200 {
            index
                .apply(&[put(entry(1, "10", n, "a", &format!("10/{n}")))])
                .unwrap();
        }
        index.flush().unwrap();
        drop(index);
        let mut bytes = std::fs::read(path.join("db")).unwrap();
        damage(&mut bytes);
        std::fs::write(path.join("db"), bytes).unwrap();
        let error = match SledIndex::open(&path) {
            Err(error) => error,
            // Damage to what is not in use any more does no harm.
            Ok(index) => {
                let page = index.find(&one_query()).unwrap();
                assert_eq!(page.entries.len(), 200, "{case}");
                for entry in page.entries {
                    assert_eq!(index.get(&entry.unique_id).unwrap(), Some(entry), "{case}");
                }
                continue;
            }
        };
        assert!(
            matches!(error, Error::Unopenable { .. } | Error::Corrupt { .. }),
            "{case}: {error}"
        );
        assert!(error.to_string().contains("rebuild"), "{case}: {error}");
        SledIndex::move_aside(&path).unwrap().unwrap();
        assert_eq!(
            SledIndex::open(&path).unwrap().counters().unwrap(),
            Counters::default(),
            "{case}"
        );
    }
}

#[test]
fn an_unreadable_value_is_an_error_and_not_an_absent_document() {
    let dir = tempfile::tempdir().unwrap();
    let index = SledIndex::open(dir.path()).unwrap();
    let document = entry(1, "10", 100, "a", "10/a");
    index.apply(&[put(document.clone())]).unwrap();
    index.read().db().unwrap().flush().unwrap();
    // The first block of a tag begins at the tag itself.
    for tag in *b"fn" {
        let block = index.read().db().unwrap().get([tag]).unwrap().unwrap();
        for value in [
            &[][..],
            &[FORMAT_VERSION, 1],
            &[9, 9, 9],
            &block[..block.len() - 1],
        ] {
            index.write().db().unwrap().insert([tag], value).unwrap();
            assert!(
                matches!(index.find(&one_query()), Err(Error::Corrupt { .. })),
                "{value:?}"
            );
            assert!(
                matches!(index.get(&document.unique_id), Err(Error::Corrupt { .. })),
                "{value:?}"
            );
        }
        index.read().db().unwrap().remove([tag]).unwrap();
        assert!(matches!(
            index.get(&document.unique_id),
            Err(Error::Corrupt { .. })
        ));
        index.write().db().unwrap().insert([tag], block).unwrap();
        assert_eq!(
            index.get(&document.unique_id).unwrap(),
            Some(document.clone())
        );
    }
}

#[test]
fn what_records_have_alike_survives_and_goes_with_the_last_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut index = SledIndex::open(dir.path()).unwrap();
    let of_department = |n: u64, code: &str| {
        let mut entry = entry(1, "10", n, "a", &format!("10/{n}"));
        entry.practice_setting = Some(crate::Code::new(code, "urn:x", "", "").into());
        entry
    };
    // The second batch uses the first's parts, and one of its own.
    for (n, code) in [(1, "01"), (2, "01"), (2, "02"), (3, "03")] {
        index.apply(&[put(of_department(n, code))]).unwrap();
    }
    let departments = |index: &SledIndex| index.read().common.clone().kept();
    for _ in 0..2 {
        let found = index.find(&one_query()).unwrap().entries;
        let expected = [(3, "03"), (2, "02"), (1, "01")].map(|(n, code)| of_department(n, code));
        assert_eq!(found, expected);
        assert_eq!(departments(&index), 4, "a kind and three departments");
        index.flush().unwrap();
        drop(index);
        index = SledIndex::open(dir.path()).unwrap();
    }
    let gone = of_department(2, "02").location;
    index.apply(&[Change::Forget(gone)]).unwrap();
    assert_eq!(departments(&index), 4);
    index.compact().unwrap();
    assert_eq!(departments(&index), 3);
    // Its number may be another's now.
    index.apply(&[put(of_department(4, "04"))]).unwrap();
    let found = index.find(&one_query()).unwrap().entries;
    assert_eq!(
        found,
        [(4, "04"), (3, "03"), (1, "01")].map(|(n, code)| of_department(n, code))
    );
    index.clear().unwrap();
    assert_eq!(departments(&index), 0);
}

#[test]
fn a_file_keeps_its_number_and_a_forgotten_one_leaves_no_row() {
    let dir = tempfile::tempdir().unwrap();
    let index = SledIndex::open(dir.path()).unwrap();
    let rows = |index: &SledIndex| {
        let held = index.read();
        let rows = crate::layout::PACKED_TAGS.into_iter().flat_map(|tag| {
            let rows = packed::range(held.db().unwrap(), vec![tag]..vec![tag + 1]).unwrap();
            rows.map(|row| row.unwrap().0).collect::<Vec<_>>()
        });
        rows.collect::<Vec<_>>()
    };
    for n in 0..3 {
        index
            .apply(&[put(entry(1, "10", n, "a", &format!("10/{n}")))])
            .unwrap();
    }
    let before = rows(&index);
    assert_eq!(before.len(), 3 * 4);
    let mut superseded = entry(1, "10", 1, "a", "10/1");
    superseded.status = crate::Availability::Deprecated;
    index.apply(&[put(superseded)]).unwrap();
    assert_eq!(rows(&index), before);
    for n in 0..3 {
        index
            .apply(&[Change::Forget(
                entry(1, "10", n, "a", &format!("10/{n}")).location,
            )])
            .unwrap();
    }
    assert_eq!(rows(&index), Vec::<Vec<u8>>::new());
}

#[test]
fn an_index_in_use_is_neither_opened_nor_moved() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    let held = SledIndex::open(&path).unwrap();
    assert!(matches!(SledIndex::open(&path), Err(Error::InUse { .. })));
    assert!(matches!(
        SledIndex::move_aside(&path),
        Err(Error::InUse { .. })
    ));
    drop(held);
}

#[test]
fn a_folder_that_is_no_index_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("chart.txt"), b"x").unwrap();
    assert!(matches!(
        SledIndex::move_aside(dir.path()),
        Err(Error::NotAnIndex { .. })
    ));
    assert!(dir.path().join("chart.txt").exists());
}

/// The stored form. If this fails, the stored form has changed: raise [`FORMAT_VERSION`], then update it.
#[test]
fn stored_form_is_golden() {
    let dir = tempfile::tempdir().unwrap();
    let index = SledIndex::open(dir.path()).unwrap();
    let documents =
        [("10/a", 100), ("10/ab", 50)].map(|(path, start)| put(entry(1, "10", start, "a", path)));
    index.apply(&documents).unwrap();
    let patients = crate::SeenPatients {
        file_name: Some(crate::OperatorText::new("1")),
        ..Default::default()
    };
    let reason = crate::QuarantineReason::Unreadable;
    let quarantined = FileOutcome::Quarantined { reason, patients };
    let part = Part {
        offset_bytes: 256,
        size_bytes: 5,
        head_bytes: 3,
    };
    let divided = FileOutcome::Divided {
        members: vec![crate::Member {
            part,
            series: [9; 16],
            version: 300,
            ends: true,
        }],
    };
    let file = location("std01", "10/b");
    let mut document = entry(1, "10", 100, "b", "10/b");
    document.location = file.part(part).unwrap();
    let changes = [
        put(document),
        put_as(file, divided),
        put_as(location("std01", "10/c"), quarantined),
    ];
    index.apply(&changes).unwrap();
    let held = index.read();
    let rows = held.db().unwrap().iter().map(|row| {
        let (key, value) = row.unwrap();
        format!("{} {}", hex::encode(key), hex::encode(value))
    });
    let rows: Vec<String> = rows.collect();
    assert_eq!(
        rows.join("\n"),
        include_str!("sled_index.golden").trim_end()
    );
}
