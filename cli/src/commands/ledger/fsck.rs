//! Checking the stopped replica's files.

use crate::commands::At;
use crate::commands::show::{Progress, Table};
use crate::genesis;
use crate::ui::{Exit, Failure};
use sekisho_replica::ReplicaError;
use sekisho_replica::offline::{Finding, FsckReport, fsck};
use serde_json::{Value, json};
use std::path::Path;

pub(super) fn run(scratch: Option<&Path>, at: &At) -> Result<Exit, Failure> {
    let config = at.config()?;
    let genesis = genesis::load(&config.genesis)?;
    let data = config.ledger_data();
    let scratch = match scratch {
        Some(parent) => tempfile::tempdir_in(parent),
        None => tempfile::tempdir(),
    }
    .map_err(|e| {
        Failure::of(
            Exit::Usage,
            "作業用の場所を作ることが",
            "make a scratch folder",
            &e,
        )
    })?;
    let mut progress = Progress::new(at.ui);
    // Damaged pages make the database library give up loudly; what that means is told as a finding.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let checked = fsck(&data, &genesis, scratch.path(), &mut |done, of| {
        progress.tell(|| {
            (
                format!("検査しています：{done} / {of} 件"),
                format!("checking: {done} of {of} leaves"),
            )
        });
    });
    std::panic::set_hook(hook);
    progress.end();
    let report = checked.map_err(|e| failure(&data, &e))?;
    at.ui.result(&object(&report), text(&report, at));
    Ok(if report.is_sound() {
        Exit::Done
    } else {
        Exit::Unverified
    })
}

/// Why nothing could be checked or read.
pub(super) fn failure(data: &Path, error: &ReplicaError) -> Failure {
    let name = data.display();
    match error {
        ReplicaError::InUse(_) => Failure::new(
            Exit::Unavailable,
            format!(
                "{name} はレプリカが使用中です。`sekisho serve` を停止してから実行してください"
            ),
            format!("a replica is running on {name}; stop `sekisho serve` first"),
        ),
        other => Failure::of(
            Exit::Usage,
            &format!("{name} を調べることが"),
            &format!("look into {name}"),
            other,
        ),
    }
}

fn number(n: Option<u64>) -> String {
    n.map_or_else(|| "-".to_owned(), |n| n.to_string())
}

fn text(report: &FsckReport, at: &At) -> String {
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut lines = Table::new(["", ""]);
    let mut line = |ja, en, value: String| lines.row([pick(ja, en).to_owned(), value]);
    let store = report.store.as_ref();
    let none = || "-".to_owned();
    line(
        "台帳",
        "ledger",
        store.map_or_else(none, |(ledger, _)| ledger.to_string()),
    );
    line(
        "レプリカ",
        "replica",
        store.map_or_else(none, |(_, replica)| replica.to_string()),
    );
    line("記録の数", "leaves", report.leaves.to_string());
    line(
        "ルート",
        "root",
        report.root.map_or_else(none, |root| root.to_string()),
    );
    line(
        "適用し直した記録",
        "applied again",
        report.replayed.to_string(),
    );
    line(
        "公開済みの検証点",
        "published checkpoint",
        number(report.published),
    );
    line("比べたファイル", "files compared", report.files.to_string());
    line("比べた状態の行", "rows compared", report.rows.to_string());
    let lines = lines.to_string();
    if report.is_sound() {
        let sound = pick("✓ 異常はありません。", "✓ Nothing is wrong.");
        return format!("{}\n{sound}\n", lines.trim_start());
    }
    let mut findings = Table::new([
        pick("場所", "place"),
        pick("束", "bundle"),
        pick("バイト", "byte"),
        pick("異常", "what is wrong"),
    ]);
    for finding in &report.findings {
        findings.row([
            finding.place.clone(),
            number(finding.bundle),
            number(finding.offset),
            what(finding, at),
        ]);
    }
    let count = report.findings.len() as u64 + report.more;
    let head = at.ui.language.pick(
        format!("✗ 異常が {count} 件あります。"),
        format!("✗ {count} things are wrong."),
    );
    format!("{}\n{head}\n{findings}", lines.trim_start())
}

fn what(finding: &Finding, at: &At) -> String {
    let what = at.ui.pick(finding.kind.ja(), finding.kind.en());
    if finding.detail.is_empty() {
        what.to_owned()
    } else {
        format!("{what} ({})", finding.detail)
    }
}

fn object(report: &FsckReport) -> Value {
    let findings: Vec<_> = report
        .findings
        .iter()
        .map(|f| {
            json!({
                "kind": f.kind.code(), "place": f.place, "bundle": f.bundle, "offset": f.offset, "detail": f.detail,
                "words": { "ja": f.kind.ja(), "en": f.kind.en() },
            })
        })
        .collect();
    json!({
        "sound": report.is_sound(),
        "ledger": report.store.as_ref().map(|(ledger, _)| ledger), "replica": report.store.as_ref().map(|(_, r)| r),
        "leaves": report.leaves, "root": report.root, "replayed": report.replayed, "published": report.published,
        "files": report.files, "rows": report.rows, "findings": findings, "more": report.more,
    })
}
