//! The stored indexes against [`MemoryIndex`] under generated changes.

use crate::contract_test::*;
use crate::*;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

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

fn batches() -> impl Strategy<Value = Vec<Vec<Change>>> {
    prop::collection::vec(prop::collection::vec(any_change(), 0..8), 1..6)
}

/// Both answer the same, whatever is asked.
fn agree(index: &dyn DocumentIndex, memory: &MemoryIndex) -> Result<(), TestCaseError> {
    for limit in [1, 2, 10] {
        let mut query = Query {
            statuses: Statuses::ApprovedAndDeprecated,
            limit,
            ..of(1, "10")
        };
        loop {
            let page = index.find(&query).unwrap();
            prop_assert_eq!(&page, &memory.find(&query).unwrap());
            for entry in &page.entries {
                let (one, other) = (index.get(&entry.unique_id), memory.get(&entry.unique_id));
                prop_assert_eq!(one.unwrap(), other.unwrap());
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
    }
    prop_assert_eq!(index.counters().unwrap(), memory.counters().unwrap());
    let source: SourceId = "std01".parse().unwrap();
    let file = location("std01", "a");
    prop_assert_eq!(
        index.quarantined(None, 10).unwrap(),
        memory.quarantined(None, 10).unwrap()
    );
    prop_assert_eq!(
        index.parts(&file, None, 10).unwrap(),
        memory.parts(&file, None, 10).unwrap()
    );
    prop_assert_eq!(
        index.files(&source, "", None, 10).unwrap(),
        memory.files(&source, "", None, 10).unwrap()
    );
    prop_assert_eq!(
        index.records(None, 20).unwrap(),
        memory.records(None, 20).unwrap()
    );
    Ok(())
}

/// An emptied index agrees with one in memory after generated batches.
pub fn agrees_with_memory(index: &dyn DocumentIndex, cases: u32) {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(cases));
    let ran = runner.run(&batches(), |batches| {
        index.clear().unwrap();
        let memory = MemoryIndex::default();
        for batch in &batches {
            memory.apply(batch).unwrap();
            index.apply(batch).unwrap();
        }
        agree(index, &memory)
    });
    ran.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever is applied, both answer the same, and a reopened index answers what it answered before.
    #[test]
    fn sled_and_memory_agree(batches in batches()) {
        let dir = tempfile::tempdir().unwrap();
        let memory = MemoryIndex::default();
        let mut sled = SledIndex::open(dir.path()).unwrap();
        for batch in &batches {
            memory.apply(batch).unwrap();
            sled.apply(batch).unwrap();
        }
        agree(&sled, &memory)?;
        sled.flush().unwrap();
        drop(sled);
        sled = SledIndex::open(dir.path()).unwrap();
        agree(&sled, &memory)?;
    }
}
