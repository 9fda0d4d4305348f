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
        entry.hash = Hash(Sha256::digest(&bytes).into());
        entry.size_bytes = length as u64;
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
    let mut pieces = checked.pieces(piece_bytes).unwrap();
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

/// Large enough to be remembered.
const LARGE: usize = 5 * PASS_BYTES + 17;

fn later() -> SystemTime {
    SystemTime::now() + std::time::Duration::from_secs(60)
}

#[test]
fn a_large_file_that_was_not_written_to_since_is_read_once() {
    let kept = Kept::of(LARGE);
    let open = || kept.contents.open(&kept.entry).unwrap();
    let state = FileState::of(&File::open(&kept.path).unwrap());
    let Some(state) = state else {
        eprintln!("left out: this file system's change times are not believed");
        return;
    };
    let known = || kept.contents.remembered.holds(&state, &kept.entry.hash);
    // Just written: within the clock's tick it could be written to again unseen.
    open().check(0).unwrap();
    assert!(!known());
    open().check_at(0, later()).unwrap();
    assert!(known());
    for from in [0, 1, PIECE, PASS_BYTES, LARGE] {
        let (pieces, fault) = read(open().check(from as u64).unwrap(), PIECE);
        assert!(fault.is_none(), "from {from}: {fault:?}");
        assert_eq!(pieces.concat(), kept.bytes[from..], "from {from}");
    }

    // Written to, and given its size and modification time back: the change time tells, a tick of its clock later.
    let modified = fs::metadata(&kept.path).unwrap().modified().unwrap();
    let mut bytes = kept.bytes.clone();
    bytes[LARGE / 2] ^= 1;
    rewrite(&kept, &bytes);
    let file = fs::OpenOptions::new().write(true).open(&kept.path).unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        file.set_modified(modified).unwrap();
        if FileState::of(&file).as_ref() != Some(&state) {
            break;
        }
        assert!(std::time::Instant::now() < until, "the clock stands still");
    }
    let again = open().check(0);
    assert!(matches!(again, Err(ContentsError::Changed(_))), "{again:?}");

    // Were such a change not told all the same, the pass that sends would see it, and send no end.
    let state = FileState::of(&File::open(&kept.path).unwrap()).unwrap();
    let remembered = &kept.contents.remembered;
    remembered.insert(state, kept.entry.hash, later());
    let (pieces, fault) = read(open().check(0).unwrap(), PIECE);
    assert!(matches!(fault, Some(ContentsError::Changed(_))));
    assert_eq!(pieces.len(), LARGE / PIECE, "all but the last");
}

#[test]
fn what_is_not_what_was_indexed_is_not_remembered() {
    let mut kept = Kept::of(LARGE);
    kept.entry.hash = Hash([0; 32]);
    let opened = kept.contents.open(&kept.entry).unwrap();
    let checked = opened.check_at(0, later());
    assert!(matches!(checked, Err(ContentsError::Changed(_))));
    if let Some(state) = FileState::of(&File::open(&kept.path).unwrap()) {
        assert!(!kept.contents.remembered.holds(&state, &kept.entry.hash));
    }
}
