use super::*;
use crate::Contents;
use crate::contract_test::entry;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

const SIZE: usize = 3 * PASS_BYTES + 17;
const PIECE: usize = 100_000;

struct Kept {
    _dir: tempfile::TempDir,
    path: PathBuf,
    contents: Contents,
    entry: DocumentEntry,
    bytes: Vec<u8>,
}

impl Kept {
    fn of(length: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..length).map(|n| (n * 31 % 251) as u8).collect();
        fs::write(dir.path().join("a"), &bytes).unwrap();
        let contents = Contents::new([("std01".parse().unwrap(), dir.path().to_owned())]);
        let mut entry = entry(1, "10", 1, "a", "a");
        let digests = crate::Digests::of(&bytes);
        (entry.hash, entry.size_bytes) = (digests.hash, digests.size_bytes);
        entry.pieces = digests.pieces;
        Self {
            path: dir.path().join("a"),
            _dir: dir,
            contents,
            entry,
            bytes,
        }
    }

    fn checked(&self, from: u64) -> Checked {
        self.contents
            .open(&self.entry)
            .unwrap()
            .check(from)
            .unwrap()
    }
}

/// All pieces, or those before the failure.
fn read(checked: Checked, piece_bytes: usize) -> (Vec<Vec<u8>>, Option<ContentsError>) {
    let mut pieces = checked.pieces_of(piece_bytes).unwrap();
    let (mut all, mut buffer) = (Vec::new(), Vec::new());
    loop {
        match pieces.next(&mut buffer) {
            Ok(true) => all.push(buffer.clone()),
            Ok(false) => return (all, None),
            Err(error) => return (all, Some(error)),
        }
    }
}

#[test]
fn pieces_are_the_document_from_anywhere_on() {
    for length in [0, 1, PIECE, PIECE + 1, PASS_BYTES, SIZE] {
        let kept = Kept::of(length);
        for from in [0, 1, PIECE, PASS_BYTES, length / 2, length] {
            let from = from.min(length);
            let whole = kept.contents.open(&kept.entry).unwrap();
            let mut ways = vec![kept.checked(from as u64)];
            if let Ok((checked, bytes)) = whole.check_whole(from as u64) {
                assert_eq!(bytes, kept.bytes);
                ways.push(checked);
            }
            for checked in ways {
                let (pieces, fault) = read(checked, PIECE);
                assert!(fault.is_none(), "{length} from {from}: {fault:?}");
                let (last, others) = pieces.split_last().unwrap();
                assert!(others.iter().all(|piece| piece.len() == PIECE));
                assert!(last.len() <= PIECE && (!last.is_empty() || from == length));
                assert_eq!(pieces.concat(), kept.bytes[from..], "{length} from {from}");
            }
        }
    }
}

#[test]
fn what_changes_between_the_passes_never_ends() {
    type Change = fn(&Kept);
    let changes: [(&str, Change, usize); 4] = [
        (
            "its last byte",
            |kept| {
                let mut bytes = kept.bytes.clone();
                *bytes.last_mut().unwrap() ^= 1;
                rewrite(kept, &bytes);
            },
            SIZE / PIECE,
        ),
        (
            "its first byte",
            |kept| {
                let mut bytes = kept.bytes.clone();
                bytes[0] ^= 1;
                rewrite(kept, &bytes);
            },
            SIZE / PIECE,
        ),
        (
            "a byte more",
            |kept| {
                let file = fs::OpenOptions::new().append(true).open(&kept.path);
                file.unwrap().write_all(b"x").unwrap();
            },
            SIZE / PIECE,
        ),
        (
            "cut",
            |kept| {
                let file = fs::OpenOptions::new().write(true).open(&kept.path);
                file.unwrap().set_len(2 * PIECE as u64 + 1).unwrap();
            },
            2,
        ),
    ];
    for (case, change, before) in changes {
        let kept = Kept::of(SIZE);
        let checked = kept.checked(0);
        change(&kept);
        let (pieces, fault) = read(checked, PIECE);
        assert!(
            matches!(fault, Some(ContentsError::Changed(_))),
            "{case}: {fault:?}"
        );
        assert_eq!(pieces.len(), before, "{case}");
        // And the first pass of whoever asks now refuses it.
        let again = kept
            .contents
            .open(&kept.entry)
            .map(|opened| opened.check(0));
        assert!(
            !matches!(again, Ok(Ok(_))),
            "{case}: it is another document now"
        );
    }
}

fn rewrite(kept: &Kept, bytes: &[u8]) {
    // In place: the same file, not one put there instead.
    let file = fs::OpenOptions::new().write(true).open(&kept.path);
    file.unwrap().write_all(bytes).unwrap();
}

#[test]
fn what_is_deleted_or_replaced_meanwhile_is_still_what_was_checked() {
    let kept = Kept::of(SIZE);
    let checked = [kept.checked(0), kept.checked(0)];
    fs::rename(&kept.path, kept.path.with_extension("old")).unwrap();
    fs::write(&kept.path, b"another").unwrap();
    fs::remove_file(kept.path.with_extension("old")).unwrap();
    for checked in checked {
        let (pieces, fault) = read(checked, PIECE);
        assert!(fault.is_none(), "{fault:?}");
        assert_eq!(pieces.concat(), kept.bytes);
    }
}

#[test]
fn a_later_part_is_not_made_to_read_what_came_before_again() {
    let kept = Kept::of(SIZE);
    let from = 2 * PASS_BYTES as u64;
    let checked = kept.checked(from);
    // What is before it was checked in the first pass; it is not read in the second, so it may change.
    let mut bytes = kept.bytes.clone();
    bytes[0] ^= 1;
    rewrite(&kept, &bytes);
    let (pieces, fault) = read(checked, PIECE);
    assert!(fault.is_none(), "{fault:?}");
    assert_eq!(pieces.concat(), kept.bytes[2 * PASS_BYTES..]);
}

/// Four pieces, the last one short.
const LARGE: usize = 3 * PIECE_BYTES + 17;

/// How many bytes were read through it.
#[derive(Debug)]
struct Counting(File, std::sync::Arc<std::sync::atomic::AtomicU64>);

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1
            .fetch_add(read as u64, std::sync::atomic::Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Counting {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

impl Handle for Counting {}

#[test]
fn a_large_document_is_read_once_and_from_where_it_is_asked_for() {
    let kept = Kept::of(LARGE);
    for from in [0, 1, 2, 3] {
        let (read_bytes, from) = (std::sync::Arc::default(), from * PIECE_BYTES);
        let file = Counting(
            File::open(&kept.path).unwrap(),
            std::sync::Arc::clone(&read_bytes),
        );
        let opened = Opened::at(file, &kept.entry, kept.entry.location.clone());
        let (pieces, fault) = read(opened.check(from as u64).unwrap(), 1);
        assert!(fault.is_none(), "from {from}: {fault:?}");
        assert!(
            pieces
                .iter()
                .rev()
                .skip(1)
                .all(|piece| piece.len() == PIECE_BYTES)
        );
        assert!(pieces.concat() == kept.bytes[from..], "from {from}");
        let read_bytes = read_bytes.load(std::sync::atomic::Ordering::Relaxed);
        // The first piece and the last are looked at before.
        assert_eq!(read_bytes, (LARGE - from + PIECE_BYTES + 17) as u64);
    }
}

#[test]
fn a_piece_of_a_large_document_that_is_not_what_was_indexed_does_not_leave() {
    let spoilt = |at: usize| {
        let kept = Kept::of(LARGE);
        let checked = kept.checked(0);
        let mut bytes = kept.bytes.clone();
        bytes[at] ^= 1;
        rewrite(&kept, &bytes);
        (kept, checked)
    };
    for at in [
        0,
        PIECE_BYTES - 1,
        PIECE_BYTES,
        2 * PIECE_BYTES + 9,
        LARGE - 1,
    ] {
        let (kept, checked) = spoilt(at);
        let (pieces, fault) = read(checked, 1);
        assert!(matches!(fault, Some(ContentsError::Changed(_))), "at {at}");
        assert_eq!(pieces.len(), at / PIECE_BYTES, "those before it");
        assert!(kept.bytes.starts_with(&pieces.concat()));
        // Whoever asks now: of a first or last piece that is another it is known before anything leaves.
        let again = kept.contents.open(&kept.entry).unwrap().check(0);
        let is_in_between = (1..3).contains(&(at / PIECE_BYTES));
        assert_eq!(again.is_ok(), is_in_between, "at {at}");
        let all = kept.contents.open(&kept.entry).unwrap().check_all(0);
        assert!(matches!(all, Err(ContentsError::Changed(_))), "at {at}");
    }
    type Change = fn(&fs::File);
    let changes: [(&str, Change); 2] = [
        ("a byte more", |file| (&*file).write_all(b"x").unwrap()),
        ("cut", |file| {
            file.set_len(2 * PIECE_BYTES as u64 + 1).unwrap()
        }),
    ];
    for (case, change) in changes {
        let kept = Kept::of(LARGE);
        let checked = kept.checked(0);
        change(
            &fs::OpenOptions::new()
                .append(true)
                .open(&kept.path)
                .unwrap(),
        );
        let (pieces, fault) = read(checked, 1);
        assert!(matches!(fault, Some(ContentsError::Changed(_))), "{case}");
        assert!(pieces.len() < 4, "{case}: its end does not leave");
        let again = kept
            .contents
            .open(&kept.entry)
            .map(|opened| opened.check(0));
        assert!(!matches!(again, Ok(Ok(_))), "{case}");
    }
}

#[test]
fn hashes_of_other_pieces_are_not_believed() {
    let mut kept = Kept::of(LARGE);
    let other: Vec<u8> = kept.bytes.iter().map(|byte| byte ^ 1).collect();
    kept.entry.pieces = crate::Digests::of(&other).pieces;
    let checked = kept.contents.open(&kept.entry).unwrap().check(0);
    assert!(matches!(checked, Err(ContentsError::Changed(_))));
    // Of another number of them nothing is known: the document's own hash is what counts.
    kept.entry.pieces = crate::Digests::of(&other[..2 * PIECE_BYTES]).pieces;
    let (pieces, fault) = read(kept.checked(0), PIECE);
    assert!(fault.is_none() && pieces.concat() == kept.bytes);
}
