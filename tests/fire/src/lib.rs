//! Breaks real processes: the program itself, with its configuration file, its port and its disk, killed, cut from
//! power and cut from the network while real clients use it over mutual TLS.
//!
//! ```text
//! tests/kill.rs      SIGKILL in a loop                        Group, Load, Book
//! tests/power.rs     power cuts, full and failing disks       + disk::{Disk, Mounted} under each process
//! tests/network   latency, loss, partitions, freezes       + net::{Namespace, Router}, linear
//! tests/rolling      SIGTERM one by one, under queries       + brokers and a node, health, metrics
//! tests/disk.rs      the simulated disk itself loses what it should, and nothing else
//! ```
//!
//! What is checked in the end is the same everywhere ([`Book::check`]): every acknowledged entry is on every
//! replica, once, at its place, and the roots are what its leaves hash to. Panics where something does not work:
//! that is what a test wants. Everything made (processes, mounts, namespaces, folders) goes when its owner is
//! dropped, also when a test fails.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "test support fails by panicking, naming what failed"
)]
#![allow(
    clippy::print_stdout,
    reason = "what was measured, and what was left out, is said where tests are run"
)]

mod book;
mod caller;
mod dice;
pub mod disk;
mod group;
mod history;
pub mod linear;
mod load;
mod needs;
pub mod net;
mod process;
mod town;
mod wait;

pub use book::{Book, Checked};
pub use caller::{Acknowledged, Answer, Caller, Standing};
pub use dice::Dice;
pub use group::{Group, Place, loopback_places};
pub use history::{History, Visits};
pub use load::Load;
pub use needs::{Need, alone, alone_here, count, left_out};
pub use process::{Process, program};
pub use town::{Member, Town};
pub use wait::{eventually, until};
