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
