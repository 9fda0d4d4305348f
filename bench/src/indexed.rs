//! `index`: one patient's documents found among many, through the index a node has, as a node asks it; and the same on
//! PostgreSQL, where it is installed: one server on loopback, plain TCP, a commit waiting for its disk.

use crate::cluster::PATIENCE;
use crate::load::row;
use crate::networks::{Chart, document, put};
use crate::postgres::servers::{Postgres, programs};
use crate::yardstick::each_us;
use crate::{BenchError, ROUNDS, Row, percentile};
use sekisho_documents::{
    BATCH_CHANGES_MAX, DocumentIndex, MemoryIndex, PAGE_ENTRIES_MAX, PostgresIndex,
    PostgresSettings, Query, SledIndex, Statuses,
};
use sekisho_domain::{Codes, FacilityId};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Documents of a patient: what one answer has.
const EACH: u64 = 50;
/// Documents of the small index, which the large one is compared with.
const FEW: u64 = 50_000;
/// How long an answer may take, in milliseconds.
const AIM_MS: f64 = 2.0;
/// By which numbers are scattered over all patients: a prime, and no divisor of any number of them here.
const STEP: u64 = 2_654_435_761;
/// Documents whose own bytes are counted.
const COUNTED: u64 = 1_000;
/// Documents between two words of progress.
const TOLD_EVERY: u64 = 1_000_000;

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Alternating rounds, after one that is not counted.
    pub rounds: usize,
    /// Time of each part of a round.
    pub slice: Duration,
    /// Documents of the large index.
    pub documents: u64,
    /// Documents of the small one.
    pub few: u64,
}

impl Sizes {
    /// A prefecture's.
    pub const USUAL: Self = Self {
        rounds: ROUNDS,
        slice: Duration::from_secs(1),
        documents: 5_000_000,
        few: FEW,
    };

    /// Short and few, to see that it works.
    pub const QUICK: Self = Self {
        rounds: 1,
        slice: Duration::from_millis(50),
        documents: 20_000,
        few: 2_000,
    };
}

/// Runs it; four rows, and four of PostgreSQL where it is installed.
///
/// # Errors
/// The index cannot be made, or does not answer all documents of a patient.
pub fn run(sizes: &Sizes, progress: &mut dyn Write) -> Result<Vec<Row>, BenchError> {
    let mut say = |what: String| {
        // Progress nobody can see is no reason to stop.
        let _ = writeln!(progress, "{what}");
    };
    let dir = tempfile::tempdir().map_err(BenchError::system("a temporary directory"))?;
    let large = Filled::make(&dir, "large", sizes.documents, &mut say)?;
    let small = Filled::make(&dir, "small", sizes.few, &mut say)?;
    let (mut ours, mut peers, mut p50, mut p99) = (vec![], vec![], vec![], vec![]);
    for round in 0..=sizes.rounds {
        let each_ms = large.asked(sizes.slice)?;
        let small_ms = small.asked(sizes.slice)?;
        if round > 0 {
            ours.push(documents_a_second(&each_ms));
            peers.push(documents_a_second(&small_ms));
            p50.push(percentile(&each_ms, 50.0).unwrap_or(f64::NAN));
            p99.push(percentile(&each_ms, 99.0).unwrap_or(f64::NAN));
        }
    }
    let aims = vec![AIM_MS; p50.len()];
    let among = format!("among {}", with_commas(large.documents));
    let few = with_commas(small.documents);
    let mut rows = vec![
        row(
            format!("documents found for one patient {among}, one thread, against among {few}"),
            &ours,
            &peers,
            "1/s",
        ),
        row(
            format!("{EACH} documents {among}, p50, against 2 ms"),
            &p50,
            &aims,
            "ms",
        ),
        row(
            format!("{EACH} documents {among}, p99, against 2 ms"),
            &p99,
            &aims,
            "ms",
        ),
        Row {
            case: format!("disk of a document {among}, against its entry as JSON"),
            ours: large.bytes as f64 / large.documents as f64,
            peer: large.entry_bytes,
            unit: "B",
        },
    ];
    drop(large);
    rows.extend(beside_postgres(&small, sizes, &mut say)?);
    Ok(rows)
}

/// The small index's documents put into PostgreSQL, and found there by turns with it; no rows where it is not installed.
fn beside_postgres(
    small: &Filled,
    sizes: &Sizes,
    say: &mut dyn FnMut(String),
) -> Result<Vec<Row>, BenchError> {
    let server = match programs() {
        Ok(bin) => Postgres::alone(&bin)?,
        Err(absent) => {
            say(format!("left out: {absent}"));
            return Ok(Vec::new());
        }
    };
    let settings = PostgresSettings::new(&server.url(), None, None)?;
    let index = PostgresIndex::open(settings, "bench")?;
    let mut theirs = Filled::fill(Box::new(index), small.documents, say)?;
    theirs.bytes = server.bytes()?;
    let (mut found, mut sled, mut p99, mut sled_p99) = (vec![], vec![], vec![], vec![]);
    for round in 0..=sizes.rounds {
        let each_ms = theirs.asked(sizes.slice)?;
        let sled_ms = small.asked(sizes.slice)?;
        if round > 0 {
            for (into, of, at) in [
                (&mut found, &each_ms, 50.0),
                (&mut sled, &sled_ms, 50.0),
                (&mut p99, &each_ms, 99.0),
                (&mut sled_p99, &sled_ms, 99.0),
            ] {
                into.push(percentile(of, at).unwrap_or(f64::NAN));
            }
        }
    }
    let among = format!("among {}", with_commas(theirs.documents));
    let size = |filled: &Filled| filled.bytes as f64 / filled.documents as f64;
    Ok(vec![
        Row {
            case: format!("documents put into PostgreSQL, one thread, {among}, against sled"),
            ours: theirs.put_a_second,
            peer: small.put_a_second,
            unit: "1/s",
        },
        row(
            format!("{EACH} documents on PostgreSQL {among}, p50, against sled"),
            &found,
            &sled,
            "ms",
        ),
        row(
            format!("{EACH} documents on PostgreSQL {among}, p99, against sled"),
            &p99,
            &sled_p99,
            "ms",
        ),
        Row {
            case: format!("disk of a document on PostgreSQL {among}, against sled"),
            ours: size(&theirs),
            peer: size(small),
            unit: "B",
        },
    ])
}

fn documents_a_second(each_ms: &[f64]) -> f64 {
    each_ms.len() as f64 * EACH as f64 / (each_ms.iter().sum::<f64>() / 1_000.0)
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An index with as many documents as said, each patient's one after the other, as a reader of a storage comes to them.
struct Filled {
    index: Box<dyn DocumentIndex>,
    hospital: FacilityId,
    patients: u64,
    documents: u64,
    /// Put in a second, made durable.
    put_a_second: f64,
    /// On the disk.
    bytes: u64,
    /// Of one entry, as JSON.
    entry_bytes: f64,
}

impl Filled {
    fn make(
        dir: &TempDir,
        name: &str,
        documents: u64,
        say: &mut dyn FnMut(String),
    ) -> Result<Self, BenchError> {
        let path = dir.path().join(name);
        let mut filled = Self::fill(Box::new(SledIndex::open(&path)?), documents, say)?;
        // As a node finds it when it starts: nothing of it in the process' own memory.
        filled.index = Box::new(MemoryIndex::default());
        filled.bytes = bytes_of(&path)?;
        let opened = Instant::now();
        filled.index = Box::new(SledIndex::open(&path)?);
        say(format!(
            "{name} index: opened in {:.1} s",
            opened.elapsed().as_secs_f64()
        ));
        filled.whole()
    }

    /// Puts the documents into an empty index.
    fn fill(
        index: Box<dyn DocumentIndex>,
        documents: u64,
        say: &mut dyn FnMut(String),
    ) -> Result<Self, BenchError> {
        let begun = Instant::now();
        let hospital: FacilityId = "4110010000".parse()?;
        let patients = (documents / EACH).max(1);
        let (mut batch, mut put_so_far, mut entry_bytes) = (Vec::new(), 0, 0);
        for patient in 0..patients {
            let chart = Chart::of(&hospital, patient)?;
            for n in 0..EACH {
                let entry = document(&chart, n)?;
                if put_so_far < COUNTED {
                    entry_bytes += serde_json::to_vec(&entry).map_or(0, |bytes| bytes.len());
                }
                batch.push(put(entry));
                if batch.len() == BATCH_CHANGES_MAX {
                    index.apply(&batch)?;
                    batch.clear();
                }
                put_so_far += 1;
                if put_so_far % TOLD_EVERY == 0 {
                    let seconds = begun.elapsed().as_secs_f64();
                    say(format!(
                        "{} documents in {seconds:.0} s",
                        with_commas(put_so_far)
                    ));
                }
            }
        }
        index.apply(&batch)?;
        index.flush()?;
        let put_a_second = put_so_far as f64 / begun.elapsed().as_secs_f64();
        say(format!(
            "{} documents of {} patients put, {put_a_second:.0} a second",
            with_commas(put_so_far),
            with_commas(patients),
        ));
        Self {
            index,
            hospital,
            patients,
            documents: put_so_far,
            put_a_second,
            bytes: 0,
            entry_bytes: entry_bytes as f64 / put_so_far.min(COUNTED) as f64,
        }
        .whole()
    }

    /// It, if it holds what was put.
    fn whole(self) -> Result<Self, BenchError> {
        let kept = self.index.counters()?.documents();
        if kept == self.documents {
            return Ok(self);
        }
        Err(BenchError::Wrong {
            what: "an index",
            expected: format!("{} documents", self.documents),
            got: kept.to_string(),
        })
    }

    /// Asks for one patient after the other, in no order; the milliseconds of each answer.
    fn asked(&self, slice: Duration) -> Result<Vec<f64>, BenchError> {
        let each_us = each_us(slice.min(PATIENCE), |n| {
            let person = (n as u64).wrapping_mul(STEP) % self.patients;
            let chart = Chart::of(&self.hospital, person)?;
            // What a node asks for under a permit for all categories.
            let page = self.index.find(&Query {
                patients: vec![chart.patient()],
                categories: Some(Codes::all()),
                facilities: None,
                service_from: None,
                service_until: None,
                statuses: Statuses::ApprovedAndDeprecated,
                limit: PAGE_ENTRIES_MAX,
                after: None,
            })?;
            let own = page.entries.iter();
            let own =
                own.filter(|entry| entry.local_patient_id == chart.patient().local_patient_id);
            let got = own.count() as u64;
            if got == EACH && page.next.is_none() {
                return Ok(());
            }
            Err(BenchError::Wrong {
                what: "a patient's documents",
                expected: format!("{EACH}, all on one page"),
                got: got.to_string(),
            })
        })?;
        Ok(each_us.into_iter().map(|us| us / 1_000.0).collect())
    }
}

/// Bytes of all files below a folder, as the disk gives them out.
fn bytes_of(folder: &Path) -> Result<u64, BenchError> {
    let failed = || BenchError::system("a folder's files");
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let metadata = entry.metadata().map_err(failed())?;
        bytes += if metadata.is_dir() {
            bytes_of(&entry.path())?
        } else {
            std::os::unix::fs::MetadataExt::blocks(&metadata) * 512
        };
    }
    Ok(bytes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn every_patient_has_all_documents_and_a_lost_one_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let filled = Filled::make(&dir, "few", 10 * EACH, &mut |_| {}).unwrap();
        let slice = Duration::from_millis(20);
        assert!(!filled.asked(slice).unwrap().is_empty());
        assert!(filled.bytes > filled.documents && filled.entry_bytes > 100.0);
        let chart = Chart::of(&filled.hospital, 0).unwrap();
        let lost = document(&chart, 3).unwrap().location;
        let gone = sekisho_documents::Change::Forget(lost);
        filled.index.apply(&[gone]).unwrap();
        let error = filled.asked(slice).unwrap_err().to_string();
        assert!(error.ends_with("got 49"), "{error}");
    }

    #[test]
    fn numbers_have_commas() {
        for (number, text) in [(7, "7"), (1_000, "1,000"), (5_000_000, "5,000,000")] {
            assert_eq!(with_commas(number), text);
        }
    }
}
