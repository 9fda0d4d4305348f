use super::*;
use redb::Database;
use redb::ReadableDatabase;

fn database(dir: &tempfile::TempDir) -> Database {
    let database = Database::create(dir.path().join("state.redb")).unwrap();
    let txn = database.begin_write().unwrap();
    StateTxn::open(&txn).unwrap();
    txn.commit().unwrap();
    database
}

fn read(database: &Database) -> ReadState {
    ReadState::open(&database.begin_read().unwrap()).unwrap()
}

#[test]
fn redb_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::create(dir.path().join("state.redb")).unwrap();
    let txn = database.begin_write().unwrap();
    sekisho_ledger::store::contract(&mut StateTxn::open(&txn).unwrap());
}

#[test]
fn a_change_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let mut change = Change::of(read(&database(&dir)), Kept::default());
    sekisho_ledger::store::contract(&mut change);
}

#[test]
fn a_view_does_not_see_later_writes() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    let put = |value: &[u8]| {
        let txn = database.begin_write().unwrap();
        let mut state = StateTxn::open(&txn).unwrap();
        state.put(Table::Meta, b"k", value.to_vec()).unwrap();
        drop(state);
        txn.commit().unwrap();
    };
    put(b"1");
    let view = read(&database);
    put(b"2");
    let value = view.get(Table::Meta, b"k").unwrap();
    assert_eq!(value.as_deref(), Some(b"1".as_slice()));
}

/// Rows in the database, in two layers and in a change, against one sorted map.
#[test]
fn rows_are_found_wherever_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut seed = 7u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let key = |n: u64| n.to_be_bytes()[6..].to_vec();
    let txn = database.begin_write().unwrap();
    let mut state = StateTxn::open(&txn).unwrap();
    for _ in 0..900 {
        let (k, v) = (key(random(2_000)), vec![0, random(256) as u8]);
        state.put(Table::Access, &k, v.clone()).unwrap();
        model.insert(k, v);
    }
    // Neighbours, which no scan may return.
    state.put(Table::Request, b"\xff", b"x".to_vec()).unwrap();
    state.put(Table::Transfer, b"\x00", b"x".to_vec()).unwrap();
    drop(state);
    txn.commit().unwrap();
    let mut change = |rounds, value: u8, model: &mut BTreeMap<_, _>| {
        let mut changes = Vec::new();
        for _ in 0..rounds {
            let k = key(random(2_000));
            let v = (random(2) == 0).then(|| vec![value, random(256) as u8]);
            match &v {
                Some(v) => model.insert(k.clone(), v.clone()),
                None => model.remove(&k),
            };
            changes.push((k, v));
        }
        changes
    };
    let boxed = |changes: Vec<(Vec<u8>, Option<Vec<u8>>)>| -> Changes {
        let full = |(k, v): (Vec<u8>, Option<Vec<u8>>)| (full_key(Table::Access, &k), v);
        changes.into_iter().map(full).collect()
    };
    let (frozen, fresh) = (Arc::<Layer>::default(), Arc::<Layer>::default());
    frozen.write(boxed(change(700, 1, &mut model)), 1);
    fresh.write(boxed(change(700, 2, &mut model)), 2);
    let as_of_2 = model.clone();
    let mut later = model.clone();
    fresh.write(boxed(change(300, 9, &mut later)), 3);
    let view = read(&database).under(vec![frozen, fresh], 2);
    let mut changed = Change::of(view.clone(), Kept::default());
    for (k, v) in change(500, 3, &mut model) {
        match v {
            Some(v) => changed.put(Table::Access, &k, v).unwrap(),
            None => changed.delete(Table::Access, &k).unwrap(),
        }
    }
    fn same<S: StateRead<Error = ReplicaError>>(state: &S, model: &BTreeMap<Vec<u8>, Vec<u8>>) {
        let all: Vec<Row> = model.clone().into_iter().collect();
        assert!(state.scan(Table::Access, b"", b"", usize::MAX).unwrap() == all);
        for n in 0..2_000u64 {
            let key = &n.to_be_bytes()[6..];
            assert_eq!(
                state.get(Table::Access, key).unwrap().as_ref(),
                model.get(key)
            );
        }
        for (from, max) in [(0u64, 1), (3, 300), (700, 600), (1_999, 5), (1_500, 257)] {
            let from = &from.to_be_bytes()[6..];
            let expected: Vec<Row> = model
                .range(from.to_vec()..)
                .take(max)
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            assert!(state.scan(Table::Access, b"", from, max).unwrap() == expected);
            let prefix = &from[..1];
            let under = all.iter().filter(|(key, _)| key.starts_with(prefix));
            let under: Vec<Row> = under.take(max).cloned().collect();
            assert!(state.scan(Table::Access, prefix, b"", max).unwrap() == under);
        }
    }
    same(&view, &as_of_2);
    same(&changed, &model);
    let rows: Vec<Row> = view.rows().map(Result::unwrap).collect();
    assert_eq!(rows.len(), as_of_2.len() + 2);
    assert!(rows.is_sorted());
}
