//! Contents in a real S3 server, and one that is slow, broken or absent.

use super::*;
use crate::contract_test::{entry, holds, location, of, put, put_as, quarantine};
use crate::digest::{PIECE_BYTES, PieceHashes};
use crate::private_s3::{BUCKET, Relay, S3};
use crate::{
    Change, Contents, ContentsError, Digests, DocumentIndex, FileOutcome, MemoryIndex, Opened,
    Part, QuarantineReason,
};
use std::fs;
use std::time::Instant;

/// Time a request of these tests may take.
const SHORT: Duration = Duration::from_secs(3);

pub fn settings(server: &S3, prefix: &str) -> StoreSettings {
    StoreSettings {
        endpoint: server.endpoint(),
        bucket: BUCKET.into(),
        prefix: prefix.into(),
        region: "jp".into(),
        path_style: true,
        access_key_file: server.credential("access"),
        secret_key_file: server.credential("secret"),
        ca: None,
    }
}

/// A source's folder, contents released from a store, and an index whose documents are kept there.
struct Kept {
    server: S3,
    dir: tempfile::TempDir,
    store: ObjectContents,
    contents: Contents,
    index: Arc<dyn DocumentIndex>,
}

impl Kept {
    fn new() -> Self {
        let (server, dir) = (S3::start(), tempfile::tempdir().unwrap());
        let store = ObjectContents::within(&settings(&server, "node/1"), SHORT).unwrap();
        let contents = Contents::new([("std01".parse().unwrap(), dir.path().to_owned())]);
        let contents = contents.released_from(Some(store.clone()));
        let index = contents.kept_for(Arc::new(MemoryIndex::default()));
        Self {
            server,
            dir,
            store,
            contents,
            index,
        }
    }

    /// A file, and the entry a reader makes of it.
    fn file(&self, name: &str, patient: &str, bytes: &[u8]) -> DocumentEntry {
        fs::write(self.dir.path().join(name), bytes).unwrap();
        let mut entry = entry(1, patient, 1, name, name);
        let digests = Digests::of(bytes);
        (entry.hash, entry.size_bytes) = (digests.hash, digests.size_bytes);
        entry.pieces = digests.pieces;
        entry
    }

    fn released(&self, entry: &DocumentEntry) -> Result<Vec<u8>, ContentsError> {
        let (_, bytes) = self
            .contents
            .open(entry)
            .and_then(|opened| opened.check_whole(0))?;
        Ok(bytes)
    }
}

#[test]
fn contents_are_stored_before_their_entry_and_released_without_their_file() {
    let kept = Kept::new();
    kept.store.probe().unwrap();
    let entry = kept.file("a", "4100-secret", b"prescription");
    kept.index
        .apply(&[
            put(entry.clone()),
            quarantine("q", QuarantineReason::TooShort),
        ])
        .unwrap();
    fs::remove_file(kept.dir.path().join("a")).unwrap();
    assert_eq!(kept.released(&entry).unwrap(), b"prescription");
    assert!(kept.store.has(&entry).unwrap());
    let names = kept.server.files();
    assert_eq!(names.len(), 1, "{names:?}");
    let name = names[0].display().to_string();
    assert!(
        name.contains("/node/1/std01/") && !name.contains("4100"),
        "{name}"
    );
    // The same content of the same source is the same object; of another source it is another.
    let mut other = entry.clone();
    other.location = location("std02", "a");
    assert_eq!(kept.store.key(&entry), kept.store.key(&entry.clone()));
    assert_ne!(kept.store.key(&entry), kept.store.key(&other));
    assert!(
        !kept
            .store
            .key(&entry)
            .to_string()
            .contains(&hex::encode(entry.hash.as_bytes()))
    );
    // A source without a folder is fetched from where it is, and stored nowhere.
    kept.index.apply(&[put(other.clone())]).unwrap();
    assert!(!kept.store.has(&other).unwrap());
    assert!(matches!(
        kept.contents.open(&other),
        Err(ContentsError::UnknownSource(_))
    ));
}

#[test]
fn large_documents_and_parts_of_files_are_stored_as_documents() {
    let kept = Kept::new();
    let bytes: Vec<u8> = (0..2 * PART_BYTES + 77)
        .map(|n| (n * 31 % 251) as u8)
        .collect();
    let large = kept.file("large", "10", &bytes);
    let mut part = kept.file("claims", "10", b"headOTHERmine other");
    let document = b"headmine";
    part.location = part
        .location
        .part(Part {
            offset_bytes: 9,
            size_bytes: 4,
            head_bytes: 4,
        })
        .unwrap();
    (part.hash, part.size_bytes) = (Hash(Sha256::digest(document).into()), 8);
    let empty = kept.file("empty", "10", b"");
    kept.index
        .apply(&[put(large.clone()), put(part.clone()), put(empty.clone())])
        .unwrap();
    for name in ["large", "claims", "empty"] {
        fs::remove_file(kept.dir.path().join(name)).unwrap();
    }
    assert_eq!(kept.released(&part).unwrap(), document);
    assert_eq!(kept.released(&empty).unwrap(), b"");
    for from in [0, 1, PART_BYTES as u64 + 5] {
        let checked = kept
            .contents
            .open(&large)
            .and_then(|opened| opened.check(from))
            .unwrap();
        let (mut pieces, mut all, mut buffer) =
            (checked.pieces_of(100_000).unwrap(), Vec::new(), Vec::new());
        while pieces.next(&mut buffer).unwrap() {
            all.extend_from_slice(&buffer);
        }
        assert!(all == bytes[from as usize..], "from {from}");
    }
}

#[test]
fn what_is_no_longer_what_was_indexed_is_not_stored_and_comes_again() {
    let kept = Kept::new();
    let (changed, gone, there) = (
        kept.file("changed", "10", b"one"),
        kept.file("gone", "10", b"two"),
        kept.file("there", "10", b"three"),
    );
    fs::write(kept.dir.path().join("changed"), b"ONE").unwrap();
    fs::remove_file(kept.dir.path().join("gone")).unwrap();
    kept.index
        .apply(&[put(changed), put(there.clone()), put(gone)])
        .unwrap();
    let held = kept.index.find(&of(1, "10")).unwrap().entries;
    assert_eq!(held, std::slice::from_ref(&there));
    assert_eq!(kept.server.files().len(), 1);
}

/// A file is said to hold all its documents only if it does.
#[test]
fn a_file_one_of_whose_documents_is_gone_is_not_whole() {
    let kept = Kept::new();
    let mut parts = Vec::new();
    for (n, bytes) in [b"one", b"TWO"].into_iter().enumerate() {
        let mut entry = kept.file("claims", &n.to_string(), b"onetwo");
        let part = Part {
            offset_bytes: 3 * n as u64,
            size_bytes: 3,
            head_bytes: 0,
        };
        entry.location = entry.location.part(part).unwrap();
        (entry.hash, entry.size_bytes) = (Hash(Sha256::digest(bytes).into()), 3);
        parts.push(put(entry));
    }
    let divided = put_as(
        location("std01", "claims"),
        FileOutcome::Divided { members: vec![] },
    );
    kept.index.apply(&parts).unwrap();
    assert_eq!(kept.index.records(None, 10).unwrap().len(), 1);
    kept.index.apply(std::slice::from_ref(&divided)).unwrap();
    let held = kept.index.records(None, 10).unwrap();
    assert!(held.len() == 1 && held[0].location.part.is_some());
    // The next ingest finds it without a record, and reads it again.
    kept.index.apply(&[parts.remove(0), divided]).unwrap();
    assert_eq!(kept.index.records(None, 10).unwrap().len(), 2);
}

#[test]
fn what_is_not_the_document_is_never_released() {
    let kept = Kept::new();
    let entry = kept.file("a", "10", &[7; 3000]);
    kept.index.apply(&[put(entry.clone())]).unwrap();
    let object = kept.server.files().remove(0);
    type Damage = fn(&std::path::Path);
    let damages: [(&str, Damage, &str); 4] = [
        (
            "a byte",
            |path| fs::write(path, [[6; 1].as_slice(), &[7; 2999]].concat()).unwrap(),
            "changed",
        ),
        (
            "shorter",
            |path| fs::write(path, [7; 2999]).unwrap(),
            "changed",
        ),
        (
            "longer",
            |path| fs::write(path, [7; 3001]).unwrap(),
            "changed",
        ),
        ("gone", |path| fs::remove_file(path).unwrap(), "no longer"),
    ];
    for (case, damage, word) in damages {
        let checked = kept
            .contents
            .open(&entry)
            .and_then(|opened| opened.check(0))
            .unwrap();
        damage(&object);
        // Between the passes, and before the first.
        let second = checked.pieces_of(1000).and_then(|mut pieces| {
            let (mut count, mut buffer) = (0, Vec::new());
            while pieces.next(&mut buffer)? {
                count += 1;
            }
            Ok(count)
        });
        // What is read ahead in the first pass is the object that was checked.
        assert!(second.is_err() || matches!(second, Ok(3)), "{case}");
        let fault = kept.released(&entry).unwrap_err();
        assert!(fault.to_string().contains(word), "{case}: {fault}");
        fs::write(&object, [7; 3000]).unwrap();
        kept.released(&entry).unwrap();
    }
}

/// Of one whose pieces the index does not know all is read twice; it is more than is read ahead, so that the second pass
/// asks the store again.
#[test]
fn an_object_replaced_between_the_passes_never_ends() {
    let kept = Kept::new();
    let bytes = vec![7; 3 << 20];
    let mut entry = kept.file("a", "10", &bytes);
    entry.pieces = PieceHashes::default();
    kept.index.apply(&[put(entry.clone())]).unwrap();
    let key = kept.store.key(&entry);
    for changed in [0, 2 << 20, (3 << 20) - 1] {
        let checked = kept
            .contents
            .open(&entry)
            .and_then(|opened| opened.check(0))
            .unwrap();
        let mut other = bytes.clone();
        other[changed] ^= 1;
        kept.store.put(&key, other).unwrap();
        let mut pieces = checked.pieces_of(1 << 20).unwrap();
        let (mut buffer, mut count) = (Vec::new(), 0);
        let fault = loop {
            match pieces.next(&mut buffer) {
                Ok(true) => count += 1,
                Ok(false) => panic!("it ended"),
                Err(fault) => break fault,
            }
        };
        assert!(matches!(fault, ContentsError::Changed(_)), "{fault}");
        assert!(count < 3, "{count} pieces, the last one too");
        kept.store.put(&key, bytes.clone()).unwrap();
    }
}

/// Of a large one only the first and the last piece are looked at before it leaves.
#[test]
fn an_object_leaves_piece_by_piece_up_to_the_one_that_was_not_indexed() {
    let kept = Kept::new();
    let bytes: Vec<u8> = (0..3 * PIECE_BYTES + 77)
        .map(|n| (n * 31 % 251) as u8)
        .collect();
    let entry = kept.file("a", "10", &bytes);
    kept.index.apply(&[put(entry.clone())]).unwrap();
    fs::remove_file(kept.dir.path().join("a")).unwrap();
    let object = kept.server.files().remove(0);
    let read = |from: usize| {
        let opened = kept.contents.open(&entry)?;
        let mut pieces = opened.check(from as u64)?.pieces()?;
        let (mut all, mut buffer) = (Vec::new(), Vec::new());
        loop {
            match pieces.next(&mut buffer) {
                Ok(true) => all.extend_from_slice(&buffer),
                Ok(false) => return Ok::<_, ContentsError>((all, None)),
                Err(fault) => return Ok((all, Some(fault))),
            }
        }
    };
    for from in [0, PIECE_BYTES, 3 * PIECE_BYTES, bytes.len()] {
        let (all, fault) = read(from).unwrap();
        assert!(fault.is_none() && all == bytes[from..], "from {from}");
    }
    // A byte of the middle: what stands before its piece leaves, and nothing of the piece.
    for (changed, from, leaves) in [
        (PIECE_BYTES, 0, PIECE_BYTES),
        (3 * PIECE_BYTES - 1, 0, 2 * PIECE_BYTES),
        (2 * PIECE_BYTES, 2 * PIECE_BYTES, 0),
        (PIECE_BYTES, 2 * PIECE_BYTES, PIECE_BYTES + 77),
    ] {
        let mut other = bytes.clone();
        other[changed] ^= 1;
        fs::write(&object, &other).unwrap();
        let (all, fault) = read(from).unwrap();
        assert!(all == bytes[from..from + leaves], "{changed} from {from}");
        let told = matches!(fault, Some(ContentsError::Changed(_)));
        assert_eq!(told, from + leaves < bytes.len(), "{changed}: {fault:?}");
    }
    // What is found before anything leaves: the first piece, the last, and the size.
    let (mut first, mut last) = (bytes.clone(), bytes.clone());
    first[0] ^= 1;
    *last.last_mut().unwrap() ^= 1;
    let longer = [bytes.as_slice(), b"x"].concat();
    let shorter = bytes[..2 * PIECE_BYTES].to_vec();
    for other in [first, last, longer, shorter] {
        fs::write(&object, &other).unwrap();
        for from in [0, PIECE_BYTES] {
            let refused = read(from).unwrap_err();
            assert!(matches!(refused, ContentsError::Changed(_)), "{refused}");
        }
    }
}

#[test]
fn a_store_that_fails_is_told_precisely_and_applies_nothing() {
    let kept = Kept::new();
    let entry = kept.file("a", "10", &[7; 300_000]);
    kept.index.apply(&[put(entry.clone())]).unwrap();
    let next = kept.file("b", "10", &[8; 300_000]);
    for (relay, words) in [
        (Relay::Refused, "failed"),
        (Relay::Stalled, "did not answer within 3 s"),
        (Relay::Cut(20), "failed"),
        (Relay::Cut(50_000), "failed"),
    ] {
        kept.server.set(relay);
        let begun = Instant::now();
        let fault = kept.released(&entry).unwrap_err();
        let told = format!(
            "{fault} {:?}",
            std::error::Error::source(&fault).map(ToString::to_string)
        );
        assert!(
            told.contains(words) && told.contains(BUCKET),
            "{relay:?}: {told}"
        );
        assert!(
            !matches!(
                fault,
                ContentsError::Vanished(_) | ContentsError::Changed(_)
            ),
            "{relay:?}"
        );
        if relay != Relay::Cut(50_000) {
            let refused = kept.index.apply(&[put(next.clone())]).unwrap_err();
            assert!(
                matches!(refused, Error::Unstored(_)),
                "{relay:?}: {refused}"
            );
            assert_eq!(kept.index.get(&next.unique_id).unwrap(), None, "{relay:?}");
        }
        assert!(
            begun.elapsed() < 4 * SHORT + Duration::from_secs(10),
            "{relay:?}"
        );
    }
    kept.server.set(Relay::Whole);
    kept.index.apply(&[put(next.clone())]).unwrap();
    assert_eq!(kept.released(&next).unwrap(), [8; 300_000]);
}

#[test]
fn a_wrong_bucket_or_credential_is_no_absent_document() {
    let kept = Kept::new();
    let entry = kept.file("a", "10", b"x");
    kept.index.apply(&[put(entry.clone())]).unwrap();
    let elsewhere = StoreSettings {
        bucket: "another".into(),
        ..settings(&kept.server, "node/1")
    };
    let stranger = StoreSettings {
        secret_key_file: kept.server.credential("access"),
        ..settings(&kept.server, "node/1")
    };
    for settings in [elsewhere, stranger] {
        let store = ObjectContents::within(&settings, SHORT).unwrap();
        let probed = store.probe().unwrap_err();
        assert!(matches!(probed, StoreError::Refused { .. }), "{probed}");
        let contents = kept.contents.clone().released_from(Some(store));
        let fault = contents.open(&entry).unwrap_err();
        assert!(
            matches!(fault, ContentsError::Store(StoreError::Refused { .. })),
            "{fault}"
        );
        assert!(!fault.to_string().contains("sekisho-secret"), "{fault}");
    }
}

#[test]
fn what_no_entry_names_is_swept_and_nothing_else() {
    let kept = Kept::new();
    let stays = kept.file("stays", "10", b"stays");
    let copy = kept.file("copy", "11", b"stays");
    let goes = kept.file("goes", "10", b"goes");
    kept.index
        .apply(&[put(stays.clone()), put(copy.clone()), put(goes.clone())])
        .unwrap();
    // Somebody else's objects in the same bucket, one of which looks much like ours.
    let others = [
        kept.server.objects().join("theirs"),
        kept.server.objects().join("node/1/note"),
        kept.server
            .objects()
            .join("node/1/std01/bb")
            .join("a".repeat(64)),
        kept.server
            .objects()
            .join("node/2/std01/aa")
            .join("a".repeat(64)),
    ];
    for other in &others {
        fs::create_dir_all(other.parent().unwrap()).unwrap();
        fs::write(other, b"x").unwrap();
    }
    kept.index
        .apply(&[
            Change::Forget(stays.location.clone()),
            Change::Forget(goes.location.clone()),
        ])
        .unwrap();
    assert_eq!(
        kept.store.sweep(kept.index.as_ref()).unwrap(),
        Swept {
            kept: 1,
            removed: 1
        }
    );
    assert!(others.iter().all(|other| other.exists()));
    assert_eq!(kept.released(&copy).unwrap(), b"stays");
    assert!(matches!(
        kept.released(&goes),
        Err(ContentsError::Vanished(_))
    ));
    // An index built anew, and one written anew, sweep behind themselves.
    let beside = kept.index.beside().unwrap();
    let fresh = kept.file("fresh", "10", b"fresh");
    beside.apply(&[put(fresh.clone())]).unwrap();
    drop(beside);
    kept.index.take_beside().unwrap();
    assert_eq!(kept.released(&fresh).unwrap(), b"fresh");
    assert!(!kept.store.has(&copy).unwrap());
    kept.index
        .apply(&[Change::Forget(fresh.location.clone())])
        .unwrap();
    kept.index.compact().unwrap();
    assert!(!kept.store.has(&fresh).unwrap());
}

#[test]
fn an_index_in_front_of_which_contents_are_stored_is_an_index() {
    let server = S3::start();
    let store = ObjectContents::within(&settings(&server, ""), SHORT).unwrap();
    // The suite's entries have no files, and no source with a folder: nothing of them is stored.
    let contents = Contents::new([]).released_from(Some(store));
    holds(contents.kept_for(Arc::new(MemoryIndex::default())).as_ref());
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let server = S3::start();
    let good = settings(&server, "node/1");
    let with = |change: fn(&mut StoreSettings)| {
        let mut settings = good.clone();
        change(&mut settings);
        settings.check().map_err(|e| e.to_string())
    };
    assert_eq!(with(|_| {}), Ok(()));
    assert_eq!(
        with(|s| s.endpoint = "https://s3.example.jp".into()),
        Ok(())
    );
    type Spoil = fn(&mut StoreSettings);
    let bad: [(Spoil, &str); 7] = [
        (|s| s.endpoint = "http://s3.example.jp".into(), "TLS"),
        (|s| s.endpoint = "s3.example.jp".into(), "https://"),
        (
            |s| s.endpoint = "https://key:secret@s3.example.jp".into(),
            "https://",
        ),
        (
            |s| s.endpoint = "https://s3.example.jp/bucket".into(),
            "path",
        ),
        (|s| s.bucket = "a/b/c".into(), "bucket"),
        (|s| s.prefix = "/node".into(), "prefix"),
        (|s| s.prefix = "node/../1".into(), "prefix"),
    ];
    for (change, word) in bad {
        let refused = with(change).unwrap_err();
        assert!(
            refused.contains(word) && !refused.contains("secret"),
            "{refused}"
        );
    }
}

/// Opened alike, whatever is behind it.
#[test]
fn pieces_are_the_document_from_anywhere_on() {
    let kept = Kept::new();
    for length in [0usize, 1, 999, 1000, 1001, 300_000] {
        let bytes: Vec<u8> = (0..length).map(|n| (n * 31 % 251) as u8).collect();
        let entry = kept.file(&length.to_string(), "10", &bytes);
        kept.index.apply(&[put(entry.clone())]).unwrap();
        type Open = fn(&Contents, &DocumentEntry) -> Result<Opened, ContentsError>;
        let ways: [Open; 2] = [|c, e| c.open(e), |c, e| c.open_file(e)];
        for open in ways {
            for from in [0, 1, length / 2, length] {
                let checked =
                    open(&kept.contents, &entry).and_then(|opened| opened.check(from as u64));
                let (mut pieces, mut all, mut buffer) =
                    (checked.unwrap().pieces_of(1000).unwrap(), vec![], vec![]);
                while pieces.next(&mut buffer).unwrap() {
                    all.extend_from_slice(&buffer);
                }
                assert_eq!(all, bytes[from.min(length)..], "{length} from {from}");
            }
        }
    }
}
