//! What reading a storage adds to a process' memory. Each measurement is a process of its own: what an earlier one freed,
//! its allocator would only give to the next.

use super::tree::storage_at;
use crate::{BenchError, EXIT_FAILED};
use sekisho_documents::{
    Change, Counters, DocumentEntry, DocumentIndex, Error, FileRecord, Page, Part, Quarantined,
    Query, SledIndex, SourceId, SourceLocation, UniqueId,
};
use sekisho_ingest::ingest;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

/// This program's command for such a process: the storage's root, and the index' folder or [`NOWHERE`].
pub(crate) const MEMORY: &str = "ingest-memory";
/// Entries are thrown away, so that only what reading itself needs is measured.
const NOWHERE: &str = "nowhere";

/// How much a fresh process' resident memory grows at most while a storage is read into an empty index in this folder;
/// without one, into nothing.
pub(super) fn added_bytes(
    program: &Path,
    root: &Path,
    index: Option<&Path>,
    files: u64,
) -> Result<u64, BenchError> {
    let output = Command::new(program)
        .arg(MEMORY)
        .arg(root)
        .arg(index.unwrap_or(Path::new(NOWHERE)))
        .output()
        .map_err(BenchError::system("a process"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut numbers = said.split_whitespace().map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        // The generator's own marks beside the patients are no files of a storage.
        (Some(Ok(bytes)), Some(Ok(read))) if read + 8 >= files => Ok(bytes),
        _ => Err(BenchError::Wrong {
            what: "an ingest in a process of its own",
            expected: format!("{files} files"),
            got: format!("{said}{}", String::from_utf8_lossy(&output.stderr)),
        }),
    }
}

/// Such a process.
pub(crate) fn serve(words: &[&str], out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let &[root, index] = words else {
        return writeln!(err, "{MEMORY}: for this program itself").map(|()| EXIT_FAILED);
    };
    match measured(Path::new(root), index) {
        Ok((bytes, files)) => writeln!(out, "{bytes} {files}").map(|()| 0),
        Err(error) => writeln!(err, "{}", error.chain()).map(|()| EXIT_FAILED),
    }
}

fn measured(root: &Path, index: &str) -> Result<(u64, u64), BenchError> {
    let storage = storage_at(root)?;
    let index: Box<dyn DocumentIndex> = match index {
        NOWHERE => Box::new(Nowhere),
        folder => Box::new(SledIndex::open(Path::new(folder))?),
    };
    let failed = BenchError::system("the process' own memory");
    std::fs::write("/proc/self/clear_refs", "5").map_err(failed)?;
    let before = status("VmRSS:")?;
    let report = ingest(&storage, &*index, &mut |_| {}).map_err(|e| BenchError::Wrong {
        what: "an ingest",
        expected: "done".to_owned(),
        got: e.to_string(),
    })?;
    Ok((status("VmHWM:")?.saturating_sub(before), report.changed))
}

fn status(name: &str) -> Result<u64, BenchError> {
    let failed = BenchError::system("the process' own memory");
    let text = std::fs::read_to_string("/proc/self/status").map_err(failed)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.unwrap_or(0) * 1024)
}

/// An index that keeps nothing.
struct Nowhere;

impl DocumentIndex for Nowhere {
    fn apply(&self, _: &[Change]) -> Result<(), Error> {
        Ok(())
    }
    fn find(&self, _: &Query) -> Result<Page, Error> {
        Err(Error::Closed)
    }
    fn get(&self, _: &UniqueId) -> Result<Option<DocumentEntry>, Error> {
        Ok(None)
    }
    fn quarantined(&self, _: Option<&SourceLocation>, _: usize) -> Result<Vec<Quarantined>, Error> {
        Ok(Vec::new())
    }
    fn files(
        &self,
        _: &SourceId,
        _: &str,
        _: Option<&str>,
        _: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        Ok(Vec::new())
    }
    fn records(&self, _: Option<&SourceLocation>, _: usize) -> Result<Vec<FileRecord>, Error> {
        Ok(Vec::new())
    }
    fn parts(
        &self,
        _: &SourceLocation,
        _: Option<Part>,
        _: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        Ok(Vec::new())
    }
    fn counters(&self) -> Result<Counters, Error> {
        Ok(Counters::default())
    }
    fn clear(&self) -> Result<(), Error> {
        Ok(())
    }
    fn beside(&self) -> Result<Box<dyn DocumentIndex>, Error> {
        Err(Error::Closed)
    }
    fn take_beside(&self) -> Result<(), Error> {
        Err(Error::Closed)
    }
    fn compact(&self) -> Result<(), Error> {
        Ok(())
    }
    fn flush(&self) -> Result<(), Error> {
        Ok(())
    }
}
