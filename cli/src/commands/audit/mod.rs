//! `sekisho audit`: the evidence of one access, for those who check it without trusting any server; and what the
//! ledger knows of the past.

mod access;
mod alerts;
mod explain;
mod moment;
mod reviews;
mod seal;
mod unmatched;
mod verify;
mod who;
mod widened;

use super::{At, private};
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::Subcommand;
use sekisho_domain::EntryIndex;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write the proof bundle of one access, with what this network can show of it
    #[command(after_help = "Example:\n  sekisho audit bundle 57 --out access-57.sekisho-proof")]
    Bundle {
        /// The access request's ledger index
        #[arg(value_name = "INDEX")]
        index: u64,
        /// Where to write it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Check a proof bundle offline, believing nothing but the founding file
    #[command(
        after_help = "Example:\n  sekisho audit verify access-57.sekisho-proof --genesis genesis.json"
    )]
    Verify(verify::VerifyArgs),
    /// Explain one access: who asked whom for what, what was decided and what went over
    #[command(after_help = "Example:\n  sekisho audit show 57")]
    Show {
        /// The access request's ledger index
        #[arg(value_name = "INDEX")]
        index: u64,
    },
    /// Explain any entry: what it did, who signed it, what it rests on, what became of it; of an access, every check
    #[command(
        after_help = "Example:\n  sekisho audit explain 57\n  sekisho audit explain 57 --json"
    )]
    Explain {
        /// The entry's ledger index
        #[arg(value_name = "INDEX")]
        index: u64,
    },
    /// Tell everybody who could have seen a kind of document of a patient at a moment, and on what
    #[command(
        name = "who-could-see",
        after_help = "Example:\n  sekisho audit who-could-see --subject azaleanet:00112233445566778899aabbccddeeff \\\n    \
                      --document-category prescription --on 2026-12-01"
    )]
    WhoCouldSee(who::WhoArgs),
    /// List this network's accesses by break-glass that owe a review or telling the patient; exit code 1 if one is overdue
    #[command(
        after_help = "Example:\n  sekisho audit reviews\n  sekisho audit reviews --overdue --json"
    )]
    Reviews(reviews::ReviewsArgs),
    /// Record a second person's review of an access by break-glass, with an officer's key
    #[command(
        after_help = "Example:\n  sekisho audit review 57 --verdict appropriate --reviewer officer-ito --note \"seen in the ER log\""
    )]
    Review(reviews::ReviewArgs),
    /// Record that the patient was told of an access by break-glass
    #[command(
        after_help = "Example:\n  sekisho audit told 57 --way in-person --recorded-by 4010200014"
    )]
    Told(reviews::ToldArgs),
    /// List documents let go without a receipt, or received without a release; exit code 1 if there is any
    #[command(
        after_help = "Example:\n  sekisho audit unmatched\n  sekisho audit unmatched --all --json"
    )]
    Unmatched(unmatched::UnmatchedArgs),
    /// List accesses that look unlike ordinary work: many patients in a short time, denials again and again, bursts at night
    #[command(
        after_help = "Example:\n  sekisho audit alerts\n  sekisho audit alerts --days 7 --all --json"
    )]
    Alerts(alerts::AlertsArgs),
    /// Open a sealed reservation of this network for an officer: what it says, what opens its commitment, and the proof of its place
    #[command(after_help = "Example:\n  sekisho audit open-seal 63 --out seal-63.json")]
    OpenSeal(seal::SealArgs),
    /// Tell whose consent a change widened: the patients of this network who must be told
    #[command(
        after_help = "Example:\n  sekisho audit widened 57\n  sekisho audit widened --since 40 --json"
    )]
    Widened(widened::WidenedArgs),
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Bundle { index, out } => bundle(EntryIndex(index), &out, at).await,
        Command::Verify(args) => verify::run(&args, at),
        Command::Show { index } => access::show(EntryIndex(index), at).await,
        Command::Explain { index } => explain::run(EntryIndex(index), at).await,
        Command::WhoCouldSee(args) => who::run(&args, at).await,
        Command::Reviews(args) => reviews::list(&args, at).await,
        Command::Review(args) => reviews::review(args, at).await,
        Command::Told(args) => reviews::tell(&args, at).await,
        Command::Unmatched(args) => unmatched::run(&args, at).await,
        Command::Alerts(args) => alerts::run(&args, at).await,
        Command::OpenSeal(args) => seal::run(&args, at).await,
        Command::Widened(args) => widened::run(&args, at).await,
    }
}

async fn bundle(index: EntryIndex, out: &Path, at: &At) -> Result<Exit, Failure> {
    private::check_absent(out)?;
    let bytes = ops::bundle(&at.session()?, index).await?;
    private::write(out, &bytes)?;
    let name = out.display();
    let size = bytes.len();
    let ja = format!(
        "照会 {index} 番の証拠を {name} に書きました（{size} バイト）。`sekisho audit verify {name} --genesis genesis.json` で検証できます"
    );
    let en = format!(
        "Wrote the proof of access {index} to {name} ({size} bytes); check it with `sekisho audit verify {name} --genesis genesis.json`"
    );
    at.ui.result(
        &json!({ "access": index, "out": out, "bytes": size }),
        at.ui.pick(&ja, &en),
    );
    Ok(Exit::Done)
}
