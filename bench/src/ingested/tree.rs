//! One invented storage on the disk, and what is done with it.

use super::memory::added_bytes;
use crate::BenchError;
use sekisho_documents::{DocumentIndex, SledIndex};
use sekisho_ingest::{SsMix2Storage, ingest};
use sekisho_sample::{FacilitySpec, SampleSpec, Vendor, generate};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const FACILITY: &str = "4110000001";
/// Files of one patient with the visits below, about; only used to choose how many patients there are.
const FILES_OF_PATIENT: u64 = 43;
/// Visits of a patient in two years.
const VISITS: (u32, u32) = (10, 20);

/// Ours and the peer's, by turns.
type Turns = (Vec<f64>, Vec<f64>);

pub(super) struct Tree {
    dir: TempDir,
    pub(super) storage: SsMix2Storage,
    pub(super) files: u64,
    /// Files of it that can be answered or are quarantined or deleted: what an ingest must come to.
    expected: std::cell::OnceCell<u64>,
}

impl Tree {
    /// A storage of about so many files.
    pub(super) fn make(files: u64) -> Result<Self, BenchError> {
        let dir = tempfile::tempdir().map_err(BenchError::system("a temporary directory"))?;
        let root = dir.path().join("root");
        let facility = FACILITY.parse()?;
        let mut spec = SampleSpec::new(7, vec![FacilitySpec::new(facility, Vendor::ALL[0], &root)]);
        spec.patients_per_facility = u32::try_from(files.div_ceil(FILES_OF_PATIENT))
            .unwrap_or(u32::MAX)
            .max(1);
        spec.visits_per_patient = VISITS;
        let wrong = |got: String| BenchError::Wrong {
            what: "an invented storage",
            expected: "written".to_owned(),
            got,
        };
        let report = generate(&spec, &mut |_| {}).map_err(|e| wrong(e.to_string()))?;
        let storage = storage_at(&root)?;
        Ok(Self {
            dir,
            storage,
            files: report.files(),
            expected: std::cell::OnceCell::new(),
        })
    }

    /// An empty index beside it.
    pub(super) fn index(&self) -> Result<SledIndex, BenchError> {
        let path = self.dir.path().join("index");
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(BenchError::system("an index's removal"))?;
        }
        Ok(SledIndex::open(&path)?)
    }

    /// All of it into an empty index.
    pub(super) fn ingest(&self, index: &SledIndex) -> Result<Duration, BenchError> {
        let began = Instant::now();
        let report =
            ingest(&self.storage, index, &mut |_| {}).map_err(|e| self.wrong(&e.to_string()))?;
        let took = began.elapsed();
        let known = index.counters()?.files();
        // The generator's own marks beside the patients are no files of a storage.
        if report.changed != known
            || known + 8 < self.files
            || *self.expected.get_or_init(|| known) != known
        {
            return Err(self.wrong(&format!("{} read, {known} known", report.changed)));
        }
        Ok(took)
    }

    /// The same again, nothing having changed.
    pub(super) fn unchanged(&self, index: &SledIndex) -> Result<Duration, BenchError> {
        let began = Instant::now();
        let report =
            ingest(&self.storage, index, &mut |_| {}).map_err(|e| self.wrong(&e.to_string()))?;
        if report.changed > 0 || report.forgotten > 0 {
            return Err(self.wrong(&format!("{} changed", report.changed)));
        }
        Ok(began.elapsed())
    }

    /// Every file read and thrown away by the system's own tools.
    pub(super) fn read(&self) -> Result<Duration, BenchError> {
        let root = self.storage.root.to_string_lossy().into_owned();
        let began = Instant::now();
        run("find", &[&root, "-type", "f", "-exec", "cat", "{}", "+"])?;
        Ok(began.elapsed())
    }

    /// Both by turns, each after the system's caches were emptied; none where that is not allowed.
    pub(super) fn cold(&self, rounds: usize) -> Result<Option<Turns>, BenchError> {
        let (mut ours, mut peers) = (vec![], vec![]);
        for _ in 0..rounds {
            let index = self.index()?;
            if !empty_caches()? {
                return Ok(None);
            }
            ours.push(self.rate(self.ingest(&index)?));
            drop(index);
            empty_caches()?;
            peers.push(self.rate(self.read()?));
        }
        Ok(Some((ours, peers)))
    }

    pub(super) fn rate(&self, took: Duration) -> f64 {
        self.files as f64 / took.as_secs_f64()
    }

    /// What reading all of it adds to the memory of a process of its own: into an empty index, and into nothing.
    pub(super) fn memory_bytes(&self, program: &Path) -> Result<(u64, u64), BenchError> {
        let index = self.dir.path().join("index-for-memory");
        let root = &self.storage.root;
        let with_index = added_bytes(program, root, Some(&index), self.files)?;
        std::fs::remove_dir_all(&index).map_err(BenchError::system("an index's removal"))?;
        Ok((with_index, added_bytes(program, root, None, self.files)?))
    }

    pub(super) fn wrong(&self, got: &str) -> BenchError {
        BenchError::Wrong {
            what: "an ingest",
            expected: format!("{} files", self.files),
            got: got.to_owned(),
        }
    }
}

/// The storage below a root, read as a node reads it.
pub(super) fn storage_at(root: &Path) -> Result<SsMix2Storage, BenchError> {
    let mut storage = SsMix2Storage::new(root, FACILITY.parse()?, "bench".parse()?);
    storage.follow = None;
    Ok(storage)
}

fn empty_caches() -> Result<bool, BenchError> {
    // What was written last may not be written back yet, and stays; it is little.
    Ok(std::fs::write(Path::new("/proc/sys/vm/drop_caches"), "3").is_ok())
}

fn run(program: &'static str, args: &[&str]) -> Result<(), BenchError> {
    let status = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    let status = status.map_err(BenchError::system(program))?;
    if status.success() {
        return Ok(());
    }
    Err(BenchError::Wrong {
        what: program,
        expected: "done".to_owned(),
        got: status.to_string(),
    })
}
