//! `sekisho demo`: five real networks, one ledger, one query.
//!
//! Five processes on loopback, each with node, broker and ledger voter; real mutual TLS, real replication, real
//! SS-MIX2 files of invented patients. Seven scenes, each checked as it is told.

mod facts;
mod people;
mod scenes;
mod stage;
mod story;

use crate::commands::serve::{interrupted, parent_ended};
use crate::ui::{Exit, Failure, Ui};
use serde_json::json;
use stage::Stage;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Instant;
use story::ToldScene;

/// What the demo was asked to do.
#[derive(Debug, Clone)]
pub struct DemoArgs {
    /// End after the last scene.
    pub once: bool,
    /// Where everything is written; none: a fresh folder that is removed at the end.
    pub dir: Option<PathBuf>,
    /// The invented patients follow from it.
    pub seed: u64,
    /// The first of ten ports; none: free ones.
    pub base_port: Option<u16>,
}

/// Runs the demo. With `once` it ends after the last scene, else when interrupted. A scene that did not end as it
/// should is told and makes the exit [`Exit::Unverified`].
///
/// # Errors
/// The stage cannot be set, or something the demo itself needs failed.
pub async fn run(ui: Ui, args: DemoArgs) -> Result<Exit, Failure> {
    let temporary = tempfile::Builder::new()
        .prefix("sekisho-demo-")
        .tempdir()
        .map_err(|e| {
            Failure::of(
                Exit::Usage,
                "一時フォルダーを作ることが",
                "create a temporary folder",
                &e,
            )
        })?;
    let dir = args
        .dir
        .clone()
        .unwrap_or_else(|| temporary.path().to_owned());
    ui.note(
        "五つの地域ネットワークを、この計算機の上で五つのプロセスとして動かします。患者はすべて架空です。",
        "Five regional networks as five processes on this machine. All patients are invented.",
    );
    let began = Instant::now();
    let stopped = || Failure::new(Exit::Unavailable, "中断されました", "interrupted");
    // Asked first, so that a signal is heard from here on.
    let mut stop = pin!(async {
        tokio::select! {
            _ = interrupted() => {}
            () = parent_ended() => {}
        }
    });
    let mut stage = tokio::select! {
        biased;
        _ = &mut stop => return Err(stopped()),
        stage = Stage::set(ui, &dir, args.seed, args.base_port) => stage?,
    };
    // Whatever happens, the processes are asked to end before this one does.
    let told = tokio::select! {
        told = scenes::play(ui, &mut stage) => told,
        _ = &mut stop => Err(stopped()),
    };
    let result = told.map(|told| conclude(ui, &told, began));
    if !args.once && matches!(result, Ok(Exit::Done)) {
        invite(ui, &stage);
        stop.await;
    }
    let ended = stage.strike().await;
    if let Some(dir) = &args.dir {
        ui.note(
            format!("記録は {} に残っています。", dir.display()),
            format!("Everything is kept in {}.", dir.display()),
        );
    }
    // What went wrong first is what is told; how the processes ended comes after it.
    match (result, ended) {
        (Ok(exit), ended) => ended.map(|()| exit),
        (Err(first), Ok(())) => Err(first),
        (Err(first), Err(then)) => {
            ui.note(then.words.ja, then.words.en);
            Err(first)
        }
    }
}

fn conclude(ui: Ui, told: &[ToldScene], began: Instant) -> Exit {
    let ok = told.len() == scenes::COUNT && told.iter().all(|scene| scene.ok);
    let seconds = began.elapsed().as_secs_f64();
    let wrong: Vec<_> = told
        .iter()
        .filter(|s| !s.ok)
        .map(|s| s.id.to_string())
        .collect();
    let words = if ok {
        ui.pick(
            "すべての場面が想定どおりに終わりました",
            "Every scene ended as it should",
        )
        .to_owned()
    } else {
        format!(
            "{}: {}",
            ui.pick("想定と違う場面", "Not as it should be"),
            wrong.join(", ")
        )
    };
    ui.result(
        &json!({ "ok": ok, "scenes": told }),
        format!("\n{words} ({seconds:.1} s)"),
    );
    if ok { Exit::Done } else { Exit::Unverified }
}

/// The commands to try while the demo runs.
fn invite(ui: Ui, stage: &Stage) {
    let Some(place) = stage.places.get("azaleanet") else {
        return;
    };
    let config = place.config.display();
    let patient = stage
        .sample
        .travellers()
        .nth(1)
        .and_then(|p| p.at.iter().find(|a| a.facility.as_str() == scenes::KURUME));
    let patient = patient.map_or_else(String::new, |at| format!("{}/{}", at.facility, at.local_id));
    let genesis = stage.genesis.display();
    // As this program was called, which need not be on the path.
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "sekisho".to_owned());
    let try_these = [
        (
            "台帳の様子",
            "where the ledger stands",
            format!("{program} ledger status --config {config}"),
        ),
        (
            "参加ネットワーク",
            "the members",
            format!("{program} network show --config {config}"),
        ),
        (
            "患者の文書を照会する",
            "ask for a patient's documents",
            format!(
                "{program} query --config {config} --patient {patient} --facility {} --practitioner dr-kurume --role physician --purpose TREAT",
                scenes::KURUME
            ),
        ),
        (
            "記録を読む",
            "read the ledger",
            format!("{program} ledger log --config {config}"),
        ),
        (
            "証拠を検証する",
            "verify a proof",
            format!(
                "{program} audit verify {} --genesis {genesis}",
                stage.dir.join(scenes::BUNDLE).display()
            ),
        ),
    ];
    ui.note(
        "\nブラウザーで開くページ（利用者名とパスワードは、サインインのページにあります）：",
        "\nPages to open in a browser (names and passwords are on the sign-in page):",
    );
    for place in stage.places.values() {
        let (name, name_en, portal) = (place.facts.name, place.facts.name_en, &place.portal);
        ui.note(
            format!("  {portal}  {name}"),
            format!("  {portal}  {name_en}"),
        );
    }
    ui.note(
        "\n五つのプロセスは動き続けています。別の端末でお試しください（Ctrl-C で終わります）：",
        "\nThe five processes keep running. Try these in another terminal (Ctrl-C ends):",
    );
    for (ja, en, command) in try_these {
        ui.note(
            format!("  # {ja}\n  {command}"),
            format!("  # {en}\n  {command}"),
        );
    }
}
