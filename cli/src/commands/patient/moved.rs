//! A patient who moved: what they have allowed already reaches, all that is missing for the rest, and who does it.
//! With `--prepare` what this network may do by itself is done, and nothing else.

mod prepare;

use super::super::At;
use super::MoveArgs;
use crate::ops::{self, Lacking, Previewed};
use crate::ui::{Exit, Failure, Words};
use sekisho_domain::{Category, Codes, Decision, DenyReason, Side, SubjectRef};
use sekisho_proto::v1;
use sekisho_words::{moment, remedy};
use serde_json::{Value, json};

/// Who has to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// This network.
    Own,
    /// The other.
    Other,
    /// Both.
    Both,
    /// The patient; recorded by this network.
    PatientHere,
    /// The patient; recorded by the other network.
    PatientThere,
}

/// What is to be done about what is missing.
struct Step {
    code: &'static str,
    who: Who,
    lacking: Lacking,
    needs: Words,
    /// The command of this network's.
    command: Option<String>,
}

pub(super) async fn run(args: MoveArgs, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    if args.prepare {
        ops::subject(&session, args.patient.message(), true).await?;
    }
    let request = || v1::PreviewRequest {
        patient: Some(args.patient.message()),
        network: args.from.to_string(),
        facility: args.facility.to_string(),
        role: args.role.number().into(),
        purpose: args.purpose.number().into(),
    };
    let mut previewed = ops::preview(&session, request()).await?;
    let mut done = Vec::new();
    if args.prepare {
        done = prepare::prepare(&session, &args, &previewed).await?;
        if !done.is_empty() {
            previewed = ops::preview(&session, request()).await?;
        }
    }
    let steps: Vec<Step> = previewed
        .missing
        .iter()
        .map(|lacking| step(lacking, &previewed, &args))
        .collect();
    let (object, text) = told(&previewed, &steps, &done, &args, at);
    at.ui.result(&object, text);
    Ok(match previewed.decision {
        Decision::Permit(_) => Exit::Done,
        Decision::Deny(_) => Exit::Refused,
    })
}

fn told(
    previewed: &Previewed,
    steps: &[Step],
    done: &[prepare::Done],
    args: &MoveArgs,
    at: &At,
) -> (Value, String) {
    let names = |of: &Codes<Category>| -> Vec<Category> { of.iter().collect() };
    let listed = |of: &Codes<Category>| {
        let words = of.iter().map(|c| at.ui.pick(c.ja(), c.en()));
        words.collect::<Vec<_>>().join("、")
    };
    let from = &args.from;
    let mut object = json!({
        "granted": names(&previewed.granted),
        "steps": steps.iter().map(|step| said(step, args)).collect::<Vec<_>>(),
        "done": done.iter().map(prepare::Done::object).collect::<Vec<_>>(),
    });
    let mut text: String = done.iter().map(|one| one.text(at.ui) + "\n").collect();
    let more = match &previewed.decision {
        Decision::Permit(terms) => {
            let covered = terms.bases.iter().flat_map(|b| b.categories.iter());
            let covered: Codes<Category> = covered.collect();
            let missing = Codes::<Category>::all().difference(&covered);
            let until = moment(terms.expires, at.ui.language);
            text.push_str(&at.ui.language.pick(
                format!(
                    "いまの同意と協定で、{from} の次の情報を閲覧できます：{}\nできないもの：{}\n（この判断は {until} まで。照会のたびに改めて判断されます）",
                    listed(&covered), listed(&missing)
                ),
                format!(
                    "consents and agreements as they stand let these of {from} be seen: {}\nnot: {}\n(as of now, until {until}; each request is decided anew)",
                    listed(&covered), listed(&missing)
                ),
            ));
            json!({
                "covered": names(&covered), "missing": names(&missing), "until_ms": terms.expires,
                "withheld": terms.withheld,
            })
        }
        Decision::Deny(denial) => {
            text.push_str(&at.ui.language.pick(
                format!("{from} の文書はまだ閲覧できません。足りないもの：\n"),
                format!("the documents of {from} cannot be seen yet; missing:\n"),
            ));
            for (n, step) in steps.iter().enumerate() {
                text.push_str(&lines(n + 1, step, args, at));
            }
            if !previewed.granted.is_empty() {
                text.push_str(&at.ui.language.pick(
                    format!("揃えば協定で閲覧できるもの：{}", listed(&previewed.granted)),
                    format!(
                        "then the agreement lets these be seen: {}",
                        listed(&previewed.granted)
                    ),
                ));
            }
            json!({
                "covered": [], "missing": Category::ALL, "reason": denial.reason, "agreement": denial.agreement,
            })
        }
    };
    if let (Some(object), Some(more)) = (object.as_object_mut(), more.as_object()) {
        object.extend(more.clone());
    }
    (object, text)
}

fn lines(n: usize, step: &Step, args: &MoveArgs, at: &At) -> String {
    let pick = |ja, en| at.ui.pick(ja, en);
    let reason = step.lacking.reason;
    let from = args.from.as_str();
    let (ja, en) = match step.who {
        Who::Own => ("このネットワーク".to_owned(), "this network".to_owned()),
        Who::Other => (from.to_owned(), from.to_owned()),
        Who::Both => (format!("{from} とともに"), format!("together with {from}")),
        Who::PatientHere => (
            "患者（ここで記録）".to_owned(),
            "the patient, recorded here".to_owned(),
        ),
        Who::PatientThere => (
            format!("患者（{from} が記録）"),
            format!("the patient, recorded by {from}"),
        ),
    };
    let likely = match step.lacking.known {
        true => "",
        false => pick(
            "（対応づけてから分かります）",
            " (known only once the patient is linked)",
        ),
    };
    let mut text = format!(
        "{n}. {}{likely}\n   {}{}{}\n",
        pick(reason.ja(), reason.en()),
        pick(&ja, &en),
        pick("：", ": "),
        pick(&step.needs.ja, &step.needs.en),
    );
    if let Some(command) = &step.command {
        text.push_str(&format!("   {command}\n"));
    }
    text
}

fn said(step: &Step, args: &MoveArgs) -> Value {
    let (network, who) = match step.who {
        Who::Own => ("own", "network"),
        Who::Other => (args.from.as_str(), "network"),
        Who::Both => ("both", "network"),
        Who::PatientHere => ("own", "patient"),
        Who::PatientThere => (args.from.as_str(), "patient"),
    };
    json!({
        "code": step.code, "reason": step.lacking.reason, "network": network, "who": who,
        "known": step.lacking.known, "agreement": step.lacking.agreement,
        "words": { "ja": step.needs.ja, "en": step.needs.en }, "command": step.command,
    })
}

/// Who does what about a missing thing.
fn step(lacking: &Lacking, previewed: &Previewed, args: &MoveArgs) -> Step {
    use DenyReason::*;
    let (facility, from) = (&args.facility, &args.from);
    let disclosing = lacking.side == Some(Side::Disclosing);
    let (code, who, command) = match lacking.reason {
        NotAMember => ("member", Who::Other, None),
        FacilityNotRegistered => (
            "facility",
            Who::Own,
            Some(format!("sekisho network facility add {facility} …")),
        ),
        SubjectNotLinked => return link(lacking, previewed, args),
        SubjectDeceased => ("death", Who::Own, None),
        NoConsentPolicy | ExplicitConsentNotRequired => {
            let who = if disclosing { Who::Other } else { Who::Own };
            ("policy", who, None)
        }
        PurposesNotPosted => ("notice", Who::Other, None),
        ReservedByPatient => ("reservation", Who::PatientHere, None),
        reason if reason > SubjectNotLinked && disclosing => {
            ("disclosing-consent", Who::PatientThere, None)
        }
        reason if reason > SubjectNotLinked => (
            "viewing-consent",
            Who::PatientHere,
            Some(format!(
                "sekisho consent grant --patient … --side viewing --facility {facility} --capture … --recorded-by {facility}"
            )),
        ),
        _ => (
            "agreement",
            Who::Both,
            Some(format!("sekisho agreement draft --help   # {from}")),
        ),
    };
    Step {
        code,
        who,
        lacking: lacking.clone(),
        needs: remedy(lacking.reason),
        command,
    }
}

/// The other network's pseudonym of a link, as it is written.
fn written(link: &v1::PossibleLink) -> Option<SubjectRef> {
    link.other.clone()?.try_into().ok()
}

/// How far the link is, and what comes next.
fn link(lacking: &Lacking, previewed: &Previewed, args: &MoveArgs) -> Step {
    let (facility, from) = (&args.facility, &args.from);
    let links = &previewed.links;
    let found = links.iter().filter(|l| l.found || l.said_there);
    let found: Vec<SubjectRef> = found.filter_map(written).collect();
    let (who, needs, command) = if links.iter().any(|link| link.said_here) {
        (
            Who::Other,
            Words::new(
                "こちらは記録済みです。先方が同じ患者と記録すると有効になります（確実なものは先方のノードが自ら記録します）",
                "said here; it holds once the other network says so too (its node does by itself where it is certain)",
            ),
            None,
        )
    } else if let Some(one) = found.first() {
        (
            Who::Own,
            Words::new(
                "見つかっています。本人と確かめて対応づけます",
                "found; make sure it is the same patient, and link",
            ),
            Some(format!("sekisho subject link --patient … --with {one}")),
        )
    } else {
        (
            Who::Own,
            Words::new(
                "先方の患者を照会し、本人と確かめて対応づけます",
                "find the patient there, make sure, and link",
            ),
            Some(format!(
                "sekisho patient find --patient … --network {from} --facility {facility} --practitioner … --role {}",
                args.role
            )),
        )
    };
    Step {
        code: "link",
        who,
        lacking: lacking.clone(),
        needs,
        command,
    }
}
