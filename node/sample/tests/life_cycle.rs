//! Updates and deletions as the guideline has them (clinical-formats §1.2): per index key at most one
//! valid file, the latest; superseded files before it; a deleted key holds `_0` files only, the last
//! of them the cancelling message.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use common::{Message, Name, Sample, busy_spec};
use sekisho_sample::{Rates, Vendor};
use std::collections::BTreeMap;

/// MSH-9 events that cancel.
const CANCELS: &[&str] = &[
    "ADT^A23", "ADT^A55", "ADT^A27", "ADT^A11", "ADT^A52", "ADT^A53", "ADT^A26", "ADT^A12",
    "ADT^A25", "ADT^A13",
];

/// Facility and index key.
type Key = (usize, [String; 4]);

fn cancels(message: &Message) -> bool {
    let orders: Vec<&str> = message.all("ORC").map(|o| o[1].as_str()).collect();
    CANCELS.contains(&message.event().as_str())
        || !orders.is_empty() && orders.iter().all(|o| *o == "CA")
}

#[test]
fn keys_live_and_die_by_the_rules() {
    let sample = Sample::of(|dir| {
        let mut spec = busy_spec(dir);
        spec.rates.delete_permille = 400;
        spec.patients_per_facility = 14;
        spec
    });
    let mut keys: BTreeMap<Key, Vec<(Name, Message)>> = BTreeMap::new();
    for (n, name, bytes) in sample.valid() {
        let message = Message::read(bytes);
        keys.entry((n, name.key()))
            .or_default()
            .push((name, message));
    }
    let (mut updated, mut deleted, mut deleted_after_update) = (0, 0, 0);
    let mut cancelled_kinds = BTreeMap::new();
    for ((_, key), mut versions) in keys {
        versions.sort_by(|a, b| a.0.occurred.cmp(&b.0.occurred));
        assert!(
            versions
                .windows(2)
                .all(|w| w[0].0.occurred < w[1].0.occurred),
            "{key:?}"
        );
        let flags: String = versions.iter().map(|(name, _)| name.flag).collect();
        let cancelling: Vec<bool> = versions
            .iter()
            .map(|(_, message)| cancels(message))
            .collect();
        if flags.contains('0') {
            assert!(
                flags.len() >= 2 && flags.chars().all(|f| f == '0'),
                "{key:?} {flags}"
            );
            let (last, before) = cancelling.split_last().expect("not empty");
            assert!(*last && before.iter().all(|c| !c), "{key:?}");
            deleted += 1;
            deleted_after_update += usize::from(flags.len() > 2);
            *cancelled_kinds.entry(key[2].clone()).or_insert(0) += 1;
        } else {
            let (before, last) = flags.split_at(flags.len() - 1);
            assert!(
                last == "1" && before.chars().all(|f| f == '2'),
                "{key:?} {flags}"
            );
            assert!(cancelling.iter().all(|c| !c), "{key:?}");
            updated += usize::from(!before.is_empty());
        }
        // One order number, one message: what ORC-2 says is what the name says.
        for (name, message) in &versions {
            let orders: Vec<&str> = message.all("ORC").map(|o| o[2].as_str()).collect();
            assert!(
                orders.is_empty() || orders.contains(&name.order.as_str()),
                "{key:?}"
            );
        }
    }
    assert!(
        updated > 100 && deleted > 100 && deleted_after_update > 10,
        "{updated} {deleted} {deleted_after_update}"
    );
    for kind in [
        "ADT-01", "ADT-21", "ADT-22", "ADT-31", "ADT-32", "ADT-41", "ADT-42", "ADT-51", "ADT-52",
        "OMD", "OMP-01", "OMP-02", "OML-01", "OMG-01", "OMG-02", "OMG-03", "PPR-01",
    ] {
        assert!(
            cancelled_kinds.contains_key(kind),
            "no {kind} was cancelled"
        );
    }
}

#[test]
fn meals_come_out_in_one_batch_where_the_maker_does_so() {
    let sample = Sample::of(|dir| {
        let mut spec = busy_spec(dir);
        spec.rates = Rates {
            stay_permille: 1000,
            ..Rates::default()
        };
        spec
    });
    let mut meals: BTreeMap<(usize, String), Vec<Name>> = BTreeMap::new();
    for (n, name, _) in sample
        .valid()
        .filter(|(_, m, _)| m.kind == "OMD" && m.flag == '1')
    {
        meals
            .entry((n, name.local_id.clone()))
            .or_default()
            .push(name);
    }
    let mut batches = 0;
    for ((n, _), names) in meals {
        let vendor = sample.spec.facilities[n].vendor;
        if matches!(vendor, Vendor::Chidori | Vendor::Fuyo) {
            assert!(
                names.iter().all(|m| m.occurred[..8] > m.care_day[..]),
                "{names:?}"
            );
            batches += usize::from(names.len() > 1);
        }
    }
    assert!(batches > 3, "{batches}");
}
