//! Puts files where a storage has them, and never over somebody else's: each file is written under
//! another name and renamed, a root that holds anything not written here is refused.
//!
//! Nothing is synced to disk: a sample can be made again.

use crate::SampleError;
use sekisho_domain::FacilityId;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Lies in the root of every storage written here; without it no file is ever removed.
const MARKER: &str = ".sekisho-sample";

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SampleError {
    let path = path.to_owned();
    move |source| SampleError::Io {
        doing,
        path,
        source,
    }
}

/// Writes a file as a whole: beside its place first, then renamed into it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), SampleError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".writing");
    let beside = PathBuf::from(beside);
    let written = fs::File::create(&beside).and_then(|mut f| f.write_all(bytes));
    if let Err(source) = written.and_then(|()| fs::rename(&beside, path)) {
        // The first error is the one to report; what is left behind is marked by its name.
        let _ = fs::remove_file(&beside);
        return Err(io_error("write", path)(source));
    }
    Ok(())
}

fn marker_of(facility: &FacilityId) -> String {
    format!(
        "SS-MIX2 storage of invented patients, facility {facility}; may be removed by sekisho\n"
    )
}

/// Refuses a root that must not be written to. Changes nothing, so that all roots can be checked
/// before the first is touched.
pub(crate) fn check_root(
    dir: &Path,
    facility: &FacilityId,
    overwrite: bool,
) -> Result<(), SampleError> {
    let occupied = |why| {
        Err(SampleError::Occupied {
            dir: dir.to_owned(),
            why,
        })
    };
    match fs::symlink_metadata(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(io_error("look at", dir)(e)),
        Ok(found) if !found.is_dir() => return occupied("is no directory"),
        Ok(_) => {}
    }
    if fs::read_dir(dir)
        .map_err(io_error("list", dir))?
        .next()
        .is_none()
    {
        return Ok(());
    }
    match fs::read_to_string(dir.join(MARKER)) {
        Ok(text) if text == marker_of(facility) && overwrite => Ok(()),
        Ok(text) if text == marker_of(facility) => occupied("overwriting was not asked for"),
        _ => occupied("holds no sample storage of this facility"),
    }
}

/// Removes a folder or file; of a link the link, never what it points to.
fn remove(path: &Path) -> Result<(), SampleError> {
    let found = fs::symlink_metadata(path).map_err(io_error("look at", path))?;
    let removed = if found.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    removed.map_err(io_error("remove", path))
}

/// One facility's storage while it is written.
#[derive(Debug)]
pub(crate) struct Store {
    root: PathBuf,
    made: BTreeSet<String>,
}

impl Store {
    /// Empties the root (it must have passed [`check_root`]) and marks it as ours.
    pub(crate) fn create(root: &Path, facility: &FacilityId) -> Result<Self, SampleError> {
        fs::create_dir_all(root).map_err(io_error("make", root))?;
        for entry in fs::read_dir(root).map_err(io_error("list", root))? {
            let entry = entry.map_err(io_error("list", root))?;
            if entry.file_name() != MARKER {
                remove(&entry.path())?;
            }
        }
        // The marker stays while the root is emptied and comes before the first file: a run that was
        // killed at any point leaves a root that may be overwritten.
        write_whole(&root.join(MARKER), marker_of(facility).as_bytes())?;
        Ok(Self {
            root: root.to_owned(),
            made: BTreeSet::new(),
        })
    }

    /// Writes one file; `folder` and `name` are made of ids and codes, never of outside text.
    pub(crate) fn put(
        &mut self,
        folder: &str,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), SampleError> {
        let dir = self.root.join(folder);
        if !self.made.contains(folder) {
            fs::create_dir_all(&dir).map_err(io_error("make", &dir))?;
            self.made.insert(folder.to_owned());
        }
        write_whole(&dir.join(name), bytes)
    }

    /// Forgets which folders were made; called when a patient is done, so that memory stays small.
    pub(crate) fn next_patient(&mut self) {
        self.made.clear();
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;

    fn id() -> FacilityId {
        "4110000001".parse().expect("ten digits")
    }

    #[test]
    fn only_our_own_storage_of_the_same_facility_is_replaced() {
        let dir = tempfile::tempdir().expect("temp dir");
        let root = dir.path().join("root");
        check_root(&root, &id(), false).expect("absent is fine");
        let mut store = Store::create(&root, &id()).expect("created");
        store
            .put("001/002/00100201/-/ADT-00", "name", b"x")
            .expect("written");
        assert!(matches!(
            check_root(&root, &id(), false),
            Err(SampleError::Occupied { .. })
        ));
        check_root(&root, &id(), true).expect("ours");
        let other = "4110000002".parse().expect("ten digits");
        assert!(matches!(
            check_root(&root, &other, true),
            Err(SampleError::Occupied { .. })
        ));
        Store::create(&root, &id()).expect("replaced");
        assert!(!root.join("001").exists());
    }

    #[test]
    fn anything_else_is_left_alone() {
        let dir = tempfile::tempdir().expect("temp dir");
        let root = dir.path().join("root");
        fs::create_dir(&root).expect("made");
        check_root(&root, &id(), false).expect("empty is fine");
        fs::write(root.join("thesis.txt"), "years of work").expect("written");
        assert!(matches!(
            check_root(&root, &id(), true),
            Err(SampleError::Occupied { .. })
        ));
        assert!(matches!(
            check_root(&root.join("thesis.txt"), &id(), true),
            Err(SampleError::Occupied { .. })
        ));
    }

    #[cfg(unix)]
    #[test]
    fn replacing_removes_links_and_not_what_they_point_to() {
        let dir = tempfile::tempdir().expect("temp dir");
        let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
        fs::create_dir(&outside).expect("made");
        fs::write(outside.join("thesis.txt"), "years of work").expect("written");
        Store::create(&root, &id()).expect("created");
        std::os::unix::fs::symlink(&outside, root.join("001")).expect("linked");
        Store::create(&root, &id()).expect("replaced");
        assert!(!root.join("001").exists() && outside.join("thesis.txt").exists());
        let linked = dir.path().join("linked");
        std::os::unix::fs::symlink(&root, &linked).expect("linked");
        assert!(matches!(
            check_root(&linked, &id(), true),
            Err(SampleError::Occupied { .. })
        ));
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("temp dir");
        fs::create_dir_all(dir.path().join("taken/full")).expect("made");
        let result = write_whole(&dir.path().join("taken"), b"x");
        assert!(matches!(
            result,
            Err(SampleError::Io { doing: "write", .. })
        ));
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
    }
}
