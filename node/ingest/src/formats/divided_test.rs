//! Files that hold several patients' documents: what is whose, what a change to one does to the others, and what is
//! left when reading one is cut off.

use super::samples_test::{claims, cp932};
use super::*;
use crate::Source;
use sekisho_documents::{
    Change, Contents, Counters, DocumentEntry, DocumentIndex, Error, FileRecord, MemoryIndex, Page,
    Part, Patient, Quarantined, Query, SourceId, SourceLocation, UniqueId,
};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

const FACILITY: &str = "4110000001";

struct Month {
    _dir: tempfile::TempDir,
    path: PathBuf,
    source: FolderSource,
    index: Failing,
}

/// An index that fails from some batch on.
#[derive(Debug, Default)]
struct Failing {
    index: MemoryIndex,
    batches_left: AtomicUsize,
}

impl DocumentIndex for Failing {
    fn apply(&self, changes: &[Change]) -> Result<(), Error> {
        let left = self.batches_left.load(Ordering::SeqCst);
        if left == 0 {
            return Err(Error::Closed);
        }
        self.batches_left.store(left - 1, Ordering::SeqCst);
        self.index.apply(changes)
    }
    fn find(&self, query: &Query) -> Result<Page, Error> {
        self.index.find(query)
    }
    fn get(&self, unique_id: &UniqueId) -> Result<Option<DocumentEntry>, Error> {
        self.index.get(unique_id)
    }
    fn quarantined(
        &self,
        after: Option<&SourceLocation>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, Error> {
        self.index.quarantined(after, limit)
    }
    fn files(
        &self,
        source_id: &SourceId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        self.index.files(source_id, prefix, after, limit)
    }
    fn parts(
        &self,
        file: &SourceLocation,
        after: Option<Part>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        self.index.parts(file, after, limit)
    }
    fn counters(&self) -> Result<Counters, Error> {
        self.index.counters()
    }
    fn clear(&self) -> Result<(), Error> {
        self.index.clear()
    }
    fn records(
        &self,
        after: Option<&SourceLocation>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        self.index.records(after, limit)
    }
    fn beside(&self) -> Result<Box<dyn DocumentIndex>, Error> {
        self.index.beside()
    }
    fn take_beside(&self) -> Result<(), Error> {
        self.index.take_beside()
    }
    fn compact(&self) -> Result<(), Error> {
        self.index.compact()
    }
    fn flush(&self) -> Result<(), Error> {
        self.index.flush()
    }
}

impl Month {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let index = Failing::default();
        index.batches_left.store(usize::MAX, Ordering::SeqCst);
        Self {
            path: dir.path().join("2026/04.UKE"),
            source: FolderSource {
                root: dir.path().to_owned(),
                facility: FACILITY.parse().unwrap(),
                source_id: "s".parse().unwrap(),
                format: Format::Uke,
                patient_system: None,
            },
            _dir: dir,
            index,
        }
    }

    fn write(&self, text: &str, seconds: u64) {
        fs::create_dir_all(self.path.parent().unwrap()).unwrap();
        fs::write(&self.path, cp932(text)).unwrap();
        let file = fs::OpenOptions::new().write(true).open(&self.path).unwrap();
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000 + seconds);
        file.set_modified(at).unwrap();
    }

    fn ingest(&self) -> Result<crate::Report, crate::Error> {
        self.source.ingest(&self.index, &mut |_| {})
    }

    fn entry(&self, patient: &str) -> Option<DocumentEntry> {
        let query = Query::of(Patient {
            facility: FACILITY.parse().unwrap(),
            local_patient_id: patient.parse().unwrap(),
        });
        let mut entries = self.index.find(&query).unwrap().entries;
        assert!(entries.len() < 2);
        entries.pop()
    }

    fn release(&self, entry: &DocumentEntry) -> Option<Vec<u8>> {
        let root = self.source.root.clone();
        let contents = Contents::new([(self.source.source_id.clone(), root)]);
        let checked = self.source.release(&contents, entry, 0).ok()?;
        let mut pieces = checked.pieces().unwrap();
        let mut bytes = Vec::new();
        pieces.next(&mut bytes).ok()?;
        Some(bytes)
    }
}

fn patients(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("{:07}", 9_000_000 + n)).collect()
}

fn of(patients: &[String]) -> String {
    let ids: Vec<&str> = patients.iter().map(String::as_str).collect();
    claims(FACILITY, &ids, 4)
}

#[test]
fn each_document_is_its_own_patients_bytes_and_the_head() {
    let month = Month::new();
    let patients = patients(40);
    month.write(&of(&patients), 0);
    let report = month.ingest().unwrap();
    assert_eq!(
        (report.documents(), report.patients, report.files),
        (40, 40, 1)
    );
    for patient in &patients {
        let entry = month.entry(patient).unwrap();
        let bytes = month.release(&entry).unwrap();
        assert!(
            bytes.starts_with(b"IR,"),
            "the head says whose claims they are"
        );
        let text = String::from_utf8_lossy(&bytes);
        for other in &patients {
            assert_eq!(
                text.contains(other),
                other == patient,
                "{patient} and {other}"
            );
        }
        // A part that is moved or grown takes in another's bytes, and is refused even with their hash.
        let part = entry.location.part.unwrap();
        for (offset, size) in [
            (part.offset_bytes + 1, part.size_bytes - 1),
            (part.offset_bytes, part.size_bytes + 40),
            (
                part.head_bytes,
                part.size_bytes + part.offset_bytes - part.head_bytes,
            ),
        ] {
            let (offset_bytes, size_bytes) = (offset, size);
            let mut grown = entry.clone();
            let moved = Part {
                offset_bytes,
                size_bytes,
                ..part
            };
            let file = fs::read(&month.path).unwrap();
            let at = |n: u64| usize::try_from(n).unwrap();
            let Some(body) = file.get(at(offset)..at(offset + size)) else {
                continue;
            };
            let all = [&file[..at(part.head_bytes)], body].concat();
            grown.location.part = Some(moved);
            grown.size_bytes = moved.document_bytes();
            grown.hash = sekisho_domain::Hash(<sha2::Sha256 as sha2::Digest>::digest(&all).into());
            if all != bytes {
                assert_eq!(month.release(&grown), None, "{patient}");
            }
        }
    }
}

#[test]
fn a_change_to_one_is_a_change_to_that_one() {
    let month = Month::new();
    let patients = patients(5);
    let text = of(&patients);
    month.write(&text, 0);
    month.ingest().unwrap();
    let before: Vec<_> = patients.iter().map(|p| month.entry(p).unwrap()).collect();
    // The third claim's diagnosis is put right, in place and of the same length.
    let third = text.match_indices("見本病,").nth(2).unwrap().0;
    let mut changed = text.clone();
    changed.replace_range(third.."見本病,".len() + third, "見事病,");
    month.write(&changed, 5);
    for (n, entry) in before.iter().enumerate() {
        let left = month.release(entry).is_some();
        assert_eq!(left, n != 2, "before it is read again");
    }
    month.ingest().unwrap();
    for (n, entry) in before.iter().enumerate() {
        let now = month.entry(&patients[n]).unwrap();
        assert_eq!(
            now.unique_id == entry.unique_id,
            n != 2,
            "other bytes are another document"
        );
        assert!(month.release(&now).is_some());
        assert_eq!(month.index.get(&entry.unique_id).unwrap().is_some(), n != 2);
    }
    // The first claim is taken out: all the others move.
    let four = of(&patients[1..]);
    month.write(&four, 9);
    let report = month.ingest().unwrap();
    assert_eq!(month.entry(&patients[0]), None);
    assert_eq!(report.documents(), 4);
    for patient in &patients[1..] {
        let entry = month.entry(patient).unwrap();
        let bytes = month.release(&entry).unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains(patient.as_str()));
    }
    // Two patients' claims change places; no old entry brings the other's bytes.
    let mut swapped = patients[1..].to_vec();
    let old: Vec<_> = swapped.iter().map(|p| month.entry(p).unwrap()).collect();
    swapped.swap(0, 1);
    month.write(&of(&swapped), 12);
    for entry in old {
        if let Some(bytes) = month.release(&entry) {
            assert!(String::from_utf8_lossy(&bytes).contains(entry.local_patient_id.as_str()));
        }
    }
    fs::remove_file(&month.path).unwrap();
    let report = month.ingest().unwrap();
    assert_eq!((report.forgotten, report.documents()), (1, 0));
    assert_eq!(month.index.counters().unwrap(), Counters::default());
}

#[test]
fn what_was_cut_off_between_two_batches_is_read_again_as_a_whole() {
    let patients = patients(1300);
    let shrunk = patients[..700].to_vec();
    for cut_after in 0..5 {
        for second in [&shrunk, &patients] {
            let month = Month::new();
            month.index.batches_left.store(cut_after, Ordering::SeqCst);
            month.write(&of(&patients), 0);
            let cut = month.ingest();
            month.index.batches_left.store(usize::MAX, Ordering::SeqCst);
            if cut_after < 3 {
                assert!(cut.is_err(), "after {cut_after}");
            }
            // The same file, or what it has become meanwhile.
            if second.len() != patients.len() {
                month.write(&of(second), 3);
                month.index.batches_left.store(cut_after, Ordering::SeqCst);
                let _ = month.ingest();
                month.index.batches_left.store(usize::MAX, Ordering::SeqCst);
            }
            let report = month.ingest().unwrap();
            assert_eq!(report.documents(), second.len() as u64, "after {cut_after}");
            assert_eq!(
                month.index.counters().unwrap().documents(),
                second.len() as u64
            );
            let again = month.ingest().unwrap();
            assert_eq!((again.changed, again.unchanged), (0, 1));
        }
    }
}

#[test]
fn pages_of_parts_are_read_to_the_end() {
    let month = Month::new();
    let patients = patients(sekisho_documents::PAGE_ENTRIES_MAX + 5);
    month.write(&of(&patients), 0);
    assert_eq!(month.ingest().unwrap().documents(), patients.len() as u64);
    let last = month.entry(&patients[patients.len() - 1]).unwrap();
    assert!(month.release(&last).is_some());
    fs::remove_file(&month.path).unwrap();
    month.ingest().unwrap();
    assert_eq!(month.index.counters().unwrap(), Counters::default());
}
