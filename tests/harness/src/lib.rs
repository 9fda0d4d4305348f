//! For tests of whole processes: the program itself, run within time limits, and a receiver of its traces.
//!
//! Ports are chosen by the system, folders are temporary, waiting is for a condition within a deadline. Panics where
//! something a test needs does not work: that is what a test wants.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "test support fails by panicking, naming what failed"
)]

mod collector;
mod program;

pub use collector::{Collector, ReceivedSpan};
pub use program::{Ended, Program, Running};

use std::path::PathBuf;

/// A file or folder of public test data beside the workspace, or `None`, having said what is left out.
pub fn shared(path: &str, left_out: &str) -> Option<PathBuf> {
    let full = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")).join(path);
    if full.exists() {
        return Some(full);
    }
    let mut err = std::io::stderr().lock();
    let _ = std::io::Write::write_fmt(
        &mut err,
        format_args!("left out, the test data are not here: {left_out}\n"),
    );
    None
}
