//! One entry explained: what it did, by whom, why, and what became of it.

use super::who::unanswered;
use crate::commands::At;
use crate::ops::{self, Replayed, Until};
use crate::ui::{Exit, Failure, Words};
use sekisho_domain::{
    AccessRecord, Body, ConsentId, DisasterId, EntryIndex, KeyPurpose, Language, NetworkId,
    NoticeId, Outcome, ProxyId, ReservationId, SealId, TimeMs,
};
use sekisho_ledger::history::{Why, why};
use sekisho_ledger::record::Key;
use sekisho_ledger::{CoreError, Leaf, View};
use sekisho_words::{
    Names, agreement as agreement_words, entry, entry_kind, moment, outcome, policy as policy_words,
};
use sekisho_words::{asked, went};
use serde_json::json;
use std::convert::Infallible;

/// What was known when the entry was put in order.
struct Then {
    leaf: Leaf,
    author: Option<(Key, Vec<EntryIndex>)>,
    why: Vec<Why>,
}

pub(super) async fn run(index: EntryIndex, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let mut then = None;
    let now = at
        .past(&session, Until::Now, |before, leaf| {
            if leaf.index != index {
                return Ok(());
            }
            let view = View(before);
            let author = view
                .key(&leaf.entry.author)
                .map_err(|e| ops::unreadable(&e))?;
            let why = match &leaf.entry.body {
                Body::AccessRequest(request) => {
                    why(view, request, leaf.time).map_err(|e| unanswered(&e))?
                }
                _ => Vec::new(),
            };
            then = Some(Then {
                leaf: leaf.clone(),
                author: author.map(|key| (key.value, key.sources)),
                why,
            });
            Ok(())
        })
        .await?;
    let Some(then) = then else {
        let size = now.size;
        return Err(Failure::usage(
            format!("台帳に {index} 番はありません（{size} 件あります）"),
            format!("there is no leaf {index}; the ledger has {size}"),
        ));
    };
    tell(&then, &now, at)
}

fn tell(then: &Then, now: &Replayed, at: &At) -> Result<Exit, Failure> {
    let read = |e: CoreError<Infallible>| ops::unreadable(&e);
    let (view, language) = (now.view(), at.ui.language);
    let names = Names::of(view).map_err(|e| ops::unreadable(&e))?;
    let (leaf, index) = (&then.leaf, then.leaf.index);
    let rests_on = view.rests_on(index).map_err(read)?;
    let became = became(view, then).map_err(read)?;
    let mut words = heading(then, language);
    match &leaf.entry.body {
        Body::AccessRequest(request) => {
            let access = AccessRecord {
                index,
                time: leaf.time,
                request_id: leaf.entry.request_id,
                author: leaf.entry.author,
                request: request.clone(),
                decisions: Vec::new(),
            };
            add(&mut words, &asked(&access, None, language));
            for why in &then.why {
                add(&mut words, &sekisho_words::why(why, &names, language));
            }
            let transfers = view.transfers(index).map_err(read)?;
            add(&mut words, &went(&transfers));
        }
        body => add(&mut words, &said(body, &names)),
    }
    if !rests_on.is_empty() {
        let on: Vec<_> = rests_on.iter().map(ToString::to_string).collect();
        let on = on.join(", ");
        words
            .ja
            .push_str(&format!("よりどころとなった記録：台帳 {on} 番\n"));
        words
            .en
            .push_str(&format!("rests on the leaves at index {on}\n"));
    }
    for later in &became {
        words.ja.push_str(&format!("その後：{}\n", later.ja));
        words.en.push_str(&format!("since then: {}\n", later.en));
    }
    let author = then.author.as_ref().map(
        |(key, by)| json!({ "network": key.network, "purpose": key.purpose, "certified_by": by }),
    );
    let became: Vec<_> = became
        .iter()
        .map(|words| json!({ "ja": words.ja, "en": words.en }))
        .collect();
    let object = json!({
        "index": index, "time_ms": leaf.time, "kind": entry_kind(&leaf.entry.body), "author_key": leaf.entry.author,
        "author": author, "body": leaf.entry.body, "outcome": leaf.outcome, "why": then.why, "rests_on": rests_on,
        "since": became, "leaves": now.size, "root": now.root,
    });
    at.ui.result(&object, language.pick(words.ja, words.en));
    Ok(Exit::Done)
}

fn add(words: &mut Words, more: &Words) {
    words.ja.push_str(&more.ja);
    words.en.push_str(&more.en);
}

/// What it is, when, by whom, and what came of it.
fn heading(then: &Then, language: Language) -> Words {
    let leaf = &then.leaf;
    let (index, when) = (leaf.index, moment(leaf.time, language));
    let (what, came) = (entry(&leaf.entry.body), outcome(&leaf.outcome));
    let by = match &then.author {
        Some((key, by)) => signed(&key.network, key.purpose, by),
        None => Words::new("不明な鍵", "an unknown key"),
    };
    let mut words = Words::new(
        format!(
            "台帳 {index} 番（{when}）\n  内容：{}\n  署名：{}\n  結果：{}\n",
            what.ja, by.ja, came.ja
        ),
        format!(
            "Ledger index {index}, {when}\n  what:      {}\n  signed by: {}\n  outcome:   {}\n",
            what.en, by.en, came.en
        ),
    );
    if let Outcome::Refused(_) = leaf.outcome {
        words
            .ja
            .push_str("  証拠として台帳に残りますが、この記録によって何も変わっていません。\n");
        words
            .en
            .push_str("  It stands in the tree as evidence, and changed nothing.\n");
    }
    words
}

fn signed(network: &NetworkId, purpose: KeyPurpose, by: &[EntryIndex]) -> Words {
    let by: Vec<_> = by.iter().map(ToString::to_string).collect();
    let (ja, en) = match by.is_empty() {
        true => ("創設時の鍵".to_owned(), "a founding key".to_owned()),
        false => (
            format!("台帳 {} 番で登録", by.join(", ")),
            format!("registered at index {}", by.join(", ")),
        ),
    };
    Words::new(
        format!("{network} の{}（{ja}）", purpose.ja()),
        format!("the {} key of {network} ({en})", purpose.en()),
    )
}

/// What some entries say at length.
fn said(body: &Body, names: &Names) -> Words {
    match body {
        Body::ConsentPolicyPublish(policy) => policy_words(policy),
        Body::AgreementPropose(agreement) => agreement_words(agreement, names),
        _ => Words::new("", ""),
    }
}

/// What became of it since.
fn became(
    view: View<'_, sekisho_ledger::store::MemoryState>,
    then: &Then,
) -> Result<Vec<Words>, CoreError<Infallible>> {
    let index = then.leaf.index;
    if matches!(then.leaf.outcome, Outcome::Refused(_)) {
        return Ok(Vec::new());
    }
    let mut words = Vec::new();
    let mut ended = |by: Option<EntryIndex>, ja: &str, en: &str| {
        words.extend(
            by.map(|by| Words::new(format!("{by} 番で{ja}"), format!("{en} at index {by}"))),
        );
    };
    match &then.leaf.entry.body {
        Body::KeyAdd { public_key, .. } => {
            let key = view.key(&sekisho_ledger::signature::key_id(public_key))?;
            ended(key.and_then(|k| k.value.revoked), "失効", "revoked");
        }
        Body::FacilityRegister { facility, .. } => {
            let known = view.facility(facility)?;
            let this = known.filter(|f| f.value.registered == index);
            ended(this.and_then(|f| f.value.left), "脱退", "left");
        }
        Body::AgreementPropose(agreement) => {
            let version = view.agreement(&agreement.id, agreement.version)?;
            let signed = version.map(|v| v.value.signed).unwrap_or_default();
            for (party, by) in signed.iter().filter(|(_, by)| **by != index) {
                let (ja, en) = (format!("{party} が署名"), format!("signed by {party}"));
                ended(Some(*by), &ja, &en);
            }
            let head = view.agreement_head(&agreement.id)?.map(|h| h.value);
            ended(
                head.as_ref().and_then(|h| h.suspended),
                "協定を停止",
                "the agreement was suspended",
            );
            ended(
                head.as_ref().and_then(|h| h.terminated),
                "協定を終了",
                "the agreement was terminated",
            );
        }
        Body::ConsentGrant(_) => {
            let given = view.consent(ConsentId(index))?;
            ended(given.and_then(|g| g.value.withdrawn), "撤回", "withdrawn");
        }
        Body::ReservationSet(_) => {
            let given = view.reservation(ReservationId(index))?;
            ended(given.and_then(|g| g.value.cleared), "解除", "lifted");
        }
        Body::ReservationSeal { .. } => {
            let sealed = view.seal(SealId(index))?;
            ended(sealed.and_then(|s| s.value.lifted), "解除", "lifted");
        }
        Body::NoticePost(_) => {
            let posted = view.notice(NoticeId(index))?;
            ended(
                posted.and_then(|p| p.value.removed),
                "取り下げ",
                "taken down",
            );
        }
        Body::ProxyRegister(_) => {
            let known = view.proxy(ProxyId(index))?.and_then(|p| p.value.ended);
            if let Some((reason, by)) = known {
                let (ja, en) = (
                    format!("終了（{}）", reason.ja()),
                    format!("ended ({})", reason.en()),
                );
                ended(Some(by), &ja, &en);
            }
        }
        Body::AuthorityAdmit { authority, .. } => {
            let known = view.authority(authority)?;
            ended(known.and_then(|a| a.value.ended), "終了", "ended");
        }
        Body::DisasterDeclare(declared) => {
            let known = view.disaster(DisasterId(index))?.map(|d| d.value);
            ended(known.as_ref().and_then(|d| d.ended), "終了", "ended");
            let extended = known.filter(|d| d.disaster.until != declared.until);
            words.extend(extended.map(|d| until(d.disaster.until)));
        }
        Body::AccessRequest(_) => {
            if let Some(access) = view.emergency(index)?.map(|e| e.value) {
                if let Some((verdict, _, by)) = access.review {
                    let (ja, en) = (
                        format!("緊急時の閲覧として審査（{}）", verdict.ja()),
                        format!("reviewed as an emergency access ({})", verdict.en()),
                    );
                    ended(Some(by), &ja, &en);
                }
                if let Some((way, by)) = access.told {
                    let (ja, en) = (
                        format!("患者に通知（{}）", way.ja()),
                        format!("the patient was told {}", way.en()),
                    );
                    ended(Some(by), &ja, &en);
                }
            }
        }
        _ => {}
    }
    Ok(words)
}

fn until(time: TimeMs) -> Words {
    Words::new(
        format!("{} まで延長", moment(time, Language::Ja)),
        format!("prolonged until {}", moment(time, Language::En)),
    )
}
