//! Files that were read from their first byte to their last and found to be what was indexed, and have not been written
//! to since: of these the first pass of a release need not be made again.
//!
//! Whether a file was written to is told by its change time (`st_ctime`), which the kernel sets and no program can set
//! back, besides its size, modification time and number. So only of file systems of this machine, whose kernel sees every
//! write; and only where the last change was a while before the pass began, for within one tick of the file system's clock
//! a change leaves no trace. What this overlooked all the same (a mapped page, a clock set back) the pass that sends
//! notices: the last piece does not leave.

use sekisho_domain::Hash;
use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Files remembered; the one remembered first is forgotten first.
const FILES_MAX: usize = 256;
/// A smaller file is read sooner than it is looked for.
const BYTES_MIN: u64 = 1 << 20;
/// How long a file must not have been changed before its pass: more than a tick of any file system's clock, and than the
/// two seconds of those that count so.
const SETTLED: Duration = Duration::from_secs(5);
/// File systems (`statfs.f_type`, Linux `include/uapi/linux/magic.h`) whose change times this machine's kernel sets: ext2 to
/// ext4, XFS, Btrfs, F2FS, ZFS, tmpfs, and overlays of them.
const OF_THIS_MACHINE: [u64; 7] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0xf2f5_2010,
    0x2fc1_2fc1,
    0x0102_1994,
    0x794c_7630,
];

/// What is remembered, shared by all that release from the same sources.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remembered(Arc<Mutex<VecDeque<(FileState, Hash)>>>);

/// A file as it is, as far as the system tells without its being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileState {
    device: u64,
    inode: u64,
    size_bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileState {
    /// None of a small file, and where the file system's change times say nothing.
    pub fn of(file: &File) -> Option<Self> {
        let metadata = file.metadata().ok()?;
        let told = metadata.size() >= BYTES_MIN && is_of_this_machine(file);
        told.then(|| Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size_bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let parts = (u64::try_from(seconds), u32::try_from(nanoseconds));
        let (Ok(seconds), Ok(nanoseconds)) = parts else {
            return false;
        };
        let changed = UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds));
        changed.is_some_and(|changed| now.duration_since(changed).is_ok_and(|for_| for_ > SETTLED))
    }
}

impl Remembered {
    /// Whether a file in this state was read whole and had this hash.
    pub fn holds(&self, state: &FileState, hash: &Hash) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|(s, h)| s == state && h == hash)
    }

    /// A file was read whole, in a pass begun at this time, and was in this state before and after.
    pub fn insert(&self, state: FileState, hash: Hash, begun: SystemTime) {
        if !state.is_settled(begun) {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(s, _)| (s.device, s.inode) != (state.device, state.inode));
        if known.len() >= FILES_MAX {
            known.pop_front();
        }
        known.push_back((state, hash));
    }
}

#[cfg(target_os = "linux")]
fn is_of_this_machine(file: &File) -> bool {
    // The kernel's field is signed and as wide as a word: only its lower half counts.
    rustix::fs::fstatfs(file)
        .is_ok_and(|stat| OF_THIS_MACHINE.contains(&(stat.f_type as u64 & 0xffff_ffff)))
}

#[cfg(not(target_os = "linux"))]
fn is_of_this_machine(_: &File) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(inode: u64, changed: i64) -> FileState {
        FileState {
            device: 1,
            inode,
            size_bytes: BYTES_MIN,
            modified: (changed, 0),
            changed: (changed, 500_000_000),
        }
    }

    #[test]
    fn only_what_has_settled_is_remembered_and_only_as_it_was() {
        let (known, hash) = (Remembered::default(), Hash([7; 32]));
        let at = |s| UNIX_EPOCH + Duration::from_secs(s);
        known.insert(state(1, 100), hash, at(105));
        assert!(!known.holds(&state(1, 100), &hash), "changed just before");
        known.insert(state(1, 100), hash, at(50));
        assert!(!known.holds(&state(1, 100), &hash), "changed in the future");
        known.insert(state(1, -100), hash, at(50));
        assert!(!known.holds(&state(1, -100), &hash), "before any clock");
        known.insert(state(1, 100), hash, at(106));
        assert!(known.holds(&state(1, 100), &hash));
        assert!(
            !known.holds(&state(1, 100), &Hash([8; 32])),
            "indexed as another"
        );
        assert!(!known.holds(&state(1, 101), &hash), "changed since");
        assert!(!known.holds(&state(2, 100), &hash), "another file");
    }

    #[test]
    fn no_more_files_than_there_is_room_for() {
        let (known, hash) = (Remembered::default(), Hash([7; 32]));
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        for inode in 0..=FILES_MAX as u64 {
            known.insert(state(inode, 1), hash, now);
            known.insert(state(inode, 2), hash, now);
        }
        let holds = |inode| known.holds(&state(inode, 2), &hash);
        assert!(!holds(0) && holds(1) && holds(FILES_MAX as u64));
        assert!(
            !known.holds(&state(5, 1), &hash),
            "of one file, its last state"
        );
    }
}
