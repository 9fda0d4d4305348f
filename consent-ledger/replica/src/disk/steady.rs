//! The database's file, brought to the disk in order and bit by bit.
//!
//! A flush writes some 30 MB and syncs them. redb writes page by page, in the order of its cache, so that neighbours in the
//! file come far apart: thousands of small pieces for the system and for the disk. And left to that one sync they would
//! reach the disk all at once, and the log's next sync, for which callers wait, would stand behind them. So what is written
//! is gathered here until redb asks for a sync, goes to the file in the order of its places, neighbours in one piece, and
//! is synced each time a little has come together.

use redb::{BackendError, StorageBackend};
use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError, RwLock};

/// Bytes written before the file is synced: what a disk takes in a millisecond or two.
const UNSYNCED_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Bytes of neighbours that are written as one piece.
const PIECE_BYTES_MAX: usize = 256 * 1024;

/// Bytes that are gathered, at most, before they are written unasked: above what a flush writes.
const GATHERED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A database's file. Nothing is written behind the file's end: redb lengthens it first.
#[derive(Debug)]
pub(crate) struct Steady<F> {
    file: F,
    /// Held by whoever writes.
    writing: Mutex<()>,
    gathered: RwLock<Gathered>,
}

/// What is not in the file yet, by its place; no two overlap.
#[derive(Debug, Default)]
struct Gathered {
    pages: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
}

impl Gathered {
    /// The pages that have a part in some bytes, the last first.
    fn within(&self, at: u64, length: usize) -> impl Iterator<Item = (u64, &[u8])> {
        let before_end = self.pages.range(..at + length as u64).rev();
        before_end
            .map(|(&start, page)| (start, page.as_slice()))
            .take_while(move |(start, page)| start + page.len() as u64 > at)
    }

    /// Whether a page can be put without cutting another.
    fn takes(&self, at: u64, page: &[u8]) -> bool {
        self.within(at, page.len())
            .all(|(start, known)| start == at && known.len() == page.len())
    }

    fn put(&mut self, at: u64, page: &[u8]) {
        let before = self.pages.insert(at, page.to_vec());
        self.bytes += page.len() - before.map_or(0, |before| before.len());
    }

    /// Puts what is known of some bytes in their place.
    fn lay_over(&self, at: u64, bytes: &mut [u8]) {
        for (start, page) in self.within(at, bytes.len()) {
            let from_page = at.saturating_sub(start) as usize;
            let from_bytes = start.saturating_sub(at) as usize;
            let to = bytes.get_mut(from_bytes..).unwrap_or_default();
            for (to, from) in to.iter_mut().zip(page.iter().skip(from_page)) {
                *to = *from;
            }
        }
    }
}

impl<F: StorageBackend> Steady<F> {
    pub(crate) fn new(file: F) -> Self {
        Self {
            file,
            writing: Mutex::default(),
            gathered: RwLock::default(),
        }
    }

    /// Writes what was gathered. Others may read meanwhile. What a failure leaves over is given up, as a disk would.
    fn write_out(&self) -> io::Result<()> {
        let written = {
            let gathered = self.gathered.read().unwrap_or_else(PoisonError::into_inner);
            self.write_in_order(&gathered)
        };
        let mut gathered = self
            .gathered
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *gathered = Gathered::default();
        written
    }

    fn write_in_order(&self, gathered: &Gathered) -> io::Result<()> {
        let (mut begin, mut piece, mut unsynced_bytes) = (0, Vec::new(), 0);
        let mut pages = gathered.pages.iter().peekable();
        while let Some((&at, page)) = pages.next() {
            if piece.is_empty() {
                begin = at;
            }
            piece.extend_from_slice(page);
            let end = at + page.len() as u64;
            let goes_on = pages.peek().is_some_and(|(next, _)| **next == end);
            if goes_on && piece.len() < PIECE_BYTES_MAX {
                continue;
            }
            self.file.write(begin, &piece)?;
            unsynced_bytes += piece.len();
            piece.clear();
            if unsynced_bytes >= UNSYNCED_BYTES_MAX {
                self.file.sync_data()?;
                unsynced_bytes = 0;
            }
        }
        Ok(())
    }

    /// Has `work` done with the file, in which everything is that was written.
    fn with_all<T>(&self, work: impl FnOnce(&F) -> io::Result<T>) -> io::Result<T> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.write_out()?;
        work(&self.file)
    }
}

impl<F: StorageBackend> StorageBackend for Steady<F> {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        // What is written out meanwhile is found in both places, and never in none.
        let gathered = self.gathered.read().unwrap_or_else(PoisonError::into_inner);
        self.file.read(offset, out)?;
        gathered.lay_over(offset, out);
        Ok(())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with_all(|file| file.set_len(len))
    }
    fn sync_data(&self) -> io::Result<()> {
        self.with_all(F::sync_data)
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let takes = {
            let gathered = self.gathered.read().unwrap_or_else(PoisonError::into_inner);
            gathered.takes(offset, data) && gathered.bytes + data.len() <= GATHERED_BYTES_MAX
        };
        if !takes {
            self.write_out()?;
        }
        let mut gathered = self
            .gathered
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        gathered.put(offset, data);
        Ok(())
    }
    fn close(&self) -> io::Result<()> {
        self.with_all(F::close)
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
    use proptest::prelude::*;
    use redb::backends::InMemoryBackend;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const FILE_BYTES: usize = 4 * UNSYNCED_BYTES_MAX;

    /// Writes down what is written, and counts syncs; the disk fails at one of them, and at writes beyond its room.
    #[derive(Debug)]
    struct Watched {
        file: InMemoryBackend,
        writes: Mutex<Vec<(u64, usize)>>,
        synced: AtomicUsize,
        fails_at: usize,
        room: u64,
    }

    impl StorageBackend for Watched {
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
            if offset + data.len() as u64 > self.room {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.writes.lock().unwrap().push((offset, data.len()));
            self.file.write(offset, data)
        }
    }

    fn steady(fails_at: usize, room: u64) -> Steady<Watched> {
        let file = InMemoryBackend::new();
        file.set_len(FILE_BYTES as u64).unwrap();
        Steady::new(Watched {
            file,
            writes: Mutex::default(),
            synced: AtomicUsize::new(0),
            fails_at,
            room,
        })
    }

    #[test]
    fn neighbours_are_written_in_one_piece_in_order_and_synced_as_they_come_together() {
        let steady = steady(usize::MAX, u64::MAX);
        let page = |n: u64| vec![n as u8; 4096];
        let place = |n: u64| n * 4096;
        // Pages 0 to 1,023 and one apart, in an order that is none.
        for n in (0..1_024).map(|n| n * 35 % 1_024).chain([1_030]) {
            steady.write(place(n), &page(n)).unwrap();
        }
        let writes = || std::mem::take(&mut *steady.file.writes.lock().unwrap());
        assert_eq!(writes(), [], "nobody asked for it");
        let mut read = vec![0; 3 * 4096];
        steady.read(place(1_022) + 1, &mut read).unwrap();
        let expected: Vec<u8> = [page(1_022), page(1_023), vec![0; 4096 + 1]].concat();
        assert_eq!(read, expected[1..]);

        steady.sync_data().unwrap();
        let mut expected: Vec<_> = (0..16)
            .map(|n| (n * PIECE_BYTES_MAX as u64, PIECE_BYTES_MAX))
            .collect();
        expected.push((place(1_030), 4096));
        assert_eq!(writes(), expected);
        let synced = steady.file.synced.load(Ordering::Relaxed);
        assert_eq!(synced, 3, "after each 2 MiB, and as it was asked");
        steady.sync_data().unwrap();
        assert_eq!(writes(), [], "once is enough");
    }

    #[test]
    fn no_more_is_gathered_than_its_bound() {
        let steady = steady(usize::MAX, u64::MAX);
        let part = vec![7; UNSYNCED_BYTES_MAX];
        let parts = GATHERED_BYTES_MAX / UNSYNCED_BYTES_MAX;
        steady
            .file
            .set_len((2 * GATHERED_BYTES_MAX) as u64)
            .unwrap();
        let write = |n: usize| steady.write((n * part.len()) as u64, &part).unwrap();
        (0..parts).for_each(write);
        assert!(steady.file.writes.lock().unwrap().is_empty());
        // One more is one too many, wherever it belongs.
        write(0);
        assert_eq!(steady.file.writes.lock().unwrap().len(), parts);
        write(parts);
        assert_eq!(steady.gathered.read().unwrap().bytes, 2 * part.len());
    }

    #[test]
    fn a_write_or_a_sync_that_fails_is_the_syncs_failure_and_nothing_is_tried_again() {
        let whole = vec![7; UNSYNCED_BYTES_MAX];
        for steady in [steady(1, u64::MAX), steady(usize::MAX, 4096)] {
            steady.write(0, &whole).unwrap();
            let failed = steady.sync_data().unwrap_err();
            assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
            let writes = steady.file.writes.lock().unwrap().len();
            steady.close().unwrap();
            assert_eq!(steady.file.writes.lock().unwrap().len(), writes);
        }
    }

    #[derive(Debug, Clone)]
    enum Call {
        Write(u64, Vec<u8>),
        Read(u64, usize),
        Sync,
    }

    fn call() -> impl Strategy<Value = Call> {
        // Few places, so that they meet.
        let write = (0..64_u64, prop::collection::vec(any::<u8>(), 1..24));
        prop_oneof![
            6 => write.prop_map(|(at, page)| Call::Write(at, page)),
            3 => (0..64_u64, 1..40_usize).prop_map(|(at, length)| Call::Read(at, length)),
            1 => Just(Call::Sync),
        ]
    }

    proptest! {
        #[test]
        fn it_reads_as_a_plain_file_does(calls in prop::collection::vec(call(), 1..60)) {
            let (steady, plain) = (steady(usize::MAX, u64::MAX), InMemoryBackend::new());
            plain.set_len(FILE_BYTES as u64).unwrap();
            for call in calls {
                match call {
                    Call::Write(at, page) => {
                        steady.write(at, &page).unwrap();
                        plain.write(at, &page).unwrap();
                    }
                    Call::Read(at, length) => {
                        let (mut found, mut expected) = (vec![0; length], vec![0; length]);
                        steady.read(at, &mut found).unwrap();
                        plain.read(at, &mut expected).unwrap();
                        prop_assert_eq!(found, expected);
                    }
                    Call::Sync => steady.sync_data().unwrap(),
                }
            }
            steady.sync_data().unwrap();
            let (mut found, mut expected) = (vec![0; 128], vec![0; 128]);
            steady.file.read(0, &mut found).unwrap();
            plain.read(0, &mut expected).unwrap();
            prop_assert_eq!(found, expected);
        }
    }
}
