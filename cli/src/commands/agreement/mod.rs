//! `sekisho agreement`: what two or more networks sign, from the draft to its end.

mod diff;
mod draft;
mod file;
mod list;
mod preview;
mod sign;

pub(super) use file::{EXAMPLE, codes, parse};

use super::{At, text};
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::Subcommand;
use sekisho_domain::{AgreementId, Body};
use sekisho_words::{Names, agreement as words};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print an agreement with every setting explained
    #[command(after_help = "Example:\n  sekisho agreement example > agreement.toml")]
    Example,
    /// Propose the next version of an agreement; signs it for this network
    #[command(after_help = "Example:\n  sekisho agreement propose --file agreement.toml")]
    Propose {
        /// The agreement, as `agreement example` shows it or `agreement draft --object` writes it
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Draw up an agreement from what the networks say of themselves, with reasons and what is missing
    #[command(
        after_help = "Example:\n  sekisho agreement draft mhlw-111 mhlw-116 --markdown agreement.md --object agreement.json\n  \
                      sekisho agreement draft mhlw-168=listed-facilities まめネット --one-way\n  \
                      sekisho agreement draft mhlw-111 mhlw-116 --emergency --disaster"
    )]
    Draft(Box<draft::DraftArgs>),
    /// Show who gains and who loses access by a new version
    #[command(after_help = "Example:\n  sekisho agreement diff v1.json v2.toml")]
    Diff(diff::DiffArgs),
    /// Count what an agreement would change for the patients on the ledger; writes nothing
    #[command(after_help = "Example:\n  sekisho agreement preview agreement.json")]
    Preview(preview::PreviewArgs),
    /// Sign a proposed agreement, after reading in words what it allows
    #[command(
        after_help = "Example:\n  sekisho agreement sign pikapika-azalea\n  sekisho agreement sign pikapika-azalea --version 2 --yes\n  \
                      sekisho agreement sign --file sekisho-pikapika-azalea-v2.json --key governance.key"
    )]
    Sign(sign::SignArgs),
    /// Suspend an agreement at once, until all parties sign a new version
    #[command(after_help = "Example:\n  sekisho agreement suspend pikapika-azalea")]
    Suspend {
        /// The agreement
        #[arg(value_name = "ID")]
        id: AgreementId,
    },
    /// End an agreement for good
    #[command(after_help = "Example:\n  sekisho agreement terminate pikapika-azalea")]
    Terminate {
        /// The agreement
        #[arg(value_name = "ID")]
        id: AgreementId,
    },
    /// List all agreements and how they stand
    #[command(after_help = "Example:\n  sekisho agreement list")]
    List,
    /// Show in words what an agreement allows, and who has signed it
    #[command(
        after_help = "Example:\n  sekisho agreement show pikapika-azalea\n  sekisho agreement show pikapika-azalea --version 1 --json"
    )]
    Show(list::ShowArgs),
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Example => {
            at.ui.result(&json!({ "example": EXAMPLE }), EXAMPLE);
            Ok(Exit::Done)
        }
        Command::Propose { file } => propose(&file, at).await,
        Command::Draft(args) => draft::run(*args, at),
        Command::Diff(args) => diff::run(&args, at),
        Command::Preview(args) => preview::run(&args, at).await,
        Command::Sign(args) => sign::run(&args, at).await,
        Command::Suspend { id } => {
            let ja = format!("協定 {id} を停止しました");
            let en = format!("Agreement {id} is suspended");
            end(Body::AgreementSuspend { id: id.clone() }, &id, &ja, &en, at).await
        }
        Command::Terminate { id } => {
            let ja = format!("協定 {id} を終了しました");
            let en = format!("Agreement {id} is terminated");
            end(
                Body::AgreementTerminate { id: id.clone() },
                &id,
                &ja,
                &en,
                at,
            )
            .await
        }
        Command::List => list::list(at).await,
        Command::Show(args) => list::show(&args, at).await,
    }
}

async fn propose(file: &Path, at: &At) -> Result<Exit, Failure> {
    let (content, base) = text::read(file)?;
    let agreement = parse(&content, base)?;
    let session = at.session()?;
    let said = words(&agreement, &Names::default());
    at.ui.note(said.ja, said.en);
    let done = ops::govern(&session, Body::AgreementPropose(agreement.clone()))
        .await?
        .accepted()?;
    let (id, version) = (&agreement.id, agreement.version);
    let others: Vec<_> = agreement
        .parties
        .iter()
        .filter(|p| **p != session.network)
        .map(ToString::to_string)
        .collect();
    let others = others.join(", ");
    at.ui.note(
        format!(
            "次の当事者がすべて `sekisho agreement sign {id}` で署名すると発効します：{others}"
        ),
        format!("It is in force once signed with `sekisho agreement sign {id}` by: {others}"),
    );
    let ja = format!("協定 {id} 第{version}版を提案し、署名しました");
    let en = format!("Agreement {id} version {version} is proposed and signed for this network");
    at.recorded(&done, &json!({ "agreement": agreement }), &ja, &en);
    Ok(Exit::Done)
}

async fn end(body: Body, id: &AgreementId, ja: &str, en: &str, at: &At) -> Result<Exit, Failure> {
    let done = ops::govern(&at.session()?, body).await?.accepted()?;
    at.recorded(&done, &json!({ "id": id }), ja, en);
    Ok(Exit::Done)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#[path = "example_test.rs"]
mod example_tests;
