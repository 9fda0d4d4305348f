//! `sekisho network`: from keys to a founded ledger, and what a network says of itself on it.

mod authority;
mod card;
mod found;
mod init;
mod key;
mod notice;
mod policy;
mod register;
mod show;

use super::At;
use crate::ui::{Exit, Failure};
use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make this network's keys, its configuration and the card to hand to the founders
    #[command(
        after_help = "Example:\n  sekisho network init --id pikapikalink --name ピカピカリンク \\\n    \
                      --listen 0.0.0.0:7443 --endpoint sekisho.example.jp:7443 --replica 1 --dir /etc/sekisho"
    )]
    Init(init::InitArgs),
    /// Found a ledger from all founders' cards; its id is to be compared by telephone
    #[command(
        after_help = "Example:\n  sekisho network found --card a/card.json --card b/card.json --card c/card.json \\\n    \
                      --out genesis.json"
    )]
    Found(found::FoundArgs),
    /// Certify this network's node key on the ledger with its governance key
    #[command(after_help = "Example:\n  sekisho network register --config sekisho.toml")]
    Register,
    /// Register a facility of this network, or end its membership
    #[command(subcommand)]
    Facility(register::FacilityCommand),
    /// Publish how this network obtains consent
    #[command(subcommand)]
    Policy(policy::Command),
    /// Post what patients read: purposes of use, facilities that have joined
    #[command(subcommand)]
    Notice(notice::Command),
    /// Certify, replace and revoke this network's keys, officers' among them
    #[command(subcommand)]
    Key(key::Command),
    /// Be for admitting a network; in force once a majority of the members said the same
    #[command(after_help = "Example:\n  sekisho network admit --card card.json")]
    Admit {
        /// The card its `network init` wrote
        #[arg(long, value_name = "FILE")]
        card: PathBuf,
    },
    /// Make, admit and end disaster authorities
    #[command(subcommand)]
    Authority(authority::Command),
    /// Show all members, their keys, facilities and consent policies, checked leaf by leaf
    #[command(after_help = "Example:\n  sekisho network show\n  sekisho network show --json")]
    Show,
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => init::run(&args, at),
        Command::Found(args) => found::run(&args, at),
        Command::Register => register::node_key(at).await,
        Command::Facility(command) => register::facility(command, at).await,
        Command::Policy(command) => policy::run(command, at).await,
        Command::Notice(command) => notice::run(command, at).await,
        Command::Key(command) => key::run(command, at).await,
        Command::Admit { card } => authority::admit_network(&card, at).await,
        Command::Authority(command) => authority::run(command, at).await,
        Command::Show => show::run(at).await,
    }
}
