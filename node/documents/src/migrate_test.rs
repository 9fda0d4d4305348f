//! Copies that are cut off, fall behind, or are not the same.

use super::*;
use crate::contract_test::{entry, location, put, quarantine};
use crate::{MemoryIndex, QuarantineReason, SledIndex};
use std::sync::Arc;

fn filled(documents: u64) -> MemoryIndex {
    let index = MemoryIndex::default();
    let changes: Vec<Change> = (0..documents)
        .map(|n| {
            put(entry(
                1,
                &(n % 7).to_string(),
                n,
                &n.to_string(),
                &format!("{n:05}"),
            ))
        })
        .collect();
    for batch in changes.chunks(BATCH_CHANGES_MAX) {
        index.apply(batch).unwrap();
    }
    index
        .apply(&[quarantine("q", QuarantineReason::TooShort)])
        .unwrap();
    index
}

#[test]
fn a_copy_goes_on_where_it_was_and_follows_its_origin() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (filled(3000), SledIndex::open(dir.path()).unwrap());
    let copied = copy(&from, &to, &mut |_| {}).unwrap();
    assert_eq!((copied.same, copied.written, copied.removed), (0, 3001, 0));
    let whole = summary(&from, &mut |_| {}).unwrap();
    assert_eq!(summary(&to, &mut |_| {}).unwrap(), whole);
    assert_eq!(whole.records, 3001);

    // As if it had been cut off, and its origin written to.
    let lost: Vec<Change> = (1000..1500)
        .map(|n| Change::Forget(location("std01", &format!("{n:05}"))))
        .collect();
    to.apply(&lost).unwrap();
    from.apply(&[Change::Forget(location("std01", "00007"))])
        .unwrap();
    from.apply(&[quarantine("00008", QuarantineReason::NotHl7)])
        .unwrap();
    let mut told = Vec::new();
    let copied = copy(&from, &to, &mut |step| told.push(step)).unwrap();
    assert_eq!(
        (copied.same, copied.written, copied.removed),
        (2499, 501, 1)
    );
    assert_eq!(
        told.last(),
        Some(&Step::Copied {
            entries: 3000,
            newly: 501
        })
    );
    assert_eq!(
        summary(&to, &mut |_| {}).unwrap(),
        summary(&from, &mut |_| {}).unwrap()
    );
    assert_eq!(copy(&from, &to, &mut |_| {}).unwrap().same, 3000);
}

#[test]
fn what_is_not_the_same_has_another_summary() {
    let one = summary(&filled(20), &mut |_| {}).unwrap();
    let other = filled(20);
    let mut changed = entry(1, "3", 3, "3", "00003");
    Arc::make_mut(&mut changed.kind).title.ja.push('。');
    other.apply(&[put(changed)]).unwrap();
    let other = summary(&other, &mut |_| {}).unwrap();
    assert_eq!(one.counters, other.counters);
    assert_ne!(one.digest, other.digest);
}

#[test]
fn contents_that_are_not_what_the_index_says_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let files = Contents::new([("std01".parse().unwrap(), dir.path().to_owned())]);
    let index = MemoryIndex::default();
    for (name, bytes) in [("a", b"one"), ("b", b"two"), ("c", b"two")] {
        std::fs::write(dir.path().join(name), bytes).unwrap();
        let mut entry = entry(1, "10", 1, name, name);
        (entry.hash, entry.size_bytes) = (Hash(Sha256::digest(bytes).into()), 3);
        index.apply(&[put(entry)]).unwrap();
    }
    let checked = check(&index, &files, &mut |_| {}).unwrap();
    assert_eq!(
        (checked.there, checked.bytes, checked.wrong_total()),
        (3, 9, 0)
    );
    std::fs::write(dir.path().join("b"), b"TWO").unwrap();
    std::fs::remove_file(dir.path().join("c")).unwrap();
    let checked = check(&index, &files, &mut |_| {}).unwrap();
    let wrong: Vec<_> = checked
        .wrong
        .iter()
        .map(|(why, n)| (why.as_str(), *n))
        .collect();
    assert_eq!(wrong, [("changed", 1), ("vanished", 1)]);
    let away = Contents::new([("std01".parse().unwrap(), dir.path().join("away"))]);
    assert!(matches!(
        check(&index, &away, &mut |_| {}),
        Err(Error::Unstored(_))
    ));
}
