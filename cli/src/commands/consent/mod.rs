//! `sekisho consent`: what a patient gave, took back and refused, as the network's facilities record it.

mod list;
mod proxy;
mod record;

use super::At;
use crate::ui::{Exit, Failure};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Record a consent a facility took
    #[command(
        after_help = "Example:\n  sekisho consent grant --patient 4010200014/00001234 --side viewing --facility 4010200014 \\\n    \
                      --recorded-by 4010200014 --capture written --until 2027-03-31"
    )]
    Grant(Box<record::GrantArgs>),
    /// Record that a patient withdrew a consent
    #[command(
        after_help = "Example:\n  sekisho consent withdraw 57 --recorded-by 4010200014 --way written"
    )]
    Withdraw(record::WithdrawArgs),
    /// Record what a patient refuses; it always wins over a consent
    #[command(
        after_help = "Example:\n  sekisho consent reserve --patient 4010200014/00001234 --viewer-network mamenet \\\n    \
                      --category infection --recorded-by 4010200014\n  \
                      sekisho consent reserve --patient 4010200014/00001234 --anyone --purpose BTG --category progress-note \\\n    \
                      --recorded-by 4010200014"
    )]
    Reserve(Box<record::ReserveArgs>),
    /// Record that a patient lifted a reservation
    #[command(after_help = "Example:\n  sekisho consent clear 61 --recorded-by 4010200014")]
    Clear(record::ClearArgs),
    /// Record that a patient lifted a sealed reservation
    #[command(after_help = "Example:\n  sekisho consent unseal 63")]
    Unseal {
        /// The seal's ledger index
        #[arg(value_name = "INDEX")]
        index: u64,
    },
    /// Record who speaks for a patient, or that somebody no longer does
    #[command(subcommand)]
    Proxy(proxy::Command),
    /// List a patient's consents and reservations, checked leaf by leaf
    #[command(after_help = "Example:\n  sekisho consent list --patient 4010200014/00001234")]
    List(list::ListArgs),
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Grant(args) => record::grant(*args, at).await,
        Command::Withdraw(args) => record::withdraw(args, at).await,
        Command::Reserve(args) => record::reserve(*args, at).await,
        Command::Clear(args) => record::clear(args, at).await,
        Command::Unseal { index } => record::unseal(index, at).await,
        Command::Proxy(command) => proxy::run(command, at).await,
        Command::List(args) => list::run(&args, at).await,
    }
}
