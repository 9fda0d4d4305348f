//! A network's card: what the founders need to know of it, public keys only.

use crate::ui::{Exit, Failure};
use sekisho_domain::{NetworkId, PublicKey, ReplicaId};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The longest card looked at: a card is under 1 KiB, and anybody may send one.
const CARD_BYTES_MAX: u64 = 64 * 1024;

/// What a network hands to the founders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Card {
    /// Its id.
    pub network: NetworkId,
    /// The organisation's name.
    pub name: String,
    /// Which replica it will run.
    pub replica: ReplicaId,
    /// `host:port` where others reach it.
    pub endpoint: String,
    /// The public halves of its keys.
    pub keys: CardKeys,
}

/// The public halves of a network's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CardKeys {
    /// Signs agreements and certifies the others.
    pub governance: PublicKey,
    /// Signs requests, consents, releases and receipts.
    pub node: PublicKey,
    /// The key of the TLS certificate.
    pub transport: PublicKey,
    /// Cosigns checkpoints.
    pub checkpoint: PublicKey,
}

impl Card {
    /// Reads a card.
    ///
    /// # Errors
    /// It cannot be read or is none.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        let failed = |e: &(dyn std::error::Error + 'static)| {
            Failure::of(
                Exit::Usage,
                &format!("名刺ファイル {name} を読むことが"),
                &format!("read the card {name}"),
                e,
            )
        };
        let size = std::fs::metadata(path).map_err(|e| failed(&e))?.len();
        if size > CARD_BYTES_MAX {
            return Err(Failure::usage(
                format!("{name} は {size} バイトあり、名刺ファイルではありません"),
                format!("{name} has {size} bytes and is no card"),
            ));
        }
        let text = std::fs::read_to_string(path).map_err(|e| failed(&e))?;
        serde_json::from_str(&text).map_err(|e| failed(&e))
    }

    /// The card's text.
    ///
    /// # Errors
    /// Never: it holds strings and numbers only.
    pub fn text(&self) -> Result<String, Failure> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|e| {
                Failure::of(
                    Exit::Usage,
                    "名刺ファイルを書くことが",
                    "write the card",
                    &e,
                )
            })
    }
}
