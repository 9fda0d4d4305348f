//! What a file's condition flag means among the other versions of its order.
//!
//! An update renames `_1` to `_2` and adds a new `_1`; a deletion renames `_1` and `_2` to `_0` and adds a `_0`. A
//! walk can see any moment in between, and a crashed writer can leave one behind. So the newest version decides: a
//! `_1` older than another version is superseded, and anything older than a deletion is deleted.

use crate::name::ConditionFlag;
use std::collections::BTreeMap;

/// One version of an order, or of a document of extended storage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version<'n> {
    /// オーダNo or 特定キー.
    pub order: &'n str,
    /// 発生日時 as written.
    pub occurred: &'n str,
    /// The flag in its name.
    pub flag: ConditionFlag,
}

/// The flag each version really has; `names` are of one folder, so of one patient, date and kind.
pub(crate) fn effective<'n>(
    names: impl Iterator<Item = Version<'n>> + Clone,
) -> Vec<ConditionFlag> {
    // Per order: newest 発生日時, and of the files of that time the flag furthest in its life.
    let mut newest: BTreeMap<&str, (&str, ConditionFlag)> = BTreeMap::new();
    for name in names.clone() {
        let version = (name.occurred, name.flag);
        let held = newest.entry(name.order).or_insert(version);
        if (version.0, stage(version.1)) > (held.0, stage(held.1)) {
            *held = version;
        }
    }
    names
        .map(|name| {
            let (occurred, flag) = newest
                .get(name.order)
                .copied()
                .unwrap_or((name.occurred, name.flag));
            match (name.flag, flag) {
                (ConditionFlag::Deleted, _) | (_, ConditionFlag::Deleted) => ConditionFlag::Deleted,
                (ConditionFlag::Superseded, _) => ConditionFlag::Superseded,
                (ConditionFlag::Valid, ConditionFlag::Valid) if name.occurred == occurred => {
                    ConditionFlag::Valid
                }
                (ConditionFlag::Valid, _) => ConditionFlag::Superseded,
            }
        })
        .collect()
}

fn stage(flag: ConditionFlag) -> u8 {
    match flag {
        ConditionFlag::Valid => 0,
        ConditionFlag::Superseded => 1,
        ConditionFlag::Deleted => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::StoredName;

    /// Files as `order.time.flag`, expected flags in the same order.
    fn case(files: &str, expected: &str) {
        let names: Vec<StoredName> = files
            .split(' ')
            .map(|file| {
                let parts: Vec<&str> = file.split('.').collect();
                let path = format!(
                    "1/1/1/-/PPR-01/1_-_PPR-01_{}_2024082018250000{}_-_{}",
                    parts[0], parts[1], parts[2]
                );
                StoredName::of_path(&path).unwrap()
            })
            .collect();
        let flags: String = effective(names.iter().map(|name| Version {
            order: &name.order_no,
            occurred: &name.occurred,
            flag: name.flag,
        }))
        .into_iter()
        .map(|flag| match flag {
            ConditionFlag::Deleted => '0',
            ConditionFlag::Valid => '1',
            ConditionFlag::Superseded => '2',
        })
        .collect();
        assert_eq!(flags, expected, "{files}");
    }

    #[test]
    fn the_newest_version_decides() {
        case("a.1.1", "1");
        case("a.1.2 a.2.1", "21");
        case("a.1.0 a.2.0 a.3.0", "000");
        // Written before the rename: two valid ones.
        case("a.1.1 a.2.1", "21");
        // The cancellation written before the rename.
        case("a.1.2 a.2.1 a.3.0", "000");
        // Listed while being renamed: both names of one file.
        case("a.1.1 a.1.2", "22");
        case("a.1.1 a.1.0", "00");
        // Renamed, the new version not yet written.
        case("a.1.2", "2");
        // Ordered again under the same number after a deletion.
        case("a.1.0 a.2.0 a.3.1", "001");
        // Orders are independent.
        case("a.1.1 b.2.0 c.1.2 c.2.1", "1021");
    }
}
