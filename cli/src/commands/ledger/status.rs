//! How the ledger stands: this network's replica, and what a majority vouches for.

use crate::commands::At;
use crate::commands::show::Table;
use crate::ops;
use crate::ui::{Exit, Failure};
use sekisho_domain::{Hash, LedgerId, TimeMs};
use sekisho_proto::v1;
use sekisho_words::moment;
use serde_json::{Map, Value, json};

pub(super) async fn status(at: &At) -> Result<Exit, Failure> {
    let config = at.config()?;
    if config.replica.is_none() {
        return Err(Failure::usage(
            "この計算機にレプリカはありません（[node] voters）。台帳の状態は、レプリカのある計算機で確かめてください。この\
             プロセスが動いているかは、ヘルスチェックとメトリクスで分かります",
            "there is no replica on this machine ([node] voters): ask for the ledger's status where one runs; \
             health and metrics tell how this process is",
        ));
    }
    let session = at.session()?;
    let status = ops::status(&session).await?;
    let malformed = |e| Failure::of(Exit::Unverified, "応答を読むことが", "read the answer", &e);
    let ledger = LedgerId::try_from(status.ledger.as_slice()).map_err(malformed)?;
    let root = Hash::try_from(status.root.as_slice()).map_err(malformed)?;
    if ledger != session.ledger {
        return Err(Failure::new(
            Exit::Unverified,
            format!(
                "応答したレプリカの台帳は {ledger} で、創設ファイルの台帳 {} ではありません",
                session.ledger
            ),
            format!(
                "the replica keeps ledger {ledger}, the genesis file founds {}",
                session.ledger
            ),
        ));
    }
    // Of this machine's configuration: the process that answered is its own.
    let metrics = config.metrics;
    let metrics = metrics.map(|of| crate::metrics::url(of.listen));
    let mut object = status_object(&status, &ledger, &root);
    object["metrics"] = json!(metrics);
    let text = status_text(&status, &ledger, &root, metrics.as_deref(), at);
    at.ui.result(&object, text);
    Ok(Exit::Done)
}

/// What this replica is to the others.
fn role(status: &v1::StatusReply) -> (&'static str, &'static str, &'static str) {
    let voter = status
        .members
        .iter()
        .any(|m| m.replica == status.replica && m.voter);
    match status.leader {
        _ if !status.ready => ("starting", "起動中", "starting"),
        Some(leader) if leader == status.replica => ("leader", "リーダー", "leader"),
        None => ("no-leader", "リーダー不在", "no leader known"),
        Some(_) if voter => ("follower", "フォロワー", "follower"),
        Some(_) => ("learner", "投票権なし", "learner"),
    }
}

fn status_object(status: &v1::StatusReply, ledger: &LedgerId, root: &Hash) -> Value {
    let members: Vec<_> = status
        .members
        .iter()
        .map(|m| {
            json!({
                "replica": m.replica, "network": m.network, "endpoint": m.endpoint, "voter": m.voter,
                "log_matched": m.log_matched, "promoted": m.promoted, "in_group": m.in_group,
                "lag": lag(status, m),
            })
        })
        .collect();
    let refused: Map<_, _> = status
        .refused
        .iter()
        .map(|of| (of.kind.clone(), json!(of.count)))
        .collect();
    json!({
        "ledger": ledger, "network": status.network, "replica": status.replica, "role": role(status).0,
        "ready": status.ready, "leader": status.leader, "term": status.term, "log_last": status.log_last,
        "log_applied": status.log_applied, "tree_size": status.tree_size, "root": root, "time_ms": status.time_ms,
        "quorum_ack_ms": status.quorum_ack_ms, "published_size": status.published_size, "alarms": status.alarms,
        "members": members, "retired": status.retired, "waits": status.waits,
        "expected_rtt_ms": status.expected_rtt_ms, "refused": refused,
    })
}

/// How many entries of the log a replica lacks, where the leader was asked.
fn lag(status: &v1::StatusReply, member: &v1::MemberStatus) -> Option<u64> {
    if status.leader != Some(status.replica) || !member.in_group {
        return None;
    }
    if member.replica == status.replica {
        return Some(0);
    }
    let matched = member.log_matched.unwrap_or_default();
    Some(status.log_last.saturating_sub(matched))
}

/// What a replica is in the group, and what it is to become.
fn standing(member: &v1::MemberStatus) -> (&'static str, &'static str) {
    match (member.in_group, member.voter, member.promoted) {
        (_, true, true) => ("✓", "✓"),
        (_, true, false) => ("✓（引退へ）", "✓ (to end)"),
        (true, false, true) => ("（付与へ）", "(to come)"),
        (true, false, false) => ("", ""),
        (false, ..) => ("（未参加）", "(not there yet)"),
    }
}

fn status_text(
    status: &v1::StatusReply,
    ledger: &LedgerId,
    root: &Hash,
    metrics: Option<&str>,
    at: &At,
) -> String {
    let pick = |ja, en| at.ui.pick(ja, en);
    let (_, role_ja, role_en) = role(status);
    let none = || "-".to_owned();
    let leader = status.leader.map_or_else(none, |leader| leader.to_string());
    let quorum = status
        .quorum_ack_ms
        .map_or_else(none, |ms| format!("{ms} ms"));
    let time = moment(TimeMs(status.time_ms), at.ui.language);
    let mut lines = Table::new(["", ""]);
    let mut line = |ja, en, value: String| lines.row([pick(ja, en).to_owned(), value]);
    line("台帳", "ledger", ledger.to_string());
    line(
        "レプリカ",
        "replica",
        format!("{} ({})", status.replica, status.network),
    );
    line("役割", "role", pick(role_ja, role_en).to_owned());
    line("リーダー", "leader", leader);
    line("任期", "term", status.term.to_string());
    line(
        "複製の進み",
        "replication",
        format!("{} / {}", status.log_applied, status.log_last),
    );
    line("記録の数", "leaves", status.tree_size.to_string());
    line("ルート", "root", root.to_string());
    line("最後の時刻", "last time", time);
    line("過半数の応答", "quorum ack", quorum);
    line(
        "公開済みの検証点",
        "published checkpoint",
        status.published_size.to_string(),
    );
    line(
        "想定する往復時間",
        "expected RTT",
        format!("{} ms", status.expected_rtt_ms),
    );
    line("メトリクス", "metrics", metrics.unwrap_or("-").to_owned());
    for of in &status.refused {
        line("拒否", "refused", format!("{} {}", of.count, of.kind));
    }
    if !status.retired.is_empty() {
        let retired: Vec<_> = status.retired.iter().map(ToString::to_string).collect();
        line("引退したレプリカ", "retired", retired.join(" "));
    }
    if let Some(waits) = &status.waits {
        line("待っていること", "waits", waits.clone());
    }
    for alarm in &status.alarms {
        line("警報", "alarm", alarm.clone());
    }
    let mut members = Table::new([
        pick("レプリカ", "replica"),
        pick("ネットワーク", "network"),
        pick("接続先", "endpoint"),
        pick("投票", "voter"),
        pick("一致", "matched"),
        pick("遅れ", "lag"),
    ]);
    for member in &status.members {
        members.row([
            member.replica.to_string(),
            member.network.clone(),
            member.endpoint.clone(),
            at.ui
                .language
                .pick(standing(member).0, standing(member).1)
                .to_owned(),
            member
                .log_matched
                .map_or_else(none, |index| index.to_string()),
            lag(status, member).map_or_else(none, |lag| lag.to_string()),
        ]);
    }
    format!("{}\n{members}", lines.to_string().trim_start())
}

pub(super) async fn checkpoint(min_size: u64, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let (note, verified) = ops::checkpoint(&session, min_size).await?;
    let cosigners: Vec<_> = verified
        .cosigners()
        .iter()
        .map(|c| json!({ "name": c.name().to_string(), "time_s": c.time_s() }))
        .collect();
    let (size, got) = (verified.size(), cosigners.len());
    at.ui.note(
        format!("記録 {size} 件までの検証点です。{got} 件の連署を検証しました。"),
        format!("A checkpoint over {size} leaves; {got} cosignatures were verified."),
    );
    let object = json!({
        "note": note, "origin": verified.origin(), "size": size, "root": verified.root(), "cosigners": cosigners,
    });
    at.ui.result(&object, note);
    Ok(Exit::Done)
}
