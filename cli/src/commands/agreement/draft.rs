//! `sekisho agreement draft`: an agreement drawn up from what the networks say of themselves. Needs no ledger.

use crate::commands::At;
use crate::commands::args::{codes_of, days};
use crate::commands::profile::{NetworkArg, said};
use crate::ops;
use crate::ui::{Exit, Failure, Words};
use clap::Args;
use sekisho_domain::{AgreementId, Category, Retention, Settlement, TimeMs};
use sekisho_profiles::draft::{
    Direction, Draft, Exception, Hindrance, Terms, draft, proposed_ceiling,
};
use sekisho_profiles::profile::{NetworkProfile, Standing};
use sekisho_words::Day;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::commands) struct DraftArgs {
    /// The first network: its id or name, a profile file, or ID=WAY to choose one of its ways of consenting
    #[arg(value_name = "A")]
    a: NetworkArg,
    /// The second network
    #[arg(value_name = "B")]
    b: NetworkArg,
    /// More networks, for an agreement of many
    #[arg(long, value_name = "C", conflicts_with = "one_way")]
    with: Vec<NetworkArg>,
    /// Only documents of A, seen by B
    #[arg(long)]
    one_way: bool,
    /// The agreement's id; else made from the networks'
    #[arg(long, value_name = "ID")]
    id: Option<AgreementId>,
    /// Its version
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    version: u32,
    /// The first day; else the next 1 April, for three years
    #[arg(long, value_name = "YYYY-MM-DD")]
    valid_from: Option<Day>,
    /// The last day; else until it is terminated
    #[arg(long, value_name = "YYYY-MM-DD", requires = "valid_from")]
    valid_until: Option<Day>,
    /// How long the viewing side keeps what it got: not-kept, as-own-record, or a number of days
    #[arg(long, value_name = "KEPT", default_value = "not-kept", value_parser = retention)]
    retention: Retention,
    /// Who bears the cost
    #[arg(long, value_name = "WHO", default_value = "each-bears-own", value_parser = codes_of!(Settlement))]
    settlement: Settlement,
    /// Also let a physician or paramedic see a minimum without consent in a stated emergency, reviewed afterwards
    #[arg(long)]
    emergency: bool,
    /// What may be seen in an emergency at most, instead of the proposed minimum; of it, what the other side shares
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "emergency", value_parser = codes_of!(Category))]
    emergency_categories: Vec<Category>,
    /// Also let the proposed minimum be seen under a disaster an authority has declared
    #[arg(long)]
    disaster: bool,
    /// Ask for a rule of consent: "recipient" is the ministry's of 2020 (purposes posted by the disclosing side,
    /// consent at the visit, no reservation); else the rule that satisfies both policies
    #[arg(long, value_name = "RULE", value_parser = ["recipient"])]
    rule: Option<String>,
    /// Write the standard agreement here, in Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the object that is signed here, for `agreement propose --file`
    #[arg(long, value_name = "FILE")]
    object: Option<PathBuf>,
}

fn retention(text: &str) -> Result<Retention, String> {
    match text {
        "not-kept" => Ok(Retention::NotKept),
        "as-own-record" => Ok(Retention::AsOwnRecord),
        days => match days.parse() {
            Ok(days @ 1..=Retention::DAYS_MAX) => Ok(Retention::Days(days)),
            _ => {
                let max = Retention::DAYS_MAX;
                Err(format!("not-kept, as-own-record, or 1 to {max} days"))
            }
        },
    }
}

/// From the next 1 April, as Japan's years of account begin, for three of them.
fn three_years(now: TimeMs) -> Result<(Day, Option<Day>), Failure> {
    let (year, month, _) = Day::of(now).date();
    let first = if month < 4 { year } else { year + 1 };
    let parse = |text: String| text.parse::<Day>();
    let days = parse(format!("{first}-04-01"))
        .and_then(|from| parse(format!("{}-03-31", first + 3)).map(|until| (from, Some(until))));
    days.map_err(|e| Failure::usage(e.to_string(), e.to_string()))
}

pub(super) fn run(args: DraftArgs, at: &At) -> Result<Exit, Failure> {
    let (from, until) = match args.valid_from {
        Some(from) => (from, args.valid_until),
        None => three_years(ops::now())?,
    };
    let terms = Terms {
        id: args.id,
        version: args.version,
        valid: days(from, until)?,
        retention: args.retention,
        settlement: args.settlement,
        emergency: args
            .emergency
            .then(|| match args.emergency_categories.as_slice() {
                [] => proposed_ceiling(),
                named => named.iter().copied().collect(),
            }),
        disaster: args.disaster.then(proposed_ceiling),
        recipient: args.rule.is_some(),
    };
    let (a, b) = (args.a.members()?, args.b.members()?);
    let of = |profile: &NetworkProfile| profile.id.clone();
    let from_a = || a.iter().flat_map(|d| b.iter().map(move |v| (of(d), of(v))));
    let one_way: Option<Vec<_>> = args.one_way.then(|| from_a().collect());
    let mut parties = [a, b].concat();
    for more in args.with {
        parties.extend(more.members()?);
    }
    let drawn = draft(parties, one_way.as_deref(), terms).map_err(|e| {
        Failure::usage(
            format!("協定案を作れません：{e}"),
            format!("no agreement can be drawn up: {e}"),
        )
    })?;
    let (text, agreement) = (drawn.text(), drawn.agreement());
    if let (Some(text), Some(agreement)) = (&text, &agreement) {
        let object = serde_json::to_string_pretty(agreement)
            .map_err(|e| Failure::usage(e.to_string(), e.to_string()))?;
        for (path, content) in [
            (&args.markdown, text),
            (&args.object, &format!("{object}\n")),
        ] {
            if let Some(path) = path {
                write(path, content)?;
            }
        }
    }
    let words = words(&drawn);
    let object = json!({
        "id": drawn.id,
        "parties": drawn.parties.iter().map(|p| &p.id).collect::<Vec<_>>(),
        "directions": drawn.directions.iter().map(direction).collect::<Vec<_>>(),
        "agreement": agreement,
        "text": text,
    });
    at.ui.result(&object, at.ui.pick(&words.ja, &words.en));
    // Nothing to sign is not what was asked for.
    Ok(if agreement.is_some() {
        Exit::Done
    } else {
        Exit::Refused
    })
}

fn write(path: &Path, content: &str) -> Result<(), Failure> {
    std::fs::write(path, content).map_err(|e| {
        let name = path.display();
        Failure::of(
            Exit::Usage,
            &format!("{name} を書くことが"),
            &format!("write {name}"),
            &e,
        )
    })
}

fn direction(of: &Direction) -> Value {
    let list = |words: &[sekisho_profiles::profile::Words]| {
        words
            .iter()
            .map(|w| json!({ "ja": w.ja, "en": w.en }))
            .collect::<Vec<_>>()
    };
    let mut object = json!({ "disclosing": of.disclosing, "viewing": of.viewing });
    let more = match &of.outcome {
        Ok(granted) => json!({
            "rule": granted.rule, "grants": granted.grants, "reasons": list(&granted.reasons),
            "not_covered": list(&granted.not_covered), "to_confirm": list(&granted.to_confirm),
            "could_add": granted.could_add.iter().map(|(on, words)| json!({
                "option": option(*on), "ja": words.ja, "en": words.en
            })).collect::<Vec<_>>(),
        }),
        Err(hindrances) => {
            let words: Vec<_> = hindrances.iter().map(|h| h.words()).collect();
            json!({ "missing": list(&words) })
        }
    };
    if let (Some(object), Some(more)) = (object.as_object_mut(), more.as_object()) {
        object.extend(more.clone());
    }
    object
}

/// The option that asks for it.
fn option(on: Exception) -> &'static str {
    match on {
        Exception::Emergency => "--emergency",
        Exception::Disaster => "--disaster",
    }
}

/// The draft for people: each direction with its reasons, what a patient must have done, what is left out and what
/// is to be confirmed; or what is missing.
fn words(drawn: &Draft) -> Words {
    let mut out = Words::new(
        format!("協定案 {}\n", drawn.id),
        format!("Draft agreement {}\n", drawn.id),
    );
    let mut add = |ja: &str, en: &str| {
        out.ja.push_str(ja);
        out.en.push_str(en);
    };
    for party in &drawn.parties {
        let (id, name) = (&party.id, &party.name);
        let line = format!("   {id}  {name}\n");
        add(&line, &line);
    }
    let mut explained = drawn.explain().into_iter();
    for direction in &drawn.directions {
        let (d, v) = (&direction.disclosing, &direction.viewing);
        match &direction.outcome {
            Err(hindrances) => {
                add(
                    &format!("\n×  {d} の文書 → {v}：まだ作れません。必要なこと：\n"),
                    &format!("\nx  documents of {d} → {v}: not possible yet. What is missing:\n"),
                );
                for hindrance in hindrances {
                    let words = said(hindrance.words());
                    add(
                        &format!("   - {}\n", words.ja),
                        &format!("   - {}\n", words.en),
                    );
                }
            }
            Ok(granted) => {
                let rule = granted.rule;
                add(
                    &format!("\n○  {d} の文書 → {v}：{}\n", rule.ja()),
                    &format!("\no  documents of {d} → {v}: {}\n", rule.en()),
                );
                let parts = [
                    ("理由", "Reasons", &granted.reasons),
                    ("含まないもの", "Not covered", &granted.not_covered),
                    (
                        "署名までに確認すること",
                        "To be confirmed before signing",
                        &granted.to_confirm,
                    ),
                ];
                for (ja, en, list) in parts {
                    if list.is_empty() {
                        continue;
                    }
                    add(&format!("   {ja}\n"), &format!("   {en}\n"));
                    for words in list {
                        add(
                            &format!("   - {}\n", words.ja),
                            &format!("   - {}\n", words.en),
                        );
                    }
                }
                for (on, words) in &granted.could_add {
                    let option = option(*on);
                    add(
                        &format!("   加えられるもの（{option}）\n   - {}\n", words.ja),
                        &format!("   Could be added ({option})\n   - {}\n", words.en),
                    );
                }
                if let Some(words) = explained.next() {
                    for line in words.ja.lines() {
                        add(&format!("   {line}\n"), "");
                    }
                    for line in words.en.lines() {
                        add("", &format!("   {line}\n"));
                    }
                }
            }
        }
    }
    for words in next_steps(drawn) {
        add(&words.ja, &words.en);
    }
    if let Some(agreement) = drawn.agreement() {
        let hash = agreement.text_hash;
        add(
            &format!("\n協定書のSHA-256：{hash}\n"),
            &format!("\nSHA-256 of the agreement's text: {hash}\n"),
        );
    }
    out
}

/// What to do about directions that cannot be drawn up.
fn next_steps(drawn: &Draft) -> Vec<Words> {
    let hindrances = drawn
        .directions
        .iter()
        .filter_map(|d| d.outcome.as_ref().err());
    let hindrances: Vec<_> = hindrances.flatten().collect();
    let mut lacking: Vec<_> = hindrances
        .iter()
        .filter_map(|h| match h {
            Hindrance::Missing(missing) => Some(&missing.network),
            Hindrance::NoMeet(no) => Some(&no.network),
            _ => None,
        })
        .collect();
    lacking.sort();
    lacking.dedup();
    let mut steps = Vec::new();
    if let Some(id) = lacking.first() {
        let all = lacking.iter().map(ToString::to_string);
        let all = all.collect::<Vec<_>>().join(", ");
        steps.push(Words::new(
            format!("\n次にすること：不足のあるネットワーク（{all}）ごとに、\n   `sekisho profile export {id} > {id}.toml` で書き出して不足を書き入れ、{id} の代わりに {id}.toml を指定してください\n"),
            format!("\nNext, for each network that lacks something ({all}):\n   write `sekisho profile export {id} > {id}.toml`, fill in what is missing, and name {id}.toml in place of {id}\n"),
        ));
    }
    let several =
        |h: &&Hindrance| matches!(h, Hindrance::Missing(m) if m.standing == Standing::SeveralWays);
    if let Some(party) = hindrances.iter().find_map(|h| match h {
        Hindrance::Missing(missing) if several(h) => drawn.party(&missing.network),
        _ => None,
    }) && let Some(way) = party.offered.first()
    {
        let id = &party.id;
        steps.push(Words::new(
            format!("   同意の方式が並存するときは、一つを選んで {id}={way} のようにも指定できます（`sekisho profile show {id}` に一覧）\n"),
            format!("   Where ways stand side by side, one can be chosen as in {id}={way} (`sekisho profile show {id}` lists them)\n"),
        ));
    }
    if hindrances
        .iter()
        .any(|h| matches!(h, Hindrance::NoRecipientRule(_)))
    {
        steps.push(Words::new(
            "\n次にすること：--rule recipient を付けなければ、双方のきまりを満たす別の同意の要件で作ります\n",
            "\nNext: without --rule recipient the draft uses the rule of consent that satisfies both policies\n",
        ));
    }
    steps
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn it_begins_with_the_next_year_of_account() {
        let cases = [
            ("2027-03-31", "2027-04-01", "2030-03-31"),
            ("2027-04-01", "2028-04-01", "2031-03-31"),
            ("2027-12-31", "2028-04-01", "2031-03-31"),
        ];
        for (now, from, until) in cases {
            let now = now.parse::<Day>().unwrap().start();
            let (first, last) = three_years(now).unwrap();
            assert_eq!(
                (first, last),
                (from.parse().unwrap(), Some(until.parse().unwrap()))
            );
        }
    }

    #[test]
    fn what_is_kept_is_named_or_counted_in_days() {
        assert_eq!(retention("30"), Ok(Retention::Days(30)));
        assert_eq!(retention("as-own-record"), Ok(Retention::AsOwnRecord));
        for odd in ["", "0", "-1", "36526", "for ever"] {
            assert!(retention(odd).is_err(), "{odd}");
        }
    }

    /// What is drawn up is read back as it is, in both forms of the object.
    #[test]
    fn the_object_is_what_propose_reads() {
        let parties =
            ["mhlw-111", "mhlw-116"].map(|n| n.parse::<NetworkArg>().unwrap().profile().unwrap());
        let (from, until) = three_years(TimeMs(1_790_000_000_000)).unwrap();
        let terms = Terms::narrowest(days(from, until).unwrap());
        let agreement = draft(parties.to_vec(), None, terms)
            .unwrap()
            .agreement()
            .unwrap();
        let object = serde_json::to_string_pretty(&agreement).unwrap();
        let read = crate::commands::agreement::parse(&object, Path::new(".")).unwrap();
        assert_eq!(read, agreement);
        let broken = object.replacen("\"version\": 1", "\"version\": \"one\"", 1);
        let refused = crate::commands::agreement::parse(&broken, Path::new(".")).unwrap_err();
        assert!(refused.words.en.contains("line 3"), "{}", refused.words.en);
        let empty = object.replacen(
            "\"roles\": [\n        \"physician\",\n        \"nurse\"\n      ]",
            "\"roles\": []",
            1,
        );
        assert_ne!(empty, object);
        let refused = crate::commands::agreement::parse(&empty, Path::new(".")).unwrap_err();
        assert!(refused.words.en.contains("roles"), "{}", refused.words.en);
    }
}
