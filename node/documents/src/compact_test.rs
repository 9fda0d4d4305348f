//! An index written anew: nothing of what is gone is left, and a crash anywhere loses nothing.

use super::*;
use crate::contract_test::{entry, put};
use crate::{Change, DocumentIndex, FileOutcome, PAGE_ENTRIES_MAX};
use std::process::Command;

/// Asks the test's own process, started again, to end where the step is.
const DIE_AT: &str = "SEKISHO_TEST_DIE_AT";
const FOLDER: &str = "SEKISHO_TEST_FOLDER";
/// Asks it to empty the index instead.
const CLEARS: &str = "SEKISHO_TEST_CLEARS";
const GONE: &str = "4100-gone";
const KEPT: &str = "4100-kept";

const STEPS: [Step; 5] = [
    Step::Copying,
    Step::Copied,
    Step::Moved,
    Step::Renamed,
    Step::Removed,
];

fn document(n: u32, patient: &str) -> Change {
    put(entry(
        1,
        patient,
        u64::from(n),
        &n.to_string(),
        &format!("{patient}/{n}"),
    ))
}

/// An index that held a patient's documents and holds them no more, and another's that it holds.
fn filled(path: &Path) -> SledIndex {
    let index = SledIndex::open(path).unwrap();
    for n in 0..200 {
        let (gone, kept) = (document(n, GONE), document(1000 + n, KEPT));
        index.apply(&[gone.clone(), kept]).unwrap();
        index
            .apply(&[Change::Forget(gone.location().clone())])
            .unwrap();
    }
    index.flush().unwrap();
    index
}

fn patients(index: &SledIndex) -> Vec<String> {
    let source = "std01".parse().unwrap();
    let files = index.files(&source, "", None, PAGE_ENTRIES_MAX).unwrap();
    files
        .into_iter()
        .map(|file| match file.outcome {
            FileOutcome::Document(entry) => entry.local_patient_id.as_str().to_owned(),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// Whether any file below a folder holds these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder)
        .unwrap()
        .map(Result::unwrap)
        .any(|entry| {
            if entry.file_type().unwrap().is_dir() {
                return holds(&entry.path(), bytes);
            }
            let content = fs::read(entry.path()).unwrap();
            content.windows(bytes.len()).any(|window| window == bytes)
        })
}

#[test]
fn nothing_of_what_is_gone_is_left_and_all_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    let index = filled(&path);
    assert_eq!(patients(&index).len(), 200);
    assert!(holds(dir.path(), GONE.as_bytes()), "sled keeps old pages");
    let counters = index.counters().unwrap();
    index.compact().unwrap();
    assert!(!holds(dir.path(), GONE.as_bytes()));
    assert!(holds(dir.path(), KEPT.as_bytes()));
    assert_eq!(patients(&index), vec![KEPT.to_owned(); 200]);
    assert_eq!(index.counters().unwrap(), counters);
    // It goes on as it was: written to, flushed, opened again, compacted again.
    index.apply(&[document(5000, KEPT)]).unwrap();
    index.flush().unwrap();
    index.compact().unwrap();
    drop(index);
    let index = SledIndex::open(&path).unwrap();
    assert_eq!(patients(&index).len(), 201);
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// Not a test of its own: what [`killed_anywhere_it_is_whole`] starts as another process.
#[test]
fn compacts_until_killed() {
    let (Ok(at), Ok(folder)) = (std::env::var(DIE_AT), std::env::var(FOLDER)) else {
        return;
    };
    let index = SledIndex::open(Path::new(&folder)).unwrap();
    let die = &mut |step| {
        if format!("{step:?}") == at {
            std::process::abort();
        }
    };
    let done = match std::env::var(CLEARS) {
        Ok(_) => index.clear_by_steps(die),
        Err(_) => index.compact_by_steps(die),
    };
    panic!("it was not killed: {done:?}");
}

#[test]
fn killed_anywhere_it_is_whole() {
    for step in STEPS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        drop(filled(&path));
        let killed = Command::new(std::env::current_exe().unwrap())
            .args([
                "sled_index::compact::tests::compacts_until_killed",
                "--exact",
            ])
            .env(DIE_AT, format!("{step:?}"))
            .env(FOLDER, &path)
            .output()
            .unwrap();
        assert_eq!(killed.status.code(), None, "{step:?}: {killed:?}");
        let index = SledIndex::open(&path).unwrap();
        assert_eq!(patients(&index), vec![KEPT.to_owned(); 200], "{step:?}");
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{step:?} leaves {left:?}");
        index.compact().unwrap();
        assert!(!holds(dir.path(), GONE.as_bytes()), "{step:?}");
    }
}

#[test]
fn killed_anywhere_all_is_emptied_or_nothing() {
    for step in &STEPS[1..] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        drop(filled(&path));
        let killed = Command::new(std::env::current_exe().unwrap())
            .args([
                "sled_index::compact::tests::compacts_until_killed",
                "--exact",
            ])
            .env(DIE_AT, format!("{step:?}"))
            .env(FOLDER, &path)
            .env(CLEARS, "")
            .output()
            .unwrap();
        assert_eq!(killed.status.code(), None, "{step:?}: {killed:?}");
        let index = SledIndex::open(&path).unwrap();
        let left = if *step == Step::Copied { 200 } else { 0 };
        assert_eq!(patients(&index).len(), left, "{step:?}");
        assert_eq!(index.counters().unwrap().documents(), left as u64);
        index.clear().unwrap();
        index.apply(&[document(1, KEPT)]).unwrap();
        assert_eq!(patients(&index).len(), 1, "{step:?}");
        assert!(!holds(dir.path(), GONE.as_bytes()), "{step:?}");
    }
}

#[test]
fn what_is_applied_while_it_is_copied_is_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let index = filled(&dir.path().join("index"));
    let mut once = true;
    // Copying holds the readers' lock, so the writer comes right behind it.
    std::thread::scope(|scope| {
        let (tell, told) = std::sync::mpsc::channel();
        let index = &index;
        scope.spawn(move || {
            told.recv().unwrap();
            index.apply(&[document(7000, KEPT)]).unwrap();
        });
        index
            .compact_by_steps(&mut |step| {
                if step == Step::Copying && std::mem::take(&mut once) {
                    tell.send(()).unwrap();
                }
            })
            .unwrap();
    });
    assert_eq!(patients(&index).len(), 201);
}
