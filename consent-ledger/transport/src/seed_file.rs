//! Secret seeds in files: 32 raw bytes, mode 0600, refused when others can read them.

use crate::TransportError;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// Length of an Ed25519 seed (RFC 8032 §5.1.5).
pub const SEED_BYTES: usize = 32;

/// Permission bits that give anyone but the owner access.
const OTHERS: u32 = 0o077;

/// Reads the seed in a file.
///
/// # Errors
/// [`TransportError::KeyFile`] if it cannot be read, [`TransportError::KeyFileMode`] if the group or
/// others have any access to it, [`TransportError::KeyFileShape`] if it is not 32 bytes.
pub fn load(path: &Path) -> Result<Zeroizing<[u8; SEED_BYTES]>, TransportError> {
    let failed = |source| TransportError::KeyFile {
        path: path.to_owned(),
        action: "read",
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    // Of the opened file, not of the path: what is checked is what is read.
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(TransportError::KeyFileMode {
            path: path.to_owned(),
            mode,
        });
    }
    let got_bytes = if metadata.is_file() {
        metadata.len()
    } else {
        0
    };
    if got_bytes != SEED_BYTES as u64 {
        return Err(TransportError::KeyFileShape {
            path: path.to_owned(),
            expected_bytes: SEED_BYTES as u64,
            got_bytes,
        });
    }
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    file.read_exact(seed.as_mut()).map_err(failed)?;
    Ok(seed)
}

/// Writes a new random seed to a file that must not exist yet, durably.
///
/// # Errors
/// [`TransportError::KeyFile`] if the file exists or cannot be written, [`TransportError::Random`].
pub fn create(path: &Path) -> Result<Zeroizing<[u8; SEED_BYTES]>, TransportError> {
    let failed = |source| TransportError::KeyFile {
        path: path.to_owned(),
        action: "created",
        source,
    };
    let seed = random()?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(seed.as_ref()).map_err(failed)?;
    // The key is about to be registered on the ledger; losing it to a power cut would lock its owner out.
    file.sync_all().map_err(failed)?;
    let parent = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(parent)
        .and_then(|dir| dir.sync_all())
        .map_err(failed)?;
    Ok(seed)
}

/// Reads the seed in a file, or creates it where there is no file.
///
/// # Errors
/// Those of [`load`] and [`create`].
pub fn load_or_create(path: &Path) -> Result<Zeroizing<[u8; SEED_BYTES]>, TransportError> {
    match load(path) {
        Err(TransportError::KeyFile { source, .. }) if source.kind() == ErrorKind::NotFound => {
            create(path)
        }
        other => other,
    }
}

/// A new random seed.
///
/// # Errors
/// [`TransportError::Random`] if the system has no random bytes to give.
pub fn random() -> Result<Zeroizing<[u8; SEED_BYTES]>, TransportError> {
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    getrandom::fill(seed.as_mut()).map_err(TransportError::Random)?;
    Ok(seed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_created_seed_is_private_and_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let made = load_or_create(&path).unwrap();
        assert_ne!(*made, [0; SEED_BYTES]);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            *load_or_create(&path).unwrap(),
            *made,
            "the second time reads"
        );
        assert!(
            matches!(create(&path), Err(TransportError::KeyFile { source, .. }) if source.kind() == ErrorKind::AlreadyExists),
            "a key is never overwritten"
        );
        assert_eq!(*load(&path).unwrap(), *made);
    }

    #[test]
    fn a_seed_others_can_reach_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        create(&path).unwrap();
        for mode in [0o640, 0o604, 0o610, 0o620, 0o601, 0o666, 0o777] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = load(&path).unwrap_err();
            assert!(
                matches!(error, TransportError::KeyFileMode { mode: found, .. } if found == mode),
                "{mode:o}"
            );
            assert!(
                error.to_string().contains(&format!("mode {mode:04o}")),
                "{error}"
            );
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(load(&path).is_ok(), "stricter is fine");
    }

    #[test]
    fn what_is_not_a_seed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        for length in [0, 31, 33, 64] {
            fs::write(&path, vec![7; length]).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let error = load(&path).unwrap_err();
            assert!(
                matches!(error, TransportError::KeyFileShape { got_bytes, .. } if got_bytes == length as u64),
                "{length}"
            );
        }
        let absent = load(&dir.path().join("absent")).unwrap_err();
        assert!(matches!(
            absent,
            TransportError::KeyFile { action: "read", .. }
        ));
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(matches!(
            load(&folder),
            Err(TransportError::KeyFileShape { got_bytes: 0, .. })
        ));
    }
}
