use super::*;
use proptest::prelude::*;
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};
use std::collections::BTreeMap;

const ROWS: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("rows");

type Changed = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A database whose rows were put in these steps, each a transaction.
struct Disk {
    database: Database,
    _dir: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::create(dir.path().join("rows.redb")).unwrap();
        Self {
            database,
            _dir: dir,
        }
    }

    fn put(&self, changed: &Changed, packed: bool) {
        let txn = self.database.begin_write().unwrap();
        let mut rows = txn.open_table(ROWS).unwrap();
        let changed = changed.iter().map(|(k, v)| (k.as_slice(), v.as_deref()));
        if packed {
            put(&mut rows, changed).unwrap();
        } else {
            for (key, value) in changed {
                match value {
                    Some(value) => drop(rows.insert(key, value).unwrap()),
                    None => drop(rows.remove(key).unwrap()),
                }
            }
        }
        drop(rows);
        txn.commit().unwrap();
    }

    fn rows(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let txn = self.database.begin_read().unwrap();
        let rows = txn.open_table(ROWS).unwrap();
        let rows = rows.range::<&[u8]>(..).unwrap().map(|row| {
            let (key, value) = row.unwrap();
            (key.value().to_vec(), value.value().to_vec())
        });
        rows.collect()
    }

    fn leaf_pages(&self) -> u64 {
        let txn = self.database.begin_read().unwrap();
        txn.open_table(ROWS).unwrap().stats().unwrap().leaf_pages()
    }
}

/// Rows of a table from a number on.
fn numbered(table: u8, numbers: std::ops::Range<u32>, value: u8) -> Changed {
    let key = |n: u32| [&[table], n.to_be_bytes().as_slice()].concat();
    numbers
        .map(|n| (key(n), Some(vec![value; 30 + (n % 300) as usize])))
        .collect()
}

/// What is changed in one step: runs, rows anywhere, and rows that go.
fn steps() -> impl Strategy<Value = Vec<Changed>> {
    let run = (0..3u8, 0..400u32, 0..200u32, any::<u8>())
        .prop_map(|(table, from, count, value)| numbered(table, from..from + count, value));
    let single = (0..4u8, 0..700u32, prop::option::of(any::<u8>()));
    let singles = prop::collection::vec(single, 0..60).prop_map(|singles| {
        let mut changed = Changed::new();
        for (table, n, value) in singles {
            let row = numbered(table, n..n + 1, value.unwrap_or_default());
            changed.extend(row.into_iter().map(|(k, v)| (k, value.and(v))));
        }
        changed
    });
    let step = (prop::collection::vec(run, 0..4), singles).prop_map(|(runs, singles)| {
        let mut changed: Changed = runs.into_iter().flatten().collect();
        changed.extend(singles);
        changed
    });
    prop::collection::vec(step, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_put_in_runs_is_what_was_put(steps in steps()) {
        let disk = Disk::new();
        let mut model = BTreeMap::new();
        for changed in &steps {
            disk.put(changed, true);
            for (key, value) in changed {
                match value {
                    Some(value) => drop(model.insert(key.clone(), value.clone())),
                    None => drop(model.remove(key)),
                }
            }
            prop_assert_eq!(&disk.rows(), &model);
        }
    }
}

#[test]
fn runs_fill_their_pages() {
    let (packed, single) = (Disk::new(), Disk::new());
    for disk in [&packed, &single] {
        // Other rows stand behind, as tables do.
        disk.put(&numbered(9, 0..1_000, 1), false);
    }
    for step in 0..8u32 {
        let mut changed = numbered(1, step * 1_000..(step + 1) * 1_000, 2);
        changed.extend(numbered(2, step * 1_000..(step + 1) * 1_000, 3));
        packed.put(&changed, true);
        single.put(&changed, false);
    }
    assert_eq!(packed.rows(), single.rows());
    let (packed, single) = (packed.leaf_pages(), single.leaf_pages());
    assert!(
        packed * 10 < single * 7,
        "{packed} pages, one by one {single}"
    );
}

#[test]
fn rows_behind_the_last_ascend() {
    let disk = Disk::new();
    let txn = disk.database.begin_write().unwrap();
    let mut rows = txn.open_table(ROWS).unwrap();
    let mut end = Gap::at_the_end(&mut rows).unwrap();
    assert!(end.put(b"b", b"1").unwrap());
    assert!(!end.put(b"b", b"2").unwrap());
    assert!(!end.put(b"a", b"2").unwrap());
    assert!(end.put(b"c", b"3").unwrap());
    end.close().unwrap();
    assert_eq!(rows.len().unwrap(), 2);
}
