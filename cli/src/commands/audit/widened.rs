//! Whose consent a change of the membership widened: the patients of this network who must be told.

use super::who::unanswered;
use crate::commands::At;
use crate::commands::show::Progress;
use crate::ops::{self, Until};
use crate::ui::{Exit, Failure, Words};
use clap::Args;
use sekisho_domain::{Category, EntryIndex, Language, NetworkId, Outcome, TimeMs};
use sekisho_ledger::history::{Change, Gain, Supposed, Widened, change_of, widened};
use sekisho_ledger::store::MemoryState;
use sekisho_ledger::{Leaf, Strict, View, apply_batch};
use sekisho_proto::v1;
use sekisho_words::{Names, entry, moment, names_of};
use serde_json::json;

/// Patients a change names as text; all of them stand in `--json`.
const PATIENTS_SHOWN: usize = 20;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").args(["index", "since"]).required(true))]
pub(in crate::commands) struct WidenedArgs {
    /// The ledger index of the change
    #[arg(value_name = "INDEX")]
    index: Option<u64>,
    /// Every change from this index on
    #[arg(long, value_name = "INDEX")]
    since: Option<u64>,
}

impl WidenedArgs {
    fn asks_about(&self, index: EntryIndex) -> bool {
        self.index == Some(index.0) || self.since.is_some_and(|since| since <= index.0)
    }
}

/// A change and what it did.
struct Found {
    index: EntryIndex,
    time: TimeMs,
    said: Words,
    change: Change,
    patients: Vec<Widened>,
}

pub(super) async fn run(args: &WidenedArgs, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let (mut all, mut seen) = (Vec::new(), None);
    let mut progress = Progress::new(at.ui);
    // Shared by the two that tell progress; never both at once.
    let telling = std::cell::RefCell::new(&mut progress);
    let now = ops::past(
        &session,
        Until::Now,
        |before, leaf| {
            if !args.asks_about(leaf.index) {
                return Ok(());
            }
            let heard = |patients: u64| {
                telling.borrow_mut().tell(|| {
                    (
                        format!("{} 番について患者を調べています：{patients} 人", leaf.index),
                        format!("index {}: looking at patients: {patients}", leaf.index),
                    )
                });
            };
            seen = Some(leaf.index);
            all.extend(compared(before, leaf, &session.network, heard)?);
            Ok(())
        },
        |leaves| {
            telling.borrow_mut().tell(|| {
                (
                    format!("台帳の記録を検証しています：{leaves} 件"),
                    format!("checking the ledger: {leaves} leaves"),
                )
            });
        },
    )
    .await?;
    progress.end();
    if let (Some(index), None) = (args.index, seen) {
        let size = now.size;
        return Err(Failure::usage(
            format!("台帳に {index} 番はありません（{size} 件あります）"),
            format!("there is no leaf {index}; the ledger has {size}"),
        ));
    }
    if let (Some(index), true) = (args.index, all.is_empty()) {
        return Err(Failure::usage(
            format!(
                "台帳 {index} 番は、同意の及ぶ範囲を広げうる変更（施設の加入、加入の掲示、協定の発効、ポリシーの公表など）ではありません"
            ),
            format!(
                "index {index} is no change that could widen a consent (a facility or network joining, a notice, an agreement signed by its last party, a policy)"
            ),
        ));
    }
    let names = Names::of(now.view()).map_err(|e| ops::unreadable(&e))?;
    let patients: usize = all.iter().map(|f| f.patients.len()).sum();
    let objects: Vec<_> = all
        .iter()
        .map(|f| {
            json!({
                "index": f.index, "time_ms": f.time, "change": f.change, "subjects": f.patients,
                "words": { "ja": f.said.ja, "en": f.said.en },
            })
        })
        .collect();
    let object = json!({
        "network": session.network, "changes": objects, "widened": patients, "leaves": now.size, "root": now.root,
    });
    let (wide, idle): (Vec<_>, Vec<_>) = all.iter().partition(|f| !f.patients.is_empty());
    let mut text: String = wide
        .iter()
        .map(|f| told(f, &names, at.ui.language))
        .collect();
    let idle = idle.len();
    text.push_str(&at.ui.language.pick(
        format!("ほかに {idle} 件の変更は、誰の同意の及ぶ範囲も広げていません。\n"),
        format!("{idle} other change(s) widened nobody's consent.\n"),
    ));
    at.ui.result(&object, text);
    Ok(Exit::Done)
}

/// What one leaf changed, by putting it into effect over the state before it; none where it is no such change.
fn compared(
    before: &MemoryState,
    leaf: &Leaf,
    own: &NetworkId,
    mut heard: impl FnMut(u64),
) -> Result<Option<Found>, Failure> {
    if leaf.outcome != Outcome::Accepted {
        return Ok(None);
    }
    let view = View(before);
    let author = view
        .key(&leaf.entry.author)
        .map_err(|e| ops::unreadable(&e))?;
    let Some(author) = author.map(|key| key.value.network) else {
        return Ok(None);
    };
    let body = &leaf.entry.body;
    let change = change_of(view, &author, body, leaf.time).map_err(|e| ops::unreadable(&e))?;
    let Some(change) = change else {
        return Ok(None);
    };
    let mut after = Supposed::over(before);
    let batch = v1::Batch {
        time_ms: leaf.time.0,
        envelopes: vec![leaf.envelope.clone()],
    };
    apply_batch(&mut after, &batch, &Strict).map_err(|e| ops::unreadable(&e))?;
    let mut patients = Vec::new();
    widened(
        view,
        View(&after),
        &change,
        own,
        &mut |one| patients.push(one),
        &mut |done, _| heard(done),
    )
    .map_err(|e| unanswered(&e))?;
    Ok(Some(Found {
        index: leaf.index,
        time: leaf.time,
        said: entry(body),
        change,
        patients,
    }))
}

fn told(found: &Found, names: &Names, language: Language) -> String {
    let (index, when, count) = (
        found.index,
        moment(found.time, language),
        found.patients.len(),
    );
    let from = found
        .change
        .from()
        .filter(|from| *from > found.time)
        .map(|from| moment(from, language));
    let from = from.map_or_else(String::new, |from| {
        language.pick(format!("、{from} から"), format!(", from {from} on"))
    });
    let mut text = language.pick(
        format!(
            "■ 台帳 {index} 番（{when}）{}{from}：{count} 人の同意の及ぶ範囲が広がります\n",
            found.said.ja
        ),
        format!(
            "Ledger index {index} ({when}): {}{from}: the consents of {count} patient(s) reach more\n",
            found.said.en
        ),
    );
    for patient in found.patients.iter().take(PATIENTS_SHOWN) {
        for gain in &patient.gains {
            let said = gained(gain, names);
            let said = language.pick(said.ja, said.en);
            text.push_str(&format!("  {}  {said}\n", patient.subject));
        }
    }
    if let Some(more) = count.checked_sub(PATIENTS_SHOWN).filter(|n| *n > 0) {
        text.push_str(&language.pick(
            format!("  ほか {more} 人（すべては --json で）\n"),
            format!("  and {more} more (all of them with --json)\n"),
        ));
    }
    if count > 0 {
        text.push_str(language.pick(
            "  この患者たちに知らせる必要があります。\n",
            "  These patients must be told.\n",
        ));
    }
    text
}

fn gained(gain: &Gain, names: &Names) -> Words {
    let (disclosing, viewing) = (names.name(&gain.disclosing), names.name(&gain.viewing));
    let categories = names_of!(Category, &gain.categories);
    let consents: Vec<_> = gain.consents.iter().map(ToString::to_string).collect();
    let consents = consents.join(", ");
    Words::new(
        format!(
            "{viewing} が {disclosing} の文書を新たに閲覧できる（種類：{}。同意：台帳 {consents} 番）",
            categories.ja
        ),
        format!(
            "{viewing} may newly see documents of {disclosing} (categories: {}; consents at index {consents})",
            categories.en
        ),
    )
}
