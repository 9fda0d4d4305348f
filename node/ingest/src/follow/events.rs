//! The kernel's events of a storage's folders (inotify).
//!
//! Files are told of when they have been closed after writing or moved in, not when they are created: then they are
//! still being written.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

/// Bytes of events taken at a time: some hundred.
const BUFFER_BYTES: usize = 64 << 10;
/// Most readings at a time, so that a storm of events does not keep what is heard from being acted on.
const READINGS_MAX: usize = 64;

/// Whether a folder is watched now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watched {
    Yes,
    /// There is no such folder.
    Gone,
    /// The machine's limit is reached (`fs.inotify.max_user_watches`), or its memory.
    NoRoom,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// In a watched folder, something of this name came, changed or went.
    In {
        id: i32,
        name: Vec<u8>,
        is_folder: bool,
        /// It came, under this name, or went from it.
        came: bool,
    },
    /// A watch is no more: its folder is gone, or was given up.
    Ended(i32),
    /// The kernel's queue was full, and events were lost.
    Overflow,
}

/// The queue of events.
pub(super) struct Events {
    queue: OwnedFd,
    buffer: Vec<MaybeUninit<u8>>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

impl Events {
    pub(super) fn new() -> io::Result<Self> {
        let queue = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self {
            queue,
            buffer: vec![MaybeUninit::uninit(); BUFFER_BYTES],
        })
    }

    pub(super) fn watch(&self, folder: &Path) -> (Watched, Option<i32>) {
        let flags = WatchFlags::CREATE
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW;
        match inotify::add_watch(&self.queue, folder, flags) {
            Ok(id) => (Watched::Yes, Some(id)),
            Err(Errno::NOSPC | Errno::NOMEM) => (Watched::NoRoom, None),
            Err(_) => (Watched::Gone, None),
        }
    }

    pub(super) fn leave(&self, id: i32) {
        // One that is gone already is gone.
        let _ = inotify::remove_watch(&self.queue, id);
    }

    /// Waits for events, at most so long.
    pub(super) fn wait(&self, patience: Duration) -> io::Result<bool> {
        let timeout = Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: patience.subsec_nanos().into(),
        };
        let mut queue = [PollFd::new(&self.queue, PollFlags::IN)];
        match poll(&mut queue, Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What happened, without waiting.
    pub(super) fn take(&mut self) -> io::Result<Vec<Event>> {
        let mut events = Vec::new();
        let mut reader = inotify::Reader::new(&self.queue, &mut self.buffer);
        let mut readings = 0;
        loop {
            if reader.is_buffer_empty() {
                readings += 1;
                if readings > READINGS_MAX {
                    return Ok(events);
                }
            }
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(events),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let what = event.events();
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                events.push(Event::Overflow);
            } else if what.intersects(ReadFlags::IGNORED | ReadFlags::UNMOUNT) {
                events.push(Event::Ended(event.wd()));
            } else if let Some(name) = event.file_name() {
                let is_folder = what.contains(ReadFlags::ISDIR);
                if what.contains(ReadFlags::CREATE) && !is_folder {
                    continue;
                }
                events.push(Event::In {
                    id: event.wd(),
                    name: name.to_bytes().to_vec(),
                    is_folder,
                    came: what.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO),
                });
            }
        }
    }
}
