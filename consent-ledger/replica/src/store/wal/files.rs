//! The files' names, and files made ahead of time.

use crate::ReplicaError;
use crate::disk::{Disk, DiskFile};
use std::io;
use std::sync::Arc;

const LOG: &str = "log-";
const SPARE: &str = "spare-";
/// Zeros written before they are synced: of a whole file at once, the sync of an append would stand behind all of it.
const FILL_BYTES: u64 = 256 * 1024;

/// A file in use.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// The number of its first frame.
    pub first: u64,
    pub salt: u64,
    pub bytes: Arc<dyn DiskFile>,
}

/// The name of the file whose first frame has this number.
pub(super) fn name(first: u64) -> String {
    format!("{LOG}{first:016x}")
}

/// The name of a spare file that had this number, or was made when it was the next.
pub(super) fn spare_name(number: u64) -> String {
    format!("{SPARE}{number:016x}")
}

/// The numbers of the files among these names, in order, and the names of spare ones.
pub(super) fn sorted(names: Vec<String>) -> (Vec<u64>, Vec<String>) {
    let number = |name: &str| {
        let digits = name.strip_prefix(LOG).filter(|digits| digits.len() == 16)?;
        u64::from_str_radix(digits, 16).ok()
    };
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| number(name)).collect();
    numbers.sort_unstable();
    let mut spares: Vec<String> = names
        .into_iter()
        .filter(|name| name.starts_with(SPARE))
        .collect();
    spares.sort();
    (numbers, spares)
}

/// A number nobody else knows.
pub(super) fn salt() -> Result<u64, ReplicaError> {
    #[cfg(feature = "simulation")]
    if let Some(salt) = crate::simulation::random() {
        return Ok(salt);
    }
    getrandom::u64().map_err(|_| ReplicaError::Damaged("the system's random source"))
}

/// Makes a file of zeros, in the place of whatever had the name.
pub(super) fn fill(disk: &dyn Disk, name: &str, bytes: u64) -> io::Result<()> {
    let file = match disk.open(name)? {
        Some(file) => file,
        None => disk.create(name)?,
    };
    let zeros = vec![0; FILL_BYTES as usize];
    let mut at = 0;
    while at < bytes {
        file.write_at(at, &zeros)?;
        file.sync()?;
        at += FILL_BYTES;
    }
    disk.sync()
}
