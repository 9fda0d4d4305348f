//! A database file that is read and never written: what redb wants to write (after a crash it repairs first)
//! stays in memory.

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Piece of the file that is kept in memory once a byte of it was to be written.
const BLOCK_BYTES: usize = 4096;
/// Blocks kept at most: a repair writes the allocator's state, some megabytes for terabytes of data.
const BLOCKS_MAX: usize = 16 * 1024;

/// How many reads are still allowed; see [`Reads::allow`].
#[derive(Debug, Clone)]
pub(super) struct Reads(Arc<AtomicU64>);

impl Reads {
    pub fn unlimited() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }

    /// Allows so many more. In a damaged file pages may point in a circle: whoever follows them comes to the
    /// end of this, and gets an error instead of never ending.
    pub fn allow(&self, reads: u64) {
        self.0.store(reads, Ordering::Relaxed);
    }

    fn take(&self) -> io::Result<()> {
        let left = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                if left == u64::MAX {
                    Some(left)
                } else {
                    left.checked_sub(1)
                }
            });
        left.map(drop)
            .map_err(|_| io::Error::other("pages of the file lead in a circle"))
    }
}

/// The file with what was written over it.
#[derive(Debug)]
pub(super) struct ReadOnly {
    file: FileBackend,
    reads: Reads,
    over: Mutex<Over>,
}

#[derive(Debug)]
struct Over {
    /// Length as redb sees it.
    length: u64,
    /// Of the file's own bytes those before this place still count.
    own: u64,
    blocks: BTreeMap<u64, Box<[u8; BLOCK_BYTES]>>,
}

impl ReadOnly {
    pub fn new(file: FileBackend, reads: Reads) -> io::Result<Self> {
        let length = file.len()?;
        let over = Over {
            length,
            own: length,
            blocks: BTreeMap::new(),
        };
        Ok(Self {
            file,
            reads,
            over: Mutex::new(over),
        })
    }

    /// The bytes of one block as they are now.
    fn block(&self, over: &Over, number: u64) -> io::Result<Box<[u8; BLOCK_BYTES]>> {
        if let Some(block) = over.blocks.get(&number) {
            return Ok(block.clone());
        }
        let mut block = Box::new([0; BLOCK_BYTES]);
        let begin = number * BLOCK_BYTES as u64;
        let there = over.own.saturating_sub(begin).min(BLOCK_BYTES as u64);
        if let Some(part) = block.get_mut(..there as usize)
            && !part.is_empty()
        {
            self.file.read(begin, part)?;
        }
        Ok(block)
    }

    /// Calls `each` with every block a range touches: its number, the part of it, the part of the range.
    fn parts(
        offset: u64,
        length: usize,
        mut each: impl FnMut(u64, std::ops::Range<usize>, std::ops::Range<usize>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut done = 0;
        while done < length {
            let at = offset + done as u64;
            let within = (at % BLOCK_BYTES as u64) as usize;
            let part = (BLOCK_BYTES - within).min(length - done);
            each(
                at / BLOCK_BYTES as u64,
                within..within + part,
                done..done + part,
            )?;
            done += part;
        }
        Ok(())
    }
}

impl StorageBackend for ReadOnly {
    fn len(&self) -> io::Result<u64> {
        Ok(self
            .over
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.reads.take()?;
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        let end = offset.checked_add(out.len() as u64);
        if end.is_none_or(|end| end > over.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Self::parts(offset, out.len(), |number, within, part| {
            let block = self.block(&over, number)?;
            if let (Some(to), Some(from)) = (out.get_mut(part), block.get(within)) {
                to.copy_from_slice(from);
            }
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        if length < over.length {
            // What is cut off reads as zeros, should the file grow again.
            over.own = over.own.min(length);
            over.blocks
                .retain(|number, _| number * BLOCK_BYTES as u64 <= length);
            let last = length / BLOCK_BYTES as u64;
            if let Some(block) = over.blocks.get_mut(&last) {
                let within = (length % BLOCK_BYTES as u64) as usize;
                block.iter_mut().skip(within).for_each(|byte| *byte = 0);
            }
        }
        over.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        Self::parts(offset, data.len(), |number, within, part| {
            if over.blocks.len() >= BLOCKS_MAX && !over.blocks.contains_key(&number) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let mut block = self.block(&over, number)?;
            if let (Some(to), Some(from)) = (block.get_mut(within), data.get(part)) {
                to.copy_from_slice(from);
            }
            over.blocks.insert(number, block);
            Ok(())
        })
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    // A reader's lock: held beside others', refused while a replica has the file.
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
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
mod tests {
    use super::*;
    use std::fs::{self, File};

    #[test]
    fn writes_are_read_back_and_never_reach_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let was: Vec<u8> = (0..10_000u32).map(|n| n as u8).collect();
        fs::write(&path, &was).unwrap();
        let file = FileBackend::new(File::open(&path).unwrap()).unwrap();
        let backend = ReadOnly::new(file, Reads::unlimited()).unwrap();
        let mut expected = was.clone();
        let check = |expected: &[u8]| {
            assert_eq!(backend.len().unwrap(), expected.len() as u64);
            let mut read = vec![0; expected.len()];
            backend.read(0, &mut read).unwrap();
            assert!(read == expected);
        };
        check(&expected);
        for (offset, length) in [(4090usize, 20usize), (0, 1), (9_999, 1), (3, 9_000)] {
            let data = vec![0xee; length];
            backend.write(offset as u64, &data).unwrap();
            expected[offset..offset + length].copy_from_slice(&data);
            check(&expected);
        }
        for length in [20_000usize, 5_000, 4_096, 9_000, 0, 100] {
            backend.set_len(length as u64).unwrap();
            expected.resize(length, 0);
            check(&expected);
        }
        assert!(backend.read(99, &mut [0; 2]).is_err(), "beyond the end");
        assert_eq!(fs::read(&path).unwrap(), was);
    }

    #[test]
    fn reads_come_to_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, b"abc").unwrap();
        let file = FileBackend::new(File::open(&path).unwrap()).unwrap();
        let reads = Reads::unlimited();
        let backend = ReadOnly::new(file, reads.clone()).unwrap();
        reads.allow(2);
        let read = || backend.read(0, &mut [0; 3]);
        assert!(read().is_ok() && read().is_ok() && read().is_err() && read().is_err());
        reads.allow(1);
        assert!(read().is_ok() && read().is_err());
    }
}
