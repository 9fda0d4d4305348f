//! A disk that stops working when told to: redb itself over memory, whose syncs then fail.

use super::{NodeStore, StoreError};
use redb::backends::InMemoryBackend;
use redb::{Database, StorageBackend};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The switch of such a disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct FailingDisk(Arc<AtomicBool>);

#[derive(Debug)]
struct Backend {
    memory: InMemoryBackend,
    failing: FailingDisk,
}

impl FailingDisk {
    pub(crate) fn store(&self) -> Result<NodeStore, StoreError> {
        let backend = Backend {
            memory: InMemoryBackend::new(),
            failing: self.clone(),
        };
        NodeStore::over(
            Database::builder()
                .create_with_backend(backend)
                .map_err(StoreError::database)?,
            std::path::Path::new("a disk in memory"),
        )
    }
    /// From now on nothing reaches the disk.
    pub(crate) fn fail(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is gone"));
        }
        Ok(())
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.memory.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.failing.check()?;
        self.memory.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.failing.check()?;
        self.memory.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.memory.write(offset, data)
    }
}
