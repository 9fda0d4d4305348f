//! Files for one pair of eyes: documents, and proofs with what they open.

use crate::ui::{Exit, Failure};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Checked before anybody is asked, so that nothing is fetched that cannot be kept.
///
/// # Errors
/// There is a file already.
pub(super) fn check_absent(path: &Path) -> Result<(), Failure> {
    if !path.exists() {
        return Ok(());
    }
    let name = path.display();
    Err(Failure::usage(
        format!("{name} はすでにあります。上書きしません"),
        format!("{name} exists; it is not overwritten"),
    ))
}

/// Writes a new file that only its owner can read.
///
/// # Errors
/// There is one already, or it cannot be written.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|e| failed(path, &e))
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    let name = path.display();
    Failure::of(
        Exit::Usage,
        &format!("{name} に書くことが"),
        &format!("write {name}"),
        error,
    )
}

/// A new file that is written as its content comes, under a hidden name beside its own, for its owner alone. It gets
/// its name once it is whole; dropped before, nothing of it is left.
#[derive(Debug)]
pub(super) struct Unfinished {
    file: NamedTempFile,
    path: PathBuf,
}

impl Unfinished {
    /// Begins one.
    ///
    /// # Errors
    /// No file can be made there.
    pub(super) fn new(path: &Path) -> Result<Self, Failure> {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".");
        let file = tempfile::Builder::new()
            .prefix(&name)
            .suffix(".part")
            .tempfile_in(folder(path));
        Ok(Self {
            file: file.map_err(|e| failed(path, &e))?,
            path: path.to_owned(),
        })
    }

    /// Writes what comes next.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.file.write_all(bytes);
        written.map_err(|e| failed(&self.path, &e))
    }

    /// Gives it its name: first its bytes are on the disk, then its name is, so that no crash leaves half of it there.
    ///
    /// # Errors
    /// There is a file of that name by now, or the disk failed.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let Self { file, path } = self;
        let named = || {
            file.as_file().sync_all()?;
            file.persist_noclobber(&path)?;
            File::open(folder(&path))?.sync_all()
        };
        named().map_err(|e: io::Error| failed(&path, &e))
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(dir: &Path) -> Vec<String> {
        let files = std::fs::read_dir(dir).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("document");
        let mut file = Unfinished::new(&path).unwrap();
        file.write(b"all ").unwrap();
        assert!(!path.exists());
        let there = names(dir.path());
        assert_eq!(there.len(), 1);
        let name = &there[0];
        assert!(
            name.starts_with(".document.") && name.ends_with(".part"),
            "{name}"
        );
        let mode = dir.path().join(name).metadata().unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        file.write(b"of it").unwrap();
        file.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"all of it");
        assert_eq!(names(dir.path()), ["document"]);

        // Nobody's file is overwritten, even one that came meanwhile; nothing else is left either.
        let mut late = Unfinished::new(&path).unwrap();
        late.write(b"late").unwrap();
        late.finish().unwrap_err();
        assert_eq!(std::fs::read(&path).unwrap(), b"all of it");
        drop(Unfinished::new(&dir.path().join("other")).unwrap());
        assert_eq!(names(dir.path()), ["document"]);
        Unfinished::new(&dir.path().join("nowhere/x")).unwrap_err();
    }
}
