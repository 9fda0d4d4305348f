//! `sekisho profile import`: a data file of surveyed networks as profiles.

use super::{lines, needs};
use crate::commands::At;
use crate::commands::show::{Progress, Table};
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_profiles::import::networks;
use sekisho_profiles::profile::{Need, NetworkProfile, write};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::commands) struct ImportArgs {
    /// The data file: a JSON array of networks
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only one line for each network, and the summary
    #[arg(long)]
    summary: bool,
    /// Write each profile into this folder as a file of its own
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

pub(super) fn run(args: &ImportArgs, at: &At) -> Result<Exit, Failure> {
    let json = std::fs::read(&args.file).map_err(|e| of_file(&args.file, "読む", "read", &e))?;
    let mut progress = Progress::new(at.ui);
    let facts = networks(&json, |done, all| {
        progress.tell(|| {
            (
                format!("読み込んでいます：{done}／{all}"),
                format!("reading: {done} of {all}"),
            )
        });
    });
    progress.end();
    let name = args.file.display();
    let facts = facts.map_err(|e| {
        Failure::usage(
            format!("{name} を読み込めません：{e}"),
            format!("{name} cannot be imported: {e}"),
        )
    })?;
    let profiles: Vec<_> = facts.iter().map(NetworkProfile::of).collect();
    if let Some(dir) = &args.into {
        for profile in &profiles {
            let path = dir.join(format!("{}.toml", profile.id));
            std::fs::write(&path, write(profile))
                .map_err(|e| of_file(&path, "書く", "write", &e))?;
        }
    }
    let text = text(&profiles, args.summary, at);
    let objects: Vec<_> = profiles.iter().map(NetworkProfile::json).collect();
    at.ui.result(
        &json!({ "networks": objects, "summary": summary(&profiles) }),
        text,
    );
    Ok(Exit::Done)
}

fn of_file(path: &Path, ja: &str, en: &str, error: &std::io::Error) -> Failure {
    let name = path.display();
    Failure::of(
        Exit::Usage,
        &format!("{name} を{ja}ことが"),
        &format!("{en} {name}"),
        error,
    )
}

fn text(profiles: &[NetworkProfile], short: bool, at: &At) -> String {
    let mut out = String::new();
    for profile in profiles {
        if short {
            let missing = needs(&profile.missing(), at);
            out.push_str(&format!("{}  {}：{missing}\n", profile.id, profile.name));
        } else {
            out.push_str(&lines(profile, at));
        }
    }
    let headings = [
        at.ui.pick("まとめ", "Summary"),
        at.ui.pick("ネットワーク数", "Networks"),
    ];
    let mut table = Table::new(headings);
    for (words, n) in counts(profiles) {
        table.row([at.ui.pick(&words.ja, &words.en).to_owned(), n.to_string()]);
    }
    out.push_str(&format!("\n{table}"));
    out
}

const NEEDS: [Need; 7] = [
    Need::Members,
    Need::Scope,
    Need::Capture,
    Need::Withdrawal,
    Need::NewFacility,
    Need::Categories,
    Need::ViewingKinds,
];

fn counts(profiles: &[NetworkProfile]) -> Vec<(crate::ui::Words, usize)> {
    let words = |ja: &str, en: &str| crate::ui::Words::new(ja, en);
    let count = |of: &dyn Fn(&NetworkProfile) -> bool| profiles.iter().filter(|p| of(p)).count();
    let mut counts = vec![
        (words("読み込んだネットワーク", "read"), profiles.len()),
        (
            words("開示も閲覧も署名できる", "may sign in both directions"),
            count(&|p| p.missing().is_empty()),
        ),
        (
            words("開示について署名できる", "may sign to disclose"),
            count(&|p| p.missing_to_disclose().is_empty()),
        ),
        (
            words("閲覧について署名できる", "may sign to view"),
            count(&|p| p.missing_to_view().is_empty()),
        ),
        (
            words("仮定の確認が必要", "have something assumed to confirm"),
            count(&|p| !p.to_confirm().is_empty()),
        ),
    ];
    for need in NEEDS {
        let lacks = count(&|p| p.missing().iter().any(|m| m.need == need));
        counts.push((
            words(
                &format!("不足：{}", need.ja()),
                &format!("lack: {}", need.en()),
            ),
            lacks,
        ));
    }
    counts
}

fn summary(profiles: &[NetworkProfile]) -> serde_json::Value {
    let lines = counts(profiles);
    let lines = lines
        .iter()
        .map(|(words, n)| json!({ "ja": words.ja, "en": words.en, "networks": n }));
    lines.collect()
}
