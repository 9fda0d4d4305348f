use super::*;
use crate::Part;
use crate::contract_test::{entry, location};
use sekisho_domain::Hash;
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::symlink;

/// A root with one document, and its entry.
fn rooted(bytes: &[u8]) -> (tempfile::TempDir, Contents, DocumentEntry) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("999/901")).unwrap();
    fs::write(root.join("999/901/a"), bytes).unwrap();
    fs::write(dir.path().join("secret"), bytes).unwrap();
    let contents = Contents::new([("std01".parse().unwrap(), root)]);
    let mut document = entry(1, "10", 1, "a", "999/901/a");
    document.hash = Hash(Sha256::digest(bytes).into());
    document.size_bytes = bytes.len() as u64;
    (dir, contents, document)
}

fn whole(contents: &Contents, document: &DocumentEntry) -> Result<Vec<u8>, ContentsError> {
    let checked = contents.open(document)?.check_whole(0);
    checked.map(|(_, bytes)| bytes)
}

#[test]
fn gives_the_indexed_bytes() {
    let (_dir, contents, document) = rooted(b"MSH|");
    assert_eq!(whole(&contents, &document).unwrap(), b"MSH|");
}

#[test]
fn a_root_may_be_a_link() {
    let (dir, _, document) = rooted(b"MSH|");
    symlink(dir.path().join("root"), dir.path().join("mounted")).unwrap();
    let contents = Contents::new([("std01".parse().unwrap(), dir.path().join("mounted"))]);
    assert_eq!(whole(&contents, &document).unwrap(), b"MSH|");
}

#[test]
fn refuses_what_was_not_indexed() {
    let (dir, contents, document) = rooted(b"MSH|");
    let file = dir.path().join("root/999/901/a");
    for changed in [&b"MSH!"[..], b"MSH", b"MSH|x", b""] {
        fs::write(&file, changed).unwrap();
        assert!(
            matches!(whole(&contents, &document), Err(ContentsError::Changed(_))),
            "{changed:?}"
        );
    }
    fs::write(&file, b"MSH|").unwrap();
    whole(&contents, &document).unwrap();
    let size = DocumentEntry {
        size_bytes: 5,
        ..document.clone()
    };
    assert!(matches!(
        whole(&contents, &size),
        Err(ContentsError::Changed(_))
    ));
    fs::remove_file(&file).unwrap();
    assert!(matches!(
        whole(&contents, &document),
        Err(ContentsError::Vanished(_))
    ));
    fs::create_dir(&file).unwrap();
    assert!(matches!(
        whole(&contents, &document),
        Err(ContentsError::NotAFile(_))
    ));
    fs::remove_dir_all(dir.path().join("root/999")).unwrap();
    fs::write(dir.path().join("root/999"), b"").unwrap();
    assert!(
        matches!(whole(&contents, &document), Err(ContentsError::Vanished(_))),
        "a folder became a file"
    );
}

#[test]
fn never_leaves_its_root() {
    let (dir, contents, document) = rooted(b"MSH|");
    let root = dir.path().join("root");
    symlink(dir.path().join("secret"), root.join("link")).unwrap();
    symlink(dir.path(), root.join("up")).unwrap();
    symlink(root.join("999/901/a"), root.join("inside")).unwrap();
    let secret = dir.path().join("secret");
    let paths = [
        "../secret",
        "999/../../secret",
        "999/901/../901/a",
        secret.to_str().unwrap(),
        "link",
        "up/secret",
        "inside",
    ];
    for path in paths {
        // The bytes are the same everywhere: only the path can refuse.
        let document = DocumentEntry {
            location: location("std01", path),
            ..document.clone()
        };
        let error = whole(&contents, &document).unwrap_err();
        assert!(
            matches!(error, ContentsError::Escapes(_)),
            "{path}: {error}"
        );
        assert!(!error.to_string().contains("secret"));
    }
    let other = DocumentEntry {
        location: location("std02", "999/901/a"),
        ..document
    };
    assert!(matches!(
        whole(&contents, &other),
        Err(ContentsError::UnknownSource(_))
    ));
}

#[test]
fn refuses_what_is_too_large_without_reading_it() {
    let (dir, contents, document) = rooted(b"MSH|");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(dir.path().join("root/999/901/a"))
        .unwrap();
    let sized = |size_bytes| DocumentEntry {
        size_bytes,
        ..document.clone()
    };
    for (size, whole_too) in [(FILE_BYTES_MAX + 1, true), (DOCUMENT_BYTES_MAX + 1, false)] {
        file.set_len(size).unwrap();
        let opened = contents.open(&sized(size));
        let refused = match opened {
            Ok(opened) if whole_too => opened.check_whole(0).map(drop),
            opened => opened.map(drop),
        };
        assert!(
            matches!(refused, Err(ContentsError::TooLarge { .. })),
            "{size}: {refused:?}"
        );
    }
    file.set_len(FILE_BYTES_MAX).unwrap();
    assert!(
        matches!(
            whole(&contents, &sized(FILE_BYTES_MAX)),
            Err(ContentsError::Changed(_))
        ),
        "the bound itself is allowed"
    );
}

#[test]
fn a_root_that_is_away_is_told_apart_from_a_file_that_is() {
    let gone = Contents::new([("std01".parse().unwrap(), "/nowhere/at/all".into())]);
    let location = SourceLocation::new("std01".parse().unwrap(), "a").unwrap();
    assert!(matches!(
        gone.read(&location),
        Err(ContentsError::Root { .. })
    ));
}

/// A file of three documents behind a head, and the entry of the second one.
fn divided() -> (tempfile::TempDir, Contents, DocumentEntry) {
    let (dir, contents, mut document) = rooted(b"HEAD|one|two|three");
    let part = Part {
        offset_bytes: 9,
        size_bytes: 4,
        head_bytes: 5,
    };
    document.location = document.location.part(part).unwrap();
    document.hash = Hash(Sha256::digest(b"HEAD|two|").into());
    document.size_bytes = 9;
    (dir, contents, document)
}

#[test]
fn a_part_is_its_head_and_itself_and_nothing_else() {
    let (dir, contents, document) = divided();
    assert_eq!(whole(&contents, &document).unwrap(), b"HEAD|two|");
    for from in 0..=9 {
        let checked = contents.open(&document).unwrap().check(from).unwrap();
        for piece_bytes in [1, 2, 5, 6, 100] {
            let checked_again = contents.open(&document).unwrap().check(from).unwrap();
            let mut pieces = checked_again.pieces_of(piece_bytes).unwrap();
            let (mut all, mut buffer) = (Vec::new(), Vec::new());
            while pieces.next(&mut buffer).unwrap() {
                all.extend_from_slice(&buffer);
            }
            assert_eq!(
                all,
                b"HEAD|two|"[from as usize..],
                "from {from} by {piece_bytes}"
            );
        }
        drop(checked);
    }
    let file = dir.path().join("root/999/901/a");
    // Another's document may change: its bytes are not among these.
    fs::write(&file, b"HEAD|ONE|two|THREE and more").unwrap();
    assert_eq!(whole(&contents, &document).unwrap(), b"HEAD|two|");
    for changed in [
        &b"HEAD|one|Two|three"[..],
        b"HEAT|one|two|three",
        b"HEAD|two|one|three",
        b"HEAD|one|two",
        b"HEAD|",
        b"",
    ] {
        fs::write(&file, changed).unwrap();
        let refused = whole(&contents, &document);
        assert!(
            matches!(refused, Err(ContentsError::Changed(_))),
            "{changed:?}: {refused:?}"
        );
    }
    fs::write(&file, b"HEAD|one|two|three").unwrap();
    for (offset_bytes, size_bytes, head_bytes) in
        [(9, 9, 5), (9, 4, 0), (3, 4, 5), (9, 0, 9), (u64::MAX, 4, 5)]
    {
        let mut astray = document.clone();
        astray.location.part = Some(Part {
            offset_bytes,
            size_bytes,
            head_bytes,
        });
        assert!(matches!(
            whole(&contents, &astray),
            Err(ContentsError::Changed(_))
        ));
    }
}
