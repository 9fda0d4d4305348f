//! What is on the ledger, leaf by leaf.

use crate::commands::At;
use crate::commands::show::Table;
use crate::ops;
use crate::ui::{Exit, Failure};
use sekisho_domain::EntryIndex;
use sekisho_ledger::Leaf;
use sekisho_words::{entry, entry_kind, moment, outcome};
use serde_json::json;

/// Shows leaves of the state derived here, so that each stands with the network whose key signed it.
pub(super) async fn log(from: u64, max: u32, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let replayed = at.replayed(&session).await?;
    let view = replayed.view();
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut table = Table::new([
        pick("番号", "index"),
        pick("時刻", "time"),
        pick("記録者", "by"),
        pick("内容", "entry"),
        pick("結果", "outcome"),
    ]);
    let mut entries = Vec::new();
    let end = replayed.size.min(from.saturating_add(max.into()));
    for index in (from..end).map(EntryIndex) {
        let bytes = view.leaf(index).map_err(|e| ops::unreadable(&e))?;
        let leaf = Leaf::decode(&bytes.unwrap_or_default()).map_err(|e| {
            Failure::of(
                Exit::Unverified,
                &format!("台帳 {index} 番を読むことが"),
                &format!("read leaf {index}"),
                &e,
            )
        })?;
        let author = view
            .key(&leaf.entry.author)
            .map_err(|e| ops::unreadable(&e))?;
        let network = author.map(|key| key.value.network);
        let (said, came_to) = (entry(&leaf.entry.body), outcome(&leaf.outcome));
        entries.push(json!({
            "index": leaf.index, "time_ms": leaf.time, "kind": entry_kind(&leaf.entry.body),
            "network": network, "author": leaf.entry.author, "outcome": leaf.outcome,
            "words": { "ja": said.ja, "en": said.en },
        }));
        let (said, came_to) = at
            .ui
            .language
            .pick((said.ja, came_to.ja), (said.en, came_to.en));
        table.row([
            leaf.index.to_string(),
            moment(leaf.time, at.ui.language),
            network.map_or_else(|| "?".to_owned(), |network| network.to_string()),
            said,
            came_to,
        ]);
    }
    if end < replayed.size {
        let more = replayed.size - end;
        at.ui.note(
            format!("続きが {more} 件あります：--from {end}"),
            format!("{more} more follow: --from {end}"),
        );
    }
    let object =
        json!({ "from": from, "leaves": replayed.size, "root": replayed.root, "entries": entries });
    at.ui.result(&object, table);
    Ok(Exit::Done)
}
