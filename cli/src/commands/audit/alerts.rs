//! Accesses that were pointed out to officers.

use crate::commands::At;
use crate::commands::show::Table;
use crate::ops::{self, Until, unreadable};
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_domain::{Body, EntryIndex, NetworkId, Outcome, SecurityAlert, TimeMs};
use sekisho_ledger::View;
use sekisho_ledger::store::StateRead;
use sekisho_words::moment;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// One day, in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[derive(Debug, Args)]
pub(in crate::commands) struct AlertsArgs {
    /// Those about all networks, not only about this one's practitioners and what this one was asked
    #[arg(long)]
    all: bool,
    /// Those of so many days up to now
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=36_525))]
    days: u64,
}

struct Raised {
    index: EntryIndex,
    time: TimeMs,
    alert: SecurityAlert,
}

/// Lists them, the newest last.
pub(super) async fn run(args: &AlertsArgs, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let since = TimeMs(
        ops::now()
            .0
            .saturating_sub(args.days.saturating_mul(DAY_MS)),
    );
    let mut found = Vec::new();
    let now = at
        .past(&session, Until::Now, |state, leaf| {
            if let (Body::SecurityAlert(alert), Outcome::Accepted) =
                (&leaf.entry.body, &leaf.outcome)
                && leaf.time >= since
                && (args.all || concerns(View(state), alert, &session.network)?)
            {
                let (index, time, alert) = (leaf.index, leaf.time, alert.clone());
                found.push(Raised { index, time, alert });
            }
            Ok(())
        })
        .await?;
    let mut known = BTreeMap::new();
    for raised in found
        .iter()
        .filter(|it| it.alert.viewing == session.network)
    {
        let who = raised.alert.practitioner;
        if let Entry::Vacant(place) = known.entry(who) {
            place.insert(ops::practitioner_of(&session, &who).await?);
        }
    }
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut table = Table::new([
        pick("番号", "index"),
        pick("日時", "time"),
        pick("照会元", "viewing"),
        pick("閲覧者", "practitioner"),
        pick("様子", "pattern"),
        pick("照会の番号", "accesses"),
    ]);
    let mut objects = Vec::new();
    for raised in &found {
        let alert = &raised.alert;
        let local = known.get(&alert.practitioner).cloned().flatten();
        objects.push(object(raised, local.as_deref()));
        table.row([
            raised.index.to_string(),
            moment(raised.time, at.ui.language),
            alert.viewing.to_string(),
            local.unwrap_or_else(|| alert.practitioner.to_string()),
            pick(alert.pattern.ja(), alert.pattern.en()).to_owned(),
            span(&alert.accesses),
        ]);
    }
    let (count, days) = (found.len(), args.days);
    let sum = at.ui.language.pick(
        match count {
            0 => format!("この {days} 日間に、確認すべき閲覧の指摘はありません"),
            _ => format!("確認すべき閲覧の指摘が {count} 件あります。不正とは限りません。各照会は sekisho audit show 番号 で確かめられます"),
        },
        match count {
            0 => format!("nothing was pointed out in these {days} days"),
            _ => format!("{count} to be looked at; none is an accusation. See each access with: sekisho audit show INDEX"),
        },
    );
    let text = match table.is_empty() {
        true => sum,
        false => format!("{table}\n{sum}"),
    };
    at.ui.result(
        &json!({ "network": session.network, "alerts": objects, "days": days, "leaves": now.size }),
        text,
    );
    Ok(Exit::Done)
}

/// Whether it is about this network's practitioner, or this network was asked in any of its accesses.
fn concerns<S: StateRead>(
    view: View<'_, S>,
    alert: &SecurityAlert,
    own: &NetworkId,
) -> Result<bool, Failure> {
    if alert.viewing == *own {
        return Ok(true);
    }
    for index in &alert.accesses {
        let access = view.access(*index).map_err(|e| unreadable(&e))?;
        if access.is_some_and(|access| access.request.targets.contains(own)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The first and the last of them, and how many.
fn span(accesses: &[EntryIndex]) -> String {
    match accesses {
        [first, .., last] => format!("{first}–{last} ({})", accesses.len()),
        [one] => one.to_string(),
        [] => String::new(),
    }
}

fn object(raised: &Raised, local: Option<&str>) -> Value {
    let alert = &raised.alert;
    json!({
        "index": raised.index, "time_ms": raised.time, "pattern": alert.pattern, "viewing": alert.viewing,
        "practitioner": alert.practitioner, "local_id": local, "accesses": alert.accesses,
        "words": { "ja": alert.pattern.ja(), "en": alert.pattern.en() },
    })
}
