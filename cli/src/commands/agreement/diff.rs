//! `sekisho agreement diff`: who gains and who loses access by a new version. Needs no ledger.

use super::parse;
use crate::commands::profile::said;
use crate::commands::{At, text};
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_domain::Agreement;
use sekisho_profiles::diff::diff;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::commands) struct DiffArgs {
    /// The version before, as `agreement example` or `agreement draft --object` writes it
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The version after
    #[arg(value_name = "NEW")]
    new: PathBuf,
}

/// Reads an agreement from a file, naming the file in what goes wrong.
pub(super) fn read(path: &Path) -> Result<Agreement, Failure> {
    let (content, base) = text::read(path)?;
    parse(&content, base).map_err(|failure| {
        let name = path.display();
        Failure::new(
            failure.exit,
            format!("{name}：{}", failure.words.ja),
            format!("{name}: {}", failure.words.en),
        )
    })
}

pub(super) fn run(args: &DiffArgs, at: &At) -> Result<Exit, Failure> {
    let (old, new) = (read(&args.old)?, read(&args.new)?);
    let diff = diff(Some(&old), &new);
    let words = said(diff.words());
    at.ui.result(&diff.json(), at.ui.pick(&words.ja, &words.en));
    Ok(Exit::Done)
}
