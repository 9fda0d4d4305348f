//! Signing an agreement: read in words what it allows, then say yes.

use super::list::version_of;
use crate::commands::{At, text};
use crate::ui::{Exit, Failure};
use crate::{keys, ops};
use clap::Args;
use sekisho_domain::{AgreementId, Body};
use sekisho_ledger::agreement_digest;
use sekisho_ledger::unsigned::{Act, UNSIGNED_BYTES_MAX, Unsigned, to_text};
use sekisho_words::{Names, agreement as words};
use serde_json::json;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::commands) struct SignArgs {
    /// The agreement
    #[arg(value_name = "ID", required_unless_present = "file")]
    id: Option<AgreementId>,
    /// The version; else the last one proposed
    #[arg(long, value_name = "N", conflicts_with = "file")]
    version: Option<u32>,
    /// What is to be signed, as an officer's page gives it; needs no ledger, and prints the signed envelope
    #[arg(long, value_name = "FILE", conflicts_with = "id", requires = "key")]
    file: Option<PathBuf>,
    /// The governance key to sign the file with
    #[arg(long, value_name = "KEY", requires = "file")]
    key: Option<PathBuf>,
    /// Sign without being asked; needed where nobody can answer
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(args: &SignArgs, at: &At) -> Result<Exit, Failure> {
    let asked = !args.yes;
    let id = match (&args.id, &args.file, &args.key) {
        (Some(id), ..) => id,
        (None, Some(file), Some(key)) => return sign_file(file, key, asked, at),
        _ => {
            return Err(Failure::usage(
                "ID か --file が要ります",
                "name ID or --file",
            ));
        }
    };
    let session = at.session()?;
    let replayed = at.replayed(&session).await?;
    let view = replayed.view();
    let proposed = version_of(view, id, args.version)?;
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
        let object = json!({ "id": id, "version": version, "already": true, "index": index });
        at.ui.result(&object, at.ui.pick(&ja, &en));
        return Ok(Exit::Done);
    }
    if !agreement.parties.contains(&session.network) {
        let network = &session.network;
        return Err(Failure::new(
            Exit::Refused,
            format!("{network} は協定 {id} の当事者ではありません"),
            format!("{network} is not a party of agreement {id}"),
        ));
    }
    if asked {
        agreed(at)?;
    }
    // What is signed is what was shown: the digest is computed from it, not taken from the ledger.
    let digest = agreement_digest(agreement);
    let body = Body::AgreementSign {
        id: id.clone(),
        version,
        digest,
    };
    let done = ops::govern(&session, body).await?.accepted()?;
    let ja = format!("協定 {id} 第{version}版に署名しました");
    let en = format!("Agreement {id} version {version} is signed");
    let object = json!({ "id": id, "version": version, "digest": digest, "already": false });
    at.recorded(&done, &object, &ja, &en);
    Ok(Exit::Done)
}

/// Signs what an officer's page gave as a file, with a key that is nowhere near the ledger. The envelope goes back to that
/// page, which puts it in order.
fn sign_file(file: &Path, key: &Path, asked: bool, at: &At) -> Result<Exit, Failure> {
    let (content, _) = text::read(file)?;
    let name = file.display();
    let refused = |why: &dyn std::fmt::Display| {
        Failure::usage(
            format!("{name} は、監査担当の画面が出す署名用のファイルではありません：{why}"),
            format!("{name} is not a file to sign, as an officer's page gives it: {why}"),
        )
    };
    if content.len() > UNSIGNED_BYTES_MAX {
        return Err(refused(&format!(
            "{} B > {UNSIGNED_BYTES_MAX} B",
            content.len()
        )));
    }
    let unsigned: Unsigned = serde_json::from_str(&content).map_err(|e| refused(&e))?;
    let said = words(&unsigned.agreement, &Names::default());
    let propose = matches!(unsigned.act, Act::Propose);
    let act = match propose {
        true => ("提案して署名する", "propose, and sign"),
        false => ("署名する", "sign"),
    };
    at.ui.note(
        format!("{}：\n{}\n{}", act.0, said.ja, said.en),
        format!("{}:\n{}\n{}", act.1, said.en, said.ja),
    );
    if asked {
        agreed(at)?;
    }
    let key = keys::signing_at(key)?;
    let envelope = to_text(&unsigned.sign(&key, ops::request_id()?, ops::now()));
    at.ui.note(
        "次の文字列を、4分以内に監査担当の画面に貼り付けて送ってください",
        "paste this into the officer's page and send it within four minutes",
    );
    let object = json!({ "envelope": envelope, "key": key.key_id() });
    at.ui.result(&object, envelope);
    Ok(Exit::Done)
}

/// Whoever signs says so, having read it.
fn agreed(at: &At) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "端末ではないため確認できません。上の内容でよければ --yes を付けてください",
            "nobody can be asked here; if what is written above is what you want to sign, add --yes",
        ));
    }
    let question = at
        .ui
        .pick("この内容で署名しますか（yes/no）", "Sign this? (yes/no)");
    let _ = write!(std::io::stderr().lock(), "{question}: ");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match read.is_ok() && matches!(answer.trim(), "yes" | "y" | "はい") {
        true => Ok(()),
        false => Err(Failure::usage("署名しませんでした", "not signed")),
    }
}
