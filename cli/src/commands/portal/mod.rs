//! `sekisho portal`: who signs in to this network's pages.

mod account;
mod password;

use super::At;
use crate::ui::{Exit, Failure};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add, list, disable and reset the accounts kept here
    #[command(subcommand)]
    Account(account::Command),
}

pub(super) fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Account(command) => account::run(command, at),
    }
}
