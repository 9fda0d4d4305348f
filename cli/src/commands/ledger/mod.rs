//! `sekisho ledger`: how the consent ledger stands, what is on it, and what proves it.

mod archive;
mod fsck;
mod join;
mod log;
mod members;
mod receipt;
mod recover;
mod status;
mod verify;

use super::At;
use crate::ui::{Exit, Failure};
use clap::Subcommand;
use sekisho_domain::ReplicaId;
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
    /// Give this machine a place among the replicas, and fetch and check the whole history; run again, it goes on
    #[command(
        after_help = "Example:\n  sekisho ledger join --endpoint second.example.jp:7443\n  \
                      sekisho ledger join --endpoint second.example.jp:7443 --peer pikapikalink@sekisho.example.jp:7443\n  \
                      sekisho ledger join --endpoint sekisho.example.jp:7443 --replaces 3\n  \
                      sekisho ledger join --endpoint second.example.jp:7443 --replica 1204"
    )]
    Join(join::JoinArgs),
    /// Sign a new machine's request for a place with the governance key, which need not be on that machine
    #[command(after_help = "Example:\n  sekisho ledger allocate join-request.json")]
    Allocate {
        /// What `ledger join` wrote on the new machine
        #[arg(value_name = "FILE")]
        request: PathBuf,
    },
    /// Be for a replica's vote: a network's first by its own word, each further one by a majority of the members
    #[command(after_help = "Example:\n  sekisho ledger promote 1204")]
    Promote {
        /// The replica, once it has caught up
        #[arg(value_name = "ID")]
        replica: ReplicaId,
    },
    /// Retire a replica for good: this network's own at once, another's by a majority of the members
    #[command(after_help = "Example:\n  sekisho ledger leave 3")]
    Leave {
        /// The replica; dead, hostile, or no longer needed
        #[arg(value_name = "ID")]
        replica: ReplicaId,
    },
    /// Write a backup: everything a majority cosigned, checked again from the files once they are written
    #[command(
        after_help = "Example:\n  sekisho ledger backup --out /backup/ledger-2026-11\n  \
                      sekisho ledger backup --stopped --out /backup/ledger-2026-11"
    )]
    Backup {
        /// The folder; a backup that was interrupted goes on where it was, a later one adds what is new
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Read the stopped replica's files instead of asking the running one
        #[arg(long)]
        stopped: bool,
    },
    /// Fill the store of a new replica from a backup; `ledger join` then fetches what is missing and goes on
    #[command(
        after_help = "Example:\n  sekisho ledger restore /backup/ledger-2026-11 --replica 1204\n  \
                      sekisho ledger restore /backup/ledger-2026-11 --check-only"
    )]
    Restore {
        /// The backup
        #[arg(value_name = "DIR")]
        from: PathBuf,
        /// The new replica [default: the place `ledger join` was given here]
        #[arg(long, value_name = "ID")]
        replica: Option<ReplicaId>,
        /// Only check it, as an officer does
        #[arg(long)]
        check_only: bool,
    },
    /// Go on after a quorum was lost for good: look at what is left, agree on it, start the next lineage
    #[command(subcommand)]
    Recover(recover::Command),
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
        Command::Join(args) => join::run(&args, at).await,
        Command::Allocate { request } => members::allocate(&request, at).await,
        Command::Promote { replica } => members::promote(replica, at).await,
        Command::Leave { replica } => members::leave(replica, at).await,
        Command::Backup { out, stopped } => archive::backup(&out, stopped, at).await,
        Command::Restore {
            from,
            replica,
            check_only,
        } => archive::restore(&from, replica, check_only, at),
        Command::Recover(command) => recover::run(command, at),
        Command::Fsck { scratch } => fsck::run(scratch.as_deref(), at),
        Command::Export { out, stopped: true } => archive::export_stopped(&out, at),
        Command::Export {
            out,
            stopped: false,
        } => archive::export(&out, at).await,
        Command::Import { from, check_only } => archive::import(&from, check_only, at),
    }
}
