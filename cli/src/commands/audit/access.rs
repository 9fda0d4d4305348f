//! One access, as derived from the ledger's leaves.

use crate::commands::At;
use crate::ops;
use crate::ui::{Exit, Failure};
use sekisho_domain::EntryIndex;
use sekisho_words::{asked, decided, went};
use serde_json::json;

pub(super) async fn show(index: EntryIndex, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let replayed = at.replayed(&session).await?;
    let view = replayed.view();
    let access = view
        .access(index)
        .map_err(|e| ops::unreadable(&e))?
        .ok_or_else(|| {
            let size = replayed.size;
            Failure::usage(
                format!("台帳 {index} 番は照会ではありません（台帳には {size} 件あります）"),
                format!("ledger index {index} is not an access request ({size} leaves are there)"),
            )
        })?;
    let transfers = view.transfers(index).map_err(|e| ops::unreadable(&e))?;
    let (asked, decided, went) = (
        asked(&access, None, at.ui.language),
        decided(&access),
        went(&transfers),
    );
    let ja = format!("{}{}{}", asked.ja, decided.ja, went.ja);
    let en = format!("{}{}{}", asked.en, decided.en, went.en);
    let object = json!({ "access": access, "transfers": transfers, "leaves": replayed.size, "root": replayed.root });
    at.ui.result(&object, at.ui.pick(&ja, &en));
    Ok(Exit::Done)
}
