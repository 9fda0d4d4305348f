//! A population is what its specification says, and says the truth about itself.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn a_seed_decides_everything_and_every_class_occurs() {
    let spec = PopulationSpec::new(7, 4_000);
    let records = population(&spec);
    assert_eq!(records, population(&spec));
    assert_ne!(records, population(&PopulationSpec::new(8, 4_000)));
    let persons: BTreeSet<u32> = records.iter().map(|r| r.person).collect();
    assert_eq!(persons.len(), 4_000);
    let mut seen: BTreeMap<ErrorClass, usize> = BTreeMap::new();
    for record in &records {
        for class in &record.classes {
            *seen.entry(*class).or_default() += 1;
        }
    }
    for class in ErrorClass::ALL {
        assert!(
            seen.get(&class).is_some_and(|n| *n >= 5),
            "{class:?}: {seen:?}"
        );
        let json = serde_json::to_value(class).ok();
        assert_eq!(json.as_ref().and_then(|v| v.as_str()), Some(class.name()));
    }
    let places: BTreeSet<(u32, u32)> = records.iter().map(|r| (r.person, r.place)).collect();
    assert_eq!(places.len(), records.len(), "a person once at a place");
}

#[test]
fn twins_share_all_but_the_name_and_never_the_name() {
    let records = population(&PopulationSpec::new(3, 4_000));
    let mut houses: BTreeMap<u32, Vec<&Record>> = BTreeMap::new();
    for record in &records {
        houses.entry(record.household).or_default().push(record);
    }
    let mut pairs = 0;
    for house in houses.values() {
        for (n, a) in house.iter().enumerate() {
            for b in house.iter().skip(n + 1).filter(|b| b.person != a.person) {
                let same = |x: &str, y: &str| !x.is_empty() && x == y;
                assert!(!same(&a.written.kana.1, &b.written.kana.1) || a.classes != b.classes);
                pairs += usize::from(
                    a.classes.contains(&ErrorClass::Twin) && a.written.birth == b.written.birth,
                );
            }
        }
    }
    assert!(pairs > 20, "{pairs}");
}

#[test]
fn bounds_are_kept() {
    let few = population(&PopulationSpec {
        places: 0,
        ..PopulationSpec::new(1, 50)
    });
    assert!(few.iter().all(|r| r.place == 0));
    assert!(population(&PopulationSpec::new(1, 0)).is_empty());
}
