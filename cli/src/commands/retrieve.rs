//! `sekisho retrieve`: one document of another network, decoded for people or byte for byte.

use super::args::{Asking, grounds_of};
use super::query::of_network;
use super::show::footing;
use super::{At, private};
use crate::ops::{self, Retrieved};
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_domain::{Footing, Language, NetworkId, NetworkOutcome};
use sekisho_ingest::render;
use sekisho_proto::v1;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct RetrieveArgs {
    /// The network whose document it is
    #[arg(long, value_name = "ID")]
    network: NetworkId,
    /// The document's unique id, as `query` prints it
    #[arg(long, value_name = "UNIQUE-ID")]
    document: String,
    #[command(flatten)]
    asking: Asking,
    /// Write it to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The bytes as the hospital stored them, not the readable form
    #[arg(long)]
    raw: bool,
}

pub(super) async fn run(args: RetrieveArgs, at: &At) -> Result<Exit, Failure> {
    if args.raw && at.ui.json && args.out.is_none() {
        return Err(Failure::usage(
            "--raw と --json を併用するときは --out FILE が必要です",
            "--raw with --json needs --out FILE: standard output holds one JSON object",
        ));
    }
    if let Some(out) = &args.out {
        private::check_absent(out)?;
    }
    let (purpose, grounds) = args.asking.purpose()?;
    let session = at.session()?;
    let request = v1::RetrieveRequest {
        patient: Some(args.asking.patient.message()),
        practitioner: args.asking.practitioner,
        role: args.asking.role.number().into(),
        facility: args.asking.facility.to_string(),
        purpose: purpose.number().into(),
        network: args.network.to_string(),
        unique_id: args.document,
        // The node chooses one.
        request_id: Vec::new(),
        grounds: grounds_of!(grounds, retrieve_request),
    };
    let retrieved = ops::retrieve(&session, request).await?;
    let Some(header) = &retrieved.header else {
        return Ok(nothing(&args.network, &retrieved, at));
    };
    let readable = render(&retrieved.content);
    let text = readable.text(match at.ui.language {
        Language::Ja => sekisho_ingest::Language::Ja,
        Language::En => sekisho_ingest::Language::En,
    });
    let shown = if args.raw {
        retrieved.content.as_slice()
    } else {
        text.as_bytes()
    };
    let mut object = ended(&args.network, &retrieved);
    object["document"] = of_network(&args.network, header);
    let index = retrieved.index;
    if let Some(out) = &args.out {
        private::write(out, shown)?;
        object["out"] = json!(out);
        let (name, bytes) = (out.display(), shown.len());
        let ja = format!("{name} に {bytes} バイトを書きました（台帳 {index} 番）");
        let en = format!("Wrote {bytes} bytes to {name} (ledger index {index})");
        at.ui.result(&object, at.ui.pick(&ja, &en));
        return Ok(Exit::Done);
    }
    let marked = footing(retrieved.footing.unwrap_or(Footing::Consent));
    at.ui.note(
        format!("{}台帳 {index} 番で許可されました。", marked.ja),
        format!("{}Permitted at ledger index {index}.", marked.en),
    );
    if args.raw {
        // Nobody is left to tell when standard output is closed.
        let _ = std::io::stdout().lock().write_all(shown);
    } else {
        object["readable"] = json!(readable);
        at.ui.result(&object, text);
    }
    Ok(Exit::Done)
}

fn ended(network: &NetworkId, retrieved: &Retrieved) -> Value {
    let outcome = &retrieved.outcome;
    json!({
        "index": retrieved.index, "network": network, "outcome": outcome.code(), "detail": outcome,
        "footing": retrieved.footing,
        "words": { "ja": outcome.ja(), "en": outcome.en() },
    })
}

/// No document came: says why. Where asking again is useless it is a refusal; else it is not to be had now.
fn nothing(network: &NetworkId, retrieved: &Retrieved, at: &At) -> Exit {
    let (index, outcome) = (retrieved.index, &retrieved.outcome);
    let (ja, en) = match outcome {
        NetworkOutcome::Answered { .. } => (
            "この患者の、閲覧できる該当文書はありません".to_owned(),
            "has no such document of this patient that may be seen".to_owned(),
        ),
        other => (other.ja(), other.en()),
    };
    let ja = format!("{network}：{ja}（台帳 {index} 番）");
    let en = format!("{network}: {en} (ledger index {index})");
    at.ui
        .result(&ended(network, retrieved), at.ui.pick(&ja, &en));
    match outcome {
        NetworkOutcome::Denied { .. }
        | NetworkOutcome::Answered { .. }
        | NetworkOutcome::PatientUnknown => Exit::Refused,
        _ => Exit::Unavailable,
    }
}
