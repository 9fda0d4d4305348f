//! Signing an agreement: read in words what it allows, then say yes.

use super::list::version_of;
use crate::commands::At;
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_domain::{AgreementId, Body};
use sekisho_ledger::agreement_digest;
use sekisho_words::{Names, agreement as words};
use serde_json::json;
use std::io::{BufRead, IsTerminal, Write};

#[derive(Debug, Args)]
pub(in crate::commands) struct SignArgs {
    /// The agreement
    #[arg(value_name = "ID")]
    id: AgreementId,
    /// The version; else the last one proposed
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// Sign without being asked; needed where nobody can answer
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(args: &SignArgs, at: &At) -> Result<Exit, Failure> {
    let asked = !args.yes;
    if asked && !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "端末ではないため確認できません。内容を `sekisho agreement show` で確かめたうえで --yes を付けてください",
            "nobody can be asked here; read it with `sekisho agreement show`, then sign with --yes",
        ));
    }
    let session = at.session()?;
    let replayed = at.replayed(&session).await?;
    let view = replayed.view();
    let proposed = version_of(view, &args.id, args.version)?;
    let agreement = &proposed.agreement;
    let version = agreement.version;
    // Both languages: whoever signs must have read it in theirs.
    let said = words(
        agreement,
        &Names::of(view).map_err(|e| ops::unreadable(&e))?,
    );
    at.ui.note(
        format!("{}\n{}", said.ja, said.en),
        format!("{}\n{}", said.en, said.ja),
    );
    if let Some(index) = proposed.signed.get(&session.network) {
        let ja = format!(
            "{} はすでに署名しています（台帳 {index} 番）",
            session.network
        );
        let en = format!(
            "{} has signed it already, at ledger index {index}",
            session.network
        );
        let object = json!({ "id": args.id, "version": version, "already": true, "index": index });
        at.ui.result(&object, at.ui.pick(&ja, &en));
        return Ok(Exit::Done);
    }
    if !agreement.parties.contains(&session.network) {
        let (network, id) = (&session.network, &args.id);
        return Err(Failure::new(
            Exit::Refused,
            format!("{network} は協定 {id} の当事者ではありません"),
            format!("{network} is not a party of agreement {id}"),
        ));
    }
    if asked && !agreed(at) {
        return Err(Failure::usage("署名しませんでした", "not signed"));
    }
    // What is signed is what was shown: the digest is computed from it, not taken from the ledger.
    let digest = agreement_digest(agreement);
    let body = Body::AgreementSign {
        id: args.id.clone(),
        version,
        digest,
    };
    let done = ops::govern(&session, body).await?.accepted()?;
    let ja = format!("協定 {} 第{version}版に署名しました", args.id);
    let en = format!("Agreement {} version {version} is signed", args.id);
    let object = json!({ "id": args.id, "version": version, "digest": digest, "already": false });
    at.recorded(&done, &object, &ja, &en);
    Ok(Exit::Done)
}

fn agreed(at: &At) -> bool {
    let question = at
        .ui
        .pick("この内容で署名しますか（yes/no）", "Sign this? (yes/no)");
    let _ = write!(std::io::stderr().lock(), "{question}: ");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "yes" | "y" | "はい")
}
