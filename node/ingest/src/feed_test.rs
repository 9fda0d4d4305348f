use super::*;
use crate::fixture_test::message;
use std::io::Write;

struct Written {
    dir: tempfile::TempDir,
}

impl Written {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }
    fn append(&self, file: &str, bytes: &[u8]) {
        let path = self.dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(bytes).unwrap();
    }
    fn insert(&self, file: &str, patient: &str) {
        self.append(
            file,
            &[
                b"INS".as_slice(),
                &message("RDE^O11", patient, &["ORC|NW|1"]),
            ]
            .concat(),
        );
    }
}

fn all(feed: &mut Feed) -> (Vec<String>, u64) {
    let (mut patients, mut unnamed) = (Vec::new(), 0);
    loop {
        let heard = feed.read().unwrap();
        patients.extend(heard.patients.iter().map(|p| p.as_str().to_owned()));
        unnamed += heard.unnamed;
        if !heard.more {
            return (patients, unnamed);
        }
    }
}

const ONE: &str = "2025/TR_20251231000000000_00001.DAT";
const TWO: &str = "2026/TR_20260101000000000_00001.DAT";
const THREE: &str = "2026/TR_20260101000000000_00002.DAT";

#[test]
fn files_are_read_in_order_and_from_where_they_were_left() {
    let written = Written::new();
    let mut feed = Feed::from(written.dir.path(), Position::default());
    assert_eq!(all(&mut feed), (vec![], 0));
    written.insert(ONE, "0000001");
    written.append("2025/other.txt", b"x");
    written.append("notes/TR_1.DAT", b"x");
    assert_eq!(all(&mut feed), (vec!["0000001".to_owned()], 0));
    assert_eq!(all(&mut feed), (vec![], 0));
    written.insert(ONE, "0000002");
    written.insert(TWO, "0000003");
    written.insert(THREE, "0000004");
    // Restarted from what was remembered, as it is stored.
    let stored = serde_json::to_string(feed.position()).unwrap();
    let mut feed = Feed::from(written.dir.path(), serde_json::from_str(&stored).unwrap());
    let (mut patients, unnamed) = all(&mut feed);
    patients.sort();
    // The last record of the file that was open is read again: more of it could have come.
    let expected = ["0000001", "0000002", "0000003", "0000004"].map(String::from);
    assert_eq!((patients, unnamed), (expected.to_vec(), 0));
    assert_eq!(feed.position().file, THREE);
}

#[test]
fn a_torn_record_waits_for_its_end_or_for_the_next_file() {
    let written = Written::new();
    let record = message("RDE^O11", "0000001", &["ORC|NW|1"]);
    let (head, tail) = record.split_at(90);
    written.append(ONE, head);
    let mut feed = Feed::from(written.dir.path(), Position::default());
    assert_eq!(all(&mut feed), (vec![], 0));
    written.append(ONE, tail);
    assert_eq!(all(&mut feed), (vec!["0000001".to_owned()], 0));
    // Behind it, a torn one again: the last whole one is named once more.
    written.append(ONE, head);
    assert_eq!(all(&mut feed), (vec!["0000001".to_owned()], 0));
    assert_eq!(all(&mut feed), (vec![], 0));
    written.insert(TWO, "0000002");
    assert_eq!(
        all(&mut feed),
        (vec!["0000002".to_owned()], 1),
        "given up, and said so"
    );
}

#[test]
fn the_end_truncation_and_files_that_are_cleared_away() {
    let written = Written::new();
    written.insert(ONE, "0000001");
    let mut feed = Feed::from_end(written.dir.path()).unwrap();
    assert_eq!(all(&mut feed), (vec![], 0));
    written.insert(ONE, "0000002");
    assert_eq!(all(&mut feed).0, ["0000002"]);
    // Truncated: begun again, and a walk is asked for.
    fs::write(
        written.dir.path().join(ONE),
        message("RDE^O11", "0000003", &[]),
    )
    .unwrap();
    assert_eq!(all(&mut feed), (vec!["0000003".to_owned()], 1));
    written.insert(TWO, "0000004");
    fs::remove_dir_all(written.dir.path().join("2025")).unwrap();
    assert_eq!(all(&mut feed).0, ["0000004"]);
    let missing = Feed::from_end(written.dir.path().join("nowhere"));
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_long_file_is_read_in_stretches() {
    let written = Written::new();
    let record = [
        b"INS".as_slice(),
        &message("RDE^O11", "0000001", &["NTE|1||x"]),
    ]
    .concat();
    let times = (STRETCH_BYTES as usize * 2) / record.len() + 1;
    written.append(ONE, &record.repeat(times));
    written.insert(ONE, "0000002");
    let mut feed = Feed::from(written.dir.path(), Position::default());
    let (patients, unnamed) = all(&mut feed);
    assert_eq!(
        (patients.last().map(String::as_str), unnamed),
        (Some("0000002"), 0)
    );
}
