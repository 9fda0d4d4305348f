//! `sekisho node`: a node's index and contents as a whole.

mod migrate;

use super::At;
use super::ingest::{self, IngestArgs};
use crate::ui::{Exit, Failure};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Have the running node read every file again into a new index, which then takes the old one's place
    #[command(after_help = "Example:\n  sekisho node reindex --config sekisho.toml")]
    Reindex,
    /// Move the stopped node's index and contents to where another configuration has them
    #[command(
        after_help = "Example:\n  sekisho node migrate --config sekisho.toml --to sekisho-postgres.toml"
    )]
    Migrate(migrate::MigrateArgs),
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Reindex => ingest::run(&IngestArgs::anew(), at).await,
        Command::Migrate(args) => migrate::run(args, at).await,
    }
}
