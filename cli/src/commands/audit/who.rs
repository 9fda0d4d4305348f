//! Who could have seen a document of a kind, of a patient, at a moment.

use super::moment::Moment;
use crate::commands::At;
use crate::commands::args::codes_of;
use crate::commands::show::Progress;
use crate::ops::{self, Until};
use crate::ui::{Exit, Failure, Words};
use clap::Args;
use sekisho_domain::{
    Category, DisasterId, FacilityId, FacilityKind, NetworkId, PractitionerId, Purpose, Role,
    SubjectRef, Withheld,
};
use sekisho_ledger::history::{Asked, HistoryError, KeptOut, Seen, Sight, who_could_see};
use sekisho_words::{Names, listed, names_of};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Facilities a line names; beyond, how many more there are. All of them stand in `--json`.
const FACILITIES_SHOWN: usize = 6;

#[derive(Debug, Args)]
pub(in crate::commands) struct WhoArgs {
    /// The patient, as `subject show` prints it
    #[arg(long, value_name = "NETWORK:PSEUDONYM")]
    subject: SubjectRef,
    /// The kind of information
    #[arg(long, value_name = "CATEGORY", value_parser = codes_of!(Category))]
    document_category: Category,
    /// When: a day (its end) or a time in Japan
    #[arg(long, value_name = "YYYY-MM-DD[THH:MM]")]
    on: Moment,
}

pub(super) fn unanswered<E: std::error::Error + 'static>(error: &HistoryError<E>) -> Failure {
    match error {
        HistoryError::Core(error) => ops::unreadable(error),
        HistoryError::TooMany { what, max } => Failure::new(
            Exit::Unavailable,
            format!("対象が多すぎて調べられません（{what}、上限 {max}）"),
            format!("there are more than {max} {what}, which is more than is looked at"),
        ),
    }
}

pub(super) async fn run(args: &WhoArgs, at: &At) -> Result<Exit, Failure> {
    let time = args.on.instant()?;
    let session = at.session()?;
    let then = at.past(&session, Until::Time(time), |_, _| Ok(())).await?;
    let mut progress = Progress::new(at.ui);
    let view = then.view();
    let seen = who_could_see(
        view,
        &args.subject,
        args.document_category,
        time,
        &mut |done, of| {
            progress.tell(|| {
                (
                    format!("施設を調べています：{done} / {of}"),
                    format!("looking at facilities: {done} of {of}"),
                )
            });
        },
    )
    .map_err(|e| unanswered(&e))?;
    progress.end();
    let names = Names::of(view).map_err(|e| ops::unreadable(&e))?;
    let category = args.document_category;
    let when = sekisho_words::moment(time, at.ui.language);
    let mut words = Words::new(
        format!(
            "患者 {} の「{}」を {when} に閲覧できた者（台帳の先頭から {} 件をすべて検証して導いたもの）\n",
            args.subject,
            category.ja(),
            then.size
        ),
        format!(
            "Who could see \"{}\" of patient {} on {when} (derived from the first {} leaves, each verified)\n",
            category.en(),
            args.subject,
            then.size
        ),
    );
    told(&seen, &names, &mut words);
    let object = json!({
        "subject": args.subject, "category": category, "time_ms": time, "leaves": then.size, "root": then.root,
        "sights": seen.sights, "kept_out": seen.kept_out, "decisions": seen.decisions,
    });
    at.ui
        .result(&object, at.ui.language.pick(words.ja, words.en));
    Ok(Exit::Done)
}

fn told(seen: &Seen, names: &Names, words: &mut Words) {
    let of = |disclosing: &SubjectRef| disclosing.network.clone();
    let sights = seen.sights.iter().map(|s| of(&s.disclosing));
    let kept = seen.kept_out.iter().map(|k| of(&k.disclosing));
    let networks: BTreeSet<NetworkId> = sights.chain(kept).collect();
    if networks.is_empty() {
        words.ja.push_str("\n閲覧できた者はいません。\n");
        words.en.push_str("\nNobody could.\n");
    }
    for network in networks {
        let name = names.name(&network);
        words.ja.push_str(&format!("\n■ {name} の文書\n"));
        words.en.push_str(&format!("\nDocuments of {name}\n"));
        for sight in seen.sights.iter().filter(|s| of(&s.disclosing) == network) {
            add(words, &seen_by(sight, names));
        }
        for kept in seen
            .kept_out
            .iter()
            .filter(|k| of(&k.disclosing) == network)
        {
            add(words, &kept_out(kept, names));
        }
    }
    words.ja.push_str(&format!(
        "\n{} 通りの照会を規則にかけて確かめました。封をした留保は台帳に内容がないため、含まれていません（開示側のノードが守ります）。",
        seen.decisions
    ));
    words.en.push_str(&format!(
        "\n{} requests were put to the rules. Sealed reservations are not looked at: only the disclosing node knows what they say.",
        seen.decisions
    ));
}

fn add(words: &mut Words, more: &Words) {
    words.ja.push_str(&more.ja);
    words.en.push_str(&more.en);
}

/// Who: facilities, professions and purposes, in one line.
fn who(
    viewing: &NetworkId,
    facilities: &BTreeMap<FacilityId, FacilityKind>,
    asked: &[Asked],
    practitioner: Option<PractitionerId>,
    names: &Names,
) -> Words {
    let shown = facilities.iter().take(FACILITIES_SHOWN);
    let mut places = listed(shown.map(|(id, kind)| {
        Words::new(
            format!("{id}（{}）", kind.ja()),
            format!("{id} ({})", kind.en()),
        )
    }));
    if let Some(more) = facilities
        .len()
        .checked_sub(FACILITIES_SHOWN)
        .filter(|n| *n > 0)
    {
        places.ja.push_str(&format!(" ほか {more} 施設"));
        places.en.push_str(&format!(" and {more} more"));
    }
    let asked = listed(asked.iter().map(|a| {
        let (roles, purposes) = (names_of!(Role, &a.roles), names_of!(Purpose, &a.purposes));
        Words::new(
            format!("職種 {}／目的 {}", roles.ja, purposes.ja),
            format!("professions {} for {}", roles.en, purposes.en),
        )
    }));
    let only = practitioner.map(|id| {
        Words::new(
            format!("（閲覧者 {id} に限る）"),
            format!(" (only practitioner {id})"),
        )
    });
    let only = only.unwrap_or_else(|| Words::new("", ""));
    let name = names.name(viewing);
    Words::new(
        format!("{name}：{}。{}{}", places.ja, asked.ja, only.ja),
        format!("{name}: {}; {}{}", places.en, asked.en, only.en),
    )
}

fn under(disaster: Option<DisasterId>) -> Words {
    match disaster {
        Some(id) => Words::new(format!("（宣言 {id} 番）"), format!(" (declaration {id})")),
        None => Words::new("", ""),
    }
}

fn seen_by(sight: &Sight, names: &Names) -> Words {
    let who = who(
        &sight.viewing.network,
        &sight.facilities,
        &sight.asked,
        sight.practitioner,
        names,
    );
    let (marked, under) = (sekisho_words::footing(sight.footing), under(sight.disaster));
    let bases = listed(sight.bases.iter().map(sekisho_words::basis));
    let mut words = Words::new(
        format!(
            "  ○ {}{}{}\n     根拠：{}\n",
            marked.ja, who.ja, under.ja, bases.ja
        ),
        format!(
            "  + {}{}{}\n     on: {}\n",
            marked.en, who.en, under.en, bases.en
        ),
    );
    if !sight.withheld.is_empty() {
        let held = listed(sight.withheld.iter().map(withheld));
        words.ja.push_str(&format!(
            "     ただし留保により見られないもの：{}\n",
            held.ja
        ));
        words
            .en
            .push_str(&format!("     held back by reservations: {}\n", held.en));
    }
    words
}

fn withheld(of: &Withheld) -> Words {
    match &of.facilities {
        Some(set) => {
            let ids: Vec<_> = set.iter().map(ToString::to_string).collect();
            let ids = ids.join(", ");
            Words::new(format!("施設 {ids} の文書"), format!("documents of {ids}"))
        }
        None => Words::new("すべての施設の文書", "documents of all facilities"),
    }
}

fn kept_out(kept: &KeptOut, names: &Names) -> Words {
    let who = who(
        &kept.viewing.network,
        &kept.facilities,
        &kept.asked,
        kept.practitioner,
        names,
    );
    let under = under(kept.disaster);
    let ids: Vec<_> = kept.reservations.iter().map(ToString::to_string).collect();
    let ids = ids.join(", ");
    Words::new(
        format!(
            "  × 留保により閲覧できなかった：{}{}\n     留保：台帳 {ids} 番\n",
            who.ja, under.ja
        ),
        format!(
            "  x kept out by reservation: {}{}\n     reservations at index {ids}\n",
            who.en, under.en
        ),
    )
}
