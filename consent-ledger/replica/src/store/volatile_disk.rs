//! A disk with a volatile cache, in memory: what was not synced is lost at a power cut, wholly or in part; and a power
//! cut at any call.

use crate::disk::steady::Steady;
use crate::disk::{Disk, DiskFile};
use redb::{Database, DatabaseError, StorageBackend};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};

const SECTOR: usize = 512;

/// What is lost of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    All,
    /// Each sector and each change of a length by itself, as a number generator of this seed says; of the names' changes
    /// a beginning is kept.
    Parts(u64),
}

/// When the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fails {
    Never,
    /// At the n-th write, sync or change of a name, before it has any effect.
    Before(u64),
    /// After it has taken effect, before anybody is told.
    After(u64),
}

#[derive(Debug, Clone)]
enum Pending {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug, Default)]
struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

type Names = BTreeMap<String, Arc<Mutex<Inode>>>;

#[derive(Debug)]
struct Inner {
    live: Names,
    /// The names as they were after each change since the last sync, the first being durable.
    names: Vec<Names>,
    fails: Fails,
    calls: u64,
    off: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Volatile(Arc<Mutex<Inner>>);

fn off() -> io::Error {
    io::Error::other("the power is off")
}

/// xorshift64*, for which parts are kept.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

fn put(bytes: &mut Vec<u8>, at: usize, data: &[u8]) {
    if bytes.len() < at + data.len() {
        bytes.resize(at + data.len(), 0);
    }
    bytes[at..at + data.len()].copy_from_slice(data);
}

impl Volatile {
    pub(super) fn new(fails: Fails) -> Self {
        Self::with(Names::new(), fails)
    }

    fn with(names: Names, fails: Fails) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            live: names.clone(),
            names: vec![names],
            fails,
            calls: 0,
            off: false,
        })))
    }

    /// Writes, syncs and changes of names so far.
    pub(super) fn calls(&self) -> u64 {
        self.0.lock().unwrap().calls
    }

    /// Says when the power fails from now on.
    pub(super) fn fails(&self, fails: Fails) {
        self.0.lock().unwrap().fails = fails;
    }

    /// The disk as it is found after the power was cut now.
    pub(super) fn cut(&self, cut: Cut, fails: Fails) -> Self {
        let inner = self.0.lock().unwrap();
        let mut seed = match cut {
            Cut::All => 0,
            Cut::Parts(seed) => seed.max(1),
        };
        let kept = match cut {
            Cut::All => 0,
            Cut::Parts(_) => next(&mut seed) as usize % inner.names.len(),
        };
        let names = inner.names[kept].iter().map(|(name, inode)| {
            let inode = inode.lock().unwrap();
            let mut bytes = inode.durable.clone();
            if cut != Cut::All {
                for pending in &inode.pending {
                    match pending {
                        Pending::Length(length) if next(&mut seed).is_multiple_of(2) => {
                            bytes.resize(*length, 0);
                        }
                        Pending::Length(_) => {}
                        Pending::Write(at, data) => {
                            let mut from = 0;
                            while from < data.len() {
                                let to = data.len().min(from + SECTOR - (at + from) % SECTOR);
                                if next(&mut seed).is_multiple_of(2) {
                                    put(&mut bytes, at + from, &data[from..to]);
                                }
                                from = to;
                            }
                        }
                    }
                }
            }
            let inode = Inode {
                live: bytes.clone(),
                durable: bytes,
                pending: Vec::new(),
            };
            (name.clone(), Arc::new(Mutex::new(inode)))
        });
        Self::with(names.collect(), fails)
    }

    /// One call that can fail.
    fn call<T>(&self, work: impl FnOnce(&mut Inner) -> io::Result<T>) -> io::Result<T> {
        let mut inner = self.0.lock().unwrap();
        if inner.off {
            return Err(off());
        }
        let call = inner.calls;
        inner.calls += 1;
        inner.off = matches!(inner.fails, Fails::Before(at) | Fails::After(at) if at == call);
        if inner.fails == Fails::Before(call) {
            return Err(off());
        }
        let done = work(&mut inner)?;
        if inner.off { Err(off()) } else { Ok(done) }
    }

    fn file(&self, inode: &Arc<Mutex<Inode>>) -> Arc<OneFile> {
        Arc::new(OneFile {
            disk: self.clone(),
            inode: Arc::clone(inode),
        })
    }
}

impl Disk for Volatile {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().live.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let inode = self.0.lock().unwrap().live.get(name).cloned();
        Ok(inode.map(|inode| self.file(&inode) as _))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.call(|inner| {
            if inner.live.contains_key(name) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            let inode = Arc::<Mutex<Inode>>::default();
            inner.live.insert(name.to_owned(), Arc::clone(&inode));
            inner.names.push(inner.live.clone());
            Ok(inode)
        })?;
        Ok(self.file(&inode))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.call(|inner| {
            let inode = inner.live.remove(from).ok_or(ErrorKind::NotFound)?;
            inner.live.insert(to.to_owned(), inode);
            inner.names.push(inner.live.clone());
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.call(|inner| {
            inner.live.remove(name).ok_or(ErrorKind::NotFound)?;
            inner.names.push(inner.live.clone());
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.call(|inner| {
            inner.names = vec![inner.live.clone()];
            Ok(())
        })
    }

    fn database(&self, name: &str, builder: &mut redb::Builder) -> Result<Database, DatabaseError> {
        let inode = self.0.lock().unwrap().live.get(name).cloned();
        let file = match inode {
            Some(inode) => self.file(&inode),
            None => {
                Disk::create(self, name).map_err(redb::StorageError::from)?;
                self.file(&self.0.lock().unwrap().live[name])
            }
        };
        builder.create_with_backend(Steady::new(Backend(file)))
    }
}

#[derive(Debug)]
struct OneFile {
    disk: Volatile,
    inode: Arc<Mutex<Inode>>,
}

impl DiskFile for OneFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.inode.lock().unwrap().live.len() as u64)
    }
    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.disk.call(|_| {
            let mut inode = self.inode.lock().unwrap();
            inode.live.resize(bytes as usize, 0);
            inode.pending.push(Pending::Length(bytes as usize));
            Ok(())
        })
    }
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let inode = self.inode.lock().unwrap();
        let bytes = inode.live.get(at as usize..at as usize + into.len());
        into.copy_from_slice(bytes.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.call(|_| {
            let mut inode = self.inode.lock().unwrap();
            put(&mut inode.live, at as usize, bytes);
            inode
                .pending
                .push(Pending::Write(at as usize, bytes.to_vec()));
            Ok(())
        })
    }
    fn sync(&self) -> io::Result<()> {
        self.disk.call(|_| {
            let mut inode = self.inode.lock().unwrap();
            inode.durable = inode.live.clone();
            inode.pending.clear();
            Ok(())
        })
    }
}

#[derive(Debug)]
struct Backend(Arc<OneFile>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        DiskFile::len(&*self.0)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        DiskFile::set_len(&*self.0, len)
    }
    fn sync_data(&self) -> io::Result<()> {
        DiskFile::sync(&*self.0)
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, data)
    }
}
