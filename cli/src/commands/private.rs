//! Files for one pair of eyes: documents, and proofs with what they open.

use crate::ui::{Exit, Failure};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

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
    let name = path.display();
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|e| {
            Failure::of(
                Exit::Usage,
                &format!("{name} に書くことが"),
                &format!("write {name}"),
                &e,
            )
        })
}
