//! `sekisho ingest`: the running node reads its storages again.

use super::At;
use super::show::{Progress, Table};
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_ingest::{Quirk, Report};
use sekisho_node::IngestReport;
use sekisho_proto::v1::IngestProgress;
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
        progress.tell(|| told(p));
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

/// How far a run is: files, how fast, how long it will take where the index knew the files before, and what is kept
/// from answers.
fn told(p: &IngestProgress) -> (String, String) {
    let (source, seen, held) = (&p.source, p.files_seen, p.files_quarantined);
    let rate = seen.saturating_mul(1000) / p.elapsed_ms.max(1);
    let left_s = p.files_left.checked_div(rate).filter(|_| p.files_left > 0);
    let (left_ja, left_en) = left_s.map_or_else(Default::default, |s| {
        let (minutes, seconds) = (s / 60, s % 60);
        (
            format!("、残り約 {minutes} 分 {seconds:02} 秒"),
            format!(", about {minutes} min {seconds:02} s left"),
        )
    });
    (
        format!("{source}：{seen} ファイル（毎秒 {rate}{left_ja}）、隔離 {held}"),
        format!("{source}: {seen} files ({rate}/s{left_en}), {held} quarantined"),
    )
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
    let (mut kinds, mut reasons, mut quirks) = (String::new(), String::new(), String::new());
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
        let source = &report.source_id;
        for (kind, counts) in &report.kinds {
            let (approved, deprecated, deleted) =
                (counts.approved, counts.deprecated, counts.deleted);
            kinds.push_str(&format!(
                "  {source}: {kind}  {} {approved}, {} {deprecated}, {} {deleted}\n",
                pick("有効", "in force"),
                pick("旧版", "superseded"),
                pick("削除", "deleted"),
            ));
        }
        for (reason, count) in &report.quarantined {
            let sentence = pick(reason.ja(), reason.en());
            reasons.push_str(&format!("  {source}: {count} × {sentence}\n"));
        }
        for (code, count) in &report.quirks {
            let quirk = Quirk::named(code);
            let sentence = quirk.map_or(code.as_str(), |quirk| pick(quirk.ja(), quirk.en()));
            quirks.push_str(&format!("  {source}: {count} × {sentence} ({code})\n"));
        }
    }
    let mut text = table.to_string();
    for (title, lines) in [
        (pick("データ種別ごと：", "By kind:"), kinds),
        (
            pick(
                "回答に使わないもの（隔離）：",
                "Kept from answers (quarantined):",
            ),
            reasons,
        ),
        (
            pick(
                "今回読んだファイルにあった仕様からの逸脱：",
                "Deviations from the specification in the files read now:",
            ),
            quirks,
        ),
    ] {
        if !lines.is_empty() {
            text.push_str(&format!("\n{title}\n{lines}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_how_long_where_the_files_were_known() {
        let mut p = IngestProgress {
            source: "a".to_owned(),
            files_seen: 5_000,
            files_quarantined: 3,
            elapsed_ms: 10_000,
            ..Default::default()
        };
        assert_eq!(told(&p).1, "a: 5000 files (500/s), 3 quarantined");
        p.files_left = 60_000;
        assert_eq!(
            told(&p).1,
            "a: 5000 files (500/s, about 2 min 00 s left), 3 quarantined"
        );
        assert!(told(&p).0.contains("残り約 2 分 00 秒"));
        // Before the first file there is no rate.
        (p.files_seen, p.elapsed_ms) = (0, 0);
        assert_eq!(told(&p).1, "a: 0 files (0/s), 3 quarantined");
    }
}
