//! `sekisho retrieve`: one document of another network, decoded for people or byte for byte.

use super::args::Asking;
use super::private::Unfinished;
use super::query::of_network;
use super::serve::interrupted;
use super::show::Progress;
use super::{At, private};
use crate::ops::{self, Coming, Retrieved, Session};
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_domain::{EntryIndex, Footing, Language, NetworkId, NetworkOutcome};
use sekisho_ingest::render_document;
use sekisho_proto::v1;
use sekisho_words::footing;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a document that is written to a file may take unless told otherwise: the longest deadline there is. Within
/// it a gibibyte comes over a line of 150 Mbit/s.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(60);

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
    let mut session = at.session()?;
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
        grounds: sekisho_node::grounds::to_retrieve(grounds),
    };
    if let (true, Some(out)) = (args.raw, &args.out) {
        session.timeout = at.timeout.unwrap_or(TRANSFER_TIMEOUT);
        return stored(&session, request, &args.network, out, at).await;
    }
    let retrieved = ops::retrieve(&session, request).await?;
    let Some(header) = &retrieved.header else {
        return Ok(nothing(&args.network, &retrieved, at));
    };
    let format = header.format_code.as_ref().map(|code| code.code.as_str());
    let readable = render_document(format.unwrap_or_default(), &retrieved.content);
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
        written(object, out, shown.len() as u64, index, at);
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

fn written(mut object: Value, out: &Path, bytes: u64, index: EntryIndex, at: &At) {
    object["out"] = json!(out);
    let name = out.display();
    let ja = format!("{name} に {bytes} バイトを書きました（台帳 {index} 番）");
    let en = format!("Wrote {bytes} bytes to {name} (ledger index {index})");
    at.ui.result(&object, at.ui.pick(&ja, &en));
}

/// Writes a document's bytes to a file as they come, however many. The file has its name only once all of it is there
/// and verified.
async fn stored(
    session: &Session,
    request: v1::RetrieveRequest,
    network: &NetworkId,
    out: &Path,
    at: &At,
) -> Result<Exit, Failure> {
    let mut file = Unfinished::new(out)?;
    let mut progress = Progress::new(at.ui);
    let (mut came, mut of) = (0_u64, 0_u64);
    let keep = |coming: Coming<'_>| {
        match coming {
            Coming::Header(entry) => of = entry.size_bytes,
            Coming::Piece(piece) => {
                file.write(piece)?;
                came = came.saturating_add(piece.len() as u64);
                progress.tell(|| {
                    (
                        format!("受信中：{of} バイト中 {came} バイト"),
                        format!("receiving: {came} of {of} bytes"),
                    )
                });
            }
        }
        Ok(())
    };
    let retrieved = tokio::select! {
        retrieved = ops::retrieve_into(session, request, keep) => retrieved,
        _ = interrupted() => Err(Failure::new(Exit::Unavailable, "中断されました", "interrupted")),
    };
    progress.end();
    // Whoever waited for it is told how far it came, and that nothing of it is kept.
    let stopped = |of: u64| {
        (of > 0).then(|| {
            let name = out.display();
            let ja =
                format!("{of} バイト中 {came} バイトで止まりました。{name} は作られていません");
            (
                ja,
                format!("it stopped after {came} of {of} bytes; {name} was not written"),
            )
        })
    };
    let retrieved = retrieved.map_err(|mut failure| {
        if let Some((ja, en)) = stopped(of) {
            failure.words.ja = format!("{}：{ja}", failure.words.ja);
            failure.words.en = format!("{}: {en}", failure.words.en);
        }
        failure
    })?;
    let Some(header) = &retrieved.header else {
        let exit = nothing(network, &retrieved, at);
        if let Some((ja, en)) = stopped(of) {
            at.ui.note(ja, en);
        }
        return Ok(exit);
    };
    file.finish()?;
    let mut object = ended(network, &retrieved);
    object["document"] = of_network(network, header);
    written(object, out, came, retrieved.index, at);
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
