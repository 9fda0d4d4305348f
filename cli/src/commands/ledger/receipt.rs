//! Getting a receipt of an entry.

use super::verify::{graded, words};
use crate::commands::{At, private};
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::{Args, ValueEnum};
use sekisho_domain::{EntryIndex, RequestId};
use sekisho_ledger::note::{NOTE_BYTES_MAX, Note};
use sekisho_ledger::tlog::Witnesses;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::str::FromStr;

#[derive(Debug, Args)]
pub(in crate::commands) struct ReceiptArgs {
    /// The entry: its ledger index, or the request id it was sent with
    #[arg(value_name = "INDEX|REQUEST-ID")]
    entry: EntryArg,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How much it must prove
    #[arg(long, value_name = "GRADE", value_enum, default_value_t = Wait::Sealed)]
    wait: Wait,
    /// Prove it under this checkpoint, for example one that witnesses have cosigned, instead of the newest
    #[arg(long, value_name = "FILE", conflicts_with = "wait")]
    checkpoint: Option<PathBuf>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wait {
    /// A replica's signed word / レプリカ一台の署名
    Committed,
    /// A proof under a checkpoint that a majority cosigned / 過半数が連署した検証点への包含証明
    Sealed,
}

/// Which entry.
#[derive(Debug, Clone, PartialEq, Eq)]
enum EntryArg {
    Index(EntryIndex),
    Request(RequestId),
}

/// Why a text names no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entry is a ledger index like 57, or a request id of 32 hexadecimal digits")]
struct NoEntry;

impl FromStr for EntryArg {
    type Err = NoEntry;
    fn from_str(text: &str) -> Result<Self, NoEntry> {
        // No index has as many digits as a request id.
        if text.len() == 2 * RequestId::LEN {
            return text.parse().map(Self::Request).map_err(|_| NoEntry);
        }
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let index = digits.then(|| text.parse().ok()).flatten();
        index.map(|n| Self::Index(EntryIndex(n))).ok_or(NoEntry)
    }
}

pub(super) async fn run(args: &ReceiptArgs, at: &At) -> Result<Exit, Failure> {
    private::check_absent(&args.out)?;
    let session = at.session()?;
    let (index, leaf) = match &args.entry {
        EntryArg::Index(index) => (*index, ops::leaf(&session, *index).await?),
        EntryArg::Request(id) => ops::leaf_of(&session, id).await?,
    };
    let receipt = match (&args.checkpoint, args.wait) {
        (None, Wait::Committed) => ops::committed(&session, index, leaf).await?,
        (None, Wait::Sealed) => {
            let (note, _) = ops::checkpoint(&session, index.0.saturating_add(1)).await?;
            ops::sealed(&session, index, leaf, &note).await?
        }
        (Some(file), _) => ops::sealed(&session, index, leaf, &read_note(file)?).await?,
    };
    // Nothing is handed on that its holder could not check.
    let verified = receipt
        .verify(&session.genesis, &Witnesses::default())
        .map_err(|fault| {
            let said = words(&fault);
            Failure::new(
                Exit::Unverified,
                format!("届いた証明が成り立ちません：{}", said.ja),
                format!("the proof that came does not hold: {}", said.en),
            )
        })?;
    let text = receipt.to_string();
    private::write(&args.out, text.as_bytes())?;
    let (grade, name) = (graded(verified.grade()), args.out.display());
    let ja = format!(
        "台帳 {index} 番の記録証（{}）を {name} に書きました。`sekisho ledger verify-receipt {name} --genesis genesis.json` で検証できます",
        grade.ja
    );
    let en = format!(
        "Wrote the {} receipt of index {index} to {name}; check it with `sekisho ledger verify-receipt {name} --genesis genesis.json`",
        grade.en
    );
    let object = json!({
        "index": index, "grade": verified.grade().code(), "out": args.out, "bytes": text.len(),
        "size": verified.checkpoint().map(|c| c.size()),
    });
    at.ui.result(&object, at.ui.pick(&ja, &en));
    Ok(Exit::Done)
}

fn read_note(file: &Path) -> Result<String, Failure> {
    let name = file.display();
    let failed = |e: &(dyn std::error::Error + 'static)| {
        Failure::of(
            Exit::Usage,
            &format!("検証点 {name} を読むことが"),
            &format!("read the checkpoint {name}"),
            e,
        )
    };
    let bytes = super::verify::read_bounded(file, NOTE_BYTES_MAX).map_err(|e| failed(&e))?;
    let note = Note::parse(&bytes).map_err(|e| failed(&e))?;
    Ok(note.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_an_index_or_a_request_id() {
        let id = "00112233445566778899aabbccddeeff";
        assert_eq!("57".parse(), Ok(EntryArg::Index(EntryIndex(57))));
        assert_eq!(
            id.parse(),
            id.parse().map(EntryArg::Request).map_err(|_| NoEntry)
        );
        let digits = "11112222333344445555666677778888";
        assert!(matches!(digits.parse(), Ok(EntryArg::Request(_))));
        let wrong = [
            "",
            "-1",
            "+1",
            "x",
            "99999999999999999999",
            "00g12233445566778899aabbccddeeff",
        ];
        for text in wrong {
            assert_eq!(text.parse::<EntryArg>(), Err(NoEntry), "{text}");
        }
    }
}
