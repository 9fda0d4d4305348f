//! `sekisho query`: one question to many networks, one list of documents, one honest outcome for each.

use super::At;
use super::args::{Asking, category_set, codes_of, instant};
use super::show::Table;
use crate::ops::{self, Found, FoundEnd};
use crate::ui::{Exit, Failure, Ui};
use clap::Args;
use sekisho_domain::{Category, Language, NetworkId, NetworkOutcome, TimeMs};
use sekisho_proto::v1;
use sekisho_words::{Day, decision, moment};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    #[command(flatten)]
    asking: Asking,
    /// Ask only this network; once for each. Else every member
    #[arg(long, value_name = "ID")]
    network: Vec<NetworkId>,
    /// Only this kind of information; once for each. Else all that may be seen
    #[arg(long, value_name = "CATEGORY", value_parser = codes_of!(Category))]
    category: Vec<Category>,
    /// Only care given from this day on
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<Day>,
    /// Only care given up to this day
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<Day>,
}

pub(super) async fn run(args: QueryArgs, at: &At) -> Result<Exit, Failure> {
    if args
        .from
        .zip(args.until)
        .is_some_and(|(from, until)| until < from)
    {
        return Err(Failure::usage(
            "--until が --from より前です",
            "--until is before --from",
        ));
    }
    let (purpose, grounds) = args.asking.purpose()?;
    let session = at.session()?;
    let request = v1::FindRequest {
        patient: Some(args.asking.patient.message()),
        practitioner: args.asking.practitioner,
        role: args.asking.role.number().into(),
        facility: args.asking.facility.to_string(),
        purpose: purpose.number().into(),
        categories: category_set(&args.category),
        targets: args.network.iter().map(ToString::to_string).collect(),
        filter: Some(v1::Filter {
            service_from_ms: instant(args.from, Day::start),
            service_until_ms: instant(args.until, Day::end),
            max: 0,
        }),
        // The node chooses one.
        request_id: Vec::new(),
        grounds: sekisho_node::grounds::to_find(grounds),
    };
    let ui = at.ui;
    let found = ops::find(&session, request, |end| told(end, ui)).await?;
    at.ui.result(&object(&found), text(&found, ui));
    Ok(exit(&found))
}

/// A network's end as it comes.
fn told(end: &FoundEnd, ui: Ui) {
    let (network, ms) = (&end.network, end.elapsed_ms);
    ui.note(
        format!("  {network}：{}（{ms} ミリ秒）", end.outcome.ja()),
        format!("  {network}: {} ({ms} ms)", end.outcome.en()),
    );
}

/// Done if a network answered or knows no such patient; else refused if all were denied; else somebody who may
/// answer could not, and asking again may help.
fn exit(found: &Found) -> Exit {
    let any = |of: fn(&NetworkOutcome) -> bool| found.ends.iter().any(|end| of(&end.outcome));
    if any(|o| {
        matches!(
            o,
            NetworkOutcome::Answered { .. } | NetworkOutcome::PatientUnknown
        )
    }) {
        Exit::Done
    } else if found.ends.is_empty() || any(|o| !matches!(o, NetworkOutcome::Denied { .. })) {
        Exit::Unavailable
    } else {
        Exit::Refused
    }
}

/// How many networks ended how; `of` names an outcome.
fn counts(found: &Found, of: fn(&NetworkOutcome) -> &'static str) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for end in &found.ends {
        *counts.entry(of(&end.outcome)).or_insert(0) += 1;
    }
    counts
}

/// An outcome in a word, for the sum.
fn short_ja(outcome: &NetworkOutcome) -> &'static str {
    match outcome {
        NetworkOutcome::Answered { .. } => "回答",
        NetworkOutcome::Denied { .. } => "不許可",
        NetworkOutcome::PatientUnknown => "該当患者なし",
        NetworkOutcome::TimedOut { .. } => "時間切れ",
        NetworkOutcome::Unreachable => "接続不可",
        NetworkOutcome::Malformed => "形式不正",
        NetworkOutcome::Suspended => "停止中",
        NetworkOutcome::Stale => "同期遅れ",
    }
}

/// When the care a document is about was given, else when it was written.
fn date(document: &v1::DocumentEntry) -> TimeMs {
    TimeMs(
        document
            .service_start_ms
            .unwrap_or(document.creation_time_ms),
    )
}

/// All documents, newest first.
fn ordered(found: &Found) -> Vec<&(NetworkId, v1::DocumentEntry)> {
    let mut documents: Vec<_> = found.documents.iter().collect();
    documents.sort_by(|(a, x), (b, y)| {
        date(y)
            .cmp(&date(x))
            .then_with(|| a.cmp(b))
            .then_with(|| x.unique_id.cmp(&y.unique_id))
    });
    documents
}

/// What a list of documents tells of each.
pub(super) const COLUMNS: [(&str, &str); 7] = [
    ("日付", "date"),
    ("ネットワーク", "network"),
    ("施設", "facility"),
    ("種類", "category"),
    ("題名", "title"),
    ("バイト", "bytes"),
    ("文書ID", "document"),
];

/// A document, told under [`COLUMNS`].
pub(super) fn row(networks: &str, document: &v1::DocumentEntry, ui: Ui) -> [String; 7] {
    let pick = |ja, en| ui.pick(ja, en);
    let day = Day::of(date(document));
    let category = Category::from_number(document.category.into());
    let old = if document.deprecated {
        pick("（旧版）", " (superseded)")
    } else {
        ""
    };
    [
        ui.language.pick(day.ja(), day.en()),
        networks.to_owned(),
        document.facility.clone(),
        category.map_or("?", |c| pick(c.ja(), c.en())).to_owned(),
        format!("{}{old}", pick(&document.title_ja, &document.title_en)),
        document.size_bytes.to_string(),
        document.unique_id.clone(),
    ]
}

fn text(found: &Found, ui: Ui) -> String {
    let pick = |ja, en| ui.pick(ja, en);
    let mut text = ui.language.pick(
        format!(
            "台帳 {} 番で判断されました（{}）\n",
            found.index,
            moment(found.time, ui.language)
        ),
        format!(
            "Decided at ledger index {} ({})\n",
            found.index,
            moment(found.time, ui.language)
        ),
    );
    for (network, of) in &found.decisions {
        let said = decision(network, of);
        text.push_str(&format!("  {}\n", ui.language.pick(said.ja, said.en)));
    }
    let mut table = Table::new(COLUMNS.map(|(ja, en)| pick(ja, en)));
    for (network, document) in ordered(found) {
        table.row(row(network.as_str(), document, ui));
    }
    if !table.is_empty() {
        text.push_str(&format!("\n{table}"));
    }
    let named: fn(&NetworkOutcome) -> &'static str = match ui.language {
        Language::Ja => short_ja,
        Language::En => NetworkOutcome::code,
    };
    let parts: Vec<_> = counts(found, named)
        .into_iter()
        .map(|(code, n)| format!("{code} {n}"))
        .collect();
    let (asked, documents, parts) = (found.ends.len(), found.documents.len(), parts.join(" + "));
    text.push_str(&ui.language.pick(
        format!(
            "\n文書 {documents} 件。照会先 {asked} ＝ {parts}（{} ミリ秒）",
            found.elapsed_ms
        ),
        format!(
            "\n{documents} documents. Asked {asked} = {parts} ({} ms)",
            found.elapsed_ms
        ),
    ));
    if let Some(result) = &found.result {
        let (id, until) = (
            hex::encode(&result.id),
            moment(TimeMs(result.until_ms), ui.language),
        );
        text.push_str(&ui.language.pick(
            format!("\nこの結果は {until} まで `sekisho page {id} --practitioner 照会した人のID` で再び表示できます"),
            format!("\nuntil {until} `sekisho page {id} --practitioner ID` shows this result again to who asked"),
        ));
    }
    text
}

fn object(found: &Found) -> Value {
    let decisions: Vec<_> = found
        .decisions
        .iter()
        .map(|(network, of)| json!({ "network": network, "decision": of }))
        .collect();
    let outcomes: Vec<_> = found
        .ends
        .iter()
        .map(|end| {
            json!({
                "network": end.network, "outcome": end.outcome.code(), "detail": end.outcome, "footing": end.footing,
                "words": { "ja": end.outcome.ja(), "en": end.outcome.en() }, "elapsed_ms": end.elapsed_ms,
            })
        })
        .collect();
    let documents: Vec<_> = ordered(found)
        .into_iter()
        .map(|(network, document)| of_network(network, document))
        .collect();
    json!({
        "index": found.index, "time_ms": found.time, "decisions": decisions, "asked": found.ends.len(),
        "outcomes": outcomes, "counts": counts(found, NetworkOutcome::code), "documents": documents, "elapsed_ms": found.elapsed_ms,
        "result": found.result.as_ref().map(|it| json!({
            "id": hex::encode(&it.id), "until_ms": it.until_ms, "documents": it.documents,
        })),
    })
}

/// A network's document.
pub(super) fn of_network(network: &NetworkId, document: &v1::DocumentEntry) -> Value {
    let mut object = of_document(document);
    object["network"] = json!(network);
    object
}

/// A document's attributes, under the names of the message.
pub(super) fn of_document(document: &v1::DocumentEntry) -> Value {
    let coded = |coded: &v1::Coded| json!({ "code": coded.code, "system": coded.system, "display": coded.display });
    let category = Category::from_number(document.category.into()).ok();
    json!({
        "unique_id": document.unique_id, "facility": document.facility, "category": category,
        "class_code": document.class_code.as_ref().map(coded), "type_code": document.type_code.as_ref().map(coded),
        "format_code": document.format_code.as_ref().map(coded), "mime_type": document.mime_type,
        "language_code": document.language_code, "creation_time_ms": document.creation_time_ms,
        "service_start_ms": document.service_start_ms, "service_stop_ms": document.service_stop_ms,
        "practice_setting": document.practice_setting.as_ref().map(coded),
        "confidentiality": document.confidentiality.as_ref().map(coded), "sha256": hex::encode(&document.hash),
        "size_bytes": document.size_bytes, "title": { "ja": document.title_ja, "en": document.title_en },
        "deprecated": document.deprecated,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use sekisho_domain::{DenyReason, EntryIndex, Language};

    fn found(outcomes: &[NetworkOutcome]) -> Found {
        let network = |n: usize| format!("net-{n}").parse::<NetworkId>().unwrap();
        let ends = outcomes.iter().enumerate().map(|(n, outcome)| FoundEnd {
            network: network(n),
            outcome: outcome.clone(),
            footing: None,
            elapsed_ms: 5,
        });
        let document = |id: &str, service_start_ms| v1::DocumentEntry {
            unique_id: id.to_owned(),
            category: Category::Prescription.number().into(),
            title_ja: "処方".to_owned(),
            creation_time_ms: 1_796_050_800_000,
            service_start_ms,
            ..v1::DocumentEntry::default()
        };
        Found {
            index: EntryIndex(7),
            time: TimeMs(1_796_050_800_000),
            decisions: Vec::new(),
            documents: vec![
                (network(0), document("old", Some(1_000))),
                (network(1), document("new", None)),
            ],
            ends: ends.collect(),
            elapsed_ms: 12,
            result: None,
        }
    }

    #[test]
    fn the_exit_says_whether_anybody_answered_then_whether_rules_stood_against_all() {
        use NetworkOutcome as O;
        let denied = || O::Denied {
            reason: DenyReason::NoViewingConsent,
        };
        let cases: [(&[O], Exit); 7] = [
            (
                &[O::Unreachable, denied(), O::Answered { count: 2 }],
                Exit::Done,
            ),
            (&[O::PatientUnknown, denied()], Exit::Done),
            (&[denied(), denied()], Exit::Refused),
            (&[O::Unreachable, denied()], Exit::Unavailable),
            (
                &[O::Unreachable, O::TimedOut { waited_ms: 9 }],
                Exit::Unavailable,
            ),
            (&[O::Stale, O::Suspended, O::Malformed], Exit::Unavailable),
            (&[], Exit::Unavailable),
        ];
        for (outcomes, expected) in cases {
            assert_eq!(exit(&found(outcomes)), expected, "{outcomes:?}");
        }
    }

    #[test]
    fn documents_are_newest_first_and_outcomes_add_up() {
        use NetworkOutcome as O;
        let found = found(&[O::Unreachable, O::Unreachable, O::Answered { count: 2 }]);
        let object = object(&found);
        assert_eq!(object["documents"][0]["unique_id"], "new");
        assert_eq!(object["asked"], 3);
        assert_eq!(object["counts"], json!({ "answered": 1, "unreachable": 2 }));
        let text = text(
            &found,
            Ui {
                language: Language::Ja,
                json: false,
            },
        );
        assert!(text.contains("照会先 3 ＝ 回答 1 + 接続不可 2"), "{text}");
        assert!(text.contains("2026-12-01（令和8年）"), "{text}");
    }
}
