//! The files of one directory, behind one small trait: what the store asks of a disk, and nothing else.
//!
//! The real one is [`Folder`]. A simulated one can lose what was not synced, fill up or fail at any call. A file's bytes
//! are durable once [`DiskFile::sync`] has returned, its name once [`Disk::sync`] has.

pub(crate) mod steady;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError};
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use steady::Steady;

/// A directory's files, by name.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Their names, in no order.
    ///
    /// # Errors
    /// The disk failed; so for every function here.
    fn names(&self) -> io::Result<Vec<String>>;
    /// A file, if there is one of this name.
    ///
    /// # Errors
    /// See [`Disk::names`].
    fn open(&self, name: &str) -> io::Result<Option<Arc<dyn DiskFile>>>;
    /// A new, empty file.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] where there is one of this name.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Gives a file another name, in the place of whatever had it.
    ///
    /// # Errors
    /// See [`Disk::names`].
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a name.
    ///
    /// # Errors
    /// See [`Disk::names`].
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names durable: created, renamed and removed ones.
    ///
    /// # Errors
    /// See [`Disk::names`].
    fn sync(&self) -> io::Result<()>;
    /// Opens a database in a file of this name, or makes one.
    ///
    /// # Errors
    /// Another process has it open, it is damaged, or the disk failed.
    fn database(&self, name: &str, builder: &mut redb::Builder) -> Result<Database, DatabaseError>;
}

/// A file.
pub trait DiskFile: Debug + Send + Sync + 'static {
    /// How many bytes it has.
    ///
    /// # Errors
    /// The disk failed; so for every function here.
    fn len(&self) -> io::Result<u64>;
    /// Whether it has none.
    ///
    /// # Errors
    /// See [`DiskFile::len`].
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts it off, or lengthens it with zeros.
    ///
    /// # Errors
    /// See [`DiskFile::len`].
    fn set_len(&self, bytes: u64) -> io::Result<()>;
    /// Fills `into` with the bytes at a place.
    ///
    /// # Errors
    /// [`ErrorKind::UnexpectedEof`] where there are fewer.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()>;
    /// Writes all of `bytes` at a place, lengthening the file where needed.
    ///
    /// # Errors
    /// See [`DiskFile::len`].
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes its bytes and its length durable.
    ///
    /// # Errors
    /// See [`DiskFile::len`]. What was written since the last time may then be lost, even if a later call succeeds.
    fn sync(&self) -> io::Result<()>;
}

/// A directory of this machine.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A directory, made where it is not there yet, with those it lies in; their names are then durable, also where
    /// an earlier process made them and was cut off.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let missing = path.ancestors().take_while(|above| !above.exists()).count();
        fs::create_dir_all(&path)?;
        for above in path.ancestors().skip(1).take(missing.max(2)) {
            match sync_directory(above) {
                // What others made and do not show is not ours to make durable.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => break,
                synced => synced?,
            }
        }
        Ok(Self { path })
    }

    /// A directory that is there.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    File::open(path)?.sync_all()
}

impl Disk for Folder {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // Of ours none is anything but plain letters.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.path.join(name));
        match opened {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(file) => Ok(Some(Arc::new(file))),
        }
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.path.join(name))?;
        Ok(Arc::new(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        sync_directory(&self.path)
    }

    fn database(&self, name: &str, builder: &mut redb::Builder) -> Result<Database, DatabaseError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.path.join(name))?;
        builder.create_with_backend(Steady::new(FileBackend::new(file)?))
    }
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
    fn set_len(&self, bytes: u64) -> io::Result<()> {
        File::set_len(self, bytes)
    }
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(into, at)
    }
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
