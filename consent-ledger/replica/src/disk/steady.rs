//! The database's file, brought to the disk as it is written.
//!
//! A flush writes some 30 MB and syncs them. Left to that one sync they would reach the disk all at once, and the log's next
//! sync, for which callers wait, would stand behind them. So the file is synced each time a little has come together.

use redb::{BackendError, StorageBackend};
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes written before the file is synced: what a disk takes in a millisecond or two.
const UNSYNCED_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A database's file.
#[derive(Debug)]
pub(super) struct Steady<F> {
    file: F,
    unsynced_bytes: AtomicUsize,
}

impl<F> Steady<F> {
    pub(super) fn new(file: F) -> Self {
        Self {
            file,
            unsynced_bytes: AtomicUsize::new(0),
        }
    }
}

impl<F: StorageBackend> StorageBackend for Steady<F> {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.unsynced_bytes.store(0, Ordering::Relaxed);
        self.file.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)?;
        let before = self.unsynced_bytes.fetch_add(data.len(), Ordering::Relaxed);
        if before + data.len() < UNSYNCED_BYTES_MAX {
            return Ok(());
        }
        self.sync_data()
    }
    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }
    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }
    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }
    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }
    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use redb::backends::InMemoryBackend;

    /// Counts syncs; the disk fails at one of them.
    #[derive(Debug)]
    struct Counting {
        file: InMemoryBackend,
        synced: AtomicUsize,
        fails_at: usize,
    }

    impl StorageBackend for Counting {
        fn len(&self) -> io::Result<u64> {
            self.file.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.file.read(offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.file.set_len(len)
        }
        fn sync_data(&self) -> io::Result<()> {
            match self.synced.fetch_add(1, Ordering::Relaxed) + 1 {
                n if n == self.fails_at => Err(io::ErrorKind::StorageFull.into()),
                _ => Ok(()),
            }
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.file.write(offset, data)
        }
    }

    fn steady(fails_at: usize) -> Steady<Counting> {
        let file = InMemoryBackend::new();
        file.set_len(4 * UNSYNCED_BYTES_MAX as u64).unwrap();
        Steady::new(Counting {
            file,
            synced: AtomicUsize::new(0),
            fails_at,
        })
    }

    #[test]
    fn it_is_synced_each_time_so_much_was_written_and_when_it_is_asked_to() {
        let steady = steady(usize::MAX);
        let page = [7; UNSYNCED_BYTES_MAX / 8];
        let synced = || steady.file.synced.load(Ordering::Relaxed);
        for (n, after) in (0..).zip([0, 0, 0, 0, 0, 0, 0, 1, 1, 1]) {
            steady.write(n * page.len() as u64, &page).unwrap();
            assert_eq!(synced(), after, "{n}");
        }
        // What was asked for in between counts: the next is a whole stretch away.
        steady.sync_data().unwrap();
        for n in 0..7 {
            steady.write(n * page.len() as u64, &page).unwrap();
        }
        assert_eq!(synced(), 2);
        let mut read = vec![0; page.len()];
        steady.read(9 * page.len() as u64, &mut read).unwrap();
        assert_eq!(read, page);
    }

    #[test]
    fn a_sync_that_fails_is_the_writes_failure() {
        let steady = steady(1);
        let whole = vec![7; UNSYNCED_BYTES_MAX];
        let failed = steady.write(0, &whole).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
    }
}
