//! Weights learnt from the network's own charts: shown beside those in force, put in force, taken back.

use super::super::At;
use super::super::show::Table;
use super::LearnArgs;
use crate::ops;
use crate::ui::{Exit, Failure, Ui};
use sekisho_domain::TimeMs;
use sekisho_proto::v1;
use sekisho_words::moment;
use serde_json::{Value, json};
use v1::learn_weights_request::What;

pub(super) async fn run(args: LearnArgs, at: &At) -> Result<Exit, Failure> {
    let by = v1::WeightsBy {
        who: args.by.unwrap_or_default(),
        why: args.why.unwrap_or_default(),
    };
    let what = match (args.apply, args.undo) {
        (true, _) => What::Apply(by),
        (_, true) => What::Undo(by),
        _ => What::Look(v1::Everything {}),
    };
    at.ui.note(
        "すべての診療録を比べています…",
        "comparing all charts with each other…",
    );
    let request = v1::LearnWeightsRequest { what: Some(what) };
    let reply = ops::learn_weights(&at.session()?, request).await?;
    at.ui
        .result(&object(&reply), text(&reply, args.undo, at.ui));
    Ok(match reply.refused {
        Some(_) => Exit::Refused,
        None => Exit::Done,
    })
}

fn object(reply: &v1::LearnWeightsReply) -> Value {
    let refused = reply.refused.as_ref();
    let decided = reply.decided.unwrap_or_default();
    let weight = |w: &v1::LevelWeight| {
        json!({
            "item": w.item, "level": w.level, "words": { "ja": w.ja, "en": w.en },
            "before": { "bits": w.bits_before, "share": w.share_before },
            "after": { "bits": w.bits_after, "share": w.share_after },
        })
    };
    let kept = |w: &v1::WeightsKept| {
        json!({
            "number": w.number, "by": w.who, "why": w.why, "at_ms": w.at_ms, "charts": w.charts, "pairs": w.pairs,
            "undone": w.undone.as_ref().map(|u| json!({ "by": u.who, "why": u.why, "at_ms": u.at_ms })),
        })
    };
    let change =
        |c: &v1::BandChange| json!({ "before": c.before, "after": c.after, "pairs": c.pairs });
    json!({
        "refused": refused.map(|r| json!({ "code": r.code, "words": { "ja": r.ja, "en": r.en } })),
        "charts": reply.charts, "pairs": reply.pairs, "one_person": reply.one_person, "rounds": reply.rounds,
        "weights": reply.weights.iter().map(weight).collect::<Vec<_>>(),
        "prior_bits": { "before": reply.prior_before, "after": reply.prior_after },
        "changes": reply.changes.iter().map(change).collect::<Vec<_>>(),
        "decided": { "pairs": decided.pairs, "against_before": decided.against_before, "against_after": decided.against_after },
        "number": (reply.number > 0).then_some(reply.number), "waiting": reply.waiting,
        "history": reply.history.iter().map(kept).collect::<Vec<_>>(),
    })
}

fn text(reply: &v1::LearnWeightsReply, undo: bool, ui: Ui) -> String {
    let mut text = history(reply, ui);
    let charts = reply.charts;
    if let Some(refused) = &reply.refused {
        let why = ui.pick(&refused.ja, &refused.en);
        text.push_str(&ui.language.pick(
            format!("診療録 {charts} 件から学習できません：{why}\nいまの重みのままです"),
            format!("nothing is learnt from {charts} charts: {why}\nthe weights stay as they are"),
        ));
        return text;
    }
    let v1::LearnWeightsReply {
        pairs,
        one_person,
        rounds,
        number,
        waiting,
        ..
    } = reply;
    if !undo {
        text.push_str(&ui.language.pick(
            format!("診療録 {charts} 件の {pairs} 組から {rounds} 回で学習しました（同じ人と見られる組 {one_person}）\n"),
            format!("learnt from {pairs} pairs of {charts} charts in {rounds} rounds; {one_person} of them look like one person's\n"),
        ));
    }
    text.push_str(&weights(reply, ui));
    text.push_str(&changes(reply, ui));
    text.push_str(&match (*number, undo) {
        (0, _) => ui.language.pick(
            "\n何も変えていません。使うには --apply --by ID --why 理由".to_owned(),
            "\nnothing is changed; --apply --by ID --why TEXT puts these weights in force"
                .to_owned(),
        ),
        (_, true) => ui.language.pick(
            format!("\n#{number} の重みを取り消しました"),
            format!("\nthe weights #{number} are taken back"),
        ),
        _ => ui.language.pick(
            format!("\n#{number} として使い始めました。取り消すには patient learn --undo"),
            format!("\nin force as #{number}; patient learn --undo takes them back"),
        ),
    });
    if *waiting > 0 {
        text.push_str(&ui.language.pick(
            format!("\n同じ仮名の {waiting} 組は、この重みではもうつながりません。まとまったまま patient reviews で確認を待ちます"),
            format!("\n{waiting} pairs under one pseudonym are no longer linked by these weights; they stay together and wait in patient reviews"),
        ));
    }
    text
}

/// Which weights were in force, by whom and why.
fn history(reply: &v1::LearnWeightsReply, ui: Ui) -> String {
    let mut text = String::new();
    for kept in &reply.history {
        let when = moment(TimeMs(kept.at_ms), ui.language);
        let (number, who, why) = (kept.number, &kept.who, &kept.why);
        text.push_str(&format!("#{number} {who}, {when}: {why}"));
        if let Some(undone) = &kept.undone {
            let when = moment(TimeMs(undone.at_ms), ui.language);
            let word = ui.pick("取り消し", "taken back");
            text.push_str(&format!(
                "\n   {word}: {}, {when}: {}",
                undone.who, undone.why
            ));
        }
        text.push('\n');
    }
    text
}

fn weights(reply: &v1::LearnWeightsReply, ui: Ui) -> String {
    let pick = |ja, en| ui.pick(ja, en);
    let mut table = Table::new([
        pick("重み（ビット）：前", "weight in bits: before"),
        pick("後", "after"),
        pick("同じ人での割合：前", "share of one person's: before"),
        pick("後", "after"),
        pick("二つの診療録で", "of two charts"),
    ]);
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    table.row([
        format!("{:+.1}", reply.prior_before),
        format!("{:+.1}", reply.prior_after),
        String::new(),
        String::new(),
        pick("（比べる前）", "(before they are compared)").to_owned(),
    ]);
    for w in &reply.weights {
        table.row([
            format!("{:+.1}", w.bits_before),
            format!("{:+.1}", w.bits_after),
            percent(w.share_before),
            percent(w.share_after),
            pick(&w.ja, &w.en).to_owned(),
        ]);
    }
    table.to_string()
}

fn band(code: &str, ui: Ui) -> &str {
    match code {
        "link" => ui.pick("同一人物", "one patient"),
        "review" => ui.pick("要確認", "somebody looks"),
        _ => ui.pick("別人", "two patients"),
    }
}

fn changes(reply: &v1::LearnWeightsReply, ui: Ui) -> String {
    let moved = |change: &&v1::BandChange| change.before != change.after;
    let stay: u64 = reply.changes.iter().map(|c| c.pairs).sum();
    let change: u64 = reply.changes.iter().filter(moved).map(|c| c.pairs).sum();
    let stay = stay - change;
    let mut text = ui.language.pick(
        format!("\n判定の変わる組 {change}、変わらない組 {stay}"),
        format!("\n{change} pairs are judged otherwise, {stay} as before"),
    );
    for one in reply.changes.iter().filter(moved) {
        let (before, after) = (band(&one.before, ui), band(&one.after, ui));
        text.push_str(&format!("\n  {before} → {after}: {}", one.pairs));
    }
    if let Some(decided) = reply.decided.as_ref().filter(|d| d.pairs > 0) {
        let (pairs, before, after) = (decided.pairs, decided.against_before, decided.against_after);
        text.push_str(&ui.language.pick(
            format!("\n人が判断した {pairs} 組のうち、重みだけなら反対になる組：前 {before}、後 {after}（人の判断はそのままです）"),
            format!("\nof {pairs} pairs people decided, the weights alone would say the opposite of {before} before and {after} after; the decisions stand"),
        ));
    }
    text
}
