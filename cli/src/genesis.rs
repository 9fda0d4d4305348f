//! The founding file, as people exchange it: JSON with the ledger id it founds, for comparing by telephone.

use crate::ui::{Exit, Failure};
use sekisho_domain::{Genesis, LedgerId};
use sekisho_ledger::{check_genesis, ledger_id};
use serde::{Deserialize, Serialize};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The largest founding file: hundreds of networks with several replicas each stay far below.
const GENESIS_BYTES_MAX: u64 = 4 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GenesisFile {
    /// Computed from `genesis`; a file in which the two differ was altered.
    ledger: LedgerId,
    genesis: Genesis,
}

/// Reads and checks a founding file.
///
/// # Errors
/// It cannot be read, is not a founding file, or contradicts itself.
pub fn load(path: &Path) -> Result<Genesis, Failure> {
    let doing = |e: &(dyn std::error::Error + 'static)| {
        let name = path.display();
        Failure::of(
            Exit::Usage,
            &format!("創設ファイル {name} を読むことが"),
            &format!("read the genesis file {name}"),
            e,
        )
    };
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(GENESIS_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|e| match e.kind() {
            ErrorKind::NotFound => absent(path),
            _ => doing(&e),
        })?;
    if text.len() as u64 > GENESIS_BYTES_MAX {
        let name = path.display();
        return Err(Failure::usage(
            format!("{name} は {GENESIS_BYTES_MAX} バイトを超えており、創設ファイルではありません"),
            format!("{name} is over {GENESIS_BYTES_MAX} bytes and no genesis file"),
        ));
    }
    let file: GenesisFile = serde_json::from_str(&text).map_err(|e| doing(&e))?;
    // Before its content is looked at: whatever was altered, the id tells.
    let founded = ledger_id(&file.genesis);
    if founded != file.ledger {
        let name = path.display();
        return Err(Failure::new(
            Exit::Unverified,
            format!(
                "創設ファイル {name} は台帳 {} を名乗っていますが、内容は {founded} を創設します。改変されています",
                file.ledger
            ),
            format!(
                "the genesis file {name} names ledger {}, but its content founds {founded}: it was altered",
                file.ledger
            ),
        ));
    }
    match check_genesis(&file.genesis).into_iter().next() {
        Some(fault) => Err(doing(&fault)),
        None => Ok(file.genesis),
    }
}

fn absent(path: &Path) -> Failure {
    let name = path.display();
    Failure::usage(
        format!(
            "創設ファイル {name} がありません。`sekisho network found` が作ったファイルをここに置いてください"
        ),
        format!(
            "there is no genesis file {name}; put the file there that `sekisho network found` wrote"
        ),
    )
}

/// Writes a founding file.
///
/// # Errors
/// It cannot be written, or the genesis has faults.
pub fn save(path: &Path, genesis: &Genesis) -> Result<LedgerId, Failure> {
    let faults = check_genesis(genesis);
    if !faults.is_empty() {
        let all: Vec<_> = faults.iter().map(ToString::to_string).collect();
        let all = all.join("\n");
        return Err(Failure::usage(
            format!("台帳を創設できません：\n{all}"),
            format!("this founds no ledger:\n{all}"),
        ));
    }
    let ledger = ledger_id(genesis);
    let failed = |e: &(dyn std::error::Error + 'static)| {
        let name = path.display();
        Failure::of(
            Exit::Usage,
            &format!("{name} を書くことが"),
            &format!("write {name}"),
            e,
        )
    };
    let file = GenesisFile {
        ledger,
        genesis: genesis.clone(),
    };
    let text = serde_json::to_string_pretty(&file).map_err(|e| failed(&e))?;
    std::fs::write(path, text + "\n").map_err(|e| failed(&e))?;
    Ok(ledger)
}
