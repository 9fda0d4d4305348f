use super::*;
use crate::common::COMMON_MAX;
use crate::contract_test::{entry, put};
use crate::layout::file_key;
use crate::{Change, Part, QuarantineReason, SeenPatients};
use proptest::prelude::*;
use sekisho_domain::Category;

fn any_code() -> impl Strategy<Value = Code> {
    let long = prop_oneof![9 => ".{0,12}", 1 => "[a-z]{2100}"];
    (".{0,8}", ".{0,8}", long, ".{0,8}")
        .prop_map(|(code, system, ja, en)| Code::new(code, system, ja, en))
}

fn any_document() -> impl Strategy<Value = FileRecord> {
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    let codes = (
        any_code(),
        any_code(),
        any_code(),
        prop::option::of(any_code()),
    );
    let texts = (".{0,8}", ".{0,8}", ".{0,8}", ".{0,8}");
    let file = ("[^\0]{1,40}", any::<bool>(), any::<i64>(), any::<u16>());
    (numbers, codes, texts, file, 0..9u8, any::<[u8; 32]>()).prop_map(
        |(
            (creation, start, stop, size),
            codes,
            texts,
            (path, is_part, modified_ns, reader),
            n,
            hash,
        )| {
            let mut entry = entry(n, "4100-1", start, "1", "-");
            (entry.creation, entry.service_stop) = (TimeMs(creation), TimeMs(stop));
            let practice_setting;
            let kind = Arc::make_mut(&mut entry.kind);
            (
                kind.class_code,
                kind.type_code,
                kind.format_code,
                practice_setting,
            ) = codes;
            (kind.data_kind, kind.mime_type, kind.language, kind.title.ja) = texts;
            kind.category = Category::ALL[usize::from(n) % Category::ALL.len()];
            entry.practice_setting = practice_setting.map(Arc::new);
            (entry.size_bytes, entry.hash) = (size, Hash(hash));
            entry.status = [Availability::Approved, Availability::Deprecated][usize::from(n % 2)];
            entry.location.path = path;
            if is_part {
                let part = Part {
                    offset_bytes: 256,
                    size_bytes: 1 + size / 2,
                    head_bytes: 0,
                };
                entry.location = entry.location.part(part).unwrap();
            }
            let Change::Put(mut record) = put(entry) else {
                unreachable!()
            };
            record.fingerprint = Fingerprint {
                size_bytes: size,
                modified_ns,
                reader,
            };
            record
        },
    )
}

fn any_record() -> impl Strategy<Value = FileRecord> {
    (any_document(), 0..5u8).prop_map(|(mut record, what)| {
        let quarantined = FileOutcome::Quarantined {
            reason: QuarantineReason::NotHl7,
            patients: SeenPatients::default(),
        };
        match what {
            0 => record.outcome = quarantined,
            1 => {
                record.outcome = FileOutcome::Deleted {
                    data_kind: "OMP-01".to_owned(),
                }
            }
            2 => {
                record.outcome = FileOutcome::Divided {
                    members: Vec::new(),
                }
            }
            _ => {}
        }
        record
    })
}

proptest! {
    /// Rows of records are these records, as long as there is room for what they have alike and after that.
    #[test]
    fn a_row_is_its_record(records in prop::collection::vec(any_record(), 1..8), room in 0..6usize) {
        let mut common = Common::default();
        for n in room..COMMON_MAX {
            common.alike(&n).unwrap();
        }
        let mut rows = Vec::new();
        for (number, record) in (7..).zip(&records) {
            rows.push(FileRow::encode(number, record.clone(), &mut common).unwrap());
        }
        // As it is read back after a restart.
        let mut reopened = Common::default();
        for (key, value) in common.added_to(&Common::default()).unwrap() {
            reopened.take_up(&key, &value).unwrap();
        }
        for ((number, record), row) in (7..).zip(records).zip(rows) {
            let row = FileRow::decode(&row).unwrap();
            prop_assert_eq!(row.number, number);
            prop_assert_eq!(row.record(&file_key(&record.location), &reopened).unwrap(), record);
        }
    }
}

fn row_of(common: &mut Common, title: &str) -> FileRow {
    let mut entry = entry(1, "10", 100, "a", "10/a");
    Arc::make_mut(&mut entry.kind).title.ja = title.to_owned();
    let Change::Put(record) = put(entry) else {
        unreachable!()
    };
    FileRow::decode(&FileRow::encode(1, record, common).unwrap()).unwrap()
}

#[test]
fn what_is_alike_is_kept_once_and_only_so_much_of_it() {
    let mut common = Common::default();
    let first: Vec<u32> = row_of(&mut common, "title").kept().collect();
    assert_eq!(first, [0, 1]);
    assert_eq!(
        row_of(&mut common, "title").kept().collect::<Vec<_>>(),
        first
    );
    let long = "t".repeat(crate::common::COMMON_BYTES_MAX);
    assert_eq!(
        row_of(&mut common, &long).kept().collect::<Vec<_>>(),
        [1],
        "too long"
    );
    for n in 0..COMMON_MAX {
        row_of(&mut common, &n.to_string());
    }
    let kept = common.added_to(&Common::default()).unwrap().len();
    assert_eq!(kept, COMMON_MAX);
    assert_eq!(
        row_of(&mut common, "other").kept().collect::<Vec<_>>(),
        [1],
        "too many"
    );
}

#[test]
fn a_part_that_is_not_there_is_an_error() {
    let mut common = Common::default();
    let row = row_of(&mut common, "title");
    let read = row.record(b"std01\x0010/a", &Common::default());
    assert!(matches!(read, Err(Error::Corrupt { .. })), "{read:?}");
}
