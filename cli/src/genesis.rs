//! The founding file, as people exchange it: JSON with the ledger id it founds, for comparing by telephone.

use crate::ui::{Exit, Failure};
use sekisho_domain::{Genesis, LedgerId};
use sekisho_ledger::{check_genesis, ledger_id};
use serde::{Deserialize, Serialize};
use std::path::Path;

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
    let text = std::fs::read_to_string(path).map_err(|e| doing(&e))?;
    let file: GenesisFile = serde_json::from_str(&text).map_err(|e| doing(&e))?;
    if let Some(fault) = check_genesis(&file.genesis).into_iter().next() {
        return Err(doing(&fault));
    }
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
    Ok(file.genesis)
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
