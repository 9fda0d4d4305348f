//! Looking for a patient in other networks, cards, and links that wait.

use super::super::At;
use super::super::args::PatientArg;
use super::{FindArgs, written};
use crate::ops::{self, SearchEnd, Searched};
use crate::ui::{Exit, Failure, Ui};
use sekisho_domain::{NetworkOutcome, SubjectId, SubjectRef, TimeMs};
use sekisho_proto::v1;
use sekisho_words::moment;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;
use v1::patient_finding::Finding;

/// Bytes of a file that says who somebody is.
const PERSON_BYTES_MAX: u64 = 16 * 1024;

/// What is known of a person, as people write it down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    kanji: Option<Name>,
    kana: Option<Name>,
    #[serde(default)]
    birth: String,
    #[serde(default)]
    sex: String,
    #[serde(default)]
    addresses: Vec<Address>,
    #[serde(default)]
    phones: Vec<String>,
    #[serde(default)]
    insured: Vec<Insured>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Name {
    #[serde(default)]
    family: String,
    #[serde(default)]
    given: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    #[serde(default)]
    postal: String,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Insured {
    #[serde(default)]
    insurer: String,
    #[serde(default)]
    symbol: String,
    #[serde(default)]
    number: String,
    #[serde(default)]
    branch: String,
}

impl From<Person> for v1::Demographics {
    fn from(person: Person) -> Self {
        let name = |name: Name| v1::PersonName {
            family: name.family,
            given: name.given,
        };
        let address = |a: Address| v1::PersonAddress {
            postal: a.postal,
            text: a.text,
        };
        let insured = |i: Insured| v1::InsuredPerson {
            insurer: i.insurer,
            symbol: i.symbol,
            number: i.number,
            branch: i.branch,
        };
        Self {
            kanji: person.kanji.map(name),
            kana: person.kana.map(name),
            birth: person.birth,
            sex: person.sex,
            addresses: person.addresses.into_iter().map(address).collect(),
            phones: person.phones,
            insured: person.insured.into_iter().map(insured).collect(),
        }
    }
}

/// A small file, or standard input. Errors do not repeat what it says.
fn read(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    let failed = || {
        Failure::usage(
            format!("{name} を読めません。16 KiB までの文字のファイルを指定してください"),
            format!("{name} cannot be read; it is a file of text of at most 16 KiB"),
        )
    };
    let mut text = String::new();
    let read = match path.to_str() {
        Some("-") => std::io::stdin()
            .take(PERSON_BYTES_MAX + 1)
            .read_to_string(&mut text),
        _ => std::fs::File::open(path)
            .and_then(|file| file.take(PERSON_BYTES_MAX + 1).read_to_string(&mut text)),
    };
    match read {
        Ok(bytes) if bytes as u64 <= PERSON_BYTES_MAX => Ok(text),
        _ => Err(failed()),
    }
}

pub(super) async fn find(args: FindArgs, at: &At) -> Result<Exit, Failure> {
    let (purpose, grounds) = args.asking.purpose()?;
    let person = match &args.person {
        None => None,
        Some(path) => {
            let person = serde_json::from_str::<Person>(&read(path)?);
            // Where, but not what: the file is about a person.
            let person = person.map_err(|e| {
                let (line, column) = (e.line(), e.column());
                Failure::usage(
                    format!("{} の {line} 行 {column} 文字目が、決められた形の JSON ではありません（docs/identity.md）", path.display()),
                    format!("{} is no JSON of the form that is read, at line {line}, column {column} (docs/identity.md)", path.display()),
                )
            })?;
            Some(v1::Demographics::from(person))
        }
    };
    let card = args.card.as_deref().map(read).transpose()?;
    let request = v1::SearchRequest {
        patient: Some(args.asking.patient.message()),
        person,
        card: card.map(|card| card.trim().to_owned()),
        practitioner: args.asking.practitioner,
        role: args.asking.role.number().into(),
        facility: args.asking.facility.to_string(),
        purpose: purpose.number().into(),
        targets: args.network.iter().map(ToString::to_string).collect(),
        request_id: Vec::new(),
        grounds: sekisho_node::grounds::to_search(grounds),
    };
    let ui = at.ui;
    let heard = |end: &SearchEnd| {
        let network = &end.network;
        ui.note(
            format!("  {network}：{}", word(end).0),
            format!("  {network}: {}", word(end).1),
        );
    };
    let searched = ops::search(&at.session()?, request, heard).await?;
    ui.result(&object(&searched), text(&searched, ui));
    Ok(exit(&searched))
}

/// What a network said, in words.
fn word(end: &SearchEnd) -> (String, String) {
    match &end.finding {
        Some(Finding::One(one)) => {
            let sure = match one.certain {
                true => ("1人います（確実）", "one, certain"),
                false => (
                    "1人います（先方の確認が必要）",
                    "one; somebody there confirms",
                ),
            };
            (sure.0.to_owned(), sure.1.to_owned())
        }
        Some(Finding::Several(several)) => {
            let items = several.deciding.join(", ");
            match items.is_empty() {
                true => (
                    "該当する可能性のある人がいますが、決められません".to_owned(),
                    "somebody it may be, and nothing would decide".to_owned(),
                ),
                false => (
                    format!("決めるには次の項目が必要です：{items}"),
                    format!("not decided; these items would: {items}"),
                ),
            }
        }
        Some(Finding::Possible(possible)) => {
            let n = possible.patients.len();
            (format!("候補 {n} 人"), format!("{n} it may be"))
        }
        Some(Finding::Nobody(_)) | None => {
            (end.outcome.ja().to_string(), end.outcome.en().to_string())
        }
    }
}

fn patients(end: &SearchEnd) -> Vec<&v1::FoundPatient> {
    match &end.finding {
        Some(Finding::One(one)) => vec![one],
        Some(Finding::Possible(possible)) => possible.patients.iter().collect(),
        _ => Vec::new(),
    }
}

fn reference(end: &SearchEnd, patient: &v1::FoundPatient) -> String {
    match SubjectId::try_from(patient.subject.as_slice()) {
        Ok(subject) => SubjectRef {
            network: end.network.clone(),
            subject,
        }
        .to_string(),
        Err(_) => String::new(),
    }
}

fn text(searched: &Searched, ui: Ui) -> String {
    let mut text = ui.language.pick(
        format!(
            "台帳 {} 番で判断されました（{} ミリ秒）\n",
            searched.index, searched.elapsed_ms
        ),
        format!(
            "Decided at ledger index {} ({} ms)\n",
            searched.index, searched.elapsed_ms
        ),
    );
    let mut possible = false;
    for end in &searched.ends {
        let (ja, en) = word(end);
        text.push_str(&format!("{}: {}\n", end.network, ui.language.pick(ja, en)));
        for patient in patients(end) {
            let agreed: Vec<_> = patient
                .agreed
                .iter()
                .map(|a| format!("{} {}", a.item, a.level))
                .collect();
            text.push_str(&format!(
                "  {}  {}\n",
                reference(end, patient),
                agreed.join(", ")
            ));
        }
        possible |= matches!(end.finding, Some(Finding::Possible(_)));
    }
    if searched.ends.iter().any(|end| !patients(end).is_empty()) {
        let two = match possible {
            true => " --confirmed-by A --confirmed-by B",
            false => "",
        };
        text.push_str(&ui.language.pick(
            format!(
                "本人と確かめたら：sekisho subject link --patient … --with ネットワーク:仮名{two}"
            ),
            format!(
                "once you are sure: sekisho subject link --patient … --with NETWORK:PSEUDONYM{two}"
            ),
        ));
    }
    text
}

fn object(searched: &Searched) -> Value {
    let ends: Vec<_> = searched
        .ends
        .iter()
        .map(|end| {
            let found: Vec<_> = patients(end)
                .into_iter()
                .map(|p| {
                    let agreed: Vec<_> = p
                        .agreed
                        .iter()
                        .map(|a| json!({ "item": a.item, "level": a.level }))
                        .collect();
                    json!({ "subject": reference(end, p), "certain": p.certain, "agreed": agreed })
                })
                .collect();
            let (kind, deciding) = match &end.finding {
                Some(Finding::One(_)) => ("one", None),
                Some(Finding::Several(several)) => ("several", Some(&several.deciding)),
                Some(Finding::Possible(_)) => ("possible", None),
                Some(Finding::Nobody(_)) => ("nobody", None),
                None if end.outcome == NetworkOutcome::PatientUnknown => ("nobody", None),
                None => ("unknown", None),
            };
            json!({
                "network": end.network, "outcome": end.outcome.code(), "finding": kind, "patients": found,
                "deciding": deciding,
            })
        })
        .collect();
    json!({ "index": searched.index, "asked": searched.ends.len(), "ends": ends, "elapsed_ms": searched.elapsed_ms })
}

/// As for a query: done if any network said something of its own, else refused if all were denied.
fn exit(searched: &Searched) -> Exit {
    let any = |of: fn(&NetworkOutcome) -> bool| searched.ends.iter().any(|end| of(&end.outcome));
    let said = |o: &NetworkOutcome| {
        matches!(
            o,
            NetworkOutcome::Answered { .. } | NetworkOutcome::PatientUnknown
        )
    };
    if any(said) {
        Exit::Done
    } else if searched.ends.is_empty() || any(|o| !matches!(o, NetworkOutcome::Denied { .. })) {
        Exit::Unavailable
    } else {
        Exit::Refused
    }
}

pub(super) async fn card(patient: &PatientArg, at: &At) -> Result<Exit, Failure> {
    let request = v1::IssueCardRequest {
        patient: Some(patient.message()),
    };
    let card = ops::issue_card(&at.session()?, request).await?.card;
    at.ui.result(&json!({ "card": card }), &card);
    Ok(Exit::Done)
}

pub(super) async fn proposals(at: &At) -> Result<Exit, Failure> {
    let reply = ops::proposals(&at.session()?, v1::ProposalsRequest {}).await?;
    let other = |p: &v1::LinkProposal| {
        let other = p.other.clone().map(SubjectRef::try_from);
        other
            .and_then(Result::ok)
            .map_or_else(String::new, |o| o.to_string())
    };
    let rows: Vec<_> = reply
        .proposals
        .iter()
        .map(|p| {
            json!({
                "own": hex::encode(&p.own), "other": other(p), "access": p.access, "certain": p.certain,
                "said_by_other": p.said, "at_ms": p.at_ms,
                "charts": p.charts.iter().map(|c| written(Some(c))).collect::<Vec<_>>(),
                "agreed": p.agreed.iter().map(|a| json!({ "item": a.item, "level": a.level })).collect::<Vec<_>>(),
            })
        })
        .collect();
    let mut text = String::new();
    for p in &reply.proposals {
        let charts: Vec<_> = p.charts.iter().map(|c| written(Some(c))).collect();
        let agreed: Vec<_> = p
            .agreed
            .iter()
            .map(|a| format!("{} {}", a.item, a.level))
            .collect();
        let when = moment(TimeMs(p.at_ms), at.ui.language);
        let said = match p.said {
            true => at.ui.pick("先方は記録済み", "said there"),
            false => at.ui.pick("先方も未記録", "not said there yet"),
        };
        text.push_str(&format!(
            "{} = {} ({said}, {when})\n  {}\n",
            charts.join(", "),
            other(p),
            agreed.join(", ")
        ));
    }
    if text.is_empty() {
        text = at
            .ui
            .pick("確認を待つ対応づけはありません", "no link waits")
            .to_owned();
    }
    at.ui.result(&json!({ "proposals": rows }), text);
    Ok(Exit::Done)
}
