//! (g) the access is proved offline; one flipped byte is noticed.

use super::{BUNDLE, Failure, Memory, Scene, Stage, ToldScene, Ui, ops};
use crate::ui::Exit;
use sekisho_ledger::bundle::verify;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// How long release and receipt may take to reach the ledger.
const RECORDED: Duration = Duration::from_secs(15);

pub(super) async fn offline(ui: Ui, stage: &Stage, memory: &Memory) -> Result<ToldScene, Failure> {
    let mut scene = Scene::begin(
        ui,
        'g',
        "監査担当者が、どのサーバーにも頼らずに証拠を検証する",
        "An officer verifies the proof alone",
    );
    let session = &stage.place("azaleanet")?.session;
    let Some(access) = memory.retrieved_at else {
        scene.check(
            false,
            "検証する閲覧がありません",
            "there is no access to verify",
        );
        return Ok(scene.end());
    };
    let genesis = crate::genesis::load(&stage.genesis)?;
    let until = Instant::now() + RECORDED;
    let bytes = loop {
        let bytes = ops::bundle(session, access).await?;
        let both = verify(&bytes, &genesis).is_ok_and(|verified| verified.transfers.len() == 2);
        if both || Instant::now() > until {
            break bytes;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let path = stage.dir.join(BUNDLE);
    let failed = |e| Failure::of(Exit::Usage, "証拠を書き出すことが", "write the proof", &e);
    std::fs::write(&path, &bytes).map_err(failed)?;
    scene.at(access);
    scene.tell(
        format!(
            "場面 (b) の閲覧（台帳 {access} 番）の証拠を {} バイトのファイルにしました。",
            bytes.len()
        ),
        format!(
            "The proof of the access of scene (b), index {access}, is a file of {} bytes.",
            bytes.len()
        ),
    );
    let (code, words) = audit(ui, &path, &stage.genesis).await?;
    scene.tell(
        "通信なしで `sekisho audit verify` を実行します：",
        "Runs `sekisho audit verify`, without any connection:",
    );
    scene.show(&words);
    scene.check(
        code == Some(0),
        "検証に成功するはずです",
        "it should verify",
    );

    let mut forged = bytes;
    let middle = forged.len() / 2;
    if let Some(byte) = forged.get_mut(middle) {
        *byte ^= 1;
    }
    let forged_path = stage.dir.join(format!("forged-{BUNDLE}"));
    std::fs::write(&forged_path, &forged).map_err(failed)?;
    let (code, words) = audit(ui, &forged_path, &stage.genesis).await?;
    scene.tell(
        format!("{middle} バイト目の 1 ビットを反転させると："),
        format!("With one bit of byte {middle} flipped:"),
    );
    scene.show(&words);
    scene.check(
        code == Some(4),
        "改変が見つかるはずです（終了コード 4）",
        "the change should be noticed (exit code 4)",
    );
    Ok(scene.end())
}

/// Runs the verifier as an officer would: another process, given two files.
async fn audit(ui: Ui, bundle: &Path, genesis: &Path) -> Result<(Option<i32>, String), Failure> {
    let failed = |e| Failure::of(Exit::Usage, "検証を実行することが", "run the verifier", &e);
    let language = ui.pick("ja", "en");
    let output = Command::new(std::env::current_exe().map_err(failed)?)
        .args(["--lang", language, "audit", "verify"])
        .arg(bundle)
        .arg("--genesis")
        .arg(genesis)
        .output()
        .await
        .map_err(failed)?;
    let words = [output.stdout, output.stderr].concat();
    Ok((
        output.status.code(),
        String::from_utf8_lossy(&words).trim().to_owned(),
    ))
}
