//! Checking a proof bundle on a machine with no network, and saying in words what it proves.

use crate::commands::At;
use crate::genesis;
use crate::ui::{Exit, Failure, Words};
use clap::Args;
use sekisho_ledger::bundle::{self, BUNDLE_BYTES_MAX, DOCUMENT, PRACTITIONER, Verified};
use sekisho_words::fault as words;
use sekisho_words::{alone, pairs, proof, shown};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::commands) struct VerifyArgs {
    /// The proof bundle
    #[arg(value_name = "FILE")]
    bundle: PathBuf,
    /// The founding file of the ledger, got from somebody you trust
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
}

pub(super) fn run(args: &VerifyArgs, at: &At) -> Result<Exit, Failure> {
    let genesis = genesis::load(&args.genesis)?;
    let bytes = read(args)?;
    let name = args.bundle.display();
    let (said, code, place) = match bundle::verify(&bytes, &genesis) {
        Ok(verified) => {
            at.ui
                .result(&object(&verified), proof(&verified, at.ui.language));
            return Ok(Exit::Done);
        }
        Err(fault) => {
            let said = match bytes.is_empty() {
                true => Words::new("ファイルが空です", "the file is empty"),
                false => words(&fault),
            };
            (said, fault.code(), fault.at())
        }
    };
    if at.ui.json {
        let object = json!({ "verified": false, "fault": said.en, "code": code, "at": place, "words": { "ja": said.ja, "en": said.en } });
        at.ui.result(&object, "");
    }
    at.ui.note(
        format!(
            "{name} は証拠として成り立ちません。最初に成り立たない点：{}",
            said.ja
        ),
        format!(
            "{name} does not verify; the first thing that does not hold: {}",
            said.en
        ),
    );
    Ok(Exit::Unverified)
}

/// Not more than a verifier looks at, whatever lies there.
fn read(args: &VerifyArgs) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    let name = args.bundle.display();
    let failed = |e: std::io::Error| {
        Failure::of(
            Exit::Usage,
            &format!("証拠ファイル {name} を読むことが"),
            &format!("read the bundle {name}"),
            &e,
        )
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&args.bundle).map_err(failed)?;
    file.take(BUNDLE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

fn object(verified: &Verified) -> Value {
    let checkpoint = &verified.checkpoint;
    let cosigners: Vec<_> = checkpoint
        .cosigners()
        .iter()
        .map(|c| json!({ "name": c.name().to_string(), "time_s": c.time_s() }))
        .collect();
    let transfers: Vec<_> = pairs(verified)
        .into_iter()
        .map(|(release, receipt)| {
            json!({ "disclosing": release.transfer.disclosing, "release": release.index, "receipt": receipt.map(|r| r.index) })
        })
        .collect();
    let openings: Vec<_> = verified
        .openings
        .iter()
        .map(|(index, opening)| {
            let text = std::str::from_utf8(opening.value()).ok();
            json!({ "index": index, "label": opening.label(), "text": text, "hex": hex::encode(opening.value()) })
        })
        .collect();
    let index = verified.access.index;
    json!({
        "verified": true, "ledger": verified.ledger, "access": verified.access, "transfers": transfers,
        "receipts_alone": alone(verified), "openings": openings, "leaves": verified.leaves.len(),
        "practitioner": shown(verified, index, PRACTITIONER), "document": shown(verified, index, DOCUMENT),
        "checkpoint": { "size": checkpoint.size(), "root": checkpoint.root(), "cosigners": cosigners },
    })
}
