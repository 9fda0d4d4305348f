//! The agreements on the ledger, as derived from its leaves.

use crate::commands::At;
use crate::commands::show::Table;
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_domain::AgreementId;
use sekisho_ledger::record::AgreementVersion;
use sekisho_ledger::store::StateRead;
use sekisho_ledger::{AGREEMENTS_OF_PAIR_MAX, NETWORKS_MAX, View};
use sekisho_words::{Names, agreement as words, standing};
use serde_json::json;

/// As many as a ledger's members can have between each two of them.
const AGREEMENTS_MAX: usize = NETWORKS_MAX * NETWORKS_MAX / 2 * AGREEMENTS_OF_PAIR_MAX;

#[derive(Debug, Args)]
pub(in crate::commands) struct ShowArgs {
    /// The agreement
    #[arg(value_name = "ID")]
    id: AgreementId,
    /// The version; else the last one proposed
    #[arg(long, value_name = "N")]
    version: Option<u32>,
}

/// A version of an agreement; the last one proposed unless told.
///
/// # Errors
/// There is none.
pub(super) fn version_of<S: StateRead>(
    view: View<'_, S>,
    id: &AgreementId,
    version: Option<u32>,
) -> Result<AgreementVersion, Failure> {
    let read = |e| ops::unreadable(&e);
    let head = view.agreement_head(id).map_err(read)?.ok_or_else(|| {
        Failure::usage(
            format!("協定 {id} は台帳にありません。`sekisho agreement list` で確かめてください"),
            format!("there is no agreement {id} on the ledger; see `sekisho agreement list`"),
        )
    })?;
    let (latest, version) = (head.value.latest, version.unwrap_or(head.value.latest));
    let found = view
        .agreement(id, version)
        .map_err(read)?
        .map(|record| record.value);
    found.ok_or_else(|| {
        Failure::usage(
            format!("協定 {id} に第{version}版はありません。最新は第{latest}版です"),
            format!("agreement {id} has no version {version}; the last one is {latest}"),
        )
    })
}

pub(super) async fn list(at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let replayed = at.replayed(&session).await?;
    let view = replayed.view();
    let names = Names::of(view).map_err(|e| ops::unreadable(&e))?;
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut table = Table::new([
        pick("協定", "agreement"),
        pick("版", "version"),
        pick("当事者", "parties"),
        pick("状態", "state"),
    ]);
    let mut objects = Vec::new();
    for (id, head) in view
        .agreements(AGREEMENTS_MAX)
        .map_err(|e| ops::unreadable(&e))?
    {
        let latest = version_of(view, &id, None)?;
        let state = standing(&head, &latest, &names);
        let parties: Vec<_> = latest
            .agreement
            .parties
            .iter()
            .map(|p| names.name(p))
            .collect();
        let said = at.ui.pick(&state.ja, &state.en).to_owned();
        table.row([
            id.to_string(),
            head.latest.to_string(),
            parties.join(", "),
            said,
        ]);
        objects.push(json!({
            "id": id, "latest": head.latest, "parties": latest.agreement.parties, "in_force": head.signed.last(),
            "signed": latest.signed, "suspended": head.suspended, "terminated": head.terminated, "state": { "ja": state.ja, "en": state.en },
        }));
    }
    let text = match table.is_empty() {
        true => pick(
            "台帳に協定はありません",
            "there is no agreement on the ledger",
        )
        .to_owned(),
        false => table.to_string(),
    };
    at.ui.result(&json!({ "agreements": objects }), text);
    Ok(Exit::Done)
}

pub(super) async fn show(args: &ShowArgs, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let replayed = at.replayed(&session).await?;
    let view = replayed.view();
    let names = Names::of(view).map_err(|e| ops::unreadable(&e))?;
    let version = version_of(view, &args.id, args.version)?;
    let head = view
        .agreement_head(&args.id)
        .map_err(|e| ops::unreadable(&e))?;
    let head = head.map(|record| record.value).unwrap_or_default();
    let said = words(&version.agreement, &names);
    let state = standing(&head, &version_of(view, &args.id, None)?, &names);
    let mut text = at.ui.language.pick(said.ja, said.en);
    for (party, index) in &version.signed {
        let party = names.name(party);
        text.push_str(&at.ui.language.pick(
            format!("  署名：{party}（台帳 {index} 番）\n"),
            format!("  Signed by {party} at ledger index {index}\n"),
        ));
    }
    text.push_str(&at.ui.language.pick(
        format!("  状態：{}", state.ja),
        format!("  State: {}", state.en),
    ));
    let object = json!({
        "agreement": version.agreement, "digest": version.digest, "signed": version.signed, "latest": head.latest,
        "in_force": head.signed.last(), "suspended": head.suspended, "terminated": head.terminated,
        "state": { "ja": state.ja, "en": state.en },
    });
    at.ui.result(&object, text);
    Ok(Exit::Done)
}
