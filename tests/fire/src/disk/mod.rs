//! A disk in memory whose power can be cut, under a real process.
//!
//! ```text
//! process ── write, fsync ──▶ kernel ── FUSE ──▶ Adapter ──▶ Disk
//!                                                            live      what the running machine sees
//!                                                            pending   changes since the last fsync, in order
//!                                                            durable   what a power cut leaves for certain
//! ```
//!
//! A file's bytes and length are durable after fsync or fdatasync of the file, a name after fsync of its folder:
//! POSIX promises no more. At a cut the pending changes are lost, all of them or in parts: each 512-byte sector of a
//! file as if only the first so many of its writes had reached the disk, each file's length and each folder's names
//! likewise. Every file is read and written past the kernel's page cache, so nothing survives there.

mod content;
mod model;
mod mount;
mod node;

pub use model::{Disk, Keep};
pub use mount::{Mounted, sweep};
