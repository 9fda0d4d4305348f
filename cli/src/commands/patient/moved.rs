//! A patient who moved: what they have allowed already reaches, and what is to be done for the rest.

use super::super::At;
use super::super::show::moment;
use super::MoveArgs;
use crate::ops;
use crate::ui::{Exit, Failure};
use sekisho_domain::{Category, Codes, Decision, DenyReason};
use sekisho_proto::v1;
use serde_json::{Value, json};

/// What is to be done about a denial: who does it, in words, and the command where it is this network's.
struct Step {
    code: &'static str,
    here: bool,
    ja: String,
    en: String,
    command: Option<String>,
}

pub(super) async fn run(args: MoveArgs, at: &At) -> Result<Exit, Failure> {
    let request = v1::PreviewRequest {
        patient: Some(args.patient.message()),
        network: args.from.to_string(),
        facility: args.facility.to_string(),
        role: args.role.number().into(),
        purpose: args.purpose.number().into(),
    };
    match ops::preview(&at.session()?, request).await? {
        Decision::Permit(terms) => {
            let covered: Codes<Category> = terms
                .bases
                .iter()
                .flat_map(|b| b.categories.iter())
                .collect();
            let missing = Codes::<Category>::all().difference(&covered);
            let names = |of: &Codes<Category>| -> Vec<Category> { of.iter().collect() };
            let listed = |of: &Codes<Category>| {
                let words = of.iter().map(|c| at.ui.pick(c.ja(), c.en()));
                words.collect::<Vec<_>>().join("、")
            };
            let object = json!({
                "covered": names(&covered), "missing": names(&missing), "until_ms": terms.expires,
                "withheld": terms.withheld, "steps": [],
            });
            let until = moment(terms.expires, at.ui.language);
            let text = at.ui.language.pick(
                format!(
                    "いまの同意と協定で、{} の次の情報を閲覧できます：{}\nできないもの：{}\n（この判断は {until} まで。照会のたびに改めて判断されます）",
                    args.from, listed(&covered), listed(&missing)
                ),
                format!(
                    "consents and agreements as they stand let these of {} be seen: {}\nnot: {}\n(as of now, until {until}; each request is decided anew)",
                    args.from, listed(&covered), listed(&missing)
                ),
            );
            at.ui.result(&object, text);
            Ok(Exit::Done)
        }
        Decision::Deny(denial) => {
            let step = step(denial.reason, &args);
            let object = json!({
                "covered": [], "missing": Category::ALL, "reason": denial.reason, "agreement": denial.agreement,
                "steps": [said(&step, &args)],
            });
            let reason = at.ui.pick(denial.reason.ja(), denial.reason.en());
            let mut text = at.ui.language.pick(
                format!("まだ閲覧できません：{reason}\n次にすること：{}", step.ja),
                format!("not yet: {reason}\nnext: {}", step.en),
            );
            if let Some(command) = &step.command {
                text.push_str(&format!("\n  {command}"));
            }
            let again = at.ui.pick(
                "\n済んだら、もう一度この命令で確かめてください",
                "\nthen run this again: what follows is found one after the other",
            );
            text.push_str(again);
            at.ui.result(&object, text);
            Ok(Exit::Refused)
        }
    }
}

fn said(step: &Step, args: &MoveArgs) -> Value {
    let network = if step.here { "own" } else { args.from.as_str() };
    json!({
        "code": step.code, "network": network,
        "words": { "ja": step.ja, "en": step.en }, "command": step.command,
    })
}

fn step(reason: DenyReason, args: &MoveArgs) -> Step {
    use DenyReason::*;
    let (facility, from) = (&args.facility, &args.from);
    let there = |code, ja: &str, en: &str| Step {
        code,
        here: false,
        ja: format!("{from} に依頼します。{ja}"),
        en: format!("ask {from}: {en}"),
        command: None,
    };
    let here = |code, ja: &str, en: &str, command: Option<String>| Step {
        code,
        here: true,
        ja: ja.to_owned(),
        en: en.to_owned(),
        command,
    };
    match reason {
        SubjectNotLinked => here(
            "link",
            "先方の患者を照会し、本人と確かめて対応づけます",
            "find the patient there, make sure, and link",
            Some(format!(
                "sekisho patient find --patient … --network {from} --facility {facility} --practitioner … --role {}",
                args.role
            )),
        ),
        NoViewingConsent
        | ConsentForOtherFacility
        | ConsentForOtherPractitioner
        | ConsentForOtherPurpose
        | ConsentForOtherCategory
        | ConsentNotInPeriod
        | ConsentWithdrawn
        | ConsentVoided => here(
            "viewing-consent",
            "この施設での閲覧への同意を患者から得て記録します（先方での開示の同意が足りない場合は先方に依頼します）",
            "obtain and record the patient's consent to viewing here (where it is the consent to disclose there that lacks, ask that network)",
            Some(format!(
                "sekisho consent grant --patient … --side viewing --facility {facility} --capture … --recorded-by {facility}"
            )),
        ),
        NoDisclosingConsent => there(
            "disclosing-consent",
            "開示への同意を患者から得て、先方が記録します",
            "obtain the patient's consent to disclosure and record it there",
        ),
        PurposesNotPosted => there(
            "notice",
            "利用目的の掲示が必要です",
            "the purpose of use must be posted there",
        ),
        ReservedByPatient => here(
            "reservation",
            "患者が留保しています。患者の意思でのみ解除できます",
            "the patient has reserved it; only the patient can have that cleared",
            None,
        ),
        FacilityNotRegistered => here(
            "facility",
            "施設を登録します",
            "register the facility",
            Some(format!("sekisho network facility add {facility} …")),
        ),
        reason if reason < SubjectNotLinked => here(
            "agreement",
            "両ネットワークの事務局が協定を結ぶか改めます",
            "the two networks' offices sign or amend an agreement",
            Some("sekisho agreement draft --help".to_owned()),
        ),
        _ => here(
            "other",
            "理由を確かめてください",
            "see the reason above",
            None,
        ),
    }
}
