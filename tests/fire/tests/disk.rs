//! The simulated disk: what it must lose it loses, what it must keep it keeps, and a real process sees a file system.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did"
)]

use sekisho_fire::disk::{Keep, Mounted};
use sekisho_fire::{Dice, Need, left_out};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

const NEEDS: [Need; 2] = [Need::Root, Need::Fuse];
const RECORD: usize = 100;

/// A store as simple as can be: appends a record, makes it durable if it is honest, acknowledges.
struct Store {
    file: File,
    honest: bool,
}

impl Store {
    fn open(dir: &Path, honest: bool) -> Self {
        let path = dir.join("records");
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(&path).unwrap();
        if honest {
            File::open(dir).unwrap().sync_all().unwrap();
        }
        Self { file, honest }
    }

    fn acknowledge(&mut self, n: u8) {
        self.file.write_all(&[n; RECORD]).unwrap();
        if self.honest {
            self.file.sync_data().unwrap();
        }
    }
}

/// Records that are there whole, from the first on.
fn found(dir: &Path) -> usize {
    let bytes = std::fs::read(dir.join("records")).unwrap_or_default();
    let whole = (1u8..).zip(bytes.chunks(RECORD));
    whole
        .take_while(|(n, record)| *record == [*n; RECORD])
        .count()
}

#[test]
fn who_acknowledges_before_fsync_loses_and_who_syncs_does_not() {
    if left_out("disk", &NEEDS) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(1);
    for (keep, honest) in [
        (Keep::Nothing, true),
        (Keep::Nothing, false),
        (Keep::Parts, true),
        (Keep::Parts, false),
    ] {
        let mut lost = 0;
        for cut in 0..20 {
            let mounted = Mounted::on(&dir.path().join(format!("{keep:?}-{honest}-{cut}")));
            let mut store = Store::open(mounted.dir(), honest);
            (1..=40).for_each(|n| store.acknowledge(n));
            mounted.disk.cut(keep, &mut dice);
            assert!(store.file.write_all(b"late").is_err(), "there is no power");
            drop(store);
            mounted.disk.power_on();
            lost += 40 - found(mounted.dir());
        }
        println!("{keep:?}, honest {honest}: {lost} of 800 acknowledged records lost");
        assert_eq!(lost == 0, honest, "{keep:?}");
    }
}

#[test]
fn it_is_a_file_system() {
    if left_out("disk", &NEEDS) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mounted = Mounted::on(&dir.path().join("disk"));
    let at = |name: &str| mounted.dir().join(name);
    std::fs::create_dir_all(at("a/b")).unwrap();
    std::fs::write(at("a/b/one"), vec![7; 10_000]).unwrap();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(at("a/b/one"))
        .unwrap();
    file.write_all_at(&[8; 5_000], 8_000).unwrap();
    file.set_len(12_500).unwrap();
    file.seek(SeekFrom::Start(7_999)).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    let expected = [vec![7; 1], vec![8; 4_500]].concat();
    assert_eq!(bytes, expected);
    file.set_len(3).unwrap();
    file.set_len(5).unwrap();
    assert_eq!(std::fs::read(at("a/b/one")).unwrap(), [7, 7, 7, 0, 0]);
    std::fs::write(at("a/b/two"), b"two").unwrap();
    std::fs::rename(at("a/b/two"), at("a/b/one")).unwrap();
    assert_eq!(std::fs::read(at("a/b/one")).unwrap(), b"two");
    let names: Vec<_> = std::fs::read_dir(at("a/b"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["one"]);
    // Replaced, but still open.
    assert_eq!(file.metadata().unwrap().len(), 5);
    assert!(std::fs::remove_dir(at("a/b")).is_err(), "it is not empty");
    std::fs::remove_file(at("a/b/one")).unwrap();
    std::fs::remove_dir_all(at("a")).unwrap();
    assert_eq!(std::fs::read_dir(mounted.dir()).unwrap().count(), 0);
    let many = 3_000;
    for n in 0..many {
        File::create(at(&format!("file-{n}"))).unwrap();
    }
    let listed = std::fs::read_dir(mounted.dir()).unwrap().count();
    assert_eq!(listed, many, "a long folder is listed whole");
    let first = File::create(at("locked")).unwrap();
    first.try_lock().unwrap();
    assert!(File::open(at("locked")).unwrap().try_lock().is_err());
}

#[test]
fn a_name_is_durable_with_its_folder_and_a_length_with_its_file() {
    if left_out("disk", &NEEDS) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mounted = Mounted::on(&dir.path().join("disk"));
    let (disk, at) = (&mounted.disk, |name: &str| mounted.dir().join(name));
    let sync_folder = || File::open(mounted.dir()).unwrap().sync_all().unwrap();
    let cut = |keep: Keep, dice: &mut Dice| {
        disk.cut(keep, dice);
        disk.power_on();
    };
    let dice = &mut Dice::new(2);

    let file = File::create(at("synced, not named")).unwrap();
    (&file).write_all(b"1").unwrap();
    file.sync_all().unwrap();
    File::create(at("named, not synced")).unwrap();
    cut(Keep::Nothing, dice);
    assert!(std::fs::read_dir(mounted.dir()).unwrap().next().is_none());

    std::fs::write(at("kept"), b"before").unwrap();
    File::open(at("kept")).unwrap().sync_data().unwrap();
    sync_folder();
    std::fs::write(at("new"), b"after").unwrap();
    File::open(at("new")).unwrap().sync_data().unwrap();
    std::fs::rename(at("new"), at("kept")).unwrap();
    cut(Keep::Nothing, dice);
    assert_eq!(std::fs::read(at("kept")).unwrap(), b"before");
    assert!(!at("new").exists());

    // In parts: a rename is done or not, never half; unsynced bytes come in sectors, with or without the length.
    let (mut kinds, mut torn) = (std::collections::BTreeSet::new(), 0);
    for _ in 0..60 {
        std::fs::write(at("new"), b"after").unwrap();
        File::open(at("new")).unwrap().sync_data().unwrap();
        std::fs::rename(at("new"), at("kept")).unwrap();
        let long = File::create(at("long")).unwrap();
        long.sync_all().unwrap();
        sync_folder();
        std::fs::write(at("new"), b"before").unwrap();
        File::open(at("new")).unwrap().sync_data().unwrap();
        std::fs::rename(at("new"), at("kept")).unwrap();
        (&long).write_all(&[9; 4 * 512]).unwrap();
        cut(Keep::Parts, dice);
        kinds.insert(std::fs::read(at("kept")).unwrap());
        let bytes = std::fs::read(at("long")).unwrap();
        let sectors: Vec<_> = bytes
            .chunks(512)
            .map(|s| s.iter().all(|b| *b == 9))
            .collect();
        torn += usize::from(sectors.contains(&true) && sectors.contains(&false));
        assert!(bytes.iter().all(|b| [0, 9].contains(b)));
    }
    assert_eq!(kinds.len(), 2, "sometimes renamed, sometimes not");
    assert!(torn > 5, "sectors are torn apart: {torn} of 60");

    // Truncation is not durable by itself either.
    std::fs::write(at("short"), [1; 100]).unwrap();
    File::open(at("short")).unwrap().sync_all().unwrap();
    sync_folder();
    let file = OpenOptions::new().write(true).open(at("short")).unwrap();
    file.set_len(1).unwrap();
    cut(Keep::Nothing, dice);
    assert_eq!(std::fs::read(at("short")).unwrap().len(), 100);
}

#[test]
fn a_full_or_failing_disk_says_so() {
    if left_out("disk", &NEEDS) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mounted = Mounted::on(&dir.path().join("disk"));
    let file = File::create(mounted.dir().join("file")).unwrap();
    mounted.disk.fill(true);
    let full = file.write_at(b"1", 0).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    mounted.disk.fill(false);
    file.write_all_at(b"1", 0).unwrap();
    mounted.disk.fail_syncs(true);
    assert!(file.sync_data().is_err() && file.sync_all().is_err());
    mounted.disk.fail_syncs(false);
    mounted.disk.slow_down(std::time::Duration::from_millis(30));
    let began = std::time::Instant::now();
    file.sync_data().unwrap();
    assert!(began.elapsed() >= std::time::Duration::from_millis(30));
    assert!(mounted.disk.syncs() == 1 && mounted.disk.bytes() == 4096);
}
