//! [`SledIndex`] against [`MemoryIndex`] under generated changes.

use crate::contract_test::*;
use crate::*;
use proptest::prelude::*;

fn any_change() -> impl Strategy<Value = Change> {
    let path = prop_oneof![Just("a"), Just("a/1"), Just("b"), Just("c")];
    (path, 0..8u8, 0..3u64, 0..2u8, any::<bool>()).prop_map(
        |(path, what, start, order, deprecated)| match what {
            0 => Change::Forget(location("std01", path)),
            1 => quarantine(path, QuarantineReason::NotHl7),
            6 | 7 => {
                let mut entry = entry(1, "10", start, &order.to_string(), path);
                let part = Part {
                    offset_bytes: start,
                    size_bytes: 1,
                    head_bytes: 0,
                };
                entry.location = entry.location.part(part).unwrap();
                if what == 6 {
                    put(entry)
                } else {
                    Change::Forget(entry.location)
                }
            }
            2 => put_as(
                location("std01", path),
                FileOutcome::Deleted {
                    data_kind: "OMP-01".into(),
                },
            ),
            _ => {
                let mut entry = entry(1, "10", start, &order.to_string(), path);
                if deprecated {
                    entry.status = Availability::Deprecated;
                }
                put(entry)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever is applied, both answer the same, and a reopened index answers what it answered before.
    #[test]
    fn sled_and_memory_agree(batches in prop::collection::vec(prop::collection::vec(any_change(), 0..8), 1..6)) {
        let dir = tempfile::tempdir().unwrap();
        let memory = MemoryIndex::default();
        let mut sled = SledIndex::open(dir.path()).unwrap();
        for batch in &batches {
            memory.apply(batch).unwrap();
            sled.apply(batch).unwrap();
        }
        for reopened in [false, true] {
            if reopened {
                sled.flush().unwrap();
                drop(sled);
                sled = SledIndex::open(dir.path()).unwrap();
            }
            for limit in [1, 2, 10] {
                let mut query = Query { statuses: Statuses::ApprovedAndDeprecated, limit, ..of(1, "10") };
                loop {
                    let page = sled.find(&query).unwrap();
                    prop_assert_eq!(&page, &memory.find(&query).unwrap());
                    for entry in &page.entries {
                        prop_assert_eq!(sled.get(&entry.unique_id).unwrap(), memory.get(&entry.unique_id).unwrap());
                    }
                    match page.next {
                        Some(next) => query.after = Some(next),
                        None => break,
                    }
                }
            }
            prop_assert_eq!(sled.counters().unwrap(), memory.counters().unwrap());
            prop_assert_eq!(sled.quarantined(None, 10).unwrap(), memory.quarantined(None, 10).unwrap());
            let source: SourceId = "std01".parse().unwrap();
            let file = location("std01", "a");
            prop_assert_eq!(sled.parts(&file, None, 10).unwrap(), memory.parts(&file, None, 10).unwrap());
            prop_assert_eq!(sled.files(&source, "", None, 10).unwrap(), memory.files(&source, "", None, 10).unwrap());
        }
    }
}
