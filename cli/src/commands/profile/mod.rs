//! `sekisho profile`: what the surveys say of each network, what is missing before it may sign anything, and the
//! file in which a network corrects and completes it. Needs no ledger.

mod import;
mod named;

pub(super) use named::{NetworkArg, said};

use super::At;
use super::show::Table;
use crate::ui::{Exit, Failure};
use clap::Subcommand;
use sekisho_profiles::draft::prefecture;
use sekisho_profiles::facts::built_in;
use sekisho_profiles::profile::{Missing, NetworkProfile, write};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Turn a data file of surveyed networks into profiles, with the source of every line
    #[command(
        after_help = "Example:\n  sekisho profile import networks.json\n  sekisho profile import networks.json --summary --into profiles/"
    )]
    Import(import::ImportArgs),
    /// List the surveyed networks and what each has yet to say
    #[command(after_help = "Example:\n  sekisho profile list\n  sekisho profile list --json")]
    List,
    /// Show one network's profile line by line, with its sources
    #[command(
        after_help = "Example:\n  sekisho profile show まめネット\n  sekisho profile show mhlw-168=listed-facilities"
    )]
    Show {
        /// The network: its id or name, a profile file, or ID=WAY to choose one of its ways of consenting
        #[arg(value_name = "NETWORK")]
        network: NetworkArg,
    },
    /// Print a network's profile as a file of its own, to correct and complete
    #[command(after_help = "Example:\n  sekisho profile export mhlw-171 > mamenet.toml")]
    Export {
        /// The network: its id or name, a profile file, or ID=WAY to choose one of its ways of consenting
        #[arg(value_name = "NETWORK")]
        network: NetworkArg,
    },
}

pub(super) fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Import(args) => import::run(&args, at),
        Command::List => list(at),
        Command::Show { network } => show(&network, at),
        Command::Export { network } => {
            let profile = network.profile()?;
            let text = write(&profile);
            at.ui.result(&json!({ "profile": text }), &text);
            Ok(Exit::Done)
        }
    }
}

fn list(at: &At) -> Result<Exit, Failure> {
    let facts = built_in().map_err(|e| Failure::usage(e.to_string(), e.to_string()))?;
    let profiles: Vec<_> = facts.networks.iter().map(NetworkProfile::of).collect();
    let headings = at.ui.pick(
        "ID|ネットワーク|所在|署名までに必要なこと",
        "Id|Network|Place|Missing before it may sign",
    );
    let mut columns = headings.split('|');
    let mut table = Table::new(std::array::from_fn::<_, 4, _>(|_| {
        columns.next().unwrap_or_default()
    }));
    for profile in &profiles {
        let place = prefecture(&profile.prefecture).to_owned();
        table.row([
            profile.id.to_string(),
            profile.name.clone(),
            place,
            needs(&profile.missing(), at),
        ]);
    }
    let objects = profiles.iter().map(|p| {
        let missing: Vec<_> = p.missing().iter().map(|m| m.need.code()).collect();
        json!({ "id": p.id, "name": p.name, "prefecture": p.prefecture, "missing": missing })
    });
    at.ui
        .result(&json!({ "networks": objects.collect::<Vec<_>>() }), table);
    Ok(Exit::Done)
}

/// What is missing, in few words.
fn needs(missing: &[Missing], at: &At) -> String {
    let needs: Vec<_> = missing
        .iter()
        .map(|m| at.ui.pick(m.need.ja(), m.need.en()))
        .collect();
    match needs.is_empty() {
        true => at.ui.pick("なし", "nothing").to_owned(),
        false => needs.join(at.ui.pick("、", "; ")),
    }
}

fn show(network: &NetworkArg, at: &At) -> Result<Exit, Failure> {
    let profile = network.profile()?;
    at.ui.result(&profile.json(), lines(&profile, at));
    Ok(Exit::Done)
}

/// A profile line by line, and what is missing.
fn lines(profile: &NetworkProfile, at: &At) -> String {
    let place = prefecture(&profile.prefecture);
    let mut out = format!("{}  {}（{place}）\n", profile.id, profile.name);
    for line in profile.report() {
        let words = line.words();
        out.push_str(&format!("  {}\n", at.ui.pick(&words.ja, &words.en)));
    }
    let parts = [
        (
            profile.missing(),
            "署名までに必要なこと",
            "Missing before it may sign",
        ),
        (
            profile.to_confirm(),
            "署名までに確認すること",
            "To be confirmed before it signs",
        ),
    ];
    for (missing, ja, en) in parts {
        let none = match missing.is_empty() {
            true => at.ui.pick("：なし", ": nothing"),
            false => at.ui.pick("：", ":"),
        };
        out.push_str(&format!("  {}{none}\n", at.ui.pick(ja, en)));
        for one in missing {
            out.push_str(&format!("    - {}\n", at.ui.pick(&one.ja(), &one.en())));
        }
    }
    out
}
