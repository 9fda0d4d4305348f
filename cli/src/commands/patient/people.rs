//! Charts of one person: shown, doubted, decided.

use super::super::At;
use super::super::args::PatientArg;
use super::{DecideArgs, SaidArgs, written};
use crate::ops;
use crate::ui::{Exit, Failure, Ui};
use sekisho_domain::TimeMs;
use sekisho_proto::v1;
use sekisho_words::moment;
use serde_json::{Value, json};

pub(super) async fn show(patient: &PatientArg, at: &At) -> Result<Exit, Failure> {
    let request = v1::PersonRequest {
        patient: Some(patient.message()),
    };
    let person = ops::person(&at.session()?, request).await?;
    let subject = (!person.subject.is_empty()).then(|| hex::encode(&person.subject));
    let object = json!({
        "subject": subject,
        "charts": person.charts.iter().map(|c| written(Some(c))).collect::<Vec<_>>(),
        "why": person.why.iter().map(comparison).collect::<Vec<_>>(),
        "decisions": person.decisions.iter().map(decision).collect::<Vec<_>>(),
    });
    at.ui.result(&object, text(&person, subject, at.ui));
    Ok(Exit::Done)
}

fn text(person: &v1::PersonReply, subject: Option<String>, ui: Ui) -> String {
    let pick = |ja, en| ui.pick(ja, en);
    let subject = subject.unwrap_or_else(|| pick("まだありません", "none yet").to_owned());
    let mut text = format!("{}: {subject}\n", pick("仮名", "pseudonym"));
    for chart in &person.charts {
        text.push_str(&format!("  {}\n", written(Some(chart))));
    }
    for compared in &person.why {
        text.push_str(&format!("\n{}", lines(compared, ui)));
    }
    for one in &person.decisions {
        let verdict = match one.same {
            true => pick("同一人物", "one patient"),
            false => pick("別人", "two patients"),
        };
        let when = moment(TimeMs(one.at_ms), ui.language);
        let (a, b) = (written(one.a.as_ref()), written(one.b.as_ref()));
        text.push_str(&format!(
            "\n#{} {a} = {b}: {verdict}, {}, {when}: {}",
            one.id, one.who, one.why
        ));
        if let Some(undone) = &one.undone {
            let when = moment(TimeMs(undone.at_ms), ui.language);
            let word = pick("取り消し", "taken back");
            text.push_str(&format!(
                "\n   {word}: {}, {when}: {}",
                undone.who, undone.why
            ));
        }
    }
    text
}

/// How two charts compare, a line an item.
fn lines(compared: &v1::Comparison, ui: Ui) -> String {
    let (a, b) = (written(compared.a.as_ref()), written(compared.b.as_ref()));
    let band = match compared.band.as_str() {
        "link" => ui.pick("同一人物と判定", "one patient"),
        _ => ui.pick("要確認", "somebody looks"),
    };
    let mut text = format!(
        "{a} – {b}: {band} ({}, {:+.1})\n",
        compared.by, compared.score
    );
    for item in compared.items.iter().filter(|i| i.level != "missing") {
        let said = ui.pick(&item.ja, &item.en);
        text.push_str(&format!("  {:+6.1}  {said}\n", item.weight));
    }
    text
}

fn comparison(compared: &v1::Comparison) -> Value {
    let items: Vec<_> = compared
        .items
        .iter()
        .map(|i| {
            json!({ "item": i.item, "level": i.level, "bits": i.weight, "words": { "ja": i.ja, "en": i.en } })
        })
        .collect();
    json!({
        "a": written(compared.a.as_ref()), "b": written(compared.b.as_ref()), "band": compared.band,
        "by": compared.by, "score_bits": compared.score, "items": items,
    })
}

fn decision(one: &v1::ChartDecision) -> Value {
    json!({
        "id": one.id, "a": written(one.a.as_ref()), "b": written(one.b.as_ref()), "same": one.same,
        "by": one.who, "why": one.why, "at_ms": one.at_ms,
        "undone": one.undone.as_ref().map(|u| json!({ "by": u.who, "why": u.why, "at_ms": u.at_ms })),
    })
}

pub(super) async fn reviews(max: u32, after: Option<&str>, at: &At) -> Result<Exit, Failure> {
    let after = match after.map(hex::decode).transpose() {
        Ok(after) => after.unwrap_or_default(),
        Err(_) => {
            return Err(Failure::usage(
                "--after は前のページが表示したものです",
                "--after is what the page before printed",
            ));
        }
    };
    let request = v1::ReviewsRequest { after, max };
    let page = ops::reviews(&at.session()?, request).await?;
    let next = (!page.next.is_empty()).then(|| hex::encode(&page.next));
    let reviews: Vec<_> = page.reviews.iter().map(comparison).collect();
    let mut text: String = page
        .reviews
        .iter()
        .map(|r| lines(r, at.ui) + "\n")
        .collect();
    if page.reviews.is_empty() {
        text.push_str(at.ui.pick("確認を待つものはありません", "nothing waits"));
    }
    if let Some(next) = &next {
        text.push_str(&format!("--after {next}"));
    }
    at.ui
        .result(&json!({ "reviews": reviews, "next": next }), text);
    Ok(Exit::Done)
}

fn chart(patient: &PatientArg) -> Result<v1::Chart, Failure> {
    match patient {
        PatientArg::Local(facility, local_id) => Ok(v1::Chart {
            facility: facility.to_string(),
            local_id: local_id.clone(),
        }),
        PatientArg::Subject(_) => Err(Failure::usage(
            "診療録は 施設コード/患者ID で指定してください",
            "a chart is written FACILITY/LOCALID",
        )),
    }
}

pub(super) async fn decide(args: DecideArgs, same: bool, at: &At) -> Result<Exit, Failure> {
    let request = v1::DecideChartsRequest {
        a: Some(chart(&args.a)?),
        b: Some(chart(&args.b)?),
        same,
        who: args.said.by,
        why: args.said.why,
    };
    let decided = ops::decide_charts(&at.session()?, request).await?;
    told(&decided, at);
    Ok(Exit::Done)
}

pub(super) async fn undo(id: u64, said: SaidArgs, at: &At) -> Result<Exit, Failure> {
    let request = v1::UndoDecisionRequest {
        id,
        who: said.by,
        why: said.why,
    };
    let decided = ops::undo_decision(&at.session()?, request).await?;
    told(&decided, at);
    Ok(Exit::Done)
}

fn told(decided: &v1::DecideChartsReply, at: &At) {
    let charts =
        |charts: &[v1::Chart]| -> Vec<String> { charts.iter().map(|c| written(Some(c))).collect() };
    let (a, b) = (charts(&decided.person_a), charts(&decided.person_b));
    let left = decided.left.as_ref().map(hex::encode);
    let persons = match a == b {
        true => a.join(", "),
        false => format!("{} | {}", a.join(", "), b.join(", ")),
    };
    let mut text = at.ui.language.pick(
        format!(
            "#{} として記録しました。取り消すには patient undo {}\n{persons}",
            decided.id, decided.id
        ),
        format!(
            "recorded as #{}; patient undo {} takes it back\n{persons}",
            decided.id, decided.id
        ),
    );
    if let Some(left) = &left {
        text.push_str(&at.ui.language.pick(
            format!("\n仮名 {left} に診療録はなくなりました。その同意は今後効かないため、必要なら記録し直してください"),
            format!("\nthe pseudonym {left} has no charts any more: consents recorded under it reach nothing; record them again where needed"),
        ));
    }
    let object = json!({ "id": decided.id, "person_a": a, "person_b": b, "left": left });
    at.ui.result(&object, text);
}
