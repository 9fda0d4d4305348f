//! Following a storage: which folders to look at again, as it happens.
//!
//! ```text
//! inotify ──▶ folder in which something happened ─┐
//! transaction storage ──▶ folder of its patient ──┼──▶ Follower::next ──▶ look (some folders) | whole walk
//! clock ──▶ time for a whole walk ────────────────┘
//! ```
//! Events and feed only say where to look; what is there is what the look finds. Whatever they miss (an overflow of
//! the kernel's queue, folders beyond the watches there may be, a file system without events) a whole walk finds: at
//! once where something is known to be missed, else every so often.

#[cfg(target_os = "linux")]
mod events;
#[cfg(target_os = "linux")]
mod watches;

mod filesystem;
mod follower;

pub use follower::{Follow, Follower, Heard, Sight};
