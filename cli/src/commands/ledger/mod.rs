//! `sekisho ledger`: how the consent ledger stands, what is on it, and what proves it.

mod archive;
mod fsck;
mod log;
mod receipt;
mod status;
mod verify;

use super::At;
use crate::ui::{Exit, Failure};
use clap::Subcommand;
use std::path::PathBuf;

/// Leaves `ledger log` shows at most at a time.
const LOG_MAX: u32 = 10_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show this network's replica: its role, the leader, how far it is, who else there is
    #[command(after_help = "Example:\n  sekisho ledger status\n  sekisho ledger status --json")]
    Status,
    /// Print a checkpoint that a majority of replicas has cosigned, checked here
    #[command(after_help = "Example:\n  sekisho ledger checkpoint --min-size 100")]
    Checkpoint {
        /// How many leaves it must cover
        #[arg(long, value_name = "N", default_value_t = 0)]
        min_size: u64,
    },
    /// Print what stands on the ledger, a line an entry, checked leaf by leaf; no identities stand there
    #[command(after_help = "Example:\n  sekisho ledger log --from 40 --max 20")]
    Log {
        /// The first index
        #[arg(long, value_name = "N", default_value_t = 0)]
        from: u64,
        /// How many entries
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(LOG_MAX)))]
        max: u32,
    },
    /// Write a receipt of one entry: a file that proves that it stands on the ledger
    #[command(
        after_help = "Example:\n  sekisho ledger receipt 57 --out 57.tlog-proof\n  \
                      sekisho ledger receipt 57 --wait committed --out 57.receipt"
    )]
    Receipt(receipt::ReceiptArgs),
    /// Check a receipt offline, and say how much it proves: committed, sealed or witnessed
    #[command(
        after_help = "Example:\n  sekisho ledger verify-receipt 57.tlog-proof --genesis genesis.json\n  \
                      sekisho ledger verify-receipt 57.tlog-proof --genesis genesis.json --witness \"$(cat witness.vkey)\""
    )]
    VerifyReceipt(verify::VerifyArgs),
    /// Check the stopped replica's files byte by byte: every root, tile, bundle, signature and row
    #[command(after_help = "Example:\n  sekisho ledger fsck\n  sekisho ledger fsck --json")]
    Fsck {
        /// A folder with room for as much as the ledger's state takes; else the system's own
        #[arg(long, value_name = "DIR")]
        scratch: Option<PathBuf>,
    },
    /// Write the ledger's sealed bundles and tiles under a cosigned checkpoint, in the C2SP tlog-tiles layout
    #[command(
        after_help = "Example:\n  sekisho ledger export --out ledger-2026-11\n  \
                      sekisho ledger export --stopped --out ledger-2026-11"
    )]
    Export {
        /// The folder; an export that was interrupted goes on where it was
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Read the stopped replica's files instead of asking the running one
        #[arg(long)]
        stopped: bool,
    },
    /// Check an export against its checkpoint and fill the store of a replica that has never run with it
    #[command(after_help = "Example:\n  sekisho ledger import ledger-2026-11\n  \
                      sekisho ledger import ledger-2026-11 --check-only")]
    Import {
        /// The folder an export was written to
        #[arg(value_name = "DIR")]
        from: PathBuf,
        /// Only check it
        #[arg(long)]
        check_only: bool,
    },
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Status => status::status(at).await,
        Command::Checkpoint { min_size } => status::checkpoint(min_size, at).await,
        Command::Log { from, max } => log::log(from, max, at).await,
        Command::Receipt(args) => receipt::run(&args, at).await,
        Command::VerifyReceipt(args) => verify::run(&args, at),
        Command::Fsck { scratch } => fsck::run(scratch.as_deref(), at),
        Command::Export { out, stopped: true } => archive::export_stopped(&out, at),
        Command::Export {
            out,
            stopped: false,
        } => archive::export(&out, at).await,
        Command::Import { from, check_only } => archive::import(&from, check_only, at),
    }
}
