use super::*;
use proptest::prelude::*;

fn temporary() -> sled::Db {
    sled::Config::new().temporary(true).open().unwrap()
}

fn write(db: &sled::Db, writes: Writes) {
    db.apply_batch(batch(db, writes).unwrap()).unwrap();
}

fn all(db: &sled::Db, tag: u8) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = range(db, vec![tag]..vec![tag + 1]).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn any_key() -> impl Strategy<Value = Vec<u8>> {
    ("[ab]", "[a-c]{0,3}").prop_map(|(tag, rest)| [tag, rest].concat().into_bytes())
}

fn any_writes() -> impl Strategy<Value = Writes> {
    let value = prop_oneof![
        2 => Just(None),
        5 => prop::collection::vec(0..3u8, 0..400).prop_map(Some)
    ];
    prop::collection::btree_map(any_key(), value, 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever is written, what is read is what a map would have.
    #[test]
    fn is_a_map(
        batches in prop::collection::vec(any_writes(), 1..8),
        from in any_key(),
        until in any_key(),
        keys in prop::collection::btree_set(any_key(), 0..12),
    ) {
        let (db, mut map) = (temporary(), Rows::new());
        for writes in batches {
            write(&db, writes.clone());
            for (key, value) in writes {
                match value {
                    Some(value) => map.insert(key, value),
                    None => map.remove(&key),
                };
            }
            for tag in *b"ab" {
                let of_tag = map.clone().into_iter().filter(|(key, _)| key[0] == tag);
                prop_assert_eq!(all(&db, tag), of_tag.collect::<Vec<_>>());
            }
            if from < until && from[0] == until[0] {
                let found = range(&db, from.clone()..until.clone()).unwrap();
                let expected = map.range(from.clone()..until.clone());
                prop_assert!(found.map(Result::unwrap).eq(expected.map(|(k, v)| (k.clone(), v.clone()))));
            }
            prop_assert_eq!(get(&db, &from).unwrap(), map.get(&from).cloned());
            let each = get_each(&db, keys.clone());
            let mut expected = map.clone();
            expected.retain(|key, _| keys.contains(key));
            prop_assert_eq!(each.unwrap(), expected);
            let before = map.keys().rfind(|key| **key <= until && key[0] == until[0]);
            if before.is_none_or(|key| *key >= vec![until[0]]) {
                prop_assert!(last(&db, until.clone()).unwrap().is_none_or(|key| Some(&key) == before));
            }
        }
    }

    /// Bytes of anything are rows or an error.
    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..60), version in any::<bool>()) {
        if version {
            bytes.insert(0, FORMAT_VERSION);
        }
        let _ = decode(&bytes);
    }
}

/// Rows of which no two share anything.
fn apart(n: u32) -> (Vec<u8>, Option<Vec<u8>>) {
    let digest: [u8; 32] = sha2::Digest::finalize(sha2::Digest::chain_update(
        <sha2::Sha256 as sha2::Digest>::new(),
        n.to_be_bytes(),
    ))
    .into();
    ([b"a", digest.as_slice()].concat(), Some(digest.to_vec()))
}

#[test]
fn blocks_are_divided_and_filled() {
    const ROWS: u32 = 2_000;
    let cases: [(&str, usize); 3] = [("at once", 2_000), ("some at a time", 100), ("singly", 1)];
    for (case, at_once) in cases {
        let db = temporary();
        let numbers: Vec<u32> = (0..ROWS).collect();
        for numbers in numbers.chunks(at_once) {
            write(&db, numbers.iter().map(|n| apart(*n)).collect());
        }
        let blocks: Vec<usize> = db.iter().map(|block| block.unwrap().1.len()).collect();
        let longest = blocks.iter().max().copied().unwrap_or(0);
        assert!(longest <= BLOCK_BYTES + 70, "{case}: a block of {longest}");
        // 64 bytes of a row stand by themselves but for the first few, and 4 tell how many.
        let least = ROWS as usize * 60 / BLOCK_BYTES;
        let most = ROWS as usize * 68 * 2 / BLOCK_BYTES;
        assert!(
            (least..most).contains(&blocks.len()),
            "{case}: {} blocks",
            blocks.len()
        );
        write(&db, numbers.iter().map(|n| (apart(*n).0, None)).collect());
        assert_eq!(db.len(), 0, "{case}");
    }
}

#[test]
fn what_is_written_again_as_it_was_writes_nothing() {
    let db = temporary();
    let writes: Writes = (0..100).map(apart).collect();
    write(&db, writes.clone());
    let again = format!("{:?}", batch(&db, writes).unwrap());
    assert_eq!(again, format!("{:?}", sled::Batch::default()));
}

#[test]
fn neighbours_are_stored_by_what_they_differ_in() {
    let key = |n: u32| format!("a000/901/0009013/20260401/OMP-01/0009013_20260401_OMP-01_{n:015}");
    let db = temporary();
    let rows = (0..1_000).map(|n| (key(n).into_bytes(), Some(b"the same".to_vec())));
    write(&db, rows.collect());
    let bytes: usize = db.iter().map(|block| block.unwrap().1.len()).sum();
    assert!(bytes < 1_000 * 20, "{bytes} bytes");
    assert_eq!(all(&db, b'a').len(), 1_000);
}
