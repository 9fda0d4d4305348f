//! Checking a receipt on a machine with no network, and saying in words what it proves.

use super::recover;
use crate::commands::At;
use crate::genesis;
use crate::ui::{Exit, Failure, Words};
use clap::Args;
use sekisho_domain::{Genesis, Language, TimeMs};
use sekisho_ledger::ProofError;
use sekisho_ledger::note::{NoteKey, Verified};
use sekisho_ledger::recovery::{Fate, Statement};
use sekisho_ledger::tlog::{
    Grade, PROOF_FILE_BYTES_MAX, Receipt, ReceiptFault, VerifiedReceipt, Witnesses,
};
use sekisho_words::{entry, entry_kind, moment, outcome};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::commands) struct VerifyArgs {
    /// The receipt
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
    /// The founding file of the ledger, got from somebody you trust
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// An outside witness you trust, as its verifier key NAME+HASH+KEY (C2SP signed-note); may be repeated
    #[arg(long, value_name = "VKEY")]
    witness: Vec<NoteKey>,
    /// How many of these witnesses must have cosigned [default: 1]
    #[arg(long, value_name = "N", requires = "witness")]
    witnesses_needed: Option<usize>,
    /// The statement of a recovery: says whether it kept the entry, or whether this receipt proves that it was lost
    #[arg(long, value_name = "FILE")]
    recovery: Option<PathBuf>,
}

pub(super) fn run(args: &VerifyArgs, at: &At) -> Result<Exit, Failure> {
    let genesis = genesis::load(&args.genesis)?;
    let needed = args
        .witnesses_needed
        .unwrap_or_else(|| args.witness.len().min(1));
    let witnesses = Witnesses::new(args.witness.clone(), needed).map_err(|e| {
        Failure::usage(
            format!("--witness と --witnesses-needed の組み合わせが正しくありません：{e}"),
            format!("--witness and --witnesses-needed do not fit: {e}"),
        )
    })?;
    let name = args.receipt.display();
    let bytes = read_bounded(&args.receipt, PROOF_FILE_BYTES_MAX).map_err(|e| {
        Failure::of(
            Exit::Usage,
            &format!("記録証 {name} を読むことが"),
            &format!("read the receipt {name}"),
            &e,
        )
    })?;
    let recovery = args.recovery.as_deref().map(recover::load).transpose()?;
    if let Some(statement) = &recovery {
        statement.verify(&genesis).map_err(|e| {
            Failure::of(
                Exit::Unverified,
                "復旧の声明を検証",
                "verify the statement of the recovery",
                &e,
            )
        })?;
    }
    let said = match Receipt::parse(&bytes)
        .and_then(|receipt| check(&receipt, &genesis, &witnesses, recovery.as_ref()))
    {
        Ok(verified) => {
            let fate = recovery.as_ref().map(|r| r.fate(verified.leaf()));
            let mut shown = object(&verified);
            let mut told = text(&verified, at.ui.language);
            if let (Some(fate), Some(object)) = (fate, shown.as_object_mut()) {
                let words = fated(fate);
                object.insert("recovery".to_owned(), json!(words.2));
                told.push_str(at.ui.pick(words.0, words.1));
                told.push('\n');
            }
            at.ui.result(&shown, told);
            return Ok(Exit::Done);
        }
        Err(_) if bytes.is_empty() => Words::new("ファイルが空です", "the file is empty"),
        Err(fault) => words(&fault),
    };
    if at.ui.json {
        let object = json!({ "verified": false, "fault": said.en, "words": { "ja": said.ja, "en": said.en } });
        at.ui.result(&object, "");
    }
    at.ui.note(
        format!(
            "{name} は記録証として成り立ちません。最初に成り立たない点：{}",
            said.ja
        ),
        format!(
            "{name} does not verify; the first thing that does not hold: {}",
            said.en
        ),
    );
    Ok(Exit::Unverified)
}

/// By the founders' keys, or, for what came after a recovery, by those of its statement.
fn check(
    receipt: &Receipt,
    genesis: &Genesis,
    witnesses: &Witnesses,
    recovery: Option<&Statement>,
) -> Result<VerifiedReceipt, ReceiptFault> {
    let by_founders = receipt.verify(genesis, witnesses);
    let (Err(_), Some(statement)) = (&by_founders, recovery) else {
        return by_founders;
    };
    let Ok(voters) = statement.voters() else {
        return by_founders;
    };
    let by_statement = receipt.verify_by(statement.ledger(), &voters, witnesses);
    let later = |v: &VerifiedReceipt| statement.fate(v.leaf()) == Fate::Later;
    by_statement.ok().filter(later).map_or(by_founders, Ok)
}

/// What became of the entry, in Japanese, in English, and in JSON.
fn fated(fate: Fate) -> (&'static str, &'static str, &'static str) {
    match fate {
        Fate::Kept => (
            "この記録は、復旧後の台帳に引き継がれています。",
            "The recovery kept this entry.",
            "kept",
        ),
        Fate::Lost => (
            "✗ この記録は台帳にありましたが、復旧で失われました。この記録証が喪失の証拠です。",
            "✗ This entry was on the ledger and the recovery went on without it: this receipt proves the loss.",
            "lost",
        ),
        Fate::Later => (
            "この記録は、復旧より後のものです。",
            "This entry was put in order after the recovery.",
            "later",
        ),
    }
}

/// Not more than a verifier looks at, whatever lies there.
pub(super) fn read_bounded(path: &Path, max: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A grade's name.
pub(super) fn graded(grade: Grade) -> Words {
    match grade {
        Grade::Committed => Words::new("記録済み", "committed"),
        Grade::Sealed => Words::new("封印済み", "sealed"),
        Grade::Witnessed => Words::new("立会い済み", "witnessed"),
    }
}

/// What a grade rests on.
fn rests_on(grade: Grade) -> Words {
    match grade {
        Grade::Committed => Words::new(
            "レプリカ一台が、この記録を受け付けたと署名しています",
            "one replica signed that it is on the ledger",
        ),
        Grade::Sealed => Words::new(
            "過半数のレプリカが連署した検証点の木に、この記録が含まれています",
            "it is in the tree of a checkpoint that a majority of the replicas cosigned",
        ),
        Grade::Witnessed => Words::new(
            "過半数のレプリカと外部の立会人が連署した検証点の木に、この記録が含まれています",
            "it is in the tree of a checkpoint that a majority of the replicas and outside witnesses cosigned",
        ),
    }
}

/// A fault in both languages.
pub(super) fn words(fault: &ReceiptFault) -> Words {
    let ja = match fault {
        ReceiptFault::File(fault) => format!("記録証の形式ではありません（{fault}）"),
        ReceiptFault::Extra(what) => format!("この台帳の記録証ではありません（{what}）"),
        ReceiptFault::Leaf(fault) => format!("含まれている記録が読めません（{fault}）"),
        ReceiptFault::OtherIndex { said, leaf } => {
            format!("記録証は {said} 番のものですが、中の記録は {leaf} 番です")
        }
        ReceiptFault::OtherLedger { found, expected } => {
            format!("台帳 {found} のもので、創設ファイルの台帳 {expected} のものではありません")
        }
        ReceiptFault::StrangeKey(key) => {
            format!("受付に署名した鍵 {key} は、どのレプリカのものでもありません")
        }
        ReceiptFault::Acknowledgement(_) => "受付の署名が成り立ちません".to_owned(),
        ReceiptFault::Checkpoint(ProofError::QuorumShort {
            got,
            voters,
            needed,
        }) => {
            format!("検証点に連署したレプリカは {voters} 台のうち {got} 台で、{needed} 台必要です")
        }
        ReceiptFault::Checkpoint(fault) => format!("検証点が成り立ちません（{fault}）"),
        ReceiptFault::Inclusion(fault) => {
            format!("記録が検証点の木に含まれていません（{fault}）")
        }
        ReceiptFault::Witness(fault) => format!("立会人の連署が成り立ちません（{fault}）"),
        ReceiptFault::WitnessVotes(name) => {
            format!("{name} は立会人とされていますが、名前か鍵がレプリカのものです")
        }
    };
    Words::new(ja, fault.to_string())
}

fn cosigned(verified: &Verified, language: Language) -> String {
    let time = verified.time_s().map_or_else(String::new, |s| {
        format!(" ({})", moment(TimeMs(s.saturating_mul(1000)), language))
    });
    format!("  {}{time}\n", verified.name())
}

fn text(verified: &VerifiedReceipt, language: Language) -> String {
    let (leaf, grade) = (verified.leaf(), verified.grade());
    let (name, why) = (graded(grade), rests_on(grade));
    let (said, came_to) = (entry(&leaf.entry.body), outcome(&leaf.outcome));
    let time = moment(leaf.time, language);
    let index = leaf.index;
    let mut text = language.pick(
        format!(
            "✓ この記録証は成り立ちます：{}。{}。\n\n台帳 {index} 番（{time}）\n  {}\n  結果：{}\n  ハッシュ：{}\n",
            name.ja, why.ja, said.ja, came_to.ja, verified.leaf_hash()
        ),
        format!(
            "✓ This receipt holds: {}. {}.\n\nLedger index {index} ({time})\n  {}\n  outcome: {}\n  hash: {}\n",
            name.en, why.en, said.en, came_to.en, verified.leaf_hash()
        ),
    );
    if let Some(by) = verified.acknowledged_by() {
        text.push_str(&language.pick(
            format!("受け付けたレプリカ：{by}\n"),
            format!("acknowledged by {by}\n"),
        ));
    }
    if let Some(checkpoint) = verified.checkpoint() {
        let (size, root) = (checkpoint.size(), checkpoint.root());
        text.push_str(&language.pick(
            format!("検証点：記録 {size} 件、ルート {root}\n連署したレプリカ：\n"),
            format!("checkpoint: {size} leaves, root {root}\ncosigned by\n"),
        ));
        for cosigner in checkpoint.cosigners() {
            text.push_str(&cosigned(cosigner, language));
        }
    }
    if !verified.witnesses().is_empty() {
        text.push_str(language.pick("立会人：\n", "witnessed by\n"));
        for witness in verified.witnesses() {
            text.push_str(&cosigned(witness, language));
        }
    }
    text
}

fn object(verified: &VerifiedReceipt) -> Value {
    let people = |all: &[Verified]| -> Vec<Value> {
        all.iter()
            .map(|c| json!({ "name": c.name().to_string(), "time_s": c.time_s() }))
            .collect()
    };
    let leaf = verified.leaf();
    let checkpoint = verified.checkpoint().map(|checkpoint| {
        json!({
            "origin": checkpoint.origin(), "size": checkpoint.size(), "root": checkpoint.root(),
            "cosigners": people(checkpoint.cosigners()),
        })
    });
    json!({
        "verified": true, "grade": verified.grade().code(), "index": leaf.index, "time_ms": leaf.time,
        "kind": entry_kind(&leaf.entry.body), "request_id": leaf.entry.request_id, "outcome": leaf.outcome,
        "leaf_hash": verified.leaf_hash(), "acknowledged_by": verified.acknowledged_by().map(ToString::to_string),
        "checkpoint": checkpoint, "witnesses": people(verified.witnesses()),
    })
}
