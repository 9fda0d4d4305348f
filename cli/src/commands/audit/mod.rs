//! `sekisho audit`: the evidence of one access, for those who check it without trusting any server.

mod access;
mod fault;
mod verify;

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
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Bundle { index, out } => bundle(EntryIndex(index), &out, at).await,
        Command::Verify(args) => verify::run(&args, at),
        Command::Show { index } => access::show(EntryIndex(index), at).await,
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
