//! Checking a proof bundle on a machine with no network, and saying in words what it proves.

use super::access::{asked, decided};
use super::fault::words;
use crate::commands::At;
use crate::commands::show::moment;
use crate::genesis;
use crate::ui::{Exit, Failure, Words};
use clap::Args;
use sekisho_domain::{EntryIndex, Language, TimeMs};
use sekisho_ledger::bundle::{
    self, BUNDLE_BYTES_MAX, DOCUMENT, EVIDENCE, PRACTITIONER, Verified, VerifiedTransfer,
};
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
                .result(&object(&verified), text(&verified, at.ui.language));
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

/// What was shown of a leaf's commitment, as text.
fn shown(verified: &Verified, index: EntryIndex, label: &str) -> Option<String> {
    let opening = verified
        .openings
        .iter()
        .find(|(i, o)| *i == index && o.label() == label);
    opening.map(|(_, opening)| clean(opening.value()))
}

/// A value somebody else chose, fit to print: no control characters.
fn clean(value: &[u8]) -> String {
    String::from_utf8_lossy(value)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Each release with its receipt, where there is one.
fn pairs(verified: &Verified) -> Vec<(&VerifiedTransfer, Option<&VerifiedTransfer>)> {
    let receipt_of = |release: &VerifiedTransfer| {
        verified
            .transfers
            .iter()
            .find(|t| !t.release && t.transfer.document == release.transfer.document)
    };
    verified
        .transfers
        .iter()
        .filter(|t| t.release)
        .map(|release| (release, receipt_of(release)))
        .collect()
}

/// Receipts nobody's release stands behind.
fn alone(verified: &Verified) -> Vec<EntryIndex> {
    let released = |receipt: &VerifiedTransfer| {
        verified
            .transfers
            .iter()
            .any(|t| t.release && t.transfer.document == receipt.transfer.document)
    };
    verified
        .transfers
        .iter()
        .filter(|t| !t.release && !released(t))
        .map(|t| t.index)
        .collect()
}

fn text(verified: &Verified, language: Language) -> String {
    let access = &verified.access;
    let who = shown(verified, access.index, PRACTITIONER);
    let asked = asked(access, who.as_deref(), language);
    let decided = decided(access);
    let mut words = Words::new(
        format!(
            "✓ この証拠は成り立ちます。\n\n{}判断（規則をもう一度適用し、同じ結論になりました）：\n{}",
            asked.ja, decided.ja
        ),
        format!(
            "✓ This proof holds.\n\n{}Decided (the rules were applied again and lead to the same):\n{}",
            asked.en, decided.en
        ),
    );
    if let Some(document) = shown(verified, access.index, DOCUMENT) {
        words.ja.push_str(&format!("  文書：{document}\n"));
        words.en.push_str(&format!("  document: {document}\n"));
    }
    for (index, opening) in verified
        .openings
        .iter()
        .filter(|(_, o)| o.label() == EVIDENCE)
    {
        let note = clean(opening.value());
        if note.is_empty() {
            continue;
        }
        words
            .ja
            .push_str(&format!("  同意・撤回の証拠（台帳 {index} 番）：{note}\n"));
        words.en.push_str(&format!(
            "  evidence of the consent or withdrawal at index {index}: {note}\n"
        ));
    }
    went(verified, &mut words);
    let checkpoint = &verified.checkpoint;
    let cosigners: Vec<_> = checkpoint
        .cosigners()
        .iter()
        .map(|c| c.name().to_string())
        .collect();
    let (size, leaves, cosigners) = (
        checkpoint.size(),
        verified.leaves.len(),
        cosigners.join(", "),
    );
    let (ledger, root) = (verified.ledger, checkpoint.root());
    let newest = checkpoint
        .cosigners()
        .iter()
        .filter_map(|c| c.time_s())
        .max();
    let newest = newest
        .map(|s| moment(TimeMs(s.saturating_mul(1000)), language))
        .unwrap_or_default();
    words.ja.push_str(&format!(
        "台帳：{ledger}\n検証点：記録 {size} 件、ルート {root}\n  連署：{cosigners}（{newest}）\n\
         この証拠に含まれる記録 {leaves} 件それぞれについて、署名、台帳への包含、結果を検証しました。\n"
    ));
    words.en.push_str(&format!(
        "Ledger: {ledger}\nCheckpoint: {size} leaves, root {root}\n  cosigned by {cosigners} ({newest})\n\
         Of each of the {leaves} leaves in this proof, signature, inclusion and outcome were verified.\n"
    ));
    language.pick(words.ja, words.en)
}

fn went(verified: &Verified, words: &mut Words) {
    if verified.transfers.is_empty() {
        words
            .ja
            .push_str("文書の受け渡し：この証拠にはありません\n");
        words
            .en
            .push_str("Documents that went over: none in this proof\n");
        return;
    }
    words.ja.push_str("文書の受け渡し：\n");
    words.en.push_str("Documents that went over:\n");
    for (release, receipt) in pairs(verified) {
        let (index, from) = (release.index, &release.transfer.disclosing);
        match receipt {
            Some(receipt) => {
                let to = receipt.index;
                words.ja.push_str(&format!(
                    "  {from} が開示（台帳 {index} 番）、受領（{to} 番）。内容は一致します\n"
                ));
                words.en.push_str(&format!("  released by {from} (index {index}), received (index {to}): the same content\n"));
            }
            None => {
                words.ja.push_str(&format!(
                    "  {from} が開示（台帳 {index} 番）、受領の記録はありません\n"
                ));
                words.en.push_str(&format!(
                    "  released by {from} (index {index}), without a receipt in this proof\n"
                ));
            }
        }
    }
    for index in alone(verified) {
        words.ja.push_str(&format!(
            "  受領（台帳 {index} 番）に対応する開示の記録はありません\n"
        ));
        words.en.push_str(&format!(
            "  received (index {index}), without a release in this proof\n"
        ));
    }
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
