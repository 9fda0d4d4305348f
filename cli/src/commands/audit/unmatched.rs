//! Documents one side let go and the other does not say it got, or the other way round.

use crate::commands::At;
use crate::commands::show::Table;
use crate::ops::{self, Until};
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_ledger::history::{Mismatch, Recorded, Transfers, Unmatched};
use sekisho_words::moment;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(in crate::commands) struct UnmatchedArgs {
    /// Those of all networks, not only this one's
    #[arg(long)]
    all: bool,
}

/// Lists them. Refused, for those who watch it, if there is any.
pub(super) async fn run(args: &UnmatchedArgs, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let mut transfers = Transfers::default();
    let now = at
        .past(&session, Until::Now, |_, leaf| {
            transfers.take(leaf);
            Ok(())
        })
        .await?;
    let own = |it: &Unmatched| it.viewing == session.network || it.disclosing == session.network;
    let found: Vec<_> = transfers
        .unmatched(ops::now())
        .into_iter()
        .filter(|it| args.all || own(it))
        .collect();
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut table = Table::new([
        pick("照会の番号", "access"),
        pick("提供側", "disclosing"),
        pick("閲覧側", "viewing"),
        pick("提供の記録", "release"),
        pick("受領の記録", "receipt"),
        pick("食い違い", "what does not fit"),
    ]);
    for it in &found {
        let side = |recorded: &Option<Recorded>| match recorded {
            Some(it) => format!("{} ({})", moment(it.time, at.ui.language), it.index),
            None => pick("ありません", "none").to_owned(),
        };
        table.row([
            it.access.to_string(),
            it.disclosing.to_string(),
            it.viewing.to_string(),
            side(&it.release),
            side(&it.receipt),
            words(it.mismatch, at).to_owned(),
        ]);
    }
    let count = found.len();
    let sum = at.ui.language.pick(
        match count {
            0 => "食い違う提供と受領の記録はありません".to_owned(),
            _ => format!(
                "食い違う記録が {count} 件あります。両ネットワークの監査担当者が確認してください"
            ),
        },
        match count {
            0 => "every release has its receipt, and the other way round".to_owned(),
            _ => format!("{count} do not fit: the officers of both networks should look"),
        },
    );
    let text = match table.is_empty() {
        true => sum,
        false => format!("{table}\n{sum}"),
    };
    let objects: Vec<Value> = found.iter().map(object).collect();
    at.ui.result(
        &json!({ "network": session.network, "unmatched": objects, "leaves": now.size }),
        text,
    );
    Ok(match count {
        0 => Exit::Done,
        _ => Exit::Refused,
    })
}

fn words(mismatch: Mismatch, at: &At) -> &'static str {
    match mismatch {
        Mismatch::ReleaseOnly => at.ui.pick(
            "提供されたが、受領が記録されていません",
            "let go, and no receipt",
        ),
        Mismatch::ReceiptOnly => at.ui.pick(
            "受領されたが、提供が記録されていません",
            "received, and no release",
        ),
        Mismatch::Different => at
            .ui
            .pick("内容が一致しません", "they are about different content"),
    }
}

fn object(it: &Unmatched) -> Value {
    let side = |recorded: &Option<Recorded>| {
        let recorded = recorded.as_ref();
        recorded.map(|it| json!({ "index": it.index, "time_ms": it.time }))
    };
    json!({
        "access": it.access, "disclosing": it.disclosing, "viewing": it.viewing, "mismatch": it.mismatch.code(),
        "release": side(&it.release), "receipt": side(&it.receipt),
    })
}
