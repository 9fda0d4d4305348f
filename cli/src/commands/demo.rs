//! `sekisho demo`: its arguments; the play itself is in [`crate::demo`].

use super::At;
use crate::ui::{Exit, Failure};
use clap::Args;
use std::path::PathBuf;

/// The ninth port after it is the last there is.
const BASE_PORT_MAX: i64 = 65_526;

/// What the demo can be told.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// End after the last scene; exit 0 only if every scene ended as it should
    #[arg(long)]
    once: bool,
    /// A new or empty folder for everything, kept afterwards; else a fresh one that is removed at the end
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// What the invented patients follow from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The first of ten ports in a row; else free ones
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=BASE_PORT_MAX))]
    base_port: Option<u16>,
}

pub(super) async fn run(args: DemoArgs, at: &At) -> Result<Exit, Failure> {
    let DemoArgs {
        once,
        dir,
        seed,
        base_port,
    } = args;
    let args = crate::demo::DemoArgs {
        once,
        dir,
        seed,
        base_port,
    };
    crate::demo::run(at.ui, args).await
}
