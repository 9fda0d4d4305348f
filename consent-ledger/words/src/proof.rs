//! What a verified proof bundle proves, in sentences.

use crate::{Words, asked, decided, moment};
use sekisho_domain::{EntryIndex, Language, TimeMs};
use sekisho_ledger::bundle::{DOCUMENT, EVIDENCE, PRACTITIONER, Verified, VerifiedTransfer};

/// What was shown of a leaf's commitment, as text.
pub fn shown(verified: &Verified, index: EntryIndex, label: &str) -> Option<String> {
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
pub fn pairs(verified: &Verified) -> Vec<(&VerifiedTransfer, Option<&VerifiedTransfer>)> {
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
pub fn alone(verified: &Verified) -> Vec<EntryIndex> {
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

/// What it proves, some lines: the access, the decision, the documents that went over, the ledger.
pub fn proof(verified: &Verified, language: Language) -> String {
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
