//! `sekisho ledger`: how the consent ledger stands, and what is on it.

use super::At;
use super::show::{Table, entry, entry_kind, moment, outcome};
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::Subcommand;
use sekisho_domain::{EntryIndex, Hash, LedgerId, TimeMs};
use sekisho_ledger::Leaf;
use sekisho_proto::v1;
use serde_json::{Value, json};

/// Leaves `ledger log` shows at most at a time.
const LOG_MAX: u32 = 10_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show this network's replica: its role, the leader, how far it is, who else there is
    #[command(after_help = "Example:\n  sekisho ledger status\n  sekisho ledger status --json")]
    Status,
    /// Print a checkpoint that a majority of replicas has cosigned, checked here
    #[command(after_help = "Example:\n  sekisho ledger checkpoint --min-size 100")]
    Checkpoint {
        /// How many leaves it must cover
        #[arg(long, value_name = "N", default_value_t = 0)]
        min_size: u64,
    },
    /// Print what stands on the ledger, a line an entry, checked leaf by leaf; no identities stand there
    #[command(after_help = "Example:\n  sekisho ledger log --from 40 --max 20")]
    Log {
        /// The first index
        #[arg(long, value_name = "N", default_value_t = 0)]
        from: u64,
        /// How many entries
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(LOG_MAX)))]
        max: u32,
    },
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Status => status(at).await,
        Command::Checkpoint { min_size } => checkpoint(min_size, at).await,
        Command::Log { from, max } => log(from, max, at).await,
    }
}

async fn status(at: &At) -> Result<Exit, Failure> {
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
    at.ui.result(
        &status_object(&status, &ledger, &root),
        status_text(&status, &ledger, &root, at),
    );
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
                "log_matched": m.log_matched,
            })
        })
        .collect();
    json!({
        "ledger": ledger, "network": status.network, "replica": status.replica, "role": role(status).0,
        "ready": status.ready, "leader": status.leader, "term": status.term, "log_last": status.log_last,
        "log_applied": status.log_applied, "tree_size": status.tree_size, "root": root, "time_ms": status.time_ms,
        "quorum_ack_ms": status.quorum_ack_ms, "members": members,
    })
}

fn status_text(status: &v1::StatusReply, ledger: &LedgerId, root: &Hash, at: &At) -> String {
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
    let mut members = Table::new([
        pick("レプリカ", "replica"),
        pick("ネットワーク", "network"),
        pick("接続先", "endpoint"),
        pick("投票", "voter"),
        pick("一致", "matched"),
    ]);
    for member in &status.members {
        members.row([
            member.replica.to_string(),
            member.network.clone(),
            member.endpoint.clone(),
            if member.voter { "✓" } else { "" }.to_owned(),
            member
                .log_matched
                .map_or_else(none, |index| index.to_string()),
        ]);
    }
    format!("{}\n{members}", lines.to_string().trim_start())
}

async fn checkpoint(min_size: u64, at: &At) -> Result<Exit, Failure> {
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

/// Shows leaves of the state derived here, so that each stands with the network whose key signed it.
async fn log(from: u64, max: u32, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let replayed = at.replayed(&session).await?;
    let view = replayed.view();
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut table = Table::new([
        pick("番号", "index"),
        pick("時刻", "time"),
        pick("記録者", "by"),
        pick("内容", "entry"),
        pick("結果", "outcome"),
    ]);
    let mut entries = Vec::new();
    let end = replayed.size.min(from.saturating_add(max.into()));
    for index in (from..end).map(EntryIndex) {
        let bytes = view.leaf(index).map_err(|e| ops::unreadable(&e))?;
        let leaf = Leaf::decode(&bytes.unwrap_or_default()).map_err(|e| {
            Failure::of(
                Exit::Unverified,
                &format!("台帳 {index} 番を読むことが"),
                &format!("read leaf {index}"),
                &e,
            )
        })?;
        let author = view
            .key(&leaf.entry.author)
            .map_err(|e| ops::unreadable(&e))?;
        let network = author.map(|key| key.value.network);
        let (said, came_to) = (entry(&leaf.entry.body), outcome(&leaf.outcome));
        entries.push(json!({
            "index": leaf.index, "time_ms": leaf.time, "kind": entry_kind(&leaf.entry.body),
            "network": network, "author": leaf.entry.author, "outcome": leaf.outcome,
            "words": { "ja": said.ja, "en": said.en },
        }));
        let (said, came_to) = at
            .ui
            .language
            .pick((said.ja, came_to.ja), (said.en, came_to.en));
        table.row([
            leaf.index.to_string(),
            moment(leaf.time, at.ui.language),
            network.map_or_else(|| "?".to_owned(), |network| network.to_string()),
            said,
            came_to,
        ]);
    }
    if end < replayed.size {
        let more = replayed.size - end;
        at.ui.note(
            format!("続きが {more} 件あります：--from {end}"),
            format!("{more} more follow: --from {end}"),
        );
    }
    let object =
        json!({ "from": from, "leaves": replayed.size, "root": replayed.root, "entries": entries });
    at.ui.result(&object, table);
    Ok(Exit::Done)
}
