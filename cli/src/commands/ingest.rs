//! `sekisho ingest`: the running node reads its storages again.

use super::At;
use super::show::{Progress, Table};
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_ingest::Report;
use sekisho_node::IngestReport;
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct IngestArgs {
    /// Read every file again into a new index, which then takes the old one's place; the node answers meanwhile
    #[arg(long)]
    rebuild: bool,
}

impl IngestArgs {
    /// To read every file again.
    pub(super) fn anew() -> Self {
        Self { rebuild: true }
    }
}

pub(super) async fn run(args: &IngestArgs, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let mut progress = Progress::new(at.ui);
    let report = ops::ingest(&session, args.rebuild, |p| {
        let (source, seen, held) = (&p.source, p.files_seen, p.files_quarantined);
        let rate = seen.saturating_mul(1000) / p.elapsed_ms.max(1);
        progress.tell(|| {
            (
                format!("{source}：{seen} ファイル（毎秒 {rate}）、隔離 {held}"),
                format!("{source}: {seen} files ({rate}/s), {held} quarantined"),
            )
        });
    })
    .await?;
    progress.end();
    let malformed = |e: serde_json::Error| {
        Failure::of(Exit::Unverified, "応答を読むことが", "read the answer", &e)
    };
    let report: IngestReport = serde_json::from_str(&report).map_err(malformed)?;
    let mut text = text(&report.sources, at);
    if let Some(files) = report.resumed {
        let ja = format!(
            "\n途中で止まっていた作り直しの続きです。{files} ファイルは前に読んでありました。"
        );
        let en = format!(
            "\nThis went on from where a building was cut off: {files} files had been read before."
        );
        text.push_str(at.ui.pick(&ja, &en));
    }
    at.ui.result(&json!(report), text);
    Ok(Exit::Done)
}

fn text(reports: &[Report], at: &At) -> String {
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut table = Table::new([
        pick("ストレージ", "source"),
        pick("施設", "facility"),
        pick("患者", "patients"),
        pick("ファイル", "files"),
        pick("新規・変更", "new or changed"),
        pick("変更なし", "unchanged"),
        pick("文書", "documents"),
        pick("隔離", "quarantined"),
        pick("ミリ秒", "ms"),
    ]);
    let mut reasons = String::new();
    for report in reports {
        table.row([
            report.source_id.to_string(),
            report.facility.to_string(),
            report.patients.to_string(),
            report.files.to_string(),
            report.changed.to_string(),
            report.unchanged.to_string(),
            report.documents().to_string(),
            report.quarantined_total().to_string(),
            report.duration_ms.to_string(),
        ]);
        for (reason, count) in &report.quarantined {
            reasons.push_str(&format!(
                "  {}: {count} × {}\n",
                report.source_id,
                pick(reason.ja(), reason.en())
            ));
        }
    }
    if reasons.is_empty() {
        return table.to_string();
    }
    format!(
        "{table}\n{}\n{reasons}",
        pick(
            "回答に使わないもの（隔離）：",
            "Kept from answers (quarantined):"
        )
    )
}
