//! The command line: what can be said, and who does it.
//!
//! A command is thin: its arguments become one call to [`crate::ops`], its result one object or a few lines of
//! text. `help` holds the Japanese help, `show` the words and tables people read.

mod agreement;
mod args;
mod audit;
mod config;
mod consent;
mod demo;
mod disaster;
mod help;
mod ingest;
mod ledger;
mod network;
mod node;
mod page;
mod patient;
mod portal;
mod private;
mod profile;
mod query;
mod retrieve;
mod sample;
pub mod serve;
mod show;
mod start;
mod subject;
mod text;

use crate::config::Config;
use crate::ops::{self, Recorded, Replayed, Session, Until};
use crate::ui::{Exit, Failure, Ui};
use clap::{ArgAction, Args, Parser, Subcommand};
use sekisho_domain::Language;
use sekisho_ledger::Leaf;
use sekisho_ledger::store::MemoryState;
use std::path::PathBuf;
use std::time::Duration;

pub use start::main;

/// The environment variable that names the configuration file.
const CONFIG_VARIABLE: &str = "SEKISHO_CONFIG";
/// The configuration file of the working directory.
const CONFIG_DEFAULT: &str = "sekisho.toml";

/// Consent-enforcing document queries across Japan's regional medical networks.
#[derive(Debug, Parser)]
#[command(
    name = "sekisho",
    version,
    disable_help_flag = true,
    disable_help_subcommand = true,
    disable_version_flag = true,
    arg_required_else_help = true,
    after_help = "Example:\n  sekisho demo\n  sekisho agreement sign --help"
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = help::COMMON)]
struct Common {
    /// The configuration file; else $SEKISHO_CONFIG, else ./sekisho.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print exactly one JSON object on standard output; messages go to standard error
    #[arg(long, global = true)]
    json: bool,
    /// The language of messages: ja or en; else by LC_ALL, LC_MESSAGES, LANG
    #[arg(long, global = true, value_name = "LANG")]
    lang: Option<Language>,
    /// How many seconds to wait for an answer, 1 to 60 [default: 10]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: Option<u64>,
    /// Print help
    #[arg(long, short = 'h', global = true, action = ArgAction::Help)]
    help: Option<bool>,
    /// Print the version
    #[arg(long, short = 'V', action = ArgAction::Version)]
    version: Option<bool>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run this machine's part of the network: the replica, node and broker its configuration names
    #[command(after_help = "Example:\n  sekisho serve --config /etc/sekisho/sekisho.toml")]
    Serve,
    /// Play five networks on this machine, from signing agreements to an offline audit
    #[command(after_help = "Example:\n  sekisho demo\n  sekisho demo --once --json")]
    Demo(demo::DemoArgs),
    /// Write or check a configuration file
    #[command(subcommand)]
    Config(config::Command),
    /// Write realistic storages of invented patients, to try things on
    #[command(subcommand)]
    Sample(sample::Command),
    /// Set up a network, register its facilities, publish its consent policy, see all members
    #[command(subcommand)]
    Network(network::Command),
    /// See what the surveys say of each network, and what is missing before it may sign
    #[command(subcommand)]
    Profile(profile::Command),
    /// Draw up, propose, sign, suspend and show agreements between networks
    #[command(subcommand)]
    Agreement(agreement::Command),
    /// Record what a patient consented to, withdrew or reserved
    #[command(subcommand)]
    Consent(consent::Command),
    /// Bring a patient's charts together, find patients in other networks, follow who moved
    #[command(subcommand)]
    Patient(patient::Command),
    /// Look up a patient's pseudonym, link it with another network's, record a death, erase
    #[command(subcommand)]
    Subject(subject::Command),
    /// Declare, prolong and end disasters and drills, with an authority's key
    #[command(subcommand)]
    Disaster(disaster::Command),
    /// Ask other networks which documents they have of a patient
    #[command(
        after_help = "Example:\n  sekisho query --patient 4110100015/00001234 --facility 4110100015 \\\n    \
                      --practitioner dr-sato --role physician --purpose TREAT"
    )]
    Query(query::QueryArgs),
    /// Show a page of a result that `query` ended with, without asking anybody again
    #[command(
        after_help = "Example:\n  sekisho page 00112233445566778899aabbccddeeff --practitioner dr-sato --max 50"
    )]
    Page(page::PageArgs),
    /// Get one document of another network and show it readably
    #[command(
        after_help = "Example:\n  sekisho retrieve --network azaleanet --document 2.25.1234 \\\n    \
                      --patient 4110100015/00001234 --facility 4110100015 --practitioner dr-sato \\\n    \
                      --role physician --purpose TREAT"
    )]
    Retrieve(retrieve::RetrieveArgs),
    /// Have the running node read its storages again, now
    #[command(
        after_help = "Example:\n  sekisho ingest --config sekisho.toml\n  sekisho ingest --rebuild"
    )]
    Ingest(ingest::IngestArgs),
    /// Build a node's document index anew, or move it and the contents elsewhere
    #[command(subcommand)]
    Node(node::Command),
    /// Who signs in to this network's pages
    #[command(subcommand)]
    Portal(portal::Command),
    /// Export, check and explain the evidence of one access
    #[command(subcommand)]
    Audit(audit::Command),
    /// See how the consent ledger stands and what is on it
    #[command(subcommand)]
    Ledger(ledger::Command),
}

/// Up to so many leaves replaying them takes no time worth a word.
const REPLAY_QUIET_MAX: u64 = 10_000;

/// What a command is called with besides its own arguments.
#[derive(Debug)]
struct At {
    ui: Ui,
    config: Option<PathBuf>,
    timeout: Option<Duration>,
}

/// Says how far a check of the ledger is.
fn checking(progress: &mut show::Progress, leaves: u64) {
    progress.tell(|| {
        (
            format!("台帳の記録を検証しています：{leaves} 件"),
            format!("checking the ledger: {leaves} leaves"),
        )
    });
}

impl At {
    /// The configuration file that holds.
    fn path(&self) -> PathBuf {
        let named = || std::env::var_os(CONFIG_VARIABLE).filter(|name| !name.is_empty());
        let named = self.config.clone().or_else(|| named().map(PathBuf::from));
        named.unwrap_or_else(|| PathBuf::from(CONFIG_DEFAULT))
    }

    fn config(&self) -> Result<Config, Failure> {
        let path = self.path();
        let name = path.display();
        if !path.exists() {
            return Err(Failure::usage(
                format!(
                    "設定ファイル {name} がありません。--config FILE か環境変数 {CONFIG_VARIABLE} で指定してください"
                ),
                format!(
                    "there is no configuration file {name}; name one with --config FILE or {CONFIG_VARIABLE}"
                ),
            ));
        }
        Config::load(&path).map_err(|faults| Failure::from((path.as_path(), faults)))
    }

    fn session(&self) -> Result<Session, Failure> {
        let mut session = Session::open(&self.config()?)?;
        session.timeout = self.timeout.unwrap_or(session.timeout);
        Ok(session)
    }

    /// The ledger's state, derived and checked here, with a word about it where that takes a while.
    async fn replayed(&self, session: &Session) -> Result<Replayed, Failure> {
        let mut progress = show::Progress::new(self.ui);
        ops::replayed_state(session, |leaves| {
            if leaves > REPLAY_QUIET_MAX {
                checking(&mut progress, leaves);
            }
        })
        .await
    }

    /// The same as of a moment; `each` gets every leaf with the state it is about to be applied to.
    async fn past(
        &self,
        session: &Session,
        until: Until,
        each: impl FnMut(&MemoryState, &Leaf) -> Result<(), Failure>,
    ) -> Result<Replayed, Failure> {
        let mut progress = show::Progress::new(self.ui);
        let past = ops::past(session, until, each, |leaves| {
            checking(&mut progress, leaves)
        })
        .await;
        progress.end();
        past
    }

    /// The result of an entry: where it stands, with what belongs to it.
    fn recorded(&self, done: &Recorded, with: &serde_json::Value, ja: &str, en: &str) {
        let mut object = serde_json::json!({
            "index": done.index, "time_ms": done.time, "outcome": done.outcome, "duplicate": done.duplicate,
        });
        if let (Some(object), Some(with)) = (object.as_object_mut(), with.as_object()) {
            object.extend(with.clone());
        }
        let ja = format!("{ja}（台帳 {} 番）", done.index);
        let en = format!("{en} (ledger index {})", done.index);
        self.ui.result(&object, self.ui.pick(&ja, &en));
    }
}

async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Serve => serve::run(&at.path()).await.map(|()| Exit::Done),
        Command::Demo(args) => demo::run(args, at).await,
        Command::Config(command) => config::run(&command, at),
        Command::Sample(command) => sample::run(&command, at),
        Command::Network(command) => network::run(command, at).await,
        Command::Profile(command) => profile::run(command, at),
        Command::Agreement(command) => agreement::run(command, at).await,
        Command::Consent(command) => consent::run(command, at).await,
        Command::Subject(command) => subject::run(command, at).await,
        Command::Patient(command) => patient::run(command, at).await,
        Command::Disaster(command) => disaster::run(command, at).await,
        Command::Query(args) => query::run(args, at).await,
        Command::Page(args) => page::run(args, at).await,
        Command::Retrieve(args) => retrieve::run(args, at).await,
        Command::Ingest(args) => ingest::run(&args, at).await,
        Command::Node(command) => node::run(command, at).await,
        Command::Portal(command) => portal::run(command, at),
        Command::Audit(command) => audit::run(command, at).await,
        Command::Ledger(command) => ledger::run(command, at).await,
    }
}
