//! The disk as the kernel sees it.

use super::model::{Disk, Fault, Is, Shown};
use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};
use rustix::mount::{UnmountFlags, unmount};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The kernel remembers nothing of ours: after a power cut names and lengths are others.
const REMEMBER: Duration = Duration::ZERO;
/// `O_APPEND` on Linux.
const APPEND: i32 = 0o2000;
/// The mounts' source, before the process id: what [`sweep`] looks for.
const SOURCE: &str = "sekisho-fire-";

/// A disk mounted on a folder; unmounted when dropped.
pub struct Mounted {
    /// The disk.
    pub disk: Disk,
    dir: PathBuf,
    session: Option<BackgroundSession>,
}

impl Mounted {
    /// Mounts a new disk on a folder, which is made.
    pub fn on(dir: &Path) -> Self {
        let disk = Disk::default();
        std::fs::create_dir_all(dir).expect("a folder to mount on");
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName(format!("{SOURCE}{}", std::process::id())),
            MountOption::NoSuid,
            MountOption::NoDev,
        ];
        let session = fuser::spawn_mount(Adapter(disk.clone()), dir, &config)
            .unwrap_or_else(|e| panic!("{} cannot be mounted: {e}", dir.display()));
        Self {
            disk,
            dir: dir.to_owned(),
            session: Some(session),
        }
    }

    /// Where it is mounted.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Also while somebody still has a file open: nothing may stay behind.
        let _ = unmount(&self.dir, UnmountFlags::DETACH);
        drop(self.session.take());
    }
}

/// Unmounts what a killed run left.
pub fn sweep() {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let (Some(source), Some(target)) = (words.next(), words.next()) else {
            continue;
        };
        let process = source.strip_prefix(SOURCE);
        if process.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            let _ = unmount(target, UnmountFlags::DETACH);
        }
    }
}

struct Adapter(Disk);

impl From<Fault> for Errno {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NoEntry => Self::ENOENT,
            Fault::Exists => Self::EEXIST,
            Fault::NotEmpty => Self::ENOTEMPTY,
            Fault::NotFolder => Self::ENOTDIR,
            Fault::IsFolder => Self::EISDIR,
            Fault::NoSpace => Self::ENOSPC,
            Fault::Failing => Self::EIO,
            Fault::OtherDevice => Self::EXDEV,
        }
    }
}

fn attributes(shown: Shown) -> FileAttr {
    FileAttr {
        ino: INodeNo(shown.node),
        size: shown.len,
        blocks: shown.pages * 8,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: kind(shown),
        perm: shown.mode,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

fn kind(shown: Shown) -> FileType {
    if shown.folder {
        FileType::Directory
    } else {
        FileType::RegularFile
    }
}

fn entry(shown: Result<Shown, Fault>, reply: ReplyEntry) {
    match shown {
        Ok(shown) => reply.entry(&REMEMBER, &attributes(shown), Generation(0)),
        Err(fault) => reply.error(fault.into()),
    }
}

fn empty(done: Result<(), Fault>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(fault) => reply.error(fault.into()),
    }
}

fn permissions(mode: u32, umask: u32) -> u16 {
    (mode & !umask & 0o7777) as u16
}

impl Adapter {
    /// An fsync, which may take its time; other requests go on meanwhile.
    fn sync(&self, node: u64, reply: ReplyEmpty) {
        let (disk, delay) = (self.0.clone(), self.0.delay());
        if delay.is_zero() {
            return empty(disk.sync(node), reply);
        }
        thread::spawn(move || {
            thread::sleep(delay);
            empty(disk.sync(node), reply);
        });
    }
}

impl Filesystem for Adapter {
    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(self.0.lookup(parent.0, name), reply);
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        match self.0.shown(ino.0) {
            Ok(shown) => reply.attr(&REMEMBER, &attributes(shown)),
            Err(fault) => reply.error(fault.into()),
        }
    }

    fn setattr(
        &self,
        _req: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let done = match size {
            Some(len) => self.0.set_len(ino.0, len),
            None => Ok(()),
        };
        match done.and_then(|()| self.0.shown(ino.0)) {
            Ok(shown) => reply.attr(&REMEMBER, &attributes(shown)),
            Err(fault) => reply.error(fault.into()),
        }
    }

    fn mkdir(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        let mode = permissions(mode, umask);
        entry(self.0.create(parent.0, name, mode, Is::Folder), reply);
    }

    fn unlink(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.0.remove(parent.0, name, Is::File), reply);
    }

    fn rmdir(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.0.remove(parent.0, name, Is::Folder), reply);
    }

    fn rename(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        empty(
            self.0.rename((parent.0, name), (newparent.0, newname)),
            reply,
        );
    }

    fn open(&self, _req: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.0.opened(ino.0, true) {
            Ok(()) => reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO),
            Err(fault) => reply.error(fault.into()),
        }
    }

    fn create(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let made = self
            .0
            .create(parent.0, name, permissions(mode, umask), Is::File);
        let opened = made.and_then(|shown| {
            self.0.opened(shown.node, true)?;
            Ok(shown)
        });
        match opened {
            Ok(shown) => reply.created(
                &REMEMBER,
                &attributes(shown),
                Generation(0),
                FileHandle(0),
                FopenFlags::FOPEN_DIRECT_IO,
            ),
            Err(fault) => reply.error(fault.into()),
        }
    }

    fn read(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.0.read(ino.0, offset, size as usize) {
            Ok(bytes) => reply.data(&bytes),
            Err(fault) => reply.error(fault.into()),
        }
    }

    fn write(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let at = (flags.0 & APPEND == 0).then_some(offset);
        match self.0.write(ino.0, at, data) {
            Ok(()) => reply.written(data.len() as u32),
            Err(fault) => reply.error(fault.into()),
        }
    }

    fn flush(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        // Closing a file makes nothing durable.
        reply.ok();
    }

    fn release(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        empty(self.0.opened(ino.0, false), reply);
    }

    fn fsync(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        self.sync(ino.0, reply);
    }

    fn fsyncdir(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        self.sync(ino.0, reply);
    }

    fn readdir(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let names = match self.0.names(ino.0) {
            Ok(names) => names,
            Err(fault) => return reply.error(fault.into()),
        };
        for (n, (name, shown)) in (1..).zip(names).skip(offset as usize) {
            if reply.add(INodeNo(shown.node), n, kind(shown), name) {
                break;
            }
        }
        reply.ok();
    }
}
