//! Exports of the ledger, and what is made of them.

use super::fsck::failure;
use crate::commands::At;
use crate::commands::serve::replica_config;
use crate::commands::show::Progress;
use crate::genesis;
use crate::ops;
use crate::ui::{Exit, Failure};
use sekisho_domain::{Genesis, ReplicaId};
use sekisho_replica::offline::{self, ArchiveError, Export};
use serde_json::json;
use std::path::Path;

/// The founding file in an export, so that it says whose it is. Whoever checks it takes one they trust.
const GENESIS: &str = "genesis.json";

pub(super) fn broken(error: &ArchiveError) -> Failure {
    match error {
        ArchiveError::Replica(error) => Failure::of(
            Exit::Unverified,
            "台帳の写しを使うことが",
            "use the export",
            error,
        ),
        ArchiveError::NoCheckpoint(folder) => {
            let name = folder.display();
            Failure::new(
                Exit::Unverified,
                format!(
                    "{name} に検証点がありません。書き出しが終わっていないか、書き出しではありません"
                ),
                format!(
                    "{name} holds no checkpoint: it is no export, or one that did not come to its end"
                ),
            )
        }
        other => Failure::new(
            Exit::Unverified,
            format!("台帳の写しを検証できません：{other}"),
            format!("the export does not verify: {other}"),
        ),
    }
}

fn done(out: &Path, size: u64, genesis: &Genesis, at: &At) -> Result<Exit, Failure> {
    genesis::save(&out.join(GENESIS), genesis)?;
    let name = out.display();
    let ja = format!(
        "記録 {size} 件を {name} に書き出しました。`sekisho ledger import {name} --check-only` で検証できます"
    );
    let en = format!(
        "Wrote {size} leaves to {name}; check them with `sekisho ledger import {name} --check-only`"
    );
    at.ui
        .result(&json!({ "out": out, "leaves": size }), at.ui.pick(&ja, &en));
    Ok(Exit::Done)
}

/// Tells how many of how many leaves are done.
pub(super) fn telling<'a>(
    progress: &'a mut Progress,
    ja: &'a str,
    en: &'a str,
) -> impl FnMut(u64, u64) + use<'a> {
    move |done, of| {
        progress.tell(|| {
            (
                format!("{ja}：{done} / {of} 件"),
                format!("{en}: {done} of {of} leaves"),
            )
        });
    }
}

pub(super) async fn export(out: &Path, at: &At) -> Result<Exit, Failure> {
    let (size, genesis) = exported(out, at).await?;
    done(out, size, &genesis, at)
}

async fn exported(out: &Path, at: &At) -> Result<(u64, Genesis), Failure> {
    let session = at.session()?;
    let (note, checkpoint) = ops::checkpoint(&session, 0).await?;
    let mut export = Export::begin(out, note, checkpoint).map_err(|e| broken(&e))?;
    let (from, wanted) = (export.size(), export.wanted());
    let mut progress = Progress::new(at.ui);
    ops::leaves(&session, from, wanted, |index, leaf| {
        progress.tell(|| {
            (
                format!("書き出しています：{index} / {wanted} 件"),
                format!("exporting: {index} of {wanted} leaves"),
            )
        });
        export.push(&leaf).map_err(|e| broken(&e))
    })
    .await?;
    progress.end();
    export.finish().map_err(|e| broken(&e))?;
    Ok((wanted, session.genesis))
}

pub(super) fn export_stopped(out: &Path, at: &At) -> Result<Exit, Failure> {
    let (size, genesis) = exported_stopped(out, at)?;
    done(out, size, &genesis, at)
}

fn exported_stopped(out: &Path, at: &At) -> Result<(u64, Genesis), Failure> {
    let config = at.config()?;
    let genesis = genesis::load(&config.genesis)?;
    let data = config.ledger_data();
    let mut progress = Progress::new(at.ui);
    let mut tell = telling(&mut progress, "書き出しています", "exporting");
    let exported = offline::export_stopped(&data, &genesis, out, &mut tell);
    let size = exported.map_err(|e| match e {
        ArchiveError::Replica(e) => failure(&data, &e),
        other => broken(&other),
    })?;
    drop(tell);
    progress.end();
    Ok((size, genesis))
}

/// An export that is read back and checked from its first byte to its last.
pub(super) async fn backup(out: &Path, stopped: bool, at: &At) -> Result<Exit, Failure> {
    let (_, genesis) = match stopped {
        true => exported_stopped(out, at)?,
        false => exported(out, at).await?,
    };
    genesis::save(&out.join(GENESIS), &genesis)?;
    let mut progress = Progress::new(at.ui);
    let mut tell = telling(&mut progress, "検証しています", "checking");
    let archive = offline::verify_archive(out, &genesis, &mut tell).map_err(|e| broken(&e))?;
    drop(tell);
    progress.end();
    let checkpoint = &archive.checkpoint().checkpoint;
    let (size, root, name) = (checkpoint.size(), checkpoint.root(), out.display());
    let ja = format!("✓ {size} 件を {name} に控え、読み戻して検証しました。ルート {root}");
    let en = format!("✓ {size} leaves are kept in {name}, read back and checked; root {root}");
    let object = json!({ "out": out, "leaves": size, "root": root, "verified": true });
    at.ui.result(&object, at.ui.pick(&ja, &en));
    Ok(Exit::Done)
}

/// Into a new replica's store, never back into an old one's.
pub(super) fn restore(
    from: &Path,
    replica: Option<ReplicaId>,
    check_only: bool,
    at: &At,
) -> Result<Exit, Failure> {
    if check_only {
        return import(from, true, at);
    }
    let config = at.config()?;
    let genesis = genesis::load(&config.genesis)?;
    let replica = super::join::place(&config, replica)?.ok_or_else(|| {
        Failure::usage(
            "どのレプリカの控えから戻すかが決まっていません。先に `sekisho ledger join` で席を設けるか、--replica で指定してください",
            "which new replica is to be filled is not known; get it a place with `sekisho ledger join`, or name it with --replica",
        )
    })?;
    let mut progress = Progress::new(at.ui);
    let mut tell = telling(&mut progress, "検証しています", "checking");
    let archive = offline::verify_archive(from, &genesis, &mut tell).map_err(|e| broken(&e))?;
    drop(tell);
    let mut tell = telling(&mut progress, "戻しています", "restoring");
    let filled = super::join::store_of(&config, replica);
    let restored = offline::restore(&archive, &filled, &genesis, &mut tell);
    let restored = restored.map_err(|e| match e {
        ArchiveError::Replica(e) => failure(&config.ledger_data(), &e),
        other => broken(&other),
    })?;
    drop(tell);
    progress.end();
    let (size, root) = (restored.size, restored.root);
    let ja = format!(
        "✓ 新しいレプリカ {replica} に {size} 件を戻しました。`sekisho ledger join` を実行すると、その後の記録を取り寄せて始められます"
    );
    let en = format!(
        "✓ {size} leaves are in the store of the new replica {replica}; `sekisho ledger join` fetches what came after them"
    );
    let object =
        json!({ "replica": replica, "leaves": size, "root": root, "resumed": restored.resumed });
    at.ui.result(&object, at.ui.pick(&ja, &en));
    Ok(Exit::Done)
}

pub(super) fn import(from: &Path, check_only: bool, at: &At) -> Result<Exit, Failure> {
    let config = at.config()?;
    let genesis = genesis::load(&config.genesis)?;
    let mut progress = Progress::new(at.ui);
    let mut tell = telling(&mut progress, "検証しています", "checking");
    let archive = offline::verify_archive(from, &genesis, &mut tell).map_err(|e| broken(&e))?;
    drop(tell);
    progress.end();
    let checkpoint = &archive.checkpoint().checkpoint;
    let (size, root) = (checkpoint.size(), checkpoint.root());
    if check_only {
        let ja = format!("✓ {size} 件の記録は、過半数が連署した検証点に合います。ルート {root}");
        let en = format!(
            "✓ The {size} leaves are those of a checkpoint a majority cosigned; root {root}"
        );
        let object = json!({ "verified": true, "leaves": size, "root": root, "imported": false });
        at.ui.result(&object, at.ui.pick(&ja, &en));
        return Ok(Exit::Done);
    }
    let Some(of) = &config.replica else {
        return Err(Failure::usage(
            "設定ファイルに [replica] がありません。どのレプリカに取り込むかを書いてください",
            "the configuration has no [replica]; say which replica to fill",
        ));
    };
    let mut tell = telling(&mut progress, "取り込んでいます", "importing");
    let imported = offline::import(&archive, &replica_config(&config, of), &genesis, &mut tell);
    let imported = imported.map_err(|e| match e {
        ArchiveError::Replica(e) => failure(&config.ledger_data(), &e),
        other => broken(&other),
    })?;
    drop(tell);
    progress.end();
    let resumed = imported.resumed;
    let ja = format!("✓ {size} 件を取り込みました。`sekisho serve` でこのレプリカを始められます");
    let en = format!("✓ {size} leaves imported; start this replica with `sekisho serve`");
    let object = json!({ "verified": true, "leaves": size, "root": root, "imported": true, "resumed": resumed });
    at.ui.result(&object, at.ui.pick(&ja, &en));
    Ok(Exit::Done)
}
