//! A disk that keeps, over a power cut, what was synced, and of the rest what the seed says.
//!
//! ```text
//! write ──▶ cached sectors (every version since the last sync) ── sync ──▶ durable sectors
//! create, rename, remove ──▶ names as seen ── sync of the directory ──▶ durable names
//! cut:  durable, and of what is cached nothing, all, or for each sector any version of it
//! ```
//!
//! A sector is 512 bytes and written whole or not at all; a longer write is torn between sectors. After a failed sync
//! what it was about counts as clean, though it is not on the disk: as on Linux, a later sync does not help.

mod file;
mod media;

pub use media::{Cut, Fault, Media, When};

use crate::life::Life;
use redb::{Database, DatabaseError, StorageBackend};
use sekisho_replica::{Disk, DiskFile};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A replica's disk, as one start of it has it.
#[derive(Debug, Clone)]
pub struct SimDisk {
    media: Arc<Mutex<Media>>,
    life: Life,
}

impl SimDisk {
    /// The disk for a start.
    pub fn new(media: &Arc<Mutex<Media>>, life: &Life) -> Self {
        Self {
            media: Arc::clone(media),
            life: life.clone(),
        }
    }

    fn media(&self) -> io::Result<MutexGuard<'_, Media>> {
        if self.life.is_over() {
            return Err(io::Error::other("the power is off"));
        }
        Ok(self.media.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does something that changes the disk: a point at which power may be cut.
    fn change<T>(
        &self,
        syncs: bool,
        work: impl FnOnce(&mut Media) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut media = self.media()?;
        media.check(syncs)?;
        match media.point() {
            Some((When::Before, cut)) => {
                self.life.end();
                media.cut(cut);
                Err(io::Error::other("the power was cut before this"))
            }
            Some((When::After, cut)) => {
                // Whether it worked is nobody's to know any more.
                let _ = work(&mut media);
                self.life.end();
                media.cut(cut);
                Err(io::Error::other("the power was cut after this"))
            }
            None => work(&mut media),
        }
    }
}

impl Disk for SimDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.media()?.names())
    }

    fn open(&self, name: &str) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let file = self.media()?.find(name);
        Ok(file.map(|file| Arc::new(self.file(file)) as _))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.change(false, |media| media.create(name))?;
        Ok(Arc::new(self.file(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(false, |media| media.rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(false, |media| media.remove(name))
    }

    fn sync(&self) -> io::Result<()> {
        self.change(true, |media| {
            media.sync_names();
            Ok(())
        })
    }

    fn database(&self, name: &str, builder: &mut redb::Builder) -> Result<Database, DatabaseError> {
        let found = self.media().map(|media| media.find(name));
        let file = match found.map_err(redb::StorageError::from)? {
            Some(file) => file,
            None => self
                .change(false, |media| media.create(name))
                .map_err(redb::StorageError::from)?,
        };
        builder.create_with_backend(self.file(file))
    }
}

impl SimDisk {
    fn file(&self, file: u64) -> SimFile {
        SimFile {
            disk: self.clone(),
            file,
        }
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: u64,
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        self.disk.media()?.len(self.file)
    }
    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.disk
            .change(false, |media| media.set_len(self.file, bytes))
    }
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.disk.media()?.read(self.file, at, into)
    }
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk
            .change(false, |media| media.write(self.file, at, bytes))
    }
    fn sync(&self) -> io::Result<()> {
        self.disk.change(true, |media| media.sync(self.file))
    }
}

impl StorageBackend for SimFile {
    fn len(&self) -> io::Result<u64> {
        DiskFile::len(self)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_at(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        DiskFile::set_len(self, len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write_at(offset, data)
    }
}
