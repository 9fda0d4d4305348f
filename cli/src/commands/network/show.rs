//! Who is on the ledger, as derived from its leaves.

use crate::commands::At;
use crate::commands::show::Table;
use crate::ops;
use crate::ui::{Exit, Failure};
use sekisho_domain::{KeyPurpose, Language, TimeMs};
use sekisho_ledger::CoreError;
use sekisho_words::policy as policy_words;
use serde_json::json;
use std::convert::Infallible;

/// Facilities shown: more than all facilities of all surveyed networks of one federation.
const FACILITIES_MAX: usize = 100_000;

pub(super) async fn run(at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let replayed = at.replayed(&session).await?;
    let view = replayed.view();
    let read = |e: CoreError<Infallible>| ops::unreadable(&e);
    let networks = view.networks().map_err(read)?;
    let facilities = view.facilities(FACILITIES_MAX).map_err(read)?;
    let mut keys = Vec::new();
    for purpose in KeyPurpose::ALL {
        keys.extend(view.keys(*purpose).map_err(read)?);
    }
    let time = view
        .meta()
        .map_err(read)?
        .map_or(TimeMs(0), |meta| meta.time);
    let (mut text, mut objects) = (String::new(), Vec::new());
    for (id, network) in &networks {
        let keys: Vec<_> = keys.iter().filter(|(_, key)| key.network == *id).collect();
        let facilities: Vec<_> = facilities
            .iter()
            .filter(|(_, f)| f.network == *id)
            .collect();
        let policies = view.policies(id).map_err(read)?;
        let in_force = view.policy_at(id, time.max(ops::now())).map_err(read)?;
        text.push_str(&format!("■ {} ({id})\n", network.name));
        text.push_str(&key_table(&keys, at).to_string());
        let table = facility_table(&facilities, at);
        if table.is_empty() {
            text.push_str(at.ui.pick(
                "  登録された施設はありません\n",
                "  no facility is registered\n",
            ));
        } else {
            text.push_str(&table.to_string());
        }
        let said = in_force.as_ref().map(|policy| policy_words(&policy.policy));
        text.push_str(&match (said, at.ui.language) {
            (Some(said), Language::Ja) => said.ja,
            (Some(said), Language::En) => said.en,
            (None, Language::Ja) => "同意ポリシーは公表されていません\n".to_owned(),
            (None, Language::En) => "no consent policy is in force\n".to_owned(),
        });
        text.push('\n');
        objects.push(json!({
            "network": id, "name": network.name,
            "keys": keys.iter().map(|(id, key)| json!({
                "key": id, "purpose": key.purpose, "public_key": key.public_key, "endpoint": key.endpoint,
            })).collect::<Vec<_>>(),
            "facilities": facilities.iter().map(|(id, f)| json!({
                "facility": id, "kind": f.kind, "name": f.name, "municipality": f.municipality,
                "registered": f.registered, "left": f.left,
            })).collect::<Vec<_>>(),
            "policies": policies.iter().map(|p| json!({
                "policy": p.policy, "effective_from_ms": p.effective_from,
            })).collect::<Vec<_>>(),
            "policy_in_force": in_force.map(|p| p.policy.version),
        }));
    }
    let authorities = view.authorities().map_err(read)?;
    for (id, authority) in &authorities {
        let areas: Vec<_> = authority
            .prefectures
            .iter()
            .map(ToString::to_string)
            .collect();
        let (name, areas) = (&authority.name, areas.join(", "));
        let (ja, en) = match authority.ended {
            Some(index) => (
                format!("、{index} 番で終了"),
                format!("; ended at index {index}"),
            ),
            None => (String::new(), String::new()),
        };
        text.push_str(&at.ui.language.pick(
            format!("災害対策当局 {name} ({id})：都道府県 {areas}{ja}\n"),
            format!("disaster authority {name} ({id}): prefectures {areas}{en}\n"),
        ));
    }
    let authorities: Vec<_> = authorities
        .iter()
        .map(|(id, a)| {
            json!({ "authority": id, "name": a.name, "prefectures": a.prefectures, "ended": a.ended })
        })
        .collect();
    let (size, root, ledger) = (replayed.size, replayed.root, session.ledger);
    text.push_str(&at.ui.language.pick(
        format!("台帳 {ledger}\n記録 {size} 件をすべて検証して導いた内容です（ルート {root}）"),
        format!(
            "ledger {ledger}\nderived from all {size} leaves, each verified here (root {root})"
        ),
    ));
    at.ui.result(
        &json!({ "ledger": ledger, "leaves": size, "root": root, "networks": objects, "authorities": authorities }),
        text,
    );
    Ok(Exit::Done)
}

fn key_table(keys: &[&(sekisho_domain::KeyId, sekisho_ledger::record::Key)], at: &At) -> Table {
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut table = Table::new([
        "",
        pick("鍵", "key"),
        pick("接続先", "endpoint"),
        pick("鍵ID", "key id"),
    ]);
    for (id, key) in keys {
        table.row([
            String::new(),
            pick(key.purpose.ja(), key.purpose.en()).to_owned(),
            key.endpoint.clone().unwrap_or_default(),
            id.to_string(),
        ]);
    }
    table
}

fn facility_table(
    facilities: &[&(sekisho_domain::FacilityId, sekisho_ledger::record::Facility)],
    at: &At,
) -> Table {
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut table = Table::new([
        "",
        pick("施設", "facility"),
        pick("種類", "kind"),
        pick("名称", "name"),
        "",
    ]);
    for (id, facility) in facilities {
        let left = facility.left.map(|index| {
            at.ui
                .language
                .pick(format!("脱退（{index} 番）"), format!("left ({index})"))
        });
        table.row([
            String::new(),
            id.to_string(),
            pick(facility.kind.ja(), facility.kind.en()).to_owned(),
            facility.name.clone(),
            left.unwrap_or_default(),
        ]);
    }
    table
}
