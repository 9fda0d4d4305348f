//! `sekisho disaster`: an authority declares a disaster or a drill, prolongs it, ends it.
//!
//! An authority has no replica of its own: its key signs, and any member's process takes the entry.

use super::At;
use super::args::codes_of;
use super::show::Table;
use crate::keys;
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::{Args, Subcommand};
use sekisho_domain::{
    AreaCode, Body, Disaster, DisasterId, DisasterKind, EntryIndex, Footing, TimeMs,
};
use sekisho_ledger::history::DISASTERS_MAX;
use sekisho_words::{Day, entry, footing, moment};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Declare a disaster, or a drill, from now on; at most 7 days, ends by itself
    #[command(
        after_help = "Example:\n  sekisho disaster declare --key authority/authority.key --kind earthquake --area 31 --until 2026-12-07\n  \
                      sekisho disaster declare --key authority/authority.key --kind flood --area 31201 --until 2026-12-01 --drill"
    )]
    Declare(DeclareArgs),
    /// Prolong a declaration before it ends, by at most 7 days from now
    #[command(
        after_help = "Example:\n  sekisho disaster extend 57 --until 2026-12-14 --key authority/authority.key"
    )]
    Extend {
        /// The declaration's ledger index
        #[arg(value_name = "INDEX")]
        index: u64,
        /// Its new last day
        #[arg(long, value_name = "YYYY-MM-DD")]
        until: Day,
        /// The authority's key file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// End a declaration at once
    #[command(after_help = "Example:\n  sekisho disaster end 57 --key authority/authority.key")]
    End {
        /// The declaration's ledger index
        #[arg(value_name = "INDEX")]
        index: u64,
        /// The authority's key file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// List the declarations, those that hold first
    #[command(after_help = "Example:\n  sekisho disaster list\n  sekisho disaster list --json")]
    List,
}

#[derive(Debug, Args)]
pub(super) struct DeclareArgs {
    /// The authority's key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What happened
    #[arg(long, value_name = "KIND", value_parser = codes_of!(DisasterKind))]
    kind: DisasterKind,
    /// A prefecture (2 digits) or municipality (5 digits) it covers; once for each
    #[arg(long, value_name = "CODE", required = true)]
    area: Vec<AreaCode>,
    /// Its last day, at most 7 days from now
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Day,
    /// A drill: marked as such everywhere, opens only what patients consented to for disasters by name
    #[arg(long)]
    drill: bool,
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Declare(args) => declare(args, at).await,
        Command::Extend { index, until, key } => {
            let until = end(until, ops::now())?;
            let body = Body::DisasterExtend {
                declaration: DisasterId(EntryIndex(index)),
                until,
            };
            say(&key, body, at).await
        }
        Command::End { index, key } => {
            let body = Body::DisasterEnd {
                declaration: DisasterId(EntryIndex(index)),
            };
            say(&key, body, at).await
        }
        Command::List => list(at).await,
    }
}

/// How far this clock may be ahead of the ledger's, in milliseconds, so that the longest period still fits.
const CLOCK_AHEAD_MS: u64 = 60_000;

/// The end of a day, or 7 days from now where that comes first on that very day.
fn end(day: Day, now: TimeMs) -> Result<TimeMs, Failure> {
    let latest = now.plus_ms(Disaster::PERIOD_MS_MAX - CLOCK_AHEAD_MS);
    let end = day.end();
    if end <= now {
        return Err(Failure::usage(
            format!("--until {day} はもう過ぎています"),
            format!("--until {day} is over"),
        ));
    }
    if end > latest && Day::of(latest) != day {
        return Err(Failure::usage(
            format!(
                "宣言は一度に7日までです。--until は {} までにし、続くときは延長してください",
                Day::of(latest)
            ),
            format!(
                "a declaration lasts at most 7 days; --until may be {} at the latest, then prolong it",
                Day::of(latest)
            ),
        ));
    }
    Ok(end.min(latest))
}

async fn declare(args: DeclareArgs, at: &At) -> Result<Exit, Failure> {
    let area: BTreeSet<_> = args.area.into_iter().collect();
    let (got, max) = (area.len(), Disaster::AREAS_MAX);
    if got > max {
        return Err(Failure::usage(
            format!("区域は {max} までです（{got}）。都道府県の2桁で指定してください"),
            format!("at most {max} areas, not {got}; name whole prefectures by 2 digits"),
        ));
    }
    let now = ops::now();
    let disaster = Disaster {
        kind: args.kind,
        area,
        from: now,
        until: end(args.until, now)?,
        drill: args.drill,
    };
    say(&args.key, Body::DisasterDeclare(disaster), at).await
}

async fn say(key: &Path, body: Body, at: &At) -> Result<Exit, Failure> {
    let key = keys::signing_at(key)?;
    let session = at.session()?;
    let said = entry(&body);
    let done = ops::say(&session, &key, body.clone()).await?.accepted()?;
    at.recorded(&done, &json!({ "body": body }), &said.ja, &said.en);
    Ok(Exit::Done)
}

async fn list(at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let replayed = at.replayed(&session).await?;
    let view = replayed.view();
    let now = ops::now();
    let mut all = view
        .disasters(DISASTERS_MAX)
        .map_err(|e| ops::unreadable(&e))?;
    all.sort_by_key(|(id, declared)| (!declared.holds(now), std::cmp::Reverse(*id)));
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut table = Table::new([
        pick("番号", "index"),
        pick("当局", "authority"),
        pick("災害", "disaster"),
        pick("区域", "area"),
        pick("期限", "until"),
        pick("状態", "state"),
    ]);
    let mut objects = Vec::new();
    for (id, declared) in &all {
        let disaster = &declared.disaster;
        let marked = footing(match disaster.drill {
            true => Footing::DisasterDrill,
            false => Footing::Disaster,
        });
        let areas: Vec<_> = disaster.area.iter().map(ToString::to_string).collect();
        let state = match declared.ended {
            Some(index) => at
                .ui
                .language
                .pick(format!("終了（{index} 番）"), format!("ended ({index})")),
            None if declared.holds(now) => pick("有効", "holds").to_owned(),
            None => pick("期間外", "over").to_owned(),
        };
        let (kind_ja, kind_en) = (
            DisasterKind::ja(disaster.kind),
            DisasterKind::en(disaster.kind),
        );
        table.row([
            id.to_string(),
            declared.authority.to_string(),
            at.ui.language.pick(
                format!("{}{kind_ja}", marked.ja),
                format!("{}{kind_en}", marked.en),
            ),
            areas.join(", "),
            moment(disaster.until, at.ui.language),
            state,
        ]);
        objects.push(json!({
            "index": id, "authority": declared.authority, "disaster": disaster, "ended": declared.ended,
            "holds": declared.holds(now),
        }));
    }
    let text = match table.is_empty() {
        true => pick("災害の宣言はありません", "no disaster is declared").to_owned(),
        false => table.to_string(),
    };
    at.ui.result(
        &json!({ "disasters": objects, "leaves": replayed.size }),
        text,
    );
    Ok(Exit::Done)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_ends_with_its_last_day_within_seven_days() {
        let now = "2026-12-01"
            .parse::<Day>()
            .unwrap()
            .start()
            .plus_ms(36_000_000);
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert_eq!(end(day("2026-12-01"), now), Ok(day("2026-12-01").end()));
        assert_eq!(end(day("2026-12-07"), now), Ok(day("2026-12-07").end()));
        let last = end(day("2026-12-08"), now).unwrap();
        assert_eq!(last, now.plus_ms(Disaster::PERIOD_MS_MAX - CLOCK_AHEAD_MS));
        for (text, expected) in [("2026-11-30", "is over"), ("2026-12-09", "2026-12-08")] {
            let failure = end(day(text), now).unwrap_err();
            assert!(failure.words.en.contains(expected), "{}", failure.words.en);
        }
    }
}
