//! One flipped bit anywhere in a data directory is found, and said where it is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use redb::{Database, ReadableTable, TableDefinition};
use sekisho_domain::Genesis;
use sekisho_ledger::store::Table;
use sekisho_replica::ReplicaError;
use sekisho_replica::offline::{Finding, FindingKind, FsckReport, fsck};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{Cluster, until};
use tempfile::TempDir;

const STATE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("state");
/// One full bundle and one that is not.
const LEAVES: u64 = 261;

/// The data directory of a replica that stopped, and its founding file.
struct Ledger {
    _dir: TempDir,
    data: PathBuf,
    genesis: Genesis,
}

async fn ledger(stop: bool) -> Ledger {
    let mut cluster = Cluster::of(1, 1).await;
    cluster.publish_every = Duration::from_millis(10);
    cluster.start_all().await;
    for n in 0..LEAVES {
        cluster.submit(1, n).await.unwrap();
    }
    until("the last leaf to be published", async || {
        let published = cluster.replica(1).published()?;
        (published.checkpoint.size() == LEAVES).then_some(())
    })
    .await;
    let data = cluster.config(1).data_dir;
    until("the first bundle to be sealed", async || {
        data.join("tiles/tile/0/000").exists().then_some(())
    })
    .await;
    let running = report(&data, &cluster.genesis);
    assert!(
        matches!(running, Err(ReplicaError::InUse(_))),
        "{running:?}"
    );
    if stop {
        cluster.stop(1).await;
    } else {
        cluster.kill(1).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let copied = dir.path().join("data");
    copy(&data, &copied);
    Ledger {
        _dir: dir,
        data: copied,
        genesis: cluster.genesis.clone(),
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

fn report(data: &Path, genesis: &Genesis) -> Result<FsckReport, ReplicaError> {
    let scratch = tempfile::tempdir().unwrap();
    fsck(data, genesis, scratch.path(), &mut |_, _| {})
}

impl Ledger {
    fn check(&self) -> FsckReport {
        report(&self.data, &self.genesis).unwrap()
    }

    /// Checks with a file changed, and puts it back.
    fn with(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) -> FsckReport {
        let path = self.data.join(file);
        let was = fs::read(&path).unwrap();
        let mut bytes = was.clone();
        change(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        let report = self.check();
        // Nothing was written by checking.
        assert!(fs::read(&path).unwrap() == bytes, "{file}");
        fs::write(&path, was).unwrap();
        report
    }

    /// Checks with a row's value changed through the database, so that all its own checksums hold.
    fn with_row(&self, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> FsckReport {
        let put = |value: &[u8]| {
            let database = Database::create(self.data.join("ledger.redb")).unwrap();
            let txn = database.begin_write().unwrap();
            txn.open_table(STATE).unwrap().insert(key, value).unwrap();
            txn.commit().unwrap();
        };
        let was = self.rows()[key].clone();
        let mut value = was.clone();
        change(&mut value);
        put(&value);
        let report = self.check();
        put(&was);
        report
    }

    fn rows(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let database = Database::create(self.data.join("ledger.redb")).unwrap();
        rows(&database)
    }
}

/// Everything in a database, the Raft log and what stands beside it too.
fn everything(database: &Database) -> Vec<(Vec<u8>, Vec<u8>)> {
    use redb::ReadableDatabase;
    const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
    let txn = database.begin_read().unwrap();
    let meta = txn.open_table(META).unwrap();
    let meta = meta.iter().unwrap().map(|row| {
        let (key, value) = row.unwrap();
        (key.value().as_bytes().to_vec(), value.value().to_vec())
    });
    rows(database).into_iter().chain(meta).collect()
}

fn rows(database: &Database) -> BTreeMap<Vec<u8>, Vec<u8>> {
    use redb::ReadableDatabase;
    let txn = database.begin_read().unwrap();
    let table = txn.open_table(STATE).unwrap();
    let all = table.iter().unwrap().map(|row| {
        let (key, value) = row.unwrap();
        (key.value().to_vec(), value.value().to_vec())
    });
    all.collect()
}

fn key(table: Table, key: &[u8]) -> Vec<u8> {
    [&[table as u8], key].concat()
}

fn first(report: &FsckReport) -> &Finding {
    report
        .findings
        .first()
        .unwrap_or_else(|| panic!("nothing was found"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_ledger_is_sound_after_a_stop_and_after_a_crash() {
    for stop in [true, false] {
        let ledger = ledger(stop).await;
        let report = ledger.check();
        assert_eq!(report.findings, [], "stopped: {stop}");
        assert_eq!((report.leaves, report.replayed), (LEAVES, LEAVES));
        assert_eq!(report.published, Some(LEAVES));
        assert_eq!(report.files, 2);
        assert!(report.rows > 2 * LEAVES && report.store.is_some());
        // What a crash leaves beside a file is no finding; other things are.
        fs::write(ledger.data.join("tiles/tile/0/001.tmp"), b"half").unwrap();
        for stray in ["tile/0/001", "tile/0/000.p", "notes.txt"] {
            let path = ledger.data.join("tiles").join(stray);
            fs::write(&path, b"?").unwrap();
            let found = ledger.check();
            assert_eq!(first(&found).kind, FindingKind::Stray, "{stray}");
            assert_eq!(first(&found).place, format!("tiles/{stray}"));
            fs::remove_file(&path).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_a_sealed_file_is_found_with_its_byte() {
    let ledger = ledger(true).await;
    for (file, step) in [
        ("tiles/tile/entries/000", 4_999),
        ("tiles/tile/0/000", 1_021),
    ] {
        let length = fs::read(ledger.data.join(file)).unwrap().len();
        for at in (0..length).step_by(step).chain([1, length - 1]) {
            let report = ledger.with(file, |bytes| bytes[at] ^= 0x10);
            let found: Vec<_> = report.findings.iter().collect();
            let [finding] = found[..] else {
                panic!("byte {at} of {file}: {found:?}")
            };
            assert_eq!(
                (
                    finding.kind,
                    finding.place.as_str(),
                    finding.bundle,
                    finding.offset
                ),
                (FindingKind::File, file, Some(0), Some(at as u64))
            );
        }
        for length in [0, 1, length / 2, length - 1] {
            let report = ledger.with(file, |bytes| bytes.truncate(length));
            let finding = first(&report);
            assert_eq!(
                (finding.kind, finding.offset),
                (FindingKind::File, Some(length as u64))
            );
            assert_eq!(report.findings.len(), 1);
        }
        let report = ledger.with(file, |bytes| bytes.push(0));
        assert_eq!(first(&report).offset, Some(length as u64));
        let path = ledger.data.join(file);
        let was = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let report = ledger.check();
        assert_eq!(
            (first(&report).kind, first(&report).place.as_str()),
            (FindingKind::Missing, file)
        );
        fs::write(&path, was).unwrap();
    }
    let file = "tiles/checkpoint";
    let length = fs::read(ledger.data.join(file)).unwrap().len();
    for at in (0..length).step_by(23).chain([length - 1]) {
        let report = ledger.with(file, |bytes| bytes[at] ^= 1);
        let finding = first(&report);
        assert_eq!(
            (finding.kind, finding.place.as_str()),
            (FindingKind::Checkpoint, file),
            "byte {at}"
        );
    }
    assert_eq!(ledger.check().findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_any_row_is_found_with_its_table_and_byte() {
    let ledger = ledger(true).await;
    let all = ledger.rows();

    // Leaves: of the sealed bundle, whose copy tells the byte, and of the other.
    let bundle = fs::read(ledger.data.join("tiles/tile/entries/000")).unwrap();
    let mut begin = 0;
    for index in 0..LEAVES {
        let row = key(Table::Leaf, &index.to_be_bytes());
        let length = all[&row].len();
        if [0, 7, 200, 255, 256, 257, LEAVES - 1].contains(&index) {
            for at in (0..length).step_by(31).chain([length - 1]) {
                let report = ledger.with_row(&row, |value| value[at] ^= 1);
                let case = format!("byte {at} of leaf {index}: {:?}", report.findings);
                let sealed = index < 256;
                let finding = report
                    .findings
                    .iter()
                    .find(|f| {
                        matches!(
                            f.kind,
                            FindingKind::Leaf | FindingKind::Outcome | FindingKind::TreeNode
                        )
                    })
                    .unwrap_or_else(|| panic!("{case}"));
                assert_eq!(finding.bundle, Some(index / 256), "{case}");
                if sealed {
                    assert_eq!(finding.kind, FindingKind::Leaf, "{case}");
                    assert_eq!(finding.offset, Some(begin + 2 + at as u64), "{case}");
                    assert_eq!(bundle[(begin + 2) as usize + at], all[&row][at]);
                    assert_eq!(report.findings.len(), 1, "{case}");
                } else if finding.kind != FindingKind::TreeNode {
                    let offset = finding.offset.unwrap();
                    assert!((begin..=begin + 2 + at as u64).contains(&offset), "{case}");
                }
            }
            let report = ledger.with_row(&row, |value| value.truncate(length / 2));
            assert!(!report.is_sound(), "leaf {index}");
        }
        begin += 2 + length as u64;
        if index == 255 {
            begin = 0;
        }
    }

    // Hashes of the tree.
    for (level, index) in [
        (0u8, 3u64),
        (0, 258),
        (1, 0),
        (1, 129),
        (8, 0),
        (2, 64),
        (0, LEAVES - 1),
    ] {
        let row = key(
            Table::TreeNode,
            &[&[level][..], &index.to_be_bytes()].concat(),
        );
        for at in [0, 13, 31] {
            let report = ledger.with_row(&row, |value| value[at] ^= 1);
            let finding = first(&report);
            let place = format!("ledger.redb: TreeNode ({level}, {index})");
            let expected = (FindingKind::TreeNode, place.as_str(), Some(at as u64));
            let got = (finding.kind, finding.place.as_str(), finding.offset);
            // Of a leaf that nothing else vouches for, leaf and hash contradict each other.
            let alone = (level, index) == (0, 258);
            assert!(got == expected || alone, "{:?}", report.findings);
            assert_eq!(finding.bundle, Some((index << level) / 256));
        }
    }

    // Every other table.
    let mut tables = BTreeMap::<u8, Vec<&Vec<u8>>>::new();
    for row in all.keys() {
        tables.entry(row[0]).or_default().push(row);
    }
    let mut checked = 0;
    for (table, rows) in tables {
        if [Table::Leaf as u8, Table::TreeNode as u8].contains(&table) {
            continue;
        }
        for row in [rows[0], rows[rows.len() / 2]] {
            let length = all[row].len();
            let Some(last) = length.checked_sub(1) else {
                continue;
            };
            for at in [0, length / 2, last] {
                let report = ledger.with_row(row, |value| value[at] ^= 1);
                let states: Vec<_> = report.findings.iter().map(|f| f.kind).collect();
                assert!(
                    states.contains(&FindingKind::State),
                    "table {table}, byte {at}: {:?}",
                    report.findings
                );
                checked += 1;
            }
        }
    }
    assert!(checked >= 20, "{checked}");
    assert_eq!(ledger.check().findings, []);
}

/// Through the file, whose pages then do not have their checksums: it is found, or it makes no difference at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_anywhere_in_the_database_is_found_or_means_nothing() {
    // The database library panics over some damage, and is caught; this test's own panics are shown.
    std::panic::set_hook(Box::new(|info| {
        if info
            .location()
            .is_some_and(|at| at.file().ends_with("tests/fsck.rs"))
        {
            eprintln!("{info}");
        }
    }));
    let ledger = ledger(true).await;
    let all = everything(&Database::create(ledger.data.join("ledger.redb")).unwrap());
    let file = fs::read(ledger.data.join("ledger.redb")).unwrap();
    let used: Vec<usize> = (0..file.len()).filter(|&at| file[at] != 0).collect();
    let (mut found, mut located, mut nothing) = (0, 0, 0);
    for &at in used.iter().step_by(used.len() / 150) {
        let report = ledger.with("ledger.redb", |bytes| bytes[at] ^= 1);
        if report.is_sound() {
            let copied = tempfile::tempdir().unwrap();
            let path = copied.path().join("ledger.redb");
            let mut bytes = file.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            let read = everything(&Database::create(&path).unwrap());
            assert!(read == all, "byte {at} was not found");
            nothing += 1;
        } else {
            found += 1;
            located += usize::from(report.findings.len() > 1);
        }
    }
    let _ = std::panic::take_hook();
    eprintln!(
        "{found} found, {located} of them located in a row, {nothing} in bytes that mean nothing"
    );
    assert!(found > 60 && located > 20, "{found} {located} {nothing}");

    for length in [0, 100, file.len() / 2, file.len() - 1] {
        let report = report_of_truncated(&ledger, length);
        assert!(!report, "cut to {length} bytes");
    }
    assert_eq!(ledger.check().findings, []);
}

/// Whatever of the log counts is under a checksum; only the last frame may be spoilt, as by a power cut.
#[tokio::test]
async fn a_flipped_bit_in_the_log_is_found() {
    let ledger = ledger(true).await;
    let name = "log-0000000000000001";
    let file = fs::read(ledger.data.join(name)).unwrap();
    let frames: Vec<usize> = (0..file.len())
        .step_by(512)
        .filter(|&at| file[at..].starts_with(b"SKWL"))
        .collect();
    let (last, rest) = frames.split_last().unwrap();
    let used: Vec<usize> = (512..*last).filter(|&at| file[at] != 0).collect();
    assert!(rest.len() > 5 && used.len() > 3_000);
    for &at in used.iter().step_by(used.len() / 40) {
        let report = ledger.with(name, |bytes| bytes[at] ^= 1);
        let found = |finding: &Finding| finding.kind == FindingKind::Consensus;
        // The frame's reserved bytes are under its checksum too.
        assert!(report.findings.iter().any(found), "byte {at}");
    }
    assert_eq!(ledger.check().findings, []);
}

fn report_of_truncated(ledger: &Ledger, length: usize) -> bool {
    ledger
        .with("ledger.redb", |bytes| bytes.truncate(length))
        .is_sound()
}
