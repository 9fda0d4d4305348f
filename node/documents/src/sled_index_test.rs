//! What is particular to the index on disk; the rest is in `contract_test.rs`.

use super::*;
use crate::contract_test::{entry, put};

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
        let error = SledIndex::open(&path)
            .err()
            .unwrap_or_else(|| panic!("{case}: opened"));
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
    let key = tagged(b'f', &file_key(&document.location));
    for value in [&[][..], &[FORMAT_VERSION], &[9, 9, 9]] {
        index.write().db().unwrap().insert(&key, value).unwrap();
        assert!(
            matches!(index.find(&one_query()), Err(Error::Corrupt { .. })),
            "{value:?}"
        );
        assert!(
            matches!(index.get(&document.unique_id), Err(Error::Corrupt { .. })),
            "{value:?}"
        );
    }
    index.read().db().unwrap().remove(&key).unwrap();
    assert!(matches!(
        index.get(&document.unique_id),
        Err(Error::Corrupt { .. })
    ));
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
    let Change::Put(mut record) = put(entry(1, "10", 100, "a", "10/a")) else {
        unreachable!()
    };
    let FileOutcome::Document(document) = &record.outcome else {
        unreachable!()
    };
    let keys: Vec<String> = references(&record, &file_key(&record.location))
        .iter()
        .map(hex::encode)
        .collect();
    let mut golden = vec![
        hex::encode(encode(&record).unwrap()),
        document.unique_id.to_string(),
    ];
    golden.extend(keys);
    record.outcome = FileOutcome::Quarantined {
        reason: crate::QuarantineReason::Unreadable,
        patients: crate::SeenPatients {
            file_name: Some(crate::OperatorText::new("1")),
            ..Default::default()
        },
    };
    golden.push(hex::encode(encode(&record).unwrap()));
    let part = crate::Part {
        offset_bytes: 256,
        size_bytes: 5,
        head_bytes: 3,
    };
    record.location = record.location.part(part).unwrap();
    record.outcome = FileOutcome::Divided {
        members: vec![crate::Member {
            part,
            series: [9; 16],
            version: 300,
            ends: true,
        }],
    };
    golden.push(hex::encode(encode(&record).unwrap()));
    golden.push(hex::encode(file_key(&record.location)));
    assert_eq!(
        golden.join("\n"),
        include_str!("sled_index.golden").trim_end()
    );
}
